"""Folders of images whose names are those of the objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pyalign.datasets.places import Place
from pyalign.io.image_files import images_below

_NUMBER = re.compile(r"\d+")


def names_in(place: Place, folder: Path, n: int) -> tuple[str, ...]:
    """The images below a folder, in plain order.

    Raises:
        InputError: another number of them.
    """
    paths, _ = images_below(folder)
    if len(paths) != n:
        raise place.bad(f"there must be {n} images in {folder}; got {len(paths)}")
    return tuple(paths)


def by_number(place: Place, names: Sequence[str]) -> tuple[str, ...]:
    """The names in the order of the first number in each, which must be 1 to n: ``2.jpg`` stands before ``10.jpg``.

    Raises:
        InputError: they are not numbered so.

    Example:
        >>> by_number(Place("x", Path()), ["fruit10.png", "fruit1.png", *(f"fruit{k}.png" for k in range(2, 10))])[:2]
        ('fruit1.png', 'fruit2.png')
    """
    numbers = [int(match[0]) if (match := _NUMBER.search(name)) else 0 for name in names]
    if sorted(numbers) != list(range(1, len(names) + 1)):
        raise place.bad(f"images must be numbered from 1 to {len(names)} by their names, such as {names[0]!r}")
    return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))
