"""Names of items: which row belongs to which. They are matched, never assumed to be in order.

Several images of one object become one row: their mean, or the first of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError, Remedy, nearest

_PER_OBJECT = [Remedy("per_object", how, python=f'x.per_object("{how}")') for how in ("mean", "first")]
SEVERAL = f"{_PER_OBJECT[0]} or {_PER_OBJECT[1]} makes one row of the images of an object"
STEMS = "the stems of the rows' names"
MISSING = ("raise", "omit")  # what becomes of items without a row
NAMES = Remedy("names", like="names", of="Embeddings")
OMIT = f'{Remedy("missing", "omit")} leaves them out'
ALIKE = "capitals, spaces and signs must be the same"
NEAR = 0.75  # how alike a name must be to one that no row has, to be proposed
LONGEST = 18  # digits of a name that is a number of 64 bits
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[_\- ]?\d+[a-z]{0,2}$")  # aardvark_01b


class MissingRows(InputError):
    """Items have no row, by any rule."""


class Match(NamedTuple):
    """The rows of items.

    Attributes:
        rows: int32 (m,), the row of each item.
        note: how names were found that are not equal, a sentence; None where all are.
    """

    rows: np.ndarray
    note: str | None


def match_names(item_names: Sequence[str], row_names: Sequence[str]) -> Match:
    """The row of each item: by its exact name, or else by the stems of rows that are called after files.

    Names that are whole numbers, of all items and of all rows, are compared as numbers: `7` is the row of `007`.
    Letters may be composed with their accents or not, where that leaves one row for each item.

    `aardvark/aardvark_01b.jpg` is the row of `aardvark`, by the name of its file (without folder, extension and
    number) or of its folder, when that holds for all items and for one row each. Items that are called after files, as
    in an experiment's export, are found by the names of these files, without folder and extension, where no row has
    their whole names; or without number too, where no two items or rows are then called the same.
    """
    require_different(row_names, "row")
    item_names, row_names = _comparable(item_names, row_names)
    rows = {name: row for row, name in enumerate(row_names)}
    missing = [name for name in item_names if name not in rows]
    if not missing:
        return Match(np.array([rows[name] for name in item_names], dtype=np.int32), None)
    for what, ways in (("names whose accents are composed in another way", (str,)), (STEMS, SHORTER)):
        matched = _by_one_way(item_names, row_names, ways)
        if matched is not None:
            pairs = zip(item_names, (row_names[row] for row in matched), strict=True)
            name, row_name = next((item, other) for item, other in pairs if item != other)
            return Match(matched, f"items are found by {what}: {name!r} is {row_name!r}")
    none_found = _short_names(row_names).isdisjoint(item_names)
    stems = _stems_of(item_names) if none_found else None
    matched = None if stems is None else _by_one_way(stems, row_names, (str, *SHORTER))
    doubled = _doubled_objects(item_names, row_names) if none_found and matched is None else None
    if doubled == "":
        rows = {_stem(name): row for row, name in enumerate(row_names)}
        matched = np.array([rows[_without_number(name)] for name in item_names], dtype=np.int32)
    if matched is not None:
        example = f"{item_names[0]!r} is {row_names[matched[0]]!r}"
        return Match(matched, f"items are found by the stems of their names: {example}")
    count = f"{len(missing)} of {len(item_names)} items have no row"
    candidates = doubled or _candidates(missing, row_names)
    if len(missing) == 1 and not candidates:  # misspelled perhaps
        same_numbers = [name for name in row_names if _DIGITS.findall(name) == _DIGITS.findall(missing[0])]
        candidates = nearest(missing[0], same_numbers, NEAR)
    message = f"no row is named {_some(missing)} ({count}){candidates}"
    if rule_of(item_names, row_names) is not None:
        raise InputError(f"{message}; {SEVERAL}")
    if none_found or ALIKE in candidates:  # nothing would remain without them, or what is there is left out
        raise InputError(message if candidates else f"{message}; rows are named {listing([*map(repr, row_names)], 3)}")
    raise MissingRows(message)


def rows_of_some(item_names: Sequence[str], row_names: Sequence[str]) -> np.ndarray:
    """(m,) int32, the row of each item that has one, else -1: by that of `RULES` which finds most of them."""
    require_different(row_names, "row")
    item_names, row_names = _comparable(item_names, row_names)
    short_names = _short_names(row_names)
    for stems in (item_names, _stems_of(item_names), _stems_of(item_names, _without_number)):
        if stems is not None and not short_names.isdisjoint(stems):
            item_names = stems
            break
    best: tuple[tuple[int, int], dict[str, int], dict[str, list[str]]] | None = None
    for shorten in RULES.values():
        rows: dict[str, list[int]] = {name: [] for name in item_names}
        for row, name in enumerate(row_names):
            if (short := shorten(name)) in rows:
                rows[short].append(row)
        single = {name: numbers[0] for name, numbers in rows.items() if len(numbers) == 1}
        several = {name: [row_names[row] for row in numbers] for name, numbers in rows.items() if len(numbers) > 1}
        score = len(single), len(several)
        if best is None or score > best[0]:
            best = score, single, several
        if len(single) == len(rows):
            break
    assert best is not None
    if best[2]:
        name, candidates = next(iter(best[2].items()))
        raise InputError(f"{name!r} has several rows: {listing([repr(row) for row in candidates], 2)}; {SEVERAL}")
    return np.array([best[1].get(name, -1) for name in item_names], dtype=np.int32)


def whole_numbers(names: Sequence[str]) -> tuple[int, ...] | None:
    """Names that are whole numbers, no two of them equal, as numbers; else None.

    Example:
        >>> whole_numbers(["07", "10"]), whole_numbers(["7", "07"]), whole_numbers(["7", "ant"])
        ((7, 10), None, None)
    """
    if not all(len(name) <= LONGEST and name.isdecimal() for name in names):
        return None
    numbers = tuple(map(int, names))
    return numbers if len(set(numbers)) == len(numbers) else None


def in_order(names: Sequence[str]) -> np.ndarray:
    """(n,) which name comes first, second and so on, with the numbers in names in the order of numbers.

    Example:
        >>> in_order(["item 10", "item 9", "ant"]).tolist(), in_order(["10", "007"]).tolist()
        ([2, 1, 0], [1, 0])
    """

    def key(k: int) -> tuple[list[Any], str]:
        parts = re.split(r"(\d+)", names[k])
        numbers = [part.lstrip("0") for part in parts[1::2]]
        parts[1::2] = [(len(number), number) for number in numbers]
        return parts, names[k]

    return np.array(sorted(range(len(names)), key=key), np.int64)


def _comparable(item_names: Sequence[str], row_names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The names without leading zeros where those of items and of rows are all whole numbers, else as they are."""
    both = whole_numbers(item_names), whole_numbers(row_names)
    if both[0] is None or both[1] is None:
        return item_names, row_names
    return tuple(map(str, both[0])), tuple(map(str, both[1]))


def require_different(names: Sequence[str], what: str) -> None:
    """Raises where a name occurs twice."""
    if len(set(names)) != len(names):
        doubled = [name for name, times in Counter(names).items() if times > 1]
        raise InputError(f"{what} names must differ; {_count(doubled, 'occurs', 'occur')} more than once")


def _candidates(missing: Sequence[str], row_names: Sequence[str]) -> str:
    """The rows that the first might be, where there are several; or rows that are written in another way."""
    name = missing[0]
    for shorten in SHORTER:
        rows = [row for row in row_names if shorten(row) == name]
        if len(rows) > 1:
            return f"; {name!r} may be {listing([repr(row) for row in rows], 2)}"
    written = {_letters(row): row for row in reversed(row_names)}
    alike = [(name, written[_letters(name)]) for name in dict.fromkeys(missing) if _letters(name) in written]
    if not alike:
        return ""
    many = f" ({len(alike)} items are written in another way: {NAMES} names rows as items are)"
    return f"; {alike[0][0]!r} may be {alike[0][1]!r}: {ALIKE}{many if len(alike) > 1 else ''}"


def _letters(name: str) -> str:
    """`Hot_Dog 2` -> `hotdog2`."""
    return re.sub(r"[\W_]", "", normalize("NFC", name).casefold())


def _short_names(row_names: Sequence[str]) -> set[str]:
    """What rows may be found by, by any rule."""
    return {shorten(normalize("NFC", name)) for shorten in RULES.values() for name in row_names} | {*row_names}


def _stems_of(item_names: Sequence[str], shorten: Callable[[str], str] | None = None) -> list[str] | None:
    """The names of items without folders and extensions, where these are different, and others than the names."""
    stems = [*map(shorten or _stem, item_names)]
    return stems if len({*stems}) == len(stems) and stems != [*item_names] else None


def _doubled_objects(item_names: Sequence[str], row_names: Sequence[str]) -> str | None:
    """Two items or rows that are called after one object, as a phrase; "" where there are none.

    None where an item is called after no row.
    """
    objects = {*map(_without_number, item_names)}
    if not objects <= {*map(_stem, row_names)}:
        return None
    for names in (item_names, row_names):
        first: dict[str, str] = {}
        for name in names:
            if first.setdefault(short := _without_number(name), name) != name and short in objects:
                return f"; {first[short]!r} and {name!r} may both be {short!r}"
    return ""


def _by_one_way(
    item_names: Sequence[str], row_names: Sequence[str], ways: Sequence[Callable[[str], str]]
) -> np.ndarray | None:
    """The rows by one way of shortening their names that fits all items, or None.

    A letter and its accent may be one character or two, as in the names of files on macOS.
    """
    item_names = [normalize("NFC", name) for name in item_names]
    row_names = [normalize("NFC", name) for name in row_names]
    for shorten in ways:
        rows: dict[str, int] = {}
        doubled: set[str] = set()
        for row, name in enumerate(row_names):
            short = shorten(name)
            doubled |= {short} & rows.keys()
            rows[short] = row
        if all(name in rows and name not in doubled for name in item_names):
            return np.array([rows[name] for name in item_names], dtype=np.int32)
    return None


def _stem(name: str) -> str:
    """`a/b_01.jpg` -> `b_01`."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def _without_number(name: str) -> str:
    """`a/b_01b.jpg` -> `b`."""
    return _NUMBER.sub("", _stem(name))


def _folder(name: str) -> str:
    """`a/b_01.jpg` -> `a`."""
    return name.replace("\\", "/").rpartition("/")[0].rpartition("/")[2]


SHORTER = (_stem, _without_number, _folder)  # ways of shortening the names of rows, one for all
# By what rows are of one object, and how the name of a row tells which.
RULES: dict[str, Callable[[str], str]] = {
    "names": str,
    "file names": _stem,
    "file names without number": _without_number,
    "folders": _folder,
}


def rule_of(item_names: Sequence[str], row_names: Sequence[str]) -> str | None:
    """The first of `RULES` by which each item has a row, or several; None where there is none.

    Example:
        >>> rule_of(["cat"], ["cat/cat_01.jpg", "cat/cat_02.jpg"])
        'file names without number'
    """
    wanted = set(item_names)
    return next((rule for rule, shorten in RULES.items() if wanted <= set(map(shorten, row_names))), None)


def largest_of(values: np.ndarray, names: Sequence[str] | None, *further: np.ndarray) -> np.ndarray:
    """The rows of values (n,), the largest first; of those equal to six digits by further values, then by name or row.

    Example:
        >>> largest_of(np.array([0.5, 2.0, 0.5000000001]), ["b", "c", "a"])
        array([1, 2, 0])
    """
    keys = [-np.round(one / (np.fmax.reduce(np.abs(one), initial=0.0) or 1.0), 6) for one in (values, *further)]
    places = np.arange(len(values)) if names is None else np.argsort(in_order(names))
    return np.lexsort((places, *keys[::-1]))


def listing(words: Sequence[str], limit: int = 10) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(words) - limit:,} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def _some(names: list[str]) -> str:
    return listing([repr(name) for name in names], 5)


def _count(names: list[str], singular: str, plural: str) -> str:
    return f"{_some(names)} {singular if len(names) == 1 else plural}"


HOW = ("mean", "first")
CHUNK = 1 << 22  # numbers that are float64 at once


class Objects(NamedTuple):
    """Groups the rows of one object.

    Attributes:
        names: of the m objects, in the order of their first rows.
        codes: (n,) the object of each row, int.
        rule: by what, such as "folders": a key of `names.RULES`.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    rule: str

    def note(self, how: str) -> str:
        """What was done, a sentence."""
        n, m = len(self.codes), len(self.names)
        if n == m:
            return f"each of {n:,} rows is an object of its own, by their {self.rule}"
        counts = np.bincount(self.codes)
        least, most = int(counts.min()), int(counts.max())
        images = f"{most:,} image{'s' * (most > 1)}" if least == most else f"{least:,} to {most:,} images"
        kept = "the mean" if how == "mean" else "the first"
        return f"{n:,} rows become {m:,} object{'s' * (m > 1)}, by their {self.rule}: {kept} of {images} each"


def objects_of(row_names: Sequence[str], item_names: Sequence[str] | None = None, missing: str = "raise") -> Objects:
    """The objects of rows that are called after images, by one rule for all of them.

    Where the names of items are known, the rule is the first by which each of them has a row: the names of the rows,
    the names of their files (without folder and extension), those without number, or their folders. Otherwise it is
    the folders, where all rows have one and not all the same; else the file names without number.

    missing: "omit" where items may be without a row; the rule is then the first of those that find most.
    """
    _checks.one_of(missing, MISSING, "missing")
    rule = _by_rows(row_names) if item_names is None else rule_of(item_names, row_names)
    if rule is None:
        rule, lacking = _finding_most(item_names or (), row_names)
        if missing == "raise" or len(lacking) == len(item_names or ()):
            count = f"{len(lacking)} of {len(item_names or ())} items have no row, by their {rule}"
            hint = f"; {OMIT}" if missing == "raise" else ""
            raise InputError(f"no row is of {listing([repr(name) for name in lacking], 5)} ({count}){hint}")
    shorten, known = RULES[rule], dict[str, int]()
    # A row of which nothing is left, such as 0001.jpg, keeps its name: it is no image of the object "".
    codes = [known.setdefault(shorten(name) or name, len(known)) for name in row_names]
    return Objects(tuple(known), np.array(codes, dtype=np.intp), rule)


def _by_rows(row_names: Sequence[str]) -> str:
    folders = set(map(RULES["folders"], row_names))
    return "folders" if len(folders) > 1 and "" not in folders else "file names without number"


def _finding_most(item_names: Sequence[str], row_names: Sequence[str]) -> tuple[str, list[str]]:
    """The rule that finds a row for the most items, and the items for which it finds none."""
    lacking: dict[str, list[str]] = {}
    for rule, shorten in RULES.items():
        there = set(map(shorten, row_names))
        lacking[rule] = [name for name in item_names if name not in there]
    rule = min(lacking, key=lambda rule: len(lacking[rule]))
    return rule, lacking[rule]


def take_together(values: Any, codes: np.ndarray, how: str) -> Any:
    """A row for each object: (n, ...) to (m, ...).

    Args:
        values: (n, ...) numbers. For the first of them an array or tensor, which stays where it is; for the mean what
            becomes an array of the host.
        codes: (n,) the object of each row, numbered by first appearance.
        how: "mean", summed in float64 in the order of rows, and of the type of values where these are floats, else
            float64; or "first" in the order of rows.
    """
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    if how == "first":
        return values[order[starts]]
    return _means(_checks.as_array(values, "embeddings", "(n, d)"), order, starts, counts)


def _means(values: np.ndarray, order: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The means of `counts` rows each, which stand from `starts` on in `order`; of so many objects at once as fit."""
    if values.dtype.kind in "cmMOSU":
        raise InputError(f"embeddings must hold real numbers; got dtype {values.dtype}")
    floats = values.dtype.kind not in "biu"
    out = np.empty((len(counts), *values.shape[1:]), values.dtype.newbyteorder("=") if floats else np.float64)
    ends, rows = starts + counts, max(1, CHUNK // max(1, math.prod(values.shape[1:])))
    first = 0
    with np.errstate(over="ignore", invalid="ignore"):  # of rows with infinities, reported where they are used
        while first < len(counts):
            last = max(first + 1, int(np.searchsorted(ends, starts[first] + rows, side="right")))
            sums = _sums(values, order[starts[first] : ends[last - 1]], starts[first:last] - starts[first], rows)
            share = counts[first:last].reshape(-1, *[1] * (values.ndim - 1))
            out[first:last] = (sums / share).astype(out.dtype)
            first = last
    return out


def _sums(values: np.ndarray, places: np.ndarray, starts: np.ndarray, rows: int) -> np.ndarray:
    """Sums of rows from each start to the next in float64; those of one object of very many images by the piece."""
    if len(starts) > 1 or len(places) <= rows:
        sums: np.ndarray = np.add.reduceat(values[places].astype(np.float64), starts, axis=0)
        return sums
    total = np.zeros((1, *values.shape[1:]))
    for at in range(0, len(places), rows):
        total[0] += values[places[at : at + rows]].sum(axis=0, dtype=np.float64)
    return total
