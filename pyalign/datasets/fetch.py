"""Archives: their plain files, below one folder, whole or not at all.

Data sets from where they are published, or from a mirror, with checksums that are recorded and compared.

The maps that gLocal has published, by the names of their models: ``glocal:clip_RN50`` wherever a map can be named.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import IO, Any, ClassVar

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign._registry import register
from pyalign._result import Result
from pyalign.data import Transform
from pyalign.data.provenance import digest_of_file
from pyalign.datasets.download import Resuming, require_address
from pyalign.datasets.places import folder_of, remember, root
from pyalign.datasets.registry import DATASETS, STORED, Remote
from pyalign.errors import InputError, nearest, shorten
from pyalign.io.arrays import check_directory
from pyalign.io.paths import PUBLISHED_MAP, bad, check_expansion, checked_path, guarded, one_line
from pyalign.io.transform import load_transform
from pyalign.io.write import READ, has_ended, open_own, run_name, write_text

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
    """Unpacks next to the archive, into a folder of its name, which appears when all is there. Links are left out."""
    target = folder_for(archive)
    for left in archive.parent.glob(f"{UNPACKING}*"):
        if has_ended(left.name.removeprefix(UNPACKING)):  # a run that was killed
            shutil.rmtree(left, ignore_errors=True)
    inside = archive.with_name(f"{UNPACKING}{run_name()}")
    inside.mkdir()
    try:
        guarded(archive, "archive", _unpack_archive, archive, inside)
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


def _unpack_archive(archive: Path, inside: Path) -> None:
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
    """
    if folder is not None:
        checked_path(folder, "folder")
    row = DATASETS.get(name) if isinstance(name, str) else None
    if row is None:
        raise InputError(f"dataset:{name}: there is no such data set to fetch{nearest(name, DATASETS)}")
    if name == "sample":
        raise InputError("dataset:sample: is part of pyalign: there is nothing to fetch")
    if not row.files:
        hint = f"get it from {row.source}, then {STORED} says where it is stored"
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
    )
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


ADDRESS = "https://raw.githubusercontent.com/LukasMut/gLocal/main/transforms"
FOLDER = "glocal"  # among the data sets
MAPS = {  # model -> the module whose output the map is for
    "OpenCLIP_ViT-L-14_laion2b_s32b_b82k": "visual", "OpenCLIP_ViT-L-14_laion400m_e32": "visual",
    "clip_RN50": "visual", "clip_ViT-L/14": "visual", "dino-vit-base-p16": "norm", "dino-vit-base-p8": "norm",
    "dinov2-vit-base-p14": "norm", "dinov2-vit-large-p14": "norm",
    "alexnet": "classifier.4", "resnet18": "avgpool", "resnet50": "avgpool", "vgg16": "classifier.3",
}


HASHES = {  # of those that are known; others are compared with their first fetch
    "resnet18": "sha256:7a2bb20c8662eff5b3c0e27e5614b56be782479ec99d26d1ffd01a01777d7d3c",
}


def place_of(model: str) -> Path:
    """Where the map of a model is kept, whether it is there or not."""
    return root() / FOLDER / f"{model.replace('/', '-')}.npz"


def map_for(names: Iterable[str], features: int) -> tuple[str, str]:
    """The first of these models that has a published map, "" unless it is on this machine and fits; and why not."""
    name = next((name for name in names if name in MAPS), "")
    if not name:
        return "", ""
    try:
        if not place_of(name).exists():
            return "", f" is not on this machine; `pyalign transfer FILE --transform {PUBLISHED_MAP}{name}` fetches it"
        taken = load_transform(place_of(name)).weights.shape[0]
    except (InputError, OSError) as error:
        return "", f": {one_line(str(error))}"
    wrong = f" takes {taken:,} features, of {MAPS[name]}; there are {features:,}"
    return (name, "") if taken == features else ("", wrong)


def published_map(model: str) -> Transform:
    """The map of a model; it is fetched at its first use."""
    spec = f"{PUBLISHED_MAP}{model}"
    if model not in MAPS:
        known = f"it has of {', '.join(MAPS)}"
        raise InputError(f"{spec}: gLocal has published no map of it{nearest(model, MAPS) or f'; {known}'}")
    path, module = place_of(model), MAPS[model]
    place = path.parent
    place.mkdir(parents=True, exist_ok=True)
    remote = Remote(path.name, f"{ADDRESS}/{model}/{module}/transform.npz", HASHES.get(model))
    file = fetch_file(FOLDER, remote, place)
    notes = [f"{spec} was fitted to triplets of THINGS: scores on THINGS are in-sample"]
    if file.checked == "nothing":
        where = f"from {remote.url}; its SHA-256, {file.sha256}, was not published and is recorded"
        notes.append(f"{spec} is {'now ' if file.is_new else ''}{where} in {checksum_file(path)}")
    return replace(load_transform(path), source=spec, notes=tuple(notes))


register("published_map", published_map)
