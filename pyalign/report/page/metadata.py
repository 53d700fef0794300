"""What is known of models, on a page: columns of its tables, and the groups that rows are chosen by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pyalign.data.metadata import Metadata, Value, as_metadata
from pyalign.io.metadata import load_metadata
from pyalign.report.blocks import Column
from pyalign.report.page.sources import Sources

HIDDEN = ("group", "seed")  # say which rows are one model

__all__ = ["Metadata", "metadata_columns", "metadata_of"]


def metadata_of(table: Any) -> Metadata | None:
    """Metadata as they are, of a file, or of what `as_metadata` takes; None of None.

    Raises:
        InputError: what the file or the table does wrong; OSError: a file is missing or forbidden.
    """
    if table is None:
        return None
    return load_metadata(table) if isinstance(table, str | os.PathLike) else as_metadata(table)


def metadata_columns(sources: Sources, models: Sequence[str]) -> list[Column]:
    """A column for each of the metadata that some of the models have, a value for each model, None where it has none.

    models: as documents call them. Columns of text filter.
    """
    table: Metadata | None = sources.metadata
    if table is None:
        return []
    rows = table.matched(list(models), {name: sources.label(name) for name in models}).rows
    columns = []
    for name in table.columns:
        values = tuple(table.value(row, name) for row in rows)
        if name not in HIDDEN and any(value is not None for value in values):
            columns.append(_column(name, values, name in table.numbers, name in table.percent))
    return columns


def _column(name: str, values: tuple[Value, ...], number: bool, share: bool) -> Column:
    if not number:
        return Column(name, values, filter=True)
    whole = all(value is None or (isinstance(value, float) and value.is_integer()) for value in values)
    return Column(name, values, "percent" if share else "count" if whole else "number")
