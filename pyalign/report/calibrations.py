"""Calibrations as tables."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from pyalign.analysis.calibration.result import Calibration, Calibrations, Divergences, Reliability
from pyalign.report.tables import Column, Rows, columns_table, fitted_table, nats_note, noted, one_line, over, percent
from pyalign.report.tables import short_labels as short


def calibration_table(found: Calibration, width: int | None = None, verbose: bool = False) -> str:
    """One calibration; see `calibrations_table`."""
    return calibrations_table(Calibrations((found,)), width, verbose)


def calibrations_table(found: Calibrations, width: int | None = None, verbose: bool = False) -> str:
    """A row for each calibration, and a line that says how to read them; of one also its reliability."""
    table, same = fitted_table(_columns(found.results, verbose), width, verbose)
    limit = None if verbose else width
    parts = [table, noted([*_notes(found), *same], limit)]
    if len(found) == 1:
        if found[0].divergences is not None:
            parts.append(noted(_divergences(found[0].divergences), limit))
        parts += ["", reliability_table(found[0].equal_mass)]
    return "\n".join(parts)


def reliability_table(reliability: Reliability) -> str:
    """A row for each bin that is not empty.

    Example:
        >>> print(reliability_table(Reliability((0, 0.5, 1), (0, 4), (None, 0.7), (None, 0.75), 0.05)))
        confidence        mean    accuracy  answers
        0.5000 to 1.0000  0.7000    0.7500        4
    """
    edges = reliability.edges
    columns = zip(edges, edges[1:], reliability.confidence, reliability.accuracy, reliability.count, strict=False)
    rows = [
        (f"{low:.4f} to {high:.4f}", f"{confidence:.4f}", f"{accuracy:.4f}", f"{count:,}")
        for low, high, confidence, accuracy, count in columns
        if count
    ]
    return columns_table(("confidence", "mean", "accuracy", "answers"), rows)


def _columns(rows: Sequence[Calibration], verbose: bool) -> list[Column]:
    labels = {} if verbose else short([row.embeddings or "x" for row in rows])

    column = Rows(rows).column
    return [
        column("embeddings", lambda r: r.label or labels.get(r.embeddings or "x") or one_line(r.embeddings or "x")),
        column("measure", lambda r: r.measure, 8, "measure {}" if len(rows) > 1 else ""),
        column("T", lambda r: f"{r.temperature:.5g}"),
        column("+-", lambda r: "-" if isnan(r.standard_error) else f"{r.standard_error:.2g}", 7),
        column("CE, T = 1", lambda r: f"{r.test.cross_entropy_before:.5f}", 6),
        column("CE", lambda r: f"{r.test.cross_entropy:.5f}"),
        column("ECE, T = 1", lambda r: f"{r.ece_equal_width_before:.4f}", 4),
        column("ECE", lambda r: f"{r.equal_width.ece:.4f}"),
        column("accuracy", lambda r: percent(r.test.accuracy), 5),
        column("triplets", lambda r: f"{r.test.n_triplets:,}", 3, "{} triplets"),
    ]


def _notes(found: Calibrations) -> list[str]:
    first = found[0]
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    if first.split is None:
        notes.append("fitted and reported on the same triplets")
    else:
        share = f"{100 * (first.held_out or 0):g} % of {first.split}"
        notes.append(f"fitted on {first.fit.n_triplets:,} others, reported on held-out {share}")
    if first.answers != "choices":
        notes.append(f"answers: {first.answers}")
    dropped = max(row.n_dropped for row in found)
    if dropped:
        notes.append(f"up to {dropped:,} dropped (NaN)")
    notes.append(f"ties {first.ties}")
    notes += [f"+- over {over(by)}" for by in sorted({row.temperature_ci.by or "" for row in found})]
    return [*notes, f"CE in {nats_note(first.task)}", "ECE of equal widths", f"backend {first.backend}"]


def _divergences(found: Divergences) -> list[str]:
    return [
        f"to the answers: Jensen-Shannon distance {found.js_distance_before:.5f} -> {found.js_distance:.5f}, "
        f"KL {found.kl_before:.5f} -> {found.kl:.5f} nats, their entropy {found.target_entropy:.5f} nats"
    ]
