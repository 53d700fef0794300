"""Ratings of pairs as experiments export them: a row for each answer, with two objects and a number."""

from __future__ import annotations

import os

import numpy as np

from pyalign.data.names import listing
from pyalign.io.headers import numbered
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.subjects import SUBJECT_HEADERS, code_subjects
from pyalign.io.tables import Table, joined

RATINGS = {"rating", "ratings", "similarity", "dissimilarity", "distance", "response", "judgment", "judgement", "value"}
MOST = 10_000_000  # numbers in all matrices of a small file; of a large one MANY for each of its rows
MANY = 100


def read_ratings(path: PathLike, table: Table) -> tuple[Array, tuple[str, ...], tuple[str, ...]] | None:
    """Matrices (p, n, n) of a table with a rating in each row, the names of the n objects, and notes.

    Without a column of participants p is 1. Several ratings of a pair by one participant are averaged, in either order
    of the two objects; what nobody rated is NaN. None where no two columns hold text, as in a matrix.

    Raises:
        InputError: columns of text that are neither names of rows nor the objects of ratings.
    """
    words = [column for column in range(table.width) if table.text[column]]
    if len(words) < 2:
        return None
    header = [name.lower() for name in table.header] if table.header else [""] * table.width
    subject = next((column for column in range(table.width) if header[column] in SUBJECT_HEADERS), None)
    items = [column for column in words if column != subject]
    items = [column for column in items if numbered([header[column]])] if len(items) > 2 else items  # image1, image2
    numbers = [column for column in range(table.width) if column not in (*words, subject)]
    ratings = [column for column in numbers if header[column] in RATINGS] or numbers
    if len(items) != 2 or len(ratings) != 1:
        rule = "judgments must be a matrix, or rows of two objects and a rating, as participant,left,right,rating"
        raise bad(path, f"{rule}; got {listing([table.called(column) for column in range(table.width)], 6)}")
    read = table.read(ratings, (*items, *(() if subject is None else (subject,))))
    places, names = joined(read.texts[:2])
    places.sort(axis=1)
    people = np.zeros(len(places), np.int32) if subject is None else code_subjects(path, read.texts[2]).codes
    p, n, given = int(people.max()) + 1, len(names), ~np.isnan(read.numbers[:, 0])
    if p * n * n > max(MOST, MANY * len(places)):
        raise bad(path, f"{len(places):,} ratings are too few for {p:,} matrices of {n:,} objects")
    same = given & (places[:, 0] == places[:, 1])
    kept = given & ~same
    cells = (people[kept].astype(np.int64) * n + places[kept, 0]) * n + places[kept, 1]
    counts = np.bincount(cells, minlength=p * n * n)
    sums = np.bincount(cells, weights=read.numbers[kept, 0], minlength=p * n * n)
    values = np.full((p, n, n), np.nan)
    np.divide(sums, counts, out=values.reshape(-1), where=counts > 0)
    above, below = np.triu_indices(n, 1)
    values[:, below, above] = values[:, above, below]
    source = os.fspath(path)
    averaged = "; several of a pair by one participant are averaged" if (counts > 1).any() else ""
    itself = f"; of an object with itself, left out: {int(same.sum()):,}" if same.any() else ""
    return values, names, (f"{source}: {int(kept.sum()):,} ratings of pairs of {n:,} objects{averaged}{itself}",)
