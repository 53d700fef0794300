"""A row for each model, concept or dimension: points with intervals, sorted, and what stands behind them.

Behind them may be ranges such as noise ceilings, values of single people, and links between the points of a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.report.charts.theme import (
    SHAPES, SMALL, At, Look, Style, alt, bars_of, chart_of, colors_and_shapes, ends_of, known, letters_width, of_field,
    points_of, read_out, with_margin,
)

SORTS = ("value", "difference", "name", "document")
MOST_MODELS = len(SHAPES)
LEFT = 60  # points to the left of a panel, above the labels of its rows, where a name may begin


@dataclass(frozen=True)
class Row:
    """One point: the value of a model in the row of an item, such as a concept; labels of items differ.

    `value` is None where there is none, `low` and `high` where it has no interval, `n` where it is not known of how
    many triplets or objects it is.
    """

    item: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None = None


def row_of(item: str, model: str, value: float | None, interval: Interval | None, n: int | None = None) -> Row:
    """The point of a value of a result."""
    return Row(item, model, known(value), *ends_of(interval), n)


Figure = tuple[float | None, Interval | None]
Change = tuple[Row, Row, Row]  # of an item: before, after, and the difference


def change_of(names: tuple[str, str], item: str, before: Figure, after: Figure, gain: Figure, n: int | None) -> Change:
    """The points of what has changed."""
    difference = row_of(item, f"{names[1]} - {names[0]}", *gain, n)
    return row_of(item, names[0], *before, n), row_of(item, names[1], *after, n), difference


@dataclass(frozen=True)
class Band:
    """A range from `low` to `high`, behind all rows; or behind one, if `item` is that, at the point of `model`.

    Its name stands above it where it is that of all rows.
    """

    low: float
    high: float
    name: str
    item: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Tick:
    """One of the values of which the point of an item and a model is the mean; `description` is read out."""

    item: str
    model: str
    value: float
    description: str


@dataclass(frozen=True)
class Panel:
    """One column of points."""

    rows: Sequence[Row]  # its points.
    axis: str  # the title of its axis.
    format: str  # of ticks and figures, as d3 has it.
    lines: Mapping[str, float]  # name -> value, of dashed lines: a chance level, zero.
    # model -> value, of solid lines in the color of the model.
    means: Mapping[str, float] = field(default_factory=dict)
    item: str = "model"  # what a row is, for people who point at it.
    unit: str = "triplets"  # what n counts.
    # ranges behind the points, such as a noise ceiling: all of all rows, or all of single ones.
    bands: Sequence[Band] = ()
    ticks: Sequence[Tick] = ()  # smaller values of which a point is the mean, such as those of single people.
    linked: bool = False  # whether the points of a row are joined, in the order of the models.
    counted: bool = True  # whether n stands in a column behind the points.
    dodged: bool = True  # whether points of several models have lines of their own within a row.


def order_of(rows: Sequence[Row], by: str, differences: Sequence[Row] = ()) -> list[str]:
    """The items from the top: by the first model's value, those without one last; or by another of `SORTS`."""
    if _checks.one_of(by, SORTS, "sort") == "difference" and not differences:
        raise InputError("sort by 'difference' needs the differences of two models; the document has none")
    items = list(dict.fromkeys(row.item for row in rows))
    if by in ("document", "name"):
        return sorted(items) if by == "name" else items
    ranks = differences if by == "difference" else rows
    values = {row.item: row.value for row in ranks if row.model == ranks[0].model and row.value is not None}
    return sorted(items, key=lambda item: -values.get(item, -math.inf))


def ranked(
    panels: Sequence[Panel], order: Sequence[str], models: Sequence[str], style: Style, stacked: bool = False,
    room_for: Sequence[str] = (),
) -> Any:
    """The panels next to each other, or stacked, over the same rows: those of the items in `order`.

    room_for: items of a chart above or below it, whose names take as much room.

    Raises InputError for more models than can be told apart.
    """
    if len(models) > MOST_MODELS:
        raise InputError(f"a picture tells at most {MOST_MODELS} models apart; got {len(models)}")
    shown = set(order)
    panels = [replace(panel, rows=[row for row in panel.rows if row.item in shown]) for panel in panels]
    label = min(0.42 * style.points, 8 + max(letters_width(item) for item in (*order, *room_for)))
    counts = 40 if panels[-1].counted and any(row.n is not None for row in panels[0].rows) else 0
    gap, side_by_side = (14, len(panels)) if len(panels) > 1 and not stacked else (0, 1)
    room = (style.points - label - counts - gap * (side_by_side - 1) - 22) / side_by_side
    drawn = [
        _panel(panel, order, models, style, room, label if panel is panels[0] or stacked else None,
               counts > 0 and (panel is panels[-1] or stacked))
        for panel in panels
    ]
    if len(drawn) == 1:
        return drawn[0]
    if stacked:
        return alt.vconcat(*drawn, spacing=16).resolve_scale(color="shared", shape="shared", x="independent")
    return alt.hconcat(*drawn, spacing=gap).resolve_scale(color="shared", shape="shared", y="shared")


def _panel(
    panel: Panel, order: Sequence[str], models: Sequence[str], style: Style, width: float, label: float | None,
    counted: bool,
) -> Any:
    """A panel of so many points; `label`: those of the names of its rows, None where another panel has them."""
    several = len({row.model for row in panel.rows}) > 1
    ends = [end for row in panel.rows for end in (row.value, row.low, row.high)]
    ends += [end for band in panel.bands for end in (band.low, band.high)] + [tick.value for tick in panel.ticks]
    domain = with_margin([*ends, *panel.lines.values(), *panel.means.values()], 0.04)
    axis = alt.Axis(title=panel.axis, format=panel.format, tickCount=max(3, int(width / 45)), grid=True,
                    **({"tickMinStep": 1} if panel.format == "~f" else {}))
    x = alt.X("value:Q", scale=alt.Scale(domain=list(domain), nice=False, zero=False), axis=axis)
    names = {"labelLimit": label - 6, "minExtent": label, "maxExtent": label, "labelPadding": 4} if label else {}
    side = alt.Axis(title=None, ticks=False, domain=False, grid=True, **(names or {"labels": False}))
    offset: At = {"yOffset": alt.YOffset("model:N", sort=list(models))} if several and panel.dodged else {}
    on_row: At = {"y": alt.Y("item:N", sort=list(order)), **offset}  # a mark of one model
    if several:
        columns = 2 if 2 * (24 + max(letters_width(model) for model in models)) < 1.6 * width else 1
        legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=columns, offset=14)
        look = colors_and_shapes("model", models, style.palette, legend)
    else:
        own = style.palette[0] if panel.rows[0].model in models[:1] else style.text
        look = {"color": alt.ColorValue(own), "shape": alt.ShapeValue("circle")}
    points = chart_of([{**vars(row), "spoken": _description(row, panel)} for row in panel.rows])
    points = points.encode(y=alt.Y("item:N", sort=list(order), axis=side), **offset)
    layers = [_bands(panel.bands, x, on_row, style)] if panel.bands else []
    layers += _lines(panel, x, domain, models, style, several, width)
    if panel.ticks:
        layers.append(_ticks(panel.ticks, x, on_row, look["color"] if several else alt.ColorValue(style.muted)))
    if panel.linked:
        at = [{"item": row.item, "model": row.model, "at": row.value} for row in panel.rows if row.value is not None]
        links = chart_of(at).mark_line(color=style.muted, strokeWidth=0.8, aria=False)
        order_of_models = {"detail": alt.Detail("item:N"), "order": alt.Order("model:O")}
        layers.append(links.encode(x=of_field(x, "at"), **order_of_models, **on_row))
    layers += _points(points, x, panel, look)
    if counted:
        layers += _counts(panel, order, style, width)
    height = alt.Step(5.5 + 3.5 * len(models) if offset else 11.5, **{"for": "position"})
    return alt.layer(*layers, width=width, height=height)


def _description(row: Row, panel: Panel) -> str:
    """What is read out of a point."""
    low, high = (None if end is None else _figure(end, panel.format) for end in (row.low, row.high))
    interval = "" if low is None or high is None else f", interval {low} to {high}"
    many = "" if row.n is None else f", {row.n:,} {panel.unit}"
    figure = "no figure" if row.value is None else _figure(row.value, panel.format)
    return f"{row.item}, {row.model}: {figure}{interval}{many}"


def _figure(value: float, form: str) -> str:
    return f"{100 * value:.1f}%" if form.endswith("%") else f"{value:g}" if form == "~f" else f"{value:.3f}"


def _points(base: Any, x: Any, panel: Panel, look: Look) -> list[Any]:
    """Intervals, and points: hollow where there is no interval although others have one."""
    finer = panel.format.replace(".0%", ".1%").replace(".1f", ".3f")
    titles = {"value": panel.axis, "low": "from", "high": "to"}
    tips = [
        alt.Tooltip("item:N", title=panel.item), alt.Tooltip("model:N"),
        *(alt.Tooltip(f"{name}:Q", title=title, format=finer) for name, title in titles.items()),
        alt.Tooltip("n:Q", title=panel.unit, format=","),
    ]
    shown, point = base.transform_filter("isValid(datum.value)"), {"x": x, **look, **read_out(*tips)}
    drawn = points_of(shown, [vars(row) for row in panel.rows], 18, **point)
    if len(drawn) == 1:
        return drawn
    return [bars_of(base.encode(color=look["color"]), "x", x, strokeWidth=1.1, opacity=0.75), *drawn]


def _bands(bands: Sequence[Band], x: Any, on_row: At, style: Style) -> Any:
    """Bands of all rows, drawn from top to bottom, and bands of single rows, drawn as bars in them."""
    rows = [
        {"item": band.item, "model": band.model, "low": band.low, "high": band.high, "name": band.name,
         "spoken": f"{band.name}: {band.low:.4g} to {band.high:.4g}"}
        for band in bands
    ]
    tips = [alt.Tooltip("name:N"), alt.Tooltip("low:Q", title="from"), alt.Tooltip("high:Q", title="to")]
    span = {"x": of_field(x, "low"), "x2": alt.X2("high:Q")}
    base = chart_of(rows).encode(**span, **read_out(*tips))
    if bands[0].item is None:
        return base.mark_rect(color=style.muted, opacity=0.2)
    return base.mark_bar(color=style.muted, opacity=0.25).encode(**on_row)


def _ticks(ticks: Sequence[Tick], x: Any, on_row: At, color: Any) -> Any:
    """A faint stroke for each value."""
    rows = [
        {"item": tick.item, "model": tick.model, "of": "one", "value": tick.value, "spoken": tick.description}
        for tick in ticks
    ]
    strokes = chart_of(rows).mark_tick(opacity=0.45, thickness=0.7, size=5)
    return strokes.encode(x=x, color=color, **read_out(), **on_row)


def _lines(
    panel: Panel, x: Any, domain: tuple[float, float], models: Sequence[str], style: Style, several: bool, width: float
) -> list[Any]:
    """Dashed lines of chance and the like, solid ones at the mean of each model; and what they and bands are called.

    The means of several models are listed below the title.
    """
    dashed = [(value, name, style.muted) for name, value in panel.lines.items()]
    means = [
        (value, f"all: {_figure(value, panel.format)}", style.palette[models.index(model)])
        for model, value in panel.means.items()
    ]
    rules = [
        chart_of([{"value": value, "name": name}]).mark_rule(strokeWidth=0.8, aria=False, color=color, **look)
        for lines, look in ((dashed, {"strokeDash": [3, 2]}), (means, {"opacity": 0.8}))
        for value, name, color in lines
    ]
    named = [*dashed, *(() if several else means)]
    named += [(band.high, band.name, style.muted) for band in panel.bands if band.item is None]
    least = -math.inf if several else min(panel.means.values(), default=-math.inf)
    low, high = domain
    at = [((value - low) / (high - low) * width, name, color, value <= least) for value, name, color in named]
    return [*(rule.encode(x=x) for rule in rules), *_heads(at, width)]


def _heads(names: Sequence[tuple[float, str, str, bool]], width: float) -> list[Any]:
    """Names above a panel of so many points, none over another: in the line above where there is no room.

    names: (where, in points from the left; the name; its color; whether it had better stand to the left of there).
    """
    taken: list[tuple[int, float, float]] = []
    layers = []
    for at, name, color, left in sorted(names, key=lambda head: head[0]):
        room = letters_width(name, SMALL)
        sides = [(at - room, at, "right"), (at, at + room, "left")][:: 1 if left else -1]
        free = [
            (level, *side) for level in range(len(names)) for side in sides
            if side[0] >= -LEFT and side[1] <= width + 2
            and not any(line == level and side[0] < end + 4 and start < side[1] + 4 for line, start, end in taken)
        ]
        level, start, end, align = free[0] if free else (len(names) - 1, *sides[0])
        taken.append((level, start, end))
        text = chart_of([{"name": name, "at": at}]).mark_text(
            align=align, baseline="bottom", dy=-2 - (SMALL + 1) * level, color=color, fontSize=SMALL, aria=False
        )
        layers.append(text.encode(x=alt.XValue(at), y=alt.YValue(0), text=alt.Text("name:N")))
    return layers


def _counts(panel: Panel, order: Sequence[str], style: Style, width: float) -> list[Any]:
    """How many each row is of, in a column behind the points."""
    counts = {row.item: row.n for row in panel.rows if row.n is not None}
    text = {"align": "right", "fontSize": SMALL, "color": style.muted, "aria": False}
    column = chart_of([{"item": item, "n": f"{n:,}"} for item, n in counts.items()])
    head = chart_of([{"n": panel.unit}]).mark_text(baseline="bottom", dy=-2, **text)
    at = alt.XValue(width + 38)
    said = {"x": at, "text": alt.Text("n:N")}
    return [
        column.mark_text(baseline="middle", **text).encode(y=alt.Y("item:N", sort=list(order)), **said),
        head.encode(y=alt.YValue(0), **said),
    ]
