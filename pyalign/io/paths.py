"""What every reader does first: the file is there, it is a file, and its extension names a known format.

And it asks for no more than it may: a few packed bytes can stand for any number of others, and a map of a file keeps
no descriptor.
"""

from __future__ import annotations

import ctypes
import errno
import gzip
import importlib
import io
import mmap
import os
import stat
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from types import ModuleType
from typing import Any, TextIO, TypeAlias

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError, MissingExtraError, printable, shorten

PathLike: TypeAlias = "str | os.PathLike[str]"
Array: TypeAlias = "npt.NDArray[Any]"

DATA_SET = "dataset:"  # how a path begins that names a data set
PUBLISHED_MAP = "glocal:"  # starts the name of a published map
DESCRIBED = ".toml"  # how it ends where it is a description of one
LONGEST_PATH = 4096  # letters, as on Linux
LONGEST_MESSAGE = 800  # letters: a message may show names from a file
TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


def checked_path(path: object, name: str = "path") -> str:
    """A path as text that the system can take: every function that takes one calls this before anything else.

    `open` takes a number, and so True, for a file that is open already, such as standard output, and closes it. Names
    of files that are no text, which Python holds as surrogates of their bytes, are paths like others.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise InputError(f"{name} must be text or an os.PathLike of text; got {shorten(path)}")
    if len(text) > LONGEST_PATH:
        raise InputError(f"{name} must have at most {LONGEST_PATH:,} letters; got {len(text):,}, {shorten(text)}")
    try:
        sound = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        sound = False
    if not sound:
        raise InputError(f"{name} must have no NUL and no lone surrogate in it; got {shorten(text)}")
    return text


def is_named(path: PathLike) -> bool:
    """Whether it names a data set, with a key or without. A file called ``dataset:...`` is ``./dataset:...``.

    Example:
        >>> is_named("dataset:things"), is_named("mine.toml::main"), is_named("./dataset:things")
        (True, True, False)
    """
    return checked_path(path).startswith(DATA_SET) or is_description(path)


def is_description(path: PathLike) -> bool:
    """Whether it is the file that describes a data set, with a key or without.

    Example:
        >>> is_description("mine.toml"), is_description("mine.toml::main"), is_description("dataset:mine")
        (True, True, False)
    """
    whole = checked_path(path)
    return (whole.rpartition("::")[0] or whole).endswith(DESCRIBED)


def spec_of(name: str) -> str:
    """How a data set is named where a file can be: a description by its path, others with the prefix.

    Example:
        >>> spec_of("things"), spec_of("data/mine.toml")
        ('dataset:things', 'data/mine.toml')
    """
    return name if is_description(name) else f"{DATA_SET}{name}"


def bad(path: PathLike, problem: object) -> InputError:
    """An ``InputError`` of one line that starts with the path."""
    return InputError(f"{os.fspath(path)}: {one_line(problem)}")


@contextmanager
def errors_of(path: PathLike) -> Iterator[None]:
    """Errors about what a file holds start with its path."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(os.fspath(path)):
            raise
        raise bad(path, error) from error


def one_line(problem: object, longest: int = LONGEST_MESSAGE) -> str:
    """The first line of a text, cut, with no letter in it that a terminal would obey."""
    lines = str(problem).strip().splitlines() or ["unreadable"]
    shown = lines[0] if len(lines[0]) <= longest else f"{lines[0][: longest - 3]}..."
    return printable(shown)


def require_file(path: PathLike) -> os.stat_result:
    """The status of an existing, regular file: to open a pipe would be to wait, and a device may have no end.

    A missing or forbidden file raises the system's own ``OSError``, which carries the name.
    """
    status = os.stat(checked_path(path))
    if stat.S_ISDIR(status.st_mode):
        raise bad(path, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise bad(path, "is not a regular file")
    return status


def is_written_over(path: PathLike, before: os.stat_result) -> bool:
    """Whether the file that `before` is of has been written over since, or its permissions or links were changed.

    The time of that change can't be set, unlike the time of the last writing. False where the file was deleted, or
    another was moved to its place: what is open or mapped of it stays as it was.
    """
    try:
        now = os.stat(path)
    except OSError:
        return False
    fields = ("st_size", "st_mtime_ns", "st_ctime_ns")
    return os.path.samestat(before, now) and any(getattr(before, field) != getattr(now, field) for field in fields)


def check_file(path: PathLike, what: str, known: tuple[str, ...]) -> str:
    """The extension of an existing, regular, non-empty file; one of ``known``; see `require_file`."""
    if checked_path(path).startswith(DATA_SET):
        raise bad(path, f"{what} are read from a file, not from a data set")
    status = require_file(path)
    suffix = suffix_of(path)
    if suffix not in known:
        got = f"unknown extension {suffix!r}" if suffix else "no extension"
        raise bad(path, f"{got}; {what} are read from {', '.join(known)}")
    if status.st_size == 0:
        raise bad(path, "is empty (0 bytes)")
    if status.st_size > SMALL:
        check_holes(path, status.st_size)
    with open(path, "rb"):  # so that "permission denied" is said here, not by a library in its own words
        return suffix


def suffix_of(path: PathLike) -> str:
    """The extension in lower case; ``.csv.gz`` counts as one."""
    stem, suffix = os.path.splitext(checked_path(path).lower())
    return os.path.splitext(stem)[1] + suffix if suffix == ".gz" else suffix


def no_key(path: PathLike, key: str | None) -> None:
    """Refuse a key for a format that holds one array."""
    if key is not None:
        raise bad(path, f"a {suffix_of(path)} file holds one array, so the key {key!r} has no meaning")


class Spec(str):
    """FILE, FILE::KEY or FOLDER::LAYER: a text that is parsed once, where it comes in, and shown as it was written.

    The last ``::`` splits, unless a file of the whole name exists and none of the part before it.

    Attributes:
        path: the file or folder.
        key: what is named in it, or None.
    """

    path: str
    key: str | None

    def __new__(cls, spec: PathLike) -> Spec:
        """A parsed path; the same object where it is parsed already."""
        if isinstance(spec, Spec):
            return spec
        whole = checked_path(spec)
        made = super().__new__(cls, whole)
        path, mark, key = whole.rpartition("::")
        if not mark or (os.path.exists(whole) and not os.path.exists(path)):
            made.path, made.key = whole, None
            return made
        if not path or not key:
            raise InputError(f"{whole}: write FILE::KEY, with a name on both sides of '::'")
        made.path, made.key = path, key
        return made


# How files start that are no text, whatever they are called.
BINARY = {
    b"\x93NUMPY": "a .npy file",
    b"\x89HDF": "an HDF5 file",
    b"PK": "an archive (.npz, .xlsx, .pt)",
    b"\x1f\x8b": "a .gz",
}


@contextmanager
def text_errors(path: PathLike) -> Iterator[None]:
    """Say in one line what is wrong with the bytes of a text file."""
    import gzip
    import zlib

    try:
        yield
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        known = next((what for start, what in BINARY.items() if error.object.startswith(start)), None)
        remedy = "save it as UTF-8" if known is None else f"it starts as {known} does"
        raise bad(path, f"is not UTF-8 text (byte 0x{byte:02x}); {remedy}") from error
    except EOFError as error:
        raise bad(path, "is truncated: the gzip stream ends early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise bad(path, f"is not a sound gzip file ({error})") from error


@contextmanager
def open_text(path: PathLike) -> Iterator[TextIO]:
    """The file as UTF-8 text, unpacked when its name ends in .gz; a byte order mark is dropped."""

    is_packed = suffix_of(path).endswith(".gz")
    with text_errors(path), open_gz(path) if is_packed else open(path, encoding="utf-8-sig") as handle:
        yield handle


def guarded(path: PathLike, kind: str, action: Callable[..., Any], *arguments: Any) -> Any:
    """Call a library's reader; whatever it raises about the content becomes one line with the path.

    Malformed files make these libraries raise almost anything, so the net is wide; ``InputError`` and
    ``ImportError`` keep their own words, and memory or descriptors that ran out are no fault of the file.
    """
    try:
        return action(*arguments)
    except (InputError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, MemoryError) and str(error).startswith(os.fspath(path)):
            raise  # said by a reader within this one
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        if is_memory(error):
            raise MemoryError(f"{os.fspath(path)}: not enough memory to read it ({detail})") from error
        if (number := getattr(error, "errno", None)) in (errno.EMFILE, errno.ENFILE):
            raise OSError(number, os.strerror(number), os.fspath(path)) from error
        raise bad(path, f"is not a sound {kind} file ({detail})") from error


def is_memory(error: Exception) -> bool:
    """Whether memory ran out, which the system, libhdf5 and torch say in other classes and words."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    message = str(error).lower()
    return any(words in message for words in ("allocate memory", "memory allocation failed", "failed to map segment"))


def needed(path: PathLike, package: str, extra: str, module: str | None = None) -> ModuleType:
    """Import ``package`` or raise the error that says what to install."""
    try:
        return importlib.import_module(module or package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{path}:", package, extra) from error
    except ImportError as error:
        if not is_memory(error):
            raise
        raise MemoryError(f"{path}: not enough memory to load {package}") from error


def mapped(path: PathLike, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], order: Any = "C") -> Array:
    """An array in a file, memory-mapped read-only.

    It keeps no descriptor open, as each map of Python's own does, so thousands of models can be open together.
    """
    if sys.platform == "win32":
        return np.memmap(path, dtype, "r", offset, shape, order)
    size, start = prod(shape) * dtype.itemsize, offset - offset % mmap.ALLOCATIONGRANULARITY
    with open(path, "rb") as handle:
        if os.fstat(handle.fileno()).st_size < offset + size:
            raise ValueError("it ends before its data do")
        data = np.asarray(MappedBytes(handle.fileno(), offset - start + size, start))
    return np.ndarray(shape, dtype, data, offset - start, order=order).view(np.memmap)


class MappedBytes:
    """What `np.asarray` makes an array of bytes of: a part of a file, mapped until nothing looks at it any more."""

    def __init__(self, descriptor: int, size: int, start: int = 0, writable: bool = False) -> None:
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        address = _system().mmap(None, size, protection, mmap.MAP_SHARED, descriptor, start)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.__array_interface__ = {"data": (address, not writable), "shape": (size,), "typestr": "|u1", "version": 3}
        weakref.finalize(self, _system().munmap, address, size).atexit = False  # at exit, threads may still look at it


@cache
def _system() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype, integer = ctypes.c_void_p, ctypes.c_int
    library.mmap.argtypes = ctypes.c_void_p, ctypes.c_size_t, integer, integer, integer, ctypes.c_long
    library.munmap.argtypes = ctypes.c_void_p, ctypes.c_size_t
    return library


SMALL = 256 << 20  # bytes that a reader may take next to what the data need
MOST_EXPANSION = 100  # numbers and names pack to a hundredth at best, unless nearly all of them are the same


def check_expansion(path: str | os.PathLike[str], packed: int, unpacked: int, what: str = "") -> None:
    """Refuse data that unpack to much more than is there."""
    if unpacked > max(SMALL, MOST_EXPANSION * packed):
        rule = f"more than {MOST_EXPANSION} times as many, which is not unpacked"
        raise InputError(f"{os.fspath(path)}: {what or 'its data'}: {packed} bytes that become {unpacked}, {rule}")


def check_holes(path: str | os.PathLike[str], size: int) -> None:
    """Refuse a large file of which nearly nothing is on the disk: to read its holes takes the time of real data."""
    if not hasattr(os, "SEEK_DATA"):
        return
    there = place = 0
    with open(path, "rb") as handle:
        try:
            while there * MOST_EXPANSION < size:
                first = os.lseek(handle.fileno(), place, os.SEEK_DATA)
                place = os.lseek(handle.fileno(), first, os.SEEK_HOLE)
                there += place - first
        except OSError as error:
            if error.errno == errno.ENXIO:  # no more data; other errors: the file system does not tell
                fault = f"holds {there} bytes of the {size} that it claims; the rest are holes"
                raise InputError(f"{os.fspath(path)}: {fault}") from None


SMALL_TEXT, MOST_EXPANSION_OF_TEXT = 64 << 20, 50  # bytes of text, which become four times as many of numbers


class _Bounded(gzip.GzipFile):
    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, "rb")
        self._path, self._unpacked, packed = path, 0, os.path.getsize(path)
        self._most = max(SMALL_TEXT, MOST_EXPANSION_OF_TEXT * packed)

    def read1(self, size: int = -1) -> bytes:
        """What `io.TextIOWrapper` reads by."""
        unpacked = super().read1(size)
        self._unpacked += len(unpacked)
        if self._unpacked > self._most:
            rule = f"more than {MOST_EXPANSION_OF_TEXT} times as much as is packed, which is not unpacked"
            raise InputError(f"{os.fspath(self._path)}: is packed text of more than {self._most} bytes, {rule}")
        return unpacked


def open_gz(path: str | os.PathLike[str]) -> TextIO:
    """The text of a ``.gz``; a byte order mark is dropped."""
    return io.TextIOWrapper(_Bounded(path), encoding="utf-8-sig")
