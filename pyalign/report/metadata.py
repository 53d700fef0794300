"""Accuracy against metadata as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyalign.analysis.metadata.result import MetadataGroup, MetadataRegression, MetadataRegressions
from pyalign.documents import Interval
from pyalign.report.tables import (
    Column,
    Rows,
    fitted_table,
    noted,
    one_line,
    percent,
    percent_interval,
    short_labels,
)

OVER = {"objects+subjects": "objects and people", "subjects": "people"}
UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def metadata_table(found: MetadataRegressions, width: int | None = None, verbose: bool = False) -> str:
    """A row for each column of numbers, one for each value of each column of text, and how to read both."""
    parts = []
    if found.results:
        parts += [fitted_table(columns, width, verbose)[0] for columns in (_slopes(found), _ranks(found))]
    if found.groups:
        parts.append(fitted_table(_groups(found.groups, found), width, verbose)[0])
    seeds = [point for point in found.points if len(point.members) > 1]
    if seeds:
        labels = short_labels([point.model for point in seeds])
        column = Rows(seeds).column
        columns = [
            column("several seeds", lambda p: labels[p.model]),
            column("seeds", lambda p: f"{len(p.members)}"),
            column("mean", lambda p: percent(p.accuracy)),
            column("lowest", lambda p: percent(p.lowest)),
            column("highest", lambda p: percent(p.highest)),
            column("s.d. of seeds", lambda p: percent(p.deviation)),
        ]
        parts.append(fitted_table(columns, width, verbose)[0])
    return "\n\n".join([*parts, noted(_notes(found), None if verbose else width)])


def _slopes(found: MetadataRegressions) -> list[Column]:
    column = Rows(found.results).column
    objects, models = over_names(found)
    return [
        column("accuracy against", lambda r: one_line(r.column)),
        column("models", lambda r: f"{r.n_models:,}", 6),
        column("slope", lambda r: slope_text(r, found.percent)),
        column("per", lambda r: per_text(r, found.percent)),
        column(f"{100 * found.confidence:g} % over {objects}", lambda r: scaled_text(r.ci, r, found.percent), 8),
        column(f"over {models}", lambda r: scaled_text(r.models_ci, r, found.percent), 7),
    ]


def _ranks(found: MetadataRegressions) -> list[Column]:
    column = Rows([row for row in found.results if row.scale == "linear"]).column
    objects, models = over_names(found)
    return [
        column("rank correlation with", lambda r: one_line(r.column)),
        column("models", lambda r: f"{r.n_models:,}"),
        *([column("families", lambda r: f"{r.n_families or 0:,}", 6)] if found.models_by == "families" else []),
        column("Spearman", lambda r: "-" if r.rank_correlation is None else f"{r.rank_correlation:.3f}"),
        column(f"{100 * found.confidence:g} % over {objects}", lambda r: rank_text(r.rank_ci), 8),
        column(f"over {models}", lambda r: rank_text(r.rank_models_ci), 7),
    ]


def _groups(groups: Sequence[MetadataGroup], found: MetadataRegressions) -> list[Column]:
    column = Rows(groups).column
    objects, _ = over_names(found)
    return [
        column("column", lambda g: one_line(g.column)),
        column("value", lambda g: one_line(g.value)),
        column("models", lambda g: f"{g.n_models:,}"),
        column("mean accuracy", lambda g: percent(g.accuracy)),
        column(f"{100 * found.confidence:g} % over {objects}", lambda g: percent_interval(g.ci), 7),
        column("lowest", lambda g: percent(g.lowest), 6),
        column("highest", lambda g: percent(g.highest), 6),
        column("s.d. of models", lambda g: percent(g.deviation), 5),
    ]


def over_names(found: MetadataRegressions) -> tuple[str, str]:
    """What the intervals are over: of these models, and of models like these."""
    return OVER.get(found.ci_by or "", found.ci_by or "objects"), found.models_by


def unit_of(row: MetadataRegression, shares: Sequence[str]) -> float:
    """A step of the column in which its slope can be read: ten to some power, or one per cent."""
    if row.scale == "log10":
        return 1.0
    if row.column in shares:
        return 0.01
    reach = row.line.x[-1] - row.line.x[0]
    return float(10.0 ** math.floor(math.log10(reach))) if reach > 0.0 else 1.0


def per_text(row: MetadataRegression, shares: Sequence[str]) -> str:
    """That step in words.

    Example:
        >>> number_text(1e7), number_text(0.001), number_text(2500.0)
        ('10M', '0.001', '2,500')
    """
    if row.scale == "log10":
        return "tenfold"
    return "1 %" if row.column in shares else number_text(unit_of(row, shares))


def number_text(value: float) -> str:
    """A number of a column as people write it."""
    for size, unit in UNITS:
        if abs(value) >= size and size > 1e3:
            return f"{value / size:.4g}{unit}"
    return f"{value:,.6g}"


def slope_text(row: MetadataRegression, shares: Sequence[str]) -> str:
    """Percentage points of accuracy per step."""
    return f"{100 * row.slope * unit_of(row, shares):+.3f}"


def scaled_text(interval: Interval | None, row: MetadataRegression, shares: Sequence[str]) -> str:
    """The interval of a slope, in the same."""
    if interval is None:
        return "-"
    low, high = (100 * end * unit_of(row, shares) for end in interval)
    return f"{low:+.3f} to {high:+.3f}"


def rank_text(interval: Interval | None) -> str:
    """The interval of a rank correlation."""
    return "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def _notes(found: MetadataRegressions) -> list[str]:
    objects, models = over_names(found)
    of_seeds = sum(len(point.members) > 1 for point in found.points)
    seeds = f", {of_seeds} of them means over seeds" if of_seeds else ""
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes += [f"{len(found.points):,} model{'' if len(found.points) == 1 else 's'}{seeds}"]
    counts = [(found.n_triplets, "triplets"), (found.n_objects, "objects"), (found.n_subjects, "people")]
    notes += [f"{count:,} {what}" for count, what in counts if count is not None]
    notes.append("slopes in percentage points of accuracy")
    if found.ci_by is not None:
        notes.append(f"over {objects}: these very models on other {objects}, closed form; rank correlation by "
                     f"{found.draws:,} draws, seed {found.seed}")  # fmt: skip
    notes.append(f"over {models}: other {models} like these, on these objects")
    return notes
