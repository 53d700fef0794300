"""Neighbours: searches; agreement with people's, purity, hubs, changes; prototypes and duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, first_and_last, foot, table
from pyalign.report.words import ELSEWHERE, called, counted, interval_header, number, one_line

if TYPE_CHECKING:
    from pyalign.concept.duplicates import NearDuplicates
    from pyalign.concept.hubs import Hub, Hubness
    from pyalign.concept.neighbor_agreement import (
        ConceptNeighbors,
        NeighborAgreement,
        NeighborDifference,
        NeighborResult,
    )
    from pyalign.concept.neighbor_changes import NeighborChange, NeighborChanges
    from pyalign.concept.prototypes import Prototype, Prototypes
    from pyalign.concept.purity import CategoryPurity, NeighborPurity, PurityResult
    from pyalign.nearest.result import Neighbors

MOST_ROWS, MOST_CONCEPTS, MOST_PAIRS, SHOWN = 60, 20, 20, 3


def neighbors_view(found: Neighbors, verbose: bool = False) -> list[Block]:
    """The neighbours of the first queries, the nearest first, and what was searched; verbose: of all queries."""
    records = list(found.records() if verbose else islice(found.records(), max(found.k, MOST_ROWS)))
    column = Rows(records).column
    what, sign = ("distance", -1.0) if found.kind == "negated distance" else ("similarity", 1.0)
    how, total = f"exact ({found.backend})", int((found.indices >= 0).sum())
    if not found.exact:
        over = f"{found.recall_queries:,} queries that were searched exactly too"
        how = f"index {one_line(found.index)}, recall {found.recall:.3f} over {over}"
    return [
        table(
            column("query", lambda row: str(row["query"])),
            column("rank", lambda row: row["rank"], "count"),
            column("neighbor", lambda row: str(row["neighbor"])),
            column(what, lambda row: 0.0 + sign * row["similarity"], write="{:.5g}".format),
        ),
        foot(
            f"{found.n:,} rows of {found.d:,} features",
            f"measure {found.measure} ({found.units})",
            "" if found.transform is None else f"rows after {one_line(found.transform)}",
            how,
            f"the first {len(records):,} of {total:,} are shown: {ELSEWHERE}" if len(records) < total else "",
        ),
    ]


def labels_of(results: Sequence[Any], verbose: bool = False, labels: Mapping[str, str] | None = None) -> list[str]:
    """What the model of each result is called; `labels`: those of a page."""
    return called([(one.embeddings, None if labels is None else one.label) for one in results], labels, verbose)


def name_of(row: NeighborChange | Hub | Prototype) -> str:
    """An object by its name, or by its row."""
    return str(row.row if row.name is None else row.name)


# Agreement with people


def agreement_view(found: NeighborAgreement, verbose: bool = False) -> list[Block]:
    """The models over all objects; the concepts of each; differences over all objects."""
    labels = labels_of(found.results, verbose)
    blocks: list[Block] = [
        agreement_table(found, labels),
        foot(
            f"against {one_line(found.against)}" if found.against else "",
            f"{found.k:,} nearest of {found.n_objects:,} objects",
            f"measure {found.measure}, of the reference {found.against_measure}",
            f"by chance {number(found.chance)}, rbo {number(found.rbo_chance)}",
            "" if found.resamples is None
            else f"intervals over objects ({found.resamples:,} half-samples, seed {found.seed})",
            f"p by {found.permutations:,} relabellings of the objects, one-sided" if found.permutations else "",
            f"rbo: rank-biased overlap, p = {found.rbo_p:g}",
        ),
    ]  # fmt: skip
    half = MOST_CONCEPTS // 2
    for result, label in zip(found.results, labels, strict=True):
        if result.concepts:  # of many those that agree most and least
            ranked = sorted((one for one in result.concepts if one.n_objects), key=lambda one: -(one.overlap or 0.0))
            rows = first_and_last(ranked, MOST_CONCEPTS, verbose)
            left_out = f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}"
            blocks.append(concepts_table(found, [(label, one) for one in rows], f"{label}, by {found.grouping}"))
            blocks.append(foot(left_out if len(rows) < len(ranked) else ""))
    overall = [one for one in found.differences if one.concept is None]
    if overall:
        names = dict(zip((one.embeddings for one in found.results), labels, strict=True))
        blocks.append(differences_table(found, overall if verbose else overall[:MOST_PAIRS], names))
        blocks.append(foot(f"p corrected ({found.correction}) over {len(found.differences):,} differences"))
    return blocks


def agreement_table(found: NeighborAgreement, labels: Sequence[str]) -> Table:
    """A row for each model."""
    return table(Column("model", tuple(labels)), *_figures(found, found.results))


def _figures(found: NeighborAgreement, rows: Sequence[NeighborResult | ConceptNeighbors]) -> list[Column | None]:
    """The overlap and the rank-biased overlap of each row."""
    intervals = found.resamples is not None
    column = Rows(rows, interval_header(found.confidence or 0.0) if intervals else "").column
    return [
        column("overlap", lambda r: r.overlap, "number", 4, ci=lambda r: r.ci),
        column("s.e.", lambda r: r.standard_error, "number", 4, keep=5, only=TEXT) if intervals else None,
        column("rbo", lambda r: r.rbo, "number", 4, keep=7, ci=lambda r: r.rbo_ci, ends="interval" * intervals,
               keep_ends=4, note=f"rank-biased overlap, persistence {found.rbo_p:g}"),
        column("p", lambda r: r.p_value, "p", note="of the overlap, one-sided") if found.permutations else None,
    ]  # fmt: skip


def concepts_table(
    found: NeighborAgreement, rows: Sequence[tuple[str, ConceptNeighbors]], title: str = ""
) -> Table:  # fmt: skip
    """A row for each concept of a model, whose label comes before it."""
    column = Rows(rows).column
    return table(
        column("concept", lambda r: r[1].concept, filter=True),
        column("model", lambda r: r[0], filter=True, only=PAGE),
        column("objects", lambda r: r[1].n_objects, "count"),
        *_figures(found, [one for _, one in rows]),
        column("p (corrected)", lambda r: r[1].p_adjusted, "p", keep=6) if found.permutations else None,
        title=title,
    )


def differences_table(found: NeighborAgreement, rows: Sequence[NeighborDifference], labels: Mapping[str, str]) -> Table:
    """A row for each two models."""
    column = Rows(rows, interval_header(found.confidence or 0.0)).column
    return table(
        column("difference", lambda d: f"{labels[d.a]} - {labels[d.b]}", only=TEXT),
        column("model", lambda d: labels[d.a], only=PAGE),
        column("less", lambda d: labels[d.b], only=PAGE),
        column("overlap", lambda d: d.difference, "number", 4, ci=lambda d: d.ci),
        column("s.e.", lambda d: d.standard_error, "number", 4, keep=5, only=TEXT),
        column("p", lambda d: d.p_value, "p", keep=6, only=TEXT),
        column("p (corrected)", lambda d: d.p_adjusted, "p"),
    )


# Purity and hubs


def purity_view(found: NeighborPurity, verbose: bool = False) -> list[Block]:
    """The models over all objects with a category, then the categories of each."""
    tables: list[Block] = []
    for result, label in zip(found.results, labels_of(found.results, verbose), strict=True):
        ranked = sorted((one for one in result.categories if one.n_objects), key=lambda one: -(one.purity or 0.0))
        tables.append(table(
            Column(label, ("all with a category", *(one_line(one.category) for one in ranked))),
            Column("objects", (found.n_with_category, *(one.n_objects for one in ranked)), "count"),
            *purity_columns(found, [result, *ranked]),
        ))  # fmt: skip
    how = f"{found.resamples:,} half-samples or the jackknife, seed {found.seed}" if found.resamples else ""
    return [*tables, foot(
        f"share of the {found.k:,} nearest of {found.n_objects:,} objects",
        f"measure {found.measure}",
        f"intervals over objects ({how})" if how else "",
        apart=True,
    )]  # fmt: skip


def purity_columns(found: NeighborPurity, rows: Sequence[PurityResult | CategoryPurity]) -> list[Column]:
    """Purity with its interval, what chance gives, and p."""
    column = Rows(rows, "interval" if found.resamples else "").column
    columns = [
        column("purity", lambda r: r.purity, "number", 4, ci=lambda r: r.ci),
        column("by chance", lambda r: r.chance, "number", 4, keep=7, note="of shuffled categories"),
    ]
    return [*columns, column("p", lambda r: r.p_value, "p", keep=6)] if found.permutations else columns


def hubs_view(found: Hubness, verbose: bool = False) -> list[Block]:
    """A row for each model, with its largest hubs."""
    how_often = f"how often objects are among the {found.k:,} nearest of {found.n_objects:,}"
    return [hubs_table(found, labels_of(found.results, verbose)), foot(how_often, f"measure {found.measure}")]


def hubs_table(found: Hubness, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(found.results).column

    def count(value: float) -> str:
        """How often, a whole number but for shares of places that several have."""
        return f"{value:,.1f}".removesuffix(".0")

    return table(
        Column("model", tuple(labels)),
        column("skewness", lambda r: r.skewness, "number", 3, note="of how often; 0: evenly"),
        column("Robin Hood", lambda r: r.robin_hood, "number", 4, keep=8,
               note="share of places in lists that would have to change hands"),
        column("of none", lambda r: r.antihubs, "number", 4, keep=7, note="share of objects, neighbours of none"),
        column("by hubs", lambda r: r.hub_occurrence, "number", 4, keep=6,
               note="share of places that objects hold which are there twice as often"),
        column("largest", lambda r: ", ".join(f"{name_of(hub)} {count(hub.count)}" for hub in r.largest[:2]), keep=5,
               only=TEXT),
    )  # fmt: skip


# Changes, prototypes, duplicates


def changes_view(found: NeighborChanges, verbose: bool = False) -> list[Block]:
    """The objects whose neighbourhoods differ most, with the nearest that only one side has."""
    return [changes_table(found, SHOWN), foot(
        f"over all {found.n_objects:,} objects overlap {number(found.overlap)}, rbo {number(found.rbo)}",
        f"{found.k:,} nearest",
        f"measure {found.measure}",
    )]  # fmt: skip


def changes_table(found: NeighborChanges, most: int) -> Table:
    """A row for each object; `most`: neighbours that are named."""
    column = Rows(found.objects).column
    return table(
        column("object", name_of),
        column("overlap", lambda o: o.overlap, "number", 4),
        column("rbo", lambda o: o.rbo, "number", 4, keep=7, note="rank-biased overlap"),
        column("only before", lambda o: ", ".join(map(str, o.lost[:most])), keep=5),
        column("only after", lambda o: ", ".join(map(str, o.gained[:most])), keep=6),
    )


def prototypes_view(found: Prototypes, verbose: bool = False) -> list[Block]:
    """A row for each concept."""
    by = f"by {found.grouping} among {found.n_objects:,} objects"
    return [prototypes_table(found), foot(by, f"measure {found.measure}")]


def prototypes_table(found: Prototypes) -> Table:
    """A row for each concept."""
    column = Rows(found.concepts).column
    return table(
        column("concept", lambda c: c.concept),
        column("objects", lambda c: c.n_objects, "count"),
        column("medoid", lambda c: None if c.medoid is None else name_of(c.medoid)),
        column("its mean similarity", lambda c: None if c.medoid is None else c.medoid.value, "number", 3, only=PAGE),
        column("top", lambda c: ", ".join(map(name_of, c.top[:SHOWN])), keep=5, only=TEXT),
    )


def duplicates_view(found: NearDuplicates, verbose: bool = False) -> list[Block]:
    """A row for each group."""
    notes = foot(
        f"{counted(len(found.groups), 'group')} among {found.n_objects:,} rows",
        counted(found.n_pairs, "pair"),
        "equal rows" if found.threshold is None else f"{found.measure} of at least {found.threshold:g}",
    )
    return [duplicates_table(found), notes] if found.groups else [notes]


def duplicates_table(found: NearDuplicates) -> Table:
    """A row for each group."""
    column = Rows(found.groups).column
    return table(
        column("rows", lambda g: ", ".join(map(str, g.names or g.rows))),
        column("size", lambda g: len(g.rows), "count"),
        column("equal", lambda g: g.exact),
        column("least", lambda g: g.least, "number", 4, keep=5, note="similarity of two of them"),
    )
