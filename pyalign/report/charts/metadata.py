"""Accuracy of models against what is known of them: a line through numbers, or strips by the values of a text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyalign.analysis.metadata.result import FittedLine, MetadataRegression, MetadataRegressions, ModelPoint
from pyalign.errors import InputError
from pyalign.report.charts.accuracy import ends
from pyalign.report.charts.data import known
from pyalign.report.charts.theme import SHAPES, SMALL, Style, altair, finished, letters_width, style_of, width_of
from pyalign.report.words import model_labels, one_line, over_words

NAMED = 16  # models whose names stand beside their points
MOST_FAMILIES = len(SHAPES) - 1  # told apart; the others are one
OTHERS, NONE = "other families", "no family known"
HEIGHT = 190


def metadata_chart(
    result: MetadataRegressions, *, style: str = "light", width: str = "double", limit: int | None = None,
    by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Models as points with their intervals; colour and shape are families.

    Args:
        result: of `pyalign.regress_metadata`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: names beside the points where there are at most so many models (default: 16).
        by: the column; default: the first of numbers, else of text.
        labels: of models, in place of short forms of their names.

    Raises:
        InputError: a column that the result does not have, or whose models have no accuracy.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    texts = list(dict.fromkeys(group.column for group in result.groups))
    columns = [*dict.fromkeys(row.column for row in result.results), *texts]
    column = by if by is not None else next(iter(columns), None)
    if column is None or column not in columns:
        raise InputError(
            f"by must be a column of the result, {', '.join(columns) or 'of which it has none'}; got {by!r}"
        )
    models = [one for one in result.points if (one.values or {}).get(column) is not None]
    if not models:
        raise InputError(f"a picture of 'metadata' needs models with a value in {column!r}; the result has none")
    rows = _drawn(models, column, labels)
    if column in texts:
        return _strips(result, column, models, rows, look, points)
    line = [row for row in result.results if row.column == column][-1]  # on the logarithm where there is that
    return _scatter(result, line, models, rows, look, points, limit or NAMED)


def _drawn(models: Sequence[ModelPoint], column: str, labels: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """The models as the chart holds them."""
    called = model_labels([(one.model, None) for one in models], labels=labels)
    families = _families(models)
    rows = []
    for one in models:
        (low, high), seeds, value = ends(one.ci), len(one.members), (one.values or {})[column]
        shown = one_line(value) if isinstance(value, str) else f"{value:,.6g}"
        interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f} %"
        told = f"{called[one.model]}: {100 * one.accuracy:.1f} %{interval}, {column} {shown}"
        told += f", mean of {seeds} seeds" if seeds > 1 else ""
        rows.append({
            "model": called[one.model], "value": value, "accuracy": known(one.accuracy), "low": low, "high": high,
            "lowest": known(one.lowest), "highest": known(one.highest), "seeds": seeds,
            "family": NONE if one.family is None else families[one.family],
            "told": told + (f", {one.family}" if one.family else ""),
        })  # fmt: skip
    return rows


def _families(models: Sequence[ModelPoint]) -> dict[str, str]:
    """What each family is called in the legend: the largest by their names, the rest together."""
    counts: dict[str, int] = {}
    for one in models:
        if one.family is not None:
            counts[one.family] = counts.get(one.family, 0) + 1
    largest = sorted(counts, key=lambda name: -counts[name])
    shown = largest if len(largest) <= MOST_FAMILIES else largest[: MOST_FAMILIES - 1]
    return {name: one_line(name) if name in shown else OTHERS for name in counts}


def _scatter(
    result: MetadataRegressions, line: MetadataRegression, models: Sequence[ModelPoint], rows: list[dict[str, Any]],
    look: Style, points: float, limit: int,
) -> Any:  # fmt: skip
    alt = altair()
    logs = line.scale == "log10"
    values = [float((one.values or {})[line.column]) for one in models]
    room = points - 62
    axis = alt.Axis(format=_format(line.column in result.percent, values), tickCount=max(3, int(room / 70)), grid=False)
    title = f"{one_line(line.column)}{' (logarithmic)' if logs else ''}"
    x = alt.X("value:Q", title=title, scale=_scale(values, logs), axis=axis)
    y = alt.Y("accuracy:Q", title="accuracy", scale=_accuracies([*_heights(models), *line.line.accuracy]),
              axis=alt.Axis(format="%", tickCount=5))  # fmt: skip
    layers = [*_line(line.line, x, y, look), *_points(rows, {"x": x, "y": y}, "y", look, line.column)]
    if len(rows) <= limit:
        names = alt.Chart(alt.InlineData(values=_beside(rows, values, logs)))
        for side, align, move in (("right", "left", 5), ("left", "right", -5)):
            text = names.transform_filter(f"datum.side == '{side}'").mark_text(
                align=align, dx=move, dy=-4, fontSize=SMALL, color=look.muted, aria=False, clip=False
            )
            layers.append(text.encode(x=x, y=y, text="model:N"))
    chart = alt.layer(*layers).properties(width=room, height=HEIGHT)
    return finished(chart, look, points, f"Accuracy against {line.column}", _lines(result, line.line, len(rows)))


def _beside(rows: Sequence[Mapping[str, Any]], values: Sequence[float], logs: bool) -> list[dict[str, Any]]:
    """On which side of its point each name stands: inwards."""
    at = [math.log10(value) if logs else value for value in values]
    middle = (min(at) + max(at)) / 2.0
    return [{**row, "side": "right" if place <= middle else "left"} for row, place in zip(rows, at, strict=True)]


def _scale(values: Sequence[float], logs: bool) -> Any:
    low, high = min(values), max(values)
    if logs:
        more = (high / low) ** 0.05
        return altair().Scale(type="log", domain=[low / more, high * more], nice=False)
    more = 0.05 * (high - low or abs(high) or 1.0)
    return altair().Scale(domain=[low - more, high + more], nice=False, zero=False)


def _heights(models: Sequence[ModelPoint]) -> list[float | None]:
    """All accuracies that points and their bars show."""
    return [
        value for one in models for value in (one.accuracy, *ends(one.ci), one.lowest, one.highest)
    ]  # fmt: skip


def _accuracies(heights: Iterable[float | None]) -> Any:
    """The scale of these accuracies; what of a line's band lies far outside is cut."""
    shown = [value for value in map(known, heights) if value is not None] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    more = 0.12 * (high - low or 0.01)
    return altair().Scale(domain=[max(0.0, low - more), min(1.0, high + more)], nice=False, zero=False, clamp=False)


def _format(share: bool, values: Sequence[float]) -> str:
    if share:
        return ".3~%"
    return "~s" if max(map(abs, values)) >= 1e4 else "~g"


def _line(line: FittedLine, x: Any, y: Any, look: Style) -> list[Any]:
    """The line, and the band of that interval which says most: over models where there is one."""
    alt = altair()
    lows, highs = (line.models_low, line.models_high) if line.models_low else (line.low, line.high)
    band = [{"low": low, "high": high} for low, high in zip(lows or (), highs or (), strict=True)]
    values = [
        {"value": at, "accuracy": height, **(band[k] if band else {})}
        for k, (at, height) in enumerate(zip(line.x, line.accuracy, strict=True))
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x)
    layers = [base.mark_line(color=look.muted, strokeWidth=1.2, clip=True, aria=False).encode(y=y)]
    if band:
        low = y.copy()
        low.shorthand = "low:Q"
        layers.insert(
            0, base.mark_area(color=look.muted, opacity=0.16, clip=True, aria=False).encode(y=low, y2="high:Q")
        )
    return layers


def _points(
    rows: Sequence[Mapping[str, Any]], at: Mapping[str, Any], along: str, look: Style, column: str
) -> list[Any]:
    """Points with intervals, and thicker bars from the lowest to the highest of several seeds."""
    alt = altair()
    base = alt.Chart(alt.InlineData(values=list(rows)))
    families = list(dict.fromkeys(row["family"] for row in rows))
    families.sort(key=lambda name: (name in (OTHERS, NONE), name))
    palette = [look.muted if name in (OTHERS, NONE) else look.palette[k] for k, name in enumerate(families)]
    several = families != [NONE]
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=4, offset=6) if several else None
    colour = alt.Color("family:N", scale=alt.Scale(domain=families, range=palette), legend=legend)
    shape = alt.Shape("family:N", scale=alt.Scale(domain=families, range=list(SHAPES[: len(families)])), legend=legend)
    other = {name: value for name, value in at.items() if name != along}
    layers = []
    for low, high, thick, opacity in (("low", "high", 1.0, 0.7), ("lowest", "highest", 3.0, 0.45)):
        if any(row[low] is not None for row in rows):
            start = at[along].copy()
            start.shorthand = f"{low}:Q"
            bars = base.transform_filter(f"isValid(datum.{low})").mark_rule(
                strokeWidth=thick, opacity=opacity, aria=False, clip=True
            )
            layers.append(bars.encode(**other, **{along: start, f"{along}2": f"{high}:Q"}, color=colour))
    value = alt.Tooltip("value:N" if along == "x" else "value:Q", title=one_line(column))
    shares = [alt.Tooltip(f"{name}:Q", title=title, format=".1%")
              for name, title in (("accuracy", "accuracy"), ("low", "from"), ("high", "to"))]  # fmt: skip
    tips = [alt.Tooltip("model:N"), *shares, value, alt.Tooltip("family:N"), alt.Tooltip("seeds:Q")]
    barred = any(row["low"] is not None for row in rows)
    for filled in (True, False) if barred else (True,):
        which = "isValid(datum.low)" if filled else "!isValid(datum.low)"
        shown = base.transform_filter(which) if barred else base
        mark = shown.mark_point(size=26, filled=filled, opacity=1, strokeWidth=1)
        layers.append(mark.encode(**at, color=colour, shape=shape, tooltip=tips, description=alt.Description("told:N")))
    return layers


def _strips(
    result: MetadataRegressions, column: str, models: Sequence[ModelPoint], rows: list[dict[str, Any]], look: Style,
    points: float,
) -> Any:  # fmt: skip
    """A row for each value: its models, and their mean with its interval."""
    alt = altair()
    rows = [{**row, "value": one_line(row["value"])} for row in rows]
    groups = [group for group in result.groups if group.column == column]
    values = [one_line(group.value) for group in groups]
    means = []
    for name, group in zip(values, groups, strict=True):
        low, high = ends(group.ci)
        interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f} %"
        means.append({"value": name, "accuracy": known(group.accuracy), "low": low, "high": high,
                      "told": f"{name}: mean of {group.n_models} {100 * group.accuracy:.1f} %{interval}"})  # fmt: skip
    label = min(0.38 * points, 10 + max(map(letters_width, values)))
    side = alt.Axis(labelLimit=label - 6, minExtent=label, maxExtent=label, ticks=False, domain=False, grid=True)
    y = alt.Y("value:N", sort=values, title=None, axis=side)
    heights = [*_heights(models), *(value for group in groups for value in (group.accuracy, *ends(group.ci)))]
    x = alt.X("accuracy:Q", title="accuracy", scale=_accuracies(heights), axis=alt.Axis(format="%"))
    base = alt.Chart(alt.InlineData(values=means)).encode(y=y)
    start = x.copy()
    start.shorthand = "low:Q"
    bars = base.transform_filter("isValid(datum.low)").mark_rule(
        strokeWidth=5, opacity=0.25, color=look.text, aria=False
    )
    ticks = base.mark_tick(thickness=1.6, size=15, color=look.text, opacity=1)
    layers = [bars.encode(x=start, x2="high:Q"), ticks.encode(x=x, description=alt.Description("told:N"),
              tooltip=[alt.Tooltip("told:N", title="mean")])]  # fmt: skip
    plain = [{**row, "low": None, "high": None} for row in rows]  # intervals of models would hide the means
    layers += _points(plain, {"x": x, "y": y}, "x", look, column)
    chart = alt.layer(*layers).properties(width=points - label - 26, height=alt.Step(20, **{"for": "position"}))
    lines = [f"{len(rows)} models{_counts(result)}; line: the mean of a group."]
    if result.ci_by is not None:
        lines.append(f"Bar: its {_level(result)} over {over_words(result.ci_by)}, for these very models.")
    return finished(chart, look, points, f"Accuracy by {column}", lines)


def _counts(result: MetadataRegressions) -> str:
    """How many triplets, objects and people the accuracies are over."""
    counts = [(result.n_triplets, "triplets"), (result.n_objects, "objects"), (result.n_subjects, "people")]
    words = [f"{count:,} {what}" for count, what in counts if count is not None]
    return f" on {', '.join(words)}" if words else ""


def _level(result: MetadataRegressions) -> str:
    return f"{100 * result.confidence:g} % interval"


def _lines(result: MetadataRegressions, line: FittedLine, count: int) -> list[str]:
    """Over what points, bars and band are."""
    level = _level(result)
    objects = "" if result.ci_by is None else over_words(result.ci_by)
    lines = [f"{count} models{_counts(result)}."]
    if any(one.ci is not None for one in result.points):
        lines.append(f"Thin bars: {level}s{f' over {objects}' if objects else ''}.")
    if any(one.lowest is not None for one in result.points):
        lines.append("Thick bars: the lowest to the highest of several seeds, whose mean is the point.")
    if line.models_low:
        lines.append(f"Band: {level} of the line over other {result.models_by} like these.")
    elif line.low:
        lines.append(
            f"Band: {level} of the line for these very models over {objects}; there are too few for one over models."
        )
    return lines
