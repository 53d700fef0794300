"""Neighbours: a row for each query and neighbour, and what was searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pyalign.errors import InputError
from pyalign.nearest.result import Neighbors
from pyalign.report.blocks import Block, Foot, Rows, Table
from pyalign.report.tables import ELSEWHERE, one_line

MOST_ROWS = 60


@dataclass(frozen=True)
class Neighbor:
    """The neighbour of a query: its name or row, its rank from 1, and how similar it is; None where that is no number.

    `similarity` of a measure that is a distance is the negated distance.
    """

    query: str
    rank: int
    name: str
    similarity: float | None


def listed_neighbors(result: Neighbors) -> Iterator[Neighbor]:
    """All neighbours of the first query, the nearest first, then those of the next."""
    for q in range(result.n_queries):
        query = str(result.query(q))
        rows = zip(result.indices[q].tolist(), result.similarities[q].tolist(), strict=True)
        for rank, (row, value) in enumerate(rows, 1):
            if row >= 0:
                yield Neighbor(query, rank, str(result.name(row)), value if value == value else None)


def neighbors_by_query(result: Neighbors, queries: Sequence[str] | None = None) -> dict[str, list[Neighbor]]:
    """query -> its neighbours, the nearest first; of all queries, or of these.

    Raises:
        InputError: there are no neighbours; a query that the result does not have.
    """
    by_query: dict[str, list[Neighbor]] = {}
    for one in listed_neighbors(result):
        by_query.setdefault(one.query, []).append(one)
    if not by_query:
        raise InputError("a picture of neighbors needs a query with neighbours; got none")
    for query in queries or ():
        if query not in by_query:
            raise InputError(f"queries must be among those of the result; got {query!r}")
    return {query: sorted(by_query[query], key=lambda one: one.rank) for query in queries or by_query}


def neighbors_view(result: Neighbors, verbose: bool = False) -> list[Block]:
    """The neighbours of the first queries, the nearest first; verbose: of all."""
    rows = list(listed_neighbors(result) if verbose else islice(listed_neighbors(result), max(result.k, MOST_ROWS)))
    column = Rows(rows).column
    distance = result.kind == "negated distance"
    sign = -1.0 if distance else 1.0
    table = Table((
        column("query", lambda row: row.query),
        column("rank", lambda row: str(row.rank)),
        column("neighbor", lambda row: row.name),
        column("distance" if distance else "similarity",
               lambda row: None if row.similarity is None else 0.0 + sign * row.similarity, "number",
               write=lambda value: f"{value:.5g}"),
    ))  # fmt: skip
    return [table, Foot(_notes(result, len(rows)))]


def _notes(result: Neighbors, n_shown: int) -> tuple[str, ...]:
    notes = [f"{result.n:,} rows of {result.d:,} features", f"measure {result.measure} ({result.units})"]
    if result.transform is not None:
        notes.append(f"rows after {one_line(result.transform)}")
    if result.exact:
        notes.append(f"exact ({result.backend})")
    else:
        over = f"{result.recall_queries:,} queries that were searched exactly too"
        notes.append(f"index {one_line(result.index)}, recall {result.recall:.3f} over {over}")
    total = int((result.indices >= 0).sum())
    if n_shown < total:
        notes.append(f"the first {n_shown:,} of {total:,} are shown: {ELSEWHERE}")
    return tuple(notes)
