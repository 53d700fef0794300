"""The parts of a data set that a description names, read as it says.

The description of a data set: a ``.toml`` file that says what the files of a folder are. Read, checked, written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pyalign._dataclass import dataclass, replace
from pyalign._registry import register
from pyalign.data import Categories, Embeddings, RDMs, Triplets
from pyalign.data.judgments import KINDS
from pyalign.data.names import MISSING
from pyalign.data.provenance import record_file
from pyalign.data.trials import ANCHORS, TASKS
from pyalign.datasets.places import inside, lacking, within
from pyalign.datasets.triplets import THINGS_ORDERS, things_order
from pyalign.errors import InputError, Remedy, nearest, shorten
from pyalign.io.documents import key_of, quoted, read_toml
from pyalign.io.embeddings import Pictures, load_embeddings
from pyalign.io.item_names import load_categories, read_names
from pyalign.io.judgments import load_rdms
from pyalign.io.paths import PathLike, Spec, bad, is_named, spec_of
from pyalign.io.triplets import ODD_COLUMNS, load_triplets, restated

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

    def _judgments(self, table: Table) -> RDMs:
        path, key = self._array(table)
        judgments = load_rdms(path, kind=table["kind"], key=key)
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
        f"{about}: {_remedy(name, merged[name])} is used, not its {other} {_shown(table[other])}"
        for name, other in replaced
    )


def _remedy(name: str, value: Any) -> Remedy:
    return Remedy(name, tuple(value) if isinstance(value, list) else value, like=_shown(value))


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else ""
    return f"({text})" if text and "=" not in text else shorten(text or value)


class Rule(NamedTuple):
    """What a value must be, in words and as a check; and what a comment says of it where it is written."""

    says: str
    holds: Callable[[Any], bool]
    comment: str = ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_column(value: Any) -> bool:
    return type(value) is int or _is_text(value)


def _is_file(value: Any) -> bool:
    """Whether it may be FILE or FILE::KEY; another description would be read within this one without an end."""
    try:
        return _is_text(value) and not is_named(os.path.normpath(Spec(value).path))
    except InputError:
        return False


def _one_of(words: tuple[Any, ...], comment: str = "") -> Rule:
    known = set(map(repr, words))  # 1 and true are equal, and not the same
    return Rule(f"one of {', '.join(map(quoted, words))}", lambda value: repr(value) in known, comment)


TEXT = Rule("text", _is_text)
COLUMN = Rule("a column, by its number from 0 or its header", _is_column)
FILE_RULE = "a path in the folder of this file, FILE or FILE::KEY, of no other description"
FILE = Rule(FILE_RULE, _is_file)
COMMON, ORDER = {"file": FILE, "key": TEXT}, _one_of(THINGS_ORDERS)
LAYOUT = {
    "task": _one_of(TASKS, "what people were asked: which of three is odd, or which of two is more like an anchor"),
    "columns": Rule(
        "a list of three columns, by their numbers from 0 or their headers",
        lambda value: isinstance(value, list) and len(value) == 3 and all(map(_is_column, value)),
        "the columns of the three items, from 0 or by header",
    ),
    "odd_column": _one_of(ODD_COLUMNS, "which of the three was called odd; none: nobody has said it"),
    "anchor": _one_of(tuple(ANCHORS), "where the anchor stands; then come the chosen option and the other"),
    "choice_column": COLUMN._replace(comment="the place of the odd item, or of the chosen option"),
    "choice_base": _one_of((0, 1), "from what that place counts"),
    "one_based": Rule("true or false", lambda value: isinstance(value, bool), "whether numbers of items count from 1"),
    "subject_column": COLUMN._replace(comment="who answered"),
    "weight_column": COLUMN._replace(comment="how much each answer counts"),
    "where": Rule(
        "COLUMN=VALUE, or a list of these",
        lambda value: (
            bool(value)
            and all(isinstance(x, str) and x.find("=") > 0 for x in (value if isinstance(value, list) else [value]))
        ),
        "the rows that are kept",
    ),
    "empty": _one_of(MISSING, "what becomes of rows without items, an answer or a participant"),
}
TABLES: dict[str, dict[str, Rule]] = {
    "triplets": {
        **COMMON, **LAYOUT, "subjects": Rule(FILE_RULE, _is_file, "who answered each triplet"),
        "answers": Rule(FILE_RULE, _is_file, "how many people called each of the three odd, or which share"),
        "order": ORDER,
    },
    "judgments": {**COMMON, "kind": _one_of(KINDS, "what larger numbers mean")},
    "embeddings": {
        **COMMON, "name_column": COLUMN, "order": ORDER,
        "dimensions": Rule(FILE_RULE, _is_file, "what the columns are called"),
    },
    "categories": {"file": FILE},
    "images": {"file": FILE},
    "names": {**COMMON, "order": ORDER},
}
FILES = ("file", "answers", "subjects", "dimensions")  # keys of a table that name files
TEXTS = ("name", "dataset", "about", "source", "license", "citation")
TOP = (*TEXTS, "files", *TABLES)
PARTS = {
    "names": "the objects, in the order of their numbers and of rows that have no names",
    "images": "pictures of the objects: a folder, a list, a .tar or FILE.h5::KEY",
}
HEAD = """\
# What the files of a data set are; paths start from the folder of this file.
# Read by every command (-t {name}) and by pyalign.load_dataset("{name}"). It may be edited by hand.
"""

Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Description:
    """What a description says, checked."""

    path: Path  # of the file, from whose folder the paths in it start.
    document: Mapping[str, Any]  # all of it.
    tables: Tables  # those of each part by their keys; that of a part that has no key is called "".

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files that it names, without the keys of arrays in them."""
        named = [*self.document.get("files", {}).values()]
        tables = [table for part in self.tables.values() for table in part.values()]
        named += [table[key] for table in tables for key in FILES if key in table]
        return tuple(dict.fromkeys(Spec(name).path for name in named))


def read_description(path: PathLike) -> Description:
    """The description in a ``.toml`` file."""
    return checked_description(path, read_toml(path, "descriptions of data sets"))


def checked_description(path: PathLike, document: Mapping[str, Any]) -> Description:
    """A document as a description."""
    for key, value in document.items():
        if key not in TOP:
            raise bad(path, f"has a key {key!r:.60}; known are {', '.join(TOP)}{nearest(key, TOP)}")
        if key in TEXTS and not _is_text(value):
            raise bad(path, f"{key} must be text; got {shorten(value)}")
    files = document.get("files", {})
    if not isinstance(files, dict) or not all(map(_is_file, files.values())):
        raise bad(path, "files must be a table of the names that a data set has, and those that they have here")
    if files and "dataset" not in document:
        raise bad(path, "files rename those of a published data set: dataset must say which")
    tables = {part: _tables(path, part, document[part]) for part in TABLES if part in document}
    if not tables and "dataset" not in document:
        raise bad(path, f"says of nothing what it is: {', '.join(TABLES)}")
    return Description(Path(path), document, tables)


def _tables(path: PathLike, part: str, said: Any) -> dict[str, dict[str, Any]]:
    """The tables of a part, by key; "" is one without. Text is the name of the file."""
    if isinstance(said, str):
        said = {"file": said}
    if not isinstance(said, dict):
        raise bad(path, f"{part} must be the name of a file, or a table; got {shorten(said)}")
    several = bool(said) and all(isinstance(entry, dict) for entry in said.values())
    tables = said if several else {"": said}
    for key, table in tables.items():
        if several and (not key.strip() or not key.isprintable() or "::" in key):
            raise bad(path, f"{part} must have keys that are printable and without '::'; got {shorten(key)}")
        _check(path, f"{part}.{key}" if several else part, TABLES[part], table)
    return tables


def _check(path: PathLike, where: str, rules: Mapping[str, Rule], table: Mapping[str, Any]) -> None:
    for option, value in table.items():
        rule = rules.get(option)
        if rule is None:
            raise bad(path, f"{where} has a key {option!r:.60}; known are {', '.join(rules)}{nearest(option, rules)}")
        if not rule.holds(value):
            raise bad(path, f"{where}.{option} must be {rule.says}; got {shorten(value)}")
    if "file" not in table:
        raise bad(path, f"{where} must have a file")
    if "kind" in rules and "kind" not in table:
        raise bad(path, f'{where} must have a kind, "dissimilarity" or "similarity"')


def path_in(folder: PathLike, path: PathLike, about: PathLike) -> str:
    """The path of FILE or FILE::KEY from the folder of the description `about`, in which it is."""
    spec = Spec(path)
    relative = os.path.relpath(spec.path, folder)
    if relative.startswith(os.pardir):  # by way of a link to a folder, perhaps
        relative = os.path.relpath(os.path.realpath(spec.path), os.path.realpath(folder))
    try:
        relative.encode()
        within(Path(folder), relative, os.fspath(about))
    except UnicodeEncodeError as error:
        raise bad(path, "has a name that is no UTF-8 text, which a description can't hold") from error
    except InputError as error:
        rule = "a description names files of its own folder, and no links out of it"
        raise bad(path, f"is outside the folder of {os.fspath(about)}: {rule}") from error
    return relative if spec.key is None else f"{relative}::{spec.key}"


def description_text(name: str, document: Mapping[str, Any]) -> str:
    """A document of parts as the text of a ``.toml`` file, with a comment for each key.

    name: of the file, for the comment at its head.
    """
    plain = {part: value for part, value in document.items() if isinstance(value, str)}
    lines = [HEAD.format(name=quoted(name)[1:-1]), *(_line(part, plain[part], PARTS.get(part, "")) for part in plain)]
    lines += [""] if plain else []
    for part in (other for other in document if other not in plain):
        for key, table in _tables(name, part, document[part]).items():
            lines.append(f"[{part}.{key_of(key)}]" if key else f"[{part}]")
            lines += [_line(option, value, TABLES[part][option].comment) for option, value in table.items()]
            lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _line(key: str, value: Any, comment: str) -> str:
    return f"{key} = {quoted(value)}" + (f"  # {comment}" if comment else "")
