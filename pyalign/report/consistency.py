"""Error consistency: the pairs, a matrix of kappa, and the concepts of what all models miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.concept.consistency_result import ErrorConsistency, ErrorPair, MissedConcept
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import CORRECTED, SINGULAR, concepts_column, interval_header, model_labels, pairs_column
from pyalign.report.words import ELSEWHERE, one_line, over_text, percent

MOST_PAIRS = 45  # in the table, those of ten models
KAPPA = "kappa: 0 independent errors, 1 the same"
MOST_CONCEPTS = 20  # in the table, of those that are missed most


def consistency_view(found: ErrorConsistency, verbose: bool = False) -> list[Block]:
    """Every two models, the matrix of several, the concepts that are missed, and how to read them."""
    labels = labels_of(found, verbose)
    shown = found.pairs if verbose or len(found.pairs) <= MOST_PAIRS else ()
    blocks: list[Block] = [pairs_table(found, labels, shown)] if shown else []
    if len(found.models) > 2:
        blocks.append(_matrix(found, labels))
    for by in dict.fromkeys(row.by for row in found.missed or ()):
        rows = [row for row in found.missed or () if row.by == by and row.n_triplets]
        rows.sort(key=lambda row: -(row.explained or 0.0))
        half = MOST_CONCEPTS // 2
        ends = rows if verbose or len(rows) <= MOST_CONCEPTS else [*rows[:half], *rows[-half:]]
        blocks.append(missed_table(found, by, ends))
    return [*blocks, Foot(_notes(found, bool(shown), verbose))]


def labels_of(
    found: ErrorConsistency, verbose: bool = False, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What each model is called in tables and charts; `labels`: those of a page."""
    return model_labels([(one.model, one.label) for one in found.models], verbose, labels)


def pairs_table(found: ErrorConsistency, labels: Mapping[str, str], pairs: Sequence[ErrorPair]) -> Table:
    """A row for each of these pairs."""
    column, corrected = Rows(pairs).column, CORRECTED[found.correction]
    columns = (
        pairs_column("models", [(p.a, p.b) for p in pairs], labels),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column("and", lambda p: labels[p.b], filter=True, only=PAGE),
        column("right", lambda p: p.accuracy_a, "percent", keep=3, only=TEXT),
        column("right", lambda p: p.accuracy_b, "percent", keep=3, only=TEXT),
        column("agree", lambda p: p.observed, "percent", keep=2, only=TEXT),
        column("by chance", lambda p: p.expected, "percent", keep=1, only=TEXT),
        column("kappa", lambda p: p.kappa, "number", 3, ci=lambda p: p.ci, ends=interval_header(found.confidence),
               foot=KAPPA),
        column("unbiased", lambda p: p.unbiased_kappa, "number", 3, keep=0, note="Without the bias of few triplets."),
        column("least", lambda p: p.kappa_min, "number", 3, keep=6, foot="least: what the accuracies allow",
               note="What the two accuracies allow at least."),
        column("most", lambda p: p.kappa_max, "number", 3, keep=7, foot="most: what the accuracies allow",
               note="What the two accuracies allow at most."),
        column("copied model", lambda p: p.copied and labels.get(p.copied, p.copied), only=PAGE,
               note="The more accurate model, which the other is held to copy."),
        column("copied", lambda p: p.copy_probability, "number", 3, ci=lambda p: p.copy_ci, keep=7,
               ends="copied, interval", keep_ends=4,
               foot="copied: how often the worse model does as the better one"),
        column("p", lambda p: p.p_value, "p", keep=0, note="Of independent errors: kappa 0."),
        column(f"p ({corrected})", lambda p: p.p_adjusted, "p", keep=5, note="Corrected over all pairs."),
    )  # fmt: skip
    return Table(columns)


def _matrix(found: ErrorConsistency, labels: Mapping[str, str]) -> Table:
    """Models by number across, so that many fit."""
    names = [f"{k + 1} {labels[one.model]}" for k, one in enumerate(found.models)]
    columns = [Column("model", tuple(names), fit=lambda room: [name[:room] for name in names])]
    columns += [
        Column(str(k + 1), tuple(values), "number", places=3) for k, values in enumerate(found.matrix().T.tolist())
    ]
    return Table(tuple(columns), title="kappa", room=7 * len(names) + 14,
                 or_else=f"of {len(names)} models: {ELSEWHERE}")  # fmt: skip


def missed_table(found: ErrorConsistency, by: str, rows: Sequence[MissedConcept]) -> Table:
    """A row for each of these concepts."""
    column = Rows(rows).column
    columns = (
        concepts_column(SINGULAR[by], [row.concept for row in rows]),
        column("triplets", lambda c: c.n_triplets, "count", keep=6),
        column("missed", lambda c: c.n_missed, "count", note="By all models.", only=PAGE),
        column("all miss", lambda c: c.missed, "percent", note="Share of its triplets that all models get wrong."),
        column("ratio", lambda c: c.ratio, "number", 2, keep=7, note="To that share among all triplets."),
        column("excess", lambda c: c.excess, "percent", ci=lambda c: c.ci, keep=5,
               ends=interval_header(found.confidence), keep_ends=8,
               foot="excess: share that all miss, less that of all triplets",
               note="That share less the one among all triplets."),
        column("p", lambda c: c.p_value, "p", keep=0),
        column(f"p ({CORRECTED[found.correction]})", lambda c: c.p_adjusted, "p", keep=5),
        column("of misses", lambda c: c.share, "percent", keep=3,
               note="Of all triplets that all miss, how many are about it."),
        column("explained", lambda c: c.explained, "percent", keep=4,
               note="How many of them are more than its share would bring."),
    )  # fmt: skip
    return Table(columns)


def _notes(found: ErrorConsistency, has_pairs: bool, verbose: bool) -> tuple[str, ...]:
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
    shown = sum(1 for row in found.missed or () if row.n_triplets)
    if shown > MOST_CONCEPTS and not verbose:
        half = MOST_CONCEPTS // 2
        notes.append(f"of {shown:,} concepts the {half} that explain most and least: the verbose table has all")
    return tuple(notes)
