"""What an array seems to be, before anything is made of it: no file is opened here.

Rows that equal an earlier one, counted exactly in bounded memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.data.similarities import kind_of_matrix, shape_of_pairs
from pyalign.documents import hidden
from pyalign.errors import InputError

FEW = 4  # objects whose pairs are as many as features often are
SHARE_TOLERANCE = 2e-3  # of the sum of a row of shares
WORDS = ("count", "share")  # in the name of an array of answers


@dataclass(frozen=True)
class Description:
    """Facts about an array; counts of rows unless said otherwise. What has no meaning for its kind is None."""

    # what the array seems to be: "embeddings", "triplets", "answers" (counts or shares next to triplets),
    # "similarities", "dissimilarities", "ratings of pairs", "condensed matrices", "names", "labels", "images",
    # "transform" or "other".
    kind: str
    shape: tuple[int, ...]  # of the array, or of the whole table.
    dtype: str  # as stored.
    # smallest, largest: over finite values, of triplets over the items.
    smallest: float | None = None
    largest: float | None = None
    base: int | None = None  # 0 or 1 for triplets whose smallest item is that.
    duplicate_rows: int | None = None  # rows equal to an earlier one.
    repeated_items: int | None = None  # triplets that name an item twice.
    nan_rows: int | None = None  # rows with NaN or infinity.
    zero_rows: int | None = None  # rows of zeros.
    first_row: tuple[float | str, ...] = ()  # its first values; of names and labels the first of them.
    remarks: tuple[str, ...] = ()  # what a reader should know before using it, a sentence each.
    key: str | None = None  # of the array in its file.
    names: tuple[str, ...] | None = None  # the first three names of rows or items.
    columns: tuple[str, ...] | None = None  # the header of a table.
    command: str | None = None  # a command line that reads it; words in capitals stand for other files.
    # of triplets: the arguments of `load_triplets` that read them, if that is sure.
    layout: Mapping[str, Any] | None = hidden(default=None)
    fault: str | None = hidden(default=None)  # why it is not sure, and what would say it.
    # of a table of answers: on the task, the items, the answer and the participant, with counts.
    sentences: tuple[str, ...] = hidden(default=())


def describe(values: object, name: str | None = None) -> Description:
    """What an array seems to be, and what is odd about it.

    Of two dimensions: whole numbers in three to ten columns, none below zero, seem triplets unless most rows repeat an
    item; three columns of shares, or of counts with much the same sum in each row, answers; a symmetric square matrix
    dissimilarities where nothing is smaller than its diagonal, but for rounding, else similarities; anything else
    embeddings. Of one: text that differs seems
    names, anything else labels.

    Args:
        values: numbers or text of any shape.
        name: of the array, which may say that it holds answers.

    Raises:
        InputError: an empty array, or one of anything else.

    Example:
        >>> import numpy as np
        >>> describe(np.array([[1, 2, 3], [1, 1, 4]])).remarks[0]
        'the smallest item is 1: items may count from 1 (--one-based)'
    """
    a = np.asarray(values)
    if a.size == 0 or a.dtype.kind not in "biufU":
        raise InputError(f"values must be a filled array of numbers or text; got shape {a.shape}, dtype {a.dtype}")
    if a.dtype.kind == "U":
        return _of_text(a)
    return _of_matrix(a, name or "") if a.ndim == 2 else _of_others(a)


def _of_text(a: np.ndarray) -> Description:
    different = len({*a.ravel().tolist()})
    kind = "other" if a.ndim != 1 else "labels" if different < len(a) else "names"
    remarks = (_labels(different, len(a)),) if kind == "labels" else ()
    return Description(kind, a.shape, "str", first_row=tuple(a.ravel()[:8].tolist()), remarks=remarks)


def _of_others(a: np.ndarray) -> Description:
    """Numbers of other than two dimensions."""
    finite = a[np.isfinite(a)] if a.dtype.kind == "f" else a
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    kind, remarks = "other", []
    if a.ndim == 1:
        kind, remarks = "labels", [_labels(len(np.unique(a)), len(a)), *_of_pairs(a)]
    elif a.ndim == 3 and a.shape[1] == a.shape[2] and None not in (kinds := [*map(_kind_of_pairs, a)]):
        kind = "similarities" if "similarities" in kinds else "dissimilarities"
        remarks.append(f"{a.shape[0]} matrices of {a.shape[1]} items, of as many people or models")
    elif a.ndim > 2:
        remarks.append(f"{a.ndim} dimensions: as embeddings, pool or flatten each item to one row first")
    return Description(kind, a.shape, str(a.dtype), low, high, first_row=tuple(a.ravel()[:8].tolist()),
                       remarks=tuple(remarks))


def objects_of_pairs(a: np.ndarray) -> int | None:
    """Of how many objects each row of an array may be the pairs, by its length, where nothing is below zero."""
    m = a.shape[-1]
    n = (1 + math.isqrt(1 + 8 * m)) // 2
    plausible = a.dtype.kind == "f" and n > FEW and 2 * m == n * (n - 1) and a.size <= m * m
    return n if plausible and not (a < 0).any() else None


def _of_pairs(a: np.ndarray) -> list[str]:
    n = objects_of_pairs(a)
    what = "a condensed matrix" if a.ndim == 1 else f"{len(a)} condensed matrices"
    return [] if n is None else [f"may be {what} of {n} objects, {n} x {n - 1} / 2 numbers each (pyalign rsa --human)"]


def _labels(different: int, n: int) -> str:
    hint = ": people (--subjects), or groups of triplets (--groups)" if different < n else ""
    return f"{different:,} different value{'s' * (different != 1)}{hint}"


def _of_matrix(a: np.ndarray, name: str) -> Description:
    nan_rows, zero_rows, low, high, whole = _scan(a)
    kind = _kind(a, whole and nan_rows == 0, low, high, name)
    if whole and a.shape[1] == 3 and 0 < 2 * nan_rows < len(a):  # an answer is missing here and there
        answered = a[np.isfinite(a).all(axis=1)]
        kind = "triplets" if _kind(answered, True, low, high, name) == "triplets" else kind
    base = None if kind != "triplets" or low is None or low > 1 else int(low)
    repeated = count_with_repeats(*a.T[:3]) if kind == "triplets" else None
    span = None if nan_rows or not whole or low is None or high is None else (low, high)
    duplicates = count_repeated_rows(a, span)
    description = Description(
        kind, a.shape, str(a.dtype), low, high, base, duplicates, repeated, nan_rows, zero_rows,
        first_row=tuple(a[0, :8].tolist()),
    )
    return replace(description, remarks=_remarks(a, description, span))


def _scan(a: np.ndarray) -> tuple[int, int, float | None, float | None, bool]:
    nan_rows = zero_rows = 0
    low, high, whole = np.inf, -np.inf, True
    for part in _parts(a):
        finite = np.isfinite(part)
        nan_rows += int((~finite.all(axis=1)).sum())
        zero_rows += int((part == 0).all(axis=1).sum())
        if finite.any():
            low = min(low, float(part.min(where=finite, initial=np.inf) if part.dtype.kind == "f" else part.min()))
            high = max(high, float(part.max(where=finite, initial=-np.inf) if part.dtype.kind == "f" else part.max()))
        whole = whole and bool(((np.floor(part) == part) | ~finite).all() if part.dtype.kind == "f" else True)
    in_order = low <= high
    return nan_rows, zero_rows, low if in_order else None, high if in_order else None, whole


def _parts(a: np.ndarray) -> Iterator[np.ndarray]:
    """The rows, so many at once that what is computed of them stays small."""
    return (part for _, part in _chunks(a))


def _kind(a: np.ndarray, whole: bool, low: float | None, high: float | None, name: str) -> str:
    n, d = a.shape
    of_pairs = _kind_of_pairs(a) if n == d else None
    if of_pairs is not None and n > 3:
        return of_pairs
    if whole and 3 <= d <= 10 and low is not None and low >= 0 and a.dtype.kind != "b":
        if d == 3 and (any(word in name.lower() for word in WORDS) or _same_sums(a, low, high or low)):
            return "answers"
        if (2 * count_with_repeats(*a.T[:3]) <= n or n < 10) and high is not None and high - low >= 2:
            return "triplets"
        # Small counts are whole numbers too, but there most rows would name an item twice.
        return "answers" if d == 3 and all((part != 0).any(axis=1).all() for part in _parts(a)) else "embeddings"
    if d == 3 and low is not None and low >= 0 and _are_shares(a):
        return "answers"
    return of_pairs if of_pairs is not None and n == 2 else "embeddings"


def _kind_of_pairs(a: np.ndarray) -> str | None:
    """What a square matrix holds, "similarities" or "dissimilarities"; None where it is not symmetric.

    Where neither end of each row stands on the diagonal, zeros there are the distances of objects from themselves.
    """
    kind = kind_of_matrix(a)
    if kind is None and np.allclose(a, a.T, rtol=1e-3, atol=0, equal_nan=True):
        kind = "similarities" if a.diagonal().any() else "dissimilarities"
    return kind


def _are_shares(a: np.ndarray) -> bool:
    return all((np.abs(part.sum(axis=1, dtype=np.float64) - 1) < SHARE_TOLERANCE).all() for part in _parts(a))


def _same_sums(a: np.ndarray, low: float, high: float) -> bool:
    """Whether rows sum to much the same, as answers of the same people do and items do not."""
    if len(a) < 10 or high - low <= 2:
        return False
    center = a[:1000].astype(np.float64).mean(axis=0, keepdims=True)[0]  # near the mean, so that squares lose nothing
    totals, squares = np.zeros(a.shape[1] + 1), np.zeros(a.shape[1] + 1)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near 1e300: then the answer is no
        for part in _parts(a):
            columns = [column - middle for column, middle in zip(part.T, center, strict=True)]
            for k, column in enumerate((*columns, sum(columns))):
                totals[k] += np.sum(column)
                squares[k] += np.dot(column, column)
        variances = squares / len(a) - np.square(totals / len(a))
        return bool(variances[-1] < 0.1 * variances[:-1].sum())


def _remarks(  # noqa: C901, PLR0912
    a: np.ndarray, description: Description, span: tuple[float, float] | None
) -> tuple[str, ...]:
    kind, duplicates = description.kind, description.duplicate_rows
    nan_rows, zero_rows = description.nan_rows, description.zero_rows
    remarks = _of_pairs(a) if kind == "embeddings" else []
    if description.base == 1:
        remarks.append("the smallest item is 1: items may count from 1 (--one-based)")
    if kind == "triplets" and a.shape[1] > 3:
        remarks.append(
            f"{a.shape[1]} columns: say which three are items (--columns), and which is a choice or a subject"
        )
    if kind == "triplets" and a.dtype.kind == "f":
        remarks.append("whole numbers stored as floats: they are read as integers")
    if kind == "dissimilarities":
        remarks.append("nothing is smaller than the diagonal: these seem dissimilarities, where larger is less alike")
    if kind == "embeddings" and a.shape[0] == a.shape[1]:
        remarks.append("as many rows as columns: a linear map perhaps (--transform)")
    if kind == "embeddings" and shape_of_pairs(a) == "triangular":
        remarks.append("zero on one side of the diagonal: one half of a matrix of pairs? add its transpose")
    if kind == "answers":
        remarks.append("answers to triplets, which are another table: how often each of three items was called odd")
    if description.repeated_items:
        twice = _rows(description.repeated_items, "names", "name")
        remarks.append(f"{twice} an item twice: not triplets of three different items")
    if duplicates and kind == "triplets":
        remarks.append(
            f"{_rows(duplicates, 'repeats', 'repeat')} an earlier one: answers to the same triplet, or copies"
        )
    elif duplicates and kind == "embeddings":
        remarks.append(f"{_rows(duplicates, 'equals', 'equal')} an earlier one: their similarities will tie")
    if nan_rows:
        omitted = "scoring refuses them unless --nan omit"
        remedy = "an answer is missing, take them out of the file" if kind == "triplets" else omitted
        remarks.append(f"{_rows(nan_rows, 'holds', 'hold')} NaN or infinity: {remedy}")
    if kind == "embeddings" and a.shape[1] > 1 and span is not None and 0 <= span[0] <= span[1] <= 1:
        remarks.append("every value is 0 or 1: these may be categories of items")
    if zero_rows and kind == "embeddings":
        remarks.append(f"{_rows(zero_rows, 'is', 'are')} zero: the cosine with any other is 0")
    return tuple(remarks)


def _rows(count: int, one: str, more: str) -> str:
    return f"{count:,} row {one}" if count == 1 else f"{count:,} rows {more}"


ROWS_AT_ONCE = 1 << 23  # of a pass; 24 bytes each and as much again while they are sorted
CHUNK_BYTES = 1 << 23  # of what is looked at once
MIXED = 0x9E3779B97F4A7C15  # odd, of the golden ratio: spreads close numbers over the upper bits

Numbers = Callable[[np.ndarray], np.ndarray]  # (k, d) rows to (k,) uint64


def count_with_repeats(i: np.ndarray, j: np.ndarray, k: np.ndarray) -> int:
    """Rows (n,), (n,), (n,) in which a value stands twice."""
    count = 0
    for at in range(0, len(i), CHUNK_BYTES):
        a, b, c = (column[at : at + CHUNK_BYTES] for column in (i, j, k))
        count += int(np.count_nonzero((a == b) | (a == c) | (b == c)))
    return count


def count_repeated_rows(a: np.ndarray, span: tuple[float, float] | None) -> int:
    """Rows (n, d) equal to an earlier one, by their bytes, 0 and -0 alike.

    span: the smallest and the largest value where all of them are whole numbers; None where they aren't.
    """
    packed = None if span is None else _packing(a.shape[1], *span)
    passes = -(-len(a) // ROWS_AT_ONCE)
    return sum(_count(a, packed, number, passes) for number in range(passes))


def _packing(d: int, low: float, high: float) -> Numbers | None:
    """Rows as the digits of a number, where 64 bits hold it."""
    least, width = int(low), int(high) - int(low) + 1
    if max(-low, high) >= 2**53 or width**d > 2**64:  # a larger one may not be exact in float64
        return None
    base = np.uint64(width)

    def pack(part: np.ndarray) -> np.ndarray:
        numbers = np.zeros(len(part), np.uint64)
        for column in part.T:
            numbers *= base
            numbers += (column.astype(np.int64) - least).view(np.uint64)
        return numbers

    return pack


def _hashes(part: np.ndarray) -> np.ndarray:
    """Sums of mixed words, each with a factor of its column."""
    words = _bytes_of(part)
    words = np.pad(words, ((0, 0), (0, -words.shape[1] % 8))).view(np.uint64)
    mixed = words * np.uint64(MIXED)
    mixed ^= mixed >> np.uint64(29)
    factors = np.random.default_rng(words.shape[1]).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2)
    numbers: np.ndarray = (mixed * (factors + np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return numbers ^ (numbers >> np.uint64(32))


def _bytes_of(rows: np.ndarray) -> np.ndarray:
    """(k, b) bytes of rows, equal where the rows are."""
    rows = np.ascontiguousarray(rows)
    if rows.dtype.kind == "f":
        rows = rows + rows.dtype.type(0)  # -0.0 becomes 0.0
    return rows.view(np.uint8).reshape(len(rows), -1)


def _count(a: np.ndarray, packed: Numbers | None, number: int, passes: int) -> int:
    """The repeats among the rows of one pass."""
    most = ROWS_AT_ONCE * 3 // 2
    rows = _Packed(most) if packed is not None else _Hashed(most, a)
    for start, part in _chunks(a):
        numbers = (packed or _hashes)(part)
        places = None if passes == 1 else np.flatnonzero(_pass_of(numbers, passes) == number)
        rows.add(numbers if places is None else numbers[places], start, places)
    return rows.repeats()


def _pass_of(numbers: np.ndarray, passes: int) -> np.ndarray:
    mixed = (numbers * np.uint64(MIXED)) >> np.uint64(32)
    return (mixed * np.uint64(passes)) >> np.uint64(32)


def _chunks(a: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    step = max(1, CHUNK_BYTES // (8 * a.shape[1]))
    return ((start, a[start : start + step]) for start in range(0, len(a), step))


class _Packed:
    """What a pass holds: numbers that are the rows. Those that are equal are dropped now and then, and counted."""

    def __init__(self, most: int) -> None:
        self.most, self.held, self.dropped = most, 0, 0
        self.parts: list[tuple[np.ndarray, ...]] = []

    def add(self, numbers: np.ndarray, start: int, places: np.ndarray | None) -> None:
        """start, places: of the rows, the places from there; None for all."""
        self.parts.append(self._part(numbers, start, places))
        self.held += len(numbers)
        if self.held > self.most:
            self._drop()
            self.most = max(self.most, 2 * self.held)  # what differs has to be held

    def repeats(self) -> int:
        """Rows that equal another one of the pass."""
        if self.parts:
            self._drop()
        return self.dropped

    def _drop(self) -> None:
        columns = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        self.parts.clear()
        kept = self._different(*columns)
        self.parts, self.dropped, self.held = [kept], self.dropped + len(columns[0]) - len(kept[0]), len(kept[0])

    def _part(self, numbers: np.ndarray, start: int, places: np.ndarray | None) -> tuple[np.ndarray, ...]:
        return (numbers,)

    def _different(self, numbers: np.ndarray, *more: np.ndarray) -> tuple[np.ndarray, ...]:
        numbers.sort()
        return (numbers[_first(numbers)],)


class _Hashed(_Packed):
    """Numbers that equal rows have in common, with the places of the rows."""

    def __init__(self, most: int, a: np.ndarray) -> None:
        super().__init__(most)
        self.a = a

    def _part(self, numbers: np.ndarray, start: int, places: np.ndarray | None) -> tuple[np.ndarray, ...]:
        return numbers, start + (np.arange(len(numbers)) if places is None else places)

    def _different(self, numbers: np.ndarray, *more: np.ndarray) -> tuple[np.ndarray, ...]:
        order = np.argsort(numbers, kind="stable")
        numbers, rows = numbers[order], more[0][order]
        first = _first(numbers)
        kept = first | self._others(rows, first)
        return numbers[kept], rows[kept]

    def _others(self, rows: np.ndarray, first: np.ndarray) -> np.ndarray:
        """The rows that differ from the first one with their number, each once: their hashes are equal by chance."""
        places = np.flatnonzero(~first)
        heads = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))[places]
        step = max(1, CHUNK_BYTES // (8 * self.a.shape[1]))
        others_of = [
            (_bytes_of(self.a[rows[at]]) != _bytes_of(self.a[rows[head]])).any(axis=1)
            for at, head in zip(_split(places, step), _split(heads, step), strict=True)
        ]
        others = places[np.concatenate(others_of)] if others_of else places
        differs = np.zeros(len(first), np.bool_)
        if len(others):
            words = _bytes_of(self.a[rows[others]])
            differs[others[np.unique(words, axis=0, return_index=True)[1]]] = True
        return differs


def _first(numbers: np.ndarray) -> np.ndarray:
    """Marks the sorted numbers that differ from the one before."""
    first = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return first


def _split(values: np.ndarray, step: int) -> list[np.ndarray]:
    return [values[start : start + step] for start in range(0, len(values), step)]
