"""Text packed by gzip, as long as it does not become much more than is there."""

from __future__ import annotations

import gzip
import io
import os
from typing import TextIO

from pyalign.errors import InputError

SMALL, MOST_EXPANSION = 64 << 20, 50  # bytes of text, which become four times as many of numbers


class _Bounded(gzip.GzipFile):
    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, "rb")
        self._path, self._unpacked, packed = path, 0, os.path.getsize(path)
        self._most = max(SMALL, MOST_EXPANSION * packed)

    def read1(self, size: int = -1) -> bytes:
        """What `io.TextIOWrapper` reads by."""
        unpacked = super().read1(size)
        self._unpacked += len(unpacked)
        if self._unpacked > self._most:
            rule = f"more than {MOST_EXPANSION} times as much as is packed, which is not unpacked"
            raise InputError(f"{os.fspath(self._path)}: is packed text of more than {self._most} bytes, {rule}")
        return unpacked


def open_gz(path: str | os.PathLike[str]) -> TextIO:
    """The text of a ``.gz``; a byte order mark is dropped."""
    return io.TextIOWrapper(_Bounded(path), encoding="utf-8-sig")
