"""Comparisons: the models with their ranks, every two of them, and the best, with a figure free of the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pyalign.analysis.comparison.result import BestModel, Comparison, PairResult
from pyalign.data import ANCHORED
from pyalign.report.blocks import PAGE, TEXT, Block, Foot, Rows, Table
from pyalign.report.cells import CORRECTED, interval_header, model_labels, pairs_column
from pyalign.report.words import ELSEWHERE, chance_note, one_line, over_text, percent, percent_interval

MOST_PAIRS = 45  # in the table, those of ten models


def comparison_view(result: Comparison, verbose: bool = False) -> list[Block]:
    """The models, every two of them, how to read both, and the best."""
    labels = labels_of(result, verbose)
    shown = result.pairs if verbose or len(result.pairs) <= MOST_PAIRS else _neighbors(result)
    blocks: list[Block] = [models_table(result, labels), pairs_table(result, labels, shown)]
    blocks.append(Foot(_notes(result, len(shown))))
    return blocks if result.best is None else [*blocks, Foot(_best(result.best, labels))]


def labels_of(result: Comparison, verbose: bool = False, labels: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each model is called in tables and charts; `labels`: those of a page."""
    return model_labels([(one.model, None) for one in result.models], verbose, labels)


def _neighbors(result: Comparison) -> tuple[PairResult, ...]:
    """The pairs of models that follow each other by rank."""
    order = [model.model for model in sorted(result.models, key=lambda model: model.rank)]
    wanted = {frozenset(two) for two in pairwise(order)}
    return tuple(pair for pair in result.pairs if frozenset((pair.a, pair.b)) in wanted)


def models_table(result: Comparison, labels: Mapping[str, str]) -> Table:
    """A row for each model."""
    column, intervals = Rows(result.models).column, result.ci_by is not None
    columns = [column("model", lambda m: labels[m.model])]
    if result.measure is None:
        columns.append(column("measure", lambda m: m.measure))
    columns.append(column("accuracy", lambda m: m.accuracy, "percent", ci=lambda m: m.ci,
                          ends=interval_header(result.confidence) if intervals else ""))  # fmt: skip
    if intervals:
        columns.append(column("s.e.", lambda m: m.standard_error, "percent", 2, keep=5))
    columns += [
        column("rank", lambda m: m.rank, "count", ci=lambda m: m.rank_ci, ends="interval" if intervals else "",
               keep_ends=7),
        column("ties", lambda m: m.n_ties, "count", keep=4),
        column("cross-entropy", lambda m: m.cross_entropy, "number", 5, ci=lambda m: m.cross_entropy_ci, keep=8),
    ]  # fmt: skip
    return Table(tuple(columns))


def pairs_table(result: Comparison, labels: Mapping[str, str], pairs: Sequence[PairResult]) -> Table:
    """A row for each of these pairs."""
    column, corrected = Rows(pairs).column, f"p ({CORRECTED[result.correction]})"
    over_all = f"corrected for {len(result.pairs):,} pairs" if len(result.pairs) > 1 else ""
    intervals = result.ci_by is not None
    columns = [
        pairs_column("difference", [(p.a, p.b) for p in pairs], labels),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column("less", lambda p: labels[p.b], filter=True, only=PAGE),
        column("accuracy", lambda p: p.difference, "percent", ci=lambda p: p.ci,
               ends=interval_header(result.confidence) if intervals else "",
               note="difference of accuracies, the first less the second"),
    ]  # fmt: skip
    if intervals:
        columns += [
            column("s.e.", lambda p: p.standard_error, "percent", keep=2, only=TEXT),
            column("p", lambda p: p.p_value, "p", keep=6, note="two-sided, of no difference; of this pair alone"),
            column(corrected, lambda p: p.p_adjusted, "p", foot=over_all and f"{corrected} {over_all}",
                   note="corrected for all pairs"),
        ]  # fmt: skip
    if intervals and result.ci_method == "corrected":
        columns.append(
            column("p (max-t)", lambda p: p.p_max_t, "p", keep=5, foot=over_all and f"p (max-t) {over_all}",
                   note="corrected for all pairs and how they depend on each other")
        )  # fmt: skip
    columns += [
        column("cross-entropy", lambda p: p.cross_entropy_difference, "number", 4, ci=lambda p: p.cross_entropy_ci,
               note="difference in nats, the first less the second: below 0 the first is better", only=PAGE),
        column("both wrong", lambda p: p.both_wrong, "percent", keep=4),
        column("if independent", lambda p: p.both_wrong_expected, "percent", keep=3,
               note="both wrong, if errors were independent"),
        column("kappa", lambda p: p.error_consistency, "number", 3, keep=7,
               foot="kappa: error consistency, 0 independent, 1 the same errors",
               note="error consistency: 0 independent errors, 1 the same"),
    ]  # fmt: skip
    return Table(tuple(columns))


def _notes(result: Comparison, n_shown: int) -> tuple[str, ...]:
    notes = [f"triplets: {one_line(result.triplets)}"] if result.triplets else []
    notes.append(f"{result.n_triplets:,} triplets")
    if result.n_dropped:
        notes.append(f"{result.n_dropped:,} dropped (NaN)")
    if n_shown < len(result.pairs):
        notes.append(
            f"{len(result.pairs):,} pairs, of which those of models next to each other by rank are shown: {ELSEWHERE}"
        )
    if result.ci_by is not None:
        notes.append(over_text(result.ci_by, result.ci_method, result.resamples, result.seed))
    notes.append(
        f"{result.n_objects:,} objects" + ("" if result.n_subjects is None else f", {result.n_subjects:,} people")
    )
    notes += [f"measure {result.measure}"] * (result.measure is not None)
    notes += [f"T = {result.temperature:g}", f"ties {result.ties}"]
    return (*notes, *[chance_note(result.task)] * (result.task == ANCHORED))


def _best(best: BestModel, labels: Mapping[str, str]) -> tuple[str, ...]:
    interval = f", {100 * best.ci.confidence:g} % interval {percent_interval(best.ci)}" if best.ci else ""
    often = ", ".join(f"{labels[name]} {100 * share:.0f} %" for name, share in best.chosen.items())
    return (
        f"best: {labels[best.model]}, {percent(best.in_sample_accuracy)} on the triplets that chose it (in-sample)",
        f"chosen on half of the objects and scored on the others: {percent(best.accuracy)}{interval}",
        f"chosen: {often}",
    )
