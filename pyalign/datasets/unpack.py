"""Archives: their plain files, below one folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from pyalign.io.bounds import check_expansion
from pyalign.io.paths import bad, guarded, shorten

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


def folder_for(archive: Path) -> Path:
    """Where its files come: beside it, under its name.

    Example:
        >>> folder_for(Path("data/cifar-100-binary.tar.gz")).name
        'cifar-100-binary'
    """
    suffix = next((suffix for suffix in SUFFIXES if archive.name.endswith(suffix)), "")
    return archive.with_name(archive.name.removesuffix(suffix))


def unpack(archive: Path) -> Path:
    """Unpacks beside the archive, into a folder of its name, which appears when all is there. Links are left out.

    Raises:
        InputError: a name that leads out of the folder, another kind of file, or one that becomes far too large.
        OSError: the disk is full.
    """
    target = folder_for(archive)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=archive.parent) as beside:
        inside = Path(beside) / "all"
        inside.mkdir()
        guarded(archive, "archive", lambda: _unpack(archive, inside))
        if target.exists():
            shutil.rmtree(target)
        os.rename(inside, target)
    return target


def _unpack(archive: Path, inside: Path) -> None:
    size, unpacked = archive.stat().st_size, 0
    for name, length, source in _zip(archive) if archive.suffix == ".zip" else _tar(archive):
        unpacked += length
        check_expansion(archive, size, unpacked)
        place = inside / _plain(archive, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        with closing(source), open(place, "xb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        if place.stat().st_size != length:
            raise bad(archive, f"{shorten(name)} has another length than the archive says")


def _plain(archive: Path, name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        raise bad(archive, f"has a member {shorten(name)}, which leads out of its folder")
    return "/".join(parts)


def _tar(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(archive) as held:
        for member in held:
            source = held.extractfile(member) if member.isreg() else None
            if source is not None:
                yield member.name, member.size, source


def _zip(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(archive) as held:
        for member in held.infolist():
            if not member.is_dir():
                yield member.filename, member.file_size, held.open(member)
