"""Embeddings before and after maps: one table for each set, and one for the categories of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.map_transfer.result import ACCURACY, KEPT, RSA, VOTES, Transfer, TransferFigure
from pyalign.report.blocks import Block, Column, Rows, Table, foot, table
from pyalign.report.metadata import rank_text
from pyalign.report.words import ELSEWHERE, counted, interval_header, one_line

MOST_CATEGORIES = 10  # in a text that is not verbose
UNITS = {ACCURACY: "triplet", RSA: "pair"}


def transfer_view(result: Transfer, verbose: bool = False) -> list[Block]:
    """The figures over everything, then k-NN accuracy of the categories that change most."""
    blocks: list[Block] = [transfer_table(result, overall(result))]
    shown = categories_of(result)
    most = shown if verbose else shown[:MOST_CATEGORIES]
    if most:
        blocks.append(transfer_table(result, most))
    rows, categories = f"{result.n_objects:,} objects", len({row.category for row in shown})
    return [*blocks, foot(
        rows if result.embeddings is None else f"{one_line(result.embeddings)}: {rows}",
        f"triplets by {' and '.join(dict.fromkeys(result.measures))}",
        f"similarity matrices by {result.rsa_measure}, Spearman",
        f"neighbours by {result.neighbor_measure}, k = {result.k}{among(result)}",
        "" if len(most) == len(shown) else f"of {categories} categories those that change most: {ELSEWHERE}",
    )]  # fmt: skip


def among(result: Transfer) -> str:
    """How many objects neighbours are among, where that is not all of them."""
    n = next((row.n for row in result.figures if row.figure == KEPT), result.n_objects)
    return "" if n == result.n_objects else f" among {n:,} objects that no map was fitted to keep"


def overall(result: Transfer) -> list[TransferFigure]:
    """The figures that are not of one category of neighbours."""
    return [row for row in result.figures if row.category is None]


def categories_of(result: Transfer) -> list[TransferFigure]:
    """Those of single categories, those that change most first."""
    rows = [row for row in result.figures if row.category is not None]
    return sorted(rows, key=lambda row: -abs(row.difference))


def called(row: TransferFigure) -> str:
    """A figure in a few words.

    Example:
        >>> figures = 0.5, None, 0.4, None, -0.1, None, None
        >>> called(TransferFigure("w", "things", "accuracy", "categories", None, 9, *figures))
        'accuracy within categories'
    """
    of = "" if row.category is None else f", {one_line(row.category)}"
    within = "" if row.within is None else f" within {row.within}"
    unknown = ", in-sample unknown" if row.figure == KEPT and row.in_sample is None else ""
    return f"{row.figure}{of}{within}{', in-sample' if row.in_sample else unknown}"


def unit_of(row: TransferFigure) -> str:
    """What `n` of a figure counts."""
    return UNITS.get(row.figure, "object")


def transfer_table(result: Transfer, rows: Sequence[TransferFigure]) -> Table:
    """A row for each figure of each map."""
    column = Rows(rows, interval_header(result.confidence) if result.confidence is not None else "").column
    several = len(result.maps) > 1
    tested, together = any(row.p_value is not None for row in rows), any(row.simultaneous_ci for row in rows)
    return table(
        *(() if all(row.on == "" for row in rows) else (column("on", lambda r: one_line(r.on) or "neighbours"),)),
        Column("figure", tuple(map(called, rows)), left=True),
        *((column("map", lambda r: one_line(r.map), left=True),) if several else ()),
        column("over", lambda r: counted(r.n, unit_of(r)), keep=5),
        column("before", lambda r: r.before, "number", 3, ci=lambda r: r.before_ci, ends=""),
        column("after", lambda r: r.after, "number", 3, ci=lambda r: r.after_ci, ends=""),
        column("difference", lambda r: r.difference, "number", 3, ci=lambda r: r.ci),
        *((column("all categories together", lambda r: rank_text(r.simultaneous_ci), keep=5,
                  note="Of the difference of a category that was chosen among all."),) if together else ()),
        *((column("p", lambda r: r.p_value, "p", keep=4, note="Of no difference."),) if tested else ()),
    )  # fmt: skip


def sentence_of(result: Transfer) -> str:
    """What is won most and lost most, for a figure in words."""
    rows = [row for row in overall(result) if row.figure in (ACCURACY, RSA, VOTES)]
    if not rows:
        return "No agreement could be compared."
    best, worst = max(rows, key=lambda row: row.difference), min(rows, key=lambda row: row.difference)
    several = len(result.maps) > 1
    parts = [f"Most is won in {_change(best, several)}"]
    if worst.difference < 0:
        parts.append(f"most is lost in {_change(worst, several)}")
    return "; ".join(parts) + "."


def _change(row: TransferFigure, several: bool) -> str:
    on = f"{one_line(row.on) or 'neighbours'}{f' by {one_line(row.map)}' if several else ''}"
    return f"{called(row)} on {on}: {row.before:.3f} before, {row.after:.3f} after"
