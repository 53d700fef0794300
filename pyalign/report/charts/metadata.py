"""Accuracy of models against what is known of them: a line through numbers, or strips by the values of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.errors import InputError
from pyalign.report.charts.document import OVER, ends, listed
from pyalign.report.charts.theme import SHAPES, SMALL, Style, altair, finished, letters_width, style_of, width_of
from pyalign.report.tables import one_line, short_labels

NAMED = 16  # models whose names stand beside their points
MOST_FAMILIES = len(SHAPES) - 1  # told apart; the others are one
OTHERS, NONE = "other families", "no family known"
HEIGHT = 190


def metadata_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", limit: int | None = None,
    by: str | None = None,
) -> Any:  # fmt: skip
    """Models as points with their intervals; colour and shape are families.

    Args:
        document: of `pyalign.regress_metadata`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: names beside the points where there are at most so many models (default: 16).
        by: the column; default: the first of numbers, else of text.

    Raises:
        InputError: a column that the document does not have.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    numbers = [dict(row) for row in document.get("results") or ()]
    texts = list(dict.fromkeys(str(row["column"]) for row in document.get("groups") or ()))
    columns = [*dict.fromkeys(str(row["column"]) for row in numbers), *texts]
    column = by if by is not None else next(iter(columns), None)
    if column is None or column not in columns:
        raise InputError(
            f"by must be a column of the result, {', '.join(columns) or 'of which it has none'}; got {by!r}"
        )
    if column in texts:
        return _strips(document, column, look, points)
    row = [one for one in numbers if one["column"] == column][-1]  # on the logarithm where there is that
    return _scatter(document, column, row, look, points, limit or NAMED)


def _models(document: Mapping[str, Any], column: str) -> list[dict[str, Any]]:
    """The points with a value in the column, as they are drawn."""
    held = [one for one in listed(document, "points") if (one.get("values") or {}).get(column) is not None]
    labels = short_labels([str(one["model"]) for one in held])
    families = _families(held)
    rows = []
    for one in held:
        low, high = ends(one)
        seeds = len(one.get("members") or ())
        value = one["values"][column]
        shown = one_line(value) if isinstance(value, str) else f"{value:,.6g}"
        interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f} %"
        told = f"{labels[str(one['model'])]}: {100 * one['accuracy']:.1f} %{interval}, {column} {shown}"
        family = one.get("family")
        rows.append({
            "model": labels[str(one["model"])], "value": value, "accuracy": one["accuracy"], "low": low, "high": high,
            "lowest": one.get("lowest"), "highest": one.get("highest"), "seeds": seeds,
            "family": families[str(family)] if family is not None else NONE,
            "told": told + (f", mean of {seeds} seeds" if seeds > 1 else "") + (f", {family}" if family else ""),
        })  # fmt: skip
    return rows


def _families(held: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What each family is called in the legend: the largest by their names, the rest together."""
    counts: dict[str, int] = {}
    for one in held:
        if one.get("family") is not None:
            counts[str(one["family"])] = counts.get(str(one["family"]), 0) + 1
    largest = sorted(counts, key=lambda name: -counts[name])
    shown = largest if len(largest) <= MOST_FAMILIES else largest[: MOST_FAMILIES - 1]
    return {name: one_line(name) if name in shown else OTHERS for name in counts}


def _scatter(
    document: Mapping[str, Any], column: str, row: Mapping[str, Any], look: Style, points: float, limit: int
) -> Any:
    alt = altair()
    rows = _models(document, column)
    logs = row.get("scale") == "log10"
    room = points - 62
    axis = alt.Axis(format=_format(document, column, rows), tickCount=max(3, int(room / 70)), grid=False)
    title = f"{one_line(column)}{' (logarithmic)' if logs else ''}"
    x = alt.X("value:Q", title=title, scale=_scale([one["value"] for one in rows], logs), axis=axis)
    y = alt.Y("accuracy:Q", title="accuracy", scale=_accuracies(rows, row),
              axis=alt.Axis(format="%", tickCount=5))  # fmt: skip
    layers = [*_line(row, x, y, look), *_points(rows, {"x": x, "y": y}, "y", look, column)]
    if len(rows) <= limit:
        names = alt.Chart(alt.InlineData(values=_beside(rows, logs)))
        for side, align, move in (("right", "left", 5), ("left", "right", -5)):
            text = names.transform_filter(f"datum.side == '{side}'").mark_text(
                align=align, dx=move, dy=-4, fontSize=SMALL, color=look.muted, aria=False, clip=False
            )
            layers.append(text.encode(x=x, y=y, text="model:N"))
    chart = alt.layer(*layers).properties(width=room, height=HEIGHT)
    return finished(chart, look, points, f"Accuracy against {column}", _told(document, row, len(rows)))


def _beside(rows: Sequence[Mapping[str, Any]], logs: bool) -> list[dict[str, Any]]:
    """On which side of its point each name stands: inwards."""
    at = [math.log10(row["value"]) if logs else row["value"] for row in rows]
    middle = (min(at) + max(at)) / 2.0
    return [{**row, "side": "right" if place <= middle else "left"} for row, place in zip(rows, at, strict=True)]


def _scale(values: Sequence[float], logs: bool) -> Any:
    low, high = min(values), max(values)
    if logs:
        more = (high / low) ** 0.05
        return altair().Scale(type="log", domain=[low / more, high * more], nice=False)
    more = 0.05 * (high - low or abs(high) or 1.0)
    return altair().Scale(domain=[low - more, high + more], nice=False, zero=False)


def _accuracies(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> Any:
    """All points with their bars, and the line; what of its band lies far outside is cut."""
    held = [v for one in rows for v in (one["accuracy"], one["low"], one["high"], one["lowest"], one["highest"])
            if v is not None]  # fmt: skip
    held += _numbers(row, "accuracy")
    low, high = min(held), max(held)
    more = 0.12 * (high - low or 0.01)
    return altair().Scale(domain=[max(0.0, low - more), min(1.0, high + more)], nice=False, zero=False, clamp=False)


def _numbers(row: Mapping[str, Any], name: str) -> list[float]:
    held = (row.get("line") or {}).get(name) or []
    return [float(one) for one in held if isinstance(one, int | float)]


def _format(document: Mapping[str, Any], column: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if column in (document.get("percent") or ()):
        return ".3~%"
    return "~s" if max(abs(row["value"]) for row in rows) >= 1e4 else "~g"


def _line(row: Mapping[str, Any], x: Any, y: Any, look: Style) -> list[Any]:
    """The line, and the band of that interval which says most: over models where there is one."""
    alt = altair()
    places, heights = _numbers(row, "x"), _numbers(row, "accuracy")
    band = [("models_low", "models_high"), ("low", "high")]
    lows, highs = next(((_numbers(row, a), _numbers(row, b)) for a, b in band if _numbers(row, a)), ([], []))
    values = [
        {"value": at, "accuracy": height, **({"low": lows[k], "high": highs[k]} if lows else {})}
        for k, (at, height) in enumerate(zip(places, heights, strict=True))
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x)
    layers = [base.mark_line(color=look.muted, strokeWidth=1.2, clip=True, aria=False).encode(y=y)]
    if lows:
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


def _strips(document: Mapping[str, Any], column: str, look: Style, points: float) -> Any:
    """A row for each value: its models, and their mean with its interval."""
    alt = altair()
    rows = [{**row, "value": one_line(row["value"])} for row in _models(document, column)]
    groups = []
    for one in document["groups"]:
        if one["column"] == column:
            low, high = ends(one)
            name, n = one_line(str(one["value"])), one.get("n_models")
            interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f} %"
            groups.append({"value": name, "accuracy": one["accuracy"], "low": low, "high": high,
                           "told": f"{name}: mean of {n} {100 * one['accuracy']:.1f} %{interval}"})  # fmt: skip
    label = min(0.38 * points, 10 + max(letters_width(one["value"]) for one in groups))
    side = alt.Axis(labelLimit=label - 6, minExtent=label, maxExtent=label, ticks=False, domain=False, grid=True)
    y = alt.Y("value:N", sort=[one["value"] for one in groups], title=None, axis=side)
    drawn = [*rows, *({**one, "lowest": None, "highest": None} for one in groups)]
    x = alt.X("accuracy:Q", title="accuracy", scale=_accuracies(drawn, {}), axis=alt.Axis(format="%"))
    base = alt.Chart(alt.InlineData(values=groups)).encode(y=y)
    start = x.copy()
    start.shorthand = "low:Q"
    bars = base.transform_filter("isValid(datum.low)").mark_rule(
        strokeWidth=5, opacity=0.25, color=look.text, aria=False
    )
    means = base.mark_tick(thickness=1.6, size=15, color=look.text, opacity=1)
    layers = [bars.encode(x=start, x2="high:Q"), means.encode(x=x, description=alt.Description("told:N"),
              tooltip=[alt.Tooltip("told:N", title="mean")])]  # fmt: skip
    plain = [{**row, "low": None, "high": None} for row in rows]  # intervals of models would hide the means
    layers += _points(plain, {"x": x, "y": y}, "x", look, column)
    chart = alt.layer(*layers).properties(width=points - label - 26, height=alt.Step(20, **{"for": "position"}))
    over = OVER.get(document.get("ci_by") or "", document.get("ci_by"))
    told = [f"{len(rows)} models{_what(document)}; line: the mean of a group."]
    if over is not None:
        told.append(f"Bar: its {_level(document)} over {over}, for these very models.")
    return finished(chart, look, points, f"Accuracy by {column}", told)


def _what(document: Mapping[str, Any]) -> str:
    counts = [(document.get("n_triplets"), "triplets"), (document.get("n_objects"), "objects"),
              (document.get("n_subjects"), "people")]  # fmt: skip
    held = [f"{count:,} {what}" for count, what in counts if isinstance(count, int)]
    return f" on {', '.join(held)}" if held else ""


def _level(document: Mapping[str, Any]) -> str:
    return f"{100 * document.get('confidence', 0.95):g} % interval"


def _told(document: Mapping[str, Any], row: Mapping[str, Any], count: int) -> list[str]:
    """Over what points, bars and band are."""
    level = _level(document)
    over = OVER.get(document.get("ci_by") or "", document.get("ci_by"))
    told = [f"{count} models{_what(document)}."]
    if any(ends(one)[0] is not None for one in listed(document, "points")):
        told.append(f"Thin bars: {level}s{f' over {over}' if over else ''}.")
    if any(one.get("lowest") is not None for one in listed(document, "points")):
        told.append("Thick bars: the lowest to the highest of several seeds, whose mean is the point.")
    if _numbers(row, "models_low"):
        told.append(f"Band: {level} of the line over other {document.get('models_by', 'models')} like these.")
    elif _numbers(row, "low"):
        told.append(
            f"Band: {level} of the line for these very models over {over}; there are too few for one over models."
        )
    return told
