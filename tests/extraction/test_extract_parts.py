"""Extractions in parts, on one processor or several: put together, the bytes of one run; or they are refused."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from extracted import OTHER, files, in_a_fork, kill_at, repaint

import pyalign
from pyalign.extraction.extract import extract
from pyalign.extraction.job import describe_processor
from pyalign.extraction.merge import merge_extractions
from pyalign.extraction.sources import load_encoder

pytest.importorskip("PIL.Image", reason="Pillow is not installed")
OPTIONS = {"batch_size": 2, "unreadable": "omit"}


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


def test_parts_of_images_that_changed_between_the_runs_are_not_merged(bitmaps, message_of):
    extract("pixels:3", "p", out="part1", shard=(1, 2), batch_size=2)
    for k in range(6):
        repaint(bitmaps, k, 50 + k)
    extract("pixels:3", "p", out="part2", shard=(2, 2), batch_size=2)
    message = message_of(lambda: merge_extractions(["part1", "part2"], "merged"))
    assert message == "part1: was made of other images than p holds: '00.bmp' has changed"
    assert not Path("merged").exists()
    bitmaps.rename("gone")
    note = "the images of p are not there: whether they changed between the runs of the parts is not checked"
    assert merge_extractions(["part1", "part2"], "merged").notes == (note,)


def test_parts_of_two_folders_of_images_are_not_merged(bitmaps, message_of):
    extract("pixels:3", "p", out="part1", shard=(1, 2), batch_size=2)
    shutil.copytree("p", "q")
    repaint(Path("q"), 4, 99)
    extract("pixels:3", "q", out="part2", shard=(2, 2), batch_size=2)
    message = message_of(lambda: merge_extractions(["part1", "part2"], "merged"))
    assert message == "part2: was made of other images than p holds: '04.bmp' has changed"


def test_parts_whose_hashes_were_edited_are_not_merged(bitmaps, message_of):
    extract("pixels:3", "p", out="part1", shard=(1, 1), batch_size=2)
    Path("part1/items.sha256").write_text(f"{'0' * 64}  00.bmp\n")
    message = message_of(lambda: merge_extractions(["part1"], "merged"))
    assert message == "part1/items.sha256: was changed since the extraction has written it"


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
    assert told("a1", "whole") == "whole: is no part: it was made without shard=(k, n)"
    assert told("a2", "a1", "./a2") == "./a2: is part 2, as a2 is"
    assert told() == "merge needs the folders of all parts; got none"
    assert not (pictures.parent / "m").exists()


def test_more_parts_than_batches_leave_some_without_items(pictures, message_of):
    extract("pixels:2", pictures, out="once", batch_size=6)
    found = [extract("pixels:2", pictures, out=f"part{k}", shard=(k, 3), batch_size=6) for k in (1, 2, 3)]
    assert [len(part) for part in found] == [0, 6, 5]
    assert files(Path("part1"))[0] == {"names.txt": b"", "items.sha256": b""}
    merge_extractions([f"part{k}" for k in (3, 1, 2)], "merged")
    assert files(Path("merged")) == files(Path("once"))
    assert extract("pixels:2", pictures, shard=(1, 3), batch_size=6).n_rows == 0
    assert "part (1, 3) of a run holds no items" in message_of(lambda: found[0]["penultimate"])
    message = message_of(pyalign.load_embeddings, "part1")
    assert message == "part1: manifest.json: holds no rows: it is a part of a run; merge the parts"


def test_a_part_whose_items_all_fail_is_merged_with_the_others(pictures):
    for name in sorted(path.name for path in pictures.glob("*.*"))[:4]:
        (pictures / name).write_bytes(b"junk")
    extract("pixels:2", pictures, out="once", **OPTIONS)
    for part in (1, 2, 3):
        extract("pixels:2", pictures, out=f"part{part}", shard=(part, 3), **OPTIONS)
    merged = merge_extractions(["part1", "part2", "part3"], "merged")
    assert files(Path("merged")) == files(Path("once")) and len(merged) == 7


def test_a_merge_that_is_killed_at_any_call_begins_again_with_whatever_parts_it_gets(bitmaps):
    folders, ended, point = ["part1", "part2"], signal.SIGKILL, 0
    for color in (0, 70):
        for k in range(6):
            repaint(bitmaps, k, color + k)
        for k in (1, 2):
            extract("pixels:3", "p", out=f"{color}/part{k}", shard=(k, 2), batch_size=2)
    extract("pixels:3", "p", out="once", batch_size=2)
    while ended == signal.SIGKILL:

        def killed(point=point):
            kill_at(point)
            merge_extractions([f"0/{name}" for name in folders], "merged", images="p")

        for k in range(6):
            repaint(bitmaps, k, k)
        ended = in_a_fork(killed)
        for k in range(6):
            repaint(bitmaps, k, 70 + k)
        if ended == signal.SIGKILL and not Path("merged/manifest.json").exists():
            merge_extractions([f"70/{name}" for name in folders], "merged")
            assert files(Path("merged")) == files(Path("once"))
        shutil.rmtree("merged", ignore_errors=True)
        point += 1
    assert point > 10


def test_a_part_that_is_being_written_is_not_merged_and_loses_nothing(pictures, message_of):
    extract("pixels:3", "p", out="once", batch_size=2)
    extract("pixels:3", "p", out="part1", shard=(1, 2), batch_size=2)
    encoder, told = load_encoder("pixels:3"), []
    real = encoder.run

    def run(*given):
        told.append(message_of(lambda: merge_extractions(["part1", "part2"], "merged")))
        return real(*given)

    encoder.run = run
    extract(encoder, "p", out="part2", shard=(2, 2), batch_size=2)
    assert {*told} == {"part2: is an unfinished extraction: go on with extract(..., resume=True)"} and len(told) == 3
    merge_extractions(["part1", "part2"], "merged")
    assert files(Path("merged")) == files(Path("once"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("penultimate.npy", "penultimate.npy was changed since the extraction has written it"),
        ("names.txt", "names.txt was changed since the extraction has written it"),
        ("items.sha256", "items.sha256 is not there, which its run has written"),
    ],
)
def test_a_finished_folder_that_was_damaged_is_neither_given_back_nor_merged(bitmaps, message_of, name, problem):
    extract("pixels:3", "p", out="e", batch_size=2)
    extract("pixels:3", "p", out="part1", shard=(1, 1), batch_size=2)
    for folder in ("e", "part1"):
        path = Path(folder, name)
        if name == "items.sha256":
            path.unlink()
        else:
            raw = bytearray(path.read_bytes())
            raw[-2] ^= 1
            path.write_bytes(raw)
    assert message_of(lambda: extract("pixels:3", "p", out="e", batch_size=2, resume=True)) == f"e: {problem}"
    assert message_of(lambda: merge_extractions(["part1"], "merged")) == f"part1: {problem}"
    assert not Path("merged").exists()


def test_an_empty_part_of_another_processor_is_merged(bitmaps, monkeypatch):
    extract("pixels:3", "p", out="once", batch_size=6)
    extract("pixels:3", "p", out="part2", shard=(2, 2), batch_size=6)
    monkeypatch.setenv(*OTHER.split("="))
    extract("pixels:3", "p", out="part1", shard=(1, 2), batch_size=6)
    merge_extractions(["part1", "part2"], "merged")
    assert files(Path("merged")) == files(Path("once"))


def test_parts_of_two_processors_are_merged_where_that_is_allowed_alone(pictures, monkeypatch, message_of):
    here = extract("pixels:3", "p", out="part1", shard=(1, 2), batch_size=2).processor
    extract("pixels:3", "p", out="threads2", shard=(2, 2), batch_size=2, n_threads=1)
    monkeypatch.setenv(*OTHER.split("="))
    other = describe_processor()
    extract("pixels:3", "p", out="part2", shard=(2, 2), batch_size=2)
    end = "last digits of rows may differ; mixed=True allows it"
    message = message_of(lambda: merge_extractions(["part1", "part2"], "merged"))
    assert message == f"part2: differs from part1: processor {other}, and there {here}: {end}"
    message = message_of(lambda: merge_extractions(["part1", "threads2"], "merged"))
    assert message == f"threads2: differs from part1: model threads 1, and there 2: {end}"
    found = merge_extractions(["part1", "part2"], "merged", mixed=True)
    assert found.processor == f"{here} and {other}"
    note = f"parts differ in processor ({here}; {other}): rows may differ in the last digits"
    assert found.notes[-1] == note and len(found) == 11
    extract("pixels:3", "p", out="other", shard=(2, 2), batch_size=3)
    assert "in batch_size" in message_of(lambda: merge_extractions(["part1", "other"], "m", mixed=True))


MEASURED = """
import re
from pathlib import Path
from pyalign.extraction.merge import merge_extractions
def told():
    text = "".join(Path(f"/proc/self/{name}").read_text() for name in ("status", "io"))
    return [int(re.search(f"{word}:\\s*(\\d+)", text)[1]) for word in ("VmHWM", "wchar")]
merge_extractions(["small1"], "small")
before = told()
merge_extractions(["part1", "part2"], "merged")
print(*(now - was for now, was in zip(told(), before)))
"""


def test_a_merge_takes_no_memory_for_its_rows_and_writes_them_once(pictures):
    extract("pixels:8", "p", out="small1", shard=(1, 1))
    for part in (1, 2):
        extract("pixels:1024", "p", out=f"part{part}", shard=(part, 2), batch_size=2)
    ran = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    memory, written = map(int, ran.stdout.split())
    size = Path("merged/penultimate.npy").stat().st_size
    assert size > 100 << 20 and 1024 * memory < size / 3 and size <= written < 1.01 * size
