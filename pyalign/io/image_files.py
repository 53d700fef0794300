"""Image files: those below a folder, those of a list, and the bytes of one.

Images in the rows of HDF5 and Parquet files, which are read in a separate process, a piece of some rows at a time.
Images in tar archives, whose members are read where they are.
"""

from __future__ import annotations

import heapq
import os
import stat
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from pyalign.errors import shorten
from pyalign.io.arrays import NAME_KEYS, Entry, choose, row_names, under_key
from pyalign.io.isolated import ask, hdf5_entries
from pyalign.io.item_names import HEADERS, first_column, without_blanks
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_expansion, check_file

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
    """Whether a file or folder is hidden or made by an operating system."""
    return name.startswith(".") or name == "__MACOSX"


def images_below(folder: PathLike) -> tuple[list[str], list[str]]:
    """The paths of image files below a folder, with '/', in plain string order; and those of the other files.

    Hidden files are left out. Links are followed, and each folder is listed once, by the path with the fewest links or
    else the first in string order: circular links would double the paths at each step, and an image with two names
    would count twice. Links to files are files like others; one that leads
    nowhere is listed by its name: to leave it out would be to lose an image.
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
    return sorted(images), sorted(others)


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def listed_images(path: PathLike) -> tuple[list[str], str | None]:
    """The paths in a list, one per line, as they stand; and its header, if it is a ``.csv`` or ``.tsv`` that has one.

    Of tables the first column. Paths are relative to the folder of the list, or absolute.
    """
    suffix = check_file(path, "lists of images", TEXT)
    names = without_blanks(path, first_column(path, suffix)[0], "is blank")
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
    """All bytes of a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise bad(path, "is not a regular file")
        check_bytes(path, status.st_size)
        return file.read()


def check_bytes(path: PathLike, size: int, what: str = "") -> None:
    """Raises an error for a file that is too large to be an image."""
    if size > LARGEST:
        raise bad(path, f"{what}has {size:,} bytes, more than {LARGEST:,}")


PIECE, KEPT, NEAR = 16 << 20, 4, 64  # bytes; pieces; rows
MOST_ROWS = 4096  # of a piece
NAME = 64  # bytes that a short Python string takes
NAME_COLUMNS = ("name", "names", "file_name", "filename", "path", "file", "image_path", "file_path", "filepath")

Piece: TypeAlias = "Sequence[bytes | Array | None]"
Fetch: TypeAlias = "Callable[[int], Piece]"


class Rows:
    """Images by row.

    Attributes:
        key: the dataset or column.
        count: of rows.
        names: of the rows, where the file has them.
        notes: notes about names, sentences.
    """

    def __init__(self, path: PathLike, key: str, count: int, fetch: Fetch) -> None:
        self.path, self.key, self.count = os.fspath(path), key, count
        self.names: tuple[str, ...] | None = None
        self.notes: tuple[str, ...] = ()
        self._fetch = fetch  # rows from one on, at least that
        self._kept = deque[tuple[int, Piece]](maxlen=KEPT)
        self._lock = threading.Lock()
        self._stamp = _stamp(os.stat(path))

    def read(self, k: int) -> bytes | Array:
        """The image in row k. Threads may call it at once."""
        with self._lock:
            row = self._row(k)
        if row is None:
            raise bad(self.path, f"row {k} of {self.key!r} has no bytes")
        return row

    def _row(self, k: int) -> bytes | Array | None:
        for start, piece in self._kept:
            if start <= k < start + len(piece):
                return piece[k - start]
        ends = [start + len(piece) for start, piece in self._kept]
        start = max((end for end in ends if k - NEAR < end <= k), default=k)  # where a thread was overtaken by another
        while True:
            if _stamp(os.stat(self.path)) != self._stamp:
                raise bad(self.path, "has changed since its rows were listed")
            piece = self._fetch(start)
            self._kept.append((start, piece))
            if k < start + len(piece):
                return piece[k - start]
            start += len(piece)


def hdf5_images(path: PathLike, key: str | None) -> Rows:
    """The images in a dataset: uint8 (n, h, w) or (n, h, w, 1 | 3 | 4), or the bytes of n files.

    Names are those under a key such as ``names`` next to the dataset, or in the root.
    """
    check_file(path, "images", (".h5", ".hdf5"))
    entries = hdf5_entries(path)
    if key is None:
        candidates = {name: entry for name, entry in entries.items() if _may_hold_images(entry)}
        if len(candidates) != 1:
            choose(path, candidates or entries, None, lambda entry: False)
        key = next(iter(candidates), next(iter(entries)))
    under_key(path, entries, key)
    key = key if key in entries else key.strip("/")
    description, _ = ask(path, "h5py", "files", "pictures", key, kind="HDF5")
    shape, nbytes = tuple(description["shape"]), description["nbytes"]
    rows = shape[0]
    if 0 in shape:
        raise bad(path, f"{key!r} is empty: shape {shape}")
    check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
    room = _room(os.path.getsize(path))  # what lies in heaps is not packed
    fetch = partial(_files, path, "h5py", "HDF5", key, rows, room)
    if not description["files"]:
        check_expansion(path, os.path.getsize(path), nbytes, repr(key))
        nbytes //= rows
        step = max(1, PIECE // nbytes)
        chunk = description["chunk"]
        if chunk and chunk * nbytes <= 2 * PIECE:  # whole chunks, so that none is unpacked twice
            step = max(1, step // chunk) * chunk
        fetch = partial(_hdf5_pixels, path, key, rows, step, nbytes)
    images = Rows(path, key, rows, fetch)
    group = key.rpartition("/")[0]
    for within in dict.fromkeys((group and f"{group}/", "")):
        named = {name: entries[within + name] for name in NAME_KEYS if within + name in entries.keys() - {key}}
        images.names = images.names or row_names(path, named, rows)
    return images


def _files(path: PathLike, package: str, kind: str, key: str, rows: int, room: int, start: int) -> Piece:
    """The bytes of some images from one on: they come as lengths, -1 for none, and all bytes."""
    arguments = (key, start, min(rows, start + MOST_ROWS), PIECE)
    lengths, data = ask(path, package, "files", "picture_rows", *arguments, room=room, kind=kind)[1]
    ends = np.cumsum(lengths.clip(0)).tolist()
    spans = zip([0, *ends[:-1]], ends, lengths.tolist(), strict=True)
    return [None if length < 0 else data[start:end].tobytes() for start, end, length in spans]


def _hdf5_pixels(path: PathLike, key: str, rows: int, step: int, nbytes: int, start: int) -> Piece:
    stop = min(rows, (start // step + 1) * step)
    room = 4 * (stop - start) * nbytes
    _, arrays = ask(path, "h5py", "files", "picture_rows", key, start, stop, PIECE, room=room, kind="HDF5")
    return list(arrays[0])


def _may_hold_images(entry: Entry) -> bool:
    shape, kind = entry.shape, entry.dtype
    pixels = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    return (kind == "uint8" and pixels) or (kind == "object" and len(shape) == 1)


def parquet_images(path: PathLike, column: str | None) -> Rows:
    """The images in a column of bytes, or of bytes and paths as the library datasets writes them.

    Names are the paths, if all are there and differ; else those of a column such as ``file_name``.
    """
    check_file(path, "images", (".parquet",))
    description, _ = ask(path, "pyarrow", "files", "pictures", column, kind="Parquet")
    column, rows, leaf = str(description["column"]), int(description["rows"]), description["data"]
    if rows == 0:
        raise bad(path, f"column {column!r} is empty (no rows)")
    check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
    check_expansion(path, os.path.getsize(path), description["nbytes"], f"column {column!r}")
    fetch = partial(_files, path, "pyarrow", "Parquet", leaf, rows, _room(description["nbytes"]))
    images = Rows(path, column, rows, fetch)
    leaves = [description["path"], *(name for name in NAME_COLUMNS if name in description["text"])]
    for name in filter(None, leaves):
        names, _ = ask(path, "pyarrow", "files", "picture_names", name, room=rows * NAME, kind="Parquet")
        if len(names) == rows and None not in names and len(set(names)) == rows and "" not in names:
            images.names = tuple(names)
            return images
        images.notes += (f"{name!r} has gaps or the same text twice, and does not name the images",)
    return images


def _room(nbytes: int) -> int:
    """The memory that the separate process may use for a piece of `nbytes` of images, which it copies several times."""
    return 4 * (PIECE + min(LARGEST, max(0, nbytes)))


# Tar archives: nothing is unpacked, and no name of a member is a path here. Python's tarfile reads the same; it seeks
# in one file that threads would share, and versions of it have hung on damaged archives.

BLOCK = 512
MOST_HEADER = 1 << 20  # bytes of a long name, or of records that precede a member
AT_ONCE = 1 << 20  # bytes
FILES, WITHOUT_DATA = b"0\0" + b"7", b"123456"  # types of members


class Member(NamedTuple):
    """A member: its name, whether it is a plain file, where its bytes begin and how many they are."""

    name: str
    is_file: bool
    place: int
    size: int


class Archive:
    """The members of a tar archive by number, in the order in which `add` is called.

    Attributes:
        ended: whether the archive has the mark at its end.
    """

    def __init__(self, path: PathLike) -> None:
        check_file(path, "archives", (".tar",))
        self.path, self.ended = os.fspath(path), False
        self._places, self._sizes = array("q"), array("q")
        self._stamp = _stamp(os.stat(path))

    def add(self, member: Member) -> None:
        """Keep a member; it gets the next number."""
        self._places.append(member.place)
        self._sizes.append(member.size)

    def read(self, k: int) -> bytes:
        """The bytes of member k. Threads may call it at once."""
        size, place = self._sizes[k], self._places[k]
        check_bytes(self.path, size, "a member ")
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _stamp(os.fstat(descriptor)) != self._stamp:
                raise bad(self.path, "has changed since its members were listed")
            data = _exactly(descriptor, size, place)
        finally:
            os.close(descriptor)
        if len(data) != size:
            raise bad(self.path, "is truncated")
        return data

    def members(self) -> Iterator[Member]:
        """All members in the order of the archive. Sets `ended`."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from self._members(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def seen_members(self) -> Iterator[Member]:
        """The `members` that are neither hidden nor below a hidden folder."""
        for member in self.members():
            parts = member.name.rstrip("/").split("/")
            if not any(is_hidden(part) and part not in (".", "..") for part in parts):
                yield member

    def _members(self, descriptor: int, total: int) -> Iterator[Member]:  # noqa: C901
        place, name, size = 0, None, None  # the last two are from records before a member
        while place < total:
            header = _exactly(descriptor, BLOCK, place)
            if len(header) < BLOCK:
                raise bad(self.path, "is truncated within a header")
            if not any(header):
                self._check_end(descriptor, place, total)
                self.ended = True
                return
            block = self._header(header, place)
            kind, length = header[156:157], block.size
            if kind in b"xXLK":
                if length > MOST_HEADER:
                    raise bad(self.path, f"has a header of {length} bytes at byte {place}")
                body = _exactly(descriptor, length, place + BLOCK)
                if kind == b"L":
                    name = _text(body)
                elif kind != b"K":
                    name, size = self._records(body, place, name, size)
                place += BLOCK + _padded(length)
                continue
            plain = kind in FILES and not (name or block.name).endswith("/")
            length = 0 if kind in WITHOUT_DATA else (block.size if size is None else size)
            member = Member(block.name if name is None else name, plain, place + BLOCK, length)
            if kind == b"S":
                raise bad(self.path, f"member {shorten(member.name)} is sparse, which is not read")
            if member.place + length > total:
                raise bad(
                    self.path, f"is truncated: member {shorten(member.name)} has {length} bytes, more than follow"
                )
            if kind != b"g":
                yield member
            place, name, size = member.place + _padded(length), None, None

    def _header(self, header: bytes, place: int) -> Member:
        """The member that a block describes.

        Source: POSIX.1-2017, pax, "ustar Interchange Format"; for large numbers GNU tar.
        """
        summed = header[:148] + header[156:]
        total, checksum = sum(summed) + 8 * 32, _number(header[148:156])
        signed = total - 256 * sum(byte > 127 for byte in summed)  # in old archives
        if checksum not in (total, signed):
            what = "is not a tar archive" if place == 0 else f"is damaged: no header at byte {place}"
            packed = header.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
            raise bad(self.path, f"{what}{' (it is packed: unpack it first)' if packed and place == 0 else ''}")
        size = _number(header[124:136])
        if size is None:
            raise bad(self.path, f"is damaged: a header without a size at byte {place}")
        name, prefix = _text(header[:100]), b""
        if header[257:263] == b"ustar\0":
            prefix = header[345:500].partition(b"\0")[0]
        return Member(f"{_text(prefix)}/{name}" if prefix else name, True, place, size)

    def _records(self, body: bytes, place: int, name: str | None, size: int | None) -> tuple[str | None, int | None]:
        """Name and size from the records of a pax header: ``LENGTH KEY=VALUE\\n``."""
        start = 0
        while start < len(body) and body[start]:
            length, mark, _ = body[start : start + 20].partition(b" ")
            end = start + int(length) if mark and length.isdigit() else 0
            key, equals, value = body[start + len(length) + 1 : end - 1].partition(b"=")
            if not start < end <= len(body) or not equals or body[end - 1 : end] != b"\n":
                raise bad(self.path, f"is damaged: records that are none at byte {place}")
            if key.startswith(b"GNU.sparse"):
                raise bad(self.path, f"a member behind byte {place} is sparse, which is not read")
            if key == b"path":
                name = _text(value)
            elif key == b"size":
                if not value.isdigit() or len(value) > 18:
                    raise bad(self.path, f"is damaged: a size that is none at byte {place}")
                size = int(value)
            start = end
        return name, size

    def _check_end(self, descriptor: int, place: int, total: int) -> None:
        """Raises an error for data after the end mark: of concatenated archives only the first would be read."""
        while place < total:
            piece = _exactly(descriptor, AT_ONCE, place)
            if piece.count(0) != len(piece):
                raise bad(
                    self.path, f"goes on behind its end at byte {place}: archives one behind another are not read"
                )
            if not piece:
                return
            place += len(piece)


def _exactly(descriptor: int, size: int, place: int) -> bytes:
    """Reads exactly these bytes, fewer only at the end of the file; one call of the system reads at most 2 GB."""
    data = os.pread(descriptor, size, place)
    if len(data) in (size, 0):
        return data
    pieces = [data]
    while size > (have := sum(map(len, pieces))):
        pieces.append(os.pread(descriptor, size - have, place + have))
        if not pieces[-1]:
            break
    return b"".join(pieces)


def images_in(path: PathLike) -> list[str]:
    """The names of the images in an archive, in its order."""
    return [member.name for member in Archive(path).seen_members() if member.is_file and is_image(member.name)]


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(raw: bytes) -> int | None:
    """A number of a tar header, octal or base 256; None if it is malformed or negative."""
    if raw[0] & 0x80:
        return int.from_bytes(raw[1:], "big") if raw[0] == 0x80 and not any(raw[1:-8]) else None
    digits = raw.partition(b"\0")[0].strip()
    return int(digits or b"0", 8) if not digits.strip(b"01234567") else None
