"""The rows of `ErrorConsistency`: every two models, and every concept of what all models miss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from pyalign.concept.consistency_result import ErrorPair, MissedConcept
from pyalign.concept.grouping import Grouping
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence
from pyalign.stats.joint import COPY_OF_A, COPY_OF_B, EXCESS, KAPPA, Joint, joints, pair_counts
from pyalign.stats.kappa import of_counts
from pyalign.stats.multiple import corrected
from pyalign.stats.resampling import Clusters, Resampling

Tested = TypeVar("Tested", ErrorPair, MissedConcept)


def error_pairs(
    names: Sequence[str], right: np.ndarray, clusters: Clusters, dependence: Dependence | None,
    plan: Resampling | None, correction: str, progress: Progress = silent,
) -> tuple[ErrorPair, ...]:  # fmt: skip
    """Every two of m models, of which `right` (m, t / 8) holds a bit for each triplet that they get right."""
    counts = pair_counts(right, len(clusters.objects))
    pairs = list(combinations(range(len(names)), 2))
    known = joints(right, pairs, clusters, dependence, plan, progress)
    rows = [_pair(names, counts, pair, joint, len(clusters.objects)) for pair, joint in zip(pairs, known, strict=True)]
    return adjusted(rows, correction)


def _pair(names: Sequence[str], counts: np.ndarray, pair: tuple[int, int], joint: Joint | None, t: int) -> ErrorPair:
    a, b = pair
    right_a, right_b, both = (int(counts[place]) for place in ((a, a), (b, b), (a, b)))
    found = of_counts(t, right_a, right_b, both)
    joint = None if found.kappa is None else joint
    of_a = right_a >= right_b  # the more accurate one is held to be copied
    return ErrorPair(
        a=names[a],
        b=names[b],
        n_triplets=t,
        accuracy_a=found.accuracy_a,
        accuracy_b=found.accuracy_b,
        observed=found.observed,
        expected=found.expected,
        kappa=found.kappa,
        ci=None if joint is None else joint.interval(KAPPA),
        kappa_min=found.kappa_min,
        kappa_max=found.kappa_max,
        unbiased_kappa=found.unbiased_kappa,
        copied=None if found.kappa is None else names[a if of_a else b],
        copy_probability=found.copy_probability,
        copy_ci=None if joint is None else joint.interval(COPY_OF_A if of_a else COPY_OF_B),
        p_value=None if joint is None else joint.p_value(KAPPA),
        p_adjusted=None,
    )


def missed_by_all(right: np.ndarray, t: int) -> np.ndarray:
    """uint8 (t / 8 rounded up): a bit for each of t triplets that no model gets right.

    Example:
        >>> np.unpackbits(missed_by_all(np.packbits([[1, 0, 0], [0, 0, 1]], axis=1), 3)).tolist()
        [0, 1, 0, 0, 0, 0, 0, 0]
    """
    missed = np.unpackbits(np.bitwise_or.reduce(right, axis=0), count=t) == 0
    return np.packbits(missed)


def missed_concepts(
    missed: np.ndarray, grouping: Grouping, clusters: Clusters, dependence: Dependence | None,
    plan: Resampling | None, least: int, correction: str, progress: Progress = silent,
) -> tuple[MissedConcept, ...]:  # fmt: skip
    """Each concept of a grouping, where `missed` has a bit for each triplet that all models miss."""
    t = len(clusters.objects)
    whole = np.unpackbits(missed, count=t)
    counts = grouping.sums(whole)
    n_missed, sizes = int(whole.sum(dtype=np.int64)), grouping.sizes
    large = [k for k in range(len(grouping.labels)) if sizes[k] >= least]
    known: dict[int, Joint | None] = {}
    for part in _some(large):
        bits = np.stack([missed, *(_bits_of(grouping.part(k), t) for k in part)])
        pairs = [(0, 1 + k) for k in range(len(part))]
        known |= zip(part, joints(bits, pairs, clusters, dependence, plan, progress), strict=True)
    rows = [
        _concept(grouping, k, int(sizes[k]), int(counts[k]), n_missed, t, known.get(k))
        for k in range(len(grouping.labels))
    ]
    return adjusted(rows, correction)


def _concept(
    grouping: Grouping, k: int, size: int, count: int, n_missed: int, t: int, joint: Joint | None
) -> MissedConcept:
    expected = n_missed / t
    excess = count / size - expected if size else None
    joint = joint if 0 < n_missed < t and size < t else None
    return MissedConcept(
        by=grouping.by,
        concept=grouping.labels[k],
        n_triplets=size,
        n_missed=count,
        missed=count / size if size else None,
        expected=expected,
        ratio=count * t / (size * n_missed) if size and n_missed else None,
        excess=excess,
        ci=None if joint is None else joint.interval(EXCESS),
        p_value=None if joint is None else joint.p_value(EXCESS),
        p_adjusted=None,
        share=count / n_missed if n_missed else None,
        explained=(count - size * n_missed / t) / n_missed if n_missed else None,
    )


def adjusted(rows: Sequence[Tested], correction: str) -> tuple[Tested, ...]:
    """With p-values that are corrected over all rows that have one."""
    found = corrected([row.p_value for row in rows], correction)
    return tuple(replace(row, p_adjusted=p) for row, p in zip(rows, found, strict=True))


def _some(places: Sequence[int], together: int = 8) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), together):
        yield places[start : start + together]


def _bits_of(rows: np.ndarray, t: int) -> np.ndarray:
    within = np.zeros(t, bool)
    within[rows] = True
    return np.packbits(within)
