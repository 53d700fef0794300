"""Neighbours: searches; agreement with people's, purity, hubs, changes; prototypes and duplicates.

Embeddings before and after maps: one table for each set, and one for the categories of neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pyalign.map_transfer.transfer_result import ACCURACY, KEPT, RSA, VOTES, Transfer, TransferFigure
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, first_and_last, foot, table
from pyalign.report.fits import rank_text
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
    from pyalign.nearest.scan import Neighbors


MOST_ROWS, MOST_CONCEPTS, MOST_PAIRS, SHOWN = 60, 20, 20, 3


def neighbors_view(search: Neighbors, verbose: bool = False) -> list[Block]:
    """The neighbours of the first queries, the nearest first, and what was searched; verbose: of all queries."""
    records = list(search.records() if verbose else islice(search.records(), max(search.k, MOST_ROWS)))
    column = Rows(records).column
    what, sign = ("distance", -1.0) if search.kind == "negated distance" else ("similarity", 1.0)
    how, total = f"exact ({search.backend})", int((search.indices >= 0).sum())
    if search.recall is not None and search.recall_queries is not None:
        over = f"{search.recall_queries:,} queries that were searched exactly too"
        how = f"index {one_line(search.index)}, recall {search.recall:.3f} over {over}"
    return [
        table(
            column("query", lambda row: str(row["query"])),
            column("rank", lambda row: row["rank"], "count"),
            column("neighbor", lambda row: str(row["neighbor"])),
            column(what, lambda row: 0.0 + sign * row["similarity"], "digits", 5),
        ),
        foot(
            f"{search.n:,} rows of {search.d:,} features",
            f"measure {search.measure} ({search.units})",
            "" if search.transform is None else f"rows after {one_line(search.transform)}",
            how,
            f"the first {len(records):,} of {total:,} are shown: {ELSEWHERE}" if len(records) < total else "",
        ),
    ]


def labels_of(results: Sequence[Any], verbose: bool = False, labels: Mapping[str, str] | None = None) -> list[str]:
    """What the model of each result is called; `labels`: those of a page."""
    return called(
        [(result.embeddings, None if labels is None else result.label) for result in results], labels, verbose
    )


def name_of(row: NeighborChange | Hub | Prototype) -> str:
    """An object by its name, or by its row."""
    return str(row.row if row.name is None else row.name)


# Agreement with people


def agreement_view(agreement: NeighborAgreement, verbose: bool = False) -> list[Block]:
    """The models over all objects; the concepts of each; differences over all objects."""
    labels = labels_of(agreement.results, verbose)
    blocks: list[Block] = [
        agreement_table(agreement, labels),
        foot(
            f"against {one_line(agreement.against)}" if agreement.against else "",
            f"{agreement.k:,} nearest of {agreement.n_objects:,} objects",
            f"measure {agreement.measure}, of the reference {agreement.against_measure}",
            f"by chance {number(agreement.chance)}, rbo {number(agreement.rbo_chance)}",
            "" if agreement.resamples is None
            else f"intervals over objects ({agreement.resamples:,} half-samples, seed {agreement.seed})",
            f"p by {agreement.permutations:,} relabellings of the objects, one-sided" if agreement.permutations else "",
            f"rbo: rank-biased overlap, p = {agreement.rbo_p:g}",
        ),
    ]
    half = MOST_CONCEPTS // 2
    for result, label in zip(agreement.results, labels, strict=True):
        if result.concepts:  # of many those that agree most and least
            ranked = sorted(
                (concept for concept in result.concepts if concept.n_objects),
                key=lambda concept: -(concept.overlap or 0.0),
            )
            rows = first_and_last(ranked, MOST_CONCEPTS, verbose)
            left_out = f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}"
            blocks.append(
                concepts_table(agreement, [(label, concept) for concept in rows], f"{label}, by {agreement.grouping}")
            )
            blocks.append(foot(left_out if len(rows) < len(ranked) else ""))
    overall = [difference for difference in agreement.differences if difference.concept is None]
    if overall:
        names = dict(zip((result.embeddings for result in agreement.results), labels, strict=True))
        blocks.append(differences_table(agreement, overall if verbose else overall[:MOST_PAIRS], names))
        blocks.append(foot(f"p corrected ({agreement.correction}) over {len(agreement.differences):,} differences"))
    return blocks


def agreement_table(agreement: NeighborAgreement, labels: Sequence[str]) -> Table:
    """A row for each model."""
    return table(Column("model", tuple(labels)), *_figures(agreement, agreement.results))


def _figures(agreement: NeighborAgreement, rows: Sequence[NeighborResult | ConceptNeighbors]) -> list[Column | None]:
    """The overlap and the rank-biased overlap of each row."""
    intervals = agreement.resamples is not None
    column = Rows(rows, interval_header(agreement.confidence or 0.0) if intervals else "").column
    return [
        column("overlap", lambda r: r.overlap, "number", 4, ci=lambda r: r.ci),
        column("s.e.", lambda r: r.standard_error, "number", 4, keep=5, only=TEXT) if intervals else None,
        column("rbo", lambda r: r.rbo, "number", 4, keep=7, ci=lambda r: r.rbo_ci, ends="interval" * intervals,
               keep_ends=4, note=f"rank-biased overlap, persistence {agreement.rbo_p:g}"),
        column("p", lambda r: r.p_value, "p", note="of the overlap, one-sided") if agreement.permutations else None,
    ]


def concepts_table(
    agreement: NeighborAgreement, rows: Sequence[tuple[str, ConceptNeighbors]], title: str = ""
) -> Table:
    """A row for each concept of a model, whose label comes before it."""
    column = Rows(rows).column
    return table(
        column("concept", lambda r: r[1].concept, filter=True),
        column("model", lambda r: r[0], filter=True, only=PAGE),
        column("objects", lambda r: r[1].n_objects, "count"),
        *_figures(agreement, [concept for _, concept in rows]),
        column("p (corrected)", lambda r: r[1].p_adjusted, "p", keep=6) if agreement.permutations else None,
        title=title,
    )


def differences_table(
    agreement: NeighborAgreement, rows: Sequence[NeighborDifference], labels: Mapping[str, str]
) -> Table:
    """A row for each two models."""
    column = Rows(rows, interval_header(agreement.confidence or 0.0)).column
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


def purity_view(purity: NeighborPurity, verbose: bool = False) -> list[Block]:
    """The models over all objects with a category, then the categories of each."""
    tables: list[Block] = []
    for result, label in zip(purity.results, labels_of(purity.results, verbose), strict=True):
        ranked = sorted(
            (category for category in result.categories if category.n_objects),
            key=lambda category: -(category.purity or 0.0),
        )
        tables.append(table(
            Column(label, ("all with a category", *(one_line(category.category) for category in ranked))),
            Column("objects", (purity.n_with_category, *(category.n_objects for category in ranked)), "count"),
            *purity_columns(purity, [result, *ranked]),
        ))
    how = f"{purity.resamples:,} half-samples or the jackknife, seed {purity.seed}" if purity.resamples else ""
    return [*tables, foot(
        f"share of the {purity.k:,} nearest of {purity.n_objects:,} objects",
        f"measure {purity.measure}",
        f"intervals over objects ({how})" if how else "",
        apart=True,
    )]


def purity_columns(purity: NeighborPurity, rows: Sequence[PurityResult | CategoryPurity]) -> list[Column]:
    """Purity with its interval, what chance gives, and p."""
    column = Rows(rows, "interval" if purity.resamples else "").column
    columns = [
        column("purity", lambda r: r.purity, "number", 4, ci=lambda r: r.ci),
        column("by chance", lambda r: r.chance, "number", 4, keep=7, note="of shuffled categories"),
    ]
    return [*columns, column("p", lambda r: r.p_value, "p", keep=6)] if purity.permutations else columns


def hubs_view(hubs: Hubness, verbose: bool = False) -> list[Block]:
    """A row for each model, with its largest hubs."""
    how_often = f"how often objects are among the {hubs.k:,} nearest of {hubs.n_objects:,}"
    return [hubs_table(hubs, labels_of(hubs.results, verbose)), foot(how_often, f"measure {hubs.measure}")]


def hubs_table(hubs: Hubness, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(hubs.results).column

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
    )


# Changes, prototypes, duplicates


def changes_view(changes: NeighborChanges, verbose: bool = False) -> list[Block]:
    """The objects whose neighbourhoods differ most, with the nearest that only one side has."""
    return [changes_table(changes, SHOWN), foot(
        f"over all {changes.n_objects:,} objects overlap {number(changes.overlap)}, rbo {number(changes.rbo)}",
        f"{changes.k:,} nearest",
        f"measure {changes.measure}",
    )]


def changes_table(changes: NeighborChanges, most: int) -> Table:
    """A row for each object; `most`: neighbours that are named."""
    column = Rows(changes.objects).column
    return table(
        column("object", name_of),
        column("overlap", lambda o: o.overlap, "number", 4),
        column("rbo", lambda o: o.rbo, "number", 4, keep=7, note="rank-biased overlap"),
        column("only before", lambda o: ", ".join(map(str, o.lost[:most])), keep=5),
        column("only after", lambda o: ", ".join(map(str, o.gained[:most])), keep=6),
    )


def prototypes_view(prototypes: Prototypes, verbose: bool = False) -> list[Block]:
    """A row for each concept."""
    by = f"by {prototypes.grouping} among {prototypes.n_objects:,} objects"
    return [prototypes_table(prototypes), foot(by, f"measure {prototypes.measure}")]


def prototypes_table(prototypes: Prototypes) -> Table:
    """A row for each concept."""
    column = Rows(prototypes.concepts).column
    return table(
        column("concept", lambda c: c.concept),
        column("objects", lambda c: c.n_objects, "count"),
        column("medoid", lambda c: None if c.medoid is None else name_of(c.medoid)),
        column("its mean similarity", lambda c: None if c.medoid is None else c.medoid.value, "number", 3, only=PAGE),
        column("top", lambda c: ", ".join(map(name_of, c.top[:SHOWN])), keep=5, only=TEXT),
    )


def duplicates_view(duplicates: NearDuplicates, verbose: bool = False) -> list[Block]:
    """A row for each group."""
    notes = foot(
        f"{counted(len(duplicates.groups), 'group')} among {duplicates.n_objects:,} rows",
        counted(duplicates.n_pairs, "pair"),
        "equal rows" if duplicates.threshold is None else f"{duplicates.measure} of at least {duplicates.threshold:g}",
    )
    return [duplicates_table(duplicates), notes] if duplicates.groups else [notes]


def duplicates_table(duplicates: NearDuplicates) -> Table:
    """A row for each group."""
    column = Rows(duplicates.groups).column
    return table(
        column("rows", lambda g: ", ".join(map(str, g.names or g.rows))),
        column("size", lambda g: len(g.rows), "count"),
        column("equal", lambda g: g.exact),
        column("least", lambda g: g.least, "number", 4, keep=5, note="similarity of two of them"),
    )


MOST_CATEGORIES = 10  # in a text that is not verbose
UNITS = {ACCURACY: "triplet", RSA: "pair"}


def transfer_view(result: Transfer, verbose: bool = False) -> list[Block]:
    """The figures over everything, then k-NN accuracy of the categories that change most."""
    blocks: list[Block] = [transfer_table(result, overall(result))]
    shown = categories_of(result)
    most = shown if verbose else shown[:MOST_CATEGORIES]
    if most:
        blocks.append(transfer_table(result, most))
    rows, categories = f"{result.n_objects:,} objects", len({row.category for row in shown})
    return [*blocks, foot(
        rows if result.embeddings is None else f"{one_line(result.embeddings)}: {rows}",
        f"triplets by {' and '.join(dict.fromkeys(result.measures))}",
        f"similarity matrices by {result.rsa_measure}, Spearman",
        f"neighbours by {result.neighbor_measure}, k = {result.k}{among(result)}",
        "" if len(most) == len(shown) else f"of {categories} categories those that change most: {ELSEWHERE}",
    )]


def among(result: Transfer) -> str:
    """How many objects neighbours are among, where that is not all of them."""
    n = next((row.n for row in result.figures if row.figure == KEPT), result.n_objects)
    return "" if n == result.n_objects else f" among {n:,} objects that no map was fitted to keep"


def overall(result: Transfer) -> list[TransferFigure]:
    """The figures that are not of one category of neighbours."""
    return [row for row in result.figures if row.category is None]


def categories_of(result: Transfer) -> list[TransferFigure]:
    """Those of single categories, those that change most first."""
    rows = [row for row in result.figures if row.category is not None]
    return sorted(rows, key=lambda row: -abs(row.difference))


def figure_called(row: TransferFigure) -> str:
    """A figure in a few words.

    Example:
        >>> figures = 0.5, None, 0.4, None, -0.1, None, None
        >>> figure_called(TransferFigure("w", "things", "accuracy", "categories", None, 9, *figures))
        'accuracy within categories'
    """
    of = "" if row.category is None else f", {one_line(row.category)}"
    within = "" if row.within is None else f" within {row.within}"
    unknown = ", in-sample unknown" if row.figure == KEPT and row.in_sample is None else ""
    return f"{row.figure}{of}{within}{', in-sample' if row.in_sample else unknown}"


def unit_of(row: TransferFigure) -> str:
    """What `n` of a figure counts."""
    return UNITS.get(row.figure, "object")


def transfer_table(result: Transfer, rows: Sequence[TransferFigure]) -> Table:
    """A row for each figure of each map."""
    column = Rows(rows, interval_header(result.confidence) if result.confidence is not None else "").column
    several = len(result.maps) > 1
    tested, together = any(row.p_value is not None for row in rows), any(row.simultaneous_ci for row in rows)
    return table(
        *(() if all(row.on == "" for row in rows) else (column("on", lambda r: one_line(r.on) or "neighbours"),)),
        Column("figure", tuple(map(figure_called, rows)), left=True),
        *((column("map", lambda r: one_line(r.map), left=True),) if several else ()),
        column("over", lambda r: counted(r.n, unit_of(r)), keep=5),
        column("before", lambda r: r.before, "number", 3, ci=lambda r: r.before_ci, ends=""),
        column("after", lambda r: r.after, "number", 3, ci=lambda r: r.after_ci, ends=""),
        column("difference", lambda r: r.difference, "number", 3, ci=lambda r: r.ci),
        *((column("all categories together", lambda r: rank_text(r.simultaneous_ci), keep=5,
                  note="Of the difference of a category that was chosen among all."),) if together else ()),
        *((column("p", lambda r: r.p_value, "p", keep=4, note="Of no difference."),) if tested else ()),
    )


def sentence_of(result: Transfer) -> str:
    """What is won most and lost most, for a figure in words."""
    rows = [row for row in overall(result) if row.figure in (ACCURACY, RSA, VOTES)]
    if not rows:
        return "No agreement could be compared."
    best, worst = max(rows, key=lambda row: row.difference), min(rows, key=lambda row: row.difference)
    several = len(result.maps) > 1
    parts = [f"Most is won in {_change(best, several)}"]
    if worst.difference < 0:
        parts.append(f"most is lost in {_change(worst, several)}")
    return "; ".join(parts) + "."


def _change(row: TransferFigure, several: bool) -> str:
    on = f"{one_line(row.on) or 'neighbours'}{f' by {one_line(row.map)}' if several else ''}"
    return f"{figure_called(row)} on {on}: {row.before:.3f} before, {row.after:.3f} after"
