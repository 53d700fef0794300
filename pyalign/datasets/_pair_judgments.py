"""Judgments of pairs of images: arranged by people (Kriegeskorte, Cichy, King) or rated by them (Peterson)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyalign.data import Categories, RDMs
from pyalign.datasets.places import Place, by_number, check_rdms, names_in
from pyalign.datasets.registry import SETS_OF_PETERSON
from pyalign.io.arrays import Entries, npz_entries
from pyalign.io.embeddings import Pictures
from pyalign.io.isolated import mat_entries
from pyalign.io.judgments import load_rdms
from pyalign.io.paths import PathLike, bad, open_text
from pyalign.io.tensor_files import read_pickle

# Mur et al. 2013: 92 photographs of objects, arranged by 16 people; the RSA toolbox has them

OBJECTS_92, PEOPLE, SIDE = 92, 16, 175
NPZ = "kriegeskorte92_images_and_behaviour.npz"
BEHAVIOR, STIMULI = "92_behavRDMs.mat", "Kriegeskorte_Neuron2008_supplementalData.mat"


def kriegeskorte92_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The objects have no names: object_01 to object_92, in the order of the matrices."""
    return tuple(f"object_{k + 1:02}" for k in range(OBJECTS_92))


def kriegeskorte92_judgments(place: Place, key: str | None = None) -> RDMs:
    """Dissimilarities (16, 92, 92)."""
    values = _gathered(place, BEHAVIOR, "rdms_behav_92({}).RDM", PEOPLE, "behav_rdms")
    if values.shape != (PEOPLE, OBJECTS_92, OBJECTS_92):
        raise place.bad(f"judgments must have shape {(PEOPLE, OBJECTS_92, OBJECTS_92)}; got {values.shape}")
    people = tuple(f"person {k + 1}" for k in range(PEOPLE))
    return check_rdms(place, RDMs(values, "dissimilarity", kriegeskorte92_names(place), people), OBJECTS_92)


def kriegeskorte92_images(place: Place, key: str | None = None) -> Pictures:
    """uint8 (92, 175, 175, 3)."""
    pixels = _gathered(place, STIMULI, "stimuli_92objs({}).image", OBJECTS_92, "images")
    shape = (OBJECTS_92, SIDE, SIDE, 3)
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise place.bad(f"images must be uint8 of shape {shape}; got {pixels.dtype} {pixels.shape}")
    return Pictures(pixels, kriegeskorte92_names(place))


def kriegeskorte92_categories(place: Place, key: str | None = None) -> Categories:
    """Six categories, such as "human face"."""
    path = place.file(NPZ)
    labels = _array(place, path, npz_entries(path), "category")
    if len(labels) != OBJECTS_92:
        raise place.bad(f"there must be {OBJECTS_92} categories; got {len(labels)}")
    return Categories.of(labels, names=kriegeskorte92_names(place))


def _gathered(place: Place, file: str, key: str, count: int, gathered: str) -> np.ndarray:
    """The arrays 1 to `count` of a file of the toolbox, or all of them at once from the ``.npz``."""
    path = place.find(file)
    if path is None:
        path = place.file(NPZ, file)
        return _array(place, path, npz_entries(path), gathered)
    entries = mat_entries(path)
    return np.stack([_array(place, path, entries, key.format(k + 1)) for k in range(count)])


def _array(place: Place, path: Path, entries: Entries, key: str) -> np.ndarray:
    if key not in entries:
        raise place.bad(f"{path} has no {key}")
    array: np.ndarray = entries[key].load()
    return array


# Cichy et al. 2019: 118 photographs of objects, arranged by people

OBJECTS_118 = 118
CICHY_FILE, CICHY_KEY, CICHY_FOLDER = "judgments_general.mat", "judgments", "images"


def cichy118_judgments(place: Place, key: str | None = None) -> RDMs:
    """Dissimilarities of the images in plain order of their names, a matrix or a list for each participant."""
    rdms = load_rdms(place.file(f"sim_judgements/{CICHY_FILE}", CICHY_FILE), kind="dissimilarity", key=CICHY_KEY)
    check_rdms(place, rdms, OBJECTS_118)
    return replace(rdms, names=cichy118_names(place) if place.find(CICHY_FOLDER) else None)


def cichy118_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The files of the images, in plain order."""
    return names_in(place, place.file(CICHY_FOLDER), OBJECTS_118)


def cichy118_images(place: Place, key: str | None = None) -> Pictures:
    """The folder of images."""
    return Pictures(str(place.file(CICHY_FOLDER)))


# King et al. 2019: two sets of photographs of objects, arranged by people

OBJECTS_144 = 144
SETS_OF_KING = ("set1", "set2")
KING_FILE, KING_ORDER = "BEHAVIOR.mat", "stimulus_category_labels.txt"
_LAST = re.compile(r"(\d+)\s*$")


def king19_judgments(place: Place, key: str | None = None) -> RDMs:
    """Dissimilarities of one set, the pairs of each participant in a row; rows are in the order of `king19_names`."""
    which = place.chosen(key, "judgments of two sets", SETS_OF_KING)
    path = place.file(f"sim_judgements/{KING_FILE}", KING_FILE)
    rdms = load_rdms(path, kind="dissimilarity", key=f"BEHAVIOR.{which}.pairwisedistances")
    check_rdms(place, rdms, OBJECTS_144)
    order = king19_names(place, which) if place.find(KING_ORDER) else None
    return RDMs(np.asarray(rdms.values), rdms.kind, order, notes=rdms.notes)


def king19_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The images in the order of the judgments: 0007.jpg is the seventh by the alphabet, and not the seventh row."""
    path = place.file(KING_ORDER)
    with open_text(path) as file:
        lines = [line for line in file.read().splitlines()[1:] if line.strip()]
    numbers = [int(match[1]) if (match := _LAST.search(line)) else 0 for line in lines]
    if sorted(numbers) != list(range(1, OBJECTS_144 + 1)):
        raise bad(path, f"the last column must number {OBJECTS_144} images from 1; got {len(numbers)} lines")
    return tuple(f"{number:04}.jpg" for number in numbers)


def king19_images(place: Place, key: str | None = None) -> Pictures:
    """The folder of one set."""
    which = place.chosen(key, "images of two sets", SETS_OF_KING)
    return Pictures(str(place.file(f"images/{which}", which)))


# Peterson, Abbott & Griffiths 2018: six sets of 120 images, of which people rated all pairs

OBJECTS_120, HIGHEST_RATING = 120, 10.0
_PAIR = re.compile(r"\D*(\d+)\D*,\D*(\d+)\D*")


def peterson_judgments(place: Place, key: str | None = None) -> RDMs:
    """Similarities (120, 120) of one set, from 0 to 10: the mean of all ratings of a pair, in whichever order it stood.

    Source: the published matrices (``*sim*.mat``), or ratings (``*.pickle``) of pairs "i,j", from 1. Code that adds the
    means of "i,j" and "j,i" counts pairs twice that were rated in both orders; here they are one mean.
    """
    folder = _folder_of_peterson(place, key, "judgments")
    files = sorted(path for path in (folder / "sim_judgements").glob("*") if path.is_file())
    matrices = [path for path in files if path.suffix == ".mat" and "sim" in path.name.lower()]
    ratings = [path for path in files if path.suffix in (".pickle", ".pkl")]
    if not matrices and not ratings:
        raise place.bad(f"has no *sim*.mat and no *.pickle in {folder / 'sim_judgements'}")
    values = _rated_matrix(matrices[0]) if matrices else mean_ratings(ratings[0], read_pickle(ratings[0]), OBJECTS_120)
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if not (least >= 0 and most <= HIGHEST_RATING):
        raise place.bad(f"ratings must lie between 0 and {HIGHEST_RATING:g}; got {least:g} to {most:g}")
    named = peterson_names(place, key) if (folder / "images").is_dir() else None
    if named and not matrices:
        named = by_number(place, named)
    return check_rdms(place, RDMs(values, "similarity", named), OBJECTS_120)


def _rated_matrix(path: Path) -> np.ndarray:
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


def peterson_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The files of the images of one set, in plain order, in which published matrices are."""
    return names_in(place, _folder_of_peterson(place, key, "names") / "images", OBJECTS_120)


def peterson_images(place: Place, key: str | None = None) -> Pictures:
    """The folder of images of one set."""
    return Pictures(str(_folder_of_peterson(place, key, "images") / "images"))


def _folder_of_peterson(place: Place, key: str | None, part: str) -> Path:
    return place.file(place.chosen(key, f"{part} of six sets", SETS_OF_PETERSON))
