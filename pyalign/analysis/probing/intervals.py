"""Confidence intervals of a probe's figures. The one place to change when a better one is at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Interval of the mean of figures of folds, by Student's t with one degree of freedom less than folds.

    Folds over objects share no test triplets, but most of their training triplets; the interval takes them for
    independent and is a little too narrow for it, and wide because folds are few.

    Example:
        >>> low, high = mean_interval([0.58, 0.59, 0.6])
        >>> round(low, 3), round(high, 3)
        (0.565, 0.615)
    """
    from scipy.stats import t  # with the rest of scipy, when a probe is fitted

    figures = np.asarray(values, dtype=np.float64)
    if len(figures) < 2:
        return float("nan"), float("nan")
    half = float(t.ppf(0.5 + level / 2, len(figures) - 1) * figures.std(ddof=1) / np.sqrt(len(figures)))
    return float(figures.mean()) - half, float(figures.mean()) + half
