"""Whether two sets of answers are right and wrong together: Cohen's kappa, what it can be, and what explains it.

All follows from three shares: a and b, how often each is right, and ab, how often both are. With c = ab - a b, the
covariance of right and wrong, observed agreement is 1 - a - b + 2 ab, that of independent answers is
1 - a - b + 2 a b, and kappa = 2 c / D with D = a + b - 2 a b.

Source: Cohen 1960; Geirhos, Meding and Wichmann, "Beyond accuracy", NeurIPS 2020; Klein, Meyen, Brendel, Wichmann and
Meding, "Quantifying uncertainty in error consistency", NeurIPS 2025 (arXiv 2507.06645), with their published code.
"""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.errors import InputError


@dataclass(frozen=True)
class ErrorAgreement:
    """Two sets of answers to the same questions."""

    n: int  # questions.
    # accuracy_a, accuracy_b: shares that each gets right.
    accuracy_a: float
    accuracy_b: float
    observed: float  # share of questions that both get right or both get wrong.
    expected: float  # that share, were their errors independent.
    # Cohen's: 1 for the same errors, 0 for independent ones; None where one is always right or always wrong.
    kappa: float | None
    # kappa_min, kappa_max: the least and the largest kappa that these two accuracies allow; None likewise.
    kappa_min: float | None
    kappa_max: float | None
    unbiased_kappa: float | None  # kappa by unbiased estimates of its numerator and its denominator; None likewise.
    # how often the less accurate one takes over whether the more accurate one is right, where it is otherwise right at
    # a rate of its own; below 0, how often it does the opposite. None likewise.
    copy_probability: float | None


def error_agreement(right_a: object, right_b: object) -> ErrorAgreement:
    """Agreement of the errors of two sets of answers.

    Args:
        right_a, right_b: (t,) booleans, or 0 and 1: whether each answer is right.

    Raises:
        InputError: other shapes or values, or no answer.

    Example:
        >>> found = error_agreement([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1])
        >>> round(found.kappa, 4), round(found.unbiased_kappa, 4), round(found.copy_probability, 4)
        (0.3333, 0.375, 0.3333)
        >>> error_agreement([1, 1], [1, 0]).kappa is None
        True
    """
    a, b = as_right(right_a, "right_a"), as_right(right_b, "right_b")
    if a.shape != b.shape:
        raise InputError(f"right_b must have one entry for each of right_a ({len(a)}); got {len(b)}")
    return of_counts(len(a), int(a.sum()), int(b.sum()), int((a & b).sum()))


def as_right(right: object, name: str) -> np.ndarray:
    """(t,) bool, checked."""
    values = _checks.as_array(right, name, "(t,)")
    if values.ndim != 1 or not len(values):
        raise InputError(f"{name} must have shape (t,), with at least one entry; got {values.shape}")
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError(f"{name} must hold booleans, or 0 and 1; got dtype {values.dtype}")
    return values.astype(bool)


def of_counts(n: int, right_a: int, right_b: int, both: int) -> ErrorAgreement:
    """Error consistency from how many of n triplets a, b and both get right.

    Example:
        >>> of_counts(10, 5, 5, 5).kappa, of_counts(10, 8, 5, 4).kappa, of_counts(10, 8, 5, 4).kappa_max
        (1.0, 0.0, 0.4)
    """
    a, b = right_a / n, right_b / n
    agree, by_chance = (n - right_a - right_b + 2 * both) / n, a * b + (1 - a) * (1 - b)
    if not (0 < right_a < n and 0 < right_b < n):
        return ErrorAgreement(n, a, b, agree, by_chance, None, None, None, None, None)
    kappa = kappa_of(n, right_a, right_b, both)  # of whole numbers, which is exact
    return ErrorAgreement(
        n=n,
        accuracy_a=a,
        accuracy_b=b,
        observed=agree,
        expected=by_chance,
        kappa=kappa,
        kappa_min=kappa_of(n, right_a, right_b, max(0, right_a + right_b - n)),
        kappa_max=kappa_of(n, right_a, right_b, min(right_a, right_b)),
        unbiased_kappa=unbiased(kappa, n),
        copy_probability=_copied(n, max(right_a, right_b), both * n - right_a * right_b),
    )


def kappa_of(n: int, right_a: int, right_b: int, both: int) -> float:
    """Kappa of whole numbers, neither model always right nor always wrong."""
    return 2 * (n * both - right_a * right_b) / (n * (right_a + right_b) - 2 * right_a * right_b)


def unbiased(kappa: float, n: int) -> float | None:
    """n kappa / (n - 1 + kappa): numerator and denominator without the bias that few questions give them.

    Of n independent questions, the numerator 2 c is too small by the factor (n - 1) / n, and the denominator D, which
    holds a product of two means, by 2 c / n. None for one question, of which nothing is known.

    Source: the code of Klein et al. (`fast_cohen`, ``unbiased=True``).

    Example:
        >>> unbiased(0.5, 11), unbiased(1.0, 5), unbiased(0.0, 5)
        (0.5238095238095238, 1.0, 0.0)
    """
    below = n - 1 + kappa
    return n * kappa / below if below > 0 else None


def cohens_kappa(observed: float, expected: float) -> float | None:
    """(observed - expected) / (1 - expected), None where expected agreement is whole.

    This is 0 where one of the two is always right and the other is not, as brain-score has it: nothing could be but
    what is expected. `error_agreement` calls that undefined.

    Example:
        >>> cohens_kappa(0.75, 0.5), cohens_kappa(1.0, 1.0)
        (0.5, None)
    """
    return None if expected >= 1.0 else (observed - expected) / (1.0 - expected)


def _copied(n: int, source: int, covariance: int) -> float:
    """Covariance over the variance of the one that is copied, in whole numbers."""
    return covariance / (source * (n - source))
