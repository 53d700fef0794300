"""Extractions that are interrupted, killed, resumed: the bytes are those of one run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from extracted import OTHER, files, in_a_fork, kill_at, repaint

import pyalign
from pyalign.extraction.encoder import Request
from pyalign.extraction.extract import extract
from pyalign.extraction.images import as_images
from pyalign.extraction.job import describe_processor
from pyalign.extraction.onnx_graph import read_graph
from pyalign.extraction.sources import load_encoder
from pyalign.io.write import run_name
from pyalign.parts import seal_of

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
OPTIONS = {"batch_size": 2, "unreadable": "omit"}


def parts():
    """The parts of unfinished runs in `e`, in order."""
    return sorted(Path("e").glob(".unfinished/*/part-*"))


def edited(part, more=b"", **changes):
    """Changes what a part says of itself, or its rows, and makes the hash of its line fit."""
    line, data = part.read_bytes().split(b"\n", 1)
    document = {**json.loads(line), **changes}
    del document["sha256"]
    line = json.dumps({**document, "sha256": seal_of(document)}).encode() + b"\n"
    part.write_bytes(line + data + more)


@pytest.mark.parametrize("torn", [False, True])
def test_killed_at_any_call_it_goes_on_to_the_same_bytes(damaged, torn):
    encoder = load_encoder("pixels:3")
    once = extract(encoder, damaged, out="once", **OPTIONS)
    whole = files(damaged.parent / "once")
    ended, point = signal.SIGKILL, 0
    while ended == signal.SIGKILL:
        out = damaged.parent / f"at{point}"

        def killed(out=out, point=point):
            kill_at(point, torn)
            extract(encoder, damaged, out=out, **OPTIONS)

        ended = in_a_fork(killed)
        again = extract(encoder, damaged, out=out, resume=True, **OPTIONS)
        assert files(out) == whole
        assert sorted(path.name for path in out.iterdir()) == sorted([*whole[0], "manifest.json"])
        assert again["penultimate"].names == once["penultimate"].names
        point += 1
    assert point > 15


def test_killed_again_and_again_it_still_gets_there(damaged):
    encoder, out = load_encoder("pixels:3"), damaged.parent / "e"
    extract(encoder, damaged, out="once", **OPTIONS)
    ended, rounds = signal.SIGKILL, 0
    while ended == signal.SIGKILL:

        def killed(rounds=rounds):
            kill_at(4 + rounds)
            extract(encoder, damaged, out=out, resume=rounds > 0, **OPTIONS)

        ended, rounds = in_a_fork(killed), rounds + 1
        assert rounds < 50
    assert rounds > 2 and files(out) == files(damaged.parent / "once")


def test_an_interrupt_says_what_is_left_and_how_to_go_on(pictures):
    encoder, real, calls = load_encoder("pixels:3"), load_encoder("pixels:3").run, []

    def run(prepared, layers):
        calls.append(len(prepared))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(prepared, layers)

    encoder.run = run
    with pytest.raises(KeyboardInterrupt, match=r"4 of 11 are in e/.unfinished; go on with resume=True"):
        extract(encoder, pictures, out="e", batch_size=2)
    extract(encoder, pictures, out="e", batch_size=2, resume=True)
    assert calls == [2, 2, 2, 2, 2, 2, 1]


def test_a_finished_folder_is_not_written_again_and_resume_gives_it_back(pictures, message_of):
    found = extract("pixels:3", pictures, out="e")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (pictures.parent / "e").iterdir()}
    message = message_of(lambda: extract("pixels:3", pictures, out="e"))
    assert message == "e: holds a finished extraction; take another folder, or remove this one"
    again = extract("pixels:3", pictures, out="e", resume=True)
    assert again.to_dict() == found.to_dict() and again["penultimate"].names == found["penultimate"].names
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (pictures.parent / "e").iterdir()}
    message = message_of(lambda: extract("pixels:4", pictures, out="e", resume=True))
    assert message == "e: holds a finished extraction that differs in model, layers, preprocessing; take another folder"


def begin(pictures, batches=1, **options):
    """An extraction that ends after so many batches."""
    encoder = load_encoder("pixels:3")
    real = encoder.run

    def run(prepared, layers):
        if len(parts()) == batches:
            raise KeyboardInterrupt
        return real(prepared, layers)

    encoder.run = run
    with pytest.raises(KeyboardInterrupt):
        extract(encoder, pictures, out="e", **{"batch_size": 2, **options})


@pytest.mark.parametrize(
    ("model", "options", "what"),
    [
        ("pixels:4", {}, "model"),
        ("pixels:3", {"batch_size": 3}, "batch_size"),
        ("pixels:3", {"background": "black"}, "background"),
        ("pixels:3", {"decoder": "torchvision"}, "decoder"),
        ("pixels:3", {"shard": (1, 2)}, "shard"),
    ],
)
def test_it_goes_on_with_what_was_begun_or_not_at_all(pictures, message_of, model, options, what):
    begin(pictures)
    message = message_of(lambda: extract(model, pictures, out="e", resume=True, **{"batch_size": 2, **options}))
    assert message.startswith(f"e: was begun with {what} ")


def test_other_images_are_another_run(pictures, message_of):
    begin(pictures)
    (pictures / "new.png").write_bytes((pictures / "01.png").read_bytes())
    message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
    assert message.startswith("e: was begun with names_sha256 ")


CHANGED = "e: holds rows of other images: '{}' has changed since; take another folder, or remove this one"


def test_an_image_that_has_changed_within_what_is_done_is_named(bitmaps, message_of):
    begin(bitmaps)
    repaint(bitmaps, 1, 99)
    message = message_of(lambda: extract("pixels:3", bitmaps, out="e", resume=True, batch_size=2))
    assert message == CHANGED.format("01.bmp")
    repaint(bitmaps, 1, 1)
    repaint(bitmaps, 5, 99)  # which was not read yet
    extract("pixels:3", bitmaps, out="once", batch_size=2)
    extract("pixels:3", bitmaps, out="e", resume=True, batch_size=2)
    assert files(Path("e")) == files(Path("once"))


def test_a_finished_run_of_other_images_is_not_given_back(bitmaps, message_of):
    found = extract("pixels:3", bitmaps, out="e")
    assert extract("pixels:3", bitmaps, out="e", resume=True).to_dict() == found.to_dict()
    repaint(bitmaps, 5, 99)
    assert message_of(lambda: extract("pixels:3", bitmaps, out="e", resume=True)) == CHANGED.format("05.bmp")


def test_the_hashes_are_those_of_sha256sum(bitmaps):
    found = extract("pixels:3", bitmaps, out="e")
    lines = Path("e/items.sha256").read_text().splitlines()
    assert lines == [f"{hashlib.sha256((bitmaps / name).read_bytes()).hexdigest()}  {name}" for name in found[
        "penultimate"].names]
    assert found.items_sha256 == hashlib.sha256(Path("e/items.sha256").read_bytes()).hexdigest()
    assert (
        subprocess.run(["sha256sum", "--check", "--quiet", "../e/items.sha256"], cwd=bitmaps, check=False).returncode
        == 0
    )


def test_rows_of_a_file_and_pixels_in_memory_count_by_what_is_in_them(tmp_path, monkeypatch, message_of):
    h5py = pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    with h5py.File("p.h5", "w") as file:
        file["images"] = pixels
    extract("pixels:3", "p.h5", out="e", batch_size=2)
    extract("pixels:3", pixels, out="f", batch_size=2)
    pixels[3, 0, 0, 0] ^= 1
    with h5py.File("p.h5", "r+") as file:
        file["images"][...] = pixels
    message = message_of(lambda: extract("pixels:3", "p.h5", out="e", batch_size=2, resume=True))
    assert message == CHANGED.format("3")
    message = message_of(lambda: extract("pixels:3", pixels, out="f", batch_size=2, resume=True))
    assert message == CHANGED.format("3").replace("e:", "f:")


def test_each_image_is_read_once(bitmaps):
    images, read = as_images(bitmaps), []
    real = images.reader.read
    images.reader.read = lambda k: read.append(k) or real(k)
    extract("pixels:3", images, out="e", batch_size=2)
    assert sorted(read) == [0, 1, 2, 3, 4, 5]


def test_without_resume_what_is_unfinished_is_not_lost(pictures, message_of):
    begin(pictures)
    message = message_of(lambda: extract("pixels:3", pictures, out="e", batch_size=2))
    assert message == "e: holds an unfinished run (1 batches): go on with resume=True, or remove it"


def test_a_run_that_has_ended_before_its_first_batch_is_no_run(pictures, message_of):
    (pictures / "00.jpg").write_bytes(b"?")
    message_of(lambda: extract("pixels:3", pictures, out="e"))
    assert (pictures.parent / "e" / ".unfinished").exists() and not parts()
    found = extract("pixels:4", pictures, out="e", unreadable="omit")
    assert len(found) == 10 and not (pictures.parent / "e" / ".unfinished").exists()


def test_a_folder_of_other_files_is_left_alone(pictures, message_of):
    assert (
        message_of(lambda: extract("pixels:3", "p", out="p")) == "p: holds other files; take an empty or a new folder"
    )
    (pictures.parent / "f").write_text("x")
    with pytest.raises(NotADirectoryError):
        extract("pixels:3", "p", out="f")


def test_a_folder_belongs_to_one_run_at_a_time(pictures, message_of):
    begin(pictures)
    held = load_encoder("pixels:3")
    real = held.run

    def run(prepared, layers):
        message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
        assert message == "e: is being written by another run"
        return real(prepared, layers)

    held.run = run
    extract(held, pictures, out="e", resume=True, batch_size=2)


@pytest.mark.parametrize(
    "damage",
    [
        *(lambda part, raw=raw: part.write_bytes(raw) for raw in (b"", b"[[[\n", b"\xff\xfe", b'{"batch": 0}\n')),
        lambda part: part.write_bytes(part.read_bytes()[:-1]),
        lambda part: part.write_bytes(part.read_bytes()[:-1] + b"x"),
        lambda part: part.write_bytes(b"x" + part.read_bytes()[1:]),
        lambda part: part.write_bytes(part.with_name("part-00001").read_bytes()),
        lambda part: edited(part, b"x"),
        *(lambda part, change=change: edited(part, **change) for change in (
            {"layers": {"penultimate": [1 << 39, 1 << 39]}}, {"layers": {"penultimate": [0]}}, {"layers": []},
            {"layers": {"../victim": [27]}}, {"rows_sha256": ""}, {"rows": 1 << 60}, {"rows": -1}, {"rows": 0},
            {"batch": 7}, {"key": "0" * 16}, {"seconds": "long"}, {"items": 3}, {"failures": [["a"]]},
        )),
    ],
)
def test_a_part_that_was_damaged_is_made_again_and_nothing_else_is(pictures, damage):
    extract("pixels:3", pictures, out="once", batch_size=2)
    begin(pictures, 3)
    damage(parts()[0])
    encoder, sizes = load_encoder("pixels:3"), []
    real = encoder.run
    encoder.run = lambda prepared, layers: sizes.append(len(prepared)) or real(prepared, layers)
    found = extract(encoder, pictures, out="e", resume=True, batch_size=2)
    assert files(Path("e")) == files(Path("once"))
    assert found.notes[-1] == "part-00000 was cut short, changed, or is of another run: computed again"
    assert sizes == [2, 2, 2, 1]


def test_a_part_that_is_gone_is_made_again(pictures):
    extract("pixels:3", pictures, out="once", batch_size=2)
    begin(pictures, 3)
    parts()[1].unlink()
    assert extract("pixels:3", pictures, out="e", resume=True, batch_size=2).notes == ()
    assert files(Path("e")) == files(Path("once"))


@pytest.mark.parametrize("state", ["", "[]", '{"model": 3}', "\x00" * 9])
def test_a_state_that_was_edited_is_refused_in_one_line(pictures, message_of, state):
    begin(pictures)
    parts()[0].with_name("state.json").write_text(state)
    message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
    assert message.startswith("e")


def test_edited_counts_are_refused_in_one_line(pictures, message_of):
    begin(pictures)
    edited(parts()[0], items=["0" * 64])
    message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
    assert message == "e: was changed since an interrupted run has left it; remove it to begin again"


def test_pillow_images_count_with_what_is_transparent_in_them(message_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opaque, clear = (Image.new("RGBA", (4, 4), (255, 255, 255, alpha)) for alpha in (255, 0))
    extract("pixels:2", [opaque], out="e", background="black")
    message = message_of(lambda: extract("pixels:2", [clear], out="e", background="black", resume=True))
    assert message == CHANGED.format("0")


def test_a_run_that_is_refused_removes_nothing(bitmaps, message_of):
    Path("x/.unfinished").mkdir(parents=True)
    Path("x/manifest.json").write_text("{}")
    Path("x/.unfinished/precious").write_text("1")
    message_of(lambda: extract("pixels:2", "p", out="x"))
    message_of(lambda: extract("pixels:2", "p", out="x", resume=True))
    assert Path("x/.unfinished/precious").read_text() == "1"


def test_a_full_disk_names_its_file_and_leaves_the_folder_free(bitmaps):
    code = """
import resource, sys
from pyalign.extraction.extract import extract
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
try:
    extract("pixels:8", "p", out="e", batch_size=2)
except OSError as error:
    held = error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(held.filename)
extract("pixels:8", "p", out="e", batch_size=2, resume=True)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().endswith("/part-00000")
    extract("pixels:8", "p", out="once", batch_size=2)
    assert files(Path("e")) == files(Path("once"))


def test_what_a_live_process_finishes_is_kept_and_that_of_one_that_has_ended_goes(pictures):
    begin(pictures)
    ended = subprocess.Popen(["true"])
    ended.wait()
    machine = run_name().rpartition("-")[2][:8]  # another one, or another container, has other letters
    live, dead, elsewhere = (
        Path(f"e/.unfinished/host-{process}-{letters}00000000.new")
        for process, letters in ((os.getpid(), machine), (ended.pid, machine), (ended.pid, "0" * 8))
    )
    for one in (live, dead, elsewhere):
        one.mkdir()
    real, seen = load_encoder("pixels:3"), []
    run = real.run
    real.run = lambda *given: seen.append({*Path("e/.unfinished").iterdir()}) or run(*given)
    extract(real, pictures, out="e", resume=True, batch_size=2)
    assert {live, elsewhere} <= seen[0] and dead not in seen[0]


# Processors and threads


def test_rows_do_not_depend_on_the_threads_of_the_environment(pictures):
    for threads in ("1", "2"):
        words = ["--images", "p", "--model", "random:0:timm:test_vit", "--out", f"e{threads}"]
        with command(*words, env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}) as running:
            assert running.wait() == 0, running.stderr.read()
    assert files(Path("e1")) == files(Path("e2"))
    assert files(Path("e1"))[1]["model_threads"] == 2


def test_a_model_runs_with_the_threads_that_are_asked_for(pictures, message_of):
    import torch

    before, seen = torch.get_num_threads(), set()
    encoder = load_encoder("random:0:timm:test_vit", Request(threads=3))
    real = encoder.run
    encoder.run = lambda *given: seen.add(torch.get_num_threads()) or real(*given)
    found = extract(encoder, pictures, batch_size=4)
    assert (seen, found.model_threads, torch.get_num_threads()) == ({3}, 3, before)
    message = message_of(lambda: extract(encoder, pictures, n_threads=1))
    assert message == "n_threads must be the 3 of the loaded encoder; got 1"
    assert message_of(lambda: extract(encoder, pictures, n_threads=0)).startswith("n_threads must be a whole")


def test_a_graph_of_onnx_runs_with_the_threads_that_are_asked_for(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=9)
    onnx.save(model, tmp_path / "identity.onnx")
    graph = read_graph("onnx:identity", str(tmp_path / "identity.onnx"))
    assert graph.session("cpu", 3).get_session_options().intra_op_num_threads == 3


def test_an_unfinished_run_of_another_processor_is_computed_again_and_says_so(pictures, monkeypatch):
    begin(pictures)
    monkeypatch.setenv(*OTHER.split("="))
    found = extract("pixels:3", pictures, out="e", resume=True, batch_size=2)
    (note,) = [note for note in found.notes if "computed again" in note]
    assert note.startswith("1 batches of an unfinished run are computed again: it ran on ") and OTHER in note
    extract("pixels:3", pictures, out="once", batch_size=2)
    assert files(Path("e")) == files(Path("once")) and OTHER in found.processor


def test_a_finished_run_of_another_processor_is_given_back_with_a_note(pictures, monkeypatch):
    before = extract("pixels:3", pictures, out="e")
    monkeypatch.setenv(*OTHER.split("="))
    found = extract("pixels:3", pictures, out="e", resume=True)
    assert found.notes[-1] == f"the rows were computed on {before.processor}, and this is {describe_processor()}"


def test_a_processor_is_told_by_its_maker_and_instructions(monkeypatch):
    from pyalign.extraction import job

    for name in job.OVERRIDES:
        monkeypatch.delenv(name, raising=False)
    plain = job.describe_processor()
    assert plain == job.describe_processor("cpu") and len(plain.split()) >= 2
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert job.describe_processor() == f"{plain} ONEDNN_MAX_CPU_ISA=AVX2"
    assert job.describe_processor("mps") == "mps"


# Links


@pytest.mark.parametrize("name", ["", "lock", "KEY", "KEY/state.json", "KEY/part-00000"])
def test_a_link_in_an_unfinished_folder_is_not_followed(pictures, name):
    Path("victim").mkdir()
    Path("victim/file").write_text("precious")
    begin(pictures)
    if name:
        place = Path("e/.unfinished") / name.replace("KEY", parts()[0].parent.name)
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        place.symlink_to(Path("victim/file").absolute())
    else:
        shutil.rmtree("e/.unfinished")
        Path("e/.unfinished").symlink_to(Path("victim").absolute())
    with pytest.raises(pyalign.InputError, match="is a link, which is not followed"):
        extract("pixels:3", pictures, out="e", resume=True, batch_size=2)
    assert Path("victim/file").read_text() == "precious" and len(list(Path("victim").iterdir())) == 1


@pytest.mark.parametrize("name", ["lock", "KEY/part-00000", "KEY/state.json"])
def test_a_pipe_in_an_unfinished_folder_is_not_waited_for(pictures, message_of, name):
    begin(pictures)
    place = Path("e/.unfinished") / name.replace("KEY", parts()[0].parent.name)
    place.unlink()
    os.mkfifo(place)
    assert "is not a regular file" in message_of(
        lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2)
    )


# The command


def command(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pyalign", "extract", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **options,
    )


def began():
    """Whether a batch is on the disk."""
    return bool(parts())


@pytest.mark.slow
def test_the_command_that_is_killed_at_any_time_goes_on_to_the_same_bytes(pictures):
    words = ["--images", "p", "--model", "random:0:timm:test_vit", "--batch-size", "1", "--layer", "blocks.1", "logits"]
    with command(*words, "--out", "once") as once:
        assert once.wait() == 0
    rng, killed = np.random.default_rng(0), 0
    for k in range(3):
        with command(*words, "--out", "e", *(["--resume"] if k else [])) as running:
            end = time.monotonic() + 60
            while not began() and running.poll() is None and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.05))
            running.send_signal(signal.SIGKILL)
        killed += running.wait() == -signal.SIGKILL
    assert killed
    with command(*words, "--out", "e", "--resume") as last:
        assert last.wait() == 0, last.stderr.read()
    assert files(pictures.parent / "e") == files(pictures.parent / "once")


@pytest.mark.slow
def test_ctrl_c_ends_the_command_with_130_and_says_how_to_go_on(pictures):
    for k in range(300):
        (pictures / f"more{k}.png").write_bytes((pictures / "01.png").read_bytes())
    words = ["--images", "p", "--model", "random:0:timm:test_vit", "--batch-size", "1", "--out", "e"]
    with command(*words) as running:
        end = time.monotonic() + 60
        while not began() and running.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
        said = running.stderr.read()
    assert "are in e/.unfinished; go on with --resume" in said and len(said.splitlines()) == 1


# Every argument
