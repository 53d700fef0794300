"""92 photographs of objects, arranged by 16 people: from the files of the RSA toolbox, or gathered in one ``.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyalign.data import Categories, Judgments
from pyalign.datasets._published import check_judgments
from pyalign.datasets.places import Place
from pyalign.io.apart import mat_entries
from pyalign.io.arrays import Entries, npz_entries
from pyalign.io.embeddings import Pictures

OBJECTS, PEOPLE, SIDE = 92, 16, 175
NPZ = "kriegeskorte92_images_and_behaviour.npz"
BEHAVIOUR, STIMULI = "92_behavRDMs.mat", "Kriegeskorte_Neuron2008_supplementalData.mat"


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The objects have no names: object_01 to object_92, in the order of the matrices."""
    return tuple(f"object_{k + 1:02}" for k in range(OBJECTS))


def judgments(place: Place, key: str | None = None) -> Judgments:
    """Dissimilarities (16, 92, 92)."""
    path = place.find(BEHAVIOUR)
    if path is None:
        path = place.file(NPZ, BEHAVIOUR)
        values = _array(place, path, npz_entries(path), "behav_rdms")
    else:
        entries = mat_entries(path)
        keys = [f"rdms_behav_92({k + 1}).RDM" for k in range(PEOPLE)]
        values = np.stack([_array(place, path, entries, key) for key in keys])
    if values.shape != (PEOPLE, OBJECTS, OBJECTS):
        raise place.bad(f"judgments must have shape {(PEOPLE, OBJECTS, OBJECTS)}; got {values.shape}")
    people = tuple(f"person {k + 1}" for k in range(PEOPLE))
    return check_judgments(place, Judgments(values, "dissimilarity", names(place), people), OBJECTS)


def images(place: Place, key: str | None = None) -> Pictures:
    """uint8 (92, 175, 175, 3)."""
    path = place.find(STIMULI)
    if path is None:
        path = place.file(NPZ, STIMULI)
        pixels = _array(place, path, npz_entries(path), "images")
    else:
        entries = mat_entries(path)
        keys = [f"stimuli_92objs({k + 1}).image" for k in range(OBJECTS)]
        pixels = np.stack([_array(place, path, entries, key) for key in keys])
    if pixels.shape != (OBJECTS, SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise place.bad(f"images must be uint8 of shape {(OBJECTS, SIDE, SIDE, 3)}; got {pixels.dtype} {pixels.shape}")
    return Pictures(pixels, names(place))


def categories(place: Place, key: str | None = None) -> Categories:
    """Six categories, such as "human face"."""
    path = place.file(NPZ)
    labels = _array(place, path, npz_entries(path), "category")
    if len(labels) != OBJECTS:
        raise place.bad(f"there must be {OBJECTS} categories; got {len(labels)}")
    return Categories.of(labels, names=names(place))


def _array(place: Place, path: Path, entries: Entries, key: str) -> np.ndarray:
    if key not in entries:
        raise place.bad(f"{path} has no {key}")
    array: np.ndarray = entries[key].load()
    return array
