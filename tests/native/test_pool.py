"""The pool of threads that wheels have in place of OpenMP: each kind of directive, by several callers at once."""

from __future__ import annotations

import pytest
from native_builds import ROOT, must, require, run

SOURCES = (ROOT / "tests" / "native" / "pool" / "pool.cpp", ROOT / "csrc" / "cpu" / "pool.cpp")
pytestmark = pytest.mark.of_kernels


def built(folder, sources, *options, compiler="clang++"):
    (compiler,) = require(compiler)
    compiled = [compiler, "-std=c++17", "-O2", "-fopenmp", "-DPA_THREAD_POOL", f"-I{ROOT / 'csrc' / 'cpu'}", *options]
    objects = [folder / f"{k}.o" for k in range(len(sources))]
    for source, made in zip(sources, objects, strict=True):
        must([*compiled, "-c", source, "-o", made])
    must([compiler, "-pthread", *options, *objects, "-o", folder / "program"])  # without -fopenmp: no library of OpenMP
    return folder / "program"


@pytest.mark.parametrize("compiler", ["clang++", "g++"])
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_each_iteration_is_done_once_and_sums_are_those_of_one_thread(tmp_path, sanitizer, compiler):
    done = run([built(tmp_path, SOURCES, f"-fsanitize={sanitizer}", "-g", compiler=compiler)])
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["1", "2", "3", "7"]
    assert len({line.split()[1] for line in done.stdout.splitlines()}) == 1


@pytest.mark.plants
@pytest.mark.parametrize(
    ("compiler", "changes"),
    [
        ("clang++", {"number < more ? number : more": "number"}),  # iterations that no thread has
        ("clang++", {"if (!team || team->size == 1) return;": "return;"}),  # no barrier
        ("clang++", {"member.team->lock.take();\n  return 1": ";\n  return 1", "member.team->lock.give();": ";"}),
        ("g++", {"long(upper) + 1": "long(upper)"}),  # iterations that no thread has
        ("g++", {"void GOMP_loop_end(void) { GOMP_barrier(); }": "void GOMP_loop_end(void) {}"}),
        ("g++", {"critical.take()": "", "critical.give()": ""}),
    ],
    ids=["division", "barrier", "reduction", "dynamic loop", "end of a loop", "critical section"],
)
def test_a_broken_pool_is_seen(tmp_path, compiler, changes):
    text = SOURCES[1].read_text()
    for right, wrong in changes.items():
        assert right in text
        text = text.replace(right, wrong)
    (tmp_path / "broken.cpp").write_text(text)
    done = run([built(tmp_path, (SOURCES[0], tmp_path / "broken.cpp"), "-fsanitize=thread", "-g", compiler=compiler)])
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    assert done.returncode != 0
