"""Cells that tables share: plain numbers, counts and intervals, names of models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyalign.report.tables import one_line, short_labels


def number(value: float | None, places: int = 4) -> str:
    """A correlation or a share as people read it.

    Example:
        >>> number(0.51234), number(0.51234, 3), number(None), number(float("nan"))
        ('0.5123', '0.512', '-', '-')
    """
    return "-" if value is None or value != value else f"{value:.{places}f}"


def counted(n: int, one: str, more: str = "") -> str:
    """How many of what.

    Example:
        >>> counted(1, "model"), counted(1200, "person", "people")
        ('1 model', '1,200 people')
    """
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def interval(ends: Iterable[float] | None, places: int = 4) -> str:
    """Its ends.

    Example:
        >>> interval((0.1, 0.2)), interval(None)
        ('0.1000 to 0.2000', '-')
    """
    return "-" if ends is None else " to ".join(number(end, places) for end in ends)


def labels_of(names: Sequence[str], verbose: bool) -> dict[str, str]:
    """What models are called in a table: short forms, or, verbose, their names in full.

    Example:
        >>> labels_of(["out/clip.npy"], False), labels_of(["out/clip.npy"], True)
        ({'out/clip.npy': 'clip'}, {'out/clip.npy': 'out/clip.npy'})
    """
    return {name: one_line(name) for name in names} if verbose else short_labels(names)
