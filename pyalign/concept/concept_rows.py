"""The rows of `Concepts`: what is known of each concept, of each difference, and which are too small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign.analysis.ledger import Ledger
from pyalign.analysis.paired_intervals import ACCURACY, NATS
from pyalign.concept.concepts_result import ConceptDifference, ConceptScore, ConceptScores
from pyalign.concept.grouping import Grouping
from pyalign.concept.parts import Part
from pyalign.stats.multiple import corrected

NO_CONCEPT = "(none)"
NAMED = 5  # concepts without an interval that a note names


def result_of(
    k: int, name: str, grouping: Grouping, parts: Sequence[Part], whole: Part, ledger: Ledger, transform: str | None
) -> ConceptScores:
    """The result of model k."""
    *of_concepts, rest = parts
    intervals = whole.intervals
    return ConceptScores(
        embeddings=name,
        by=grouping.by,
        concepts=tuple(_row(label, part, k) for label, part in zip(grouping.labels, of_concepts, strict=True)),
        unassigned=_row(NO_CONCEPT, rest, k) if rest.n_triplets else None,
        n_triplets=whole.n_triplets,
        n_ties=ledger.scores[k].n_ties,
        accuracy=float(whole.estimates[ACCURACY, k]),
        ci=None if intervals is None else intervals.own(k, ACCURACY),
        cross_entropy=float(whole.estimates[NATS, k]),
        cross_entropy_ci=None if intervals is None else intervals.own(k, NATS),
        transform=transform,
    )


def _row(label: str, part: Part, k: int) -> ConceptScore:
    accuracy, nats = _known(part.estimates[:, k])
    found = part.intervals
    return ConceptScore(
        concept=label,
        n_triplets=part.n_triplets,
        n_objects=part.n_objects,
        accuracy=accuracy,
        ci=None if found is None else found.own(k, ACCURACY),
        cross_entropy=nats,
        cross_entropy_ci=None if found is None else found.own(k, NATS),
        note=part.note,
    )


def _known(estimates: np.ndarray) -> tuple[float | None, float | None]:
    accuracy, nats = (None if np.isnan(one) else float(one) for one in estimates)
    return accuracy, nats


def differences_of(
    names: Sequence[str], pairs: Sequence[tuple[str, str]], grouping: Grouping, parts: Sequence[Part], correction: str
) -> list[ConceptDifference]:
    """Concept by concept for each pair of models; p-values are corrected over all of them."""
    rows = [(names.index(a), names.index(b), k) for a, b in pairs for k in range(len(grouping.labels))]
    p_values = [None if parts[k].intervals is None else _p_value(parts[k], a, b) for a, b, k in rows]
    return [
        _difference(names, grouping, parts, row, p, of_all)
        for row, p, of_all in zip(rows, p_values, corrected(p_values, correction), strict=True)
    ]


def _p_value(part: Part, a: int, b: int) -> float | None:
    assert part.intervals is not None
    return part.intervals.p_value(a, b)


def _difference(
    names: Sequence[str], grouping: Grouping, parts: Sequence[Part], row: tuple[int, int, int], p_value: float | None,
    adjusted: float | None,
) -> ConceptDifference:  # fmt: skip
    a, b, k = row
    part = parts[k]
    accuracy, nats = _known(part.estimates[:, a] - part.estimates[:, b])
    found = part.intervals
    return ConceptDifference(
        embeddings=names[a],
        other=names[b],
        by=grouping.by,
        concept=grouping.labels[k],
        n_triplets=part.n_triplets,
        difference=accuracy,
        ci=None if found is None else found.difference(a, b, ACCURACY),
        p_value=p_value,
        p_adjusted=adjusted,
        cross_entropy_difference=nats,
        cross_entropy_ci=None if found is None else found.difference(a, b, NATS),
    )


def notes_on_small(both: Sequence[tuple[Grouping, Sequence[Part]]]) -> list[str]:
    """Which concepts have no interval where others have one: in each of their rows stands why."""
    told = []
    for grouping, parts in both:
        labels = (*grouping.labels, NO_CONCEPT)
        small = [label for label, part in zip(labels, parts, strict=True) if part.note and part.n_triplets]
        empty = [label for label, part in zip(grouping.labels, parts, strict=False) if not part.n_triplets]
        of = f"of {len(grouping.labels):,} {grouping.by}"
        if small:
            told.append(f"{len(small):,} {of} without an interval, too few triplets or objects: {_listed(small)}")
        if empty:
            told.append(f"{len(empty):,} {of} without a triplet: {_listed(empty)}")
    return told


def _listed(labels: Sequence[str]) -> str:
    more = f", and {len(labels) - NAMED:,} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more
