"""Threads while a probe is fitted: the kernels keep theirs, and idle ones sleep soon."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest
from support import run_python

pytest.importorskip("threadpoolctl")

COUNTED = """
{first}
import os, time
import numpy as np, pyalign
from pyalign.backends import native
from pyalign.fitting.algebra import one_blas_thread
from threadpoolctl import threadpool_info
native.set_num_threads(2)
def threads(): return len(os.listdir("/proc/self/task"))
def kernel(): return pyalign.similarity(np.ones((600, 300), np.float32)).sum()
def settled():  # threads that were told to end take a moment, on a busy machine a long one
    counts = []
    while len(counts) < 6 or len(set(counts[-6:])) > 1:
        time.sleep(0.1)
        counts.append(threads())
    return counts[-1]
def allowed(api): return max((one["num_threads"] for one in threadpool_info() if one["user_api"] == api), default=0)
with one_blas_thread(): kernel()
before, openmp = settled(), allowed("openmp")
with one_blas_thread():
    kernel()
    inside = threads()
    print(before, inside, native.num_threads(), allowed("blas"), allowed("openmp") - openmp, end=" ")
print(settled())
"""
IMPORTS = ["", *(["import torch"] if find_spec("torch") else [])]


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize("first", IMPORTS)
def test_the_runtime_has_more_threads_than_cores_inside_and_as_many_as_before_outside(first):
    cores = len(os.sched_getaffinity(0))
    done = run_python(COUNTED.format(first=first), OMP_NUM_THREADS=str(cores))
    assert done.returncode == 0, done.stderr
    before, inside, kernels, blas, openmp, after = map(int, done.stdout.split())
    assert inside - before >= cores and before == after
    assert (kernels, blas, openmp) == (2, 1, 0)  # OpenMP is as it was


def test_nothing_is_done_where_the_user_has_said_how_threads_wait():
    for variable in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        value = {"GOMP_SPINCOUNT": "1000", "OMP_WAIT_POLICY": "passive"}[variable]
        before, inside, *_ = map(int, run_python(COUNTED.format(first=""), **{variable: value}).stdout.split())
        assert inside == before


@pytest.mark.parametrize("first", IMPORTS)
def test_a_fit_is_the_same_whoever_brought_the_runtime(first):
    code = f"""
{first}
import hashlib, numpy as np, pyalign
from pyalign.datasets.simulate import simulate
x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
fit = pyalign.fit_probe(x, simulate(x[:, :3], 4000, measure="dot").triplets, penalty=0.02)
print(hashlib.sha256(fit.transform.weights.tobytes()).hexdigest())
"""
    found = [run_python(code, **more).stdout for more in ({}, {"OMP_WAIT_POLICY": "passive"})]
    assert len(set(found)) == 1 and len(found[0]) == 65
