"""Figures of triplets that a fit has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pyalign.analysis.score import score
from pyalign.data import ODD_ONE_OUT, Transform, Triplets
from pyalign.fitting.algebra import Algebra
from pyalign.fitting.objective import predicted_answers
from pyalign.fitting.place import algebra_for
from pyalign.probing.parameters import ProbeOptions
from pyalign.typing import BackendName, MeasureLike


@dataclass(frozen=True)
class HeldOut:
    """Fraction, and nats; means over the answers."""

    accuracy: float
    cross_entropy: float


def held_out_score(
    transform: Transform, options: ProbeOptions, x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None,
    on: Algebra, task: str = ODD_ONE_OUT,
) -> HeldOut:
    """Accuracy and cross-entropy of a map on triplets of rows of x, computed where it was fitted."""
    items, local = np.unique(triplets, return_inverse=True)
    rows = transform.apply(x[items])
    return scored(rows, local.reshape(-1, 3), answers, options.measure, options.temperature, on, task)


def scored(
    rows: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float = 1.0,
    on: Algebra | None = None, task: str = ODD_ONE_OUT,
) -> HeldOut:
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
