"""Data sets from where they are published, or from a mirror, with checksums that are recorded and compared."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from pyalign._result import Result
from pyalign.datasets.download import Resuming, require_address
from pyalign.datasets.places import folder_of, remember
from pyalign.datasets.registry import DATASETS, Remote
from pyalign.datasets.unpack import folder_for, unpack
from pyalign.errors import InputError, MissingExtraError, nearest
from pyalign.io.documents import read_json
from pyalign.io.paths import bad, checked_path, one_line
from pyalign.io.write import write_text
from pyalign.progress import Progress, silent

CHECKSUMS = "checksums.json"
LARGEST = 1 << 20  # bytes of the list of checksums


@dataclass(frozen=True)
class FetchedFile:
    """A file that was fetched, or was there.

    Attributes:
        file: its name, or that of the folder that an archive became.
        sha256: of the file, or of the archive.
        is_new: whether it was fetched now.
        checked: what the checksum was compared with: "published", "first fetch", or "nothing", at the first fetch of a
            file without one.
    """

    file: str
    sha256: str
    is_new: bool
    checked: str


@dataclass(frozen=True)
class Fetched(Result):
    """A data set that is here.

    Attributes:
        name: ``dataset:NAME`` stands for it.
        folder: where it is.
        files: those that were asked for.
    """

    command: ClassVar[str] = "datasets fetch"
    rows: ClassVar[str] = "files"

    name: str
    folder: str
    files: tuple[FetchedFile, ...]


def fetch_dataset(
    name: str, folder: str | os.PathLike[str] | None = None, mirror: str | None = None, progress: Progress = silent
) -> Fetched:
    """Fetches what is not here yet; what is, is compared with its checksum.

    Args:
        name: one of `pyalign datasets list`.
        folder: where to, which is remembered; None: where data sets are.
        mirror: an address with a folder for each data set, as they are here: MIRROR/things/unique_id.txt.
        progress: is called with bytes.

    Raises:
        InputError: there is no such data set, or it can't be fetched; an address does not answer, or gives another file
            than was published, or than at the first fetch.
        MissingExtraError: pooch is not installed.
        OSError: the disk is full.
    """
    if folder is not None:
        checked_path(folder, "folder")
    row = DATASETS.get(name) if isinstance(name, str) else None
    if row is None:
        raise InputError(f"dataset:{name}: there is no such data set to fetch{nearest(name, DATASETS)}")
    if name == "sample":
        raise InputError("dataset:sample: is part of pyalign: there is nothing to fetch")
    if not row.files:
        hint = f"get it from {row.source}, then load_dataset(..., folder=path) says where it is stored"
        raise InputError(f"dataset:{name}: has no address that is known; {hint}")
    if mirror is not None:
        require_address(mirror, "mirror")
    _pooch()
    place = folder_of(name, row.home) if folder is None else Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = tuple(fetch_file(row.home or row.name, remote, place, mirror, progress) for remote in row.files)
    if folder is not None:
        remember(name, place)
    notes = tuple(
        f"{file.file} has no published checksum: its first one is recorded in {place / CHECKSUMS}"
        for file in files if file.checked == "nothing"
    )  # fmt: skip
    return Fetched(name, str(place), files, notes=(*notes, *((row.note,) if row.note else ())))


def fetch_file(
    name: str, remote: Remote, place: Path, mirror: str | None = None, progress: Progress = silent
) -> FetchedFile:
    """Fetches one file into a folder, unless it is there, and compares or records its checksum.

    name: of the folder of a mirror that holds the file.
    """
    recorded = _checksums(place).get(remote.file)
    target = place / remote.file
    shown = folder_for(target).name if remote.unpack else remote.file
    if remote.unpack and recorded is not None and folder_for(target).is_dir():
        return FetchedFile(shown, recorded, False, "first fetch" if remote.hash is None else "published")
    known = remote.hash or (None if recorded is None else f"sha256:{recorded}")
    checked = "published" if remote.hash else "first fetch" if recorded else "nothing"
    before = _stamp(target)
    _retrieve(name, remote, place, mirror, known, progress)
    digest = str(_pooch().file_hash(str(target), alg="sha256"))
    is_new = before != _stamp(target)
    if remote.unpack:
        _unpack(remote, place)
    _record(place, remote.file, digest)
    if remote.unpack:
        target.unlink()
    return FetchedFile(shown, digest, is_new, checked)


def _unpack(remote: Remote, place: Path) -> None:
    """Unpacks an archive; one at fault that has no published checksum is removed, with what is recorded of it."""
    try:
        unpack(place / remote.file)
    except InputError as error:
        if remote.hash is not None:
            raise
        (place / remote.file).unlink()
        if remote.file in _checksums(place):
            _record(place, remote.file, None)
        raise InputError(f"{error}; it was removed: run it again to fetch another") from error


def _record(place: Path, file: str, digest: str | None) -> None:
    """The checksum of a file is kept from now on; None: no longer."""
    checksums = {
        name: checksum for name, checksum in {**_checksums(place), file: digest}.items() if checksum is not None
    }
    write_text(place / CHECKSUMS, json.dumps(checksums, indent=2, sort_keys=True) + "\n", follow_links=False)


def _retrieve(
    name: str, remote: Remote, place: Path, mirror: str | None, known: str | None, progress: Progress
) -> None:
    url = remote.url if mirror is None else f"{mirror.rstrip('/')}/{name}/{remote.file}"
    pooch = _pooch()
    downloader = Resuming(place / f"{remote.file}.part", known is not None, progress)
    logger, level = pooch.get_logger(), pooch.get_logger().level
    logger.setLevel(logging.WARNING)
    try:
        pooch.retrieve(url, known, fname=remote.file, path=place, downloader=downloader)
    except InputError:
        raise
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("what has come is kept: run it again to go on") from stop
    except ValueError as error:
        whose = "was published" if remote.hash else "at its first fetch"
        anew = f"; if that first file was the bad one, remove {place / CHECKSUMS} and fetch again"
        problem = f"gives a file with another checksum than {whose}: {one_line(error, 300)}"
        raise bad(url, problem if remote.hash else problem + anew) from error
    finally:
        logger.setLevel(level)


def _pooch() -> Any:
    try:
        return import_module("pooch")
    except ModuleNotFoundError as error:
        raise MissingExtraError("fetching data sets", "pooch", "datasets") from error


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None


def _checksums(place: Path) -> dict[str, str]:
    path = place / CHECKSUMS
    if not path.exists():
        return {}
    checksums = read_json(path, largest=LARGEST)
    if not isinstance(checksums, dict) or not all(isinstance(digest, str) for digest in checksums.values()):
        raise bad(path, "must be an object of files and checksums")
    return checksums
