"""Error consistency as tables: the pairs, a matrix of kappa, and the concepts of what all models miss."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.concept.consistency_result import ErrorConsistency, ErrorPair, MissedConcept
from pyalign.report.cells import concepts_column, interval, labels_of, number, pairs_column
from pyalign.report.comparisons import SHORT
from pyalign.report.concepts import SINGULAR
from pyalign.report.tables import (
    ELSEWHERE,
    WIDTH,
    Column,
    Rows,
    fitted_table,
    noted,
    one_line,
    over_text,
    p_text,
    percent,
    percent_interval,
)  # fmt: skip

MOST_PAIRS = 45  # in the table, those of ten models
KAPPA = "kappa: 0 independent errors, 1 the same"
MOST_CONCEPTS = 20  # in the table, of those that are missed most


def consistency_table(found: ErrorConsistency, width: int | None = None, verbose: bool = False) -> str:
    """Every two models, the matrix of several, the concepts that are missed, and a line that says how to read it."""
    labels = _labels(found, verbose)
    shown = found.pairs if verbose or len(found.pairs) <= MOST_PAIRS else ()
    tables = [fitted_table(_pairs(shown, labels, found), width, verbose)] if shown else []
    parts = [table for table, _ in tables]
    if len(found.models) > 2:
        parts.append("kappa\n" + _matrix(found, labels, width, verbose))
    for by in dict.fromkeys(row.by for row in found.missed or ()):
        rows = sorted(
            (row for row in found.missed or () if row.by == by and row.n_triplets),
            key=lambda row: -(row.explained or 0.0),
        )
        tables.append(fitted_table(_missed(by, _ends(rows, verbose), found), width, verbose))
        parts.append(tables[-1][0])
    feet = list(dict.fromkeys(foot for _, of_table in tables for foot in of_table))
    return "\n\n".join(parts) + "\n" + noted([*_notes(found, bool(shown), verbose), *feet], width, verbose)


def _labels(found: ErrorConsistency, verbose: bool) -> dict[str, str]:
    names = [one.model for one in found.models]
    short = labels_of(names, verbose)
    return {one.model: one_line(one.label or short[one.model]) for one in found.models}


def _ends(rows: Sequence[MissedConcept], verbose: bool) -> Sequence[MissedConcept]:
    """The first and the last of many: what explains most, and what least."""
    half = MOST_CONCEPTS // 2
    return rows if verbose or len(rows) <= MOST_CONCEPTS else [*rows[:half], *rows[-half:]]


def _pairs(pairs: Sequence[ErrorPair], labels: dict[str, str], found: ErrorConsistency) -> list[Column]:
    column = Rows(pairs).column

    return [
        pairs_column("models", [(p.a, p.b) for p in pairs], labels),
        column("right", lambda p: percent(p.accuracy_a), 3),
        column("right", lambda p: percent(p.accuracy_b), 3),
        column("agree", lambda p: percent(p.observed), 2),
        column("by chance", lambda p: percent(p.expected), 1),
        column("kappa", lambda p: number(p.kappa, 3), foot=KAPPA),
        column(_head(found), lambda p: interval(p.ci, 3)),
        column("unbiased", lambda p: number(p.unbiased_kappa, 3), 0),
        column("least", lambda p: number(p.kappa_min, 3), 6, foot="least: what the accuracies allow"),
        column("most", lambda p: number(p.kappa_max, 3), 7, foot="most: what the accuracies allow"),
        column(
            "copied",
            lambda p: number(p.copy_probability, 3),
            7,
            foot="copied: how often the worse model does as the better one",
        ),
        column("copied, interval", lambda p: interval(p.copy_ci, 3), 4),
        column("p", lambda p: p_text(p.p_value), 0),
        column(f"p ({SHORT[found.correction]})", lambda p: p_text(p.p_adjusted), 5),
    ]


def _matrix(found: ErrorConsistency, labels: dict[str, str], width: int | None, verbose: bool) -> str:
    """Models by number across, so that many fit; what doesn't is left to the document."""
    names = [labels[one.model] for one in found.models]
    rows = [f"{k + 1} {name}" for k, name in enumerate(names)]
    table = found.matrix()
    room = 7 * len(names) + 14
    if not verbose and room > (width or WIDTH):
        return f"of {len(names)} models: {ELSEWHERE}"
    columns = [Column("model", tuple(rows), fit=lambda wide: [row[:wide] for row in rows])]
    columns += [Column(str(k + 1), tuple(number(value, 3) for value in table[:, k])) for k in range(len(names))]
    return fitted_table(columns, width, verbose)[0]


def _missed(by: str, rows: Sequence[MissedConcept], found: ErrorConsistency) -> list[Column]:
    column = Rows(rows).column
    names = tuple(one_line(row.concept) for row in rows)

    return [
        concepts_column(SINGULAR[by], names),
        column("triplets", lambda c: f"{c.n_triplets:,}", 6),
        column("all miss", lambda c: percent(c.missed)),
        column("ratio", lambda c: "-" if c.ratio is None else f"{c.ratio:.2f}", 7),
        column("excess", lambda c: percent(c.excess), 5, foot="excess: share that all miss, less that of all triplets"),
        column(_head(found), lambda c: percent_interval(c.ci), 8),
        column("p", lambda c: p_text(c.p_value), 0),
        column(f"p ({SHORT[found.correction]})", lambda c: p_text(c.p_adjusted), 5),
        column("of misses", lambda c: percent(c.share), 3),
        column("explained", lambda c: percent(c.explained), 4),
    ]


def _notes(found: ErrorConsistency, has_pairs: bool, verbose: bool) -> list[str]:
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    share = percent(found.n_missed / found.n_triplets)
    notes += [f"{found.n_triplets:,} triplets, of which all models miss {found.n_missed:,} ({share})"]
    notes += [f"{found.n_dropped:,} dropped (NaN, or a model without an answer)"] * bool(found.n_dropped)
    if not has_pairs:
        notes += [f"{len(found.pairs):,} pairs are not shown: {ELSEWHERE}", KAPPA]
    if found.ci_by is not None:
        notes.append(over_text(found.ci_by, found.ci_method, found.resamples, found.seed))
    people = "" if found.n_subjects is None else f", {found.n_subjects:,} people"
    notes.append(f"{found.n_objects:,} objects{people}")
    notes += [f"measure {found.measure}"] * (found.measure is not None)
    notes += ["a tie is not right"]
    if found.missed is not None:
        shown = sum(1 for row in found.missed if row.n_triplets)
        if shown > MOST_CONCEPTS and not verbose:
            half = MOST_CONCEPTS // 2
            notes.append(f"of {shown:,} concepts the {half} that explain most and least: the verbose table has all")
    return notes


def _head(found: ErrorConsistency) -> str:
    return "interval" if found.confidence is None else f"{100 * found.confidence:g} % interval"
