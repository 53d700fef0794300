"""Where data sets are: a folder each below one root, or where somebody has said; files by their names; and what
readers of published files share: columns of tables, folders of images, and checks of what was read.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign.data import Embeddings, RDMs, Triplets
from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.io.documents import read_json
from pyalign.io.image_files import images_below, is_hidden
from pyalign.io.paths import bad, spec_of, text_errors
from pyalign.io.write import hold_lock, write_text

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
    """Folders elsewhere, by the name of the data set that they hold."""
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
        """The first of these files that is there: in the folder, or anywhere below it, as archives unpack."""
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
        """The first of these files that is there, as `find` gives it."""
        path = self.find(*names)
        if path is None:
            raise self.bad(f"has no {' or '.join(names)} in {self.folder}; it holds {held_by(self.folder)}")
        return path

    def chosen(self, key: str | None, part: str, keys: Sequence[str]) -> str:
        """The key of a part that has several; raises where none is given."""
        if key is None:
            several = ", ".join(f"dataset:{self.name}::{name}" for name in keys)
            raise self.bad(f"holds {part}, choose one: {several}")
        return key

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
    """A path in a folder that leads out of it nowhere, whether anything is there or not."""
    path, whole = folder / name, os.path.realpath(folder)
    if os.path.isabs(name) or os.path.commonpath([whole, os.path.realpath(path)]) != whole:
        raise bad(about, f"{name!r} must be a path in {folder}, that leads out of it nowhere")
    return path


def inside(folder: Path, name: str, about: str) -> Path:
    """The path that `within` gives, where something is there."""
    path = within(folder, name, about)
    if not path.exists():
        raise bad(about, f"{name!r} is not there, in {folder}")
    return path


LARGEST_TABLE = 256 << 20  # bytes of a table
LEAST = -0.01  # SPoSE's penalty ends at -0.0013
_NUMBER = re.compile(r"\d+")


def table_of(path: Path, columns: Sequence[str], dialect: str = "excel") -> list[dict[str, str]]:
    """The rows of a ``.csv``, or of another dialect, with these columns; cells may be empty, and may hold quotes."""
    if path.stat().st_size > LARGEST_TABLE:
        raise bad(path, f"must have at most {LARGEST_TABLE:,} bytes")
    with text_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            header, *rows = [row for row in csv.reader(file, dialect) if row] or [[]]
        except csv.Error as error:
            raise bad(path, error) from error
    if missing := [name for name in columns if name not in header]:
        raise bad(path, f"has no column {missing[0]!r}{f' of {listing(columns)}' if columns[1:] else ''}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise bad(path, f"row {number} has {len(row)} cells, and the header {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def column(path: Path, header: str) -> tuple[str, ...]:
    """A column of a ``.tsv`` by its header."""
    return tuple(row[header].strip() for row in table_of(path, (header,), "excel-tab"))


def names_in(place: Place, folder: Path, n: int) -> tuple[str, ...]:
    """The images below a folder, in plain order."""
    paths, _ = images_below(folder)
    if len(paths) != n:
        raise place.bad(f"there must be {n} images in {folder}; got {len(paths)}")
    return tuple(paths)


def by_number(place: Place, names: Sequence[str]) -> tuple[str, ...]:
    """The names in the order of the first number in each, which must be 1 to n: ``2.jpg`` stands before ``10.jpg``.

    Example:
        >>> by_number(Place("x", Path()), ["fruit10.png", "fruit1.png", *(f"fruit{k}.png" for k in range(2, 10))])[:2]
        ('fruit1.png', 'fruit2.png')
    """
    numbers = [int(match[0]) if (match := _NUMBER.search(name)) else 0 for name in names]
    if sorted(numbers) != list(range(1, len(names) + 1)):
        raise place.bad(f"images must be numbered from 1 to {len(names)} by their names, such as {names[0]!r}")
    return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))


def check_triplets(place: Place, triplets: Triplets, n: int) -> Triplets:
    """The triplets, whose numbers are below n and differ within each."""
    values = np.asarray(triplets.values)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high >= n:
        hint = "; does the file count from 1?" if low >= 1 and high == n else ""
        raise place.bad(f"triplets must number objects from 0 to {n - 1:,}; got {low} to {high}{hint}")
    a, b, c = values.T
    same = (a == b) | (a == c) | (b == c)
    if same.any():
        row = int(np.argmax(same))
        raise place.bad(f"the three items of a triplet must differ; row {row} (from 0) is {values[row].tolist()}")
    return triplets


def check_rows(place: Place, embeddings: Embeddings, shape: tuple[int, int]) -> Embeddings:
    """The embeddings, of that shape and from 0 up, as dimensions of concepts are, but for what an optimizer leaves."""
    if embeddings.shape != shape:
        raise place.bad(f"embeddings must have shape {shape}; got {tuple(embeddings.shape)}")
    least = float(np.asarray(embeddings.values).min())
    if not least >= LEAST:
        raise place.bad(f"dimensions of concepts must not be below {LEAST}; got {least:g}")
    return embeddings


def check_rdms(place: Place, judgments: RDMs, n: int) -> RDMs:
    """The judgments, of n objects."""
    if judgments.n != n:
        raise place.bad(f"judgments must be of {n} objects; got {judgments.n}")
    return judgments
