"""Calibrations as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyalign.report.tables import columns_table, one_line, shorten_left

HEADER = ("embeddings", "measure", "T", "+-", "CE, T = 1", "CE", "ECE, T = 1", "ECE", "accuracy", "triplets")


def calibration_table(rows: Sequence[dict[str, Any]], triplets: str, width: int | None = None) -> str:
    """The results of `pyalign calibrate`, a row each, and how to read them; of one result also its reliability.

    Paths are shortened from the left where the table would be wider than `width`.
    """
    cells = [_cells(row) for row in rows]
    table = columns_table(HEADER, cells)
    excess = max(map(len, table.splitlines())) - width if width else 0
    if excess > 0:
        room = max(12, max(len(row[0]) for row in cells) - excess)
        table = columns_table(HEADER, [(shorten_left(row[0], room), *row[1:]) for row in cells])
    parts = [table, "; ".join(_notes(rows, triplets))]
    if len(rows) == 1:
        parts += _divergences(rows[0]["divergences"])
        parts += ["", reliability_table(rows[0]["equal_mass"])]
    return "\n".join(parts)


def reliability_table(reliability: dict[str, Any]) -> str:
    """A row for each bin that is not empty.

    Example:
        >>> print(reliability_table({"edges": (0, 0.5, 1), "count": (0, 4), "confidence": (None, 0.7),
        ...                          "accuracy": (None, 0.75)}))
        confidence        mean    accuracy  answers
        0.5000 to 1.0000  0.7000    0.7500        4
    """
    edges = reliability["edges"]
    columns = zip(
        edges, edges[1:], reliability["confidence"], reliability["accuracy"], reliability["count"], strict=False
    )
    rows = [
        (f"{low:.4f} to {high:.4f}", f"{confidence:.4f}", f"{accuracy:.4f}", f"{count:,}")
        for low, high, confidence, accuracy, count in columns
        if count
    ]
    return columns_table(("confidence", "mean", "accuracy", "answers"), rows)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    test = row["test"]
    return (
        one_line(row["embeddings"]),
        row["measure"],
        f"{row['temperature']:.5g}",
        f"{row['standard_error']:.2g}",
        f"{test['cross_entropy_before']:.5f}",
        f"{test['cross_entropy']:.5f}",
        f"{row['ece_equal_width_before']:.4f}",
        f"{row['equal_width']['ece']:.4f}",
        f"{100 * test['accuracy']:.3f} %",
        f"{test['n_triplets']:,}",
    )


def _notes(rows: Sequence[dict[str, Any]], triplets: str) -> list[str]:
    first = rows[0]
    notes = [f"triplets: {one_line(triplets)}"]
    if first["split"] is None:
        notes.append("fitted and reported on the same triplets")
    else:
        share = f"{100 * first['held_out']:g} % of {first['split']}"
        notes.append(f"fitted on {first['fit']['n_triplets']:,} others, reported on held-out {share}")
    if first["targets"] != "choices":
        notes.append(f"targets: {first['targets']}")
    dropped = max(row["n_dropped"] for row in rows)
    if dropped:
        notes.append(f"up to {dropped:,} dropped (NaN)")
    return [*notes, "CE in nats (log 3 = 1.09861)", "ECE of equal widths", f"backend {first['backend']}"]


def _divergences(divergences: dict[str, float] | None) -> list[str]:
    if divergences is None:
        return []
    js, kl = (f"{divergences[f'{name}_before']:.5f} -> {divergences[name]:.5f}" for name in ("js_distance", "kl"))
    return [
        f"to the targets: Jensen-Shannon distance {js}, KL {kl} nats, their entropy "
        f"{divergences['target_entropy']:.5f} nats"
    ]
