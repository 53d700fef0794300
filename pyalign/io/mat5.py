"""MATLAB 4 to 7 files, read here: the layout of an element is checked before its bytes become an array.

Source: MathWorks, "MAT-File Format": a variable is its flags, dimensions, name, real part, imaginary part.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import IO, Any, Literal, Protocol

import numpy as np

from pyalign.io.bounds import check_expansion
from pyalign.io.numbers import native
from pyalign.io.paths import Array, PathLike, bad

Order = Literal["little", "big"]
MATRIX, COMPRESSED = 14, 15
INT8, INT32, UINT32, UTF8 = 1, 5, 6, 16
TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16-{}e", 16: "utf-8", 17: "utf-16-{}e", 18: "utf-32-{}e"}  # of letters
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = (
    "", "cell", "struct", "object", "char", "sparse", "double", "single", "int8", "uint8", "int16", "uint16",
    "int32", "uint32", "int64", "uint64", "function", "opaque",
)  # fmt: skip
NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
CHAR, OPAQUE = 4, 17  # a class of letters, and one without dimensions
IS_LOGICAL, IS_COMPLEX = 0x02, 0x08
MOST_DIMENSIONS = 32
MOST = 100_000  # variables
DEEPEST = 8  # structs in structs
LONGEST_FIELD = 64  # bytes of the name of a field, with the zero behind it
SHORT, CHUNK = 1 << 12, 1 << 20  # bytes unpacked at once: of a header, of data


class _Source(Protocol):
    taken: int  # bytes so far

    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


class _Plain:
    """The file itself."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle, self.taken = handle, 0

    def read(self, size: int) -> bytes:
        data = self._handle.read(size)
        self.taken += len(data)
        return data

    def skip(self, size: int) -> None:
        self._handle.seek(size, os.SEEK_CUR)
        self.taken += size


class _Packed:
    """The content of a compressed element, a piece at a time."""

    def __init__(self, handle: IO[bytes], size: int) -> None:
        self._handle, self._left, self._unpack, self._ready = handle, size, zlib.decompressobj(), b""
        self.taken = 0

    def skip(self, size: int) -> None:
        while size > 0:
            piece = self.read(min(size, CHUNK))
            if not piece:
                raise ValueError("it ends within an element")
            size -= len(piece)

    def read(self, size: int) -> bytes:
        """At most `CHUNK` bytes."""
        while len(self._ready) < size:
            packed = self._unpack.unconsumed_tail
            if not packed:
                packed = self._handle.read(min(self._left, max(size, SHORT)))
                self._left -= len(packed)
            more = b"" if self._unpack.eof else self._unpack.decompress(packed, max(size, SHORT))
            if not more and not packed:
                break
            self._ready += more
        data, self._ready = self._ready[:size], self._ready[size:]
        self.taken += len(data)
        return data


@dataclass(frozen=True)
class Variable:
    """A variable of the file, its data not read yet.

    place: of its element in the file. stored: the type of the numbers there, "" where it is no full array of numbers;
    wanted: that of its class. small: the numbers themselves, where they are few enough to stand in the header. leaf:
    which of the variables in the element it is, where that is a struct. inner: whether it is a field of one. letters:
    of text, a string for each row: the bytes of all, their coding, and how many letters a row has.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    place: int
    order: Order
    stored: str = ""
    wanted: str = ""
    is_complex: bool = False
    small: bytes | None = None
    leaf: int = 0
    inner: bool = False
    letters: tuple[int, str, int] | None = None

    @property
    def nbytes(self) -> int:
        """The bytes of the array that the variable becomes."""
        if self.letters is not None:
            return 4 * prod(self.shape) * self.letters[2]
        return prod(self.shape) * np.dtype(self.wanted).itemsize if self.wanted else 0


def list_mat5(path: PathLike, handle: IO[bytes]) -> list[Variable]:
    """The variables of a MATLAB 5 to 7 file; ValueError where one is not laid out as its own header says."""
    head, variables = handle.read(128), list[Variable]()
    order: Order = "big" if head[126:] == b"MI" else "little"
    if order == "little" and head[126:] != b"IM":
        raise ValueError("it does not say in which order its bytes are")
    size = os.fstat(handle.fileno()).st_size
    while True:
        place = handle.tell()
        tag = handle.read(8)
        if not tag:
            return variables
        kind, length, _ = _parse(tag, order)
        if place + 8 + length > size:
            raise ValueError("it ends within an element")
        if len(variables) == MOST:
            raise bad(path, f"holds more than {MOST} variables")
        source, inside = _enter(handle, place, order)
        if inside >= 0:
            for leaf, variable in enumerate(_walk(source, inside, order, place)):
                if len(variables) == MOST:
                    raise bad(path, f"holds more than {MOST} variables")
                variables.append(replace(variable, leaf=leaf))
                if kind == COMPRESSED:  # what is in a struct is unpacked to find the next field
                    check_expansion(path, length, inside if variable.kind == "struct" else variable.nbytes)
        handle.seek(place + 8 + length)


def _enter(handle: IO[bytes], place: int, order: Order) -> tuple[_Source, int]:
    """Where to read the content of a variable's element from, and its length; -1 for other elements."""
    handle.seek(place)
    kind, size, _ = _parse(handle.read(8), order)
    source: _Source = _Plain(handle)
    if kind == COMPRESSED:
        source = _Packed(handle, size)
        kind, size, _ = _parse(source.read(8), order)
    return source, size if kind == MATRIX else -1


def load_mat5(path: PathLike, variable: Variable) -> Array:
    """A variable's values in the type of its class: MATLAB stores whole doubles in the smallest that holds them."""
    stored = np.dtype(variable.stored).newbyteorder("<" if variable.order == "little" else ">")
    count = prod(variable.shape) if variable.letters is None else variable.letters[0]
    if variable.small is not None:
        flat = np.frombuffer(variable.small, stored)
    else:
        flat = np.empty(count, stored)
        with open(path, "rb") as handle:
            source, left = _enter(handle, variable.place, variable.order)
            for leaf, _ in enumerate(_walk(source, left, variable.order, variable.place)):
                if leaf == variable.leaf:
                    break
            _fill(source, flat.view(np.uint8))
    if variable.letters is not None:
        return _strings(flat.tobytes().decode(variable.letters[1]), variable.shape[0], variable.letters[2])
    values: Array = native(flat).reshape(variable.shape, order="F")
    return _as_class(values, np.dtype(variable.wanted))


def _strings(text: str, rows: int, columns: int) -> Array:
    """The strings (rows,) of letters that are stored column by column, without the blanks at their ends."""
    if len(text) != rows * columns:
        raise ValueError(f"{len(text)} letters for an array of {rows} x {columns}")
    letters = np.frombuffer(text.encode("utf-32-le"), "<U1").reshape(rows, columns, order="F")
    strings: Array = np.ascontiguousarray(letters).view(f"<U{columns}")[:, 0] if text else np.zeros(rows, np.str_)
    return np.char.rstrip(strings)


def _fill(source: _Source, raw: Array) -> None:
    place = 0
    while place < len(raw):
        piece = source.read(min(CHUNK, len(raw) - place))
        if not piece:
            raise ValueError("it ends within an element")
        raw[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
        place += len(piece)


def _as_class(values: Array, wanted: np.dtype[Any]) -> Array:
    """Refuses numbers that the variable's own type would not hold."""
    if values.dtype == wanted:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        converted: Array = values.astype(wanted, order="F")
        if wanted.kind != "b" and values.dtype.kind in "iu" and not _same(converted, values):
            raise ValueError(f"numbers of {values.dtype.name} that {wanted.name} does not hold")
    return converted


def _same(converted: Array, values: Array) -> bool:
    if converted.dtype.kind == "f" and values.dtype.itemsize == 8:  # numpy compares these as float64
        return not values.size or max(int(values.max()), -int(values.min())) <= 2**53
    return bool((converted == values).all())


def _walk(
    source: _Source, left: int, order: Order, place: int, path: str | None = None, depth: int = 0
) -> Iterator[Variable]:
    """A variable, then what is in its fields, if it is a struct; the source stands at the first byte of the numbers of
    each while it is given.

    Fields are called as MATLAB calls them: ``BEHAVIOR.set1``, ``rdms(2).RDM``.
    """
    end = source.taken + left
    variable = _describe(source, left, order, place)
    called = variable.name if path is None else path
    yield replace(variable, name=called, inner=depth > 0)
    if variable.kind != "struct" or not called:
        return
    if depth == DEEPEST:
        raise ValueError(f"structs in structs, more than {DEEPEST} deep")
    names = _field_names(source, end - source.taken, order)
    count = prod(variable.shape)
    if count * len(names) > MOST:
        raise ValueError(f"a struct of more than {MOST} fields")
    for k in range(count if names else 0):
        for name in names:
            kind, size, _ = _parse(source.read(8), order)
            after = source.taken + -(-size // 8) * 8
            if kind != MATRIX or after > end:
                raise ValueError("a field that is no variable")
            if size:  # a field that was never filled has no bytes
                inside = f"{called}.{name}" if count == 1 else f"{called}({k + 1}).{name}"
                yield from _walk(source, size, order, place, inside, depth + 1)
            if source.taken > after:
                raise ValueError("a field that is longer than it says")
            source.skip(after - source.taken)


def _field_names(source: _Source, left: int, order: Order) -> list[str]:
    """The names of the fields of a struct."""
    raw, left = _element(source, left, order, {INT32})
    length = int.from_bytes(raw, order)
    names, _ = _element(source, left, order, {INT8})
    if len(raw) != 4 or not 0 < length <= LONGEST_FIELD or len(names) % length:
        raise ValueError("a struct without names of fields")
    return [_text(names[k : k + length]) for k in range(0, len(names), length)]


def _describe(source: _Source, left: int, order: Order, place: int) -> Variable:
    """The header of a variable; leaves the source at the first byte of the numbers, or of the fields."""
    flags, left = _element(source, left, order, {UINT32})
    if len(flags) != 8:
        raise ValueError("a variable without flags")
    word = int.from_bytes(flags[:4], order)
    number, bits = word & 0xFF, word >> 8
    kind = CLASSES[number] if 0 < number < len(CLASSES) else f"class {number}"
    if number == OPAQUE:
        name, _ = _element(source, left, order, {INT8, UTF8})
        return Variable(_text(name), (), kind, place, order)
    sizes, left = _element(source, left, order, {INT32, UINT32})
    shape = tuple(int.from_bytes(sizes[k : k + 4], order, signed=True) for k in range(0, len(sizes), 4))
    if len(sizes) % 4 or not 2 <= len(shape) <= MOST_DIMENSIONS or min(shape) < 0:
        raise ValueError("a variable without dimensions")
    name, left = _element(source, left, order, {INT8, UTF8})
    if number == CHAR and len(shape) == 2 and left >= 8:
        code, size, short = _parse(tag := source.read(8), order)
        if code in TEXTS and size <= (4 if short else left - 8):
            inside, coding = tag[4 : 4 + size] if short else None, TEXTS[code].format(order[0])
            letters = size, coding, shape[1]
            return Variable(_text(name), shape[:1], "text", place, order, "u1", small=inside, letters=letters)
    if number not in NUMBERS:
        return Variable(_text(name), shape, kind, place, order)
    stored, small = _check_numbers(source, left, order, shape)
    wanted, logical = NUMBERS[number], bool(bits & IS_LOGICAL)
    return Variable(
        _text(name), shape, "logical" if logical else kind, place, order, stored,
        "?" if logical else wanted, bool(bits & IS_COMPLEX), small,
    )  # fmt: skip


def _check_numbers(source: _Source, left: int, order: Order, shape: tuple[int, ...]) -> tuple[str, bytes | None]:
    """The type of the numbers that follow, when there are as many as the shape needs; those of a small element."""
    tag = source.read(8)
    kind, size, small = _parse(tag, order)
    if kind not in STORED:
        raise ValueError(f"an element of type {kind}")
    if size != prod(shape) * np.dtype(STORED[kind]).itemsize:
        raise ValueError(f"an element of {size} bytes for an array of {' x '.join(map(str, shape))}")
    if (left - 8 < (0 if small else size)) or (small and size > 4):
        raise ValueError(f"an element of {size} bytes, longer than what holds it")
    return STORED[kind], tag[4 : 4 + size] if small else None


def _element(source: _Source, left: int, order: Order, kinds: set[int]) -> tuple[bytes, int]:
    """The content of a short element of a header, and how much is left behind it."""
    tag = source.read(8)
    kind, size, small = _parse(tag, order)
    if kind not in kinds or size > min(left, CHUNK) or (small and size > 4):
        raise ValueError(f"an element of type {kind} and {size} bytes in the header of a variable")
    content = tag[4 : 4 + size] if small else source.read(-(-size // 8) * 8)[:size]
    return content, left - 8 - (0 if small else -(-size // 8) * 8)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1")


def _parse(tag: bytes, order: Order) -> tuple[int, int, bool]:
    """Type and size of an element, and whether it is a small one, whose data stand in the tag."""
    if len(tag) < 8:
        raise ValueError("it ends within an element")
    first, size = (int.from_bytes(tag[k : k + 4], order) for k in (0, 4))
    return (first & 0xFFFF, first >> 16, True) if first >> 16 else (first, size, False)
