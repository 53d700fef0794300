"""Correlations of two similarity matrices: a row for each, and what their pairs become under resamples of the objects.

Values are those of the pairs above the diagonal, (m,). A family of correlations makes them ready once (`prepare`) and
then gives the correlation of two (`value`), or of several under many resamples of the objects (`resampled`), where a
pair weighs the product of its objects' multiplicities, and ranks are taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.errors import InputError, nearest
from pyalign.pairwise.moments import Moments
from pyalign.pairwise.ranked import Concordance, Ranks
from pyalign.typing import BackendName


class Family(Protocol):
    """A family of correlations."""

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Any:
        """Values (m,) of pairs of objects, items int32 (m, 2), made ready."""

    def value(self, a: Any, b: Any, backend: BackendName = "auto") -> float:
        """The correlation; NaN where it is not defined."""

    def unit(self, a: Any) -> np.ndarray | None:
        """(m,) float64 whose inner product with that of another is their correlation; None where there is no such."""

    def resampled(
        self, a: Sequence[Any], b: Sequence[Any], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        """(r, len(a), len(b)): each of a correlated with each of b under r resamples, multiplicities (n, r) uint8."""


@dataclass(frozen=True)
class Correlation:
    """A correlation of similarity matrices."""

    name: str  # as users write it.
    formula: str  # in a line.
    family: Callable[[str], Family]  # what computes it, of its name.
    # how people's matrices are pooled for their noise ceiling, unless it is said: the way that the correlation itself
    # looks at values.
    pooling: str
    # whether a constant may be added to the values, so that -d is the similarity of a dissimilarity d.
    centred: bool = True

    @property
    def of(self) -> Family:
        """The family that computes this correlation."""
        return self.family(self.name)


CORRELATIONS = {
    row.name: row
    for row in (
        Correlation("spearman", "Pearson's, of ranks; equal values share their mean", Ranks, "ranks"),
        Correlation("pearson", "covariance over the product of standard deviations", Moments, "standardized"),
        Correlation("kendall", "tau-b: (con - dis) / sqrt((n0 - ties in x) (n0 - ties in y))", Concordance, "ranks"),
        Correlation("tau-a", "(con - dis) / n0, of n0 = m (m - 1) / 2 pairs of pairs", Concordance, "ranks"),
        Correlation("rho-a", "12 sum (r - mean r) (s - mean s) / (m^3 - m), of ranks r, s", Ranks, "ranks"),
        Correlation("cosine", "x . y / (|x| |y|), of values as they are", Moments, "unit", False),
    )
}


def get_correlation(name: str) -> Correlation:
    """The correlation of that name.

    Raises:
        InputError: unknown; the message proposes the nearest.

    Example:
        >>> get_correlation("rho-a").pooling
        'ranks'
    """
    if not isinstance(name, str) or name not in CORRELATIONS:
        known = ", ".join(CORRELATIONS)
        raise InputError(f"correlation must be one of {known}; got {name!r}{nearest(str(name), CORRELATIONS)}")
    return CORRELATIONS[name]


def correlate(a: np.ndarray, b: np.ndarray, correlation: str = "spearman", backend: BackendName = "auto") -> float:
    """The correlation of two lists of numbers (m,), such as the pairs of two similarity matrices.

    Args:
        a, b: (m,) real numbers, none NaN.
        correlation: a name of `CORRELATIONS`.

    Returns:
        In [-1, 1]. Where one of them is constant: NaN, but 0 of tau-a and rho-a, whose formulas say so.

    Source: Kendall, "Rank correlation methods", 1948; rho-a: Schuett et al., "Statistical inference on representational
    geometries", eLife 2023, the expectation of Spearman's coefficient when ties are broken at random.

    Example:
        >>> correlate(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]), "tau-a")
        0.6666666666666666
    """
    if np.shape(a) != np.shape(b) or np.ndim(a) != 1:
        raise InputError(f"a and b must be lists of one length; got shapes {np.shape(a)} and {np.shape(b)}")
    for values, name in ((a, "a"), (b, "b")):
        if np.isnan(values).any():
            raise InputError(f"{name} must not hold NaN; got {int(np.isnan(values).sum())}")
    family = get_correlation(correlation).of
    nowhere = np.zeros((len(a), 2), np.int32)
    left, right = (family.prepare(np.asarray(values), nowhere, backend) for values in (a, b))
    return family.value(left, right, backend)
