"""118 photographs of objects, arranged by people (Cichy et al. 2019)."""

from __future__ import annotations

from dataclasses import replace

from pyalign.data import Judgments
from pyalign.datasets._published import check_judgments, names_in
from pyalign.datasets.places import Place
from pyalign.io.embeddings import Pictures
from pyalign.io.judgments import load_judgments

OBJECTS = 118
FILE, KEY, FOLDER = "judgments_general.mat", "judgments", "images"


def judgments(place: Place, key: str | None = None) -> Judgments:
    """Dissimilarities of the images in plain order of their names, a matrix or a list for each participant."""
    rdms = load_judgments(place.file(f"sim_judgements/{FILE}", FILE), kind="dissimilarity", key=KEY)
    check_judgments(place, rdms, OBJECTS)
    return replace(rdms, names=names(place) if place.find(FOLDER) else None)


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The files of the images, in plain order."""
    return names_in(place, place.file(FOLDER), OBJECTS)


def images(place: Place, key: str | None = None) -> Pictures:
    """The folder of images."""
    return Pictures(str(place.file(FOLDER)))
