"""Neighbors: searches, and the table of each object's neighborhood.

Embeddings before and after maps: one table for each set, and one for the categories of neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from pyalign.map_transfer.transfer_result import ACCURACY, KEPT, RSA, Transfer, TransferFigure
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, first_and_last, foot, table
from pyalign.report.fits import rank_text
from pyalign.report.words import ELSEWHERE, Labels, called, counted, interval_header, intervals_over, number, one_line

if TYPE_CHECKING:
    from pyalign.concept.dimensions import Prototype
    from pyalign.concept.neighbor_lists import DuplicateGroup
    from pyalign.concept.neighborhood_result import (
        ConceptNeighborhood, NeighborDifference, NeighborFigures, Neighborhoods, ObjectNeighborhood,
    )
    from pyalign.nearest.scan import Neighbors


MOST_ROWS, MOST_CONCEPTS, MOST_PAIRS, SHOWN = 60, 20, 20, 3


def neighbors_view(search: Neighbors, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The neighbors of the first queries, the nearest first, and what was searched; verbose: of all queries."""
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


def name_of(row: ObjectNeighborhood | Prototype) -> str:
    """An object by its name, or by its row."""
    return str(row.row if row.name is None else row.name)


def labels_of(found: Neighborhoods, verbose: bool = False, labels: Labels | None = None) -> list[str]:
    """What the models are called; `labels`: those of a page."""
    return called([(row.embeddings, None if labels is None else row.label) for row in found.results], labels, verbose)


def neighborhoods_view(found: Neighborhoods, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The models over all objects, and their hubs; of each the concepts, objects and duplicates; differences."""
    names = labels_of(found, verbose, labels)
    half, over = MOST_CONCEPTS // 2, f"{found.k:,} nearest of {found.n_objects:,} objects"
    blocks: list[Block] = []
    if found.human_measure or found.grouping:
        blocks += [_models_table(found, names), *_of_all(found, names), foot(*_how(found, over))]
        blocks += [_hubs_table(found, names), foot()]
    else:
        blocks += [_hubs_table(found, names), *_of_all(found, names), foot(over, f"measure {found.measure}")]
    for result, label in zip(found.results, names, strict=True):
        if result.concepts:  # of many those that agree most and least
            ranked = sorted((row for row in result.concepts if row.n_objects), reverse=True,
                            key=lambda row: (row.purity or 0.0) if row.overlap is None else row.overlap)
            rows = first_and_last(ranked, MOST_CONCEPTS, verbose)
            left_out = f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}"
            blocks += [_concepts_table(found, [(label, row) for row in rows], f"{label}, by {found.grouping}"),
                       foot(left_out if len(rows) < len(ranked) else "")]
        extremes = (row for by in ("occurrences", "rbo", "kept_rbo") for row in result.extreme(by, SHOWN))
        listed = result.objects if verbose else {row.row: row for row in extremes}.values()
        objects = [(label, row) for row in listed]
        blocks += [_objects_table(found, objects, SHOWN, f"{label}, objects that stand out"), foot()]
        if result.duplicates:
            blocks += [_duplicates_table([(label, row) for row in result.duplicates], f"{label}, duplicates"),
                       foot(_level_of(found), counted(result.n_pairs, "pair"))]
    overall = [row for row in found.differences if row.concept is None]
    if overall:
        called = dict(zip((result.embeddings for result in found.results), names, strict=True))
        blocks.append(_differences_table(found, overall if verbose else overall[:MOST_PAIRS], called))
        blocks.append(foot(f"p corrected ({found.correction}) over {len(found.differences):,} differences"))
    return blocks


def _how(found: Neighborhoods, over: str) -> list[str]:
    """How to read the figures of models."""
    human = found.human_measure is not None
    return [
        f"against {one_line(found.human)}" if found.human else "",
        over,
        f"measure {found.measure}{f', of people {found.human_measure}' if human else ''}",
        f"by chance {number(found.overlap_chance)}, rbo {number(found.rbo_chance)}" if human else "",
        "" if found.resamples is None
        else f"intervals over objects ({found.resamples:,} half-samples, seed {found.seed})",
        f"p by {found.permutations:,} relabelings of the objects, one-sided" if found.permutations else "",
        f"rbo: rank-biased overlap, p = {found.rbo_p:g}" if human else "",
        f"purity of {found.n_with_concept:,} objects with {found.grouping}" if found.grouping else "",
    ]


def _level_of(found: Neighborhoods) -> str:
    """Which rows are duplicates."""
    return "equal rows" if found.threshold is None else f"{found.measure} of at least {found.threshold:g}"


def _of_all(found: Neighborhoods, names: Sequence[str]) -> list[Table]:
    """The concepts, objects and duplicates of all models, for pages."""
    several, by = list(zip(names, found.results, strict=True)), "overlap" if found.human_measure else "purity"
    concepts = [(name, row) for name, result in several for row in result.concepts or ()]
    groups = [(name, group) for name, result in several for group in result.duplicates]
    objects = [(name, row) for name, result in several for row in result.objects]
    of_concepts = f"the objects of each concept ({found.grouping}); only neighbors in it make it pure"
    corrected = "; p of the overlap corrected over concepts" if found.human_measure else ""
    counts = ", ".join(f"{counted(result.n_pairs, 'pair')} of {name}" for name, result in several)
    twins = f"duplicates: {_level_of(found)}; {counts}"
    tables = [
        _concepts_table(found, concepts).on_page("neighborhoods-concepts", f"{of_concepts}{corrected}", by,
                                                 fold="Neighborhoods per concept", only=PAGE),
        _objects_table(found, objects, found.k).on_page(
            "neighborhoods-objects", "objects that are neighbors of most others, agree least or change most",
            fold="Objects that stand out", only=PAGE),
        _duplicates_table(groups).on_page("neighborhoods-duplicates", twins, fold="Duplicates", only=PAGE),
    ]
    return [one for one in tables if one.columns[0].values]


def _models_table(found: Neighborhoods, labels: Sequence[str]) -> Table:
    """A row for each model."""
    named = table(Column("model", tuple(labels)), *_figures(found, found.results))
    of, by = f"of the {found.k:,} nearest neighbors", "purity" if found.human_measure is None else "overlap"
    shares = [f"overlap: the share {of} by a model that are so by people"] * (found.human_measure is not None)
    shares += [f"purity: the share {of} that share one of the {found.grouping}"] * (found.grouping is not None)
    return named.on_page("neighborhoods", "; ".join(shares), by)


def _figures(found: Neighborhoods, rows: Sequence[NeighborFigures]) -> list[Column]:
    """The overlap, the rank-biased overlap and the purity of each row."""
    intervals = found.resamples is not None
    column = partial(Rows(rows, interval_header(found.confidence or 0.0) * intervals).column, optional=True)
    return [
        column("overlap", "overlap", "number", 4),
        column("s.e.", "standard_error", "number", 4, keep=5, only=TEXT),
        column("rbo", "rbo", "number", 4, keep=7, ends="interval" * intervals, keep_ends=4,
               note=f"rank-biased overlap, persistence {found.rbo_p:g}"),
        column("p", "p_value", "p", note="of the overlap, one-sided"),
        column("p of the rbo", "rbo_p_value", "p", only=PAGE),
        column("purity", "purity", "number", 4, ends="interval" * intervals, keep_ends=6,
               note="share of neighbors with the same concept"),
        column("by chance", "chance", "number", 4, keep=5, note="of shuffled concepts"),
        column("p of purity", "purity_p_value", "p", keep=6),
    ]


def _concepts_table(found: Neighborhoods, rows: Sequence[tuple[str, ConceptNeighborhood]], title: str = "") -> Table:
    """A row for each concept of a model, whose label comes before it."""
    column = Rows(rows).column
    return table(
        column("concept", "1.concept", filter=True),
        column("model", "0", filter=True, only=PAGE),
        column("objects", "1.n_objects", "count"),
        *_figures(found, [concept for _, concept in rows]),
        column("p (corrected)", "1.p_adjusted", "p", keep=6, optional=True),
        column("medoid", lambda r: None if r[1].medoid is None else name_of(r[1].medoid), keep=8),
        column("its mean similarity", "1.medoid.value", "number", 3, only=PAGE),
        column("top", lambda r: ", ".join(map(name_of, r[1].top[:SHOWN])), keep=3, only=TEXT),
        title=title,
    )


def _differences_table(found: Neighborhoods, rows: Sequence[NeighborDifference], labels: Labels) -> Table:
    """A row for each two models."""
    column = Rows(rows, interval_header(found.confidence or 0.0)).column
    return table(
        column("difference", lambda d: f"{labels[d.a]} - {labels[d.b]}", only=TEXT),
        column("model", lambda d: labels[d.a], only=PAGE),
        column("less", lambda d: labels[d.b], only=PAGE),
        column("overlap", "difference", "number", 4, ci="ci"),
        column("s.e.", "standard_error", "number", 4, keep=5, only=TEXT),
        column("p", "p_value", "p", keep=6, only=TEXT),
        column("p (corrected)", "p_adjusted", "p"),
    ).on_page("neighborhoods-differences", "overlaps with people, on the same objects", "overlap",
              fold="Differences between models")


def _hubs_table(found: Neighborhoods, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(found.results).column
    return table(
        Column("model", tuple(labels)),
        column("skewness", "skewness", "number", 3, note="of how often objects are neighbors; 0: evenly"),
        column("Robin Hood", "robin_hood", "number", 4, keep=8,
               note="share of places in lists that would have to change hands"),
        column("of none", "antihubs", "number", 4, keep=7, note="share of objects, neighbors of none"),
        column("by hubs", "hub_occurrence", "number", 4, keep=6,
               note="share of places that objects hold which are there twice as often"),
        column("kept", "kept", "number", 4, note="share of neighbors as before", optional=True),
        column("rbo kept", "kept_rbo", "number", 4, keep=7, optional=True),
    ).on_page("neighborhoods-hubs", f"hubness: how unequally objects are among the {found.k:,} nearest of "
              f"{found.n_objects:,}{f'; kept: as {one_line(found.before)}' if found.before else ''}", "skewness", True)


def _objects_table(
    found: Neighborhoods, rows: Sequence[tuple[str, ObjectNeighborhood]], most: int, title: str = ""
) -> Table:
    """A row for each object of a model, whose label comes before it; `most`: neighbors that are named."""
    column = Rows(rows).column
    changed = found.before is not None

    def often(value: float) -> str:
        """How often, a whole number but for shares of places that several have."""
        return f"{value:,.1f}".removesuffix(".0")

    return table(
        column("object", lambda r: name_of(r[1])),
        column("model", "0", filter=True, only=PAGE),
        column("neighbor of", "1.occurrences", "number", 1, write=often, note="how many others"),
        column("purity", "1.purity", "number", 4, keep=8, optional=True),
        column("overlap", "1.overlap", "number", 4, optional=True),
        column("rbo", "1.rbo", "number", 4, keep=7, optional=True),
        column("kept", "1.kept", "number", 4, optional=True),
        column("rbo kept", "1.kept_rbo", "number", 4, keep=6, optional=True),
        column("only before", lambda r: ", ".join(r[1].lost[:most]), keep=5) if changed else None,
        column("only after", lambda r: ", ".join(r[1].gained[:most]), keep=5) if changed else None,
        column("duplicate", "1.duplicate", keep=4, optional=True),
        title=title,
    )


def _duplicates_table(rows: Sequence[tuple[str, DuplicateGroup]], title: str = "") -> Table:
    """A row for each group of a model, whose label comes before it."""
    column = Rows(rows).column
    return table(
        column("rows", lambda r: ", ".join(map(str, r[1].names or r[1].rows))),
        column("model", "0", filter=True, only=PAGE),
        column("size", lambda r: len(r[1].rows), "count"),
        column("equal", "1.exact"),
        column("least", "1.least", "number", 4, keep=5, note="similarity of two of them"),
        title=title,
    )


MOST_CATEGORIES = 10  # in a text that is not verbose
UNITS = {ACCURACY: "triplet", RSA: "pair"}


def transfer_view(result: Transfer, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The figures over everything, then k-NN accuracy of the categories that change most."""
    blocks: list[Block] = [_transfer_table(result, overall(result)).on_page("transfer-table", "before and after maps")]
    shown = _categories_of(result)
    most = shown if verbose else shown[:MOST_CATEGORIES]
    if most:
        caption = f"k-NN accuracy of each category, k = {result.k}"
        blocks.append(_transfer_table(result, most).on_page("transfer-categories", caption, fold="Categories"))
    rows, categories = f"{result.n_objects:,} objects", len({row.category for row in shown})
    return [*blocks, foot(
        rows if result.embeddings is None else f"{one_line(result.embeddings)}: {rows}",
        f"triplets by {' and '.join(dict.fromkeys(result.measures))}",
        f"similarity matrices by {result.rsa_measure}, Spearman",
        f"neighbors by {result.neighbor_measure}, k = {result.k}{among(result)}",
        "" if labels is None else intervals_over(row.ci for row in result.figures),
        "" if len(most) == len(shown) else f"of {categories} categories those that change most: {ELSEWHERE}",
    )]


def among(result: Transfer) -> str:
    """How many objects neighbors are among, where that is not all of them."""
    n = next((row.n for row in result.figures if row.figure == KEPT), result.n_objects)
    return "" if n == result.n_objects else f" among {n:,} objects that no map was fitted to keep"


def overall(result: Transfer) -> list[TransferFigure]:
    """The figures that are not of one category of neighbors."""
    return [row for row in result.figures if row.category is None]


def _categories_of(result: Transfer) -> list[TransferFigure]:
    """Those of single categories, those that change most first."""
    rows = [row for row in result.figures if row.category is not None]
    return sorted(rows, key=lambda row: -abs(row.difference))


def figure_called(row: TransferFigure) -> str:
    """A figure in a few words.

    Example:
        >>> figures = 0.5, 0.4, -0.1, None, None
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


def _transfer_table(result: Transfer, rows: Sequence[TransferFigure]) -> Table:
    """A row for each figure of each map."""
    column = Rows(rows, interval_header(result.confidence) if result.confidence is not None else "").column
    return table(
        column("on", lambda r: r.on or "neighbors") if any(row.on for row in rows) else None,
        column("figure", figure_called, left=True),
        column("map", "map", left=True) if len(result.maps) > 1 else None,
        column("over", lambda r: counted(r.n, unit_of(r)), keep=5),
        column("before", "before", "number", 3, ends=""),
        column("after", "after", "number", 3, ends=""),
        column("difference", "difference", "number", 3, ci="ci"),
        column("all categories together", lambda r: r.simultaneous_ci and rank_text(r.simultaneous_ci), keep=5,
               optional=True, note="Of the difference of a category that was chosen among all."),
        column("p", "p_value", "p", keep=4, optional=True, note="Of no difference."),
    )
