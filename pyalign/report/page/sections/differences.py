"""Differences between models on the same triplets, with intervals and corrected p-values; and ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.analysis.comparison.result import BestModel, Comparison
from pyalign.report.blocks import Fold, Section, Table, Text, filled
from pyalign.report.comparison import models_table, pairs_table
from pyalign.report.page.sections._shared import file_label, numbered
from pyalign.report.page.sources import Sources
from pyalign.report.words import intervals_over, labels_of, over_text

LEAD = (
    "Models beside each other on the same triplets: what they differ by, how sure that is once all pairs are counted, "
    "and whether they err on the same triplets."
)


def differences(sources: Sources) -> Section | None:
    """Of each comparison its pairs, the best model and the ranks."""
    parts: list[Any] = []
    for k, comparison in enumerate(sources.results(Comparison)):
        labels = labels_of(comparison, labels=sources.labels)
        parts += [_summary(comparison, labels), _pairs(comparison, labels, numbered("differences-table", k))]
        parts += [] if comparison.best is None else [_best(comparison.best, labels)]
        parts.append(Fold("Ranks", (_ranks(comparison, labels, numbered("ranks-table", k)),)))
    return Section("differences", "Differences between models", LEAD, tuple(parts)) if parts else None


def _summary(comparison: Comparison, labels: Mapping[str, str]) -> Text:
    """How many pairs are told apart; the widest of all differences."""
    pairs, sentences = comparison.pairs, []
    if comparison.ci_by is not None:
        apart = sum(pair.p_adjusted is not None and pair.p_adjusted < 0.05 for pair in pairs)
        sentences.append(f"{apart} of {len(pairs)} pairs differ at 5 %, corrected for all pairs.")
    if pairs:
        most = max(pairs, key=lambda pair: abs(pair.difference))
        sentences.append(
            f"The largest difference: {labels[most.a]} and {labels[most.b]}, {100 * abs(most.difference):.1f} "
            "percentage points."
        )
    return Text((" ".join(sentences),))


def _pairs(comparison: Comparison, labels: Mapping[str, str], name: str) -> Table:
    table = pairs_table(comparison, labels, comparison.pairs)
    people = "" if comparison.n_subjects is None else f" and {comparison.n_subjects:,} people"
    caption = (
        f"Differences in accuracy, {comparison.n_triplets:,} {comparison.task} triplets of "
        f"{file_label(comparison.triplets)}, {comparison.n_objects:,} objects{people}; {_how(comparison)}"
    )
    return replace(table, columns=filled(table.columns), name=name, caption=caption, sort=("accuracy", True))


def _how(comparison: Comparison) -> str:
    level = intervals_over(pair.ci for pair in comparison.pairs)
    if not level:
        return "no intervals in the document."
    method = over_text(comparison.ci_by, comparison.ci_method, comparison.resamples, comparison.seed)
    measure = f"measure {comparison.measure}" if comparison.measure else "by the measure of each model, see their ranks"
    return f"{level}, each by itself; {method}; {measure}."


def _ranks(comparison: Comparison, labels: Mapping[str, str], name: str) -> Table:
    table = models_table(comparison, labels)
    level = intervals_over(model.rank_ci for model in comparison.models)
    caption = f"Ranks by accuracy; their {level}, for all models together." if level else "Ranks by accuracy."
    return replace(table, columns=filled(table.columns), name=name, caption=caption, sort=("rank", False))


def _best(best: BestModel, labels: Mapping[str, str]) -> Text:
    """The model that was chosen as the best, with a figure that is free of the choice."""
    level = intervals_over([best.ci])
    interval = ", without interval"
    if best.ci is not None and level:
        interval = f" ({100 * best.ci.low:.1f} to {100 * best.ci.high:.1f} %, {level})"
    text = (
        f"The best of them by choice is {labels[best.model]}: {100 * best.in_sample_accuracy:.1f} % on the triplets "
        f"that chose it. Chosen on half of the objects and scored on the others: {100 * best.accuracy:.1f} %"
    )
    return Text((f"{text}{interval}.",))
