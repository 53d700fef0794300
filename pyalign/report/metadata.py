"""Accuracy against metadata as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyalign.analysis.metadata.result import MetadataRegression, MetadataRegressions
from pyalign.documents import Interval
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import over_words
from pyalign.report.words import one_line, short_labels

UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def metadata_view(result: MetadataRegressions, verbose: bool = False) -> list[Block]:
    """A row for each column of numbers, one for each value of each column of text, and how to read both."""
    tables: list[Block] = []
    if result.results:
        tables += [Table(slope_columns(result)), _ranks_table(result)]
    if result.groups:
        tables.append(_groups_table(result))
    if any(len(point.members) > 1 for point in result.points):
        tables.append(_seeds_table(result))
    return [*tables, Foot(_notes(result), apart=True)]


def slope_columns(result: MetadataRegressions) -> tuple[Column, ...]:
    """Of each column of numbers, and scale, the slope with its intervals, as people read it."""
    column = Rows(result.results).column
    objects, models = over_names(result)
    return (
        column("accuracy against", lambda r: one_line(r.column)),
        column("scale", lambda r: r.scale, only=PAGE),
        column("models", lambda r: r.n_models, "count", keep=6),
        column("families", lambda r: r.n_families, "count", only=PAGE),
        column("slope", lambda r: slope_text(r, result.percent), only=TEXT),
        column("per", lambda r: per_text(r, result.percent), only=TEXT),
        column("slope, percentage points", only=PAGE,
               value=lambda r: f"{slope_text(r, result.percent)} per {per_text(r, result.percent)}"),
        column(f"{_level(result)} over {objects}", lambda r: scaled_text(r.ci, r, result.percent), keep=8,
               note="Of the slope."),
        column(f"over {models}", lambda r: scaled_text(r.models_ci, r, result.percent), keep=7, note="Of the slope."),
    )  # fmt: skip


def rank_columns(result: MetadataRegressions, rows: Sequence[MetadataRegression]) -> tuple[Column, ...]:
    """Of each of these rows the rank correlation, with both its intervals."""
    column = Rows(rows).column
    objects, models = over_names(result)
    return (
        column("Spearman", lambda r: r.rank_correlation, "number", 3, ci=lambda r: r.rank_ci,
               ends=f"{_level(result)} over {objects}", keep_ends=8, note=f"Rank correlation, over {objects}."),
        column(f"over {models}", lambda r: rank_text(r.rank_models_ci), keep=7, only=TEXT),
        column(f"Spearman, over {models}", lambda r: r.rank_correlation, "number", 3, ci=lambda r: r.rank_models_ci,
               only=PAGE, note=f"The same, over {models}."),
    )  # fmt: skip


def _ranks_table(result: MetadataRegressions) -> Table:
    rows = [row for row in result.results if row.scale == "linear"]
    column = Rows(rows).column
    columns = [
        column("rank correlation with", lambda r: one_line(r.column)),
        column("models", lambda r: r.n_models, "count"),
    ]
    if result.models_by == "families":
        columns.append(column("families", lambda r: r.n_families or 0, "count", keep=6))
    return Table((*columns, *rank_columns(result, rows)))


def _groups_table(result: MetadataRegressions) -> Table:
    column = Rows(result.groups).column
    objects, _ = over_names(result)
    columns = (
        column("column", lambda g: one_line(g.column)),
        column("value", lambda g: one_line(g.value)),
        column("models", lambda g: g.n_models, "count"),
        column("mean accuracy", lambda g: g.accuracy, "percent", ci=lambda g: g.ci,
               ends=f"{_level(result)} over {objects}", keep_ends=7),
        column("lowest", lambda g: g.lowest, "percent", keep=6),
        column("highest", lambda g: g.highest, "percent", keep=6),
        column("s.d. of models", lambda g: g.deviation, "percent", keep=5),
    )  # fmt: skip
    return Table(columns)


def _seeds_table(result: MetadataRegressions) -> Table:
    seeds = [point for point in result.points if len(point.members) > 1]
    labels = short_labels([point.model for point in seeds])
    column = Rows(seeds).column
    columns = (
        column("several seeds", lambda p: labels[p.model]),
        column("seeds", lambda p: len(p.members), "count"),
        column("mean", lambda p: p.accuracy, "percent"),
        column("lowest", lambda p: p.lowest, "percent"),
        column("highest", lambda p: p.highest, "percent"),
        column("s.d. of seeds", lambda p: p.deviation, "percent"),
    )
    return Table(columns)


def _level(result: MetadataRegressions) -> str:
    return f"{100 * result.confidence:g} %"


def over_names(result: MetadataRegressions) -> tuple[str, str]:
    """What the intervals are over: of these models, and of models like these."""
    return over_words(result.ci_by or "objects"), result.models_by


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


def _notes(result: MetadataRegressions) -> tuple[str, ...]:
    objects, models = over_names(result)
    of_seeds = sum(len(point.members) > 1 for point in result.points)
    seeds = f", {of_seeds} of them means over seeds" if of_seeds else ""
    notes = [f"triplets: {one_line(result.triplets)}"] if result.triplets else []
    notes += [f"{len(result.points):,} model{'' if len(result.points) == 1 else 's'}{seeds}"]
    counts = [(result.n_triplets, "triplets"), (result.n_objects, "objects"), (result.n_subjects, "people")]
    notes += [f"{count:,} {what}" for count, what in counts if count is not None]
    notes.append("slopes in percentage points of accuracy")
    if result.ci_by is not None:
        notes.append(f"over {objects}: these very models on other {objects}, closed form; rank correlation by "
                     f"{result.draws:,} draws, seed {result.seed}")  # fmt: skip
    notes.append(f"over {models}: other {models} like these, on these objects")
    return tuple(notes)
