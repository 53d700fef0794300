"""Dimensions of concepts that odd-one-out answers to THINGS were turned into: SPoSE and VICE."""

from __future__ import annotations

from dataclasses import replace

from pyalign.data import Embeddings
from pyalign.datasets import _things
from pyalign.datasets._published import check_rows
from pyalign.datasets.places import Place
from pyalign.datasets.triplets import things_rows
from pyalign.io.embeddings import load_embeddings
from pyalign.io.metadata import read_names

FILES = {
    "spose49": ("spose_embedding_49d_sorted.txt",),
    "spose66": ("spose_embedding_66d_sorted.txt",),
    "vice42": ("final_embedding.npy", "vice_42d.npy"),
}
RAW = "final_embedding.npy"  # VICE was fitted to answers that number the objects by their images
LABELS = {
    "spose49": ("labels_49d.txt", "spose_49d_labels.txt", "labels.txt"),
    "spose66": ("labels.txt", "spose_66d_labels.txt", "labels_short.txt"),
    "vice42": ("vice_42d_labels.txt",),
}
names = _things.names


def embeddings(place: Place, key: str | None = None) -> Embeddings:
    """(1854, d) numbers from 0 up, in the order of ``unique_id.txt``."""
    which = place.known
    path, objects = place.file(*FILES[which]), names(place)
    rows = load_embeddings(path)
    check_rows(place, rows, (_things.OBJECTS, width(which)))
    if path == place.find(RAW):
        rows = replace(rows, values=rows.values[things_rows("raw", "sorted", objects)])
    return replace(rows, names=objects, fitted=True)


def dimensions(place: Place, key: str | None = None) -> tuple[str, ...]:
    """What the dimensions were called by those who looked at them."""
    which = place.known
    labels = read_names(place.file(*LABELS[which]))
    if len(labels) != width(which):
        raise place.bad(f"there must be {width(which)} labels of dimensions; got {len(labels)}")
    return labels


def width(which: str) -> int:
    """How many dimensions.

    Example:
        >>> width("vice42")
        42
    """
    return int(which[-2:])
