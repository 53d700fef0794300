"""benchmarks.gpu without a device: contenders that fail, with calls and a clock that are made up; and its cases."""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.of_kernels
ROOT = Path(__file__).resolve().parents[1]
RUN = """
import sys, types
from pathlib import Path
from benchmarks import gpu  # before numpy, whose BLAS reads its settings then
import torch

path, failing = Path(sys.argv[1]), sys.argv[2] == "failing"

def raises(error):
    raise error

class Stage:
    '''A call that returns `result`, and raises when it is called for the n-th time.'''

    def __init__(self, result, n=0, error=None):
        self.result, self.left, self.error = result, n, error

    def __call__(self):
        self.left -= 1
        return raises(self.error) if self.left == 0 else self.result

def calls(**found):
    return lambda: {name.replace("_", " "): call for name, call in found.items()}

fine, other = torch.arange(2000.0), -torch.arange(2000.0)
memory, compilation = torch.cuda.OutOfMemoryError("out of memory\\nmore"), RuntimeError("\\nno such instruction")

def contenders(case):
    number = gpu.GPU_CASES.index(case)
    print(number, len(path.read_text().splitlines()) if path.exists() else 0)  # the file as it is by then
    if number == 0 or not failing:
        return {"pyalign cuda": calls(pyalign_cuda=Stage(fine)), "peers": calls(product_alone=Stage(other))}
    if number == 1:
        return {
            "pyalign cuda": calls(pyalign_cuda=Stage(fine, 1, compilation)),
            "pyalign triton": calls(pyalign_triton=Stage(fine)),
            "pyalign torch": calls(pyalign_torch=Stage(fine, 3, memory)),
            "peers": calls(torch=Stage(other), torch_compiled=Stage(fine)),
        }
    if number == 2:
        return {"pyalign cuda": lambda: raises(memory), "peers": calls(torch=Stage(fine))}
    return raises(ValueError("no such case"))

class Clock:
    name = "NVIDIA H100 80GB HBM3"

    def seconds(self, call):
        call()
        return 0.25 if call is replay else 0.5

    def captured(self, call):
        return replay if call.result is fine else raises(RuntimeError("operation not permitted when capturing"))

replay = lambda: None
sys.modules["benchmarks.gpu_peers"] = types.SimpleNamespace(contenders=contenders)
gpu.GPU_CASES, gpu.Clock = [gpu.GPU_CASES[k] for k in (0, 2, 3, 4)], Clock
torch.cuda.is_available = lambda: True
gpu.main(["--rounds", "3", "--out", str(path)])
"""


def run(path, mode):
    command = [sys.executable, "-c", RUN, path, mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return done, rows


def test_a_contender_that_fails_ends_neither_the_others_nor_the_run(tmp_path):
    done, rows = run(tmp_path / "rows.csv", "failing")
    assert done.returncode == 1
    assert [(row["op"], row["backend"], row["ratio"]) for row in rows] == [
        ("odd_one_out_from", "pyalign cuda", "1"),
        ("odd_one_out_from", "product alone", "1"),
        ("score sums", "pyalign triton", "1"),
        ("score sums", "torch compiled", "1"),
        ("odd_one_out", "torch", "nan"),
    ]
    said = done.stdout.splitlines()
    assert said[:4] == ["0 0", "1 3", "2 5", "3 6"]  # lines of the file when a case begins, its head among them
    assert sum("500,000 µs" in line for line in said[4:]) == 2
    summary = done.stderr.splitlines()[-6:]
    things, rows_case = "n = 1,854, d = 768, t = 4.7 M int32 float32", "n = 100,000, d = 512, t = 5 M int32"
    assert summary == [
        "5 failed:",
        f"score sums: {things}, pyalign cuda: RuntimeError: no such instruction",
        f"score sums: {things}, torch: AssertionError: off by 3998 of 1999",
        f"score sums: {things}, pyalign torch: OutOfMemoryError: out of memory",
        f"odd_one_out: {rows_case} float32, pyalign cuda: OutOfMemoryError: out of memory",
        f"odd_one_out: {rows_case} bfloat16, contenders: ValueError: no such case",
    ]
    assert "Traceback" in done.stderr


def test_a_run_without_failures_ends_well(tmp_path):
    done, rows = run(tmp_path / "rows.csv", "fine")
    assert done.returncode == 0 and len(rows) == 8
    assert "Traceback" not in done.stderr and "failed" not in done.stderr
    assert {row["machine"] for row in rows} == {"NVIDIA H100 80GB HBM3"}


def test_each_call_is_timed_as_a_graph_too_and_one_that_cannot_be_captured_is_no_failure(tmp_path):
    done, rows = run(tmp_path / "rows.csv", "fine")
    assert {(row["backend"], row["median"], row["graph"]) for row in rows} == {
        ("pyalign cuda", "0.5", "0.25"),
        ("product alone", "0.5", "nan"),
    }
    said = "  product alone: no graph: RuntimeError: operation not permitted when capturing"
    assert done.stderr.splitlines().count(said) == 4


CLOCK = """
from benchmarks import gpu  # before numpy
import torch
done = []

class Event:
    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        done.append("record")

    def synchronize(self):
        done.append("wait")

    def elapsed_time(self, end):
        return 2.0  # ms

class Flush:
    def zero_(self):
        done.append("flush")

torch.empty, torch.cuda.Event = lambda *shape, **options: Flush(), Event
torch.cuda.get_device_name, torch.cuda._sleep = lambda: "some device", lambda cycles: done.append(cycles)
clock = gpu.Clock()
assert clock.name == "some device" and clock.seconds(lambda: done.append("call")) == 2e-3
assert done == ["flush", 20_000_000, "record", "call", "record", "wait"], done
"""


def test_the_device_is_kept_busy_until_all_launches_of_a_call_are_queued():
    subprocess.run([sys.executable, "-c", CLOCK], cwd=ROOT, check=True)


PROFILE = """
import contextlib, sys, types
from benchmarks import gpu
import torch

def call(name):
    return lambda: {name: lambda: (print("called", name), torch.zeros(3))[1]}

@contextlib.contextmanager
def profiled():
    print("start")
    yield lambda: print("part")
    print("stop")

names = "pyalign cuda", "pyalign triton", "pyalign torch"
peers = {"peers": lambda: sys.exit("peers are not profiled")}
gpu_peers = types.SimpleNamespace(contenders=lambda case: {name: call(name) for name in names} | peers)
sys.modules["benchmarks.gpu_peers"] = gpu_peers
gpu.profile(gpu.GPU_CASES[0], types.SimpleNamespace(profiled=profiled), [])
"""


def test_a_profiler_sees_each_call_of_our_kernels_once_warm_and_parted():
    done = subprocess.run([sys.executable, "-c", PROFILE], cwd=ROOT, capture_output=True, text=True, check=True)
    warm = [f"called pyalign {name}" for name in ("cuda", "triton")]
    seen = [
        line for name in ("cuda", "triton") for line in ("part", f"called pyalign {name}", f"profiled pyalign {name}")
    ]
    assert done.stdout.splitlines() == [*warm, "start", *seen, "stop"]


SELECT = """
import sys
from benchmarks import gpu
titles = [gpu.title(case) for case in gpu.GPU_CASES]
assert all([gpu.title(case) for case in gpu.chosen(title)] == [title] for title in titles)
assert gpu.chosen(None) == list(gpu.GPU_CASES)
gpu.main(["--only", "no such case"])
"""


def test_a_case_is_chosen_by_its_title():
    done = subprocess.run([sys.executable, "-c", SELECT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "--only must be part of the title of a case (--predict lists them); got 'no such case'"
    ]


REHEARSAL = """
import os, sys
from benchmarks import gpu
import torch
gpu.main(["--rehearse", "--rounds", "2", "--out", sys.argv[1]])
gpu.main(["--rehearse", "--profile", "--only", "triplet_gradient: "])
print("cases", [(case.op, case.case.name, case.dtype) for case in gpu.GPU_CASES])
assert torch.zeros(1).cuda is not None and torch.compile.__module__.startswith("torch")
"""


def test_a_rehearsal_runs_every_case_on_the_host_and_says_so(tmp_path):
    """Kernels of plain torch here; tests/test_first_light.py has the other engines take part."""
    path = tmp_path / "rows.csv"
    command = [sys.executable, "-c", REHEARSAL, path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    [cases] = [line.removeprefix("cases ") for line in done.stdout.splitlines() if line.startswith("cases ")]
    assert {(row["op"], row["case"], row["dtype"]) for row in rows} == {*ast.literal_eval(cases)}
    assert {row["machine"] for row in rows} == {"rehearsal"} and {row["roofline"] for row in rows} == {"nan"}
    assert {"pyalign torch", "pyalign", "torch", "product alone"} <= {row["backend"] for row in rows}
    assert "profiled" not in done.stdout, "plain torch has no kernels of ours"


CASES = """
import dataclasses
from benchmarks import gpu_cases, gpu_peers  # before numpy
import torch
from benchmarks.cases import LARGER, SQUARE, THINGS, THINGS_INT64, Case
from benchmarks.gpu_cases import GPU_CASES, H100

# Rows from memory: those that L2 holds once, the others as often as they are read, and never more than are read.
table, rows, streams = 4 * 512 * 100_000, 4 * 512 * 15_000_000, 13 * 5_000_000
for size, expected in ((0.0, rows), (table / 4, 0.75 * rows + 0.25 * table), (2.0 * table, table)):
    card = dataclasses.replace(H100, l2_size=size)
    times = gpu_cases._from_rows(LARGER, "float32").times(card)
    assert abs(times["memory"] * card.memory - streams - expected) < 1, (size, times)
    assert abs(times["L2"] * card.l2 - streams - rows) < 1
few = gpu_cases._from_rows(dataclasses.replace(LARGER, t=10), "float32")
assert few._missed(H100) == 30 * 4 * 512

int32, int64 = (gpu_cases._decisions(case) for case in (THINGS, THINGS_INT64))
assert int64.memory - int32.memory == int64.l2 - int32.l2 == 12 * 4_700_000
alone, pair = (gpu_cases._similarity(SQUARE, "float32", pair=pair) for pair in (False, True))
assert pair.flops == 2 * alone.flops and pair.memory - alone.memory == 4 * 4096 * 768

for case in GPU_CASES:
    assert case.op in gpu_peers.PEERS and case.limit(H100) in case.times(H100)
    assert case.op in gpu_peers.OURS or case.op in ("triplet_loss", "probe step"), case.op
assert len({(case.op, case.case.name, case.dtype) for case in GPU_CASES}) == len(GPU_CASES)

# The contenders of both kinds of similarity, on the host.
torch.Tensor.cuda, empty = lambda self: self, torch.empty
torch.empty = lambda *shape, device=None, **more: empty(*shape, **more)
from pyalign.backends._torch_kernels import KERNELS
results = []
for case in (alone, pair):
    case = dataclasses.replace(case, case=Case("small", 30, 8))
    ours, peers = gpu_peers.OURS[case.op](case, KERNELS)().clone(), gpu_peers.PEERS[case.op](case)
    for name in ("torch", "torch normalized"):
        assert float((peers[name]() - ours).abs().max()) < 1e-6
    results.append(ours)
assert bool((results[0] == results[0].T).all()) and not bool((results[1] == results[1].T).all())
"""


def test_the_rooflines_charge_what_must_be_moved_and_every_case_has_contenders():
    subprocess.run([sys.executable, "-c", CASES], cwd=ROOT, check=True)
