"""One column of answers: which of the items of its row each cell names, by place, in words or as the item itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.answer_words import place_words, words_of
from pyalign.data.texts import MISSING, Texts, coded
from pyalign.errors import shorten

BY_ITEM, BY_PLACE, IN_WORDS = "the item itself", "its place", "its place in words"
SEVERAL = re.compile(r"[,;/|&+]| and ")  # between two answers in one cell


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table as distinct cells."""

    index: int  # its number in the table, from 0.
    header: str  # what it is called, or "".
    codes: np.ndarray  # int (t,), indices into labels.
    labels: tuple[str, ...]  # the distinct cells, "" where nothing stands.
    numbers: np.ndarray  # float64 (k,), the labels as numbers, NaN where they are none.

    @classmethod
    def of(cls, index: int, header: str, values: Texts | np.ndarray) -> Column:
        """A column of text, or of numbers in which NaN is an empty cell."""
        if not isinstance(values, Texts):
            if values.dtype.kind in "biuf":
                different, codes = np.unique(values, return_inverse=True)
                each = different.tolist()
                labels = tuple("" if x != x else str(int(x)) if float(x).is_integer() else repr(x) for x in each)
                return cls(index, header, codes.reshape(-1), labels, different.astype(np.float64))
            values = coded("" if cell is None or cell != cell else str(cell) for cell in values.tolist())
        labels = tuple("" if label.lower() in MISSING else label.strip() for label in values.labels)
        return cls(index, header, values.codes, labels, np.array([number_in(label) for label in labels]))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def called(self) -> str:
        """The column as messages call it."""
        return repr(self.header) if self.header else f"column {self.index}"

    def cell(self, row: int) -> str:
        """The cell of a row as messages show it."""
        label = self.labels[self.codes[row]]
        return f"row {row} (from 0) holds {shorten(label)}" if label else f"row {row} (from 0) is empty"

    def share(self, of_labels: np.ndarray) -> float:
        """The fraction of rows whose label is marked, bool (k,)."""
        return float(of_labels[self.codes].mean()) if len(self) else 0.0

    @property
    def whole(self) -> np.ndarray:
        """Which labels are whole numbers from 0, below 2^53."""
        with np.errstate(invalid="ignore"):
            marked: np.ndarray = (np.floor(self.numbers) == self.numbers) & (self.numbers >= 0) & (self.numbers < 2**53)
        return marked


def number_in(cell: str) -> float:
    """A cell as a number, NaN where it is none."""
    try:
        return np.nan if "_" in cell else float(cell)
    except ValueError:
        return np.nan


@dataclass(frozen=True, eq=False)
class Fit:
    """How a column answers triplets."""

    how: str  # `BY_ITEM`, `BY_PLACE` or `IN_WORDS`.
    places: np.ndarray  # int8 (t,), which of the options each cell names, from 0; -1 where it names none.
    base: int | None = None  # from what places count; None where no number says a place.
    several: bool = False  # whether another way of reading it fits as well, and gives something else.

    @property
    def share(self) -> float:
        """The fraction of rows whose cell names an option."""
        return float((self.places >= 0).mean()) if len(self.places) else 0.0

    @property
    def first_wrong(self) -> int:
        """The first row whose cell names no option."""
        return int((self.places < 0).argmax())


def fit_answer(answer: Column, options: Sequence[Column], named: bool, base: int | None = None) -> Fit:
    """The way of reading a column of answers by which most of its cells name one of the options of their row.

    named: whether the items are names, not numbers. base: from what places count, if that is known.

    Example:
        >>> from pyalign.data.texts import coded
        >>> columns = [Column.of(k, "", coded(names)) for k, names in enumerate(["ab", "bc", "ca", "aa"])]
        >>> fit_answer(columns[3], columns[:3], True).places.tolist()
        [0, 2]
    """
    size = len(options)
    fits = [Fit(BY_ITEM, _by_item(answer, options, named, str))]
    if named and fits[0].share < 0.5:
        fits.append(Fit(BY_ITEM, _by_item(answer, options, named, _stem)))
    said = ["" if x.isdecimal() else " ".join(words_of(x)) for x in answer.labels]  # numbers are read as such, below
    ways = [_of_labels(answer, [words.get(x, -1) for x in said]) for words in place_words([x.header for x in options])]
    fits.append(max((Fit(IN_WORDS, places) for places in ways), key=lambda fit: fit.share))
    for start in (0, 1) if base is None else (base,):
        at = np.where(answer.whole & (answer.numbers >= start) & (answer.numbers < start + size), answer.numbers, -1)
        fits.append(Fit(BY_PLACE, _of_labels(answer, np.where(at < 0, -1, at - start)), start))
    best = max(fits, key=lambda fit: fit.share)
    rivals = [fit for fit in fits if fit.share == best.share and not np.array_equal(fit.places, best.places)]
    return Fit(best.how, best.places, best.base, bool(rivals))


def _of_labels(answer: Column, places: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(places, np.int8)[answer.codes]


def _by_item(answer: Column, options: Sequence[Column], named: bool, name_of: Callable[[str], str]) -> np.ndarray:
    """int8 (t,): the first of the options that is the item in the cell."""
    known: dict[object, int] = {}

    def keys(column: Column) -> np.ndarray:
        labels = [name_of(x) for x in column.labels] if named else column.numbers.tolist()
        return np.array([known.setdefault(x, len(known)) if x == x and x != "" else -1 for x in labels])[column.codes]

    if not named and not np.nanmax(np.append(answer.numbers, -1)) > len(options):
        return np.full(len(answer), -1, np.int8)  # small numbers are places
    chosen, places = keys(answer), np.full(len(answer), -1, np.int8)
    for place in reversed(range(len(options))):
        places[(keys(options[place]) == chosen) & (chosen >= 0)] = place
    return places


def _stem(path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] or name
