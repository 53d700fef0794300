"""Matrices as colors, cells with their numbers where there is room: similarities of models, and of their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign.concept.consistency_result import ErrorConsistency
from pyalign.documents import ci_of
from pyalign.errors import InputError
from pyalign.pairwise.rsa_result import LayerSimilarity, ModelSimilarities
from pyalign.report.charts.theme import (
    SMALL, Style, alt, chart_of, ends_of, finished, known, letters_width, module_for, read_out, styled,
)
from pyalign.report.words import (
    counted, different, header_of, intervals_over, labels_of, model_labels, one_line, over_words, p_text,
)

MOST = 60  # rows or columns; more are a sample of them
LARGEST_CELL, LEAST_CELL = 34.0, 3.0  # points
ERRORS = ("kappa", "same-choice")  # what a matrix of error consistency shows
ROOM_FOR_NUMBER = 17.0  # points that a cell with a number has
ORDERS = {
    "cluster": "Order: hierarchical clustering (average linkage), similar ones next to each other.",
    "document": "Order: as given.",
    "name": "Order: by name.",
}


@dataclass(frozen=True)
class Cells:
    """What a matrix shows."""

    # rows, columns: labels in their order.
    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray  # (rows, columns) float64, NaN where there is none.
    title: str  # what the values are.
    form: str = ".3f"  # how they are read out, as d3 has it; `short`: how they stand in a cell.
    short: str = ".2f"
    # name -> further values of the same shape, for tips and tables.
    more: Mapping[str, np.ndarray] = field(default_factory=dict)
    faint: str = ""  # an expression of `datum` by which a number is written faintly, "" for none.

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> Cells:
        """The cells of some rows and columns."""
        at = np.ix_(rows, columns)
        more = {name: values[at] for name, values in self.more.items()}
        names = [self.rows[i] for i in rows], [self.columns[j] for j in columns]
        return replace(self, rows=names[0], columns=names[1], values=self.values[at], more=more)


def clustered(similarity: np.ndarray) -> list[int]:
    """The order of rows in which those that are alike stand next to each other.

    Average linkage of the distances 1 - similarity, leaves in the optimal order (Bar-Joseph et al., 2001), the end
    with the earlier row first. What is NaN counts as the least similarity that there is.

    Args:
        similarity: (m, m); of one that is not symmetric the mean of both entries counts.
    """
    m = len(similarity)
    if m < 3:
        return list(range(m))
    hierarchy = module_for("a matrix in the order of a clustering", "scipy.cluster.hierarchy", "scipy")
    both = (similarity + similarity.T) / 2
    held = both[np.isfinite(both)]
    both = np.where(np.isfinite(both), both, held.min() if len(held) else 0.0)
    distance = (both.max() - both)[np.triu_indices(m, 1)]
    tree = hierarchy.linkage(distance, "average", optimal_ordering=m <= 400)
    order: list[int] = hierarchy.leaves_list(tree).tolist()
    return order if order.index(0) < m / 2 else order[::-1]


def sampled(order: Sequence[int], most: int) -> list[int]:
    """At most so many of an order, evenly spread, its ends among them."""
    if len(order) <= most:
        return list(order)
    return [order[k] for k in np.linspace(0, len(order) - 1, most).round().astype(int)]


def names_spoken(cells: Cells, style: Style) -> str:
    """A sentence where columns are too narrow for their names."""
    narrow = _sizes(cells, style.points)[0] < SMALL
    return "Columns are too narrow for their names: those are in the tips and in the data." if narrow else ""


def _sizes(cells: Cells, width: float) -> tuple[float, float]:
    """How wide cells are, and how wide the names of rows, in points; names and numbers need room."""
    label = min(0.3 * width, 8 + max(letters_width(name) for name in cells.rows))
    return max(LEAST_CELL, min(LARGEST_CELL, (width - label - 20) / len(cells.columns))), label


def matrix(cells: Cells, style: Style, domain: tuple[float, float], square: bool = True) -> Any:
    """Colored cells with the names of rows and columns, and a legend.

    Args:
        domain: least and largest value of the colors.
        square: whether cells are; else they are lower than wide.
    """
    side, label = _sizes(cells, style.points)
    height = side if square else min(11.5, max(8.0, side))
    low, high = domain
    leaning = max(letters_width(name, SMALL) for name in cells.columns) > side - 2
    lean: dict[str, float | str] = (
        {"labelAngle": -60, "labelAlign": "right", "labelBaseline": "middle"} if leaning else {"labelAngle": 0}
    )
    extent = {"minExtent": label if height >= SMALL else 0, "maxExtent": label}
    base = _unfolded(cells).encode(
        x=_axis(alt.X("column:N", sort=list(cells.columns)), side, labelLimit=130, orient="bottom", **lean),
        y=_axis(alt.Y("row:N", sort=list(cells.rows)), height, labelLimit=label - 4, **extent),
    )
    legend = alt.Legend(
        title=cells.title, orient="bottom", gradientLength=140, gradientThickness=6, tickCount=5,
        format=cells.short, direction="horizontal", titleLimit=0, offset=6,
    )
    scale = alt.Scale(domain=[low, high], range=list(style.ramp), clamp=True)
    tips = [alt.Tooltip("row:N"), alt.Tooltip("column:N"), alt.Tooltip("value:Q", title=cells.title, format=cells.form)]
    tips += [alt.Tooltip(name, type="quantitative", format=cells.form) for name in cells.more]
    tile = base.mark_rect(stroke=style.background, strokeWidth=0.5 if side > 8 else 0.0).encode(
        color=alt.Color("value:Q", scale=scale, legend=legend), **read_out(*tips)
    )
    size = {"width": side * len(cells.columns), "height": height * len(cells.rows)}
    if side < ROOM_FOR_NUMBER:
        return alt.layer(tile, **size)
    ink = f"datum.value > {low + style.turn * (high - low)!r} ? '{style.background}' : '{style.text}'"
    text = base.transform_calculate(ink=ink, strength=f"{cells.faint or 'false'} ? 0.55 : 1")
    numbers = text.mark_text(fontSize=SMALL, aria=False).encode(
        text=alt.Text("value:Q", format=cells.short), color=alt.Color("ink:N", scale=None),
        opacity=alt.Opacity("strength:Q", scale=None),
    )
    return alt.layer(tile, numbers).resolve_scale(color="independent").properties(**size)


def _axis(channel: Any, size: float, **options: float | str) -> Any:
    """Names where rows or columns are large enough for letters."""
    axis = alt.Axis(
        title=None, ticks=False, domain=False, labels=size >= SMALL, grid=False, labelPadding=3, labelOverlap=False,
        labelFontSize=SMALL, **options,
    )
    return channel.axis(axis).scale(alt.Scale(padding=0))


def _unfolded(cells: Cells) -> Any:
    """A chart of the cells, each with `row`, `column`, `value`, what there is more, and `spoken`.

    The data have a row for each row, which is unfolded where it is drawn: many cells take little room.
    """
    columns = {"cells": cells.values, **{f"more_{name}": values for name, values in cells.more.items()}}
    rows = [
        {"row": name, **{key: [*map(known, values[k].tolist())] for key, values in columns.items()}}
        for k, name in enumerate(cells.rows)
    ]
    title = cells.title.replace("\\", "\\\\").replace("'", "\\'")
    spoken = f"datum.row + ', ' + datum.column + ': {title} ' + format(datum.value, '{cells.form}')"
    for name in cells.more:
        words = name.replace("_", " ")
        spoken += f" + (isValid(datum.{name}) ? ', {words} ' + format(datum.{name}, '{cells.form}') : '')"
    return unfolded(rows, cells.columns, dict(zip(columns, ("value", *cells.more), strict=True)), spoken)


def unfolded(rows: Sequence[Any], columns: Sequence[str], fields: Mapping[str, str], spoken: str) -> Any:
    """A chart of the cells of rows, whose `fields` hold a value for each column, under the name that it has then."""
    names = alt.InlineData(values=[{"place": k, "column": name} for k, name in enumerate(columns, 1)])
    return (
        chart_of(rows)
        .transform_flatten([*fields], as_=[*fields.values()])
        .transform_window(place="row_number()", groupby=["row"])
        .transform_lookup(lookup="place", from_=alt.LookupData(data=names, key="place", fields=["column"]))
        .transform_filter("isValid(datum.value)")
        .transform_calculate(spoken=spoken)
    )


def _in_order(cells: Cells, similarity: np.ndarray, sort: str, limit: int | None) -> tuple[Cells, str]:
    """The cells of the models that are shown, in their order, and the sentence on it; of very many a sample."""
    names = cells.rows
    _checks.one_of(sort, tuple(ORDERS), "sort")
    by_name = sorted(range(len(names)), key=lambda k: names[k] if sort == "name" else "")
    shown = sampled(clustered(similarity) if sort == "cluster" else by_name, limit or MOST)
    some = "" if len(shown) == len(names) else f" {len(shown)} of {len(names):,} models, evenly spread over it."
    return cells.part(shown, shown), ORDERS[sort] + some


def _least(values: np.ndarray) -> float:
    """The smallest of values, and of 0."""
    return min([0.0, *values[np.isfinite(values)].tolist()])


@styled
def cka_chart(
    result: ModelSimilarities | LayerSimilarity, look: Style, *, sort: str = "cluster", limit: int | None = None,
    by: str | None = None,
) -> Any:
    """A matrix of one measure (`by`); models that are alike stand next to each other. Layers stay in their order.

    `sort`: one of `ORDERS`; "cluster" needs scipy. `limit`: evenly spread over that order; default 60.
    """
    if isinstance(result, LayerSimilarity):
        return _layers(result, look, limit)
    measures = [one.measure for one in result]
    one = result[measures.index(_checks.one_of(by or measures[0], measures, "by"))]
    called = model_labels([(name, None) for name in one.models], labels=look.labels)
    names = different([called[name] for name in one.models])
    values = np.array(one.matrix, np.float64)
    names_of_p = ("p_value", "p_adjusted")
    held = {name: getattr(one, name) for name in ("calibrated", "null_threshold", *names_of_p)}
    if one.scores is not None:
        at = range(len(one.models))
        intervals = [[one.interval(i, j) for j in at] for i in at]
        for end, name in enumerate(("ci_low", "ci_high")):
            held[name] = [[None if ci is None else ci[end] for ci in row] for row in intervals]
    more = {name: np.array(rows, np.float64) for name, rows in held.items() if rows is not None}
    p = names_of_p[one.p_adjusted is not None]
    tested = one.p_value is not None and known(result.alpha) is not None
    faint = f"isValid(datum.{p}) && datum.{p} > {result.alpha!r}" if tested else ""
    corrected = "not corrected" if one.p_adjusted is None else f"corrected ({result.correction})"
    cells, order = _in_order(Cells(names, names, values, one.measure, more=more, faint=faint), values, sort, limit)
    chart = matrix(cells, look, (_least(values[~np.eye(len(values), dtype=bool)]), 1.0))
    batches = "" if result.batches is None else f" Means over {result.batches:,} batches."
    sentences = [
        f"{result.n_objects:,} objects that all models have.{batches}",
        "" if one.symmetric else "Not symmetric: a cell is of its row against its column.",
        "No permutations: what unrelated models would have is not known." if one.p_value is None else
        f"Faint numbers: p above {result.alpha:g} in {result.permutations:,} permutations, {corrected} for the number "
        "of pairs.",
        order,
        names_spoken(cells, look),
    ]
    return finished(chart, look, f"Similarity of {counted(len(names), 'model')}: {one.measure}", sentences)


def _layers(result: LayerSimilarity, look: Style, limit: int | None) -> Any:
    first, second = (different(list(map(one_line, names))) for names in (result.first, result.second))
    rows, columns = (sampled(range(len(names)), limit or MOST) for names in (first, second))
    cells = Cells(first, second, np.array(result.matrix, np.float64), result.measure).part(rows, columns)
    chart = matrix(cells, look, (_least(cells.values), 1.0))
    some = len(rows) < len(first) or len(columns) < len(second)
    sentences = [
        f"{result.n_objects:,} objects. Rows: layers of the first model, columns: of the second, in their order.",
        f"{result.aggregate} of all pairs {result.value:.3f}, calibrated {result.calibrated:.3f}, "
        f"p {p_text(result.p_value)} ({result.permutations:,} permutations).",
        f"{len(rows)} of {len(first)} and {len(columns)} of {len(second)} layers, evenly spread." if some else "",
    ]
    return finished(chart, look, f"Similarity of layers: {result.measure}", sentences)


@styled
def consistency_chart(
    found: ErrorConsistency, look: Style, *, sort: str = "cluster", limit: int | None = None, by: str | None = None
) -> Any:
    """Kappa of every two models, with its interval and what the accuracies allow; the diagonal is empty.

    Models that err alike stand next to each other. `sort` and `limit` as in `cka_chart`. `by`: "kappa" (default), or
    "same-choice", the share of triplets in which both choose the same item.
    """
    same = _checks.one_of(by or ERRORS[0], ERRORS, "by") == ERRORS[1]
    if same and any(pair.same_choice is None for pair in found.pairs):
        lacks = "a document of this version, computed again; this one has no such share"
        raise InputError(f"by 'same-choice' needs {lacks}")
    called = labels_of(found, labels=look.labels)
    names, diagonal = [called[one.model] for one in found.models], np.eye(len(found.models), dtype=bool)
    kappa, least, most, share = (np.where(diagonal, np.nan, found.matrix(of))
                                 for of in ("kappa", "kappa_min", "kappa_max", "same_choice" if same else "kappa"))
    if same:
        cells = Cells(names, names, share, "same choice", ".1%", ".0%",
                      {**_ends(found, "same_choice"), "kappa": kappa})
    else:
        more = {**_ends(found, "kappa"), "kappa_min": least, "kappa_max": most}
        cells = Cells(names, names, kappa, "kappa", more=more,
                      faint="isValid(datum.low) && datum.low <= 0 && datum.high >= 0")
    cells, order = _in_order(cells, np.where(diagonal, 1.0, share), sort, limit)
    ends = _least(cells.values), -_least(-cells.values) or 1.0
    how, known = found.inference, share[np.isfinite(share)]
    if same:
        ends = (float(known.min(initial=1.0)), float(known.max(initial=0.0))) if np.ptp(known) > 0 else (0.0, 1.0)
        sentences = [
            f"{found.n_triplets:,} triplets. Share in which both choose the same item, right or wrong; of a tie there "
            "is no choice.",
            f"Tips and numbers have {shown}." if (shown := intervals_over(ci_of(p.same_choice) for p in found.pairs))
            else "",
        ]
    else:
        sentences = [
            f"{found.n_triplets:,} triplets, of which all models miss {found.n_missed:,}. Kappa: 0 independent errors, "
            "1 the same.",
            f"Faint numbers: the {header_of(how)} over {over_words(how.over)} holds 0."
            if how.over else "No intervals.",
        ]
    title = f"{'Equal choices' if same else 'Error consistency'} of {counted(len(names), 'model')}"
    chart = matrix(cells, look, ends)
    return finished(chart, look, title, [*sentences, order, names_spoken(cells, look)])


def _ends(found: ErrorConsistency, figure: str) -> dict[str, np.ndarray]:
    """The ends of the interval of a figure of every two models, as matrices of `low` and `high`."""
    ends = np.full((2, len(found.models), len(found.models)), np.nan)
    place = {one.model: k for k, one in enumerate(found.models)}
    for pair in found.pairs:
        a, b = place[pair.a], place[pair.b]
        ci = ci_of(pair.same_choice) if figure == "same_choice" else pair.ci
        ends[:, a, b] = ends[:, b, a] = np.array(ends_of(ci), np.float64)
    return {"low": ends[0], "high": ends[1]}
