"""What rows predict of the answers to each triplet, for figures of triplets that a fit has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.data import ANCHORED
from pyalign.fitting.algebra import Algebra
from pyalign.ops.triplets import run_triplets
from pyalign.typing import MeasureLike


@dataclass(frozen=True, eq=False)
class PredictedAnswers:
    """What similarities say of the answers to each triplet."""

    weights: np.ndarray  # (t,) float64, of the answers to each triplet.
    right: np.ndarray  # (t,) float64, of those that they predict.
    nats: np.ndarray  # (t,) float64, -log p of each answer, times its weight.


def predicted_answers(
    z: Any, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float, on: Algebra,
    task: str,
) -> PredictedAnswers:  # fmt: skip
    """What the similarities of rows say of each triplet, by the rules of `pyalign.score`.

    Of m pairs that tie for the most similar each counts 1/m.

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
