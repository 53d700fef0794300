"""The page of all measurements, from the files of `benchmarks/results/` when the site is built."""

from __future__ import annotations

import csv
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
SUBJECT = "pyalign"
INTRODUCTION = """# All measurements

Every row of `benchmarks/results/`: [Performance](../performance.md) says what matters among them, and how they are
made. The median stands beside the 20th and 80th percentile of the rounds; a ratio is the peer's median over pyalign's,
of paired rounds.
"""


def pages() -> dict[str, str]:
    """One page, with a table for each machine."""
    parts = [INTRODUCTION]
    for path in sorted(RESULTS.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        made = _operations if "op" in rows[0] else _figures if "what" in rows[0] else _draws
        parts += [f"## `{path.name}`", made(rows)]
    return {"measurements.md": "\n\n".join(parts) + "\n"}


def _operations(rows: list[dict[str, str]]) -> str:
    lines = [(row["op"], row["case"], row["dtype"], row["backend"], _measured(row), _ratio(row)) for row in rows]
    return _table(("operation", "case", "dtype", "by", "median (20 to 80 %)", "ratio"), lines)


def _figures(rows: list[dict[str, str]]) -> str:
    return _table(("what", "figure"), [(row["what"], f"{row['figure']} {row['unit']}") for row in rows])


def _draws(rows: list[dict[str, str]]) -> str:
    return _table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def _measured(row: dict[str, str]) -> str:
    return f"{row['median']} {row['unit']} ({row['p20']} to {row['p80']})"


def _ratio(row: dict[str, str]) -> str:
    return "" if row["backend"] == SUBJECT else f"{row['ratio']}x"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
