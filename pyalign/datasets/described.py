"""The parts of a data set that a description names, read as it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyalign._registry import register
from pyalign.data import Categories, Embeddings, Judgments, Triplets
from pyalign.data.provenance import record_file
from pyalign.datasets.description import FILES, LAYOUT, Description, checked_description, description_text, path_in
from pyalign.datasets.places import inside, lacking, within
from pyalign.datasets.things_order import things_order
from pyalign.errors import shorten
from pyalign.io.embeddings import Pictures, load_embeddings
from pyalign.io.judgments import load_judgments
from pyalign.io.names import load_categories, read_names
from pyalign.io.paths import Spec, bad, spec_of
from pyalign.io.triplets import load_triplets, restated

Table = Mapping[str, Any]


class Parts:
    """The parts of a described data set, each read when it is asked for.

    Args:
        name: of the data set.
        description: what its files are.
    """

    def __init__(self, name: str, description: Description) -> None:
        self.about, self.description = spec_of(name), description
        self.folder, self.tables = description.path.parent, description.tables
        self._openers: dict[str, Callable[[Table, Mapping[str, Any]], Any]] = {
            "names": lambda table, _: self._names(table),
            "images": lambda table, _: self._images(table),
            "triplets": self._triplets,
            "judgments": lambda table, _: self._judgments(table),
            "embeddings": self._embeddings,
            "dimensions": lambda table, _: self._labels(table),
            "categories": lambda table, _: self._categories(table),
        }

    def keys(self) -> dict[str, tuple[str, ...]]:
        """What it holds, with the keys of each part."""
        keys = {part: tuple(key for key in tables if key) for part, tables in self.tables.items()}
        named = tuple(key for key, table in self.tables.get("embeddings", {}).items() if "dimensions" in table)
        if named:
            keys["dimensions"] = tuple(key for key in named if key)
        return keys

    def lacking(self) -> tuple[str, ...]:
        """The files that are not there, or cannot be read: a phrase each; raises where one is elsewhere."""
        places = {name: within(self.folder, name, self.about) for name in self.description.files}
        return lacking({name: path if path.exists() else None for name, path in places.items()})

    def read(self, part: str, key: str | None, layout: Mapping[str, Any]) -> Any:
        """A part; layout: options that come before what the description says."""
        tables = self.tables["embeddings" if part == "dimensions" else part]
        if part == "dimensions":
            tables = {key: table for key, table in tables.items() if "dimensions" in table}
        if key is None and "" not in tables and len(tables) > 1:
            raise bad(self.about, f"holds several {part}, choose one as {self.about}::KEY: {', '.join(tables)}")
        record_file(self.description.path, str(self.description.path))
        table = tables.get("", next(iter(tables.values()))) if key is None else tables[key]
        return self._openers[part](table, layout)

    def _file(self, name: str) -> tuple[Path, str | None]:
        """Where FILE or FILE::KEY of the description is, and the key."""
        spec = Spec(os.path.join(self.folder, name))  # a file of the whole name may be there
        path = inside(self.folder, name if spec.key is None else name.removesuffix(f"::{spec.key}"), self.about)
        record_file(path, str(path))
        return path, spec.key

    def _array(self, table: Table) -> tuple[Path, str | None]:
        """Where the file of a table is, and the key of the array in it."""
        path, key = self._file(table["file"])
        return path, table.get("key", key)

    def _names(self, table: Table) -> tuple[str, ...]:
        path, key = self._array(table)
        return _ordered(read_names(path, key=key), table)

    def _objects(self, table: Table) -> tuple[str, ...] | None:
        """The names of the objects, in the order that a table of another part states."""
        tables = self.tables.get("names")
        return None if not tables else _ordered(self._names(next(iter(tables.values()))), table)

    def _names_of(self, n: int, table: Table) -> tuple[str, ...] | None:
        """The names of n objects, where the description has names."""
        names = self._objects(table)
        if names is not None and len(names) != n:
            raise bad(self.about, f"{table['file']} is of {n} objects, and there are {len(names)} names")
        return names

    def _triplets(self, table: Table, overrides: Mapping[str, Any]) -> Triplets:
        table, notes = _restated(self.about, table, overrides)
        path, key = self._array(table)
        layout = {name: value for name, value in table.items() if name in LAYOUT}
        triplets = load_triplets(path, key=key, **layout, **self._people(table))
        if triplets.names is None:
            stated, names = overrides.get("item_names"), self._objects(table)
            if stated is not None and names not in (None, tuple(stated)):
                notes += (f"{self.about} names the items; other names were given, and are used",)
            triplets = replace(triplets, names=names if stated is None else tuple(stated), numbered=True)
        elif "item_names" in overrides:
            raise bad(path, f"holds names ({triplets.names[0]!r}, ...) itself, so item_names=names has no meaning")
        return replace(triplets, notes=(*triplets.notes, *notes))

    def _people(self, table: Table) -> dict[str, Any]:
        """Who answered, and how many, as far as files of their own say it."""
        from pyalign.io.answers import read_answers, read_subjects

        people: dict[str, Any] = {}
        if "answers" in table:
            path, key = self._file(table["answers"])
            people["answers"] = read_answers(path, key=key, task=table.get("task", "odd-one-out"))
        if "subjects" in table:
            path, key = self._file(table["subjects"])
            people["subjects"] = read_subjects(path, key=key)
        return people

    def _judgments(self, table: Table) -> Judgments:
        path, key = self._array(table)
        judgments = load_judgments(path, kind=table["kind"], key=key)
        return (
            judgments if judgments.names is not None else replace(judgments, names=self._names_of(judgments.n, table))
        )

    def _embeddings(self, table: Table, overrides: Mapping[str, Any]) -> Embeddings:
        table, notes = _restated(self.about, table, overrides)
        path, key = self._array(table)
        embeddings = load_embeddings(path, key=key, name_column=table.get("name_column"))
        names = embeddings.names if embeddings.names is not None else self._names_of(len(embeddings), table)
        return replace(embeddings, names=names, notes=(*embeddings.notes, *notes))

    def _labels(self, table: Table) -> tuple[str, ...]:
        path, key = self._file(table["dimensions"])
        return read_names(path, key=key)

    def _categories(self, table: Table) -> Categories:
        categories = load_categories(self._file(table["file"])[0])
        return (
            categories
            if categories.names is not None
            else replace(categories, names=self._names_of(len(categories.members), table))
        )

    def _images(self, table: Table) -> Pictures:
        path, key = self._file(table["file"])
        return Pictures(str(path) if key is None else f"{path}::{key}")


def described_at(path: str, document: Mapping[str, Any]) -> tuple[str, Parts]:
    """The text of a description at a path, and its parts; the document has the paths of files as they are here."""

    def moved(value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return {name: moved(entry, name) for name, entry in value.items()}
        return path_in(os.path.dirname(path) or ".", value, path) if key in FILES else value

    there = {part: moved(value, "file") for part, value in document.items()}
    return description_text(os.path.basename(path), there), Parts(path, checked_description(path, there))


register("described", described_at)


def _ordered(names: tuple[str, ...], table: Table) -> tuple[str, ...]:
    return things_order(table["order"], names) if "order" in table else names


def _restated(about: str, table: Table, overrides: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A table with the options that were given in the place of its own, and a sentence for each that differs.

    Example:
        >>> _restated("mine.toml", {"file": "t.csv", "odd_column": "first"}, {"choice_column": 3})[1]
        ("mine.toml: choice_column=3 is used, not its odd_column 'first'",)
    """
    options = {name: value for name, value in overrides.items() if name != "item_names"}
    merged, replaced = restated(table, options)
    return merged, tuple(
        f"{about}: {name}={_shown(merged[name])} is used, not its {other} {_shown(table[other])}"
        for name, other in replaced
    )


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else ""
    return f"({text})" if text and "=" not in text else shorten(text or value)
