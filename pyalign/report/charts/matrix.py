"""Matrices as colours: cells with their numbers where there is room, in the order of a clustering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyalign.errors import MissingExtraError
from pyalign.report.charts.theme import SMALL, Style, altair, letters_width

MOST = 60  # rows or columns; more are a sample of them
LARGEST_CELL, LEAST_CELL = 34.0, 3.0  # points
ROOM_FOR_NUMBER = 17.0  # points that a cell with a number has
ORDERS = ("cluster", "document", "name")


@dataclass(frozen=True)
class Cells:
    """What a matrix shows.

    Attributes:
        rows, columns: labels in their order.
        values: a row of values for each row, None where there is none.
        title: what the values are.
        form: how they are read out, as d3 has it; `short`: how they stand in a cell.
        more: name -> further values of the same shape, for tips and tables.
        faint: an expression of `datum` by which a number is written faintly, "" for none.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    title: str
    form: str = ".3f"
    short: str = ".2f"
    more: Mapping[str, Sequence[Sequence[float | None]]] = field(default_factory=dict)
    faint: str = ""


def clustered(similarity: np.ndarray) -> list[int]:
    """The order of rows in which those that are alike stand next to each other.

    Average linkage of the distances 1 - similarity, leaves in the optimal order (Bar-Joseph et al., 2001), the end
    with the earlier row first. What is NaN counts as the least similarity that there is.

    Args:
        similarity: (m, m); of one that is not symmetric the mean of both entries counts.

    Raises:
        MissingExtraError: scipy is not installed.

    Example:
        >>> clustered(np.array([[1, 0.1, 0.9], [0.1, 1, 0.2], [0.9, 0.2, 1]]))
        [0, 2, 1]
    """
    m = len(similarity)
    if m < 3:
        return list(range(m))
    try:
        from scipy.cluster import hierarchy
    except ImportError as error:
        raise MissingExtraError("a matrix in the order of a clustering", "scipy", "report") from error
    both = (similarity + similarity.T) / 2
    known = both[np.isfinite(both)]
    both = np.where(np.isfinite(both), both, known.min() if len(known) else 0.0)
    distance = (both.max() - both)[np.triu_indices(m, 1)]
    tree = hierarchy.linkage(distance, "average", optimal_ordering=m <= 400)
    order: list[int] = hierarchy.leaves_list(tree).tolist()
    return order if order.index(0) < m / 2 else order[::-1]


def sampled(order: Sequence[int], most: int) -> list[int]:
    """At most so many of an order, evenly spread, its ends among them.

    Example:
        >>> sampled(range(9), 3)
        [0, 4, 8]
    """
    if len(order) <= most:
        return list(order)
    return [order[k] for k in np.linspace(0, len(order) - 1, most).round().astype(int)]


def side_of(cells: Cells, width: float) -> tuple[float, float]:
    """How wide cells are, and how wide the names of rows, in points; names and numbers need room."""
    label = min(0.3 * width, 8 + max(letters_width(name) for name in cells.rows))
    return max(LEAST_CELL, min(LARGEST_CELL, (width - label - 20) / len(cells.columns))), label


def names_told(cells: Cells, width: float) -> list[str]:
    """A sentence where columns are too narrow for their names."""
    if side_of(cells, width)[0] >= SMALL:
        return []
    return ["Columns are too narrow for their names: those are in the tips and in the data."]


def matrix(
    cells: Cells, style: Style, width: float, domain: tuple[float, float] | None = None, square: bool = True
) -> Any:
    """Coloured cells with the names of rows and columns, and a legend.

    The data have a row for each row, which is unfolded where it is drawn: many cells take little room.

    Args:
        domain: least and largest value of the colours; default: those that there are.
        square: whether cells are; else they are lower than wide.
    """
    alt = altair()
    side, label = side_of(cells, width)
    height = side if square else min(11.5, max(8.0, side))
    held = [value for row in cells.values for value in row if value is not None]
    low, high = domain or ((min(held), max(held)) if held else (0.0, 1.0))
    legend = alt.Legend(
        title=cells.title, orient="bottom", gradientLength=140, gradientThickness=6, tickCount=5,
        format=cells.short, direction="horizontal", titleLimit=0, offset=6,
    )  # fmt: skip
    base = _unfolded(cells).encode(
        x=_axis(alt.X("column:N", sort=list(cells.columns)), cells.columns, side, across=True),
        y=_axis(alt.Y("row:N", sort=list(cells.rows)), cells.rows, height, across=False, label=label),
    )
    colour = alt.Color("value:Q", scale=alt.Scale(domain=[low, high], range=_colours(style), clamp=True), legend=legend)
    tips = [alt.Tooltip("row:N"), alt.Tooltip("column:N"), alt.Tooltip("value:Q", title=cells.title, format=cells.form)]
    tips += [alt.Tooltip(name, type="quantitative", format=cells.form) for name in cells.more]
    tile = base.mark_rect(stroke=style.background, strokeWidth=0.5 if side > 8 else 0.0)
    layers = [tile.encode(color=colour, tooltip=tips, description=alt.Description("told:N"))]
    if side >= ROOM_FOR_NUMBER:
        turn = low + _turn(style) * (high - low)
        ink = f"datum.value > {turn!r} ? '{style.background}' : '{style.text}'"
        text = base.transform_calculate(ink=ink, strength=f"{cells.faint or 'false'} ? 0.55 : 1")
        layers.append(
            text.mark_text(fontSize=SMALL, aria=False).encode(
                text=alt.Text("value:Q", format=cells.short), color=alt.Color("ink:N", scale=None),
                opacity=alt.Opacity("strength:Q", scale=None),
            )
        )  # fmt: skip
    drawn = alt.layer(*layers) if len(layers) == 1 else alt.layer(*layers).resolve_scale(color="independent")
    return drawn.properties(width=side * len(cells.columns), height=height * len(cells.rows))


def _unfolded(cells: Cells) -> Any:
    """A chart of the cells, each with `row`, `column`, `value`, what there is more, and `told`."""
    alt = altair()
    more = {f"more_{name}": held for name, held in cells.more.items()}
    values = [
        {"row": name, "cells": list(cells.values[k]), **{key: list(held[k]) for key, held in more.items()}}
        for k, name in enumerate(cells.rows)
    ]
    columns = alt.InlineData(values=[{"place": k + 1, "column": name} for k, name in enumerate(cells.columns)])
    told = f"datum.row + ', ' + datum.column + ': {_quoted(cells.title)} ' + " + f"format(datum.value, '{cells.form}')"
    for name in cells.more:
        words = name.replace("_", " ")
        told += f" + (isValid(datum.{name}) ? ', {words} ' + format(datum.{name}, '{cells.form}') : '')"
    return (
        alt.Chart(alt.InlineData(values=values))
        .transform_flatten(["cells", *more], as_=["value", *cells.more])
        .transform_window(place="row_number()", groupby=["row"])
        .transform_lookup(lookup="place", from_=alt.LookupData(data=columns, key="place", fields=["column"]))
        .transform_filter("isValid(datum.value)")
        .transform_calculate(told=told)
    )


def _quoted(text: str) -> str:
    """A text inside an expression."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _turn(style: Style) -> float:
    """From which share of the colours on letters are read better in the colour of the background."""

    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        low, high = sorted((light(a), light(b)))
        return (high + 0.05) / (low + 0.05)

    colours = _colours(style, 21)
    better = [contrast(one, style.background) > contrast(one, style.text) for one in colours]
    return better.index(True) / 20 if any(better) else 1.0


def _colours(style: Style, steps: int = 5) -> list[str]:
    """From the tile's colour to the first of the palette."""
    ends = [[int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in (style.tile, style.palette[0])]
    shares = [k / (steps - 1) for k in range(steps)]
    mixed = [[round(a + share * (b - a)) for a, b in zip(*ends, strict=True)] for share in shares]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in mixed]


def _axis(channel: Any, names: Sequence[str], side: float, across: bool, label: float | None = None) -> Any:
    """Names where rows are high enough for letters; columns lean where their names are longer than they are wide."""
    alt = altair()
    shown = side >= SMALL
    options: dict[str, Any] = {"title": None, "ticks": False, "domain": False, "labels": shown, "grid": False,
                               "labelPadding": 3, "labelOverlap": False, "labelFontSize": SMALL}  # fmt: skip
    if across:
        widest = max(letters_width(name, SMALL) for name in names)
        leaning = widest > side - 2
        options |= {"labelAngle": -60 if leaning else 0, "labelLimit": 130, "orient": "bottom"}
        if leaning:
            options |= {"labelAlign": "right", "labelBaseline": "middle"}
    elif label is not None:
        options |= {"labelLimit": label - 4, "minExtent": label if shown else 0, "maxExtent": label}
    return channel.axis(alt.Axis(**options)).scale(alt.Scale(padding=0))
