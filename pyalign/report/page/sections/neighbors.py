"""Neighbours: galleries, agreement with people, purity, hubs, what a transform changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubness
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import NeighborPurity
from pyalign.nearest.scan import Neighbors
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
    for document in sources.loaded(Neighbors):
        searches.setdefault(tuple(nearest_of(document.result)), []).append(document)
    return [documents for queries, documents in searches.items() if queries]


def _gallery(documents: Sequence[Loaded], sources: Sources) -> Iterator[Tiles]:
    searches = [nearest_of(document.result) for document in documents]
    queries = list(searches[0])
    labels = _labels(documents, sources)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in queries[:QUERIES]:
        for label, near in zip(labels, searches, strict=True):
            others = [{item for item, _ in search[query]} for search in searches if search is not near]
            tiles = [Tile(query, "query", "query")]
            for item, value in near[query][:NEAR]:
                both = bool(others) and all(item in other for other in others)
                tiles.append(Tile(item, "no figure" if value is None else f"{value:.3f}", "both" if both else ""))
            rows.append((query if len(documents) == 1 else f"{query}: {label}", tuple(tiles)))
    yield Tiles("gallery", _caption(documents, labels, len(queries)), tuple(rows))


def _labels(documents: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(document.result.embeddings or "embeddings") for document in documents]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({document.result.measure})" for name, document in zip(names, documents, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(document)})" for name, document in zip(names, documents, strict=True)])


def _caption(documents: Sequence[Loaded], labels: Sequence[str], queries: int) -> str:
    value = " or ".join(dict.fromkeys(f"{document.result.kind}, {document.result.units}" for document in documents))
    by = " and by ".join(labels)
    text = f"The nearest of {documents[0].result.n:,} rows to each query by {by}, the nearest first; below: {value}."
    if len(documents) > 1:
        text += " Framed: neighbours that all of them have."
    for document, label in zip(documents, labels, strict=True):
        if document.result.recall is not None:
            text += (
                f" {label}: an approximate index, which finds {percent(document.result.recall)} of the true neighbours."
            )
    return text if queries <= QUERIES else f"{text} The first {QUERIES} of {queries:,} queries."


def _agreement(agreement: NeighborAgreement, sources: Sources) -> Iterator[Part]:
    """Figures of models, the objects that differ most from people's, figures of concepts, differences of models."""
    labels = neighborhoods.labels_of(agreement.results, labels=sources.labels)
    caption = (
        f"Agreement with people: the share of the {agreement.k} nearest neighbours of {agreement.n_objects:,} "
        f"objects by a model that are so by the reference too; by chance {percent(agreement.chance)}"
        f"{and_intervals(row.ci for row in agreement.results)}."
    )
    p_of_rbo = Rows(agreement.results).column("p of the rbo", lambda r: r.rbo_p_value, "p")
    table = Table((*neighborhoods.agreement_table(agreement, labels).columns, p_of_rbo))
    yield table.on_page("neighbor-agreement", caption, "overlap")
    best = sorted(zip(labels, agreement.results, strict=True), key=lambda pair: -pair[1].overlap)[:MOST_MODELS]
    lowest = ((label, [item for item in row.lowest if item.name is not None][:LISTED]) for label, row in best)
    tiles = ((label, [Tile(str(item.name), f"{100 * item.overlap:.0f}%") for item in row]) for label, row in lowest)
    caption = "Objects whose neighbourhoods differ most from those by people; below: the overlap."
    yield from _tiles("neighbor-lowest", caption, tiles)
    rows = [
        (label, concept) for label, row in zip(labels, agreement.results, strict=True) for concept in row.concepts or ()
    ]
    if rows:
        level = intervals_over(concept.ci for _, concept in rows) or "without intervals"
        caption = (
            f"The same for the objects of each concept ({agreement.grouping}); their neighbours may be any; {level}. "
            f"p-values corrected over concepts ({agreement.correction})."
        )
        table = neighborhoods.concepts_table(agreement, rows).on_page("neighbor-concepts", caption, "overlap")
        yield Fold("Agreement per concept", (table,))
    pairs = [row for row in agreement.differences if row.concept is None]
    if pairs:
        level = intervals_over(row.ci for row in pairs) or "without intervals"
        caption = (
            f"Overlap of one model less that of the other, on the same objects; {level}; p-values corrected "
            f"({agreement.correction})."
        )
        names = {name: sources.label(name) for row in pairs for name in (row.a, row.b)}
        table = neighborhoods.differences_table(agreement, pairs, names)
        of_page = table.on_page("neighbor-differences", caption, "overlap", whole=True)
        yield Fold("Differences between models", (of_page,))


def _purity(purity: NeighborPurity, sources: Sources) -> Iterator[Part]:
    labels = neighborhoods.labels_of(purity.results, labels=sources.labels)
    caption = (
        f"Purity: the share of the {purity.k} nearest neighbours that share a category with an object"
        f"{and_intervals(row.ci for row in purity.results)}. Chance: of shuffled categories."
    )
    columns = filled([Column("model", tuple(labels)), *neighborhoods.purity_columns(purity, purity.results)])
    yield Table(columns, name="neighbor-purity", caption=caption, sort=("purity", True))
    rows = [(label, category) for label, row in zip(labels, purity.results, strict=True) for category in row.categories]
    if rows:
        level = intervals_over(category.ci for _, category in rows) or "without intervals"
        caption = f"Purity of each category, of its {purity.k} nearest neighbours; {level}; p of each by itself."
        column = Rows(rows).column
        columns = filled([
            column("category", lambda r: r[1].category, filter=True),
            column("model", lambda r: r[0], filter=True),
            column("objects", lambda r: r[1].n_objects, "count"),
            *neighborhoods.purity_columns(purity, [category for _, category in rows]),
        ])
        table = Table(columns, name="neighbor-purity-categories", caption=caption, sort=("purity", True))
        yield Fold("Purity per category", (table,))


def _hubs(hubs: Hubness, sources: Sources) -> Iterator[Part]:
    labels = neighborhoods.labels_of(hubs.results, labels=sources.labels)
    near = f"the {hubs.k} nearest neighbours of others"
    caption = f"Hubness: how unequally {hubs.n_objects:,} objects are among {near}."
    yield neighborhoods.hubs_table(hubs, labels).on_page("hubs", caption, "skewness", ascending=True, whole=True)
    tiles = (
        (label, [Tile(hub.name, f"{hub.count:,} times") for hub in row.largest if hub.name is not None])
        for label, row in list(zip(labels, hubs.results, strict=True))[:MOST_MODELS]
    )
    yield from _tiles("hubs-largest", "The objects that are neighbours of most others; below: of how many.", tiles)


def _tiles(name: str, caption: str, rows: Iterable[tuple[str, Sequence[Tile]]]) -> list[Tiles]:
    """The rows that have pictures, if there are some."""
    shown = tuple((heading, tuple(tiles)) for heading, tiles in rows if tiles)
    return [Tiles(name, caption, shown)] if shown else []


def _changes(result: NeighborChanges) -> Iterator[Part]:
    caption = (
        f"Objects whose {result.k} nearest neighbours differ most before and after; all {result.n_objects:,} objects "
        f"keep {percent(result.overlap)} of theirs."
    )
    changes = neighborhoods.changes_table(result, most=result.k)
    yield changes.on_page("neighbor-changes", caption, "rbo", ascending=True, whole=True)
    named = [changed for changed in result.objects if changed.name is not None][: QUERIES // 2]
    tiles = (
        (f"{changed.name}: {which}",
         [Tile(str(changed.name), "", "query"), *(Tile(str(item)) for item in items[:NEAR])])
        for changed in named for which, items in (("lost", changed.lost), ("gained", changed.gained))
    )
    caption = "Neighbours that were lost and gained, the nearest first."
    for pictures in _tiles("neighbor-changes-pictures", caption, tiles):
        yield Fold("What changed, in pictures", (pictures,), True)


def _prototypes(prototypes: Prototypes) -> Iterator[Fold]:
    what = "largest weights" if prototypes.grouping == "dimensions" else "largest mean similarity to the others"
    tiles = (
        (row.concept, [Tile(example.name, "" if example.value is None else f"{example.value:.3g}")
                       for example in row.top if example.name is not None])
        for row in prototypes.concepts
    )
    caption = f"Medoids of {len(prototypes.concepts)} {prototypes.grouping}."
    table = neighborhoods.prototypes_table(prototypes).on_page("prototypes-table", caption, whole=True)
    pictures = _tiles("prototypes", f"Objects with the {what}, of {prototypes.n_objects:,}.", tiles)
    yield Fold("Prototypes of concepts", (table, *pictures))


def _duplicates(duplicates: NearDuplicates) -> Iterator[Part]:
    level = "equal rows"
    if duplicates.threshold is not None:
        level += f", and rows with a similarity of at least {duplicates.threshold:g} ({duplicates.measure})"
    caption = f"Near duplicates among {duplicates.n_objects:,} objects: {level}; {duplicates.n_pairs:,} pairs."
    yield neighborhoods.duplicates_table(duplicates).on_page("near-duplicates", caption, whole=True)
    groups = enumerate(duplicates.groups[:QUERIES], start=1)
    tiles = ((f"group {k}", [Tile(name) for name in (group.names or ())[:NEAR]]) for k, group in groups)
    for pictures in _tiles("near-duplicates-pictures", "The objects of each group.", tiles):
        yield Fold("Near duplicates, in pictures", (pictures,))
