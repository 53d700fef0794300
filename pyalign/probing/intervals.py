"""Confidence intervals of a probe's figures, over what its folds hold out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.analysis.score import score
from pyalign.data import ODD_ONE_OUT, Triplets
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.probing.options import ProbeOptions
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.resampling import Clusters, Resampling
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


@dataclass(frozen=True)
class PairedErrors:
    """Standard errors of the accuracy without a map, and of what the map adds to it; None where a fold is too small."""

    zero_shot: float | None = None
    difference: float | None = None


def paired_errors(
    mapped: object, x: object, triplets: np.ndarray, split: str, options: ProbeOptions, subjects: np.ndarray | None,
    backend: str = "auto", task: str = ODD_ONE_OUT,
) -> PairedErrors:  # fmt: skip
    """Errors of a fold over other objects, triplets or people like its own, both accuracies on the same triplets.

    Args:
        mapped, x: (n, d') and (n, d), rows after the map and as they came; of the latter cosines count.
        triplets: (t, 3) of the fold.
        split: what it holds out.
        options: measure and temperature of the map.
        subjects: (t,) who answered, where the split is over people.
    """
    probed = triplet_outcomes(mapped, triplets, measure=options.measure, temperature=options.temperature,
                              backend=backend, task=task)  # fmt: skip
    before = triplet_outcomes(x, triplets, measure="cosine", backend=backend, task=task)
    credits = np.stack([probed.credits(), before.credits()])
    try:
        found = Dependence.of(Clusters.of(triplets, subjects), Resampling(split)).errors(with_weights(credits))
    except InputError:
        return PairedErrors()
    if not found.known:
        return PairedErrors()
    return PairedErrors(float(found.errors[1]) / CREDIT_UNIT, float(found.differences[0, 1]) / CREDIT_UNIT)


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
