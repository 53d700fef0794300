"""Whether these triplets can tell these models apart, by simulation."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table, Text, present
from pyalign.report.page.sections._rows import column as field
from pyalign.report.page.sections._rows import confidence, file_label, filled, numbered, task_noun
from pyalign.report.page.sections._rows import plain as value_of
from pyalign.report.page.sources import Loaded, Sources

LEAD = (
    "If one of the models had answered, would the analysis find it? Each model answers simulated triplets, and the "
    "model that then fits best is chosen."
)


def recovery(given: Sources) -> Section | None:
    """For each simulation its models, its confusions, and the rate along numbers of triplets."""
    parts: list[Any] = []
    for number, one in enumerate(given.of("recover")):
        parts += [
            _summary(one),
            _models(given, one, number),
            Fold("Which model was chosen", (_confusion(given, one, number),)),
            Fold("By number of triplets", (_curve(one, number),)) if one.document["curve"] else None,
        ]
    return Section("recovery", "Model recovery", LEAD, present(parts)) if parts else None


def _summary(one: Loaded) -> Text:
    whole = one.document
    told = (
        f"With {whole['n_triplets']:,} triplets the right model is found in {100 * whole['recovery_rate']:.1f} % of "
        f"{whole['simulations']:,} simulations of each model; by chance in {100 * whole['chance']:.1f} %."
    )
    if whole.get("n_needed") is not None:
        told += f" {100 * whole['target']:g} % are reached with about {whole['n_needed']:,} triplets."
    else:
        told += f" {100 * whole['target']:g} % are not reached with the numbers that were tried."
    return Text((told,))


def _models(given: Sources, one: Loaded, number: int) -> Table:
    whole, rows = one.document, one.document["by_model"]
    others = [row.get("mistaken_for") for row in rows]
    columns = [
        Column("Model", tuple(given.label(str(row["model"])) for row in rows)),
        field("Measure", rows, "measure", "text"),
        field("Temperature", rows, "temperature", places=4),
        field("Recovered", rows, "recovery_rate", "percent", "ci"),
        Column("Mistaken most for", tuple(None if other is None else given.label(str(other)) for other in others)),
        field("How often", rows, "mistaken_share", "percent"),
        field("Ties", rows, "n_ties", "count"),
    ]
    caption = (
        f"Models as those that answered {whole['n_triplets']:,} {task_noun(whole)} of "
        f"{file_label(whole.get('triplets'))}; {confidence(rows)}: other answers of these "
        f"models to these triplets; refit: {whole.get('refit')}; temperatures "
        f"{whole.get('temperatures')}; seed {whole.get('seed')}."
    )
    return Table(filled(columns), name=numbered("recovery-table", number), caption=caption, sort=("Recovered", True))


def _confusion(given: Sources, one: Loaded, number: int) -> Table:
    names = [given.label(str(name)) for name in one.document["models"]]
    rows = one.document["confusion"]
    chosen = [
        Column(name, tuple(value_of(row[k]) for row in rows), "percent", named=True) for k, name in enumerate(names)
    ]
    caption = "A row for each model that answered, a column for each that was chosen; rows add up to 100 %."
    return Table(
        (Column("Answered", tuple(names)), *chosen), name=numbered("recovery-confusion", number), caption=caption
    )


def _curve(one: Loaded, number: int) -> Table:
    rows = one.document["curve"]
    columns = (
        field("Triplets", rows, "n_triplets", "count"),
        field("Recovered", rows, "recovery_rate", "percent", "ci"),
        field("Drawn beyond the study", rows, "drawn", "count", note="further triplets of its objects, at random"),
    )
    caption = "Random subsets of the study; beyond it, further triplets of its objects."
    return Table(columns, name=numbered("recovery-curve", number), caption=caption)
