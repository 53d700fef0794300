"""Plain vectorized numpy: runs anywhere, and is what the compiled kernels are timed against.

Inner products come from the BLAS in the rows' dtype; the last step is taken in float64 and rounded once, as in
csrc/pair.h. Triplets are worked in chunks of `CHUNK`, and sums added in the order of the chunks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.backends._host import (
    HOST, HostBackend, InvalidTripletsError, LossSums, NumpyRanks, Place, Rows, Sums, TripletCheck, Wanted,
)

CHUNK = 16384
BLOCK_ELEMENTS = 1 << 22
LARGEST_SPREAD = 700.0  # of exponents of which all exponentials are normal numbers
FIRST, SECOND = (0, 0, 1), (1, 2, 2)  # the pairs of positions 01, 02, 12


class NumpyBackend(NumpyRanks, HostBackend):
    """See `pyalign.backends.Backend`."""

    name = "numpy"

    def why_not(self, place: Place = HOST) -> str | None:
        return None

    def row_squares(self, x: np.ndarray) -> np.ndarray:
        squares = np.empty(len(x))
        for part in _row_blocks(x):
            wide = x[part].astype(np.float64)
            squares[part] = np.einsum("ij,ij->i", wide, wide)
        return squares

    def center_rows(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, x.dtype)
        for part in _row_blocks(x):
            wide = x[part].astype(np.float64)
            centered = wide.shape[1] * wide - wide.sum(axis=1, keepdims=True)
            centered[wide.min(axis=1) == wide.max(axis=1)] = 0.0
            out[part] = centered
        return out

    def similarity(self, x: Rows, y: Rows | None, out: np.ndarray) -> None:
        right = x if y is None else y
        if out.flags.c_contiguous:
            np.matmul(x.values, right.values.T, out=out)
        else:  # matmul would leave the BLAS, and round differently
            out[...] = x.values @ right.values.T
        if not x.kernel.terms:
            return
        for part in _row_blocks(out):
            out[part] = _finish(x, right, out[part].astype(np.float64), part)
        if y is None and x.kernel.distance:
            np.fill_diagonal(out, x.kernel.from_squares(0.0, x.gamma, np))

    def permuted_products(self, a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
        left = a.astype(np.float64).ravel()
        return np.array([np.einsum("i,i->", left, b[order][:, order].ravel()) for order in orders], dtype=np.float64)

    def topk(self, similarities: np.ndarray, k: int, own: int, indices: np.ndarray) -> None:
        for part in _row_blocks(similarities):
            s = similarities[part]
            if own >= 0:
                s = s.copy()
                s[np.arange(len(s)), np.arange(len(s)) + own + part.start] = -np.inf
            columns = np.nonzero(_largest(s, k))[1].reshape(len(s), k)
            order = np.argsort(-np.take_along_axis(s, columns, axis=1), axis=1, kind="stable")
            indices[part] = np.take_along_axis(columns, order, axis=1)

    def check_triplets(self, triplets: np.ndarray, n: int) -> TripletCheck:
        if len(triplets) == 0:
            return TripletCheck(-1, -1, 0, 0)
        a, b, c = triplets[:, 0], triplets[:, 1], triplets[:, 2]
        outside = np.any((triplets < 0) | (triplets >= n), axis=1)
        repeated = (a == b) | (a == c) | (b == c)
        return TripletCheck(
            _first(np.asarray(outside)), _first(np.asarray(repeated)), int(triplets.min()), int(triplets.max())
        )

    def triplets_from_matrix(self, similarities: np.ndarray, triplets: np.ndarray, want: Wanted) -> Sums | None:
        def look_up(part: np.ndarray) -> list[np.ndarray]:
            return [similarities[part[:, p], part[:, q]] for p, q in zip(FIRST, SECOND, strict=True)]

        return _run(look_up, triplets, len(similarities), want)

    def triplets_from_rows(self, x: Rows, triplets: np.ndarray, want: Wanted) -> Sums | None:
        def compute(part: np.ndarray) -> list[np.ndarray]:
            rows = [x.values[part[:, p]] for p in range(3)]
            terms = None if x.terms is None else [x.terms[part[:, p]] for p in range(3)]
            return [_pair(x, rows, terms, p, q) for p, q in zip(FIRST, SECOND, strict=True)]

        step = max(1, BLOCK_ELEMENTS // max(1, x.values.shape[1]))
        return _run(compute, triplets, len(x.values), want, min(step, CHUNK))

    def triplet_gradient(
        self, similarities: np.ndarray, triplets: np.ndarray, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        gradient[...] = 0
        cross_entropy = 0.0
        for start in range(0, len(triplets), CHUNK):
            part = _checked(triplets[start : start + CHUNK], len(similarities))
            pairs = [(part[:, p], part[:, q]) for p, q in zip(FIRST, SECOND, strict=True)][:alternatives]
            logs = _log_softmax(np.stack([similarities[pair] for pair in pairs]), temperature)
            y = None if targets is None else targets[start : start + CHUNK].T[::-1][:alternatives].astype(np.float64)
            cross_entropy -= float(logs[0].sum() if y is None else np.where(y > 0, y * logs, 0.0).sum())
            p = np.exp(logs)
            residuals = (p if y is None else _others(y) * p - y * _others(p)) * (scale / temperature)
            residuals[0] = -residuals[1:].sum(axis=0)
            for pair, residual in zip(pairs, residuals, strict=True):
                np.add.at(gradient, pair, residual.astype(gradient.dtype))
        return cross_entropy

    def outcomes(
        self, similarities: np.ndarray, temperature: float, verdicts: np.ndarray | None,
        cross_entropy: np.ndarray | None, entropy: np.ndarray | None, alternatives: int = 3,
    ) -> None:
        for start in range(0, len(similarities), CHUNK):
            part = slice(start, start + CHUNK)
            s = np.ascontiguousarray(similarities[part].T[:alternatives])
            if verdicts is not None:
                at_top = s == s.max(axis=0)
                verdicts[part] = np.where(at_top[0], 1, -1) * at_top.sum(axis=0)
            if cross_entropy is None and entropy is None:
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                logs = _log_softmax(s, temperature)
                if cross_entropy is not None:
                    cross_entropy[part] = 0.0 - logs[0]
                if entropy is not None:
                    entropy[part] = 0.0 - (np.exp(logs) * logs).sum(axis=0)

    def choice_similarity(self, similarities: np.ndarray, temperature: float, out: np.ndarray) -> None:
        s = similarities.astype(np.float64)
        np.fill_diagonal(s, s[0, 1])
        e = np.exp((s - s.max()) / temperature) if np.ptp(s) < LARGEST_SPREAD * temperature else None
        for i in range(len(s)):
            for part in _row_blocks(s[i + 1 :]):
                rows = slice(i + 1 + part.start, i + 1 + part.stop)
                p = _kept_together(s, i, rows, temperature) if e is None else _kept_of_exponentials(e, i, rows)
                p[:, i] = 0.0
                np.fill_diagonal(p[:, rows], 0.0)
                out[rows, i] = out[i, rows] = p.sum(axis=1) / (len(s) - 2)
        np.fill_diagonal(out, 1.0)

    def temperature_sums(
        self, similarities: np.ndarray, targets: np.ndarray | None, weights: np.ndarray | None, beta: float,
        confidences: np.ndarray | None = None, alternatives: int = 3,
    ) -> LossSums:
        total = np.zeros(6)
        for start in range(0, len(similarities), CHUNK):
            part = slice(start, start + CHUNK)
            s = np.array(similarities[part].T[:alternatives], np.float64, order="C")
            top = s.max(axis=0)
            target = (s[0] if targets is None else np.minimum(targets[part], top)) - top
            s -= top
            p = np.exp(_log_softmax(s, 1.0 / beta)) if beta > 0 else np.full(s.shape, 1.0 / alternatives)
            confidence = p.max(axis=0)
            mean, square = (p * s).sum(axis=0), (p * s * s).sum(axis=0)
            first = mean - target
            loss = -np.log(confidence) - beta * target
            weight = np.ones(len(top)) if weights is None else weights[part]
            weighted = weight * first
            columns = weight, weight * loss, weighted, weight * (square - mean * mean), weighted**2, weight * -target
            total += [column.sum() for column in columns]
            if confidences is not None:
                confidences[part] = confidence
        return LossSums(*total.tolist())

    def resample_items(
        self, triplets: np.ndarray, multiplicities: np.ndarray, values: np.ndarray, sums: np.ndarray
    ) -> None:
        n, lanes = multiplicities.shape

        def weights(part: slice) -> np.ndarray:
            a, b, c = _checked(triplets[part], n).T
            return multiplicities[a].astype(np.float64) * multiplicities[b] * multiplicities[c]

        _weighted_sums(weights, values, sums, step=max(1, BLOCK_ELEMENTS // lanes))

    def assign(self, values: np.ndarray, triplets: np.ndarray, product: bool, places: np.ndarray) -> int:
        index, tied = _checked(triplets, len(values)), 0
        step = max(1, BLOCK_ELEMENTS // values.shape[1])
        for start in range(0, len(index), step):
            part = slice(start, start + step)
            first, second = values[index[part, 0]], values[index[part, 1]]
            joined = first * second if product else first + second
            largest = joined.max(axis=1)
            places[part] = np.where(largest > 0, joined.argmax(axis=1), -1)
            tied += int((((joined == largest[:, None]).sum(axis=1) > 1) & (largest > 0)).sum())
        return tied

    def share_triplets(self, triplets: np.ndarray, n: int) -> SharedLabels:
        columns = np.sort(_checked(triplets, n), axis=1).T
        first, second = columns[[0, 0, 1]], columns[[1, 2, 2]]
        pairs = _codes([first.ravel(), second.ravel()])
        return SharedLabels(n, columns.ravel(), pairs, _codes(list(columns)))

    def shared_products(self, sharing: SharedLabels, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        grouped = []
        for labels, least in ((sharing.objects, sharing.n), (sharing.pairs, 0), (sharing.sets, 0)):
            repeats = len(labels) // len(values) if len(values) else 1
            grouped.append(
                np.stack([np.bincount(labels, np.tile(column, repeats), least) for column in values.T], axis=1)
            )
        return np.stack([sums.T @ sums for sums in grouped]), grouped[0]

    def resample_rows(self, keys: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
        def weights(part: slice) -> np.ndarray:
            rows = np.arange(part.start, min(part.stop, values.shape[1]), dtype=np.uint32)
            return poisson_weights(rows, keys).astype(np.float64)

        _weighted_sums(weights, values, sums, step=max(1, BLOCK_ELEMENTS // sums.shape[1]))


@dataclass(frozen=True)
class SharedLabels:
    """The groups of triplets of n objects: (3 t,) objects and pairs of them, (t,) sets of three; whole numbers."""

    n: int
    objects: np.ndarray
    pairs: np.ndarray
    sets: np.ndarray


def _codes(columns: list[np.ndarray]) -> np.ndarray:
    """(m,) the same number where all columns (m,) are the same."""
    codes = columns[0]
    for column in columns[1:]:  # numbered again at each step, so that products stay below 2^63
        codes = np.unique(np.unique(codes, return_inverse=True)[1] * (int(column.max(initial=0)) + 1) + column,
                          return_inverse=True)[1]
    return codes


# 65536 P(w >= k) for w ~ Poisson(1), k = 1, 2, ...; their sum is 65536: the mean of the weights is 1 exactly.
POISSON_AT_LEAST = (41427, 17317, 5263, 1244, 240, 39, 5, 1)


def poisson_weights(rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Weights of rows (c,) uint32 under keys (g, 64) uint32: (c, 64 g) uint8, as csrc/cpu/resample.cpp draws them."""
    pairs = keys.reshape(-1, 2, 32)
    x = (rows * np.uint32(0x9E3779B1))[:, None, None] ^ pairs[:, 0]
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D) + pairs[:, 1]
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    draws = np.concatenate([x & np.uint32(0xFFFF), x >> np.uint32(16)], axis=2).reshape(len(rows), -1)
    bounds = np.array(POISSON_AT_LEAST, np.uint32)
    weights: np.ndarray = (draws[..., None] < bounds).sum(axis=-1, dtype=np.uint8)
    return weights


def _weighted_sums(weights: Callable[[slice], np.ndarray], values: np.ndarray, sums: np.ndarray, step: int) -> None:
    """Products in float64, whose sums over a block are exact: w * value < 2^30, fewer than 2^23 rows a block."""
    sums[...] = 0
    for start in range(0, values.shape[1], step):
        part = slice(start, start + step)
        w = weights(part)
        sums[0] += w.sum(axis=0).astype(np.int64)
        sums[1:] += (values[:, part].astype(np.float64) @ w).astype(np.int64)


def _checked(triplets: np.ndarray, n: int) -> np.ndarray:
    """A copy of valid triplets: numpy reads indices again after its check, and the caller's may be written to."""
    own = np.array(triplets, np.intp)
    check = BACKEND.check_triplets(own, n)
    if check.out_of_range >= 0 or check.repeated >= 0:
        raise InvalidTripletsError
    return own


def _row_blocks(x: np.ndarray) -> list[slice]:
    step = max(1, BLOCK_ELEMENTS // max(1, x.shape[1]))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def _largest(s: np.ndarray, k: int) -> np.ndarray:
    """Mask of the k largest of each row of s (n, m); of equal ones the first."""
    least = np.partition(s, s.shape[1] - k, axis=1)[:, [s.shape[1] - k]]
    mask: np.ndarray = s >= least
    tied = np.flatnonzero(mask.sum(axis=1) > k)
    if len(tied):
        above, at = s[tied] > least[tied], s[tied] == least[tied]
        mask[tied] = above | (at & (np.cumsum(at, axis=1) <= k - above.sum(axis=1, keepdims=True)))
    return mask


def _first(mask: np.ndarray) -> int:
    return int(mask.argmax()) if mask.any() else -1


def _finish(x: Rows, y: Rows, products: np.ndarray, part: slice) -> np.ndarray:
    """Similarities of rows `part` of x with all of y, from their inner products (float64)."""
    assert x.terms is not None and y.terms is not None
    a, b = x.terms[part, None], y.terms[None, :]
    if x.kernel.angular:
        return products * (a * b)
    squares = np.maximum((a + b) - 2.0 * products, 0.0)
    _mend_close(squares, (a + b) * _close_share(x), x.values[part], y.values)
    return _from_squares(x, squares)


def _close_share(x: Rows) -> float:
    """Below this share of |x|^2 + |y|^2 the distance is summed from the rows: there, a + b - 2 g cancels."""
    return 2.0**-10 if x.values.dtype == np.float32 else 2.0**-20


def _mend_close(squares: np.ndarray, limit: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    rows, columns = np.nonzero(squares <= limit)
    for start in range(0, len(rows), CHUNK):
        i, j = rows[start : start + CHUNK], columns[start : start + CHUNK]
        difference = x[i].astype(np.float64) - y[j].astype(np.float64)
        squares[i, j] = np.einsum("ij,ij->i", difference, difference)


def _from_squares(x: Rows, squares: np.ndarray) -> np.ndarray:
    similarities: np.ndarray = x.kernel.from_squares(squares, x.gamma, np)
    return similarities


def _pair(x: Rows, rows: list[np.ndarray], terms: list[np.ndarray] | None, p: int, q: int) -> np.ndarray:
    """Similarities of rows[p] with rows[q], one by one: (c,) of the rows' dtype."""
    if not x.kernel.distance:
        value = np.einsum("ij,ij->i", rows[p], rows[q]).astype(np.float64)
        if x.kernel.angular:
            assert terms is not None
            value = value * (terms[p] * terms[q])
    else:
        difference = rows[p] - rows[q]
        value = _from_squares(x, np.einsum("ij,ij->i", difference, difference).astype(np.float64))
    return value.astype(x.values.dtype)


def _kept_together(s: np.ndarray, i: int, rows: slice, temperature: float) -> np.ndarray:
    """(c, n): p({i, j} | i, j, k) for the items j of `rows` and all k, whatever the range of the similarities."""
    kept = s[i, rows, None]
    with np.errstate(over="ignore"):  # where another pair is far more alike p is 0
        others = np.exp((s[i, None] - kept) / temperature) + np.exp((s[rows] - kept) / temperature)
    p: np.ndarray = 1.0 / (1.0 + others)
    return p


def _kept_of_exponentials(e: np.ndarray, i: int, rows: slice) -> np.ndarray:
    """What `_kept_together` gives, from exponentials (n, n) of the similarities, none of which is 0 or infinite."""
    kept = e[i, rows, None]
    p: np.ndarray = kept / (kept + e[i, None] + e[rows])
    return p


Fetch = Callable[[np.ndarray], list[np.ndarray]]


def _run(fetch: Fetch, triplets: np.ndarray, n: int, want: Wanted, chunk: int = CHUNK) -> Sums | None:
    right, ties = [0, 0, 0], [0, 0]
    cross_entropy = entropy = 0.0
    for start in range(0, len(triplets), chunk):
        part = slice(start, start + chunk)
        s = np.stack(fetch(_checked(triplets[part], n)))
        at_top = s == s.max(axis=0)
        pairs = at_top.sum(axis=0)
        if want.choices is not None:
            want.choices[part] = np.where(pairs == 1, 2 - at_top.argmax(axis=0), -1)
        if want.probabilities is not None:
            want.probabilities[part] = np.exp(_log_softmax(s, want.temperature))[::-1].T
        if want.similarities is not None:
            want.similarities[part] = s.T
        if want.sums:
            for m in range(3):
                right[m] += int((at_top[0] & (pairs == m + 1)).sum())
            for m in range(2):
                ties[m] += int((pairs == m + 2).sum())
            with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the sums
                log_p = _log_softmax(s, want.temperature)
                cross_entropy -= float(log_p[0].sum())
                entropy -= float((np.exp(log_p) * log_p).sum())
    return Sums((right[0], right[1], right[2]), (ties[0], ties[1]), cross_entropy, entropy) if want.sums else None


def _others(v: np.ndarray) -> np.ndarray:
    """The sum of the other rows for each row: all * p - y is others(y) * p - y * others(p), without cancellation."""
    total: np.ndarray = v[::-1] if len(v) == 2 else v[[1, 0, 0]] + v[[2, 2, 1]]
    return total


def _log_softmax(s: np.ndarray, temperature: float) -> np.ndarray:
    """Log-probabilities of the pairs from similarities (3, c), or (2, c) of two alternatives; float64.

    The largest exponential is 1 and stays out of the sum, so that log(1 + tiny) keeps its digits.
    """
    scaled = (s.astype(np.float64) - s.max(axis=0)) / temperature
    exponentials = np.exp(scaled)
    np.put_along_axis(exponentials, s.argmax(axis=0)[None, :], 0.0, axis=0)
    return scaled - np.log1p(exponentials.sum(axis=0))


BACKEND = NumpyBackend()
