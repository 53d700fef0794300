"""Categories of objects: one each, or several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError


@dataclass(frozen=True, eq=False)
class Categories:
    """Categories of objects.

    Attributes:
        members: bool (n, c), which objects each category has; an object may be in several or in none.
        labels: the c categories.
        names: of the n objects, or None: then they are the rows of the embeddings.

    Example:
        >>> Categories.of(["tool", "food", "tool"]).labels
        ('food', 'tool')
    """

    members: np.ndarray
    labels: tuple[str, ...]
    names: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, given: object, labels: tuple[str, ...] | None = None, names: tuple[str, ...] | None = None
    ) -> Categories:
        """From a label for each object (n,), "" for none, or from memberships (n, c) of 0 and 1.

        Raises:
            InputError: another shape, or other numbers in memberships.
        """
        a = _checks.as_array(given, "categories", "(n,) or (n, c)")
        if a.ndim == 1:
            found = sorted({str(label) for label in a.tolist()} - {""})
            members = np.array([[str(label) == one for one in found] for label in a.tolist()])
            return cls(members.reshape(len(a), len(found)), tuple(found), names)
        if a.ndim != 2 or a.dtype.kind not in "biuf" or not np.isin(a, (0, 1)).all():
            raise InputError(f"categories must be (n,) labels or (n, c) of 0 and 1; got shape {a.shape}, {a.dtype}")
        numbered = tuple(map(str, range(a.shape[1])))
        return cls(a.astype(bool), labels or numbered, names)
