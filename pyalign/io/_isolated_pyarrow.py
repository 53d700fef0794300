"""Parquet in the separate process: what pyarrow says of a table, and its columns as numbers or as text."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pyalign.data.names import listing
from pyalign.io._isolated_channel import Channel, give_rows
from pyalign.io.layout import HEAD
from pyalign.io.paths import Array, bad, needed
from pyalign.io.tables import EXACT

__all__ = ["columns", "picture_names", "picture_rows", "pictures", "table"]  # what is asked for

pyarrow: Any = needed("", "pyarrow", "files")
parquet: Any = needed("", "pyarrow", "files", "pyarrow.parquet")
BATCH = 1 << 16  # rows read at once
LONGEST = 1000  # letters of a cell of the first rows
WHOLE = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
NUMBERS = {*WHOLE, "halffloat", "float", "double", "bool"}
TEXT = {"string", "large_string", "string_view"}


def table(channel: Channel, path: str) -> dict[str, Any]:
    """Header, rows, first cells, which columns are text, which are pandas' index, and the range that is one."""
    with _open(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        header = list(schema.names)
        if len(set(header)) != len(header):
            raise bad(path, f"has two columns of one name among {', '.join(header)}")
        head = _head(file, schema) if rows else []
    index, counted = _index(path, schema.metadata or {}, header, rows)
    text = [_is_text(field.type) for field in schema]
    return {"header": header, "rows": rows, "head": head, "text": text, "index": index, "range": counted}


def columns(channel: Channel, path: str, numbers: Sequence[int], texts: Sequence[int]) -> list[list[str] | None]:
    """Gives the numbers (rows, k), then each column of text as codes; returns their labels, None for one of numbers."""
    with _open(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        of_numbers, of_text = ([schema.field(column) for column in some] for some in (numbers, texts))
        types = [_dtype(path, field) for field in of_numbers]
        values = channel.array((rows if types else 0, len(types)), np.result_type(*types) if types else np.float64)
        sinks: list[_Numbers | _Codes] = [_Numbers(field, values[:, k]) for k, field in enumerate(of_numbers)]
        sinks += [_sink(channel, path, field, rows) for field in of_text]
        _fill(channel, path, file, sinks, rows)
    for sink in sinks:
        sink.check(path)
    return [None if isinstance(sink, _Numbers) else list(sink.known) for sink in sinks[len(numbers) :]]


def _sink(channel: Channel, path: str, field: Any, rows: int) -> _Numbers | _Codes:
    """The sink of a column that is read as text."""
    if pyarrow.types.is_nested(field.type):
        raise bad(path, f"column {field.name!r} holds {field.type}, not text")
    if str(field.type) in NUMBERS:
        return _Numbers(field, channel.array((rows,), _dtype(path, field)))
    return _Codes(field, channel.array((rows,), np.int32))


def _open(path: str) -> Any:
    file = parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
    if file.metadata.num_rows < 0:
        raise bad(path, f"is not a sound Parquet file (it says that it has {file.metadata.num_rows} rows)")
    return file


def _batches(file: Any, names: list[str], rows: int) -> Iterator[Any]:
    yield from file.iter_batches(rows, columns=list(dict.fromkeys(names)), use_threads=False)


def _fill(channel: Channel, path: str, file: Any, sinks: Sequence[_Numbers | _Codes], rows: int) -> None:
    place = 0
    for batch in _batches(file, [sink.field.name for sink in sinks], BATCH):
        if place + batch.num_rows > rows:
            break
        for sink in sinks:
            sink.take(place, batch.column(sink.field.name))
        place += batch.num_rows
        channel.progress()
    if place != rows:
        raise bad(path, f"is not a sound Parquet file (it says that it has {rows} rows; it has others)")


class _Sink:
    """Where a column goes, a piece at a time."""

    def __init__(self, field: Any, values: Array) -> None:
        self.field, self.values, self.missing = field, values, 0

    def take(self, place: int, cells: Any) -> None:
        self.missing += cells.null_count
        if not cells.null_count:
            self.values[place : place + len(cells)] = self.convert(cells)

    def check(self, path: str) -> None:
        if self.missing:
            raise bad(path, f"column {self.field.name!r} has {self.missing} missing values")

    def convert(self, cells: Any) -> Array:
        raise NotImplementedError


class _Numbers(_Sink):
    def __init__(self, field: Any, values: Array) -> None:
        super().__init__(field, values)
        self.rounded = 0

    def convert(self, cells: Any) -> Array:
        array: Array = cells.to_numpy(zero_copy_only=False)
        if self.values.dtype.kind == "f" and array.dtype.kind in "iu" and array.dtype.itemsize == 8:
            self.rounded += int(np.count_nonzero((array > int(EXACT)) | (array < -int(EXACT))))
        return array

    def check(self, path: str) -> None:
        super().check(path)
        if self.rounded:
            why = f"which {self.values.dtype}, as the other values have it, does not hold exactly"
            raise bad(path, f"column {self.field.name!r} has {self.rounded} whole numbers past 2^53, {why}")


class _Codes(_Sink):
    def __init__(self, field: Any, values: Array) -> None:
        super().__init__(field, values)
        self.known = dict[str, int]()

    def convert(self, cells: Any) -> Array:
        coded = cells.cast(pyarrow.string()).dictionary_encode()
        labels = [self.known.setdefault(label, len(self.known)) for label in coded.dictionary.to_pylist()]
        codes: Array = np.array(labels, dtype=np.int32)[coded.indices.to_numpy()]
        return codes

    def check(self, path: str) -> None:
        super().check(path)
        if "" in self.known:
            row = int(np.argmax(self.values == self.known[""]))
            raise bad(path, f"column {self.field.name!r} has an empty cell in row {row} (from 0)")


def _dtype(path: str, field: Any) -> np.dtype[Any]:
    if str(field.type) not in NUMBERS:
        raise bad(path, f"column {field.name!r} holds {field.type}, not numbers")
    return np.dtype(field.type.to_pandas_dtype())


def _head(file: Any, schema: Any) -> list[list[str]]:
    """The first rows as text; of lists and other nests only what they are."""
    plain = [field.name for field in schema if not pyarrow.types.is_nested(field.type)]
    first = next(_batches(file, plain, HEAD), None) if plain else None
    count = HEAD if first is None else first.num_rows
    cells = {name: [str(cell)[:LONGEST] for cell in first.column(name).to_pylist()] for name in plain} if first else {}
    by_column = [cells.get(field.name) or [str(field.type)[:LONGEST]] * count for field in schema]
    return [list(row) for row in zip(*by_column, strict=True)]


def _index(path: str, metadata: Any, header: list[str], rows: int) -> tuple[list[int], list[int] | None]:
    """The columns that pandas calls the index, or the range of numbers other than 0, 1, 2, ... that it is."""
    if b"pandas" not in metadata:
        return [], None
    try:
        index_columns = json.loads(metadata[b"pandas"])["index_columns"]
        columns = [header.index(name) for name in index_columns if isinstance(name, str)]
        ranges = [
            [entry[end] for end in ("start", "stop", "step")] for entry in index_columns if not isinstance(entry, str)
        ]
        counted = [range(*bounds) for bounds in ranges if max(map(abs, bounds)) < 2**63]
        same = not columns and len(counted) > 0 and counted[0] != range(rows)
        length = len(counted[0]) if same else rows
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise bad(path, f"holds a description by pandas that is not sound ({type(error).__name__}: {error})") from error
    if not same:
        return columns, None
    if length != rows:
        raise bad(path, f"pandas says that it has {length} rows; it has {rows}")
    return [], ranges[0]


def _is_text(kind: Any) -> bool:
    inner = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    return str(inner) in TEXT


BINARY = ("binary", "large_binary", "binary_view")
BUFFER = 1 << 20  # bytes of a column that are read at once, or a page; else it is all of a row group
AT_ONCE = 16  # rows

_last: _Reading | None = None  # where the rows that were asked for last ended


def pictures(channel: Channel, path: str, column: str | None) -> dict[str, Any]:
    """The column of images: its name, the leaves in it with their bytes and their paths; and all columns of text."""
    with parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
        schema, metadata = file.schema_arrow, file.metadata
        if metadata.num_rows < 0:
            raise bad(path, f"is not a sound Parquet file (it says that it has {metadata.num_rows} rows)")
        image_columns = {field.name: leaves for field in schema if (leaves := _leaves(field)) is not None}
        if column is not None and column not in schema.names:
            raise bad(path, f"has no column {column!r}; it holds {listing(schema.names)}")
        if column is None and len(image_columns) != 1:
            several = f"several columns of images, choose one as FILE::COLUMN: {listing(list(image_columns))}"
            raise bad(path, f"holds {several if image_columns else f'no column of images ({listing(schema.names)})'}")
        column = next(iter(image_columns)) if column is None else column
        if column not in image_columns:
            rule = "must be binary, or bytes and path as the library datasets writes them"
            raise bad(path, f"column {column!r} {rule}; got {str(schema.field(column).type)[:200]}")
        data, names = image_columns[column]
        nbytes = sum(_packed(metadata.row_group(group), data) for group in range(metadata.num_row_groups))
        text = [field.name for field in schema if str(field.type) in ("string", "large_string")]
        return {
            "column": column, "data": data, "path": names, "text": text, "rows": metadata.num_rows, "nbytes": nbytes,
        }


def picture_names(channel: Channel, path: str, leaf: str) -> list[str | None]:
    """A column of text, or one within a column."""
    names = list[str | None]()
    with parquet.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=BUFFER) as file:
        for batch in file.iter_batches(1 << 14, columns=[leaf], use_threads=False):
            names += _cells(batch, leaf).to_pylist()
            channel.progress()
    return names


def picture_rows(channel: Channel, path: str, leaf: str, start: int, stop: int, most: int) -> None:
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
            channel.progress()
        try:
            row = next(reading.rows)
        except StopIteration:
            raise bad(path, "is not a sound Parquet file (it has fewer rows than it says)") from None
        if reading.place >= start:
            rows.append(row)
            total += len(row or b"")
        reading.place += 1
    _last = reading
    give_rows(channel, rows)


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
    inner = {child.name: str(child.type) for child in field.type}
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
    return sum(int(chunk.total_uncompressed_size) for chunk in chunks if chunk.path_in_schema == leaf)
