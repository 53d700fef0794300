"""Effective numbers where a few objects are in most triplets, or a few people gave most answers."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, read_back, reals

import pyalign

X = {"a": reals(1, 60, 5), "b": reals(2, 60, 5)}


def skewed(t=900):
    """Object 0 in every other triplet; person 0 gave half of the answers."""
    triplets = draw_triplets(3, 59, t) + 1
    triplets[::2, 1] = 0
    return triplets, np.where(np.arange(t) % 2, 0, np.arange(t) % 31)


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
        "subjects": f"{persons[1]} participants say as much as {persons[0]:.1f} with as many answers each would: "
        "a few gave most of them",
    }
    for found in (
        pyalign.score(X["a"], triplets, ci=by, subjects=people), pyalign.compare(X, triplets, ci=by, subjects=people)):
        assert [note for note in notes.values() if note in found.notes] == [notes[one] for one in by.split("+")]


def test_a_balanced_design_has_none_nor_have_intervals_over_triplets():
    triplets, people = draw_triplets(3, 60, 900), np.arange(900) % 30
    assert not any("say as much" in note for note in pyalign.score(X["a"], triplets, ci="auto", subjects=people).notes)
    few, who = skewed()
    assert not any("say as much" in note for note in pyalign.score(X["a"], few, ci="triplets", subjects=who).notes)


DIMENSIONS = np.abs(reals(3, 60, 3))


def every_result(triplets, **options):
    return (
        pyalign.score(X["a"], triplets, **options).only,
        pyalign.compare(X, triplets, **options),
        pyalign.score_concepts(X["a"], triplets, DIMENSIONS, **options),
        pyalign.error_consistency(X, triplets, **options),
    )


@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects"])
def test_results_hold_low_numbers_as_fields_and_their_tables_name_them(by, tmp_path):
    triplets, people = skewed()
    expected = {"effective_objects": worth(triplets)[0], "effective_subjects": worth(people)[0]}
    expected = {name: pytest.approx(value) for name, value in expected.items() if name[10:] in by}
    for found in every_result(triplets, ci=by, subjects=people):
        document = found.to_dict()
        assert {name: document[name] for name in document if name.startswith("effective")} == expected
        again = read_back(found, tmp_path)
        again = again.only if found.command == "score" else again
        assert again.inference == found.inference
        text = " ".join(found.table(200).split())
        values = [f"{worth(codes)[0]:.1f} {what}" for codes, what in ((triplets, "objects"), (people, "participants"))]
        named = [value for value, one in zip(values, ("objects", "subjects"), strict=True) if one in by]
        assert f"effective numbers: {', '.join(named)}" in text


def test_numbers_that_are_not_low_are_in_no_document_and_no_table():
    triplets, people = draw_triplets(3, 60, 900), np.arange(900) % 30
    for found in every_result(triplets, subjects=people):
        assert not any(name.startswith("effective") for name in found.to_dict())
        assert "effective" not in found.table(200)


def test_each_concept_has_that_of_its_triplets():
    triplets, _ = skewed()
    found = pyalign.score_concepts(X["a"], triplets, DIMENSIONS)
    codes = (DIMENSIONS[triplets[:, 0]] + DIMENSIONS[triplets[:, 1]]).argmax(axis=1)
    for k, row in enumerate(found.results[0].concepts):
        value, count = worth(triplets[codes == k])
        assert row.n_objects == count and row.effective_objects == (pytest.approx(value) if value < count / 2 else None)
    assert any(row.effective_objects for row in found.results[0].concepts)
    assert "effective: number of objects, where it is below half of them" in " ".join(found.table(200).split())
