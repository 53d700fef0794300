"""THINGS: odd-one-out answers to 1,854 objects, as the published table and as splits of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyalign.data import Triplets
from pyalign.datasets._published import check_triplets, column
from pyalign.datasets.places import Place
from pyalign.datasets.triplets import things_rows
from pyalign.io.metadata import read_names
from pyalign.io.triplets import load_triplets

OBJECTS = 1854
PUBLISHED = 4_699_160  # answers in the table
TABLE = "triplets_large_final_correctednc_correctedorder.csv"
SPLITS = {
    "train": ("train_90.npy", "train_90.txt", "trainset.txt"),
    "test": ("test_10.npy", "test_10.txt", "data1854_batch5_test10.txt"),
    "validation": ("validationset.txt",),
    "correct": ("correct_triplets.npy",),
}
RAW = "data1854_batch5_test10.txt"  # "the order is still wrong" in it, says its authors' make_figures_behavsim.m


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The 1,854 objects, in the order by which triplets number them."""
    path = place.file("unique_id.txt", "things_concepts.tsv")
    objects = column(path, "uniqueID") if path.name.endswith("concepts.tsv") else read_names(path)
    if len(objects) != OBJECTS or len(set(objects)) != OBJECTS:
        raise place.bad(
            f"{path.name} must name {OBJECTS:,} different objects; got {len(set(objects)):,} in {len(objects)}"
        )
    return objects


def triplets(place: Place, key: str | None = None) -> Triplets:
    """All answers of the table; or a split, from 0, the odd item last."""
    objects = names(place)
    if key not in (None, "all"):
        return _split(place, str(key), objects)
    path = place.find(TABLE)
    if path is None and key is None:
        return _both(place, objects)
    return _table(place, objects)


def _table(place: Place, objects: tuple[str, ...]) -> Triplets:
    path = place.file(TABLE)
    with open(path, encoding="utf-8-sig") as file:
        header = file.readline(1 << 16)
    answers = load_triplets(
        path, columns=("image1", "image2", "image3"), choice_column="choice", choice_base=1, one_based=True,
        subject_column="subject_id" if "subject_id" in header else None,
    )
    notes: tuple[str, ...] = ()
    if len(answers) != PUBLISHED:
        notes = (f"dataset:{place.name}: {TABLE} holds {len(answers):,} answers; the published one has {PUBLISHED:,}",)
    answers = replace(answers, names=objects, numbered=True, notes=(*answers.notes, *notes))
    return check_triplets(place, answers, OBJECTS)


def _split(place: Place, key: str, objects: tuple[str, ...]) -> Triplets:
    path = place.file(*SPLITS[key])
    answers = check_triplets(place, load_triplets(path), OBJECTS)
    if path == place.find(RAW):
        answers = replace(answers, values=things_rows("sorted", "raw", objects)[answers.values])
    return replace(answers, names=objects, numbered=True)


def _both(place: Place, objects: tuple[str, ...]) -> Triplets:
    """The two splits one after the other, where there is no table."""
    if place.find(*SPLITS["train"]) is None:
        place.file(TABLE)  # says that it is not there
    parts = [_split(place, key, objects) for key in ("train", "test")]
    values = np.concatenate([np.asarray(part.values) for part in parts])
    return replace(parts[0], values=values)
