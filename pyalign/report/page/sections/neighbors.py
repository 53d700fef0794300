"""Neighbours: galleries, agreement with people, purity, hubs, what a transform changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubness
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import NeighborPurity
from pyalign.nearest.result import Neighbors
from pyalign.report import neighborhoods
from pyalign.report.blocks import Column, Fold, Rows, Section, Table, Tile, Tiles, filled
from pyalign.report.charts.gallery import nearest_of
from pyalign.report.page.sections._shared import Part, and_intervals, parts_of_each, percent, pooled, section_of, where
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import different, intervals_over

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighbourhoods differ most, of each model, and of how many models
LEAD = "Which objects are near each other for a representation, and whether people would say so."


def neighbors(sources: Sources) -> Section | None:
    """Parts for each result that is about neighbours."""
    parts = [
        *parts_of_each(_same_queries(sources), _gallery, sources),
        *parts_of_each(pooled(sources.results(NeighborAgreement)), _agreement, sources),
        *parts_of_each(pooled(sources.results(NeighborPurity)), _purity, sources),
        *parts_of_each(pooled(sources.results(Hubness)), _hubs, sources),
        *parts_of_each(sources.results(NeighborChanges), _changes),
        *parts_of_each(sources.results(Prototypes), _prototypes),
        *parts_of_each(sources.results(NearDuplicates), _duplicates),
    ]
    return section_of("neighbors", "Neighbours", LEAD, parts)


def _same_queries(sources: Sources) -> list[list[Loaded]]:
    """Searches for the same queries, such as before and after a transform."""
    searches: dict[tuple[str, ...], list[Loaded]] = {}
    for one in sources.loaded(Neighbors):
        searches.setdefault(tuple(nearest_of(one.result)), []).append(one)
    return [found for queries, found in searches.items() if queries]


def _gallery(found: Sequence[Loaded], sources: Sources) -> Iterator[Tiles]:
    searches = [nearest_of(one.result) for one in found]
    queries = list(searches[0])
    labels = _labels(found, sources)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in queries[:QUERIES]:
        for label, near in zip(labels, searches, strict=True):
            others = [{item for item, _ in search[query]} for search in searches if search is not near]
            tiles = [Tile(query, "query", "query")]
            for item, value in near[query][:NEAR]:
                both = bool(others) and all(item in other for other in others)
                tiles.append(Tile(item, "no figure" if value is None else f"{value:.3f}", "both" if both else ""))
            rows.append((query if len(found) == 1 else f"{query}: {label}", tuple(tiles)))
    yield Tiles("gallery", _caption(found, labels, len(queries)), tuple(rows))


def _labels(found: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(one.result.embeddings or "embeddings") for one in found]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({one.result.measure})" for name, one in zip(names, found, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(one)})" for name, one in zip(names, found, strict=True)])


def _caption(found: Sequence[Loaded], labels: Sequence[str], queries: int) -> str:
    value = " or ".join(dict.fromkeys(f"{one.result.kind}, {one.result.units}" for one in found))
    by = " and by ".join(labels)
    text = f"The nearest of {found[0].result.n:,} rows to each query by {by}, the nearest first; below: {value}."
    if len(found) > 1:
        text += " Framed: neighbours that all of them have."
    for one, label in zip(found, labels, strict=True):
        if one.result.recall is not None:
            text += f" {label}: an approximate index, which finds {percent(one.result.recall)} of the true neighbours."
    return text if queries <= QUERIES else f"{text} The first {QUERIES} of {queries:,} queries."


def _agreement(found: NeighborAgreement, sources: Sources) -> Iterator[Part]:
    """Of models; the objects whose neighbourhoods differ most from people's; of concepts; differences of models."""
    labels = neighborhoods.labels_of(found.results, labels=sources.labels)
    caption = (
        f"Agreement with people: the share of the {found.k} nearest neighbours of {found.n_objects:,} objects by a "
        f"model that are so by the reference too; by chance {percent(found.chance)}"
        f"{and_intervals(row.ci for row in found.results)}."
    )
    p_of_rbo = Rows(found.results).column("p of the rbo", lambda r: r.rbo_p_value, "p")
    table = Table((*neighborhoods.agreement_table(found, labels).columns, p_of_rbo))
    yield table.on_page("neighbor-agreement", caption, "overlap")
    best = sorted(zip(labels, found.results, strict=True), key=lambda pair: -pair[1].overlap)[:MOST_MODELS]
    lowest = ((label, [one for one in row.lowest if one.name is not None][:LISTED]) for label, row in best)
    tiles = ((label, [Tile(str(one.name), f"{100 * one.overlap:.0f} %") for one in row]) for label, row in lowest)
    caption = "Objects whose neighbourhoods differ most from those by people; below: the overlap."
    yield from _tiles("neighbor-lowest", caption, tiles)
    rows = [(label, one) for label, row in zip(labels, found.results, strict=True) for one in row.concepts or ()]
    if rows:
        level = intervals_over(one.ci for _, one in rows) or "without intervals"
        caption = (
            f"The same for the objects of each concept ({found.grouping}); their neighbours may be any; {level}. "
            f"p-values corrected over concepts ({found.correction})."
        )
        table = neighborhoods.concepts_table(found, rows).on_page("neighbor-concepts", caption, "overlap")
        yield Fold("Agreement per concept", (table,))
    pairs = [row for row in found.differences if row.concept is None]
    if pairs:
        level = intervals_over(row.ci for row in pairs) or "without intervals"
        caption = (
            f"Overlap of one model less that of the other, on the same objects; {level}; p-values corrected "
            f"({found.correction})."
        )
        names = {name: sources.label(name) for row in pairs for name in (row.a, row.b)}
        table = neighborhoods.differences_table(found, pairs, names)
        of_page = table.on_page("neighbor-differences", caption, "overlap", whole=True)
        yield Fold("Differences between models", (of_page,))


def _purity(found: NeighborPurity, sources: Sources) -> Iterator[Part]:
    labels = neighborhoods.labels_of(found.results, labels=sources.labels)
    caption = (
        f"Purity: the share of the {found.k} nearest neighbours that share a category with an object"
        f"{and_intervals(row.ci for row in found.results)}. Chance: of shuffled categories."
    )
    columns = filled([Column("model", tuple(labels)), *neighborhoods.purity_columns(found, found.results)])
    yield Table(columns, name="neighbor-purity", caption=caption, sort=("purity", True))
    rows = [(label, one) for label, row in zip(labels, found.results, strict=True) for one in row.categories]
    if rows:
        level = intervals_over(one.ci for _, one in rows) or "without intervals"
        caption = f"Purity of each category, of its {found.k} nearest neighbours; {level}; p of each by itself."
        column = Rows(rows).column
        columns = filled([
            column("category", lambda r: r[1].category, filter=True),
            column("model", lambda r: r[0], filter=True),
            column("objects", lambda r: r[1].n_objects, "count"),
            *neighborhoods.purity_columns(found, [one for _, one in rows]),
        ])  # fmt: skip
        table = Table(columns, name="neighbor-purity-categories", caption=caption, sort=("purity", True))
        yield Fold("Purity per category", (table,))


def _hubs(found: Hubness, sources: Sources) -> Iterator[Part]:
    labels = neighborhoods.labels_of(found.results, labels=sources.labels)
    near = f"the {found.k} nearest neighbours of others"
    caption = f"Hubness: how unequally {found.n_objects:,} objects are among {near}."
    yield neighborhoods.hubs_table(found, labels).on_page("hubs", caption, "skewness", ascending=True, whole=True)
    tiles = (
        (label, [Tile(hub.name, f"{hub.count:,} times") for hub in row.largest if hub.name is not None])
        for label, row in list(zip(labels, found.results, strict=True))[:MOST_MODELS]
    )
    yield from _tiles("hubs-largest", "The objects that are neighbours of most others; below: of how many.", tiles)


def _tiles(name: str, caption: str, rows: Iterable[tuple[str, Sequence[Tile]]]) -> list[Tiles]:
    """The rows that have pictures, if there are some."""
    shown = tuple((heading, tuple(tiles)) for heading, tiles in rows if tiles)
    return [Tiles(name, caption, shown)] if shown else []


def _changes(found: NeighborChanges) -> Iterator[Part]:
    caption = (
        f"Objects whose {found.k} nearest neighbours differ most before and after; all {found.n_objects:,} objects "
        f"keep {percent(found.overlap)} of theirs."
    )
    changes = neighborhoods.changes_table(found, most=found.k)
    yield changes.on_page("neighbor-changes", caption, "rbo", ascending=True, whole=True)
    named = [one for one in found.objects if one.name is not None][: QUERIES // 2]
    tiles = (
        (f"{one.name}: {which}", [Tile(str(one.name), "", "query"), *(Tile(str(item)) for item in items[:NEAR])])
        for one in named for which, items in (("lost", one.lost), ("gained", one.gained))
    )  # fmt: skip
    caption = "Neighbours that were lost and gained, the nearest first."
    for pictures in _tiles("neighbor-changes-pictures", caption, tiles):
        yield Fold("What changed, in pictures", (pictures,), True)


def _prototypes(found: Prototypes) -> Iterator[Fold]:
    what = "largest weights" if found.grouping == "dimensions" else "largest mean similarity to the others"
    tiles = (
        (row.concept, [Tile(one.name, "" if one.value is None else f"{one.value:.3g}") for one in row.top
                       if one.name is not None])
        for row in found.concepts
    )  # fmt: skip
    caption = f"Medoids of {len(found.concepts)} {found.grouping}."
    table = neighborhoods.prototypes_table(found).on_page("prototypes-table", caption, whole=True)
    pictures = _tiles("prototypes", f"Objects with the {what}, of {found.n_objects:,}.", tiles)
    yield Fold("Prototypes of concepts", (table, *pictures))


def _duplicates(found: NearDuplicates) -> Iterator[Part]:
    level = "equal rows"
    if found.threshold is not None:
        level += f", and rows with a similarity of at least {found.threshold:g} ({found.measure})"
    caption = f"Near duplicates among {found.n_objects:,} objects: {level}; {found.n_pairs:,} pairs."
    yield neighborhoods.duplicates_table(found).on_page("near-duplicates", caption, whole=True)
    groups = enumerate(found.groups[:QUERIES], start=1)
    tiles = ((f"group {k}", [Tile(name) for name in (group.names or ())[:NEAR]]) for k, group in groups)
    for pictures in _tiles("near-duplicates-pictures", "The objects of each group.", tiles):
        yield Fold("Near duplicates, in pictures", (pictures,))
