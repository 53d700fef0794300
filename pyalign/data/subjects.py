"""Who gave each answer: labels of people, and codes for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError

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
