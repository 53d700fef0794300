"""Prediction of human dimensions from representations: how well they can be decoded linearly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.accuracy import Score
from pyalign.analysis.notes import notes_on_order
from pyalign.analysis.score import score
from pyalign.concept.dimensions import Objects, objects_of
from pyalign.concept.held_out import HeldOut, folds_of, predict_held_out
from pyalign.concept.predicted import (
    ANY, DimensionDifference, DimensionPredictions, Explained, PredictedDimension, PredictedDimensions, over_objects,
)
from pyalign.data import Aligned, Embeddings, Provenance, Triplets, align, require_answers, require_odd_one_out
from pyalign.data.missing import Coverage, with_rows
from pyalign.data.similarities import one_or_several
from pyalign.data.triplets import require_one_answer_each, require_unweighted
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.triplets import checked_triplets
from pyalign.stats.multiple import corrected
from pyalign.stats.resampling import AUTO, Inference, OverObjects, Resampling, record_of
from pyalign.typing import Correction, EmbeddingsLike, MeasureLike, Models, NotNegative, Policy, TripletsLike

PENALTIES = tuple(10.0**power for power in range(-1, 7))
FOLDS = 3  # as of all fits that are cross-validated
LITTLE = 0.1  # of R^2: below it a large penalty is that of features that say little
MADE_FROM = (
    "the human dimensions were made from triplets: where these are among them, their own accuracy is not held out, "
    "and the accuracy of the predicted ones is held out only by objects"
)


@_checks.checked
def predict_dimensions(
    models: EmbeddingsLike | Models, dimensions: EmbeddingsLike, *, labels: Sequence[str] | None = None,
    penalties: float | Sequence[float] = PENALTIES, folds: int | ArrayLike = FOLDS,
    standardize: Literal["features", "none"] = "none",
    triplets: TripletsLike | None = None, measure: MeasureLike = "dot", ci: OverObjects = AUTO,
    correction: Correction = "holm", nan_policy: Policy = "raise", missing: Policy = "raise", seed: NotNegative = 0,
    progress: Progress | None = None,
) -> DimensionPredictions:
    """Predict human dimensions from representations by ridge regression, for held-out objects.

    The objects are split into folds, and each fold is predicted by a fit to all the others. Leave-one-out among the
    training objects chooses a penalty for each dimension. Fits are in float64; the intercept is not penalized.

    Args:
        models: (n, d) embeddings, or a mapping of names to them. Where rows and dimensions have names, they are
            matched by name and other rows are left out; otherwise row i belongs to object i.
        dimensions: (n, k) real numbers, a row for each object: the dimensions of SPoSE or VICE, or any ratings.
        labels: the labels of the k dimensions; None: their own, else their numbers, from 1.
        penalties: the penalties to choose from, positive. They are added to the eigenvalues of X'X, so their effect
            depends on the scale of the features.
        folds: the number of folds, or a label (n,) for each row of the dimensions.
        standardize: ``"features"`` divides features by their standard deviation over the training objects of each fit.
        triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out. With triplets the result
            contains the accuracy of the predicted dimensions, of the human ones, and of the original embeddings.
        measure: the measure by which predicted and human dimensions choose the odd one out.
        ci: ``"objects"`` (or ``"auto"``), a `pyalign.Resampling` of objects in closed form, or None for no intervals.
        correction: how p-values of differences are corrected: ``"holm"``, or ``"benjamini-hochberg"``.
        nan_policy: ``"raise"``, or ``"omit"`` to leave out objects with NaN or infinity in a row.
        missing: ``"raise"``, or ``"omit"`` to leave out objects of the dimensions whose names have no row in some
            model, together with their triplets.
        seed: the seed of the folds.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `DimensionPredictions`. R^2 is 1 - SSE / SST over all objects, with SST around the mean of the training
        objects of each fit. Its standard error is that of the jackknife over objects: each object is also left out of
        the fits, while the penalties and the folds stay the same.

    Raises:
        InputError: shapes or names that do not match; folds, penalties or labels that are not valid; NaN or infinity.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 4.3; the
    leave-one-out of `pyalign.concept.held_out`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 10))
        >>> human = np.stack([x[:, 0] + 0.5 * rng.normal(size=200), rng.normal(size=200)], axis=1)
        >>> predictions = predict_dimensions(x, human, labels=["planted", "random"])
        >>> [dimension.r2 > 0.5 for dimension in predictions[0].dimensions]
        [True, False]
    """
    progress = reporter(progress)
    plan = over_objects(ci)
    get_measure(measure)
    grid, scaled = checked_penalties(penalties), standardize == "features"
    named = one_or_several(models)
    if not named:
        raise InputError("models must hold at least one model; got none")
    objects = objects_of(named, dimensions, labels, nan_policy, missing)
    labeled = _checks.as_array(folds, "folds", "(n,)").ndim > 0
    fold = _folds(objects, folds, labeled, seed)
    judged = None if triplets is None else judged_triplets(objects, triplets, measure, plan, missing)
    results, explained = [], {}
    for name, rows in objects.rows.items():
        held_out = predict_held_out(
            rows[objects.kept], objects.y, fold, grid, standardize=scaled, errors=plan is not None,
            progress=partial(progress, name),
        )
        explained[name] = Explained.of(objects.y, held_out)
        results.append(_result(name, held_out, explained[name], objects, plan))
    fold_of = np.full(len(objects.kept), -1)
    fold_of[objects.kept] = fold
    predictions = DimensionPredictions(
        tuple(results), len(fold), int(objects.there.sum()) - len(fold), int(fold.max()) + 1, tuple(map(float, grid)),
        scaled, correction, inference=Inference.of(plan, seed=None if labeled else seed),
        differences=None if plan is None or len(named) < 2
        else _differences(explained, objects.labels, plan, correction),
        human=objects.source, fold_of=fold_of, names=objects.names, coverage=objects.coverage,
    )
    if judged is not None:
        predictions = scored(predictions, objects, judged, progress)
    inputs = [*named.items(), ("dimensions", dimensions), *([] if triplets is None else [("triplets", triplets)])]
    options = {
        "penalties": list(predictions.penalties), "folds": predictions.folds,
        "standardize": predictions.standardize, "measure": measure, "ci": record_of(plan), "correction": correction,
        "nan": nan_policy, "missing": missing,
    }
    notes = (*objects.notes, *_notes(results, grid, objects, scaled), *predictions.notes)
    return replace(
        predictions, notes=tuple(dict.fromkeys(notes)), provenance=Provenance.now(inputs, options, "numpy", seed)
    )


def checked_penalties(penalties: object) -> np.ndarray:
    """(p,) float64, ascending; raises unless they are positive and finite, at least one.

    Example:
        >>> checked_penalties([10, 0.1])
        array([ 0.1, 10. ])
    """
    a = np.atleast_1d(_checks.as_array(penalties, "penalties", "(p,)"))
    if a.ndim != 1 or not len(a) or a.dtype.kind not in "iuf":
        raise InputError(f"penalties must be numbers of shape (p,); got shape {a.shape} of {a.dtype}")
    wrong = ~(np.isfinite(a) & (a > 0))
    if wrong.any():
        raise InputError(f"penalties must be positive and finite; got {a[wrong][0]!s}")
    return np.unique(a.astype(np.float64))


def _folds(objects: Objects, folds: object, labeled: bool, seed: int) -> np.ndarray:
    kept = objects.kept
    if labeled:
        labels = _checks.as_array(folds, "folds", "(n,)")
        if len(labels) != len(kept):
            raise InputError(f"folds must be a label for each of {len(kept):,} objects; got {len(labels):,}")
        return folds_of(int(kept.sum()), labels[kept])
    names = None if objects.names is None else [name for name, use in zip(objects.names, kept, strict=True) if use]
    return folds_of(int(kept.sum()), folds, names, seed)


def _result(
    name: str, held_out: HeldOut, explained: Explained, objects: Objects, plan: Resampling | None
) -> PredictedDimensions:
    correlations = _correlations(objects.y, held_out.predictions)
    of_each = tuple(
        PredictedDimension(
            label, _number(explained.values[k]), explained.interval(k, plan), _number(correlations[k]),
            tuple(map(float, held_out.penalties[:, k])),
        )
        for k, label in enumerate(objects.labels)
    )
    predictions = np.full((len(objects.kept), len(of_each)), np.nan)
    predictions[objects.kept] = held_out.predictions
    mean = _number(explained.values[-1])
    interval = explained.interval(len(of_each), plan)
    return PredictedDimensions(name, of_each, mean, interval, predictions=predictions)


def _correlations(y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """(k,) Pearson correlations of columns; NaN where one does not vary."""
    a, b = y - y.mean(axis=0), predictions - predictions.mean(axis=0)
    length = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    varies = (np.ptp(y, axis=0) > 0) & (np.ptp(predictions, axis=0) > 0) & (length > 0)
    return np.divide((a * b).sum(axis=0), length, out=np.full(y.shape[1], np.nan), where=varies)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _differences(
    explained: Mapping[str, Explained], labels: Sequence[str], plan: Resampling, correction: Correction
) -> tuple[DimensionDifference, ...]:
    """The differences of every two models: those of the means first, then those of each dimension."""
    means: list[DimensionDifference] = []
    others: list[DimensionDifference] = []
    for a, b in combinations(explained, 2):
        less = explained[a].less(explained[b])
        for k, dimension in enumerate((*labels, None)):
            if np.isfinite(less.values[k]):
                interval, p = less.interval(k, plan, ANY), less.p_value(k)
                difference = DimensionDifference(a, b, dimension, float(less.values[k]), interval, p, None)
                (means if dimension is None else others).append(difference)
    return (*_corrected(means, correction), *_corrected(others, correction))


def _corrected(differences: list[DimensionDifference], correction: Correction) -> list[DimensionDifference]:
    adjusted = corrected([difference.p_value for difference in differences], correction)
    return [replace(difference, p_adjusted=p) for difference, p in zip(differences, adjusted, strict=True)]


def _notes(results: Sequence[PredictedDimensions], grid: np.ndarray, objects: Objects, standardize: bool) -> list[str]:
    """Notes on dimensions or features that do not vary, and on penalties at an end of the grid."""
    y = objects.y
    same = int((np.ptp(y, axis=0) == 0).sum())
    notes = [f"{same} of {y.shape[1]} dimensions are the same for all objects and have no R^2"] if same else []
    for name, result in zip(objects.rows, results, strict=True):
        x = objects.rows[name][objects.kept]
        if (x == x[0]).all():
            notes.append(f"the features of {name} are the same for all objects: they predict nothing")
        elif len(grid) > 1:
            notes += _notes_on_ends(result, grid, standardize)
    return notes


def _notes_on_ends(result: PredictedDimensions, grid: np.ndarray, standardize: bool) -> list[str]:
    """Notes on penalties at an end of the grid. Features that predict nothing also get the largest penalty."""
    notes, varying = [], [d for d in result.dimensions if d.r2 is not None]
    chosen = np.array([d.penalties for d in varying])
    least, most = (chosen == grid[0], chosen == grid[-1])
    if least.any():
        more = "" if standardize else ", or standardize the features"
        notes.append(f"{result.embeddings}: the smallest penalty ({grid[0]:g}) was chosen {_times(least)} of "
                     f"{chosen.size:,}: smaller ones might do better{more}")
    if most.any():
        r2 = [d.r2 or 0.0 for d, at_end in zip(varying, most.any(axis=1), strict=True) if at_end]
        explanation = "the features say little there" if max(r2) < LITTLE else "larger ones might do better"
        notes.append(f"{result.embeddings}: the largest penalty ({grid[-1]:g}) was chosen {_times(most)} of "
                     f"{chosen.size:,}: {explanation}")
    return notes


def _times(chosen: np.ndarray) -> str:
    n = int(chosen.sum())
    return "1 time" if n == 1 else f"{n:,} times"


@dataclass(frozen=True, eq=False)
class JudgedTriplets:
    """Triplets, checked before anything is fitted."""

    aligned: Aligned  # the triplets, aligned with the human dimensions.
    index: np.ndarray  # (t, 3) rows of the human dimensions, for triplets whose objects are all kept.
    measure: MeasureLike  # the measure by which dimensions choose.
    human: Score  # the score of the human dimensions.
    plan: Resampling | None  # how intervals are computed; None for no intervals.
    coverage: Coverage | None  # how many triplets have rows for all objects; None if all must have.


def judged_triplets(
    objects: Objects, triplets: object, measure: MeasureLike, plan: Resampling | None, missing: Policy
) -> JudgedTriplets:
    """The triplets of the objects, with the score of the human dimensions on them."""
    human = Embeddings(objects.human, objects.names)
    present = with_rows(human if objects.names is None else human[objects.there], triplets, missing)
    aligned = align(human, present.triplets, "dimensions")
    require_odd_one_out(aligned.triplets, "predict_dimensions")
    require_answers(aligned.triplets, "predict_dimensions")
    require_one_answer_each(aligned.triplets, "predict_dimensions")
    require_unweighted(aligned.triplets, "predict_dimensions")
    inputs = dispatch_of("auto", objects.human)
    index = inputs.host(checked_triplets(inputs, aligned.index, len(objects.human)))
    index = index[objects.kept[index].all(axis=1)]
    if not len(index):
        raise InputError("triplets must name objects without NaN or infinity; got none that do")
    score_of_human = score(objects.human, Triplets(index), measure=measure, ci=plan, nan_policy="omit").only
    coverage = present.coverage and replace(present.coverage, **_counts(objects))
    return JudgedTriplets(aligned, index, measure, score_of_human, plan, coverage)


def _counts(objects: Objects) -> dict[str, int]:
    """The number of objects with rows, and the number of objects of the dimensions."""
    return {"n_objects": int(objects.there.sum()), "of_objects": len(objects.there)}


def scored(
    predictions: DimensionPredictions, objects: Objects, judged: JudgedTriplets, progress: Progress
) -> DimensionPredictions:
    """Adds the accuracies of predictions (over all triplets and within folds), human dimensions and embeddings."""
    assert predictions.fold_of is not None
    fold = predictions.fold_of[judged.index]
    whole, inside = Triplets(judged.index), Triplets(judged.index[(fold == fold[:, :1]).all(axis=1)])
    results, order = [], [*notes_on_order(judged.aligned, "dimensions")]
    for number, result in enumerate(predictions.results):
        progress("accuracies", number, len(predictions.results))
        x, rows = result.predictions, objects.rows[result.embeddings]
        all_ = score(x, whole, measure=judged.measure, ci=judged.plan, nan_policy="omit")
        within = score(x, inside, measure=judged.measure, ci=None, nan_policy="omit").accuracy if len(inside) else None
        bare = score(rows, whole, measure="cosine", ci=None, nan_policy="omit").accuracy
        order += notes_on_order(align(rows, whole), result.embeddings)
        with_accuracies = replace(result, accuracy=all_.accuracy, own_accuracy=bare)
        results.append(replace(with_accuracies, accuracy_within_folds=within, n_within_folds=len(inside)))
    return replace(
        predictions, results=tuple(results), triplets=judged.aligned.triplets.source, n_triplets=len(judged.index),
        coverage=judged.coverage, measure=str(judged.measure), human_accuracy=judged.human.accuracy,
        notes=tuple(dict.fromkeys((*predictions.notes, *judged.aligned.notes, *order, MADE_FROM))),
    )
