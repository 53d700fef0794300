"""Decisions and scores beside their peers: published or obvious ways, each written as well as it can be in few lines.

Every function takes its inputs, prepares what a user would have at hand, and returns the call that is timed. Packages
other than numpy are imported when a peer that needs one is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

import pyalign
from benchmarks import cases
from benchmarks.cases import MB, Case, embeddings, similarities, triplets, unit_rows
from benchmarks.processes import memory
from benchmarks.timing import FEW, MANY, SOME, SUBJECT, Comparison, Way

Decisions = Callable[[], np.ndarray]
Means = tuple[float, float, float]  # accuracy, cross-entropy, mean entropy
Scores = Callable[[], Means]
TOLERANCE = 2e-5  # of means: decisions may differ where two similarities are within rounding
LOOP_SLICE = 3000  # triplets on which the loop over triplets is timed
GATHER_SLICE = 400_000  # triplets on which the gathers of rows are timed
CHUNK, SMALL_CHUNK = 16_384, 1024  # triplets whose rows are gathered at a time: 100 MB and 6 MB of temporaries


# ---------------------------------------------------------------- decisions from a ready matrix


def our_decisions(s: np.ndarray, t: np.ndarray, index: str | None = None) -> Decisions:
    """With the case's own triplets, or with the same ones as integers of another type."""
    chosen = t if index is None else t.astype(index)
    return lambda: pyalign.odd_one_out(kind="similarity", matrix=s, triplets=chosen)


def numpy_decisions(s: np.ndarray, triplets: np.ndarray, take: bool = False) -> Decisions:
    return lambda: _numpy_odd(*_look_ups(s, triplets, take))


def _look_ups(s: np.ndarray, triplets: np.ndarray, take: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By fancy indexing, the columns widened once; or by `take` at flat positions, the fastest way that numpy has."""
    a, b, c = triplets.T.astype(np.intp)
    if not take:
        return s[a, b], s[a, c], s[b, c]
    flat, row = s.ravel(), a * len(s)
    return flat.take(row + b), flat.take(row + c), flat.take(b * len(s) + c)


def _numpy_odd(s01: np.ndarray, s02: np.ndarray, s12: np.ndarray) -> np.ndarray:
    """argmax of three columns, in comparisons: several times faster than `argmax(axis=0)`."""
    later = np.where(s02 >= s12, np.int8(1), np.int8(0))
    odd: np.ndarray = np.where((s01 >= s02) & (s01 >= s12), np.int8(2), later)
    return odd


def torch_decisions(s: np.ndarray, triplets: np.ndarray) -> Decisions:
    """Gathers at flat positions with `index_select`, twice as fast as `s[a, b]` or `torch.gather` here."""
    import torch

    matrix, index = torch.from_numpy(s), torch.from_numpy(triplets)

    def decide() -> np.ndarray:
        s01, s02, s12 = _torch_look_up(matrix, index)
        odd = torch.where((s01 >= s02) & (s01 >= s12), 2, torch.where(s02 >= s12, 1, 0)).to(torch.int8)
        return np.asarray(odd)

    return decide


def _torch_look_up(matrix: Any, index: Any) -> tuple[Any, Any, Any]:
    a, b, c = (index if index.itemsize > 2 else index.int()).unbind(1)
    n, flat = len(matrix), matrix.view(-1)
    row = a * n
    return flat.index_select(0, row + b), flat.index_select(0, row + c), flat.index_select(0, b * n + c)


def numba_decisions(s: np.ndarray, triplets: np.ndarray, branches: bool = True) -> Decisions:
    """A parallel loop, compiled here; the plain one with `if` and `elif`, or one without branches."""
    loop = _numba_loop(branches)

    def decide() -> np.ndarray:
        out = np.empty(len(triplets), np.int8)
        loop(s, triplets, out)
        return out

    decide()
    return decide


@lru_cache
def _numba_loop(branches: bool) -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
    from numba import njit, prange

    def plain(s: np.ndarray, triplets: np.ndarray, out: np.ndarray) -> None:
        for q in prange(len(triplets)):
            i, j, k = triplets[q, 0], triplets[q, 1], triplets[q, 2]
            s01, s02, s12 = s[i, j], s[i, k], s[j, k]
            if s01 >= s02 and s01 >= s12:
                out[q] = 2
            elif s02 >= s12:
                out[q] = 1
            else:
                out[q] = 0

    def branch_free(s: np.ndarray, triplets: np.ndarray, out: np.ndarray) -> None:
        for q in prange(len(triplets)):
            i, j, k = np.uint32(triplets[q, 0]), np.uint32(triplets[q, 1]), np.uint32(triplets[q, 2])
            s01, s02, s12 = s[i, j], s[i, k], s[j, k]
            out[q] = 2 * ((s01 >= s02) & (s01 >= s12)) | ((s02 > s01) & (s02 >= s12))

    return njit(parallel=True, fastmath=True)(plain if branches else branch_free)


def same_decisions(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Equal, but for ties, which the peers give to one of the pairs."""
    clear = ours >= 0
    assert clear.mean() > 0.999, "random embeddings have next to no ties"
    np.testing.assert_array_equal(theirs[clear], ours[clear])


# ---------------------------------------------------------------- scores from embeddings


def our_score(x: np.ndarray, t: np.ndarray) -> Scores:
    def score() -> Means:
        result = pyalign.score(x, t, ci=None)
        return result.accuracy, result.cross_entropy, result.mean_entropy

    return score


def same_means(theirs: Means, ours: Means) -> None:
    """Of the peer whose probabilities are not of cosines the accuracy, which it gives alone."""
    np.testing.assert_allclose(theirs, ours[: len(theirs)], rtol=0, atol=TOLERANCE)


def numpy_score(x: np.ndarray, triplets: np.ndarray, take: bool = False) -> Scores:
    """Unit rows, one product, look-ups, then log-softmax over the three pairs."""

    def score() -> Means:
        unit = unit_rows(x)
        return _numpy_means(np.stack(_look_ups(unit @ unit.T, triplets, take)))

    return score


def _numpy_means(s: np.ndarray) -> Means:
    """Accuracy, cross-entropy and mean entropy of similarities (3, t) whose first row is the human's pair."""
    s -= s.max(axis=0)
    p = np.exp(s)
    total = p.sum(axis=0)
    log_total = np.log(total)
    p *= s
    entropy = log_total - p.sum(axis=0) / total
    accuracy = np.count_nonzero(s[0] == 0) / s.shape[1]
    return accuracy, float(np.mean(log_total - s[0], dtype=float)), float(np.mean(entropy, dtype=float))


def numpy_chunked_score(x: np.ndarray, triplets: np.ndarray, chunk: int) -> Scores:
    """Without a matrix: the rows of `chunk` triplets at a time, and their inner products by einsum."""

    def score() -> Means:
        unit, means = unit_rows(x), np.zeros(3)
        for start in range(0, len(triplets), chunk):
            a, b, c = (unit[column] for column in triplets[start : start + chunk].T)
            s = np.stack([np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (a, c), (b, c))])
            means += np.array(_numpy_means(s)) * (s.shape[1] / len(triplets))
        return float(means[0]), float(means[1]), float(means[2])

    return score


def numba_reads(x: np.ndarray, triplets: np.ndarray) -> Callable[[], float]:
    """Reads the three rows of each triplet from its first to its last number, and does nothing else with them."""
    loop = _numba_read_loop()
    return lambda: loop(x, triplets)


@lru_cache
def _numba_read_loop() -> Callable[[np.ndarray, np.ndarray], float]:
    from numba import njit, prange

    def total(x: np.ndarray, triplets: np.ndarray) -> float:
        found = np.float32(0)
        for q in prange(len(triplets)):
            a, b, c = x[triplets[q, 0]], x[triplets[q, 1]], x[triplets[q, 2]]
            for k in range(x.shape[1]):
                found += a[k] + b[k] + c[k]
        return found

    loop: Callable[[np.ndarray, np.ndarray], float] = njit(parallel=True, fastmath=True)(total)
    return loop


def torch_score(x: np.ndarray, triplets: np.ndarray) -> Scores:
    """The same in torch; the pairs are kept apart, since log_softmax over a dimension of three is slower."""
    import torch

    rows, index = torch.from_numpy(x), torch.from_numpy(triplets)

    def score() -> Means:
        unit = torch.nn.functional.normalize(rows)
        pairs = _torch_look_up(unit @ unit.T, index)
        top = torch.maximum(torch.maximum(pairs[0], pairs[1]), pairs[2])
        shifted = [s.sub_(top) for s in pairs]
        exps = [s.exp() for s in shifted]
        total = exps[0] + exps[1] + exps[2]
        log_total = total.log()
        weighted = sum(e.mul_(s) for e, s in zip(exps, shifted, strict=True))
        accuracy = torch.count_nonzero(shifted[0] == 0).item() / len(index)
        return accuracy, (log_total - shifted[0]).mean().item(), (log_total - weighted / total).mean().item()

    return score


def human_alignment_score(x: np.ndarray, triplets: np.ndarray) -> Scores:
    """The published scorer's way, restated: one triplet at a time, on torch vectors.

    Per triplet three cosine distances and three dot products; no choice when the distances are all the same, else the
    item outside the nearest pair; probabilities by softmax of the dot products.
    """
    import torch

    rows = torch.from_numpy(x)

    def one(i: int, j: int, k: int) -> tuple[int, Any]:
        a, b, c = rows[i], rows[j], rows[k]
        pairs = ((a, b), (a, c), (b, c))
        distances = torch.tensor([1 - u @ v / (u.norm() * v.norm()) for u, v in pairs])
        dots = torch.tensor([u @ v for u, v in pairs])
        choice = 2 - int(torch.argmin(distances)) if len(torch.unique(distances)) > 1 else -1
        return choice, torch.softmax(dots, dim=0)

    def score() -> Means:
        choices, probabilities = zip(*(one(*triplet) for triplet in triplets), strict=True)
        p = torch.stack(probabilities)
        log_p = p.log()
        return choices.count(2) / len(triplets), -log_p[:, 0].mean().item(), -(p * log_p).sum(1).mean().item()

    return score


# ---------------------------------------------------------------- the comparisons


def _of_things(case: Case) -> Comparison:
    ways = {
        SUBJECT: Way(our_decisions),
        "numpy": Way(numpy_decisions, at_least=12 if case is cases.THINGS else None),
        "numpy take": Way(partial(numpy_decisions, take=True)),
        "torch": Way(torch_decisions, at_least=8 if case is cases.THINGS else None),
        "numba": Way(numba_decisions, at_least=4 if case is cases.THINGS else None),
        "numba branch-free": Way(partial(numba_decisions, branches=False)),
    }
    if case.index != "int32":
        ways["pyalign int32"] = Way(partial(our_decisions, index="int32"), at_most=1.5)
    return Comparison("odd_one_out_from", case, ways, MANY, (similarities, triplets), same_decisions)


def _scores(op: str, case: Case, ways: dict[str, Way], rounds: int) -> Comparison:
    return Comparison(op, case, {SUBJECT: Way(our_score), **ways}, rounds, (embeddings, triplets), same_means)


def _chunks(chunk: int, at_least: float | None = None) -> Way:
    return Way(partial(numpy_chunked_score, chunk=chunk), limit=GATHER_SLICE, at_least=at_least)


THINGS_CASES = (cases.THINGS, cases.THINGS_INT16, cases.THINGS_INT64)
LARGE_CASES = (cases.LARGE, cases.LARGER)
DECISIONS = (
    *(_of_things(case) for case in THINGS_CASES),
    # The decisions, a byte each, and less than the smallest copy of the triplets (28 MB).
    *(memory("odd_one_out_from", case, case.t / MB + 16) for case in THINGS_CASES),
)
SCORE = _scores("score", cases.THINGS, {
    "numpy": Way(numpy_score, at_least=12),
    "numpy take": Way(partial(numpy_score, take=True)),
    "torch": Way(torch_score, at_least=5),
    "human_alignment": Way(human_alignment_score, limit=LOOP_SLICE, seen=lambda means: means[:1], at_least=5000),
}, SOME)
LARGE = (
    *(_scores("score", case, {"numpy": _chunks(CHUNK, 5), "numpy small chunks": _chunks(SMALL_CHUNK)}, FEW)
      for case in LARGE_CASES),
    *(memory("score", case, 512) for case in LARGE_CASES),
    *(_scores("score of many rows", case, {
        # What the caches and the memory take to deliver the three rows of each triplet, as they come.
        "rows read": Way(numba_reads, checked=False, at_least=1),
        "numpy small chunks": _chunks(SMALL_CHUNK),
    }, FEW) for case in cases.MANY_ROWS),
)
