"""What people were asked about three items: which is the odd one out, or which of two is more like the first.

The order of the three items of a triplet: the odd one last; or the anchor, the chosen option, the other one.

The rows of an experiment's table that are answers: those that are asked for, with lists of items as columns.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.data.answer_columns import LISTED, Column, is_of_another_kind, number_in, says, series_in, words_of
from pyalign.data.metadata import Texts, coded
from pyalign.data.names import MISSING as POLICIES
from pyalign.data.names import listing
from pyalign.errors import InputError, Remedy, shorten

ODD_ONE_OUT, ANCHORED = "odd-one-out", "anchored"
TASKS = (ODD_ONE_OUT, ANCHORED)


def alternatives_of(task: str) -> int:
    """How many answers there are: 3 items may be odd, 2 options be more like the anchor.

    Example:
        >>> alternatives_of("odd-one-out"), alternatives_of("anchored")
        (3, 2)
    """
    return 2 if task == ANCHORED else 3


def chance_of(task: str) -> float:
    """The accuracy of a model that knows nothing, a fraction.

    Example:
        >>> chance_of("anchored")
        0.5
    """
    return 1 / alternatives_of(task)


FIRST = (1, 2, 0)  # where the canonical columns come from when the odd one is first
# ... when the anchor is there, and the chosen option before the other
ANCHORS = {"first": (0, 1, 2), "last": (2, 0, 1)}


def odd_last(
    items: np.ndarray, choice: np.ndarray | None, odd_column: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The items with the odd one last, and for each column the column that it came from."""
    if choice is not None:
        return _by_choice(items, choice)
    if odd_column == "first":
        return np.ascontiguousarray(items[:, list(FIRST)]), np.array(FIRST, dtype=np.int8)
    return items, None


def _by_choice(items: np.ndarray, choice: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    orders = np.array([FIRST, (0, 2, 1), (0, 1, 2)], dtype=np.int8)
    positions = orders[choice]
    if (choice == 2).all():
        return items, None
    return np.take_along_axis(items, positions, axis=1), positions


def anchor_first(items: np.ndarray, choice: np.ndarray | None, anchor: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The items as anchor, chosen option, other option, and for each column the column that it came from.

    choice: (t,) 0 or 1, which of the two options, in their order in the file, was chosen; None: the first.
    """
    order = np.array(ANCHORS[anchor], dtype=np.int8)
    if choice is not None and choice.any():
        positions = order[np.array([(0, 1, 2), (0, 2, 1)], np.int8)[choice]]
        return np.take_along_axis(items, positions, axis=1), positions
    if anchor == "first":
        return items, None
    return np.ascontiguousarray(items[:, order]), order


EMPTY = {"", "nan", "undefined", "[]"}  # cells of a `Column` without a value, in lower case
OMIT = f'{Remedy("empty", "omit")} leaves such rows out'
REMEDY = f'{Remedy("where", "column=value")} keeps the rows of one'
LIST = "list"  # the column of the list of trials that a participant was given


class Trials(NamedTuple):
    """A table of answers, a row each. notes: how many rows were kept or left out, a sentence each."""

    header: tuple[str, ...]
    columns: list[Texts | np.ndarray]
    notes: tuple[str, ...]


def may_hold_lists(header: Sequence[str], columns: Sequence[object] | None) -> bool:
    """Whether a header, or stated columns that are not in it, may name lists of items."""
    by_name = (x for x in columns or () if isinstance(x, str) and not x.isdecimal())
    return any(x not in header for x in by_name) or any(LISTED & {*words_of(name)} for name in header)


def answered_rows(header: Sequence[str], columns: Sequence[Texts | np.ndarray], stated: Mapping[str, Any]) -> Trials:
    """The rows that `where` keeps, without those that `empty="omit"` leaves out, with columns for lists of items.

    Args:
        header: of the columns.
        columns: (t,) each, text or numbers, in which NaN is an empty cell.
        stated: arguments of `load_triplets`, None where nothing is said.

    Example:
        >>> columns = [coded(['["cat", "dog", "car"]', ""]), np.array([2, np.nan])]
        >>> result = answered_rows(["stimuli", "response"], columns, {"empty": "omit"})
        >>> result.header[2:], result.columns[1], result.notes
        (('stimuli 1', 'stimuli 2', 'stimuli 3'), array([2.]), ('1 of 2 rows is left out: 1 without items',))
    """
    said = {name: value for name, value in stated.items() if value is not None}
    where, empty = said.get("where", ()), _checks.one_of(said.get("empty", "raise"), POLICIES, "empty")
    table = _table(header, columns)
    keep, notes = _where(table, [where] if isinstance(where, str) else where)
    header, columns = _with_lists(table, columns, keep)
    table = _table(header, columns)
    kept, lacking = _filled(table, keep, said)
    t, n = int(keep.sum()), int((keep & ~kept).sum())
    if n == t or (empty == "raise" and 2 * n >= t):  # else the first of them is named
        raise InputError(f"{n:,} of {t:,} rows hold no answer, {lacking}; {OMIT}")
    if "subject_column" not in said:
        _check_lists(table, kept)
    if empty == "omit" and n:
        keep = kept
        notes.append(f"{n:,} of {t:,} rows {'is' if n == 1 else 'are'} left out: {lacking}")
    return Trials(tuple(header), columns if keep.all() else [_taken(x, keep) for x in columns], tuple(notes))


def _table(header: Sequence[str], columns: Sequence[Texts | np.ndarray]) -> list[Column]:
    return [Column.of(k, name, cells) for k, (name, cells) in enumerate(zip(header, columns, strict=True))]


def _taken(column: Texts | np.ndarray, rows: np.ndarray) -> Texts | np.ndarray:
    if not isinstance(column, Texts):
        return column[rows]
    return coded(column.labels[code] for code in column.codes[rows].tolist())


def _where(table: Sequence[Column], where: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Which rows have the values, one of those that are said of each column; and a sentence."""
    header, asked = [c.header for c in table], dict[int, list[str]]()
    for text in where:
        name, mark, value = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not mark:
            raise InputError(f'where must be "column=value", or a list of these; got {shorten(text)}')
        place = header.index(name) if name in header else int(name) if name.isdecimal() else len(table)
        if place >= len(table):
            raise InputError(f"where: there is no column {shorten(name)}; the columns are {listing(header, 20)}")
        asked.setdefault(place, []).append(value.strip())
    keep = np.ones(len(table[0]), np.bool_)
    for place, values in asked.items():
        labels = table[place].labels
        numbers = [{"true": 1.0, "false": 0.0}.get(x.lower(), number_in(x)) for x in (*values, *labels)]
        same = np.equal.outer(numbers[len(values) :], numbers[: len(values)]).any(axis=1) | np.isin(labels, values)
        keep &= same[table[place].codes]
        if not keep.any():
            held = listing([*map(shorten, labels)], 5)
            raise InputError(f"where: no row has {shorten(values[0])} in {table[place].called}, which holds {held}")
    said = f"{int(keep.sum()):,} of {len(keep):,} rows are kept: where {listing([*map(repr, where)])}"
    return keep, [said] if asked else []


# Lists of items


def _listed(cell: str) -> list[str]:
    """The items of a list as JSON or Python writes it; none of anything else."""
    for read in (json.loads, ast.literal_eval) if cell[:1] + cell[-1:] in ("[]", "()") else ():
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            items = read(cell)
            if not isinstance(items, list | tuple):
                return []
            return [*map(str, items)] if all(isinstance(x, str | int | float) for x in items) else []
    return []


def _with_lists(
    table: Sequence[Column], columns: Sequence[Texts | np.ndarray], keep: np.ndarray
) -> tuple[list[str], list[Texts | np.ndarray]]:
    """A table with columns for lists of two or three items, and with a single item in the place of its list."""
    header, parted = [c.header for c in table], [*columns]
    for k, column in enumerate(table):
        lists = [_listed(label) for label in column.labels]
        counts = np.bincount(np.array([*map(len, lists)])[column.codes[keep]], minlength=4)
        size = next((n for n in (3, 2, 1) if counts[n]), 0)
        if counts[2] and counts[3] and LISTED & {*words_of(column.header)}:
            held = f"lists of 3 items in {counts[3]:,} rows and of 2 in {counts[2]:,}"
            raise InputError(f"{column.called} holds {held}, answers of two designs: {REMEDY}")
        for n in range(size):
            plain = column.labels if size == 1 else [""] * len(lists)
            of_labels = [x[n] if len(x) == size else y for x, y in zip(lists, plain, strict=True)]
            cells: Texts | np.ndarray = coded(of_labels[code] for code in column.codes.tolist())
            numbers = np.array([number_in(label) for label in of_labels])
            if np.isnan(numbers).tolist() == [label == "" for label in of_labels]:
                cells = numbers[column.codes]
            if size == 1:
                parted[k] = cells
            else:
                header.append(f"{column.header} {n + 1}")
                parted.append(cells)
        if size > 1:
            header[k], parted[k] = f"{column.header} (lists)", coded([""] * len(keep))
    if len(header) == len(table) + 3 and not series_in(header, 3):  # under a header that says nothing
        header[-3:] = ["item 1", "item 2", "item 3"]
    return header, parted


# Empty cells


def _filled(table: Sequence[Column], keep: np.ndarray, said: Mapping[str, Any]) -> tuple[np.ndarray, str]:
    """Which rows have their items, their answer and their participant; and how many of the others lack which."""
    has = [np.array([label.lower() not in EMPTY for label in c.labels])[c.codes] & keep for c in table]
    designs = _designs([c.header for c in table], said)
    rows = [(task, np.all([has[k] for k in items], axis=0)) for task, items in designs]
    for (task, one), (other, two) in ((a, b) for a in rows for b in rows):
        if task != other and (n := int((one & ~two).sum())) and (m := int((two & ~one).sum())):
            raise InputError(f"holds answers of two designs, {task} in {n:,} rows and {other} in {m:,}: {REMEDY}")
    kept = np.any([mask for _, mask in rows], axis=0) if rows else keep
    lacking, items = {"items": keep & ~kept}, {k for _, places in designs for k in places}
    for role, option in (("answer", "choice_column"), ("participant", "subject_column")):
        names = [c for c in table if option in said and said[option] in (c.header, c.index, str(c.index))]
        names = names or [c for c in table if says(c.header, role) and not is_of_another_kind(c.header)]
        places = [c.index for c in names if c.index not in items]
        known = [has[k] for k in places if option in said or 2 * has[k][kept].sum() >= kept.sum()]
        mask = np.all([kept, *known], axis=0)
        lacking["an answer" if role == "answer" else "a participant"], kept = kept & ~mask, mask
    return kept, ", ".join(f"{n:,} without {what}" for what, mask in lacking.items() if (n := int(mask.sum())))


def _designs(names: Sequence[str], said: Mapping[str, Any]) -> list[tuple[str, Sequence[int]]]:
    """The sets of columns that may hold the items, each with its task."""
    task, width = said.get("task"), len(names)
    if "columns" in said or not any(names):
        others = [str(value) for name, value in said.items() if name.endswith("_column")]
        columns = said.get("columns", [k for k in range(width) if str(k) not in others])
        places = [names.index(x) if x in names else int(x) if str(x).isdecimal() else -1 for x in columns]
        return [(task or ODD_ONE_OUT, places)] if len(places) == 3 and 0 <= min(places) <= max(places) < width else []
    pairs = [series.columns for series in series_in(names, 2)]
    questions: list[tuple[str, Sequence[int]]] = [(ODD_ONE_OUT, series.columns) for series in series_in(names, 3)]
    for role, of in (("anchor", ANCHORED), ("odd", ODD_ONE_OUT)):
        alone = [k for k, name in enumerate(names) if says(name, role)]
        questions += [(of, (k, *pair)) for k in alone for pair in pairs if k not in pair]
    return [one for one in questions if task in (None, one[0])]


def _check_lists(table: Sequence[Column], kept: np.ndarray) -> None:
    """Raises where a participant has answered two lists of trials, because an experiment was begun again, perhaps."""
    who, given = [c for c in table if says(c.header, "participant")], [c for c in table if c.header == LIST]
    if len(who) != 1 or not given:
        return
    both = np.unique(np.stack([who[0].codes, given[0].codes])[:, kept], axis=1)
    twice = np.flatnonzero(np.bincount(both[0]) > 1)
    if len(twice):
        name, lists = who[0].labels[twice[0]], [given[0].labels[k] for k in both[1][both[0] == twice[0]]]
        remedy = f'where="list={lists[0]}" keeps one, subject_column="{who[0].header}" takes all'
        raise InputError(f"participant {shorten(name)} has several lists of trials, {listing(lists, 3)}: {remedy}")
