"""The rows of an experiment's table that are answers: those that are asked for, with their lists of items as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.data.answer_column import Column, number_in
from pyalign.data.answer_words import LISTED, is_of_another_kind, says, series_in, words_of
from pyalign.data.names import MISSING as POLICIES
from pyalign.data.names import listing
from pyalign.data.tasks import ANCHORED, ODD_ONE_OUT
from pyalign.data.texts import Texts, coded
from pyalign.errors import InputError, shorten

EMPTY = {"", "nan", "undefined", "[]"}  # of the cells of a `Column`, in lower case
OMIT = 'empty="omit" leaves such rows out'
REMEDY = 'where="column=value" keeps the rows of one'
LIST = "list"  # the column of the list of trials that a participant was given


class Trials(NamedTuple):
    """A table of answers. stated: arguments of `load_triplets`, without those that are done. dropped: of its rows."""

    header: tuple[str, ...]
    columns: list[Texts | np.ndarray]
    stated: dict[str, Any]
    notes: tuple[str, ...] = ()
    dropped: bool = False


def may_hold_lists(header: Sequence[str], stated: Mapping[str, Any]) -> bool:
    """Whether a header or stated columns may name lists of items."""
    stated_too = (x for x in stated.get("columns") or () if isinstance(x, str) and not x.isdecimal())
    return any(x not in header for x in stated_too) or any(LISTED & {*words_of(name)} for name in header)


def answered_rows(header: Sequence[str], columns: Sequence[Texts | np.ndarray], stated: Mapping[str, Any]) -> Trials:
    """The rows that `where` keeps, without those that `empty="omit"` leaves out; lists of items in columns of their own.

    Args:
        header: of the columns.
        columns: (t,) each, text or numbers, in which NaN is an empty cell.
        stated: arguments of `load_triplets`, None where nothing is said.

    Raises:
        InputError: no row is left; answers of two designs, or two lists of one participant.

    Example:
        >>> columns = [coded(['["cat", "dog", "car"]', ""]), np.array([2, np.nan])]
        >>> found = answered_rows(["stimuli", "response"], columns, {"empty": "omit"})
        >>> found.header[2:], found.columns[1], found.notes
        (('stimuli 1', 'stimuli 2', 'stimuli 3'), array([2.]), ('1 of 2 rows is left out: 1 without items',))
    """
    said = {name: value for name, value in stated.items() if value is not None}
    where, empty = said.pop("where", ()), said.pop("empty", "raise")
    _checks.one_of(empty, POLICIES, "empty")
    table = _table(header, columns)
    keep, notes = np.ones(len(table[0]), np.bool_), []
    if where:
        keep, note = _where(table, [where] if isinstance(where, str) else where)
        notes.append(note)
    header, columns = [*header], [*columns]
    _part_lists(header, columns, table, keep)
    kept, lacking = _filled(table, keep, said)
    t, n = int(keep.sum()), int((keep & ~kept).sum())
    if n == t or (empty == "raise" and 2 * n >= t):  # else the first of them is named
        raise InputError(f'{n:,} of {t:,} rows hold no answer, {lacking}; {OMIT}')
    _check_lists(table, kept, said)
    if empty == "raise":
        kept = keep
    elif n:
        notes.append(f"{n:,} of {t:,} rows {'is' if n == 1 else 'are'} left out: {lacking}")
    if kept.all():
        return Trials(tuple(header), columns, said, tuple(notes))
    return Trials(tuple(header), [_taken(column, kept) for column in columns], said, tuple(notes), True)


def _table(header: Sequence[str], columns: Sequence[Texts | np.ndarray]) -> list[Column]:
    return [Column.of(k, name, cells) for k, (name, cells) in enumerate(zip(header, columns, strict=True))]


def _taken(column: Texts | np.ndarray, rows: np.ndarray) -> Texts | np.ndarray:
    if not isinstance(column, Texts):
        return column[rows]
    used, codes = np.unique(column.codes[rows], return_inverse=True)
    return Texts(codes.astype(np.int32).reshape(-1), tuple(column.labels[k] for k in used))


def _where(table: Sequence[Column], where: Sequence[str]) -> tuple[np.ndarray, str]:
    """Which rows have the values, one of those that are said of each column; and a sentence."""
    header, asked = [c.header for c in table], dict[int, list[str]]()
    for text in where:
        name, mark, value = text.partition("=") if isinstance(text, str) else ("", "", "")
        place = header.index(name) if name in header else int(name) if name.isdecimal() else len(table)
        if not mark:
            raise InputError(f'where must be "column=value", or a list of these; got {shorten(text)}')
        if place >= len(table):
            raise InputError(f"where: there is no column {shorten(name)}; the columns are {listing(header, 20)}")
        asked.setdefault(place, []).append(value.strip())
    keep = np.ones(len(table[0]), np.bool_)
    for place, values in asked.items():
        column = table[place]
        same = [any(x == label or _number(x) == _number(label) for x in values) for label in column.labels]
        keep &= np.array(same)[column.codes]
        if not keep.any():
            held = listing([*map(shorten, column.labels)], 5)
            raise InputError(f"where: no row has {shorten(values[0])} in {column.called}, which holds {held}")
    return keep, f"{int(keep.sum()):,} of {len(keep):,} rows are kept: where {listing([*map(repr, where)])}"


def _number(cell: str) -> float:
    return {"true": 1.0, "false": 0.0}.get(cell.lower(), number_in(cell))


# Lists of items


def _listed(cell: str) -> list[str]:
    """The items of a list as JSON or Python writes it; none of anything else."""
    for text in (cell, cell.replace("'", '"')) if cell.startswith("[") and cell.endswith("]") else ():
        with suppress(ValueError, RecursionError):
            items = json.loads(text)
            return [str(x) for x in items] if all(isinstance(x, str | int | float) for x in items) else []
    return []


def _part_lists(
    header: list[str], columns: list[Texts | np.ndarray], table: list[Column], keep: np.ndarray
) -> None:
    """Adds columns for lists of two or three items, and puts a single item in the place of its list."""
    width, names = len(table), [*header]
    for k, column in enumerate(table[:]):
        lists = [_listed(label) for label in column.labels]
        rows = np.bincount(column.codes[keep], minlength=len(lists))
        one, two, three = (sum(int(m) for x, m in zip(lists, rows, strict=True) if len(x) == n) for n in (1, 2, 3))
        if two and three and LISTED & {*words_of(column.header)}:
            held = f"lists of 3 items in {three:,} rows and of 2 in {two:,}"
            raise InputError(f"{column.called} holds {held}, answers of two designs: {REMEDY}")
        size = 3 if three else 2 if two else 1
        labels = [x or [label] for x, label in zip(lists, column.labels, strict=True)]
        if one and size == 1:
            columns[k] = _coded(column, [x[0] for x in labels])
        elif size > 1:
            header += [f"{column.header} {n + 1}" for n in range(size)]
            columns += [_coded(column, [x[n] if len(x) == size else "" for x in lists]) for n in range(size)]
            header[k], columns[k] = f"{column.header} (lists)", _coded(column, [""] * len(lists))
    if len(header) == width + 3 and not series_in(header, 3):  # lists of items under a header that says nothing
        header[width:] = ["item 1", "item 2", "item 3"]
    if header != names:
        table[:] = _table(header, columns)


def _coded(column: Column, labels: Sequence[str]) -> Texts:
    return coded(labels[code] for code in column.codes.tolist())


# Empty cells


def _mask(column: Column) -> np.ndarray:
    """Which cells are filled."""
    return np.array([label.lower() not in EMPTY for label in column.labels])[column.codes]


def _filled(table: Sequence[Column], keep: np.ndarray, said: Mapping[str, Any]) -> tuple[np.ndarray, str]:
    """Which of the rows have their items, their answer and their participant; and how many of the others lack which."""
    designs = _designs([c.header for c in table], said)
    has = {c: _mask(c) for c in table}
    whole = [(task, np.all([has[table[k]] for k in items], axis=0) & keep) for task, items in designs]
    for task, mask in whole:
        other = next((m for of, m in whole if of != task and (m & ~mask).any() and (mask & ~m).any()), None)
        if other is not None:
            held = f"{task} in {int((mask & ~other).sum()):,} rows and another task in {int((other & ~mask).sum()):,}"
            raise InputError(f"holds answers of two designs, {held}: {REMEDY}")
    kept = np.any([mask for _, mask in whole], axis=0) if whole else keep
    used = {k for _, items in designs for k in items}
    phrases = [f"{n:,} without items"] if (n := int((keep & ~kept).sum())) else []
    for role, option in (("answer", "choice_column"), ("participant", "subject_column")):
        stated = [c for c in table if said.get(option) in (c.header, c.index, str(c.index)) and option in said]
        known = stated or [c for c in table if c.index not in used and says(c.header, role)
                           and not is_of_another_kind(c.header) and 2 * has[c][kept].sum() >= kept.sum()]  # fmt: skip
        mask = np.all([has[c] for c in known], axis=0) if known else kept
        phrases += [f"{n:,} without {'an' if role == 'answer' else 'a'} {role}"] if (n := int((kept & ~mask).sum())) else []
        kept = kept & mask
    return kept, ", ".join(phrases)


def _designs(names: Sequence[str], said: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...]]]:
    """The sets of columns that may hold the items, each with its task."""
    if "columns" in said:
        places = [names.index(x) if x in names else int(x) if str(x).isdecimal() else -1 for x in said["columns"]]
        return [(said.get("task", ODD_ONE_OUT), tuple(places))] if 0 <= min(places) <= max(places) < len(names) else []
    if not any(names):
        others = [str(value) for name, value in said.items() if name.endswith("_column")]
        places = [k for k in range(len(names)) if str(k) not in others]
        return [(said.get("task", ODD_ONE_OUT), tuple(places))] if len(places) == 3 else []
    found = [(ODD_ONE_OUT, series.columns) for series in series_in(names, 3)]
    pairs = [series.columns for series in series_in(names, 2)]
    for role, task in (("anchor", ANCHORED), ("odd", ODD_ONE_OUT)):
        alone = [k for k, name in enumerate(names) if says(name, role)]
        found += [(task, (k, *pair)) for k in alone for pair in pairs if k not in pair]
    return [one for one in found if said.get("task") in (None, one[0])]


def _check_lists(table: Sequence[Column], kept: np.ndarray, said: Mapping[str, Any]) -> None:
    """Raises where a participant has answered two lists of trials: the experiment was begun again, or a name is twice."""
    people = [c for c in table if says(c.header, "participant")]
    given = next((c for c in table if c.header == LIST), None)
    if given is None or len(people) != 1 or "subject_column" in said:
        return
    both = np.unique(np.stack([people[0].codes, given.codes])[:, kept], axis=1)
    twice = np.flatnonzero(np.bincount(both[0]) > 1)
    if len(twice):
        name, lists = people[0].labels[twice[0]], [given.labels[k] for k in both[1][both[0] == twice[0]]]
        raise InputError(f'participant {shorten(name)} has several lists of trials, {listing(lists, 3)}: where="list='
                         f'{lists[0]}" keeps one, subject_column="{people[0].header}" takes all')  # fmt: skip
