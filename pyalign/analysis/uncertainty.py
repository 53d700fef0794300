"""Uncertainty of what became of triplets: accuracies and cross-entropies under resampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, cycle

import numpy as np

from pyalign import _checks
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes
from pyalign.data.align import Aligned, name_of
from pyalign.data.subjects import checked_labels
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence, Errors, standard_errors, with_weights
from pyalign.stats.effective import are_enough, effective_numbers
from pyalign.stats.intervals import FRACTION, POSITIVE, REST, percentile_interval, proportion_interval, student_interval
from pyalign.stats.resampling import Clusters, Resampling, replicates, require_rows

FINEST = 32767  # steps between 0 and the largest cross-entropy
LARGE = 0.25  # of the variance over objects: an object with more is named


def clusters_of(triplets: object, outcomes: Sequence[Outcomes], subjects: object = None) -> Clusters:
    """The clusters of those triplets that all `outcomes` kept; `triplets` are those that they were made from."""
    index = _checks.as_array(triplets, "triplets", "(t, 3)")
    kept = common(outcomes)
    if kept is not None:
        if not kept.any():
            raise InputError("models must share at least one triplet whose rows are finite in all; got none")
        subjects = None if subjects is None else checked_labels(subjects, len(index))[kept]
        index = index[kept]
    first = outcomes[0]
    weights = None if first.weights is None else kept_of(first.weights, first, kept)
    return Clusters.of(index, subjects, first.score.backend, weights)


def people_of(outcomes: Sequence[Outcomes], subjects: object) -> object:
    """Who answered the triplets that all of them kept, where anybody says it."""
    kept = common(outcomes)
    return subjects if kept is None or subjects is None else checked_labels(subjects, len(kept))[kept]


def common(outcomes: Sequence[Outcomes]) -> np.ndarray | None:
    """(t,) mask of the triplets that all of them kept, or None for all."""
    masks = [one.kept for one in outcomes if one.kept is not None]
    return np.logical_and.reduce(masks) if masks else None


def values_of(outcomes: Sequence[Outcomes], ties: str, kept: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What is averaged, as whole numbers: (2 m, t) int16, and the unit of each row (2 m,).

    Rows 2 k and 2 k + 1 are the credits of model k, in sixths, and its cross-entropies, in steps of 1 / 32,767 of the
    largest.
    """
    rows, units = [], []
    for one in outcomes:
        cross_entropy = kept_of(one.cross_entropy, one, kept)
        nats, step = in_steps(cross_entropy)
        rows += [kept_of(one.credits(ties), one, kept), nats]
        units += [1.0 / CREDIT_UNIT, step]
    return np.stack(rows), np.array(units)


def in_steps(cross_entropy: np.ndarray) -> tuple[np.ndarray, float]:
    """Cross-entropies (t,) as int16 steps of 1 / 32,767 of the largest, and the step in nats."""
    step = float(cross_entropy.max()) / FINEST or 1.0
    return np.rint(cross_entropy / np.float64(step)).astype(np.int16), step  # 1 / step may overflow float32


def kept_of(array: np.ndarray, one: Outcomes, kept: np.ndarray | None) -> np.ndarray:
    """The elements for the triplets that all keep, from an array for those that `one` kept."""
    if kept is None or one.kept is None:
        return array if kept is None else array[kept]
    within: np.ndarray = array[kept[one.kept]]
    return within


def in_units(
    means: np.ndarray, values: np.ndarray, units: np.ndarray, estimates: Sequence[float],
    weights: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """(b, 2 m) means of resamples in the units of the rows of `values_of`.

    Cross-entropies were rounded to steps, their estimates were not: what rounding has moved is moved back, the same in
    every resample. Credits are exact, and stay so: equal sums in a resample are equal accuracies.
    """
    plain = values.mean(axis=1, dtype=np.float64) if weights is None else values @ weights / weights.sum()
    shift = np.asarray(estimates) - plain * units
    shift[::2] = 0.0
    return means * units + shift


def uncertainty(
    clusters: Clusters, values: np.ndarray, units: np.ndarray, estimates: Sequence[float], plan: Resampling,
    progress: Progress = silent, errors: Errors | None = None,
) -> tuple[Interval | None, ...]:  # fmt: skip
    """Intervals of the means of values (2 m, t) in these units, as `values_of` has them; None where there is none.

    Args:
        estimates: the means of all triplets.
        errors: of the means in closed form, where they are known already.
    """
    if plan.closed:
        if errors is None:
            errors = Dependence.of(clusters, plan).errors(with_weights(values, clusters.weights)).in_units(units)
        each = zip(estimates, count(), cycle((FRACTION, POSITIVE)), strict=False)
        return tuple(mean_interval(estimate, errors, k, plan, bounds) for estimate, k, bounds in each)
    if not are_enough(effective_numbers(clusters, plan.by)):
        return (None,) * len(values)
    means = in_units(replicates(clusters, values, plan, progress), values, units, estimates, clusters.weights)
    require_rows(means, plan)
    if plan.by == "objects" and plan.method == "bootstrap":
        widths, _ = standard_errors(clusters, values, plan)
        means = scaled(means, np.asarray(estimates), widths * units)
    return tuple(None if np.isnan(column).any() else percentile_interval(column, plan) for column in means.T)


def mean_interval(
    estimate: float, errors: Errors, k: int, plan: Resampling, within: tuple[float, float]
) -> Interval | None:  # fmt: skip
    """The interval of mean number k, which can't exceed the bounds `within`; None where its error is not known."""
    error, degrees = float(errors.errors[k]), float(errors.degrees_of_means[k])
    if np.isnan(error):
        return None
    if within == FRACTION:
        return proportion_interval(estimate, error, degrees, errors.rows, plan)
    return student_interval(estimate, error, degrees, plan, within)


def notes_on_objects(accuracy: float, errors: Errors, aligned: Aligned) -> Iterator[str]:
    """A sentence each: on what one more wrong object would cost, and on one that makes much of the variance."""
    if errors.leading is not None and errors.known:
        cost, (number, part) = (accuracy - REST) / errors.rows, (one[0] for one in errors.leading)
        if cost > errors.errors[0]:
            yield f"one more wrong object would cost {100 * cost:.1f} points of accuracy, more than the standard error"
        if part > LARGE and errors.errors[0] > 0.0:
            yield f"{name_of(aligned, int(number))} alone makes {part:.0%} of the variance of the accuracy over objects"


def scaled(means: np.ndarray, estimates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(b, v) means of resamples whose deviations from the estimates (v,) are brought to these standard errors (v,).

    The pigeonhole bootstrap has the shape of the distribution, and up to sqrt(7) times its width.

    Example:
        >>> scaled(np.array([[0.3], [0.5], [0.7]]), np.array([0.5]), np.array([0.1])).ravel()
        array([0.4, 0.5, 0.6])
    """
    spread = means.std(axis=0, ddof=1)
    with np.errstate(invalid="ignore"):
        scale = np.divide(errors, spread, out=np.where(np.isnan(errors), np.nan, 1.0), where=spread > 0)
        moved: np.ndarray = estimates + (means - estimates) * scale
    return moved
