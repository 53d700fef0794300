"""Accuracy per human concept, and human dimensions as models predict them: a figure for each model and concept.

Before and after maps: a figure and a table of every set, and the categories of neighbors.
Human dimensions that were learned from triplets: held-out figures, the choice of penalties, each dimension.
Neighbors: galleries, and the neighborhoods of objects, in tables and pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyalign._dataclass import replace
from pyalign.concept.concepts_result import Concepts, ConceptScores, TopObjects
from pyalign.concept.neighborhood_result import ConceptNeighborhood, Neighborhoods
from pyalign.embedding.embedding_result import EmbeddingCrossValidation
from pyalign.report import neighborhoods
from pyalign.report.blocks import Fold, Section, Tile, Tiles
from pyalign.report.charts.gallery import nearest_of, over_rows
from pyalign.report.charts.theme import ends_of
from pyalign.report.page.html import Bar, Panel, Panels
from pyalign.report.page.sections._shared import Drawn, Labels, Part, Row, pooled_of, where
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import SINGULAR, counted, different, labels_of, percent

FEW = 3  # models whose points are told apart at a glance
SHOWN = 12  # panels that stand open


def _of_concepts(result: Concepts) -> list[Drawn]:
    by = result.results[0].by
    if by == "entropy":
        return [("entropy-chart", "entropy")]
    return [("concepts-chart", "concepts" if len(result.results) <= FEW else "concepts-map", by)]


def concepts(sources: Sources) -> Section | None:
    """Parts for each result, and in it for each way of grouping triplets, and the objects of each concept."""
    ways = []
    for result in pooled_of(sources, "concepts"):
        for by in dict.fromkeys(scores.by for scores in result.results):
            of = tuple(scores for scores in result.results if scores.by == by)
            ways.append(replace(result, results=of, differences=tuple(d for d in result.differences if d.by == by)))
    objects = top_objects(sources)
    section = replace(_concepts, more=lambda result, labels: _panels(result, labels, objects))
    return section.of(ways, sources)


def top_objects(sources: Sources) -> dict[str, tuple[str, ...]]:
    """concept -> the names of its objects: of neighborhoods, else of the results of concepts themselves."""
    rows: list[ConceptNeighborhood | TopObjects] = []
    for found in sources.results(Neighborhoods):
        rows += found.results[0].concepts or ()
    for result in sources.results(Concepts):
        rows += result.top_objects or ()
    objects: dict[str, tuple[str, ...]] = {}
    for row in rows:
        names = tuple(item.name for item in row.top if item.name is not None)
        if names:
            objects.setdefault(row.concept, names)
    return objects


def _panels(result: Concepts, labels: Labels, objects: Mapping[str, tuple[str, ...]]) -> Iterator[Part]:
    """Panels of objects with the accuracies of the best models, those of the concepts with most triplets first."""
    called, noun = labels_of(result, labels=labels), SINGULAR[result.results[0].by]
    best: list[ConceptScores] = sorted(result.results, key=lambda scores: -(scores.accuracy or 0.0))[:FEW]
    panels = []
    for row in sorted(best[0].concepts, key=lambda row: -row.n_triplets):
        if row.concept in objects:
            cells = ((one, next((cell for cell in one.concepts if cell.concept == row.concept), None)) for one in best)
            bars = (Bar(called[one.embeddings], cell.accuracy, *ends_of(cell.ci)) for one, cell in cells if cell)
            tiles = tuple(map(Tile, objects[row.concept]))
            panels.append(Panel(row.concept, counted(row.n_triplets, "triplet"), tiles, tuple(bars)))
    which = "" if len(result.results) <= FEW else f" of the {FEW} models that are best on all triplets"
    caption = (
        f"Each {noun} with the objects that stand for it, and the accuracy{which}; shaded: its interval. "
        f"{noun.capitalize()} of most triplets first"
    )
    if panels:
        yield Panels("concept-panels", f"{caption}.", tuple(panels[:SHOWN]), result.chance)
    if len(panels) > SHOWN:
        rest = Panels("concept-panels-more", f"{caption}, continued.", tuple(panels[SHOWN:]), result.chance)
        yield Fold(f"{len(panels) - SHOWN} more", (rest,))


_concepts = Row(
    "concepts",
    "Human concepts",
    "Where models agree with people and where not: accuracy on the triplets of each human concept. A triplet belongs "
    "to the concept that carries most of what people kept together.",
    _of_concepts,
)
dimensions = Row(
    "dimensions",
    "Human dimensions",
    "How much of each human dimension a linear map of a representation explains, on objects that the map has not seen. "
    "0: no more than the mean of the dimension says.",
    lambda result: [("dimensions-chart", "dimensions" if len(result.results) <= FEW else "concepts-map")],
    together=pooled_of,
)
transfer = Row(
    "transfer",
    "Before and after a map",
    "A map that is fitted to one kind of judgments can win on it and lose on another. Within categories only triplets "
    "and pairs of objects of one category count.",
    figures=(("transfer-figure", "transfer"),),
    data={"transfer": lambda result, labels: None},
)
CARDS = 40  # dimensions, by mass


def _cards(result: EmbeddingCrossValidation, labels: Labels) -> Iterator[Fold]:
    rows = tuple(
        (f"dimension {one.dimension}: {percent(one.share)} of choices", tuple(map(Tile, one.top_objects)))
        for one in result.fit.dimensions[:CARDS]
    )
    cards = Tiles("embedding-cards", "Objects with the largest entries, the largest first.", rows)
    yield Fold("Cards of the dimensions", (cards,))


embedding = Row(
    "embedding",
    "Human dimensions",
    "Dimensions of objects whose inner products predict which of three objects people choose as the odd one out. They "
    "are learned from the answers, without a model, and judged by answers that chose nothing.",
    figures=(("embedding-path", "penalty-path"), ("embedding-dimension-stability", "dimension-stability")),
    more=_cards,
)


QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighborhoods differ most, of each model, and of how many models


def neighbors(sources: Sources) -> Section | None:
    """Galleries of searches, and the tables and pictures of neighborhoods."""
    galleries = [_gallery(documents, sources) for documents in _same_queries(sources)]
    return _neighbors.of(pooled_of(sources, "neighborhoods"), sources, galleries)


def _same_queries(sources: Sources) -> list[list[Loaded]]:
    """Searches for the same queries, such as before and after a transform."""
    searches: dict[tuple[str, ...], list[Loaded]] = {}
    for document in sources.of("neighbors"):
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
    results = [document.result for document in documents]
    k = max(len(near) for search in searches for near in search.values())
    sentences = [f"By {' and by '.join(labels)}.", *over_rows(results, labels, min(k, NEAR), min(len(queries), QUERIES),
                                                             len(queries))]
    sentences += ["Framed: neighbors that all of them have."] * (len(documents) > 1)
    return Tiles("gallery", " ".join(filter(None, sentences)), tuple(rows))


def _labels(documents: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(document.result.embeddings or "embeddings") for document in documents]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({document.result.measure})" for name, document in zip(names, documents, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(document)})" for name, document in zip(names, documents, strict=True)])


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
