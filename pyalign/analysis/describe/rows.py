"""Rows that equal an earlier one, counted exactly in bounded memory.

Each row has a number of 64 bits: whole numbers in a narrow range make one that no other row has, any other row a hash.
The rows are taken in passes, those of a pass by their numbers, so that equal rows meet in one pass; in a pass they are
sorted, and where numbers are hashes the rows themselves are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

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

    Example:
        >>> count_repeated_rows(np.array([[1, 2], [3, 4], [1, 2], [1, 2]]), (1, 4))
        2
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
        apart = [
            (_bytes_of(self.a[rows[at]]) != _bytes_of(self.a[rows[head]])).any(axis=1)
            for at, head in zip(_split(places, step), _split(heads, step), strict=True)
        ]
        others = places[np.concatenate(apart)] if apart else places
        found = np.zeros(len(first), np.bool_)
        if len(others):
            words = _bytes_of(self.a[rows[others]])
            found[others[np.unique(words, axis=0, return_index=True)[1]]] = True
        return found


def _first(numbers: np.ndarray) -> np.ndarray:
    """Marks the sorted numbers that differ from the one before."""
    first = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return first


def _split(values: np.ndarray, step: int) -> list[np.ndarray]:
    return [values[start : start + step] for start in range(0, len(values), step)]
