"""Cells that tables share: plain numbers, counts and intervals, names of models and of pairs of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyalign.report.tables import Column, one_line, short_labels, shortened


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


def pairs_column(header: str, pairs: Sequence[tuple[str, str]], labels: dict[str, str]) -> Column:
    """Both models of each pair, in half of the room each where it is narrow.

    Example:
        >>> pairs_column("difference", [("a", "b")], {"a": "clip", "b": "vgg"}).cells
        ('clip - vgg',)
    """

    def fit(room: int) -> list[str]:
        names = list(labels.values())
        half = dict(zip(names, shortened(names, (room - 3) // 2), strict=True))
        return [f"{half[labels[a]]} - {half[labels[b]]}" for a, b in pairs]

    return Column(header, tuple(f"{labels[a]} - {labels[b]}" for a, b in pairs), fit=fit)


def concepts_column(header: str, names: Sequence[str]) -> Column:
    """Labels of concepts, whose beginnings are kept where it is narrow.

    Example:
        >>> concepts_column("dimension", ["food-related"]).fit(6)
        ['food-…']
    """
    told = tuple(names)
    return Column(header, told, fit=lambda room: [n if len(n) <= room else n[: room - 1] + "…" for n in told])
