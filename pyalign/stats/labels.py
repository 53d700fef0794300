"""Who or what each row belongs to: labels, and codes for them."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.data import Subjects
from pyalign.data.subjects import checked_labels
from pyalign.errors import InputError


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
