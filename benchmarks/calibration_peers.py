"""The temperature of THINGS-sized answers: pyalign's whole report, one pass of its score, and a general minimiser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pyalign
from benchmarks.cases import unit_rows

Temperature = Callable[[], float]


def our_temperature(x: np.ndarray, triplets: np.ndarray) -> Temperature:
    """The fit, and the report on held-out objects."""
    return lambda: pyalign.calibrate(x, triplets).temperature


def score_pass(x: np.ndarray, triplets: np.ndarray) -> Temperature:
    """One pass over all triplets, to compare with; no temperature comes of it."""

    def score() -> float:
        pyalign.score(x, triplets, ci=None)
        return float("nan")

    return score


def scipy_temperature(x: np.ndarray, triplets: np.ndarray) -> Temperature:
    """numpy's look-ups, then scipy's bounded minimiser; nothing is reported."""
    from scipy.optimize import minimize_scalar

    a, b, c = triplets.T.astype(np.intp)

    def fit() -> float:
        unit = unit_rows(x)
        s = unit @ unit.T
        pairs = np.stack((s[a, b], s[a, c], s[b, c])).astype(np.float64)
        pairs -= pairs.max(axis=0)

        def loss(log_beta: float) -> float:
            scaled = pairs * np.exp(log_beta)
            return float((np.log(np.exp(scaled).sum(axis=0)) - scaled[0]).mean())

        return float(np.exp(-minimize_scalar(loss, bounds=(-5, 10), method="bounded").x))

    return fit
