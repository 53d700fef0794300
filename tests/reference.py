"""The definitions as plain loops in float64: slow, and what every backend is tested against.

In the tests it is a backend called "reference" (`conftest.py`), which nothing else can choose.
A similarity is computed in float64 and rounded once to the rows' dtype; everything after it stays in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from reference_ranks import ReferenceRanks

from pyalign.backends._host import (
    HOST, HostBackend, InvalidTripletsError, LossSums, Place, Rows, Sums, TripletCheck, Wanted,
)


def inner_product(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        total += a * b
    return total


def squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        total += (a - b) * (a - b)
    return total


def pair_similarity(x: Rows, i: int, y: Rows, j: int) -> float:
    """The pair kernel of rows x_i and y_j, rounded to their dtype."""
    if x.pair in ("dot", "cosine"):
        value = inner_product(x.values[i], y.values[j])
        if x.pair == "cosine":
            assert x.terms is not None and y.terms is not None
            value = value * (float(x.terms[i]) * float(y.terms[j]))
    else:
        value = squared_distance(x.values[i], y.values[j])
        if x.pair == "neg_sqeuclidean":
            value = 0.0 - value  # a distance of zero gives 0, not -0
        elif x.pair == "neg_euclidean":
            value = 0.0 - math.sqrt(value)
        else:
            value = math.exp(-x.gamma * value)
    return float(x.values.dtype.type(value))


def decide(s01: float, s02: float, s12: float) -> int:
    """The odd one is the item outside the most similar pair: position 0, 1 or 2; -1 when pairs tie."""
    top = max(s01, s02, s12)
    if (s01 == top) + (s02 == top) + (s12 == top) > 1:
        return -1
    return 2 if s01 == top else 1 if s02 == top else 0


def decide_as_human_alignment(s01: float, s02: float, s12: float) -> int:
    """The rule of human_alignment's zero-shot scorer (its get_predictions), restated.

    A triplet whose three distances are equal is wrong (-1); else the first of the pairs 01, 02, 12 with the smallest
    distance (here: the largest similarity) wins, and the item outside it is odd.
    """
    if s01 == s02 == s12:
        return -1
    top = max(s01, s02, s12)
    return 2 if s01 == top else 1 if s02 == top else 0


def log_probabilities(s01: float, s02: float, s12: float, temperature: float) -> tuple[float, float, float]:
    """Logarithms of softmax(s / temperature) over the pairs 01, 02, 12."""
    first, second, third = log_softmax((s01, s02, s12), temperature)
    return first, second, third


def log_softmax(s: Sequence[float], temperature: float) -> list[float]:
    """Logarithms of softmax(s / temperature) over the pairs that can be chosen: two of them, or three."""
    scaled = [(one - max(s)) / temperature for one in s]
    log_sum = math.log1p(sum(math.exp(one) for one in sorted(scaled)[:-1]))  # keeps the digits of log(1 + tiny)
    return [one - log_sum for one in scaled]


def entropy_of(logs: Sequence[float]) -> float:
    """-sum p log p, in nats."""
    return -sum(math.exp(a) * a for a in logs)


class ReferenceBackend(ReferenceRanks, HostBackend):
    """See `pyalign.backends.Backend`."""

    name = "reference"

    def why_not(self, place: Place = HOST) -> str | None:
        return None

    def row_squares(self, x: np.ndarray) -> np.ndarray:
        return np.array([inner_product(row, row) for row in x], dtype=np.float64)

    def center_rows(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros(x.shape, x.dtype)
        for i, row in enumerate(x):
            values = row.tolist()
            if min(values) == max(values):
                continue
            total = math.fsum(values)
            out[i] = [len(values) * v - total for v in values]
        return out

    def similarity(self, x: Rows, y: Rows | None, out: np.ndarray) -> None:
        right = x if y is None else y
        n, m = out.shape
        out[...] = [[pair_similarity(x, i, right, j) for j in range(m)] for i in range(n)]  # out may be x itself

    def permuted_products(self, a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
        left, right, places = a.tolist(), b.tolist(), range(len(a))
        return np.array(
            [math.fsum(left[i][j] * right[p[i]][p[j]] for i in places for j in places) for p in orders.tolist()]
        )

    def topk(self, similarities: np.ndarray, k: int, own: int, indices: np.ndarray) -> None:
        for i, row in enumerate(similarities.tolist()):
            columns = (j for j in range(len(row)) if own < 0 or j != own + i)
            indices[i] = sorted(columns, key=lambda j: (-row[j], j))[:k]

    def check_triplets(self, triplets: np.ndarray, n: int) -> TripletCheck:
        out_of_range = repeated = -1
        items = [[int(i) for i in triplet] for triplet in triplets]
        for row, triplet in enumerate(items):
            if out_of_range < 0 and any(not 0 <= i < n for i in triplet):
                out_of_range = row
            if repeated < 0 and len(set(triplet)) < 3:
                repeated = row
        flat = [i for triplet in items for i in triplet] or [0]
        return TripletCheck(out_of_range, repeated, min(flat), max(flat))

    def triplets_from_matrix(self, similarities: np.ndarray, triplets: np.ndarray, want: Wanted) -> Sums | None:
        def look_up(i: int, j: int) -> float:
            return float(similarities[i, j])

        return _run(look_up, triplets, len(similarities), want)

    def triplets_from_rows(self, x: Rows, triplets: np.ndarray, want: Wanted) -> Sums | None:
        def compute(i: int, j: int) -> float:
            return pair_similarity(x, i, x, j)

        return _run(compute, triplets, len(x.values), want)

    def triplet_gradient(
        self, similarities: np.ndarray, triplets: np.ndarray, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        total = np.zeros(similarities.shape)
        cross_entropy = 0.0
        for row, (i, j, k) in enumerate(triplets.tolist()):
            _require_valid((i, j, k), len(similarities))
            weights = [1.0, 0.0, 0.0] if targets is None else targets[row, ::-1].tolist()  # of pairs 01, 02, 12
            pairs = ((i, j), (i, k), (j, k))[:alternatives]
            logs = log_softmax([float(similarities[pair]) for pair in pairs], temperature)
            for number, pair in enumerate(pairs):
                cross_entropy -= weights[number] * logs[number] if weights[number] else 0.0
                # sum(weights) * p - weight, as two terms that keep the digits of 1 - p.
                others = [other for other in range(alternatives) if other != number]
                more = sum(weights[other] for other in others) * math.exp(logs[number])
                residual = more - weights[number] * sum(math.exp(logs[other]) for other in others)
                total[pair] += residual * scale / temperature
        gradient[...] = total
        return cross_entropy

    def outcomes(
        self,
        similarities: np.ndarray,
        temperature: float,
        verdicts: np.ndarray | None,
        cross_entropy: np.ndarray | None,
        entropy: np.ndarray | None,
        alternatives: int = 3,
    ) -> None:
        for row, s in enumerate(similarities[:, :alternatives].tolist()):
            logs = log_softmax(s, temperature)
            if verdicts is not None:
                pairs = sum(value == max(s) for value in s)
                verdicts[row] = pairs if s[0] == max(s) else -pairs
            if cross_entropy is not None:
                cross_entropy[row] = -logs[0]
            if entropy is not None:
                entropy[row] = entropy_of(logs)

    def temperature_sums(
        self,
        similarities: np.ndarray,
        targets: np.ndarray | None,
        weights: np.ndarray | None,
        beta: float,
        confidences: np.ndarray | None = None,
        alternatives: int = 3,
    ) -> LossSums:
        parts: list[tuple[float, ...]] = []
        for row, s in enumerate(similarities[:, :alternatives].tolist()):
            top = max(s)
            u = s[0] if targets is None else min(float(targets[row]), top)
            w = 1.0 if weights is None else float(weights[row])
            shifted = [one - top for one in s]
            exponentials = [math.exp(beta * x) for x in shifted]
            z = sum(exponentials)
            mean = sum(e * x for e, x in zip(exponentials, shifted, strict=True)) / z
            variance = sum(e * (x - mean) ** 2 for e, x in zip(exponentials, shifted, strict=True)) / z
            first = mean - (u - top)
            parts.append(
                (w, w * (math.log(z) - beta * (u - top)), w * first, w * variance, (w * first) ** 2, w * (top - u))
            )
            if confidences is not None:
                confidences[row] = 1.0 / z
        return LossSums(*(math.fsum(part[k] for part in parts) for k in range(6)))

    def resample_items(
        self, triplets: np.ndarray, multiplicities: np.ndarray, values: np.ndarray, sums: np.ndarray
    ) -> None:
        sums[...] = 0
        for row, (i, j, k) in enumerate(triplets.tolist()):
            _require_valid((i, j, k), len(multiplicities))
            for b in range(sums.shape[1]):
                w = int(multiplicities[i, b]) * int(multiplicities[j, b]) * int(multiplicities[k, b])
                _add_weighted(w, values[:, row], sums[:, b])

    def choice_similarity(self, similarities: np.ndarray, temperature: float, out: np.ndarray) -> None:
        n = len(similarities)
        out[...] = 1.0
        for i, j in combinations(range(n), 2):
            kept = []
            for k in set(range(n)) - {i, j}:
                s = [float(similarities[min(pair), max(pair)]) for pair in ((i, j), (i, k), (j, k))]
                kept.append(math.exp(log_softmax(s, temperature)[0]))
            out[i, j] = out[j, i] = math.fsum(kept) / (n - 2)

    def assign(self, values: np.ndarray, triplets: np.ndarray, product: bool, places: np.ndarray) -> int:
        tied = 0
        for q, row in enumerate(triplets.tolist()):
            _require_valid(tuple(row), len(values))
            first, second = values[row[0]].tolist(), values[row[1]].tolist()
            joined = [a * b if product else a + b for a, b in zip(first, second, strict=True)]
            largest = max(joined)
            places[q] = joined.index(largest) if largest > 0 else -1
            tied += largest > 0 and joined.count(largest) > 1
        return tied

    def share_triplets(self, triplets: np.ndarray, n: int) -> tuple[int, list[frozenset[int]]]:
        rows = triplets.tolist()
        for row in rows:
            _require_valid(tuple(row), n)
        return n, [frozenset(row) for row in rows]

    def shared_products(
        self, sharing: tuple[int, list[frozenset[int]]], values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        (n, sharing), k = sharing, values.shape[1]
        products, of_objects = np.zeros((3, k, k)), np.zeros((n, k))
        for items, row in zip(sharing, values.tolist(), strict=True):
            for item in items:
                of_objects[item] += row
        for shared in (1, 2, 3):
            sums: dict[tuple[int, ...], list[float]] = {}
            for items, row in zip(sharing, values.tolist(), strict=True):
                for group in combinations(sorted(items), shared):
                    before = sums.get(group, [0.0] * k)
                    sums[group] = [a + b for a, b in zip(before, row, strict=True)]
            for row in sums.values():
                products[shared - 1] += [[a * b for b in row] for a in row]
        return products, of_objects

    def resample_rows(self, keys: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
        sums[...] = 0
        for row in range(values.shape[1]):
            for b in range(sums.shape[1]):
                _add_weighted(poisson_weight(row, b, keys), values[:, row], sums[:, b])


def _add_weighted(w: int, values: np.ndarray, sums: np.ndarray) -> None:
    sums[0] += w
    for number, value in enumerate(values.tolist()):
        sums[1 + number] += w * value


def poisson_weight(row: int, b: int, keys: np.ndarray) -> int:
    """The weight of a row in resample b: how many of 65536 P(w >= k), k = 1, 2, ..., lie above 16 bits of a hash."""
    group, lane = divmod(b, 64)
    first, second = int(keys[group, lane % 32]), int(keys[group, 32 + lane % 32])
    x = (row * 0x9E3779B1) % 2**32 ^ first
    x = ((x ^ x >> 16) * 0x7FEB352D + second) % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    x ^= x >> 16
    draw = x % 2**16 if lane < 32 else x >> 16
    return sum(draw < bound for bound in (41427, 17317, 5263, 1244, 240, 39, 5, 1))


def _require_valid(items: tuple[int, int, int], n: int) -> None:
    if not all(0 <= item < n for item in items) or len(set(items)) < 3:
        raise InvalidTripletsError


def _run(similarity_of: Callable[[int, int], float], triplets: np.ndarray, n: int, want: Wanted) -> Sums | None:
    right, ties = [0, 0, 0], [0, 0]
    cross_entropy = entropy = 0.0
    for row, (i, j, k) in enumerate(triplets.tolist()):
        _require_valid((i, j, k), n)
        s = similarity_of(i, j), similarity_of(i, k), similarity_of(j, k)
        logs = log_probabilities(*s, want.temperature)
        if want.choices is not None:
            want.choices[row] = decide(*s)
        if want.probabilities is not None:
            want.probabilities[row] = [math.exp(a) for a in reversed(logs)]
        if want.similarities is not None:
            want.similarities[row] = s
        pairs = sum(value == max(s) for value in s)
        right[pairs - 1] += s[0] == max(s)
        if pairs > 1:
            ties[pairs - 2] += 1
        cross_entropy -= logs[0]
        entropy += entropy_of(logs)
    return Sums((right[0], right[1], right[2]), (ties[0], ties[1]), cross_entropy, entropy) if want.sums else None


REFERENCE = ReferenceBackend()
