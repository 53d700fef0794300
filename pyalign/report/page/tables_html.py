"""Tables as HTML: plain rows that need no script, and their values, packed, for sorting, filtering and copying."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from pyalign.report.blocks import TEXT, Column, Table
from pyalign.report.page.html import MISSING, Page, figure, interval, rounded, shown

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
    name, sort = escape(part.name), _sort(part)
    order = _order(part, sort)
    count = len(order)
    page.keep(part.name, data(part), packed=True)
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


def _order(part: Table, sort: tuple[str, bool] | None) -> list[int]:
    """Rows as they stand at first: what is missing comes last, whichever way they are sorted."""
    order = list(range(len(part.columns[0].values) if part.columns else 0))
    if sort is None:
        return order
    values = next(column for column in part.columns if column.heading == sort[0]).values

    def key(row: int) -> tuple[bool, Any]:
        value = values[row]
        return isinstance(value, str), value.casefold() if isinstance(value, str) else value

    there = sorted((row for row in order if values[row] is not None), key=key, reverse=sort[1])
    return there + [row for row in order if values[row] is None]


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


def data(part: Table) -> dict[str, object]:
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
    }  # fmt: skip
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
