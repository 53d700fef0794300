"""Columns of text as codes and labels.

Categories of objects: one each, or several.

What is known of models in addition to their answers: family, objective, training data, parameters, any column.
"""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data.embeddings import part_of, rows_of_index
from pyalign.data.names import listing, match_names
from pyalign.errors import InputError

NO_LABEL = {"", "na", "n/a", "none", "null", "-", "?", "."}  # cells without a value, in lower case


class Texts(NamedTuple):
    """A column of text. codes: int32 (t,), indices into labels, which differ and stand in any order."""

    codes: np.ndarray
    labels: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """The text of each row."""
        return tuple(self.labels[code] for code in self.codes.tolist())


def coded(cells: Iterable[str]) -> Texts:
    """Text as codes and labels, in order of appearance."""
    known: dict[str, int] = {}
    codes = array("i", (known.setdefault(cell, len(known)) for cell in cells))
    return Texts(np.array(codes, dtype=np.int32), tuple(known))


def joined(columns: Sequence[Texts | np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of names as one array (t, k) of places among their sorted names, int32, and these names."""
    texts = [column if isinstance(column, Texts) else coded(map(str, column.tolist())) for column in columns]
    names = sorted({label for column in texts for label in column.labels})
    place = {name: rank for rank, name in enumerate(names)}
    ranks = [np.array([place[label] for label in column.labels], dtype=np.int32)[column.codes] for column in texts]
    return np.stack(ranks, axis=1), tuple(names)


@dataclass(frozen=True, eq=False)
class Categories:
    """Categories of objects.

    Example:
        >>> Categories.of(["tool", "food", "tool", ""]).labels
        ('food', 'tool')
    """

    members: np.ndarray  # bool (n, c), which objects each category has; an object may be in several or in none.
    labels: tuple[str, ...]  # the c categories.
    # of the n objects, or None: then they are the rows of the embeddings, which must all be in one order.
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        members = self.members
        if not isinstance(members, np.ndarray) or members.ndim != 2 or members.dtype != bool:
            got = f"{members.dtype} {members.shape}" if isinstance(members, np.ndarray) else type(members).__name__
            raise InputError(f"members must be an array (n, c) of bool; got {got}: Categories.of takes labels too")
        for name, count in (("labels", members.shape[1]), ("names", members.shape[0])):
            texts = getattr(self, name)
            if texts is None and name == "names":
                continue
            checked = _checks.names_of(texts, name)
            if len(checked) != count:
                raise InputError(f"{name} must be one for each of {count}; got {len(checked)}")
            object.__setattr__(self, name, checked)

    @classmethod
    def of(
        cls, categories: object, labels: tuple[str, ...] | None = None, names: tuple[str, ...] | None = None,
    ) -> Categories:
        """Categories from a label for each object (n,), or from memberships (n, c) of 0 and 1.

        Labels are whole numbers or text, in their order; an empty text or a negative number says that the object has no
        category. The index of a Series or DataFrame is the objects' names, its columns are the labels. `Categories`
        come back as they are, and a data set is opened.

        Raises:
            InputError: another shape, other labels, or other numbers in memberships; labels in addition to those of
                the objects.

        Example:
            >>> Categories.of([10, -1, 9]).members.astype(int).tolist()
            [[0, 1], [0, 0], [1, 0]]
        """
        categories = part_of(categories, "categories")
        if isinstance(categories, Categories):
            return categories
        if type(categories).__module__.partition(".")[0] == "pandas" and hasattr(categories, "index"):
            return cls._of_pandas(categories, labels, names)
        a = _checks.as_array(categories, "categories", "(n,) or (n, c)")
        if a.ndim == 1:
            if labels is not None:
                raise InputError(
                    f"labels must be left out where categories (n,) are the labels themselves; got {len(labels)}: the "
                    "names of objects are names="
                )
            own_labels, members = _of_labels(a)
            return cls(members, own_labels, names)
        if a.ndim != 2:
            raise InputError(f"categories must have shape (n,) or (n, c), a row for each object; got {a.shape}")
        if a.dtype.kind not in "biuf" or not np.isin(a, (0, 1)).all():
            raise InputError(f"categories of shape (n, c) must hold only 0 and 1; got dtype {a.dtype} with others")
        numbered = tuple(map(str, range(a.shape[1])))
        return cls(a.astype(bool), labels or numbered, names)

    @classmethod
    def _of_pandas(cls, frame: Any, labels: tuple[str, ...] | None, names: tuple[str, ...] | None) -> Categories:
        order, of_index = rows_of_index(frame.index, "categories")
        values = frame.to_numpy() if order is None else frame.to_numpy()[order]
        columns = tuple(map(str, frame.columns)) if hasattr(frame, "columns") else None
        return cls.of(values, labels or columns, names or of_index)

    def of_rows(self, n: int, names: Sequence[str] | None = None) -> np.ndarray:
        """bool (n, c): the memberships of n rows, by name where both sides have names.

        Raises:
            InputError: another number of objects than rows; names that no object has.

        Example:
            >>> tools = Categories.of(["tool", "food"], names=("hammer", "apple"))
            >>> tools.of_rows(2, ["apple", "hammer"]).astype(int).tolist()
            [[1, 0], [0, 1]]
        """
        if self.names is not None and names is not None:
            return self.members[match_names(names, self.names).rows]
        if len(self.members) != n:
            raise InputError(f"categories must have a row for each of {n} rows of embeddings; got {len(self.members)}")
        return self.members


def require_names(categories: object, row_names: Iterable[tuple[str, ...] | None]) -> None:
    """Raises where categories without names would be those of the rows of models that differ in their objects.

    Args:
        categories: what `Categories.of` takes; None: nothing is asked.
        row_names: the names of each model's rows, or None.

    Example:
        >>> require_names(["tool", "food"], [("hammer", "apple"), ("apple", "hammer")])
        Traceback (most recent call last):
        ...
        pyalign.errors.InputError: categories have no names, and the models' rows are in different orders: give ...
    """
    if categories is None or len(set(row_names)) < 2:
        return
    if Categories.of(categories).names is None:
        raise InputError(
            "categories have no names, and the models' rows are in different orders: give categories with names"
        )


def _of_labels(a: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels that say something, in order, and who has them (n, c)."""
    if a.dtype.kind == "O" and all(isinstance(label, str) for label in a.tolist()):
        a = a.astype(np.str_)
    if a.dtype.kind not in "biuUS":
        raise InputError(f"categories must be whole numbers or text; got dtype {a.dtype}")
    none = a == a.dtype.type() if a.dtype.kind in "US" else a < 0
    labels, codes = np.unique(a, return_inverse=True)
    members = (codes.reshape(-1, 1) == np.arange(len(labels))) & ~none[:, None]
    kept = members.any(axis=0)
    texts = (label.decode() if isinstance(label, bytes) else str(label) for label in labels[kept].tolist())
    return tuple(texts), members[:, kept]


def notes_on_order(kind: str, own: Sequence[str] | None, names: Sequence[str] | None) -> tuple[str, ...]:
    """What is assumed where concepts or the rows of embeddings have no names.

    Args:
        kind: "categories" or "dimensions".
        own: names of the objects of the concepts, or None.
        names: those of the rows, or None.

    Example:
        >>> notes_on_order("categories", None, None), notes_on_order("categories", ("cat",), ("cat",))
        (('the categories and the rows have no names: row i is taken for object i',), ())
    """
    without = [what for what, known in ((f"the {kind}", own), ("the rows", names)) if known is None]
    return (f"{' and '.join(without)} have no names: row i is taken for object i",) if without else ()


Value = str | float | None
TEXT = ("family", "group", "model", "seed")  # columns that are names whatever they hold
MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "-", "?", "."})
POWERS = {"": 0, "%": -2, "k": 3, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12,
          "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
NUMBER = re.compile(
    r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,4})?)\s*(%|[kKMBGT]|[mbt]r?illion|thousand)?",
    re.ASCII,
)
SEED = "[-_./ ]*(?:seed|s|run)?[-_=]?"  # what may stand between the name of a model and its seed


@dataclass(frozen=True)
class Metadata:
    """A table of models.

    Example:
        >>> table = Metadata.of([{"model": "vgg", "parameters": "138M"}, {"model": "clip", "parameters": "1.5e8"}])
        >>> table.columns["parameters"], table.numbers
        ((138000000.0, 150000000.0), ('parameters',))
    """

    models: tuple[str, ...]  # the name of each row, all different.
    # name -> a value for each row: numbers in columns of numbers, else text; None where there is none.
    columns: Mapping[str, tuple[Value, ...]]
    percent: frozenset[str] = frozenset()  # the columns that were given in percent: their values are fractions.
    notes: tuple[str, ...] = ()  # what was noticed when it was read, a sentence each.
    source: str | None = None  # the file that it came from, or None.

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], source: str | None = None, notes: Sequence[str] = ()) -> Metadata:
        """Metadata of rows, each with `model` and any other columns, as a file or a program gives them.

        Numbers may have a unit: 88M, 1.2 B, ``76.1 %`` (becomes .761), 1,281,167. A column in which one cell is no
        number is text; where others are numbers, a note says so. Two rows of one model that are not the same are left
        out, with a note.

        Raises:
            InputError: a row without a model, a value that is no number and no text, or no rows.
        """
        table = [{_name(name): _cell(value, _name(name)) for name, value in row.items()} for row in rows]
        if not table:
            raise InputError("metadata must have a row for each model; got none")
        for number, row in enumerate(table, 1):
            if not isinstance(row.get("model"), str) or not row["model"]:
                raise InputError(f"metadata must have a 'model' in each row; row {number} has {listing(list(row), 8)}")
        kept, row_notes = _different(table)
        names = [name for name in dict.fromkeys(name for row in table for name in row) if name and name != "model"]
        columns, percent, more = {}, set(), [*notes, *row_notes]
        for name in names:
            columns[name], shares, note = _column(name, [row.get(name) for row in kept])
            percent |= {name} if shares else set()
            more += [note] if note else []
        return cls(tuple(str(row["model"]) for row in kept), columns, frozenset(percent), tuple(more), source)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return tuple(name for name, cells in self.columns.items() if any(isinstance(cell, float) for cell in cells))

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of text that hold some."""
        return tuple(name for name, cells in self.columns.items() if any(isinstance(cell, str) for cell in cells))

    def value(self, row: int | None, column: str) -> Value:
        """The cell of a row of `matched`; None where the model has no row, or the table no such column."""
        return None if row is None or column not in self.columns else self.columns[column][row]

    def matched(self, models: Sequence[str], labels: Mapping[str, str] | None = None) -> Matched:
        """The row of each model: by its name, else its label, else the name of its file without folder and ending.

        What would fit two rows, and a row that would fit two models, is left without: a note says so.

        Args:
            models: as documents call them; each once.
            labels: what they are called in tables, by name.

        Example:
            >>> table = Metadata.of([{"model": "clip"}, {"model": "vgg"}])
            >>> result = table.matched(["out/clip.npy", "resnet"])
            >>> result.rows, result.notes
            ((0, None), ('no row of the metadata is of resnet', 'the metadata has vgg, which is none of these models'))
        """
        return _matched(self.models, list(dict.fromkeys(models)), models, labels or {})

    def group(self, row: int | None, model: str) -> str:
        """What the seeds of one model have in common: the column `group`, else its name without its seed at the end."""
        if row is None:
            return model
        group, seed, name = self.value(row, "group"), self.value(row, "seed"), self.models[row]
        if isinstance(group, str):
            return group
        if isinstance(seed, str):
            match = re.fullmatch(rf"(.+?){SEED}{re.escape(seed)}", name, re.IGNORECASE)
            return match.group(1) if match else name
        return name


@dataclass(frozen=True)
class Matched:
    """Matches rows of the metadata with models."""

    rows: tuple[int | None, ...]  # of each model, or None.
    notes: tuple[str, ...]  # of models without a row, rows without a model, and what is ambiguous, a sentence each.


def as_metadata(metadata: Any) -> Metadata:
    """Metadata as they are, or of rows, of a mapping from models to their columns, or of a frame of pandas."""
    if isinstance(metadata, Metadata):
        return metadata
    if hasattr(metadata, "to_dict") and hasattr(metadata, "columns"):
        metadata = metadata.to_dict("records")
    if isinstance(metadata, Mapping) and all(isinstance(row, Mapping) for row in metadata.values()):
        metadata = [{"model": name, **row} for name, row in metadata.items()]
    if isinstance(metadata, str | os.PathLike):
        raise InputError(
            f"metadata must be a table; got the path {os.fspath(metadata)!r}: read it with load_metadata(path)"
        )
    rows = list(metadata) if isinstance(metadata, Sequence) and not isinstance(metadata, str) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(
            f"metadata must be rows with a 'model' each, or a table of them; got {type(metadata).__name__}"
        )
    return Metadata.of(rows)


def number_of(text: str) -> tuple[float, str] | None:
    """A number and its unit, "" or "%" or a word for thousands (which it is multiplied by); None where it is none."""
    match = NUMBER.fullmatch(text.strip())
    if match is None or not any(letter.isdigit() for letter in match.group(1)):
        return None
    digits, unit = match.group(1).replace(",", ""), match.group(2) or ""
    try:
        value = float(Decimal(digits).scaleb(POWERS[unit]))
    except ArithmeticError:
        return None
    return (value, unit) if math.isfinite(value) else None


def stem_of(name: str) -> str:
    """The name of a file without folder and ending; ``::KEY`` stays."""
    path, mark, key = name.partition("::")
    last = path.replace(os.sep, "/").rstrip("/").split("/")[-1]
    stem, _, suffix = last.rpartition(".")
    return (stem if stem and suffix.isalnum() and not suffix.isdecimal() else last) + mark + key


def _name(name: object) -> str:
    """A header; those with a meaning in lower case."""
    plain = str(name).strip()
    return plain.lower() if plain.lower() in TEXT else plain


def _cell(value: Any, name: str) -> str | float | None:
    """A cell: text, a number, or None where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, int | float):
        try:
            return float(value) if math.isfinite(value) and name not in TEXT else str(value)
        except OverflowError:
            return str(value)
    if not isinstance(value, str):
        raise InputError(f"metadata must hold text and numbers; got {type(value).__name__} in column {name!r:.60}")
    return None if value.strip().lower() in MISSING else value.strip()


def _different(table: list[dict[str, str | float | None]]) -> tuple[list[dict[str, str | float | None]], list[str]]:
    """The rows without those of models that have several, but one of those that are the same."""
    of: dict[str, list[dict[str, str | float | None]]] = {}
    for row in table:
        of.setdefault(str(row["model"]), []).append(row)
    kept, notes = [], []
    for name, rows in of.items():
        same = all(row == rows[0] for row in rows)
        kept += rows[:1] if same else []
        if len(rows) > 1:
            what = "all the same: one is read" if same else "which differ: none is read; seeds need names of their own"
            notes.append(f"the metadata has {len(rows)} rows of {name}, {what}")
    if not kept:
        raise InputError(f"metadata must have a row for each model; {notes[0]}")
    return kept, notes


def _column(name: str, cells: list[str | float | None]) -> tuple[tuple[Value, ...], bool, str]:
    """The values of a column, whether they were percentages, and a note or ""."""
    texts = tuple(None if cell is None else cell if isinstance(cell, str) else f"{cell:g}" for cell in cells)
    if name in TEXT:
        return texts, False, ""
    read = [None if c is None else (c, "") if isinstance(c, float) else number_of(c) for c in cells]
    wrong = [cell for cell, number in zip(cells, read, strict=True) if cell is not None and number is None]
    numbers = [number for number in read if number is not None]
    if wrong or not numbers:
        note = f"column {name!r} of the metadata is read as text: {wrong[0]!r:.40} is no number" if numbers else ""
        return texts, False, note
    units = {unit for _, unit in numbers}
    if "%" in units and len(units) > 1:
        return (texts, False, f"column {name!r} of the metadata is read as text: some numbers are in %, others not")
    plain = [value for value, unit in numbers if not unit]
    if len(units) > 1 and any(0 < abs(value) < 1000 for value in plain):
        few = next(value for value in plain if 0 < abs(value) < 1000)
        return texts, False, f"column {name!r} of the metadata is read as text: {few:g} has no unit, others have one"
    return tuple(None if number is None else number[0] for number in read), units == {"%"}, ""


def _matched(rows: Sequence[str], names: Sequence[str], models: Sequence[str], labels: Mapping[str, str]) -> Matched:
    row_of_model: dict[str, int] = {}
    used: set[int] = set()  # rows that are matched, or could be of several
    unclear: set[str] = set()
    notes: list[str] = []
    levels: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
        (str, str), (lambda model: labels.get(model, model), str), (stem_of, stem_of),
    )
    for of_model, of_row in levels:
        wanted: dict[str, list[str]] = {}
        for model in names:
            if model not in row_of_model and model not in unclear:
                wanted.setdefault(of_model(model), []).append(model)
        there: dict[str, list[int]] = {}
        for k in set(range(len(rows))) - used:
            there.setdefault(of_row(rows[k]), []).append(k)
        for key, called in wanted.items():
            fitting = there.get(key, [])
            if len(called) == 1 and len(fitting) == 1:
                row_of_model[called[0]] = fitting[0]
            elif fitting:
                both = f"the rows {listing([rows[k] for k in fitting], 4)}"
                notes.append(f"{listing(called, 4)} and {both} of the metadata can't be distinguished: none is matched")
                unclear |= set(called)
            used |= set(fitting)
    if absent := [name for name in names if name not in row_of_model and name not in unclear]:
        notes.append(none_of(absent))
    if others := [row for k, row in enumerate(rows) if k not in used]:
        notes.append(
            f"the metadata has {listing(others, 8)}, which {'are' if others[1:] else 'is'} none of these models"
        )
    return Matched(tuple(row_of_model.get(model) for model in models), tuple(notes))


def none_of(models: Sequence[str]) -> str:
    """What is said of models without a row."""
    return f"no row of the metadata is of {listing(models, 8)}"
