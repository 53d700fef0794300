"""Human dimensions that were learned from triplets: held-out figures, the choice of penalties, each dimension."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyalign.embedding.embedding_result import EmbeddingCrossValidation
from pyalign.report.blocks import Fold, Section, Tile, Tiles
from pyalign.report.charts.penalty_path import dimension_stability_chart, penalty_path_chart
from pyalign.report.fits import against_table, dimensions_table, embedding_folds_table, stability_table
from pyalign.report.page.sections._shared import Part, figure, parts_of_each, section_of
from pyalign.report.page.sources import Sources
from pyalign.report.words import percent

CARDS = 40  # dimensions, by mass
LEAD = (
    "Dimensions of objects whose inner products predict which of three objects people choose as the odd one out. They "
    "are learned from the answers, without a model, and judged by answers that chose nothing."
)


def embedding(sources: Sources) -> Section | None:
    """For each result its folds, other embeddings on the same answers, the path of penalties, and the dimensions."""
    results = sources.results(EmbeddingCrossValidation)
    return section_of("embedding", "Human dimensions", LEAD, parts_of_each(results, _parts))


def _parts(result: EmbeddingCrossValidation) -> Iterator[Part]:
    held = "sets of three objects" if result.split == "triplets" else "participants"
    yield embedding_folds_table(result).on_page("embedding-folds", f"Held-out answers, folds over {held}.")
    if result.against:
        yield against_table(result).on_page("embedding-against", "Other embeddings on the same held-out answers.")
    if any(fold.path for fold in result.folds):
        summary = "Held-out cross-entropy and the number of dimensions along the penalties, a line for each fold."
        yield figure("embedding-path", "Choice of the penalties.", partial(penalty_path_chart, result), summary)
    if result.stability:
        yield stability_table(result.stability).on_page("embedding-stability", "How well the embedding comes back.")
        summary = "The correlation of each dimension with those of other fits that match it, with its range."
        draw = partial(dimension_stability_chart, result)
        yield figure("embedding-dimension-stability", "Stability of the dimensions.", draw, summary)
    caption = "Dimensions by mass. Share: of the similarity of the pairs that people chose."
    yield dimensions_table(result.fit.dimensions, result.stability).on_page("embedding-dimensions", caption)
    rows = tuple(
        (f"dimension {one.dimension}: {percent(one.share)} of choices", tuple(map(Tile, one.top_objects)))
        for one in result.fit.dimensions[:CARDS]
    )
    cards = Tiles("embedding-cards", "Objects with the largest entries, the largest first.", rows)
    yield Fold("Cards of the dimensions", (cards,))
