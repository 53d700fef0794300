"""Scores calibrated against chance: what is left of a similarity above the largest that unrelated models reach."""

from __future__ import annotations

import math

import numpy as np

from pyalign._checks import plain_number, whole_number
from pyalign._dataclass import dataclass
from pyalign.errors import InputError

MOST = 10_000_000  # permutations
SLACK = 1e-9  # of (1 - alpha) (K + 1), which is often whole but for rounding
ROUNDING = {4: 4e-6, 8: 1e-12}  # by bytes of a number: scores that differ by less are the same


@dataclass(frozen=True)
class Calibrated:
    """A score next to its null."""

    threshold: float  # what a share alpha of nulls, with the score among them, lies above.
    score: float  # how much of the way from there to the largest possible score; 0 below the threshold.
    p_value: float  # of "the rows of the two have nothing to do with each other"; at least 1 / (K + 1).


def calibrated(
    observed: float, nulls: np.ndarray, alpha: float = 0.05, largest: float = 1.0, rounding: float = ROUNDING[8]
) -> Calibrated:
    """A score calibrated against K scores under permutations.

    Args:
        observed: the score.
        nulls: (K,) scores after permutations of the items of one model.
        alpha: the share of unrelated models whose calibrated score may be above 0.
        largest: the largest possible score.
        rounding: scores that differ by no more count as equal.

    Returns:
        The threshold is the order statistic ceil((1 - alpha) (K + 1)) of the K + 1 values, the calibrated score
        clip((s - threshold) / (largest - threshold), 0, 1), the p-value (1 + #{null >= s}) / (K + 1).

    Source: Gröger, Wen and Brbić, "Revisiting the Platonic Representation Hypothesis: An Aristotelian View", arXiv
    2602.14486, algorithm 1.

    Example:
        >>> calibrated(0.6, np.array([0.1, 0.3, 0.2, 0.25]), alpha=0.4)
        Calibrated(threshold=0.25, score=0.4666666666666666, p_value=0.2)
    """
    values = np.sort(np.append(nulls, observed))
    threshold = float(values[math.ceil((1 - alpha) * len(values) - SLACK) - 1])
    room = largest - threshold
    score = float(np.clip((observed - threshold) / room, 0.0, 1.0)) if room > rounding else 0.0
    return Calibrated(threshold, score if score * room > rounding else 0.0, upper_p(nulls, observed, rounding))


def upper_p(nulls: np.ndarray, observed: float, rounding: float = ROUNDING[8]) -> float:
    """(1 + the number of nulls at least as large) / (1 + their number); rounding does not part equal ones.

    A null that is not defined counts as one of them.

    Example:
        >>> upper_p(np.array([0.1, 0.5, 0.2]), 0.5)
        0.5
    """
    return float(1 + (~(nulls < observed - rounding)).sum()) / (1 + len(nulls))


def checked_permutations(n_permutations: object, alpha: object) -> tuple[int, float]:
    """How many permutations, and alpha; 0 for none.

    Raises:
        InputError: not a whole number; an alpha outside of (0, 1).

    Example:
        >>> checked_permutations(200, 0.05)
        (200, 0.05)
    """
    level = plain_number(alpha)
    if not 0 < level < 1:
        raise InputError(f"alpha must lie between 0 and 1; got {alpha!r}")
    return whole_number(n_permutations, "n_permutations", 0, MOST), level


def too_few(n_permutations: int, alpha: float) -> str | None:
    """A sentence where so few permutations let no score above the threshold.

    Example:
        >>> too_few(10, 0.05)
        '10 permutations let no calibrated score above 0 at alpha = 0.05: that takes at least 19'
        >>> too_few(19, 0.05) is None
        True
    """
    if not n_permutations or alpha * (n_permutations + 1) >= 1 - SLACK:
        return None
    least = math.ceil(1 / alpha - SLACK) - 1
    limitation = f"let no calibrated score above 0 at alpha = {alpha:g}: that takes at least {least:,}"
    return f"{n_permutations:,} permutations {limitation}"


def too_few_together(n_permutations: int, alpha: float, tests: int, correction: str) -> str | None:
    """A sentence where so few permutations let no p-value that Holm's correction over all tests leaves below alpha.

    Example:
        >>> too_few_together(200, 0.05, 45, "holm")
        "200 permutations let no p-value of 45 below alpha = 0.05 by Holm's correction: that takes at least 899"
        >>> too_few_together(200, 0.05, 3, "holm"), too_few_together(200, 0.05, 45, "benjamini-hochberg")
        (None, None)
    """
    if not n_permutations or correction != "holm" or tests < 2 or tests <= alpha * (n_permutations + 1) + SLACK:
        return None
    least = math.ceil(tests / alpha - SLACK) - 1
    below = f"of {tests:,} below alpha = {alpha:g} by Holm's correction: that takes at least {least:,}"
    return f"{n_permutations:,} permutations let no p-value {below}"
