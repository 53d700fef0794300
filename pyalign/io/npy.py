"""``.npy`` and ``.npz``: the headers are read here, so that the errors are ours and nothing is unpickled."""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from math import prod
from typing import IO, Any

import numpy as np

from pyalign.io.arrays import Entry, type_name
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import Array, PathLike, bad, guarded

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 1 << 16  # bytes
END = b"PK\x05\x06"  # of a zip's directory
LONGEST_TAIL, LONGEST_DIRECTORY = (1 << 16) + 22, 16 << 20
MOST = 20_000  # arrays
READERS = {b"\x01\x00": np.lib.format.read_array_header_1_0, b"\x02\x00": np.lib.format.read_array_header_2_0}
Header = tuple[tuple[int, ...], bool, "np.dtype[Any]"]


def parse_header(path: PathLike, handle: IO[bytes], member: str = "") -> Header:
    """Shape, order and dtype; leaves the handle at the first byte of the data."""
    where = f"{member!r} " if member else ""
    start = handle.read(len(MAGIC) + 2)
    if start[: len(MAGIC)] != MAGIC:
        raise bad(path, f"{where}is not a .npy file: it starts with {start[: len(MAGIC)]!r}")
    reader = READERS.get(start[len(MAGIC) :])
    if reader is None:
        raise bad(path, f"{where}has a .npy header of an unknown version")
    raw = handle.read(2 if start.endswith(b"\x01\x00") else 4)
    length = int.from_bytes(raw, "little")
    if length > LONGEST_HEADER:
        raise bad(path, f"{where}has a .npy header of {length} bytes")
    raw += handle.read(length)
    header: Header = guarded(path, ".npy", reader, io.BytesIO(raw))
    return header


def check_plain(path: PathLike, header: Header, there: int, member: str = "") -> None:
    """Refuse Python objects, records and a shape that needs more bytes than are there."""
    where = f"{member!r} " if member else ""
    shape, _, dtype = header
    if dtype.hasobject:
        raise bad(path, f"{where}holds Python objects (dtype {dtype}), which are never unpickled")
    record = dtype.names is not None or dtype.subdtype is not None
    if record or dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise bad(path, f"{where}has shape {shape} and dtype {dtype}, which is not a plain array")
    promised = prod(shape) * dtype.itemsize
    if there < promised:
        raise bad(path, f"{where}is truncated: {shape} {dtype} takes {promised} bytes, {there} are there")


def open_npy(path: PathLike) -> Array:
    """The array, memory-mapped read-only."""
    with open(path, "rb") as handle:
        header = parse_header(path, handle)
        offset = handle.tell()
        check_plain(path, header, os.fstat(handle.fileno()).st_size - offset)
    shape, fortran, dtype = header
    if prod(shape) == 0:  # nothing to map
        empty: Array = guarded(path, ".npy", np.empty, shape, dtype)
        return empty
    mapped: Array = guarded(path, ".npy", np.memmap, path, dtype, "r", offset, shape, "F" if fortran else "C")
    check_letters(path, mapped)
    return mapped


def check_letters(path: PathLike, array: Array) -> None:
    """Refuse text with numbers that are no letters of Unicode, which Python's strings do not hold."""
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).reshape(-1).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        if codes.max() > sys.maxunicode:
            raise bad(path, "holds text that is not Unicode")


def npy_entries(path: PathLike) -> dict[str, Entry]:
    """The array of a ``.npy``, under no name."""
    array = open_npy(path)
    return {"": Entry(array.shape, type_name(array.dtype), lambda: array)}


def npz_entries(path: PathLike) -> dict[str, Entry]:
    """The arrays of a ``.npz``, by key."""
    entries: dict[str, Entry] = guarded(path, ".npz", _npz_entries, path)
    return entries


def _npz_entries(path: PathLike) -> dict[str, Entry]:
    import zipfile

    entries = dict[str, Entry]()
    check_directory(path, LONGEST_DIRECTORY)
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if len(entries) == MOST:
                raise bad(path, f"holds more than {MOST} arrays")
            if member.endswith(".npy"):
                with archive.open(member) as handle:
                    shape, _, dtype = parse_header(path, handle, member)
                load = partial(guarded, path, ".npz", _read_member, path, member)
                entries[member[: -len(".npy")]] = Entry(shape, type_name(dtype), load)
    return entries


def check_directory(path: PathLike, longest: int) -> None:
    """Refuse a zip with a directory that takes long to read: it names millions of members."""
    with open(path, "rb") as handle:
        handle.seek(max(0, os.fstat(handle.fileno()).st_size - LONGEST_TAIL))
        tail = handle.read()
    place = len(tail) - 22 if tail[-22:-18] == END and tail[-2:] == bytes(2) else tail.rfind(END)
    if place >= 0 and int.from_bytes(tail[place + 12 : place + 16], "little") > longest:
        raise bad(path, f"has a directory of more than {longest} bytes, which names too many members")


def _read_member(path: PathLike, member: str) -> Array:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        check_expansion(path, info.compress_size, info.file_size, repr(member))
        with archive.open(member) as handle:
            header = parse_header(path, handle, member)
            check_plain(path, header, info.file_size - handle.tell(), member)
        with archive.open(member) as handle:
            array: Array = np.lib.format.read_array(handle, allow_pickle=False)
    check_letters(path, array)
    return array
