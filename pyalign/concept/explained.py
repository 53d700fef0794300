"""R^2 of held-out predictions: its value for each dimension and their mean, intervals over objects, differences.

R^2 = 1 - sum (y - p)^2 / sum (y - m)^2, over all objects, each with the prediction p of the fit that did not see it and
the mean m of the objects of that fit. Its standard error is that of the jackknife: R^2 without each object in turn,
neither held out nor fitted, in closed form. Were it taken out of the scoring alone, with the fits as they are, the
error would be too small: of 95% intervals for 200 objects and 50 features 87% would hold
(`tools/prediction_intervals.py`).

Source: Efron and Stein, "The jackknife estimate of variance", 1981.
"""

from __future__ import annotations

import math

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.concept.held_out import HeldOut
from pyalign.documents import Interval
from pyalign.stats.intervals import student_interval
from pyalign.stats.resampling import CORRECTED, Resampling, plan_of
from pyalign.stats.student import two_sided_p

BOUNDS = (-math.inf, 1.0)
ROUNDING = 1e-9
ANY = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Explained:
    """R^2 of k dimensions, and behind them their mean over those that vary."""

    values: np.ndarray  # (k + 1,); NaN where a dimension does not vary.
    # (n, k + 1) how far each object moves them, in units of which the mean is taken: (n - 1) times what they lose
    # without it, less the mean of that; None without intervals.
    moved: np.ndarray | None

    @classmethod
    def of(cls, y: np.ndarray, held_out: HeldOut) -> Explained:
        """R^2 of dimensions (n, k), from what was predicted for them.

        Example:
            >>> y = np.array([[0.0], [1.0], [2.0], [3.0]])
            >>> Explained.of(y, HeldOut(y, np.full((4, 1), 1.5), np.ones((2, 1)))).values
            array([1., 1.])
        """
        left, all_ = (y - held_out.predictions) ** 2, (y - held_out.means) ** 2
        varies = np.ptp(y, axis=0) > 0
        values = _ratios(left.sum(axis=0), all_.sum(axis=0), varies)
        if held_out.without is None:
            return cls(values, None)
        of_fits, of_means = held_out.without
        rest = all_.sum(axis=0) - all_ + of_means
        rest[rest <= ROUNDING * all_.sum(axis=0)] = 0.0  # a dimension that this object alone has
        others = _ratios(left.sum(axis=0) - left + of_fits, rest, varies)
        return cls(values, (len(y) - 1) * (others.mean(axis=0) - others))

    def less(self, other: Explained) -> Explained:
        """The differences to what another model explains of the same dimensions of the same objects."""
        assert self.moved is not None and other.moved is not None
        return Explained(self.values - other.values, self.moved - other.moved)

    def error(self, k: int) -> float:
        """The standard error of one of the values; NaN where there is none."""
        if self.moved is None:
            return math.nan
        n, moved = len(self.moved), self.moved[:, k]
        return math.sqrt(float(moved @ moved) / (n * (n - 1)))

    def interval(self, k: int, plan: Resampling | None, within: tuple[float, float] = BOUNDS) -> Interval | None:
        """The interval of the value of dimension k; None where it has none."""
        error = self.error(k)
        if plan is None or not math.isfinite(self.values[k]) or not math.isfinite(error):
            return None
        assert self.moved is not None
        return student_interval(float(self.values[k]), error, len(self.moved) - 1, plan, within)

    def p_value(self, k: int) -> float | None:
        """Two-sided, of a value of 0; None where there is no value."""
        error, value = self.error(k), float(self.values[k])
        if not math.isfinite(value) or not math.isfinite(error):
            return None
        if error == 0.0:
            return 1.0 if value == 0.0 else 0.0
        assert self.moved is not None
        return two_sided_p(value / error, len(self.moved) - 1)


def over_objects(ci: object) -> Resampling | None:
    """`ci` as a plan over objects, which are the rows here, in closed form, which counts what fits owe to each object.

    Raises:
        InputError: any other.

    Example:
        >>> over_objects("auto").by
        'objects'
    """
    plan = plan_of(ci, ("objects",), (CORRECTED,))
    return plan and plan.over(None)


def _ratios(left: np.ndarray, all_: np.ndarray, varies: np.ndarray) -> np.ndarray:
    """(..., k + 1): 1 - left / all, and the mean over those that vary."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1.0 - left / all_
    values = np.where(varies & np.isfinite(values), values, np.nan)
    if not varies.any():
        return np.concatenate([values, values[..., :1]], axis=-1)
    return np.concatenate([values, values[..., varies].mean(axis=-1, keepdims=True)], axis=-1)
