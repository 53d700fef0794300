"""Whether these triplets can tell these models apart, by simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.recovery.recovered import Recovery
from pyalign.report.blocks import Column, Fold, Section, Table, Text, filled, present
from pyalign.report.comparison import curve_table
from pyalign.report.comparison import recovery_table as models_table
from pyalign.report.page.sections._shared import file_label, numbered
from pyalign.report.page.sources import Sources
from pyalign.report.words import intervals_over, model_labels

LEAD = (
    "If one of the models had answered, would the analysis find it? Each model answers simulated triplets, and the "
    "model that then fits best is chosen."
)


def recovery(sources: Sources) -> Section | None:
    """For each simulation its models, its confusions, and the rate along numbers of triplets."""
    parts: list[Any] = []
    for number, found in enumerate(sources.results(Recovery)):
        labels = model_labels([(name, None) for name in found.models], labels=sources.labels)
        parts += [
            _summary(found),
            _models(found, labels, number),
            Fold("Which model was chosen", (_confusion(found, labels, number),)),
            Fold("By number of triplets", (_curve(found, number),)) if found.curve else None,
        ]
    return Section("recovery", "Model recovery", LEAD, present(parts)) if parts else None


def _summary(found: Recovery) -> Text:
    text = (
        f"With {found.n_triplets:,} triplets the right model is found in {100 * found.recovery_rate:.1f} % of "
        f"{found.simulations:,} simulations of each model; by chance in {100 * found.chance:.1f} %."
    )
    if found.n_needed is not None:
        text += f" {100 * found.target:g} % are reached with about {found.n_needed:,} triplets."
    else:
        text += f" {100 * found.target:g} % are not reached with the numbers that were tried."
    return Text((text,))


def _models(found: Recovery, labels: Mapping[str, str], number: int) -> Table:
    caption = (
        f"Models as those that answered {found.n_triplets:,} {found.task} triplets of {file_label(found.triplets)}; "
        f"{intervals_over(row.ci for row in found.by_model)}: other answers of these models to these triplets; refit: "
        f"{found.refit}; temperatures {found.temperatures}; seed {found.seed}."
    )
    columns = filled(models_table(found, labels).columns)
    return Table(columns, name=numbered("recovery-table", number), caption=caption, sort=("recovered", True))


def _confusion(found: Recovery, labels: Mapping[str, str], number: int) -> Table:
    names = [labels[name] for name in found.models]
    chosen = [
        Column(name, tuple(row[k] for row in found.confusion), "percent", named=True) for k, name in enumerate(names)
    ]
    caption = "A row for each model that answered, a column for each that was chosen; rows add up to 100 %."
    columns = (Column("Answered", tuple(names)), *chosen)
    return Table(columns, name=numbered("recovery-confusion", number), caption=caption)


def _curve(found: Recovery, number: int) -> Table:
    caption = "Random subsets of the study; beyond it, further triplets of its objects."
    table = curve_table(found.curve, found.confidence)
    return replace(table, name=numbered("recovery-curve", number), caption=caption)
