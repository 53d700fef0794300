"""Human triplets: three items, the one that the person called odd put last; or an anchor, then the chosen option."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.data import ANCHORED, ODD_ONE_OUT, Subjects, Triplets, alternatives_of
from pyalign.errors import InputError
from pyalign.io.arrays import TRIPLETS
from pyalign.io.columns import (
    AnchorColumn,
    OddColumn,
    anchor_first,
    check_options,
    choice_positions,
    odd_last,
    resolve,
)
from pyalign.io.formats import open_table
from pyalign.io.headers import always
from pyalign.io.lines import is_number
from pyalign.io.named import is_named, open_named
from pyalign.io.numbers import from_one, whole_numbers
from pyalign.io.paths import Array, PathLike, bad, shorten
from pyalign.io.subjects import code_subjects
from pyalign.io.tables import Column, Table, Texts, by_name, joined

_WITH_HEADER = replace(TRIPLETS, has_header=always)


def load_triplets(
    path: PathLike,
    *,
    key: str | None = None,
    columns: Sequence[Column] | None = None,
    odd_column: OddColumn | None = None,
    choice_column: Column | None = None,
    choice_base: int | None = None,
    one_based: bool | None = None,
    subject_column: Column | None = None,
    item_names: Sequence[str] | None = None,
    answers: object = None,
    subjects: Subjects | Sequence[object] | None = None,
    task: str | None = None,
    anchor: AnchorColumn | None = None,
) -> Triplets:
    """Read (t, 3) triplets of item numbers or names, the item that the person called odd put last.

    Of ``task="anchored"``, where people said which of two options is more like an anchor, the columns become the
    anchor, the chosen option, the other.

    Of a canonical ``.npy`` of int16, uint16, int32 or int64 the values are mapped from the disk, read-only, without a
    copy: the file must not be written over or cut short while they are used.

    Args:
        path: any of the formats of `load_embeddings`; or ``dataset:NAME``, see `pyalign.datasets`, which knows its
            layout and its task; or ``mine.toml``, which describes a data set: what is given here comes before what it
            says.
        key: which array of a file that holds several.
        columns: the three item columns of a wider table, from 0 or by header.
        odd_column: "last" (as human_alignment, gLocal, SPoSE and VICE write them; the default), "first", or "none" (not
            recorded).
        choice_column: the column that holds the odd item's place among the three, from 0 or by header; of anchored
            triplets the place of the chosen option among the two.
        choice_base: whether that place counts from 0 or from 1; without it, its range decides.
        one_based: item numbers count from 1 (default: False); the result counts from 0.
        subject_column: the column, of numbers or strings, that says who answered, from 0 or by header.
        item_names: the item that each number stands for, in order; embeddings with names are then matched by name.
        answers: (t, 3), how often each item was called odd, or shares, by the positions in the file: an array, or what
            `read_answers` gives; of anchored triplets (t, 2), by option.
        subjects: who gave each answer, where a file of its own says it: what `read_subjects` gives, or t labels.
        task: ``"odd-one-out"`` (the default), or ``"anchored"``.
        anchor: "first" (the default) or "last" of the three columns. Without a choice column the first of the two
            others was chosen.

    Returns:
        `Triplets`, with positions where columns were moved, names where the file holds names.

    Raises:
        InputError: the file's fault, in one line that starts with its path. Item numbers are not compared with a
            number of items, nor with each other: the operations do that.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "triplets.csv")
        ...     _ = path.write_text("image1,image2,image3,choice\\n8,3,5,1\\n2,9,4,3\\n")
        ...     load_triplets(path, choice_column="choice", one_based=True).values
        array([[2, 4, 7],
               [1, 8, 3]], dtype=int32)
    """
    if is_named(path):
        layout: dict[str, object] = {
            "columns": columns, "odd_column": odd_column, "choice_column": choice_column, "choice_base": choice_base,
            "one_based": one_based, "subject_column": subject_column, "item_names": item_names, "task": task,
            "anchor": anchor,
        }  # fmt: skip
        return _of_data_set(path, key, answers, subjects, layout)
    odd_column = "last" if odd_column is None else odd_column
    task, anchor = ODD_ONE_OUT if task is None else task, "first" if anchor is None else anchor
    check_options(columns, odd_column, choice_column, choice_base, task, anchor)
    if subjects is not None and subject_column is not None:
        raise InputError("subjects and subject_column both say who answered; give one of them")
    wanted = TRIPLETS if not by_name(*(columns or ()), choice_column, subject_column) else _WITH_HEADER
    table = open_table(path, key, wanted)
    items, choice, subject = resolve(path, table, columns, choice_column, subject_column)
    read = _take(path, table, items, choice, subject)
    values = whole_numbers(path, read.items)
    if one_based is not None and _checks.flag(one_based, "one_based"):
        if read.names is not None:
            raise bad(path, "holds names, so one_based has no meaning")
        values = from_one(path, values)
    place = None
    if read.choice is not None:
        chosen = whole_numbers(path, read.choice, "the choice column")
        place = choice_positions(path, chosen, choice_base, alternatives_of(task))
    arranged = anchor_first(values, place, anchor) if task == ANCHORED else odd_last(values, place, odd_column)
    values, positions = arranged
    found = Triplets(
        values,
        *_names(path, read.names, item_names),
        positions=positions,
        answered=odd_column != "none",
        subjects=_subjects(path, read.subject, subjects, len(values)),
        source=os.fspath(path) if key is None else f"{os.fspath(path)}::{key}",
        task=task,
    )
    return found if answers is None else _answered(path, found, answers)


def _of_data_set(
    path: PathLike, key: str | None, answers: object, subjects: Subjects | Sequence[object] | None,
    layout: dict[str, object],
) -> Triplets:  # fmt: skip
    found: Triplets = open_named(path, "triplets", key, **layout)
    both = {"subjects": (subjects, found.subjects), "answers": (answers, found.answers)}
    notes = tuple(
        f"{os.fspath(path)}: the {name} that were given are used, not its own"
        for name, (given, own) in both.items()
        if given is not None and own is not None
    )
    if subjects is not None:
        found = replace(found, subjects=_subjects(path, None, subjects, len(found)))
    found = replace(found, notes=(*found.notes, *notes))
    return found if answers is None else _answered(path, found, answers)


class _Read(NamedTuple):
    """items: (t, 3) numbers, or places among `names`. choice: (t,) numbers. subject: (t,) numbers or text."""

    items: Array
    names: tuple[str, ...] | None
    choice: Array | None
    subject: Texts | Array | None


def _take(path: PathLike, table: Table, items: tuple[int, ...], choice: int | None, subject: int | None) -> _Read:
    named = _holds_names(path, table, items)
    if choice is not None and table.text[choice]:
        cell = shorten(table.head[0][choice])
        raise bad(path, f"the choice column holds {cell}, not a position (0, 1, 2 or 1, 2, 3)")
    numbers = (*(() if named else items), *(() if choice is None else (choice,)))
    texts = (*(items if named else ()), *(() if subject is None else (subject,)))
    found = table.read(numbers, texts)
    chosen = None if choice is None else found.numbers[:, -1]
    subjects = None if subject is None else found.texts[-1]
    if named:
        return _Read(*joined(found.texts[:3]), chosen, subjects)
    values = found.numbers if choice is None else np.ascontiguousarray(found.numbers[:, :3])
    return _Read(values, None, chosen, subjects)


def _holds_names(path: PathLike, table: Table, items: tuple[int, ...]) -> bool:
    """Whether the items are names: by the types of the columns, or else by most cells of the first rows."""
    if not table.typed:
        cells = [row[column] for row in table.head for column in items if column < len(row)]
        return sum(map(is_number, cells)) * 2 <= len(cells)
    texts = sum(table.text[column] for column in items)
    if 0 < texts < 3:
        raise bad(path, "the three item columns mix names and numbers")
    return texts == 3


def _subjects(
    path: PathLike, column: Texts | Array | None, given: Subjects | Sequence[object] | None, t: int
) -> Subjects | None:
    """Who gave each answer, from a column of the file or from outside."""
    if column is not None:
        return code_subjects(path, column)
    if given is None:
        return None
    found = given if isinstance(given, Subjects) else code_subjects(path, _checks.as_array(given, "subjects", "(t,)"))
    if len(found.codes) != t:
        raise bad(path, f"subjects must have one entry per triplet ({t}); got {len(found.codes)}")
    return found


def _answered(path: PathLike, triplets: Triplets, answers: object) -> Triplets:
    try:
        return triplets.with_answers(answers)
    except InputError as error:
        raise bad(path, error) from error


def _names(
    path: PathLike, found: tuple[str, ...] | None, stated: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, bool]:
    """What the numbers stand for, and whether that was stated from outside."""
    if stated is None:
        return found, False
    if found is not None:
        raise bad(path, f"holds names ({found[0]!r}, ...) itself, so item_names=names has no meaning")
    return _checks.names_of(stated, "item_names"), True
