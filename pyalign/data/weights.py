"""How much each answer counts: 1 / the probability that its triplet was presented, where not all had the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data.arrays import AsArray
from pyalign.errors import InputError

WEIGHTINGS = ("answers", "triplets")  # what counts the same in a mean: each answer, or each distinct triplet
UNUSED = "is not used, so that all answers count the same"  # a note of triplets without the weights of their file
LARGEST = 1e100  # and its inverse the smallest: sums of squares of such weights are finite


@dataclass(frozen=True, eq=False)
class Weights(AsArray):
    """Weights of t answers. Only their ratios matter. It behaves as an array.

    Example:
        >>> Weights(np.array([1.0, 1.0, 2.0])).effective_number
        2.6666666666666665
    """

    values: np.ndarray  # float64 (t,), positive.
    # the share of all triplets that could be presented at all. Below 1 where only triplets on which two models differ
    # could be: the weights then give the figures of these, not of random triplets.
    covered: float = 1.0

    @property
    def effective_number(self) -> float:
        """See `effective_number`."""
        return effective_number(self.values)

    def take(self, rows: Any) -> Weights:
        """The weights of some answers, which are selected by numbers, a slice or a mask."""
        return replace(self, values=self.values[rows])

    @property
    def notes(self) -> tuple[str, ...]:
        """What figures with these weights are not about."""
        if self.covered == 1.0:
            return ()
        return (
            f"the weights are of a design that presents only triplets on which two models differ, {self.covered:.1%} "
            "of all: accuracies, entropies and ceilings are those of such triplets; only the difference of the two "
            f"models is that of random triplets, after multiplication by {self.covered:.4g}",
        )


def effective_number(weights: np.ndarray) -> float:
    """How many answers of equal weight would say as much as answers of these (t,): (sum w)^2 / sum w^2 (Kish)."""
    return float(weights.sum() ** 2 / (weights @ weights))


def notes_with(notes: tuple[str, ...], weights: Any) -> tuple[str, ...]:
    """Notes on triplets with these weights, or None: that a column of them is not used holds without them only."""
    return notes if weights is None else tuple(note for note in notes if UNUSED not in note)


def as_weights(weights: object, t: int) -> Weights:
    """`weights` (t,) of t answers, checked.

    Raises:
        InputError: another shape, numbers that are not real, or one that is not positive and finite.

    Example:
        >>> as_weights([1, 0], 2)
        Traceback (most recent call last):
        pyalign.errors.InputError: weights must be positive; row 1 is 0: leave out triplets that are not to count
    """
    if isinstance(weights, Weights):
        return replace(weights, values=as_weights(weights.values, t).values)
    array = _checks.as_array(weights, "weights", f"({t},)")
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InputError(f"weights must hold real numbers; got dtype {array.dtype}")
    if array.shape != (t,):
        raise InputError(f"weights must have one entry per triplet, shape ({t},); got {array.shape}")
    values = array.astype(np.float64, copy=False)
    fits = (values >= 1.0 / LARGEST) & (values <= LARGEST)
    if not fits.all():
        row = int(fits.argmin())
        rule, hint = f"lie between {1.0 / LARGEST:g} and {LARGEST:g}", ""
        if not np.isfinite(values[row]):
            rule = "be finite"
        elif values[row] <= 0.0:
            rule, hint = "be positive", ": leave out triplets that are not to count"
        raise InputError(f"weights must {rule}; row {row} is {values[row]:g}{hint}")
    return Weights(values)
