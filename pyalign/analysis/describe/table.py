"""Finds the columns of a table that hold the items of triplets, the choice and the subject, by headers and values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.describe.rows import count_with_repeats
from pyalign.data import ANCHORED, ODD_ONE_OUT
from pyalign.io import Content
from pyalign.io.headers import numbered
from pyalign.io.subjects import SUBJECT_HEADERS
from pyalign.io.tables import joined

BESIDE = {"trial", "trial_number", "index", "", "unnamed: 0", "block", "session", "rt", *SUBJECT_HEADERS}
ODD = ("odd", "odd_item", "odd_one", "odd_one_out")
ANCHORS = ("anchor", "ref", "reference", "query")
# A word of the header of a column that says which item is odd.
CHOICES = {"choice", "choices", "odd", "answer", "answers", "chosen", "response", "responses", "selected"}
VOTES = ("vote", "votes", "judge", "judgment", "judgement", "chosen", "preferred")  # of the chosen option's place

PLACES_OF_TWO = ({0}, {1}, {2}, {0, 1}, {1, 2})


@dataclass(frozen=True)
class TripletColumns:
    """The columns of a table of triplets.

    items: three, in the order in which they are read. choice: of the odd item's place, or of the odd item. base: from
    what a place counts, where its range leaves that open. subject: of who answered. told: whether the header says which
    the items are. task: of the triplets; anchored where a header says so.
    """

    items: tuple[int, int, int]
    choice: int | None
    base: int | None
    subject: int | None
    told: bool
    task: str = ODD_ONE_OUT


def triplet_columns(table: Content) -> TripletColumns | None:
    """The columns of triplets in a table, or None where there are none."""
    if table.numbers is None:
        return None
    header = [name.lower() for name in table.header] if table.header else [""] * table.width
    choice = next((c for c in table.numbers if "choice" in header[c] and _places(column(table, c))), None)
    subject = next((c for c in range(table.width) if header[c] in SUBJECT_HEADERS), None)
    anchored = _by_anchor(table, header, subject)
    if anchored is not None:
        return anchored
    told = _by_header(table, header)
    items = told or _by_values(table, header, [c for c in (choice, subject) if c is not None])
    if items is None:
        return None
    spare = [c for c in range(table.width) if c not in (*items, choice, subject)]
    if choice is None and told is not None and table.header:
        choice = next((c for c in spare if _is_choice(header[c]) and _says_which(table, items, c)), None)
    if choice is None and not table.header and len(spare) == 1 and spare[0] in table.numbers:
        choice = spare[0] if len(_places(column(table, spare[0]))) > 1 else None
    if subject is None and choice is None and not table.header and len(spare) == 1:
        subject = spare[0]
    return TripletColumns(items, choice, _open_base(table, items, choice), subject, told is not None)


def _is_choice(header: str) -> bool:
    words = {*re.split("[^a-z]+", header)}
    return bool(words & CHOICES) and not words & {"correct", "time", "rt"}


def _says_which(table: Content, items: tuple[int, int, int], c: int) -> bool:
    """Whether a column holds places, of which there are several, or everywhere an item of the same row, or nothing."""
    if c not in table.texts and len(_places(column(table, c))) > 1:
        return True
    if len({k in table.texts for k in (*items, c)}) > 1:
        return False
    values, names = (
        joined([table.texts[k] for k in (*items, c)])
        if c in table.texts
        else (np.stack([column(table, k) for k in (*items, c)], axis=1), None)
    )
    lacks = np.isnan(values[:, 3]) if names is None else np.array([not name for name in names])[values[:, 3]]
    return bool((lacks | (values[:, :3] == values[:, 3:]).any(axis=1)).all() and not lacks.all())


def _by_anchor(table: Content, header: Sequence[str], subject: int | None) -> TripletColumns | None:
    """A column called anchor or the like, two others of the same kind, and perhaps one of which was chosen."""
    assert table.numbers is not None
    anchor = next((c for c in range(table.width) if header[c] in ANCHORS), None)
    if anchor is None:
        return None
    votes = (c for c in table.numbers if "choice" in header[c] or header[c] in VOTES)
    choice = next((c for c in votes if _places(column(table, c)) in PLACES_OF_TWO), None)
    others = [
        c for c in range(table.width) if c not in (anchor, choice, subject) and header[c] not in (*BESIDE, *VOTES)
    ]
    others = [c for c in others if (c in table.texts) == (anchor in table.texts)]
    if len(others) != 2 or not _alike(table, (anchor, *others)):
        return None
    items = anchor, others[0], others[1]
    base = None
    if choice is not None and _places(column(table, choice)) == {1}:  # counts as the items do
        base = _open_base(table, items, choice)
    return TripletColumns(items, choice, base, subject, True, ANCHORED)


def item_values(table: Content, items: Sequence[int]) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The items (t, 3) as numbers, or as places among their names."""
    assert table.numbers is not None
    if all(c in table.texts for c in items):
        return joined([table.texts[c] for c in items])
    i, j, k = (table.numbers.index(c) for c in items)
    if j - i == k - j > 0:
        return table.values[:, i : k + 1 : j - i], None  # no copy: a file may hold 100 million
    return table.values[:, [i, j, k]], None


def column(table: Content, c: int) -> np.ndarray:
    """A column of numbers."""
    assert table.numbers is not None
    values: np.ndarray = table.values[:, table.numbers.index(c)]
    return values


def _by_header(table: Content, header: Sequence[str]) -> tuple[int, int, int] | None:
    """image1, image2, image3 in a row; or three columns of which one is called odd."""
    for c in range(table.width - 2):
        trio = (c, c + 1, c + 2)
        if numbered([header[k] for k in trio]) == 3 and _alike(table, trio):
            return trio
    odd = next((c for c in range(table.width) if header[c] in ODD), None)
    if odd is None:
        return None
    others = [c for c in range(table.width) if c != odd and (c in table.texts) == (odd in table.texts)]
    others = [c for c in others if header[c] not in BESIDE]
    if len(others) < 2 or not _alike(table, (*others[:2], odd)):
        return None
    return others[0], others[1], odd


def _alike(table: Content, trio: Sequence[int]) -> bool:
    """Whether three columns hold names, or whole numbers from 0."""
    texts = sum(c in table.texts for c in trio)
    return texts == 3 or (texts == 0 and all(_whole(column(table, c)) for c in trio))


def _by_values(table: Content, header: Sequence[str], taken: Sequence[int]) -> tuple[int, int, int] | None:
    """The first three columns of whole numbers, or three of names, where little else stands in the table."""
    assert table.numbers is not None
    free = [c for c in table.numbers if c not in taken]
    if len(free) >= 3 and all(_whole(column(table, c)) for c in free) and 3 <= table.width <= 10:
        labels = [c for c in table.texts if c not in taken]
        if any(len(table.texts[c].labels) * 2 > len(table.values) for c in labels):
            return None  # a name for each row: features
        return _if_different(table, (free[0], free[1], free[2]))
    words = [c for c in table.texts if c not in taken]
    if not free and len(words) == 3:
        codes, names = item_values(table, words)
        assert names is not None
        return (words[0], words[1], words[2]) if len(names) * 3 <= codes.size * 2 else None
    return None


def _if_different(table: Content, trio: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Three columns that seldom hold the same number in a row: small counts do."""
    i, j, k = (column(table, c) for c in trio)
    repeated = count_with_repeats(i, j, k)
    return trio if 2 * repeated <= len(i) or len(i) < 10 else None


def _whole(values: np.ndarray) -> bool:
    """Whether values are whole numbers from 0, but for some that are missing."""
    if values.dtype.kind in "biu":
        return values.dtype.kind != "b" and bool(values.min(initial=0) >= 0)
    missing = np.isnan(values)
    values = values[~missing] if 2 * missing.sum() < len(values) else values
    return bool(((values >= 0) & (np.floor(values) == values)).all())


def _places(values: np.ndarray) -> set[float]:
    """The places that a choice column holds where no cell is empty, 0 to 2 or 1 to 3; none where it is no choice."""
    values = values[~np.isnan(values)]
    if len(values) == 0 or not (values.min() >= 0 and values.max() <= 3):
        return set()
    found = set(np.unique(values).tolist())
    return found if found <= {0, 1, 2} or found <= {1, 2, 3} else set()


def _open_base(table: Content, items: Sequence[int], choice: int | None) -> int | None:
    """Where places are 1 and 2 alone, they count as the items do."""
    places = set() if choice is None or choice in table.texts else _places(column(table, choice))
    if not places or not places <= {1, 2}:
        return None
    values, names = item_values(table, items)
    return 1 if names is not None or values.min() == 1 else 0
