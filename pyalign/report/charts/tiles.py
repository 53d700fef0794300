"""Pictures with names, laid out in points: the common ground of galleries, cards and maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyalign.report.charts.theme import SMALL, Style, altair, two_lines

LINE = SMALL + 2  # points from one line to the next


@dataclass(frozen=True)
class Tile:
    """A square with an image, or with a name where there is none, and lines below.

    Attributes:
        x, y: its upper left corner, points.
        name: of the object, shown whole where somebody points at it.
        below: lines under it.
        uri: of the image; "": the name stands in its place.
        frame: what its border says, a word of the legend; "" for a border that says nothing.
        told: what is said of it to somebody who does not see it.
    """

    x: float
    y: float
    name: str
    below: tuple[str, ...] = ()
    uri: str = ""
    frame: str = ""
    told: str = ""


def tile_layers(
    tiles: Sequence[Tile], side: float, height: float, style: Style, frames: dict[str, str] | None = None,
    legend: bool = True,
) -> list[Any]:  # fmt: skip
    """The layers that draw tiles of `side` by `height` points.

    frames: the colours of words of the legend.
    legend: whether it is drawn.
    """
    alt = altair()
    rows = [_row(tile, side, height) for tile in tiles]
    base = alt.Chart(alt.InlineData(values=rows))
    at = {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}
    ends = {"x2": "x2:Q", "y2": "y2:Q"}
    told = {"tooltip": [alt.Tooltip("name:N", title="object"), alt.Tooltip("told:N", title="is")],
            "description": alt.Description("told:N")}  # fmt: skip
    back = base.transform_filter("datum.uri == ''").mark_rect(fill=style.tile).encode(**at, **ends, **told)
    image = base.transform_filter("datum.uri != ''").mark_image(
        width=side, height=height, align="center", baseline="middle"
    )
    centre = {"x": alt.X("cx:Q", scale=None, axis=None), "y": alt.Y("cy:Q", scale=None, axis=None)}
    layers = [back, image.encode(url="uri:N", **centre, **told)]
    inside = base.transform_filter("datum.uri == ''").mark_text(
        fontSize=SMALL, color=style.text, align="center", baseline="middle", limit=side - 2, lineHeight=LINE
    )
    layers.append(inside.encode(text="inside:N", **{**centre, "y": alt.Y("iy:Q", scale=None, axis=None)}))
    below = base.mark_text(
        fontSize=SMALL, color=style.text, align="center", baseline="top", limit=side, lineHeight=LINE
    )
    layers.append(below.encode(text="below:N", **{**centre, "y": alt.Y("by:Q", scale=None, axis=None)}))
    if frames:
        colours = alt.Scale(domain=list(frames), range=list(frames.values()))
        drawn = alt.Legend(title=None, orient="bottom", symbolType="square", labelLimit=0, offset=8) if legend else None
        frame = base.transform_filter("datum.frame != ''").mark_rect(fill=None, strokeWidth=1.5)
        layers.append(frame.encode(stroke=alt.Stroke("frame:N", scale=colours, legend=drawn), **at, **ends))
    return layers


def _row(tile: Tile, side: float, height: float) -> dict[str, Any]:
    """What the layers read: corners, centres, lines as one text."""
    lines = [] if tile.uri else two_lines(tile.name, side - 2).splitlines()[: max(1, int(height // LINE))]
    return {
        **asdict(tile), "below": "\n".join(tile.below), "told": tile.told or tile.name, "inside": "\n".join(lines),
        "x2": tile.x + side, "y2": tile.y + height, "cx": tile.x + side / 2, "cy": tile.y + height / 2,
        "iy": tile.y + height / 2 - LINE * (len(lines) - 1) / 2, "by": tile.y + height + 3,
    }  # fmt: skip
