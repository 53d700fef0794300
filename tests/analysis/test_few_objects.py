"""Notes where a few objects are in most triplets, or a few people gave most answers."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign

X = {"a": reals(1, 60, 5), "b": reals(2, 60, 5)}


def skewed(t=900):
    """Object 0 in every other triplet; person 0 gave two thirds of the answers."""
    triplets = draw_triplets(3, 59, t) + 1
    triplets[::2, 1] = 0
    return triplets, np.where(np.arange(t) % 3, 0, np.arange(t) % 31)


def worth(codes):
    sizes = np.bincount(np.ravel(codes)).astype(float)
    return sizes.sum() ** 2 / (sizes**2).sum(), int((sizes > 0).sum())


@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects"])
def test_a_skewed_design_has_a_note_with_its_effective_numbers(by):
    triplets, people = skewed()
    objects, persons = worth(triplets), worth(people)
    assert objects[0] < objects[1] / 2 and persons[0] < persons[1] / 2
    notes = {
        "objects": f"60 objects say as much as {objects[0]:.1f} with as many triplets each would: "
        "a few are in most of them",
        "subjects": f"{persons[1]} people say as much as {persons[0]:.1f} with as many answers each would: "
        "a few gave most of them",
    }
    for found in (
        pyalign.score(X["a"], triplets, ci=by, subjects=people),
        pyalign.compare(X, triplets, ci=by, subjects=people),
    ):
        assert [note for note in notes.values() if note in found.notes] == [notes[one] for one in by.split("+")]


def test_a_balanced_design_has_none_nor_have_intervals_over_triplets():
    triplets, people = draw_triplets(3, 60, 900), np.arange(900) % 30
    assert not any("say as much" in note for note in pyalign.score(X["a"], triplets, ci="auto", subjects=people).notes)
    few, who = skewed()
    assert not any("say as much" in note for note in pyalign.score(X["a"], few, ci="triplets", subjects=who).notes)
