"""Where data sets lie: a folder each below one root, or where somebody has said; and files by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.io.documents import read_json
from pyalign.io.image_files import is_hidden
from pyalign.io.paths import bad
from pyalign.io.write import write_text

ENVIRONMENT = "PYALIGN_DATA"
REMEMBERED = "folders.json"
LARGEST = 1 << 20  # bytes of the list of folders
DEEPEST, MOST = 5, 100_000  # folders in folders, and names, that are looked through for a file


def root() -> Path:
    """The folder of all data sets: PYALIGN_DATA, or ``pyalign/datasets`` in the user's cache."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "pyalign" / "datasets"


def remembered() -> dict[str, str]:
    """Folders elsewhere, by the name of the data set that they hold.

    Raises:
        InputError: the list is damaged.
    """
    path = root() / REMEMBERED
    if not path.exists():
        return {}
    held = read_json(path, largest=LARGEST)
    if not isinstance(held, dict) or not all(isinstance(one, str) for one in held.values()):
        raise bad(path, "must be an object of names and folders")
    return held


def remember(name: str, folder: str | os.PathLike[str]) -> None:
    """From now on the data set lies in that folder."""
    import json

    place = root()
    place.mkdir(parents=True, exist_ok=True)
    held = {**remembered(), name: os.path.realpath(folder)}
    write_text(place / REMEMBERED, json.dumps(held, indent=2, sort_keys=True) + "\n")


def folder_of(name: str, home: str | None = None) -> Path:
    """The folder of a data set, whether it is there or not; `home`: that of another, in which it lies by itself."""
    held = remembered()
    home = home or name
    return Path(held.get(name) or held.get(home) or root() / home)


@dataclass(frozen=True)
class Place:
    """The folder of a data set.

    Attributes:
        name: of the data set.
        folder: where it lies.
        renamed: files that are called otherwise than the data set has them: the name that it has -> the path here.
        known: which published data set it is, where it has another name here.
    """

    name: str
    folder: Path
    renamed: Mapping[str, str] = field(default_factory=dict)
    known: str = ""

    def bad(self, problem: object) -> InputError:
        """An error that starts with the name of the data set."""
        return bad(f"dataset:{self.name}", problem)

    def find(self, *names: str) -> Path | None:
        """The first of these files that is there: in the folder, or anywhere below it, as archives unpack.

        Raises:
            InputError: two files below have that name.
        """
        for name in names:
            if name in self.renamed:
                return inside(self.folder, self.renamed[name], f"dataset:{self.name}")
            direct = self.folder / name
            if direct.exists():
                return direct
        for name in names:
            found = [path for path in self._below() if path == name or path.endswith(f"/{name}")]
            if len(found) > 1:
                raise self.bad(f"holds {name} twice: {found[0]} and {found[1]}, in {self.folder}")
            if found:
                return self.folder / found[0]
        return None

    def file(self, *names: str) -> Path:
        """As `find`.

        Raises:
            InputError: none is there.
        """
        found = self.find(*names)
        if found is None:
            raise self.bad(f"has no {' or '.join(names)} in {self.folder}; it holds {self._held()}")
        return found

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

    def _held(self) -> str:
        names = sorted(name for name in os.listdir(self.folder) if not is_hidden(name))
        return listing(names, 5) or "nothing"


def inside(folder: Path, name: str, about: str) -> Path:
    """A path in a folder that leads out of it nowhere.

    Raises:
        InputError: it would, or nothing is there.
    """
    path = folder / name
    within = os.path.realpath(folder)
    if os.path.isabs(name) or os.path.commonpath([within, os.path.realpath(path)]) != within:
        raise bad(about, f"{name!r} must be a path in {folder}, that leads out of it nowhere")
    if not path.exists():
        raise bad(about, f"{name!r} is not there, in {folder}")
    return path
