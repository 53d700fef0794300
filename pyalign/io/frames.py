"""DataFrames and structured rows as tables: their cells are read as those of a CSV file of the same table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pyalign.data.embeddings import is_frame, is_rows
from pyalign.data.texts import Texts, coded
from pyalign.errors import shorten
from pyalign.io.arrays import strings
from pyalign.io.contents import as_numbers
from pyalign.io.layout import HEAD
from pyalign.io.lines import is_text
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import Array, bad
from pyalign.io.tables import Columns, Table, text_columns


def frame_table(label: str, frame: Any) -> Table | None:
    """The table in a DataFrame of pandas or in structured rows (t,); None of anything else.

    Levels of the index that have a name are columns too, and come first. Columns that are numbered have no header.

    label: what messages call it.

    Raises:
        InputError: it has no rows, or no columns.

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
    numbered, cells = all(isinstance(name, int | np.integer) for name in names), [_cells(label, c) for c in columns]
    head, width = tuple(zip(*map(_first, cells), strict=True)), len(cells)
    header = None if numbered else tuple(str(name).strip() for name in names)
    known = [*map(as_numbers, cells)]
    return Table(header, width, head, text_columns(head, width), False, partial(_read, label, cells), columns=known)


def _cells(label: str, column: Any) -> Texts | Array:
    """Numbers as they are, anything else as the text that a CSV file has, "" where nothing is."""
    values = np.asarray(column)
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        return values.astype(np.str_).astype(np.float64)  # 0.1, not 0.10000000149
    if values.dtype.kind in "iuf":
        return values
    if values.dtype.kind in "SU":
        return coded(text.strip() for text in strings(label, values))
    empty = column.isna() if hasattr(column, "isna") else [cell is None or cell != cell for cell in values.tolist()]
    return coded("" if gone else str(cell).strip() for cell, gone in zip(column.tolist(), empty, strict=True))


def _first(cells: Texts | Array) -> tuple[str, ...]:
    """The first rows as text."""
    if isinstance(cells, Texts):
        return Texts(cells.codes[:HEAD], cells.labels).cells()
    return tuple("" if number != number else str(number) for number in cells[:HEAD].tolist())


def _read(label: str, cells: Sequence[Texts | Array], numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """Some columns as numbers, some as text."""
    for column in texts:
        one = cells[column]
        if "" in one.labels if isinstance(one, Texts) else (one != one).any():
            raise bad(label, f"column {column} has an empty cell, and is to be read as text")
    values = list[Array]()
    for column in numbers:
        one = as_numbers(cells[column])
        if isinstance(one, Texts):
            raise bad(label, f"column {column} holds {shorten(next(filter(is_text, one.labels), ''))} among numbers")
        values.append(one)
    stacked = np.stack(values, axis=1) if values else np.empty((0, 1))
    return Columns(exact_numbers(label, stacked, "columns").astype(np.float64), [cells[column] for column in texts])
