"""Archives: their plain files, below one folder, whole or not at all."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from pyalign.errors import shorten
from pyalign.io.bounds import check_expansion
from pyalign.io.npy import check_directory
from pyalign.io.own_files import has_ended, run_name
from pyalign.io.paths import bad, guarded

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
UNPACKING = ".unpacking-"  # and the name of the run
FEW, PER_MEMBER = 10_000, 1024  # members that any archive may have, and bytes of a larger one for each
DEEPEST, LONGEST_NAME = 32, 255  # folders in folders; bytes of a name, as file systems have them
LONGEST_HEADER = 4 << 20  # bytes that are read at once


def folder_for(archive: Path) -> Path:
    """The folder for the files of an archive: next to it, under its name.

    Example:
        >>> folder_for(Path("data/cifar-100-binary.tar.gz")).name
        'cifar-100-binary'
    """
    suffix = next((suffix for suffix in SUFFIXES if archive.name.endswith(suffix)), "")
    return archive.with_name(archive.name.removesuffix(suffix))


def unpack(archive: Path) -> Path:
    """Unpacks next to the archive, into a folder of its name, which appears when all is there. Links are left out.

    Raises:
        InputError: a name that leads out of the folder, very many members, another kind of file, or one that becomes
            far too large.
        OSError: the disk is full.
    """
    target = folder_for(archive)
    for left in archive.parent.glob(f"{UNPACKING}*"):
        if has_ended(left.name.removeprefix(UNPACKING)):  # a run that was killed
            shutil.rmtree(left, ignore_errors=True)
    inside = archive.with_name(f"{UNPACKING}{run_name()}")
    inside.mkdir()
    try:
        guarded(archive, "archive", _unpack, archive, inside)
        if target.exists():
            shutil.rmtree(target)
        try:
            os.rename(inside, target)
        except OSError:
            if not target.is_dir():  # where there are no locks, another has put the same there
                raise
    finally:
        shutil.rmtree(inside, ignore_errors=True)
    return target


def most_members(size: int) -> int:
    """How many members an archive of so many bytes may have.

    Example:
        >>> most_members(1000), most_members(1 << 30)
        (10000, 1048576)
    """
    return max(FEW, size // PER_MEMBER)


def _unpack(archive: Path, inside: Path) -> None:
    size, unpacked = archive.stat().st_size, 0
    for name, length, source in _zip(archive) if archive.suffix == ".zip" else _tar(archive):
        unpacked += length
        check_expansion(archive, size, unpacked)
        place = inside / _plain(archive, name)
        with closing(source):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                with open(place, "xb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise bad(archive, f"has a member {shorten(name)} where another member is stored") from error
        if place.stat().st_size != length:
            raise bad(archive, f"{shorten(name)} has another length than the archive says")


def _count(archive: Path, members: int) -> None:
    """Refuses an archive of so many members, if there are too many for its size."""
    most = most_members(archive.stat().st_size)
    if members > most:
        raise bad(archive, f"has more than {most:,} members, the most for an archive of its size")


def _plain(archive: Path, name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        raise bad(archive, f"has a member {shorten(name)}, which points outside of its folder")
    if len(parts) > DEEPEST + 1:
        raise bad(archive, f"has a member {shorten(name)}, which is more than {DEEPEST} folders deep")
    if max(len(os.fsencode(part)) for part in parts) > LONGEST_NAME:
        raise bad(archive, f"has a member {shorten(name)}, with a name of more than {LONGEST_NAME} bytes")
    return "/".join(parts)


def _tar(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with gzip.open(archive) if archive.suffix != ".tar" else open(archive, "rb") as inner:
        bounded: Any = _Bounded(archive, inner)
        with tarfile.open(fileobj=bounded, mode="r:") as contents:
            for count, member in enumerate(contents, 1):
                _count(archive, count)
                source = contents.extractfile(member) if member.isreg() else None
                if source is not None:
                    yield member.name, member.size, source
        while bounded.read(1 << 20):  # to the end, where gzip has its checksum
            pass


class _Bounded:
    """The bytes of a tar. What is read and what is passed over count: headers too may become far too large."""

    def __init__(self, archive: Path, inner: Any) -> None:
        self._archive, self._size, self._inner = archive, archive.stat().st_size, inner
        self.tell = inner.tell

    def read(self, count: int) -> bytes:
        if count > LONGEST_HEADER:
            raise bad(self._archive, f"has a header of {count:,} bytes")
        self.check(self.tell() + count)
        read: bytes = self._inner.read(count)
        return read

    def seek(self, place: int) -> int:
        self.check(place)
        return int(self._inner.seek(place))

    def check(self, place: int) -> None:
        """Refuses a place that is far behind the end of what was packed."""
        check_expansion(self._archive, self._size, place)


def _zip(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    check_directory(archive, most_members(archive.stat().st_size) * LONGEST_NAME)
    with zipfile.ZipFile(archive) as contents:
        _count(archive, len(contents.infolist()))
        for member in contents.infolist():
            if not member.is_dir():
                yield member.filename, member.file_size, contents.open(member)
