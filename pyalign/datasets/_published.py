"""What the readers of published files share: columns of tables, folders of pictures, and checks of what was read."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyalign.data import Embeddings, Judgments, Triplets
from pyalign.datasets.places import Place
from pyalign.io.image_files import images_below
from pyalign.io.paths import bad, text_errors

LARGEST = 64 << 20  # bytes of a table
LEAST = -0.01  # SPoSE's penalty ends at -0.0013
_NUMBER = re.compile(r"\d+")


def column(path: Path, header: str) -> tuple[str, ...]:
    """A column of a ``.tsv`` by its header; cells may be empty, and may hold quotes."""
    if path.stat().st_size > LARGEST:
        raise bad(path, f"must have at most {LARGEST:,} bytes")
    with text_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(csv.reader(file, dialect="excel-tab"))
        except csv.Error as error:
            raise bad(path, error) from error
    if not rows or header not in rows[0]:
        raise bad(path, f"has no column {header!r}")
    k = rows[0].index(header)
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise bad(path, f"row {number} has {len(row)} cells, and the header {len(rows[0])}")
    return tuple(row[k].strip() for row in rows[1:])


def names_in(place: Place, folder: Path, n: int) -> tuple[str, ...]:
    """The images below a folder, in plain order."""
    paths, _ = images_below(folder)
    if len(paths) != n:
        raise place.bad(f"there must be {n} images in {folder}; got {len(paths)}")
    return tuple(paths)


def by_number(place: Place, names: Sequence[str]) -> tuple[str, ...]:
    """The names in the order of the first number in each, which must be 1 to n: ``2.jpg`` stands before ``10.jpg``.

    Example:
        >>> by_number(Place("x", Path()), ["fruit10.png", "fruit1.png", *(f"fruit{k}.png" for k in range(2, 10))])[:2]
        ('fruit1.png', 'fruit2.png')
    """
    numbers = [int(match[0]) if (match := _NUMBER.search(name)) else 0 for name in names]
    if sorted(numbers) != list(range(1, len(names) + 1)):
        raise place.bad(f"images must be numbered from 1 to {len(names)} by their names, such as {names[0]!r}")
    return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))


def check_triplets(place: Place, triplets: Triplets, n: int) -> Triplets:
    """The triplets, whose numbers are below n and differ within each."""
    values = np.asarray(triplets.values)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high >= n:
        hint = "; does the file count from 1?" if low >= 1 and high == n else ""
        raise place.bad(f"triplets must number objects from 0 to {n - 1:,}; got {low} to {high}{hint}")
    a, b, c = values.T
    same = (a == b) | (a == c) | (b == c)
    if same.any():
        row = int(np.argmax(same))
        raise place.bad(f"the three items of a triplet must differ; row {row} (from 0) is {values[row].tolist()}")
    return triplets


def check_rows(place: Place, embeddings: Embeddings, shape: tuple[int, int]) -> Embeddings:
    """The embeddings, of that shape and from 0 up, as dimensions of concepts are, but for what an optimizer leaves."""
    if embeddings.shape != shape:
        raise place.bad(f"embeddings must have shape {shape}; got {tuple(embeddings.shape)}")
    least = float(np.asarray(embeddings.values).min())
    if not least >= LEAST:
        raise place.bad(f"dimensions of concepts must not be below {LEAST}; got {least:g}")
    return embeddings


def check_judgments(place: Place, judgments: Judgments, n: int) -> Judgments:
    """The judgments, of n objects."""
    if judgments.n != n:
        raise place.bad(f"judgments must be of {n} objects; got {judgments.n}")
    return judgments
