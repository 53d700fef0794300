"""The similarity measures, one row each: a transform of the rows and a kernel over pairs of rows.

The transform runs once per matrix; a backend implements only the transforms and pair kernels. Larger always means more
alike: a distance enters negated, and its name says so.

To add a measure, add a row. To add a pair kernel, see CONTRIBUTING.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.errors import InputError, nearest

MEDIAN_ROWS = 2048

# What rows may be, by the dtype of their similarities.
SHORTEST_SQUARE = {"float32": 2.0**-80, "float64": 2.0**-900}  # |x|^2 of the longest row
LONGEST_SQUARE = {"float32": 2.0**125, "float64": 2.0**1020}  # |x|^2 at which x.y or |x - y|^2 may overflow
# Norms outside this range are brought to about 1 before cosines: their float32 products would over- or underflow.
SAFE_INVERSE_NORM = (2.0**-50, 2.0**50)
LARGEST_CENTERED = 2.0**60  # magnitude beyond which d * x could overflow


@dataclass(frozen=True)
class PairKernel:
    """What is computed from two rows."""

    name: str  # as in csrc/include/pyalign.h.
    # what it takes of each row x next to its values: ``""`` for nothing, ``"inverse norms"`` for 1 / |x|, 0 for a zero
    # row, ``"squares"`` for |x|^2: that of the distances, functions of |x - y|^2.
    terms: str
    # of a distance, the similarity from s = |x - y|^2, gamma, and the module that has sqrt and exp of s.
    of_squares: Callable[[Any, float, Any], Any] | None = None
    # of a distance, -2 g times the derivative by s, from g, the similarity, gamma and that module: what the difference
    # of the rows is multiplied by in the derivative by a row. 0 where there is none.
    slope: Callable[[Any, Any, Any, Any], Any] | None = None
    gamma: Callable[[float], float] | None = None  # of a kernel with a bandwidth, its gamma from sigma.

    @cached_property
    def angular(self) -> bool:
        """Whether lengths of rows do not count."""
        return self.terms == "inverse norms"

    @cached_property
    def distance(self) -> bool:
        """Whether it falls with the distance."""
        return self.terms == "squares"

    @property
    def bounded(self) -> bool:
        """Whether no similarity is above 1, that of equal rows."""
        return self.angular or (self.distance and self.from_squares(0.0, 1.0, math) == 1.0)

    def from_squares(self, squares: Any, gamma: float, xp: Any) -> Any:
        """Similarities from squared distances; only of a distance.

        Example:
            >>> PAIR_KERNELS["neg_euclidean"].from_squares(9.0, 0.0, math)
            -3.0
        """
        assert self.of_squares is not None
        return self.of_squares(squares, gamma, xp)


def gamma_of(sigma: float) -> float:
    """1 / (2 sigma^2)."""
    gamma = 0.5 / sigma / sigma if sigma > 1e-150 else float("inf")
    if not 0.0 < gamma < float("inf"):
        raise InputError(f"sigma of rbf must be a number whose square float64 can hold; got {sigma:g}")
    return gamma


def _over_distance(g: Any, s: Any, gamma: Any, xp: Any) -> Any:
    """g / |x - y|, 0 where there is no distance."""
    differ = s < 0
    return xp.where(differ, g / xp.where(differ, -s, 1.0), 0.0)


def _rbf_slope(g: Any, s: Any, gamma: Any, xp: Any) -> Any:
    return 2.0 * gamma * g * s


# The order is that of `pa_pair` in csrc/include/pyalign.h. 0.0 - s, not -s: a distance of zero gives 0, not -0.
PAIR_KERNELS = {
    k.name: k
    for k in (
        PairKernel("dot", ""),
        PairKernel("cosine", "inverse norms"),
        PairKernel("neg_sqeuclidean", "squares", lambda s, gamma, xp: 0.0 - s, lambda g, s, gamma, xp: 2.0 * g),
        PairKernel("neg_euclidean", "squares", lambda s, gamma, xp: 0.0 - xp.sqrt(s), _over_distance),
        PairKernel("rbf", "squares", lambda s, gamma, xp: xp.exp(-gamma * s), _rbf_slope, gamma_of),
    )
}


@dataclass(frozen=True)
class Measure:
    """A similarity measure."""

    name: str  # as given to ``measure=`` and ``--measure``.
    # what is done to each row first: ``"none"``, ``"center"`` (subtract the row's mean, up to a positive factor) or
    # ``"shift"`` (subtract one vector from all rows, which leaves distances unchanged and keeps them accurate).
    transform: str
    pair: str  # the kernel over pairs of rows, one of `PAIR_KERNELS`.
    formula: str  # for people; `pyalign score --help` shows it.
    sigma: float | None = None  # bandwidth of ``rbf`` in the units of the rows; None stands for the median distance.
    units: str = ""  # of the similarities, or their range, in words.

    @cached_property
    def kernel(self) -> PairKernel:
        """What is computed from two rows that are transformed."""
        return PAIR_KERNELS[self.pair]

    @cached_property
    def precomputed(self) -> bool:
        """Whether similarities were given as a matrix, so that none are computed from rows."""
        return not self.pair

    @property
    def needs_sigma(self) -> bool:
        """Whether a bandwidth follows from the rows, since none was given."""
        return self.kernel.gamma is not None and self.sigma is None

    def gamma(self, median: Callable[[], float]) -> float:
        """gamma of the kernel from sigma, or from the median distance, which is asked for then; 0 where it has none."""
        return 0.0 if self.kernel.gamma is None else self.kernel.gamma(self.sigma or median())

    def __str__(self) -> str:
        return self.name if self.sigma is None else f"{self.name}:{self.sigma!r}"


MEASURES = {
    m.name: m
    for m in (
        Measure("cosine", "none", "cosine", "x.y / (|x| |y|), 0 for a zero row", units="a cosine, from -1 to 1"),
        Measure("dot", "none", "dot", "x.y", units="units of x times those of the queries"),
        Measure(
            "pearson", "center", "cosine", "cosine of x - mean(x) and y - mean(y)", units="a correlation, from -1 to 1"
        ),
        Measure("neg_sqeuclidean", "shift", "neg_sqeuclidean", "-|x - y|^2", units="squared units of x"),
        Measure("neg_euclidean", "shift", "neg_euclidean", "-|x - y|", units="units of x"),
        Measure("rbf", "shift", "rbf", "exp(-|x - y|^2 / (2 sigma^2))", units="a kernel, from 0 to 1"),
    )
}


# What stands in the place of a measure where a matrix was given, by its kind.
PRECOMPUTED = {
    "similarity": Measure("similarity matrix", "none", "", "s_ij as given", units="units of the matrix"),
    "dissimilarity": Measure("dissimilarity matrix", "none", "", "-d_ij of those given", units="units of the matrix"),
}


def get_measure(measure: str | Measure) -> Measure:
    """The measure of that name; ``"rbf:2.5"`` is ``rbf`` with sigma = 2.5."""
    if isinstance(measure, Measure):
        return measure
    if not isinstance(measure, str):
        raise InputError(f"measure must be one of {', '.join(MEASURES)}; got {measure!r}")
    name, colon, sigma = measure.partition(":")
    if name not in MEASURES:
        hint = "; separate measures by spaces" if "," in name else nearest(name, MEASURES)
        raise InputError(f"measure must be one of {', '.join(MEASURES)}; got {name!r}{hint}")
    if not colon:
        return MEASURES[name]
    if MEASURES[name].kernel.gamma is None:
        raise InputError(f"measure {name!r} takes no parameter; got {measure!r}")
    return with_sigma(MEASURES[name], sigma)


def with_sigma(measure: Measure, sigma: str | float) -> Measure:
    """`measure` with that bandwidth, which must be a positive finite number."""
    try:
        value = float(sigma)
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"sigma of {measure.name} must be a positive number; got {sigma!r}")
    return replace(measure, sigma=value)


def column_shift(x: np.ndarray) -> np.ndarray:
    """What the rows (n, d) share: (d,) of x's dtype, to subtract from them before distances are formed.

    A common offset makes |x|^2 + |y|^2 - 2 x.y cancel. Taken is the median over at most 63 evenly spaced rows (an
    element of the data, so whole where they are), in columns where all of x lies within a factor of two of it: there
    the subtraction is exact. Elsewhere nothing is taken, since rows near zero would lose what distinguishes them.
    """
    some = x[:: max(1, -(-len(x) // 63))]
    some = some[: len(some) - 1 + len(some) % 2]  # an odd number, so that the median is one of them
    middle = np.partition(some, len(some) // 2, axis=0)[len(some) // 2]
    near, far = np.minimum(0.5 * middle, 2 * middle), np.maximum(0.5 * middle, 2 * middle)
    return np.where((near <= x.min(axis=0)) & (x.max(axis=0) <= far), middle, x.dtype.type(0))


def median_distance(x: np.ndarray, y: np.ndarray | None = None) -> float:
    """Median Euclidean distance between distinct rows of x (n, d), or between rows of x and of y (m, d); float64.

    Above 2,048 rows it is the median over 2,048 evenly spaced ones: the same rows, and so the same value, on every
    backend.
    """
    left = _spaced(x)
    right = left if y is None else _spaced(y)
    squares = _squared_distances(left, right)
    values = squares[np.triu_indices(len(left), 1)] if y is None else squares.ravel()
    median = float(np.median(np.sqrt(values))) if values.size else 0.0
    if not median > 0:
        raise InputError("rbf needs a positive median distance between rows; got 0: give sigma, as in 'rbf:1.0'")
    return median


def spaced_rows(n: int) -> np.ndarray:
    """Indices of at most 2,048 of n rows, evenly spaced: those from which the median distance is taken."""
    return np.arange(n) if n <= MEDIAN_ROWS else np.linspace(0, n - 1, MEDIAN_ROWS).astype(np.int64)


def _spaced(x: np.ndarray) -> np.ndarray:
    return x[spaced_rows(len(x))].astype(np.float64)


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    shift = y.mean(axis=0)
    a, b = x - shift, y - shift
    squares = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :] - 2.0 * (a @ b.T)
    return np.maximum(squares, 0.0)
