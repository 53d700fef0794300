"""Ranks of pairs as plain loops: see `pyalign.backends.HostBackend`."""

from __future__ import annotations

import numpy as np

from pyalign.backends._host import RankOrder


class ReferenceRanks:
    """The kernels about ranks, by their definitions."""

    def ranks(self, values: np.ndarray, order: np.ndarray | None, ranks: np.ndarray | None) -> None:
        given = values.tolist()
        if order is not None:
            order[:] = sorted(range(len(given)), key=lambda k: given[k])  # sorted keeps equal ones as they come
        if ranks is not None:
            ranks[:] = [2 * sum(a < b for a in given) + sum(a == b for a in given) + 1 for b in given]

    def rank_sums(
        self, first: RankOrder, second: RankOrder, places: np.ndarray, multiplicities: np.ndarray, sums: np.ndarray
    ) -> None:
        m = len(places)
        for lane in range(multiplicities.shape[1]):
            of = [int(count) for count in multiplicities[:, lane]]
            own, other = (
                [of[int(i)] * of[int(j)] for i, j in order.items] for order in (first, second)
            )  # weights, each in its order
            r = _ranks(own, first.last.tolist())
            s = _ranks(other, second.last.tolist())
            sums[0, lane] = sum(own)
            sums[1, lane] = sum(w * a * a for w, a in zip(own, r, strict=True))
            sums[2, lane] = sum(w * b * b for w, b in zip(other, s, strict=True))
            sums[3, lane] = sum(own[k] * r[k] * s[int(places[k])] for k in range(m))

    def inversions(self, values: np.ndarray, weights: np.ndarray | None) -> int:
        given = values.tolist()
        w = [1] * len(given) if weights is None else weights.tolist()
        wrong = ((i, j) for j in range(len(given)) for i in range(j) if given[i] > given[j])
        return sum(w[i] * w[j] for i, j in wrong)


def _ranks(weights: list[int], last: list[int]) -> list[int]:
    """Of pairs in ascending order: twice the weight of smaller ones plus that of equal ones."""
    groups = [sum(last[:k]) for k in range(len(weights))]
    return [
        2 * sum(w for w, g in zip(weights, groups, strict=True) if g < own)
        + sum(w for w, g in zip(weights, groups, strict=True) if g == own)
        for own in groups
    ]
