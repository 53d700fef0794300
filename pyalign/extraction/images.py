"""`as_images`: images with their names, in a stated order, from wherever they are, each read when it is asked for.

Functions that read them give (names or None, a `Reader`, how many images there are).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data.names import listing
from pyalign.errors import InputError, shorten
from pyalign.io.embeddings import Pictures, open_named
from pyalign.io.image_files import (
    SUFFIXES, Archive, Files, Rows, hdf5_images, images_below, is_image, listed_images, parquet_images,
)
from pyalign.io.paths import TEXT, Spec, bad, checked_path, is_named, suffix_of

if TYPE_CHECKING:
    from PIL.Image import Image

import sys
import threading

from pyalign.data.names import require_different
from pyalign.io.image_files import NAME_COLUMNS, read_file

Picture: TypeAlias = "bytes | npt.NDArray[Any] | Image"  # what `decode` takes
PACKED = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar")
KINDS = "a folder, a list (.txt, .csv, .tsv), a .tar, .h5, .hdf5 or .parquet"
Opened = tuple["Sequence[str] | None", Any, int]
BREAKS = {"\n": "a line break", "\r": "a carriage return", "\0": "a NUL"}


class Reader(Protocol):
    """Images by number; several threads call `read` at once."""

    def read(self, k: int) -> Picture:
        """One image."""


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Images that are read one by one.

    Raises:
        InputError: there are no images, or names that are refused.
    """

    # the name of each image; all differ, and none has a line break, so that a text file can hold them.
    names: tuple[str, ...]
    order: str  # a phrase that describes the order, such as "as listed".
    source: str | None  # the path as it was passed; None for Python objects.
    reader: Reader  # reads image k.
    notes: tuple[str, ...] = ()  # what was left out or assumed, sentences.

    def __post_init__(self) -> None:
        check_names(self.names, self.source)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Images({len(self)} from {self.source or 'Python'}, {self.order}: {listing(self.names, 3)})"

    def open(self, k: int) -> Picture:
        """Image k as `decode` takes it: the bytes of a file, or the pixels. Several threads may call it at once.

        Raises:
            OSError: its file is gone, or can't be read.
            InputError: what holds it has changed or is damaged.
        """
        if not 0 <= k < len(self.names):
            raise IndexError(f"image {k} of {len(self.names)}")
        return self.reader.read(k)


def as_images(source: Any, *, names: Sequence[str] | None = None) -> Images:
    """Open images by name, from a path or from Python objects.

    - A folder: its files that end as images do, with those of folders below it, in plain string order of their paths
      (that of Python's ``sorted``), which are the names; hidden files are left out.
    - ``.txt``, ``.csv``, ``.tsv``: one path a line, relative to the list's folder or absolute; the lines are the names.
    - ``.tar``: members that end as images do, in the order of the archive, as WebDataset writes them.
    - ``.h5``, ``.hdf5``, ``FILE.h5::KEY``: uint8 of shape (n, h, w) or (n, h, w, 1 | 3 | 4), or the bytes of n files.
      Names are a dataset such as ``names`` next to it.
    - ``.parquet``, ``FILE.parquet::COLUMN``: a column of bytes, or of bytes and paths. Names are the paths, or a column
      such as ``file_name``.
    - ``dataset:NAME``: the images of a data set, see `pyalign.datasets`.
    - A data set of torchvision that lists its ``samples``, such as ``ImageFolder``: paths below its ``root``.
    - A ``datasets.Dataset`` with one column of images.
    - A sequence of paths, Pillow images or arrays as `decode` takes them; an array (n, h, w, ...) is one of n.

    Images without names are numbered, with zeros in front so that the numbers sort as text.

    Args:
        names: a name for each image if the source has none; files have theirs.

    Raises:
        InputError: there are no images; two have one name, or a name that breaks a line; a file of a list is missing;
            or what a file does wrong.
        OSError: a file or folder is missing or can't be read.

    Example:
        >>> import numpy as np
        >>> images = as_images(np.zeros((2, 8, 8, 3), dtype=np.uint8), names=["cat", "dog"])
        >>> images.names, images.order, images.open(1).shape
        (('cat', 'dog'), 'as given', (8, 8, 3))
    """
    if isinstance(source, Images):
        _no_names(names, "images that are listed already")
        return source
    if isinstance(source, str | os.PathLike):
        return _from_path(checked_path(source, "images"), names)
    if hasattr(source, "features") and hasattr(source, "cast_column"):
        opened, order = from_dataset(source), "as in the data set"
    elif hasattr(source, "samples") or hasattr(source, "imgs"):
        _no_names(names, "a data set of files")
        opened, order = from_samples(source), "as the data set lists them"
    elif isinstance(source, np.ndarray) or (isinstance(source, Sequence) and not isinstance(source, bytes)):
        opened, order = from_sequence(source), "as given"
    else:
        raise InputError(f"images must be a path, a data set, or a sequence of images; got {type(source).__name__}")
    own, reader, count = opened
    return _named(own, names, order, None, reader, count)


def _from_path(path: str, names: Sequence[str] | None) -> Images:
    if is_named(path):
        _no_names(names, "a data set")
        spec = Spec(path)
        pictures: Pictures = open_named(spec.path, "images", spec.key)
        return replace(as_images(pictures.source, names=pictures.names), source=path)
    if os.path.isdir(path):
        _no_names(names, "a folder")
        return _from_folder(path)
    whole = Spec(path)
    file, key = whole.path, whole.key
    suffix = suffix_of(file)
    if suffix in (".h5", ".hdf5", ".parquet"):
        rows: Rows = parquet_images(file, key) if suffix == ".parquet" else hdf5_images(file, key)
        return _named(rows.names, names, "by row", whole, rows, rows.count, rows.notes)
    os.stat(file)  # that it is missing comes before what it is
    if key is not None:
        raise bad(file, f"has no keys: {key!r} has no meaning")
    if suffix in TEXT:
        _no_names(names, "a list")
        listed, header = listed_images(file)
        notes = () if header is None else (f"the first line, {header!r}, is taken for a header",)
        return Images(tuple(listed), "as listed", whole, Files(os.path.dirname(file), listed), notes)
    if suffix == ".tar":
        _no_names(names, "an archive")
        return _from_tar(file)
    if suffix.endswith(PACKED):
        raise bad(
            file, f"is packed, so that images in it can't be read one by one; unpack it: images are read from {KINDS}"
        )
    if suffix.lstrip(".") in SUFFIXES:
        raise bad(file, f"is one image; images are read from {KINDS}, and one is given as a list of it")
    raise bad(file, f"images are read from {KINDS}; got {f'the extension {suffix!r}' if suffix else 'no extension'}")


def _from_folder(path: str) -> Images:
    paths, others = images_below(path)
    notes = _notes(others, "file", "no image")
    if not paths:
        raise bad(path, f"holds no images{f' ({notes[0]})' if notes else ''}")
    order = "plain string order of paths below the folder"
    return Images(tuple(paths), order, path, Files(path, paths), notes)


def _from_tar(path: str) -> Images:
    archive = Archive(path)
    names, others, links = list[str](), list[str](), list[str]()
    for member in archive.seen_members():
        if not member.is_file:
            if is_image(member.name):
                links.append(member.name)
        elif is_image(member.name):
            names.append(member.name)
            archive.add(member)
        else:
            others.append(member.name)
    notes = (*_notes(links, "member", "no plain file"), *_notes(others, "member", "no image"))
    if not archive.ended:
        notes += ("the archive has no mark at its end, and may be cut short",)
    if not names:
        raise bad(path, f"holds no images{f' ({notes[0]})' if notes else ''}")
    return Images(tuple(names), "as in the archive", path, archive, notes)


def _notes(left_out: Sequence[str], noun: str, what: str) -> tuple[str, ...]:
    """What was not taken for an image, if anything."""
    if not left_out:
        return ()
    is_one = len(left_out) == 1
    summary = f"1 {noun} is {what}" if is_one else f"{len(left_out):,} {noun}s are {what}s"
    return (f"{summary}: {', '.join(map(_shown, left_out[:3]))}{', ...' * (len(left_out) > 3)}",)


def _shown(name: str) -> str:
    """A name as it stands, or escaped where it would break a line."""
    return name if name.isprintable() and len(name) < 200 else shorten(name, 200)


def _named(
    own: Sequence[str] | None, given_names: Sequence[str] | None, order: str, source: str | None, reader: Reader,
    count: int, notes: tuple[str, ...] = (),
) -> Images:
    """Images under the names that were given, their own, or numbers."""
    if count == 0:
        raise InputError("there are no images")
    if given_names is not None:
        given_names = _checks.sequence(given_names, "names", "text, one for each image")
        if not all(isinstance(name, str) for name in given_names):
            raise InputError("names must be a sequence of text, one for each image")
        if len(given_names) != count:
            raise InputError(f"names must be one for each of {count} images; got {len(given_names)}")
        return Images(tuple(map(str, given_names)), order, source, reader)
    if own is None:
        notes += ("images have no names and are numbered",)
        own = [str(k).zfill(len(str(count - 1))) for k in range(count)]
    return Images(tuple(own), order, source, reader, notes)


def _no_names(names: object, what: str) -> None:
    if names is not None:
        raise InputError(f"names must be None for {what}, which has names")


def from_sequence(items: Any) -> Opened:
    """Paths, Pillow images and arrays; only paths are names."""
    if isinstance(items, np.ndarray) and (items.ndim not in (3, 4) or items.dtype != np.uint8):
        got = f"got shape {items.shape}, dtype {items.dtype}"
        raise InputError(f"an array of images must be uint8 of shape (n, h, w) or (n, h, w, 1 | 3 | 4); {got}")
    for k, item in enumerate(() if isinstance(items, np.ndarray) else items):
        if not isinstance(item, str | os.PathLike | np.ndarray) and not is_pillow(item):
            raise InputError(f"images must be paths, Pillow images or arrays; item {k} is {type(item).__name__}")
    paths = [checked_path(item, "images") for item in items if isinstance(item, str | os.PathLike)]
    if paths and len(paths) == len(items):
        return paths, Files("", paths), len(paths)
    return None, _Items(items), len(items)


def from_samples(data: Any) -> Opened:
    """`samples` or `imgs` of a data set of torchvision: pairs of a path and a class."""
    samples = data.samples if hasattr(data, "samples") else data.imgs
    try:
        paths = [checked_path(path, "samples") for path, _ in samples]
    except (TypeError, ValueError):
        raise InputError("samples of a data set must be pairs of a path and a class") from None
    root = getattr(data, "root", None)
    if root is None:
        return paths, Files("", paths), len(paths)
    start = os.path.join(os.fspath(root), "")
    names = [path.removeprefix(start).replace(os.sep, "/") for path in paths]
    return names, Files("", paths), len(paths)


def from_dataset(data: Any) -> Opened:
    """A `datasets.Dataset` that has one column of the kind Image."""
    columns = [name for name, kind in dict(data.features or {}).items() if type(kind).__name__ == "Image"]
    if len(columns) != 1:
        description = f"several columns of images: {listing(columns)}" if columns else "no column of images"
        raise InputError(f"a data set must have one column of images; it has {description}")
    if not hasattr(data, "__len__"):
        raise InputError("a data set must know its length; a stream of images has no order to come back to")
    if hasattr(data, "with_format"):
        data = data.with_format(None)  # plain objects, not tensors
    rows = data.cast_column(columns[0], type(data.features[columns[0]])(decode=False))
    if hasattr(rows, "select_columns"):
        rows = rows.select_columns(columns)
    names = None
    for column in [name for name in NAME_COLUMNS if name in data.features]:
        values = list(data[column])
        if all(isinstance(name, str) and name for name in values) and len(set(values)) == len(values):
            names = values
            break
    return names, _DatasetRows(rows, columns[0]), len(data)


def is_pillow(item: object) -> bool:
    """Whether an object is a Pillow image; nobody has one before Pillow is loaded."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(item, module.Image)


class _Items:
    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def read(self, k: int) -> Any:
        item = self._items[k]
        return read_file(os.fspath(item)) if isinstance(item, str | os.PathLike) else item


class _DatasetRows:
    def __init__(self, rows: Any, column: str) -> None:
        self._rows, self._column, self._lock = rows, column, threading.Lock()

    def read(self, k: int) -> bytes:
        with self._lock:  # nothing is said of threads
            cell = self._rows[k][self._column]
        if not cell or (cell.get("bytes") is None and not cell.get("path")):
            raise InputError(f"row {k} of {self._column!r} has no image")
        return bytes(cell["bytes"]) if cell["bytes"] is not None else read_file(cell["path"])


def check_names(names: tuple[str, ...], source: str | None) -> None:
    """Refuse none at all, and names that are empty, on several lines, no UTF-8, or twice there.

    All are looked at as one text: 100,000 take some hundredths of a second.
    """

    def refused(problem: str) -> InputError:
        return InputError(problem) if source is None else bad(source, problem)

    if not names:
        raise refused("there are no images")
    together = "\0".join(names)
    if together.count("\0") != len(names) - 1 or "\n" in together or "\r" in together or "" in names:
        for name in names:
            broken_by = next((what for mark, what in BREAKS.items() if mark in name), None)
            if broken_by or not name:
                fault = f"holds {broken_by}" if broken_by else "is empty"
                raise refused(f"names must be text on one line; {shorten(name, 200)} {fault}")
    try:
        together.encode()
    except UnicodeEncodeError as error:
        name = names[together.count("\0", 0, error.start)]
        raise refused(f"names must be UTF-8; got {shorten(name, 200)}") from None
    try:
        require_different(names, "image")
    except InputError as error:
        raise refused(str(error)) from None
