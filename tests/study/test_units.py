"""Units of a study that run by themselves: in any order, in several processes, in parts, next to other runs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_study import TEXT, documents, how, write_inputs

import pyalign
from pyalign.cli import main
from pyalign.errors import InputError
from pyalign.io.write import run_name
from pyalign.study import study_folder as records
from pyalign.study.file import read_study
from pyalign.study.study_folder import Record, StudyFolder, read_record, write_record
from pyalign.study.units import units_of

FEW = """
[steps.score]
ceiling = "step:ceiling"
[steps.ceiling]
[steps.compare]
[steps.cka]
n_permutations = 5
[steps.failures]
limit = 5
[steps.hubs]
function = "neighborhoods"
k = 3
"""


@pytest.fixture
def few(folder):
    """A study of six units, which take milliseconds."""
    Path("small.toml").write_text(TEXT.partition("[steps")[0] + FEW)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run of that study in one process writes."""
    place = tmp_path_factory.mktemp("whole")
    write_inputs(place)
    (place / "small.toml").write_text(TEXT.partition("[steps")[0] + FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        assert not pyalign.run_study(place / "small.toml").failed
    return documents(place / "small")


@pytest.fixture
def pictures(folder):
    """A study of a model that is extracted from 24 pictures in batches of three."""
    image = pytest.importorskip("PIL.Image")
    os.makedirs("photos")
    for k in range(24):
        pixels = np.random.default_rng(k).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        image.fromarray(pixels).save(f"photos/object-{k}.bmp")
    model = 'b = { extract = "pixels:2", images = "photos", batch_size = 3 }'
    text = TEXT.replace('b = { file = "b.npy" }', model).partition("[steps")[0]
    Path("small.toml").write_text(text + "[steps.score]\n")


def run_step(*words):
    return main(["study", "step", "small.toml", "--out", "out", "--quiet", *words])


def states(**options):
    return {unit.id: unit.done for unit in pyalign.study_units("small.toml", "out", **options)}


# What units are


def test_units_say_what_they_need_and_write_nothing(pictures):
    before = sorted(os.listdir())
    units = {unit.id: unit for unit in pyalign.study_units("small.toml", "out", shards=2)}
    assert sorted(os.listdir()) == before
    assert list(units) == ["extract-b.1of2", "extract-b.2of2", "extract-b", "score"]
    assert units["extract-b"].needs == ("extract-b.1of2", "extract-b.2of2")
    assert units["score"].needs == ("extract-b",)
    assert [unit.device for unit in units.values()] == [True, True, False, False]
    assert units["score"].inputs["t.csv"] == os.path.getsize("t.csv")
    assert units["extract-b"].inputs["photos"] == sum(path.stat().st_size for path in Path("photos").iterdir())
    command = units["score"].command
    assert command[:8] == ("pyalign", "study", "step", "small.toml", "--out", "out", "--shards", "2")
    assert command[8].startswith("score@") and len(command) == 9


def test_the_command_lists_what_the_function_does(few, capsys):
    assert main(["study", "units", "small.toml", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["units"]
    units = pyalign.study_units("small.toml")
    assert [unit["id"] for unit in listed] == [unit.id for unit in units]
    assert [unit["command"] for unit in listed] == [[*unit.command] for unit in units]
    assert not Path("small").exists()


def test_ids_are_safe_names_of_files_whatever_models_are_called(folder):
    names = ["../../x", "a b", "A_B", "a_b", "b.1of2", "b", "é" * 200, "con", "-rf", "$(x)"]
    models = "\n".join(f"{json.dumps(name)} = {{ extract = 'pixels:1', images = 'photos' }}" for name in names)
    Path("small.toml").write_text(f'triplets = "t.csv"\n[models]\n{models}\n[steps.permutation_test]\n')
    study = read_study("small.toml")
    ids = [unit.stem for unit in units_of(study, 2)]
    assert len({text.lower() for text in ids}) == len(ids) == 10 * 4
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") for text in ids)
    assert all(0 < len(text) < 150 and not text.startswith((".", "-")) for text in ids)
    whole = [unit.stem for unit in units_of(study)]
    assert [text for text in ids if text in whole] == whole  # parts change the name of nothing else


@pytest.mark.parametrize(("shards", "told"), [(0, "from 1"), (10_001, "to 10,000"), ('"2"', "a whole number")])
def test_a_wrong_number_of_parts_is_an_error(pictures, shards, told):
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(text.replace("batch_size = 3", f"batch_size = 3, shards = {shards}"))
    with pytest.raises(InputError, match=f"model 'b': shards must be .*{told}"):
        read_study("small.toml")


def test_a_plan_of_thousands_of_units_reads_each_input_once(folder, monkeypatch):
    models = "".join(f'm{k} = "a.npy"\n' for k in range(2000))
    Path("small.toml").write_text(f'triplets = "t.csv"\n[models]\n{models}[steps.permutation_test]\n')
    seen, real = [], os.stat
    monkeypatch.setattr(os, "stat", lambda path, *a, **k: seen.append(str(path)) or real(path, *a, **k))
    assert len(pyalign.study_units("small.toml", "out")) == 2000
    assert seen.count("a.npy") < 10 and seen.count("t.csv") < 10


def test_a_record_costs_the_same_however_many_there_are(tmp_path):
    os.makedirs(tmp_path / "records")

    def cost(start, count):
        began = time.process_time()
        for number in range(start, start + count):
            write_record(tmp_path, Record(f"u{number}", "k", "a", {"steps/x.json": "0" * 64}, 1.0, "host"))
        return (time.process_time() - began) / count

    few = cost(0, 20)
    for number in range(1000, 5000):
        (tmp_path / "records" / f"u{number}.json").touch()
    assert cost(100, 20) < 3 * few  # a look at all names would be 20 times as dear


# Steps


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_steps_does_not_matter(few, whole, seed):
    """Those whose needs are missing are tried again, as engines do."""
    left = [unit.id for unit in pyalign.study_units("small.toml", "out")]
    rng = random.Random(seed)
    while left:
        unit = rng.choice(left)
        step = pyalign.run_unit("small.toml", "out", unit)
        if step.status == "finished":
            left.remove(unit)
        else:
            assert (step.status, unit, "ceiling" in left) == ("to do", "score", True)
    assert all(states().values())
    assert documents("out") == {name: raw for name, raw in whole.items() if name.startswith("steps")}


def test_steps_and_finish_write_what_a_run_writes(few, whole):
    assert run_step(*states()) == 0
    assert main(["study", "finish", "small.toml", "--out", "out", "--quiet"]) == 0
    assert documents("out") == whole


def test_a_step_makes_what_is_asked_for_and_no_more(few, capsys):
    assert run_step("score", "ceiling") == 0  # in the order of the study, whatever that of the words
    assert capsys.readouterr().out == "ceiling  made\nscore    made\n"
    assert sorted(documents("out")) == ["steps/ceiling.json", "steps/score.json"]
    record = read_record(Path("out"), "score")
    assert record.files == {"steps/score.json": record.files["steps/score.json"]} and record.seconds > 0
    assert run_step("score") == 0
    assert capsys.readouterr().out == "score  as it was\n"


def test_exit_codes_of_a_step(few, capsys):
    assert run_step("score") == 75
    told = "pyalign study step: error: step 'score': needs ceiling, which has no valid record\n"
    assert capsys.readouterr().err == told
    assert run_step("scor") == 1
    assert "unit 'scor' is none of this study; did you mean 'score'?" in capsys.readouterr().err
    Path("b.npy").unlink()
    assert run_step("cka") == 1
    assert capsys.readouterr().err == "pyalign study step: error: step 'cka': b.npy: No such file or directory\n"
    with pytest.raises(SystemExit, match="2"):
        run_step()
    with pytest.raises(SystemExit, match="2"):
        main(["study", "run", "small.toml", "--jobs", "0"])
    with pytest.raises(InputError, match="n_jobs must be"):
        pyalign.run_study("small.toml", n_jobs=0)


def test_an_unknown_unit_or_a_mistake_in_its_step_writes_nothing(few, message_of):
    assert message_of(lambda: pyalign.run_unit("small.toml", "out", "")).startswith("unit '' is none of this study")
    message = "unit 'nonsense' is none of this study; it has 6, such as 'ceiling'"
    assert message_of(lambda: pyalign.run_unit("small.toml", "out", "nonsense")) == message
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(text.replace("k = 3", "kk = 3"))
    told = "small.toml: step 'hubs': neighborhoods has no option 'kk'"
    assert message_of(lambda: pyalign.run_unit("small.toml", "out", "hubs")).startswith(told)
    assert not Path("out").exists()


def test_a_study_file_that_changed_since_its_units_were_listed_is_said(few, capsys):
    word = {unit.id: unit.command[-1] for unit in pyalign.study_units("small.toml", "out")}["hubs"]
    run_step(word)
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(text.replace("k = 3", "k = 4"))
    assert states()["hubs"] is False
    capsys.readouterr()
    assert main(["study", "step", "small.toml", "--out", "out", word]) == 0
    shown = capsys.readouterr()
    assert shown.out == "hubs  made\n"
    assert "note: hubs: the study file has changed since its units were listed" in shown.err
    assert pyalign.load_result("out/steps/hubs.json").k == 4


def test_a_unit_is_not_done_where_its_input_or_its_document_has_changed(few):
    run_step("cka", "compare")
    assert states() == {unit: unit in ("cka", "compare") for unit in states()}
    os.utime("a.npy", (1, 1))
    assert not any(states().values())
    assert run_step("cka") == 0  # contents are the same
    assert states()["cka"] and not states()["compare"]
    Path("out/steps/cka.json").unlink()
    assert not states()["cka"]


def test_finish_says_what_is_missing_and_why_units_failed(few, capsys):
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(text.replace('"subject"\n', '"subject"\nodd_column = "none"\n'))
    assert run_step("ceiling") == 1
    assert run_step("score") == 75
    capsys.readouterr()
    assert main(["study", "finish", "small.toml", "--out", "out", "--quiet"]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("pyalign study finish: error: step 'ceiling': ")
    others = "score, compare, cka, failures, hubs, report"
    assert shown.err.endswith(f" (and 6 more: {others})\n")
    steps = {step.name: step for step in pyalign.load_result("out/study.json").steps}
    assert steps["score"].reason == "needs ceiling, which has failed"
    assert steps["cka"].status == "to do"
    Path("small.toml").write_text(text)  # reasons are of what the file asked for
    assert main(["study", "finish", "small.toml", "--out", "out", "--quiet"]) == 1
    told = f"step 'ceiling': has no valid record (and 6 more: {others})"
    assert capsys.readouterr().err == f"pyalign study finish: error: {told}\n"


# Several processes


def test_a_study_of_six_units_runs_in_two_processes(few, whole):
    study = pyalign.run_study("small.toml", "out", n_jobs=2)
    assert not study.failed and set(how(study).values()) == {"made"}
    assert documents("out") == whole


def test_predictions_are_the_same_bytes_for_any_number_of_threads(folder):
    """BLAS takes what OMP_NUM_THREADS says, which `--jobs` and nodes of a cluster set."""
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 400))
    np.save("wide.npy", x)
    np.save("human.npy", np.abs(x[:, :4] + rng.normal(size=(300, 4))))
    Path("wide.toml").write_text('[dimensions]\nfile = "human.npy"\n[models]\nw = "wide.npy"\n[steps.predict]\n')
    made = []
    for threads in ("1", "3"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [Path(sys.executable).with_name("pyalign"), "study", "step", "wide.toml", "--out", threads, "predict"]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        made.append((folder / threads / "steps" / "predict.json").read_bytes())
    assert made[0] == made[1]


CODE = """\
import os, signal
def net():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_fails_its_unit_and_no_other(pictures):
    Path("net.py").write_text(CODE)
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(
        text.replace("pixels:2", "module:net.py:net") + "[steps.alone]\nfunction = 'score'\nmodels = ['a']\n"
    )
    study = pyalign.run_study("small.toml", n_jobs=2)
    reasons = {step.name: step.reason for step in study.steps if step.status == "failed"}
    assert reasons == {
        "extract (b)": "the process that made it was ended by signal 9", "score": "needs extract (b), which has failed",
    }
    assert how(study)["alone"] == "made"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the signal is Linux's")
@pytest.mark.parametrize("named", [True, False])
def test_a_step_ends_with_its_parent(named):
    """Also where that has ended before the signal was asked for."""
    code = "import time\nfrom pyalign._process import end_with_parent\nend_with_parent()\n"
    code += "print(1, flush=True)\ntime.sleep(600)"
    start = "import os, subprocess, sys\n"
    if named:  # a parent that is not there
        start += "os.environ['PYALIGN_PARENT'] = '1'\n"
    start += f"child = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE)\n"
    start += "print(child.stdout.readline() == b'1\\n', child.pid, flush=True)\n"
    ran = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60)
    lives, child = ran.stdout.split()
    assert lives == str(not named)
    until = time.monotonic() + 60
    while time.monotonic() < until and _is_alive(int(child)):
        time.sleep(0.05)
    assert not _is_alive(int(child))


def _is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


# Claims


def test_a_unit_that_a_live_run_makes_is_tried_again(few, capsys):
    StudyFolder("out")
    with records.claim(Path("out"), "cka") as holder:
        assert holder is None
        assert run_step("cka") == 75
        assert "is making it" in capsys.readouterr().err
    assert run_step("cka") == 0
    assert not list(Path("out/records").glob("*.claim"))


ELSEWHERE = f"node7-1-{'0' * 16}"


def claim_of_another(age, name=ELSEWHERE):
    path = Path("out/records/cka.claim")
    path.write_text(name)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_the_claim_of_a_run_that_has_ended_holds_no_longer(few):
    StudyFolder("out")
    ended = subprocess.Popen([sys.executable, "-c", "0"])
    ended.wait()
    mine, _, rest = run_name().rpartition("-")
    host = mine.rpartition("-")[0]
    claim_of_another(0, f"{host}-{ended.pid}-{rest}")  # of this machine, whose processes are known
    assert run_step("cka") == 0
    Path("out/records/cka.json").unlink()
    claim_of_another(0)
    assert run_step("cka") == 75
    claim_of_another(records.DEAD + 5)  # nobody touches it
    assert run_step("cka") == 0


def test_a_claim_from_the_future_ages_from_the_first_look_on_whoever_looks(few):
    StudyFolder("out")
    path = claim_of_another(-1e6)
    look = [sys.executable, "-m", "pyalign", "study", "step", "small.toml", "--out", "out", "cka"]
    assert subprocess.run(look).returncode == 75
    now = path.stat().st_mtime
    assert now < time.time() + 1e5
    os.utime(path, (now - records.DEAD - 1, now - records.DEAD - 1))  # a minute later
    assert subprocess.run(look).returncode == 0


@pytest.mark.parametrize("age", [-1e6, 0, 30])
def test_a_claim_is_dead_a_minute_after_its_last_change_that_was_seen_whatever_its_time(few, monkeypatch, age):
    StudyFolder("out")
    path, clock = claim_of_another(age), [1000.0]
    monkeypatch.setattr(records.time, "monotonic", lambda: clock[0])

    def holder_after(seconds):
        clock[0] += seconds
        with records.claim(Path("out"), "cka") as holder:
            return holder

    assert [holder_after(0), holder_after(0), holder_after(records.DEAD - 1)] == ["node7"] * 3
    os.utime(path, (path.stat().st_mtime - 1,) * 2)
    assert [holder_after(records.DEAD), holder_after(records.DEAD - 1), holder_after(2)] == ["node7", "node7", None]


def test_a_run_that_a_clock_from_the_future_has_stopped_ends(few, monkeypatch):
    StudyFolder("out")
    path = claim_of_another(-1e6)
    monkeypatch.setattr(records, "_touch", lambda path: None)  # where it is another user's
    monkeypatch.setattr(records, "DEAD", 0.0)
    assert run_step("cka") == 0 and not path.exists()


def test_a_claim_is_kept_alive_while_a_unit_is_made(few, monkeypatch):
    StudyFolder("out")
    monkeypatch.setattr(records, "BEAT", 0.01)
    with records.claim(Path("out"), "cka"):
        path = Path("out/records/cka.claim")
        os.utime(path, (1, 1))
        until = time.monotonic() + 60
        while path.stat().st_mtime < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert path.stat().st_mtime > 2


def test_a_link_in_place_of_a_claim_is_not_followed(few):
    StudyFolder("out")
    Path("victim").write_text("precious")
    Path("out/records/cka.claim").symlink_to(Path("victim").absolute())
    assert "is a link, which is not followed" in pyalign.run_unit("small.toml", "out", "cka").reason
    assert Path("victim").read_text() == "precious"


def test_all_processes_of_a_run_have_one_time(few, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setattr("pyalign.study.study_folder.moment", lambda: "2026-01-01T00:00:00+00:00")
    assert StudyFolder("out").time == "2026-01-01T00:00:00+00:00"
    monkeypatch.setattr("pyalign.study.study_folder.moment", lambda: "2027-01-01T00:00:00+00:00")
    folder = StudyFolder("out")
    assert folder.time == "2026-01-01T00:00:00+00:00"
    folder.end(())
    assert folder.time == "2027-01-01T00:00:00+00:00"


# Parts of extractions


def test_an_extraction_in_parts_has_the_bytes_of_one_without(pictures, monkeypatch, tmp_path_factory):
    """Also where its parts are merged by a process in another folder, as engines start them."""
    assert not pyalign.run_study("small.toml", "whole").failed
    for unit in ("extract-b.3of3", "extract-b.1of3"):
        assert pyalign.run_unit("small.toml", "out", unit, shards=3).how == "made"
    step = pyalign.run_unit("small.toml", "out", "extract-b", shards=3)
    assert (step.status, step.reason) == ("to do", "needs extract (b) 2 of 3, which has no valid record")
    here = Path.cwd()
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(tmp_path_factory.mktemp("elsewhere"))
        study = pyalign.run_study(here / "small.toml", here / "out", shards=3)
    assert how(study)["extract (b)"] == "made"
    assert documents("out") == documents("whole")
    assert not Path("out/.parts").exists()
    assert pyalign.run_unit("small.toml", "out", "extract-b.2of3", shards=3).how == "as it was"
    assert all(states(shards=3).values()) and all(states().values())
    ended = f"{run_name().partition('-')[0]}-{2**22 + 1}-{run_name().rpartition('-')[2]}"  # no process has that number
    left = Path("out/models/b", f"manifest.json.pyalign-{ended}.tmp")
    left.write_text("of a run that was killed when the extraction was there, but not its record")
    assert how(pyalign.run_study("small.toml", "out"))["extract (b)"] == "as it was"
    assert not left.exists()


def test_a_part_that_fails_gives_its_reason_to_the_model(pictures):
    Path("photos/object-3.bmp").write_bytes(b"no picture")
    whole = {step.name: step.reason for step in pyalign.run_study("small.toml", "whole").failed}
    parts = {step.name: step.reason for step in pyalign.run_study("small.toml", "out", shards=3).failed}
    assert parts == whole and "object-3.bmp" in whole["extract (b)"]
    assert Path("out/study.json").read_bytes() == Path("whole/study.json").read_bytes()


def test_pictures_that_changed_make_their_part_again(pictures):
    pyalign.run_unit("small.toml", "out", "extract-b.1of2", shards=2)
    pyalign.run_unit("small.toml", "out", "extract-b.2of2", shards=2)
    first = sorted(path.name for path in Path("photos").iterdir())[0]
    Path("photos", first).write_bytes(Path("photos/object-9.bmp").read_bytes())
    made = {
        unit: pyalign.run_unit("small.toml", "out", unit, shards=2).how for unit in ("extract-b.1of2", "extract-b.2of2")
    }
    assert made == {"extract-b.1of2": "made", "extract-b.2of2": "as it was"}
