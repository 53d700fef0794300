"""Tar archives whose members are read where they are: nothing is unpacked, and no name of a member is a path here.

Python's tarfile reads the same archives; it seeks in one file that threads would share, and versions of it have hung on
damaged ones.

What is in a file, opened without knowing what it is: its arrays, or the columns of its table.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign.data.metadata import Texts, joined
from pyalign.errors import InputError, shorten
from pyalign.io.arrays import Entries, Entry, Wanted, names_next_to, strings, text_array, under_key
from pyalign.io.formats import check_format, open_file
from pyalign.io.image_files import check_bytes, is_hidden, is_image
from pyalign.io.layout import Cells, Layout, embedding_header, find_layout, is_number, triplet_header
from pyalign.io.metadata import read_names
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_file, no_key, suffix_of
from pyalign.io.tables import Table, as_numbers, text_columns
from pyalign.io.text import Coder, data_rows, read_columns, text_trials

BLOCK = 512
MOST_HEADER = 1 << 20  # bytes of a long name, or of records that precede a member
PIECE = 1 << 20
FILES, WITHOUT_DATA = b"0\0" + b"7", b"123456"  # types of members


class Member(NamedTuple):
    """A member: its name, whether it is a plain file, where its bytes begin and how many they are."""

    name: str
    is_file: bool
    place: int
    size: int


class Archive:
    """The members of a tar archive, by number, as soon as `add` has taken them.

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
        """Refuse what stands behind the end: of archives put one behind another only the first would be read."""
        while place < total:
            piece = _exactly(descriptor, PIECE, place)
            if piece.count(0) != len(piece):
                raise bad(
                    self.path, f"goes on behind its end at byte {place}: archives one behind another are not read"
                )
            if not piece:
                return
            place += len(piece)


def _exactly(descriptor: int, size: int, place: int) -> bytes:
    """Bytes at a place, fewer only where the file ends. The system gives no more than 2 GB at once."""
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
    """An octal number, or one of 256s; None where it is none, or negative."""
    if raw[0] & 0x80:
        return int.from_bytes(raw[1:], "big") if raw[0] == 0x80 and not any(raw[1:-8]) else None
    digits = raw.partition(b"\0")[0].strip()
    return int(digits or b"0", 8) if not digits.strip(b"01234567") else None


def _header(first: Cells, rest: Sequence[Cells]) -> bool:
    return embedding_header(first, rest) or triplet_header(first, rest)


ANYTHING = Wanted("data", lambda _: True, _header, short_header=True, folder=True)


@dataclass(frozen=True, eq=False)
class Content:
    """An array, or a table."""

    key: str | None = None  # of an array of several.
    # the array, of numbers or of text; of a table (t, k), its columns of numbers, NaN where a cell is empty.
    values: Array = field(default_factory=lambda: np.empty(0))
    names: tuple[str, ...] | None = None  # of the rows, where the file has a name for each of them.
    header: Cells | None = None  # of all columns of a table, where it has one.
    numbers: tuple[int, ...] | None = None  # which columns of a table `values` holds; None for an array.
    texts: Mapping[int, Texts] = field(default_factory=dict)  # the other columns.
    fault: str | None = None  # why the values can't be read.
    listed: int = 0  # how many names of rows the file has, whether they are of these or not.

    @property
    def width(self) -> int:
        """The columns of a table."""
        return len(self.numbers or ()) + len(self.texts)

    @property
    def columns(self) -> list[Texts | Array]:
        """The columns of a table in their order."""
        of_numbers = {c: self.values[:, k] for k, c in enumerate(self.numbers or ())}
        return [self.texts[c] if c in self.texts else of_numbers[c] for c in sorted((*of_numbers, *self.texts))]


def contents(path: PathLike, key: str | None = None) -> Iterator[Content]:
    """The arrays of a file one after another, or that under `key`; or its table.

    Text of one column, or of lines that are no table, comes as an array of names (n,).
    """
    if suffix_of(path) in TEXT and not os.path.isdir(path):
        yield _of_text(path, key)
        return
    opened = open_file(path, ANYTHING)
    if isinstance(opened, Table):
        no_key(path, key)
        yield _of_table(opened)
        return
    names = _names(path, opened)
    chosen = opened if key is None else {key: under_key(path, opened, key)}
    for name, entry in chosen.items():
        yield _of_entry(path, name or None, entry, names)


def _names(path: PathLike, entries: Entries) -> tuple[str, ...] | None:
    for key in names_next_to(entries):
        if len(entries[key].shape) == 1:
            with suppress(InputError):
                return strings(path, entries[key].load())
    return None


def _of_entry(path: PathLike, key: str | None, entry: Entry, names: tuple[str, ...] | None) -> Content:
    try:
        values = entry.load()
        if entry.dtype in ("str", "bytes"):
            values = text_array(path, strings(path, values.ravel()), values.shape)
    except InputError as error:
        return Content(key, fault=str(error).removeprefix(f"{path}: "))
    own = names is not None and values.ndim == 2 and len(values) == len(names)
    return Content(key, values, names if own else None, listed=len(names or ()))


def _of_table(table: Table) -> Content:
    """Column by column: one that can't be read is left out, and said."""
    if table.columns is not None:
        return content_of(table.columns, table.header)
    numbers: dict[int, Array] = {}
    texts: dict[int, Texts] = {}
    faults = []
    for column in range(table.width):
        try:
            read = table.read((), (column,)).texts[0]
        except InputError as error:
            faults.append(str(error).partition(": ")[2])
            continue
        if isinstance(read, Texts):
            texts[column] = read
        else:
            numbers[column] = read
    values = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((0, 0))
    return Content(None, values, table.names, table.header, tuple(numbers), texts, "; ".join(faults) or None)


# Text


def _of_text(path: PathLike, key: str | None) -> Content:
    check_format(path, ANYTHING.what)
    no_key(path, key)
    trials = text_trials(path)
    if trials is not None:
        return _of_table(trials)
    layout = find_layout(path, _header, ANYTHING.what, short_header=True)
    words = not any(is_number(cell) for row in layout.head for cell in row)
    if words and (layout.width == 1 or layout.delimiter is None) and not _are_triplets(path, layout):
        return Content(values=text_array(path, read_names(path)))
    numbered = _numbered_names(path, layout)
    if numbered:
        return Content(values=text_array(path, numbered))
    if not any(text_columns(layout.head, layout.width)):
        every = tuple(range(layout.width))
        with suppress(InputError):  # further down there may be a cell that is no number
            return Content(None, read_columns(path, layout, every, ()).numbers, None, layout.header, every)
    return _cells(path, layout)


def _numbered_names(path: PathLike, layout: Layout) -> tuple[str, ...]:
    """Lines such as "object 0", "object 1": a word that comes again and a number that counts; () of anything else."""
    if layout.width != 2 or layout.delimiter is not None or not suffix_of(path).startswith(".txt"):
        return ()
    names = read_names(path)
    words = {name.rpartition(" ")[0].strip() for name in names}
    counted = all(name.rpartition(" ")[2].isdecimal() for name in names)
    return names if counted and "" not in words and len(set(names)) == len(names) > len(words) else ()


def _are_triplets(path: PathLike, layout: Layout) -> bool:
    """Whether three columns hold the same words again and again."""
    if layout.width != 3:
        return False
    try:
        codes, labels = joined(read_columns(path, layout, (), (0, 1, 2)).texts)
    except InputError:
        return False
    return len(labels) * 3 <= codes.size * 2


def _cells(path: PathLike, layout: Layout) -> Content:
    """Every column; see `as_numbers`."""
    coders = [Coder() for _ in range(layout.width)]
    for _, cells in data_rows(path, layout):
        for coder, cell in zip(coders, cells, strict=True):
            coder.add(cell)
    return content_of([as_numbers(coder.texts()) for coder in coders], layout.header)


def content_of(columns: Sequence[Texts | Array], header: Cells | None) -> Content:
    """A table whose columns (t,) are in memory."""
    texts = {k: column for k, column in enumerate(columns) if isinstance(column, Texts)}
    numbers = {k: column for k, column in enumerate(columns) if not isinstance(column, Texts)}
    values = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((0, 0))
    return Content(None, values, None, header, tuple(numbers), texts)


def columns_of(path: PathLike, table: Table, wanted: Wanted) -> list[Texts | Array]:
    """Every column of a table, of text or of numbers, in which NaN is an empty cell."""
    if table.columns is not None:
        return [*table.columns]
    if suffix_of(path) in TEXT:
        return _cells(path, find_layout(path, wanted.has_header, wanted.what)).columns
    content = _of_table(table)
    if content.fault is not None:
        raise bad(path, content.fault)
    return content.columns
