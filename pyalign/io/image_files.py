"""Image files: those below a folder, those of a list, and the bytes of one."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Sequence

from pyalign.io.names import HEADERS, first_column
from pyalign.io.paths import TEXT, PathLike, bad, check_file

SUFFIXES = frozenset(
    "jpg jpeg jpe jfif mpo png apng gif bmp tif tiff webp ppm pgm pbm pnm avif jp2 j2k jpf jpx j2c jpc".split()
)
LARGEST = 1 << 30  # bytes of one file: what the most pixels that are decoded take, and more
LIST_HEADERS = HEADERS | set("path paths file files filepath file_path image images image_path img img_path".split())


def is_image(name: str) -> bool:
    """Whether a name ends as that of an image does."""
    _, dot, suffix = name.rpartition(".")
    return bool(dot) and suffix.lower() in SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one of those that systems put next to what people see."""
    return name.startswith(".") or name == "__MACOSX"


def images_below(folder: PathLike) -> tuple[list[str], list[str]]:
    """The paths of image files below a folder, with '/', in plain string order; and those of the other files.

    What is hidden is left out. Links are followed, and each folder is listed once, by the path with the fewest links to
    folders, of several such by the first in plain string order: links that lead to one another would double the paths
    at each step, and an image with two names would count twice. Links to files are files like others; one that leads
    nowhere is listed by its name: to leave it out would be to lose an image.

    Raises:
        OSError: a folder can't be read.
    """
    images, others = list[str](), list[str]()
    root = os.fspath(folder)
    todo = [(0, "", root)]  # links on the way, the path below the root with '/' at its end, where it is
    listed = set[tuple[int, int]]()
    while todo:
        links, below, path = heapq.heappop(todo)
        if (identity := _identity(path)) in listed:
            continue
        listed.add(identity)
        with os.scandir(path) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                name = below + entry.name
                if entry.is_dir():
                    heapq.heappush(todo, (links + entry.is_symlink(), f"{name}/", entry.path))
                elif is_image(entry.name):
                    images.append(name)
                else:
                    others.append(name)
    images.sort()
    others.sort()
    return images, others


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def listed_images(path: PathLike) -> tuple[list[str], str | None]:
    """The paths in a list, one per line, as they stand; and its header, if it is a ``.csv`` or ``.tsv`` that has one.

    Of tables the first column. Paths are relative to the folder of the list, or absolute.

    Raises:
        InputError: a file is missing, a line is blank, or the list is.
    """
    suffix = check_file(path, "lists of images", TEXT)
    names, _ = first_column(path, suffix)
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise bad(path, f"line {names.index('') + 1} is blank")
    folder = os.path.dirname(os.fspath(path))
    header = None
    if names and not suffix.startswith(".txt") and names[0].lower() in LIST_HEADERS:
        header = None if _is_file(os.path.join(folder, names[0])) else names.pop(0)
    if not names:
        raise bad(path, "lists no images")
    missing = [name for name in names if not _is_file(os.path.join(folder, name))]
    if missing:
        are = f"{len(missing)} of {len(names)} files are" if len(names) > 1 else "its file is"
        raise bad(path, f"{are} not there, first {missing[0]!r}")
    return names, header


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


class Files:
    """Image files by number: `names` below `folder`, or absolute."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names

    def read(self, k: int) -> bytes:
        """The bytes of file k."""
        return read_file(os.path.join(self._folder, self._names[k]))


def read_file(path: str) -> bytes:
    """All bytes of a regular file.

    Raises:
        OSError: it is missing, or may not be read.
        InputError: it is no regular file, or has more than `LARGEST` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise bad(path, "is not a regular file")
        check_bytes(path, status.st_size)
        return file.read()


def check_bytes(path: PathLike, size: int, what: str = "") -> None:
    """Refuse an image of so many bytes that it can be none."""
    if size > LARGEST:
        raise bad(path, f"{what}has {size:,} bytes, more than {LARGEST:,}")
