"""Columns of text as codes and labels.

Categories of objects: one each, or several.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data.embeddings import part_of, rows_of_index
from pyalign.data.names import match_names
from pyalign.errors import InputError

MISSING = {"", "na", "n/a", "none", "null", "-", "?", "."}  # cells without a value, in lower case


class Texts(NamedTuple):
    """A column of text. codes: int32 (t,), indices into labels, which differ and stand in any order."""

    codes: np.ndarray
    labels: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """The text of each row."""
        return tuple(self.labels[code] for code in self.codes.tolist())


def coded(cells: Iterable[str]) -> Texts:
    """Text as codes and labels, in order of appearance."""
    known: dict[str, int] = {}
    codes = array("i", (known.setdefault(cell, len(known)) for cell in cells))
    return Texts(np.array(codes, dtype=np.int32), tuple(known))


def joined(columns: Sequence[Texts | np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of names as one array (t, k) of places among their sorted names, int32, and these names."""
    texts = [column if isinstance(column, Texts) else coded(map(str, column.tolist())) for column in columns]
    names = sorted({label for column in texts for label in column.labels})
    place = {name: rank for rank, name in enumerate(names)}
    ranks = [np.array([place[label] for label in column.labels], dtype=np.int32)[column.codes] for column in texts]
    return np.stack(ranks, axis=1), tuple(names)


@dataclass(frozen=True, eq=False)
class Categories:
    """Categories of objects.

    Example:
        >>> Categories.of(["tool", "food", "tool", ""]).labels
        ('food', 'tool')
    """

    members: np.ndarray  # bool (n, c), which objects each category has; an object may be in several or in none.
    labels: tuple[str, ...]  # the c categories.
    # of the n objects, or None: then they are the rows of the embeddings, which must all be in one order.
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        members = self.members
        if not isinstance(members, np.ndarray) or members.ndim != 2 or members.dtype != bool:
            got = f"{members.dtype} {members.shape}" if isinstance(members, np.ndarray) else type(members).__name__
            raise InputError(f"members must be an array (n, c) of bool; got {got}: Categories.of takes labels too")
        for name, count in (("labels", members.shape[1]), ("names", members.shape[0])):
            texts = getattr(self, name)
            if texts is None and name == "names":
                continue
            checked = _checks.names_of(texts, name)
            if len(checked) != count:
                raise InputError(f"{name} must be one for each of {count}; got {len(checked)}")
            object.__setattr__(self, name, checked)

    @classmethod
    def of(
        cls, categories: object, labels: tuple[str, ...] | None = None, names: tuple[str, ...] | None = None,
    ) -> Categories:
        """Categories from a label for each object (n,), or from memberships (n, c) of 0 and 1.

        Labels are whole numbers or text, in their order; an empty text or a negative number says that the object has no
        category. The index of a Series or DataFrame is the objects' names, its columns are the labels. `Categories`
        come back as they are, and a data set is opened.

        Raises:
            InputError: another shape, other labels, or other numbers in memberships; labels in addition to those of
                the objects.

        Example:
            >>> Categories.of([10, -1, 9]).members.astype(int).tolist()
            [[0, 1], [0, 0], [1, 0]]
        """
        categories = part_of(categories, "categories")
        if isinstance(categories, Categories):
            return categories
        if type(categories).__module__.partition(".")[0] == "pandas" and hasattr(categories, "index"):
            return cls._of_pandas(categories, labels, names)
        a = _checks.as_array(categories, "categories", "(n,) or (n, c)")
        if a.ndim == 1:
            if labels is not None:
                raise InputError(
                    f"labels must be left out where categories (n,) are the labels themselves; got {len(labels)}: the "
                    "names of objects are names="
                )
            own_labels, members = _of_labels(a)
            return cls(members, own_labels, names)
        if a.ndim != 2:
            raise InputError(f"categories must have shape (n,) or (n, c), a row for each object; got {a.shape}")
        if a.dtype.kind not in "biuf" or not np.isin(a, (0, 1)).all():
            raise InputError(f"categories of shape (n, c) must hold only 0 and 1; got dtype {a.dtype} with others")
        numbered = tuple(map(str, range(a.shape[1])))
        return cls(a.astype(bool), labels or numbered, names)

    @classmethod
    def _of_pandas(cls, frame: Any, labels: tuple[str, ...] | None, names: tuple[str, ...] | None) -> Categories:
        order, of_index = rows_of_index(frame.index, "categories")
        values = frame.to_numpy() if order is None else frame.to_numpy()[order]
        columns = tuple(map(str, frame.columns)) if hasattr(frame, "columns") else None
        return cls.of(values, labels or columns, names or of_index)

    def of_rows(self, n: int, names: Sequence[str] | None = None) -> np.ndarray:
        """bool (n, c): the memberships of n rows, by name where both sides have names.

        Raises:
            InputError: another number of objects than rows; names that no object has.

        Example:
            >>> tools = Categories.of(["tool", "food"], names=("hammer", "apple"))
            >>> tools.of_rows(2, ["apple", "hammer"]).astype(int).tolist()
            [[1, 0], [0, 1]]
        """
        if self.names is not None and names is not None:
            return self.members[match_names(names, self.names).rows]
        if len(self.members) != n:
            raise InputError(f"categories must have a row for each of {n} rows of embeddings; got {len(self.members)}")
        return self.members


def require_names(categories: object, row_names: Iterable[tuple[str, ...] | None]) -> None:
    """Raises where categories without names would be those of the rows of models that differ in their objects.

    Args:
        categories: what `Categories.of` takes; None: nothing is asked.
        row_names: the names of each model's rows, or None.

    Example:
        >>> require_names(["tool", "food"], [("hammer", "apple"), ("apple", "hammer")])
        Traceback (most recent call last):
        ...
        pyalign.errors.InputError: categories have no names, and the models' rows are in different orders: give ...
    """
    if categories is None or len(set(row_names)) < 2:
        return
    if Categories.of(categories).names is None:
        raise InputError(
            "categories have no names, and the models' rows are in different orders: give categories with names"
        )


def _of_labels(a: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels that say something, in order, and who has them (n, c)."""
    if a.dtype.kind == "O" and all(isinstance(label, str) for label in a.tolist()):
        a = a.astype(np.str_)
    if a.dtype.kind not in "biuUS":
        raise InputError(f"categories must be whole numbers or text; got dtype {a.dtype}")
    none = a == a.dtype.type() if a.dtype.kind in "US" else a < 0
    labels, codes = np.unique(a, return_inverse=True)
    members = (codes.reshape(-1, 1) == np.arange(len(labels))) & ~none[:, None]
    kept = members.any(axis=0)
    texts = (label.decode() if isinstance(label, bytes) else str(label) for label in labels[kept].tolist())
    return tuple(texts), members[:, kept]


def notes_on_order(kind: str, own: Sequence[str] | None, names: Sequence[str] | None) -> tuple[str, ...]:
    """What is assumed where concepts or the rows of embeddings have no names.

    Args:
        kind: "categories" or "dimensions".
        own: names of the objects of the concepts, or None.
        names: those of the rows, or None.

    Example:
        >>> notes_on_order("categories", None, None), notes_on_order("categories", ("cat",), ("cat",))
        (('the categories and the rows have no names: row i is taken for object i',), ())
    """
    without = [what for what, known in ((f"the {kind}", own), ("the rows", names)) if known is None]
    return (f"{' and '.join(without)} have no names: row i is taken for object i",) if without else ()
