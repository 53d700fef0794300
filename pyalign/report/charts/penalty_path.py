"""The choice of an embedding's penalties: held-out cross-entropy and number of dimensions along the path.

How well each dimension of an embedding comes back: correlations with the dimensions of other fits that match it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyalign.errors import InputError
from pyalign.report.charts.ranked import Panel, Row, ranked
from pyalign.report.charts.theme import alt, chart_of, colours_and_shapes, finished, of_field, style_of, width_of
from pyalign.report.fits import OVER
from pyalign.report.words import one_line

if TYPE_CHECKING:
    from pyalign.embedding.embedding_result import EmbeddingCrossValidation


def penalty_path_chart(result: EmbeddingCrossValidation, *, style: str = "light", width: str = "double") -> Any:
    """Cross-entropy of the answers that chose the penalty, and dimensions that are left, a line for each fold."""
    look, points = style_of(style), width_of(width)
    rows = [
        {
            "fold": str(number), "penalty": point.shrinkage or point.sparsity, "nats": point.cross_entropy,
            "dimensions": point.n_dimensions,
            "told": f"fold {number}, penalty {point.shrinkage or point.sparsity:.3g}: "
            f"{point.cross_entropy:.4f} nats, {point.n_dimensions} dimensions",
        }
        for number, fold in enumerate(result.folds, start=1)
        for point in fold.path
    ]
    if not rows:
        raise InputError("a picture of the path needs several penalties, of which the folds chose; the result has one")
    name = "shrinkage" if any(point.shrinkage for fold in result.folds for point in fold.path) else "sparsity"
    each = (points - 130) / 2 if width == "double" else points - 60
    names = [str(number) for number in range(1, len(result.folds) + 1)]
    legend = alt.Legend(title="fold", orient="top") if 1 < len(names) <= len(look.palette) else None
    folds = colours_and_shapes("fold", names, look.palette, legend)
    chosen = [
        {"fold": number, "chosen": getattr(fold, name), "told": f"fold {number}, chosen: {getattr(fold, name):.3g}"}
        for number, fold in zip(names, result.folds, strict=True)
    ]
    panels = []
    for field, title in (("nats", "cross-entropy (nats)"), ("dimensions", "dimensions")):
        scale = alt.Scale(type="log", nice=False)
        x = alt.X("penalty:Q", scale=scale, axis=alt.Axis(title=name, format=".0e", tickCount=4, labelOverlap=True))
        y = alt.Y(f"{field}:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=title, grid=True))
        base = chart_of(rows).encode(x=x, y=y, detail=alt.Detail("fold:N"))
        tips = [alt.Tooltip("fold:N"), alt.Tooltip("penalty:Q", format=".3g"), alt.Tooltip("nats:Q", format=".4f"),
                alt.Tooltip("dimensions:Q")]
        lines = base.mark_line(strokeWidth=1.2, aria=False).encode(color=folds["color"])
        dots = base.mark_point(size=24, filled=True, opacity=1)
        dots = dots.encode(**folds, tooltip=tips, description=alt.Description("told:N"))
        rules = chart_of(chosen).mark_rule(strokeDash=[3, 2], strokeWidth=1)
        rules = rules.encode(x=of_field(x, "chosen"), color=folds["color"], description=alt.Description("told:N"),
                             tooltip=alt.Tooltip("told:N"))
        panels.append(alt.layer(rules, lines, dots, width=each, height=180))
    chart = alt.hconcat(*panels) if width == "double" else alt.vconcat(*panels)
    sentences = [
        "Cross-entropy of answers that the fits have not seen, of each fold's training side, and the number of "
        "dimensions that are left. A line for each fold.",
        "Dashed: the penalty that the fold chose.",
    ]
    return finished(chart, look, points, "Choice of the penalties", sentences)


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
