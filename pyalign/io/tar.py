"""Tar archives whose members are read where they are: nothing is unpacked, and no name of a member is a path here.

Python's tarfile reads the same archives; it seeks in one file that threads would share, and versions of it have hung on
damaged ones.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from pyalign.errors import shorten
from pyalign.io.image_files import check_bytes, is_hidden, is_image
from pyalign.io.paths import PathLike, bad, check_file

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
        """All members in the order of the archive. Sets `ended`.

        Raises:
            InputError: it is no tar archive, truncated, damaged, goes on behind its end, or has a sparse member.
        """
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
    """The names of the images in an archive, in its order.

    Raises:
        InputError, OSError: as `Archive` and `Archive.members`.
    """
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
