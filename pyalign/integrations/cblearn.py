"""Comparisons of cblearn as triplets of pyalign, and back.

A comparison of cblearn is ``(i, j, k)``: "is i more like j or more like k?", which is the task "anchored" here. An
odd-one-out answer is three objects and the column of the odd one.

>>> triplets = from_query_response([[0, 1, 2], [3, 1, 0]], [True, False])      # 3 is more like 0 than like 1
>>> triplets.task, triplets.values.tolist()
('anchored', [[0, 1, 2], [3, 0, 1]])
>>> to_query_response(triplets, "list-boolean").response
array([ True, False])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.data import Triplets, require_answers, require_odd_one_out, require_unweighted
from pyalign.data.answers import MOST_ANSWERS
from pyalign.data.trials import ANCHORED
from pyalign.datasets.simulate import ODD_LAST
from pyalign.errors import InputError

FORMATS = ("list-order", "list-boolean", "list-count")


class Comparisons(NamedTuple):
    """Answers in a format of cblearn, and what cblearn has no place for.

    Attributes:
        query: (m, 3) uint32: objects, the anchor first unless the question is which of three is odd.
        response: (m,) booleans (column 1 was chosen), signed counts, or int64 columns of the odd item; None of
            ``"list-order"``, in which column 1 was chosen.
        rows: (m,) int64: the triplet that each row comes from. Answers of many participants have a row each.
        names: what the numbers stand for, or None.
        notes: what cblearn has no place for, a sentence each.
    """

    query: np.ndarray
    response: np.ndarray | None
    rows: np.ndarray
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def from_query_response(query: Any, response: Any = None, *, names: Sequence[str] | None = None) -> Triplets:
    """Anchored triplets of comparisons in the formats "list-order", "list-boolean" and "list-count".

    Args:
        query: (t, 3) whole numbers: the anchor, and two options.
        response: None, where column 1 was chosen in all rows. Or (t,): True or 1 where column 1 was chosen, False or 0
            where column 2 was. Or, with other whole numbers among them, signed counts: 3 where three participants chose
            column 1, -2 where two chose column 2, 0 where nothing was decided.
        names: what the numbers of the objects stand for, from 0.

    Returns:
        `Triplets` of task "anchored", which remember the order of the columns. Counts larger than 1 are their answers.
        Undecided triplets are left out, and a note counts them.

    Raises:
        InputError: another shape, a number that is not whole, a negative object, quadruplets, or a sparse tensor.
    """
    items = _items(query)
    if response is None:
        return Triplets(items, _names(names), names is not None, task=ANCHORED)
    signed = _signed(response, len(items))
    decided, notes = signed != 0, []
    if not decided.all():
        count = int((~decided).sum())
        verb = "is" if count == 1 else "are"
        notes.append(f"response: {count:,} of {len(items):,} triplets {verb} undecided (0) and left out")
    signed, items = signed[decided], items[decided]
    positions = ODD_LAST[np.where(signed > 0, 2, 1)].astype(np.int8)
    triplets = Triplets(
        np.take_along_axis(items, positions.astype(np.int64), axis=1), _names(names), names is not None, positions,
        notes=tuple(notes), task=ANCHORED,
    )
    if not (np.abs(signed) > 1).any():
        return triplets
    return triplets.with_answers(np.stack([signed.clip(min=0), (-signed).clip(min=0)], axis=1))


def to_query_response(triplets: Triplets, result_format: str = "list-order") -> Comparisons:
    """Anchored triplets in one of the list formats of cblearn.

    Args:
        triplets: of task "anchored".
        result_format: ``"list-order"``, ``"list-boolean"`` or ``"list-count"``, as cblearn calls them.

    Returns:
        `Comparisons`, with the options in the order of the file that the triplets were read from. A triplet has a row
        for each answer; of ``"list-count"`` one for each option that was chosen. ``cblearn`` takes
        ``(comparisons.query, comparisons.response)``.

    Raises:
        InputError: triplets of another task, without answers, with weights, or with shares instead of counts.
    """
    _checks.one_of(result_format, FORMATS, "result_format")
    if not isinstance(triplets, Triplets) or triplets.task != ANCHORED:
        task = getattr(triplets, "task", type(triplets).__name__)
        raise InputError(f"to_query_response takes only anchored triplets; got task {task!r}: to_odd_one_out takes "
                         "these")
    items = _checks.as_array(triplets.values, "triplets", "(t, 3)")
    if triplets.positions is not None:  # the option that came first in the file is column 1
        chosen, other = np.moveaxis(np.broadcast_to(triplets.positions, items.shape)[:, 1:], 1, 0)
        items = np.where((chosen < other)[:, None], items, items[:, [0, 2, 1]])
    rows, options, counts = _answered(triplets, "to_query_response")
    if result_format == "list-count":
        return _comparisons(triplets, items[rows], np.where(options == 0, counts, -counts), rows)
    rows, options = np.repeat(rows, counts), np.repeat(options, counts)
    if result_format == "list-boolean":
        return _comparisons(triplets, items[rows], options == 0, rows)
    ordered = np.where((options == 0)[:, None], items[rows], items[rows][:, [0, 2, 1]])
    return _comparisons(triplets, ordered, None, rows)


def from_odd_one_out(query: Any, response: Any = None, *, names: Sequence[str] | None = None) -> Triplets:
    """Odd-one-out triplets of three objects and the column of the odd one, as `triplets_from_oddoneout` takes them.

    Args:
        query: (t, 3) whole numbers, the objects that were shown.
        response: (t,) 0, 1 or 2: the column of the odd one. None: the first, as in cblearn; in pyalign it is the last.
        names: what the numbers of the objects stand for, from 0.

    Returns:
        `Triplets`, the odd item last, which remember the order of the columns.

    Raises:
        InputError: another shape, objects that are not whole numbers of at least 0, columns other than 0, 1 and 2.

    Example:
        >>> from_odd_one_out([[7, 8, 9]], [1]).values.tolist()
        [[7, 9, 8]]
    """
    items = _items(query)
    odd = np.zeros(len(items)) if response is None else _checks.as_array(response, "response", "(t,)")
    if odd.shape != (len(items),):
        raise InputError(f"response must have shape ({len(items)},); got {odd.shape}")
    wrong = ~np.isin(odd, (0, 1, 2))
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"response must be 0, 1 or 2; row {row} is {odd[row]}")
    positions = ODD_LAST[odd.astype(np.int64)].astype(np.int8)
    ordered = np.take_along_axis(items, positions.astype(np.int64), axis=1)
    return Triplets(ordered, _names(names), names is not None, positions)


def to_odd_one_out(triplets: Triplets) -> Comparisons:
    """Three objects and the column of the odd one, by the columns of the file that the triplets were read from.

    Args:
        triplets: of task "odd-one-out".

    Returns:
        `Comparisons` with a row for each answer; `cblearn.preprocessing.triplets_from_oddoneout` takes
        ``(comparisons.query, comparisons.response)``.

    Raises:
        InputError: triplets of another task, without answers, with weights, or with shares instead of counts.

    Example:
        >>> comparisons = to_odd_one_out(Triplets(np.array([[4, 5, 6]])))
        >>> comparisons.query.tolist(), comparisons.response.tolist()
        ([[4, 5, 6]], [2])
    """
    require_odd_one_out(triplets, "to_odd_one_out")
    rows, odd, counts = _answered(triplets, "to_odd_one_out")
    items = _checks.as_array(triplets.columns_in_file(triplets.values), "triplets", "(t, 3)")
    rows, odd = np.repeat(rows, counts), np.repeat(odd, counts)
    return _comparisons(triplets, items[rows], odd, rows)


def _items(query: Any) -> np.ndarray:
    """(t, 3) int64 numbers of objects."""
    if hasattr(query, "nnz"):
        made = 'cblearn.utils.check_query_response(query, result_format="list-count") makes one'
        raise InputError(f"query must be a list (t, 3); got {type(query).__name__}: {made}")
    a = _checks.as_array(query, "query", "(t, 3)")
    if a.ndim != 2 or a.shape[1] != 3:
        hint = ": pyalign has no comparisons of two pairs (quadruplets)" if a.shape[1:] == (4,) else ""
        raise InputError(f"query must have shape (t, 3){hint}; got {a.shape}")
    if not len(a):
        raise InputError("query must not be empty; got shape (0, 3)")
    if a.dtype.kind not in "iuf":
        raise InputError(f"query must hold numbers; got dtype {a.dtype}")
    wrong = ~((a >= 0) & (a <= np.iinfo(np.uint32).max) & (np.floor(a) == a)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"query must hold whole numbers of at least 0; row {row} is {a[row].tolist()}")
    return a.astype(np.int64)


def _signed(response: Any, t: int) -> np.ndarray:
    """(t,) int64: how many chose column 1, or, negative, column 2. Responses of 0 and 1 are booleans to cblearn."""
    a = _checks.as_array(response, "response", "(t,)")
    if a.shape != (t,):
        raise InputError(f"response must have shape ({t},); got {a.shape}")
    rule = "response must be True or False, or whole numbers"
    if a.dtype.kind not in "biuf":
        raise InputError(f"{rule}; got dtype {a.dtype}")
    if np.isin(a, (0, 1)).all():
        return np.where(a == 1, 1, -1)
    for allowed, message in (
        (np.isfinite(a) & (np.floor(a) == a), rule),
        (np.abs(a) <= MOST_ANSWERS, f"response must be at most {MOST_ANSWERS:,}"),
    ):
        if not allowed.all():
            row = int(np.argmin(allowed))
            raise InputError(f"{message}; row {row} is {a[row]}")
    return a.astype(np.int64)


def _answered(triplets: Triplets, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns in the file (of options: 0 or 1) and counts of the answers that somebody gave, row by row."""
    require_answers(triplets, what)
    require_unweighted(triplets, what)
    if triplets.answers is None:
        one = np.zeros((len(triplets), 2 if triplets.task == ANCHORED else 3), np.int64)
        one[:, 0 if triplets.task == ANCHORED else 2] = 1
    counts = triplets.columns_in_file(one if triplets.answers is None else triplets.answers.counts)
    rows, columns = np.nonzero(counts)
    return rows, columns, counts[rows, columns]


def _comparisons(triplets: Triplets, query: np.ndarray, response: np.ndarray | None, rows: np.ndarray) -> Comparisons:
    notes = ("cblearn has no place for participants: triplets.subjects.take(rows) are those of the rows",)
    return Comparisons(
        query.astype(np.uint32), response, rows, triplets.names, notes if triplets.subjects is not None else ()
    )


def _names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
