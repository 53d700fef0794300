"""A folder of one's own: ``dataset.toml`` says what its files are, once, and they are read so ever after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyalign.data import Categories, Embeddings, Judgments, Triplets
from pyalign.datasets.places import inside, lacking, within
from pyalign.datasets.things_order import things_order
from pyalign.errors import InputError, nearest
from pyalign.io.categories import load_categories
from pyalign.io.embeddings import load_embeddings
from pyalign.io.judgments import load_judgments
from pyalign.io.named import Pictures
from pyalign.io.names import read_names
from pyalign.io.paths import PathLike, Spec, bad, shorten
from pyalign.io.toml import read_toml
from pyalign.io.triplets import load_triplets

# The keys of each table, and the types of their values; a table may also hold tables, each under a name.
COMMON: dict[str, tuple[type, ...]] = {"file": (str,), "key": (str,)}
LAYOUT: dict[str, tuple[type, ...]] = {
    "columns": (list,), "odd_column": (str,), "choice_column": (int, str), "choice_base": (int,), "one_based": (bool,),
    "subject_column": (int, str), "task": (str,), "anchor": (str,),
}  # fmt: skip
TABLES: dict[str, dict[str, tuple[type, ...]]] = {
    "triplets": {**COMMON, **LAYOUT, "answers": (str,), "subjects": (str,), "order": (str,)},
    "judgments": {**COMMON, "kind": (str,)},
    "embeddings": {**COMMON, "name_column": (int, str), "order": (str,), "dimensions": (str,)},
    "categories": {"file": (str,)},
    "images": {"file": (str,)},
    "names": {**COMMON, "order": (str,)},
}
FILES = ("file", "answers", "subjects", "dimensions")  # keys of a table that name files
TOP = ("name", "dataset", "files", "about", "source", "licence", "citation", *TABLES)


def read_description(path: PathLike) -> dict[str, Any]:
    """The document of a ``dataset.toml``.

    Raises:
        InputError: it is not TOML, or has other keys; one line that starts with its path.
        MissingExtraError: Python 3.10 has no reader of TOML of its own.
    """
    document = read_toml(path, "descriptions of data sets")
    for key in document:
        if key not in TOP:
            raise bad(path, f"has a key {key!r:.60}; known are {', '.join(TOP)}{nearest(key, TOP)}")
    files = document.get("files", {})
    if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
        raise bad(path, "files must be a table of the names that a data set has, and those that they have here")
    if files and "dataset" not in document:
        raise bad(path, "files rename those of a published data set: dataset must say which")
    return document


Read = Callable[[str, "str | None"], Any]


def describe(
    name: str, folder: Path, document: Mapping[str, Any]
) -> tuple[dict[str, tuple[str, ...]], Read, Callable[[], tuple[str, ...]]]:
    """What the folder holds, with the keys of each part; what reads a part; and what says which files are missing.

    Raises:
        InputError: a table lacks its file, or has a key that is not known.
    """
    described = _Described(name, folder, {part: _tables(folder, part, document) for part in TABLES if part in document})
    if not described.tables:
        raise bad(folder / "dataset.toml", f"says of nothing what it is: {', '.join(TABLES)}")
    return described.parts(), described.read, described.lacking


def _tables(folder: Path, part: str, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of a part, by key; "" is one without. A plain text is the name of the file."""
    told, about = document[part], folder / "dataset.toml"
    if isinstance(told, str):
        told = {"file": told}
    if not isinstance(told, dict):
        raise bad(about, f"{part} must be the name of a file, or a table; got {shorten(told)}")
    several = bool(told) and all(isinstance(one, dict) for one in told.values())
    found = told if several else {"": told}
    for key, table in found.items():
        where = part if not key else f"{part}.{key}"
        for option, value in table.items():
            kinds = TABLES[part].get(option)
            if kinds is None:
                known = ", ".join(TABLES[part])
                raise bad(about, f"{where} has a key {option!r:.60}; known are {known}{nearest(option, TABLES[part])}")
            if type(value) not in kinds:
                raise bad(about, f"{where}.{option} must be {' or '.join(k.__name__ for k in kinds)}; got "
                                 f"{shorten(value)}")  # fmt: skip
        if "file" not in table:
            raise bad(about, f"{where} must have a file")
        if part == "judgments" and "kind" not in table:
            raise bad(about, f'{where} must have a kind, "dissimilarity" or "similarity"')
    return found


class _Described:
    """The parts of a folder."""

    def __init__(self, name: str, folder: Path, tables: dict[str, dict[str, dict[str, Any]]]) -> None:
        self.name, self.folder, self.tables = name, folder, tables
        self._openers: dict[str, Callable[[dict[str, Any]], Any]] = {
            part: getattr(self, f"_{part}") for part in (*TABLES, "dimensions")
        }

    def parts(self) -> dict[str, tuple[str, ...]]:
        found = {part: tuple(key for key in tables if key) for part, tables in self.tables.items()}
        named = tuple(key for key, table in self.tables.get("embeddings", {}).items() if "dimensions" in table)
        if named:
            found["dimensions"] = tuple(key for key in named if key)
        return found

    def read(self, part: str, key: str | None) -> Any:
        tables = self.tables["embeddings" if part == "dimensions" else part]
        if key is None and "" not in tables and len(tables) > 1:
            raise InputError(
                f"dataset:{self.name}: holds several {part}, choose one as dataset:{self.name}::KEY: "
                f"{', '.join(tables)}"
            )
        return self._openers[part](tables.get("", next(iter(tables.values()))) if key is None else tables[key])

    def lacking(self) -> tuple[str, ...]:
        """The files that are not there, or cannot be read: a phrase each; raises where one lies elsewhere."""
        named = [table[option] for tables in self.tables.values() for table in tables.values()
                 for option in FILES if option in table]  # fmt: skip
        places = {name: within(self.folder, Spec(name).path, f"dataset:{self.name}") for name in named}
        return lacking({name: path if path.exists() else None for name, path in places.items()})

    def _path(self, name: str) -> tuple[Path, str | None]:
        spec = Spec(name)
        return inside(self.folder, spec.path, f"dataset:{self.name}"), spec.key

    def _names(self, table: dict[str, Any]) -> tuple[str, ...]:
        path, key = self._path(table["file"])
        return self._ordered(read_names(path, key=table.get("key", key)), table)

    def _ordered(self, names: tuple[str, ...], table: dict[str, Any]) -> tuple[str, ...]:
        return things_order(table["order"], names) if "order" in table else names

    def _known_names(self, n: int, table: dict[str, Any]) -> tuple[str, ...] | None:
        """The names of the folder, where there are as many as objects."""
        tables = self.tables.get("names", {})
        if not tables:
            return None
        names = self._names(next(iter(tables.values())))
        if len(names) != n:
            about = f"dataset:{self.name}: {table['file']}"
            raise InputError(f"{about} is of {n} objects, and there are {len(names)} names")
        return self._ordered(names, table)

    def _triplets(self, table: dict[str, Any]) -> Triplets:
        path, key = self._path(table["file"])
        options = {name: value for name, value in table.items() if name in LAYOUT}
        found = load_triplets(path, key=table.get("key", key), **options, **self._people(table))
        tables = self.tables.get("names", {})
        if found.names is not None or not tables:
            return found
        names = self._ordered(self._names(next(iter(tables.values()))), table)
        return replace(found, names=names, numbered=True)

    def _people(self, table: dict[str, Any]) -> dict[str, Any]:
        from pyalign.io.answers import read_answers
        from pyalign.io.subjects import read_subjects

        found: dict[str, Any] = {}
        if "answers" in table:
            path, key = self._path(table["answers"])
            found["answers"] = read_answers(path, key=key, task=table.get("task", "odd-one-out"))
        if "subjects" in table:
            path, key = self._path(table["subjects"])
            found["subjects"] = read_subjects(path, key=key)
        return found

    def _judgments(self, table: dict[str, Any]) -> Judgments:
        path, key = self._path(table["file"])
        found = load_judgments(path, kind=table["kind"], key=table.get("key", key))
        return found if found.names is not None else replace(found, names=self._known_names(found.n, table))

    def _embeddings(self, table: dict[str, Any]) -> Embeddings:
        path, key = self._path(table["file"])
        found = load_embeddings(path, key=table.get("key", key), name_column=table.get("name_column"))
        return found if found.names is not None else replace(found, names=self._known_names(len(found), table))

    def _dimensions(self, table: dict[str, Any]) -> tuple[str, ...]:
        path, key = self._path(table["dimensions"])
        return read_names(path, key=key)

    def _categories(self, table: dict[str, Any]) -> Categories:
        found = load_categories(self._path(table["file"])[0])
        return found if found.names is not None else replace(found, names=self._known_names(len(found.members), table))

    def _images(self, table: dict[str, Any]) -> Pictures:
        path, key = self._path(table["file"])
        return Pictures(str(path) if key is None else f"{path}::{key}")
