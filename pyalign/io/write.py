"""Writing: the whole file or nothing, never half of one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError
from pyalign.io.paths import PathLike


def write_array(path: PathLike, array: npt.ArrayLike) -> None:
    """Write a ``.npy`` file: beside its place first, then moved there in one step.

    An existing file is replaced or, on any failure, left as it was. Raises OSError (disk full, forbidden).
    """
    values = np.asarray(array)
    if values.dtype.hasobject:
        raise InputError(f"{os.fspath(path)}: Python objects (dtype {values.dtype}) are not written")
    _replace(path, lambda handle: np.lib.format.write_array(_Plain(handle), values, allow_pickle=False))


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 text file, in the same way."""
    data = text.encode("utf-8")
    _replace(path, lambda handle: handle.write(data))


class _Plain:
    """Only ``write``: numpy then writes in pieces, and a full disk is reported with the system's reason."""

    def __init__(self, handle: IO[bytes]) -> None:
        self.write = handle.write


def _replace(path: PathLike, fill: Callable[[IO[bytes]], object]) -> None:
    target = os.path.realpath(path)  # a link stays a link
    temporary = f"{target}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        # "x": never another's file; permissions follow the umask, which tempfile's would not
        with open(temporary, "xb") as handle:
            fill(handle)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:  # name the file that was asked for
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
