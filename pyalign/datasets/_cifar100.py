"""Triplets of CIFAR-100: two images of one coarse class and one of another, drawn here; no participant was asked."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from pyalign.data import Categories, Triplets
from pyalign.datasets.places import Place
from pyalign.errors import InputError
from pyalign.io.embeddings import Pictures
from pyalign.io.metadata import read_names
from pyalign.io.paths import bad
from pyalign.io.tensor_files import read_pickle

SPLITS = {"train": 50_000, "test": 10_000}
DEFAULT = "train"
TRIPLETS, SEED, COARSE, FINE, PIXELS = 50_000, 0, 20, 100, 3072
NOTE = "the {:,} triplets are drawn from coarse classes as the script of human_alignment draws them (seed {})"


def triplets(place: Place, key: str | None = None) -> Triplets:
    """(50000, 3): two images of a coarse class, then one of another: training images, unless the key says "test"."""
    coarse = _read(place, key)[0]
    values = draw(coarse, TRIPLETS, SEED)
    note = f"dataset:{place.name}: {NOTE.format(TRIPLETS, SEED)}: images recur between triplets; no human judgments"
    return Triplets(values, names(place, key), numbered=True, notes=(note,))


def draw(labels: np.ndarray, t: int, seed: int) -> np.ndarray:
    """int32 (t, 3): two items of one class and the odd one, of another, last; items recur between triplets.

    All classes are equally likely, and so are the items of a class. The draw is that of the published script, number by
    number, but that the script now and then pairs an item with itself: the second of these is drawn again at the end.
    """
    rng, members = random.Random(seed), list[list[int]]()
    for label in np.unique(labels):
        members.append(np.flatnonzero(labels == label).tolist())
        rng.shuffle(members)  # the classes, each time: so does the script
    if len(members) < 2 or min(map(len, members)) < 2:
        raise InputError(f"labels must have two classes at least, and each two items; got {[*map(len, members)]!s:.60}")
    drawn, same = np.empty((t, 3), np.int32), np.empty(t, np.int64)
    for row in range(t):
        same[row] = first = rng.randrange(len(members))
        other = rng.randrange(len(members) - 1)
        other += other >= first
        drawn[row] = rng.choice(members[first]), rng.choice(members[first]), rng.choice(members[other])
    for row in np.flatnonzero(drawn[:, 0] == drawn[:, 1]).tolist():
        while drawn[row, 0] == drawn[row, 1]:
            drawn[row, 1] = rng.choice(members[same[row]])
    return drawn


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """train_00000 and so on, in the order of the file."""
    split = key or DEFAULT
    return tuple(f"{split}_{k:05}" for k in range(SPLITS[split]))


def categories(place: Place, key: str | None = None) -> Categories:
    """The coarse class of each image."""
    coarse = _read(place, key)[0]
    path = place.find("coarse_label_names.txt")
    labels = tuple(map(str, range(COARSE))) if path is None else read_names(path)
    if len(labels) != COARSE:
        raise place.bad(f"there must be {COARSE} coarse classes; got {len(labels)}")
    return Categories.of(coarse[:, None] == np.arange(COARSE), labels, names(place, key))


def images(place: Place, key: str | None = None) -> Pictures:
    """uint8 (n, 32, 32, 3)."""
    pixels = _read(place, key)[1]
    return Pictures(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), names(place, key))


def _read(place: Place, key: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Coarse classes (n,) and pixels (n, 3072) of a split: of the binary version, or of that for Python."""
    split = key or DEFAULT
    path = place.find(f"{split}.bin", f"cifar-100-python/{split}", split)
    if path is None:
        path = place.file(f"{split}.bin")
    coarse, pixels = _binary(path) if path.suffix == ".bin" else _pickled(path)
    if coarse.shape != (SPLITS[split],) or pixels.shape != (SPLITS[split], PIXELS):
        raise bad(path, f"must hold {SPLITS[split]:,} images; got {len(coarse):,}")
    if coarse.min() < 0 or coarse.max() >= COARSE:
        raise bad(path, f"coarse classes must be 0 to {COARSE - 1}; got {coarse.min()} to {coarse.max()}")
    return coarse, pixels


def _binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A record an image: coarse class, fine class, 1,024 red, green and blue bytes each."""
    size, record = path.stat().st_size, 2 + PIXELS
    if size == 0 or size % record:
        raise bad(path, f"must have {record} bytes for each image; got {size} bytes")
    rows = np.memmap(path, np.uint8, "r").reshape(-1, record)
    if rows[:, 1].max() >= FINE:
        raise bad(path, f"fine classes must be 0 to {FINE - 1}; got {rows[:, 1].max()}")
    return rows[:, 0].astype(np.int64), rows[:, 2:]


def _pickled(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = read_pickle(path)
    coarse, pixels = (content.get(name) if isinstance(content, dict) else None for name in ("coarse_labels", "data"))
    if not isinstance(coarse, list) or not all(type(label) is int for label in coarse) or pixels is None:
        raise bad(path, "must hold coarse_labels, a list of numbers, and data, an array")
    values = np.asarray(pixels)
    if values.dtype != np.uint8:
        raise bad(path, f"data must be uint8; got {values.dtype}")
    return np.array(coarse, dtype=np.int64), values
