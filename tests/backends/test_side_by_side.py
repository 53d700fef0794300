"""Threads in kernels at the same time: they read the same inputs and plans, and hand on scratch memory.

ThreadSanitizer runs these tests too: tests/native/test_races.py.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, reals, run_python, whole

from pyalign.backends import Rows, Wanted, native
from pyalign.backends.native import BACKEND, _native
from pyalign.ops.ranks import rank_pairs

pytestmark = pytest.mark.compiled

N, T = 300, 110_000  # several blocks, chunks and bands; scratch of more than 2 MiB, which is kept
ROUNDS, WORKERS = 4, 4


class Inputs:
    """What all threads read. Of much there are two, so that the result of another thread shows."""

    def __init__(self):
        self.x, self.narrow, self.wide = reals(0, N, 40), reals(13, N, 200), reals(1, N, 2000)
        self.squares = np.square(self.x, dtype=np.float64).sum(axis=1)
        self.s = self.x @ self.x.T
        self.triplets = [draw_triplets(2, N, T), draw_triplets(3, N, T, np.int16)]
        self.plans = [_native.plan_triplets(one, N) for one in self.triplets]
        self.sharings = [_native.share_triplets(one, N) for one in self.triplets]
        self.three = [reals(4, T, 3), reals(5, T, 3)]
        self.values = whole(6, 2, T, dtype=np.int16)
        self.signs = np.ascontiguousarray(np.sign(self.values.T), np.int8)
        self.multiplicities = np.random.default_rng(7).integers(0, 3, (N, 64)).astype(np.uint8)
        self.orders = [np.stack([rng.permutation(N) for _ in range(40)]).astype(np.int32) for rng in
                       (np.random.default_rng(8), np.random.default_rng(9))]
        items = np.stack(np.triu_indices(N, 1), axis=1).astype(np.int32)
        self.ranked = [rank_pairs(reals(seed, 1, len(items))[0], items) for seed in (10, 11)]
        self.places = [np.argsort(other.places).astype(np.int32)[one.places]
                       for one, other in (self.ranked, self.ranked[::-1])]
        self.human = np.abs(reals(12, N, 7)).astype(np.float64)
        self.keys = [np.full((1, 64), k, np.uint32) for k in (0, 1)]

    def rows(self, pair):
        return Rows(self.x, None if pair == "dot" else self.squares, pair)


inputs = cache(Inputs)
PAIRS = ("neg_sqeuclidean", "neg_euclidean")


def new(*shape, dtype=np.float32):
    return np.empty(shape, dtype)


def into(kernel, *out):
    """What a kernel writes into `out` and what it returns."""
    return *out, kernel(*out)


def shared(sharing):
    return sharing.pairs, sharing.sets


# (i, k): the inputs, and which of two the call takes.
KERNELS = {
    "row_squares": lambda i, k: _native.row_squares(i.wide[k:]),
    "center_rows": lambda i, k: into(lambda out: _native.center_rows(i.wide[k:], out), new(N - k, 2000)),
    "shift_rows": lambda i, k: into(lambda out: _native.shift_rows(i.wide, i.wide[k], out), new(N, 2000)),
    "similarity": lambda i, k: into(lambda out: _native.similarity(i.rows(PAIRS[k]), None, out), new(N, N)),
    "product": lambda i, k: into(lambda out: _native.product(i.s[k:], i.wide, out), new(N - k, 2000)),
    "add_transpose": lambda i, k: into(_native.add_transpose, i.s[k:, k:].copy()),
    "permuted_products": lambda i, k: _native.permuted_products(i.s, i.s, i.orders[k]),
    "topk": lambda i, k: into(lambda out: _native.topk(i.s, 9, k - 1, out), new(N, 9, dtype=np.int32)),
    "check_triplets": lambda i, k: _native.check_triplets(i.triplets[k], N - k),
    "triplets_from_matrix": lambda i, k: into(
        lambda out: _native.triplets_from_matrix(i.s, i.triplets[k], Wanted(sums=True, choices=out)),
        new(T, dtype=np.int8),
    ),
    "triplets_from_rows": lambda i, k: _native.triplets_from_rows(i.rows("dot"), i.triplets[k], Wanted(sums=True)),
    "triplets_in_buckets": lambda i, k: _native.triplets_in_buckets(i.rows("dot"), i.triplets[k], Wanted(sums=True)),
    "pair_products": lambda i, k: into(
        lambda out: _native.pair_products(i.narrow, i.triplets[k], i.three[k], out), new(N, 200)
    ),
    "triplet_gradient": lambda i, k: into(
        lambda out: _native.triplet_gradient(i.s, i.triplets[k], None, 1.0, 1.0, out, 3), new(N, N)
    ),
    "plan_triplets": lambda i, k: _native.plan_triplets(i.triplets[k], N).order,
    "planned_gradient": lambda i, k: into(
        lambda out: _native.planned_gradient(i.s, i.plans[k], None, 1.0, 1.0, out, 3), new(N, N)
    ),
    "outcomes": lambda i, k: into(lambda *out: _native.outcomes(i.three[k], 3, 1.0, None, *out), new(T), new(T)),
    "temperature_sums": lambda i, k: _native.temperature_sums(i.three[k], 3, None, None, 1.0, None),
    "resample_items": lambda i, k: into(
        lambda out: _native.resample_items(i.triplets[k], i.multiplicities, i.values, out), new(3, 64, dtype=np.int64)
    ),
    "resample_rows": lambda i, k: into(
        lambda out: _native.resample_rows(i.keys[k], i.values, out), new(3, 64, dtype=np.int64)
    ),
    "assign": lambda i, k: into(
        lambda out: _native.assign(i.human, i.triplets[k], bool(k), out), new(1, T, dtype=np.int16)
    ),
    "choice_similarity": lambda i, k: into(
        lambda out: _native.choice_similarity(i.s[k:, k:], 1.0, out), new(N - k, N - k)
    ),
    "ranks": lambda i, k: into(
        lambda *out: _native.ranks(i.three[k].reshape(-1), 0, *out),
        new(3 * T, dtype=np.int32),
        new(3 * T, dtype=np.int32),
    ),
    "rank_sums": lambda i, k: into(
        lambda out: BACKEND.rank_sums(i.ranked[k].order, i.ranked[1 - k].order, i.places[k], i.multiplicities, out),
        new(4, 64, dtype=np.float64),
    ),
    "inversions": lambda i, k: _native.inversions(np.ascontiguousarray(i.three[k][:, 0]).view(np.uint32), None),
    "share_triplets": lambda i, k: shared(_native.share_triplets(i.triplets[k], N)),
    "sum_shared": lambda i, k: BACKEND.shared_products(i.sharings[k], i.signs),
}


def seen(result):
    """Bytes to compare."""
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part).tobytes() for part in parts]


def together(work):
    """work(0), ... of as many threads, which begin at the same moment; the first error is raised here."""
    start = threading.Barrier(WORKERS)

    def begin(worker):
        start.wait()
        return work(worker)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begin, range(WORKERS)))


def test_every_operation_is_among_them():
    header = Path(__file__).resolve().parents[2] / "csrc" / "include" / "pyalign_operations.h"
    assert set(re.findall(r"OPERATION\((\w+), \d\)", header.read_text())) == KERNELS.keys()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", KERNELS)
def test_calls_side_by_side_give_what_each_gives_alone(name, threads, set_threads):
    set_threads(threads)
    alone = [seen(KERNELS[name](inputs(), k)) for k in (0, 1)]
    assert alone[0] != alone[1]

    def work(worker):
        for _ in range(ROUNDS):
            assert seen(KERNELS[name](inputs(), worker % 2)) == alone[worker % 2]

    together(work)


def test_different_kernels_side_by_side_hand_on_their_scratch_memory(set_threads):
    set_threads(1)
    alone = {name: seen(kernel(inputs(), 0)) for name, kernel in KERNELS.items()}
    names = list(KERNELS)

    def work(worker):
        for k in range(2 * len(names)):
            name = names[(5 * worker + k) % len(names)]
            assert seen(KERNELS[name](inputs(), 0)) == alone[name], name

    together(work)


def test_instruction_set_and_threads_may_be_chosen_while_kernels_run(set_threads):
    """Sums of whole numbers are exact, so that all choices give the same."""
    x, before = whole(8, N, 64), native.instruction_set()
    names = [name for name, runs in native.instruction_sets().items() if runs]
    expected = x.astype(np.float64) @ x.T

    def work(worker):
        for k in range(40):
            if worker == 0:
                native.set_instruction_set(names[k % len(names)])
                set_threads(1 + k % 3)
            out = new(N, N)
            _native.similarity(Rows(x, None, "dot"), None, out)
            assert np.array_equal(out, expected)

    try:
        together(work)
    finally:
        native.set_instruction_set(before)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(4))
def test_first_calls_of_several_threads_come_at_once(run):
    code = """
import threading
import numpy as np
import pyalign
x, triplets = np.arange(1200.0).reshape(300, 4) % 7, [[0, 1, 2], [5, 9, 200]] * 20_000
start, found = threading.Barrier(4), []

def first():
    start.wait()
    found.append((pyalign.similarity(x).tobytes(), pyalign.score(x, triplets)))

workers = [threading.Thread(target=first) for _ in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(len(found), len(set(found)))
"""
    done = run_python(code, PYALIGN_NUM_THREADS="2")
    assert (done.stdout.split(), done.stderr) == (["4", "1"], "")
