"""What files are to one data set: triplets, names, people, categories, pictures, by what they hold and how many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign._registry import registered
from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import FileDescription, describe_file
from pyalign.data import ANCHORED, KINDS, Triplets
from pyalign.data.answer_columns import says
from pyalign.data.answer_table import base_note
from pyalign.data.embeddings import is_frame, is_rows
from pyalign.errors import InputError, Remedy
from pyalign.io.paths import TEXT, PathLike, Spec, bad, checked_path, suffix_of
from pyalign.io.triplets import load_triplets, restated
from pyalign.typing import MatrixKind

# What an array can be to a data set, by the argument that says so.
ROLES = {
    "triplets": "triplets",
    "dimensions": "embeddings or human dimensions",
    "item_names": "the names of the objects",
    "categories": "the categories of the objects",
    "dimension_labels": "what the columns of embeddings are called",
    "subjects": "who answered each triplet",
    "answers": "how many people gave each answer",
    "images": "pictures of the objects",
    "judgments": "similarities that people judged",
}
OF_KIND = {
    "triplets": "triplets", "embeddings": "dimensions", "answers": "answers", "images": "images",
    "similarities": "judgments", "dissimilarities": "judgments",
}
LISTS = ("names", "labels")  # kinds whose role shows in how many they are
LAYOUT = (
    "task", "columns", "odd_column", "choice_column", "choice_base", "one_based", "subject_column", "anchor",
    "weight_column", "where", "empty",
)
TRIPLETS = Remedy("triplets", like="path")
TABLE = "answers.csv"  # where the description of a DataFrame expects it
STATED = ("item_names", "categories", "dimension_labels", "subjects")  # what a list may be, in the words of a remedy


@dataclass(frozen=True)
class _Thing:
    """An array of a file. is_only: whether the file holds no other."""

    spec: str
    file: str
    one: Description
    is_only: bool = True

    @property
    def count(self) -> int:
        return self.one.shape[0] if self.one.shape else 0

    @property
    def table(self) -> dict[str, Any]:
        return {"file": self.file} | ({} if self.one.key is None or self.is_only else {"key": self.one.key})


@dataclass
class _Sizes:
    """How many there are of what: objects, triplets and columns of embeddings by file; the most that items need."""

    objects: set[int] = field(default_factory=set)
    triplets: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    items: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class Described:
    """What files, or a DataFrame, seem to be: as sentences, as triplets, and as the description of a data set."""

    files: tuple[FileDescription, ...]  # what is in each.
    # FILE or FILE::KEY by its role, as far as that was stated; those of the others are guessed.
    roles: Mapping[str, str] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)  # of the triplets, as far as it was stated.
    kind: str | None = None  # of judgments, likewise.
    frame: Any = None  # the DataFrame, where it is one.

    @property
    def sentences(self) -> tuple[str, ...]:
        """On the task, the items, the answer and the participant of tables of answers, with counts."""
        return tuple(text for file in self.files for one in file.arrays for text in one.sentences)

    def toml(self, path: str = "mine.toml") -> str:
        """The text of a description at that path. That of a DataFrame says how to write the table next to it."""
        (document, _), head = self.draft(), ""
        if self.frame is not None:
            header = "" if self.files[0].arrays[0].columns else ", header=False"
            head = f'# The table is in memory: frame.to_csv("{TABLE}", index=False{header}) writes it.\n'
            table = os.path.join(os.path.dirname(path), TABLE)
            document = {part: {**of_part, "file": table} for part, of_part in document.items()}
        return head + str(registered("described")(path, document)[0])

    def triplets(self, key: str | None = None) -> Triplets:
        """The triplets, with the names, participants and answers that the files say; key: which of several."""
        document, _ = self.draft()
        if "triplets" not in document:
            raise InputError(f"described files must hold triplets; they hold {', '.join(document)}")
        if self.frame is not None:
            layout = {name: value for name, value in document["triplets"].items() if name in LAYOUT}
            return load_triplets(self.frame, **layout)
        paths = [Spec(file.file).path for file in self.files]
        folder = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
        folder = folder if any(map(os.path.isabs, paths)) else os.path.relpath(folder)
        parts = registered("described")(os.path.join(folder, "mine.toml"), document)[1]
        read: Triplets = parts.read("triplets", key, {})
        return read

    def __repr__(self) -> str:
        return "\n".join("\n  ".join((file.file, *one.sentences)) if one.sentences else str(file)
                         for file in self.files for one in file.arrays[:1])

    def draft(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The parts of the data set, as tables with the paths of files as they were given, and what was assumed.

        Example:
            >>> triplets = Description("triplets", (50, 3), "int64", 0, 8, base=0, layout={})
            >>> names = Description("names", (9,), "str")
            >>> files = FileDescription("t.npy", (triplets,)), FileDescription("names.txt", (names,))
            >>> Described(files).draft()[0]
            {'names': 'names.txt', 'triplets': {'file': 't.npy', 'odd_column': 'last', 'one_based': False}}
        """
        things = [thing for file in self.files for thing in _things(file)]
        said = {spec: role for role, spec in self.roles.items()}
        for several in said.keys() - {thing.spec for thing in things}:
            held = ", ".join(str(thing.one.key) for thing in things if thing.file == several) or "none"
            raise bad(
                several, f"must be one array to be {ROLES[said[several]]}: choose one as FILE::KEY; it holds {held}"
            )
        notes: list[str] = []
        roles: dict[str, list[_Thing]] = {role: [] for role in ROLES}
        lists: list[_Thing] = []
        for thing in things:
            role = said.get(thing.spec) or _role_of_kind(thing, notes)
            if role is not None:
                roles[role].append(thing)
            elif thing.one.kind in LISTS:
                lists.append(thing)
            elif thing.is_only and thing.one.columns is not None:
                what = f"{'; '.join(thing.one.remarks)}, and no part of a data set is known in it"
                columns = Remedy("columns", (0, 1, 2))
                raise bad(thing.spec, f"{what}; {TRIPLETS} and {columns} say which columns hold items")
            else:
                notes.append(f"{thing.spec}: {'; '.join(thing.one.remarks) or thing.one.kind}; it is left out")
        sizes = _sizes(roles, lists)
        for thing in lists:
            role = _role_of_list(thing, sizes, notes)
            if role is not None:
                roles[role].append(thing)
        if roles["item_names"]:
            spec = roles["item_names"][0].spec
            notes.append(f"{spec}: names the objects, in the order of their numbers and of rows that have no names")
        if len(roles["item_names"]) > 1:
            one, other = roles["item_names"][:2]
            remedy = Remedy("item_names", like="path")
            raise bad(one.spec, f"may be the names of the objects, and so may {other.spec}: {remedy} says which")
        return _document(roles, sizes, self.layout, self.kind, notes), tuple(notes)


def describe(
    *files: PathLike | ArrayLike | FileDescription, kind: MatrixKind | None = None, **stated: Any
) -> Described:
    """Says what files, or a DataFrame, contain, and what they are to one data set, as `pyalign describe` does.

    Args:
        files: paths of embeddings, triplets, answers, names and so on, FILE or FILE::KEY; or one DataFrame of pandas.
        kind: what larger numbers of judgments mean, "similarity" or "dissimilarity", where it is not as it seems.
        stated: what is not as it seems: how triplets are laid out, in the words of `load_triplets` (`columns`,
            `choice_column`, `subject_column` and so on); or the file of a part: `triplets`, `item_names`, `subjects`,
            `answers`, `categories`, `dimensions`, `dimension_labels` or `images`.

    Returns:
        `Described`: its text and `sentences` say what was recognized, `triplets()` reads it, and `toml()` is the text
        of a description, which `load_dataset` reads.

    Raises:
        InputError: the file's fault; another argument; one line. What is not sure is an error of `triplets()`.
        OSError: missing or forbidden.

    Example:
        >>> import numpy as np
        >>> rows = [("ant", "bee", "cat", "cat", "ann"), ("cat", "ant", "dog", "ant", "bob")]
        >>> names = ("image1", "image2", "image3", "choice", "participant")
        >>> result = describe(np.array(rows, dtype=[(name, "U9") for name in names]))  # or a DataFrame
        >>> print(*result.sentences, sep="\\n")
        2 answers to which of three items is odd
        'image1', 'image2', 'image3' hold 4 items by name
        'choice' holds the item itself, in all 2 rows
        'participant' holds 2 participants
        >>> result.triplets()
        Triplets(2, with names, with subjects)
    """
    for name in stated:
        _checks.one_of(name, (*ROLES, *LAYOUT), "an argument of describe")
    if kind is not None:
        _checks.one_of(kind, KINDS, "kind")
    roles = {role: checked_path(path, role) for role, path in stated.items() if role in ROLES and path is not None}
    layout = {name: value for name, value in stated.items() if name in LAYOUT and value is not None}
    frames = [one for one in files if is_frame(one) or is_rows(one)]
    if not (files or roles) or (frames and len(files) + len(roles) > 1):
        raise InputError(f"files must be paths, or one DataFrame; got {len(files) - len(frames)} and {len(frames)}")
    described: dict[str, FileDescription] = {}
    for one in (*files, *roles.values()):
        name = one.file if isinstance(one, FileDescription) else str(one)
        if name not in described:
            described[name] = one if isinstance(one, FileDescription) else describe_file(one, layout)
    return Described(tuple(described.values()), roles, layout, kind, frames[0] if frames else None)


def _things(file: FileDescription) -> Iterator[_Thing]:
    """The arrays of a file, but for the names of the rows of others in it."""
    path = file.file
    named = file.model is not None or any(one.names for one in file.arrays if one.kind == "embeddings")
    arrays = [one for one in file.arrays if not (named and one.kind == "names" and len(file.arrays) > 1)]
    for one in arrays:
        whole = one.key is None or path.endswith(f"::{one.key}")
        spec = path if whole or len(arrays) == 1 else f"{path}::{one.key}"
        yield _Thing(spec, path, one, whole or len(file.arrays) == 1)


def _role_of_kind(thing: _Thing, notes: list[str]) -> str | None:
    """The role of what is no list, by its kind."""
    role = OF_KIND.get(thing.one.kind)
    binary = any("categories of items" in remark for remark in thing.one.remarks)
    if role == "dimensions" and binary and suffix_of(thing.file) in (".npy", *TEXT):
        notes.append(f"{thing.spec}: every value is 0 or 1, taken for categories, not for embeddings")
        return "categories"
    return role


def _sizes(roles: Mapping[str, Sequence[_Thing]], lists: Iterable[_Thing]) -> _Sizes:
    sizes = _Sizes()
    for thing in roles["triplets"]:
        sizes.triplets[thing.spec] = thing.count
        if thing.one.names is None and thing.one.largest is not None:
            sizes.items = max(sizes.items, int(thing.one.largest) + (thing.one.base == 0))
    for thing in roles["dimensions"]:
        if len(thing.one.shape) != 2:
            raise bad(thing.spec, f"must be a matrix to be {ROLES['dimensions']}; got shape {thing.one.shape}")
        sizes.objects.add(thing.count)
        sizes.columns[thing.spec] = thing.one.shape[1]
    sizes.objects |= {thing.one.shape[-1] for thing in roles["judgments"]}
    sizes.objects |= {thing.count for thing in roles["item_names"]}
    if not sizes.objects:
        names = [thing.count for thing in lists if thing.one.kind == "names" and thing.count >= sizes.items]
        sizes.objects |= set(names) if len(names) == 1 else set()
    return sizes


def _role_of_list(thing: _Thing, sizes: _Sizes, notes: list[str]) -> str | None:
    """What names or labels are, by how many they are; None for an array among others that belongs to nothing."""
    n, are_names = thing.count, thing.one.kind == "names"
    of_objects = n in sizes.objects or (not sizes.objects and n >= sizes.items)
    fits = {
        "item_names": are_names and of_objects,
        "categories": not are_names and of_objects and thing.is_only,
        "dimension_labels": are_names and n in sizes.columns.values(),
        "subjects": not are_names and n in sizes.triplets.values(),
    }
    fitting = [role for role, fit in fits.items() if fit]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and not thing.is_only:
        notes.append(f"{thing.spec}: {n:,} {thing.one.kind}, as many as nothing else has; they are left out")
        return None
    if not fitting:
        says = ", ".join(Remedy(role, like="path") for role in STATED)
        raise bad(thing.spec, f"holds {n:,} {thing.one.kind}, as many as nothing else has; one of {says} says what "
                              "they are")
    may = " or ".join(f"{ROLES[role]} ({Remedy(role, like='path')})" for role in fitting)
    raise bad(thing.spec, f"holds {n:,} {thing.one.kind}, which may be {may}: say which")


def _document(  # noqa: C901
    roles: Mapping[str, Sequence[_Thing]], sizes: _Sizes, layout: Mapping[str, Any], kind: str | None, notes: list[str]
) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for part, role in (("names", "item_names"), ("images", "images")):
        if roles[role]:
            table = roles[role][0].table
            document[part] = table["file"] if len(table) == 1 else table
    n = min(sizes.objects, default=None)
    if layout and len(roles["triplets"]) != 1:
        name = next(iter(layout))
        count = len(roles["triplets"])
        raise InputError(f"{name} must be said of one file of triplets ({TRIPLETS} says which it is); got {count}")
    tables = {thing.spec: {**thing.table, **_layout(thing, n, layout, notes)} for thing in roles["triplets"]}
    for role in ("subjects", "answers"):
        for thing in roles[role]:
            _pair(thing, role, tables, sizes.triplets, "triplets")
    parts: dict[str, Any] = {"triplets": tables, "judgments": {}}
    for thing in roles["judgments"]:
        parts["judgments"][thing.spec] = {**thing.table, "kind": kind or _kind(thing, notes)}
    parts["embeddings"] = {thing.spec: thing.table for thing in roles["dimensions"]}
    for thing in roles["dimension_labels"]:
        _pair(thing, "dimensions", parts["embeddings"], sizes.columns, "columns of embeddings")
    parts["categories"] = {thing.spec: thing.table for thing in roles["categories"]}
    for part, tables in parts.items():
        if tables:
            document[part] = next(iter(tables.values())) if len(tables) == 1 else _keyed(tables)
    if not document:
        raise InputError("described files must hold a part of a data set; none of them does")
    return document


def _layout(thing: _Thing, n: int | None, given: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """How the triplets are laid out, with what no file shows: where the odd item stands, and from what items count."""
    one = thing.one
    if one.fault is not None:
        raise bad(thing.spec, one.fault)
    layout, _ = restated(one.layout or {}, given)
    numbered = one.names is None
    if layout.get("task") != ANCHORED and "choice_column" not in layout:
        layout.setdefault("odd_column", "last")
    if numbered and "one_based" not in given:
        layout["one_based"] = one.base == 1 or (one.base is None and n is not None and one.largest == n)
        if not layout["one_based"] and one.base is None and one.smallest:
            notes += [f"{thing.spec}: {note}" for note in base_note(int(one.smallest))]
        elif layout["one_based"] and one.largest != n:
            notes.append(f"{thing.spec}: items go from 1 to {one.largest:g} and are taken to count from 1 (one_based)")
    taken = [*_taken(layout, given, one.columns)]
    if taken:
        notes.append(f"{thing.spec}: taken are {', '.join(taken)}")
    return layout


def _taken(layout: Mapping[str, Any], given: Mapping[str, Any], header: Sequence[str] | None) -> Iterator[str]:
    """What neither a header nor anybody says."""
    columns = layout.get("columns")
    third = header[2] if columns is None and header else columns[2] if columns else None
    stated = {"columns", "odd_column"} & {*given}
    if layout.get("odd_column") == "last" and not stated and not says(str(third), "odd"):
        yield "the last item for the odd one (odd_column)"


def _kind(thing: _Thing, notes: list[str]) -> str:
    notes.append(f"{thing.spec}: seems to hold {thing.one.kind}; kind in the description says it")
    return "similarity" if thing.one.kind == "similarities" else "dissimilarity"


def _pair(thing: _Thing, key: str, tables: Mapping[str, dict[str, Any]], sizes: Mapping[str, int], what: str) -> None:
    """Puts a file into the one table of which it has as many entries."""
    fits = [spec for spec, count in sizes.items() if count == thing.count]
    if len(fits) != 1:
        there = "none" if not sizes else ", ".join(f"{count:,} in {spec}" for spec, count in sizes.items())
        rule = f"must have as many entries as there are {what} in one file"
        raise bad(thing.spec, f"{rule}; got {thing.count:,}, and there are {there}")
    tables[fits[0]][key] = thing.file if thing.is_only else f"{thing.file}::{thing.one.key}"
    tables[fits[0]].pop("subject_column" if key == "subjects" else "", None)


def _keyed(tables: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables by the names of their files, without the ending; the key of the array behind it where two are the same."""
    keyed: dict[str, dict[str, Any]] = {}
    for spec, table in tables.items():
        path, _, key = spec.partition("::")
        stem = os.path.basename(path)
        stem = stem.removesuffix(suffix_of(stem)) or stem
        name = f"{stem} {key}".strip() if stem in keyed else stem
        while name in keyed:
            name += "'"
        keyed[name] = table
    return keyed
