"""Triplets of other images: the built-in sample, CIFAR-100, and AligNet with the answers in its form."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyalign.data import Categories, Embeddings, Triplets
from pyalign.datasets.places import Place, check_triplets
from pyalign.errors import InputError
from pyalign.io.arrays import npz_entries, strings
from pyalign.io.embeddings import Pictures, load_embeddings
from pyalign.io.item_names import load_categories, read_names
from pyalign.io.paths import bad
from pyalign.io.tensor_files import read_pickle
from pyalign.io.triplets import load_triplets

# The built-in sample

NOTE_ON_SAMPLE = "the triplets of the sample are categories of Unicode, no human judgments"


def sample_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """411 objects."""
    return read_names(place.file("names.txt"))


def sample_embeddings(place: Place, key: str | None = None) -> Embeddings:
    """(411, 1280) float16."""
    return replace(load_embeddings(place.file("embeddings.npy")), names=sample_names(place))


def sample_triplets(place: Place, key: str | None = None) -> Triplets:
    """(28770, 3), the odd item last."""
    answers = load_triplets(place.file("triplets.npy"))
    notes = (*answers.notes, f"dataset:sample: {NOTE_ON_SAMPLE}")
    return replace(answers, names=sample_names(place), numbered=True, notes=notes)


def sample_categories(place: Place, key: str | None = None) -> Categories:
    """28 subgroups of Unicode."""
    return replace(load_categories(place.file("subgroups.txt")), names=sample_names(place))


def sample_images(place: Place, key: str | None = None) -> Pictures:
    """411 pictures of 96 x 96 pixels, called after their objects."""
    return Pictures(str(place.file("images.tar")))


# CIFAR-100: two images of one coarse class and one of another, drawn here; no participant was asked

IMAGES = {"train": 50_000, "test": 10_000}
DEFAULT_SPLIT = "train"
TRIPLETS, SEED, COARSE, FINE, PIXELS = 50_000, 0, 20, 100, 3072
NOTE_ON_CIFAR = "the {:,} triplets are drawn from coarse classes as the script of human_alignment draws them (seed {})"


def cifar100_triplets(place: Place, key: str | None = None) -> Triplets:
    """(50000, 3): two images of a coarse class, then one of another: training images, unless the key says "test"."""
    coarse = _read_cifar(place, key)[0]
    values = draw(coarse, TRIPLETS, SEED)
    note = f"{NOTE_ON_CIFAR.format(TRIPLETS, SEED)}: images recur between triplets; no human judgments"
    return Triplets(values, cifar100_names(place, key), numbered=True, notes=(f"dataset:{place.name}: {note}",))


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


def cifar100_names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """train_00000 and so on, in the order of the file."""
    split = key or DEFAULT_SPLIT
    return tuple(f"{split}_{k:05}" for k in range(IMAGES[split]))


def cifar100_categories(place: Place, key: str | None = None) -> Categories:
    """The coarse class of each image."""
    coarse = _read_cifar(place, key)[0]
    path = place.find("coarse_label_names.txt")
    labels = tuple(map(str, range(COARSE))) if path is None else read_names(path)
    if len(labels) != COARSE:
        raise place.bad(f"there must be {COARSE} coarse classes; got {len(labels)}")
    return Categories.of(coarse[:, None] == np.arange(COARSE), labels, cifar100_names(place, key))


def cifar100_images(place: Place, key: str | None = None) -> Pictures:
    """uint8 (n, 32, 32, 3)."""
    pixels = _read_cifar(place, key)[1]
    return Pictures(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), cifar100_names(place, key))


def _read_cifar(place: Place, key: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Coarse classes (n,) and pixels (n, 3072) of a split: of the binary version, or of that for Python."""
    split = key or DEFAULT_SPLIT
    path = place.find(f"{split}.bin", f"cifar-100-python/{split}", split)
    if path is None:
        path = place.file(f"{split}.bin")
    coarse, pixels = _binary(path) if path.suffix == ".bin" else _pickled(path)
    if coarse.shape != (IMAGES[split],) or pixels.shape != (IMAGES[split], PIXELS):
        raise bad(path, f"must hold {IMAGES[split]:,} images; got {len(coarse):,}")
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


# AligNet: odd-one-out answers of a model to triplets of ImageNet; and answers of people in the same form

FILES = {
    "alignet": {"train": ("alignet_train.npz",), "valid": ("alignet_valid.npz",)},
    "levels": {"all": ("levels.npz",)},
}
KEYS = ("filenames", "indices", "similarities")


def alignet_triplets(place: Place, key: str | None = None) -> Triplets:
    """(t, 3), the odd item last, named by the files of the images. Of the validation split, unless the key says so.

    "valid/soft" and "train/soft" have the shares as answers that the published code trains on.
    """
    files = FILES[place.known]
    split, _, soft = (key or ("valid" if "valid" in files else "all")).partition("/")
    path = place.file(*files[split])
    entries = npz_entries(path)
    missing = [name for name in KEYS if name not in entries]
    if missing:
        raise bad(path, f"must hold {', '.join(KEYS)}; it has no {missing[0]}")
    indices, similarities = entries["indices"].load(), entries["similarities"].load()
    if indices.ndim != 2 or indices.shape[1] != 3 or indices.dtype.kind not in "iu" or not len(indices):
        raise bad(path, f"indices must be whole numbers of shape (t, 3); got {indices.dtype} {indices.shape}")
    if similarities.shape != indices.shape or similarities.dtype.kind != "f":
        got = f"{similarities.dtype} {similarities.shape}"
        raise bad(path, f"similarities must be floats of shape {indices.shape}; got {got}")
    numbers, first, codes = np.unique(indices, return_index=True, return_inverse=True)
    filenames = entries["filenames"].load()
    if filenames.shape != indices.shape:
        raise bad(path, f"filenames must have shape {indices.shape}; got {filenames.shape}")
    names = strings(path, filenames.reshape(-1)[first])
    values = codes.reshape(indices.shape).astype(np.int32)
    odd_last = Triplets(values, names, notes=last_is_odd(path, similarities))
    checked = check_triplets(place, odd_last, len(numbers))
    return checked.with_answers(shares_of(similarities)) if soft else checked


def shares_of(similarities: np.ndarray) -> np.ndarray:
    """(t, 3) float64: softmax of [s01, s02, s12], at a temperature of 1, by the item that is not in the pair.

    Example:
        >>> shares_of(np.log([[0.7, 0.2, 0.1]])).round(3)
        array([[0.1, 0.2, 0.7]])
    """
    wide = similarities[:, ::-1].astype(np.float64)
    weights = np.exp(wide - wide.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def last_is_odd(path: Path, similarities: np.ndarray) -> tuple[str, ...]:
    """Notes where [s01, s02, s12] does not make the first two the most similar pair, though the last is said to be odd.

    That s12 is below the two others, as the files are documented, does not say that s01 is above s02.

    Example:
        >>> last_is_odd(Path("a.npz"), np.array([[0.9, 0.2, 0.1], [0.3, 0.8, 0.1]]))[0]
        'a.npz: in 1 of 2 triplets (first 1, from 0) the first two are not the most similar pair; the last is still odd'
    """
    if not np.isfinite(similarities).all():
        raise bad(path, "similarities must be finite")
    wrong = similarities[:, 0] < similarities[:, 1:].max(axis=1)
    if not wrong.any():
        return ()
    which = f"{int(wrong.sum()):,} of {len(wrong):,} triplets (first {int(np.argmax(wrong))}, from 0)"
    return (f"{path}: in {which} the first two are not the most similar pair; the last is still odd",)
