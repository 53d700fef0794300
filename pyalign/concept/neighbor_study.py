"""Agreement of neighbours over groups of objects: means, their halves and relabellings, and the rows of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pyalign.concept.halves import group_means, half_errors, halves, interval_of
from pyalign.concept.members import Members
from pyalign.concept.neighbor_agreement import ConceptNeighbors, NeighborDifference, NeighborResult, ObjectNeighbors
from pyalign.concept.neighbor_lists import SharedNeighbors
from pyalign.ops.permuted import permutations_of
from pyalign.progress import Progress
from pyalign.stats.multiple import corrected
from pyalign.stats.student import two_sided_p

MOST_LOWEST = 10  # objects that a document names for each model


@dataclass(frozen=True)
class Study:
    """Models, groups of objects (all of them first, then each concept), and what is drawn."""

    shared: Mapping[str, SharedNeighbors]
    concepts: Members | None
    n: int
    seed: int

    @property
    def members(self) -> np.ndarray:
        """bool (n, 1 + g)."""
        everyone = np.ones((self.n, 1), bool)
        return everyone if self.concepts is None else np.concatenate([everyone, self.concepts.of], axis=1)

    def halved(self, resamples: int, progress: Progress) -> np.ndarray:
        """(b, models, 1 + g, 2): means within halves."""
        out = np.empty((resamples, len(self.shared), self.members.shape[1], 2))
        for number, (rows, inside) in enumerate(halves(self.n, resamples, self.seed)):
            for m, one in enumerate(self.shared.values()):
                out[number, m] = group_means(one.halved(rows, inside), self.members[rows])
            progress("resamples", number + 1, resamples)
        return out

    def nulls(self, permutations: int, progress: Progress) -> np.ndarray:
        """(permutations, models, 1 + g, 2): means with the objects of each model relabelled."""
        members, out = self.members, np.empty((permutations, len(self.shared), self.members.shape[1], 2))
        for part, orders in permutations_of(self.n, permutations, self.seed):
            for number, order in enumerate(orders.astype(np.int64)):
                for m, one in enumerate(self.shared.values()):
                    out[part.start + number, m] = group_means(one.relabelled(order), members)
            progress("permutations", part.stop, permutations)
        return out


def result_of(
    study: Study, m: int, drawn: np.ndarray | None, null: np.ndarray | None, confidence: float, correction: str,
    names: tuple[str, ...] | None,
) -> NeighborResult:  # fmt: skip
    name = list(study.shared)[m]
    values = study.shared[name].values()
    means, counts = group_means(values, study.members), study.members.sum(axis=0)
    errors = None if drawn is None else half_errors(drawn[:, m], study.n)

    def figures(g: int) -> list[Any]:
        """Overlap, interval, p, rank-biased overlap, interval, p."""
        told: list[Any] = []
        for v in range(2):
            value = float(means[g, v])
            error = None if errors is None else float(errors[g, v])
            ci = None if error is None else interval_of(value, error, int(counts[g]), confidence)
            told += [value if counts[g] else None, ci,
                     None if null is None or not counts[g] else _upper_p(null[:, m, g, v], value)]  # fmt: skip
        return told

    concepts = None
    if study.concepts is not None:
        rows = [(label, int(counts[g]), *figures(g)) for g, label in enumerate(study.concepts.labels, 1)]
        adjusted = corrected([row[4] for row in rows], correction)
        concepts = tuple(
            ConceptNeighbors(label, count, overlap, ci, p, p_adjusted, *of_rbo)
            for (label, count, overlap, ci, p, *of_rbo), p_adjusted in zip(rows, adjusted, strict=True)
        )
    lowest = np.lexsort((np.arange(study.n), values[:, 0], values[:, 1]))[:MOST_LOWEST]
    told = tuple(
        ObjectNeighbors(int(row), None if names is None else names[row], float(values[row, 0]), float(values[row, 1]))
        for row in lowest
    )
    overlap, ci, p, rbo, rbo_ci, rbo_p = figures(0)
    return NeighborResult(
        name, overlap, ci, p, rbo, rbo_ci, rbo_p, told, concepts, overlaps=values[:, 0], rbos=values[:, 1],
    )  # fmt: skip


def _upper_p(null: np.ndarray, value: float) -> float:
    """Values that differ by rounding alone are equal."""
    return float(1 + (null >= value - 1e-12).sum()) / (1 + len(null))


def differences_of(
    study: Study, drawn: np.ndarray, confidence: float, correction: str
) -> tuple[NeighborDifference, ...]:
    names, counts = list(study.shared), study.members.sum(axis=0)
    means = [group_means(one.values(), study.members)[:, 0] for one in study.shared.values()]
    labels = [None, *(study.concepts.labels if study.concepts is not None else ())]
    rows = []
    for a, b in combinations(range(len(names)), 2):
        errors = half_errors(drawn[:, a, :, 0] - drawn[:, b, :, 0], study.n)
        for g, label in enumerate(labels):
            value, error, count = float(means[a][g] - means[b][g]), float(errors[g]), int(counts[g])
            ci = interval_of(value, error, count, confidence, (-1.0, 1.0))
            p = (
                None
                if ci is None
                else 1.0
                if value == 0
                else two_sided_p(value / error if error else np.inf, count - 1)
            )
            rows.append((names[a], names[b], label, count, value if count else None, ci, p))
    adjusted = corrected([row[-1] for row in rows], correction)
    return tuple(NeighborDifference(*row, p) for row, p in zip(rows, adjusted, strict=True))
