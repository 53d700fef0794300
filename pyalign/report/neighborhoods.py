"""Neighbours of concepts: agreement with people's, purity, hubs, changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubs
from pyalign.concept.neighbor_agreement import NeighborAgreement, NeighborDifference
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import ConceptPrototypes, Prototypes
from pyalign.concept.purity import NeighborPurity
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import called, counted, interval_header, model_labels, number
from pyalign.report.words import ELSEWHERE, one_line

MOST_CONCEPTS, MOST_PAIRS, SHOWN = 20, 20, 3


def labels_of(results: Sequence[Any], verbose: bool = False, labels: Mapping[str, str] | None = None) -> list[str]:
    """What the model of each result is called; `labels`: those of a page."""
    if labels is not None:
        return called([(one.embeddings, one.label) for one in results], labels)
    short = model_labels([(one.embeddings, None) for one in results], verbose)
    return [short[one.embeddings] for one in results]


def name_of(row: Any) -> str:
    """An object by its name, or by its row."""
    return str(row.row) if row.name is None else str(row.name)


# --- agreement with people


def agreement_view(found: NeighborAgreement, verbose: bool = False) -> list[Block]:
    """The models over all objects; the concepts of each; differences over all objects."""
    labels = labels_of(found.results, verbose)
    notes = [
        *([f"against {one_line(found.against)}"] if found.against else []),
        f"{found.k:,} nearest of {found.n_objects:,} objects",
        f"measure {found.measure}, of the reference {found.against_measure}",
        f"by chance {number(found.chance)}, rbo {number(found.rbo_chance)}",
    ]
    if found.resamples is not None:
        notes.append(f"intervals over objects ({found.resamples:,} half-samples, seed {found.seed})")
    if found.permutations:
        notes.append(f"p by {found.permutations:,} relabellings of the objects, one-sided")
    notes.append(f"rbo: rank-biased overlap, p = {found.rbo_p:g}")
    blocks: list[Block] = [agreement_table(found, labels), Foot(tuple(notes))]
    for result, label in zip(found.results, labels, strict=True):
        if result.concepts:
            blocks += _concepts(found, result.concepts, label, verbose)
    overall = [one for one in found.differences if one.concept is None]
    if overall:
        shown = overall[: None if verbose else MOST_PAIRS]
        names = dict(zip((one.embeddings for one in found.results), labels, strict=True))
        of_all = f"p corrected ({found.correction}) over {len(found.differences):,} differences"
        blocks += [differences_table(found, shown, names), Foot((of_all,))]
    return blocks


def agreement_table(found: NeighborAgreement, labels: Sequence[str]) -> Table:
    """A row for each model."""
    return Table((Column("model", tuple(labels)), *_figures(found, found.results)))


def _figures(found: NeighborAgreement, rows: Sequence[Any]) -> list[Column]:
    column, intervals, tested = Rows(rows).column, found.resamples is not None, bool(found.permutations)
    columns = [
        column("overlap", lambda r: r.overlap, "number", 4, ci=lambda r: r.ci,
               ends=interval_header(found.confidence or 0.0) if intervals else "")
    ]  # fmt: skip
    if intervals:
        columns.append(column("s.e.", lambda r: r.standard_error, "number", 4, keep=5, only=TEXT))
    columns.append(
        column("rbo", lambda r: r.rbo, "number", 4, keep=7, ci=lambda r: r.rbo_ci, ends="interval" if intervals else "",
               keep_ends=4, note=f"rank-biased overlap, persistence {found.rbo_p:g}")
    )  # fmt: skip
    if tested:
        columns.append(column("p", lambda r: r.p_value, "p", note="of the overlap, one-sided"))
    return columns


def _concepts(found: NeighborAgreement, concepts: Sequence[Any], label: str, verbose: bool) -> list[Block]:
    """Those that agree most and least, of many."""
    ranked = sorted((one for one in concepts if one.n_objects), key=lambda one: -(one.overlap or 0.0))
    half = MOST_CONCEPTS // 2
    rows = ranked if verbose or len(ranked) <= MOST_CONCEPTS else ranked[:half] + ranked[-half:]
    left_out = f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}"
    table = concepts_table(found, [(label, one) for one in rows], f"{label}, by {found.grouping}")
    return [table, Foot((left_out,) if len(rows) < len(ranked) else ())]


def concepts_table(found: NeighborAgreement, rows: Sequence[tuple[str, Any]], title: str = "") -> Table:
    """A row for each concept of a model, whose label comes before it."""
    column = Rows(rows).column
    columns = [
        column("concept", lambda r: r[1].concept, filter=True),
        column("model", lambda r: r[0], filter=True, only=PAGE),
        column("objects", lambda r: r[1].n_objects, "count"),
        *_figures(found, [one for _, one in rows]),
    ]
    if found.permutations:
        columns.append(column("p (corrected)", lambda r: r[1].p_adjusted, "p", keep=6))
    return Table(tuple(columns), title=title)


def differences_table(found: NeighborAgreement, rows: Sequence[NeighborDifference], labels: Mapping[str, str]) -> Table:
    """A row for each two models."""
    column = Rows(rows).column
    columns = (
        column("difference", lambda d: f"{labels[d.a]} - {labels[d.b]}", only=TEXT),
        column("model", lambda d: labels[d.a], only=PAGE),
        column("less", lambda d: labels[d.b], only=PAGE),
        column("overlap", lambda d: d.difference, "number", 4, ci=lambda d: d.ci,
               ends=interval_header(found.confidence or 0.0)),
        column("s.e.", lambda d: d.standard_error, "number", 4, keep=5, only=TEXT),
        column("p", lambda d: d.p_value, "p", keep=6, only=TEXT),
        column("p (corrected)", lambda d: d.p_adjusted, "p"),
    )  # fmt: skip
    return Table(columns)


# --- purity


def purity_view(found: NeighborPurity, verbose: bool = False) -> list[Block]:
    """The models over all objects with a category, then the categories of each."""
    notes = [f"share of the {found.k:,} nearest of {found.n_objects:,} objects", f"measure {found.measure}"]
    if found.resamples:
        notes.append(f"intervals over objects ({found.resamples:,} half-samples or the jackknife, seed {found.seed})")
    labels = labels_of(found.results, verbose)
    tables = [_of_model(found, one, label) for one, label in zip(found.results, labels, strict=True)]
    return [*tables, Foot(tuple(notes), apart=True)]


def _of_model(found: NeighborPurity, result: Any, label: str) -> Table:
    ranked = sorted((one for one in result.categories if one.n_objects), key=lambda one: -(one.purity or 0.0))
    rows = [
        ("all with a category", found.n_with_category, result),
        *((one.category, one.n_objects, one) for one in ranked),
    ]
    return Table((
        Column(label, tuple(one_line(name) for name, _, _ in rows)),
        Column("objects", tuple(n for _, n, _ in rows), "count"),
        *purity_columns(found, [row for _, _, row in rows]),
    ))  # fmt: skip


def purity_columns(found: NeighborPurity, rows: Sequence[Any]) -> list[Column]:
    """Purity with its interval, what chance gives, and p."""
    column = Rows(rows).column
    ends = "interval" if found.resamples else ""
    columns = [
        column("purity", lambda r: r.purity, "number", 4, ci=lambda r: r.ci, ends=ends),
        column("by chance", lambda r: r.chance, "number", 4, keep=7, note="of shuffled categories"),
    ]
    return [*columns, column("p", lambda r: r.p_value, "p", keep=6)] if found.permutations else columns


# --- hubs, changes, prototypes, duplicates


def hubs_view(found: Hubs, verbose: bool = False) -> list[Block]:
    """A row for each model, with its largest hubs."""
    notes = (f"how often objects are among the {found.k:,} nearest of {found.n_objects:,}", f"measure {found.measure}")
    return [hubs_table(found, labels_of(found.results, verbose)), Foot(notes)]


def hubs_table(found: Hubs, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(found.results).column
    columns = (
        Column("model", tuple(labels)),
        column("skewness", lambda r: r.skewness, "number", 3, note="of how often; 0: evenly"),
        column("Robin Hood", lambda r: r.robin_hood, "number", 4, keep=8,
               note="share of places in lists that would have to change hands"),
        column("of none", lambda r: r.antihubs, "number", 4, keep=7, note="share of objects, neighbours of none"),
        column("by hubs", lambda r: r.hub_occurrence, "number", 4, keep=6,
               note="share of places that objects hold which are there twice as often"),
        column("largest", lambda r: ", ".join(f"{name_of(hub)} {_count(hub.count)}" for hub in r.largest[:2]), keep=5,
               only=TEXT),
    )  # fmt: skip
    return Table(columns)


def _count(value: float) -> str:
    """How often, a whole number but for shares of places that several have."""
    return f"{value:,.1f}".removesuffix(".0")


def changes_view(found: NeighborChanges, verbose: bool = False) -> list[Block]:
    """The objects whose neighbourhoods differ most, with the nearest that only one side has."""
    notes = (
        f"over all {found.n_objects:,} objects overlap {number(found.overlap)}, rbo {number(found.rbo)}",
        f"{found.k:,} nearest",
        f"measure {found.measure}",
    )
    return [changes_table(found, SHOWN), Foot(notes)]


def changes_table(found: NeighborChanges, most: int) -> Table:
    """A row for each object; `most`: neighbours that are named."""
    column = Rows(found.objects).column
    columns = (
        column("object", lambda o: name_of(o)),
        column("overlap", lambda o: o.overlap, "number", 4),
        column("rbo", lambda o: o.rbo, "number", 4, keep=7, note="rank-biased overlap"),
        column("before alone", lambda o: ", ".join(map(str, o.lost[:most])), keep=5),
        column("after alone", lambda o: ", ".join(map(str, o.gained[:most])), keep=6),
    )
    return Table(columns)


def prototypes_view(found: Prototypes, verbose: bool = False) -> list[Block]:
    """A row for each concept."""
    notes = (f"by {found.grouping} among {found.n_objects:,} objects", f"measure {found.measure}")
    return [prototypes_table(found), Foot(notes)]


def prototypes_table(found: Prototypes) -> Table:
    """A row for each concept."""
    column = Rows(found.concepts).column
    columns = (
        column("concept", lambda c: c.concept),
        column("objects", lambda c: c.n_objects, "count"),
        column("medoid", lambda c: None if c.medoid is None else name_of(c.medoid)),
        column("its mean similarity", _similarity_of_medoid, "number", 3, only=PAGE),
        column("top", lambda c: ", ".join(map(name_of, c.top[:SHOWN])), keep=5, only=TEXT),
    )
    return Table(columns)


def _similarity_of_medoid(concept: ConceptPrototypes) -> float | None:
    return None if concept.medoid is None else concept.medoid.value


def duplicates_view(found: NearDuplicates, verbose: bool = False) -> list[Block]:
    """A row for each group."""
    level = "equal rows" if found.threshold is None else f"{found.measure} of at least {found.threshold:g}"
    notes = (
        f"{counted(len(found.groups), 'group')} among {found.n_objects:,} rows",
        counted(found.n_pairs, "pair"),
        level,
    )
    return [duplicates_table(found), Foot(notes)] if found.groups else [Foot(notes)]


def duplicates_table(found: NearDuplicates) -> Table:
    """A row for each group."""
    column = Rows(found.groups).column
    columns = (
        column("rows", lambda g: ", ".join(map(str, g.names or g.rows))),
        column("size", lambda g: len(g.rows), "count"),
        column("equal", lambda g: g.exact),
        column("least", lambda g: g.least, "number", 4, keep=5, note="similarity of two of them"),
    )
    return Table(columns)
