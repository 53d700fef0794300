"""Models with each other: differences and ranks, errors, similarities, and whether these triplets tell them apart.

What is known of models: columns of other sections' tables, and a figure of accuracy against each, with numbers.
Plans of experiments: power over designs, and how many participants are enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from pyalign.analysis.accuracy import Scores
from pyalign.analysis.comparison.comparison_result import BestModel, Comparison, ModelResult
from pyalign.analysis.experiment import ExperimentPlan
from pyalign.analysis.metadata.metadata_result import MetadataRegressions
from pyalign.analysis.metadata.model_points import LABELS
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.concept.consistency_result import ErrorConsistency
from pyalign.errors import InputError
from pyalign.pairwise.rsa_result import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.recovery.recovered import Recovery
from pyalign.report import comparison as compared
from pyalign.report import matrices
from pyalign.report.blocks import Column, Figure, Fold, Rows, Section, Table, Text, Value, ends_of, table
from pyalign.report.charts.differences import power_chart
from pyalign.report.charts.matrix import cka_chart, consistency_chart
from pyalign.report.charts.models import depth_chart
from pyalign.report.charts.scatter import counts_of, metadata_chart
from pyalign.report.comparison import designs_table
from pyalign.report.fits import form_of_score, metadata_tables
from pyalign.report.page.sections._shared import (
    Part, figure, file_label, in_both_widths, parts_of_each, percent, section_of, sentence, triplets_text,
)
from pyalign.report.page.sources import Sources
from pyalign.report.words import (
    SINGULAR, counted, interval_header, intervals_over, intervals_text, labels_of, model_labels, one_line, over_text,
    short_labels,
)
from pyalign.stats.resampling import LEVEL

Labels = Mapping[str, str]
MOST_PAIRS = 1000  # in a table; the figure and the document have the others
DIFFERENCES = (
    "Models compared on the same triplets: how much they differ, how certain that is after correction for all pairs, "
    "and whether they err on the same triplets."
)
CONSISTENCY = (
    "Do models err on the same triplets, beyond what their accuracies by themselves imply? Kappa: 0 no, 1 always."
)
CKA = "Which models represent the objects alike? Models next to each other in a matrix are similar."
RECOVERY = (
    "If one of the models had answered, would the analysis find it? Each model answers simulated triplets, and the "
    "model that then fits best is chosen."
)


def differences(sources: Sources) -> Section | None:
    """The section with the pairs, the best model and the ranks of each comparison."""
    parts = parts_of_each(sources.results(Comparison), _differences, sources.labels)
    return section_of("differences", "Differences between models", DIFFERENCES, parts)


def _differences(comparison: Comparison, page_labels: Labels) -> Iterator[Part]:
    labels = labels_of(comparison, labels=page_labels)
    yield _widest_difference(comparison, labels)
    people = "" if comparison.n_subjects is None else f" and {comparison.n_subjects:,} people"
    on = triplets_text(f"{comparison.n_triplets:,}", comparison.task, file_label(comparison.triplets))
    caption = f"Differences in accuracy, {on}, {comparison.n_objects:,} objects{people}; {_intervals_of(comparison)}"
    yield compared.pairs_table(comparison, labels, comparison.pairs).on_page("differences-table", caption, "accuracy")
    if comparison.best is not None:
        yield _best(comparison.best, labels)
    if comparison.layers is not None:
        yield from _depth(comparison, comparison.layers, on, page_labels)
    level = intervals_over(model.rank_ci for model in comparison.models)
    caption = f"Ranks by accuracy; their {level}, for all models together." if level else "Ranks by accuracy."
    ranks = compared.models_table(comparison, labels).on_page("ranks-table", caption, "rank", ascending=True)
    yield Fold("Ranks", (ranks,))


def _widest_difference(comparison: Comparison, labels: Labels) -> Text:
    """How many pairs are told apart; the widest of all differences."""
    pairs, sentences = comparison.pairs, []
    if comparison.inference.over is not None:
        apart = sum(pair.p_adjusted is not None and pair.p_adjusted < 0.05 for pair in pairs)
        base = comparison.baseline
        which, other = ("pairs", "") if base is None else ("models", f" from {labels[base]}")
        if len(pairs) == 1:
            sentences.append(f"The two models {'differ' if apart else 'do not differ'} at 5%.")
        else:
            sentences.append(f"{apart} of {len(pairs)} {which} differ{other} at 5%, corrected for all {which}.")
    if comparison.margin is not None:
        alike = sum(pair.p_equivalence_adjusted is not None and pair.p_equivalence_adjusted < 0.05 for pair in pairs)
        within = f"by less than {100 * comparison.margin:g} percentage points"
        sentences.append(f"{alike} of {len(pairs)} differ {within} at 5%, likewise corrected.")
    if pairs:
        most = max(pairs, key=lambda pair: abs(pair.difference))
        sentences.append(
            f"The largest difference: {labels[most.a]} and {labels[most.b]}, {100 * abs(most.difference):.1f} "
            "percentage points."
        )
    return Text((" ".join(sentences),))


def _intervals_of(comparison: Comparison) -> str:
    level = intervals_over(pair.ci for pair in comparison.pairs)
    if not level:
        return "no intervals in the document."
    method = over_text(comparison.inference)
    each = "by the measure of each model, see their ranks" if any(m.measure for m in comparison.models) else ""
    measure = f"measure {comparison.measure}" if comparison.measure else each
    return f"{'; '.join(filter(None, (f'{level}, each by itself', method, measure)))}."


def _depth(comparison: Comparison, layers: Sequence[ModelResult], on: str, page_labels: Labels) -> Iterator[Part]:
    """Accuracy over the layers of models, and the best layer of each, free of its choice."""
    best = max(layers, key=lambda model: model.accuracy)
    assert best.layer is not None
    summary = f"Highest is {best.layer.of}, layer {best.layer.name}: {percent(best.accuracy)}"
    free = next((row for row in comparison.best_layers or () if row.model == best.model), None)
    if free is not None:
        summary += f"; a layer chosen on half of the objects has {percent(free.accuracy)} on the others"
    caption = f"Accuracy over the layers of models, {on}; {_intervals_of(comparison)}"
    yield figure("depth-figure", caption, partial(depth_chart, comparison, labels=page_labels), f"{summary}.")


def _best(best: BestModel, labels: Labels) -> Text:
    """The model that was chosen as the best, with a figure that is free of the choice."""
    level = intervals_over([best.ci])
    interval = ", without interval"
    if best.ci is not None and level:
        interval = f" ({100 * best.ci.low:.1f} to {100 * best.ci.high:.1f}%, {level})"
    text = (
        f"The best of them by choice is {labels[best.model]}: {percent(best.in_sample_accuracy)} on the triplets "
        f"that chose it. Chosen on half of the objects and scored on the others: {percent(best.accuracy)}"
    )
    return Text((f"{text}{interval}.",))


def consistency(sources: Sources) -> Section | None:
    """The section with a matrix of kappa, the pairs, and the concepts that all models miss, for each result."""
    parts = parts_of_each(sources.results(ErrorConsistency), _consistency, sources.labels)
    return section_of("consistency", "Error consistency", CONSISTENCY, parts)


def _consistency(found: ErrorConsistency, page_labels: Labels) -> Iterator[Part]:
    labels = labels_of(found, labels=page_labels)
    if found.pairs:
        caption = (
            f"Kappa of right and wrong on {counted(found.n_triplets, 'triplet')}, of which all models miss "
            f"{found.n_missed:,} ({percent(found.n_missed / found.n_triplets)}); {intervals_text(found.inference)}."
        )
        draw = partial(consistency_chart, found, labels=labels)
        yield figure("consistency-figure", caption, draw, _most_and_least_alike(found, labels))
        shares = [(pair.same_choice, pair) for pair in found.pairs if pair.same_choice is not None]
        if len(shares) == len(found.pairs):
            same = f"Share of {counted(found.n_triplets, 'triplet')} in which two models choose the same item."
            share, pair = max(shares, key=lambda one: one[0])
            ci = pair.same_choice_ci
            interval = "" if ci is None else f" ({percent(ci.low)} to {percent(ci.high)})"
            summary = f"Most often {labels[pair.a]} and {labels[pair.b]}: {percent(share)}{interval}."
            yield figure("choices-figure", same, partial(draw, by="same-choice"), summary)
        pairs = sorted(found.pairs, key=lambda pair: 2.0 if pair.kappa is None else -pair.kappa)[:MOST_PAIRS]
        if len(pairs) < len(found.pairs):
            caption += f" The {len(pairs):,} largest of {len(found.pairs):,} pairs."
        yield compared.errors_table(found, labels, pairs).on_page("consistency-table", caption, "kappa", whole=True)
    for by in dict.fromkeys(row.by for row in found.missed or ()):
        rows = [row for row in found.missed or () if row.by == by]
        caption = (
            f"What the {found.n_missed:,} triplets are about that all {len(found.models)} models get wrong, by "
            f"{SINGULAR.get(by, by)}; of all triplets it is {percent(rows[0].expected)}."
        )
        if found.min_triplets:
            caption += f" With fewer than {found.min_triplets:,} triplets there is no interval."
        yield compared.missed_table(found, by, rows).on_page(f"missed-{by}", caption, "explained", whole=True)


def _most_and_least_alike(found: ErrorConsistency, labels: Labels) -> str:
    known = [(pair.kappa, pair) for pair in found.pairs if pair.kappa is not None]
    if not known:
        return "No pair of models has a kappa: a model is always right or always wrong."
    sentences = []
    for pick, word in ((max, "Most"), (min, "least"))[: len(known)]:
        kappa, pair = pick(known, key=lambda one: one[0])
        interval = "" if pair.ci is None else f" ({pair.ci.low:.3f} to {pair.ci.high:.3f})"
        sentences.append(f"{word} alike are the errors of {labels[pair.a]} and {labels[pair.b]}: {kappa:.3f}{interval}")
    return "; ".join(sentences) + "."


def cka(sources: Sources) -> Section | None:
    """A matrix and a table for each measure of each comparison of models; a matrix of each of layers."""
    of_measures = [(result, one) for result in sources.results(ModelSimilarities) for one in result]
    models = parts_of_each(of_measures, _similarities, sources.labels)
    layers = parts_of_each(sources.results(LayerSimilarity), _layers)
    return section_of("cka", "Similarity of models", CKA, [*models, *layers])


def _similarities(of: tuple[ModelSimilarities, SimilarityMatrix], page_labels: Labels) -> Iterator[Part]:
    result, one = of
    labels = model_labels([(name, None) for name in one.models], labels=page_labels)
    pairs: list[matrices.Pair] = [(one, i, j) for i, j in one.pairs]
    pairs.sort(key=lambda pair: -one.matrix[pair[1]][pair[2]])
    caption = (
        f"{one.measure} of {counted(len(one.models), 'model')} over {counted(result.n_objects, 'object')} that all "
        f"have; rows and columns in the order of a hierarchical clustering."
    )
    summary = _most_and_least_similar(one, pairs, [labels[name] for name in one.models])
    yield figure("cka-figure", caption, partial(cka_chart, result, by=one.measure, labels=page_labels), summary)
    if not pairs:
        return
    listed = pairs[:MOST_PAIRS]
    which = "All pairs" if len(listed) == len(pairs) else f"The {len(listed):,} most similar of {len(pairs):,} pairs"
    null = "No permutations: what unrelated models would have is not known."
    if one.null_threshold is not None:
        null = f"Thresholds and p by {result.permutations:,} permutations."
    intervals = f" {interval_header(result.inference.level)}s over objects." if one.scores else ""
    caption = f"{which} by {one.measure}, over {result.n_objects:,} objects. {null}{intervals}"
    yield matrices.similarities_table(result, labels, listed).on_page("cka-table", caption, "similarity", whole=True)
    if one.differences:
        caption = (
            f"Whether a model is more like one than like another by {one.measure}, over {result.n_objects:,} objects; "
            f"p corrected by {result.correction} for all differences."
        )
        rows = [(one.measure, each) for each in one.differences]
        table = matrices.score_differences_table(result, labels, rows)
        yield Fold("Differences of similarities", (table.on_page("cka-differences", caption, whole=True),))


def _most_and_least_similar(one: SimilarityMatrix, pairs: Sequence[matrices.Pair], names: Sequence[str]) -> str:
    if not pairs:
        return f"{counted(len(names), 'model')}."
    (_, a, b), (_, c, d) = pairs[0], pairs[-1]
    return (
        f"{names[a]} and {names[b]} are most alike: {one.matrix[a][b]:.3f}; {names[c]} and {names[d]} least: "
        f"{one.matrix[c][d]:.3f}."
    )


def _layers(result: LayerSimilarity) -> Iterator[Part]:
    places = [(i, j) for i in range(len(result.first)) for j in range(len(result.second))]
    a, b = max(places, key=lambda at: result.matrix[at[0]][at[1]])
    caption = (
        f"{result.measure} of {counted(len(result.first), 'layer')} with {counted(len(result.second), 'layer')} of "
        f"another model, over {counted(result.n_objects, 'object')}; {result.aggregate} of all {result.value:.3f}, "
        f"calibrated {result.calibrated:.3f} ({result.permutations:,} permutations)."
    )
    summary = f"{result.first[a]} and {result.second[b]} are most alike: {result.matrix[a][b]:.3f}."
    yield figure("layers-figure", caption, partial(cka_chart, result), summary)
    yield matrices.layers_table(result).on_page("layers-table", caption, whole=True)


def recovery(sources: Sources) -> Section | None:
    """For each simulation its models, its confusions, and the rate along numbers of triplets."""
    parts = parts_of_each(sources.results(Recovery), _recovery, sources.labels)
    return section_of("recovery", "Model recovery", RECOVERY, parts)


def _recovery(found: Recovery, page_labels: Labels) -> Iterator[Part]:
    labels = model_labels([(name, None) for name in found.models], labels=page_labels)
    target = f"{100 * found.target:g}% are"
    needed = f"{target} not reached with the numbers that were tried."
    if found.n_needed is not None:
        needed = f"{target} reached with about {found.n_needed:,} triplets."
    text = (
        f"With {found.n_triplets:,} triplets the right model is found in {percent(found.recovery_rate)} of "
        f"{found.simulations:,} simulations of each model; by chance in {percent(found.chance)}. {needed}"
    )
    yield Text((text,))
    answered = triplets_text(f"{found.n_triplets:,}", found.task, file_label(found.triplets))
    caption = (
        f"Models as those that answered {answered}; "
        f"{intervals_over(row.ci for row in found.by_model)}: other answers of these models to these triplets; refit: "
        f"{found.refit}; temperatures {found.temperatures}; seed {found.seed}."
    )
    yield compared.recovery_table(found, labels).on_page("recovery-table", caption, "recovered")
    names = tuple(labels[name] for name in found.models)
    chosen = (Column(name, tuple(row[k] for row in found.confusion), "percent", named=True)
              for k, name in enumerate(names))
    caption = "A row for each model that answered, a column for each that was chosen; rows add up to 100%."
    confusion = Table((Column("Answered", names), *chosen), name="recovery-confusion", caption=caption)
    yield Fold("Which model was chosen", (confusion,))
    if found.curve:
        caption = "Random subsets of the study; beyond it, further triplets of its objects."
        curve = compared.curve_table(found.curve, found.confidence).on_page("recovery-curve", caption, whole=True)
        yield Fold("By number of triplets", (curve,))


LEAD_OF_METADATA = (
    "How accuracy goes with what is known of the models. Two intervals answer two questions: what these very models "
    "would do on other objects, and what other models like these would do on these objects. Models of one family are "
    "not independent of each other, so that a family is drawn as a whole. None of it says what causes what."
)
CAPTIONS = {
    "slopes": "Slopes", "ranks": "Spearman's rank correlations", "groups": "Means of models with the same value",
    "seeds": "Models of several seeds, each a point",
}
MISSING = "There is no metadata of the models (--metadata models.csv) to relate accuracies to."


def metadata_columns(sources: Sources, models: Sequence[str]) -> list[Column]:
    """A column for each of the metadata that some of the models have, a value for each model, None where it has none.

    models: as documents call them. Columns of text filter.
    """
    known = sources.metadata
    if known is None:
        return []
    rows = known.matched(models, {name: sources.label(name) for name in models}).rows
    columns = []
    for name in known.columns:
        values = tuple(known.value(row, name) for row in rows)
        if name in LABELS or all(value is None for value in values):
            continue
        form = _form_of(values, name in known.percent) if name in known.numbers else "text"
        columns.append(Column(name, values, form, filter=form == "text"))
    return columns


def _form_of(values: Sequence[Value], percent: bool) -> str:
    """How a column shows its values, the form of a `Column`."""
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return "text"
    return "percent" if percent else "count" if all(float(value).is_integer() for value in known) else "number"


def metadata(sources: Sources) -> Section | None:
    """The section of results of `pyalign metadata`; else of comparisons, or scores, with the metadata of the page."""
    ready = sources.loaded(MetadataRegressions)
    loaded = ready or sources.loaded(Comparison) or sources.loaded(Scores)
    if not loaded:
        return None
    title = "Accuracy and what is known of the models"
    if not ready and sources.metadata is None:
        return Section("metadata", title, "", (Text((MISSING,), "note"),))
    parts: list[Part] = []
    for place, document in enumerate(loaded, 1):
        try:
            result = document.result if ready else _regressed(document.result, sources)
        except InputError as error:
            parts.append(Text((f"{document.path or document.command}: {one_line(str(error))}",), "warning"))
            continue
        parts += _parts(result, f"metadata-{place}" if len(loaded) > 1 else "metadata")
    return Section("metadata", title, LEAD_OF_METADATA, tuple(parts))


def _regressed(result: Comparison | Scores, sources: Sources) -> MetadataRegressions:
    """Against the metadata of the page; intervals are of the level that the result has."""
    rows = result if isinstance(result, Scores) else (result,)
    level = next((row.inference.level for row in rows if row.inference.level is not None), LEVEL)
    return regress_metadata(result, sources.metadata, confidence_level=level, labels=sources.labels)


def _parts(result: MetadataRegressions, name: str) -> Iterator[Part]:
    """The tables, and a chart with its numbers for each column."""
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    intervals = f"intervals of {100 * (result.inference.level or LEVEL):g}%"
    over = f"{counted(len(result.points), 'model')}{counts_of(result)}; {intervals}."
    for kind, shown in metadata_tables(result).items():
        yield shown.on_page(f"{name}-{kind}", f"{CAPTIONS[kind]}: {over}", whole=True)
    known = dict.fromkeys([*(row.column for row in result.results), *(group.column for group in result.groups)])
    for number, column in enumerate(known, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column"
        charts = in_both_widths(partial(metadata_chart, result, by=column))
        title = f"{charts['chart'].usermeta['pyalign']['title']}."
        summary = charts["chart"].description.removeprefix(title).strip()
        called = f"{name}-{number}-{plain}"
        yield Figure(called, title, summary=summary, data=_data(result, column, f"{called}-data", over), **charts)


def _data(result: MetadataRegressions, column: str, name: str, over: str) -> Table:
    """The points of a figure."""
    points = [point for point in result.points if (point.values or {}).get(column) is not None]
    values = tuple((point.values or {})[column] for point in points)
    labels = short_labels([point.model for point in points])
    field, score_form, called = Rows(points).column, form_of_score(result), one_line(result.score_name)
    form = _form_of(values, column in result.percent)
    low, high = ends_of([score.ci if (score := point.score(column)) else None for point in points])
    columns = (
        field("model", lambda p: labels[p.model]),
        field(called, lambda p: p.accuracy, *score_form, ci=lambda p: p.ci),
        Column(column, values, form, low, high, 3 if form == "number" else 1),
        field("family", lambda p: p.family) if column != "family" else None,
        field("seeds", lambda p: len(p.members), "count"),
        field("lowest seed", lambda p: p.lowest, *score_form),
        field("highest seed", lambda p: p.highest, *score_form),
    )
    return table(*columns).on_page(name, f"Models and their {called}: {over}")


LEAD_OF_EXPERIMENT = (
    "How many objects, participants and answers a study needs. Standard errors, intervals and power follow from the "
    "variance components of a pilot: how much objects, participants and both account for."
)
CAPTION = "Standard error, mean width of the interval, and power, as they are expected."


def experiment(sources: Sources) -> Section | None:
    """For each plan its picture, the designs that are enough, all designs, and a paragraph for a preregistration."""
    plans = parts_of_each(sources.results(ExperimentPlan), _plan)
    return section_of("experiment", "Planned experiments", LEAD_OF_EXPERIMENT, plans)


def _plan(plan: ExperimentPlan) -> Iterator[Part]:
    summary = f"Power along participants, a line for each number of objects, for {len(plan.designs):,} designs."
    yield figure("power", f"Power: {plan.figure}.", partial(power_chart, plan), summary)
    if plan.needed:
        caption = f"The fewest participants for a power of {100 * plan.target_power:g}%. {CAPTION}"
        yield designs_table(plan.needed).on_page("experiment-needed", caption)
    if plan.paragraph:
        yield Text((plan.paragraph,))
    yield Fold("All designs", (designs_table(plan.designs).on_page("experiment-designs", CAPTION),))
