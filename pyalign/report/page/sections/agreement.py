"""How far people agree with each other, and how models compare with many people on the same triplets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyalign.analysis.agreement import Agreements
from pyalign.analysis.ceiling.result import NoiseCeiling
from pyalign.documents import Interval
from pyalign.report.blocks import Fold, Rows, Section, Table, filled, present
from pyalign.report.page.sections._shared import file_label, numbered
from pyalign.report.page.sources import Sources
from pyalign.report.probabilities import bins_table, labels_of, models_table
from pyalign.report.words import intervals_over

LEAD = (
    "No model can predict people better than people allow. The noise ceiling says how far that is; where many people "
    "answered the same triplets, a model's probabilities are held against the shares of their answers."
)


def agreement(sources: Sources) -> Section | None:
    """Ceilings, then models."""
    parts: list[Any] = [_ceilings(people, number) for number, people in enumerate(sources.results(NoiseCeiling))]
    for number, models in enumerate(sources.results(Agreements)):
        labels = labels_of(models, labels=sources.labels)
        parts += [_models(models, labels, number), _by_agreement(models, labels, number)]
    return Section("agreement", "Agreement among people", LEAD, present(parts)) if parts else None


def _ceilings(people: NoiseCeiling, number: int) -> Table:
    upper, estimate, lower = people.ceilings.upper, people.ceilings.estimate, people.ceilings.lower
    rows: list[tuple[str, float, Interval | None, str]] = [
        ("Majority share", upper.value, upper.ci, "too high on average: the majority is found in the same answers"),
        ("Likely choices", estimate.value, estimate.ci, "right on average from about five answers on"),
        ("Leave one person out", lower.value, lower.ci, "too low on average: a few others are a poor guide"),
        ("Majority share of pure guessing", people.guessing, None, "what the first would be if everybody guessed"),
        ("Best of any model, in-sample", people.best_accuracy, None, "above what any model can have on other answers"),
    ]
    column = Rows(rows).column
    columns = (
        column("Ceiling", lambda row: row[0]),
        column("Accuracy", lambda row: row[1], "percent", ci=lambda row: row[2]),
        column("On average", lambda row: row[3]),
    )
    persons = "people not known" if people.n_persons is None else f"{people.n_persons:,} people"
    intervals = intervals_over(row[2] for row in rows) or "no intervals"
    caption = (
        f"How well people predict people on {file_label(people.triplets)}: {people.n_distinct:,} triplets "
        f"answered at least twice, {people.n_answers:,} answers, {persons}; "
        f"{intervals}; least cross-entropy of any model on these answers {people.least_cross_entropy:.4f} nats."
    )
    return Table(columns, name=numbered("ceilings-table", number), caption=caption)


def _models(models: Agreements, labels: Sequence[str], number: int) -> Table:
    first = models[0]
    caption = (
        f"Models against many people on {file_label(models.triplets)}: {first.n_distinct:,} triplets, "
        f"{first.n_answers:,} answers; people's mean entropy {first.human_entropy:.4f} nats, mean majority share "
        f"{100 * first.majority_share:.1f} %. These figures have no intervals."
    )
    columns = filled(models_table(models, labels).columns)
    return Table(columns, name=numbered("agreement-table", number), caption=caption, sort=("r shares", True))


def _by_agreement(models: Agreements, labels: Sequence[str], number: int) -> Fold:
    """The same by how far people agree: a row for each model and range."""
    rows = [(label, row, part) for label, row in zip(labels, models, strict=True) for part in row.bins]
    caption = "By the share of the majority: figures on triplets on which so many people agree."
    table = replace(bins_table(rows), name=numbered("agreement-bins", number), caption=caption)
    return Fold("By how far people agree", (table,))
