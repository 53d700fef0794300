"""`pyalign study run`, `study init` and `tour`: what they say, and their exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_study import write_inputs
from support import SLOW_NOTE

from pyalign.cli import main
from pyalign.errors import MissingExtraError
from pyalign.study.file import read_study
from pyalign.study.tour import take_tour


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)


def edit(old, new):
    text = Path("small.toml").read_text()
    assert old in text
    Path("small.toml").write_text(text.replace(old, new))


def test_runs_and_says_once_what_became_of_each_step(capsys):
    assert main(["study", "run", "small.toml"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].split()[:3] == ["ceiling", "made", "steps/ceiling.json"]
    assert lines[-1] == "small/report.html"
    said = (shown.out + shown.err).splitlines()
    assert sum(line.startswith("score") for line in said) == 1
    assert main(["study", "run", "small.toml", "--resume", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert {"made"} & {*shown.out.split()} == set()
    assert shown.err == ""


def test_a_failed_step_is_one_line_and_the_exit_code(capsys):
    Path("kinds.txt").write_text("x\ny\n")
    assert main(["study", "run", "small.toml", "--quiet"]) == 1
    shown = capsys.readouterr()
    told = "step 'concepts': categories must have a row for each of 24 rows of embeddings; got 2"
    assert shown.err == f"pyalign study run: error: {told}\n"
    assert "score" in shown.out and "failed" in shown.out


def test_several_failed_steps_are_one_line(capsys):
    Path("b.npy").unlink()
    assert main(["study", "run", "small.toml", "--quiet"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pyalign study run: error: step 'score': b.npy: No such file or directory (and 5 more: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("words", "told"), [
    (["small.toml", "--only", "scor"], "--only scor is no step of the study; did you mean 'score'?"),
    (["small.toml", "--resume"], "small: there is nothing to resume: no study was begun there; leave --resume out"),
    (["none.toml"], "none.toml: No such file or directory"),
    (["t.csv"], "t.csv: unknown extension '.csv'; studies are read from .toml"),
    (["small.toml", "--out", "t.csv"], "t.csv: File exists"),
])
def test_bad_words_are_one_line(words, told, capsys):
    assert main(["study", "run", *words]) == 1
    assert capsys.readouterr().err == f"pyalign study run: error: {told}\n"


def test_a_mistake_in_the_file_is_one_line(capsys):
    edit("n_permutations = 5", "permutation = 5")
    assert main(["study", "run", "small.toml"]) == 1
    told = "small.toml: step 'cka': cka has no option 'permutation'; did you mean 'n_permutations'?"
    assert capsys.readouterr().err == f"pyalign study run: error: {told}\n"


def test_ctrl_c_is_one_line_and_130(capsys, monkeypatch):
    monkeypatch.setattr("pyalign.study.maker.make_report", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["study", "run", "small.toml", "--only", "cka", "--quiet"]) == 130
    told = "interrupted; finished: cka; go on with the same command, or with --resume"
    assert capsys.readouterr().err == f"pyalign study run: {told}\n"


def test_init_writes_a_file_that_runs_and_replaces_none(capsys):
    assert main(["study", "init", "."]) == 0
    shown = capsys.readouterr()
    assert "./study.toml: 2 models; look through it, then" in shown.out
    assert "kinds.txt: 24 labels, taken for categories" in shown.out
    assert shown.err == ""
    text = Path("study.toml").read_text()
    assert main(["study", "run", "study.toml", "--only", "score", "--quiet"]) == 0
    capsys.readouterr()
    Path("study.toml").write_text("mine")
    assert main(["study", "init", "."]) == 1
    assert capsys.readouterr().err == (
        "pyalign study init: error: ./study.toml is there already, perhaps with changes of yours: remove it, or write "
        "to another --out\n"
    )
    assert Path("study.toml").read_text() == "mine"
    Path("study.toml").unlink()
    assert main(["study", "init", "."]) == 0
    assert Path("study.toml").read_text() == text


def test_init_says_what_it_does_not_know(capsys):
    Path("strange.npy").write_bytes(b"no array")
    assert main(["study", "init", ".", "--out", "s.toml"]) == 0
    assert "note: not known: strange.npy: " in capsys.readouterr().err
    assert main(["study", "init", "nowhere"]) == 1
    assert capsys.readouterr().err == "pyalign study init: error: nowhere: No such file or directory\n"


@pytest.mark.slow
def test_the_tour_ends_in_a_page_and_runs_again_by_hand(tmp_path):
    run = [sys.executable, "-m", "pyalign"]
    done = subprocess.run([*run, "tour", "--out", "t", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "t/results/report.html  the page: open it in a browser" in done.stdout
    assert "pyalign study init FOLDER" in done.stdout
    assert Path("t/results/report.html").stat().st_size > 10_000
    steps = {step["name"]: step for step in json.loads(Path("t/results/study.json").read_text())["steps"]}
    assert {step["status"] for step in steps.values()} == {"finished"}
    text = Path("t/tour.toml").read_text()
    Path("t/tour.toml").write_text(text.replace("limit = 200", "limit = 100"))
    again = subprocess.run([*run, "study", "run", "t/tour.toml", "--out", "t/results"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [line.split()[0] for line in again.stdout.splitlines() if "  made  " in line] == ["failures", "report"]


@pytest.mark.slow
def test_several_processes_without_compiled_kernels_say_it_once(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyalign.backends._native'] = None\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-m", "pyalign", "study", "run", "small.toml", "--only", "score", "--jobs", "2"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "slow" in line.lower()] == [SLOW_NOTE[:-1]]


@pytest.mark.slow
def test_the_tour_without_extras_writes_documents_and_says_what_to_install(tmp_path):
    Path("hide.py").write_text(
        "import sys\nfor name in ('altair', 'vl_convert', 'torch', 'timm'):\n    sys.modules[name] = None\n"
        "from pyalign.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    words = [sys.executable, "hide.py", "tour", "--out", "t"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(r"pip install .*\btorch\b", done.stderr)
    assert re.search(r"pip install .*\baltair\b", done.stderr) or Path("t/results/report.html").exists()
    assert Path("t/results/steps/score.json").exists()


def test_the_tour_has_pictures_where_they_can_be_read(monkeypatch):
    def without(*_):
        raise MissingExtraError("reading images", "Pillow", "extract")

    monkeypatch.setattr("pyalign.study.tour._logits", without)
    monkeypatch.setattr("pyalign.study.tour.run_study", lambda path, out, progress: read_study(path))
    monkeypatch.setattr("pyalign.study.tour.pillow_image", lambda: None)
    study, notes = take_tour("t")
    assert study.images == "data/images.tar" and Path("t/data/images.tar").exists() and len(notes) == 1
    monkeypatch.setattr("pyalign.study.tour.pillow_image", without)
    study, (_, note) = take_tour("t")
    assert study.images is None and note.startswith("no pictures in the page: reading images needs Pillow")


def test_the_tour_writes_over_no_other_files(capsys):
    assert main(["tour", "--out", "."]) == 1
    assert (
        capsys.readouterr().err == "pyalign tour: error: .: holds other files; take an empty or a new one, --out DIR\n"
    )


def test_the_tour_is_not_put_into_a_file(capsys):
    Path("file").write_text("x")
    assert main(["tour", "--out", "file"]) == 1
    assert capsys.readouterr().err == "pyalign tour: error: file: is a file; take an empty or a new one, --out DIR\n"


def test_says_which_code_a_study_will_run_before_it_is_run(capsys, monkeypatch):
    said = []
    monkeypatch.setattr("pyalign.cli.study.run_study", lambda *a, **o: said.append(capsys.readouterr().err) or 1 / 0)
    spec = "module:net\\u001b[2J.py:net"  # no letter that a terminal would obey
    Path("small.toml").write_text(
        f'images = "photos"\ntriplets = "t.csv"\nmodels.m = {{ extract = "{spec}" }}\n[steps.score]\nmodels = "m"\n'
    )
    for more in ([], ["--quiet"]):
        with pytest.raises(ZeroDivisionError):
            main(["study", "run", "small.toml", *more])
    note = "note: model 'm' runs the code of net\\x1b[2J.py in the folder of the study\n"
    assert said == [note, ""]
