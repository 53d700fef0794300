"""Effective numbers of objects and people, and how few of them have an interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.degrees import LEAST, EffectiveNumber, effective_numbers, notes_on_few, without_interval
from pyalign.stats.resampling import Clusters, Resampling

OVER = ("objects", "subjects", "objects+subjects")


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_it_is_the_square_of_the_sum_by_the_sum_of_squares(sizes):
    n = np.array(sizes, float)
    found = EffectiveNumber.of_sizes("objects", n)
    assert found.count == (n > 0).sum() and found.value == pytest.approx(n.sum() ** 2 / (n**2).sum())
    assert 1.0 - 1e-9 <= found.value <= found.count + 1e-9
    assert found.is_low == (found.value < found.count / 2)


def design(n, people, t=600, seed=0):
    """Triplets of n objects, answered by so many people in turn."""
    return Clusters.of(draw_triplets(seed, n, t), np.arange(t) % people)


@pytest.mark.parametrize("by", [*OVER, "triplets"])
def test_those_of_a_design_are_of_what_intervals_are_over(by):
    found = effective_numbers(design(20, 5), by)
    assert [one.of for one in found] == [one for one in ("objects", "subjects") if one in by]
    assert [one.count for one in found] == [{"objects": 20, "subjects": 5}[one.of] for one in found]


@pytest.mark.parametrize("by", OVER)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_errors_are_known_from_the_minimum_on(by, more):
    clusters = design(LEAST["objects"] + more, LEAST["subjects"] + more)
    values = reals(1, 1, 600).astype(float)
    found = Dependence.of(clusters, Resampling(by)).errors(with_weights(values))
    assert found.known == (more >= 0) and np.isnan(found.errors[0]) == (more < 0)
    assert all(one.is_enough == (more >= 0) for one in effective_numbers(clusters, by))


def test_errors_over_triplets_have_no_minimum():
    clusters = Clusters.of(draw_triplets(0, 4, 50), np.zeros(50, int) + np.arange(50) % 2)
    assert Dependence.of(clusters, Resampling("triplets")).errors(with_weights(reals(1, 1, 50).astype(float))).known


def test_the_reason_names_the_number_that_is_below_its_minimum():
    objects, people = EffectiveNumber("objects", 40, 5.25), EffectiveNumber("subjects", 5, 2.0)
    of_objects = "there is no interval over objects: the effective number of objects is 5.2, below the minimum of 8"
    assert without_interval("objects", (objects,)) == of_objects
    both = without_interval("objects+subjects", (EffectiveNumber("objects", 40, 40.0), people))
    assert both == (
        "there is no interval over objects and participants: the effective number of participants is 2.0, below the "
        "minimum of 4"
    )
    enough = (EffectiveNumber("objects", 40, 40.0),)
    assert without_interval("objects", enough) == "there is no interval over objects: any two triplets share an object"


def test_low_numbers_that_are_enough_have_a_note():
    numbers = EffectiveNumber("objects", 41, 8.2), EffectiveNumber("subjects", 9, 8.0)
    assert notes_on_few(numbers) == (
        "41 objects say as much as 8.2 with as many triplets each would: a few are in most of them",
    )
    assert notes_on_few((EffectiveNumber("objects", 41, 5.2),)) == ()  # there is no interval that it would be about


# In results

X = {"a": reals(1, 60, 5), "b": reals(2, 60, 5)}


def answered(people):
    """Triplets of 60 objects, and who answered: two thirds of the answers are of the first."""
    return draw_triplets(3, 60, 900), np.where(np.arange(900) % 3, 0, np.arange(900) % people)


@pytest.mark.parametrize("ci", ["subjects", "objects+subjects", Resampling("subjects", "bootstrap", n_resamples=50)])
def test_below_the_minimum_every_interval_is_none_with_the_reason(ci):
    triplets, people = answered(31)
    value = 900**2 / sum(float(n) ** 2 for n in np.bincount(people))
    over = "participants" if ci != "objects+subjects" else "objects and participants"
    why = (
        f"there is no interval over {over}: the effective number of participants is {value:.1f}, below the minimum of 4"
    )
    one = pyalign.score(X["a"], triplets, ci=ci, subjects=people)
    assert one.ci is None and why in one.notes and one.to_dict()["results"][0]["ci"] is None
    several = pyalign.compare(X, triplets, ci=ci, subjects=people)
    assert why in several.notes and all(model.ci is None for model in several.models)
    assert all(pair.ci is None and pair.p_value is None and pair.p_adjusted is None for pair in several.pairs)
    errors = pyalign.error_consistency(X, triplets, ci=ci, subjects=people)
    assert why in errors.notes and errors.pairs[0].ci is None and errors.pairs[0].p_value is None
    dimensions = np.abs(reals(4, 60, 3))
    concepts = pyalign.score_concepts(X, triplets, dimensions, ci=ci, subjects=people)
    assert why in concepts.notes
    for result in concepts.results:
        assert result.ci is None and all(row.ci is None and row.note for row in result.concepts)


def test_a_temperature_is_over_objects_below_the_minimum_of_people_and_has_no_interval_below_that_of_objects():
    triplets, people = answered(31)
    few_people = pyalign.calibrate(X["a"], triplets, subjects=people)
    assert few_people.temperature.ci == pyalign.calibrate(X["a"], triplets).temperature.ci
    assert few_people.temperature.ci.by == "objects" and few_people.temperature.ci.low > 0
    few_objects = pyalign.calibrate(X["a"][:7], draw_triplets(8, 7, 600), split=None)
    assert np.isnan(few_objects.temperature.ci.low)
    assert any("the effective number of objects is" in note for note in few_objects.notes)


def test_a_ceiling_has_no_interval_below_the_minimum_and_says_why():
    triplets = np.repeat(draw_triplets(5, 7, 30), 4, axis=0)
    triplets[::3, [0, 2]] = triplets[::3, [2, 0]]
    found = pyalign.noise_ceiling(triplets)
    assert found.ci is None
    assert any("the effective number of objects is" in note for note in found.notes)
