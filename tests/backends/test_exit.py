"""The interpreter ends while daemon threads are in kernels, which come back to none: that must harm nobody."""

from __future__ import annotations

import pytest
from support import run_python

pytestmark = pytest.mark.compiled

# What `late` holds is deleted when no thread may have the GIL any more; it lets go of it until all have come back.
SETUP = """
import sys, threading, time, types
import numpy as np
from pyalign.backends import Rows, Wanted
from pyalign.backends.native import BACKEND, _native

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.7)

late = sys.modules["late"] = types.ModuleType("late")
late.slow = Slow()
n, t = 500, 300_000
x = np.random.default_rng(0).normal(size=(n, 200)).astype(np.float32)
rows, s = Rows(x, None, "dot"), np.zeros((n, n), np.float32)
"""

KERNELS = (
    SETUP
    + """
triplets = np.random.default_rng(0).integers(0, n - 2, (t, 1)) + np.array([[0, 1, 2]])
plan, sharing = _native.plan_triplets(triplets, n), _native.share_triplets(triplets, n)
three, values, wide = np.zeros((t, 3), np.float32), np.ones((2, t), np.int16), np.ones((3000, 500), np.float32)
table, keys = np.ones((n, 64), np.uint8), np.zeros((1, 64), np.uint32)

def out(*shape, dtype=np.float32):
    return np.empty(shape, dtype)

kernels = [
    lambda: _native.row_squares(wide),
    lambda: _native.center_rows(wide, out(*wide.shape)),
    lambda: _native.shift_rows(wide, wide[0], out(*wide.shape)),
    lambda: _native.similarity(rows, None, out(n, n)),
    lambda: _native.product(wide, x, out(3000, 200)),
    lambda: _native.add_transpose(out(2000, 2000)),
    lambda: _native.permuted_products(s, s, np.stack([np.arange(n, dtype=np.int32)] * 9)),
    lambda: _native.topk(s, 9, 0, np.empty((n, 9), np.int32)),
    lambda: _native.check_triplets(triplets, n),
    lambda: _native.triplets_from_matrix(s, triplets, Wanted(sums=True)),
    lambda: _native.triplets_from_rows(rows, triplets, Wanted(sums=True)),
    lambda: _native.triplets_in_buckets(rows, triplets, Wanted(sums=True)),
    lambda: _native.pair_products(x, triplets, three, out(n, 200)),
    lambda: _native.triplet_gradient(s, triplets, None, 1.0, 1.0, out(n, n), 3),
    lambda: _native.plan_triplets(triplets, n),
    lambda: _native.planned_gradient(s, plan, None, 1.0, 1.0, out(n, n), 3),
    lambda: _native.outcomes(three, 3, 1.0, None, out(t), out(t)),
    lambda: _native.temperature_sums(three, 3, None, None, 1.0, None),
    lambda: _native.resample_items(triplets, table, values, out(3, 64, dtype=np.int64)),
    lambda: _native.resample_rows(keys, values, out(3, 64, dtype=np.int64)),
    lambda: _native.share_triplets(triplets, n),
    lambda: BACKEND.shared_products(sharing, np.ones((t, 2), np.int8)),
    lambda: _native.choice_similarity(s, 1.0, out(n, n)),
]

def repeat(kernel, begun):
    kernel()
    begun.release()
    while True:
        kernel()

begun = threading.Semaphore(0)
for kernel in kernels:
    threading.Thread(target=repeat, args=(kernel, begun), daemon=True).start()
for _ in kernels:
    begun.acquire()
"""
)

FIRST = (
    SETUP
    + """
begun = threading.Event()

def first():
    begun.set()
    while True:
        _native.similarity(rows, None, s)

threading.Thread(target=first, daemon=True).start()
begun.wait()
"""
)


@pytest.mark.of_kernels
@pytest.mark.slow
@pytest.mark.parametrize("run", range(10))
def test_daemon_threads_in_every_kernel_let_the_process_end(run):
    done = run_python(KERNELS, PYALIGN_NUM_THREADS="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("run", range(3))
def test_a_first_call_at_the_end_lets_the_process_end(run):
    done = run_python(FIRST, PYALIGN_NUM_THREADS="2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
