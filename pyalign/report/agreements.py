"""Agreement with many people as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyalign.analysis.agreement import Agreement, AgreementBin, Agreements
from pyalign.report.tables import Column, Rows, columns_table, fitted_table, noted, one_line, percent
from pyalign.report.tables import short_labels as short


def agreement_table(found: Agreement, width: int | None = None, verbose: bool = False) -> str:
    """One agreement; see `agreements_table`."""
    return agreements_table(Agreements((found,)), width, verbose)


def agreements_table(found: Agreements, width: int | None = None, verbose: bool = False) -> str:
    """A row for each model, a line that says how to read them, and each model's figures by how far people agree."""
    rows = found.results
    labels = _labels(rows, verbose)
    table, same = fitted_table(_columns(rows, labels), width, verbose)
    parts = [table, noted([*_notes(found), *same], None if verbose else width)]
    for row, label in zip(rows, labels, strict=True):
        parts.append(f"\n{label}, {row.measure}, by how far people agree:\n{_bins(row.bins)}")
    return "\n".join(parts)


def _labels(rows: Sequence[Agreement], verbose: bool) -> list[str]:
    names = [row.embeddings or "x" for row in rows]
    shown = {name: one_line(name) for name in names} if verbose else short(names)
    return [row.label or shown[name] for row, name in zip(rows, names, strict=True)]


def _columns(rows: Sequence[Agreement], labels: Sequence[str]) -> list[Column]:
    column = Rows(rows).column
    return [
        Column("embeddings", tuple(labels)),
        column("measure", lambda r: r.measure, 8, "measure {}" if len(rows) > 1 else ""),
        column("r shares", lambda r: _correlation(r.share_pearson)),
        column("r entropy", lambda r: _correlation(r.entropy_pearson), 5),
        column("rho entropy", lambda r: _correlation(r.entropy_spearman), 4),
        column("entropy", lambda r: f"{r.model_entropy:.5f}", 3),
        column("KL", lambda r: f"{r.kl:.5f}" if r.kl < 1e5 else f"{r.kl:.3e}"),  # at very low temperatures
        column("JS", lambda r: f"{r.js_distance:.5f}", 7),
        column("accuracy", lambda r: percent(r.accuracy)),
        column("of majority", lambda r: percent(r.majority_accuracy), 6),
    ]


def _correlation(r: float) -> str:
    return "-" if math.isnan(r) else f"{r:.4f}"


def _notes(found: Agreements) -> list[str]:
    first = found[0]
    dropped = max(row.n_dropped for row in found)
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes.append(f"{first.n_distinct:,} with at least {first.min_answers} answers, {first.n_answers:,} answers")
    if dropped:
        notes.append(f"up to {dropped:,} dropped (NaN)")
    return [
        *notes,
        f"people: entropy {first.human_entropy:.5f}, majority share {percent(first.majority_share)}",
        f"T = {first.temperature:g}",
        f"ties {first.ties}",
        "entropy and KL in nats, JS the root of nats",
    ]


def _bins(bins: Sequence[AgreementBin]) -> str:
    header = ("majority share", "triplets", "mean", "accuracy", "of majority", "p(majority)")
    rows = [
        (
            f"{100 * b.low:.0f} to {100 * b.high:.0f} %",
            f"{b.n_distinct:,}",
            *map(percent, (b.majority_share, b.accuracy, b.majority_accuracy, b.majority_probability)),
        )
        for b in bins
    ]
    return columns_table(header, rows)
