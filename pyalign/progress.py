"""How long work tells where it is: one callback, everywhere."""

from __future__ import annotations

from collections.abc import Callable

from pyalign.errors import InputError, shorten

# Called with the stage ("resamples", "fold 2/3"), how much of it is done, and of how much (None: not known).
Progress = Callable[[str, int, "int | None"], None]


def silent(stage: str, done: int, total: int | None) -> None:
    """A `Progress` that shows nothing.

    Example:
        >>> silent("resamples", 64, 1000)
    """


def reporter(progress: Progress | None) -> Progress:
    """The argument `progress` as what can be called; None shows nothing.

    Raises:
        InputError: it is no function.

    Example:
        >>> reporter(None) is silent
        True
    """
    if progress is None or callable(progress):
        return progress or silent
    raise InputError(f"progress must be a function of stage, done and total, or None; got {shorten(progress)}")
