"""Human triplets: three items, of which the odd one is last; or an anchor, then the chosen option."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._registry import register
from pyalign.data import ANCHORED, ODD_ONE_OUT, TASKS, Subjects, Triplets
from pyalign.data.answer_columns import Column as Cells
from pyalign.data.answer_table import RATINGS, Asked, base_note, recognized, require_items
from pyalign.data.metadata import NO_LABEL, Texts, joined
from pyalign.data.trials import ANCHORS, OMIT, anchor_first, answered_rows, may_hold_lists, odd_last
from pyalign.errors import InputError, Remedy, shorten
from pyalign.io.answers import code_subjects, notes_on_unused, weights_in
from pyalign.io.arrays import TRIPLETS, Wanted
from pyalign.io.contents import columns_of
from pyalign.io.embeddings import open_named
from pyalign.io.formats import open_table
from pyalign.io.layout import always, is_number
from pyalign.io.paths import Array, PathLike, bad, checked_path, errors_of, is_named
from pyalign.io.tables import Column, Table, by_name, cells_table, column_index, frame_table, from_one, whole_numbers
from pyalign.typing import AnswersLike, Policy, SubjectsLike, Task, WeightsLike

OddColumn = Literal["first", "last", "none"]
AnchorColumn = Literal["first", "last"]
_LACKING = re.compile(rf"\bis empty|an empty cell|: '({'|'.join(map(re.escape, NO_LABEL))})' is not a", re.IGNORECASE)
ODD_COLUMNS = ("last", "first", "none")
# What no longer holds where an option is given: others that say the same thing, or that belong to another task.
REPLACED = {
    "odd_column": ("choice_column", "choice_base"),
    "choice_column": ("odd_column", "choice_base"),
    "subject_column": ("subjects",),
    "subjects": ("subject_column",),
    "task": ("odd_column", "anchor", "choice_column", "choice_base"),
}


def load_triplets(
    path: PathLike | ArrayLike, *, key: str | None = None, columns: Sequence[Column] | None = None,
    odd_column: OddColumn | None = None, choice_column: Column | None = None, choice_base: int | None = None,
    one_based: bool | None = None, subject_column: Column | None = None, item_names: Sequence[str] | None = None,
    answers: AnswersLike | None = None, subjects: SubjectsLike | None = None, task: Task | None = None,
    anchor: AnchorColumn | None = None, weight_column: Column | None = None, weights: WeightsLike | None = None,
    where: str | Sequence[str] | None = None, empty: Policy | None = None,
) -> Triplets:
    """Read (t, 3) triplets of item numbers or names, the item that was chosen as odd put last.

    With ``task="anchored"``, where participants said which of two options is more like an anchor, the columns become
    the anchor, the chosen option and the other option.

    The values of a plain ``.npy`` of int16, uint16, int32 or int64 are memory-mapped read-only, without a copy, so the
    file must not be overwritten or truncated while they are used.

    Args:
        path: a file in any of the formats of `load_embeddings`; or ``dataset:NAME`` (see `pyalign.datasets`), which
            knows its layout and its task; or ``mine.toml``, which describes a data set and is overridden by the
            arguments of this call. Or a DataFrame of pandas or structured rows (t,), read as a CSV file of them is.
        key: which array to read from a file with several.
        columns: the three item columns of a wider table, from 0 or by header. A column of answers next to them is used,
            unless `odd_column` or `anchor` says where the answer is.
        odd_column: "last" (as human_alignment, gLocal, SPoSE and VICE write them; the default), "first", or "none" (not
            recorded).
        choice_column: the column with the odd item, by its place among the three or as the item itself, from 0 or by
            header; for anchored triplets, with the chosen option, by its place among the two or as the item itself.
        choice_base: whether that place counts from 0 or from 1; without it, its range decides.
        one_based: item numbers count from 1 (default: False); the result counts from 0.
        subject_column: the column, of numbers or strings, that says who answered, from 0 or by header.
        item_names: the name of the item with each number, in order; embeddings with names are then matched by name.
        answers: (t, 3) counts of how often each item was chosen as odd, or proportions, by the positions in the file:
            an array, or the return value of `read_answers`; for anchored triplets (t, 2), by option.
        subjects: who gave each answer, if a separate file has this: the return value of `read_subjects`, or t labels.
        task: ``"odd-one-out"`` (the default), or ``"anchored"``.
        anchor: which of the three columns has the anchor, "first" (the default) or "last". Without a choice column the
            first of the other two is the chosen option.
        weight_column: the column that says how much each answer counts, from 0 or by header; see `pyalign.score`. If
            there is a column ``covered`` too, as in the table of a design, it goes along.
        weights: these weights, if a separate file has them: the return value of `read_weights`, or t numbers.
        where: the rows to keep, "column=value" or a list of these: those that have the value in each of the columns, of
            one column one of its values.
        empty: what becomes of rows without their items, their answer or their participant: "raise" (the default), or
            "omit". A note counts what was left out by either, and t is what is kept.

    Returns:
        `Triplets`, with positions if columns were moved, and with names if the file has names.

    Raises:
        InputError: what is wrong with the file, in one line that starts with its path. Item numbers are not compared
            with the number of items or with each other; the operations do that.
        OSError: the file is missing or can't be read.
        MissingExtraError: the format needs a package that is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "triplets.csv")
        ...     _ = path.write_text("image1,image2,image3,choice\\n8,3,5,1\\n2,9,4,3\\n")
        ...     load_triplets(path, choice_column="choice", one_based=True).values
        array([[2, 4, 7],
               [1, 8, 3]], dtype=int32)
    """
    layout: dict[str, Any] = {
        "columns": columns, "odd_column": odd_column, "choice_column": choice_column, "choice_base": choice_base,
        "one_based": one_based, "subject_column": subject_column, "task": task, "anchor": anchor,
        "weight_column": weight_column, "where": where, "empty": empty,
    }
    in_memory = None
    if not isinstance(path, str | os.PathLike):
        in_memory = frame_table(type(path).__name__, path)
        _checks.require_dense(path, "path")
    path = type(path).__name__ if in_memory else checked_path(path)
    if in_memory is None and is_named(path):
        return _of_data_set(path, key, answers, subjects, layout | {"item_names": item_names}).with_weights(weights)
    if subjects is not None and subject_column is not None:
        raise InputError("subjects and subject_column both say who answered; give one of them")
    if weights is not None and weight_column is not None:
        raise InputError("weights and weight_column both say how much answers count; give one of them")
    _check_options(columns, odd_column or "last", choice_column, choice_base, task or ODD_ONE_OUT, anchor or "first")
    conditions = (str(x).partition("=")[0] for x in ([where] if isinstance(where, str) else where or ()))
    by_header = by_name(*(columns or ()), choice_column, subject_column, weight_column, *conditions)
    wanted = replace(TRIPLETS, has_header=always) if by_header else TRIPLETS
    table, kept = in_memory or open_table(path, key, wanted), tuple[str, ...]()
    try:
        table, kept = _of_trials(path, table, wanted, layout)
        layout, notes = _completed(path, table, wanted, layout)
        values, positions, names, who, weight = _arranged(path, table, layout)
    except InputError as error:
        message = with_remedy(str(error).removeprefix(f"{path}: "))
        raise bad(path, message.replace("(from 0)", "(from 0, of those that are kept)") if kept else message) from error
    file = path if key is None else f"{path}::{key}"
    named, people = _names(path, names, item_names), _subjects(path, who, subjects, len(values))
    if people is not None and layout["columns"] == columns:  # else it is said already
        notes += tuple(f"{file}: {note}" for note in people.notes())
    unweighted = weight is None and weights is None
    triplets = Triplets(
        values, *named, positions=positions, answered=odd_column != "none", subjects=people,
        source=None if in_memory else file, task=layout["task"] or ODD_ONE_OUT,
        notes=(*kept, *notes, *(notes_on_unused(path, table) if unweighted else ())),
    )
    if unweighted and answers is None:
        return triplets
    given = weights if weight is None else weights_in(path, table, weight)
    with errors_of(path):
        triplets = triplets.with_weights(given)
        return triplets if answers is None else triplets.with_answers(answers)


def _of_frame(frame: Any, name: str) -> Triplets:
    """The triplets in a DataFrame or in structured rows that are the argument of that name."""
    try:
        return load_triplets(frame)
    except InputError as error:
        where = ", in load_triplets(frame, ...)" if re.search(r"\b[a-z_]+=", str(error)) else ""
        raise InputError(name + str(error).removeprefix(type(frame).__name__) + where) from error


register("frames", _of_frame)


def _of_data_set(
    path: PathLike, key: str | None, answers: object, subjects: object, layout: dict[str, object],
) -> Triplets:
    triplets: Triplets = open_named(path, "triplets", key, **layout)
    both = {"subjects": (subjects, triplets.subjects), "answers": (answers, triplets.answers)}
    notes = tuple(
        f"{os.fspath(path)}: the {name} that were given are used, not its own"
        for name, (passed, own) in both.items()
        if passed is not None and own is not None
    )
    if subjects is not None:
        triplets = replace(triplets, subjects=_subjects(path, None, subjects, len(triplets)))
    triplets = replace(triplets, notes=(*triplets.notes, *notes))
    with errors_of(path):
        return triplets if answers is None else triplets.with_answers(answers)


def with_remedy(message: str) -> str:
    """A message, and where it says that a cell is empty what leaves its row out."""
    return f"{message}; {OMIT}" if _LACKING.search(message) else message


def _of_trials(
    path: PathLike, table: Table, wanted: Wanted, stated: Mapping[str, Any]
) -> tuple[Table, tuple[str, ...]]:
    """The rows of a table that are asked for, with columns of the lists in it, and notes."""
    header, asked = table.header or ("",) * table.width, stated["where"] or stated["empty"]
    lists = table.header is not None and may_hold_lists(header, stated["columns"])
    if not asked and table.columns is None and not lists:
        return table, ()
    kept = answered_rows(header, columns_of(path, table, wanted), stated)
    if not asked and len(kept.header) == table.width:
        return table, ()
    of_rows = tuple(kept.header) if any(kept.header) else None
    return cells_table(path, of_rows, kept.columns), tuple(f"{os.fspath(path)}: {note}" for note in kept.notes)


def _completed(
    path: PathLike, table: Table, wanted: Wanted, stated: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A layout with what the header and the cells of a table say about the rest of it, and notes."""
    header = table.header or ()
    reading = recognized(header, table.width, lambda: columns_of(path, table, wanted), stated)
    if reading is not None and reading.task == RATINGS:
        raise InputError(f"holds ratings of pairs, not triplets: {'; '.join(reading.sentences)}")
    if reading is None:
        require_items(header, stated)
        return dict(stated), ()
    of_table: dict[str, Any] = {"choice_column": reading.choice}
    notes = reading.sentences[2:3] if reading.choice is not None else ()
    if stated["columns"] is None:
        of_table |= {"task": reading.task, "columns": list(reading.items), "subject_column": reading.subject,
                     "one_based": reading.lowest == 1 or None}
        plain = table.width == 3 and reading.task == ODD_ONE_OUT
        notes = reading.notes if plain else ("; ".join((*reading.sentences, *reading.notes)),)
        notes += base_note(reading.lowest) if stated["one_based"] is None else ()
    layout = {name: of_table.get(name) if value is None else value for name, value in stated.items()}
    return layout, tuple(f"{os.fspath(path)}: {note}" for note in notes)


def _arranged(
    path: PathLike, table: Table, layout: Mapping[str, Any]
) -> tuple[Array, Array | None, tuple[str, ...] | None, Texts | Array | None, int | None]:
    """Items (t, 3) in their order, where its columns came from, names of items, who answered, the column of weights."""
    columns, choice, subject, weight = (
        layout[name] for name in ("columns", "choice_column", "subject_column", "weight_column")
    )
    items, (choice, subject, weight) = _resolve(path, table, columns, choice, subject, weight)
    anchored, anchor = layout["task"] == ANCHORED, layout["anchor"] or "first"
    read = _take(path, table, items, choice, subject, layout)
    values, place = whole_numbers(path, read.items), read.places
    if layout["one_based"] is not None and _checks.flag(layout["one_based"], "one_based"):
        if read.names is not None:
            raise bad(path, "holds names, so one_based has no meaning")
        values = from_one(path, values)
    arranged = anchor_first(values, place, anchor) if anchored else odd_last(values, place, layout["odd_column"])
    return *arranged, read.names, read.subject, weight


class _Read(NamedTuple):
    """items: (t, 3) numbers, or places among `names`; subject: (t,) numbers or text.

    places: int8 (t,), which of the options was chosen, where a column says it.
    """

    items: Array
    names: tuple[str, ...] | None
    places: Array | None
    subject: Texts | Array | None


def _take(
    path: PathLike, table: Table, items: tuple[int, ...], choice: int | None, subject: int | None,
    layout: Mapping[str, Any],
) -> _Read:
    named = _holds_names(path, table, items)
    in_text = choice is not None and table.text[choice]
    words = (*(items if named else ()), *((choice,) if in_text else ()))
    numbers = (*(() if named else items), *(() if choice is None or in_text else (choice,)))
    columns = table.read(numbers, (*words, *(() if subject is None else (subject,))))
    values = columns.numbers if choice is None or named else np.ascontiguousarray(columns.numbers[:, :3])
    cells = columns.texts[:3] if named else list(values.T)
    places = None
    if choice is not None:
        answer = columns.texts[len(words) - 1] if in_text else columns.numbers[:, -1]
        places = _places(path, table, dict(zip((*items, choice), (*cells, answer), strict=True)), named, layout)
    names = None
    if named:
        values, names = joined(cells)
    return _Read(values, names, places, None if subject is None else columns.texts[-1])


def _places(
    path: PathLike, table: Table, cells: Mapping[int, Texts | Array], named: bool, layout: Mapping[str, Any]
) -> Array:
    """Which of the options, int8 (t,), was chosen, by the last column: as an item or as a place."""
    header = table.header or ("",) * table.width
    *items, answer = (Cells.of(c, header[c], values) for c, values in cells.items())
    items = items[-1:] + items[:-1] if layout["anchor"] == "last" else items
    stated = {name: value for name, value in layout.items() if value is not None} | {"columns": (), "choice_column": ()}
    asked = Asked(layout["task"] or ODD_ONE_OUT, items, False, named, stated)
    with errors_of(path):
        return asked.sure(answer).places


def _holds_names(path: PathLike, table: Table, items: tuple[int, ...]) -> bool:
    """Whether the items are names: by the types of the columns, or else by most cells of the first rows."""
    if not table.typed:
        cells = [row[column] for row in table.head for column in items if column < len(row)]
        return sum(map(is_number, cells)) * 2 <= len(cells)
    texts = sum(table.text[column] for column in items)
    if 0 < texts < 3:
        raise bad(path, "the three item columns mix names and numbers")
    return texts == 3


def _subjects(path: PathLike, column: Texts | Array | None, stated: Any, t: int) -> Subjects | None:
    """Who gave each answer, from a column of the file or from outside."""
    if stated is None:
        return None if column is None else code_subjects(path, column)
    subjects = (
        stated if isinstance(stated, Subjects) else code_subjects(path, _checks.as_array(stated, "subjects", "(t,)"))
    )
    if len(subjects.codes) != t:
        raise bad(path, f"subjects must have one entry per triplet ({t}); got {len(subjects.codes)}")
    return subjects


def _names(
    path: PathLike, own_names: tuple[str, ...] | None, stated: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, bool]:
    """What the numbers stand for, and whether that was stated from outside."""
    if stated is None:
        return own_names, False
    if own_names is not None:
        given = Remedy("item_names", like="names")
        raise bad(path, f"holds names ({own_names[0]!r}, ...) itself, so {given} has no meaning")
    return _checks.names_of(stated, "item_names"), True


# Which columns are the items, which is the odd one or the anchor, and the order that puts it in its place


def restated(layout: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A layout with the options that were given in the place of its own, and pairs of an option and what it replaces.

    Example:
        >>> restated({"odd_column": "first", "columns": [0, 1, 2]}, {"choice_column": 3, "columns": (0, 1, 2)})
        ({'columns': [0, 1, 2], 'choice_column': 3}, [('choice_column', 'odd_column')])
    """
    merged, replaced = dict(layout), []
    for name, value in options.items():
        value = list(value) if isinstance(value, tuple) else value
        if merged.get(name) == value:
            continue
        for other in (name, *(option for option in REPLACED.get(name, ()) if option not in options)):
            if other in merged:
                del merged[other]
                replaced.append((name, other))
        merged[name] = value
    return merged, replaced


def _check_options(
    columns: Sequence[Column] | None, odd_column: str, choice_column: Column | None, choice_base: int | None,
    task: str = ODD_ONE_OUT, anchor: str = "first",
) -> None:
    """Refuse options that contradict each other, before a file is opened."""
    if not isinstance(odd_column, str) or odd_column not in ODD_COLUMNS:
        raise InputError(f"odd_column must be 'first', 'last' or 'none'; got {odd_column!r}")
    _check_task(task, anchor, odd_column)
    if columns is not None and (not isinstance(columns, list | tuple) or len(columns) != 3):
        raise InputError(f"columns must be three, as in 0,1,2 or image1,image2,image3; got {columns!r}")
    if choice_base is not None and _checks.index_number(choice_base, 0) not in (0, 1):
        raise InputError(f"choice_base must be 0 or 1; got {choice_base!r}")
    if choice_base is not None and choice_column is None:
        raise InputError("choice_base says how a choice column counts; give choice_column too")
    if choice_column is not None and odd_column != "last":
        raise InputError(f"choice_column already says which item is odd; leave odd_column={odd_column!r} out")


def _check_task(task: str, anchor: str, odd_column: str) -> None:
    if not isinstance(task, str) or task not in TASKS:
        raise InputError(f"task must be {' or '.join(map(repr, TASKS))}; got {task!r}")
    if not isinstance(anchor, str) or anchor not in ANCHORS:
        raise InputError(f"anchor must be 'first' or 'last'; got {anchor!r}")
    if task == ANCHORED and odd_column != "last":
        raise InputError(f"odd_column belongs to task 'odd-one-out'; got {odd_column!r} with task 'anchored'")
    if task == ODD_ONE_OUT and anchor != "first":
        raise InputError(f"anchor belongs to task 'anchored'; got {anchor!r} with task 'odd-one-out'")


def _resolve(
    path: PathLike, table: Table, columns: Sequence[Column] | None, choice_column: Column | None,
    subject_column: Column | None = None, weight_column: Column | None = None,
) -> tuple[tuple[int, ...], tuple[int | None, int | None, int | None]]:
    """The indices of the three item columns, and of the choice column, the subject column and the weight column."""
    given = choice_column, subject_column, weight_column
    choice, subject, weight = (None if column is None else column_index(path, table, column) for column in given)
    if columns is not None:
        items = tuple(column_index(path, table, column) for column in columns)
    else:
        items = tuple(column for column in range(table.width) if column not in (choice, subject, weight))
    others = {"choice": choice, "subject": subject, "weight": weight}
    said = " and ".join(f"{name} column {column}" for name, column in others.items() if column is not None)
    used = [*items, *(column for column in others.values() if column is not None)]
    if len(items) != 3 and (choice is None or choice != subject):
        raise bad(path, _not_three(table, said))
    if len(set(used)) != len(used):
        listed = ", ".join(map(str, items)) + (f" and {said}" if said else "")
        raise bad(path, f"columns must be different ones; got {listed}")
    return items, (choice, subject, weight)


def _not_three(table: Table, said: str) -> str:
    if _few_whole(table):
        return f"holds {table.width} columns of numbers that are not whole, and no triplets: are the files swapped?"
    parts = [f"has {table.width} column{'s' * (table.width != 1)}"]
    parts[0] += f", three in addition to the {said} are needed" if said else ", not 3"
    if table.header:
        parts.append(f"header: {shorten(', '.join(table.header), 160)}")
    parts.append(f"first row: {shorten(', '.join(table.head[0]), 160)}")
    if table.width > 3:
        shown, named = Remedy.of_both("pyalign.describe", "'pyalign describe FILE'"), Remedy("columns", like="names")
        which = f"{shown} shows what they hold, {named} says which three are items"
        numbered = f"say which three hold the items, for example {Remedy('columns', (0, 1, 2))}"
        parts.append(which if table.header else numbered)
    return "; ".join(parts)


def _few_whole(table: Table) -> bool:
    """Whether the first rows hold numbers, most of which are not whole, as embeddings do and triplets never.

    They may stand after a column of names.
    """
    named = table.width > 1 and not any(is_number(row[0]) for row in table.head)
    cells = [cell for row in table.head for cell in row[named:]]
    if not all(map(is_number, cells)):
        return False
    return sum(float(cell) % 1 != 0 for cell in cells) * 2 > len(cells)
