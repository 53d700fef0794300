"""What is in a file, opened without knowing what it is: its arrays, or the columns of its table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign.data.metadata import Texts, joined
from pyalign.errors import InputError
from pyalign.io.arrays import Entries, Entry, Wanted, names_next_to, strings, text_array, under_key
from pyalign.io.formats import check_format, open_file
from pyalign.io.item_names import read_names
from pyalign.io.layout import Cells, Layout, embedding_header, find_layout, is_number, triplet_header
from pyalign.io.paths import TEXT, Array, PathLike, bad, no_key, suffix_of
from pyalign.io.tables import Table, as_numbers, text_columns
from pyalign.io.text import Coder, data_rows, read_columns, text_trials


def _header(first: Cells, rest: Sequence[Cells]) -> bool:
    return embedding_header(first, rest) or triplet_header(first, rest)


ANYTHING = Wanted("data", lambda _: True, _header, short_header=True, folder=True)


@dataclass(frozen=True, eq=False)
class Content:
    """An array, or a table."""

    key: str | None = None  # of an array of several.
    # the array, of numbers or of text; of a table (t, k), its columns of numbers, NaN where a cell is empty.
    values: Array = field(default_factory=lambda: np.empty(0))
    names: tuple[str, ...] | None = None  # of the rows, where the file has a name for each of them.
    header: Cells | None = None  # of all columns of a table, where it has one.
    numbers: tuple[int, ...] | None = None  # which columns of a table `values` holds; None for an array.
    texts: Mapping[int, Texts] = field(default_factory=dict)  # the other columns.
    fault: str | None = None  # why the values can't be read.
    listed: int = 0  # how many names of rows the file has, whether they are of these or not.

    @property
    def width(self) -> int:
        """The columns of a table."""
        return len(self.numbers or ()) + len(self.texts)

    @property
    def columns(self) -> list[Texts | Array]:
        """The columns of a table in their order."""
        of_numbers = {c: self.values[:, k] for k, c in enumerate(self.numbers or ())}
        return [self.texts[c] if c in self.texts else of_numbers[c] for c in sorted((*of_numbers, *self.texts))]


def contents(path: PathLike, key: str | None = None) -> Iterator[Content]:
    """The arrays of a file one after another, or that under `key`; or its table.

    Text of one column, or of lines that are no table, comes as an array of names (n,).
    """
    if suffix_of(path) in TEXT and not os.path.isdir(path):
        yield _of_text(path, key)
        return
    opened = open_file(path, ANYTHING)
    if isinstance(opened, Table):
        no_key(path, key)
        yield _of_table(opened)
        return
    names = _names(path, opened)
    chosen = opened if key is None else {key: under_key(path, opened, key)}
    for name, entry in chosen.items():
        yield _of_entry(path, name or None, entry, names)


def _names(path: PathLike, entries: Entries) -> tuple[str, ...] | None:
    for key in names_next_to(entries):
        if len(entries[key].shape) == 1:
            with suppress(InputError):
                return strings(path, entries[key].load())
    return None


def _of_entry(path: PathLike, key: str | None, entry: Entry, names: tuple[str, ...] | None) -> Content:
    try:
        values = entry.load()
        if entry.dtype in ("str", "bytes"):
            values = text_array(path, strings(path, values.ravel()), values.shape)
    except InputError as error:
        return Content(key, fault=str(error).removeprefix(f"{path}: "))
    own = names is not None and values.ndim == 2 and len(values) == len(names)
    return Content(key, values, names if own else None, listed=len(names or ()))


def _of_table(table: Table) -> Content:
    """Column by column: one that can't be read is left out, and said."""
    if table.columns is not None:
        return content_of(table.columns, table.header)
    numbers: dict[int, Array] = {}
    texts: dict[int, Texts] = {}
    faults = []
    for column in range(table.width):
        try:
            read = table.read((), (column,)).texts[0]
        except InputError as error:
            faults.append(str(error).partition(": ")[2])
            continue
        if isinstance(read, Texts):
            texts[column] = read
        else:
            numbers[column] = read
    values = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((0, 0))
    return Content(None, values, table.names, table.header, tuple(numbers), texts, "; ".join(faults) or None)


# Text


def _of_text(path: PathLike, key: str | None) -> Content:
    check_format(path, ANYTHING.what)
    no_key(path, key)
    trials = text_trials(path)
    if trials is not None:
        return _of_table(trials)
    layout = find_layout(path, _header, ANYTHING.what, short_header=True)
    words = not any(is_number(cell) for row in layout.head for cell in row)
    if words and (layout.width == 1 or layout.delimiter is None) and not _are_triplets(path, layout):
        return Content(values=text_array(path, read_names(path)))
    numbered = _numbered_names(path, layout)
    if numbered:
        return Content(values=text_array(path, numbered))
    if not any(text_columns(layout.head, layout.width)):
        every = tuple(range(layout.width))
        with suppress(InputError):  # further down there may be a cell that is no number
            return Content(None, read_columns(path, layout, every, ()).numbers, None, layout.header, every)
    return _cells(path, layout)


def _numbered_names(path: PathLike, layout: Layout) -> tuple[str, ...]:
    """Lines such as "object 0", "object 1": a word that comes again and a number that counts; () of anything else."""
    if layout.width != 2 or layout.delimiter is not None or not suffix_of(path).startswith(".txt"):
        return ()
    names = read_names(path)
    words = {name.rpartition(" ")[0].strip() for name in names}
    counted = all(name.rpartition(" ")[2].isdecimal() for name in names)
    return names if counted and "" not in words and len(set(names)) == len(names) > len(words) else ()


def _are_triplets(path: PathLike, layout: Layout) -> bool:
    """Whether three columns hold the same words again and again."""
    if layout.width != 3:
        return False
    try:
        codes, labels = joined(read_columns(path, layout, (), (0, 1, 2)).texts)
    except InputError:
        return False
    return len(labels) * 3 <= codes.size * 2


def _cells(path: PathLike, layout: Layout) -> Content:
    """Every column; see `as_numbers`."""
    coders = [Coder() for _ in range(layout.width)]
    for _, cells in data_rows(path, layout):
        for coder, cell in zip(coders, cells, strict=True):
            coder.add(cell)
    return content_of([as_numbers(coder.texts()) for coder in coders], layout.header)


def content_of(columns: Sequence[Texts | Array], header: Cells | None) -> Content:
    """A table whose columns (t,) are in memory."""
    texts = {k: column for k, column in enumerate(columns) if isinstance(column, Texts)}
    numbers = {k: column for k, column in enumerate(columns) if not isinstance(column, Texts)}
    values = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((0, 0))
    return Content(None, values, None, header, tuple(numbers), texts)


def columns_of(path: PathLike, table: Table, wanted: Wanted) -> list[Texts | Array]:
    """Every column of a table, of text or of numbers, in which NaN is an empty cell."""
    if table.columns is not None:
        return [*table.columns]
    if suffix_of(path) in TEXT:
        return _cells(path, find_layout(path, wanted.has_header, wanted.what)).columns
    content = _of_table(table)
    if content.fault is not None:
        raise bad(path, content.fault)
    return content.columns
