"""The folder that thingsvision writes: ``features.npy``, or another of its formats, and ``file_names.txt`` with a line
for each row.

Of a folder of images the lines are bare names. Of a folder with a subfolder for each object they are whole paths. Here
the part below the folder of images names the row, as ``pyalign extract`` has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.io.apart_formats import hdf5_entries, mat_entries, torch_entries
from pyalign.io.arrays import EMBEDDINGS, Entry, choose, names_array, type_name
from pyalign.io.lines import whole_lines
from pyalign.io.npy import npy_entries
from pyalign.io.paths import Array, PathLike, bad, check_file, suffix_of
from pyalign.io.rows import read_rows
from pyalign.io.text import text_table

FILE_NAMES = "file_names.txt"
READERS = {".npy": npy_entries, ".hdf5": hdf5_entries, ".pt": torch_entries, ".mat": mat_entries}
FEATURES = tuple(f"features{suffix}" for suffix in (*READERS, ".txt"))  # the first counts


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


def features_in(folder: PathLike) -> str | None:
    """The name of the file of features in a folder."""
    return next((name for name in FEATURES if os.path.lexists(os.path.join(folder, name))), None)


def is_thingsvision(folder: PathLike) -> bool:
    """Whether features are there, or the file of names."""
    return features_in(folder) is not None or os.path.lexists(os.path.join(folder, FILE_NAMES))


def thingsvision_entries(folder: PathLike) -> dict[str, Entry]:
    """The features, mapped when they are loaded from ``.npy``, and the names of the rows where there are some.

    Raises:
        InputError: no features, or features in parts; what the readers of their formats refuse.
    """
    features = _features(folder)
    entries = {"features": features}
    if os.path.lexists(os.path.join(folder, FILE_NAMES)):
        rows = features.shape[0] if features.shape else 0
        entries["file_names"] = Entry((rows,), "str", partial(_names, folder, rows))
    return entries


def _features(folder: PathLike) -> Entry:
    name = features_in(folder)
    if name is None:
        parts = sorted(part for part in os.listdir(folder) if part.startswith("features_"))
        in_parts = f": they are in parts, {listing(parts, 2)}, which must be stacked" if parts else ""
        raise bad(folder, f"is a folder of thingsvision without features{in_parts}")
    with file_in(folder, name) as path:
        if name.endswith(".txt"):
            array = read_rows(path, text_table(path, EMBEDDINGS), None)[0]
            return Entry(array.shape, type_name(array.dtype), lambda: array)
        opened = READERS[suffix_of(name)](path)
        if name.endswith(".mat") and "features" not in opened:
            raise bad(path, "holds an array for each image, and not in which order the images were: save npy")
        return choose(path, opened, None, EMBEDDINGS.likely, EMBEDDINGS.preferred)


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
    root = below_images(_lines(folder, _features(folder).shape[0]))[0]
    return (f"{shown}: names are the paths of {FILE_NAMES} below {root}",) if root else ()
