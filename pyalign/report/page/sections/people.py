"""Models and people: agreement and its ceiling, reliability of probabilities, correlations of similarity matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import floor, isnan, log10

import numpy as np

from pyalign.analysis.agreement import Agreements
from pyalign.analysis.calibration.calibration_result import Calibration, Calibrations
from pyalign.analysis.ceiling.leave_one_out import NoiseCeiling
from pyalign.documents import Interval
from pyalign.pairwise.rdms import Rdms
from pyalign.pairwise.rsa_result import Rsa
from pyalign.report import matrices, probabilities
from pyalign.report.blocks import Column, Figure, Fold, Rows, Section, Table, Text
from pyalign.report.charts.entropy import entropy_chart
from pyalign.report.charts.models import rsa_chart
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.rdm import matrix_names, mds_chart, rdm_chart
from pyalign.report.charts.scatter import names_of, reliability_chart
from pyalign.report.charts.theme import known, spread
from pyalign.report.page.parts_html import MANY, NONE
from pyalign.report.page.sections._shared import (
    Part, TripletSets, figure, file_label, in_both_widths, of_file, parts_of_each, percent, section_of, triplet_sets,
)
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import counted, each_text, intervals_over, intervals_text, labels_of, one_line, over_words

Labels = Mapping[str, str]
AGREEMENT = (
    "No model can predict people better than people allow. The noise ceiling says how far that is; where many people "
    "answered the same triplets, a model's probabilities are held against the shares of their answers."
)
RELIABILITY = (
    "How often a model's choice is people's, by the probability that the model gives to it, at the temperature "
    "that fits people's answers best."
)
RSA = "Do models and people find the same pairs of objects alike? Correlations of similarity matrices over all pairs."
CEILING = (
    "The noise ceiling belongs to the mean over participants of the correlation with each. Its lower bound is "
    "each participant with the mean of the others, its upper bound each participant with the mean of all, themselves "
    "included."
)


def agreement(sources: Sources) -> Section | None:
    """The sections on agreement between people, and on models next to many people on the same triplets."""
    ceilings = parts_of_each(sources.results(NoiseCeiling), _ceilings)
    models = parts_of_each(sources.results(Agreements), _agreements, sources.labels)
    return section_of("agreement", "Agreement among people", AGREEMENT, [*ceilings, *models])


def _ceilings(people: NoiseCeiling) -> Iterator[Table]:
    upper, estimate, lower = people.ceilings.upper, people.ceilings.estimate, people.ceilings.lower
    rows: list[tuple[str, float, Interval | None, str]] = [
        ("Majority share", upper.value, upper.ci, "too high on average: the majority is found in the same answers"),
        ("Likely choices", estimate.value, estimate.ci, "right on average from about five answers on"),
        ("Leave one participant out", lower.value, lower.ci, "too low on average: a few others are a poor guide"),
        ("Majority share of pure guessing", people.guessing, None, "what the first would be if everybody guessed"),
    ]
    column = Rows(rows).column
    columns = (
        column("Ceiling", lambda row: row[0]),
        column("Accuracy", lambda row: row[1], "percent", ci=lambda row: row[2]),
        column("On average", lambda row: row[3]),
    )
    persons = "participants not known" if people.n_persons is None else f"{people.n_persons:,} participants"
    intervals = intervals_over(row[2] for row in rows) or "no intervals"
    caption = (
        f"How well participants predict each other on {file_label(people.triplets)}: {people.n_distinct:,} triplets "
        f"answered at least twice, {people.n_answers:,} answers, {persons}; "
        f"{each_text(people.weighting)}; {intervals}; least cross-entropy of any model on these answers "
        f"{people.least_cross_entropy:.4f} nats."
    )
    yield Table(columns, name="ceilings-table", caption=caption)


def _agreements(models: Agreements, page_labels: Labels) -> Iterator[Part]:
    """A row for each model, then one for each model and range of how far people agree."""
    labels, first = probabilities.labels_of(models, labels=page_labels), models[0]
    intervals = intervals_over(row.accuracy.ci for row in models) or "no intervals"
    caption = (
        f"Models against many people on {file_label(models.triplets)}: {first.n_distinct:,} triplets, "
        f"{first.n_answers:,} answers; people's mean entropy {first.human_entropy:.4f} nats, mean majority share "
        f"{percent(first.majority_share)}; {intervals}."
    )
    yield probabilities.models_table(models, labels).on_page("agreement-table", caption, "r shares")
    if models.entropy_bins is not None:
        about = "Answers that are not a model's choice, by the entropy of people's answers to a triplet"
        draw = partial(entropy_chart, models, labels=page_labels)
        yield figure("entropy-figure", f"{about}; {intervals}.", draw, _hardest(models, labels))
    bins = [(label, row, part) for label, row in zip(labels, models, strict=True) for part in row.bins]
    caption = "By the share of the majority: figures on triplets on which so many people agree."
    yield Fold("By how far people agree", (probabilities.bins_table(bins).on_page("agreement-bins", caption),))


def _hardest(models: Agreements, labels: Sequence[str]) -> str:
    """The error of the best model where people agree most and least."""
    row, label = max(zip(models, labels, strict=True), key=lambda one: one[0].accuracy)
    known = [(one.low, one.high, 1 - one.accuracy) for one in row.entropy_bins or () if one.accuracy is not None]
    (low, _, least), (_, high, most) = known[0], known[-1]
    return (
        f"{label}, the best of them, errs on {percent(least)} of the answers where their entropy is lowest, from "
        f"{low:.2f} nats on, and on {percent(most)} where it is highest, up to {high:.2f} nats."
    )


def reliability(sources: Sources) -> Section | None:
    """A diagram for each result of calibrations, and a row for each model."""
    sets, loaded = triplet_sets(sources), sources.loaded(Calibrations)
    diagrams = parts_of_each(loaded, _diagram, sets, sources.labels)
    tables = parts_of_each(sets.results(loaded), _calibrations, sources.labels)
    return section_of("reliability", "Reliability of probabilities", RELIABILITY, [*diagrams, *tables])


def _diagram(one: Loaded, sets: TripletSets, labels: Labels) -> Iterator[Figure]:
    rows, names = one.result.results, names_of(one.result.results, labels)
    caption = f"{_confidence_over(rows, sets.label(sets.of(one)))}; each point is a bin of about as many answers."
    if len(rows) > MOST_MODELS:
        caption += f" The first {MOST_MODELS} of {len(rows)} models."
    errors = [row.equal_mass.ece for row in rows]
    low, high = (errors.index(pick(errors)) for pick in (min, max))
    summary = (
        f"At the fitted temperature the expected calibration error is least for {names[low]}, {errors[low]:.3f} (at "
        f"T = 1 {rows[low].ece_equal_mass_before:.3f})"
    )
    if len(rows) > 1:
        summary += f", and largest for {names[high]}, {errors[high]:.3f}"
    draw = partial(reliability_chart, one.result, labels=labels)
    yield figure("reliability-figure", caption, draw, f"{summary}.")


def _calibrations(of_set: tuple[Sequence[Calibrations], str], labels: Labels) -> Iterator[Table]:
    """A row for each model, by whichever result."""
    of_each, triplets = of_set
    results = Calibrations(tuple(row for one in of_each for row in one))
    intervals = intervals_over(one for row in results for one in (row.temperature.ci, row.test.cross_entropy.ci))
    caption = (
        f"Expected calibration error (ECE) of {counted(len(results), 'model')}. "
        f"{_confidence_over(results.results, triplets)}; {intervals or 'no intervals'}."
    )
    table = probabilities.calibrations_table(results, names_of(results.results, labels))
    yield table.on_page("reliability-table", caption, "ECE", ascending=True, whole=True)


def _confidence_over(rows: Sequence[Calibration], triplets: str) -> str:
    splits = dict.fromkeys(
        f"about held-out {over_words(row.split)}" if row.split else "that the temperature was fitted to (in-sample)"
        for row in rows
    )
    n = spread(row.test.n_answers for row in rows)
    return f"Confidence and accuracy on {n} answers to triplets{of_file(triplets)} {' or '.join(splits)}"


def rsa(sources: Sources) -> Section | None:
    """A figure and a table for each result of RSA; differences of models, where there are intervals."""
    parts = parts_of_each(sources.results(Rsa), _rsa, sources.labels)
    return section_of("rsa", "Representational similarity", RSA, parts)


def _rsa(result: Rsa, page_labels: Labels) -> Iterator[Part]:
    labels = labels_of(result, labels=page_labels)
    first = result.results[0]
    who = "one human matrix" if result.n_people is None else counted(result.n_people, "participant")
    intervals = intervals_text(result.inference)
    missing = f", {first.n_missing:,} pairs left out that nobody judged" if first.n_missing else ""
    caption = (
        f"Correlations over {counted(first.n_pairs, 'pair')} of {counted(first.n_objects, 'object')}{missing}, "
        f"{who}; {intervals}."
    )
    draw = partial(rsa_chart, result, labels=page_labels)
    yield figure("rsa-figure", caption, draw, _most_correlated(result, labels))
    yield matrices.results_table(result, labels).on_page("rsa-table", caption, "correlation", whole=True)
    if result.rdms is not None:
        yield from _rdms(result, result.rdms, page_labels)
    if any(row.ceiling is not None for row in result.results):
        yield Text((CEILING,))
    if matrices.has_ceilings(result):
        caption = f"Noise ceiling, and the mean correlation of two participants' matrices; {intervals}."
        yield matrices.ceilings_table(result).on_page("rsa-ceilings", caption)
    if result.pairs:
        caption = f"Differences of correlations under the same resamples; p corrected by {result.correction}."
        pairs = [matrices.pairs_table(result, labels, result.pairs).on_page("rsa-differences", caption, whole=True)]
        if any(pair.per_person is not None for pair in result.pairs):
            caption = f"Differences of means over participants; p corrected by {result.correction}."
            means = matrices.pairs_table(result, labels, result.pairs, of_means=True)
            pairs.append(means.on_page("rsa-mean-differences", caption, whole=True))
        yield Fold("Differences of models", tuple(pairs))
    for one in result.weighted or ():
        weights = matrices.weights_text(one, result, labels)
        yield Text((f"Weighted sum, {matrices.weighted_text(one)}. Weights: {weights}.",))
    for k, differences in enumerate(matrices.weighted_tables(result, labels)):
        yield differences.on_page(f"rsa-weighted-{k}", f"{differences.title.capitalize()}.", whole=True)


def _rdms(result: Rsa, rdms: Rdms, page_labels: Labels) -> Iterator[Part]:
    """The matrices as pictures, the pairs that they hold, and the objects by MDS where all pairs have values."""
    names, upper = matrix_names(result, rdms, page_labels), np.triu_indices(len(rdms.objects), 1)
    over = f"{counted(len(rdms.objects), 'object')}: {', '.join(names)}"
    caption = f"Matrices of {over}; the order is that of a hierarchical clustering of the first."
    objects = (Column(header, tuple(one_line(rdms.objects[k]) for k in side), filter=True)
               for header, side in zip(("object", "other object"), upper, strict=True))
    values = (_pairs_column(name, matrix.values) for name, matrix in zip(names, rdms.matrices, strict=False))
    rounded = ", rounded; the document has all digits" if len(upper[0]) >= MANY else ""
    pairs = Table((*objects, *values), name="rdm-figure-data", caption=f"The {rdms.kind} of each pair{rounded}.")
    yield Figure("rdm-figure", caption, summary=_most_alike(rdms, names), data=pairs,
                 **in_both_widths(partial(rdm_chart, result, labels=page_labels)))
    if not any(isnan(value) for matrix in rdms.matrices for value in matrix.values) and len(rdms.objects) >= 3:
        caption = f"Classical multidimensional scaling of the matrices of {over}; objects near each other are alike."
        summary = f"The same {counted(len(rdms.objects), 'object')} on {counted(len(names), 'plane')}."
        yield figure("mds-figure", caption, partial(mds_chart, result, labels=page_labels), summary)


def _pairs_column(name: str, values: Sequence[float]) -> Column:
    """The values of all pairs; many are rounded to the four digits or more of the largest that two bytes hold."""
    places = 4
    if len(values) >= MANY:
        largest = float(np.nanmax(np.abs(values), initial=0.0))
        places = max(0, floor(log10((-NONE - 1) / largest))) if largest else places
        values = np.round(values, places).tolist()
    return Column(name, tuple(map(known, values)), "number", places=places, named=True)


def _most_alike(rdms: Rdms, names: Sequence[str]) -> str:
    """The pair that is most alike in each matrix."""
    upper, sign = np.triu_indices(len(rdms.objects), 1), 1.0 if rdms.kind == "similarity" else -1.0
    sentences = []
    for name, matrix in zip(names, rdms.matrices, strict=False):
        best = int(np.nanargmax(sign * np.array(matrix.values)))
        a, b = (one_line(rdms.objects[side[best]]) for side in upper)
        sentences.append(f"{name} {a} and {b} ({matrix.values[best]:.3g})")
    return f"Most alike: {'; '.join(sentences)}."


def _most_correlated(result: Rsa, labels: Labels) -> str:
    known = [row for row in result.results if row.value == row.value]
    if not known:
        return f"None of the {len(result.results)} correlations is defined."
    row = max(known, key=lambda one: one.value)
    interval = "" if row.ci is None else f" ({row.ci.low:.3f} to {row.ci.high:.3f})"
    text = f"{labels[row.embeddings]} correlates most: {row.value:.3f}{interval}, {row.correlation}."
    if row.per_person is not None and row.ceiling is not None:
        text += (
            f" With each participant {row.per_person.mean:.3f} on average, where the noise ceiling is from "
            f"{row.ceiling.lower:.3f} to {row.ceiling.upper:.3f}."
        )
        of_lower = row.per_person.of_lower
        if of_lower is not None and of_lower.ci is not None:
            low, high = (100 * end for end in of_lower.ci)
            text += f" That is {100 * of_lower.value:.0f}% of its lower bound ({low:.0f} to {high:.0f}%)."
    return text
