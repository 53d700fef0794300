"""Answers to "which of two images is more like the reference?": NIGHTS and BAPPS, as anchored triplets with votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pyalign.data import ANCHORED, Triplets
from pyalign.data.trials import anchor_first
from pyalign.datasets.places import Place, table_of
from pyalign.datasets.registry import KINDS_OF_BAPPS
from pyalign.io.arrays import open_npy
from pyalign.io.embeddings import Pictures
from pyalign.io.image_files import images_below
from pyalign.io.paths import bad


def anchored(path: Path | str, names: np.ndarray, second: np.ndarray, people: int | None = None) -> Triplets:
    """Anchored triplets of names (t, 3), reference, first and second option; second (t,): the share that chose the
    second. The chosen option comes to the middle; where votes are divided, shares say how, or counts where so many
    people were asked.

    Example:
        >>> triplets = anchored("x", np.array([["r", "a", "b"]]), np.array([0.75]))
        >>> [triplets.names[k] for k in triplets.values[0]], triplets.answers.shares.tolist()
        (['r', 'b', 'a'], [[0.75, 0.25]])
    """
    wrong = ~((second >= 0) & (second <= 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise bad(path, f"votes must be shares from 0 to 1; row {row} (from 0) has {second[row]:g}")
    labels, codes = np.unique(names, return_inverse=True)
    values = codes.reshape(names.shape).astype(np.int32)
    arranged, positions = anchor_first(values, (second > 0.5).astype(np.int8), "first")
    triplets = Triplets(arranged, tuple(map(str, labels.tolist())), positions=positions, task=ANCHORED)
    votes = np.round(second * (people or 1))
    if np.allclose(votes, second * (people or 1), rtol=0, atol=1e-3):
        return (
            triplets if people is None else triplets.with_answers(np.column_stack([people - votes, votes]).astype(int))
        )
    return triplets.with_answers(np.column_stack([1 - second, second]))


def with_note(place: Place, triplets: Triplets, note: str) -> Triplets:
    """The triplets with a sentence more."""
    return replace(triplets, notes=(*triplets.notes, f"dataset:{place.name}: {note}"))


# NIGHTS: 20,019 triplets of generated images, a reference and two variations

FEWEST = 6  # votes of a triplet that counts, as in the published code
COLUMNS_OF_NIGHTS = ("right_vote", "votes", "ref_path", "left_path", "right_path", "is_imagenet", "split")


def nights_triplets(place: Place, key: str | None = None) -> Triplets:
    """Anchored: the reference, the image that people chose, the other. Of the test split, unless the key says which.

    Triplets with fewer than six votes are left out, as in the published code.
    """
    path = place.file("data.csv")
    rows = table_of(path, COLUMNS_OF_NIGHTS)
    split = key or "test"
    kept = [row for row in rows if _is_of(row, split) and _number(path, row["votes"]) >= FEWEST]
    if not kept:
        raise bad(path, f"holds no triplet of split {split!r} with {FEWEST} votes")
    names = np.array([[row[column] for column in ("ref_path", "left_path", "right_path")] for row in kept])
    judged = anchored(path, names, np.array([_number(path, row["right_vote"]) for row in kept]))
    few = sum(_is_of(row, split) for row in rows) - len(kept)
    return judged if not few else with_note(place, judged, f"{few:,} triplets have fewer than {FEWEST} votes")


def _is_of(row: dict[str, str], split: str) -> bool:
    if split not in ("test_imagenet", "test_no_imagenet"):
        return row["split"] == split
    return row["split"] == "test" and (row["is_imagenet"].strip().lower() in ("true", "1")) == (split[5:] == "imagenet")


def _number(path: Path, cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise bad(path, f"votes must be numbers; got {cell!r:.40}") from error


def nights_images(place: Place, key: str | None = None) -> Pictures:
    """The folder of all images, whose paths are the names in the triplets."""
    return Pictures(str(place.file("data.csv").parent))


# BAPPS: patches of images and two distortions of each, with the share of people who chose the second

PEOPLE = {"train": 2, "val": 5}  # who were asked about each triplet
MAJORITY = "/majority"


def bapps_triplets(place: Place, key: str | None = None) -> Triplets:
    """Anchored: the patch, the distortion that most people chose, the other, with votes. Of the validation split,
    unless the key says which: "train", or one kind, "val/cnn". "val/majority" has the choice of most people alone, for
    what takes one answer to each triplet; ties are left out."""
    root, wanted = _root(place), (key or "val").removesuffix(MAJORITY)
    kinds = _kinds(place, root, wanted)
    names, votes = list[tuple[str, str, str]](), list[float]()
    for kind in kinds:
        sides = [_by_stem(root, kind, side) for side in ("ref", "p0", "p1")]
        judged = {path.stem: path for path in sorted((root / kind / "judge").glob("*.npy"))}
        for side, paths in zip(("ref", "p0", "p1"), sides, strict=True):
            odd = sorted(set(judged) ^ set(paths))
            if odd:
                raise place.bad(f"{kind}: judge and {side} must hold the same triplets; {odd[0]} is in one of them")
        names += [(sides[0][stem], sides[1][stem], sides[2][stem]) for stem in judged]
        votes += [_vote(path) for path in judged.values()]
    if not names:
        raise place.bad(f"holds no triplets in {', '.join(kinds)}")
    about, second = f"dataset:{place.name}", np.array(votes)
    if key is None or not key.endswith(MAJORITY):
        return anchored(about, np.array(names), second, PEOPLE[wanted.partition("/")[0]])
    decided = second != 0.5
    if not decided.any():
        raise place.bad("holds only ties")
    majority = anchored(about, np.array(names)[decided], (second[decided] > 0.5).astype(float))
    return majority if decided.all() else with_note(place, majority, f"{int((~decided).sum()):,} ties are left out")


def _root(place: Place) -> Path:
    """The folder of ``train`` and ``val``."""
    for split in PEOPLE:
        folder = place.find(f"2afc/{split}", split)
        if folder is not None:
            return folder.parent
    return place.file("2afc/val", "val").parent


def _kinds(place: Place, root: Path, key: str) -> list[str]:
    wanted = [key] if "/" in key else [kind for kind in KINDS_OF_BAPPS if kind.startswith(f"{key}/")]
    there = [kind for kind in wanted if (root / kind / "judge").is_dir()]
    if not there:
        raise place.bad(f"has no judge in {root / wanted[0]}")
    return there


def _by_stem(root: Path, kind: str, side: str) -> dict[str, str]:
    """The path of each image of a side, below the folder of all, by the name without its ending."""
    paths, _ = images_below(root / kind / side)
    return {Path(name).stem: f"{kind}/{side}/{name}" for name in paths}


def _vote(path: Path) -> float:
    value = open_npy(path)
    if value.size != 1 or value.dtype.kind not in "fiu":
        raise bad(path, f"must hold one number; got {value.dtype} {value.shape}")
    return float(np.asarray(value).reshape(-1)[0])


def bapps_images(place: Place, key: str | None = None) -> Pictures:
    """The folder of all images, whose paths are the names in the triplets."""
    return Pictures(str(_root(place)))
