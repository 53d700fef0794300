"""Neighbors: galleries, and the neighborhoods of objects, in tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyalign.concept.neighborhood_result import Neighborhoods
from pyalign.nearest.scan import Neighbors
from pyalign.report import neighborhoods
from pyalign.report.blocks import Fold, Section, Tile, Tiles
from pyalign.report.charts.gallery import nearest_of
from pyalign.report.page.sections._shared import Labels, Row, pooled_of, where
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import different, percent

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighborhoods differ most, of each model, and of how many models


def neighbors(sources: Sources) -> Section | None:
    """Galleries of searches, and the tables and pictures of neighborhoods."""
    galleries = [_gallery(documents, sources) for documents in _same_queries(sources)]
    return _neighbors.of(pooled_of(sources, "neighborhoods"), sources, galleries)


def _same_queries(sources: Sources) -> list[list[Loaded]]:
    """Searches for the same queries, such as before and after a transform."""
    searches: dict[tuple[str, ...], list[Loaded]] = {}
    for document in sources.loaded(Neighbors):
        searches.setdefault(tuple(nearest_of(document.result)), []).append(document)
    return [documents for queries, documents in searches.items() if queries]


def _gallery(documents: Sequence[Loaded], sources: Sources) -> Tiles:
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
    return Tiles("gallery", _caption(documents, labels, len(queries)), tuple(rows))


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
        text += " Framed: neighbors that all of them have."
    for document, label in zip(documents, labels, strict=True):
        if document.result.recall is not None:
            text += (
                f" {label}: an approximate index, which finds {percent(document.result.recall)} of the true neighbors."
            )
    return text if queries <= QUERIES else f"{text} The first {QUERIES} of {queries:,} queries."


def _pictures(found: Neighborhoods, labels: Labels) -> Iterator[Fold]:
    """The pictures of objects, if they have names."""
    if tiles := tuple(_tiles_of(found, neighborhoods.labels_of(found, labels=labels))):
        yield Fold("Objects in pictures", tiles)


def _tiles_of(found: Neighborhoods, names: Sequence[str]) -> Iterator[Tiles]:
    """Objects that stand for concepts, occur most or agree least; neighbors of those that change most; duplicates."""
    prototypes = (
        (row.concept, [Tile(example.name, "" if example.value is None else f"{example.value:.3g}")
                       for example in row.top if example.name is not None])
        for row in found.results[0].concepts or ()
    )
    what = "largest weights" if found.grouping == "dimensions" else "largest mean similarity to the others"
    yield from _tiles("neighborhoods-prototypes", f"Objects with the {what}, of {found.n_objects:,}.", prototypes)
    several = list(zip(names, found.results, strict=True))[:MOST_MODELS]
    for name, by, caption in (
        ("often", "occurrences", "The objects that are neighbors of most others; below: of how many."),
        ("lowest", "rbo", "Objects whose neighborhoods differ most from those by people; below: the overlap."),
    ):
        rows = ((label, [Tile(str(item.name), f"{100 * item.overlap:.0f}%" if by == "rbo" and item.overlap is not None
                              else f"{item.occurrences:,g} times")
                         for item in result.extreme(by, LISTED) if item.name is not None])
                for label, result in several)
        yield from _tiles(f"neighborhoods-{name}", caption, rows)
    tiles = (
        (f"{item.name}{'' if len(several) == 1 else f', {label}'}: {which}",
         [Tile(str(item.name), "", "query"), *(Tile(near) for near in items[:NEAR])])
        for label, result in several for item in result.extreme("kept_rbo", QUERIES // 2) if item.name is not None
        for which, items in (("lost", item.lost), ("gained", item.gained)) if items
    )
    yield from _tiles("neighborhoods-changes", "Neighbors that were lost and gained, the nearest first.", tiles)
    groups = [group for result in found.results for group in result.duplicates][:QUERIES]
    twins = (
        (f"group {k}", [Tile(name) for name in (group.names or ())[:NEAR]]) for k, group in enumerate(groups, start=1)
    )
    yield from _tiles("neighborhoods-twins", "The objects of each group.", twins)


def _tiles(name: str, caption: str, rows: Iterable[tuple[str, Sequence[Tile]]]) -> list[Tiles]:
    """The rows that have pictures, if there are some."""
    shown = tuple((heading, tuple(tiles)) for heading, tiles in rows if tiles)
    return [Tiles(name, caption, shown)] if shown else []


_neighbors = Row(
    "neighbors",
    "Neighbors",
    "Which objects are near each other for a representation, and whether people would say so.",
    more=_pictures,
)
