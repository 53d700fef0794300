"""BAPPS: patches of images and two distortions of each, with the share of people who found the second more alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyalign.data import Triplets
from pyalign.datasets._two_alternatives import anchored, with_note
from pyalign.datasets.places import Place
from pyalign.io.arrays import open_npy
from pyalign.io.embeddings import Pictures
from pyalign.io.image_files import images_below
from pyalign.io.paths import bad

SPLITS = {
    "train": ("traditional", "cnn", "mix"),
    "val": ("traditional", "cnn", "superres", "deblur", "color", "frameinterp"),
}
PEOPLE = {"train": 2, "val": 5}  # who were asked about each triplet
MAJORITY = "/majority"


def triplets(place: Place, key: str | None = None) -> Triplets:
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
            apart = sorted(set(judged) ^ set(paths))
            if apart:
                raise place.bad(f"{kind}: judge and {side} must hold the same triplets; {apart[0]} is in one of them")
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
    for split in SPLITS:
        folder = place.find(f"2afc/{split}", split)
        if folder is not None:
            return folder.parent
    return place.file("2afc/val", "val").parent


def _kinds(place: Place, root: Path, key: str) -> list[str]:
    wanted = [key] if "/" in key else [f"{key}/{kind}" for kind in SPLITS[key]]
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


def images(place: Place, key: str | None = None) -> Pictures:
    """The folder of all images, whose paths are the names in the triplets."""
    return Pictures(str(_root(place)))
