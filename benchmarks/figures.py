"""The table of figures by what they are of, from rows of a CSV file: `python -m benchmarks.figures FILE.csv`.

Each row names the commit at which it was measured, which has the script; these measure nothing any more.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.results import markdown

HEAD = ("What", "Figure")
FIGURES_OF_FITS = ("accuracy", "cross-entropy", "dimensions", "entries that are 0")


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Markdown, of what, figure and unit."""
    return markdown(HEAD, [(what, f"{float(figure):,.4g} {unit}".strip()) for what, figure, unit in rows])


def read(path: Path) -> list[tuple[str, str, str]]:
    """What, figure and unit of a file."""
    with path.open(newline="", encoding="utf-8") as handle:
        return [(row["what"], row["figure"], row["unit"]) for row in csv.DictReader(handle)]


def table_of_fits(rows: Iterable[tuple[str, str, str]]) -> str:
    """Markdown, a line for each fit."""
    fits: dict[str, list[str]] = {}
    for what, figure, unit in rows:
        fit, _, column = what.partition(": ")
        if column != "objective":
            fits.setdefault(fit, []).append(f"{float(figure):,.4g} {unit}".strip())
    names = FIGURES_OF_FITS
    head = "penalties", *names, *(f"{name}, cut" for name in names)
    return markdown(head, [(fit, *figures) for fit, figures in fits.items()])


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print((table_of_fits if path.name.startswith("embed-sparsity") else table)(read(path)))
