"""Charts as HTML: the specification, which the page draws when it comes into view, and what is said of it.

Tables as HTML: plain rows that need no script, and their values, packed, for sorting, filtering and copying.
A browser of failures: what a script reads, as small as it can be, and a plain list for those without.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.data import ANCHORED
from pyalign.report.blocks import TEXT, Column, Figure, Fold, Table
from pyalign.report.charts.save import javascript
from pyalign.report.charts.theme import Spec
from pyalign.report.page.html import MISSING, Page, figure, interval, rounded, shown, written, zipped

BESIDES = 60.0  # of axis and title
CELLS = ("cells", "more_percentile")
LARGER = 1.25  # than the specification says; see `.drawing .marks` in core.css


def figure_html(part: Figure, page: Page) -> str:
    """The place of a chart, its caption, its text alternative, and its data."""
    name = escape(part.name)
    spec = part.chart.to_dict(validate=False)
    page.keep(part.name, _packed_spec(spec), packed=True)
    if part.narrow is not None:
        page.keep(f"{part.name}-narrow", _packed_spec(part.narrow.to_dict(validate=False)), packed=True)
    page.drawn = True
    data = "" if part.data is None else written(Fold("Data", (part.data,)), page)
    caption = f"<figcaption>{shown(part.caption)}</figcaption>" if part.caption else ""
    return f"""<figure class="chart" id="{name}">
<div class="drawing" data-chart="{name}" role="img" aria-label="{escape(part.summary)}" tabindex="0"
style="--least:{least_height(spec)}px">
<noscript>{shown(part.summary.removesuffix(part.caption))}
The chart needs JavaScript; its data are below.</noscript></div>
<div class="captioned">{caption}
<div class="chart-tools needs-script"></div></div>
{data}</figure>"""


def _packed_spec(spec: Spec) -> Spec:
    """The specification with columns in place of rows of data that have the same keys, and without the cells of RDMs:
    `figures.js` makes rows of columns, and takes the cells from the table of pairs."""
    left_out = CELLS if "order" in spec.get("usermeta", {}).get("pyalign", {}) else ()
    tables: dict[str, Any] = {**spec.get("datasets", {})}
    for name, rows in tables.items():
        keys = {tuple(row) if isinstance(row, dict) else () for row in rows}
        if len(keys) == 1 and all(keys):
            tables[name] = {key: [row[key] for row in rows] for key in rows[0] if key not in left_out}
    return {**spec, "datasets": tables} if tables else spec


@cache
def packed() -> str:
    """The library as it stands in the page, less than half as long: unpacked when the first chart is drawn."""
    return f'<script type="text/plain" data-library="gzip">{zipped(javascript())}</script>'


def colors() -> dict[str, str]:
    """Colors of charts made for light pages -> the variable that has them, light or dark."""
    return {light: f"var(--{name})" for light, (name, _) in _variables().items()}


def variables() -> str:
    """The style sheet that gives each variable its color on light and on dark pages."""
    declarations = "".join(f"--{name}:light-dark({light},{dark});" for light, (name, dark) in _variables().items())
    return f":root{{{declarations}}}"


def _variables() -> dict[str, tuple[str, str]]:
    """Color of a light page -> the name of its variable, and the color of a dark page."""
    from pyalign.report.charts.theme import STYLES

    light, dark = STYLES["light"], STYLES["dark"]
    by_color: dict[str, tuple[str, str]] = {}
    for name in ("background", "text", "muted", "grid", "tile"):
        by_color.setdefault(getattr(light, name), (f"chart-{name}", getattr(dark, name)))
    for k, (light_color, dark_color) in enumerate(zip(light.palette, dark.palette, strict=True)):
        by_color.setdefault(light_color, (f"chart-{k}", dark_color))
    return by_color


def least_height(spec: Spec) -> int:
    """CSS pixels that the chart of a specification takes at least, in a page of any width; 0: not known."""
    inside = _inside(spec, spec.get("datasets", {}))
    return int(LARGER * (inside + BESIDES)) if inside else 0


def _inside(spec: Spec, datasets: Mapping[str, Sequence[object]]) -> float:
    """The height without axes: the sum of charts below each other, and the highest of charts side by side."""
    if "vconcat" in spec:
        return sum(_inside(chart, datasets) for chart in spec["vconcat"])
    if "hconcat" in spec:
        return max((_inside(chart, datasets) for chart in spec["hconcat"]), default=0.0)
    height = spec.get("height", 0.0)
    if isinstance(height, int | float):
        return float(height)
    if isinstance(height, str) or "step" not in height:
        return 0.0
    layers = [*_layers(spec)]  # a row for each value of the fields along y
    along = [layer["encoding"]["y"] for layer in layers if "y" in layer.get("encoding", {})]
    fields = {y["field"] for y in along if y.get("type") in ("nominal", "ordinal") and "field" in y}
    tables = [*datasets.values(), *(layer["data"]["values"] for layer in layers if "values" in layer.get("data", {}))]
    return height["step"] * max((_count(rows, field) for rows in tables for field in fields), default=0)


def _layers(spec: Spec) -> Iterator[Spec]:
    """A specification, and all that is drawn over it."""
    yield spec
    for layer in spec.get("layer", ()):
        yield from _layers(layer)


def _count(rows: Sequence[object], field: str) -> int:
    return len({str(row[field]) for row in rows if isinstance(row, Mapping) and field in row})


BRIEF = 17  # letters of a text that is kept on one line even where the table is too wide
SHORT = 36  # letters of a text that is kept on one line
MOST = 50  # rows of a table that stands in the page as a whole
STATIC = 10  # rows of a longer one that do; the script shows the others
MANY = 500  # rows from which columns are packed
DECIMALS = "<i2"  # little-endian, as in every browser
NONE = -(1 << 15)  # among decimals


def table(part: Table, page: Page) -> str:
    """Tools, and the table in a frame that scrolls."""
    part = replace(part, columns=tuple(_finite(column) for column in part.columns if column.only != TEXT))
    name, sort, order = escape(part.name), _sort(part), part.order
    count = len(order)
    page.keep(part.name, table_data(part), packed=True)
    first = order if count <= MOST else order[:STATIC]
    kinds = [_kind(column) for column in part.columns]
    headers = "".join(_header(column, kind, sort) for column, kind in zip(part.columns, kinds, strict=True))
    number = '<th scope="col" class="number">#</th>' if part.numbered else ""
    rows = "".join(_row(part, kinds, row, place) for place, row in enumerate(first, start=1))
    more = f'<p class="without-script">The first {STATIC} of {count:,} rows.</p>' if count > len(first) else ""
    return f"""<div class="table" id="{name}" data-table="{name}">
<p class="caption" id="{name}-caption">{shown(part.caption)}</p>
<div class="table-tools needs-script"></div>
<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}-caption">
<table aria-labelledby="{name}-caption"><thead><tr>{number}{headers}</tr></thead>
<tbody>{rows}</tbody></table></div>{more}</div>"""


def _finite(column: Column) -> Column:
    """The column without NaN and infinity, which JSON has no form for."""

    def known(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(None if isinstance(value, float) and not isfinite(value) else value for value in values)

    return replace(column, values=known(column.values), low=known(column.low), high=known(column.high))


def _sort(part: Table) -> tuple[str, bool] | None:
    """The header, as it is shown, that rows are sorted by, and whether the largest come first; None: it is left out."""
    by, descending = part.sort or ("", False)
    return next(((column.heading, descending) for column in part.columns if part.sort and column.header == by), None)


def _header(column: Column, kind: str, sort: tuple[str, bool] | None) -> str:
    direction = f' aria-sort="{"descending" if sort[1] else "ascending"}"' if sort and sort[0] == column.heading else ""
    note = f' title="{escape(column.note)}"' if column.note else ""
    return f'<th scope="col" class="{kind}"{direction}{note}>{shown(column.heading)}</th>'


def _kind(column: Column) -> str:
    if column.form != "text":
        return "number"
    longest = max((len(str(value)) for value in column.values), default=0)
    return "long" if longest > SHORT else "brief" if longest <= BRIEF else "text"


def _row(part: Table, kinds: Sequence[str], row: int, place: int) -> str:
    number = f"<td>{place}</td>" if part.numbered else ""
    name, *cells = (_cell(column, row) for column in part.columns)
    starts = ("<td>" if kind == "number" else f'<td class="{kind}">' for kind in kinds[1:])
    others = "".join(f"{start}{cell}</td>" for start, cell in zip(starts, cells, strict=True))
    return f'<tr>{number}<th scope="row" class="{kinds[0]}">{name}</th>{others}</tr>'


def _cell(column: Column, row: int) -> str:
    """The inside of a cell: the value, and its interval."""
    value = column.values[row]
    if value is None:
        return MISSING
    low = column.low[row] if column.low else None
    high = column.high[row] if column.high else None
    ends = "" if low is None and high is None else interval(low, high, column.form, column.places)
    return _value(value, column) + ends


def _value(value: str | float, column: Column) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.form == "text" or isinstance(value, str):
        return shown(value)
    text = escape(figure(value, column.form, column.places))
    if column.form != "bar":
        return text
    return f'<span class="bar" style="--share:{rounded(100 * min(max(float(value), 0.0), 1.0), 1, "")}%"></span>{text}'


# What the script reads; `tables.js` unpacks it


def table_data(part: Table) -> dict[str, object]:
    """The values as the document has them, those of long columns packed."""
    columns = [column_data(column) for column in part.columns]
    return {"caption": part.caption, "columns": columns, "sort": _sort(part), "numbered": part.numbered}


def column_data(column: Column) -> dict[str, object]:
    """A column of a table as it stands in the page."""
    content = {
        "header": column.heading, "form": column.form, "places": column.places,
        "values": _packed(column.values, column.places),
        "low": _packed(column.low, column.places), "high": _packed(column.high, column.places),
        "filter": column.filter, "note": column.note,
    }
    needed = ("header", "form", "places", "values")
    return {key: value for key, value in content.items() if value or key in needed}


def _packed(values: Sequence[Any], places: int) -> Sequence[Any] | str:
    """Many numbers (and None) of no more than so many decimal places and four digits as base64, behind "PLACES:"."""
    if len(values) < MANY or not all(value is None or (type(value) is float and isfinite(value)) for value in values):
        return values
    numbers = np.array(values, np.float64)
    whole = np.rint(numbers * 10.0**places)
    if (np.isnan(numbers) | ((np.abs(whole) < -NONE) & (whole / 10.0**places == numbers))).all():
        return f"{places}:{base64.b64encode(np.nan_to_num(whole, nan=NONE).astype(DECIMALS).tobytes()).decode()}"
    return values


LISTED = 12  # failures of the plain list
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # digits of a number of base 64
TIE, RIGHT, WRONG, UNKNOWN = "t", "r", "w", "?"  # in place of the position that a model calls odd
CHOICES = ("0", "1", "2", TIE, RIGHT, WRONG, UNKNOWN)
SHARES = 1002  # 0 to 1 in thousandths, and what is not known
SHIFTS = (18, 12, 6, 0)  # of the letters of a model in a code
WIDTH = len(SHIFTS)


@dataclass(frozen=True)
class Verdict:
    """What a model makes of a triplet."""

    # the position of the item that it calls odd, "0", "1" or "2"; `TIE`, or where the document does not say which one,
    # `RIGHT`, `WRONG` or `UNKNOWN`. People call position 2 odd.
    choice: str
    chosen: float | None = None  # the probability of that, or None.
    human: float | None = None  # the probability of what people say, or None.


@dataclass(frozen=True)
class Browser:
    """Failures that a reader filters and opens, the clearest first: fields from `rows` to `subjects` have one each."""

    name: str  # of the browser: letters, digits and hyphens.
    caption: str  # over what they are.
    models: tuple[str, ...]  # labels of all models.
    groups: tuple[str, ...]  # what failures of each group have in common.
    rows: tuple[int, ...]  # of the triplets.
    # three names; people call the last one odd. Of anchored triplets: anchor, chosen option, the other.
    items: tuple[tuple[str, ...], ...]
    verdicts: tuple[tuple[Verdict, ...], ...]  # of each model.
    groups_of: tuple[tuple[int, ...], ...]  # numbers of the groups that it belongs to.
    shares: tuple[float | None, ...]  # of people who answer so.
    answers: tuple[int, ...]  # how many there are.
    subjects: tuple[str | None, ...]  # who answered.
    first: int = 1  # the number of the first one in the page, by which links open it: ``#failure-1``.
    task: str = "odd-one-out"  # of the triplets.
    ties_are_wrong: bool = False  # whether a tie counts as wrong.


def is_wrong(choice: str, ties_are_wrong: bool = False) -> bool:
    """Whether a choice is wrong: a tie only by a rule that says so."""
    return choice in ("0", "1", WRONG) or (choice == TIE and ties_are_wrong)


def code(verdicts: Sequence[Verdict]) -> str:
    """Four letters for each model: its choice, and the two probabilities in thousandths, as a number of base 64."""
    letters = []
    for verdict in verdicts:
        chosen, human = (
            SHARES - 1 if share is None else round(1000 * share) for share in (verdict.chosen, verdict.human)
        )
        number = (CHOICES.index(verdict.choice) * SHARES + chosen) * SHARES + human
        letters += [LETTERS[number >> shift & 63] for shift in SHIFTS]
    return "".join(letters)


def failures_data(part: Browser, page: Page) -> dict[str, Any]:
    """What the script reads: names once, all else by number."""
    names = list(dict.fromkeys(name for three in part.items for name in three))
    number = {name: k for k, name in enumerate(names)}
    tile = (lambda name: None) if page.sprites is None else page.sprites.tile
    content: dict[str, Any] = {
        "models": part.models, "groups": part.groups, "first": part.first, "anchored": part.task == ANCHORED,
        "tiesAreWrong": part.ties_are_wrong, "names": names, "tiles": [tile(name) for name in names],
        "letters": LETTERS, "choices": "".join(CHOICES), "none": SHARES - 1,
        "items": [number[name] for three in part.items for name in three], "rows": part.rows,
        "codes": [code(verdicts) for verdicts in part.verdicts], "answers": part.answers,
    }
    if len(part.groups) > 1:
        content["groupsOf"] = part.groups_of
    for key, values in (("shares", part.shares), ("subjects", part.subjects)):
        if any(value is not None for value in values):
            content[key] = values
    return content


def failures(part: Browser, page: Page) -> str:
    """The place of the browser, and the first failures as a list."""
    page.keep(part.name, failures_data(part, page))
    name = escape(part.name)
    count = len(part.rows)
    listed = "".join(f"<li>{_line(part, k)}</li>" for k in range(min(count, LISTED)))
    more = "" if count <= LISTED else f"<p>The first {LISTED} of {count:,}.</p>"
    return f"""<div class="failures" id="{name}" data-failures="{name}">
<p class="caption" id="{name}-caption">{shown(part.caption)}</p>
<noscript><ol class="failure-list" start="{part.first}">{listed}</ol>{more}</noscript></div>"""


def _line(part: Browser, k: int) -> str:
    first, second, last = map(shown, part.items[k])
    wrong = sum(is_wrong(verdict.choice, part.ties_are_wrong) for verdict in part.verdicts[k])
    share = "" if (of_people := part.shares[k]) is None else f", {100 * of_people:.0f}% of people"
    said = (
        f"{first}: people chose {second}, not {last}" if part.task == ANCHORED
        else f"{first}, {second}, and {last}, which people call odd"
    )
    return f"{said}{share}; wrong: {wrong} of {len(part.models)} models"
