"""Accuracies: scores with the groups of each, and the noise ceilings of the answers that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyalign.analysis.accuracy import Score, Scores
from pyalign.analysis.ceiling.leave_one_out import GIVEN, Ceiling, NoiseCeiling
from pyalign.documents import ci_of
from pyalign.measures import PRECOMPUTED
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, Value, foot, table
from pyalign.report.words import (
    Labels, called, chance_note, counted, dropped_note, each_text, effective_text, interval_header, nats_note, one_line,
    over, over_text, percent, percent_interval, source_note, weighted_text,
)
from pyalign.stats.resampling import Inference

if TYPE_CHECKING:
    from pyalign.stats.components import Components


PLAIN = (None, None, "answers")  # a row for each answer, and nothing that would have to count them alike
MATRICES = {measure.name for measure in PRECOMPUTED.values()}


def score_view(score: Score | Scores, verbose: bool = False) -> list[Block]:
    """A row for each score and a note, then the groups of each; verbose: with entropy, speed and whole names."""
    scores = score if isinstance(score, Scores) else Scores((score,))
    rows, first = scores.results, next((row for row in scores if row.ci is not None), scores.results[0])
    dropped, why = {row.n_dropped for row in rows}, _why_dropped(rows)
    temperatures = sorted({row.temperature for row in rows if row.temperature is not None})
    nats = temperatures or any(row.cross_entropy is not None for row in rows)
    return [
        _scores_table(rows, first, verbose),
        foot(
            source_note("triplets", scores.triplets),
            "up to " * (len(dropped) > 1) + dropped_note(max(dropped), why),
            "" if first.n_answers is None else counted(first.n_answers, "answer"),
            each_text(first.weighting) if (first.n_answers, first.ceiling, first.weighting) != PLAIN else "",
            "" if first.ceiling is None else f"ceiling {percent(first.ceiling)} ({first.ceiling_name or GIVEN})",
            over_text(first.inference),
            effective_text(first.inference),
            weighted_text(first.effective_answers),
            "" if first.transform is None else f"after the map of {one_line(first.transform)}",
            chance_note(first.task),
            f"T = {', '.join(f'{t:g}' for t in temperatures)}" if temperatures else "",
            f"ties {first.ties}",
            nats_note(first.task) if nats else "",
            f"backend {first.backend}",
        ),
        *(block for row in rows if row.groups for block in (_groups_table(row), *_foot_of_groups(row))),
    ]


def _scores_table(rows: Sequence[Score], first: Score, verbose: bool) -> Table:
    names = called([(row.embeddings or "embeddings", row.label) for row in rows], verbose=verbose)
    column, what = Rows(rows, "" if first.ci is None else interval_header(first.ci.confidence)).column, _what(rows)
    of_choices = what == "choices"
    tests = [row.permutation_test for row in rows if row.permutation_test is not None]
    in_sample = any(row.in_sample is not None and row.in_sample.objects for row in rows)
    return table(
        Column(what, tuple(names)),
        None if of_choices else column("measure", "measure", keep=8, same="measure {}" * (len(rows) > 1)),
        column("seen", lambda r: "in-sample" if r.in_sample and r.in_sample.objects else None) if in_sample else None,
        column("accuracy", "accuracy", "percent"),
        None if first.ci is None else column("s.e.", "standard_error", "percent", 2, keep=6),
        None if first.fraction_of_ceiling is None
        else column("of ceiling", "fraction_of_ceiling", "number", 3,
                    ends="" if ci_of(first.fraction_of_ceiling) is None else "interval", keep_ends=4),
        Column("chance", tuple(percent_interval(test.null_ci) for test in tests), keep=8) if tests else None,
        Column("p", tuple(test.p_value for test in tests), "p") if tests else None,
        column("ties", "n_ties", "count", keep=7),
        column("cross-entropy", "cross_entropy", "number", 5, keep=8,
               ends="" if ci_of(first.cross_entropy) is None else "interval", keep_ends=2),
        column("entropy", "mean_entropy", "number", 5, keep=3),
        *share_columns([row.components for row in rows]),
        column("triplets", "n_triplets", "count", keep=5,
               same="{} triplet" if first.n_triplets == 1 else "{} triplets"),
        None if of_choices
        else column("M triplets/s", lambda r: (r.triplets_per_second or 0.0) / 1e6, keep=0,
                    write=lambda speed: f"{speed:.1f}" if speed >= 0.95 else f"{speed:.2g}"),
    )


def share_columns(parts: Sequence[Components | None]) -> tuple[Column, ...]:
    """Columns that say how much two answers correlate which have an object, or a participant, in common."""
    column = Rows(parts).column
    return tuple(
        column(f"by {what}", field, "percent", 2, keep=0, only=TEXT, optional=True,
               foot=f"by {what}: correlation of two answers with a common {what}")
        for what, field in (("object", "object_share"), ("participant", "subject_share"))
    )


def _what(rows: Sequence[Score]) -> str:
    """What decided: embeddings, ready matrices, or choices that were there already."""
    if all(row.model_choices for row in rows):
        return "choices"
    return "matrices" if all(row.measure in MATRICES for row in rows) else "embeddings"


def _why_dropped(rows: Sequence[Score]) -> str:
    """What triplets without a score lack."""
    if _what(rows) != "choices":
        return "NaN"
    if all(row.model_choices != "names" for row in rows):
        return "no answer"
    return "the answer names no item" if rows[0].nan == "raise" else "no answer, or one that names no item"


def _groups_table(row: Score) -> Table:
    """The groups of one score, a row each."""
    column = Rows(row.groups or (), "interval").column
    by = f" with {row.measure}" if row.measure else ""
    pooled = row.group_spread is not None
    return table(
        column("group", "group"),
        column("accuracy", "accuracy", "percent", keep_ends=8),
        column("s.e.", "standard_error", "percent", 2, keep=6),
        column("cross-entropy", "cross_entropy", "number", 5, keep=7),
        column("triplets" if row.n_answers is None else "answers", lambda g: g.n_triplets, "count"),
        column("pooled", lambda g: g.pooled and float(g.pooled), "percent", keep=5,
               foot="pooled: accuracy drawn towards the other groups as far as it is uncertain") if pooled else None,
        column("P(lowest)", "p_lowest", "number", 2, keep=4,
               foot="P(lowest): probability that no other group has a lower true accuracy") if pooled else None,
        title=f"{one_line(row.label or row.embeddings or 'embeddings')}{by}, by group",
    )


def _foot_of_groups(row: Score) -> list[Block]:
    """What intervals of groups are over, if those of the score are over something else, and how much groups differ."""
    by = next((group.ci.by for group in row.groups or () if group.ci is not None), None)
    lines = [] if by in (None, row.inference.over) else [f"intervals of groups over {over(by)}"]
    if row.group_spread is not None and row.group_spread.ci is not None:
        level = interval_header(row.group_spread.ci.confidence)
        spread = f"true accuracies of groups differ by a standard deviation of {percent(row.group_spread)}"
        lines.append(f"{spread}, {level} {percent_interval(row.group_spread.ci)}")
    return [foot(*lines)] if lines else []


# Noise ceilings


def ceiling_view(people: NoiseCeiling, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """A row for each ceiling, and a note that says of what answers."""
    ceilings, nats = people.ceilings, f"{people.least_cross_entropy:.5f} nats"
    rows: list[tuple[str, Value, Ceiling | None, str]] = [
        ("upper: majority share", ceilings.upper.value, ceilings.upper,
         "too high on average: the majority is found in the same answers"),
        ("  of pure guessing", people.guessing, None, "what the upper one would be if everybody guessed"),
        ("estimate: likely choices", ceilings.estimate.value, ceilings.estimate,
         "right on average from about five answers on"),
        ("lower: leave one participant out", ceilings.lower.value, ceilings.lower,
         "too low on average: a few others are a poor guide"),
        ("least cross-entropy", nats, None, ""),
        ("  corrected for few answers", f"{people.corrected_entropy:.5f} nats", None, ""),
    ]
    header = interval_header(people.confidence)
    column, of_page = Rows(rows).column, Rows(rows[:4], header).column
    return [
        table(
            column("ceiling", "0"),
            column("value", "1", "percent"),
            column("s.e.", lambda row: "" if row[2] is None else row[2].standard_error, "percent", 2, keep=5),
            column(header, lambda row: "" if row[2] is None else percent_interval(row[2].ci)),
        ),
        table(
            of_page("ceiling", lambda row: row[0].strip()),
            of_page("accuracy", "1", "percent", ci="2.ci"),
            of_page("on average", "3"),
            title=f"how well participants predict each other; least cross-entropy of any model on these answers {nats}",
        ).on_page("ceilings-table", only=PAGE),
        foot(
            source_note("triplets", people.triplets),
            f"{people.n_distinct:,} answered at least twice, {people.n_answers:,} answers",
            "participants not known" if people.n_persons is None else f"{people.n_persons:,} participants",
            chance_note(people.task),
            "" if people.ci is None else over_text(Inference(people.ci.by, people.ci.method)),
            each_text(people.weighting),
            weighted_text(people.effective_answers),
        ),
    ]
