"""Answers of language models to odd-one-out questions about the objects of THINGS (Du et al. 2025)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyalign.data import Triplets
from pyalign.datasets import _things
from pyalign.datasets._published import check_triplets
from pyalign.datasets.places import Place, folder_of
from pyalign.io.triplets import load_triplets

FOLDERS = {"chatgpt": "chatgpt3.5_things", "gemini": "gemini_pro_vision_things"}
SPLITS = {"train": ("train_90.txt", "train_90.npy"), "test": ("test_10.txt", "test_10.npy")}
KEYS = (*FOLDERS, *(f"{model}/{split}" for model in FOLDERS for split in SPLITS))


def triplets(place: Place, key: str | None = None) -> Triplets:
    """(t, 3) from 0, the item that the model called odd last: of one model, or of one split of its answers."""
    if key is None:
        about = f"dataset:{place.name}"
        raise place.bad(
            f"holds answers of several models, choose one: {', '.join(f'{about}::{name}' for name in FOLDERS)}"
        )
    model, _, split = key.partition("/")
    folder = place.file(FOLDERS[model])
    inside = Place(place.name, folder)
    parts = [load_triplets(inside.file(*SPLITS[name])) for name in ([split] if split else SPLITS)]
    values = np.concatenate([np.asarray(part.values) for part in parts])
    known = _names(place)
    answers = replace(parts[0], values=values, names=known, numbered=known is not None)
    return check_triplets(place, answers, _things.OBJECTS)


def _names(place: Place) -> tuple[str, ...] | None:
    """The objects, of this folder or of that of THINGS; None where neither has them."""
    for candidate in (place, Place("things", folder_of("things"))):
        if candidate.folder.is_dir() and candidate.find("unique_id.txt") is not None:
            return _things.names(candidate)
    return None
