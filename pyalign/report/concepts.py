"""Accuracies per concept as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.concept.concepts_result import ConceptDifference, Concepts, ConceptScore, ConceptScores
from pyalign.report._old_cells import concepts_column
from pyalign.report.cells import CORRECTED as SHORT
from pyalign.report.tables import (
    TRANSFORMED,
    Column,
    Rows,
    chance_note,
    fitted_table,
    noted,
    one_line,
    over_text,
    p_text,
    percent,
    percent_interval,
    short_labels,
)  # fmt: skip

SINGULAR = {"dimensions": "dimension", "categories": "category", "levels": "level"}


def concepts_table(found: Concepts, width: int | None = None, verbose: bool = False) -> str:
    """A table for each way of grouping, best concepts of the first model first, and a line that says how to read it."""
    labels = _labels(found, verbose)
    parts = []
    for by in dict.fromkeys(one.by for one in found.results):
        of = [one for one in found.results if one.by == by]
        differences = [one for one in found.differences if one.by == by]
        columns = _alone(of[0], found) if len(of) == 1 else _side_by_side(of, differences, labels, found)
        parts.append(fitted_table(columns, width, verbose)[0])
    return "\n\n".join(parts) + "\n" + noted(_notes(found, labels), width, verbose)


def _labels(found: Concepts, verbose: bool) -> dict[str, str]:
    names = [one.embeddings for one in found.results]
    short = {name: one_line(name) for name in names} if verbose else _short(names)
    return {one.embeddings: one_line(one.label or short[one.embeddings]) for one in found.results}


def _short(names: Sequence[str]) -> dict[str, str]:
    """Short forms, in which what a transform made keeps its mark."""
    mark = TRANSFORMED
    short = short_labels([name.removesuffix(mark) for name in names])
    return {name: short[name.removesuffix(mark)] + (" +map" if name.endswith(mark) else "") for name in names}


def _order(first: ConceptScores) -> list[int]:
    """The concepts, the most accurate first, those without triplets last; levels as they are."""
    if first.by == "levels":
        return list(range(len(first.concepts)))
    return sorted(range(len(first.concepts)), key=lambda k: -(first.concepts[k].accuracy or -1.0))


def _rows(one: ConceptScores, order: Sequence[int]) -> list[ConceptScore]:
    """The rows of a table: concepts in this order, what belongs to none, and the whole."""
    rest = () if one.unassigned is None else (one.unassigned,)
    whole = ConceptScore("all", one.n_triplets, 0, one.accuracy, one.ci, one.cross_entropy, one.cross_entropy_ci)
    return [*(one.concepts[k] for k in order), *rest, whole]


def _names(by: str, rows: Sequence[ConceptScore]) -> Column:
    """What the concepts are called; where there is no room, how their names begin."""
    names = tuple(one_line(row.concept) for row in rows)
    return concepts_column(SINGULAR[by], names)


def _alone(one: ConceptScores, found: Concepts) -> list[Column]:
    rows = _rows(one, _order(one))
    column = Rows(rows).column
    columns = [
        _names(one.by, rows),
        column("triplets", lambda c: f"{c.n_triplets:,}", 7),
        column("objects", lambda c: f"{c.n_objects or found.n_objects:,}" if c.n_triplets else "0", 5),
        column("accuracy", lambda c: percent(c.accuracy)),
    ]
    if found.ci_by is not None:
        columns += [
            column(f"{100 * (found.confidence or 0):g} % interval", lambda c: percent_interval(c.ci)),
            column("s.e.", lambda c: percent(c.standard_error), 3),
        ]
    return [*columns, column("cross-entropy", lambda c: _nats(c.cross_entropy), 4)]


def _side_by_side(
    of: Sequence[ConceptScores], differences: Sequence[ConceptDifference], labels: Mapping[str, str], found: Concepts
) -> list[Column]:
    """A column for each model; of two also their difference."""
    order = _order(of[0])
    rows = [_rows(one, order) for one in of]
    columns = [
        _names(of[0].by, rows[0]),
        Column("triplets", tuple(f"{row.n_triplets:,}" for row in rows[0]), 7),
    ]
    for k, (one, own) in enumerate(zip(of, rows, strict=True)):
        keep = 9 if k < 2 else max(1, 6 - k)
        columns.append(Column(labels[one.embeddings], tuple(percent(row.accuracy) for row in own), keep))
    if len(of) > 2 or not differences or found.ci_by is None:
        return columns
    shown: list[ConceptDifference | None] = [differences[k] for k in order]
    shown += [None] * (len(rows[0]) - len(shown))
    return [*columns, *_difference(shown, found, labels)]


def _difference(shown: Sequence[ConceptDifference | None], found: Concepts, labels: Mapping[str, str]) -> list[Column]:
    column = Rows(shown).column
    interval = f"{100 * (found.confidence or 0):g} % interval"
    return [
        column("difference", lambda d: "" if d is None else percent(d.difference)),
        column(interval, lambda d: "" if d is None else percent_interval(d.ci), 6),
        column("p", lambda d: "" if d is None else p_text(d.p_value), 3),
        column(f"p ({SHORT[found.correction]})", lambda d: "" if d is None else p_text(d.p_adjusted)),
    ]


def _notes(found: Concepts, labels: Mapping[str, str]) -> list[str]:
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    if found.dimensions:
        notes.append(f"dimensions: {one_line(found.dimensions)}")
    if found.n_dropped:
        notes.append(f"{found.n_dropped:,} dropped (NaN)")
    if found.assign is not None:
        places = "" if found.top == 1 else f", the {found.top} largest: a triplet counts in each"
        notes.append(f"assigned by the {found.assign} of the chosen pair{places}")
    pairs = list(dict.fromkeys((one.embeddings, one.other) for one in found.differences))
    if len(pairs) == 1 and found.ci_by is not None:
        a, b = pairs[0]
        notes.append(f"difference: {labels[a]} less {labels[b]}")
        notes.append(f"p ({SHORT[found.correction]}) corrected for all concepts")
    elif pairs:
        notes.append(f"{len(found.differences):,} differences: the JSON document has them")
    if found.ci_by is not None:
        notes.append(over_text(found.ci_by, found.ci_method, found.resamples, found.seed))
    return [*notes, f"measure {found.measure}", chance_note(found.task), f"ties {found.ties}"]


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"
