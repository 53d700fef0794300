"""How well each human dimension is predicted: R^2 on held-out objects, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.data.names import listing
from pyalign.report.charts.document import different, ends, labels_of, listed, over
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line


def dimensions_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each dimension, and a line at the mean of all.

    Args:
        document: of `pyalign.predict_dimensions`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the first model's R^2; "name", "document".
        limit: at most so many dimensions, from the top.

    Raises:
        InputError: a document without dimensions.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    results = listed(document, "results")
    models = labels_of(results)
    rows = [row for result, model in zip(results, models, strict=True) for row in _rows(result, model)]
    order = order_of(rows, sort)[:limit]
    kept = set(order)
    means = {m: one["mean_r2"] for one, m in zip(results, models, strict=True) if one.get("mean_r2") is not None}
    panel = Panel([row for row in rows if row.item in kept], "R² on held-out objects", ".1f", {"0": 0.0}, means,
                  "dimension", "objects")  # fmt: skip
    title = f"Human dimensions predicted from {listing(models, 4)}"
    return finished(ranked([panel], order, models, look, points), look, points, title,
                    _told(document, results[0]["dimensions"], means, len(order)))  # fmt: skip


def _told(
    document: Mapping[str, Any], dimensions: Sequence[Mapping[str, Any]], means: Mapping[str, float], shown: int
) -> list[str]:
    """What the points are, and what the lines."""
    n, k = document.get("n_objects"), len(dimensions)
    held = "Each object" if n is None else f"{n:,} objects, each"
    told = [f"{held} predicted by a map that has not seen it; {'all' if shown == k else f'{shown} of'} {k} dimensions."]
    bars = over(dimensions)
    if bars:
        told.append(bars)
    if means:
        listed_means = ", ".join(f"{model} {value:.3f}" for model, value in means.items())
        told.append(f"Solid: mean R² ({listed_means}). Dashed: 0, no better than the mean.")
    return told


def _rows(result: Mapping[str, Any], model: str) -> list[Row]:
    dimensions = listed(result, "dimensions")
    names = different([one_line(str(one.get("label") or one["dimension"])) for one in dimensions])
    return [Row(name, model, one.get("r2"), *ends(one)) for name, one in zip(names, dimensions, strict=True)]
