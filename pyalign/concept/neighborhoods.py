"""One table of each object's neighborhood: hubs, purity, agreement with people, changes and duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign._checks import checked
from pyalign._process import Progress, reporter
from pyalign.analysis.notes import merged
from pyalign.concept.dimensions import matched_dimensions, members_of
from pyalign.concept.neighbor_lists import Lists, chance_of_rbo, checked_k, level_of, list_length, neighbor_lists
from pyalign.concept.neighborhood_result import BEFORE, Neighborhood, Neighborhoods
from pyalign.concept.neighborhood_run import (
    Model, Question, differences_of, halved, notes_on_intervals, nulls, result_of,
)
from pyalign.data import Provenance, as_embeddings
from pyalign.data.metadata import require_names
from pyalign.data.similarities import one_or_several
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops.similarity import match_rows, notes_on_similarities
from pyalign.stats.intervals import RESAMPLES, half_samples
from pyalign.stats.resampling import AUTO, OverObjects, Resampling
from pyalign.typing import (
    CategoriesLike, Correction, EmbeddingsLike, Fraction, MeasureLike, Models, NotNegative, Positive,
)

HUMAN = "human"  # what the human embedding is called beside models
PERMUTATIONS = 999


@checked
def neighborhoods(
    models: EmbeddingsLike | Models, human: EmbeddingsLike | None = None, *,
    before: EmbeddingsLike | str | None = None, categories: CategoriesLike | None = None,
    dimensions: EmbeddingsLike | None = None, dimension_labels: Sequence[str] | None = None,
    threshold: float | None = None, k: int = 10, measure: MeasureLike = "cosine", human_measure: MeasureLike = "cosine",
    before_measure: MeasureLike | None = None, rbo_p: Fraction = 0.9, top: Positive = 10, ci: OverObjects = AUTO,
    n_permutations: NotNegative = PERMUTATIONS, correction: Correction = "holm", seed: NotNegative = 0,
    progress: Progress | None = None,
) -> Neighborhoods:
    """Describe each object by its k nearest neighbors, and models by the means over objects and concepts.

    Columns of the table are how often an object is a neighbor of others; with concepts the proportion of its
    neighbors that share one with it (purity); with a human embedding the proportion that are so by people too
    (overlap); with `before` the proportion that it had before a change (kept); and its most similar duplicate.

    Args:
        models: (n, d) embeddings, or a mapping of names to them.
        human: (n, r) a human embedding (SPoSE, VICE), or None. Rows are matched by name if both have names.
        before: (n, d) embeddings before a map, or the name of one of the models, or None.
        categories: concepts as `Categories`, labels (n,) or memberships (n, c). An object may have several.
        dimensions: concepts as (n, g) non-negative numbers. An object belongs to the dimension with its largest weight.
        dimension_labels: the labels of the g dimensions.
        threshold: the smallest similarity of duplicates, in the unit of the measure; None: only equal rows are
            duplicates. It depends on the embeddings; for cosines of image embeddings .95 to .99 are usual. Groups are
            the connected components of such pairs.
        k: the number of neighbors, from 1 to n - 1. Of equally near objects the lower row counts as nearer.
        measure: the similarity measure of the models; see `pyalign.similarity`.
        human_measure: the similarity measure of the human embedding. SPoSE and VICE predict choices by dot products,
            but by these the nearest neighbors are often the same few objects with long rows, so the default is the
            cosine.
        before_measure: the similarity measure of embeddings given as `before`; None: that of the models.
        rbo_p: the persistence of the rank-biased overlap, a fraction. Smaller values give more weight to the first
            ranks.
        top: the number of objects that the result lists by each column, and for each concept.
        ci: ``"objects"`` (or ``"auto"``), a `pyalign.Resampling` of objects by half-samples, or None for no intervals.
        n_permutations: the number of relabelings of objects, for p-values of overlaps and purities; 0 for none.
        correction: how p-values are corrected over concepts and over differences: ``"holm"`` or
            ``"benjamini-hochberg"``.
        seed: the seed of the relabelings. Relabelings and half-samples are the same for all models.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Neighborhoods`. If a model's objects are relabeled, the expected overlap is exactly k / (n - 1). A p-value
        is (1 + the number of relabelings with at least as much overlap) / (1 + `n_permutations`). Intervals generalize
        to other samples of as many objects; they are based on half-samples (`pyalign.stats.intervals`) and Student's t.

    Raises:
        InputError: embeddings of different objects, a k out of range, concepts that do not fit or without objects, a
            threshold that no pair can reach, or unknown options.

    Source: Webber, Moffat and Zobel 2010 (rank-biased overlap); Huh et al., "The platonic representation hypothesis",
    2024 (mutual nearest neighbors); Radovanović et al., "Hubness in space", 2010.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> people = rng.random((60, 5))
        >>> near = people + 0.1 * rng.normal(size=(60, 5))
        >>> result = pyalign.neighborhoods({"near": near, "other": rng.normal(size=(60, 5))}, people, k=5)
        >>> result.overlap_chance == 5 / 59, result[0].overlap > 0.5, result[0].p_value
        (True, True, 0.001)
        >>> result.differences[0].p_value < 0.05, result[0].columns["occurrences"].sum()
        (True, np.float64(300.0))
    """
    progress = reporter(progress)
    named = _models(models)
    requested, level = half_samples(ci), None if threshold is None else level_of(threshold, get_measure(measure))
    earlier = before if isinstance(before, str) and before in named else None if before is None else BEFORE
    references = {HUMAN: human, BEFORE: before if earlier == BEFORE else None}
    matched = match_rows({name: x for name, x in references.items() if x is not None} | named)
    n, k = matched.n, checked_k(k, matched.n)
    require_names(categories, matched.row_names)
    concepts = members_of(categories, dimensions, dimension_labels, n, matched.names)
    if concepts is not None and not concepts.of.any():
        raise InputError(f"{concepts.kind} must hold at least one object; all are without")
    averaged = human is not None or concepts is not None
    rows, plan = matched.take(), requested if averaged and n // 2 > k else None
    then_measure = measure if before_measure is None else before_measure
    measures = dict.fromkeys(rows, measure) | {HUMAN: human_measure, BEFORE: then_measure}
    lists = {name: neighbor_lists(x, list_length(k, n), measures[name], k) for name, x in rows.items()}
    asked = Question(
        matched.names, matched.order, concepts,
        None if dimensions is None else matched_dimensions(dimensions, n, matched.names), lists.get(HUMAN), earlier, k,
        measure, level, rbo_p, top, plan, n_permutations, correction, seed,
    )
    then = None if earlier is None else lists[earlier]
    several = [Model(name, rows[name], lists[name], asked, None if name == earlier else then) for name in named]
    drawn = None if plan is None else halved(several, plan, progress)
    null = nulls(several, n_permutations, progress) if averaged and n_permutations else None
    results = _results(several, drawn, null)
    given = {"k": k, "measure": str(measure), "human_measure": str(human_measure), "threshold": level, "rbo_p": rbo_p,
             "top": top, "ci": None if requested is None else requested.by,
             "resamples": RESAMPLES if requested is None else requested.drawn, "permutations": n_permutations,
             "correction": correction}
    return Neighborhoods(
        results, () if drawn is None or human is None else differences_of(several, drawn), k, str(measure),
        None if human is None else str(human_measure), earlier, None if earlier is None else str(measures[earlier]),
        float(rbo_p), k / (n - 1), chance_of_rbo(k, n, rbo_p), n, None if concepts is None else concepts.kind,
        None if concepts is None else int(concepts.of.any(axis=1).sum()), level, None if plan is None else plan.drawn,
        None if plan is None else float(plan.confidence_level), None if null is None else n_permutations, correction,
        seed if plan is None else plan.seed, None if human is None else as_embeddings(human, HUMAN).source,
        matched.names, provenance=Provenance.now([*named.items(), *references.items()], given, "auto", seed),
        notes=merged(matched.notes, _notes(asked, several, results, requested), notes_on_lists(rows, lists, k)),
    )


def _results(several: Sequence[Model], drawn: Any, null: Any) -> tuple[Neighborhood, ...]:
    columns = [[None if of is None else of[:, m] for of in (drawn, null)] for m in range(len(several))]
    return tuple(result_of(model, *own) for model, own in zip(several, columns, strict=True))


def _models(models: EmbeddingsLike | Models) -> dict[str, Any]:
    named = one_or_several(models)
    if not named or HUMAN in named or BEFORE in named:
        got = f"none called {HUMAN!r} or {BEFORE!r}; got {[*named]}"
        raise InputError(f"models must hold at least one model, {got}")
    return named


def _notes(
    asked: Question, models: Sequence[Model], results: tuple[Neighborhood, ...], requested: Resampling | None
) -> list[str]:
    """What a reader should know of concepts, intervals and similarities."""
    concepts, n, notes = asked.concepts, asked.n, []
    if requested is not None and asked.plan is None and (concepts is not None or asked.human is not None):
        notes.append(f"no intervals: half of {n:,} objects holds no {asked.k} neighbors of each")
    if asked.plan is not None:
        notes += notes_on_intervals(results)
    if concepts is not None:
        notes += concepts.notes
        without = n - int(concepts.of.any(axis=1).sum())
        if without:
            notes.append(f"{without:,} of {n:,} objects have no concept: they count only as neighbors of others")
    if concepts is not None or asked.threshold is not None:
        notes += [note for model in models for note in notes_on_similarities(model.x, None, asked.measure, model.name)]
    return notes


def notes_on_lists(rows: Mapping[str, np.ndarray], lists: Mapping[str, Lists], k: int) -> list[str]:
    """Notes on rows of zeros, to which all others are equally near by cosine, and on ties for the k-th neighbor.

    Example:
        >>> [note.partition(":")[0] for note in notes_on_lists({"clip": np.array([[0.0], [1.0]])}, {}, 1)]
        ['1 row of clip is zero throughout']
    """
    notes = []
    for name, x in rows.items():
        zero = int((~x.any(axis=1)).sum())
        if zero:
            subject, it, its = ("row of {} is", "it", "its") if zero == 1 else ("rows of {} are", "them", "their")
            why = f"cosines and products with {it} are 0, {its} neighbors by them the first rows"
            notes.append(f"{zero:,} {subject.format(name)} zero throughout: {why}")
    for name, nearest in lists.items():
        tied = int(nearest.tied.sum())
        if tied:
            whose = f"all objects of {name}" if tied == len(nearest.tied) else f"{tied:,} objects of {name}"
            why = "but for rounding: the first rows are taken, and occurrences count each of them equally"
            notes.append(f"for {whose} others are as near as neighbor {k}, {why}")
    return notes
