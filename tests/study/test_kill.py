"""Studies that are killed and go on, and two that are started at once."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_study import TEXT, documents

import pyalign
from pyalign.errors import InputError

MOMENTS, BY_TIME, NEVER = 6, 3, 1 << 30
# Each moment at which the disk changes is a place to die; which of them, the seed decides.
DYING = """
import errno, fcntl, os, signal, sys
at, flock, *words = sys.argv[1:]
left = [int(at)]
def counted(real):
    def call(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
def without_locks(*_):
    if flock == "fails":
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
if flock != "works":
    fcntl.flock = without_locks
for name in ("replace", "unlink", "fsync", "link", "mkdir", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
from pyalign.cli import main
status = main(["study", words[0], "small.toml", "--quiet", "--out", *words[1:]])
print(int(at) - left[0], file=sys.stderr)
sys.exit(status)
"""


def start(at, *words, flock="works"):
    """Begins a command of a study, which dies when it changes the disk for so many times and one more."""
    command = [sys.executable, "-c", DYING, str(at), flock, *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(*words, flock="works"):
    """Runs it to its end; gives how often it has changed the disk."""
    process = start(NEVER, *words, flock=flock)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return int(said.splitlines()[-1])


def dies(at, *words, flock="works"):
    """Whether it was killed before its end."""
    process = start(at, *words, flock=flock)
    said = process.communicate()[1]
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode != 0


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed_it_has_the_same_documents(folder):
    """By the clock, whatever it is doing in two processes, where locks fail."""
    began = time.monotonic()
    finish("run", "whole", "--jobs", "2")
    took = time.monotonic() - began
    rng, killed = random.Random(16), 0
    for moment in sorted(rng.uniform(0.2, 0.9) for _ in range(BY_TIME)):
        process = start(NEVER, "run", "killed", "--jobs", "2", flock="fails")
        time.sleep(moment * took)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    finish("run", "killed", "--jobs", "2", flock="fails")
    assert killed >= 1
    assert documents("killed") == documents("whole")


@pytest.mark.slow
def test_killed_at_six_random_moments_and_resumed_it_has_the_same_documents(folder):
    changes = finish("run", "whole")
    rng = random.Random(16)
    done = sum(dies(at, "run", "killed") for at in sorted(rng.sample(range(1, changes // 2), MOMENTS)))
    finish("run", "killed")
    assert done >= 3
    assert documents("killed") == documents("whole")
    assert not [name for name in documents("killed") if ".tmp" in name]


@pytest.mark.slow
def test_a_unit_a_merge_and_the_end_that_are_killed_leave_the_same_bytes(extracting):
    """Twice each, with locks of each kind, at less and less of what was changed on disk: less is left to do."""
    finish("run", "whole", "--shards", "2", "--jobs", "2")
    rng, killed, parts = random.Random(37), [], ("extract-b.1of2", "extract-b.2of2")
    for flock, words in (
        ("fails", ("step", *parts)), ("everybody has it", ("step", "extract-b")),
        ("works", ("step", "ceiling", "score")), ("fails", ("finish",)),
    ):
        command = words[0], "killed", "--shards", "2", *words[1:]
        if Path("killed").exists():
            shutil.copytree("killed", "copy")
        changes = finish(words[0], "copy", *command[2:])
        shutil.rmtree("copy")
        killed += [dies(int(rng.random() * changes / k), *command, flock=flock) for k in (1, 2)]
        finish(*command, flock=flock)
    assert sum(killed) >= 6
    os.makedirs("killed/.parts/extract-b.1of2")  # as by one that dies before it has removed what was merged
    finish("finish", "killed", "--shards", "2")
    assert documents("killed") == documents("whole") and not Path("killed/.parts").exists()


@pytest.mark.parametrize("name", ["records", "study.json", "report.html"])
def test_a_link_among_the_files_of_a_study_is_not_followed(folder, name):
    Path("victim").write_text("precious")
    os.makedirs("small")
    Path("small", name).symlink_to(Path("victim").absolute())
    with pytest.raises(InputError, match=f"small/{name}: is a link, which is not followed"):
        pyalign.run_study("small.toml")
    assert Path("victim").read_text() == "precious" and not Path("small/steps").exists()


@pytest.mark.parametrize(
    "name", ["steps/score.json", "records/score.json", "study.json", "manifest.json", "report.html"]
)
def test_a_link_that_is_put_into_a_study_while_it_runs_is_not_written_through(folder, name):
    Path("victim").write_text("precious")

    def put_link(*_):
        if not Path("small", name).is_symlink():
            Path("small", name).unlink(missing_ok=True)
            Path("small", name).symlink_to(Path("victim").absolute())

    study = pyalign.run_study("small.toml", only="score", progress=put_link)
    assert study.steps[0].status == "finished" and Path("victim").read_text() == "precious"


def test_a_document_that_was_replaced_by_a_link_is_made_again_in_its_place(folder):
    Path("victim").write_text("precious")
    pyalign.run_study("small.toml", only="score")
    Path("small/steps/score.json").unlink()
    Path("small/steps/score.json").symlink_to(Path("victim").absolute())
    (step,) = [one for one in pyalign.run_study("small.toml", only="score").steps if one.name == "score"]
    assert step.how == "made" and not Path("small/steps/score.json").is_symlink()
    assert Path("victim").read_text() == "precious"


@pytest.mark.parametrize("locks", ["fail", "everybody has them"])
def test_a_study_runs_where_locks_tell_nothing(folder, monkeypatch, locks):
    def flock(*_):
        if locks == "fail":
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert not pyalign.run_study("small.toml", only="score").failed


def paint(k, seed):
    """A picture without compression, so that any other has its size."""
    from PIL import Image

    pixels = np.random.default_rng([k, seed]).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(f"photos/object-{k}.bmp")


@pytest.fixture
def extracting(folder):
    """A study of a model that is extracted, and the folder of its embeddings."""
    os.makedirs("photos")
    for k in range(24):
        paint(k, 0)
    text = TEXT.replace('b = { file = "b.npy" }', 'b = { extract = "pixels:2", images = "photos", n_threads = 1 }')
    Path("small.toml").write_text(text.partition("[steps.compare]")[0])
    return Path("small/models/b")


def how_made(out="small"):
    """Runs the study; whether each step was made."""
    study = pyalign.run_study("small.toml", out)
    assert not study.failed, study
    return {step.name: step.how for step in study.steps}


def test_pictures_that_changed_and_kept_their_sizes_are_extracted_again(extracting):
    text = Path("small.toml").read_text()
    Path("small.toml").write_text(text.replace("[models]", 'images = "photos"\n[models]'))

    def run(out):
        return how_made(out), pyalign.load_result(f"{out}/steps/score.json")[1].accuracy

    before = run("small")
    assert run("small") == ({name: "as it was" for name in before[0]}, before[1])
    times = {path: path.stat().st_mtime_ns for path in Path("photos").iterdir()}
    for k in range(24):
        paint(k, 1)
    for path, time_ns in times.items():
        os.utime(path, ns=(time_ns, time_ns))
    how, accuracy = run("small")
    assert how == {"extract (b)": "made", "score": "made", "ceiling": "as it was", "report": "made"}
    assert accuracy == run("fresh")[1] != before[1]


@pytest.mark.parametrize("name", ["gone", "penultimate.npy", "names.txt", "items.sha256", "manifest.json"])
def test_an_extraction_that_was_damaged_is_made_again(extracting, name):
    how_made()
    whole = {path.name: path.read_bytes() for path in extracting.iterdir()}
    path = extracting / name.replace("gone", "penultimate.npy")
    path.write_bytes(path.read_bytes()[:-2] + b"x\n")
    if name == "gone":
        path.unlink()
    assert how_made()["extract (b)"] == "made"
    assert {path.name: path.read_bytes() for path in extracting.iterdir() if path.name != "manifest.json"} == {
        name: raw for name, raw in whole.items() if name != "manifest.json"
    }
    assert how_made()["extract (b)"] == "as it was"


def test_a_link_in_place_of_the_folder_of_a_model_is_not_followed(extracting):
    os.makedirs("victim")
    os.makedirs("small/models")
    os.makedirs("small/records")
    extracting.symlink_to(Path("victim").absolute())
    (step,) = [step for step in pyalign.run_study("small.toml").steps if step.name == "extract (b)"]
    assert step.reason.endswith("models/b: is a link, which is not followed") and not os.listdir("victim")


def test_pictures_that_change_while_a_study_reads_them_are_no_result(extracting):
    def watch(name, state, detail):
        if name == "extract (b)" and "images" in detail:  # they were hashed, and the extraction begins
            paint(23, 1)

    study = pyalign.run_study("small.toml", progress=watch)
    (step,) = [step for step in study.steps if step.name == "extract (b)"]
    assert step.reason == "photos: images have changed while they were read; run the study again"
    assert not pyalign.run_study("small.toml").failed
