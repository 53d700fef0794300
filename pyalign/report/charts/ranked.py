"""A row for each concept or dimension: points with intervals, sorted, of one model or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.errors import InputError
from pyalign.report.charts.behind import Band, Tick, Where, band_layers, head_layers, link_layers, of_field, tick_layers
from pyalign.report.charts.theme import SHAPES, SMALL, Style, altair, letters_width

SORTS = ("value", "difference", "name", "document")
MOST_MODELS = len(SHAPES)


@dataclass(frozen=True)
class Row:
    """One point.

    Attributes:
        item: the concept or dimension; labels differ.
        model: whose.
        value: None where there is none.
        low, high: of its interval, or None.
        n: how many triplets or objects it is of, or None.
    """

    item: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None = None


@dataclass(frozen=True)
class Panel:
    """One column of points.

    Attributes:
        rows: its points.
        axis: the title of its axis.
        format: of ticks and figures, as d3 has it.
        lines: name -> value, of dashed lines: a chance level, zero.
        means: model -> value, of solid lines in the colour of the model.
        item: what a row is, for people who point at it.
        unit: what n counts.
        bands: ranges behind the points, such as a noise ceiling.
        ticks: smaller values of which a point is the mean, such as those of single people.
        linked: whether the points of a row are joined, in the order of the models.
        counted: whether n stands in a column behind the points.
    """

    rows: Sequence[Row]
    axis: str
    format: str
    lines: dict[str, float]
    means: dict[str, float]
    item: str
    unit: str
    bands: Sequence[Band] = ()
    ticks: Sequence[Tick] = ()
    linked: bool = False
    counted: bool = True


def order_of(rows: Sequence[Row], by: str, differences: Sequence[Row] = ()) -> list[str]:
    """The items from the top: by the first model's value, by the difference, by name, or as in the document.

    Those without a value come last.
    """
    if by not in SORTS:
        raise InputError(f"sort must be one of {', '.join(SORTS)}; got {by!r}")
    items = list(dict.fromkeys(row.item for row in rows))
    if by == "document":
        return items
    if by == "name":
        return sorted(items)
    if by == "difference" and not differences:
        raise InputError("sort by 'difference' needs the differences of two models; the document has none")
    first = (differences if by == "difference" else rows)[0].model
    values = {row.item: row.value for row in (differences if by == "difference" else rows) if row.model == first}
    return sorted(items, key=lambda item: _last_without(values.get(item)))


def _last_without(value: float | None) -> float:
    return float("inf") if value is None else -value


def ranked(
    panels: Sequence[Panel], order: Sequence[str], models: Sequence[str], style: Style, width: float,
    stacked: bool = False,
) -> Any:  # fmt: skip
    """The panels beside each other, or stacked, over the same rows.

    Raises:
        InputError: more models than can be told apart.
    """
    if len(models) > MOST_MODELS:
        raise InputError(f"a picture tells at most {MOST_MODELS} models apart; got {len(models)}")
    alt = altair()
    label = min(0.42 * width, 8 + max(letters_width(item) for item in order))
    counts = 40 if panels[-1].counted and any(row.n is not None for row in panels[0].rows) else 0
    gap, beside = (14, len(panels)) if len(panels) > 1 and not stacked else (0, 1)
    room = (width - label - counts - gap * (beside - 1) - 22) / beside
    last = len(panels) - 1
    drawn = [
        _panel(panel, order, models, style, room, label if k == 0 or stacked else None,
               counts > 0 and (k == last or stacked))
        for k, panel in enumerate(panels)
    ]  # fmt: skip
    if len(drawn) == 1:
        return drawn[0]
    if stacked:
        return alt.vconcat(*drawn, spacing=16).resolve_scale(color="shared", shape="shared", x="independent")
    return alt.hconcat(*drawn, spacing=gap).resolve_scale(color="shared", shape="shared", y="shared")


def _panel(
    panel: Panel, order: Sequence[str], models: Sequence[str], style: Style, width: float, label: float | None,
    counted: bool,
) -> Any:  # fmt: skip
    alt = altair()
    several = len({row.model for row in panel.rows}) > 1
    values = [_values(row, panel) for row in panel.rows]
    base = alt.Chart(alt.InlineData(values=values)).encode(y=_rows_axis(order, label))
    if several:
        base = base.encode(yOffset=alt.YOffset("model:N", sort=list(models)))
    axis = alt.Axis(title=panel.axis, format=panel.format, tickCount=max(3, int(width / 45)), grid=True)
    x = alt.X("value:Q", scale=alt.Scale(domain=_domain(panel), nice=False, zero=False), axis=axis)
    offset = alt.YOffset("model:N", sort=list(models)) if several else None
    where = Where(x, alt.Y("item:N", sort=list(order)), offset, order)
    layers = [
        *band_layers(panel.bands, where, style), *_lines(panel, x, models, style),
        *_heads(panel, models, style, several, width),
        *tick_layers(panel.ticks, where, _colours(models, style, width)[0], style),
        *(link_layers(panel.rows, where, style) if panel.linked else ()),
        *_points(base, x, panel, models, style, several, width),
    ]  # fmt: skip
    if counted:
        layers += _counts(panel, order, style, width)
    return alt.layer(*layers).properties(
        width=width, height=alt.Step(5.5 + 3.5 * len(models) if several else 11.5, **{"for": "position"})
    )


def _values(row: Row, panel: Panel) -> dict[str, Any]:
    """What a point is drawn from; `told` is read out."""
    figure = _figure(row.value, panel.format)
    interval = "" if row.low is None or row.high is None else (
        f", interval {_figure(row.low, panel.format)} to {_figure(row.high, panel.format)}"
    )  # fmt: skip
    many = "" if row.n is None else f", {row.n:,} {panel.unit}"
    return {
        "item": row.item, "model": row.model, "value": row.value, "low": row.low, "high": row.high, "n": row.n,
        "told": f"{row.item}, {row.model}: {figure}{interval}{many}",
    }  # fmt: skip


def _figure(value: float | None, form: str) -> str:
    if value is None:
        return "no figure"
    return f"{100 * value:.1f} %" if form.endswith("%") else f"{value:.3f}"


def _rows_axis(order: Sequence[str], label: float | None) -> Any:
    alt = altair()
    if label is None:
        axis = alt.Axis(title=None, labels=False, ticks=False, domain=False, grid=True)
    else:
        axis = alt.Axis(
            title=None, labelLimit=label - 6, minExtent=label, maxExtent=label, ticks=False, domain=False, grid=True,
            labelPadding=4,
        )  # fmt: skip
    return alt.Y("item:N", sort=list(order), axis=axis)


def _domain(panel: Panel) -> list[float]:
    """All that is drawn, and a little more."""
    held = [v for row in panel.rows for v in (row.value, row.low, row.high) if v is not None]
    held += [*panel.lines.values(), *panel.means.values(), *(tick.value for tick in panel.ticks)]
    held += [end for band in panel.bands for end in (band.low, band.high)]
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    more = 0.04 * (high - low or 1.0)
    return [low - more, high + more]


def _colours(models: Sequence[str], style: Style, width: float) -> tuple[Any, Any]:
    """By colour and by shape, so that a print without colour tells models apart."""
    alt = altair()
    several = len(models) > 1
    columns = 2 if 2 * (24 + max(letters_width(model) for model in models)) < 1.6 * width else 1
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=columns, offset=14) if several else None
    n = len(models)
    colour = alt.Color("model:N", scale=alt.Scale(domain=list(models), range=list(style.palette[:n])), legend=legend)
    shape = alt.Shape("model:N", scale=alt.Scale(domain=list(models), range=list(SHAPES[:n])), legend=legend)
    return colour, shape


def _points(
    base: Any, x: Any, panel: Panel, models: Sequence[str], style: Style, several: bool, width: float
) -> list[Any]:
    """Intervals, and points: hollow where there is no interval although others have one."""
    alt = altair()
    if several:
        colour, shape = _colours(models, style, width)
    else:
        own = style.palette[0] if panel.rows[0].model in models[:1] else style.text
        colour, shape = alt.value(own), alt.value("circle")
    finer = panel.format.replace(".0%", ".1%").replace(".1f", ".3f")
    tips = [
        alt.Tooltip("item:N", title=panel.item), alt.Tooltip("model:N"),
        *(alt.Tooltip(f"{name}:Q", title=title, format=finer)
          for name, title in (("value", panel.axis), ("low", "from"), ("high", "to"))),
        alt.Tooltip("n:Q", title=panel.unit, format=","),
    ]  # fmt: skip
    bars = any(row.low is not None for row in panel.rows)
    rule = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.1, opacity=0.75, aria=False)
    layers = [rule.encode(x=of_field(x, "low"), x2="high:Q", color=colour)] if bars else []
    shown = base.transform_filter("isValid(datum.value)")
    filled = "isValid(datum.low)" if bars else "true"
    point = {"x": x, "color": colour, "shape": shape, "tooltip": tips, "description": alt.Description("told:N")}
    layers.append(shown.transform_filter(filled).mark_point(size=18, filled=True, opacity=1).encode(**point))
    if bars:
        hollow = shown.transform_filter(f"!{filled}")
        layers.append(hollow.mark_point(size=18, filled=False, strokeWidth=1, opacity=1).encode(**point))
    return layers


def _lines(panel: Panel, x: Any, models: Sequence[str], style: Style) -> list[Any]:
    """Reference lines: dashed ones of chance and the like, solid ones at the mean of each model."""
    alt = altair()
    drawn: list[tuple[str, float, dict[str, Any]]]
    drawn = [(name, value, {"strokeDash": [3, 2], "color": style.muted}) for name, value in panel.lines.items()]
    drawn += [
        (f"all: {_figure(value, panel.format)}", value, {"color": style.palette[models.index(model)], "opacity": 0.8})
        for model, value in panel.means.items()
    ]
    return [
        alt.Chart(alt.InlineData(values=[{"value": value, "name": name}]))
        .mark_rule(strokeWidth=0.8, aria=False, **look)
        .encode(x=x)
        for name, value, look in drawn
    ]


def _heads(panel: Panel, models: Sequence[str], style: Style, several: bool, width: float) -> list[Any]:
    """The names of lines and bands, above them: of several models the means are told below the title."""
    low, high = _domain(panel)
    means = {} if several else panel.means
    names = [(value, name, style.muted) for name, value in panel.lines.items()]
    names += [
        (value, f"all: {_figure(value, panel.format)}", style.palette[models.index(model)])
        for model, value in means.items()
    ]
    names += [(band.high, band.name, style.muted) for band in panel.bands if band.item is None]
    least = min(means.values(), default=None)
    at = [
        ((value - low) / (high - low) * width, name, colour, least is not None and value <= least and name not in means)
        for value, name, colour in names
    ]
    return head_layers(at, width)


def _counts(panel: Panel, order: Sequence[str], style: Style, width: float) -> list[Any]:
    """How many each row is of, in a column behind the points."""
    alt = altair()
    counts = {row.item: row.n for row in panel.rows if row.n is not None}
    values = [{"item": item, "n": f"{n:,}"} for item, n in counts.items()]
    text = {"align": "right", "fontSize": SMALL, "color": style.muted, "aria": False}
    column = alt.Chart(alt.InlineData(values=values)).mark_text(baseline="middle", **text)
    head = alt.Chart(alt.InlineData(values=[{"n": panel.unit}])).mark_text(baseline="bottom", dy=-2, **text)
    at = alt.value(width + 38)
    return [
        column.encode(x=at, y=alt.Y("item:N", sort=list(order)), text="n:N"),
        head.encode(x=at, y=alt.value(0), text="n:N"),
    ]
