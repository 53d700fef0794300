"""Neighbours: galleries, agreement with people, purity, hubs, what a transform changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubs
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import CategoryPurity, NeighborPurity
from pyalign.nearest.result import Neighbors
from pyalign.report.blocks import Column, Fold, Rows, Section, Table, Tile, Tiles, filled
from pyalign.report.cells import different, intervals_over
from pyalign.report.neighborhoods import (
    agreement_concepts,
    agreement_differences,
    agreement_table,
    changes_table,
    duplicates_table,
    hubs_table,
    labels_of,
    name_of,
    prototypes_table,
    purity_columns,
)
from pyalign.report.neighbors import listed_neighbors, neighbors_by_query
from pyalign.report.page.sections._drawn import numbered
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._rows import where
from pyalign.report.page.sources import Loaded, Sources

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighbourhoods differ most, of each model, and of how many models
BOTH = "both"  # class of a neighbour that two searches have in common
LEAD = "Which objects are near each other for a representation, and whether people would say so."


def neighbors(sources: Sources) -> Section | None:
    """Parts for each result that is about neighbours."""
    parts: list[Any] = [*galleries(sources)]
    for k, agreement in enumerate(pooled(sources.results(NeighborAgreement))):
        parts += _agreement(agreement, labels_of(agreement, labels=sources.labels), k)
    for k, purity in enumerate(pooled(sources.results(NeighborPurity))):
        parts += _purity(purity, labels_of(purity, labels=sources.labels), k)
    for k, hubs in enumerate(pooled(sources.results(Hubs))):
        parts += _hubs(hubs, labels_of(hubs, labels=sources.labels), k)
    for k, changes in enumerate(sources.results(NeighborChanges)):
        parts += _changes(changes, k)
    for k, prototypes in enumerate(sources.results(Prototypes)):
        parts.append(_prototypes(prototypes, k))
    for k, duplicates in enumerate(sources.results(NearDuplicates)):
        parts += _duplicates(duplicates, k)
    return Section("neighbors", "Neighbours", LEAD, tuple(parts)) if parts else None


def galleries(sources: Sources) -> list[Tiles]:
    """Searches for the same queries beside each other, such as before and after a transform."""
    by_queries: dict[tuple[str, ...], list[Loaded]] = {}
    for one in sources.of("neighbors"):
        queries = tuple(dict.fromkeys(near.query for near in listed_neighbors(one.result)))
        if queries:
            by_queries.setdefault(queries, []).append(one)
    return [
        _gallery(queries, searches, sources, numbered("gallery", number))
        for number, (queries, searches) in enumerate(by_queries.items())
    ]


def _gallery(queries: Sequence[str], loaded: Sequence[Loaded], sources: Sources, name: str) -> Tiles:
    shown = list(queries)[:QUERIES]
    results = [one.result for one in loaded]
    searches = [neighbors_by_query(one, shown) for one in results]
    labels = _labels(loaded, sources)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in shown:
        for label, search in zip(labels, searches, strict=True):
            others = [{near.name for near in other[query]} for other in searches if other is not search]
            tiles = [Tile(query, "query", "query")]
            for near in search[query][:NEAR]:
                both = bool(others) and all(near.name in other for other in others)
                figure = "no figure" if near.similarity is None else f"{near.similarity:.3f}"
                tiles.append(Tile(near.name, figure, BOTH if both else ""))
            rows.append((query if len(results) == 1 else f"{query}: {label}", tuple(tiles)))
    return Tiles(name, _caption(results, labels, len(shown), len(queries)), tuple(rows))


def _labels(loaded: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(one.result.embeddings or "embeddings") for one in loaded]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({one.result.measure})" for name, one in zip(names, loaded, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(one)})" for name, one in zip(names, loaded, strict=True)])


def _caption(searches: Sequence[Neighbors], labels: Sequence[str], n_shown: int, n_queries: int) -> str:
    value = " or ".join(dict.fromkeys(f"{one.kind}, {one.units}" for one in searches))
    text = (
        f"The nearest of {searches[0].n:,} rows to each query by {' and by '.join(labels)}, the nearest first; below: "
        f"{value}."
    )
    if len(searches) > 1:
        text += " Framed: neighbours that all of them have."
    for one, label in zip(searches, labels, strict=True):
        if one.recall is not None:
            text += f" {label}: an approximate index, which finds {100 * one.recall:.1f} % of the true neighbours."
    return text if n_shown == n_queries else f"{text} The first {n_shown} of {n_queries:,} queries."


def _agreement(result: NeighborAgreement, labels: Mapping[str, str], number: int) -> list[Any]:
    level = intervals_over(one.ci for one in result.results)
    caption = (
        f"Agreement with people: the share of the {result.k} nearest neighbours of {result.n_objects:,} objects by a "
        f"model that are so by the reference too; by chance {100 * result.chance:.1f} %{f'; {level}' if level else ''}."
    )
    table = agreement_table(result, labels)
    name = numbered("neighbor-agreement", number)
    parts: list[Any] = [
        replace(table, columns=filled(table.columns), name=name, caption=caption, sort=("overlap", True)),
        *_lowest(result, labels, number),
    ]
    concepts = [(labels[one.embeddings], row) for one in result.results for row in one.concepts or ()]
    if concepts:
        level = intervals_over(row.ci for _, row in concepts) or "without intervals"
        caption = (
            f"The same for the objects of each concept ({result.grouping}); their neighbours may be any; {level}. "
            f"p-values corrected over concepts ({result.correction})."
        )
        table = agreement_concepts(result, concepts)
        table = replace(table, columns=filled(table.columns), name=numbered("neighbor-concepts", number),
                        caption=caption, sort=("overlap", True))  # fmt: skip
        parts.append(Fold("Agreement per concept", (table,)))
    differences = [one for one in result.differences if one.concept is None]
    if differences:
        level = intervals_over(one.ci for one in differences) or "without intervals"
        caption = (
            f"Overlap of one model less that of the other, on the same objects; {level}; p-values corrected "
            f"({result.correction})."
        )
        table = agreement_differences(result, labels, differences)
        table = replace(table, name=numbered("neighbor-differences", number), caption=caption, sort=("overlap", True))
        parts.append(Fold("Differences between models", (table,)))
    return parts


def _lowest(result: NeighborAgreement, labels: Mapping[str, str], number: int) -> list[Tiles]:
    """The objects whose neighbourhoods differ most from those of people."""
    best = sorted(result.results, key=lambda one: -one.overlap)[:MOST_MODELS]
    rows = [
        (labels[one.embeddings],
         tuple([Tile(o.name, f"{100 * o.overlap:.0f} %") for o in one.lowest if o.name is not None][:LISTED]))
        for one in best
    ]  # fmt: skip
    caption = "Objects whose neighbourhoods differ most from those by people; below: the overlap."
    return _tiles(numbered("neighbor-lowest", number), caption, rows)


def _tiles(name: str, caption: str, rows: Sequence[tuple[str, tuple[Tile, ...]]]) -> list[Tiles]:
    """Those rows that have pictures; none where no row has."""
    shown = tuple(row for row in rows if row[1])
    return [Tiles(name, caption, shown)] if shown else []


def _purity(result: NeighborPurity, labels: Mapping[str, str], number: int) -> list[Any]:
    level = intervals_over(one.ci for one in result.results)
    caption = (
        f"Purity: the share of the {result.k} nearest neighbours that share a category with an object"
        f"{f'; {level}' if level else ''}. Chance: of shuffled categories."
    )
    models = Rows(result.results).column("model", lambda one: labels[one.embeddings])
    table = Table(filled([models, *purity_columns(result, result.results)]), name=numbered("neighbor-purity", number),
                  caption=caption, sort=("purity", True))  # fmt: skip
    rows = [(labels[one.embeddings], category) for one in result.results for category in one.categories]
    return [table, Fold("Purity per category", (_categories(result, rows, number),))] if rows else [table]


def _categories(result: NeighborPurity, rows: Sequence[tuple[str, CategoryPurity]], number: int) -> Table:
    categories = [category for _, category in rows]
    level = intervals_over(one.ci for one in categories) or "without intervals"
    caption = (
        f"Purity of each category, of its {result.k} nearest neighbours; {level}; p of each by itself, not corrected."
    )
    column = Rows(categories).column
    return Table(filled([
        column("category", lambda one: one.category, filter=True),
        Column("model", tuple(label for label, _ in rows), filter=True),
        column("objects", lambda one: one.n_objects, "count"),
        *purity_columns(result, categories),
    ]), name=numbered("neighbor-purity-categories", number), caption=caption, sort=("purity", True))  # fmt: skip


def _hubs(result: Hubs, labels: Mapping[str, str], number: int) -> list[Any]:
    caption = f"Hubs: how unequally {result.n_objects:,} objects are among the {result.k} nearest neighbours of others."
    table = replace(
        hubs_table(result, labels), name=numbered("hubs", number), caption=caption, sort=("skewness", False)
    )
    rows = [
        (labels[one.embeddings], tuple(Tile(o.name, f"{o.count:,} times") for o in one.largest if o.name is not None))
        for one in result.results[:MOST_MODELS]
    ]
    caption = "The objects that are neighbours of most others; below: of how many."
    return [table, *_tiles(numbered("hubs-largest", number), caption, rows)]


def _changes(result: NeighborChanges, number: int) -> list[Any]:
    caption = (
        f"Objects whose {result.k} nearest neighbours differ most before and after; all {result.n_objects:,} objects "
        f"keep {100 * result.overlap:.1f} % of theirs."
    )
    name = numbered("neighbor-changes", number)
    table = replace(changes_table(result), name=name, caption=caption, sort=("rbo", False))
    rows = [
        (f"{one.name}: {which}", (Tile(name_of(one), "", "query"), *map(Tile, names[:NEAR])))
        for one in [one for one in result.objects if one.name is not None][: QUERIES // 2]
        for which, names in (("lost", one.lost), ("gained", one.gained))
    ]
    caption = "Neighbours that were lost and gained, the nearest first."
    pictures = _tiles(numbered("neighbor-changes-pictures", number), caption, rows)
    return [table, *(Fold("What changed, in pictures", (one,), True) for one in pictures)]


def _prototypes(result: Prototypes, number: int) -> Fold:
    what = "largest weights" if result.grouping == "dimensions" else "largest mean similarity to the others"
    caption = f"Medoids of {len(result.concepts)} {result.grouping}."
    table = replace(prototypes_table(result), name=numbered("prototypes-table", number), caption=caption)
    rows = [
        (one.concept, tuple(Tile(top.name, "" if top.value is None else f"{top.value:.3g}")
                            for top in one.top if top.name is not None))
        for one in result.concepts
    ]  # fmt: skip
    pictures = _tiles(numbered("prototypes", number), f"Objects with the {what}, of {result.n_objects:,}.", rows)
    return Fold("Prototypes of concepts", (table, *pictures))


def _duplicates(result: NearDuplicates, number: int) -> list[Any]:
    at = "equal rows"
    if result.threshold is not None:
        at = f"equal rows, and rows with a similarity of at least {result.threshold:g} ({result.measure})"
    caption = f"Near duplicates among {result.n_objects:,} objects: {at}; {result.n_pairs:,} pairs."
    table = replace(duplicates_table(result), name=numbered("near-duplicates", number), caption=caption)
    rows = [(f"group {k}", tuple(map(Tile, (one.names or ())[:NEAR])))
            for k, one in enumerate(result.groups[:QUERIES], 1)]  # fmt: skip
    pictures = _tiles(numbered("near-duplicates-pictures", number), "The objects of each group.", rows)
    return [table, *(Fold("Near duplicates, in pictures", (one,)) for one in pictures)]
