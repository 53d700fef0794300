"""Extractions: a row for each layer, then what they are of."""

from __future__ import annotations

from pyalign.extraction.result import Extraction
from pyalign.report.tables import Column, fitted_table, noted, one_line

MOST_SHOWN = 5  # failures


def extraction_table(found: Extraction, width: int | None = None, verbose: bool = False) -> str:
    """The layers with their shapes; the model, its weights and the items below; items that have no row.

    `verbose`: all of these, and how long it took.
    """
    layers = found.layers
    columns = [
        Column("layer", tuple(one_line(layer.name) for layer in layers)),
        Column("shape", tuple(" x ".join(f"{size:,}" for size in layer.shape) for layer in layers)),
        Column("what", tuple(one_line(layer.what) for layer in layers), 2),
        Column("pooling", tuple(layer.pooling for layer in layers), 3),
        Column("file", tuple(one_line(layer.file or "-") for layer in layers), 4),
    ]
    if all(layer.file is None for layer in layers):
        columns.pop()
    table, _ = fitted_table(columns, width, verbose)
    items = f"{found.n_rows:,} {found.modality}" if not found.failures else f"{found.n_rows:,} of {found.n_items:,}"
    part = "" if found.shard is None else f", part {found.shard[0]} of {found.shard[1]}"
    notes = [
        f"{items} from {one_line(found.items or 'memory')}{part}, {found.order}",
        f"model {one_line(found.model)}, weights {one_line(found.weights.origin)}",
        f"{found.precision} on {found.device}",
        f"{found.items_per_second:,.0f} {found.modality}/s",
    ]
    lines = [table, noted(notes, width, verbose)]
    shown = found.failures if verbose else found.failures[:MOST_SHOWN]
    lines += [f"left out: {one_line(failure.name)}: {one_line(failure.reason)}" for failure in shown]
    if len(found.failures) > len(shown):
        lines.append(f"left out: {len(found.failures) - len(shown):,} more, see manifest.json")
    return "\n".join(lines)
