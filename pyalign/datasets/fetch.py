"""Data sets from where they are published, or from a mirror, with checksums that are recorded and compared."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data.provenance import digest_of_file
from pyalign.datasets.download import Resuming, require_address
from pyalign.datasets.places import folder_of, remember
from pyalign.datasets.registry import DATASETS, Remote
from pyalign.datasets.unpack import folder_for, unpack
from pyalign.errors import InputError, nearest
from pyalign.io.own_files import READ, open_own
from pyalign.io.paths import bad, checked_path
from pyalign.io.write import write_text
from pyalign.progress import Progress, silent

LARGEST = 1000  # bytes of a file with a checksum


@dataclass(frozen=True)
class FetchedFile:
    """A file that was fetched, or was there."""

    file: str  # its name, or that of the folder that an archive became.
    sha256: str  # of the file, or of the archive.
    is_new: bool  # whether it was fetched now.
    # what the checksum was compared with: "published", "first fetch", or "nothing", at the first fetch of a file
    # without one.
    checked: str


@dataclass(frozen=True)
class Fetched(Result):
    """A data set that is here."""

    command: ClassVar[str] = "datasets fetch"
    rows: ClassVar[str] = "files"

    name: str  # ``dataset:NAME`` stands for it.
    folder: str  # where it is.
    files: tuple[FetchedFile, ...]  # those that were asked for.


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
    place = folder_of(name, row.home) if folder is None else Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = tuple(fetch_file(row.home or row.name, remote, place, mirror, progress) for remote in row.files)
    if folder is not None:
        remember(name, place)
    notes = tuple(
        f"{file.file} has no published checksum: its first one is recorded in {checksum_file(place / file.file)}"
        for file in files if file.checked == "nothing"
    )  # fmt: skip
    return Fetched(name, str(place), files, notes=(*notes, *((row.note,) if row.note else ())))


def fetch_file(
    name: str, remote: Remote, place: Path, mirror: str | None = None, progress: Progress = silent
) -> FetchedFile:
    """Fetches one file into a folder, unless it is there, and compares or records its checksum.

    A process that fetches the same file is waited for.

    name: of the folder of a mirror that holds the file.
    """
    url = remote.url if mirror is None else f"{mirror.rstrip('/')}/{name}/{remote.file}"
    part = Resuming(place / f"{remote.file}.part", progress)
    try:
        here = _here(remote, place)
        with nullcontext() if here else part.claimed():
            try:
                return here or _here(remote, place) or _fetched(url, remote, place, part)
            except FileNotFoundError:  # where there are no locks, another has unpacked and removed an archive
                if (here := _here(remote, place)) is None:
                    raise
                return here
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("what has come is kept: run it again to go on") from stop


def _here(remote: Remote, place: Path) -> FetchedFile | None:
    """The file, or the folder of an archive, if it is there as it was published or at its first fetch."""
    target, recorded = place / remote.file, _recorded(place / remote.file)
    known = _known(remote, recorded)
    if remote.unpack:
        is_here = recorded is not None and folder_for(target).is_dir()
        return FetchedFile(folder_for(target).name, str(recorded), False, known[1]) if is_here else None
    if not target.exists() or _fault(target, known[0]):
        return None
    digest = digest_of_file(target)
    if digest != recorded:
        _record(target, digest)
    return FetchedFile(remote.file, digest, False, known[1])


def _fetched(url: str, remote: Remote, place: Path, part: Resuming) -> FetchedFile:
    """Fetches the file, unless it is an archive that was brought by hand, and unpacks it."""
    target = place / remote.file
    known = _known(remote, _recorded(target))
    is_new = not target.exists() or bool(_fault(target, known[0]))
    if is_new:
        part.fetch(url, known[0] is not None)
        known = _known(remote, _recorded(target))  # where there are no locks, another may have been first
        fault = _fault(part.path, known[0])
        if fault:
            part.discard()
            anew = f"; if that first file was the bad one, remove {checksum_file(target)} and fetch again"
            whose = "was published" if remote.hash else "at its first fetch"
            problem = f"gives a file with another checksum than {whose}: {fault}"
            raise bad(url, problem if remote.hash else problem + anew)
        os.replace(part.path, target)
    digest = digest_of_file(target)
    if remote.unpack:
        _unpack(remote, target)
    _record(target, digest)
    if remote.unpack:
        target.unlink()
    return FetchedFile(folder_for(target).name if remote.unpack else remote.file, digest, is_new, known[1])


def _known(remote: Remote, recorded: str | None) -> tuple[str | None, str]:
    """The checksum that the file must have, "sha256:..." or "md5:...", or None; and whose it is."""
    if remote.hash is not None:
        return remote.hash, "published"
    return (None, "nothing") if recorded is None else (f"sha256:{recorded}", "first fetch")


def _fault(path: Path, known: str | None) -> str:
    """What is wrong with the checksum of a file, or ""."""
    if known is None:
        return ""
    algorithm, _, wanted = known.partition(":")
    digest = digest_of_file(path, algorithm)
    return "" if digest == wanted else f"{algorithm} {digest}, not {wanted}"


def _unpack(remote: Remote, target: Path) -> None:
    """Unpacks an archive; one at fault that has no published checksum is removed, with what is recorded of it."""
    try:
        unpack(target)
    except InputError as error:
        if remote.hash is not None:
            raise
        target.unlink()
        checksum_file(target).unlink(missing_ok=True)
        raise InputError(f"{error}; it was removed: run it again to fetch another") from error


def checksum_file(target: Path) -> Path:
    """The file that holds the SHA-256 of a fetched file, as `sha256sum` writes it. Each has one of its own."""
    return target.with_name(f"{target.name}.sha256")


def _record(target: Path, digest: str) -> None:
    write_text(checksum_file(target), f"{digest}  {target.name}\n", follow_links=False)


def _recorded(target: Path) -> str | None:
    path = checksum_file(target)
    try:
        with open_own(path, READ) as file:
            digest = file.read(LARGEST).decode("latin-1").split(" ")[0]
    except FileNotFoundError:
        return None
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise bad(path, "must hold a SHA-256 and the name of the file; remove it to fetch again")
    return digest
