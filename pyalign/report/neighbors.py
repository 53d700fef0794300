"""Neighbours as a table: a row for each query and neighbour, and what was searched."""

from __future__ import annotations

from itertools import islice

from pyalign.nearest.result import Neighbors
from pyalign.report.blocks import Block, Rows, foot, table
from pyalign.report.words import ELSEWHERE, one_line

MOST_ROWS = 60


def neighbors_view(found: Neighbors, verbose: bool = False) -> list[Block]:
    """The neighbours of the first queries, the nearest first, and what was searched; verbose: of all queries."""
    records = list(found.records() if verbose else islice(found.records(), max(found.k, MOST_ROWS)))
    column = Rows(records).column
    what, sign = ("distance", -1.0) if found.kind == "negated distance" else ("similarity", 1.0)
    how, total = f"exact ({found.backend})", int((found.indices >= 0).sum())
    if not found.exact:
        over = f"{found.recall_queries:,} queries that were searched exactly too"
        how = f"index {one_line(found.index)}, recall {found.recall:.3f} over {over}"
    return [
        table(
            column("query", lambda row: str(row["query"])),
            column("rank", lambda row: row["rank"], "count"),
            column("neighbor", lambda row: str(row["neighbor"])),
            column(what, lambda row: 0.0 + sign * row["similarity"], write="{:.5g}".format),
        ),
        foot(
            f"{found.n:,} rows of {found.d:,} features",
            f"measure {found.measure} ({found.units})",
            "" if found.transform is None else f"rows after {one_line(found.transform)}",
            how,
            f"the first {len(records):,} of {total:,} are shown: {ELSEWHERE}" if len(records) < total else "",
        ),
    ]
