"""Scores: a row for each, how to read them, and the groups of each."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.analysis.accuracy import Score
from pyalign.analysis.ceiling.result import GIVEN
from pyalign.analysis.score import Scores
from pyalign.measures import PRECOMPUTED
from pyalign.report.blocks import Block, Column, Foot, Rows, Table
from pyalign.report.cells import interval_header
from pyalign.report.words import chance_note, nats_note, one_line, over_text, percent_interval, short_labels

MATRICES = {measure.name for measure in PRECOMPUTED.values()}


def score_view(score: Score | Scores, verbose: bool = False) -> list[Block]:
    """A row for each score and a note, then the groups of each; verbose: with entropy, speed and whole names."""
    scores = score if isinstance(score, Scores) else Scores((score,))
    rows = scores.results
    return [Table(_columns(rows, verbose)), Foot(_notes(scores)), *(_groups(row) for row in rows if row.groups)]


def name_of(row: Score) -> str:
    """What the embeddings are called."""
    return row.embeddings or "x"


def _columns(rows: Sequence[Score], verbose: bool) -> tuple[Column, ...]:
    short = {} if verbose else short_labels([name_of(row) for row in rows])
    column, what = Rows(rows).column, _what(rows)
    first = next((row for row in rows if row.ci is not None), rows[0])
    columns = [column(what, lambda r: r.label or short.get(name_of(r)) or name_of(r))]
    if what != "choices":
        columns.append(column("measure", lambda r: r.measure, keep=8, same="measure {}" if len(rows) > 1 else ""))
    if any(row.in_sample is not None and row.in_sample.objects for row in rows):
        columns.append(column("seen", lambda r: "in-sample" if r.in_sample and r.in_sample.objects else None))
    ends = "" if first.ci is None else interval_header(first.ci.confidence)
    columns.append(column("accuracy", lambda r: r.accuracy, "percent", ci=lambda r: r.ci, ends=ends))
    if first.ci is not None:
        columns.append(column("s.e.", lambda r: r.standard_error, "percent", keep=6))
    if first.fraction_of_ceiling is not None:
        columns.append(column("of ceiling", lambda r: r.fraction_of_ceiling, "number", 3))
    tests = [row.permutation_test for row in rows if row.permutation_test is not None]
    if tests:
        columns.append(Column("chance", tuple(percent_interval(test.null_ci) for test in tests), keep=8))
        columns.append(Column("p", tuple(test.p_value for test in tests), "p"))
    columns += [
        column("ties", lambda r: r.n_ties, "count", keep=7),
        column("cross-entropy", lambda r: r.cross_entropy, "number", 5, keep=8, ci=lambda r: r.cross_entropy_ci,
               ends="" if first.cross_entropy_ci is None else "interval", keep_ends=2),
        column("entropy", lambda r: r.mean_entropy, "number", 5, keep=3),
        column("triplets", lambda r: r.n_triplets, "count", keep=5, same="{} triplets"),
    ]  # fmt: skip
    if what != "choices":
        columns.append(column("M triplets/s", lambda r: (r.triplets_per_second or 0.0) / 1e6, keep=0, write=_speed))
    return tuple(columns)


def _what(rows: Sequence[Score]) -> str:
    """What decided: embeddings, ready matrices, or choices that were there already."""
    if all(row.model_choices for row in rows):
        return "choices"
    return "matrices" if all(row.measure in MATRICES for row in rows) else "embeddings"


def _notes(scores: Scores) -> tuple[str, ...]:
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
    notes.append(chance_note(first.task))
    notes += [f"T = {', '.join(f'{t:g}' for t in temperatures)}"] if temperatures else []
    notes.append(f"ties {first.ties}")
    if temperatures or any(row.cross_entropy is not None for row in scores):
        notes.append(nats_note(first.task))
    return (*notes, f"backend {first.backend}")


def _why_dropped(rows: Sequence[Score]) -> str:
    """What triplets without a score lack."""
    if _what(rows) != "choices":
        return "NaN"
    if all(row.model_choices != "names" for row in rows):
        return "no answer"
    return "the answer names no item" if rows[0].nan == "raise" else "no answer, or one that names no item"


def _groups(row: Score) -> Table:
    """The groups of one score, a row each."""
    column = Rows(row.groups or ()).column
    columns = (
        column("group", lambda g: g.group),
        column("accuracy", lambda g: g.accuracy, "percent", ci=lambda g: g.ci, ends="interval", keep_ends=8),
        column("s.e.", lambda g: g.standard_error, "percent", keep=6),
        column("cross-entropy", lambda g: g.cross_entropy, "number", 5, keep=7),
        column("triplets", lambda g: g.n_triplets, "count"),
    )
    by = f" with {row.measure}" if row.measure else ""
    return Table(columns, title=f"{one_line(row.label or name_of(row))}{by}, by group")


def _speed(millions: float) -> str:
    return f"{millions:.1f}" if millions >= 0.95 else f"{millions:.2g}"
