"""Data sets wherever a file can be named: ``dataset:things``, ``dataset:king19`` with the key ``set2``.

Data sets stand above files: `pyalign.datasets` registers what opens them, and is asked when such a path comes, here and
nowhere else.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pyalign._registry import registered
from pyalign.io.paths import DATA_SET, PathLike, bad


class Pictures(NamedTuple):
    """Images of a data set. source: a path, or an array (n, h, w, 3). names: of an array's images."""

    source: Any
    names: tuple[str, ...] | None = None


def open_named(path: PathLike, part: str, key: str | None = None, **unused: Any) -> Any:
    """A part of the data set that a path names: "triplets", "judgments", "embeddings", "categories", "names", "images".

    unused: options of the layout, which a data set knows: any that is not None, False or () is refused.

    Raises:
        InputError: there is no such data set, it is not here, or has no such part; one line that starts with the path.
    """
    given = [name for name, value in unused.items() if value is not None and value is not False and value != ()]
    if given:
        raise bad(path, f"a data set knows how its files are laid out, so that {given[0]} has no meaning")
    return registered("datasets")(os.fspath(path).removeprefix(DATA_SET), part, key)
