"""Degrees of freedom of variances that are known from few objects or people.

The variance of a mean over objects is a difference V = A - B. A is the sum of squares of the objects' sums, and known
as well as few independent squares are; B, what single triplets contribute to A too often, is known well, and so is the
floor F of independent triplets. Where A is mostly what single triplets contribute, V is known much less well than
(objects - 1) squares are: of independent triplets A = 3 F and B = 2 F, so that V has the spread of a ninth as many.

Had A come out otherwise, V would be V* = max(F, A nu / chi-square - B), with nu degrees of freedom of A. An error of
the mean has then the variance E V*, and Student's t with f degrees of freedom has f / (f - 2): f follows from the ratio
of E V* to V. It is nu where B and F are nothing, and never more.

nu follows from the design: it is (m - 1) / m of the effective number of the m objects, (sum n_i)^2 / sum n_i^2, with
n_i how many triplets an object has. That is Satterthwaite's for a sum of squares with variances proportional to n_i.

Over objects and people V = (A - B) + P - C, with P the sum of squares over people and C what both have in common.

Source: the distribution that a variance has, given its estimate, is that of generalized confidence intervals
(Weerahandi, "Generalized confidence intervals", JASA 1993); Satterthwaite, "An approximate distribution of estimates of
variance components", Biometrics Bulletin 1946; Bell and McCaffrey, "Bias reduction in standard errors for linear
regression with multi-stage samples", Survey Methodology 2002, has degrees of freedom from the design.
"""

from __future__ import annotations

import numpy as np

LEAST = 3.0  # degrees of freedom of a sum of squares that E V* is taken for: below 2 it is infinite
NODES = np.linspace(-8.0, 5.0, 53)  # standard deviations of the logarithm of chi-square
AT_ONCE = 1 << 18  # numbers that are held at once


def of_difference(
    variance: np.ndarray, floor: np.ndarray, squares: np.ndarray, rest: np.ndarray, degrees: np.ndarray
) -> np.ndarray:
    """Degrees of freedom of variances max(floor, squares - rest).

    Args:
        variance, floor, squares, rest: arrays of one shape.
        degrees: of the squares.

    Example:
        >>> unit = np.array([1.0])
        >>> of_difference(unit, 0 * unit, unit, 0 * unit, 9 * unit)  # nothing but squares
        array([9.])
        >>> of_difference(unit, unit, 3 * unit, 2 * unit, 29 * unit).round(1)  # nothing but independent triplets
        array([6.4])
    """
    nu = np.maximum(degrees, LEAST)
    ratio = nu / (nu - 2.0)
    expected = squares * ratio - rest
    missing = np.empty_like(expected)
    for part, (weights, chi) in _drawn(nu):
        missing[part] = (weights * np.maximum(0.0, (floor + rest)[part, None] - squares[part, None] / chi)).sum(axis=1)
    return _from_ratio(expected + missing, variance, degrees)


def of_both(
    variance: np.ndarray, floor: np.ndarray, squares: tuple[np.ndarray, np.ndarray], rest: np.ndarray,
    common: np.ndarray, degrees: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Degrees of freedom of max(floor, objects, people, objects + people - common), with objects = squares - rest.

    Args:
        variance, floor, rest, common: arrays of one shape.
        squares: over objects, and over people, whose variance is their squares themselves.
        degrees: of either.
    """
    nus = [np.maximum(freedom, LEAST) for freedom in degrees]
    first, second = (sum_of_squares * nu / (nu - 2.0) for sum_of_squares, nu in zip(squares, nus, strict=True))
    expected = first - rest + second - common
    missing = np.empty_like(expected)
    step = max(1, AT_ONCE // len(NODES) ** 2)
    for start in range(0, len(expected), step):
        part = slice(start, start + step)
        (weights, chi), (others, other_chi) = (chi_square(nu[part]) for nu in nus)
        objects = (squares[0][part, None] / chi - rest[part, None])[:, :, None]
        people = (squares[1][part, None] / other_chi)[:, None, :]
        shared, least = common[part, None, None], floor[part, None, None]
        short = np.maximum(np.maximum(shared - objects, shared - people), least + shared - objects - people)
        missing[part] = np.einsum("cij,ci,cj->c", np.maximum(0.0, short), weights, others)
    return _from_ratio(expected + missing, variance, np.maximum(*degrees))


def chi_square(nu: np.ndarray, nodes: np.ndarray = NODES) -> tuple[np.ndarray, np.ndarray]:
    """(c, nodes) weights and values of chi-square / nu, evenly spaced on a logarithmic scale.

    Args:
        nu: (c,) degrees of freedom.
        nodes: in standard deviations of the logarithm.
    """
    logs = nodes * np.sqrt(2.0 / nu)[:, None]
    values = np.exp(logs)
    weights = np.exp(0.5 * nu[:, None] * (logs - values + 1.0))
    return weights / weights.sum(axis=1, keepdims=True), values


def chi_square_quantiles(degrees: float, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of chi-square with these degrees of freedom, divided by them.

    Example:
        >>> [round(quantile, 2) for quantile in chi_square_quantiles(10.0, (0.025, 0.975))]  # 3.247 / 10 and 20.48 / 10
        [0.32, 2.05]
    """
    weights, values = (table[0] for table in chi_square(np.array([degrees]), np.linspace(NODES[0], NODES[-1], 1001)))
    below = np.cumsum(weights) - weights / 2.0
    return tuple(float(np.exp(log)) for log in np.interp(shares, below, np.log(values)))


def _from_ratio(expected: np.ndarray, variance: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Degrees of freedom of Student's t, with a variance of expected / variance times the normal distribution's."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(variance > 0, expected / variance, 1.0)
        freedom = 2.0 * ratio / (ratio - 1.0)
    return np.where(ratio > 1.0, np.minimum(freedom, most), most)


def _drawn(nu: np.ndarray) -> list[tuple[slice, tuple[np.ndarray, np.ndarray]]]:
    step = max(1, AT_ONCE // len(NODES))
    return [(slice(k, k + step), chi_square(nu[k : k + step])) for k in range(0, len(nu), step)]
