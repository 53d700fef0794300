"""The temperature that minimises cross-entropy: a convex problem in its inverse.

With beta = 1 / T, similarities s of a triplet's three pairs and target probabilities q of the pairs, a triplet costs
``f(beta) = log sum exp(beta s) - beta sum q s`` nats. Its derivatives are ``E_p[s] - sum q s`` and ``Var_p[s] >= 0``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pyalign.backends import LossSums
from pyalign.errors import InputError

CLOSE_ENOUGH = 1e-9  # of a step, relative; Newton's next one would be of about its square
GROWTH = 16.0  # of beta, while nothing bounds it from above
MOST_STEPS = 200
LEAST = 1e-300  # stands for a second derivative that underflowed


@dataclass(frozen=True)
class Minimum:
    """Where the loss is least.

    Attributes:
        beta: the inverse temperature.
        steps: of Newton's method or bisection.
    """

    beta: float
    steps: int


def minimise(sums_at: Callable[[float], LossSums]) -> Minimum:
    """The inverse temperature with the least loss: Newton's method, kept within a bracket.

    The derivative rises with beta, from its value at 0, which must be negative, to the shortfall, which must be
    positive; else no finite temperature is best.

    Args:
        sums_at: the sums over triplets at a given beta.

    Raises:
        InputError: the answers agree with the similarities no better than chance, or all of them perfectly.

    Example:
        >>> def sums_at(beta):  # three triplets with similarities 1, 0, 0, two of them answered right
        ...     p = math.exp(beta) / (math.exp(beta) + 2)
        ...     return LossSums(3, 0, 3 * p - 2, 3 * p * (1 - p), 1, 1)
        >>> round(math.exp(minimise(sums_at).beta), 6)
        4.0
    """
    sums = sums_at(0.0)
    _require_finite_optimum(sums)
    low, high = 0.0, math.inf
    beta = -sums.first / max(sums.second, LEAST)
    steps, step = 0, math.inf
    while abs(step) > CLOSE_ENOUGH * beta and steps < MOST_STEPS:
        sums = sums_at(beta)
        low, high = (beta, high) if sums.first < 0 else (low, beta)
        step = _within(beta - sums.first / max(sums.second, LEAST), low, high) - beta
        beta, steps = beta + step, steps + 1
    return Minimum(beta, steps)


def _within(beta: float, low: float, high: float) -> float:
    """Newton's proposal where it lies within the bracket, else the middle; no leap where nothing bounds it yet."""
    if high == math.inf:
        return min(beta, GROWTH * low)
    return beta if low <= beta <= high else (low + high) / 2


def _require_finite_optimum(at_zero: LossSums) -> None:
    if not at_zero.first < 0:
        advantage = -at_zero.first / at_zero.weight
        raise InputError(
            "similarities must agree with the answers better than chance for a temperature to fit; the chosen pair "
            f"exceeds the mean of the pairs by {advantage:.3g} on average"
        )
    if not at_zero.shortfall > 0:
        raise InputError(
            "similarities must disagree with some answer for a temperature to fit; the best pair is the chosen one in "
            f"all {at_zero.weight:,.0f} answers, so that cross-entropy falls for ever as the temperature goes to 0"
        )
