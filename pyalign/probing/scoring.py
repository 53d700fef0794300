"""Figures of triplets that a fit has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.analysis.score import score
from pyalign.data import ANCHORED, ODD_ONE_OUT, Transform, Triplets
from pyalign.fitting.algebra import Algebra
from pyalign.fitting.place import algebra_for
from pyalign.ops.triplets import run_triplets
from pyalign.probing.options import ProbeOptions
from pyalign.typing import BackendName, MeasureLike


@dataclass(frozen=True)
class HeldOut:
    """Fraction, and nats; means over the answers."""

    accuracy: float
    cross_entropy: float


def held_out_score(
    transform: Transform, options: ProbeOptions, x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None,
    on: Algebra, task: str = ODD_ONE_OUT,
) -> HeldOut:  # fmt: skip
    """Accuracy and cross-entropy of a map on triplets of rows of x, computed where it was fitted."""
    items, local = np.unique(triplets, return_inverse=True)
    rows = transform.apply(x[items])
    return scored(rows, local.reshape(-1, 3), answers, options.measure, options.temperature, on, task)


def scored(
    rows: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float = 1.0,
    on: Algebra | None = None, task: str = ODD_ONE_OUT,
) -> HeldOut:  # fmt: skip
    """`pyalign.score`; with answers, their share that call the same item odd and their mean surprise, by its rules.

    Of m pairs that tie for the most similar each counts 1/m.
    """
    on = on or algebra_for()
    z: Any = on.for_scoring(rows)
    backend = on.backend.name
    if answers is None:
        result = score(
            z,
            Triplets(triplets, task=task),
            measure=measure,
            temperature=temperature,
            backend=cast("BackendName", backend),
            ci=None,
        )
        assert result.accuracy is not None and result.cross_entropy is not None
        return HeldOut(result.accuracy, result.cross_entropy)
    rows_of = predicted_answers(z, triplets, answers, measure, temperature, on, task)
    weight = answers.sum()
    return HeldOut(float(rows_of.right.sum() / weight), float(rows_of.nats.sum() / weight))


@dataclass(frozen=True, eq=False)
class PredictedAnswers:
    """What similarities say of the answers to each triplet.

    Attributes:
        weights: (t,) float64, of the answers to each triplet.
        right: (t,) float64, of those that they predict.
        nats: (t,) float64, -log p of each answer, times its weight.
    """

    weights: np.ndarray
    right: np.ndarray
    nats: np.ndarray


def predicted_answers(
    z: Any, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float, on: Algebra,
    task: str,
) -> PredictedAnswers:  # fmt: skip
    """The rows behind `scored`.

    Args:
        z: (n, d) rows, where `on` computes.
        triplets: (t, 3).
        answers: (t, 3) weights of the answers; None: one each, the last item.
    """
    backend = on.backend.name
    if answers is None:
        outcomes = triplet_outcomes(
            z, triplets, measure=measure, temperature=temperature, backend=backend, task=task
        )  # fmt: skip
        right = outcomes.credits() / CREDIT_UNIT
        return PredictedAnswers(np.ones(len(right)), right, outcomes.cross_entropy.astype(np.float64))
    results = run_triplets(z, triplets, measure=measure, temperature=temperature, backend=backend, similarities=True)
    s = on.fetched(results.similarities).astype(np.float64)[:, ::-1]  # of the pair that is left when a position is odd
    if task == ANCHORED:  # position 0 never is
        s, answers = s[:, 1:], answers[:, 1:]
    best = s.max(axis=1, keepdims=True)
    at_best = s == best
    scaled = (s - best) / temperature
    logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    right = (answers * at_best).sum(axis=1) / at_best.sum(axis=1)
    return PredictedAnswers(answers.sum(axis=1), right, -(answers * logs).sum(axis=1))
