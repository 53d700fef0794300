"""What a table of answers is: its task, and the columns of the items, of the answer and of the participant.

One detector for files, DataFrames and structured arrays. It is sure, or it refuses in one line that says what to state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.answer_columns import (
    BY_ITEM, BY_PLACE, SEVERAL, STOOD, Column, Fit, fit_answer, is_of_another_kind, names_items, number_in, says,
    series_in, words_of,
)
from pyalign.data.answers import answered_once
from pyalign.data.metadata import Texts
from pyalign.data.names import listing
from pyalign.data.trials import ANCHORED, ODD_ONE_OUT, answered_rows
from pyalign.errors import InputError, Remedy

CHOICE, SUBJECT = (Remedy(f"{what}_column", like="column") for what in ("choice", "subject"))
KIND = Remedy("kind", like="kind")
RATINGS = "ratings of pairs"
UNNAMED = range(4, 11)  # columns of a table whose header says nothing, in which answers are looked for
FEW = 12  # rows in which three places of an odd item may fail to occur
_DATE = re.compile(r"\d{1,2}[-/ .][A-Za-z]{3}|[A-Za-z]{3}[-/ .]\d{2,4}|\d{4}-\d\d-\d\d.*|\d{1,2}/\d{1,2}/\d{2,4}")


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """The columns of a table of answers, by number from 0."""

    task: str  # "odd-one-out", "anchored", or "ratings of pairs".
    items: tuple[int, ...]  # three in the order in which they are read, two of ratings.
    choice: int | None = None  # of who is odd or which option was chosen; of ratings, the rating.
    # int8 (t,), which of the options that is; None where the order of the items says it.
    places: np.ndarray | None = None
    subject: int | None = None  # of the participant.
    lowest: int | None = None  # the smallest number of an item; None where these are names.
    # on the task, the items, the answer and the participant, with counts; the last may be a note.
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what a reader of the answers should know.


def recognized(
    header: Sequence[str], width: int, read: Callable[[], Sequence[Texts | np.ndarray]], stated: Mapping[str, Any]
) -> AnswerTable | None:
    """What a table of so many columns is, by its header or else by the values that `read` gives; None: neither says it.

    stated: arguments of `load_triplets`. Raises InputError where the table seems to hold answers that are not sure.
    """
    said = {name for name, value in stated.items() if value is not None}
    if {*_ORDER} & said or {"columns", "choice_column"} <= said:  # which say all themselves
        return None
    if any(header) and ("columns" in said or names_items(header)):
        return answer_table(header, read(), stated)
    return None if said - _BESIDE or width not in UNNAMED else unnamed_table(read(), header)


_ORDER = ("odd_column", "anchor")  # what the order of the items means
_BESIDE = {"task", "one_based", "where", "empty"}  # what values don't say


def require_items(header: Sequence[str], stated: Mapping[str, Any]) -> None:
    """Raises where the headers of three columns say something else than the items of triplets, and nobody stated it."""
    if len(header) != 3 or any(stated.get(name) is not None for name in ("columns", *_ORDER)):
        return
    roles = ("participant", "answer", "rating")
    others = [name for name in header if is_of_another_kind(name) or any(says(name, role) for role in roles)]
    others = others or [header[k] for k in range(3) if any(k not in pair.columns for pair in series_in(header, 2))]
    if others and (len(others) < 3 or not set.intersection(*({*words_of(name)} for name in header))):
        remedy = f"{_columns(header)} says that it is, and the last the odd one"
        raise InputError(f"{others[0]!r} is not known to be a column of items: {remedy}")


def answer_table(
    header: Sequence[str], values: Sequence[Texts | np.ndarray], stated: Mapping[str, Any] | None = None
) -> AnswerTable | None:
    """What a table of answers is, or None where its header does not name the items of triplets or pairs.

    Args:
        header: of the columns.
        values: of each column (t,), text or numbers, in which NaN is an empty cell.
        stated: arguments of `load_triplets` that say some of it; columns in them are headers or numbers.

    Example:
        >>> from pyalign.data.metadata import coded
        >>> columns = [coded(cells) for cells in (["cat", "dog"], ["dog", "car"], ["car", "cat"], ["car", "dog"])]
        >>> result = answer_table(["left", "middle", "right", "odd"], columns)
        >>> result.items, result.choice, result.places.tolist()
        ((0, 1, 2), 3, [2, 0])
    """
    columns = [Column.of(k, name, cells) for k, (name, cells) in enumerate(zip(header, values, strict=True))]
    options = {name: value for name, value in (stated or {}).items() if value is not None}
    readings, fault = [], None
    for task, items, chosen in _candidates(columns, header, options):
        try:
            readings.append(_read(task, items, chosen, columns, options))
        except InputError as error:
            fault = fault or error
    if len(readings) > 1 and fault is None and not all(_same(readings[0], one) for one in readings[1:]):
        sets = [listing([columns[k].called for k in one.items]) for one in readings]
        raise InputError(f"the items may be {' or '.join(sets)}; columns= says which")
    if not readings and fault is not None:
        raise fault
    if not readings and names_items(header):
        answered_rows(header, values, options)  # raises where most rows are no answers
    return max(readings, key=lambda one: one.lowest is None, default=None)


def _columns(names: Iterable[str]) -> Remedy:
    """The columns that hold the items, in this order."""
    names = tuple(names)
    return Remedy("columns", names, like=f"({', '.join(names)})")


def _same(one: AnswerTable, other: AnswerTable) -> bool:
    a, b = one.places, other.places
    same = a is b or (a is not None and b is not None and np.array_equal(a, b))
    return same and (one.task, one.choice) == (other.task, other.choice)


def base_note(lowest: int | None) -> tuple[str, ...]:
    """A sentence where the smallest number of an item does not prove from what items count.

    Example:
        >>> base_note(0), base_note(1)[0][:41]
        ((), 'the smallest item is 1: items are taken t')
    """
    if not lowest:
        return ()
    base, other = (1, "False") if lowest == 1 else (0, "True")
    return (f"the smallest item is {lowest}: items are taken to count from {base} (one_based={other} says otherwise)",)


# Which columns hold the items


def _candidates(
    columns: Sequence[Column], header: Sequence[str], stated: Mapping[str, Any]
) -> list[tuple[str, list[Column], bool]]:
    """The tasks and items that a header may name, and whether their order says which was chosen."""
    task = stated.get("task")
    if "columns" in stated:
        places = [_index(header, c) for c in stated["columns"]]
        items = [columns[k] for k in places if 0 <= k < len(columns)]
        known = len(items) == 3 and (names_items(header) or _differ(items))
        first = task == ANCHORED and any(pair.first_chosen for pair in series_in([c.header for c in items[1:]], 2))
        return [(task or ODD_ONE_OUT, items, first)] if known else []
    free = [c for c in columns if c.index not in {_index(header, stated[k]) for k in _STATED if k in stated}]
    names = [c.header if c in free else "" for c in columns]
    readings: list[tuple[str, list[Column], bool]] = []
    if task in (None, ODD_ONE_OUT):
        readings = [(ODD_ONE_OUT, [columns[k] for k in series.columns], False) for series in series_in(names, 3)]
        readings = [one for one in readings if _alike(one[1])]
        readings = [one for one in readings if not _say_where(one[1])] or readings
    anchors = [c for c in free if says(c.header, "anchor")] if task in (None, ANCHORED) and not readings else []
    pairs = series_in(names, 2)
    for anchor in anchors:
        of_two = [
            ([columns[k] for k in pair.columns], pair.first_chosen)
            for pair in pairs
            if anchor.index not in pair.columns
        ]
        of_two = [one for one in of_two if _alike([anchor, *one[0]])] or [(_others(free, anchor), False)]
        ordered = [one for one in of_two if one[1]] or of_two
        readings += [(ANCHORED, [anchor, *two], first) for two, first in ordered if len(two) == 2]
    if not readings and task in (None, ODD_ONE_OUT):
        odd = [c for c in free if says(c.header, "odd")]
        by_name = [[columns[k] for k in pair.columns] for pair in pairs]
        readings = [(ODD_ONE_OUT, [*two, c], False) for c in odd for two in by_name if _alike([*two, c])]
        readings = readings or [(ODD_ONE_OUT, [*two, c], False) for c in odd if len(two := _others(free, c)) == 2]
        readings = readings or [(ODD_ONE_OUT, three, False) for c in odd if len(three := _others(free, c)) == 3]
    if not readings and task is None and any(_rates(c) for c in free):
        of_pairs = [[columns[k] for k in pair.columns] for pair in pairs]
        readings = [(RATINGS, pair, False) for pair in of_pairs if _alike(pair) and len(_others(free, pair[0])) == 1]
    return readings


def _say_where(items: Sequence[Column]) -> bool:
    """Whether columns hold the same few cells in each of many rows: where items stood, not which they were."""
    return len(items[0]) >= FEW and len({label for c in items for label in c.labels}) == len(items)


def _rates(column: Column) -> bool:
    """Whether a column holds ratings: numbers, of which there are more than of two options."""
    enough = len(column) < FEW or len(column.labels) > 2
    return says(column.header, "rating") and column.share(~np.isnan(column.numbers)) > 0.5 and enough


_STATED = ("choice_column", "subject_column", "weight_column")


def _index(header: Sequence[str], column: int | str) -> int:
    if isinstance(column, str) and column in header:
        return list(header).index(column)
    return int(column) if isinstance(column, int) or column.isdecimal() else -1


def _alike(columns: Sequence[Column]) -> bool:
    """Whether columns hold names, or whole numbers from 0, in most rows."""
    numbers = [column.share(column.whole) for column in columns]
    filled = [column.share(np.array([label != "" for label in column.labels])) for column in columns]
    return min(filled) > 0.5 and (min(numbers) > 0.5 or all(_texts(column) > 0.5 for column in columns))


def _differ(items: Sequence[Column]) -> bool:
    """Whether columns are of one kind and differ from each other in most rows."""
    a, b, c = (np.array(x.labels, dtype=object)[x.codes] for x in items)
    return _alike(items) and float(((a != b) & (b != c) & (a != c)).mean()) > 0.5


def _texts(column: Column) -> float:
    return column.share(np.isnan(column.numbers) & np.array([label != "" for label in column.labels]))


def _others(free: Sequence[Column], known: Column) -> list[Column]:
    """The columns of the same kind as a known one, under headers that say nothing else."""
    others = [c for c in free if c is not known and not is_of_another_kind(c.header) and _alike([known, c])]
    others = [c for c in others if len(c) < FEW or len({*c.labels} & {*known.labels}) > 0.5 * len(known.labels)]
    roles = ("participant", "answer", "rating")
    return [c for c in others if not any(says(c.header, role) for role in roles)]


def unnamed_table(values: Sequence[Texts | np.ndarray], header: Sequence[str] = ()) -> AnswerTable | None:
    """What a table of 4 to 10 columns is whose header says nothing, or None where that is not sure.

    The first three hold the items where they, and no other, have the same range of whole numbers, as many of them and
    as often the same one twice in a row. Up to three numbers may be places or keys, which say more than the order does.
    Another column is of participants where it holds a dozen or more, each in several rows that follow each other.

    Example:
        >>> items = np.array([np.random.default_rng(k).permutation(9)[:3] for k in range(96)])
        >>> result = unnamed_table([*items.T, np.arange(96) // 8])
        >>> result.items, result.subject, unnamed_table([np.arange(96) // 8, *items.T])
        ((0, 1, 2), 3, None)
    """
    if len(values) not in UNNAMED or len(values[0]) < FEW:
        return None
    columns = [Column.of(k, header[k] if header else "", cells) for k, cells in enumerate(values)]
    people = [c for c in columns[3:] if _stands_together(c)]
    if not _first_hold_items([c for c in columns if c not in people or c.whole.any()]):
        return None
    items, lowest = columns[:3], int(min(c.numbers.min() for c in columns[:3]))
    asked, held, _ = _sentences(ODD_ONE_OUT, items, None, None, lowest)
    subject = people[0] if len(people) == 1 else None
    uses = (f"{c.called} holds {len(c.labels):,} participants" if c is subject else
            f"{c.called} is not used: {SUBJECT} says who answered" for c in columns[3:])
    sentences = asked, held, f"{columns[2].called} is taken to hold the odd item", *uses
    who = None if subject is None else subject.index
    return AnswerTable(ODD_ONE_OUT, (0, 1, 2), subject=who, lowest=lowest, sentences=sentences)


def _first_hold_items(columns: Sequence[Column]) -> bool:
    """Whether the first three hold items, and no other may hold items or answers."""
    answers = [c for c in columns[3:] if c.numbers.max() <= 3 or len(c.labels) <= 3 or says(c.header, "answer")]
    if answers or not all(c.whole.all() for c in columns):
        return False
    traits = np.array([[c.numbers.min(), c.numbers.max(), len(c.labels)] for c in columns])
    traits /= float(np.ptp(traits[:3, :2])) or 1.0
    traits = np.c_[traits, [2 * (np.diff(c.codes) == 0).mean() for c in columns]]
    gaps = np.abs(traits[:, None] - traits[:3]).max(axis=(1, 2))
    with suppress(InputError):  # no item, or one twice in a row
        _check_items(columns[:3], False, None)
        return bool(gaps[:3].max() < 0.25 <= gaps[3:].min(initial=1.0))
    return False


def _stands_together(column: Column) -> bool:
    """Whether a column seems to be of participants, each of whom has answered several times without a pause."""
    each = np.bincount(column.codes)
    several = FEW <= len(each) == 1 + np.count_nonzero(np.diff(column.codes)) and min(each) > 1
    return several and "" not in column.labels and not is_of_another_kind(column.header)


# What the answers are

_ASKED = {ODD_ONE_OUT: "which item is odd", ANCHORED: "which option was chosen"}
_REMEDY = f"{CHOICE} says which"


def _read(
    task: str, items: list[Column], first_chosen: bool, columns: Sequence[Column], stated: Mapping[str, Any]
) -> AnswerTable:
    header = [column.header for column in columns]
    spare, places = [c for c in columns if c not in items], tuple(c.index for c in items)
    if task == RATINGS:
        ratings = [c for c in spare if _rates(c)]
        if len(ratings) != 1:
            raise InputError(f"{len(ratings)} columns may be the rating of each pair: {_listed(ratings or spare)}")
        said = f"{ratings[0].called} rates {_listed(items)}: load_rdms(path, {KIND}) reads them"
        return AnswerTable(task, places, ratings[0].index, sentences=(said,))
    subject, about_people, notes = _participant(spare, header, stated)
    named = min(c.share(c.whole) for c in items) <= 0.5
    said_too = {_index(header, stated[name]) for name in ("subject_column", "weight_column") if name in stated}
    in_order = first_chosen or (task == ODD_ONE_OUT and says(items[-1].header, "odd"))
    asked = Asked(task, items, in_order, named, stated)
    choice, fit = _answer(asked, [c for c in spare if c.index not in said_too], subject)
    _check_items(items, named, subject)
    if not {"columns", "choice_column"} & {*stated}:
        _check_design(asked, spare, fit)
    lowest = None if named else int(min(c.numbers[c.codes].min() for c in items))
    sentences = (*_sentences(task, items, choice, fit, lowest), *(() if notes else (about_people,)))
    chosen, who = (None if c is None else c.index for c in (choice, subject))
    return AnswerTable(task, places, chosen, None if fit is None else fit.places, who, lowest, sentences, notes)


@dataclass(frozen=True, eq=False)
class Asked:
    """A reading of the items. in_order: whether their order says what was chosen; named: whether they are names."""

    task: str
    items: list[Column]
    in_order: bool
    named: bool
    stated: Mapping[str, Any]

    @property
    def options(self) -> list[Column]:
        """The items among which people chose."""
        return self.items if self.task == ODD_ONE_OUT else self.items[1:]

    def fit(self, answer: Column) -> Fit:
        """How a column answers."""
        return fit_answer(answer, self.options, self.named, self.stated.get("choice_base"))

    def sure(self, answer: Column) -> Fit:
        """How it answers in all rows; raises where a cell does not fit, or where it is not sure."""
        fit = self.fit(answer)
        _require_sure(self, answer, fit)
        return fit


def _answer(asked: Asked, spare: Sequence[Column], subject: Column | None) -> tuple[Column | None, Fit | None]:
    """The column of answers and what it says; None, None where the order of the items says it."""
    index = asked.stated.get("choice_column")
    stated = [c for c in spare if index is not None and index in (c.header, c.index, str(c.index))]
    unsaid = [c for c in spare if c is not subject]
    free = stated or [c for c in unsaid if says(c.header, "answer") or not is_of_another_kind(c.header)]
    fits = {c: asked.fit(c) for c in free}
    strong = stated or [c for c in free if says(c.header, "answer")]
    likely = stated or [c for c in strong if fits[c].share >= 0.5]
    full = [c for c in free if fits[c].share == 1.0]
    if asked.in_order and not stated:
        place = 2 if asked.task == ODD_ONE_OUT else 0
        shown = {free[k] for pair in series_in([c.header for c in free], 2) for k in pair.columns}  # left, right
        unknown = [c for c in full if fits[c].how != BY_PLACE and c not in shown]
        against = [c for c in (*likely, *unknown) if (fits[c].places != place).any()]
        if against:
            raise InputError(
                f"{_listed([*asked.items, against[0]])} say different things of what was chosen; {_REMEDY}"
            )
        return None, None
    for c in likely:
        _require_sure(asked, c, fits[c])
        if asked.task == ANCHORED and not stated and says(c.header, "odd"):
            raise InputError(f"{c.called} may name the option that was not chosen; {_REMEDY} names the chosen one")
    if any(not np.array_equal(fits[c].places, fits[likely[0]].places) for c in likely[1:]):
        raise InputError(f"{_listed(likely)} may each say {_ASKED[asked.task]}; {_REMEDY}")
    if likely:
        best = next((c for c in likely if says(c.header, "odd")), likely[0])
        return best, fits[best]
    alone = asked.task == ODD_ONE_OUT and not (spare or any(STOOD & {*words_of(c.header)} for c in asked.items))
    if not (strong or full) and ("columns" in asked.stated or "task" in asked.stated or alone):
        return None, None
    raise InputError(_not_known(asked, strong, full, fits))


def _check_design(asked: Asked, spare: Sequence[Column], fit: Fit | None) -> None:
    """Raises where other columns show that more items were asked about, or that places are those of another order."""
    anchors = [c for c in spare if asked.task == ODD_ONE_OUT and says(c.header, "anchor") and len(c.labels) > 3]
    more = [c for c in anchors if _alike([c, asked.items[0]]) and asked.fit(c).share < 0.5]
    if more:
        what = f"{more[0].called} holds other items, to which {_listed(asked.items)} may be options"
        raise InputError(f"{what}: {CHOICE} says that one of these is odd")
    named = [c for c in spare if c.header]
    for series in series_in([c.header for c in named], len(asked.options)) if fit and fit.how != BY_ITEM else ():
        where = [named[k] for k in series.columns]
        if _say_where(where):
            raise InputError(f"places may be those that {_listed(where)} hold: {CHOICE} says that they "
                             "are those of the columns")


def _not_known(asked: Asked, strong: Sequence[Column], full: Sequence[Column], fits: Mapping[Column, Fit]) -> str:
    what = _ASKED[asked.task]
    if strong:
        cell = strong[0].cell(fits[strong[0]].first_wrong)
        return f"{strong[0].called} seems to say {what}, but {cell}, which is none of {_listed(asked.items)}; {_REMEDY}"
    if full:
        return f"{_listed(full)} may say {what}; {_REMEDY}"
    order = f"if the last is always odd, {_columns(c.header or str(c.index) for c in asked.items)}"
    order = order if asked.task == ODD_ONE_OUT else f"if it is always the first option, {Remedy('task', ANCHORED)}"
    return f"no column is known to say {what}: {CHOICE} says it, or {order}"


def _require_sure(asked: Asked, answer: Column, fit: Fit) -> None:
    """Raises where a cell does not fit, all fit in two ways, or the answers seem to be those of another task."""
    t, options = len(answer), asked.options
    if fit.share < 1.0:
        row, right = fit.first_wrong, int((fit.places >= 0).sum())
        what = f"{t:,} answers; {answer.called} is one of {_listed(options)} in {right:,} row{'s' * (right != 1)}"
        start = "" if fit.base is None else f" counted from {fit.base}"
        several = "may be two answers in one cell" if SEVERAL.search(answer.labels[answer.codes[row]]) else ""
        raise InputError(f"{what}; {answer.cell(row)}, which {several or f'is no item of its row and no place{start}'}")
    never = np.flatnonzero(np.bincount(fit.places, minlength=len(options)) == 0)
    if asked.task == ODD_ONE_OUT and t >= FEW and len(never) and "choice_column" not in asked.stated:
        order = [options[never[0]], *(c for c in options if c is not options[never[0]])]
        names = [c.header or str(c.index) for c in order]
        names = names if fit.how == BY_ITEM and len(never) == 1 else ["anchor", "one", "other"]
        what = f"{answer.called} is one of {_listed(options)} in {t:,} rows, and in none of them one of the three"
        anchored = f"{Remedy('task', ANCHORED)} and {_columns(names)}"
        raise InputError(f"{what}: of an anchor and two options, {anchored}; else {CHOICE} says it is odd")
    ordered = "columns" in asked.stated or series_in([c.header for c in options], len(options))
    if fit.how != BY_ITEM and not ordered:
        listed = _columns(c.header or str(c.index) for c in asked.items)
        raise InputError(f"{answer.called} holds places, and no header says in which order: {listed} says it")
    if fit.several and "choice_base" not in asked.stated:
        held = " and ".join(sorted(answer.labels))
        ways = f"which fits both ways of counting: say {Remedy('choice_base', 0)} or {Remedy('choice_base', 1)}"
        raise InputError(f"{answer.called} holds only {held}, {ways}")


def _listed(columns: Sequence[Column]) -> str:
    return listing([column.called for column in columns], 6)


def _check_items(items: Sequence[Column], named: bool, subject: Column | None) -> None:
    """Raises where a cell holds no item, or a row the same one twice."""
    people = set() if subject is None or not named else {x for x in subject.labels if np.isnan(number_in(x))}
    for c in items:
        dates = np.array([bool(_DATE.fullmatch(x)) for x in c.labels])
        wrong = {"no item": np.array([x == "" for x in c.labels]) if named else ~c.whole}
        wrong["a participant"] = np.array([x in people for x in c.labels])
        wrong["a date"] = dates & named & (dates.mean() < 0.5)
        for what, labels in wrong.items():
            if labels[c.codes].any():
                cell = c.cell(int(labels[c.codes].argmax()))
                raise InputError(f"{len(c):,} answers; {c.called}: {cell}, which is {what}")
    cells = [np.array(c.labels, dtype=object)[c.codes] if named else c.numbers[c.codes] for c in items]
    for k, j in ((0, 1), (0, 2), (1, 2)):
        if (cells[k] == cells[j]).any():
            row = int((cells[k] == cells[j]).argmax())
            raise InputError(f"{items[k].called} and {items[j].called} hold the same item: {items[k].cell(row)}")


def _participant(
    spare: Sequence[Column], header: Sequence[str], stated: Mapping[str, Any]
) -> tuple[Column | None, str, tuple[str, ...]]:
    """The column of participants, a sentence about it, and notes."""
    if "subject_column" in stated:
        candidates = [c for c in spare if c.index == _index(header, stated["subject_column"])]
    else:
        candidates = [c for c in spare if says(c.header, "participant")]
    if not candidates:
        return None, "no column of participants", ()
    first = candidates[0]
    pairs = [len(np.unique(np.stack([first.codes, c.codes]), axis=1).T) for c in candidates[1:]]
    if any(n != max(len(first.labels), len(c.labels)) for n, c in zip(pairs, candidates[1:], strict=True)):
        note = f"{_listed(candidates)} may each say who answered, and none is used: {SUBJECT} says which"
        return None, note, (note,)
    if "" in first.labels:
        row = int((first.codes == first.labels.index("")).argmax())
        raise InputError(f"{len(first):,} answers; {first.called}: {first.cell(row)}, where a participant is expected")
    n, t = len(first.labels), len(first)
    if answered_once(n, t):
        note = f"{first.called}: each participant answered once, so intervals are over objects"
        return first, note, (note,)
    return first, f"{first.called} holds {n:,} participant{'s' * (n != 1)}", ()


def _sentences(
    task: str, items: Sequence[Column], choice: Column | None, fit: Fit | None, lowest: int | None
) -> tuple[str, str, str]:
    asked = "which of three items is odd" if task == ODD_ONE_OUT else "which of two options is more like an anchor"
    n = len({x for c in items for x in c.labels})
    paths = lowest is None and all("/" in x or "\\" in x for x in items[0].labels)
    how = "by path" if paths else "by name" if lowest is None else f"by number, from {lowest}"
    last, chosen = items[-1].called, items[1].called
    where = f"{last} holds the odd item" if task == ODD_ONE_OUT else f"{chosen} holds the chosen option"
    if choice is not None and fit is not None:
        base = "" if fit.base is None else f", counted from {fit.base}"
        where = f"{choice.called} holds {fit.how}{base}, in all {len(choice):,} rows"
    return f"{len(items[0]):,} answers to {asked}", f"{_listed(items)} hold {n:,} items {how}", where
