"""Figures by what they are of, as rows of a CSV file and as its table: `python -m benchmarks.figures FILE.csv`.

`run` is the command of a script that measures such figures. Rows name the commit that they were measured at; those of
the sparsity, the errors and the recovery of embeddings, of wheels, of studies and of training are no longer measured.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.results import commit, machine, write_csv

HEAD = ("What", "Figure")
FIGURES_OF_FITS = ("accuracy", "cross-entropy", "dimensions", "entries that are 0")


@dataclass(frozen=True)
class GridRow:
    """One figure."""

    what: str
    figure: float
    unit: str
    machine: str
    commit: str
    date: str


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Markdown, of what, figure and unit."""
    lines = [HEAD, ("---",) * len(HEAD)]
    lines += [(what, f"{float(figure):,.4g} {unit}".strip()) for what, figure, unit in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


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
    lines = [head, ("---",) * len(head), *((fit, *figures) for fit, figures in fits.items())]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def run(name: str, about: str, measured: Callable[[Path], Iterable[tuple[str, float, str]]]) -> None:
    """Measures, writes `results/NAME-MACHINE.csv` and prints its table."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help=f"default: benchmarks/results/{name}-MACHINE.csv")
    options = parser.parse_args()
    rows, today = [], datetime.now(timezone.utc).date().isoformat()
    for what, figure, unit in measured(options.folder):
        print(f"{what}: {figure:,.4g} {unit}", file=sys.stderr, flush=True)
        rows.append(GridRow(what, float(figure), unit, machine(), commit(), today))
    out = options.out or Path(__file__).with_name("results") / f"{name}-{machine()}.csv"
    write_csv(out, rows)
    print(table(read(out)))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print((table_of_fits if path.name.startswith("embed-sparsity") else table)(read(path)))
