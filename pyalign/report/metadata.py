"""Accuracy against metadata as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyalign.analysis.metadata.metadata_result import MetadataRegression, MetadataRegressions
from pyalign.documents import Interval
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, foot, present, table
from pyalign.report.words import called, counted, one_line, over_words, source_note

UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def metadata_view(result: MetadataRegressions, verbose: bool = False) -> list[Block]:
    """A row for each column of numbers, one for each value of each column of text, and how to read both."""
    objects, models = over_names(result)
    form, called_score = form_of_score(result), one_line(result.score_name)
    tables: list[Block] = []
    if result.results:
        rows = [row for row in result.results if row.scale == "linear"]
        column = Rows(rows).column
        tables += [table(*slope_columns(result)), table(
            column("rank correlation with", lambda r: one_line(r.column)),
            column("models", lambda r: r.n_models, "count"),
            column("families", lambda r: r.n_families or 0, "count", keep=6) if models == "families" else None,
            *rank_columns(result, rows),
        )]
    if result.groups:
        of_group = Rows(result.groups, _header(result, objects)).column
        tables.append(table(
            of_group("column", lambda g: one_line(g.column)),
            of_group("value", lambda g: one_line(g.value)),
            of_group("models", lambda g: g.n_models, "count"),
            of_group(f"mean {called_score}", lambda g: g.accuracy, *form, ci=lambda g: g.ci, keep_ends=7),
            of_group("lowest", lambda g: g.lowest, *form, keep=6),
            of_group("highest", lambda g: g.highest, *form, keep=6),
            of_group("s.d. of models", lambda g: g.deviation, *form, keep=5),
        ))
    seeds = [point for point in result.points if len(point.members) > 1]
    if seeds:
        of_model = Rows(seeds).column
        tables.append(table(
            Column("several seeds", tuple(called([(point.model, None) for point in seeds]))),
            of_model("seeds", lambda p: len(p.members), "count"),
            of_model("mean", lambda p: p.accuracy, *form),
            of_model("lowest", lambda p: p.lowest, *form),
            of_model("highest", lambda p: p.highest, *form),
            of_model("s.d. of seeds", lambda p: p.deviation, *form),
        ))
    means = f", {len(seeds)} of them means over seeds" if seeds else ""
    counts = ((result.n_triplets, "triplets"), (result.n_objects, "objects"), (result.n_subjects, "participants"))
    how = f"closed form; rank correlation by {result.draws:,} draws, seed {result.seed}"
    return [*tables, foot(
        source_note("triplets", result.triplets),
        f"{counted(len(result.points), 'model')}{means}",
        *(f"{count:,} {what}" for count, what in counts if count is not None),
        f"slopes in {'percentage points' if result.is_share else 'units'} of {one_line(result.score_name)}",
        "" if result.ci_by is None else f"over {objects}: these very models on other {objects}, {how}",
        f"over {models}: other {models} like these, on these objects",
        apart=True,
    )]


def slope_columns(result: MetadataRegressions) -> tuple[Column, ...]:
    """The slope for each column of numbers, and scale, with its intervals, as people read it."""
    column = Rows(result.results).column
    objects, models = over_names(result)
    header = "slope, percentage points" if result.is_share else "slope"
    return present((
        column(f"{one_line(result.score_name)} against", lambda r: one_line(r.column)),
        column("scale", lambda r: r.scale, only=PAGE),
        column("models", lambda r: r.n_models, "count", keep=6),
        column("families", lambda r: r.n_families, "count", only=PAGE),
        column("slope", lambda r: slope_text(r, result), only=TEXT),
        column("per", lambda r: per_text(r, result.percent), only=TEXT),
        column(header, lambda r: f"{slope_text(r, result)} per {per_text(r, result.percent)}", only=PAGE),
        column(_header(result, objects), lambda r: scaled_text(r.ci, r, result), keep=8,
               note="Of the slope."),
        column(f"over {models}", lambda r: scaled_text(r.models_ci, r, result), keep=7, note="Of the slope."),
        column(f"over {models}, all rows together",
               lambda r: scaled_text(None if r.simultaneous is None else r.simultaneous.models_ci, r, result), keep=5,
               note="Of the slope, as a row that was chosen among several needs it.")
        if any(row.simultaneous for row in result.results) else None,
    ))


def rank_columns(result: MetadataRegressions, rows: Sequence[MetadataRegression]) -> tuple[Column, ...]:
    """The rank correlation of each of these rows, with both its intervals."""
    column = Rows(rows).column
    objects, models = over_names(result)
    return (
        column("Spearman", lambda r: r.rank_correlation, "number", 3, ci=lambda r: r.rank_ci,
               ends=_header(result, objects), keep_ends=8,
               note=f"Rank correlation, over {objects}."),
        column(f"over {models}", lambda r: rank_text(r.rank_models_ci), keep=7, only=TEXT),
        column(f"Spearman, over {models}", lambda r: r.rank_correlation, "number", 3, ci=lambda r: r.rank_models_ci,
               only=PAGE, note=f"The same, over {models}."),
    )


def over_names(result: MetadataRegressions) -> tuple[str, str]:
    """What the intervals are over: of these models, and of models like these."""
    return over_words(result.ci_by or "objects"), result.models_by


def step_of(row: MetadataRegression, shares: Sequence[str]) -> tuple[float, str]:
    """A step of the column in which its slope can be read, also in words: ten to some power, or one per cent."""
    if row.scale == "log10":
        return 1.0, "tenfold"
    if row.column in shares:
        return 0.01, "1%"
    reach = row.line.x[-1] - row.line.x[0]
    step = float(10.0 ** math.floor(math.log10(reach))) if reach > 0.0 else 1.0
    return step, number_text(step)


def number_text(value: float) -> str:
    """A number of a column as people write it.

    Example:
        >>> number_text(1e7), number_text(0.001), number_text(2500.0)
        ('10M', '0.001', '2,500')
    """
    for size, unit in UNITS:
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:,.6g}"


def per_text(row: MetadataRegression, shares: Sequence[str]) -> str:
    """The step of `step_of` in words."""
    return step_of(row, shares)[1]


def form_of_score(result: MetadataRegressions) -> tuple[str, int]:
    """The form of a column of what is set against the metadata, and its places."""
    return ("percent", 1) if result.is_share else ("number", 3)


def slope_text(row: MetadataRegression, result: MetadataRegressions) -> str:
    """Percentage points of accuracy, or units of another score, per step."""
    return f"{(100 if result.is_share else 1) * row.slope * step_of(row, result.percent)[0]:+.3f}"


def scaled_text(interval: Interval | None, row: MetadataRegression, result: MetadataRegressions) -> str:
    """The interval of a slope, in the same."""
    if interval is None:
        return "-"
    low, high = ((100 if result.is_share else 1) * end * step_of(row, result.percent)[0] for end in interval)
    return f"{low:+.3f} to {high:+.3f}"


def rank_text(interval: Interval | None) -> str:
    """The interval of a rank correlation."""
    return "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def no_rank_text(row: MetadataRegression, models: str) -> str:
    """Why a rank correlation has no interval over models."""
    perfect = row.rank_correlation is not None and abs(row.rank_correlation) > 1 - 1e-9
    return "not for a perfect order" if perfect else f"too few {models}"


def _header(result: MetadataRegressions, over: str) -> str:
    """The header of intervals over objects, or over objects and participants, as short as a column needs."""
    return f"{100 * result.confidence:g}% over {over.replace(' and ', ', ')}"
