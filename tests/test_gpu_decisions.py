"""benchmarks.gpu_routes: which of two routes goes, from rows that are made up; and the calls that are measured."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("op", "case", "dtype", "backend", "median", "unit")


def decided(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([HEAD, *rows])
    command = [sys.executable, "-m", "benchmarks.gpu_routes", path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ((1.12, 1.11), "pyalign cuda goes: csrc/cuda/topk.cu and pa_cuda_topk"),
        ((1.12, 1.1), "both stay"),
        ((2.0, 0.5), "both stay"),
        ((0.92, 0.5), "both stay"),
        ((0.9, 0.5), "pyalign cuda topk=torch goes: the branch on topk in _cuda_kernels.py"),
    ],
)
def test_a_route_goes_where_it_is_slower_by_more_than_a_tenth_at_every_size(tmp_path, times, verdict):
    rows = [("topk", f"n-{k}", "float32", "pyalign cuda", time, "s") for k, time in enumerate(times)]
    rows += [("topk", f"n-{k}", "float32", "pyalign cuda topk=torch", 1.0, "s") for k in range(len(times))]
    lines = decided(tmp_path / "rows.csv", *rows, ("topk", "n-9", "float32", "pyalign cuda", 1.0, "s"))
    assert lines[:3] == [
        *(f"topk, n-{k} float32: pyalign cuda takes {time:.2f} times pyalign cuda topk=torch"
          for k, time in enumerate(times)),
        f"pyalign cuda and pyalign cuda topk=torch: {verdict}",
    ]
    assert lines[3] == "pyalign triton and pyalign triton topk=torch: not measured"


def test_two_settings_of_one_backend_are_compared_with_each_other(tmp_path):
    rows = [
        ("triplet_gradient", "big", "float32", f"pyalign cuda{setting}", time, "s")
        for setting, time in (("", 1.0), (" gradient=fixed", 3.0), (" gradient=sort", 2.0))
    ]
    assert decided(tmp_path / "rows.csv", *rows)[-2:] == [
        "triplet_gradient, big float32: pyalign cuda gradient=fixed takes 1.50 times pyalign cuda gradient=sort",
        "pyalign cuda gradient=fixed and pyalign cuda gradient=sort: pyalign cuda gradient=fixed goes: fixed.cuh and "
        "fixed_bytes",
    ]


def test_a_file_that_is_not_there_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_routes", "none.csv"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "none.csv cannot be read: No such file or directory\n")


CALLS = """
import os
from benchmarks import gpu_cases, gpu_peers, gpu_routes  # before numpy
import dataclasses
import torch
from benchmarks.cases import Case
from pyalign.backends._tensor_kernels import VARIABLE, parse_routes
from pyalign.backends._torch_kernels import TorchKernels

# On the host: torch's kernels as those of `cuda`, which note the routes that are asked for.
torch.Tensor.cuda, empty, zeros = lambda self: self, torch.empty, torch.zeros
torch.empty = lambda *shape, device=None, **more: empty(*shape, **more)
torch.zeros = lambda *shape, device=None, **more: zeros(*shape, **more)
asked = []

class Noting(TorchKernels):
    def __getattribute__(self, name):
        asked.append(os.environ.get(VARIABLE, ""))
        return super().__getattribute__(name)

class Backend:
    kernels = Noting()

def backend(name, place):
    if name != "cuda":
        raise gpu_peers.InputError("not here")
    return Backend

gpu_peers.get_backend = backend
small, measured = Case("small", 60, 8, 300), {}
for op in ("topk", "similarity cosine", "triplet_gradient", "odd_one_out_from"):
    case = next(one for one in gpu_cases.GPU_CASES if one.op == op)
    makers = gpu_peers.contenders(dataclasses.replace(case, case=small))
    results = {}
    for name, make in makers.items():
        for each, call in make().items():
            if "compiled" not in each and each != "product alone":
                asked.clear()
                results[each] = call().reshape(60, -1).double() if op != "odd_one_out_from" else call().double()
                if each.startswith("pyalign"):
                    measured[op, each] = asked[-1]
    first = results["pyalign cuda"]
    assert all(float((one - first).abs().max()) < 1e-4 for one in results.values()), op
assert measured == {
    ("topk", "pyalign cuda"): "", ("topk", "pyalign cuda topk=torch"): "topk=torch",
    ("similarity cosine", "pyalign cuda"): "",
    ("similarity cosine", "pyalign cuda product=cublas"): "product=cublas",
    ("triplet_gradient", "pyalign cuda"): "", ("triplet_gradient", "pyalign cuda gradient=fixed"): "gradient=fixed",
    ("triplet_gradient", "pyalign cuda gradient=sort"): "gradient=sort", ("odd_one_out_from", "pyalign cuda"): "",
}, measured

# Every pair of routes is measured at two sizes or more, and each of its settings is one.
for pair in gpu_routes.PAIRS:
    for op in pair.operations[:1]:
        assert len({case.case.n for case in gpu_cases.GPU_CASES if case.op == op}) >= 2, op
    for setting in filter(None, pair.settings):
        parse_routes(setting)
"""


@pytest.mark.of_kernels
def test_every_route_is_a_contender_of_its_operations():
    pytest.importorskip("torch", reason="torch is not installed")
    subprocess.run([sys.executable, "-c", CALLS], cwd=ROOT, check=True)
