"""The pool of threads that wheels have in place of OpenMP: each kind of directive, by several callers at once."""

from __future__ import annotations

import pytest
from native_builds import ROOT, must, require, run

SOURCES = (ROOT / "tests" / "native" / "pool" / "pool.cpp", ROOT / "csrc" / "cpu" / "pool.cpp")


def built(folder, sources, *options):
    (clang,) = require("clang++")
    compiled = [clang, "-std=c++17", "-O2", "-fopenmp", "-DPA_THREAD_POOL", f"-I{ROOT / 'csrc' / 'cpu'}", *options]
    objects = [folder / f"{k}.o" for k in range(len(sources))]
    for source, made in zip(sources, objects, strict=True):
        must([*compiled, "-c", source, "-o", made])
    must([clang, "-pthread", *options, *objects, "-o", folder / "program"])  # without -fopenmp: no library of OpenMP
    return folder / "program"


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_each_iteration_is_done_once_and_sums_are_those_of_one_thread(tmp_path, sanitizer):
    done = run([built(tmp_path, SOURCES, f"-fsanitize={sanitizer}", "-g")])
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["1", "2", "3", "7"]
    assert len({line.split()[1] for line in done.stdout.splitlines()}) == 1


@pytest.mark.plants
@pytest.mark.parametrize(
    "changes",
    [
        {"number < more ? number : more": "number"},  # iterations that no thread has
        {"if (!team || team->size == 1) return;": "return;"},  # no barrier
        {"member.team->lock.take();\n  return 1": ";\n  return 1", "member.team->lock.give();": ";"},  # two add at once
    ],
    ids=["division", "barrier", "reduction"],
)
def test_a_broken_pool_is_seen(tmp_path, changes):
    text = SOURCES[1].read_text()
    for right, wrong in changes.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    (tmp_path / "broken.cpp").write_text(text)
    done = run([built(tmp_path, (SOURCES[0], tmp_path / "broken.cpp"), "-fsanitize=thread", "-g")])
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    assert done.returncode != 0
