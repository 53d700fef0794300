"""Several images of one object become one row: their mean, or the first of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.data.names import MISSING, OMIT, RULES, listing, rule_of
from pyalign.errors import InputError

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

    Raises:
        InputError: items that have no row by any rule.

    Example:
        >>> found = objects_of(["cat/01.jpg", "dog/01.jpg", "cat/02.jpg"])
        >>> found.names, found.codes.tolist(), found.rule
        (('cat', 'dog'), [0, 1, 0], 'folders')
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
