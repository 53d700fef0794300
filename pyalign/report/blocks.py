"""What results are shown as: tables of typed values, text, figures, sections. No block holds marks of any writer.

The view of a result, ``view(result, verbose) -> list of blocks``, states it once. `pyalign.report.text` writes blocks
for a terminal, `pyalign.report.text` in HTML and LaTeX, `pyalign.report.page` in pages; each rounds, fits and escapes
by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Generic, TypeVar

from pyalign._dataclass import dataclass, replace
from pyalign.documents import ci_of
from pyalign.report.words import Labels, beginning, interval_header, one_line, shortened

Value = str | float | int | bool | None
TEXT, PAGE = "text", "page"  # writers that a column may be for only


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    header: str  # above it.
    values: tuple[Value, ...]  # one for each row, unrounded; None: there is none.
    # how values are written: "text", "percent", "bar" (a percentage, drawn on pages), "number", "digits", "count" or
    # "p".
    form: str = "text"
    # low, high: ends of the interval of each value, None where it has none; () for a column without intervals.
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    # digits after the point of "number" and "percent", see `supported_places`; of "digits" significant ones, for what
    # may be small, such as penalties.
    places: int = 1
    ends: str = ""  # the header of their own column in text, HTML and LaTeX; "": they are on pages only.
    # how long it is kept where a text is too narrow: the lowest go first; 0 only in verbose text; 9 always.
    keep: int = 9
    keep_ends: int = 9  # the same of the column of the intervals.
    # how the note below a text says it where all cells are the same, such as "measure {}"; "" where the column stays
    # then.
    same: str = ""
    foot: str = ""  # what the note below a text says of the column, where it is shown.
    note: str = ""  # what a reader of a page should know of it.
    filter: bool = False  # whether the rows of a page can be chosen by its values.
    named: bool = False  # whether the header is a name, such as that of a model, and stands as it is on a page.
    only: str = ""  # the writer that it is for, `TEXT` or `PAGE`; "" for all.
    write: Callable[[Any], str] | None = None  # how text has a value that no form suits.
    # the cells within so many characters each, where a text is too narrow even without what can be left out; the first
    # column that has it is shortened, else the names in the first column.
    fit: Callable[[int], Sequence[str]] | None = None
    left: bool = False  # whether text begins at the left, as in the first column.
    optional: bool = False  # whether a table is without it where no row has a value.

    @property
    def heading(self) -> str:
        """The header as pages show it: words begin with a capital, names and signs such as p are as they are."""
        words = not self.named and re.match(r"[a-z]{2,}(?![^ ,-])", self.header)
        return self.header[0].upper() + self.header[1:] if words else self.header

    @property
    def empty(self) -> bool:
        """Whether no row has a value."""
        return all(value is None or value != value for value in self.values)


Row = TypeVar("Row")
Field = str | Callable[[Row], Any]  # its name; "a.b" for the b of its a, "0.b" of its first; or a function


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """What a table has a row for each of. `ends`: as in `Column`, of columns with intervals that have no other."""

    of: Sequence[Row]
    ends: str = ""

    def column(
        self, header: str, value: Field[Row], form: str = "text", places: int = 1, *, ci: Field[Row] | None = None,
        ends: str | None = None, **options: Any,
    ) -> Column:
        """A column of a field of each, with the ends of the intervals of `ci`; see `Column` for the options.

        Without `ci` they are those of the figures, where some are `Estimate`, and `ends` says their level.

        Example:
            >>> column = Rows([("clip", 0.5, (0.4, 0.6)), ("vgg", 0.3, None)]).column
            >>> column("accuracy", "1", "percent", ci="2").low
            (0.4, None)
        """
        values = self.each(value)
        own = [ci_of(one) for one in values]
        known = next(filter(None, own), None)
        low, high = ends_of(self.each(ci) if ci else own)
        if form in ("percent", "bar"):
            places = max(places, supported_places(low, high))
        level = self.ends or (interval_header(known.confidence) if known else "")
        shown = (level if ends is None else ends) if ci or known else ""
        return Column(header, values, form, low, high, places, shown, **options)

    def each(self, field: Field[Row]) -> tuple[Any, ...]:
        """A field of each row, None where there is nothing on the way to it.

        Example:
            >>> Rows([("clip", 2j), ("vgg", None)]).each("1.imag")
            (2.0, None)
        """
        if not isinstance(field, str):
            return tuple(map(field, self.of))
        found: tuple[Any, ...] = tuple(self.of)
        for name in field.split("."):
            found = tuple(_field_of(one, name) for one in found)
        return found


def _field_of(row: Any, name: str) -> Any:
    if row is None or isinstance(row, Mapping):
        return None if row is None else row.get(name)
    return row[int(name)] if name.isdigit() else getattr(row, name)


def supported_places(low: Sequence[float | None], high: Sequence[float | None]) -> int:
    """Digits after the point of percentages that their intervals support: one, or up to three of narrow intervals.

    The last digit that is shown is at most twice as large as the median half-width.

    Example:
        >>> [supported_places((low,), (high,)) for low, high in ((0.49, 0.51), (0.4998, 0.5002), (0.49, None))]
        [1, 2, 1]
    """
    ends = zip(low, high, strict=True)
    widths = [100 * (b - a) for a, b in ends if a is not None and b is not None and 0 < 100 * (b - a) < math.inf]
    return min(3, max(1, math.ceil(-math.log10(median(widths))))) if widths else 1


def concepts_column(header: str, names: Sequence[str]) -> Column:
    """Labels of concepts, whose beginnings are kept where a text is narrow."""
    lines = tuple(map(one_line, names))
    return Column(header, lines, fit=lambda room: [beginning(line, room) for line in lines])


def names_column(
    header: str, say: Callable[[Labels], Sequence[str]], labels: Labels, several: int = 2, besides: int = 3
) -> Column:
    """What is said of several models in a row, with the labels of all; in a narrow text with shortened ones.

    `besides`: characters of a cell that are of no label.
    """

    def fit(room: int) -> Sequence[str]:
        short = shortened(list(labels.values()), max(4, (room - besides) // several))
        return say(dict(zip(labels, short, strict=True)))

    return Column(header, tuple(say(labels)), fit=fit, only=TEXT)


def ends_of(
    intervals: Sequence[Iterable[float | None] | None],
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """The low and the high ends of intervals, None for one that is not there or that is not known; () for no interval.

    Example:
        >>> ends_of([(0.4, 0.6), None]), ends_of([None])
        (((0.4, None), (0.6, None)), ((), ()))
    """
    lows, highs = list[float | None](), list[float | None]()
    for interval in intervals:
        low, high = (None, None) if interval is None else interval
        known = low is not None and high is not None and low == low and high == high
        lows.append(low if known else None)
        highs.append(high if known else None)
    return ((), ()) if all(low is None for low in lows) else (tuple(lows), tuple(highs))


@dataclass(frozen=True)
class Table:
    """A table. On a page it sorts, filters, hides columns and copies itself as CSV."""

    columns: tuple[Column, ...]  # of as many values each; the first names the row.
    title: str = ""  # a line before it, in text, HTML and LaTeX; "": none.
    name: str = ""  # of letters, digits and hyphens: its anchor in a page, and the key of its data there.
    # on a page: what the figures are of, and over what: how many objects, people, triplets; held out or not.
    caption: str = ""
    # the header that a page sorts rows by at first, and whether the largest come first; None: as they come.
    sort: tuple[str, bool] | None = None
    numbered: bool = False  # whether a first column of a page counts the rows, as they stand.
    # the characters that text must have for it, or it shows `or_else` in its place; 0: columns are left out.
    room: int = 0
    or_else: str = ""
    fold: str = ""  # the title under which a page has it folded away; "": it stands open.
    only: str = ""  # the writer that it is for, as of `Column`; pages have those with a name.

    def __post_init__(self) -> None:
        lengths = {len(column.values) for column in self.columns}
        lengths |= {len(ends) for column in self.columns for ends in (column.low, column.high) if ends}
        if len(lengths) > 1:
            raise ValueError(f"columns of table {self.name!r} must have as many values each; got {sorted(lengths)}")

    @property
    def order(self) -> list[int]:
        """The rows as a page sorts them at first: what is missing comes last, whichever way that is."""
        header, descending = self.sort or ("", False)
        values = next((column.values for column in self.columns if self.sort and column.header == header), None)
        rows = range(len(self.columns[0].values) if self.columns else 0)
        if values is None:
            return [*rows]

        def key(row: int) -> tuple[bool, Any]:
            value = values[row]
            return isinstance(value, str), value.casefold() if isinstance(value, str) else value

        there = sorted((row for row in rows if values[row] is not None), key=key, reverse=descending)
        return there + [row for row in rows if values[row] is None]

    def on_page(
        self, name: str, caption: str = "", sort: str = "", ascending: bool = False, *, fold: str = "", only: str = ""
    ) -> Table:
        """This table with what a page needs to show it; `caption`: what it says, where that is not its title."""
        order = (sort, not ascending) if sort else None
        return replace(self, name=name, caption=caption or self.caption, sort=order, fold=fold, only=only)


@dataclass(frozen=True)
class Lines:
    """Lines that stand as they are in text."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Paragraph:
    """A text that is wrapped; lines after its first begin after so many spaces."""

    text: str
    indent: int = 0


@dataclass(frozen=True)
class Foot:
    """How to read the tables before it: phrases, to which text adds what it says of columns.

    `apart`: after a blank line; `plain`: without what text says of columns, which the next one has.
    """

    notes: tuple[str, ...]
    apart: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Text:
    """Plain text of a page, a paragraph each, no markup.

    `kind`: "text"; "note" for what some readers will want to know, in small letters; "warning" for what all must see.
    """

    paragraphs: tuple[str, ...]
    kind: str = "text"


@dataclass(frozen=True)
class Figure:
    """A chart, with all that is said for those who don't see it."""

    name: str  # as in `Table`.
    caption: str  # what the title and the lines below it, which the chart draws, do not say; "": nothing.
    chart: Any  # of Altair.
    summary: str  # the text alternative: title, these lines, and caption.
    data: Table | None = None  # its numbers, behind the link "data"; a name of its own.
    # the chart again, for a screen that `chart` does not fit, such as a telephone's; None: there is none.
    narrow: Any = None


@dataclass(frozen=True)
class Fact:
    """A figure that a reader should see at once: what it is, its value as text, and a few words more."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class Facts:
    """Figures next to each other."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Code:
    """Text to copy. `caption`: what it is."""

    caption: str
    text: str


@dataclass(frozen=True)
class Tile:
    """An object: its picture where the page has one, else its name only. `mark`: "", or a class of the style sheet."""

    name: str
    caption: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Tiles:
    """Rows of pictures of objects, each under a heading."""

    name: str
    caption: str
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]


@dataclass(frozen=True)
class Fold:
    """Parts that are shown when their title is opened."""

    title: str
    parts: tuple[Any, ...]
    open: bool = False


@dataclass(frozen=True)
class Section:
    """A section of a page. `name`: its anchor; `title`: its heading; `lead`: what a reader learns here."""

    name: str
    title: str
    lead: str
    parts: tuple[Any, ...]


Block = Table | Lines | Paragraph | Facts | Foot  # of views; pages have all
Part = TypeVar("Part")


def present(parts: Iterable[Part | None]) -> tuple[Part, ...]:
    """The parts that are not None."""
    return tuple(part for part in parts if part is not None)


def table(*columns: Column | None, title: str = "") -> Table:
    """A table of those columns that there are, without optional ones that are empty."""
    return Table(tuple(one for one in columns if one is not None and not (one.optional and one.empty)), title)


def foot(*notes: str, apart: bool = False) -> Foot:
    """How to read the tables before it: those notes that say something."""
    return Foot(tuple(filter(None, notes)), apart)


def first_and_last(rows: Sequence[Row], most: int, verbose: bool) -> Sequence[Row]:
    """All rows; of more than `most` as many, half of them from either end, but for a verbose text."""
    return rows if verbose or len(rows) <= most else [*rows[: most // 2], *rows[-(most // 2) :]]


def filled(columns: Sequence[Column | None]) -> tuple[Column, ...]:
    """The first column, and every other that has a value in at least one row."""
    return tuple(one for k, one in enumerate(columns) if one is not None and (k == 0 or not one.empty))
