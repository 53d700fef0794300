"""Neighbours as a table: a row for each query and neighbour, and what was searched."""

from __future__ import annotations

from itertools import islice

from pyalign.nearest.result import Neighbors
from pyalign.report.blocks import Block, Foot, Rows, Table
from pyalign.report.words import ELSEWHERE, one_line

MOST_ROWS = 60


def neighbors_view(found: Neighbors, verbose: bool = False) -> list[Block]:
    """The neighbours of the first queries, the nearest first; verbose: of all."""
    records = list(found.records() if verbose else islice(found.records(), max(found.k, MOST_ROWS)))
    column = Rows(records).column
    distances = found.kind == "negated distance"
    sign = -1.0 if distances else 1.0
    columns = (
        column("query", lambda row: str(row["query"])),
        column("rank", lambda row: row["rank"], "count"),
        column("neighbor", lambda row: str(row["neighbor"])),
        column("distance" if distances else "similarity", lambda row: 0.0 + sign * row["similarity"],
               write=lambda value: f"{value:.5g}"),
    )  # fmt: skip
    return [Table(columns), Foot(_notes(found, len(records)))]


def _notes(found: Neighbors, shown: int) -> tuple[str, ...]:
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
    return tuple(notes)
