"""Text tables. numpy's C parser reads them; when it stumbles, a plain reader goes by lines and says where."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TextIO

import numpy as np

from pyalign.data.categories import Texts
from pyalign.errors import InputError, shorten
from pyalign.io.arrays import TRIPLETS, Wanted
from pyalign.io.layout import Layout, Row, cells_of, find_layout, is_blank, is_number, is_rounded, read_rows
from pyalign.io.numbers import EXACT
from pyalign.io.paths import Array, PathLike, bad, open_text
from pyalign.io.tables import Columns, Table, text_columns
from pyalign.io.trials import text_trials


def text_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a text file, laid out as its first rows tell."""
    trials = text_trials(path) if wanted.what == TRIPLETS.what else None
    if trials is not None:
        return trials
    layout = find_layout(path, wanted.has_header, wanted.what, wanted.short_header)
    text = text_columns(layout.head, layout.width)
    return Table(layout.header, layout.width, layout.head, text, False, partial(read_columns, path, layout))


class Coder:
    """Collects the cells of a column of text as codes."""

    def __init__(self) -> None:
        self.codes, self.known = array("i"), dict[str, int]()

    def add(self, cell: str) -> None:
        self.codes.append(self.known.setdefault(cell, len(self.known)))

    def convert(self, cell: str) -> float:
        """Codes a cell, and gives 0.0 to numpy, which wants a number; raises for what the plain reader has to see."""
        cell = cell.strip()
        if not cell or "\0" in cell or cell.startswith("#"):
            raise ValueError("an empty cell, a NUL byte, or what may be a comment")
        self.add(cell)
        return 0.0

    def texts(self) -> Texts:
        return Texts(np.array(self.codes, dtype=np.int32), tuple(self.known))


def read_columns(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """Some columns as numbers, some as text."""
    try:
        if numbers:
            columns = _fast(path, layout, numbers, texts)
            if not ((columns.numbers >= EXACT) | (columns.numbers <= -EXACT)).any():
                return columns  # others may be rounded: the plain reader sees
    except ValueError as error:
        if isinstance(error, InputError):
            raise
    return _slow(path, layout, numbers, texts)


def _fast(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    coders = [Coder() for _ in texts]
    every = sorted([*numbers, *texts]) == list(range(layout.width))
    wanted = list(range(layout.width)) if every else [*numbers, *texts]
    plain = every and not _has_quotes(path)
    with open_text(path) as handle:
        for _ in range(layout.skip):
            next(handle)
        values: Array = np.loadtxt(
            handle if plain else _even(handle, layout),
            comments=None,  # a comment below the header sends us to the plain reader
            delimiter=layout.delimiter,
            quotechar=None if layout.delimiter is None else '"',
            usecols=None if every else wanted,
            converters={column: coder.convert for column, coder in zip(texts, coders, strict=True)} or None,
            encoding="utf-8",
            ndmin=2,
        )
    places = [wanted.index(column) for column in numbers]
    if places != list(range(values.shape[1])):
        values = np.ascontiguousarray(values[:, places])
    return Columns(values, [coder.texts() for coder in coders])


def _has_quotes(path: PathLike) -> bool:
    with open_text(path) as handle:
        return any('"' in piece for piece in iter(partial(handle.read, 1 << 20), ""))


def _even(handle: TextIO, layout: Layout) -> Iterator[str]:
    """Lines without needless quotes, which numpy reads in its own way; raises for what it does not notice.

    When it reads some of the columns only, that is a ragged row or a comment.
    """
    marks, quoted = layout.width - 1, _quoted(layout.delimiter)
    for line in handle:
        if '"' in line and not quoted.fullmatch(line):
            yield _requoted(line, layout)
            continue
        line = line.replace('"', "")
        delimiters = len(line.split()) - 1 if layout.delimiter is None else line.count(layout.delimiter)
        if (delimiters != marks and not is_blank(line, layout.delimiter)) or line.lstrip().startswith("#"):
            raise ValueError("a ragged row, or what may be a comment")
        yield line


def _requoted(line: str, layout: Layout) -> str:
    """The line as numpy parts it into the same cells."""
    try:
        cells = cells_of("", 0, line, layout.delimiter)
    except InputError as error:  # the plain reader knows the line
        raise ValueError("a quote within a cell") from error
    if layout.delimiter is None or len(cells) != layout.width:
        raise ValueError("a ragged row, or quotes that numpy would not part")
    return layout.delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def _quoted(delimiter: str | None) -> re.Pattern[str]:
    """A line of cells that mean the same without their quotes."""
    if delimiter is None:
        return re.compile(r'\s*(("[^"\s#]+"|[^"\s]+)(\s+|$))*')
    cell = rf'[^\S{delimiter}]*("[^"{delimiter}\r\n#]*"[^\S{delimiter}]*|[^"{delimiter}]*)'
    return re.compile(f"{cell}({delimiter}{cell})*")


def _slow(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """The columns, read by plain Python: takes comments anywhere, and names the line of the first bad cell."""
    values, coders = array("d"), [Coder() for _ in texts]
    adders: list[tuple[int, Callable[[str], None]]] = [(c, k.add) for c, k in zip(texts, coders, strict=True)]
    for line, cells in data_rows(path, layout):
        for column, add in adders:
            if not cells[column]:
                raise bad(path, f"line {line}, column {column + 1}: an empty cell in a column of text")
            add(cells[column])
        for column in numbers:
            if not is_number(cells[column]):
                raise bad(path, f"line {line}, column {column + 1}: {shorten(cells[column])} is not a number")
            values.append(float(cells[column]))
            if abs(values[-1]) >= EXACT and is_rounded(cells[column], values[-1]):
                cell = shorten(cells[column])
                raise bad(path, f"line {line}, column {column + 1}: {cell} is more than float64 holds exactly")
    return Columns(np.array(values).reshape(-1, max(len(numbers), 1)), [coder.texts() for coder in coders])


def data_rows(path: PathLike, layout: Layout) -> Iterator[Row]:
    """The rows below the header, each of the table's width."""
    for row in read_rows(path, layout.delimiter, layout.fits):
        if row.line <= layout.skip:
            continue
        if len(row.cells) != layout.width:
            width = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
            raise bad(path, f"line {row.line} has {width}; the first row has {layout.width}")
        yield row
