"""Model recovery as tables."""

from __future__ import annotations

from pyalign.recovery.recovered import RateAtSize, RecoveredModel, Recovery
from pyalign.report.tables import (
    Column,
    Rows,
    columns_table,
    fitted_table,
    noted,
    one_line,
    percent,
    percent_interval,
    short_labels,
    shortened,
)  # fmt: skip

MOST_MODELS = 8  # whose confusions are shown as a matrix
WIDEST = 12  # of a name above a column of it


def recovery_table(found: Recovery, width: int | None = None, verbose: bool = False) -> str:
    """The models as those that answered, who was chosen, the rate along sizes, and how to read them."""
    labels = {name: one_line(name) for name in found.models} if verbose else short_labels(found.models)
    interval = f"{100 * found.confidence:g} % interval"
    models, same = fitted_table(_models(found, labels, interval), width, verbose)
    parts = [models]
    if verbose or len(found.models) <= MOST_MODELS:
        parts.append(fitted_table(_confusion(found, labels), width, verbose)[0])
    if len(found.curve) > 1:
        parts.append(columns_table(("triplets", "recovered", interval), [_size(one) for one in found.curve]))
    return "\n\n".join(parts) + "\n" + noted([*_notes(found), *same], width, verbose)


def _models(found: Recovery, labels: dict[str, str], interval: str) -> list[Column]:
    column = Rows(found.by_model).column

    def mistaken(row: RecoveredModel) -> str:
        return "-" if row.mistaken_for is None else f"{labels[row.mistaken_for]} {100 * row.mistaken_share:.1f} %"

    return [
        column("model", lambda m: labels[m.model]),
        column("measure", lambda m: m.measure, 4, "measure {}"),
        column("T", lambda m: f"{m.temperature:.4g}", 5),
        column("recovered", lambda m: percent(m.recovery_rate)),
        column(interval, lambda m: percent_interval(m.ci), 8),
        column("ties", lambda m: f"{m.n_ties:,}", 6),
        column("mistaken most for", mistaken, 7),
    ]


def _confusion(found: Recovery, labels: dict[str, str]) -> list[Column]:
    names = list(labels.values())
    rows = found.confusion
    columns = [Column("answered \\ chosen, %", tuple(names))]
    for k, name in enumerate(shortened(names, WIDEST)):
        columns.append(Column(name, tuple(f"{100 * row[k]:.1f}" for row in rows)))
    return columns


def _size(one: RateAtSize) -> tuple[str, str, str]:
    return f"{one.n_triplets:,}", percent(one.recovery_rate), percent_interval(one.ci)


def _notes(found: Recovery) -> list[str]:
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes.append(f"{found.n_triplets:,} triplets: {percent(found.recovery_rate)} recovered, {_needed(found)}")
    if any(one.drawn for one in found.curve):
        notes.append("beyond the study: further triplets of its objects, drawn at random")
    notes.append(f"refit: {found.refit}" + (f", {found.folds} folds over objects" if found.folds else ""))
    notes.append(f"temperatures {found.temperatures}")
    notes.append(f"{found.simulations:,} simulations of each model, seed {found.seed}; intervals over simulations")
    return [*notes, f"chance {percent(found.chance)}"]


def _needed(found: Recovery) -> str:
    target = f"{100 * found.target:g} %"
    if found.n_needed is None or found.n_needed_within is None:
        return f"{target} not reached with up to {found.curve[-1].n_triplets:,}"
    low, high = found.n_needed_within
    if not low:
        return f"{target} reached with {high:,}, the fewest that were tried"
    return f"{target} needs about {found.n_needed:,} (between {low:,} and {high:,})"
