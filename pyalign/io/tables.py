"""Item numbers: whole, of a type that the kernels read.

Embeddings in a table: which column names the rows, which only counts them, and which are features.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.embeddings import is_frame, is_rows
from pyalign.data.metadata import NO_LABEL, Texts, coded
from pyalign.data.names import listing
from pyalign.errors import Remedy, shorten
from pyalign.io.arrays import strings, text_array
from pyalign.io.layout import HEAD, INDEX_HEADERS, NAME_HEADERS, Cells, is_number, is_rounded, is_text
from pyalign.io.paths import Array, PathLike, bad

PIECE = 64 << 20  # bytes looked at at once
EXACT = 2.0**53  # past it float64 skips whole numbers
KEPT = ("int16", "uint16", "int32", "int64")  # these are passed on as they come


def native(array: Array) -> Array:
    """The array in this machine's byte order; a copy only when it is in the other one."""
    return array if array.dtype.isnative else np.asarray(array, dtype=array.dtype.newbyteorder("="))


def whole_numbers(path: PathLike, values: Array, what: str = "triplets") -> Array:
    """Integers as they are (no copy for ``KEPT``); whole floats as the smallest of int32 and int64."""
    if values.dtype.kind == "f":
        return _from_floats(path, values, what)
    if values.dtype.kind not in "iu":
        raise bad(path, f"{what} must be whole numbers or names; got dtype {values.dtype}")
    if values.dtype.name in KEPT:
        return native(values)
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise bad(path, f"{what} hold {values.max()}, which is more than int64 holds")
    return values.astype(np.int64 if values.dtype.itemsize >= 4 else np.int32)


def _from_floats(path: PathLike, values: Array, what: str) -> Array:
    exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)  # past it the type skips whole numbers
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
        wrong = (whole != values) | (np.abs(values) > exact)
    if wrong.any():
        row = int(np.argmax(wrong.reshape(len(values), -1).any(axis=1)))
        value = values.reshape(len(values), -1)[row][wrong.reshape(len(values), -1)[row]][0]
        rule = f"larger than {values.dtype} holds exactly" if abs(value) > exact else "not a whole number"
        rule += ": take rows without an answer out of the file" if np.isnan(value) else ""
        swapped = ": are the files swapped?" if what == "triplets" and wrong.mean() > 0.5 else ""
        raise bad(path, f"{what} must be whole numbers; row {row} (from 0) holds {value}, {rule}{swapped}")
    limits = np.iinfo(np.int32)
    small = not whole.size or (whole.min() >= limits.min and whole.max() <= limits.max)
    return whole.astype(np.int32) if small else whole


def exact_numbers(path: PathLike, values: Array, what: str) -> Array:
    """Numbers in this machine's byte order; refuses whole ones past 2^53, which become float64 where they are used."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return native(values)
    rows = max(1, PIECE // max(1, values.nbytes // len(values)))
    pieces = (values[start : start + rows] for start in range(0, len(values), rows))
    rounded = sum(int(np.count_nonzero((piece > int(EXACT)) | (piece < -int(EXACT)))) for piece in pieces)
    if rounded:
        raise bad(
            path, f"{what} hold {rounded} whole number{'s' * (rounded != 1)} past 2^53, which float64 would round"
        )
    return native(values)


def from_one(path: PathLike, items: Array) -> Array:
    """1-based numbers made 0-based, in the same type."""
    lowest = items.min()
    if lowest < 1:
        raise bad(path, f"triplets hold a {lowest}, so they are not 1-based")
    shifted: Array = items - items.dtype.type(1)
    return shifted


class Roles(NamedTuple):
    """What the columns are for.

    names: the column of names, or None. counters: columns next to it that should count the rows. features: columns of
    numbers. unused: columns of text that another was chosen over.
    """

    names: int | None
    counters: tuple[int, ...]
    features: tuple[int, ...]
    unused: tuple[int, ...]


def read_rows(
    path: PathLike, table: Table, name_column: Column | None
) -> tuple[Array, tuple[str, ...] | None, tuple[str, ...]]:
    """The values (n, d), the names of the rows or None, and what was noticed."""
    roles = find_roles(path, table, name_column)
    read = table.read((*roles.counters, *roles.features), () if roles.names is None else (roles.names,))
    counts = read.numbers[:, : len(roles.counters)]
    wrong = [column for column, values in zip(roles.counters, counts.T, strict=True) if not _counts(values)]
    if wrong:
        raise bad(path, _several(table, [*wrong, *([] if roles.names is None else [roles.names])]))
    values = read.numbers if not roles.counters else np.ascontiguousarray(read.numbers[:, len(roles.counters) :])
    names = table.names if roles.names is None else _names(read.texts[0])
    return values, names, tuple(f"{os.fspath(path)}: {note}" for note in _notes(table, roles, values))


def names_of(path: PathLike, table: Table) -> tuple[str, ...]:
    """The names alone: of the only column of text, or of the index."""
    text = [column for column in range(table.width) if table.text[column]]
    columns = text or list(table.index)
    if len(columns) > 1:
        raise bad(path, f"{len(columns)} columns could be the names: {_listed(table, columns)}")
    if not columns:
        raise bad(path, "holds no column of text")
    return _names(table.read((), columns).texts[0])


def find_roles(path: PathLike, table: Table, name_column: Column | None) -> Roles:
    """What each column is for, by the text in it and by the header of the first."""
    text = [column for column in range(table.width) if table.text[column] and table.width > 1]
    index_columns = [*table.index, *([0] if _is_named(table) else [])]
    numbered = sorted({column for column in index_columns if not table.text[column]})
    index = [column for column in numbered if column in table.index or _header(table, column) in INDEX_HEADERS]
    possible = sorted({*text, *(column for column in numbered if column not in index)})
    if name_column is not None:
        names: int | None = column_index(path, table, name_column)
        possible, index = [column for column in sorted({*possible, *index}) if column != names], []
    elif len(possible) > 1 or (not possible and len(index) > 1):
        raise bad(path, _several(table, possible or index))
    else:
        names = possible[0] if possible else index.pop() if index else None
        possible = []
    features = [c for c in range(table.width) if c not in (names, *possible, *index)]
    if not features:
        raise bad(path, f"holds no column of numbers; first row: {', '.join(table.head[0])!r:.160}")
    return Roles(names, tuple(index), tuple(features), tuple(possible))


def _header(table: Table, column: int) -> str | None:
    return table.header[column].lower() if table.header else None


def _is_named(table: Table) -> bool:
    """Whether the header of the first column says that it holds no feature."""
    return table.width > 1 and _header(table, 0) in NAME_HEADERS


def _counts(values: Array) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ..."""
    return bool((values == np.arange(len(values))).all() or (values == np.arange(1, len(values) + 1)).all())


def _names(column: Texts | Array) -> tuple[str, ...]:
    return column.cells() if isinstance(column, Texts) else tuple(map(str, column.tolist()))


def _several(table: Table, columns: Sequence[int]) -> str:
    many = f"{len(columns)} columns could be the names of the rows"
    return f"{many}: {_listed(table, columns)}; choose one with {Remedy('name_column', like='column')}"


def _listed(table: Table, columns: Sequence[int]) -> str:
    return listing([table.called(column) for column in columns], 6)


def _notes(table: Table, roles: Roles, values: Array) -> list[str]:
    notes = [f"{table.called(column)} counts the rows and is left out" for column in roles.counters]
    if roles.unused:
        notes.append(f"{_listed(table, roles.unused)} {'are' if len(roles.unused) > 1 else 'is'} left out: no numbers")
    first = values[:, 0]
    if roles.features[0] == 0 and len(values) > 1 and values.shape[1] > 1 and _counts(first):
        few = ", ".join(f"{value:g}" for value in first[:3])
        notes.append(f"the first column looks like an index: {few}, ...; it is read as a feature")
    return notes


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
    typed: bool  # whether the format says so, for all rows; otherwise the first rows show it.
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
    values: Array = np.array([np.nan if x.lower() in NO_LABEL else float(x) for x in column.labels])[column.codes]
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


def frame_table(label: str, frame: Any) -> Table | None:
    """The table in a DataFrame of pandas or in structured rows (t,); None of anything else.

    Levels of the index that have a name are columns too, and come first. Columns that are numbered have no header.

    label: what messages call it.

    Example:
        >>> rows = np.array([(8, "dog"), (2, "")], dtype=[("item", int), ("who", "U9")])
        >>> table = frame_table("rows", rows)
        >>> table.header, table.head
        (('item', 'who'), (('8', 'dog'), ('2', '')))
    """
    if is_frame(frame):
        levels = [k for k, name in enumerate(frame.index.names) if name is not None]
        frame = frame.reset_index(level=levels, allow_duplicates=True) if levels else frame
        names, columns = [*frame.columns], [frame.iloc[:, k] for k in range(frame.shape[1])]
    elif is_rows(frame):
        names, columns = [*frame.dtype.names], [frame[name] for name in frame.dtype.names]
    else:
        return None
    if not columns or len(frame) == 0:
        raise bad(label, f"holds no rows of answers; got shape ({len(frame)}, {len(columns)})")
    numbered = all(isinstance(name, int | np.integer) for name in names)
    header = None if numbered else tuple(str(name).strip() for name in names)
    return cells_table(label, header, [as_numbers(_cells(label, column)) for column in columns], typed=False)


def _cells(label: str, column: Any) -> Texts | Array:
    """Numbers as they are, anything else as the text that a CSV file has, "" where nothing is."""
    values = np.asarray(column)
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        return values.astype(np.str_).astype(np.float64)  # 0.1, not 0.10000000149
    if values.dtype.kind in "iuf":
        return values
    if values.dtype.kind in "SU":
        return coded(text.strip() for text in strings(label, values))
    cells = [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in column.tolist()]
    empty = column.isna() if hasattr(column, "isna") else [cell is None or cell != cell for cell in cells]
    cells = [json.dumps(cell, default=str) if isinstance(cell, list | tuple) else cell for cell in cells]
    return coded("" if gone else str(cell).strip() for cell, gone in zip(cells, empty, strict=True))
