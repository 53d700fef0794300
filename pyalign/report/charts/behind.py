"""What stands behind the points of rows: ranges such as noise ceilings, values of single people, links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.report.charts.theme import SMALL, Style, altair, letters_width

LEFT = 60  # points to the left of a panel, above the labels of its rows, where a name may begin


@dataclass(frozen=True)
class Band:
    """A range.

    Attributes:
        low, high: its ends.
        name: what it is; stands above it where it is that of all rows.
        item, model: of which row, and of which of its points; None: of all.
    """

    low: float
    high: float
    name: str
    item: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Tick:
    """One of the values of which a point is the mean.

    Attributes:
        item, model: of which point.
        value: on its axis.
        told: what is read out.
    """

    item: str
    model: str
    value: float
    told: str


@dataclass(frozen=True)
class Where:
    """The axes of a panel: x, y of rows, the place of a model within a row (None: there is one), and all rows."""

    x: Any
    y: Any
    offset: Any
    items: Sequence[str]

    @property
    def on_row(self) -> dict[str, Any]:
        """Encodings of a mark of one model."""
        return {"y": self.y} if self.offset is None else {"y": self.y, "yOffset": self.offset}


def of_field(x: Any, name: str) -> Any:
    """The same scale and axis for another field."""
    other = x.copy()
    other.shorthand = f"{name}:Q"
    return other


def band_layers(bands: Sequence[Band], where: Where, style: Style) -> list[Any]:
    """Those of all rows from top to bottom, those of single rows as bars there."""
    alt = altair()
    layers = []
    for whole in (True, False):
        held = [band for band in bands if (band.item is None) == whole and (whole or band.item in where.items)]
        if not held:
            continue
        values = [
            {"item": band.item, "model": band.model, "low": band.low, "high": band.high, "name": band.name,
             "told": f"{band.name}: {band.low:.4g} to {band.high:.4g}"}
            for band in held
        ]  # fmt: skip
        base = alt.Chart(alt.InlineData(values=values)).encode(
            x=of_field(where.x, "low"), x2="high:Q", description=alt.Description("told:N"),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("low:Q", title="from"), alt.Tooltip("high:Q", title="to")],
        )  # fmt: skip
        if not whole:
            layers.append(base.mark_bar(color=style.muted, opacity=0.25).encode(**where.on_row))
            continue
        layers.append(base.mark_rect(color=style.muted, opacity=0.2))
    return layers


def tick_layers(ticks: Sequence[Tick], where: Where, colour: Any, style: Style) -> list[Any]:
    """A faint stroke for each value."""
    alt = altair()
    held = [tick for tick in ticks if tick.item in where.items]
    if not held:
        return []
    values = [{"item": one.item, "model": one.model, "of": "one", "value": one.value, "told": one.told} for one in held]
    base = alt.Chart(alt.InlineData(values=values)).mark_tick(opacity=0.45, thickness=0.7, size=5)
    shown = base.encode(x=where.x, description=alt.Description("told:N"), tooltip=alt.Tooltip("told:N"), **where.on_row)
    return [shown.encode(color=alt.value(style.muted) if where.offset is None else colour)]


def link_layers(rows: Sequence[Any], where: Where, style: Style) -> list[Any]:
    """A line through the points of each row."""
    alt = altair()
    held = [row for row in rows if row.value is not None]
    values = [{"item": row.item, "model": row.model, "at": row.value} for row in held]
    base = alt.Chart(alt.InlineData(values=values)).mark_line(color=style.muted, strokeWidth=0.8, aria=False)
    return [base.encode(x=of_field(where.x, "at"), detail="item:N", order="model:O", **where.on_row)]


def head_layers(names: Sequence[tuple[float, str, str, bool]], width: float) -> list[Any]:
    """Names above a panel of so many points, none over another: in the line above where there is no room.

    names: (where, in points from the left; the name; its colour; whether it had better stand to the left of there).
    """
    alt = altair()
    taken: list[tuple[int, float, float]] = []
    layers = []
    for at, name, colour, left in sorted(names, key=lambda one: one[0]):
        room = letters_width(name, SMALL)
        for level in range(len(names)):
            sides = [(at - room, at, "right"), (at, at + room, "left")]
            sides = sides if left else sides[::-1]
            here = [(start, end) for one, start, end in taken if one == level]
            free = [(a, b, align) for a, b, align in sides if a >= -LEFT and b <= width + 2
                    and not any(a < end + 4 and start < b + 4 for start, end in here)]  # fmt: skip
            if free:
                break
        start, end, align = free[0] if free else sides[0]
        taken.append((level, start, end))
        text = alt.Chart(alt.InlineData(values=[{"name": name, "at": at}])).mark_text(
            align=align, baseline="bottom", dy=-2 - (SMALL + 1) * level, color=colour, fontSize=SMALL, aria=False
        )
        layers.append(text.encode(x=alt.value(at), y=alt.value(0), text="name:N"))
    return layers
