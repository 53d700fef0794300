"""MATLAB 5 files are checked before scipy reads them: it trusts types and lengths, and crashes where they are wrong."""

from __future__ import annotations

import zlib
from math import prod
from typing import IO, Protocol

from pyalign.io.paths import PathLike

MATRIX, COMPRESSED = 14, 15
INT8, INT32, UINT32, UTF8 = 1, 5, 6, 16
BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # of each type of number
NUMBERS = range(6, 16)  # the classes of full arrays of numbers; others are listed, and never read
OPAQUE = 17  # a class without dimensions
IS_COMPLEX = 0x08
MOST_DIMENSIONS = 32
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


def check_mat5(path: PathLike) -> None:
    """Raises ValueError where a variable of a MATLAB 5 file is not laid out as its own header says.

    Source: MathWorks, "MAT-File Format", version 5: flags, dimensions, name, real part, imaginary part.
    """
    with open(path, "rb") as handle:
        head = handle.read(128)
        if len(head) < 128 or 0 in head[:4]:  # version 4, which scipy reads by other means
            return
        order = "big" if head[126:] == b"MI" else "little"
        while tag := handle.read(8):
            kind, size, _ = _parse(tag, order)
            source, end = _Plain(handle), handle.tell() + size
            if kind == COMPRESSED:
                packed = _Packed(handle, size)
                kind, size, _ = _parse(packed.read(8), order)
                if kind == MATRIX:
                    _check_variable(packed, size, order)
            elif kind == MATRIX:
                _check_variable(source, size, order)
            handle.seek(end)


def _check_variable(source: _Source, left: int, order: str) -> None:
    flags, left = _element(source, left, order, {UINT32})
    if len(flags) != 8:
        raise ValueError("a variable without flags")
    word = int.from_bytes(flags[:4], order)  # type: ignore[arg-type]
    if word & 0xFF == OPAQUE:
        return
    sizes, left = _element(source, left, order, {INT32, UINT32})
    dims = [int.from_bytes(sizes[k : k + 4], order, signed=True) for k in range(0, len(sizes), 4)]  # type: ignore[arg-type]
    if len(sizes) % 4 or not 2 <= len(dims) <= MOST_DIMENSIONS or min(dims) < 0:
        raise ValueError("a variable without dimensions")
    _, left = _element(source, left, order, {INT8, UTF8})
    if word & 0xFF not in NUMBERS:
        return
    for _ in range(2 if (word >> 8) & IS_COMPLEX else 1):
        kind, size, small = _parse(source.read(8), order)
        if kind not in BYTES:
            raise ValueError(f"an element of type {kind}")
        if size != prod(dims) * BYTES[kind]:
            raise ValueError(f"an element of {size} bytes for an array of {' x '.join(map(str, dims))}")
        left -= 8 + _padded(size, small)
        if left < 0:
            raise ValueError(f"an element of {size} bytes, longer than what holds it")
        source.skip(_padded(size, small))


def _element(source: _Source, left: int, order: str, kinds: set[int]) -> tuple[bytes, int]:
    """The content of a short element of a header, and how much is left behind it."""
    tag = source.read(8)
    kind, size, small = _parse(tag, order)
    if kind not in kinds or size > min(left, CHUNK) or (small and size > 4):
        raise ValueError(f"an element of type {kind} and {size} bytes in the header of a variable")
    content = tag[4 : 4 + size] if small else source.read(_padded(size, small))[:size]
    return content, left - 8 - _padded(size, small)


def _padded(size: int, small: bool) -> int:
    return 0 if small else -(-size // 8) * 8


def _parse(tag: bytes, order: str) -> tuple[int, int, bool]:
    """Type and size of an element, and whether it is a small one, whose data stand in the tag."""
    if len(tag) < 8:
        raise ValueError("it ends within an element")
    first, size = (int.from_bytes(tag[k : k + 4], order) for k in (0, 4))  # type: ignore[arg-type]
    return (first & 0xFFFF, first >> 16, True) if first >> 16 else (first, size, False)
