"""How well each dimension of an embedding comes back: correlations with the dimensions of other fits that match it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyalign.errors import InputError
from pyalign.report.charts.ranked import Panel, Row, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.fits import OVER
from pyalign.report.words import one_line

if TYPE_CHECKING:
    from pyalign.embedding.embedding_result import EmbeddingCrossValidation

MOST = 40  # dimensions that are shown, by mass


def dimension_stability_chart(
    result: EmbeddingCrossValidation, *, limit: int | None = None, style: str = "light", width: str = "double"
) -> Any:
    """A row for each dimension, a point for each way to repeat the fit, with the range of the correlations."""
    look, points = style_of(style), width_of(width)
    if not result.stability:
        raise InputError("a picture of the stability needs other fits: seeds, halves or resamples; the result has none")
    shown = result.fit.dimensions[: limit or MOST]
    names = {one.dimension: f"{one.dimension} {one_line(', '.join(one.top_objects[:1]))}"[:28] for one in shown}
    rows = [
        Row(names[each.dimension], OVER[one.over], each.correlation, each.low, each.high)
        for one in result.stability for each in one.dimensions if each.dimension in names
    ]
    panel = Panel(rows, "correlation with the matching dimension", ".2f", {".8": 0.8}, item="dimension", counted=False)
    chart = ranked([panel], list(names.values()), [OVER[one.over] for one in result.stability], look, points)
    sentences = ["Dimensions by mass, each with the object of the largest entry. Correlations are over objects."]
    lacking = [f"{len(of.dimensions) - of.n_matched} over {OVER[of.over]}" for of in result.stability
               if of.n_matched < len(of.dimensions)]
    if lacking:
        sentences.append(f"Dimensions without a match, which have no point: {', '.join(lacking)}.")
    if len(shown) < len(result.fit.dimensions):
        sentences.append(f"{len(shown)} of {len(result.fit.dimensions)} dimensions are shown.")
    return finished(chart, look, points, "Stability of the dimensions", sentences)
