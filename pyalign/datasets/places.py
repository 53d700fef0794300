"""Where data sets are: a folder each below one root, or where somebody has said; and files by their names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyalign._dataclass import dataclass, field
from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.io.documents import read_json
from pyalign.io.image_files import is_hidden
from pyalign.io.own_files import hold_lock
from pyalign.io.paths import bad, spec_of
from pyalign.io.write import write_text

ENVIRONMENT = "PYALIGN_DATA"
REMEMBERED = "folders.json"
LARGEST = 1 << 20  # bytes of the list of folders
DEEPEST, MOST = 5, 100_000  # folders in folders, and names, that are looked through for a file


def root() -> Path:
    """The folder of all data sets: PYALIGN_DATA, or ``pyalign/datasets`` in the user's cache."""
    folder = os.environ.get(ENVIRONMENT)
    return Path(folder).expanduser() if folder else _of_user("XDG_CACHE_HOME", ".cache") / "datasets"


def configuration() -> Path:
    """The folder of the list of remembered folders: PYALIGN_DATA, or ``pyalign`` in the user's configuration."""
    folder = os.environ.get(ENVIRONMENT)
    return Path(folder).expanduser() if folder else _of_user("XDG_CONFIG_HOME", ".config")


def _of_user(variable: str, otherwise: str) -> Path:
    """The folder of pyalign in one of the user's base directories."""
    base = os.environ.get(variable, "")
    return (Path(base) if os.path.isabs(base) else Path.home() / otherwise) / "pyalign"


def remembered() -> dict[str, str]:
    """Folders elsewhere, by the name of the data set that they hold.

    Raises:
        InputError: the list is damaged.
    """
    path = configuration() / REMEMBERED
    if not path.exists():
        return {}
    try:
        folders = read_json(path, largest=LARGEST)
        if not isinstance(folders, dict) or not all(
            isinstance(folder, str) and os.path.isabs(folder) for folder in folders.values()
        ):
            raise bad(path, "must be an object of names and absolute paths of folders")
    except InputError as error:
        raise InputError(f"{error}; mend this list of folders by hand, or remove it") from error
    return folders


@contextmanager
def _changing() -> Iterator[dict[str, str]]:
    """The list, to be changed inside, by one process at a time; it is written at the end."""
    place = configuration()
    place.mkdir(parents=True, exist_ok=True)
    with hold_lock(place / f".{REMEMBERED}.lock"):
        folders = remembered()
        yield folders
        write_text(place / REMEMBERED, json.dumps(folders, indent=2, sort_keys=True) + "\n")


def remember(name: str, folder: str | os.PathLike[str]) -> None:
    """Records that the data set is in that folder, which is not checked here."""
    with _changing() as folders:
        folders[name] = os.path.abspath(folder)


def forget(name: str) -> str | None:
    """The folder in which the data set was remembered to be, from now on no longer; None: in none."""
    if name not in remembered():
        return None
    with _changing() as folders:
        return folders.pop(name, None)


def remembered_as(name: str, home: str | None = None) -> str | None:
    """The name under which the folder of a data set is remembered, its own or that of its `home`; None: under none."""
    folders = remembered()
    return next((candidate for candidate in (name, home) if candidate in folders), None)


def folder_of(name: str, home: str | None = None) -> Path:
    """The folder of a data set, whether it is there or not; `home`: that of another, in which it is by itself."""
    known = remembered_as(name, home)
    return Path(remembered()[known]) if known else root() / (home or name)


@dataclass(frozen=True)
class Place:
    """The folder of a data set."""

    name: str  # of the data set.
    folder: Path  # where it is.
    # files that have other names here than in the data set: the name there -> the path here.
    renamed: Mapping[str, str] = field(default_factory=dict)
    known: str = ""  # which published data set it is, where it has another name here.

    def bad(self, problem: object) -> InputError:
        """An error that starts with the name of the data set."""
        return bad(spec_of(self.name), problem)

    def find(self, *names: str) -> Path | None:
        """The first of these files that is there: in the folder, or anywhere below it, as archives unpack.

        Raises:
            InputError: two files below have that name.
        """
        for name in names:
            if name in self.renamed:
                return inside(self.folder, self.renamed[name], spec_of(self.name))
            direct = self.folder / name
            if direct.exists():
                return direct
        below = list(self._below())
        for name in names:
            matches = [path for path in below if path == name or path.endswith(f"/{name}")]
            if len(matches) > 1:
                raise self.bad(f"holds {name} twice: {matches[0]} and {matches[1]}, in {self.folder}")
            if matches:
                return self.folder / matches[0]
        return None

    def file(self, *names: str) -> Path:
        """The first of these files that is there, as `find` gives it.

        Raises:
            InputError: none is there.
        """
        path = self.find(*names)
        if path is None:
            raise self.bad(f"has no {' or '.join(names)} in {self.folder}; it holds {held_by(self.folder)}")
        return path

    def lacking(self, needs: Sequence[Sequence[str]]) -> tuple[str, ...]:
        """What there is not of these, of each group one, or cannot be read: a phrase each."""
        paths = [(names, self.find(*names)) for names in needs]
        return lacking({" or ".join(names): path for names, path in paths})

    def _below(self) -> Iterator[str]:
        """Paths of files and folders below, with '/', those nearest first."""
        todo, seen = [(self.folder, "", 0)], 0
        while todo:
            folder, before, depth = todo.pop(0)
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                seen += 1
                if seen > MOST:
                    return
                if is_hidden(entry.name):
                    continue
                yield before + entry.name
                if depth < DEEPEST and entry.is_dir(follow_symlinks=False):
                    todo.append((Path(entry.path), f"{before}{entry.name}/", depth + 1))


def lacking(files: Mapping[str, Path | None]) -> tuple[str, ...]:
    """A phrase for each file that is missing, by its name in `files`, or that is empty or forbidden."""
    faults = [name if path is None else _fault(path) for name, path in files.items()]
    return tuple(fault for fault in faults if fault)


def _fault(path: Path) -> str:
    """Why nothing can be read there, or ""."""
    try:
        if path.is_dir():
            return "" if any(os.scandir(path)) else f"{path} is empty"
        with open(path, "rb") as file:
            return "" if file.read(1) else f"{path} is empty"
    except OSError as error:
        return f"{path}: {error.strerror}"


def held_by(folder: Path) -> str:
    """What a folder holds, in a message."""
    return listing(sorted(name for name in os.listdir(folder) if not is_hidden(name)), 5) or "nothing"


def within(folder: Path, name: str, about: str) -> Path:
    """A path in a folder that leads out of it nowhere, whether anything is there or not.

    Raises:
        InputError: it leads out of the folder.
    """
    path, whole = folder / name, os.path.realpath(folder)
    if os.path.isabs(name) or os.path.commonpath([whole, os.path.realpath(path)]) != whole:
        raise bad(about, f"{name!r} must be a path in {folder}, that leads out of it nowhere")
    return path


def inside(folder: Path, name: str, about: str) -> Path:
    """The path that `within` gives, where something is there.

    Raises:
        InputError: it leads out of the folder, or nothing is there.
    """
    path = within(folder, name, about)
    if not path.exists():
        raise bad(about, f"{name!r} is not there, in {folder}")
    return path
