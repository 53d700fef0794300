"""What people answered, when it is more than one answer to each triplet: counts or shares of items, or of options.

How much each answer counts: 1 / the probability that its triplet was presented, where not all had the same.
Who gave each answer: labels of people, and codes for them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data.embeddings import AsArray
from pyalign.errors import InputError

KINDS = ("counts", "shares")
SUM_TOLERANCE = 2e-3  # of a row of shares: what float16, or three decimals in a text file, may lose
MOST_ANSWERS = 2**31  # to one item of one triplet: sums then stay exact in float64


@dataclass(frozen=True, eq=False)
class Answers:
    """How often, or with which probability, each item of a triplet was called odd; or each of two options chosen."""

    kind: str  # "counts", where a triplet weighs as much as it has answers; or "shares", where each weighs 1.
    shares: np.ndarray  # float64 (t, 3), or (t, 2) of an anchor's options; rows sum to 1.
    totals: np.ndarray | None  # float64 (t,), answers to each triplet; None for shares.

    def __post_init__(self) -> None:
        _checks.one_of(self.kind, KINDS, "kind")
        shape = _numbers(self.shares, "shares", "(t, 3) or (t, 2)")
        if len(shape) != 2 or shape[1] not in (2, 3):
            raise InputError(f"shares must have shape (t, 3), or (t, 2) of an anchor's options; got {shape}")
        if (self.totals is None) != (self.kind == "shares"):
            raise InputError(f"totals must be those of counts, and None for shares; got kind {self.kind!r}")
        if self.totals is not None and _numbers(self.totals, "totals", "(t,)") != shape[:1]:
            raise InputError(f"totals must have shape ({shape[0]},); got {np.shape(self.totals)}")

    def __len__(self) -> int:
        return len(self.shares)

    def take(self, rows: Any) -> Answers:
        """The answers to some triplets, which are stated as numbers, a slice or a mask."""
        return Answers(self.kind, self.shares[rows], None if self.totals is None else self.totals[rows])

    def reordered(self, positions: np.ndarray) -> Answers:
        """Takes column p from column positions[p] (k,), or positions[:, p] (t, k), of the k = 2 or 3 columns."""
        places = np.broadcast_to(positions, self.shares.shape).astype(np.int64)
        return Answers(self.kind, np.take_along_axis(self.shares, places, axis=1), self.totals)

    @property
    def values(self) -> np.ndarray:
        """float64 (t, k): how much the answers weigh that call each position odd: counts, or shares."""
        if self.totals is None:
            return self.shares
        return np.rint(self.shares * self.totals[:, None])

    @property
    def counts(self) -> np.ndarray:
        """int64 (t, k). Raises InputError for shares, which do not say how many people answered."""
        if self.totals is None:
            raise InputError("answers must be counts (whole numbers) here; got shares, which do not say of how many")
        return self.values.astype(np.int64)


def _numbers(values: object, name: str, shape: str) -> tuple[int, ...]:
    """The shape of an array of real numbers."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        got = f"dtype {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
        raise InputError(f"{name} must be an array {shape} of real numbers; got {got}")
    return values.shape


def as_answers(answers: object, t: int, name: str = "answers", alternatives: int = 3) -> Answers:
    """`answers` to t triplets: whole numbers of any dtype are counts, rows that sum to 1 are shares.

    alternatives: 3 items that may be odd, or 2 options of an anchor: the number of columns.

    Example:
        >>> as_answers([[1, 2, 1]], 1).shares
        array([[0.25, 0.5 , 0.25]])
        >>> as_answers(np.array([[1.0, 2.0, 1.0]]), 1).kind, as_answers([[0.2, 0.3, 0.5]], 1).kind
        ('counts', 'shares')
    """
    if isinstance(answers, Answers):
        return _of_shape(answers, (t, alternatives), name)
    a = _checks.as_array(answers, name, f"(t, {alternatives})")
    if a.shape != (t, alternatives):
        raise InputError(f"{name} must have shape ({t}, {alternatives}), a row for each triplet; got {a.shape}")
    if a.dtype.kind not in "biuf" and a.dtype.name != "bfloat16":
        raise InputError(f"{name} must hold real numbers; got dtype {a.dtype}")
    wide = a.astype(np.float64)
    for wrong, rule in ((~np.isfinite(wide), "be finite"), (wide < 0, "not be negative")):
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise InputError(f"{name} must {rule}; row {row} is {a[row].tolist()}")
    whole = a.dtype.kind != "f" and a.dtype.name != "bfloat16"
    return _counts(wide, name) if whole or (wide == np.round(wide)).all() else _shares(wide, name)


def _of_shape(answers: Answers, shape: tuple[int, int], name: str) -> Answers:
    if len(answers) != shape[0]:
        raise InputError(f"{name} must have a row for each of {shape[0]} triplets; got {len(answers)}")
    if answers.shares.shape != shape:
        raise InputError(f"{name} must have shape {shape}; got {answers.shares.shape}")
    return answers


def _counts(a: np.ndarray, name: str) -> Answers:
    totals = a.sum(axis=1)
    for wrong, rule in (
        (totals == 0, "hold at least one answer in each row"),
        ((a > MOST_ANSWERS).any(axis=1), f"be at most {MOST_ANSWERS:,}"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(f"{name} must {rule}; row {row} is {[int(value) for value in a[row]]}")
    return Answers("counts", a / totals[:, None], totals)


def _shares(a: np.ndarray, name: str) -> Answers:
    totals = a.sum(axis=1)
    wrong = np.abs(totals - 1) > SUM_TOLERANCE
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{name} must be counts (whole numbers) or shares that sum to 1 in each row; row {row} sums to "
            f"{totals[row]:.6g} (weights say how much a triplet counts)"
        )
    return Answers("shares", a / totals[:, None], None)


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


ONCE = 10  # participants, from which on one answer each says nothing of them


def answered_once(n: int, t: int) -> bool:
    """Whether n participants gave t answers, one each, so that these may be numbers of trials as well.

    Example:
        >>> answered_once(4, 4), answered_once(60, 60), answered_once(60, 240)
        (False, True, False)
    """
    return ONCE <= n == t


class Subjects(NamedTuple):
    """Who gave each answer. codes: int32 (t,), indices into labels. labels: in order, by number or else as text."""

    codes: np.ndarray
    labels: tuple[str, ...]

    @classmethod
    def of(cls, labels: np.ndarray) -> Subjects:
        """Subjects from labels (t,), finite numbers or strings.

        Example:
            >>> Subjects.of(np.array([10.0, 9.0, 10.0]))
            Subjects(codes=array([1, 0, 1], dtype=int32), labels=('9', '10'))
        """
        different, codes = np.unique(labels, return_inverse=True)
        return cls(codes.reshape(-1).astype(np.int32), tuple(map(_text, different.tolist())))

    def take(self, rows: Any) -> Subjects:
        """The subjects of some triplets."""
        return Subjects(self.codes[rows], self.labels)

    def notes(self) -> tuple[str, ...]:
        """A sentence where many answered once each."""
        once = answered_once(len(self.labels), len(self.codes))
        return ("each participant answered once, so intervals are over objects",) if once else ()


def _text(label: Any) -> str:
    if not isinstance(label, int | float):
        return str(label)
    return str(int(label)) if label == int(label) else repr(label)


def checked_labels(labels: object, t: int, name: str = "subjects", kinds: str = "iufUS") -> np.ndarray:
    """`labels` as an array (t,) of finite numbers or strings; a column of pandas may hold its strings as objects."""
    if isinstance(labels, Subjects):
        labels = np.array(labels.labels)[labels.codes]
    a = _checks.as_array(labels, name, "(t,)")
    if a.shape != (t,):
        raise InputError(f"{name} must have one entry per triplet, shape {(t,)}; got {a.shape}")
    if a.dtype.kind == "O":
        other = next((row for row, label in enumerate(a.tolist()) if not isinstance(label, str)), None)
        if other is not None:
            raise InputError(f"{name} must be numbers, or strings throughout; row {other} is {a[other]!r}")
        a = a.astype(np.str_)
    if a.dtype.kind not in kinds:
        raise InputError(f"{name} must be numbers or strings; got dtype {a.dtype}")
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        row = int(np.isfinite(a).argmin())
        raise InputError(f"{name} must be finite; row {row} is {a[row]}")
    return a
