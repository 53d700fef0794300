"""Text tables. numpy's C parser reads them; when it stumbles, a plain reader goes by lines and says where.

Files of trials as experiments write them: JSON of jsPsych, JATOS, Meadows and salmon; CSV with cells of many lines.
"""

from __future__ import annotations

import csv
import json
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TextIO

import numpy as np

from pyalign.data.answer_columns import says
from pyalign.data.metadata import Texts, coded
from pyalign.data.trials import LIST
from pyalign.errors import InputError, shorten
from pyalign.io.arrays import TRIPLETS, Wanted
from pyalign.io.documents import read_json
from pyalign.io.layout import (
    LONGEST_LINE, Layout, Row, cells_of, find_layout, is_blank, is_number, is_rounded, read_rows,
)
from pyalign.io.paths import Array, PathLike, bad, open_text
from pyalign.io.tables import EXACT, Columns, Table, as_numbers, cells_table, text_columns


def text_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a text file, laid out as its first rows tell."""
    trials = text_trials(path) if wanted.what == TRIPLETS.what else None
    if trials is not None:
        return trials
    layout = find_layout(path, wanted.has_header, wanted.what, wanted.short_header)
    text = text_columns(layout.head, layout.width)
    return Table(layout.header, layout.width, layout.head, text, False, partial(read_columns, path, layout))


class Coder:
    """Collects the cells of a column of text as codes."""

    def __init__(self) -> None:
        self.codes, self.known = array("i"), dict[str, int]()

    def add(self, cell: str) -> None:
        self.codes.append(self.known.setdefault(cell, len(self.known)))

    def convert(self, cell: str) -> float:
        """Codes a cell, and gives 0.0 to numpy, which wants a number; raises for what the plain reader has to see."""
        cell = cell.strip()
        if not cell or "\0" in cell or cell.startswith("#"):
            raise ValueError("an empty cell, a NUL byte, or what may be a comment")
        self.add(cell)
        return 0.0

    def texts(self) -> Texts:
        return Texts(np.array(self.codes, dtype=np.int32), tuple(self.known))


def read_columns(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """Some columns as numbers, some as text."""
    try:
        if numbers:
            columns = _fast(path, layout, numbers, texts)
            if not ((columns.numbers >= EXACT) | (columns.numbers <= -EXACT)).any():
                return columns  # others may be rounded: the plain reader sees
    except ValueError as error:
        if isinstance(error, InputError):
            raise
    return _slow(path, layout, numbers, texts)


def _fast(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    coders = [Coder() for _ in texts]
    every = sorted([*numbers, *texts]) == list(range(layout.width))
    wanted = list(range(layout.width)) if every else [*numbers, *texts]
    plain = every and not _has_quotes(path)
    with open_text(path) as handle:
        for _ in range(layout.skip):
            next(handle)
        values: Array = np.loadtxt(
            handle if plain else _even(handle, layout),
            comments=None,  # a comment below the header sends us to the plain reader
            delimiter=layout.delimiter,
            quotechar=None if layout.delimiter is None else '"',
            usecols=None if every else wanted,
            converters={column: coder.convert for column, coder in zip(texts, coders, strict=True)} or None,
            encoding="utf-8",
            ndmin=2,
        )
    places = [wanted.index(column) for column in numbers]
    if places != list(range(values.shape[1])):
        values = np.ascontiguousarray(values[:, places])
    return Columns(values, [coder.texts() for coder in coders])


def _has_quotes(path: PathLike) -> bool:
    with open_text(path) as handle:
        return any('"' in piece for piece in iter(partial(handle.read, 1 << 20), ""))


def _even(handle: TextIO, layout: Layout) -> Iterator[str]:
    """Lines without needless quotes, which numpy reads in its own way; raises for what it does not notice.

    When it reads some of the columns only, that is a ragged row or a comment.
    """
    marks, quoted = layout.width - 1, _quoted(layout.delimiter)
    for line in handle:
        if '"' in line and not quoted.fullmatch(line):
            yield _requoted(line, layout)
            continue
        line = line.replace('"', "")
        delimiters = len(line.split()) - 1 if layout.delimiter is None else line.count(layout.delimiter)
        if (delimiters != marks and not is_blank(line, layout.delimiter)) or line.lstrip().startswith("#"):
            raise ValueError("a ragged row, or what may be a comment")
        yield line


def _requoted(line: str, layout: Layout) -> str:
    """The line as numpy parts it into the same cells."""
    try:
        cells = cells_of("", 0, line, layout.delimiter)
    except InputError as error:  # the plain reader knows the line
        raise ValueError("a quote within a cell") from error
    if layout.delimiter is None or len(cells) != layout.width:
        raise ValueError("a ragged row, or quotes that numpy would not part")
    return layout.delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def _quoted(delimiter: str | None) -> re.Pattern[str]:
    """A line of cells that mean the same without their quotes."""
    if delimiter is None:
        return re.compile(r'\s*(("[^"\s#]+"|[^"\s]+)(\s+|$))*')
    cell = rf'[^\S{delimiter}]*("[^"{delimiter}\r\n#]*"[^\S{delimiter}]*|[^"{delimiter}]*)'
    return re.compile(f"{cell}({delimiter}{cell})*")


def _slow(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """The columns, read by plain Python: takes comments anywhere, and names the line of the first bad cell."""
    values, coders = array("d"), [Coder() for _ in texts]
    adders: list[tuple[int, Callable[[str], None]]] = [(c, k.add) for c, k in zip(texts, coders, strict=True)]
    for line, cells in data_rows(path, layout):
        for column, add in adders:
            if not cells[column]:
                raise bad(path, f"line {line}, column {column + 1}: an empty cell in a column of text")
            add(cells[column])
        for column in numbers:
            if not is_number(cells[column]):
                raise bad(path, f"line {line}, column {column + 1}: {shorten(cells[column])} is not a number")
            values.append(float(cells[column]))
            if abs(values[-1]) >= EXACT and is_rounded(cells[column], values[-1]):
                cell = shorten(cells[column])
                raise bad(path, f"line {line}, column {column + 1}: {cell} is more than float64 holds exactly")
    return Columns(np.array(values).reshape(-1, max(len(numbers), 1)), [coder.texts() for coder in coders])


def data_rows(path: PathLike, layout: Layout) -> Iterator[Row]:
    """The rows below the header, each of the table's width."""
    for row in read_rows(path, layout.delimiter, layout.fits):
        if row.line <= layout.skip:
            continue
        if len(row.cells) != layout.width:
            width = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
            raise bad(path, f"line {row.line} has {width}; the first row has {layout.width}")
        yield row


DEEPEST = 8  # lists and objects around the trials
INSIDE = ("annotations", "tasks", "trials", "data")  # keys under which an object holds its trials
_JSON = re.compile(r"\s*(\[\s*\]\s*)*(\[\s*)*\{\s*[\"}]")


def json_table(path: PathLike, _wanted: Wanted | None = None) -> Table:
    """The trials in one JSON document, or in several of them, each of which is the list of a participant."""
    documents = read_json(path, many=True)
    rows = [
        {**row, LIST: row.get(LIST, number)} if len(documents) > 1 and isinstance(document, list) else row
        for number, document in enumerate(documents, 1)
        for row in _rows(path, document, {})
    ]
    header = list(dict.fromkeys(name for row in rows for name in row))
    if not header:
        raise bad(path, "holds no trials")
    if len(documents) > 1 and LIST in header and not any(says(name, "participant") for name in header):
        header[header.index(LIST)], rows = "participant", [{"participant": row.pop(LIST), **row} for row in rows]
    return cells_table(
        path, tuple(header), [as_numbers(coded(_cell(row.get(name)) for row in rows)) for name in header]
    )


def _rows(path: PathLike, value: Any, above: Mapping[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """The trials in a list, or in an object that holds lists of them, with what is said above them."""
    if depth > DEEPEST or not isinstance(value, list | dict):
        fault = "lists in lists" if depth > DEEPEST else shorten(value)
        raise bad(path, f"must hold trials, each an object under lists or {', '.join(INSIDE)}; got {fault}")
    if isinstance(value, list):
        for one in value:
            yield from _rows(path, one, above, depth + 1)
        return
    tasks = value.get("tasks")
    if isinstance(tasks, dict) and all(isinstance(one, dict) for one in tasks.values()):
        value = {**value, "tasks": [{"task": {"name": name}, **one} for name, one in tasks.items()]}
    inside = next((key for key in INSIDE if _is_list(value.get(key))), None)
    if inside is not None:  # of Meadows: a task has a name, and stimuli that annotations call by their numbers
        plain = {key: x for key, x in value.items() if not isinstance(x, list | dict)}
        task, stimuli = value.get("task"), value.get("stimuli")
        plain |= {"task": task["name"]} if isinstance(task, dict) and "name" in task else {}
        names = {str(one.get("id")): one.get("name") for one in stimuli or ()} if _is_list(stimuli) else {}
        for row in _rows(path, value[inside], {**above, **plain}, depth + 1):
            yield {key: _named(x, names) for key, x in row.items()} if names else row
    elif depth == 0 and value and all(isinstance(one, dict) and set(one) & {*INSIDE} for one in value.values()):
        for person, one in value.items():
            yield from _rows(path, one, {**above, "participation": person}, depth + 1)
    elif depth == 0 and "command" in value:
        raise bad(path, f"is a document of pyalign {shorten(value['command'])}, not a table")
    else:
        yield {**above, **value}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _named(value: Any, names: Mapping[Any, Any]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_trials(path: PathLike) -> Table | None:
    """The trials in a text file that holds JSON, or cells of several lines; None where it is a plain table."""
    with open_text(path) as handle:
        start = handle.read(1 << 20)
    if _JSON.match(start):
        return json_table(path)
    if '"' not in start:
        return None
    with open_text(path) as handle:
        if not any(line.count('"') % 2 for line in iter(partial(handle.readline, LONGEST_LINE), "")):
            return None
    with open_text(path) as handle:
        delimiter = max("\t,;", key=start.partition("\n")[0].count)
        try:
            rows = [row for row in csv.reader(handle, delimiter=delimiter, strict=True) if row]
        except csv.Error:
            return None
    if len(rows) < 2 or len({*map(len, rows)}) != 1 or not any("\n" in cell for row in rows for cell in row):
        return None
    cells = [coded(cell.strip() for cell in column) for column in zip(*rows[1:], strict=True)]
    return cells_table(path, tuple(rows[0]), [as_numbers(column) for column in cells])
