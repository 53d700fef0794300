"""What came of a hundred draws as a line of a journal, for plan_experiments.py and chosen_triplets.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import reduce
from pathlib import Path
from typing import Any

import csv_rows

from pyalign.documents import Interval

CHUNK = 100  # draws in a line of the journal


@dataclass(frozen=True)
class Tally:
    """What came of some draws."""

    cell: str
    part: int  # the concept where there are several, else 0
    quantity: str
    way: str
    chunk: int  # which hundred draws
    draws: int = 0
    missing: int = 0  # how often there was no interval
    below: int = 0  # how often the truth was below the interval
    above: int = 0
    rejected: int = 0  # how often no difference was rejected
    width: float = 0.0  # the sum of widths
    estimate: float = 0.0  # that of estimates less the truth, and of their squares
    squares: float = 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together, under the names of the first."""
        numbers = {one.name for one in fields(self)[5:]}
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in numbers})

    @property
    def sd(self) -> float:
        """The standard deviation of the estimates."""
        mean = self.estimate / self.draws
        return math.sqrt(max(0.0, self.squares / self.draws - mean**2))


def of_interval(interval: Interval | None, estimate: float, truth: float) -> dict[str, float]:
    """The counts of one draw, by name."""
    error = estimate - truth
    counts: dict[str, float] = {"draws": 1, "estimate": error, "squares": error**2}
    if interval is None:
        return {**counts, "missing": 1}
    rejected = interval.low > 0.0 or interval.high < 0.0
    return {
        **counts, "below": truth < interval.low, "above": truth > interval.high, "rejected": rejected,
        "width": interval.high - interval.low,
    }


def read(path: Path) -> list[Tally]:
    """The lines of a journal; none where there is none."""
    return csv_rows.read(path, Tally)


def go_on(
    path: Path, cells: Iterable[Any], draws: int, key: Callable[[Any], str], run_chunk: Callable[..., list[Tally]]
) -> None:
    """Runs the hundreds of draws of each cell that the journal does not have; `key`: how it calls a cell there."""
    for cell in cells:
        there = {one.chunk for one in read(path) if one.cell == key(cell)}
        for chunk in range(math.ceil(draws / CHUNK)):
            if chunk not in there:
                csv_rows.append(path, run_chunk(cell, chunk), 9)
        print(key(cell), flush=True)


class Tallies(dict[tuple[str, str], Tally]):
    """Of one cell and chunk, by quantity and way."""

    def __init__(self, cell: str, chunk: int) -> None:
        self.cell, self.chunk = cell, chunk

    def add(self, quantity: str, way: str, counts: dict[str, float]) -> None:
        """The counts of one draw."""
        before = self.get((quantity, way)) or Tally(self.cell, 0, quantity, way, self.chunk)
        self[quantity, way] = before.plus(Tally(self.cell, 0, quantity, way, self.chunk, **counts))


def summed(lines: Iterable[Tally]) -> dict[tuple[str, int, str, str], Tally]:
    """Chunks added up, by cell, part, quantity and way."""
    groups: dict[tuple[str, int, str, str], list[Tally]] = {}
    for one in sorted(lines, key=lambda line: line.chunk):
        groups.setdefault((one.cell, one.part, one.quantity, one.way), []).append(one)
    return {key: reduce(Tally.plus, several) for key, several in groups.items()}
