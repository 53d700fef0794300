"""Which columns are the items, which is the odd one or the anchor, and the order that puts it in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign.data import ANCHORED, ODD_ONE_OUT, TASKS
from pyalign.errors import InputError
from pyalign.io.lines import is_number
from pyalign.io.paths import Array, PathLike, bad, shorten
from pyalign.io.tables import Column, Table, column_index

OddColumn = Literal["first", "last", "none"]
AnchorColumn = Literal["first", "last"]
ODD_COLUMNS = ("last", "first", "none")
FIRST = (1, 2, 0)  # where the canonical columns come from when the odd one is first
ANCHORS = {
    "first": (0, 1, 2),
    "last": (2, 0, 1),
}  # ... when the anchor is there, and the chosen option before the other
# What no longer holds where an option is given: others that say the same thing, or that belong to another task.
REPLACED = {
    "odd_column": ("choice_column", "choice_base"),
    "choice_column": ("odd_column", "choice_base"),
    "subject_column": ("subjects",),
    "subjects": ("subject_column",),
    "task": ("odd_column", "anchor", "choice_column", "choice_base"),
}


def restated(layout: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A layout with the options that were given in the place of its own, and pairs of an option and what it replaces.

    Example:
        >>> restated({"odd_column": "first", "columns": [0, 1, 2]}, {"choice_column": 3, "columns": (0, 1, 2)})
        ({'columns': [0, 1, 2], 'choice_column': 3}, [('choice_column', 'odd_column')])
    """
    merged, replaced = dict(layout), []
    for name, value in given.items():
        value = list(value) if isinstance(value, tuple) else value
        if merged.get(name) == value:
            continue
        for other in (name, *(one for one in REPLACED.get(name, ()) if one not in given)):
            if other in merged:
                del merged[other]
                replaced.append((name, other))
        merged[name] = value
    return merged, replaced


def check_options(
    columns: Sequence[Column] | None, odd_column: str, choice_column: Column | None, choice_base: int | None,
    task: str = ODD_ONE_OUT, anchor: str = "first",
) -> None:  # fmt: skip
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


def resolve(
    path: PathLike,
    table: Table,
    columns: Sequence[Column] | None,
    choice_column: Column | None,
    subject_column: Column | None = None,
) -> tuple[tuple[int, ...], int | None, int | None]:
    """The indices of the three item columns, of the choice column and of the subject column."""
    choice, subject = (
        None if column is None else column_index(path, table, column) for column in (choice_column, subject_column)
    )
    if columns is not None:
        items = tuple(column_index(path, table, column) for column in columns)
    else:
        items = tuple(column for column in range(table.width) if column not in (choice, subject))
    others = {"choice": choice, "subject": subject}
    said = " and ".join(f"{name} column {column}" for name, column in others.items() if column is not None)
    used = [*items, *(column for column in others.values() if column is not None)]
    if len(items) != 3 and (choice is None or choice != subject):
        raise bad(path, _not_three(table, said))
    if len(set(used)) != len(used):
        asked = ", ".join(map(str, items)) + (f" and {said}" if said else "")
        raise bad(path, f"columns must be different ones; got {asked}")
    return items, choice, subject


def _not_three(table: Table, said: str) -> str:
    if _few_whole(table):
        return f"holds {table.width} columns of numbers that are not whole, and no triplets: are the files swapped?"
    parts = [f"has {table.width} column{'s' * (table.width != 1)}"]
    parts[0] += f", three besides the {said} are needed" if said else ", not 3"
    if table.header:
        parts.append(f"header: {shorten(', '.join(table.header), 160)}")
    parts.append(f"first row: {shorten(', '.join(table.head[0]), 160)}")
    if table.width > 3:
        parts.append("say which three hold the items, for example columns=(0, 1, 2)")
    if table.width == 4 and not said:
        parts.append(_fourth(table))
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


def _fourth(table: Table) -> str:
    """A guess at what a fourth column is, for the message only."""
    name = table.header[3].lower() if table.header else ""
    values = {row[3].removesuffix(".0") for row in table.head if len(row) > 3}
    few = len(values) > 1 and (values <= {"0", "1", "2"} or values <= {"1", "2", "3"})
    if "choice" in name or (few and not name):
        return "column 3 looks like a choice: choice_column=3"
    return "column 3 looks like a subject or trial number"


def odd_last(items: Array, choice: Array | None, odd_column: str) -> tuple[Array, Array | None]:
    """The items with the odd one last, and for each column the column that it came from."""
    if choice is not None:
        return _by_choice(items, choice)
    if odd_column == "first":
        return np.ascontiguousarray(items[:, list(FIRST)]), np.array(FIRST, dtype=np.int8)
    return items, None


def _by_choice(items: Array, choice: Array) -> tuple[Array, Array | None]:
    orders = np.array([FIRST, (0, 2, 1), (0, 1, 2)], dtype=np.int8)
    positions = orders[choice]
    if (choice == 2).all():
        return items, None
    return np.take_along_axis(items, positions, axis=1), positions


def anchor_first(items: Array, choice: Array | None, anchor: str) -> tuple[Array, Array | None]:
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


def choice_positions(path: PathLike, choice: Array, base: int | None, alternatives: int = 3) -> Array:
    """Positions 0, 1, 2 of the odd items, or 0, 1 of options; without a ``base`` the range of the column tells it."""
    lowest, highest, last = int(choice.min()), int(choice.max()), alternatives - 1
    held = f"the choice column holds {lowest} to {highest}"
    if lowest < 0 or highest > last + 1 or (lowest == 0 and highest == last + 1):
        raise bad(path, f"{held}; it must hold positions 0 to {last} or 1 to {last + 1}")
    if base is None and lowest > 0 and highest < last + 1:
        raise bad(path, f"{held} only, which fits both ways of counting: say choice_base=0 or choice_base=1")
    base = int(lowest > 0) if base is None else base
    if lowest < base or highest > base + last:
        raise bad(path, f"{held}, which does not fit choice_base {base}")
    return choice.astype(np.int8) - np.int8(base)
