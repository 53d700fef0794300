"""Groups of triplets to score by themselves: by a label each, or by the categories of their objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyalign import _checks
from pyalign.data import Aligned, Categories
from pyalign.data.subjects import checked_labels
from pyalign.errors import InputError


def group_members(groups: object, aligned: Aligned, kept: np.ndarray | None) -> dict[str, np.ndarray]:
    """The scored triplets of each group, as indices among those that were kept.

    A triplet belongs to a category when the two objects do that people did not call odd: the pair is what the answer is
    about. Of `Categories`, a triplet may belong to several.
    """
    if isinstance(groups, Categories):
        return _by_category(groups, aligned, kept)
    labels = checked_labels(groups, len(aligned.index), "groups", "biufUS")
    labels = labels if kept is None else labels[kept]
    names, codes = np.unique(labels, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return {str(name): members for name, members in zip(names, parts, strict=True)}


def _by_category(categories: Categories, aligned: Aligned, kept: np.ndarray | None) -> dict[str, np.ndarray]:
    members = categories.of_rows(len(aligned.x), aligned.names)
    index = _checks.as_array(aligned.index, "triplets", "(t, 3)")
    index = index if kept is None else index[kept]
    parts = zip(categories.labels, rows_of_categories(members, index), strict=True)
    found = {label: rows for label, rows in parts if len(rows)}
    if not found:
        raise InputError("categories must hold both objects of some human pair; no triplet's pair shares one")
    return found


def rows_of_categories(members: np.ndarray, index: np.ndarray) -> Iterator[np.ndarray]:
    """The triplets (t, 3) of each category, by `members` (n, c): those whose first two objects it holds.

    Example:
        >>> tools = np.array([[True], [True], [False]])
        >>> [rows.tolist() for rows in rows_of_categories(tools, np.array([[0, 1, 2], [0, 2, 1]]))]
        [[0]]
    """
    for has in members.T:
        yield np.flatnonzero(has[index[:, 0]] & has[index[:, 1]])
