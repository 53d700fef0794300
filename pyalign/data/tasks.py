"""What people were asked about three items: which is the odd one out, or which of two is more like the first.

The order of the three items of a triplet: the odd one last; or the anchor, the chosen option, the other one.
"""

from __future__ import annotations

import numpy as np

ODD_ONE_OUT, ANCHORED = "odd-one-out", "anchored"
TASKS = (ODD_ONE_OUT, ANCHORED)


def alternatives_of(task: str) -> int:
    """How many answers there are: 3 items may be odd, 2 options be more like the anchor.

    Example:
        >>> alternatives_of("odd-one-out"), alternatives_of("anchored")
        (3, 2)
    """
    return 2 if task == ANCHORED else 3


def chance_of(task: str) -> float:
    """The accuracy of a model that knows nothing, a fraction.

    Example:
        >>> chance_of("anchored")
        0.5
    """
    return 1 / alternatives_of(task)


FIRST = (1, 2, 0)  # where the canonical columns come from when the odd one is first
# ... when the anchor is there, and the chosen option before the other
ANCHORS = {"first": (0, 1, 2), "last": (2, 0, 1)}


def odd_last(
    items: np.ndarray, choice: np.ndarray | None, odd_column: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The items with the odd one last, and for each column the column that it came from."""
    if choice is not None:
        return _by_choice(items, choice)
    if odd_column == "first":
        return np.ascontiguousarray(items[:, list(FIRST)]), np.array(FIRST, dtype=np.int8)
    return items, None


def _by_choice(items: np.ndarray, choice: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    orders = np.array([FIRST, (0, 2, 1), (0, 1, 2)], dtype=np.int8)
    positions = orders[choice]
    if (choice == 2).all():
        return items, None
    return np.take_along_axis(items, positions, axis=1), positions


def anchor_first(items: np.ndarray, choice: np.ndarray | None, anchor: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The items as anchor, chosen option, other option, and for each column the column that it came from.

    choice: (t,) 0 or 1, which of the two options, in their order in the file, was chosen; None: the first.
    """
    order = np.array(ANCHORS[anchor], dtype=np.int8)
    if choice is not None and choice.any():
        positions = order[np.array([(0, 1, 2), (0, 2, 1)], np.int8)[choice]]
        return np.take_along_axis(items, positions, axis=1), positions
    if anchor == "first":
        return items, None
    return np.ascontiguousarray(items[:, order]), order
