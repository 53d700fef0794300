"""Panels: of each concept its objects, and how well models do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pyalign.report.blocks import Tile
from pyalign.report.page.cells import MISSING, bare, figure
from pyalign.report.page.html import Page, shown


@dataclass(frozen=True)
class Bar:
    """A value with its interval, as the document has them; None where there is none."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """One concept.

    Attributes:
        title: what it is called.
        about: over what its figures are, such as "2,928 triplets".
        tiles: its objects.
        bars: of each model.
    """

    title: str
    about: str
    tiles: tuple[Tile, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Panels:
    """Panels beside each other, with one scale.

    Attributes:
        name: of letters, digits and hyphens.
        caption: what they show, and over what.
        panels: in their order.
        line: a value that all are compared with, such as chance, or None.
        form, places: of the values; see `Column`.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]
    line: float | None = None
    form: str = "percent"
    places: int = 1


def panels(part: Panels, page: Page) -> str:
    """A list of panels; lengths are those of the least to the largest value, 0 and the line among them."""
    scale = _scale(part)
    held = "".join(_panel(one, part, scale, page) for one in part.panels)
    return f"""<figure class="panels" id="{escape(part.name)}"><figcaption>{shown(part.caption)}</figcaption>
<ul>{held}</ul></figure>"""


def _scale(part: Panels) -> tuple[float, float]:
    held = [v for one in part.panels for bar in one.bars for v in (bar.value, bar.low, bar.high) if v is not None]
    low, high = min([0.0, *held]), max([*held, part.line or 0.0, 1e-9])
    return low, high


def _panel(one: Panel, part: Panels, scale: tuple[float, float], page: Page) -> str:
    tiles = "".join(f"<li{_mark(tile)}>{page.picture(tile.name, tile.caption)}</li>" for tile in one.tiles)
    bars = "".join(_bar(bar, part, scale) for bar in one.bars)
    about = f"<p>{shown(one.about)}</p>" if one.about else ""
    return f"""<li class="panel"><h3>{shown(one.title)}</h3>{about}
<ul class="strip">{tiles}</ul><ul class="bars">{bars}</ul></li>"""


def _mark(tile: Tile) -> str:
    return f' class="{escape(tile.mark)}"' if tile.mark else ""


def _bar(bar: Bar, part: Panels, scale: tuple[float, float]) -> str:
    if bar.value is None:
        return f"<li><span>{shown(bar.label)}</span><span>{MISSING}</span></li>"
    ends = ""
    places = [("--value", bar.value)]
    if bar.low is not None and bar.high is not None:
        told = f"{bare(bar.low, part.form, part.places)} to {bare(bar.high, part.form, part.places)}"
        ends = f' <span class="ends">{escape(told)}</span>'
        places += [("--low", bar.low), ("--high", bar.high)]
    if part.line is not None:
        places.append(("--line-at", part.line))
    style = _placed(places, scale)
    kind = "track" if ends else "track bare"
    value = escape(figure(bar.value, part.form, part.places))
    return (
        f'<li><span>{shown(bar.label)}</span><span class="figure">{value}{ends}</span>'
        f'<i class="{kind}" style="{style}"></i></li>'
    )


def _placed(values: Sequence[tuple[str, float]], scale: tuple[float, float]) -> str:
    """Where values stand on the scale, in percent of its length."""
    low, high = scale
    return ";".join(f"{name}:{100 * (value - low) / (high - low):.1f}%" for name, value in values)
