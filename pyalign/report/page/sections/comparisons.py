"""Models with each other: differences and ranks, errors, similarities, and whether these triplets tell them apart.

Models with people, and people with each other: agreement, reliability of probabilities, similarity matrices.
What is known of models: columns of other sections' tables, and a figure of accuracy against each, with numbers.
Plans of experiments: power over designs, and how many participants are enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, isnan, log10

import numpy as np

from pyalign.analysis.accuracy import Scores
from pyalign.analysis.calibration.calibration_result import Calibrations
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import MetadataRegressions
from pyalign.analysis.metadata.model_points import LABELS
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.concept.consistency_result import ErrorConsistency
from pyalign.errors import InputError
from pyalign.pairwise.rsa_result import LayerSimilarity, Rsa
from pyalign.report.blocks import Column, Rows, Section, Table, Text, Value, ends_of, filled, table
from pyalign.report.charts.rdm import matrix_names
from pyalign.report.charts.scatter import counts_of
from pyalign.report.charts.theme import known
from pyalign.report.fits import form_of_score
from pyalign.report.page.parts_html import MANY, NONE
from pyalign.report.page.sections._shared import Drawn, Labels, Part, Row, triplet_sets
from pyalign.report.page.sources import Sources
from pyalign.report.words import counted, labels_of, model_labels, one_line
from pyalign.stats.resampling import LEVEL


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


differences = Row(
    "differences",
    "Differences between models",
    "Models compared on the same triplets: how much they differ, how certain that is after correction for all pairs, "
    "and whether they err on the same triplets.",
    figures=(("depth-figure", "depth"),),
    more=lambda comparison, labels: [_widest_difference(comparison, labels_of(comparison, labels=labels))],
)


def _of_errors(found: ErrorConsistency) -> list[Drawn]:
    """The matrix of kappa, and that of equal choices where all pairs have them."""
    if not found.pairs:
        return []
    same = all(pair.same_choice is not None for pair in found.pairs)
    return [("consistency-figure", "consistency"), *([("choices-figure", "consistency", "same-choice")] * same)]


consistency = Row(
    "consistency",
    "Error consistency",
    "Do models err on the same triplets, beyond what their accuracies by themselves imply? Kappa: 0 no, 1 always.",
    figures=_of_errors,
)


cka = Row(
    "cka",
    "Similarity of models",
    "Which models represent the objects alike? Models next to each other in a matrix are similar.",
    figures=lambda result: [("layers-figure", "cka")] if isinstance(result, LayerSimilarity) else [
        ("cka-figure", "cka", one.measure) for one in result],
)
recovery = Row(
    "recovery",
    "Model recovery",
    "If one of the models had answered, would the analysis find it? Each model answers simulated triplets, and the "
    "model that then fits best is chosen.",
)
experiment = Row(
    "experiment",
    "Planned experiments",
    "How many objects, participants and answers a study needs. Standard errors, intervals and power follow from the "
    "variance components of a pilot: how much objects, participants and both account for.",
    figures=(("power", "power"),),
)


def _of_columns(result: MetadataRegressions) -> list[Drawn]:
    columns = dict.fromkeys([*(row.column for row in result.results), *(group.column for group in result.groups)])
    plain = [re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column" for column in columns]
    named = enumerate(zip(plain, columns, strict=True), start=1)
    return [(f"metadata-{k}-{name}", "metadata", column) for k, (name, column) in named]


def _data(result: MetadataRegressions, page_labels: Labels, column: str) -> Table:
    """The points of a figure, with what the models have in the column."""
    points = [point for point in result.points if (point.values or {}).get(column) is not None]
    values = tuple((point.values or {})[column] for point in points)
    labels = model_labels([(point.model, None) for point in points], labels=page_labels)
    field, score_form, called = Rows(points).column, form_of_score(result), one_line(result.score_name)
    form = _form_of(values, column in result.percent)
    low, high = ends_of([score.ci if (score := point.score(column)) else None for point in points])
    columns = table(
        field("model", lambda p: labels[p.model]),
        field(called, "accuracy", *score_form, ci="ci"),
        Column(column, values, form, low, high, 3 if form == "number" else 1),
        field("family", "family") if column != "family" else None,
        field("seeds", lambda p: len(p.members), "count"),
        field("lowest seed", "lowest", *score_form),
        field("highest seed", "highest", *score_form),
    ).columns
    level = f"intervals of {100 * (result.inference.level or LEVEL):g}%"
    caption = f"Models and their {called}: {counted(len(result.points), 'model')}{counts_of(result)}; {level}."
    return Table(filled(columns), caption=caption)


MISSING = "There is no metadata of the models (--metadata models.csv) to relate accuracies to."
_metadata = Row(
    "metadata",
    "Accuracy and what is known of the models",
    "How accuracy goes with what is known of the models. Two intervals answer two questions: what these very models "
    "would do on other objects, and what other models like these would do on these objects. Models of one family are "
    "not independent of each other, so that a family is drawn as a whole. None of it says what causes what.",
    figures=_of_columns,
    data={"metadata": _data},
)


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
    ready = sources.of("metadata")
    loaded = ready or sources.of("compare") or sources.of("score")
    if loaded and not ready and sources.metadata is None:
        return Section("metadata", _metadata.title, "", (Text((MISSING,), "note"),))
    results, warnings = list[MetadataRegressions](), list[Part]()
    for document in loaded:
        try:
            results.append(document.result if ready else _regressed(document.result, sources))
        except InputError as error:
            warnings.append(Text((f"{document.path or document.command}: {one_line(str(error))}",), "warning"))
    return _metadata.of(results, sources, warnings)


def _regressed(result: Comparison | Scores, sources: Sources) -> MetadataRegressions:
    """Against the metadata of the page; intervals are of the level that the result has."""
    rows = result if isinstance(result, Scores) else (result,)
    level = next((row.inference.level for row in rows if row.inference.level is not None), LEVEL)
    return regress_metadata(result, sources.metadata, confidence_level=level, labels=sources.labels)


def _of_sets(sources: Sources, word: str) -> list[Calibrations]:
    """The calibrations of each set of triplets, by whichever result."""
    of_each = triplet_sets(sources).results(sources.of(word))
    return [Calibrations(tuple(row for one in results for row in one)) for results, _ in of_each]


def _pairs(result: Rsa, labels: Labels) -> Table:
    """The pairs of objects of the matrices that a result keeps."""
    rdms = result.rdms
    assert rdms is not None
    upper, names = np.triu_indices(len(rdms.objects), 1), matrix_names(result, rdms, labels)
    objects = (Column(header, tuple(one_line(rdms.objects[k]) for k in side), filter=True)
               for header, side in zip(("object", "other object"), upper, strict=True))
    values = (_pairs_column(name, matrix.values) for name, matrix in zip(names, rdms.matrices, strict=False))
    rounded = ", rounded; the document has all digits" if len(upper[0]) >= MANY else ""
    return Table((*objects, *values), caption=f"The {rdms.kind} of each pair{rounded}.")


def _pairs_column(name: str, values: Sequence[float]) -> Column:
    """The values of all pairs; many are rounded to the four digits or more of the largest that two bytes hold."""
    places = 4
    if len(values) >= MANY:
        largest = float(np.nanmax(np.abs(values), initial=0.0))
        places = max(0, floor(log10((-NONE - 1) / largest))) if largest else places
        values = np.round(values, places).tolist()
    return Column(name, tuple(map(known, values)), "number", places=places, named=True)


def _figures(result: Rsa) -> list[Drawn]:
    """Objects are drawn by multidimensional scaling where all pairs of them have values."""
    of_objects = [("rdm-figure", "rdm")]
    if (rdms := result.rdms) is not None and len(rdms.objects) >= 3:
        missing = any(isnan(value) for matrix in rdms.matrices for value in matrix.values)
        of_objects += [("mds-figure", "mds")] * (not missing)
    return [("rsa-figure", "rsa"), *of_objects]


agreement = Row(
    "agreement",
    "Agreement among people",
    "No model can predict people better than people allow. The noise ceiling says how far that is; where many people "
    "answered the same triplets, a model's probabilities are held against the shares of their answers.",
    figures=(("entropy-figure", "entropy"),),
)
reliability = Row(
    "reliability",
    "Reliability of probabilities",
    "How often a model's choice is people's, by the probability that the model gives to it, at the temperature "
    "that fits people's answers best.",
    figures=(("reliability-figure", "reliability"),),
    together=_of_sets,
)
rsa = Row(
    "rsa",
    "Representational similarity",
    "Do models and people find the same pairs of objects alike? Correlations of similarity matrices over all pairs.",
    figures=_figures,
    data={"rdm": _pairs},
)
