"""Tables: columns of numbers or of text, from any format that has columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.names import listing
from pyalign.data.texts import MISSING, Texts, coded
from pyalign.errors import shorten
from pyalign.io.arrays import strings, text_array
from pyalign.io.headers import Cells
from pyalign.io.layout import HEAD
from pyalign.io.lines import is_number, is_rounded, is_text
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import Array, PathLike, bad

Column: TypeAlias = int | str


class Columns(NamedTuple):
    """What was read. numbers: (t, k). texts: the columns asked for as text; an array where the file has numbers."""

    numbers: Array
    texts: list[Texts | Array]


@dataclass(frozen=True)
class Table:
    """A table whose columns are not read yet."""

    header: Cells | None  # of all columns, or None.
    width: int  # how many columns.
    head: tuple[Cells, ...]  # the first rows, as text.
    text: tuple[bool, ...]  # which columns hold text.
    typed: bool  # whether the format says so, for all rows; otherwise the first rows have told it.
    # (numbers, texts) -> `Columns`, where both are column numbers.
    read: Callable[[Sequence[int], Sequence[int]], Columns]
    index: tuple[int, ...] = ()  # columns that the file itself calls its index.
    names: tuple[str, ...] | None = None  # of the rows, where the file has them next to its columns.
    columns: Sequence[Texts | Array] | None = None  # all of them, where they are in memory.

    def called(self, column: int) -> str:
        """A column as messages call it."""
        name = self.header[column] if self.header else ""
        return f"column {column} ({name!r})" if name else f"column {column}"


def column_index(path: PathLike, table: Table, column: Column) -> int:
    """A column by number, from 0, or by its header."""
    header = table.header or ()
    if isinstance(column, str) and header.count(column) == 1:
        return header.index(column)
    if isinstance(column, str) and not column.isdecimal():
        have = f"its columns are {listing(list(header), 20)}"
        available = have if header else "it has no header, so count columns from 0"
        times = "twice or more" if column in header else "not"
        raise bad(path, f"column {column!r} is {times} there; {available}")
    if not isinstance(column, str | int | np.integer) or isinstance(column, bool):
        raise bad(path, f"a column must be a number, from 0, or a header; got {column!r}")
    index = int(column)
    if not 0 <= index < table.width:
        raise bad(path, f"has columns 0 to {table.width - 1}; got column {index}")
    return index


def by_name(*columns: Column | None) -> bool:
    """Whether a column is asked for by its header."""
    return any(isinstance(column, str) and not column.isdecimal() for column in columns)


def text_columns(head: Sequence[Cells], width: int) -> tuple[bool, ...]:
    """The columns that hold text and no number in the first rows."""
    columns = [[row[c] for row in head if c < len(row)] for c in range(width)]
    return tuple(any(map(is_text, cells)) and not any(map(is_number, cells)) for cells in columns)


def as_numbers(column: Texts | Array) -> Texts | Array:
    """A column as numbers, in which NaN is an empty cell, where no cell is a word or more than float64 holds."""
    numbers = [x for x in column.labels if is_number(x)] if isinstance(column, Texts) else []
    if not isinstance(column, Texts) or not numbers or any(map(is_text, column.labels)):
        return column
    if any(is_rounded(x, float(x)) for x in numbers):
        return column
    values: Array = np.array([np.nan if x.lower() in MISSING else float(x) for x in column.labels])[column.codes]
    return values


def cells_table(path: PathLike, header: Cells | None, columns: Sequence[Texts | Array], typed: bool = True) -> Table:
    """A table whose columns (t,) are in memory. typed: whether text among them is text and no number."""
    head, width = tuple(zip(*map(_first, columns), strict=True)), len(columns)
    text = tuple(isinstance(x, Texts) for x in columns) if typed else text_columns(head, width)
    return Table(header, width, head, text, typed, partial(_read_cells, path, columns), columns=columns)


def _first(cells: Texts | Array) -> tuple[str, ...]:
    """The first rows as text."""
    if isinstance(cells, Texts):
        return Texts(cells.codes[:HEAD], cells.labels).cells()
    return tuple("" if number != number else str(number) for number in cells[:HEAD].tolist())


def _read_cells(
    path: PathLike, cells: Sequence[Texts | Array], numbers: Sequence[int], texts: Sequence[int]
) -> Columns:
    """Some columns as numbers, some as text."""
    for column in texts:
        one = cells[column]
        if "" in one.labels if isinstance(one, Texts) else (one != one).any():
            raise bad(path, f"column {column} has an empty cell, and is to be read as text")
    values = [as_numbers(cells[column]) for column in numbers]
    for column, one in zip(numbers, values, strict=True):
        if isinstance(one, Texts):
            word = next(filter(is_text, one.labels), one.labels[0])
            raise bad(path, f"column {column} holds {shorten(word)} among numbers")
    stacked = np.stack([*map(np.asarray, values)], axis=1) if values else np.empty((0, 1))
    return Columns(exact_numbers(path, stacked, "columns").astype(np.float64), [cells[column] for column in texts])


def array_table(path: PathLike, values: Array, what: str) -> Table:
    """The columns of an array (t, k), of numbers or of text."""
    if values.ndim != 2:
        raise bad(path, f"{what} must have shape (t, 3); got {values.shape}")
    if len(values) == 0:
        raise bad(path, f"{what} are empty; got shape {values.shape}")
    if values.dtype.kind in "SO":  # HDF5 gives objects
        values = text_array(path, strings(path, values.ravel()), values.shape)
    head = tuple(tuple(map(str, row)) for row in values[:HEAD].tolist())
    typed = values.dtype.kind != "U"
    text = (False,) * values.shape[1] if typed else text_columns(head, values.shape[1])
    return Table(None, values.shape[1], head, text, typed, partial(_read_array, path, values))


def _read_array(path: PathLike, values: Array, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    same = tuple(numbers) == tuple(range(values.shape[1]))
    chosen = values if same else np.ascontiguousarray(values[:, list(numbers)])
    if values.dtype.kind != "U":
        return Columns(chosen, [values[:, column] for column in texts])
    wrong = next((cell for cell in chosen.ravel().tolist() if not is_number(cell)), None)
    if wrong is not None:
        raise bad(path, f"holds {wrong!r} among numbers")
    return Columns(chosen.astype(np.float64), [coded(values[:, column].tolist()) for column in texts])
