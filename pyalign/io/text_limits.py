"""How much a file may ask for: a few packed bytes can stand for any number of others.

Text packed by gzip, as long as it does not become much more than is there.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
from typing import TextIO

from pyalign.errors import InputError

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
