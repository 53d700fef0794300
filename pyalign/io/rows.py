"""Embeddings in a table: which column names the rows, which only counts them, and which are features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pyalign.data.names import listing
from pyalign.data.texts import Texts
from pyalign.io.headers import INDEX_HEADERS, NAME_HEADERS
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Column, Table, column_index


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
    """The values (n, d), the names of the rows or None, and what was noticed.

    Raises:
        InputError: two columns could be the names and `name_column` does not choose; what a cell does wrong.
    """
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
    return f"{many}: {_listed(table, columns)}; choose one with name_column=column"


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
