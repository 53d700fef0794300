"""What people were asked about three items: which is the odd one out, or which of two is more like the first."""

from __future__ import annotations

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
