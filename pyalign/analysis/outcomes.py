"""What becomes of each triplet: the basis of intervals, comparisons, calibration and lists of failures.

Uncertainty of what became of triplets: accuracies and cross-entropies under resampling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, cycle
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign.analysis.accuracy import PLAIN, ChoiceModel, Score, score_triplets, summarize
from pyalign.backends import get_host_backend
from pyalign.data import Weights, alternatives_of
from pyalign.data.align import Aligned, AlignedModels, in_name_order, name_of
from pyalign.data.answers import checked_labels
from pyalign.documents import Estimate, Interval
from pyalign.ops.triplets import TripletResults
from pyalign.stats.clustered import Dependence, Errors, standard_errors, with_weights
from pyalign.stats.degrees import are_enough, effective_numbers
from pyalign.stats.intervals import FRACTION, POSITIVE, REST, percentile_interval, proportion_interval, student_interval
from pyalign.stats.resampling import Clusters, Resampling, replicates, require_rows

CREDIT_UNIT = 6  # credits of 1, 1/2 and 1/3 are whole sixths
DECIMALS = 12  # of weighted means of credits
CREDITS = {"fractional": (0, 6, 3, 2), "wrong": (0, 6, 0, 0), "human_alignment": (0, 6, 6, 0)}


@dataclass(frozen=True)
class Outcomes:
    """What becomes of each scored triplet."""

    score: Score  # the `Score` of all of them.
    # (t,) mask of the triplets that were scored, or None for all: ``nan_policy="omit"`` leaves some out. The arrays
    # below hold the c scored ones alone, in their order.
    kept: np.ndarray | None
    similarities: np.ndarray  # (c, 3) of the pairs of positions 01, 02, 12.
    verdicts: np.ndarray  # int8 (c,): m pairs share the maximum; m where the human pair 01 is among them, else -m.
    cross_entropy: np.ndarray  # (c,) nats: -log p(human pair).
    entropy: np.ndarray  # (c,) nats, of the choice probabilities.
    weights: np.ndarray | None = None  # float64 (c,), how much each counts; None: all the same.

    @property
    def backend(self) -> str:
        """What computed them."""
        return self.score.backend

    def credits(self, ties: str = "fractional") -> np.ndarray:
        """int16 (c,): what each triplet counts under a rule for ties, in sixths."""
        return credits_of(self.verdicts, ties)


def clusters_of(
    one: Any, aligned: Aligned | AlignedModels, people: object, plan: Resampling | None
) -> tuple[Clusters, Resampling | None]:
    """How the triplets that were scored hang together, and what intervals are over.

    Args:
        one: `Outcomes`, or the table of those of several models, with `kept`, `weights` and `backend` likewise.
        aligned: all triplets.
        people: (t,) who answered them, or None.
        plan: of intervals, or None.
    """
    index = in_name_order(aligned)
    if one.kept is not None:
        people = None if people is None else checked_labels(people, len(index))[one.kept]
        index = index[one.kept]
    plan = None if plan is None else plan.over(people)
    counted = people if plan is not None and "subjects" in plan.by else None
    return Clusters.of(index, counted, one.backend, one.weights), plan


def weighted(one: Outcomes, weights: Weights | None) -> Outcomes:
    """The outcomes with weights (t,) of all triplets, of which they keep some, and with the score that these give.

    Figures that the score lacks it still lacks.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> outcomes = triplet_outcomes(x, [[0, 1, 2], [2, 3, 0], [0, 2, 3]])
        >>> weighted(outcomes, Weights(np.array([1.0, 1.0, 2.0]))).score.accuracy
        0.5
    """
    if weights is None:
        return one
    kept, score = weights if one.kept is None else weights.take(one.kept), one.score
    credits = mean_of(one.credits(score.ties), kept.values) / CREDIT_UNIT
    score = replace(
        score,
        accuracy=None if score.accuracy is None else Estimate(credits),
        cross_entropy=None if score.cross_entropy is None else Estimate(mean_of(one.cross_entropy, kept.values)),
        mean_entropy=None if score.mean_entropy is None else mean_of(one.entropy, kept.values),
        effective_answers=kept.effective_number,
    )
    return replace(one, score=score, weights=kept.values)


def mean_of(values: np.ndarray, weights: np.ndarray | None) -> float:
    """The mean of values (t,) with these weights (t,); None: all the same.

    A weighted mean of whole numbers has twelve decimals: the rounding of sums is no difference of two models.

    Example:
        >>> mean_of(np.array([1, 4]), None), mean_of(np.array([1, 4]), np.array([2.0, 1.0]))
        (2.5, 2.0)
    """
    if weights is None:
        return float(values.mean(dtype=np.float64))
    mean = float(weights @ values / weights.sum())
    return round(mean, DECIMALS) if values.dtype.kind in "iu" else mean


def credits_of(verdicts: np.ndarray, ties: str) -> np.ndarray:
    """int16 (c,): what verdicts count under a rule for ties, in sixths.

    Example:
        >>> credits_of(np.array([1, 2, 3, -1, -2], np.int8), "fractional")
        array([6, 3, 2, 0, 0], dtype=int16)
    """
    table = np.zeros(7, np.int16)
    table[:4] = CREDITS[ties]
    credits: np.ndarray = table[verdicts]  # -1, -2, -3 are the last places, which hold 0
    return credits


def triplet_outcomes(x: object, triplets: object, how: ChoiceModel = PLAIN, backend: str = "auto") -> Outcomes:
    """The outcome of each triplet; errors as `pyalign.score`."""
    results, n_dropped = score_triplets(x, triplets, how, backend, similarities=True)
    return outcomes_of(results, summarize(results, n_dropped, how))


def outcomes_of(results: TripletResults, score: Score) -> Outcomes:
    """The outcomes of a pass that kept the similarities, and that gave `score`."""
    similarities = _checks.as_array(results.similarities, "result", "(t, 3)")
    kept = None
    if score.n_dropped:
        kept = ~np.isnan(similarities[:, 0])
        similarities = similarities[kept]
    assert score.temperature is not None
    t, dtype = len(similarities), similarities.dtype
    verdicts, cross_entropy, entropy = np.empty(t, np.int8), np.empty(t, dtype), np.empty(t, dtype)
    host = get_host_backend(results.backend)
    host.outcomes(
        np.ascontiguousarray(similarities), score.temperature, verdicts, cross_entropy, entropy,
        alternatives=alternatives_of(score.task),
    )
    return Outcomes(score, kept, similarities, verdicts, cross_entropy, entropy)


FINEST = 32767  # steps between 0 and the largest cross-entropy
LARGE = 0.25  # of the variance over objects: an object with more is named


def values_of(one: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """What is averaged, as whole numbers: (2, c) int16, and the unit of each row (2,).

    The rows are the credits, in sixths, and the cross-entropies, in steps of 1 / 32,767 of the largest.
    """
    nats, step = in_steps(one.cross_entropy)
    return np.stack([one.credits(one.score.ties), nats]), np.array([1.0 / CREDIT_UNIT, step])


def in_steps(cross_entropy: np.ndarray) -> tuple[np.ndarray, float]:
    """Cross-entropies (t,) as int16 steps of 1 / 32,767 of the largest, and the step in nats."""
    step = float(cross_entropy.max()) / FINEST or 1.0
    return np.rint(cross_entropy / np.float64(step)).astype(np.int16), step  # 1 / step may overflow float32


def in_units(
    means: np.ndarray, values: np.ndarray, units: np.ndarray, estimates: Sequence[float],
    weights: np.ndarray | None = None,
) -> np.ndarray:
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
) -> tuple[Interval | None, ...]:
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
) -> Interval | None:
    """The interval of mean number k, which can't exceed the bounds `within`; None where its error is not known."""
    error, degrees = float(errors.errors[k]), float(errors.degrees_of_means[k])
    if np.isnan(error):
        return None
    if within == FRACTION:
        return proportion_interval(estimate, error, degrees, errors.rows, plan)
    return student_interval(estimate, error, degrees, plan, within)


def notes_on_objects(accuracy: float, errors: Errors, aligned: Aligned) -> Iterator[str]:
    """A sentence each: on what one more wrong object would cost, and on one that makes much of the variance.

    Nothing of the first where all is right: there the error is 0, and the interval shows what is not known.
    """
    if errors.leading is not None and errors.known:
        cost, (number, part) = (accuracy - REST) / errors.rows, (one[0] for one in errors.leading)
        if accuracy < 1.0 and cost > errors.errors[0]:
            yield f"one more wrong object would cost {100 * cost:.1f} points of accuracy, more than the standard error"
        if part > LARGE and errors.errors[0] > 0.0:
            name = name_of(aligned, int(number))
            yield f"{name} by itself makes {part:.0%} of the variance of the accuracy over objects"


def scaled(means: np.ndarray, estimates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(b, v) means of resamples whose deviations from the estimates (v,) are brought to these standard errors (v,).

    The pigeonhole bootstrap has the shape of the distribution, and up to sqrt(7) times its width.
    """
    spread = means.std(axis=0, ddof=1)
    with np.errstate(invalid="ignore"):
        scale = np.divide(errors, spread, out=np.where(np.isnan(errors), np.nan, 1.0), where=spread > 0)
        moved: np.ndarray = estimates + (means - estimates) * scale
    return moved
