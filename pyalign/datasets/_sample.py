"""The built-in sample as a data set."""

from __future__ import annotations

from dataclasses import replace

from pyalign.data import Categories, Embeddings, Triplets
from pyalign.datasets.places import Place
from pyalign.io.embeddings import Pictures, load_embeddings
from pyalign.io.metadata import load_categories, read_names
from pyalign.io.triplets import load_triplets

NOTE = "the triplets of the sample are categories of Unicode, no human judgments"


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """411 objects."""
    return read_names(place.file("names.txt"))


def embeddings(place: Place, key: str | None = None) -> Embeddings:
    """(411, 1280) float16."""
    return replace(load_embeddings(place.file("embeddings.npy")), names=names(place))


def triplets(place: Place, key: str | None = None) -> Triplets:
    """(28770, 3), the odd item last."""
    answers = load_triplets(place.file("triplets.npy"))
    return replace(answers, names=names(place), numbered=True, notes=(*answers.notes, f"dataset:sample: {NOTE}"))


def categories(place: Place, key: str | None = None) -> Categories:
    """28 subgroups of Unicode."""
    return replace(load_categories(place.file("subgroups.txt")), names=names(place))


def images(place: Place, key: str | None = None) -> Pictures:
    """411 pictures of 96 x 96 pixels, called after their objects."""
    return Pictures(str(place.file("images.tar")))
