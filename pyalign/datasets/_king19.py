"""Two sets of photographs of objects, arranged by people (King et al. 2019)."""

from __future__ import annotations

import re

import numpy as np

from pyalign.data import Judgments
from pyalign.datasets._published import check_judgments
from pyalign.datasets.places import Place
from pyalign.io.embeddings import Pictures
from pyalign.io.judgments import load_judgments
from pyalign.io.paths import bad, open_text

OBJECTS = 144
FILE, ORDER = "BEHAVIOR.mat", "stimulus_category_labels.txt"
_LAST = re.compile(r"(\d+)\s*$")


def judgments(place: Place, key: str | None = None) -> Judgments:
    """Dissimilarities of one set, the pairs of each participant in a row; rows are in the order of `names`."""
    which = _which(place, key, "judgments")
    path = place.file(f"sim_judgements/{FILE}", FILE)
    rdms = load_judgments(path, kind="dissimilarity", key=f"BEHAVIOR.{which}.pairwisedistances")
    check_judgments(place, rdms, OBJECTS)
    return Judgments(
        np.asarray(rdms.values), rdms.kind, names(place, which) if place.find(ORDER) else None, notes=rdms.notes
    )


def names(place: Place, key: str | None = None) -> tuple[str, ...]:
    """The images in the order of the judgments: 0007.jpg is the seventh by the alphabet, and not the seventh row."""
    path = place.file(ORDER)
    with open_text(path) as file:
        lines = [line for line in file.read().splitlines()[1:] if line.strip()]
    numbers = [int(match[1]) if (match := _LAST.search(line)) else 0 for line in lines]
    if sorted(numbers) != list(range(1, OBJECTS + 1)):
        raise bad(path, f"the last column must number {OBJECTS} images from 1; got {len(numbers)} lines")
    return tuple(f"{number:04}.jpg" for number in numbers)


def images(place: Place, key: str | None = None) -> Pictures:
    """The folder of one set."""
    which = _which(place, key, "images")
    return Pictures(str(place.file(f"images/{which}", which)))


def _which(place: Place, key: str | None, part: str) -> str:
    if key is None:
        about = f"dataset:{place.name}"
        raise place.bad(f"holds {part} of two sets, choose one as {about}::set1 or {about}::set2")
    return key
