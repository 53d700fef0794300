"""Model recovery: who was chosen when each model answered, the rate along sizes, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.recovery.recovered import RateAtSize, RecoveredModel, Recovery
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import interval_header, model_labels
from pyalign.report.words import one_line, percent, shortened

MOST_MODELS = 8  # whose confusions text shows as a matrix
WIDEST = 12  # of a name above a column of it


def recovery_view(found: Recovery, verbose: bool = False) -> list[Block]:
    """The models as those that answered, who was chosen, the rate along sizes."""
    labels = model_labels([(name, None) for name in found.models], verbose)
    blocks: list[Block] = [models_table(found, labels)]
    if verbose or len(found.models) <= MOST_MODELS:
        names = [labels[name] for name in found.models]
        blocks.append(_confusion(found, names))
    if len(found.curve) > 1:
        blocks.append(curve_table(found.curve, found.confidence))
    return [*blocks, Foot(_notes(found))]


def models_table(found: Recovery, labels: Mapping[str, str]) -> Table:
    """A row for each model that answered."""
    column = Rows(found.by_model).column

    def mistaken(row: RecoveredModel) -> str | None:
        return None if row.mistaken_for is None else f"{labels[row.mistaken_for]} {100 * row.mistaken_share:.1f} %"

    columns = (
        column("model", lambda m: labels[m.model]),
        column("measure", lambda m: m.measure, keep=4, same="measure {}"),
        column("T", lambda m: m.temperature, keep=5, write=lambda t: f"{t:.4g}", only=TEXT),
        column("temperature", lambda m: m.temperature, "number", 4, only=PAGE),
        column("recovered", lambda m: m.recovery_rate, "percent", ci=lambda m: m.ci,
               ends=interval_header(found.confidence), keep_ends=8),
        column("mistaken most for", lambda m: m.mistaken_for and labels[m.mistaken_for], only=PAGE),
        column("how often", lambda m: m.mistaken_share, "percent", only=PAGE),
        column("ties", lambda m: m.n_ties, "count", keep=6),
        column("mistaken most for", mistaken, keep=7, only=TEXT),
    )  # fmt: skip
    return Table(columns)


def _confusion(found: Recovery, names: Sequence[str]) -> Table:
    columns = [Column("answered \\ chosen, %", tuple(names))]
    for k, name in enumerate(shortened(names, WIDEST)):
        columns.append(Column(name, tuple(100 * row[k] for row in found.confusion), "number", places=1))
    return Table(tuple(columns))


def curve_table(curve: Sequence[RateAtSize], confidence: float) -> Table:
    """A row for each number of triplets."""
    column = Rows(curve).column
    columns = (
        column("triplets", lambda one: one.n_triplets, "count"),
        column("recovered", lambda one: one.recovery_rate, "percent", ci=lambda one: one.ci,
               ends=interval_header(confidence)),
        column("drawn beyond the study", lambda one: one.drawn, "count", only=PAGE,
               note="further triplets of its objects, at random"),
    )  # fmt: skip
    return Table(columns)


def _notes(found: Recovery) -> tuple[str, ...]:
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes.append(f"{found.n_triplets:,} triplets: {percent(found.recovery_rate)} recovered, {_needed(found)}")
    if any(one.drawn for one in found.curve):
        notes.append("beyond the study: further triplets of its objects, drawn at random")
    notes.append(f"refit: {found.refit}" + (f", {found.folds} folds over objects" if found.folds else ""))
    notes.append(f"temperatures {found.temperatures}")
    notes.append(f"{found.simulations:,} simulations of each model, seed {found.seed}; intervals over simulations")
    return (*notes, f"chance {percent(found.chance)}")


def _needed(found: Recovery) -> str:
    target = f"{100 * found.target:g} %"
    if found.n_needed is None or found.n_needed_within is None:
        return f"{target} not reached with up to {found.curve[-1].n_triplets:,}"
    low, high = found.n_needed_within
    if not low:
        return f"{target} reached with {high:,}, the fewest that were tried"
    return f"{target} needs about {found.n_needed:,} (between {low:,} and {high:,})"
