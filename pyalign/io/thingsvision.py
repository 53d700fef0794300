"""The folder that thingsvision writes: ``features.npy``, and ``file_names.txt`` with a line for each row.

Of a folder of images the lines are bare names. Of a folder with a subfolder for each object they are whole paths. Here
the part below the folder of images names the row, as ``pyalign extract`` has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from pyalign.errors import InputError
from pyalign.io.arrays import Entry, names_array, type_name
from pyalign.io.lines import whole_lines
from pyalign.io.npy import open_npy
from pyalign.io.paths import Array, PathLike, bad, check_file

FEATURES, FILE_NAMES = "features.npy", "file_names.txt"
OTHER_FEATURES = (".hdf5", ".mat", ".npy", ".pt", ".txt")  # of its other formats, and of parts: features_01.npy


@contextmanager
def file_in(folder: PathLike, name: str) -> Iterator[str]:
    """The path of a file in the folder, which is no link; what is wrong with it starts with the folder."""
    path = os.path.join(folder, name)
    try:
        if os.path.islink(path):
            raise bad(path, "is a link, which is not followed out of the folder")
        check_file(path, "files of a folder", (os.path.splitext(name)[1].lower(),))
        yield path
    except InputError as error:
        raise bad(folder, f"{name}: {str(error).removeprefix(f'{path}: ')}") from error


def is_thingsvision(folder: PathLike) -> bool:
    """Whether one of the two files is there."""
    return any(os.path.lexists(os.path.join(folder, name)) for name in (FEATURES, FILE_NAMES))


def thingsvision_entries(folder: PathLike) -> dict[str, Entry]:
    """The features, mapped when they are loaded, and the names of the rows where there are some.

    Raises:
        InputError: no ``features.npy``; what `open_npy` refuses.
    """
    if not os.path.lexists(os.path.join(folder, FEATURES)):
        raise bad(folder, f"is a folder of thingsvision without {_instead(folder)}")
    with file_in(folder, FEATURES) as path:
        array = open_npy(path)
    entries = {"features": Entry(array.shape, type_name(array.dtype), lambda: array)}
    if os.path.lexists(os.path.join(folder, FILE_NAMES)):
        rows = array.shape[0] if array.ndim else 0
        entries["file_names"] = Entry((rows,), "str", partial(_names, folder, rows))
    return entries


def _instead(folder: PathLike) -> str:
    others = sorted(
        name for name in os.listdir(folder) if name.startswith("features") and name.endswith(OTHER_FEATURES)
    )
    if not others:
        return "features"
    return f"{FEATURES}: save the features as npy, or read {others[0]} with the names in {FILE_NAMES}"


def _names(folder: PathLike, rows: int) -> Array:
    return names_array(below_images(_lines(folder, rows))[1])


def _lines(folder: PathLike, rows: int) -> list[str]:
    with file_in(folder, FILE_NAMES) as path:
        return whole_lines(path, rows)


def below_images(names: list[str]) -> tuple[str, list[str]]:
    """The folder of images that all paths share, with a slash, and the paths below it; bare names as they are.

    The last folder of a path is that of its object, so that it stays where all images are of one object.

    Example:
        >>> below_images(["/data/ant/1.jpg", "/data/bee/1.jpg"])
        ('/data/', ['ant/1.jpg', 'bee/1.jpg'])
        >>> below_images(["ant.jpg", "bee.jpg"])
        ('', ['ant.jpg', 'bee.jpg'])
    """
    paths = [name.replace("\\", "/") for name in names]
    folders = min((path.count("/") for path in paths), default=0)
    if not folders:
        return "", names
    first, last = min(paths).split("/"), max(paths).split("/")
    shared = next((k for k in range(folders - 1) if first[k] != last[k]), folders - 1)
    root = "".join(f"{part}/" for part in first[:shared])
    return root, [path.removeprefix(root) for path in paths]


def thingsvision_notes(folder: PathLike) -> tuple[str, ...]:
    """What a user of the rows should know of their names."""
    shown, path = os.fspath(folder), os.path.join(folder, FILE_NAMES)
    if not os.path.lexists(path):
        return (f"{shown}: has no {FILE_NAMES}, so its rows have no names",)
    with file_in(folder, FEATURES) as features:
        rows = int(np.prod(open_npy(features).shape[:1]))
    root = below_images(_lines(folder, rows))[0]
    return (f"{shown}: names are the paths of {FILE_NAMES} below {root}",) if root else ()
