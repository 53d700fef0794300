"""Differences between models on the same triplets, with intervals and corrected p-values; and ranks."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table, Text, present
from pyalign.report.charts.document import ends
from pyalign.report.page.sections._rows import column as field
from pyalign.report.page.sections._rows import confidence, file_label, filled, numbered, plain, task_noun
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.tables import over_text

LEAD = (
    "Models beside each other on the same triplets: what they differ by, how sure that is once all pairs are counted, "
    "and whether they err on the same triplets."
)
SHORT = {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}


def differences(given: Sources) -> Section | None:
    """For each comparison its pairs and its ranks."""
    documents = given.of("compare")
    if not documents:
        return None
    parts: list[Any] = []
    for number, one in enumerate(documents):
        parts += [_summary(given, one), _pairs(given, one, number), _best(given, one), _ranks(given, one, number)]
    return Section("differences", "Differences between models", LEAD, present(parts))


def _summary(given: Sources, one: Loaded) -> Text:
    """How many pairs are told apart; the widest of all differences."""
    pairs = one.document["pairs"]
    key = "p_adjusted"
    apart = [pair for pair in pairs if plain(pair.get(key)) is not None and pair[key] < 0.05]
    tested = one.document.get("ci_by") is not None
    told = f"{len(apart)} of {len(pairs)} pairs differ at 5 %, corrected for all pairs." if tested else ""
    if pairs:
        most = max(pairs, key=lambda pair: abs(pair["difference"]))
        a, b = (given.label(str(most[end])) for end in ("a", "b"))
        told += f" The largest difference: {a} and {b}, {100 * abs(most['difference']):.1f} percentage points."
    return Text((told.strip(),))


def _pairs(given: Sources, one: Loaded, number: int) -> Table:
    whole, rows = one.document, one.document["pairs"]
    correction = SHORT.get(str(whole.get("correction")), str(whole.get("correction")))
    columns = [
        Column("Model", tuple(given.label(str(row["a"])) for row in rows), filter=True),
        Column("Less", tuple(given.label(str(row["b"])) for row in rows), filter=True),
        field("Difference", rows, "difference", "percent", "ci", note="of accuracies, the first less the second"),
        field("p", rows, "p_value", "p", note="two-sided, of no difference; of this pair alone"),
        field(f"p ({correction})", rows, "p_adjusted", "p", note="corrected for all pairs"),
        field("p (max-t)", rows, "p_max_t", "p", note="corrected for all pairs and how they depend on each other"),
        field("Cross-entropy", rows, "cross_entropy_difference", "number", "cross_entropy_ci", places=4,
              note="difference in nats, the first less the second: below 0 the first is better"),
        field("Both wrong", rows, "both_wrong", "percent"),
        field("If independent", rows, "both_wrong_expected", "percent", note="both wrong, if errors were independent"),
        field("Kappa", rows, "error_consistency", "number", places=3,
              note="error consistency: 0 independent errors, 1 the same"),
    ]  # fmt: skip
    people = "" if whole.get("n_subjects") is None else f" and {whole['n_subjects']:,} people"
    over = f"{whole['n_triplets']:,} {task_noun(whole)} of {file_label(whole.get('triplets'))}"
    told = f"Differences in accuracy, {over}, {whole['n_objects']:,} objects{people}; {_how(whole)}"
    return Table(filled(columns), name=numbered("differences-table", number), caption=told, sort=("Difference", True))


def _how(whole: Any) -> str:
    bars = confidence(whole["pairs"])
    how = over_text(whole.get("ci_by"), whole.get("ci_method"), whole.get("resamples"), whole.get("seed"))
    by = f"; measure {whole['measure']}" if whole.get("measure") else "; by the measure of each model, see their ranks"
    return f"{bars}, each by itself; {how}{by}." if bars else "no intervals in the document."


def _ranks(given: Sources, one: Loaded, number: int) -> Fold:
    rows = one.document["models"]
    columns = [
        Column("Model", tuple(given.label(str(row["model"])) for row in rows)),
        field("Rank", rows, "rank", "count", "rank_ci"),
        field("Accuracy", rows, "accuracy", "percent", "ci"),
        field("Standard error", rows, "standard_error", "percent", places=2),
        field("Cross-entropy", rows, "cross_entropy", "number", "cross_entropy_ci", places=4),
        field("Ties", rows, "n_ties", "count"),
    ]
    if one.document.get("measure") is None:
        columns.insert(1, field("Measure", rows, "measure", "text"))
    told = confidence(rows, "rank_ci")
    caption = f"Ranks by accuracy; their {told}, for all models together." if told else "Ranks by accuracy."
    return Fold(
        "Ranks", (Table(filled(columns), name=numbered("ranks-table", number), caption=caption, sort=("Rank", False)),)
    )


def _interval(row: Any) -> str:
    """In brackets, with its level where it is known."""
    low, high = ends(row)
    if low is None or high is None:
        return ", without interval"
    return f" ({100 * low:.1f} to {100 * high:.1f} %{f', {level}' if (level := confidence([row])) else ''})"


def _best(given: Sources, one: Loaded) -> Text | None:
    """The model that was chosen as the best, with a figure that is free of the choice."""
    best = one.document.get("best")
    if not best:
        return None
    told = (
        f"The best of them by choice is {given.label(str(best['model']))}: {100 * best['in_sample_accuracy']:.1f} % on "
        f"the triplets that chose it. Chosen on half of the objects and scored on the others: "
        f"{100 * best['accuracy']:.1f} %{_interval(best)}."
    )
    return Text((told,))
