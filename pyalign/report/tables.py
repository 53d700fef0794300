"""Plain text tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def one_line(text: str) -> str:
    r"""A file name as it is, but for what would break a line or cannot be shown, which is escaped.

    Example:
        >>> print(one_line("two\nlines.npy"))
        two\nlines.npy
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def columns_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, the first column to the left and the others to the right.

    Example:
        >>> print(columns_table(("name", "n"), [("a", "12"), ("bcd", "3")]))
        name   n
        a     12
        bcd    3
    """
    widths = [max(len(cells[k]) for cells in (header, *rows)) for k in range(len(header))]
    lines = []
    for cells in (header, *rows):
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        lines.append("  ".join((first, *rest)).rstrip())
    return "\n".join(lines)


def score_table(rows: Sequence[dict[str, Any]], triplets: str) -> str:
    """The results of `pyalign score`, a row each, and a line that says how to read them."""
    header = (
        "embeddings",
        "measure",
        "accuracy",
        "ties",
        "cross-entropy",
        "entropy",
        "triplets",
        "M triplets/s",
    )
    table = columns_table(header, [_score_cells(row) for row in rows])
    first = rows[0]
    dropped = max(row["n_dropped"] for row in rows)
    notes = [
        f"triplets: {one_line(triplets)}",
        "chance 33.333 %",
        f"T = {first['temperature']:g}",
        f"ties {first['ties']}",
        "nats (log 3 = 1.09861)",
        f"backend {first['backend']}",
    ]
    if dropped:
        notes.insert(1, f"up to {dropped:,} dropped (NaN)")
    return f"{table}\n{'; '.join(notes)}"


def _score_cells(row: dict[str, Any]) -> tuple[str, ...]:
    accuracy = "-" if row["accuracy"] is None else f"{100 * row['accuracy']:.3f} %"
    cross_entropy = "-" if row["cross_entropy"] is None else f"{row['cross_entropy']:.5f}"
    return (
        one_line(row["embeddings"]),
        row["measure"],
        accuracy,
        f"{row['n_ties']:,}",
        cross_entropy,
        f"{row['mean_entropy']:.5f}",
        f"{row['n_triplets']:,}",
        _speed(row["triplets_per_second"] / 1e6),
    )


def _speed(millions: float) -> str:
    return f"{millions:.1f}" if millions >= 0.95 else f"{millions:.2g}"
