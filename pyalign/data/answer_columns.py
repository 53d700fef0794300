"""What the headers of a table of answers say: one table of words, for both tasks and for ratings of pairs.

One column of answers: which of the items of its row each cell names, by place, in words or as the item itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.metadata import NO_LABEL, Texts, coded
from pyalign.errors import shorten

WORDS: Final = {
    "odd": "odd oddity oddone oddball",
    "answer": "choice choices chosen answer answers response responses resp selected selection picked pick clicked "
    "press pressed decision vote votes voted judge judged judgment judgement preferred preference winner label",
    "anchor": "anchor reference ref query target head standard probe cue",
    "rating": "rating ratings rated similarity dissimilarity similar dissimilar distance score value response "
    "judgment judgement slider",
    "participant": "participant participants participation person subject subjects subj subjid sub worker workers "
    "workerid annotator rater respondent observer user userid pid puid ppt prolific turker",
    "items": "image img item object obj concept stimulus stimuli stim word name file filename picture pic photo option "
    "opt alternative alt candidate choice id col column label path card sample sound video face texture pos position",
}
LISTED: Final = frozenset(  # what lists of the items of a row are called
    "stimuli stims images imgs items objects concepts words names files filenames pictures pics photos options "
    "alternatives candidates choices triplet triad".split()
)
STEMS: Final = frozenset(WORDS["items"].split()) | LISTED
SERIES: Final = (  # what tells items of a row apart: three of them, two of an anchor, or two where the first was chosen
    "1 2 3", "0 1 2", "a b c", "left middle right", "left center right", "left centre right", "first second third",
    "one two three", "top left right", "i j k",
    "1 2", "0 1", "a b", "i j", "left right", "first second", "one two", "top bottom", "positive negative", "pos neg",
    "chosen other", "chosen unchosen", "winner loser", "selected rejected", "preferred other", "similar dissimilar",
    "closer farther", "near far",
)
FIRST_CHOSEN: Final = SERIES[SERIES.index("positive negative") :]
# Words that stand next to those of a role, and change nothing of it.
BESIDE: Final = {
    **dict.fromkeys(("odd", "answer", "anchor", "rating"), frozenset(
        f"{WORDS['items']} index idx nr no number num key keys button place side location one out item human user "
        "participant subject the given raw made of which code mouse".split())),
    "participant": frozenset("id ids nr no number num code name public private label key hash index anon".split()),
}
# Words of columns that say when, in which order or how well: never items, answers or participants.
OTHERS: Final = frozenset(
    (
        "rt time times latency duration elapsed ms sec seconds timestamp date trial trials presentation block session "
        "index order run correct corr accuracy acc age sex gender condition cond group weight probability "
        "covered counterbalance seed task version unnamed progress finished start end onset frame rate exp "
        "psychopy row spreadsheet node type alg status study reward event blk trl zone phase attempt timeout "
        "confidence country language device browser os screen width height practice"
    ).split()
)
STOOD: Final = frozenset({"middle", "center", "centre", "top"})  # where an item stood, not whether it was odd
WIDEST = 2000  # columns of a table in which answers are looked for
_KEY = re.compile(r"^(arrow|[0-9]+$)", re.IGNORECASE)  # what is no word in an answer
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words_of(header: str) -> tuple[str, ...]:
    """The words of a header, in lower case.

    Example:
        >>> words_of("Participant Private ID"), words_of("stim1_name"), words_of("imageB")
        (('participant', 'private', 'id'), ('stim', '1', 'name'), ('image', 'b'))
    """
    return tuple(word.lower() for word in _WORD.findall(header))


def says(header: str, role: str) -> bool:
    """Whether a header says that its column has a role, a key of `WORDS` other than "items"."""
    words = words_of(header)
    if words in (("response", "id"), ("sub", "trial")):  # of a whole questionnaire, in Qualtrics
        return False
    names = set(WORDS[role].split()) | (set(WORDS["odd"].split()) if role == "answer" else set())
    rest = [word for word in words if word not in names]
    if role == "answer" and {*words} & STEMS and any(word.isdecimal() for word in words):
        return False  # option1_chosen is yes or no
    numbered = role != "participant"
    return len(rest) < len(words) and all(word in BESIDE[role] or (numbered and word.isdecimal()) for word in rest)


def is_of_another_kind(header: str) -> bool:
    """Whether a header says that its column holds times, an order of trials or the like."""
    return bool(OTHERS & set(words_of(header)))


def place_words(headers: Sequence[str]) -> list[dict[str, int]]:
    """Ways to name one of two or three options by its place: as its column is called, or in words such as left.

    Example:
        >>> [places for places in place_words(["image_1", "image_2"]) if "image 1" in places or "right" in places]
        [{'image 1': 0, 'image 2': 1}, {'left': 0, 'right': 1}]
    """
    lines = [line.split() for line in SERIES if line not in FIRST_CHOSEN]
    series = [{word: k for k, word in enumerate(line)} for line in lines if len(line) == len(headers)]
    return [{" ".join(words_of(header)): k for k, header in enumerate(headers) if words_of(header)}, *series]


class Series(NamedTuple):
    """Columns that belong together, such as image1, image2, image3.

    columns: in the order of the words that distinguish them. first_chosen: whether the first is the chosen option.
    """

    columns: tuple[int, ...]
    first_chosen: bool


def series_in(header: Sequence[str], size: int) -> list[Series]:
    """The sets of `size` columns of a header that hold the items of a row.

    Example:
        >>> series_in(["rt", "image_2", "image_1", "image_3"], 3), series_in(["ref", "left", "right"], 2)
        ([Series(columns=(2, 1, 3), first_chosen=False)], [Series(columns=(1, 2), first_chosen=False)])
    """
    places: dict[tuple[str, ...], dict[str, int]] = {}
    for column, name in enumerate(header):
        words = words_of(name)
        for k, word in enumerate(words):
            rest = (*words[:k], *words[k + 1 :])
            if {*rest} <= STEMS and (rest or not word.isdecimal()):
                group = places.setdefault(rest, {})
                group[word] = -1 if word in group else column  # -1: called the same
    series_of: dict[tuple[int, ...], Series] = {}
    for group in places.values():
        for line in SERIES:
            words = tuple(line.split())
            if len(words) == size and all(group.get(word, -1) >= 0 for word in words):
                longer = any(_continues(words, other) and set(other.split()) <= {*group} for other in SERIES)
                ends = {chr(ord(words[0][0]) - 1), chr(ord(words[-1][-1]) + 1)}
                more = len(words[0] + words[-1]) == 2 and bool(ends & {*group})  # a fourth item
                if not longer and not more:
                    columns = tuple(group[word] for word in words)
                    series_of.setdefault(columns, Series(columns, line in FIRST_CHOSEN))
    return list(series_of.values())


def _continues(words: tuple[str, ...], other: str) -> bool:
    return len(other.split()) > len(words) and set(words) < set(other.split())


def names_items(header: Sequence[str]) -> bool:
    """Whether a header may say which columns hold the items of triplets, or of pairs that are rated.

    Example:
        >>> names_items(["left", "middle", "right"]), names_items(["name", "weight", "size"])
        (True, False)
    """
    if len(header) > WIDEST:
        return False
    rated = any(says(name, "rating") for name in header)
    alone = any(says(name, role) for name in header for role in ("odd", "anchor"))
    return alone or bool(series_in(header, 3)) or (rated and bool(series_in(header, 2)))


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether words above names are a header: they name the items of rows, and none stands below in its column.

    Example:
        >>> is_header(["left", "middle", "right", "odd"], [["cat", "dog", "car", "car"]])
        True
    """
    if len(first) > WIDEST:
        return False
    roles = [c for c, name in enumerate(first) if any(says(name, role) for role in ("anchor", "answer", "rating"))]
    people = any(says(name, "participant") for name in first)
    named = [c for series in series_in(first, 3) for c in series.columns]
    stood = any(STOOD & {*words_of(first[c])} for c in named)
    named = [c for c in named if roles or people or stood or len(words_of(first[c])) > 1]  # a, b, c may be items
    named += [c for c, name in enumerate(first) if says(name, "odd")]
    named += [c for c, name in enumerate(first) if LISTED & {*words_of(name)} and (roles or people)]
    pairs = [c for series in series_in(first, 2) for c in series.columns]
    named += [*roles, *pairs] if roles and pairs else [c for c in roles if says(first[c], "anchor") and len(roles) > 1]
    return bool(named) and not any(c < len(row) and row[c] == first[c] for row in rest for c in named)


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
        labels = tuple("" if label.lower() in NO_LABEL else label.strip() for label in values.labels)
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
        >>> from pyalign.data.metadata import coded
        >>> columns = [Column.of(k, "", coded(names)) for k, names in enumerate(["ab", "bc", "ca", "aa"])]
        >>> fit_answer(columns[3], columns[:3], True).places.tolist()
        [0, 2]
    """
    size = len(options)
    fits = [Fit(BY_ITEM, _by_item(answer, options, named, str))]
    if named and fits[0].share < 0.5:
        fits.append(Fit(BY_ITEM, _by_item(answer, options, named, _stem)))
    said = [" ".join(words_of(_KEY.sub("", x))) for x in answer.labels]  # numbers are read as such, below
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
