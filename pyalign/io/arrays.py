"""``.npy`` and ``.npz``: the headers are read here, so that the errors are ours and nothing is unpickled.

The arrays of a file: list them, choose the one that is wanted, find the row names next to it.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from math import prod
from typing import IO, Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.names import listing
from pyalign.io.layout import HeaderRule, embedding_header, triplet_header
from pyalign.io.paths import SMALL, Array, PathLike, bad, check_expansion, guarded, mapped, no_key

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
    array: Array = guarded(path, ".npy", mapped, path, dtype, offset, shape, "F" if fortran else "C")
    check_letters(path, array)
    return array


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


# A 1-D array of strings under one of these keys names the rows of the array next to it.
LABELS_KEY = "dimension_labels"  # what the columns of embeddings are called
NAME_KEYS = ("names", "item_names", "row_names", "object_names", "file_names", "filenames", "image_names")

NOISE = {"noise", "cov", "covariance", "prec", "precision"}  # words in the names of what is no data


@dataclass(frozen=True)
class Entry:
    """One array of a file, not read yet; `inner`: it is a field of another, which is chosen by its key alone."""

    shape: tuple[int, ...]
    dtype: str  # numpy's name, or the file's own for types that numpy lacks
    load: Callable[[], Array]
    inner: bool = False


Entries = Mapping[str, Entry]
Listed = tuple[str, tuple[int, ...], str, int, str]  # key, shape, type, bytes, and where it is in the file


def describe(entries: Entries) -> str:
    """``fc6 (92, 4096) float32, fc7 (92, 4096) float32``."""
    return listing([f"{key or 'array'} {entry.shape} {entry.dtype}" for key, entry in entries.items()])


def is_float_matrix(entry: Entry) -> bool:
    """Embeddings are the two-dimensional floats of a file."""
    return len(entry.shape) == 2 and "float" in entry.dtype


def is_square_or_stack(entry: Entry) -> bool:
    """Judgments of pairs are the square matrices of floats of a file, or stacks of them."""
    shape = entry.shape
    square = len(shape) in (2, 3) and (shape[-1] == shape[-2] or shape[0] == shape[1])
    return square and "float" in entry.dtype


def is_integer_table(entry: Entry) -> bool:
    """Triplets are the two-dimensional integers of a file."""
    return len(entry.shape) == 2 and entry.dtype.lstrip("u").startswith("int")


def is_of_noise(key: str) -> bool:
    """Whether a word of a name says that an array is of noise, such as "noiseCov"."""
    return any(word.lower().rstrip("s") in NOISE for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", key))


def names_next_to(entries: Entries) -> list[str]:
    """The keys of lists that name the rows of the array next to them."""
    return [key for key in NAME_KEYS if key in entries and entries[key].dtype in ("str", "bytes")]


def choose(
    path: PathLike, entries: Entries, key: str | None, likely: Callable[[Entry], bool], preferred: str | None = None,
    beside: Collection[str] = (),
) -> Entry:
    """The entry under ``key``; without a key the only entry, the preferred one, or the only likely one.

    beside: keys of what belongs to the array that is wanted. What is called noise is only read by its key.
    """
    if not entries:
        raise bad(path, "holds no arrays")
    if key is not None:
        if list(entries) == [""]:
            no_key(path, key)
        return under_key(path, entries, key)
    own = {name: entry for name, entry in entries.items() if name not in beside} or entries
    if preferred is not None and preferred in own:
        own = {preferred: own[preferred]}
    elif len(own) > 1:
        own = {name: entry for name, entry in own.items() if likely(entry) and not entry.inner}
    sound = [entry for name, entry in own.items() if not is_of_noise(name)]
    if len(sound) == 1:
        return sound[0]
    several = "several arrays" if len(entries) > 1 else "an array of noise"
    raise bad(path, f"holds {several}, choose one as FILE::KEY: {describe(entries)}")


def under_key(path: PathLike, entries: Entries, key: str) -> Entry:
    entry = entries.get(key) or entries.get(key.strip("/"))
    if entry is None:
        raise bad(path, f"has no array {key!r}; it holds {describe(entries)}")
    return entry


def row_names(
    path: PathLike, entries: Entries, rows: int, keys: Sequence[str] = NAME_KEYS, what: str = "rows"
) -> tuple[str, ...] | None:
    """The strings stored next to an array under one of ``NAME_KEYS`` or other keys, when there are any."""
    for key in keys:
        entry = entries.get(key)
        if entry is None or len(entry.shape) != 1 or entry.dtype not in ("str", "bytes"):
            continue
        if entry.shape[0] != rows:
            raise bad(path, f"{key!r} holds {entry.shape[0]} names for {rows} {what}")
        return strings(path, entry.load())
    return None


def strings(path: PathLike, array: Array) -> tuple[str, ...]:
    """A 1-D array of text (or of UTF-8 bytes, or of Python strings from HDF5) as a tuple of str."""
    try:
        return tuple(item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist())
    except UnicodeDecodeError as error:
        raise bad(path, "holds names that are not UTF-8") from error


def text_array(path: PathLike, cells: Sequence[str], shape: Sequence[int] | None = None) -> Array:
    """Strings as an array of them, which is as wide everywhere as the longest."""
    nbytes = len(cells) * 4 * max(map(len, cells), default=0)
    if nbytes > SMALL + 8 * sum(map(len, cells)):
        raise bad(path, f"holds a name of {max(map(len, cells))} letters among {len(cells)}")
    array: Array = np.array(cells, dtype=np.str_)
    return array if shape is None else array.reshape(shape)


def names_array(names: Sequence[str]) -> Array:
    """Strings as an array (n,) of Python's, each as long as it is."""
    array: Array = np.empty(len(names), object)
    array[:] = names
    return array


def type_name(dtype: object) -> str:
    """numpy's name of a dtype, with every width of text called ``str`` or ``bytes``."""
    kind, name = getattr(dtype, "kind", ""), str(getattr(dtype, "name", dtype))
    return {"U": "str", "S": "bytes"}.get(kind, name)


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a file."""

    what: str  # what messages call it.
    likely: Callable[[Entry], bool]  # which of several arrays it is.
    has_header: HeaderRule  # whether the first row of a text table is a header.
    preferred: str | None = None  # the name of the array that it is, where there is one.
    short_header: bool = False  # whether a header may lack its first cell, as R writes it.
    folder: bool = False  # whether a folder of `pyalign extract` may hold it.


# Where nothing else is said, thingsvision's HDF5 files hold the matrix as "features".
EMBEDDINGS = Wanted("embeddings", is_float_matrix, embedding_header, "features", True, folder=True)
TRIPLETS = Wanted("triplets", is_integer_table, triplet_header)
ANSWERS = Wanted("answers", lambda entry: len(entry.shape) == 2 and entry.shape[1] == 3, embedding_header)
NAMES = Wanted(
    "names", lambda entry: len(entry.shape) == 1 and entry.dtype in ("str", "bytes"), embedding_header, folder=True
)
CHOICES = Wanted("choices", lambda entry: len(entry.shape) == 1 or entry.shape[-1:] in ((2,), (3,)), embedding_header)
WEIGHTS = Wanted("weights", lambda entry: len(entry.shape) == 1 and "float" in entry.dtype, embedding_header)
SUBJECTS = Wanted("subjects", lambda entry: len(entry.shape) == 1, embedding_header)
JUDGMENTS = Wanted("judgments", is_square_or_stack, embedding_header)
