"""Images in Parquet, in the process apart: which column they are, and their rows from front to back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pyalign.data.names import listing
from pyalign.io._apart_desk import Desk, give_rows
from pyalign.io.packages import needed
from pyalign.io.paths import bad

pyarrow: Any = needed("", "pyarrow", "files")
parquet: Any = needed("", "pyarrow", "files", "pyarrow.parquet")
BINARY = ("binary", "large_binary", "binary_view")
BUFFER = 1 << 20  # bytes of a column that are read at once, or a page; else it is all of a row group
AT_ONCE = 16  # rows

_last: _Reading | None = None  # where the rows that were asked for last ended


def pictures(desk: Desk, path: str, column: str | None) -> dict[str, Any]:
    """The column of images: its name, the leaves in it with their bytes and their paths; and all columns of text."""
    with parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
        schema, metadata = file.schema_arrow, file.metadata
        if metadata.num_rows < 0:
            raise bad(path, f"is not a sound Parquet file (it says that it has {metadata.num_rows} rows)")
        found = {field.name: leaves for field in schema if (leaves := _leaves(field)) is not None}
        if column is not None and column not in schema.names:
            raise bad(path, f"has no column {column!r}; it holds {listing(schema.names)}")
        if column is None and len(found) != 1:
            several = f"several columns of images, choose one as FILE::COLUMN: {listing(list(found))}"
            raise bad(path, f"holds {several if found else f'no column of images ({listing(schema.names)})'}")
        column = next(iter(found)) if column is None else column
        if column not in found:
            rule = "must be binary, or bytes and path as the library datasets writes them"
            raise bad(path, f"column {column!r} {rule}; got {str(schema.field(column).type)[:200]}")
        data, names = found[column]
        nbytes = sum(_packed(metadata.row_group(group), data) for group in range(metadata.num_row_groups))
        text = [field.name for field in schema if str(field.type) in ("string", "large_string")]
        return {
            "column": column,
            "data": data,
            "path": names,
            "text": text,
            "rows": metadata.num_rows,
            "nbytes": nbytes,
        }


def picture_names(desk: Desk, path: str, leaf: str) -> list[str | None]:
    """A column of text, or one within a column."""
    found = list[str | None]()
    with parquet.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=BUFFER) as file:
        for batch in file.iter_batches(1 << 14, columns=[leaf], use_threads=False):
            found += _cells(batch, leaf).to_pylist()
            desk.progress()
    return found


def picture_rows(desk: Desk, path: str, leaf: str, start: int, stop: int, most: int) -> None:
    """Gives the lengths of rows and their bytes: rows until they have `most` bytes.

    A row group may be the whole file, and is read from its front alone; so it stays open for the rows behind these.
    """
    global _last
    status = os.stat(path)
    stamp = (path, leaf, status.st_size, status.st_mtime_ns)
    if _last is None or _last.stamp != stamp or _last.place > start:
        _last = _Reading(stamp, path, leaf, start)
    reading, rows, total = _last, list[bytes | None](), 0
    _last = None  # unless all goes well
    while reading.place < stop and total < most:
        if reading.place % AT_ONCE == 0:
            desk.progress()
        try:
            row = next(reading.rows)
        except StopIteration:
            raise bad(path, "is not a sound Parquet file (it has fewer rows than it says)") from None
        if reading.place >= start:
            rows.append(row)
            total += len(row or b"")
        reading.place += 1
    _last = reading
    give_rows(desk, rows)


class _Reading:
    """Rows of a column one by one, from the row group of `start` on. place: the row that comes next."""

    def __init__(self, stamp: tuple[Any, ...], path: str, leaf: str, start: int) -> None:
        self.stamp, self.place = stamp, 0
        file = parquet.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=BUFFER)
        groups = list(range(file.metadata.num_row_groups))
        while groups and self.place + (rows := file.metadata.row_group(groups[0]).num_rows) <= start:
            self.place += rows
            del groups[0]
        self.rows = self._rows(file, groups, leaf)

    @staticmethod
    def _rows(file: Any, groups: list[int], leaf: str) -> Iterator[bytes | None]:
        with file:
            for batch in file.iter_batches(AT_ONCE, row_groups=groups, columns=[leaf], use_threads=False):
                for cell in _cells(batch, leaf):
                    yield cell.as_py()


def _leaves(field: Any) -> tuple[str, str | None] | None:
    """The columns of Parquet with the bytes and the paths of images, where a field holds such."""
    if str(field.type) in BINARY:
        return field.name, None
    if not pyarrow.types.is_struct(field.type):
        return None
    inner = {one.name: str(one.type) for one in field.type}
    if inner.get("bytes") not in BINARY:
        return None
    named = inner.get("path") in ("string", "large_string")
    return f"{field.name}.bytes", f"{field.name}.path" if named else None


def _cells(batch: Any, leaf: str) -> Any:
    """The values of the one column that was read, from within another where it lies in one."""
    cells = batch.column(0)
    return cells.field(0) if pyarrow.types.is_struct(cells.type) else cells


def _packed(group: Any, leaf: str) -> int:
    """Bytes of a column in a row group, unpacked."""
    chunks = [group.column(k) for k in range(group.num_columns)]
    return sum(int(one.total_uncompressed_size) for one in chunks if one.path_in_schema == leaf)
