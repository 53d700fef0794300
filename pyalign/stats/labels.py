"""Who or what each row belongs to: labels, and codes for them."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.data import Subjects
from pyalign.errors import InputError


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


def subject_codes(subjects: object, t: int) -> np.ndarray:
    """`subjects` as int64 (t,) codes from 0, of two persons or more.

    Example:
        >>> subject_codes(["b", "a", "b"], 3)
        array([1, 0, 1])
    """
    given = subjects.codes if isinstance(subjects, Subjects) else subjects
    labels, codes = np.unique(checked_labels(given, t), return_inverse=True)
    if len(labels) < 2:
        raise InputError(f"subjects must be at least two persons, so that one can be left out; got {labels.tolist()}")
    return codes.reshape(-1)


def codes_of(labels: object, t: int) -> np.ndarray:
    """`labels` (t,) as codes from 0, however many they are.

    Example:
        >>> codes_of(["b", "a", "b"], 3)
        array([1, 0, 1])
    """
    if isinstance(labels, Subjects) and len(labels.codes) == t:
        return labels.codes
    return np.unique(checked_labels(labels, t), return_inverse=True)[1].reshape(-1)


def are_several(subjects: object) -> bool:
    """Whether they are known, and more than one.

    Example:
        >>> are_several(None), are_several(["a", "a"]), are_several(["a", "b"])
        (False, False, True)
    """
    if subjects is None:
        return False
    given = subjects.codes if isinstance(subjects, Subjects) else _checks.as_array(subjects, "subjects", "(t,)")
    return bool(given.size) and bool((given != given.ravel()[0]).any())
