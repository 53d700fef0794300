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
from pyalign.io.lines import is_number
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
        names = [*(frame.index.names[k] for k in levels), *frame.columns]
        columns = [*map(frame.index.get_level_values, levels), *(frame.iloc[:, k] for k in range(frame.shape[1]))]
    elif is_rows(frame):
        names, columns = list(frame.dtype.names), [frame[name] for name in frame.dtype.names]
    else:
        return None
    if not columns or len(frame) == 0:
        raise bad(label, f"holds no rows of answers; got shape ({len(frame)}, {len(columns)})")
    numbered = all(isinstance(name, int | np.integer) for name in names)
    cells = [_cells(label, column) for column in columns]
    head = tuple(zip(*map(_first, cells), strict=True))
    return Table(
        None if numbered else tuple(str(name).strip() for name in names), len(cells), head,
        text_columns(head, len(cells)), False, partial(_read, label, cells), columns=[*map(as_numbers, cells)],
    )  # fmt: skip


def _cells(label: str, column: Any) -> Texts | Array:
    """Numbers as they are, anything else as the text that a CSV file has, "" where nothing is."""
    values = np.asarray(column)
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        values = values.astype(np.str_).astype(np.float64)  # 0.1, not 0.10000000149
    if values.dtype.kind in "iuf":
        return values
    if values.dtype.kind in "SU":
        return coded(text.strip() for text in strings(label, values))
    empty = column.isna() if hasattr(column, "isna") else [cell is None or cell != cell for cell in values.tolist()]
    return coded("" if gone else str(cell).strip() for cell, gone in zip(column.tolist(), empty, strict=True))


def _first(cells: Texts | Array) -> tuple[str, ...]:
    """The first rows as text."""
    if isinstance(cells, Texts):
        return tuple(cells.labels[code] for code in cells.codes[:HEAD].tolist())
    return tuple("" if number != number else str(number) for number in cells[:HEAD].tolist())


def _read(label: str, cells: Sequence[Texts | Array], numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """Some columns as numbers, some as text."""
    for column in texts:
        empty = _are_empty(cells[column])
        if empty.any():
            raise bad(label, f"row {int(empty.argmax())} (from 0), column {column}: an empty cell in a column of text")
    values = [_numbers(label, column, cells[column]) for column in numbers]
    stacked = np.stack(values, axis=1) if values else np.empty((0, 1))
    return Columns(exact_numbers(label, stacked, "columns").astype(np.float64), [cells[column] for column in texts])


def _are_empty(cells: Texts | Array) -> Array:
    """bool (t,)."""
    if not isinstance(cells, Texts):
        return cells != cells
    return cells.codes == (cells.labels.index("") if "" in cells.labels else -1)


def _numbers(label: str, column: int, cells: Texts | Array) -> Array:
    if not isinstance(cells, Texts):
        return cells
    wrong = next((code for code, cell in enumerate(cells.labels) if not is_number(cell)), None)
    if wrong is not None:
        row, cell = int((cells.codes == wrong).argmax()), shorten(cells.labels[wrong])
        raise bad(label, f"row {row} (from 0), column {column}: {cell} is not a number")
    return np.array(cells.labels, np.float64)[cells.codes]
