"""Confidence intervals of a probe's figures, over what its folds hold out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyalign.analysis.score import score
from pyalign.data import ODD_ONE_OUT, Triplets
from pyalign.errors import InputError
from pyalign.results import Interval
from pyalign.stats.resampling import Resampling
from pyalign.stats.student import quantile

LEVEL = 0.95


def held_out_errors(
    rows: object, triplets: np.ndarray, split: str, measure: str, temperature: float, subjects: np.ndarray | None,
    backend: str = "auto", task: str = ODD_ONE_OUT,
) -> tuple[float | None, float | None]:  # fmt: skip
    """Standard errors of accuracy and cross-entropy of a fold, over other objects, triplets or people like its own.

    None and None where the fold is too small for a closed form.
    """
    try:
        found = score(
            rows, Triplets(triplets, task=task), measure=measure, temperature=temperature, ci=Resampling(split),
            subjects=subjects, backend=backend,
        )  # fmt: skip
    except InputError:
        return None, None
    return found.standard_error, found.cross_entropy_standard_error


def mean_interval(
    values: Sequence[float], errors: Sequence[float | None] = (), by: str | None = None, level: float = LEVEL,
    degrees: float = math.inf,
) -> Interval:  # fmt: skip
    """Interval of the mean of folds' figures; NaN where there are fewer than two.

    With the folds' standard errors it is by Student's t with these degrees of freedom: folds hold out different objects
    (or triplets, or people), so that their errors are independent but for what their training sets share. Without, it
    is by Student's t over the folds.

    Example:
        >>> low, high = mean_interval([0.58, 0.59, 0.6])
        >>> round(low, 3), round(high, 3)
        (0.565, 0.615)
        >>> low, high = mean_interval([0.58, 0.59, 0.6], [0.003, 0.003, 0.003])
        >>> round(low, 4), round(high, 4)
        (0.5866, 0.5934)
    """
    figures = np.asarray(values, dtype=np.float64)
    if len(figures) < 2:
        return Interval(float("nan"), float("nan"), None, by)
    known = [error for error in errors if error is not None]
    if len(known) == len(figures):
        error, method = float(np.sqrt(np.square(known).sum())) / len(figures), "corrected"
    else:
        error, method = float(figures.std(ddof=1) / np.sqrt(len(figures))), "student"
        degrees = len(figures) - 1
    half = quantile(level, degrees) * error
    return Interval(float(figures.mean()) - half, float(figures.mean()) + half, error, by, method, level)
