"""Accuracy against metadata as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyalign.analysis.metadata.metadata_result import MetadataRegression, MetadataRegressions
from pyalign.documents import Interval
from pyalign.report.blocks import Block, Column, Rows, Table, foot, table
from pyalign.report.words import called, counted, one_line, over_words, source_note

UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def metadata_view(result: MetadataRegressions, verbose: bool = False) -> list[Block]:
    """The tables, and how to read them."""
    objects, models = over_names(result)
    seeds = sum(len(point.members) > 1 for point in result.points)
    means = f", {seeds} of them means over seeds" if seeds else ""
    counts = ((result.n_triplets, "triplets"), (result.n_objects, "objects"), (result.n_subjects, "participants"))
    how = f"closed form; rank correlation by {result.draws:,} draws, seed {result.seed}"
    return [*metadata_tables(result).values(), foot(
        source_note("triplets", result.triplets),
        f"{counted(len(result.points), 'model')}{means}",
        *(f"{count:,} {what}" for count, what in counts if count is not None),
        f"slopes in {'percentage points' if result.is_share else 'units'} of {one_line(result.score_name)}",
        "" if result.ci_by is None else f"over {objects}: these very models on other {objects}, {how}",
        f"over {models}: other {models} like these, on these objects",
        apart=True,
    )]


def metadata_tables(result: MetadataRegressions) -> dict[str, Table]:
    """Slopes and rank correlations for columns of numbers, groups by values of text, models of several seeds: by name.

    Those that have a row.
    """
    seeds = [point for point in result.points if len(point.members) > 1]
    tables = {
        "slopes": _slopes(result), "ranks": _ranks(result), "groups": _groups(result),
        "seeds": table(
            Column("several seeds", tuple(called([(point.model, None) for point in seeds]))),
            Rows(seeds).column("seeds", lambda p: len(p.members), "count"),
            Rows(seeds).column("mean", lambda p: p.accuracy, *form_of_score(result)),
            Rows(seeds).column("lowest", lambda p: p.lowest, *form_of_score(result)),
            Rows(seeds).column("highest", lambda p: p.highest, *form_of_score(result)),
            Rows(seeds).column("s.d. of seeds", lambda p: p.deviation, *form_of_score(result)),
        ),
    }
    return {name: of for name, of in tables.items() if of.columns[0].values}


def _slopes(result: MetadataRegressions) -> Table:
    """The slope for each column of numbers, and scale, with its intervals, as people read it."""
    column, models = Rows(result.results).column, over_names(result)[1]
    return table(
        column(f"{one_line(result.score_name)} against", lambda r: one_line(r.column)),
        column("models", lambda r: r.n_models, "count", keep=6),
        column("slope", lambda r: f"{_scaled(r.slope, r, result):+.3f}"),
        column("per", lambda r: step_of(r, result.percent)[1]),
        column(_header(result), lambda r: _scaled_text(r.ci, r, result), keep=8, note="Of the slope."),
        column(f"over {models}", lambda r: _scaled_text(r.models_ci, r, result), keep=7, note="Of the slope."),
        column(f"over {models}, all rows together",
               lambda r: _scaled_text(None if r.simultaneous is None else r.simultaneous.models_ci, r, result), keep=5,
               note="Of the slope, as a row that was chosen among several needs it.")
        if any(row.simultaneous for row in result.results) else None,
    )


def _ranks(result: MetadataRegressions) -> Table:
    """The rank correlation with each column of numbers, the same on both scales."""
    column, models = Rows([row for row in result.results if row.scale == "linear"]).column, over_names(result)[1]
    return table(
        column("rank correlation with", lambda r: one_line(r.column)),
        column("models", lambda r: r.n_models, "count"),
        column("families", lambda r: r.n_families or 0, "count", keep=6) if models == "families" else None,
        column("Spearman", lambda r: r.rank_correlation, "number", 3, ci=lambda r: r.rank_ci, ends=_header(result),
               keep_ends=8),
        column(f"over {models}", lambda r: rank_text(r.rank_models_ci), keep=7),
    )


def _groups(result: MetadataRegressions) -> Table:
    """The means of the models with each value of a column of text."""
    column, form = Rows(result.groups, _header(result)).column, form_of_score(result)
    return table(
        column("column", lambda g: one_line(g.column)),
        column("value", lambda g: one_line(g.value)),
        column("models", lambda g: g.n_models, "count"),
        column(f"mean {one_line(result.score_name)}", lambda g: g.accuracy, *form, ci=lambda g: g.ci, keep_ends=7),
        column("lowest", lambda g: g.lowest, *form, keep=6),
        column("highest", lambda g: g.highest, *form, keep=6),
        column("s.d. of models", lambda g: g.deviation, *form, keep=5),
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


def form_of_score(result: MetadataRegressions) -> tuple[str, int]:
    """The form of a column of what is set against the metadata, and its places."""
    return ("percent", 1) if result.is_share else ("number", 3)


def _scaled(value: float, row: MetadataRegression, result: MetadataRegressions) -> float:
    """Percentage points of accuracy, or units of another score, per step."""
    return (100 if result.is_share else 1) * value * step_of(row, result.percent)[0]


def _scaled_text(interval: Interval | None, row: MetadataRegression, result: MetadataRegressions) -> str:
    if interval is None:
        return "-"
    return " to ".join(f"{_scaled(end, row, result):+.3f}" for end in interval)


def rank_text(interval: Interval | None) -> str:
    """The interval of a rank correlation."""
    return "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def no_rank_text(row: MetadataRegression, models: str) -> str:
    """Why a rank correlation has no interval over models."""
    perfect = row.rank_correlation is not None and abs(row.rank_correlation) > 1 - 1e-9
    return "not for a perfect order" if perfect else f"too few {models}"


def _header(result: MetadataRegressions) -> str:
    """The header of intervals over objects, or over objects and participants, as short as a column needs."""
    return f"{100 * result.confidence:g}% over {over_names(result)[0].replace(' and ', ', ')}"
