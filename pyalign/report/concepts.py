"""Accuracies per concept: a table for each way of grouping, of one model or of several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.concept.concepts_result import ConceptDifference, Concepts, ConceptScore, ConceptScores
from pyalign.report.blocks import Block, Column, Foot, Rows, Table
from pyalign.report.cells import CORRECTED, SINGULAR, concepts_column, interval_header, model_labels
from pyalign.report.words import TRANSFORMED, chance_note, one_line, over_text


def concepts_view(result: Concepts, verbose: bool = False) -> list[Block]:
    """A table for each way of grouping, best concepts of the first model first, and how to read them."""
    labels = labels_of(result, verbose)
    if not verbose:
        own = {one.embeddings: one.label for one in result.results}
        labels = {name: label if own[name] else _brief(label) for name, label in labels.items()}
    blocks: list[Block] = []
    for by in dict.fromkeys(one.by for one in result.results):
        of = [one for one in result.results if one.by == by]
        blocks.append(_of_one(of[0], result) if len(of) == 1 else _side_by_side(of, labels, result))
    return [*blocks, Foot(_notes(result, labels))]


def labels_of(result: Concepts, verbose: bool = False, labels: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each model is called in tables and charts; `labels`: those of a page."""
    return model_labels([(one.embeddings, one.label) for one in result.results], verbose, labels)


def _brief(label: str) -> str:
    """The label in a header, where the mark of what a transform made is a short one."""
    return label.removesuffix(TRANSFORMED) + " +map" if label.endswith(TRANSFORMED) else label


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


def _of_one(one: ConceptScores, result: Concepts) -> Table:
    rows = _rows(one, _order(one))
    column = Rows(rows).column
    intervals = result.ci_by is not None
    columns = [
        concepts_column(SINGULAR[one.by], [row.concept for row in rows]),
        column("triplets", lambda c: c.n_triplets, "count", keep=7),
        column("objects", lambda c: (c.n_objects or result.n_objects) if c.n_triplets else 0, "count", keep=5),
        column("accuracy", lambda c: c.accuracy, "percent", ci=lambda c: c.ci,
               ends=interval_header(result.confidence) if intervals else ""),
    ]  # fmt: skip
    columns += [column("s.e.", lambda c: c.standard_error, "percent", keep=3)] if intervals else []
    columns.append(column("cross-entropy", lambda c: c.cross_entropy, "number", 5, keep=4))
    return Table(tuple(columns))


def _side_by_side(of: Sequence[ConceptScores], labels: Mapping[str, str], result: Concepts) -> Table:
    """A column for each model; of two also their difference."""
    order = _order(of[0])
    first = _rows(of[0], order)
    columns = [
        concepts_column(SINGULAR[of[0].by], [row.concept for row in first]),
        Rows(first).column("triplets", lambda row: row.n_triplets, "count", keep=7),
    ]
    for k, one in enumerate(of):
        keep = 9 if k < 2 else max(1, 6 - k)
        columns.append(
            Rows(_rows(one, order)).column(labels[one.embeddings], lambda c: c.accuracy, "percent", keep=keep)
        )
    differences = [one for one in result.differences if one.by == of[0].by]
    if len(of) == 2 and differences and result.ci_by is not None:
        shown = [*(differences[k] for k in order), *[None] * (len(first) - len(order))]
        columns += difference_columns(shown, result)
    return Table(tuple(columns))


def difference_columns(differences: Sequence[ConceptDifference | None], result: Concepts) -> tuple[Column, ...]:
    """How much two models differ on each concept; None: a row that is no concept, whose cells are empty."""
    column = Rows(differences).column
    return (
        column("difference", lambda d: "" if d is None else d.difference, "percent",
               ci=lambda d: None if d is None else d.ci, ends=interval_header(result.confidence), keep_ends=6),
        column("p", lambda d: "" if d is None else d.p_value, "p", keep=3),
        column(f"p ({CORRECTED[result.correction]})", lambda d: "" if d is None else d.p_adjusted, "p"),
    )  # fmt: skip


def _notes(result: Concepts, labels: Mapping[str, str]) -> tuple[str, ...]:
    notes = [f"triplets: {one_line(result.triplets)}"] if result.triplets else []
    if result.dimensions:
        notes.append(f"dimensions: {one_line(result.dimensions)}")
    if result.n_dropped:
        notes.append(f"{result.n_dropped:,} dropped (NaN)")
    if result.assign is not None:
        places = "" if result.top == 1 else f", the {result.top} largest: a triplet counts in each"
        notes.append(f"assigned by the {result.assign} of the chosen pair{places}")
    pairs = list(dict.fromkeys((one.embeddings, one.other) for one in result.differences))
    if len(pairs) == 1 and result.ci_by is not None:
        a, b = pairs[0]
        notes.append(f"difference: {labels[a]} less {labels[b]}")
        notes.append(f"p ({CORRECTED[result.correction]}) corrected for all concepts")
    elif pairs:
        notes.append(f"{len(result.differences):,} differences: the JSON document has them")
    if result.ci_by is not None:
        notes.append(over_text(result.ci_by, result.ci_method, result.resamples, result.seed))
    return (*notes, f"measure {result.measure}", chance_note(result.task), f"ties {result.ties}")
