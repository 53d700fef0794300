"""How much a file may ask for: a few packed bytes can stand for any number of others."""

from __future__ import annotations

import errno
import os

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
