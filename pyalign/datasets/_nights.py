"""NIGHTS: 20,019 triplets of generated images, a reference and two variations, with votes of people."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pyalign.data import Triplets
from pyalign.datasets._two_alternatives import anchored, with_note
from pyalign.datasets.places import Place
from pyalign.io.embeddings import Pictures
from pyalign.io.paths import bad, text_errors

SPLITS = ("train", "val", "test", "test_imagenet", "test_no_imagenet")
FEWEST = 6  # votes of a triplet that counts, as in the published code
LARGEST = 256 << 20  # bytes of the table
COLUMNS = ("right_vote", "votes", "ref_path", "left_path", "right_path", "is_imagenet", "split")


def triplets(place: Place, key: str | None = None) -> Triplets:
    """Anchored: the reference, the image that people chose, the other. Of the test split, unless the key says which.

    Triplets with fewer than six votes are left out, as in the published code.
    """
    path = place.file("data.csv")
    rows = _rows(path)
    split = key or "test"
    kept = [row for row in rows if _is_of(row, split) and _number(path, row["votes"]) >= FEWEST]
    if not kept:
        raise bad(path, f"holds no triplet of split {split!r} with {FEWEST} votes")
    names = np.array([[row[column] for column in ("ref_path", "left_path", "right_path")] for row in kept])
    judged = anchored(path, names, np.array([_number(path, row["right_vote"]) for row in kept]))
    few = sum(_is_of(row, split) for row in rows) - len(kept)
    return judged if not few else with_note(place, judged, f"{few:,} triplets have fewer than {FEWEST} votes")


def _is_of(row: dict[str, str], split: str) -> bool:
    if split not in ("test_imagenet", "test_no_imagenet"):
        return row["split"] == split
    return row["split"] == "test" and (row["is_imagenet"].strip().lower() in ("true", "1")) == (split[5:] == "imagenet")


def _number(path: Path, cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise bad(path, f"votes must be numbers; got {cell!r:.40}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    if path.stat().st_size > LARGEST:
        raise bad(path, f"must have at most {LARGEST:,} bytes")
    with text_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise bad(path, f"must have columns {', '.join(COLUMNS)}; it has no {missing[0]}")
            rows = list(reader)
        except csv.Error as error:
            raise bad(path, error) from error
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise bad(path, f"row {number} has another number of cells than the header")
    return rows


def images(place: Place, key: str | None = None) -> Pictures:
    """The folder of all images, whose paths are the names in the triplets."""
    return Pictures(str(place.file("data.csv").parent))
