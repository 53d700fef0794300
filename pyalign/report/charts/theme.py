"""Altair, and how marks read the rows of data: where they stand, and what tells models apart.

How pictures look: colors that color-blind people tell apart, widths of a journal's columns, letters of 7 points.

The numbers of a picture: those that can be drawn, their words, and all of them read back from a specification.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple, Protocol

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import load
from pyalign.documents import Interval
from pyalign.errors import MissingExtraError
from pyalign.report.blocks import Value
from pyalign.report.words import Labels, one_line

ENDS = ("value", "low", "high")  # fields of a row: a value and the ends of its interval
SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")


class Drawn(Protocol):
    """A finished chart of Altair."""

    def to_dict(self, *, validate: bool = True) -> Any:
        """The specification of the chart, checked by the schema of Vega-Lite."""


At = dict[str, Any]  # the channels of Altair that say where marks stand
Look = dict[str, Any]  # those that tell names apart: `color` and `shape`
Spec = dict[str, Any]  # a Vega-Lite specification, as a chart of Altair gives it by `to_dict`


def module_for(what: str, module: str, package: str, extra: str = "report") -> Any:
    """A module that something needs, or the error that says what to install."""
    try:
        return load(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(what, package, extra) from error


class _Altair:
    """The module, which is imported when it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # which those ask for who look what kind of object this is
            raise AttributeError(name)
        return getattr(module_for("a picture", "altair", "altair"), name)


alt = _Altair()


def chart_of(rows: Sequence[Any]) -> Any:
    """A chart with rows of data, before it has marks.

    Altair copies all that a chart holds whenever it is put into another. It leaves the rows as they are: nothing
    changes them. Encode by channels, such as ``alt.Text("name:N")``: of the mere word it would find the channel among
    hashes of its whole schema, made anew each time.
    """
    data = alt.InlineData([])
    data.values = list(rows)  # which the schema would have to compare with all that a row may be
    data.__dict__["__deepcopy__"] = partial(_same, data)
    return alt.Chart(data)


def _same(data: Any, _: Any) -> Any:
    return data


def at_point(x: str = "x", y: str = "y") -> At:
    """The encoding of marks whose rows say in points where they stand, in these fields."""
    return {"x": alt.X(f"{x}:Q", scale=None, axis=None), "y": alt.Y(f"{y}:Q", scale=None, axis=None)}


def of_field(channel: Any, name: str) -> Any:
    """A channel with the scale and the axis of this one, for another field."""
    other = channel.copy()
    other.shorthand = f"{name}:Q"
    return other


def colors_and_shapes(
    field: str, names: Sequence[str], colors: Sequence[str], legend: Any, shapes: Sequence[str] = SHAPES
) -> Look:
    """The encoding that tells names apart by color and by shape, for prints without color; one legend for both."""
    scales = [alt.Scale(domain=list(names), range=list(of)[: len(names)]) for of in (colors, shapes)]
    return {
        "color": alt.Color(f"{field}:N", scale=scales[0], legend=legend),
        "shape": alt.Shape(f"{field}:N", scale=scales[1], legend=legend),
    }


def quantity(channel: Any, field: str, title: str, form: str, ends: Sequence[float], **axis: Any) -> Any:
    """A channel of numbers from end to end, with the title and the format of its axis."""
    scale = alt.Scale(domain=list(ends), nice=False, zero=False)
    return channel(f"{field}:Q", scale=scale, axis=alt.Axis(title=title, format=form, **axis))


def shares(title: str, rows: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The vertical axis of fractions with intervals, and what is said of them to who points at one."""
    low, high = with_margin([row[end] for row in rows for end in ENDS], 0.08, 0.01)
    y = quantity(alt.Y, "value", title, ".0%", (max(0.0, low), min(1.0, high)), tickCount=5)
    return y, [alt.Tooltip(f"{name}:Q", format=".1%") for name in ENDS]


def legend_of(names: Sequence[str], columns: int = 3, **options: Any) -> Any:
    """A legend above the picture; none of a single name."""
    return alt.Legend(title=None, orient="top", labelLimit=0, columns=columns, **options) if len(names) > 1 else None


def read_out(*tips: Any) -> dict[str, Any]:
    """The encoding of marks that say something to who points at them, and `spoken` to who has the picture read."""
    return {"tooltip": list(tips) or alt.Tooltip("spoken:N"), "description": alt.Description("spoken:N")}


def joined(rows: Sequence[Any], x: Any, y: Any, channels: Look, tips: Sequence[Any]) -> list[Any]:
    """Points with intervals, hollow without, and a line for each model that joins them."""
    base = chart_of(rows).encode(x=x, color=channels["color"])
    line = base.mark_line(strokeWidth=1.2, opacity=0.7, aria=False).encode(y=y, detail=alt.Detail("model:N"))
    dots = points_of(base, rows, 26, y=y, shape=channels["shape"], **read_out(*tips))
    return [bars_of(base, "y", y, opacity=0.6), line, *dots]


def lined(base: Any, channels: Look, *tips: Any, size: int = 24, **line: Any) -> tuple[Any, Any]:
    """A line for each color, and the points that it joins."""
    lines = base.mark_line(aria=False, **{"strokeWidth": 1.2, **line}).encode(color=channels["color"])
    return lines, base.mark_point(size=size, filled=True, opacity=1).encode(**channels, **read_out(*tips))


def texts(rows: Sequence[Any], field: str = "name", **mark: Any) -> Any:
    """Words at their points, which nobody reads out."""
    words = chart_of(rows).mark_text(**{"fontSize": SMALL, "aria": False, **mark})
    return words.encode(**at_point(), text=alt.Text(f"{field}:N"))


def bars_of(base: Any, along: str, axis: Any, **mark: Any) -> Any:
    """The interval of each row, `low` to `high` along an axis, where it has one."""
    bars = base.transform_filter("isValid(datum.low)").mark_rule(aria=False, **mark)
    return bars.encode(**{along: of_field(axis, "low"), f"{along}2": "high:Q"})


def points_of(base: Any, rows: Sequence[Any], size: int, **channels: Any) -> list[Any]:
    """A point for each row, hollow without an interval where others have one."""
    barred = any(row["low"] is not None for row in rows)
    return [
        (base.transform_filter(f"{'' if filled else '!'}isValid(datum.low)") if barred else base)
        .mark_point(size=size, filled=filled, opacity=1, **({} if filled else {"strokeWidth": 1})).encode(**channels)
        for filled in ((True, False) if barred else (True,))
    ]


FONT = "Arial, Helvetica, Liberation Sans, sans-serif"  # of equal widths, so that a layout fits wherever it is read
SMALL, TEXT, TITLE = 7.0, 7.5, 9.0  # points
WIDTHS = {"single": 241, "double": 493}  # points: 85 mm and 174 mm, the columns of most journals
LETTER = 0.54  # of the size of letters, their mean width
PADDING = 6
# Advance widths of Helvetica (Adobe's AFM), which Arial and Liberation Sans share, in thousandths of the size.
ADVANCES = {sign: width for width, signs in {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft", 333: "-()`r", 334: "{}", 355: '"', 389: "*", 469: "^",
    500: "Jcksvxyz", 556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw",
    778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1015: "@",
}.items() for sign in signs}
WIDEST = 1015


@dataclass(frozen=True)
class Style:
    """How a picture looks."""

    # background, text: of all of it.
    background: str
    text: str
    muted: str  # of lines and words that only help to read.
    grid: str  # of lines behind the data.
    tile: str  # behind a name that stands where an image would.
    palette: tuple[str, ...]  # of models and categories, in this order.
    ramp: tuple[str, ...]  # of values, from the tile to the first of the palette.
    turn: float  # the share of the ramp from which on letters are read better in the color of the background.
    width: str = "double"  # "single" or "double", the columns of a journal.
    labels: Labels | None = None  # what a page calls models, by their names; None: they are what results call them.

    @property
    def points(self) -> int:
        """How wide the picture is."""
        return WIDTHS[self.width]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The background as three whole numbers, for what images have behind their transparent pixels."""
        red, green, blue = (int(self.background[k : k + 2], 16) for k in (1, 3, 5))
        return red, green, blue


# Okabe and Ito (2008), Color Universal Design; yellow is last on white, the dark blue on black.
STYLES = {
    "light": Style("#ffffff", "#222222", "#666666", "#e4e4e4", "#f1f1f1",
                   ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#b3a100"),
                   ("#f1f1f1", "#b5d1e1", "#78b2d2", "#3c92c2", "#0072b2"), 0.85),
    "dark": Style("#161616", "#f0f0f0", "#aaaaaa", "#383838", "#2a2a2a",
                  ("#56b4e9", "#e69f00", "#00b386", "#cc79a7", "#f0e442", "#ff7f32", "#ffffff", "#3d94d6"),
                  ("#2a2a2a", "#354c5a", "#406f8a", "#4b92b9", "#56b4e9"), 0.6),
}


def style_of(style: str | Style = "light", width: str = "double", labels: Labels | None = None) -> Style:
    """A style as it is, or that of a name in the width of a name; raises InputError for another name."""
    if isinstance(style, Style):
        return style
    colors = STYLES[_checks.one_of(style, tuple(STYLES), "style")]
    return replace(colors, width=_checks.one_of(width, tuple(WIDTHS), "width"), labels=labels)


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function that draws by a `look` the options `style`, `width` and `labels`, of which that is made."""

    @wraps(draw)
    def styled_draw(*of: Any, style: str | Style = "light", width: str = "double", labels: Labels | None = None,
                    **options: Any) -> Any:
        return draw(*of, style_of(style, width, labels), **options)

    return styled_draw


def letters_width(text: str, size: float = TEXT) -> float:
    """About how wide a line of text is, in points."""
    return len(text) * size * LETTER


def drawn_width(text: str, size: float = TEXT) -> float:
    """How wide a line of text is in points: exactly for ASCII in Arial and what has its widths, otherwise at most.

    Example:
        >>> drawn_width("ii", 10), drawn_width("WW", 10)
        (4.44, 18.88)
    """
    thousandths = sum(ADVANCES.get(sign, WIDEST) for sign in text)
    return thousandths * size / 1000


def wrapped(text: str, width: float, size: float = TEXT) -> list[str]:
    """A text in lines of about so many points; what breaks lines itself is escaped."""
    return textwrap.wrap(one_line(text), max(4, int(width / (size * LETTER)))) or [""]


def two_lines(name: str, width: float) -> str:
    """A name in at most two small lines of about so many points, cut with an ellipsis; an underscore may end the first.

    Example:
        >>> two_lines("french_horn", 30).splitlines(), two_lines("a very long name", 30).splitlines()
        (['french_', 'horn'], ['a very', 'long n…'])
    """
    most = max(4, int(width / (SMALL * LETTER)))
    lines = [""]
    for part in re.findall(r"[^ _/-]*[ _/-]?", one_line(name)):
        if lines[-1] and len((lines[-1] + part).rstrip()) > most:
            lines.append("")
        lines[-1] += part
    if len(lines) > 2:
        lines = [lines[0], "".join(lines[1:])]
    return "\n".join(line.rstrip() if len(line.rstrip()) <= most else line[: most - 1] + "…" for line in lines)


def finished(chart: Any, style: Style, title: str, sentences: Sequence[str], notes: Sequence[str] = ()) -> Any:
    """The chart with its title, what the figures are over below it, and the looks.

    Args:
        sentences: for people who see the picture and for those who have it read to them; "" is none.
        notes: what a reader should know who made it; they stay in the specification, under `usermeta`.
    """
    sentences = list(filter(None, sentences))
    lines = [line for sentence in sentences for line in wrapped(sentence, style.points, SMALL)]
    head = alt.TitleParams(
        wrapped(title, style.points, TITLE), subtitle=lines, anchor="start", frame="bounds", fontSize=TITLE,
        subtitleFontSize=SMALL, color=style.text, subtitleColor=style.muted, offset=8,
        subtitlePadding=3, subtitleLineHeight=SMALL + 2,
    )
    meta = {"pyalign": {"title": one_line(title), "notes": list(notes)}}
    described = " ".join((f"{one_line(title)}.", *map(one_line, sentences)))
    whole = {"title": head, "description": described, "usermeta": meta, "padding": PADDING}
    for name, value in {**whole, "config": alt.Config(**_config(style))}.items():
        setattr(chart, name, value)  # by `properties` and `configure` all layers would be copied twice each
    return chart


def notes_of(chart: Any) -> tuple[str, ...]:
    """The notes of a finished chart, sentences."""
    return tuple(chart.usermeta["pyalign"]["notes"])


def _config(style: Style) -> dict[str, Any]:
    words = {"labelColor": style.text, "titleColor": style.text, "labelFontSize": TEXT, "titleFontSize": TEXT,
             "titleFontWeight": "normal"}
    return {
        "background": style.background,
        "font": FONT,
        "lineBreak": "\n",
        "view": {"stroke": None},
        "title": {"fontWeight": "bold"},
        "text": {"color": style.text, "fontSize": TEXT},
        "axis": {
            **words, "gridColor": style.grid, "gridWidth": 0.5, "tickColor": style.muted, "domainColor": style.muted,
            "tickWidth": 0.5, "domainWidth": 0.5, "tickSize": 3, "titlePadding": 4,
        },
        "legend": {**words, "symbolSize": 30, "rowPadding": 1, "columnPadding": 8, "offset": 4},
    }


HIDDEN = ("spoken", "uri")  # what is said of a mark, and its image


def known(value: float | None) -> float | None:
    """A number that can be drawn; None for what is none.

    Example:
        >>> known(0.5), known(float("nan")), known(None)
        (0.5, None, None)
    """
    return None if value is None or not math.isfinite(value) else value


def ends_of(interval: Interval | None) -> tuple[float | None, float | None]:
    """The ends of an interval of a result; None, None where there is none."""
    low, high = (None, None) if interval is None else map(known, interval)
    return (None, None) if low is None or high is None else (low, high)


def with_margin(values: Iterable[float | None], share: float, least: float = 1.0) -> tuple[float, float]:
    """The ends of an axis: those of all values, and so large a share of their range more (of `least` where that is 0).

    Example:
        >>> with_margin([1.0, None, 3.0], 0.5), with_margin([], 0.5)
        ((0.0, 4.0), (-0.5, 1.5))
    """
    finite = [value for value in map(known, values) if value is not None] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    more = share * (high - low or least)
    return low - more, high + more


def first_of(shown: int, total: int, what: str) -> str:
    """The sentence that not all are shown, such as "The first 60 of 1,000 models."; "" where they are."""
    return f"The first {shown} of {total:,} {what}." if shown < total else ""


def rows_of(chart: Any) -> list[dict[str, Value]]:
    """A row for each mark that stands for data, as `marks_of`, without what is said of it, and its image."""
    return [
        {name: value for name, value in mark.items() if name not in HIDDEN}
        for marks in marks_of(chart) for mark in marks
    ]


def marks_of(chart: Any) -> list[list[dict[str, Value]]]:
    """The rows of each set of marks that stand for data, unrounded; lines that only help to read are none.

    Such marks are those that say something to people who have the picture read to them: rows with `spoken`.
    """
    datasets = list(chart.to_dict(validate=False)["datasets"].values())
    columns = [
        [row["column"] for row in values] for values in datasets if values and {"place", "column"} == set(values[0])
    ]
    sets = list[list[dict[str, Value]]]()
    for values in datasets:
        rows = list[dict[str, Value]]()
        for row in values:
            if "cells" in row:
                more = {name.removeprefix("more_"): of for name, of in row.items() if name.startswith("more_")}
                head = {name: row[name] for name in ("matrix", "row") if name in row}
                rows += _unfolded(head, columns[0], {"value": row["cells"], **more})
            elif "spoken" in row:
                rows.append(row)
        sets += [rows] if rows else []
    return sets


def _unfolded(
    head: Mapping[str, Value], columns: Sequence[str], contents: Mapping[str, Sequence[Value]]
) -> list[dict[str, Value]]:
    """The cells of a row of a matrix, or of its first columns, by what they hold, without those that hold nothing."""
    cells = zip(columns, *contents.values(), strict=False)
    return [
        {**head, "column": column, **dict(zip(contents, values, strict=True))}
        for column, *values in cells if any(value is not None for value in values)
    ]


DOT, LEAST = 3.5, 1.0  # points: half of the side of a dot, and the room around a name
HEIGHT = 1.15 * SMALL  # of a line of letters, from the highest to the lowest of the font


class Label(NamedTuple):
    """A name with the middle of its left edge, its width and its height, in points."""

    place: int
    name: str
    x: float
    y: float
    width: float
    height: float


def placed(
    at: np.ndarray, names: Sequence[str], frame: tuple[float, float], most: int, bars: np.ndarray | None = None
) -> list[Label]:
    """The names that have room, right or left of their points, above or below.

    Points that have few others around them come first. A name is over a bar only where it has no other place.

    Args:
        at: (n, 2), in points, from the upper left corner of the frame.
        names: n.
        frame: width and height.
        most: at most so many names.
        bars: (m, 4) left, top, right and bottom of bars of intervals; None: there are none.
    """
    dots = np.concatenate([at - DOT, at + DOT], axis=1)
    near = (np.linalg.norm(at[:, None] - at, axis=2) < 40).sum(axis=1)
    taken, labels = np.empty((0, 4)), list[Label]()
    for k in np.argsort(near, kind="stable").tolist():
        if len(labels) == most:
            break
        width, height = drawn_width(names[k], SMALL), HEIGHT
        right, left, over, under = DOT + 2, -DOT - 2 - width, -DOT - HEIGHT / 2 - 2, DOT + HEIGHT / 2 + 2
        away = ((right, 0.0), (left, 0.0), (-width / 2, over), (-width / 2, under),
                (right, under), (left, over), (right, over), (left, under))
        corner = at[k] + away - np.array([0.0, height / 2])
        boxes = np.concatenate([corner, corner + np.array([width, height])], axis=1)
        others = np.concatenate([taken, np.delete(dots, k, axis=0)])
        inside = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= frame).all(axis=1)
        free = [box for box in boxes[inside] if not _covers(box, others)]
        bare = free if bars is None else [box for box in free if not _covers(box, bars)]
        if free:
            box = (bare or free)[0]
            taken = np.concatenate([taken, box[None]])
            labels.append(Label(k, names[k], float(box[0]), float(box[1] + height / 2), width, height))
    return labels


def _covers(box: np.ndarray, others: np.ndarray) -> bool:
    """Whether a box (left, top, right, bottom) and its rim reach into one of the others (m, 4)."""
    return bool(((box[:2] - LEAST < others[:, 2:]) & (others[:, :2] < box[2:] + LEAST)).all(axis=1).any())
