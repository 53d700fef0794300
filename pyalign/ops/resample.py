"""Inner products of matrices under many permutations of the items: what permutation tests of two models are made of.

Sums over triplets under resamples of the items, of the triplets, or of the people who answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from pyalign.backends import LANES, get_host_backend
from pyalign.ops._dispatch import dispatch_of
from pyalign.progress import Progress, silent

ORDERS_AT_ONCE = 64


def permuted_products(a: np.ndarray, b: np.ndarray, orders: np.ndarray, *, backend: str = "auto") -> np.ndarray:
    """The sum over all i, j of a[i, j] * b[p[i], p[j]] for each order p.

    Args:
        a, b: (n, n) float32 or float64, symmetric, contiguous.
        orders: (k, n) int32, each a permutation of 0 ... n - 1.
        backend: of the host; for that of a device the one that "auto" chooses on the host.

    Returns:
        (k,) float64, the same for any number of threads.

    Example:
        >>> a, b = np.diag([1.0, 2.0]), np.diag([3.0, 4.0])
        >>> permuted_products(a, b, np.array([[0, 1], [1, 0]], np.int32))
        array([11., 10.])
    """
    return get_host_backend(backend).permuted_products(a, b, np.ascontiguousarray(orders, np.int32))


def identity(n: int) -> np.ndarray:
    """(1, n) int32: the order of the items as they are."""
    return np.arange(n, dtype=np.int32)[None, :]


def permutations_of(n: int, count: int, seed: int, of: np.ndarray | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Orders (k, n) int32 in pieces, and which of `count` they are; each has its own counter of the generator.

    of: (n,) see `order` of `permutation`.

    Example:
        >>> [(part, orders.shape) for part, orders in permutations_of(5, 3, 0)]
        [(slice(0, 3, None), (3, 5))]
    """
    for first in range(0, count, ORDERS_AT_ONCE):
        part = slice(first, min(count, first + ORDERS_AT_ONCE))
        orders = [permutation(n, counter, seed=seed, order=of) for counter in range(part.start, part.stop)]
        yield part, np.stack(orders).astype(np.int32)


TABLE_BYTES = 1 << 18  # of multiplicities that the host looks up at once, so that they stay in L2
KEPT_BYTES = 1 << 20  # tables of multiplicities up to this size are kept for the next call
LANES_AT_ONCE = 512  # at most: what a step costs in time, and a kernel in memory for sums
OBJECTS, TRIPLETS, SUBJECTS, PERMUTATIONS = 1, 2, 3, 4  # streams of the generator
PAIRS_AT_ONCE = 4096  # of objects, whose weights are held at once


def object_sums(
    triplets: object, n: int, values: np.ndarray, *, n_resamples: int, seed: int = 0, backend: str = "auto",
    progress: Progress = silent,
) -> np.ndarray:
    """Sums under resamples of the n items.

    Args:
        triplets: (t, 3) integers in [0, n), three different items each.
        n: how many items there are to draw from.
        values: (v, t) int16.
        n_resamples: how many, b.
        seed: the same seed gives the same resamples, whatever their number.
        backend: see `pyalign.similarity`.
        progress: called now and then with "resamples", how many are done, and of how many.

    Returns:
        (b, 1 + v) int64: the sum of the triplets' weights, and that of weight * value for each row of values.

    Example:
        >>> sums = object_sums([[0, 1, 2], [1, 2, 3]], 4, np.array([[6, 0]], np.int16), n_resamples=5)
        >>> sums.shape, bool((sums[:, 1] <= 6 * sums[:, 0]).all())
        ((5, 2), True)
    """
    dispatch = dispatch_of(backend, triplets)
    index, checked = dispatch.triplets(triplets), _as_values(values)
    there = dispatch.bring(checked)

    def compute(first: int, count: int) -> np.ndarray:
        table = dispatch.bring(multiplicities(n, first, count, seed=seed, stream=OBJECTS))
        with dispatch.running(index, n):
            sums = dispatch.empty((1 + len(checked), count), np.int64)
            dispatch.backend.resample_items(index, table, there, sums)
            return dispatch.host(sums)

    at_once = TABLE_BYTES // max(1, n) if dispatch.on_host else LANES_AT_ONCE
    return _in_steps(compute, len(checked), n_resamples, at_once, progress)


def triplet_sums(
    values: np.ndarray, *, n_resamples: int, seed: int = 0, backend: str = "auto", progress: Progress = silent
) -> np.ndarray:
    """The sums of `object_sums`, with a weight Poisson(1) for each triplet by itself; arguments as there."""
    host, checked = get_host_backend(backend), _as_values(values)

    def compute(first: int, count: int) -> np.ndarray:
        sums = np.empty((1 + len(checked), count), np.int64)
        host.resample_rows(_keys(first, count, seed), checked, sums)
        return sums

    return _in_steps(compute, len(checked), n_resamples, LANES_AT_ONCE // 2, progress)


def pair_sums(
    pairs: object, n: int, values: np.ndarray, *, n_resamples: int, seed: int = 0, backend: str = "auto",
    progress: Progress = silent,
) -> np.ndarray:
    """The sums of `object_sums` over pairs (p, 2); a pair weighs the product of its objects' multiplicities.

    The objects are drawn as those of `object_sums` are. Works on the host, whatever the backend.

    Example:
        >>> pair_sums(np.array([[0, 1], [1, 2]]), 3, np.array([[6, 0]], np.int16), n_resamples=5).shape
        (5, 2)
    """
    i, j = np.asarray(pairs).T
    wide = np.concatenate([np.ones((1, len(i))), _as_values(values)])  # sums of whole numbers, exact below 2^53

    def compute(first: int, count: int) -> np.ndarray:
        table = multiplicities(n, first, count, seed=seed, stream=OBJECTS)
        sums = np.zeros((len(wide), count))
        for start in range(0, len(i), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            sums += wide[:, part] @ (table[i[part]].astype(np.float64) * table[j[part]])
        return sums.astype(np.int64)

    return _in_steps(compute, len(wide) - 1, n_resamples, LANES_AT_ONCE, progress)


def subject_sums(
    subjects: np.ndarray, values: np.ndarray, *, people: int, n_resamples: int, seed: int = 0,
    progress: Progress = silent,
) -> np.ndarray:
    """Sums under resamples of people; subjects: (t,) integers in [0, people), the participant of each triplet.

    Example:
        >>> subject_sums(np.array([0, 0, 1]), np.array([[6, 0, 6]], np.int16), people=2, n_resamples=3).shape
        (3, 2)
    """
    checked = _as_values(values)
    of_person = np.stack([np.bincount(subjects, row, minlength=people) for row in (None, *checked)])  # exact below 2^53
    sums = np.empty((n_resamples, len(of_person)), np.int64)
    for first, count in _steps(n_resamples, LANES_AT_ONCE):
        table = multiplicities(people, first, count, seed=seed, stream=SUBJECTS)
        products = table.T.astype(np.float64) @ of_person.T
        sums[first : first + count] = products.astype(np.int64)[: n_resamples - first]
        progress("resamples", min(n_resamples, first + count), n_resamples)
    return sums


def multiplicities(n: int, first: int, count: int, *, seed: int, stream: int) -> np.ndarray:
    """(n, count) uint8: how often n draws with replacement hit each of n items, in resamples first, first + 1, ...

    A draw is floor(n u) for a 32-bit number u / 2^32: its probabilities are off by less than n / 2^32.

    Example:
        >>> multiplicities(5, 0, 64, seed=0, stream=OBJECTS).sum(axis=0).tolist() == [5] * 64
        True
    """
    draw = _kept_draws if n * count <= KEPT_BYTES else _draws
    return draw(n, first, count, seed, stream)


def _draws(n: int, first: int, count: int, seed: int, stream: int) -> np.ndarray:
    table = np.empty((count, n), np.uint8)
    for row in range(count):
        draws = (_raw(n, first + row, seed, stream) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)
        table[row] = np.bincount(draws.astype(np.int64), minlength=n)
    return np.ascontiguousarray(table.T)


@lru_cache(maxsize=32)
def _kept_draws(n: int, first: int, count: int, seed: int, stream: int) -> np.ndarray:
    """Read-only: groups of triplets, and one model after the other, meet the same resamples."""
    table = _draws(n, first, count, seed, stream)
    table.flags.writeable = False
    return table


def permutation(n: int, counter: int, *, seed: int, order: np.ndarray | None = None) -> np.ndarray:
    """(n,) int64: a random order of n items, that of this counter.

    order: (n,) which item comes first, second and so on where the draw does not depend on their numbers; None: those.

    Example:
        >>> sorted(permutation(5, 0, seed=0).tolist())
        [0, 1, 2, 3, 4]
    """
    drawn: np.ndarray = np.argsort(_raw(n, counter, seed, PERMUTATIONS), kind="stable")
    if order is None:
        return drawn
    moved = np.empty_like(drawn)
    moved[order] = order[drawn]
    return moved


def _keys(first: int, count: int, seed: int) -> np.ndarray:
    """(count / 64, 64) uint32: the keys of resamples first .. first + count, group by group."""
    groups = range(first // LANES, (first + count) // LANES)
    return np.stack([_raw(LANES // 2, group, seed, TRIPLETS).view(np.uint32) for group in groups])


def _raw(size: int, counter: int, seed: int, stream: int) -> np.ndarray:
    """(size,) uint64 of Philox: the key is that of the seed and the stream, the counter says which resample."""
    raw: np.ndarray = np.random.Philox(key=_key(seed, stream), counter=[0, 0, 0, counter]).random_raw(size)
    return raw


@lru_cache(maxsize=8)
def _key(seed: int, stream: int) -> np.ndarray:
    return np.random.SeedSequence([seed, stream]).generate_state(2, np.uint64)


def _in_steps(
    compute: Callable[[int, int], np.ndarray], v: int, n_resamples: int, at_once: int, progress: Progress
) -> np.ndarray:
    """(b, 1 + v) from the sums (1 + v, count) of one step after the other."""
    sums = np.empty((n_resamples, 1 + v), np.int64)
    for first, count in _steps(n_resamples, at_once):
        sums[first : first + count] = compute(first, count).T[: n_resamples - first]
        progress("resamples", min(n_resamples, first + count), n_resamples)
    return sums


def _steps(n_resamples: int, at_once: int) -> Iterator[tuple[int, int]]:
    """(first, count) of each step; counts are whole groups of lanes."""
    step = min(LANES_AT_ONCE, max(LANES, at_once // LANES * LANES))
    for first in range(0, n_resamples, step):
        yield first, min(step, -(-(n_resamples - first) // LANES) * LANES)


def _as_values(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.int16)
