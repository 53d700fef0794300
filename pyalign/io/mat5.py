"""MATLAB 5 files are checked before scipy reads them: it looks types up in a table and crashes on one past its end."""

from __future__ import annotations

import zlib
from typing import IO, Protocol

from pyalign.io.paths import PathLike

PLAIN = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18}  # int8 to double, int64, text
MATRIX, COMPRESSED = 14, 15
DEEPEST = 64  # matrices in cells and structs
CHUNK = 1 << 20


class _Source(Protocol):
    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


class _Plain:
    def __init__(self, handle: IO[bytes]) -> None:
        self.read, self._handle = handle.read, handle

    def skip(self, size: int) -> None:
        self._handle.seek(size, 1)


class _Packed:
    """The content of a compressed element, a piece at a time."""

    def __init__(self, handle: IO[bytes], size: int) -> None:
        self._handle, self._left, self._unpack, self._ready = handle, size, zlib.decompressobj(), b""

    def read(self, size: int) -> bytes:
        while len(self._ready) < size:
            packed = self._unpack.unconsumed_tail
            if not packed:
                packed = self._handle.read(min(self._left, CHUNK))
                self._left -= len(packed)
            more = b"" if self._unpack.eof else self._unpack.decompress(packed, CHUNK)
            if not more and not packed:
                break
            self._ready += more
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def skip(self, size: int) -> None:
        while size > 0:
            size -= len(self.read(min(size, CHUNK))) or size

    def close(self) -> None:
        self._handle.seek(self._left, 1)


def check_mat5(path: PathLike) -> None:
    """Raises ValueError where an element of a MATLAB 5 file is of an unknown type or longer than what holds it."""
    with open(path, "rb") as handle:
        head = handle.read(128)
        if len(head) < 128 or 0 in head[:4]:  # version 4, which scipy reads by other means
            return
        order = "big" if head[126:] == b"MI" else "little"
        while tag := handle.read(8):
            kind, size, _ = _parse(tag, order)
            if kind == COMPRESSED:
                packed = _Packed(handle, size)
                inner, inside, _ = _parse(packed.read(8), order)
                if inner == MATRIX:
                    _check(packed, inside, order, 0)
                packed.close()
            elif kind == MATRIX:
                _check(_Plain(handle), size, order, 0)
            else:
                handle.seek(size, 1)


def _parse(tag: bytes, order: str) -> tuple[int, int, bool]:
    """Type and size of an element, and whether it is a small one, whose data stand in the tag."""
    if len(tag) < 8:
        raise ValueError("it ends within an element")
    first, size = (int.from_bytes(tag[k : k + 4], order) for k in (0, 4))  # type: ignore[arg-type]
    return (first & 0xFFFF, first >> 16, True) if first >> 16 else (first, size, False)


def _check(source: _Source, left: int, order: str, depth: int) -> None:
    """The elements of a matrix."""
    if depth > DEEPEST:
        raise ValueError(f"cells are nested deeper than {DEEPEST}")
    while left > 0:
        kind, size, small = _parse(source.read(8), order)
        padded = 0 if small else -(-size // 8) * 8
        left -= 8 + padded
        if kind not in PLAIN and (kind != MATRIX or small):
            raise ValueError(f"an element of type {kind}")
        if left < 0 or (small and size > 4):
            raise ValueError(f"an element of {size} bytes, longer than what holds it")
        if kind == MATRIX:
            _check(source, size, order, depth + 1)
        else:
            source.skip(padded)
