"""CSV files that scripts write and read again, with rows of a dataclass or of dicts; and tables in Markdown."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

KINDS: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": lambda text: float(text or "nan")}


def read(path: Path, row: Any = dict) -> list[Any]:
    """The rows, of that dataclass or as dicts of texts; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if row is dict:
        return lines
    kinds = {one.name: KINDS[str(one.type)] for one in fields(row)}
    return [row(**{name: kinds[name](text) for name, text in line.items()}) for line in lines]


def write(path: Path, rows: Iterable[Any], digits: int = 0, mode: str = "w") -> None:
    """All rows, whose columns are those of the first; numbers with so many digits, NaN and None as nothing."""
    cells = [row if isinstance(row, Mapping) else asdict(row) for row in rows]
    head = mode == "w" or not path.exists()
    with path.open(mode, newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(cells[0]), lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerows({name: _cell(value, digits) for name, value in row.items()} for row in cells)


def append(path: Path, rows: Iterable[Any], digits: int = 0) -> None:
    """Below those that are there."""
    if rows := list(rows):
        write(path, rows, digits, "a")


def put(path: Path, rows: Sequence[Mapping[str, Any]], key: str, order: Callable[[Any], Any] | None = None) -> None:
    """In place of the rows of the file that have one of their keys; the others stay."""
    keys = {row[key] for row in rows}
    merged = [*(row for row in read(path) if row[key] not in keys), *rows]
    write(path, sorted(merged, key=order) if order else merged)


def _cell(value: Any, digits: int) -> Any:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.{digits}g}" if digits else value


def markdown(*lines: Iterable[Any]) -> list[str]:
    """A table, of which the first line is the head."""
    head, *rows = ([str(cell) for cell in line] for line in lines)
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)]
