"""Files of trials as experiments write them: JSON of jsPsych, JATOS, Meadows and salmon; CSV with cells of many lines.

Each trial is a row, whose cells are what jsPsych would write into a CSV. `pyalign.data.trials` chooses rows.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pyalign.data.answer_columns import says
from pyalign.data.categories import coded
from pyalign.data.trials import LIST
from pyalign.errors import shorten
from pyalign.io.arrays import Wanted
from pyalign.io.documents import read_json
from pyalign.io.layout import LONGEST_LINE
from pyalign.io.paths import PathLike, bad, open_text
from pyalign.io.tables import Table, as_numbers, cells_table

DEEPEST = 8  # lists and objects around the trials
INSIDE = ("annotations", "tasks", "trials", "data")  # keys under which an object holds its trials
_JSON = re.compile(r"\s*(\[\s*\]\s*)*(\[\s*)*\{\s*[\"}]")


def json_table(path: PathLike, wanted: Wanted | None = None) -> Table:
    """The trials in one JSON document, or in several of them, each of which is the list of a participant."""
    if wanted is not None and wanted.what in ("embeddings", "judgments", "names", "choices"):
        raise bad(path, f"a JSON file holds trials, and no {wanted.what}")
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
