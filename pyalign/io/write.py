"""Writing: all the files or none, never half of one."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError
from pyalign.io.paths import PathLike

Content: TypeAlias = "npt.NDArray[Any] | str | bytes"
STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # names of what is open already, also where that is a plain file


def write_array(path: PathLike, array: npt.ArrayLike) -> None:
    """Write a ``.npy`` file: beside its place first, then moved there in one step.

    An existing file is replaced or, on any failure, left as it was. Raises OSError (disk full, forbidden).
    """
    write_files([(path, np.asarray(array))])


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 text file, in the same way."""
    write_files([(path, text)])


def write_files(files: Iterable[tuple[PathLike, Content]]) -> None:
    """Write several files (an array as ``.npy``): all beside their places first, and moved there when all are whole.

    A pipe or a device is written into last, and never replaced.
    """
    moves: list[tuple[PathLike, str, str]] = []
    streams: list[tuple[PathLike, Content]] = []
    try:
        for path, content in files:
            if isinstance(content, np.ndarray) and content.dtype.hasobject:
                raise InputError(f"{os.fspath(path)}: Python objects (dtype {content.dtype}) are not written")
            with _named(path):
                if _is_stream(path):
                    streams.append((path, content))
                    continue
                target = os.path.realpath(path)  # a link stays a link
                moves.append((path, f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp", target))
                # "x": never another's file; permissions follow the umask, which tempfile's would not
                with open(moves[-1][1], "xb") as handle:
                    _fill(handle, content)
        for path, temporary, target in moves:
            with _named(path):
                os.replace(temporary, target)
        for path, content in streams:
            with _named(path), open(path, "wb") as handle:
                _fill(handle, content)
    finally:
        for _, temporary, _ in moves:
            with suppress(OSError):
                os.unlink(temporary)


def _is_stream(path: PathLike) -> bool:
    """Whether a pipe, a device or an open stream stands there. Raises where a folder does."""
    if os.fspath(path).startswith(STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return not stat.S_ISREG(mode)


class _Plain:
    """Only ``write``: numpy then writes in pieces, and a full disk is reported with the system's reason."""

    def __init__(self, handle: IO[bytes]) -> None:
        self.write = handle.write


def _fill(handle: IO[bytes], content: Content) -> None:
    if isinstance(content, np.ndarray):
        np.lib.format.write_array(_Plain(handle), content, allow_pickle=False)
    else:
        handle.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """A system error names the file that was asked for, not the one beside it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
