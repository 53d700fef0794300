"""Neighbours as a table: a row for each query and neighbour, and what was searched."""

from __future__ import annotations

from itertools import islice

from pyalign.nearest.result import Neighbors
from pyalign.report.tables import ELSEWHERE, Column, Rows, fitted_table, noted, one_line

MOST_ROWS = 60


def neighbors_table(found: Neighbors, width: int | None = None, verbose: bool = False) -> str:
    """The neighbours of the first queries, the nearest first; all of them with `verbose`."""
    records = list(found.records() if verbose else islice(found.records(), max(found.k, MOST_ROWS)))
    column = Rows(records).column
    value = "distance" if found.kind == "negated distance" else "similarity"
    sign = -1.0 if found.kind == "negated distance" else 1.0
    columns = [
        column("query", lambda row: one_line(str(row["query"]))),
        column("rank", lambda row: str(row["rank"])),
        column("neighbor", lambda row: one_line(str(row["neighbor"]))),
        Column(value, tuple(f"{0.0 + sign * row['similarity']:.5g}" for row in records)),
    ]
    table, notes = fitted_table(columns, width, verbose)
    return f"{table}\n{noted([*notes, *_notes(found, len(records))], None if verbose else width)}"


def _notes(found: Neighbors, shown: int) -> list[str]:
    notes = [f"{found.n:,} rows of {found.d:,} features", f"measure {found.measure} ({found.units})"]
    if found.transform is not None:
        notes.append(f"rows after {one_line(found.transform)}")
    if found.exact:
        notes.append(f"exact ({found.backend})")
    else:
        over = f"{found.recall_queries:,} queries that were searched exactly too"
        notes.append(f"index {one_line(found.index)}, recall {found.recall:.3f} over {over}")
    total = int((found.indices >= 0).sum())
    if shown < total:
        notes.append(f"the first {shown:,} of {total:,} are shown: {ELSEWHERE}")
    return notes
