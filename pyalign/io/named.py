"""Data sets wherever a file can be named: ``dataset:things``, ``dataset:king19`` with the key ``set2``, ``mine.toml``.

A ``.toml`` file is the description of a data set: `pyalign describe --out` writes it. Data sets stand above files:
`pyalign.datasets` registers what opens them, and is asked when such a path comes, here and nowhere else.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pyalign._registry import registered
from pyalign.io.paths import DATA_SET, PathLike


class Pictures(NamedTuple):
    """Images of a data set. source: a path, or an array (n, h, w, 3). names: of an array's images."""

    source: Any
    names: tuple[str, ...] | None = None


def open_named(path: PathLike, part: str, key: str | None = None, **options: Any) -> Any:
    """A part of the data set that a path names: "triplets", "judgments", "embeddings", "categories", "names", "images".

    options: of the layout, None where nobody says anything. They come before what a description says; a published
    data set knows its layout, and refuses them.

    Raises:
        InputError: there is no such data set, it is not here, or has no such part; one line that starts with the path.
    """
    stated = {name: value for name, value in options.items() if value is not None}
    return registered("datasets")(os.fspath(path).removeprefix(DATA_SET), part, key, stated)
