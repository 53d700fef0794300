"""Neighbours of objects: agreement with people's, purity, hubs, changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubs
from pyalign.concept.neighbor_agreement import ConceptNeighbors, NeighborAgreement, NeighborDifference, NeighborResult
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import CategoryPurity, NeighborPurity, PurityResult
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import counted, interval_header, model_labels, number
from pyalign.report.tables import ELSEWHERE, one_line

MOST_CONCEPTS, MOST_PAIRS, SHOWN = 20, 20, 3
Row = TypeVar("Row")


def labels_of(result: Any, verbose: bool = False, labels: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each model of a result is called in tables; `labels`: those of a page."""
    return model_labels([(one.embeddings, None) for one in result.results], verbose, labels)


def agreement_view(result: NeighborAgreement, verbose: bool = False) -> list[Block]:
    """The models over all objects; the concepts of each; differences over all objects."""
    labels = labels_of(result, verbose)
    blocks: list[Block] = [agreement_table(result, labels), Foot(_agreement_notes(result))]
    for one in result.results:
        blocks += _concepts(result, one, labels[one.embeddings], verbose) if one.concepts else []
    differences = [one for one in result.differences if one.concept is None]
    if differences:
        shown = differences if verbose else differences[:MOST_PAIRS]
        blocks.append(agreement_differences(result, labels, shown))
        blocks.append(Foot((f"p corrected ({result.correction}) over {len(result.differences):,} differences",)))
    return blocks


def _agreement_notes(result: NeighborAgreement) -> tuple[str, ...]:
    notes = [f"against {one_line(result.against)}"] if result.against else []
    notes += [
        f"{result.k:,} nearest of {result.n_objects:,} objects",
        f"measure {result.measure}, of the reference {result.against_measure}",
        f"by chance {number(result.chance)}, rbo {number(result.rbo_chance)}",
    ]
    if result.resamples is not None:
        notes.append(f"intervals over objects ({result.resamples:,} half-samples, seed {result.seed})")
    if result.permutations:
        notes.append(f"p by {result.permutations:,} relabellings of the objects, one-sided")
    return (*notes, f"rbo: rank-biased overlap, p = {result.rbo_p:g}")


def agreement_table(result: NeighborAgreement, labels: Mapping[str, str]) -> Table:
    """A row for each model."""
    column = Rows(result.results).column
    columns = [column("model", lambda r: labels[r.embeddings]), *_overlaps(result, result.results)]
    if result.permutations:
        columns.append(column("p", lambda r: r.p_value, "p", note="of the overlap"))
        columns.append(column("p of rbo", lambda r: r.rbo_p_value, "p", only=PAGE))
    return Table(tuple(columns))


def _overlaps(result: NeighborAgreement, rows: Sequence[NeighborResult | ConceptNeighbors]) -> list[Column]:
    column, intervals = Rows(rows).column, result.resamples is not None
    header, other = (interval_header(result.confidence), "interval") if intervals else ("", "")
    columns = [column("overlap", lambda r: r.overlap, "percent", ci=lambda r: r.ci, ends=header, write=number)]
    if intervals:
        columns.append(column("s.e.", lambda r: r.standard_error, "percent", keep=5, write=number, only=TEXT))
    columns.append(column("rbo", lambda r: r.rbo, "percent", ci=lambda r: r.rbo_ci, keep=7, ends=other, keep_ends=4,
                          write=number, note=_rbo_note(result.rbo_p), named=True))  # fmt: skip
    return columns


def _rbo_note(persistence: float) -> str:
    return f"rank-biased overlap, persistence {persistence:g}"


def _concepts(result: NeighborAgreement, one: NeighborResult, label: str, verbose: bool) -> list[Block]:
    """Those that agree most and least, of many."""
    ranked = sorted((c for c in one.concepts or () if c.n_objects), key=lambda c: -(c.overlap or 0.0))
    half, notes = MOST_CONCEPTS // 2, list[str]()
    rows = ranked
    if not verbose and len(ranked) > MOST_CONCEPTS:
        rows = ranked[:half] + ranked[-half:]
        notes.append(f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}")
    table = agreement_concepts(result, [(label, row) for row in rows])
    return [Table(table.columns, title=f"{label}, by {result.grouping}"), Foot(tuple(notes))]


def agreement_concepts(result: NeighborAgreement, rows: Sequence[tuple[str, ConceptNeighbors]]) -> Table:
    """A row for each of these concepts of models, each with the label of its model."""
    concepts = [concept for _, concept in rows]
    column = Rows(concepts).column
    columns = [
        column("concept", lambda c: c.concept, filter=True),
        Column("model", tuple(label for label, _ in rows), filter=True, only=PAGE),
        column("objects", lambda c: c.n_objects, "count"),
        *_overlaps(result, concepts),
    ]
    if result.permutations:
        columns.append(column("p", lambda c: c.p_value, "p", only=TEXT))
        columns.append(column("p (corrected)", lambda c: c.p_adjusted, "p", keep=6))
    return Table(tuple(columns))


def agreement_differences(
    result: NeighborAgreement, labels: Mapping[str, str], differences: Sequence[NeighborDifference]
) -> Table:
    """A row for each of these differences."""
    column = Rows(differences).column
    return Table((
        column("difference", lambda d: f"{labels[d.a]} - {labels[d.b]}", only=TEXT),
        column("model", lambda d: labels[d.a], only=PAGE),
        column("less", lambda d: labels[d.b], only=PAGE),
        column("overlap", lambda d: d.difference, "percent", ci=lambda d: d.ci, ends=interval_header(result.confidence),
               write=number),
        column("s.e.", lambda d: d.standard_error, "percent", keep=5, write=number, only=TEXT),
        column("p", lambda d: d.p_value, "p", keep=6, only=TEXT),
        column("p (corrected)", lambda d: d.p_adjusted, "p"),
    ))  # fmt: skip


def purity_view(result: NeighborPurity, verbose: bool = False) -> list[Block]:
    """The models over all objects with a category, then the categories of each."""
    labels = labels_of(result, verbose)
    blocks: list[Block] = []
    for one in result.results:
        ranked = sorted((c for c in one.categories if c.n_objects), key=lambda c: -(c.purity or 0.0))
        names = ("all with a category", *(c.category for c in ranked))
        counts = (result.n_with_category, *(c.n_objects for c in ranked))
        blocks.append(Table((
            Column(labels[one.embeddings], names), Column("objects", counts, "count"),
            *purity_columns(result, [one, *ranked]),
        )))  # fmt: skip
    notes = [f"share of the {result.k:,} nearest of {result.n_objects:,} objects", f"measure {result.measure}"]
    if result.resamples:
        notes.append(f"intervals over objects ({result.resamples:,} half-samples or the jackknife, seed {result.seed})")
    return [*blocks, Foot(tuple(notes), apart=True)]


def purity_columns(result: NeighborPurity, rows: Sequence[PurityResult | CategoryPurity]) -> tuple[Column, ...]:
    """The figures of models, or of categories."""
    column = Rows(rows).column
    columns = [
        column("purity", lambda r: r.purity, "percent", ci=lambda r: r.ci, ends="interval" if result.resamples else "",
               write=number),
        column("by chance", lambda r: r.chance, "percent", keep=7, write=number),
    ]  # fmt: skip
    columns += [column("p", lambda r: r.p_value, "p", keep=6)] if result.permutations else []
    return tuple(columns)


def hubs_view(result: Hubs, verbose: bool = False) -> list[Block]:
    """A row for each model, with its largest hubs."""
    notes = (
        f"how often objects are among the {result.k:,} nearest of {result.n_objects:,}",
        f"measure {result.measure}",
    )
    return [hubs_table(result, labels_of(result, verbose)), Foot(notes)]


def hubs_table(result: Hubs, labels: Mapping[str, str]) -> Table:
    """A row for each model."""
    column = Rows(result.results).column
    return Table((
        column("model", lambda r: labels[r.embeddings]),
        column("skewness", lambda r: r.skewness, "number", 3, note="of how often; 0: evenly"),
        column("Robin Hood", lambda r: r.robin_hood, "percent", keep=8, write=number,
               note="share of places in lists that would have to change hands"),
        column("of none", lambda r: r.antihubs, "percent", keep=7, write=number,
               note="share of the objects that are neighbours of none"),
        column("by hubs", lambda r: r.hub_occurrence, "percent", keep=6, write=number,
               note="share of places that hubs hold: objects that are there twice as often"),
        column("largest", lambda r: ", ".join(f"{name_of(one)} {_often(one.count)}" for one in r.largest[:2]), keep=5,
               only=TEXT),
    ))  # fmt: skip


def _often(value: float) -> str:
    """How often, a whole number but for shares of places that several have."""
    return f"{value:,.1f}".removesuffix(".0")


def name_of(one: Any, before: str = "") -> str:
    """The name of an object; where it has none, its row, with what stands `before` it."""
    return f"{before}{one.row}" if one.name is None else str(one.name)


def _objects(header: str, rows: Sequence[Row], of: Callable[[Row], Any]) -> tuple[Column, Column]:
    """Names of objects, where pages have more room for those that have none."""
    named = [(of(row), before) for before in ("", "row ") for row in rows]
    values = tuple(None if one is None else name_of(one, before) for one, before in named)
    return Column(header, values[: len(rows)], only=TEXT), Column(header, values[len(rows) :], only=PAGE)


def changes_view(result: NeighborChanges, verbose: bool = False) -> list[Block]:
    """The objects whose neighbourhoods differ most, with the nearest that are on one side only."""
    notes = (f"over all {result.n_objects:,} objects overlap {number(result.overlap)}, rbo {number(result.rbo)}",
             f"{result.k:,} nearest", f"measure {result.measure}")  # fmt: skip
    return [changes_table(result), Foot(notes)]


def changes_table(result: NeighborChanges) -> Table:
    """A row for each object."""
    column = Rows(result.objects).column
    return Table((
        *_objects("object", result.objects, lambda o: o),
        column("overlap", lambda o: o.overlap, "percent", write=number),
        column("rbo", lambda o: o.rbo, "percent", keep=7, write=number, note=_rbo_note(result.rbo_p), named=True),
        column("before alone", lambda o: ", ".join(o.lost[:SHOWN]), keep=5, only=TEXT),
        column("after alone", lambda o: ", ".join(o.gained[:SHOWN]), keep=6, only=TEXT),
        column("lost", lambda o: ", ".join(o.lost), only=PAGE),
        column("gained", lambda o: ", ".join(o.gained), only=PAGE),
    ))  # fmt: skip


def prototypes_view(result: Prototypes, verbose: bool = False) -> list[Block]:
    """A row for each concept."""
    notes = (f"by {result.grouping} among {result.n_objects:,} objects", f"measure {result.measure}")
    return [prototypes_table(result), Foot(notes)]


def prototypes_table(result: Prototypes) -> Table:
    """A row for each concept."""
    column = Rows(result.concepts).column
    return Table((
        column("concept", lambda c: c.concept),
        column("objects", lambda c: c.n_objects, "count"),
        *_objects("medoid", result.concepts, lambda c: c.medoid),
        column("its mean similarity", lambda c: None if c.medoid is None else c.medoid.value, "number", 3, only=PAGE),
        column("top", lambda c: ", ".join(map(name_of, c.top[:SHOWN])), keep=5, only=TEXT),
    ))  # fmt: skip


def duplicates_view(result: NearDuplicates, verbose: bool = False) -> list[Block]:
    """A row for each group."""
    notes = (
        f"{counted(len(result.groups), 'group')} among {result.n_objects:,} rows",
        counted(result.n_pairs, "pair"),
        "equal rows" if result.threshold is None else f"{result.measure} of at least {result.threshold:g}",
    )
    return [duplicates_table(result), Foot(notes)] if result.groups else [Foot(notes)]


def duplicates_table(result: NearDuplicates) -> Table:
    """A row for each group."""
    column = Rows(result.groups).column
    return Table((
        column("rows", lambda g: ", ".join(map(str, g.names or g.rows)), only=TEXT),
        column("rows", lambda g: ", ".join(g.names or (f"row {row}" for row in g.rows)), only=PAGE),
        column("size", lambda g: len(g.rows), "count", note="objects"),
        column("equal", lambda g: g.exact),
        column("least", lambda g: g.least, "number", 4, keep=5, note="similarity"),
    ))  # fmt: skip
