"""Models by concepts: accuracy per concept as points or as a map of many models, R² of human dimensions.

Dimensions of an embedding: how many each penalty leaves, and how well each comes back in other fits that match it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, TypeVar

import numpy as np

from pyalign import _checks
from pyalign.concept.concepts_result import Concepts, ConceptScores
from pyalign.concept.predicted import DimensionPredictions
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.embedding.embedding_result import EmbeddingCrossValidation
from pyalign.errors import InputError
from pyalign.report.charts.matrix import Cells, matrix, names_spoken
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked, row_of
from pyalign.report.charts.theme import (
    Style, alt, chart_of, colors_and_shapes, ends_of, finished, known, lined, of_field, read_out, styled,
)
from pyalign.report.fits import OVER
from pyalign.report.words import Labels, bars_text, counted, different, labels_of, model_labels, one_line

MAP_SORTS = ("value", "name", "document")
MOST_ROWS, MOST_COLUMNS = 80, 120  # of a map
MOST_WITH_INTERVALS = 1000  # cells of a map
ACCURACY, R2 = ("accuracy", "concepts", ".1%", ".0%"), ("R²", "dimensions", ".3f", ".2f")  # what a map shows
HELD_OUT = "{0.n_objects:,} objects, each predicted by a map that has not seen it"
MOST_DIMENSIONS = 40  # of an embedding, by mass
T = TypeVar("T")


@styled
def concepts_chart(
    result: Concepts, look: Style, *, sort: str = "value", limit: int | None = None, by: str | None = None
) -> Any:
    """Points with intervals, a row for each concept; of two models the paired differences in a column of their own.

    In the width of a single column there is no room for differences. `by`: "dimensions", "categories" or "levels".
    """
    called, results = labels_of(result, labels=look.labels), _of_grouping(result, by)
    rows, means = _rows_of_each(_of_each(result, by), called)
    models = [called[scores.embeddings] for scores in results]
    differences = _differences(result, results, called) if look.width == "double" or sort == "difference" else []
    order = order_of(rows, sort, differences)[:limit]
    chance = {f"chance {100 * result.chance:.1f}%": result.chance}
    accuracy = "odd-one-out accuracy" if result.chance < 0.4 else "accuracy"
    panels = [Panel(rows, accuracy, ".0%", chance, means, "concept")]
    sentences = _over_concepts(result, results[0], [row for row in rows if row.model == models[0]], len(order))
    if differences and look.width == "double":
        panels.append(Panel(differences, "difference", "+.0%", {"0": 0.0}, item="concept"))
        sentences.append(f"Difference: {differences[0].model}, paired over the same triplets.")
    if len(models) > 1:
        of_all = ", ".join(f"{model} {100 * mean:.1f}%" for model, mean in means.items())
        sentences.append(f"Solid lines: all triplets ({of_all}). Dashed: chance.")
    title = f"Accuracy per concept: {listing(models, 4)}"
    return finished(ranked(panels, order, models, look), look, title, sentences)


def groupings(result: Concepts) -> list[str]:
    """What the concepts of a result are, each of "dimensions", "categories", "levels" that it has."""
    return list(dict.fromkeys(scores.by for scores in result.results))


def _of_grouping(result: Concepts, by: str | None) -> list[ConceptScores]:
    """The results of one way of grouping; None: of the first."""
    ways = groupings(result)
    if not ways:
        raise InputError("a picture of concepts needs a result of at least one model; got none")
    by = _checks.one_of(by or ways[0], ways, "by")
    return [scores for scores in result.results if scores.by == by]


def _by_name(rows: Sequence[T], name: Callable[[T], str]) -> dict[str, T]:
    """Rows by what they are called, all different."""
    return dict(zip(different([one_line(name(row)) for row in rows]), rows, strict=True))


def _differences(result: Concepts, results: Sequence[ConceptScores], called: Labels) -> list[Row]:
    """The differences between two models; none for more models, since each pair would need a column."""
    differences = [difference for difference in result.differences if difference.by == results[0].by]
    if len(results) != 2 or not differences:
        return []
    pair = " - ".join(called.get(name, name) for name in (differences[0].embeddings, differences[0].other))
    named = _by_name(differences, lambda row: row.concept)
    return [
        row_of(name, pair, difference.difference, difference.ci, difference.n_triplets)
        for name, difference in named.items()
    ]


def _over_concepts(result: Concepts, first: ConceptScores, rows: Sequence[Row], n_shown: int) -> list[str]:
    """Sentences on what the figures are over, and why some of the first model's rows have no interval."""
    none = 0 if first.unassigned is None else first.unassigned.n_triplets
    what = f"{first.n_triplets:,} triplets" + (f", {none:,} of them of no concept" if none else " under concepts")
    n, bars = len(first.concepts), bars_text(concept.ci for concept in first.concepts)
    few = sum(row.low is None for row in rows)
    return [
        f"{what}; {'all' if n_shown >= n else f'{n_shown} of'} {n} concepts. {bars}".strip(),
        f"Hollow or missing: fewer than {result.min_triplets:,} triplets, so no interval ({counted(few, 'concept')})."
        if bars and few else "",
    ]


@styled
def dimensions_chart(
    result: DimensionPredictions, look: Style, *, sort: str = "value", limit: int | None = None
) -> Any:
    """R² with intervals, a row for each human dimension, and a line at the mean of all."""
    called = model_labels([(predicted.embeddings, predicted.label) for predicted in result.results], labels=look.labels)
    rows, means = _rows_of_each(_of_each(result, None), called)
    models = [called[predicted.embeddings] for predicted in result.results]
    order = order_of(rows, sort)[:limit]
    panel = Panel(rows, "R² on held-out objects", ".1f", {"0": 0.0}, means, "dimension", "objects")
    dimensions = result[0].dimensions
    shown = "all" if len(order) == len(dimensions) else f"{len(order)} of"
    of_all = ", ".join(f"{model} {value:.3f}" for model, value in means.items())
    sentences = [
        f"{HELD_OUT.format(result)}; {shown} {len(dimensions)} dimensions.",
        bars_text(dimension.ci for dimension in dimensions),
        f"Solid: mean R² ({of_all}). Dashed: 0, no better than the mean." if means else "",
    ]
    chart = ranked([panel], order, models, look)
    return finished(chart, look, f"Human dimensions predicted from {listing(models, 4)}", sentences)


@styled
def concepts_map_chart(
    result: Concepts | DimensionPredictions, look: Style, *, sort: str = "value", limit: int | None = None,
    by: str | None = None,
) -> Any:
    """A cell for each concept, or dimension, and model, the best models to the left, of more than 120 only these.

    `sort` "value" is by the mean over the models. `limit`: of concepts; default 80.
    """
    _checks.one_of(sort, MAP_SORTS, "sort")
    called, every = labels_of(result, labels=look.labels), _of_each(result, by)
    best = sorted(every, key=lambda name: _downwards([every[name][0]]))[:MOST_COLUMNS]
    table = {called[name]: every[name][1] for name in best}
    names = list(dict.fromkeys(name for of_model in table.values() for name in of_model))
    if sort == "name":
        names.sort()
    elif sort == "value":
        names.sort(key=lambda name: _downwards(of_model[name][0] for of_model in table.values() if name in of_model))
    shown = names[: limit or MOST_ROWS]
    cells = [[of_model.get(name, (None, None, None)) for of_model in table.values()] for name in shown]
    values = np.array([[value for value, *_ in row] for row in cells], np.float64)
    ends = {end: np.array([[ends_of(ci)[k] for _, ci, _ in row] for row in cells], np.float64)
            for k, end in enumerate(("low", "high"))}
    more = ends if len(shown) * len(table) <= MOST_WITH_INTERVALS else {}
    what, noun, form, short = ACCURACY if isinstance(result, Concepts) else R2
    drawn = Cells(shown, [*table], values, what, form, short, more)
    there = values[np.isfinite(values)]
    low, high = np.quantile(there, [0.01, 0.99]).tolist() if len(there) else (0.0, 1.0)
    over = ("{0.n_triplets:,} triplets" if isinstance(result, Concepts) else HELD_OUT).format(result)
    sentences = [
        f"{over}; {len(shown)} of {len(names)} {noun}, {len(table)} of {len(every)} models, the best to the left.",
        f"{noun.capitalize()} by the mean over the models." if sort == "value" else f"{noun.capitalize()} by {sort}.",
        "Colors end at the first and the last hundredth of the cells; intervals are "
        f"{'in the tips and in the data' if more else 'only in the result'}.",
        names_spoken(drawn, look),
    ]
    chart = matrix(drawn, look, (low, high), square=False)
    title = f"{what[0].upper()}{what[1:]} per {noun[:-1]} of {counted(len(every), 'model')}"
    return finished(chart, look, title, sentences)


Figures = dict[str, tuple[float | None, Interval | None, int | None]]  # by the names of concepts, which differ


def _of_each(result: Concepts | DimensionPredictions, by: str | None) -> dict[str, tuple[float | None, Figures]]:
    """Model -> its figure over all, and that of each concept with its interval and triplets, or of each dimension."""
    if isinstance(result, Concepts):
        return {
            scores.embeddings: (scores.accuracy, {
                name: (row.accuracy, row.ci, row.n_triplets)
                for name, row in _by_name(scores.concepts, lambda one: one.concept).items()
            })
            for scores in _of_grouping(result, by)
        }
    return {
        predicted.embeddings: (predicted.mean_r2, {
            name: (row.r2, row.ci, None)
            for name, row in _by_name(predicted.dimensions, lambda one: one.dimension).items()
        })
        for predicted in result.results
    }


def _rows_of_each(
    each: Mapping[str, tuple[float | None, Figures]], called: Labels
) -> tuple[list[Row], dict[str, float]]:
    """The points of each model, and the mean of those that have one; `called`: what models are."""
    rows = [row_of(name, called[model], *figure) for model, (_, of) in each.items() for name, figure in of.items()]
    return rows, {called[model]: mean for model, (all_of, _) in each.items() if (mean := known(all_of)) is not None}


def _downwards(values: Iterable[float | None]) -> float:
    """A key that sorts the largest mean to the beginning, and those without values to the end."""
    there = [value for value in map(known, values) if value is not None]
    return -fmean(there) if there else math.inf


@styled
def penalty_path_chart(result: EmbeddingCrossValidation, look: Style) -> Any:
    """Cross-entropy of the answers that chose the penalty, and dimensions that are left, a line for each fold."""
    rows = [
        {
            "fold": str(number), "penalty": point.shrinkage or point.sparsity, "nats": point.cross_entropy,
            "dimensions": point.n_dimensions, "relaxed": point.relaxed,
            "spoken": f"fold {number}, penalty {point.shrinkage or point.sparsity:.3g}: "
            f"{point.cross_entropy:.4f} nats, {point.n_dimensions} dimensions",
        }
        for number, fold in enumerate(result.folds, start=1)
        for point in fold.path
    ]
    if not rows:
        raise InputError("a picture of the path needs several penalties, of which the folds chose; the result has one")
    name = "shrinkage" if any(point.shrinkage for fold in result.folds for point in fold.path) else "sparsity"
    each = (look.points - 130) / 2 if look.width == "double" else look.points - 60
    names = [str(number) for number in range(1, len(result.folds) + 1)]
    legend = alt.Legend(title="fold", orient="top") if 1 < len(names) <= len(look.palette) else None
    folds = colors_and_shapes("fold", names, look.palette, legend)
    chosen = [
        {"fold": number, "chosen": getattr(fold, name), "spoken": f"fold {number}, chosen: {getattr(fold, name):.3g}"}
        for number, fold in zip(names, result.folds, strict=True)
    ]
    tips = [alt.Tooltip("fold:N"), alt.Tooltip("penalty:Q", format=".3g"), alt.Tooltip("nats:Q", format=".4f"),
            alt.Tooltip("dimensions:Q")]
    axis = alt.Axis(title=name, format=".0e", tickCount=4, labelOverlap=True)
    x = alt.X("penalty:Q", scale=alt.Scale(type="log", nice=False), axis=axis)
    rules = chart_of(chosen).mark_rule(strokeDash=[3, 2], strokeWidth=1)
    rules = rules.encode(x=of_field(x, "chosen"), color=folds["color"], **read_out())
    panels = []
    for field, title in (("nats", "cross-entropy (nats)"), ("dimensions", "dimensions")):
        y = alt.Y(f"{field}:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=title, grid=True))
        base = chart_of(rows).encode(x=x, y=y, detail=[alt.Detail("fold:N"), alt.Detail("relaxed:N")])
        panels.append(alt.layer(rules, *lined(base, folds, *tips), width=each, height=180))
    chart = alt.hconcat(*panels) if look.width == "double" else alt.vconcat(*panels)
    sentences = [
        "Cross-entropy of answers that the fits have not seen, of each fold's training side, and the number of "
        "dimensions that are left. A line for each fold, and one for its fits that keep their number of dimensions.",
        "Dashed: the penalty that the fold chose.",
    ]
    return finished(chart, look, "Choice of the penalties", sentences)


@styled
def dimension_stability_chart(result: EmbeddingCrossValidation, look: Style, *, limit: int | None = None) -> Any:
    """A row for each dimension, a point for each way to repeat the fit, with the range of the correlations."""
    if not result.stability:
        raise InputError("a picture of the stability needs other fits: seeds, halves or resamples; the result has none")
    shown = result.fit.dimensions[: limit or MOST_DIMENSIONS]
    names = {one.dimension: f"{one.dimension} {one_line(', '.join(one.top_objects[:1]))}"[:28] for one in shown}
    rows = [
        Row(names[each.dimension], OVER[one.over], each.correlation, each.low, each.high)
        for one in result.stability for each in one.dimensions if each.dimension in names
    ]
    panel = Panel(rows, "correlation with the matching dimension", ".2f", {".8": 0.8}, item="dimension", counted=False)
    chart = ranked([panel], list(names.values()), [OVER[one.over] for one in result.stability], look)
    sentences = ["Dimensions by mass, each with the object of the largest entry. Correlations are over objects."]
    lacking = [f"{len(of.dimensions) - of.n_matched} over {OVER[of.over]}" for of in result.stability
               if of.n_matched < len(of.dimensions)]
    if lacking:
        sentences.append(f"Dimensions without a match, which have no point: {', '.join(lacking)}.")
    if len(shown) < len(result.fit.dimensions):
        sentences.append(f"{len(shown)} of {len(result.fit.dimensions)} dimensions are shown.")
    return finished(chart, look, "Stability of the dimensions", sentences)
