"""Neighbours: galleries, agreement with people, purity, hubs, what a transform changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubs
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import NeighborPurity
from pyalign.nearest.result import Neighbors
from pyalign.report import neighborhoods
from pyalign.report.blocks import Column, Fold, Rows, Section, Table, Tile, Tiles, filled
from pyalign.report.charts.gallery import nearest_of
from pyalign.report.neighborhoods import labels_of
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._shared import numbered, where
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import different, intervals_over

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighbourhoods differ most, of each model, and of how many models
BOTH = "both"  # class of a neighbour that two searches have in common
LEAD = "Which objects are near each other for a representation, and whether people would say so."


def neighbors(sources: Sources) -> Section | None:
    """Parts for each result that is about neighbours."""
    parts: list[Any] = [*galleries(sources)]
    for number, agreement in enumerate(pooled(sources.results(NeighborAgreement))):
        parts += _agreement(agreement, sources, number)
    for number, purity in enumerate(pooled(sources.results(NeighborPurity))):
        parts += _purity(purity, sources, number)
    for number, hubs in enumerate(pooled(sources.results(Hubs))):
        parts += _hubs(hubs, sources, number)
    for number, changes in enumerate(sources.results(NeighborChanges)):
        parts += _changes(changes, number)
    for number, prototypes in enumerate(sources.results(Prototypes)):
        parts += _prototypes(prototypes, number)
    for number, duplicates in enumerate(sources.results(NearDuplicates)):
        parts += _duplicates(duplicates, number)
    return Section("neighbors", "Neighbours", LEAD, tuple(parts)) if parts else None


def galleries(sources: Sources) -> list[Tiles]:
    """Searches for the same queries next to each other, such as before and after a transform."""
    searches: dict[tuple[str, ...], list[Loaded]] = {}
    for one in sources.loaded(Neighbors):
        queries = tuple(nearest_of(one.result))
        if queries:
            searches.setdefault(queries, []).append(one)
    return [
        _gallery(queries, found, sources, numbered("gallery", number))
        for number, (queries, found) in enumerate(searches.items())
    ]


def _gallery(queries: Sequence[str], found: Sequence[Loaded], sources: Sources, name: str) -> Tiles:
    shown = list(queries)[:QUERIES]
    searches = [nearest_of(one.result) for one in found]
    labels = _labels(found, sources)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in shown:
        for label, near in zip(labels, searches, strict=True):
            others = [{item for item, _ in search[query]} for search in searches if search is not near]
            tiles = [Tile(query, "query", "query")]
            for item, value in near[query][:NEAR]:
                both = bool(others) and all(item in other for other in others)
                tiles.append(Tile(item, "no figure" if value is None else f"{value:.3f}", BOTH if both else ""))
            rows.append((query if len(found) == 1 else f"{query}: {label}", tuple(tiles)))
    return Tiles(name, _caption(found, labels, len(shown), len(queries)), tuple(rows))


def _labels(found: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(one.result.embeddings or "embeddings") for one in found]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({one.result.measure})" for name, one in zip(names, found, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(one)})" for name, one in zip(names, found, strict=True)])


def _caption(found: Sequence[Loaded], labels: Sequence[str], shown: int, queries: int) -> str:
    value = " or ".join(dict.fromkeys(f"{one.result.kind}, {one.result.units}" for one in found))
    by = " and by ".join(labels)
    text = f"The nearest of {found[0].result.n:,} rows to each query by {by}, the nearest first; below: {value}."
    if len(found) > 1:
        text += " Framed: neighbours that all of them have."
    for one, label in zip(found, labels, strict=True):
        if one.result.recall is not None:
            share = f"{100 * one.result.recall:.1f} %"
            text += f" {label}: an approximate index, which finds {share} of the true neighbours."
    return text if shown == queries else f"{text} The first {shown} of {queries:,} queries."


def _agreement(found: NeighborAgreement, sources: Sources, number: int) -> list[Any]:
    labels = labels_of(found.results, labels=sources.labels)
    level = intervals_over(row.ci for row in found.results)
    caption = (
        f"Agreement with people: the share of the {found.k} nearest neighbours of {found.n_objects:,} objects by a "
        f"model that are so by the reference too; by chance {100 * found.chance:.1f} %{f'; {level}' if level else ''}."
    )
    columns = (
        *neighborhoods.agreement_table(found, labels).columns,
        Rows(found.results).column("p of the rbo", lambda r: r.rbo_p_value, "p"),
    )
    table = Table(filled(columns), name=numbered("neighbor-agreement", number), caption=caption, sort=("overlap", True))
    return [
        table,
        *_lowest(found, labels, number),
        *_by_concept(found, labels, number),
        *_pairs(found, sources, number),
    ]


def _lowest(found: NeighborAgreement, labels: Sequence[str], number: int) -> list[Any]:
    """The objects whose neighbourhoods differ most from those of people."""
    best = sorted(zip(labels, found.results, strict=True), key=lambda pair: -pair[1].overlap)[:MOST_MODELS]
    named = [(label, [one for one in row.lowest if one.name is not None][:LISTED]) for label, row in best]
    shown = tuple(
        (label, tuple(Tile(str(one.name), f"{100 * one.overlap:.0f} %") for one in lowest))
        for label, lowest in named if lowest
    )  # fmt: skip
    caption = "Objects whose neighbourhoods differ most from those by people; below: the overlap."
    return [Tiles(numbered("neighbor-lowest", number), caption, shown)] if shown else []


def _by_concept(found: NeighborAgreement, labels: Sequence[str], number: int) -> list[Any]:
    rows = [(label, one) for label, row in zip(labels, found.results, strict=True) for one in row.concepts or ()]
    if not rows:
        return []
    level = intervals_over(one.ci for _, one in rows) or "without intervals"
    caption = (
        f"The same for the objects of each concept ({found.grouping}); their neighbours may be any; {level}. "
        f"p-values corrected over concepts ({found.correction})."
    )
    columns = filled(neighborhoods.concepts_table(found, rows).columns)
    table = Table(columns, name=numbered("neighbor-concepts", number), caption=caption, sort=("overlap", True))
    return [Fold("Agreement per concept", (table,))]


def _pairs(found: NeighborAgreement, sources: Sources, number: int) -> list[Any]:
    rows = [row for row in found.differences if row.concept is None]
    if not rows:
        return []
    level = intervals_over(row.ci for row in rows) or "without intervals"
    caption = (
        f"Overlap of one model less that of the other, on the same objects; {level}; p-values corrected "
        f"({found.correction})."
    )
    labels = {name: sources.label(name) for row in rows for name in (row.a, row.b)}
    table = neighborhoods.differences_table(found, rows, labels)
    name = numbered("neighbor-differences", number)
    return [Fold("Differences between models", (replace(table, name=name, caption=caption, sort=("overlap", True)),))]


def _purity(found: NeighborPurity, sources: Sources, number: int) -> list[Any]:
    labels = labels_of(found.results, labels=sources.labels)
    level = intervals_over(row.ci for row in found.results)
    caption = (
        f"Purity: the share of the {found.k} nearest neighbours that share a category with an object"
        f"{f'; {level}' if level else ''}. Chance: of shuffled categories."
    )
    columns = filled([Column("model", tuple(labels)), *neighborhoods.purity_columns(found, found.results)])
    table = Table(columns, name=numbered("neighbor-purity", number), caption=caption, sort=("purity", True))
    rows = [(label, one) for label, row in zip(labels, found.results, strict=True) for one in row.categories]
    if not rows:
        return [table]
    level = intervals_over(one.ci for _, one in rows) or "without intervals"
    of_each = f"Purity of each category, of its {found.k} nearest neighbours; {level}; p of each by itself."
    column = Rows(rows).column
    columns = filled([
        column("category", lambda r: r[1].category, filter=True),
        column("model", lambda r: r[0], filter=True),
        column("objects", lambda r: r[1].n_objects, "count"),
        *neighborhoods.purity_columns(found, [one for _, one in rows]),
    ])  # fmt: skip
    name = numbered("neighbor-purity-categories", number)
    return [table, Fold("Purity per category", (Table(columns, name=name, caption=of_each, sort=("purity", True)),))]


def _hubs(found: Hubs, sources: Sources, number: int) -> list[Any]:
    labels = labels_of(found.results, labels=sources.labels)
    near = f"the {found.k} nearest neighbours of others"
    caption = f"Hubs: how unequally {found.n_objects:,} objects are among {near}."
    table = replace(
        neighborhoods.hubs_table(found, labels),
        name=numbered("hubs", number),
        caption=caption,
        sort=("skewness", False),
    )
    rows = list(zip(labels, found.results, strict=True))[:MOST_MODELS]
    shown = tuple(
        (label, tuple(Tile(hub.name, f"{hub.count:,} times") for hub in row.largest if hub.name is not None))
        for label, row in rows
    )
    caption = "The objects that are neighbours of most others; below: of how many."
    return [table, *_tiles(numbered("hubs-largest", number), caption, shown)]


def _tiles(name: str, caption: str, rows: Iterable[tuple[str, tuple[Tile, ...]]]) -> list[Tiles]:
    """The rows that have pictures, if there are some."""
    shown = tuple(row for row in rows if row[1])
    return [Tiles(name, caption, shown)] if shown else []


def _changes(found: NeighborChanges, number: int) -> list[Any]:
    caption = (
        f"Objects whose {found.k} nearest neighbours differ most before and after; all {found.n_objects:,} objects "
        f"keep {100 * found.overlap:.1f} % of theirs."
    )
    table = neighborhoods.changes_table(found, most=len(found.objects) and found.k)
    table = replace(table, name=numbered("neighbor-changes", number), caption=caption, sort=("rbo", False))
    named = [one for one in found.objects if one.name is not None][: QUERIES // 2]
    shown = tuple(
        (f"{one.name}: {which}", (Tile(str(one.name), "", "query"), *(Tile(str(item)) for item in items[:NEAR])))
        for one in named for which, items in (("lost", one.lost), ("gained", one.gained))
    )  # fmt: skip
    caption = "Neighbours that were lost and gained, the nearest first."
    pictures = _tiles(numbered("neighbor-changes-pictures", number), caption, shown)
    return [table, *([Fold("What changed, in pictures", tuple(pictures), True)] if pictures else [])]


def _prototypes(found: Prototypes, number: int) -> list[Any]:
    what = "largest weights" if found.grouping == "dimensions" else "largest mean similarity to the others"
    shown = (
        (row.concept, tuple(
            Tile(one.name, "" if one.value is None else f"{one.value:.3g}") for one in row.top if one.name is not None
        ))
        for row in found.concepts
    )  # fmt: skip
    caption = f"Medoids of {len(found.concepts)} {found.grouping}."
    table = replace(neighborhoods.prototypes_table(found), name=numbered("prototypes-table", number), caption=caption)
    pictures = _tiles(numbered("prototypes", number), f"Objects with the {what}, of {found.n_objects:,}.", shown)
    return [Fold("Prototypes of concepts", (table, *pictures))]


def _duplicates(found: NearDuplicates, number: int) -> list[Any]:
    level = (
        "equal rows"
        if found.threshold is None
        else f"equal rows, and rows with a similarity of at least {found.threshold:g} ({found.measure})"
    )
    caption = f"Near duplicates among {found.n_objects:,} objects: {level}; {found.n_pairs:,} pairs."
    table = replace(neighborhoods.duplicates_table(found), name=numbered("near-duplicates", number), caption=caption)
    shown = (
        (f"group {k}", tuple(map(Tile, group.names[:NEAR])))
        for k, group in enumerate(found.groups[:QUERIES], 1) if group.names
    )  # fmt: skip
    pictures = _tiles(numbered("near-duplicates-pictures", number), "The objects of each group.", shown)
    return [table, *([Fold("Near duplicates, in pictures", tuple(pictures))] if pictures else [])]
