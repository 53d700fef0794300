"""Parquet, read with pyarrow: a table whose columns have types, with the index that pandas has written into it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pyalign.io.formats import Wanted
from pyalign.io.layout import HEAD
from pyalign.io.packages import needed
from pyalign.io.paths import Array, PathLike, bad, guarded
from pyalign.io.tables import Columns, Table, Texts

NUMBERS = ("int", "uint", "float", "double", "halffloat", "bool")
TEXT = ("string", "large_string", "string_view")


def parquet_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a ``.parquet`` file."""
    parquet = needed(path, "pyarrow", "files", "pyarrow.parquet")
    with guarded(path, "Parquet", lambda: parquet.ParquetFile(path)) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        header = tuple(schema.names)
        if rows == 0:
            raise bad(path, f"{wanted.what} are empty (columns {', '.join(header)}, no rows)")
        if len(set(header)) != len(header):
            raise bad(path, f"has two columns of one name among {', '.join(header)}")
        first = guarded(path, "Parquet", lambda: next(file.iter_batches(HEAD)).to_pylist())
    index, names = _index(path, schema.metadata or {}, header, rows)
    head = tuple(tuple(str(row[name]) for name in header) for row in first)
    text = tuple(_is_text(field.type) for field in schema)
    return Table(header, len(header), head, text, True, partial(_read, path, header), index, names)


def _index(
    path: PathLike, metadata: Mapping[bytes, bytes], header: tuple[str, ...], rows: int
) -> tuple[tuple[int, ...], tuple[str, ...] | None]:
    """The columns that pandas calls the index, or the names that a range of numbers other than 0, 1, 2, ... gives."""
    if b"pandas" not in metadata:
        return (), None
    try:
        told = json.loads(metadata[b"pandas"])["index_columns"]
        columns = tuple(header.index(name) for name in told if isinstance(name, str))
        ranges = [range(one["start"], one["stop"], one["step"]) for one in told if not isinstance(one, str)]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise bad(path, f"holds a description by pandas that is not sound ({type(error).__name__}: {error})") from error
    if columns or not ranges or ranges[0] == range(rows):
        return columns, None
    if len(ranges[0]) != rows:
        raise bad(path, f"pandas says that it has {len(ranges[0])} rows; it has {rows}")
    return (), tuple(map(str, ranges[0]))


def _read(path: PathLike, header: tuple[str, ...], numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    wanted = [header[column] for column in dict.fromkeys((*numbers, *texts))]
    table = guarded(path, "Parquet", partial(_load, path, wanted))
    for name in wanted:
        if table.column(name).null_count:
            raise bad(path, f"column {name!r} has {table.column(name).null_count} missing values")
    columns = [_numbers(path, header[column], table.column(header[column])) for column in numbers]
    values = np.stack(columns, axis=1) if columns else np.empty((0, 0))
    return Columns(values, [_texts(path, header[column], table.column(header[column])) for column in texts])


def _load(path: PathLike, columns: list[str]) -> Any:
    parquet = needed(path, "pyarrow", "files", "pyarrow.parquet")
    with parquet.ParquetFile(path) as file:
        return file.read(columns=columns)


def _is_text(kind: Any) -> bool:
    return str(getattr(kind, "value_type", kind)) in TEXT and not str(kind).startswith(("list", "fixed", "large_list"))


def _numbers(path: PathLike, name: str, column: Any) -> Array:
    if not str(column.type).startswith(NUMBERS):
        raise bad(path, f"column {name!r} holds {column.type}, not numbers")
    values: Array = column.to_numpy()
    return values


def _texts(path: PathLike, name: str, column: Any) -> Texts | Array:
    if str(column.type).startswith(NUMBERS):
        return _numbers(path, name, column)
    pyarrow = needed(path, "pyarrow", "files")
    texts = guarded(path, "Parquet", lambda: column.cast(pyarrow.string()))
    coded = texts.dictionary_encode().unify_dictionaries().combine_chunks()
    codes, labels = coded.indices.to_numpy().astype(np.int32), tuple(coded.dictionary.to_pylist())
    if "" in labels:
        row = int(np.argmax(codes == labels.index("")))
        raise bad(path, f"column {name!r} has an empty cell in row {row} (from 0)")
    return Texts(codes, labels)
