"""Triplets of CIFAR-100: two images of one coarse class and one of another, drawn here; no person was asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyalign.data import Categories, Triplets
from pyalign.datasets.places import Place
from pyalign.io.named import Pictures
from pyalign.io.names import read_names
from pyalign.io.paths import bad
from pyalign.io.pickles import read_pickle

SPLITS = {"train": 50_000, "test": 10_000}
TRIPLETS, SEED, COARSE, FINE, PIXELS = 10_000, 0, 20, 100, 3072
NOTE = "the triplets are drawn from coarse classes, no human judgments"


def triplets(place: Place, key: str | None = None) -> Triplets:
    """(10000, 3): a coarse class, two images of it, one of another class; no image twice. Of the test split, unless the
    key says "train"."""
    coarse = _read(place, key)[0]
    values = draw(coarse, TRIPLETS, SEED)
    note = f"dataset:{place.name}: {NOTE} (seed {SEED})"
    return Triplets(values, names(place, key), numbered=True, notes=(note,))


def draw(labels: np.ndarray, t: int, seed: int) -> np.ndarray:
    """int32 (t, 3): two items of one class and the odd one, of another, last; each item occurs at most once.

    Classes are as likely as they have items left.

    Raises:
        InputError: too few items.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 1])
        >>> a, b, odd = labels[draw(labels, 2, 0)].T
        >>> bool((a == b).all()), bool((a != odd).all())
        (True, True)
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    left = [rng.permutation(np.flatnonzero(labels == one)).tolist() for one in classes]
    found = np.empty((t, 3), np.int32)
    for row in range(t):
        sizes = np.array([len(one) for one in left], float)
        pairs = np.where(sizes >= 2, sizes, 0)
        if np.count_nonzero(sizes) < 2 or not pairs.any():
            raise bad("labels", f"must leave items for {t} triplets; got {row}")
        same = int(rng.choice(len(left), p=pairs / pairs.sum()))
        sizes[same] = 0
        other = int(rng.choice(len(left), p=sizes / sizes.sum()))
        found[row] = left[same].pop(), left[same].pop(), left[other].pop()
    return found


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """test_00000 and so on, in the order of the file."""
    split = key or "test"
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
    split = key or "test"
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
    held = read_pickle(path)
    coarse, pixels = (held.get(name) if isinstance(held, dict) else None for name in ("coarse_labels", "data"))
    if not isinstance(coarse, list) or not all(type(one) is int for one in coarse) or pixels is None:
        raise bad(path, "must hold coarse_labels, a list of numbers, and data, an array")
    values = np.asarray(pixels)
    if values.dtype != np.uint8:
        raise bad(path, f"data must be uint8; got {values.dtype}")
    return np.array(coarse, dtype=np.int64), values
