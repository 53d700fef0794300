"""Old names that keep working, with a warning that names the new one. No name is deprecated yet."""

from __future__ import annotations

import warnings
from typing import TypeVar

Value = TypeVar("Value")


def renamed(old: str, new: str, value: Value, *, since: str) -> Value:
    """Return what came under an old name, after a DeprecationWarning that points at the caller.

    A function whose argument was renamed keeps the old one, with None as its default, and starts with the lines below.
    A function that was renamed is kept under its old name, and returns `renamed("old", "new", new(...), since="0.2")`.

    Example:
        >>> def fit(penalty=1.0, l2=None):
        ...     if l2 is not None:
        ...         penalty = renamed("l2", "penalty", l2, since="0.2")
        ...     return penalty
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     fit(l2=3.0)
        3.0
        >>> print(caught[0].message)
        l2 is deprecated since 0.2: use penalty
    """
    warnings.warn(f"{old} is deprecated since {since}: use {new}", DeprecationWarning, stacklevel=3)
    return value
