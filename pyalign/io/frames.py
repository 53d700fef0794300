"""DataFrames and structured rows as tables: their cells are read as those of a CSV file of the same table."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.data.embeddings import is_frame, is_rows
from pyalign.data.texts import Texts, coded
from pyalign.io.arrays import strings
from pyalign.io.paths import Array, bad
from pyalign.io.tables import Table, as_numbers, cells_table


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
    empty = column.isna() if hasattr(column, "isna") else [cell is None or cell != cell for cell in values.tolist()]
    return coded("" if gone else str(cell).strip() for cell, gone in zip(column.tolist(), empty, strict=True))
