"""Accuracy per human concept, and human dimensions as models predict them: a figure for each model and concept.

Before and after maps: a figure and a table of every set, and the categories of neighbors.
Human dimensions that were learned from triplets: held-out figures, the choice of penalties, each dimension.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyalign._dataclass import replace
from pyalign.concept.concepts_result import Concepts, ConceptScores, TopObjects
from pyalign.concept.neighborhood_result import ConceptNeighborhood, Neighborhoods
from pyalign.embedding.embedding_result import EmbeddingCrossValidation
from pyalign.report.blocks import Fold, Section, Tile, Tiles
from pyalign.report.charts.theme import ends_of
from pyalign.report.page.html import Bar, Panel, Panels
from pyalign.report.page.sections._shared import Drawn, Labels, Part, Row, pooled_of
from pyalign.report.page.sources import Sources
from pyalign.report.words import SINGULAR, counted, labels_of, percent

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
    for neighborhoods in sources.results(Neighborhoods):
        rows += neighborhoods.results[0].concepts or ()
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
