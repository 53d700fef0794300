"""Six sets of 120 images, of which people rated all pairs (Peterson, Abbott & Griffiths)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from pyalign.data import Judgments
from pyalign.datasets._published import by_number, check_judgments, names_in
from pyalign.datasets.places import Place
from pyalign.io.apart import mat_entries
from pyalign.io.embeddings import Pictures
from pyalign.io.paths import PathLike, bad
from pyalign.io.tensor_files import read_pickle

OBJECTS, HIGHEST = 120, 10.0
SETS = ("animals", "automobiles", "fruits", "furniture", "vegetables", "various")
_PAIR = re.compile(r"\D*(\d+)\D*,\D*(\d+)\D*")


def judgments(place: Place, key: str | None = None) -> Judgments:
    """Similarities (120, 120) of one set, from 0 to 10: the mean of all ratings of a pair, in whichever order it stood.

    Source: the published matrices (``*sim*.mat``), or ratings (``*.pickle``) of pairs "i,j", from 1. Code that adds the
    means of "i,j" and "j,i" counts pairs twice that were rated in both orders; here they are one mean.
    """
    folder = _folder(place, key, "judgments")
    files = sorted(path for path in (folder / "sim_judgements").glob("*") if path.is_file())
    matrices = [path for path in files if path.suffix == ".mat" and "sim" in path.name.lower()]
    ratings = [path for path in files if path.suffix in (".pickle", ".pkl")]
    if not matrices and not ratings:
        raise place.bad(f"has no *sim*.mat and no *.pickle in {folder / 'sim_judgements'}")
    values = _matrix(matrices[0]) if matrices else mean_ratings(ratings[0], read_pickle(ratings[0]), OBJECTS)
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if not (least >= 0 and most <= HIGHEST):
        raise place.bad(f"ratings must lie between 0 and {HIGHEST:g}; got {least:g} to {most:g}")
    there = (folder / "images").is_dir()
    named = (names(place, key) if matrices else by_number(place, names(place, key))) if there else None
    return check_judgments(place, Judgments(values, "similarity", named), OBJECTS)


def _matrix(path: Path) -> np.ndarray:
    entries = {name: entry for name, entry in mat_entries(path).items() if "sim" in name.lower() and not entry.inner}
    if len(entries) != 1:
        raise bad(path, f"must hold one matrix with 'sim' in its name; got {len(entries)}")
    matrix: np.ndarray = next(iter(entries.values())).load().astype(np.float64)
    if matrix.ndim == 2:
        np.fill_diagonal(matrix, np.nan)  # nobody was asked about it
    return matrix


def mean_ratings(path: PathLike, ratings: Any, n: int) -> np.ndarray:
    """(n, n) float64: the mean of all ratings of each pair, given as lists by "i,j" from 1; NaN of pairs without one.

    Example:
        >>> mean_ratings("x.pickle", {"a1.png,a2.png": [1, 2], "a2.png,a1.png": [6]}, 2)
        array([[nan,  3.],
               [ 3., nan]])
    """
    if not isinstance(ratings, dict) or not ratings:
        raise bad(path, "must hold a dict of ratings by pairs")
    sums, counts = np.zeros((n, n)), np.zeros((n, n))
    for pair, rated in ratings.items():
        match = _PAIR.fullmatch(pair) if isinstance(pair, str) else None
        i, j = (int(match[1]) - 1, int(match[2]) - 1) if match else (-1, -1)
        if not (0 <= i < n and 0 <= j < n):
            raise bad(path, f"a pair must be 'i,j' with numbers from 1 to {n}; got {pair!r:.60}")
        values = rated if isinstance(rated, list | tuple) else [rated]
        if not values or not all(type(value) in (int, float) for value in values):
            raise bad(path, f"ratings of {pair!r:.60} must be numbers")
        for a, b in {(i, j), (j, i)}:
            sums[a, b] += sum(values)
            counts[a, b] += len(values)
    sums[counts == 0] = np.nan
    means: np.ndarray = sums / np.maximum(counts, 1)
    return means


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The files of the images of one set, in plain order, in which published matrices are."""
    return names_in(place, _folder(place, key, "names") / "images", OBJECTS)


def images(place: Place, key: str | None = None) -> Pictures:
    """The folder of images of one set."""
    return Pictures(str(_folder(place, key, "images") / "images"))


def _folder(place: Place, key: str | None, part: str) -> Path:
    if key is None:
        several = ", ".join(f"dataset:{place.name}::{name}" for name in SETS)
        raise place.bad(f"holds {part} of six sets, choose one: {several}")
    return place.file(key)
