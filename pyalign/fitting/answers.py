"""What a fit makes of answers and weights: one array, which pseudo-counts may smooth.

What rows predict of the answers to each triplet, for figures of triplets that a fit has not seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.data import ANCHORED, Answers
from pyalign.data.answers import effective_number, notes_with
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra
from pyalign.ops.triplets import run_triplets
from pyalign.typing import MeasureLike


def answer_weights(t: int, answers: Answers | None = None, weights: object = None) -> np.ndarray | None:
    """(t, 3) float64, how much the answers weigh that call position p odd; None where each triplet has one, the last.

    Of anchored triplets the option that was not chosen is the odd one, and position 0, the anchor, never is.

    Args:
        t: triplets.
        answers: to each of them; None: the last item, once.
        weights: (t,) further weights of the triplets.

    Raises:
        InputError: weights of another shape, negative ones, or none that is positive.

    Example:
        >>> from pyalign.data import as_answers
        >>> answer_weights(1, as_answers([[0, 1, 3]], 1), [2.0]).tolist()
        [[0.0, 2.0, 6.0]]
    """
    if answers is None and weights is None:
        return None
    y = np.tile([0.0, 0.0, 1.0], (t, 1)) if answers is None else _by_position(answers.values)
    if weights is not None:
        y = y * _weights(weights, t)[:, None]
        if not 0 < y.sum() < np.inf:
            raise InputError(f"weights must leave answers of a positive, finite total; got {y.sum():g}")
    return y


def weighing_notes(notes: tuple[str, ...], weights: object) -> tuple[str, ...]:
    """Notes on triplets, and one that their answers are weighted, where they are."""
    if weights is None:
        return notes
    worth = f"weighted answers: effective number of answers {effective_number(np.asarray(weights, np.float64)):,.1f}"
    return (*notes_with(notes, weights), worth)


def _by_position(values: np.ndarray) -> np.ndarray:
    """(t, 3) from (t, 3), or from (t, 2) of options."""
    if values.shape[1] == 3:
        return values
    return np.column_stack([np.zeros(len(values)), values[:, ::-1]])


def smoothed(answers: np.ndarray | None, t: int, pseudo_counts: float, alternatives: int = 3) -> np.ndarray | None:
    """Answers with pseudo-counts a: y of m becomes m (y + a) / (m + k a), the mean of a Dirichlet posterior, m times.

    k is the number of alternatives; of two, position 0 gets nothing.

    For fits alone: what is held out is judged by the answers as they came.

    Example:
        >>> smoothed(None, 1, 1.0).tolist()
        [[0.25, 0.25, 0.5]]
    """
    if not pseudo_counts:
        return answers
    y = np.tile([0.0, 0.0, 1.0], (t, 1)) if answers is None else answers
    every = y.sum(axis=1, keepdims=True)
    added = np.array([pseudo_counts * (alternatives == 3), pseudo_counts, pseudo_counts])
    return every * (y + added) / (every + alternatives * pseudo_counts)


def part_of(answers: np.ndarray | None, triplets: np.ndarray) -> np.ndarray | None:
    """The answers to those triplets."""
    return None if answers is None else answers[triplets]


def _weights(weights: object, t: int) -> np.ndarray:
    array = _checks.as_array(weights, "weights", f"({t},)")
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InputError(f"weights must hold real numbers; got dtype {array.dtype}")
    values = array.astype(np.float64)
    if values.shape != (t,):
        raise InputError(f"weights must have shape ({t},), one for each triplet; got {values.shape}")
    fits = np.isfinite(values) & (values >= 0)
    if not fits.all():
        row = int(fits.argmin())
        raise InputError(f"weights must be finite and at least 0; row {row} is {values[row]:g}")
    return values


@dataclass(frozen=True, eq=False)
class PredictedAnswers:
    """What similarities say of the answers to each triplet."""

    weights: np.ndarray  # (t,) float64, of the answers to each triplet.
    right: np.ndarray  # (t,) float64, of those that they predict.
    nats: np.ndarray  # (t,) float64, -log p of each answer, times its weight.


def predicted_answers(
    z: Any, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float, on: Algebra,
    task: str,
) -> PredictedAnswers:
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
        )
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
