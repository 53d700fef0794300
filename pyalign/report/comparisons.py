"""Comparisons as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pyalign.analysis.comparison.result import BestModel, Comparison, PairResult
from pyalign.data import ANCHORED
from pyalign.report.cells import pairs_column
from pyalign.report.tables import (
    ELSEWHERE,
    Column,
    Rows,
    chance_note,
    fitted_table,
    noted,
    one_line,
    over_text,
    p_text,
    percent,
    percent_interval,
    short_labels,
)  # fmt: skip

MOST_PAIRS = 45  # in the table, those of ten models
SHORT = {"holm": "Holm", "benjamini-hochberg": "B.-H."}


def comparison_table(found: Comparison, width: int | None = None, verbose: bool = False) -> str:
    """The models, every two of them, and a line that says how to read both."""
    names = [model.model for model in found.models]
    labels = {name: one_line(name) for name in names} if verbose else short_labels(names)
    interval = "" if found.confidence is None else f"{100 * found.confidence:g} % interval"
    models, _ = fitted_table(_models(found, labels, interval), width, verbose)
    shown = found.pairs if verbose or len(found.pairs) <= MOST_PAIRS else _neighbors(found)
    pairs, of_pairs = fitted_table(_pairs(shown, labels, interval, found), width, verbose)
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes.append(f"{found.n_triplets:,} triplets")
    if found.n_dropped:
        notes.append(f"{found.n_dropped:,} dropped (NaN)")
    if len(shown) < len(found.pairs):
        notes.append(
            f"{len(found.pairs):,} pairs, of which those of models next to each other by rank are shown: {ELSEWHERE}"
        )
    notes += [
        *([] if found.ci_by is None else [over_text(found.ci_by, found.ci_method, found.resamples, found.seed)]),
        f"{found.n_objects:,} objects" + ("" if found.n_subjects is None else f", {found.n_subjects:,} people"),
        *([] if found.measure is None else [f"measure {found.measure}"]),
        f"T = {found.temperature:g}",
        f"ties {found.ties}",
        *([chance_note(found.task)] if found.task == ANCHORED else []),
        *of_pairs,
    ]
    parts = [f"{models}\n\n{pairs}", noted(notes, width, verbose)]
    if found.best is not None:
        parts.append(noted(_best(found.best, labels), width, verbose))
    return "\n".join(parts)


def _best(best: BestModel, labels: dict[str, str]) -> list[str]:
    interval = f", {100 * best.ci.confidence:g} % interval {percent_interval(best.ci)}" if best.ci else ""
    often = ", ".join(f"{labels[name]} {100 * share:.0f} %" for name, share in best.chosen.items())
    return [
        f"best: {labels[best.model]}, {percent(best.in_sample_accuracy)} on the triplets that chose it (in-sample)",
        f"chosen on half of the objects and scored on the others: {percent(best.accuracy)}{interval}",
        f"chosen: {often}",
    ]


def _neighbors(found: Comparison) -> tuple[PairResult, ...]:
    """The pairs of models that follow each other by rank."""
    order = [model.model for model in sorted(found.models, key=lambda model: model.rank)]
    wanted = {frozenset(two) for two in pairwise(order)}
    return tuple(pair for pair in found.pairs if frozenset((pair.a, pair.b)) in wanted)


def _models(found: Comparison, labels: dict[str, str], interval: str) -> list[Column]:
    column = Rows(found.models).column
    columns = [
        column("model", lambda m: labels[m.model]),
        *([] if found.measure is not None else [column("measure", lambda m: m.measure or "-")]),
        column("accuracy", lambda m: percent(m.accuracy)),
        column(interval, lambda m: percent_interval(m.ci)),
        column("s.e.", lambda m: percent(m.standard_error), 5),
        column("rank", lambda m: f"{m.rank:g}"),
        column("interval", lambda m: "-" if m.rank_ci is None else f"{m.rank_ci.low:g} to {m.rank_ci.high:g}", 7),
        column("ties", lambda m: f"{m.n_ties:,}", 4),
        column("cross-entropy", lambda m: f"{m.cross_entropy:.5f}", 8),
    ]
    return [column for column in columns if found.ci_by or column.header not in (interval, "s.e.", "interval")]


def _pairs(pairs: Sequence[PairResult], labels: dict[str, str], interval: str, found: Comparison) -> list[Column]:
    column, corrected = Rows(pairs).column, SHORT[found.correction]
    over_all = f"corrected for {len(found.pairs):,} pairs" if len(found.pairs) > 1 else ""
    of_intervals = [
        column(interval, lambda p: percent_interval(p.ci)),
        column("s.e.", lambda p: percent(p.standard_error), 2),
        column("p", lambda p: p_text(p.p_value), 6),
        column(f"p ({corrected})", lambda p: p_text(p.p_adjusted), foot=over_all and f"p ({corrected}) {over_all}"),
    ]
    if found.ci_method == "corrected":
        of_intervals.append(
            column("p (max-t)", lambda p: p_text(p.p_max_t), 5, foot=over_all and f"p (max-t) {over_all}")
        )
    return [
        pairs_column("difference", [(p.a, p.b) for p in pairs], labels),
        column("accuracy", lambda p: percent(p.difference)),
        *(of_intervals if found.ci_by else []),
        column("both wrong", lambda p: percent(p.both_wrong), 4),
        column("if independent", lambda p: percent(p.both_wrong_expected), 3),
        column(
            "kappa",
            lambda p: "-" if p.error_consistency is None else f"{p.error_consistency:.3f}",
            7,
            foot="kappa: error consistency, 0 independent, 1 the same errors",
        ),
    ]
