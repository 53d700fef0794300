"""How long work tells where it is: one callback, everywhere."""

from __future__ import annotations

from collections.abc import Callable

# Called with the stage ("resamples", "fold 2/3"), how much of it is done, and of how much (None: not known).
Progress = Callable[[str, int, "int | None"], None]


def silent(stage: str, done: int, total: int | None) -> None:
    """A `Progress` that shows nothing.

    Example:
        >>> silent("resamples", 64, 1000)
    """
