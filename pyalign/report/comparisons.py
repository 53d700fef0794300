"""Comparisons as tables."""

from __future__ import annotations

from collections.abc import Callable

from pyalign.analysis.comparison import Comparison, ModelResult, PairResult
from pyalign.report.tables import (
    Column,
    fitted_table,
    noted,
    one_line,
    percent,
    percent_interval,
    short_labels,
    shortened,
)  # fmt: skip


def comparison_table(found: Comparison, width: int | None = None, verbose: bool = False) -> str:
    """The models, every two of them, and a line that says how to read both."""
    names = [model.model for model in found.models]
    labels = {name: one_line(name) for name in names} if verbose else short_labels(names)
    interval = f"{100 * found.confidence:g} % interval"
    models, _ = fitted_table(_models(found, labels, interval), width, verbose)
    pairs, _ = fitted_table(_pairs(found, labels, interval), width, verbose)
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes.append(f"{found.n_triplets:,} triplets")
    if found.n_dropped:
        notes.append(f"{found.n_dropped:,} dropped (NaN)")
    notes += [
        f"over {found.ci_by} ({found.resamples:,} resamples, seed {found.seed})",
        f"measure {found.measure}",
        f"T = {found.temperature:g}",
        f"ties {found.ties}",
        "kappa: error consistency, 0 independent, 1 the same errors",
    ]
    return f"{models}\n\n{pairs}\n{noted(notes, width, verbose)}"


def _models(found: Comparison, labels: dict[str, str], interval: str) -> list[Column]:
    def column(header: str, cell: Callable[[ModelResult], str], keep: int = 9) -> Column:
        return Column(header, tuple(map(cell, found.models)), keep)

    return [
        column("model", lambda m: labels[m.model]),
        column("accuracy", lambda m: percent(m.accuracy)),
        column(interval, lambda m: percent_interval(m.ci)),
        column("s.e.", lambda m: percent(m.standard_error), 5),
        column("rank", lambda m: f"{m.rank:g}"),
        column("interval", lambda m: f"{m.rank_ci[0]:g} to {m.rank_ci[1]:g}", 7),
        column("ties", lambda m: f"{m.n_ties:,}", 4),
        column("cross-entropy", lambda m: f"{m.cross_entropy:.5f}", 8),
    ]


def _pairs(found: Comparison, labels: dict[str, str], interval: str) -> list[Column]:
    def column(header: str, cell: Callable[[PairResult], str], keep: int = 9) -> Column:
        return Column(header, tuple(map(cell, found.pairs)), keep)

    names = list(labels.values())

    def fit(room: int) -> list[str]:
        """Both names of each pair, half the room each."""
        half = dict(zip(names, shortened(names, (room - 3) // 2), strict=True))
        return [f"{half[labels[p.a]]} - {half[labels[p.b]]}" for p in found.pairs]

    return [
        Column("difference", tuple(f"{labels[p.a]} - {labels[p.b]}" for p in found.pairs), fit=fit),
        column("accuracy", lambda p: percent(p.difference)),
        column(interval, lambda p: percent_interval(p.ci)),
        column("p", lambda p: f"{p.p_value:.3g}", 6),
        column("p (Holm)", lambda p: f"{p.p_adjusted:.3g}"),
        column("both wrong", lambda p: percent(p.both_wrong), 4),
        column("if independent", lambda p: percent(p.both_wrong_expected), 3),
        column("kappa", lambda p: "-" if p.error_consistency is None else f"{p.error_consistency:.3f}", 7),
    ]
