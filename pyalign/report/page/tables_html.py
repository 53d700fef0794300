"""Tables as HTML: plain rows that need no script, and their values for sorting, filtering and copying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import isfinite
from typing import Any

from pyalign.report.blocks import TEXT, Column, Table, Value
from pyalign.report.page.cells import cell
from pyalign.report.page.columns import packed
from pyalign.report.page.html import Page, shown

BRIEF = 17  # letters of a text that is kept on one line even where the table is too wide
SHORT = 36  # letters of a text that is kept on one line
MOST = 100  # rows of a table that stands in the page as a whole
STATIC = 30  # rows of a longer one that do; the script shows the others


def table(part: Table, page: Page) -> str:
    """Tools, and the table in a frame that scrolls."""
    part = replace(part, columns=tuple(map(_finite, (one for one in part.columns if one.only != TEXT))))
    name, order = escape(part.name), _order(part)
    page.keep(part.name, data(part))
    count = len(order)
    first = order if count <= MOST else order[:STATIC]
    kinds = [_kind(one) for one in part.columns]
    rows = "".join(_row(part, kinds, row, place) for place, row in enumerate(first, start=1))
    more = f'<p class="without-script">The first {STATIC} of {count:,} rows.</p>' if count > len(first) else ""
    return f"""<div class="table" id="{name}" data-table="{name}">
<p class="caption" id="{name}-caption">{shown(part.caption)}</p>
<div class="table-tools needs-script"></div>
<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}-caption">
<table aria-labelledby="{name}-caption"><thead><tr>{_headers(part)}</tr></thead>
<tbody>{rows}</tbody></table></div>{more}</div>"""


def _finite(column: Column) -> Column:
    """Without what is no number, which JSON has no form for."""
    values, low, high = (tuple(map(_known, held)) for held in (column.values, column.low, column.high))
    return replace(column, values=values, low=low, high=high)


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def data(part: Table) -> dict[str, Any]:
    """What the script reads: the values as the document has them, those of long columns as `columns.py` packs them."""
    columns = []
    for one in part.columns:
        held: dict[str, Any] = {"header": one.heading, "form": one.form, "places": one.places}
        held |= {end: getattr(one, end) for end in ("values", "low", "high") if getattr(one, end) or end == "values"}
        held.update({key: getattr(one, key) for key in ("filter", "note") if getattr(one, key)})
        columns.append(packed(held))
    return {"caption": part.caption, "columns": columns, "sort": _sort(part), "numbered": part.numbered}


def _sort(part: Table) -> tuple[str, bool] | None:
    """By which header as it is shown, and whether the largest come first; None where that column is left out."""
    if part.sort is None:
        return None
    shown_as = next((one.heading for one in part.columns if one.header == part.sort[0]), None)
    return None if shown_as is None else (shown_as, part.sort[1])


def _headers(part: Table) -> str:
    first = '<th scope="col" class="number">#</th>' if part.numbered else ""
    return first + "".join(_header(one, part) for one in part.columns)


def _header(column: Column, part: Table) -> str:
    sort = _sort(part)
    sorted_by = sort is not None and sort[0] == column.heading
    down = sort is not None and sort[1]
    told = f' aria-sort="{"descending" if down else "ascending"}"' if sorted_by else ""
    note = f' title="{escape(column.note)}"' if column.note else ""
    return f'<th scope="col" class="{_kind(column)}"{told}{note}>{shown(column.heading)}</th>'


def _row(part: Table, kinds: Sequence[str], row: int, place: int) -> str:
    first = f'<td class="number">{place}</td>' if part.numbered else ""
    cells = [f'<th scope="row" class="{kinds[0]}">{cell(part.columns[0], row)}</th>']
    cells += [
        f'<td class="{kind}">{cell(one, row)}</td>' for one, kind in zip(part.columns[1:], kinds[1:], strict=True)
    ]
    return f"<tr>{first}{''.join(cells)}</tr>"


def _kind(column: Column) -> str:
    if column.form != "text":
        return "number"
    longest = max((len(str(value)) for value in column.values), default=0)
    return "text long" if longest > SHORT else "text brief" if longest <= BRIEF else "text"


def _order(part: Table) -> list[int]:
    """Rows as they stand at first: what is missing comes last, whichever way they are sorted."""
    count = len(part.columns[0].values) if part.columns else 0
    order = list(range(count))
    sort = _sort(part)
    if sort is None:
        return order
    held = next(one for one in part.columns if one.heading == sort[0]).values
    there = [row for row in order if held[row] is not None]
    there.sort(key=lambda row: _key(held[row]), reverse=sort[1])
    return there + [row for row in order if held[row] is None]


def _key(value: Value) -> tuple[bool, Any]:
    return (isinstance(value, str), str(value).casefold() if isinstance(value, str) else value)
