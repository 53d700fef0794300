"""Triplets before their columns have a meaning: a table of whole numbers or names, from any format."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pyalign.errors import InputError
from pyalign.io.entries import choose, is_integer_table, strings
from pyalign.io.layout import HEAD, Layout, triplet_layout
from pyalign.io.npy import npz_entries, open_npy
from pyalign.io.numbers import EXACT
from pyalign.io.packages import needed
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_file, guarded, no_key, text_errors
from pyalign.io.text import data_rows, is_number, read_columns

KNOWN = (".npy", ".npz", *TEXT, ".parquet")


@dataclass(frozen=True)
class Columns:
    """What a table holds in the chosen columns.

    items: (t, 3) numbers, or indices into ``item_names``. choice: (t,) numbers, when a column was chosen.
    subject: (t,) numbers or strings, likewise.
    """

    items: Array
    item_names: tuple[str, ...] | None
    choice: Array | None
    subject: Array | Sequence[str] | None


@dataclass(frozen=True)
class Table:
    """A table whose columns are not read yet. head: the first rows, as text."""

    header: tuple[str, ...] | None
    width: int
    head: tuple[tuple[str, ...], ...]
    take: Callable[[tuple[int, ...], int | None, int | None], Columns]


def open_table(path: PathLike, key: str | None, header_named: bool, what: str = "triplets") -> Table:
    """The table in a file of any known format; messages call it `what`."""
    suffix = check_file(path, what, KNOWN)
    if suffix == ".npz":
        return _array_table(path, choose(path, npz_entries(path), key, is_integer_table).load(), what)
    no_key(path, key)
    if suffix == ".npy":
        return _array_table(path, open_npy(path), what)
    if suffix == ".parquet":
        return _parquet_table(path)
    layout = triplet_layout(path, header_named)
    return Table(layout.header, layout.width, layout.head, partial(_take_text, path, layout))


def _array_table(path: PathLike, values: Array, what: str) -> Table:
    if values.ndim != 2:
        raise bad(path, f"{what} must have shape (t, 3); got {values.shape}")
    if len(values) == 0:
        raise bad(path, f"{what} are empty; got shape {values.shape}")
    head = tuple(tuple(map(str, row)) for row in values[:HEAD].tolist())
    return Table(None, values.shape[1], head, partial(_take_array, path, values))


def _take_array(
    path: PathLike, values: Array, columns: tuple[int, ...], choice: int | None, subject: int | None
) -> Columns:
    subjects = None if subject is None else values[:, subject]
    same = columns == tuple(range(values.shape[1]))
    items = values if same else np.ascontiguousarray(values[:, list(columns)])
    if values.dtype.kind in "US":
        names, codes = np.unique(items, return_inverse=True)
        indices = codes.reshape(items.shape).astype(np.int32)
        choices = None if choice is None else _choices(path, values[:, choice])
        return Columns(indices, strings(path, names), choices, subjects)
    return Columns(items, None, None if choice is None else values[:, choice], subjects)


def _choices(path: PathLike, cells: Iterable[Any]) -> Array:
    texts = strings(path, np.asarray(cells))
    wrong = next((cell for cell in texts if not is_number(cell)), None)
    if wrong is not None:
        raise bad(path, f"the choice column holds {wrong!r}, not a position (0, 1, 2 or 1, 2, 3)")
    return np.array([float(cell) for cell in texts])


# Text


def _take_text(
    path: PathLike, layout: Layout, columns: tuple[int, ...], choice: int | None, subject: int | None
) -> Columns:
    cells = [row[column] for row in layout.head for column in columns if column < len(row)]
    if sum(map(is_number, cells)) * 2 > len(cells):
        return _take_numbers(path, layout, columns, choice, subject)
    with text_errors(path):
        return _take_names(path, layout, columns, choice, subject)


def _take_numbers(
    path: PathLike, layout: Layout, columns: tuple[int, ...], choice: int | None, subject: int | None
) -> Columns:
    wanted = columns if choice is None else (*columns, choice)
    if subject is not None and all(is_number(row[subject]) for row in layout.head if subject < len(row)):
        with suppress(InputError):  # further down there may be a subject that is no number
            values = read_columns(path, layout, (*wanted, subject))
            if not (np.abs(values[:, -1]) >= EXACT).any():  # there numbers that differ may read as one
                return Columns(values[:, :3], None, None if choice is None else values[:, 3], values[:, -1])
    values = read_columns(path, layout, wanted)
    with text_errors(path):
        subjects = None if subject is None else [cells[subject] for _, cells in data_rows(path, layout)]
    return Columns(values[:, :3], None, None if choice is None else values[:, 3], subjects)


def _take_names(
    path: PathLike, layout: Layout, columns: Sequence[int], choice: int | None, subject: int | None
) -> Columns:
    codes: dict[str, int] = {}
    items, choices, subjects = array("i"), [], []
    for line, cells in data_rows(path, layout):
        for column in columns:
            if not cells[column]:
                raise bad(path, f"line {line}, column {column + 1}: an empty name")
            items.append(codes.setdefault(cells[column], len(codes)))
        if choice is not None:
            choices.append(cells[choice])
        if subject is not None:
            subjects.append(cells[subject])
    indices, names = _sorted(np.array(items, dtype=np.int32).reshape(-1, 3), list(codes))
    chosen = None if choice is None else _choices(path, choices)
    return Columns(indices, names, chosen, None if subject is None else subjects)


def _sorted(codes: Array, names: list[str]) -> tuple[Array, tuple[str, ...]]:
    """Codes in order of appearance made codes in order of the names."""
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank[codes], tuple(names[index] for index in order)


# Parquet


def _parquet_table(path: PathLike) -> Table:
    parquet = needed(path, "pyarrow", "files", "pyarrow.parquet")
    with guarded(path, "Parquet", lambda: parquet.ParquetFile(path)) as file:
        header, rows = tuple(file.schema_arrow.names), file.metadata.num_rows
        if rows == 0:
            raise bad(path, f"triplets are empty (columns {', '.join(header)}, no rows)")
        first = guarded(path, "Parquet", lambda: next(file.iter_batches(HEAD)).to_pylist())
    head = tuple(tuple(str(row[name]) for name in header) for row in first)
    return Table(header, len(header), head, partial(_take_parquet, path, header))


def _take_parquet(
    path: PathLike, header: tuple[str, ...], columns: tuple[int, ...], choice: int | None, subject: int | None
) -> Columns:
    read = partial(_read_column, path)
    subjects = None if subject is None else _numbers_or_texts(read(header[subject]))
    items = [read(header[column]) for column in columns]
    chosen = None if choice is None else _to_numpy(path, header[choice], read(header[choice]))
    texts = sum(not _is_numeric(column) for column in items)
    if texts == 0:
        numbers = [_to_numpy(path, header[c], item) for c, item in zip(columns, items, strict=True)]
        return Columns(np.stack(numbers, axis=1), None, chosen, subjects)
    if texts != 3:
        raise bad(path, "the three item columns mix names and numbers")
    pyarrow = needed(path, "pyarrow", "files")
    codes = pyarrow.chunked_array([chunk for item in items for chunk in item.cast(pyarrow.string()).chunks])
    coded = codes.dictionary_encode().unify_dictionaries().combine_chunks()
    indices, names = _sorted(coded.indices.to_numpy().reshape(3, -1).T, coded.dictionary.to_pylist())
    return Columns(np.ascontiguousarray(indices), names, chosen, subjects)


def _read_column(path: PathLike, name: str) -> Any:
    parquet = needed(path, "pyarrow", "files", "pyarrow.parquet")
    column = guarded(path, "Parquet", lambda: parquet.read_table(path, columns=[name]).column(name))
    if column.null_count:
        raise bad(path, f"column {name!r} has {column.null_count} missing values")
    return column


def _is_numeric(column: Any) -> bool:
    kind = str(column.type)
    return kind.startswith(("int", "uint", "float", "double", "halffloat", "bool"))


def _numbers_or_texts(column: Any) -> Array | Sequence[str]:
    return column.to_numpy() if _is_numeric(column) else [str(value) for value in column.to_pylist()]


def _to_numpy(path: PathLike, name: str, column: Any) -> Array:
    if not _is_numeric(column):
        raise bad(path, f"column {name!r} holds {column.type}, not numbers")
    values: Array = column.to_numpy()
    return values
