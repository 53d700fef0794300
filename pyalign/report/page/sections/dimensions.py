"""Human dimensions as representations predict them: R² on objects that the map has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.concept.predicted import DimensionPredictions, PredictedDimension
from pyalign.report.blocks import Figure, Fold, Section, Table, filled
from pyalign.report.cells import intervals_over
from pyalign.report.charts.concepts import dimensions_chart, heatmap
from pyalign.report.page.sections._grids import FEW, MOST_ROWS, Grid, grid, long, summary, wide
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._shared import numbered
from pyalign.report.page.sources import Sources
from pyalign.report.predictions import differences_table, labels_of, models_table

LEAD = (
    "How much of each human dimension a linear map of a representation explains, on objects that the map has not seen. "
    "0: no more than the mean of the dimension says."
)


def dimensions(sources: Sources) -> Section | None:
    """Of each result its models, their dimensions, and the differences of models."""
    parts: list[Any] = []
    for k, result in enumerate(pooled(sources.results(DimensionPredictions))):
        labels = labels_of(result, labels=sources.labels)
        parts += [_models(result, labels, numbered("dimensions-models", k)), _figure(result, labels, k)]
        parts += _differences(result, labels, numbered("dimensions-differences", k))
    return Section("dimensions", "Human dimensions", LEAD, tuple(parts)) if parts else None


def _over(result: DimensionPredictions) -> str:
    return f"{result.n_objects:,} objects, each predicted by a map that has not seen it ({result.folds} folds)"


def _models(result: DimensionPredictions, labels: Mapping[str, str], name: str) -> Table:
    level = intervals_over(one.ci for one in result.results)
    caption = f"R² in mean over all dimensions, {_over(result)}{f'; {level}' if level else ''}."
    table = models_table(result, labels)
    return replace(table, columns=filled(table.columns), name=name, caption=caption, sort=("mean R^2", True))


def _figure(result: DimensionPredictions, labels: Mapping[str, str], number: int) -> Figure:
    scores: Grid[PredictedDimension] = grid(
        result.results, lambda one: labels[one.embeddings], lambda one: one.mean_r2, lambda one: one.dimensions,
        lambda cell: cell.dimension, lambda cell: cell.r2, what="R²", noun="dimension", form="number", places=3,
    )  # fmt: skip
    level = intervals_over(cell.ci for of_model in scores.cells for cell in of_model if cell is not None)
    caption = f"R² of each dimension, held out: {_over(result)}{f'; {level}' if level else ''}."
    name, data_name = numbered("dimensions-chart", number), numbered("dimensions-table", number)
    if len(scores.models) <= FEW:
        chart = dimensions_chart(result, labels=labels)
        return Figure(name, caption, chart, summary(scores), wide(scores, data_name, caption))
    chart = heatmap(
        scores.models, scores.concepts, scores.values, title="R² per dimension", what="R², held out", form=".2f",
        told=[f"{_over(result)}.", "Models by their mean R², the best on top."],
    )  # fmt: skip
    data = long(scores, data_name, f"{caption} Choose a model or a dimension.")
    return Figure(name, caption, chart, summary(scores), data)


def _differences(result: DimensionPredictions, labels: Mapping[str, str], name: str) -> list[Fold]:
    """Those of means only where there are too many of all; none where there are too many of these."""
    rows = list(result.differences or ())
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row.dimension is None]
    if not rows or len(rows) > MOST_ROWS:
        return []
    level = intervals_over(row.ci for row in rows)
    caption = (
        f"R² of one model less that of the other, on the same objects and folds{f'; {level}' if level else ''}; "
        f"p-values corrected over all pairs and dimensions ({result.correction}), of means over pairs alone."
    )
    table = differences_table(result, labels, rows)
    return [Fold("Differences between models", (replace(table, name=name, caption=caption, sort=("R^2", True)),))]
