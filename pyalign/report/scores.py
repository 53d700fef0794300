"""Scores as tables."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.analysis.accuracy import Score
from pyalign.analysis.ceiling.result import GIVEN
from pyalign.analysis.score import Scores
from pyalign.documents import Interval
from pyalign.measures import PRECOMPUTED
from pyalign.report.tables import (
    WIDTH,
    Column,
    Rows,
    chance_note,
    fitted_table,
    nats_note,
    noted,
    one_line,
    over_text,
    p_text,
    percent,
    percent_interval,
    short_labels,
    shorten_left,
)  # fmt: skip

READY = {measure.name for measure in PRECOMPUTED.values()}


def score_table(score: Score, width: int | None = None, verbose: bool = False) -> str:
    """One score; see `scores_table`."""
    return scores_table(Scores((score,)), width, verbose)


def scores_table(scores: Scores, width: int | None = None, verbose: bool = False) -> str:
    """A row for each score, a line that says how to read them, and the groups of each.

    What is the same in all rows is said in the line. `verbose`: with entropy, speed and whole names.
    """
    rows = scores.results
    table, same = fitted_table(_columns(rows, verbose), width, verbose)
    parts = [table, noted([*_notes(scores), *same], width, verbose)]
    parts += [_groups(row, width, verbose) for row in rows if row.groups]
    return "\n".join(parts)


def name_of(row: Score) -> str:
    """What the embeddings are called."""
    return row.embeddings or "x"


def _columns(rows: Sequence[Score], verbose: bool) -> list[Column]:
    labels = {} if verbose else short_labels([name_of(row) for row in rows])

    column = Rows(rows).column
    first = next((row for row in rows if row.ci is not None), rows[0])
    columns = [
        column(_what(rows), lambda r: one_line(r.label or labels.get(name_of(r)) or name_of(r))),
        column("measure", lambda r: r.measure or "-", 8, "measure {}" if len(rows) > 1 else ""),
        column("accuracy", lambda r: percent(r.accuracy)),
    ]
    if first.ci is not None:
        columns.append(column(f"{100 * first.ci.confidence:g} % interval", lambda r: percent_interval(r.ci)))
        columns.append(column("s.e.", lambda r: percent(r.standard_error), 6))
    if first.fraction_of_ceiling is not None:
        columns.append(column("of ceiling", lambda r: f"{r.fraction_of_ceiling:.3f}"))
    tests = [row.permutation_test for row in rows if row.permutation_test is not None]
    if tests:
        columns.append(Column("chance", tuple(percent_interval(test.null_ci) for test in tests), 8))
        columns.append(Column("p", tuple(p_text(test.p_value) for test in tests)))
    columns += [
        column("ties", lambda r: f"{r.n_ties:,}", 7),
        column("cross-entropy", lambda r: "-" if r.cross_entropy is None else f"{r.cross_entropy:.5f}", 8),
    ]
    if first.cross_entropy_ci is not None:
        columns.append(column("interval", lambda r: _nats(r.cross_entropy_ci), 2))
    columns += [
        column("entropy", lambda r: "-" if r.mean_entropy is None else f"{r.mean_entropy:.5f}", 3),
        column("triplets", lambda r: f"{r.n_triplets:,}", 5, "{} triplets"),
        column("M triplets/s", lambda r: _speed((r.triplets_per_second or 0.0) / 1e6), 0),
    ]
    if any(row.in_sample is not None and row.in_sample.objects for row in rows):
        columns.insert(3, column("seen", lambda r: "in-sample" if r.in_sample and r.in_sample.objects else "-"))
    if _what(rows) == "choices":
        columns = [column for column in columns if column.header not in ("measure", "M triplets/s")]
    return columns


def _what(rows: Sequence[Score]) -> str:
    """What decided: embeddings, ready matrices, or choices that were there already."""
    if all(row.model_choices for row in rows):
        return "choices"
    return "matrices" if all(row.measure in READY for row in rows) else "embeddings"


def _notes(scores: Scores) -> list[str]:
    first = next((row for row in scores if row.ci is not None), scores.results[0])
    notes = [f"triplets: {one_line(scores.triplets)}"] if scores.triplets else []
    dropped = {row.n_dropped for row in scores.results}
    if any(dropped):
        notes.append(f"{'up to ' if len(dropped) > 1 else ''}{max(dropped):,} dropped ({_why_dropped(scores.results)})")
    if first.ceiling is not None:
        notes.append(f"ceiling {100 * first.ceiling:.3f} % ({first.ceiling_name or GIVEN})")
    if first.ci is not None:
        notes.append(over_text(first.ci.by, first.ci.method, first.resamples, first.seed))
    if first.transform is not None:
        notes.append(f"after the map of {one_line(first.transform)}")
    temperatures = sorted({row.temperature for row in scores.results if row.temperature is not None})
    told = [f"T = {', '.join(f'{t:g}' for t in temperatures)}"] if temperatures else []
    notes += [chance_note(first.task), *told, f"ties {first.ties}"]
    notes += [nats_note(first.task)] if any(row.cross_entropy is not None for row in scores) or told else []
    return [*notes, f"backend {first.backend}"]


def _why_dropped(rows: Sequence[Score]) -> str:
    """What triplets without a score lack."""
    if _what(rows) != "choices":
        return "NaN"
    if all(row.model_choices != "names" for row in rows):
        return "no answer"
    return "the answer names no item" if rows[0].nan == "raise" else "no answer, or one that names no item"


def _groups(row: Score, width: int | None, verbose: bool) -> str:
    """The groups of one score, a row each."""
    groups = row.groups or ()

    column = Rows(groups).column
    columns = [
        column("group", lambda g: one_line(g.group)),
        column("accuracy", lambda g: percent(g.accuracy)),
        column("interval", lambda g: percent_interval(g.ci), 8),
        column("s.e.", lambda g: percent(g.standard_error), 6),
        column("cross-entropy", lambda g: "-" if g.cross_entropy is None else f"{g.cross_entropy:.5f}", 7),
        column("triplets", lambda g: f"{g.n_triplets:,}"),
    ]
    by = f" with {row.measure}" if row.measure else ""
    title = f"{one_line(row.label or name_of(row))}{by}, by group"
    title = title if verbose else shorten_left(title, width or WIDTH)
    return f"\n{title}\n{fitted_table(columns, width, verbose)[0]}"


def _nats(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.5f} to {interval.high:.5f}"


def _speed(millions: float) -> str:
    return f"{millions:.1f}" if millions >= 0.95 else f"{millions:.2g}"
