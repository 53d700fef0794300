"""How well each human dimension is predicted: R^2 on held-out objects, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.concept.predicted import DimensionPredictions, PredictedDimensions
from pyalign.data.names import listing
from pyalign.report.charts.data import ends_of, known
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import bars_text, different, labels_of, one_line


def dimensions_chart(
    result: DimensionPredictions, *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each dimension, and a line at the mean of all.

    Args:
        result: of `pyalign.predict_dimensions`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the first model's R^2; "name", "document".
        limit: at most so many dimensions, from the top.
        labels: of models, in place of their own.

    Raises:
        InputError: more models than points tell apart.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    called = labels_of(result, labels=labels)
    models = [called[one.embeddings] for one in result.results]
    rows = [row for one, model in zip(result.results, models, strict=True) for row in _rows(one, model)]
    order = order_of(rows, sort)[:limit]
    kept = set(order)
    means = {
        model: one.mean_r2 for one, model in zip(result.results, models, strict=True)
        if one.mean_r2 is not None and known(one.mean_r2) is not None
    }  # fmt: skip
    panel = Panel([row for row in rows if row.item in kept], "R² on held-out objects", ".1f", {"0": 0.0}, means,
                  "dimension", "objects")  # fmt: skip
    chart = ranked([panel], order, models, look, points)
    title = f"Human dimensions predicted from {listing(models, 4)}"
    return finished(chart, look, points, title, _subtitle(result, means, len(order)))


def _subtitle(result: DimensionPredictions, means: Mapping[str, float], n_shown: int) -> list[str]:
    """What the points are, and what the lines."""
    dimensions = result[0].dimensions
    shown = "all" if n_shown == len(dimensions) else f"{n_shown} of"
    lines = [
        f"{result.n_objects:,} objects, each predicted by a map that has not seen it; {shown} {len(dimensions)} "
        "dimensions."
    ]
    bars = bars_text(one.ci for one in dimensions)
    lines += [bars] if bars else []
    if means:
        of_all = ", ".join(f"{model} {value:.3f}" for model, value in means.items())
        lines.append(f"Solid: mean R² ({of_all}). Dashed: 0, no better than the mean.")
    return lines


def _rows(one: PredictedDimensions, model: str) -> list[Row]:
    names = different([one_line(dimension.dimension) for dimension in one.dimensions])
    return [
        Row(name, model, known(dimension.r2), *ends_of(dimension.ci))
        for name, dimension in zip(names, one.dimensions, strict=True)
    ]
