"""The objects of THINGS: answers of people and of language models to odd-one-out questions, categories, dimensions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyalign.data import Categories, Embeddings, Triplets
from pyalign.datasets.places import Place, check_rows, check_triplets, column, folder_of
from pyalign.datasets.triplets import things_rows
from pyalign.io.arrays import names_array
from pyalign.io.embeddings import load_embeddings
from pyalign.io.item_names import load_categories, read_names
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


# Categories

COLUMNS_OF_CATEGORIES = {
    "manual": "Top-down Category (manual selection)",
    "wordnet": "Top-down Category (WordNet)",
    "raters": "Bottom-up Category (Human Raters)",
}


def categories(place: Place, key: str | None = None) -> Categories:
    """Memberships (1854, c): of the 27 categories, or by a column of ``things_concepts.tsv``, whose cells may list
    several, separated by commas."""
    objects = names(place)
    if key in (None, "27"):
        memberships = load_categories(place.file("category27.tsv", "category27_manual.tsv", "category_mat_manual.tsv"))
        if len(memberships.members) != len(objects):
            raise place.bad(f"categories must have {len(objects):,} rows; got {len(memberships.members):,}")
        return replace(memberships, names=objects)
    path = place.file("things_concepts.tsv")
    cells = dict(zip(column(path, "uniqueID"), column(path, COLUMNS_OF_CATEGORIES[str(key)]), strict=True))
    if set(cells) != set(objects):
        raise place.bad(f"{path.name} must name the objects of unique_id.txt; others are there")
    lists = [[label.strip() for label in cells[name].split(",") if label.strip()] for name in objects]
    labels = tuple(sorted({label for several in lists for label in several}))
    members = np.array([[label in several for label in labels] for several in lists])
    return Categories.of(members, labels, tuple(names_array(objects)))


# Dimensions that odd-one-out answers were turned into: SPoSE and VICE

DIMENSIONS = {
    "spose49": ("spose_embedding_49d_sorted.txt",),
    "spose66": ("spose_embedding_66d_sorted.txt",),
    "vice42": ("final_embedding.npy", "vice_42d.npy"),
}
RAW_DIMENSIONS = "final_embedding.npy"  # VICE was fitted to answers that number the objects by their images
LABELS = {
    "spose49": ("labels_49d.txt", "spose_49d_labels.txt", "labels.txt"),
    "spose66": ("labels.txt", "spose_66d_labels.txt", "labels_short.txt"),
    "vice42": ("vice_42d_labels.txt",),
}


def embeddings(place: Place, key: str | None = None) -> Embeddings:
    """(1854, d) numbers from 0 up, in the order of ``unique_id.txt``."""
    which = place.known
    path, objects = place.file(*DIMENSIONS[which]), names(place)
    rows = load_embeddings(path)
    check_rows(place, rows, (OBJECTS, width(which)))
    if path == place.find(RAW_DIMENSIONS):
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


# Answers of language models (Du et al. 2025)

FOLDERS_OF_MODELS = {"chatgpt": "chatgpt3.5_things", "gemini": "gemini_pro_vision_things"}
SPLITS_OF_MODELS = {"train": ("train_90.txt", "train_90.npy"), "test": ("test_10.txt", "test_10.npy")}


def llm_triplets(place: Place, key: str | None = None) -> Triplets:
    """(t, 3) from 0, the item that the model called odd last: of one model, or of one split of its answers."""
    model, _, split = place.chosen(key, "answers of several models", [*FOLDERS_OF_MODELS]).partition("/")
    folder = place.file(FOLDERS_OF_MODELS[model])
    inside = Place(place.name, folder)
    parts = [load_triplets(inside.file(*SPLITS_OF_MODELS[name])) for name in ([split] if split else SPLITS_OF_MODELS)]
    values = np.concatenate([np.asarray(part.values) for part in parts])
    known = _names_for_models(place)
    answers = replace(parts[0], values=values, names=known, numbered=known is not None)
    return check_triplets(place, answers, OBJECTS)


def _names_for_models(place: Place) -> tuple[str, ...] | None:
    """The objects, of this folder or of that of THINGS; None where neither has them."""
    for candidate in (place, Place("things", folder_of("things"))):
        if candidate.folder.is_dir() and candidate.find("unique_id.txt") is not None:
            return names(candidate)
    return None
