"""How tables of a page show their values; `core.js` shows them in the same way when rows are sorted."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from html import escape

from pyalign.report.blocks import Column, Value
from pyalign.report.page.html import shown
from pyalign.report.words import one_line

MISSING = '<span class="missing" title="not in the result">\u2013</span>'
HUGE = 1e15  # written with an exponent, whatever it is
MINUS = "\u2212"


def figure(value: float, form: str, places: int) -> str:
    r"""A number as people read it.

    Example:
        >>> shown = figure(0.5046, "percent", 1), figure(1234, "count", 0), figure(-0.5, "number", 2), figure(0, "p", 0)
        >>> tuple(map(ascii, shown))
        ("'50.5\\xa0%'", "'1,234'", "'\\u22120.50'", "'<0.0001'")
    """
    if abs(value) >= HUGE:
        text = f"{value:.1e}"
    elif form == "p":
        text = "<0.0001" if value < 1e-4 else _fixed(value, 4, "")
    elif form == "count":
        text = _fixed(value, 0 if float(value).is_integer() else 1)
    elif form in ("percent", "bar"):
        text = f"{_fixed(100 * value, places, '')}\u00a0%"
    else:
        text = _fixed(value, places) if abs(value) < 1e7 else f"{value:.{places}e}"
    return text.replace("-", MINUS)


def _fixed(value: float, places: int, mark: str = ",") -> str:
    """Rounded as JavaScript does it: a number in the middle, exactly, away from zero."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{rounded:{mark}.{places}f}"


def bare(value: float | None, form: str, places: int) -> str:
    """An end of an interval: without its unit."""
    return "\u2013" if value is None else figure(value, form, places).removesuffix("\u00a0%")


def cell(column: Column, row: int) -> str:
    """The inside of a cell: the value, and its interval."""
    value = column.values[row]
    if value is None:
        return MISSING
    text = plain(value, column)
    low = column.low[row] if column.low else None
    high = column.high[row] if column.high else None
    if low is None and high is None:
        return text
    ends = f"{bare(low, column.form, column.places)} to {bare(high, column.form, column.places)}"
    return f'{text} <span class="ends">{escape(ends)}</span>'


def words(text: str) -> str:
    """A text of a cell; letters that may be of another direction of writing stand by themselves."""
    line = one_line(text)
    return escape(line) if line.isascii() else shown(line)


def plain(value: Value, column: Column) -> str:
    """A value that there is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.form == "text" or isinstance(value, str):
        return words(str(value))
    assert value is not None
    text = escape(figure(value, column.form, column.places))
    if column.form != "bar":
        return text
    width = _fixed(100 * min(max(float(value), 0.0), 1.0), 1, "")
    return f'<span class="bar" style="--share:{width}%"></span>{text}'
