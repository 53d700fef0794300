"""Extractions that are interrupted, killed, resumed, run in parts: the bytes are those of one run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pyalign.extraction import folder as folder_module
from pyalign.extraction.extract import extract
from pyalign.extraction.merge import merge_extractions
from pyalign.extraction.sources import load_encoder

OPTIONS = {"batch_size": 2, "on_error": "skip"}


@pytest.fixture
def damaged(pictures):
    (pictures / "04.png").unlink()
    (pictures / "04.jpg").write_bytes(b"junk")
    return pictures


def files(folder):
    """The bytes of a finished folder; of the manifest all but times."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    told = json.loads(found.pop("manifest.json"))
    for key in ("seconds", "items_per_second", "provenance"):
        told.pop(key)
    return found, told


def kill_at(point):
    """Makes the call with that number among those that change the disk the last one of this process."""
    left = [point]

    def die_or(real):
        def counted(*args, **options):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return counted

    def half(file, data, real=folder_module.append):
        left[0] -= 1
        if left[0] < 0:
            real(file, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        real(file, data)

    for name in ("fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, die_or(getattr(os, name)))
    folder_module.append = half


def in_a_fork(action):
    """The signal that ended `action` in a process of its own, or 0."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] & 0x7F


def test_killed_at_any_call_it_goes_on_to_the_same_bytes(damaged):
    encoder = load_encoder("pixels:3")
    once = extract(encoder, damaged, out="once", **OPTIONS)
    whole = files(damaged.parent / "once")
    ended, point = signal.SIGKILL, 0
    while ended == signal.SIGKILL:
        out = damaged.parent / f"at{point}"

        def killed(out=out, point=point):
            kill_at(point)
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
    with pytest.raises(KeyboardInterrupt, match=r"4 of 11 are in e/.unfinished; go on with --resume"):
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
    assert message == "e: holds a finished extraction of other items or settings; take another folder"


def begin(pictures, **options):
    """An extraction that ends after a batch."""
    encoder = load_encoder("pixels:3")
    real = encoder.run

    def run(prepared, layers):
        if (pictures.parent / "e" / ".unfinished" / "done.jsonl").exists():
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
    assert message.startswith("e: was begun with items ")


def test_without_resume_what_is_unfinished_is_not_lost(pictures, message_of):
    begin(pictures)
    message = message_of(lambda: extract("pixels:3", pictures, out="e", batch_size=2))
    assert message == "e: holds an unfinished run (1 batches): go on with --resume, or remove it"


def test_a_run_that_has_ended_before_its_first_batch_is_no_run(pictures, message_of):
    (pictures / "00.jpg").write_bytes(b"?")
    message_of(lambda: extract("pixels:3", pictures, out="e"))
    assert (pictures.parent / "e" / ".unfinished").exists()
    found = extract("pixels:4", pictures, out="e", on_error="skip")
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
        lambda work: (work / "done.jsonl").write_text('{"batch": 0}\n'),
        lambda work: (work / "done.jsonl").write_text("[[[\n"),
        lambda work: (work / "penultimate.npy").write_bytes(b"x"),
        lambda work: (work / "penultimate.npy").unlink(),
        lambda work: (work / "done.jsonl").unlink(),
        lambda work: (work / "done.jsonl").write_bytes(b"\xff\xfe"),
    ],
)
def test_what_was_damaged_is_made_again(pictures, damage):
    extract("pixels:3", pictures, out="once", batch_size=2)
    begin(pictures)
    damage(pictures.parent / "e" / ".unfinished")
    extract("pixels:3", pictures, out="e", resume=True, batch_size=2)
    assert files(pictures.parent / "e") == files(pictures.parent / "once")


@pytest.mark.parametrize("state", ["", "[]", '{"model": 3}', "\x00" * 9])
def test_a_state_that_was_edited_is_refused_in_one_line(pictures, message_of, state):
    begin(pictures)
    (pictures.parent / "e" / ".unfinished" / "state.json").write_text(state)
    message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
    assert message.startswith("e")


def test_edited_counts_are_refused_in_one_line(pictures, message_of):
    begin(pictures)
    done = pictures.parent / "e" / ".unfinished" / "done.jsonl"
    line = json.loads(done.read_text())
    done.write_text(json.dumps({**line, "rows": 1}) + "\n")
    message = message_of(lambda: extract("pixels:3", pictures, out="e", resume=True, batch_size=2))
    assert message == "e: was changed since an interrupted run has left it; remove it to begin again"


# Parts


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_parts_put_together_are_the_bytes_of_one_run(damaged, parts):
    layers = ("penultimate", "logits")
    encoder = load_encoder("random:0:timm:test_resnet")
    whole = extract(encoder, damaged, layers, out="once", **OPTIONS)
    for part in range(parts, 0, -1):
        extract(encoder, damaged, layers, out=f"part{part}", shard=(part, parts), **OPTIONS)
    merged = merge_extractions([f"part{part}" for part in range(parts, 0, -1)], "merged")
    assert files(damaged.parent / "merged") == files(damaged.parent / "once")
    assert merged["logits"].names == whole["logits"].names
    again = extract(encoder, damaged, layers, out="merged", resume=True, **OPTIONS)
    np.testing.assert_array_equal(again["logits"].values, whole["logits"].values)


def test_what_does_not_belong_together_is_not_merged(pictures, message_of):
    for part in (1, 2):
        extract("pixels:2", pictures, out=f"a{part}", shard=(part, 2), batch_size=2)
    extract("pixels:2", pictures, out="b2", shard=(2, 2), batch_size=3)
    extract("pixels:2", pictures, out="c1", shard=(1, 3), batch_size=2)
    extract("pixels:2", pictures, out="whole")

    def told(*parts):
        return message_of(lambda: merge_extractions(parts, "m"))

    assert told("a1") == "merge needs all 2 parts; missing 2"
    assert told("a1", "b2") == "b2: differs from a1 in batch_size"
    assert told("a1", "c1") == "c1: differs from a1 in number of parts (3 and 2)"
    assert told("a1", "whole") == "whole: is no part: it was made without --shard"
    assert told("a2", "a1", "./a2") == "./a2: is part 2, as a2 is"
    assert told() == "merge needs the folders of all parts; got none"
    assert not (pictures.parent / "m").exists()


def test_more_parts_than_batches_leave_some_without_items(pictures, message_of):
    message = message_of(lambda: extract("pixels:2", pictures, out="e", shard=(1, 40), batch_size=11))
    assert message == "shard 1/40 holds no items: there are 1 batches"


# The command


def command(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pyalign", "extract", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **options,
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_that_is_killed_at_any_time_goes_on_to_the_same_bytes(pictures):
    words = ["--images", "p", "--model", "random:0:timm:test_vit", "--batch-size", "1", "--layer", "blocks.1", "logits"]
    with command(*words, "--out", "once") as once:
        assert once.wait() == 0
    rng, killed = np.random.default_rng(0), 0
    work = pictures.parent / "e" / ".unfinished" / "done.jsonl"
    for k in range(3):
        with command(*words, "--out", "e", *(["--resume"] if k else [])) as running:
            end = time.monotonic() + 60
            while not work.exists() and running.poll() is None and time.monotonic() < end:
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
    work = pictures.parent / "e" / ".unfinished" / "done.jsonl"
    words = ["--images", "p", "--model", "random:0:timm:test_vit", "--batch-size", "1", "--out", "e"]
    with command(*words) as running:
        end = time.monotonic() + 60
        while not (work.exists() and work.stat().st_size) and running.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
        said = running.stderr.read()
    assert "are in e/.unfinished; go on with --resume" in said and len(said.splitlines()) == 1
