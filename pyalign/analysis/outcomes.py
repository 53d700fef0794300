"""What becomes of each triplet: the basis of intervals, comparisons, calibration and lists of failures."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.analysis.accuracy import Score, score_triplets, summarise
from pyalign.backends import get_host_backend
from pyalign.data import ODD_ONE_OUT, Weights, alternatives_of
from pyalign.ops.triplets import TripletResults
from pyalign.typing import MeasureLike, Policy

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

    def credits(self, ties: str = "fractional") -> np.ndarray:
        """int16 (c,): what each triplet counts under a rule for ties, in sixths."""
        return credits_of(self.verdicts, ties)


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
        accuracy=None if score.accuracy is None else credits,
        cross_entropy=None if score.cross_entropy is None else mean_of(one.cross_entropy, kept.values),
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


def triplet_outcomes(
    x: object, triplets: object, *, measure: MeasureLike = "cosine", temperature: float = 1.0, ties: str = "fractional",
    nan_policy: Policy = "raise", backend: str = "auto", task: str = ODD_ONE_OUT,
) -> Outcomes:  # fmt: skip
    """The outcome of each triplet; arguments and errors as `pyalign.score`, but that `task` says what numbers are.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> outcomes = triplet_outcomes(x, [[0, 1, 2], [2, 3, 0], [0, 2, 3]])
        >>> outcomes.verdicts, outcomes.credits()
        (array([ 1,  1, -1], dtype=int8), array([6, 6, 0], dtype=int16))
    """
    results, n_dropped = score_triplets(
        x, triplets, measure=measure, temperature=temperature, ties=ties, nan_policy=nan_policy, backend=backend,
        similarities=True,
        task=task,
    )  # fmt: skip
    return outcomes_of(
        results,
        summarise(
            results, n_dropped, measure=measure, temperature=temperature, ties=ties, nan_policy=nan_policy, task=task
        ),
    )


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
    )  # fmt: skip
    return Outcomes(score, kept, similarities, verdicts, cross_entropy, entropy)
