"""What a page is made of: sections, and in them text, tables, figures, pictures. Values alone; `html` writes them.

A section is made by a function ``section(given) -> Section | None`` of a module in `pyalign.report.page.sections`; None
where the results hold nothing for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Value = str | float | int | bool | None
# How a column shows its values; sorting and copying take the values themselves.
FORMS = ("text", "percent", "bar", "number", "count", "p")  # bar: a percentage, drawn too


@dataclass(frozen=True)
class Column:
    """A column of a table of a page.

    Attributes:
        header: above it.
        values: one for each row, as the document has them, unrounded; None: there is none, shown as such.
        form: how values are shown, one of `FORMS`.
        low, high: ends of the interval of each value, None where it has none; () for a column without intervals.
        places: digits after the point of "percent" and "number".
        filter: whether rows can be chosen by its values.
        note: what a reader should know of it, a sentence.
        named: whether the header is a name, such as that of a model, and stands as it is; words begin with a capital.
    """

    header: str
    values: tuple[Value, ...]
    form: str = "text"
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    places: int = 1
    filter: bool = False
    note: str = ""
    named: bool = False

    @property
    def heading(self) -> str:
        """The header as it is shown: words begin with a capital, names and signs such as p are as they are.

        Example:
            >>> [Column(header, ()).heading for header in ("zero-shot", "p, corrected", "imagenet_accuracy", "SHA-256")]
            ['Zero-shot', 'p, corrected', 'imagenet_accuracy', 'SHA-256']
        """
        words = not self.named and re.match(r"[a-z]{2,}(?![^ ,-])", self.header)
        return self.header[0].upper() + self.header[1:] if words else self.header


@dataclass(frozen=True)
class Text:
    """Plain text, a paragraph each, no markup. `kind`: "text"; "note" for what some readers will want to know, in small
    letters; "warning" for what nobody must miss."""

    paragraphs: tuple[str, ...]
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """A table: it sorts, filters, hides columns and copies itself as CSV.

    Attributes:
        name: of letters, digits and hyphens; its anchor in the page, and the key of its data there.
        caption: what the figures are of, and over what: how many objects, people, triplets; held out or in-sample.
        columns: of as many values each; the first names the row.
        sort: the header that rows are sorted by at first, and whether the largest come first; None: as they come.
        numbered: whether a first column counts the rows, as they stand.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    sort: tuple[str, bool] | None = None
    numbered: bool = False

    def __post_init__(self) -> None:
        lengths = {len(one.values) for one in self.columns}
        lengths |= {len(ends) for one in self.columns for ends in (one.low, one.high) if ends}
        if len(lengths) > 1:
            raise ValueError(f"columns of table {self.name!r} must have as many values each; got {sorted(lengths)}")


@dataclass(frozen=True)
class Figure:
    """A chart, with all that is said for those who don't see it.

    Attributes:
        name: as in `Table`.
        caption: what it shows, and over what.
        chart: of Altair.
        summary: the text alternative: what can be seen there, in one or two sentences with numbers.
        data: its numbers, behind the link "data"; a name of its own.
    """

    name: str
    caption: str
    chart: Any
    summary: str
    data: Table | None = None


@dataclass(frozen=True)
class Tile:
    """An object: its picture where the page has one, else its name alone. `mark`: "", or a class of the style sheet."""

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
    """A section. `name`: its anchor; `title`: its heading; `lead`: what a reader learns here, in a sentence or two."""

    name: str
    title: str
    lead: str
    parts: tuple[Any, ...]


def present(parts: Sequence[Any]) -> tuple[Any, ...]:
    """Those parts that there are."""
    return tuple(part for part in parts if part is not None)
