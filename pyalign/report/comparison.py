"""Models with each other on the same triplets: comparisons, error consistency, failures, and model recovery.

Plans of experiments: what designs are expected to give, and how many participants are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyalign.data import ANCHORED
from pyalign.report.blocks import (
    PAGE, TEXT, Block, Column, Lines, Paragraph, Rows, Table, concepts_column, first_and_last, foot, names_column,
    table,
)
from pyalign.report.score import share_columns
from pyalign.report.words import (
    CORRECTED, ELSEWHERE, SINGULAR, Labels, beginning, chance_note, counted, dropped_note, effective_text, header_of,
    interval_header, labels_of, one_line, over_text, over_words, p_header, percent, percent_interval, shortened,
    source_note, weighted_text,
)

if TYPE_CHECKING:
    from pyalign.analysis.comparison.comparison_result import Comparison, PairResult
    from pyalign.analysis.experiment import ExperimentPlan, PlannedDesign
    from pyalign.analysis.failures.failures import Failures
    from pyalign.analysis.failures.groups import FailureGroup
    from pyalign.concept.consistency_result import ErrorConsistency, ErrorPair, MissedConcept
    from pyalign.recovery.recovered import RateAtSize, RecoveredModel, Recovery


MOST_PAIRS = 45  # in the table, those of ten models
KAPPA = "kappa: 0 independent errors, 1 the same"
MOST_CONCEPTS = 20  # in the table, of those that are missed most
SHOWN = 3  # failures of each group
LONGEST = 16  # characters of an item's name, and of a family
MOST_MODELS = 8  # whose confusions text shows as a matrix
WIDEST = 12  # of a name above a column of it
NEEDED = "fewest participants that are enough:"


def comparison_view(result: Comparison, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The models, every two of them, how to read both, and the best."""
    labels, pairs = labels_of(result, verbose, labels), result.pairs
    if not verbose and len(pairs) > MOST_PAIRS and result.baseline is None:
        pairs = result.between_neighbors
    n_pairs, by_rank = len(result.pairs), "pairs, of which those of models next to each other by rank are shown"
    blocks: list[Block] = [
        _models_table(result, labels).on_page("ranks-table", "ranks by accuracy", "rank", True, fold="Ranks"),
        _pairs_table(result, labels, pairs).on_page("differences-table", "differences in accuracy", "accuracy"),
        foot(
            source_note("triplets", result.triplets),
            counted(result.n_triplets, "triplet"),
            dropped_note(result.n_dropped),
            f"{n_pairs:,} {by_rank}: {ELSEWHERE}" if len(pairs) < n_pairs else "",
            "" if result.baseline is None else f"each model less the baseline, {labels[result.baseline]}",
            *_over_notes(result),
            weighted_text(result.effective_answers),
            "" if result.measure is None else f"measure {result.measure}",
            "" if result.temperature is None else f"T = {result.temperature:g}",
            f"ties {result.ties}",
            chance_note(result.task) if result.task == ANCHORED else "",
        ),
    ]
    if (best := result.best) is not None:
        interval = f", {100 * best.ci.confidence:g}% interval {percent_interval(best.ci)}" if best.ci else ""
        often = ", ".join(f"{labels[name]} {100 * share:.0f}%" for name, share in best.chosen.items())
        blocks.append(foot(
            f"best: {labels[best.model]}, {percent(best.in_sample_accuracy)} on the triplets that chose it (in-sample)",
            f"chosen on half of the objects and scored on the others: {percent(best.accuracy)}{interval}",
            f"chosen: {often}",
        ))
    if result.best_layers is not None:
        column = Rows(result.best_layers, interval_header(result.inference.level)).column
        blocks.append(table(
            column("best layer", lambda best: labels[best.model]),
            column("in-sample", "in_sample_accuracy", "percent"),
            column("on other objects", "accuracy", "percent", ci="ci"),
        ).on_page("best-layers", "best layers, chosen on half of the objects and scored on the others"))
    return blocks


def _over_notes(result: Comparison | ErrorConsistency) -> tuple[str, str, str]:
    """What the intervals are over, and how many of them there are."""
    people = "" if result.n_subjects is None else f", {result.n_subjects:,} participants"
    return over_text(result.inference), f"{result.n_objects:,} objects{people}", effective_text(result.inference)


def _models_table(result: Comparison, labels: Labels) -> Table:
    """A row for each model of a comparison."""
    intervals = result.inference.over is not None
    column = Rows(result.models, header_of(result.inference)).column
    return table(
        column("model", lambda m: labels[m.model]),
        column("measure", "measure", optional=True) if result.measure is None else None,
        column("accuracy", "accuracy", "percent", ci="ci"),
        column("s.e.", "standard_error", "percent", 2, keep=5) if intervals else None,
        column("rank", "rank", "count", ci="rank_ci", ends="interval" * intervals, keep_ends=7),
        column("ties", "n_ties", "count", keep=4),
        column("cross-entropy", "cross_entropy", "number", 5, ci="cross_entropy_ci", ends="", keep=8),
    )


def _pair_columns(
    pairs: Sequence[PairResult | ErrorPair], labels: Labels, header: str = "difference", second: str = "less"
) -> tuple[Column, Column, Column]:
    """Both models of each pair: in text in half of the room each where it is narrow, on a page in two columns."""
    column = Rows(pairs).column
    return (
        names_column(header, lambda names: [f"{names[p.a]} - {names[p.b]}" for p in pairs], labels),
        column("model", lambda p: labels[p.a], filter=True, only=PAGE),
        column(second, lambda p: labels[p.b], filter=True, only=PAGE),
    )


def _pairs_table(result: Comparison, labels: Labels, pairs: Sequence[PairResult]) -> Table:
    """A row for each of these pairs of a comparison."""
    intervals, corrected = result.inference.over is not None, p_header(result.correction)
    within = f"of a difference of {100 * (result.margin or 0.0):g}% or more, {CORRECTED[result.correction]}"
    over_all = f"corrected for {len(result.pairs):,} pairs" if len(result.pairs) > 1 else ""
    column = Rows(pairs, header_of(result.inference)).column
    tests = (
        column("s.e.", "standard_error", "percent", 2, keep=2, only=TEXT),
        column("p", "p_value", "p", keep=6, note="two-sided test of no difference, for this pair only"),
        column(corrected, "p_adjusted", "p", foot=over_all and f"{corrected} {over_all}",
               note="corrected for all pairs"),
        column("p (max-t)", "p_max_t", "p", keep=5, foot=over_all and f"p (max-t) {over_all}",
               note="corrected for all pairs and how they depend on each other")
        if result.inference.method == "corrected" else None,
        column("p (margin)", "p_equivalence_adjusted", "p", keep=8, note=within,
               foot=f"p (margin), {within}") if result.margin is not None else None,
    )
    return table(
        *_pair_columns(pairs, labels),
        column("accuracy", "difference", "percent", ci="ci",
               note="difference of accuracies, the first less the second"),
        *(tests if intervals else ()),
        *share_columns([pair.components for pair in pairs]),
        column("cross-entropy", "cross_entropy_difference", "number", 4, ci="cross_entropy_ci",
               ends="", note="difference in nats, the first less the second: below 0 the first is better", only=PAGE),
    )


# Error consistency


def consistency_view(consistency: ErrorConsistency, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """Every two models, the matrix of several, the concepts that are missed, and how to read them."""
    labels = labels_of(consistency, verbose, labels)
    shown = consistency.pairs if verbose or len(consistency.pairs) <= MOST_PAIRS else ()
    blocks: list[Block] = [_errors_table(consistency, labels, shown)] if shown else []
    if len(consistency.models) > 2:  # by number across, so that many fit
        names = [f"{k + 1} {labels[model.model]}" for k, model in enumerate(consistency.models)]
        kappas = consistency.matrix().T.tolist()
        blocks.append(Table((
            Column("model", tuple(names), fit=lambda room: [name[:room] for name in names]),
            *(Column(str(k + 1), tuple(values), "number", places=3) for k, values in enumerate(kappas)),
        ), "kappa", room=7 * len(names) + 14, or_else=f"of {len(names)} models: {ELSEWHERE}"))
    missed = [row for row in consistency.missed or () if row.n_triplets]
    for by in dict.fromkeys(row.by for row in consistency.missed or ()):
        rows = sorted((row for row in missed if row.by == by), key=lambda row: -(row.explained or 0.0))
        blocks.append(_missed_table(consistency, by, first_and_last(rows, MOST_CONCEPTS, verbose)))
    share = percent(consistency.n_missed / consistency.n_triplets)
    left_out = f"the {MOST_CONCEPTS // 2} that explain most and least: the verbose table has all"
    return [*blocks, foot(
        source_note("triplets", consistency.triplets),
        f"{consistency.n_triplets:,} triplets, of which all models miss {consistency.n_missed:,} ({share})",
        dropped_note(consistency.n_dropped, "NaN, or a model without an answer"),
        *(() if shown else (f"{len(consistency.pairs):,} pairs are not shown: {ELSEWHERE}", KAPPA)),
        *_over_notes(consistency),
        "" if consistency.measure is None else f"measure {consistency.measure}",
        "a tie is not right",
        f"of {len(missed):,} concepts {left_out}" if len(missed) > MOST_CONCEPTS and not verbose else "",
    )]


def _errors_table(consistency: ErrorConsistency, labels: Labels, pairs: Sequence[ErrorPair]) -> Table:
    """A row for each of these pairs of models, and how their errors go together."""
    column = Rows(pairs, interval_header(consistency.inference.level)).column
    return table(
        *_pair_columns(pairs, labels, "models", "and"),
        column("right", "accuracy_a", "percent", keep=3, only=TEXT),
        column("right", "accuracy_b", "percent", keep=3, only=TEXT),
        column("agree", "observed", "percent", keep=2, only=TEXT),
        column("by chance", "expected", "percent", keep=1, only=TEXT),
        column("same choice", "same_choice", "percent", keep=6, ends="same choice, interval",
               keep_ends=3, note="Triplets in which both choose the same item, right or wrong.", optional=True),
        column("both wrong", "both_wrong", "percent", keep=1),
        column("if independent", "both_wrong_expected", "percent", keep=0,
               note="Both wrong, if errors were independent."),
        column("kappa", "kappa", "number", 3, ci="ci", foot=KAPPA),
        column("unbiased", "unbiased_kappa", "number", 3, keep=0, note="Without the bias of few triplets."),
        column("least", "kappa_min", "number", 3, keep=6, foot="least: what the accuracies allow",
               note="What the two accuracies allow at least."),
        column("most", "kappa_max", "number", 3, keep=7, foot="most: what the accuracies allow",
               note="What the two accuracies allow at most."),
        column("copied model", lambda p: p.copied and labels.get(p.copied, p.copied), only=PAGE,
               note="The more accurate model, which the other is held to copy."),
        column("copied", "copy_probability", "number", 3, keep=7, ends="copied, interval", keep_ends=4,
               foot="copied: how often the worse model does as the better one"),
        column("p", "p_value", "p", keep=0, note="Of independent errors: kappa 0."),
        column(p_header(consistency.correction), "p_adjusted", "p", keep=5, note="Corrected over all pairs."),
    ).on_page("consistency-table", "kappa of right and wrong", "kappa")


def _missed_table(consistency: ErrorConsistency, by: str, rows: Sequence[MissedConcept]) -> Table:
    """A row for each of these concepts."""
    column = Rows(rows, interval_header(consistency.inference.level)).column
    return table(
        concepts_column(SINGULAR[by], [row.concept for row in rows]),
        column("triplets", "n_triplets", "count", keep=6),
        column("missed", "n_missed", "count", note="By all models.", only=PAGE),
        column("all miss", "missed", "percent", note="Share of its triplets that all models get wrong."),
        column("ratio", "ratio", "number", 2, keep=7, note="To that share among all triplets."),
        column("excess", "excess", "percent", ci="ci", keep=5, keep_ends=8,
               foot="excess: share that all miss, less that of all triplets",
               note="That share less the one among all triplets."),
        column("p", "p_value", "p", keep=0),
        column(p_header(consistency.correction), "p_adjusted", "p", keep=5),
        column("of misses", "share", "percent", keep=3, note="Of all triplets that all miss, how many are about it."),
        column("explained", "explained", "percent", keep=4,
               note="How many of them are more than its share would bring."),
    ).on_page(f"missed-{by}", f"what the triplets that all models get wrong are about, by {SINGULAR[by]}", "explained")


# Failures


def failures_view(result: Failures, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """How often each model is wrong, how many triplets each group has, and the clearest of them."""
    labels, column = labels_of(result, verbose, labels), Rows(result.groups).column
    return [
        _wrong_table(result, labels).on_page("wrong", "triplets that each model gets wrong", "share", True),
        table(
            column("wrong", lambda group: _clipped(result.who_fails(group), verbose)),
            column("right", lambda group: _clipped(group.right or "-", verbose)),
            column("triplets", "n", "count"),
            column("share", lambda group: group.n / result.n_triplets, "percent"),
        ),
        foot(
            source_note("triplets", result.triplets),
            counted(result.n_triplets, "triplet"),
            "" if result.measure is None else f"measure {result.measure}",
            f"ties {result.ties}",
            dropped_note(result.n_dropped),
            f"{result.n_undecided:,} without a majority left out" if result.n_undecided else "",
            apart=True,
        ),
        *(_examples_table(result, group, labels, verbose) for group in result.groups if len(group.rows)),
    ]


def _wrong_table(result: Failures, labels: Labels) -> Table:
    """How many of all triplets each model gets wrong."""
    shares = tuple(wrong / result.n_triplets for wrong in result.n_wrong)
    return table(
        Column("model", tuple(labels[model] for model in result.models)),
        Column("family", result.families, keep=7, filter=True) if result.families is not None else None,
        Column("wrong", result.n_wrong, "count"),
        Column("share", shares, "percent", note="of all triplets; a tie is neither right nor wrong"),
    )


def _examples_table(result: Failures, group: FailureGroup, labels: Labels, verbose: bool) -> Table:
    """The first triplets of a group, each answer once."""
    from pyalign.analysis.failures.groups import shortest

    place_of: dict[tuple[frozenset[int], int], int] = {}
    for place, items in enumerate(group.items.tolist()):
        place_of.setdefault((frozenset(items), items[2]), place)
    places = list(place_of.values())[:SHOWN]

    def named(items: Sequence[int]) -> str:
        names = map(str, items) if result.names is None else (result.names[item] for item in items)
        first, second, odd = (_clipped(name, verbose) for name in names)
        return f"{first}, {second} | {odd}"

    shares = tuple(group.human_shares[places].tolist())
    margins = zip(result.models, zip(*shortest(group.margins[places]), strict=True), strict=True)
    right = f", right for {one_line(group.right)}" if group.right else ""
    return table(
        Column("anchor, chosen | other" if result.task == ANCHORED else "pair | odd one of people",
               tuple(map(named, group.items[places].tolist()))),
        Column("row", tuple(group.rows[places].tolist()), keep=7),
        Column("people", shares, "percent", keep=8, write=lambda share: f"{100 * share:.1f}%")
        if any(share == share for share in shares) else None,
        *(Column(f"margin {labels[model] if verbose else k + 1}", of_model, "digits", places=4,
                 keep=max(1, 6 - k)) for k, (model, of_model) in enumerate(margins)
          if any(margin is not None for margin in of_model)),
        title=f"wrong for {one_line(result.who_fails(group))}{right}, the clearest:",
    )


def _clipped(text: str, verbose: bool) -> str:
    """The beginning of a name that is long."""
    return one_line(text) if verbose else beginning(one_line(text), LONGEST)


# Model recovery


def recovery_view(recovery: Recovery, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The models as those that answered, who was chosen, the rate along sizes."""
    labels = labels_of(recovery, verbose, labels)
    blocks: list[Block] = [_recovery_table(recovery, labels), _confusion_table(recovery, labels)]
    if verbose or len(recovery.models) <= MOST_MODELS:
        names = [labels[name] for name in recovery.models]
        chosen = zip(shortened(names, WIDEST), zip(*recovery.confusion, strict=True), strict=True)
        blocks.append(table(
            Column("answered \\ chosen, %", tuple(names)),
            *(Column(name, tuple(100 * share for share in shares), "number") for name, shares in chosen),
        ))
    if len(recovery.curve) > 1:
        blocks.append(_curve_table(recovery.curve, recovery.confidence))
    target = f"{100 * recovery.target:g}%"
    if recovery.n_needed is None or recovery.n_needed_within is None:
        needed = f"{target} not reached with up to {recovery.curve[-1].n_triplets:,}"
    else:
        low, high = recovery.n_needed_within
        needed = f"{target} needs about {recovery.n_needed:,} (between {low:,} and {high:,})"
        needed = needed if low else f"{target} reached with {high:,}, the fewest that were tried"
    is_beyond = any(rate.drawn for rate in recovery.curve)
    return [*blocks, foot(
        source_note("triplets", recovery.triplets),
        f"{recovery.n_triplets:,} triplets: {percent(recovery.recovery_rate)} recovered, {needed}",
        "beyond the study: further triplets of its objects, drawn at random" if is_beyond else "",
        f"refit: {recovery.refit}" + (f", {recovery.folds} folds over objects" if recovery.folds else ""),
        f"temperatures {recovery.temperatures}",
        f"{recovery.simulations:,} simulations of each model, seed {recovery.seed}; intervals over simulations",
        f"chance {percent(recovery.chance)}",
    )]


def _confusion_table(recovery: Recovery, labels: Labels) -> Table:
    """A row for each model that answered, a column for each that was chosen."""
    names = tuple(labels[name] for name in recovery.models)
    chosen = zip(names, zip(*recovery.confusion, strict=True), strict=True)
    columns = (Column(name, shares, "percent", named=True) for name, shares in chosen)
    caption = "how often each model was chosen, of those across; rows add up to 100%"
    confusion = Table((Column("answered", names), *columns))
    return confusion.on_page("recovery-confusion", caption, fold="Which model was chosen", only=PAGE)


def _recovery_table(recovery: Recovery, labels: Labels) -> Table:
    """A row for each model that answered."""
    column = Rows(recovery.by_model, interval_header(recovery.confidence)).column

    def mistaken(row: RecoveredModel) -> str | None:
        return None if row.mistaken_for is None else f"{labels[row.mistaken_for]} {100 * row.mistaken_share:.1f}%"

    return table(
        column("model", lambda m: labels[m.model]),
        column("measure", "measure", keep=4, same="measure {}"),
        column("T", "temperature", "digits", 4, keep=5, only=TEXT),
        column("temperature", "temperature", "digits", 4, only=PAGE),
        column("recovered", "recovery_rate", "percent", ci="ci", keep_ends=8),
        column("mistaken most for", lambda m: m.mistaken_for and labels[m.mistaken_for], only=PAGE),
        column("how often", "mistaken_share", "percent", only=PAGE),
        column("ties", "n_ties", "count", keep=6),
        column("mistaken most for", mistaken, keep=7, only=TEXT),
    ).on_page("recovery-table", "models as those that answered", "recovered")


def _curve_table(curve: Sequence[RateAtSize], confidence: float) -> Table:
    """A row for each number of triplets."""
    column = Rows(curve, interval_header(confidence)).column
    return table(
        column("triplets", "n_triplets", "count"),
        column("recovered", "recovery_rate", "percent", ci="ci"),
        column("drawn beyond the study", "drawn", "count", only=PAGE,
               note="further triplets of its objects, at random"),
    ).on_page("recovery-curve", "random subsets of the study", fold="By number of triplets")


def plan_view(plan: ExperimentPlan, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """Every design, the fewest participants that are enough, the chosen design in words, and how to read them."""
    labels = labels_of(plan, verbose, labels)
    difference = f"{100 * plan.difference:.3g}"
    prices = {"object": plan.price_object, "participant": plan.price_subject, "answer": plan.price_answer}
    given = [f"{name} {price:g}" for name, price in prices.items() if price is not None]
    return [
        _designs_table(plan.designs).on_page("experiment-designs", "all designs", fold="All designs"),
        *([_designs_table(plan.needed, NEEDED).on_page("experiment-needed")] if plan.needed else []),
        foot(
            f"{plan.figure}{': ' * bool(labels)}{' less '.join(map(one_line, labels.values()))}",
            f"power to find {difference} points, in a two-sided test at {100 * (1 - plan.confidence):.3g}%",
            f"participants for {'an assurance' if plan.power_range else 'a power'} of {100 * plan.target_power:g}%",
            f"intervals over {over_words(plan.ci_by)}",
            "components stated"
            if plan.n_pilot is None
            else f"components of a pilot, {counted(plan.n_pilot, 'answer')}",
            f"prices: {', '.join(given)}" if given else "",
            apart=True,
        ),
        *((Lines(("",)), Paragraph(plan.paragraph)) if plan.chosen is not None else ()),
    ]


def _designs_table(designs: Sequence[PlannedDesign], title: str = "") -> Table:
    """A row for each design."""
    column = Rows(designs).column
    return table(
        column("objects", "n_objects", "count"),
        column("participants", "n_subjects", "count"),
        column("answers each", "answers_per_subject", "count", keep=8),
        column("answers", "n_answers", "count", keep=7),
        column("s.e.", "standard_error", "percent", 2, keep=6),
        column("width", "width", "percent", keep=5, note="Mean width of the interval."),
        column("power", "power", "percent"),
        column("assurance", "assurance", "percent", note="Mean power over what the components may be, given the pilot.")
        if any(design.assurance != design.power for design in designs) else None,
        column("cost", "cost", "number", 0, optional=True),
        title=title,
    )
