"""Lists of trials: how they share and repeat triplets, where items stand, and what answers to them are worth."""

from __future__ import annotations

import csv
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import read_back, reals, seeds

import pyalign
from pyalign import Embeddings, plan_triplets
from pyalign.datasets.lists_of_trials import ANSWERS, Lists
from pyalign.errors import InputError

A, B = reals(1, 60, 4, dtype=np.float64), reals(2, 60, 4, dtype=np.float64)
NAMES = tuple(f"object {k}" for k in range(60))


def rows_of(design):
    return list(csv.DictReader(io.StringIO(design.design())))


def items_of(row):
    return frozenset(row[f"item{k}"] for k in (1, 2, 3))


def by_list(rows):
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["subject"], []).append(row)
    return found


@settings(max_examples=12)
@given(
    st.integers(1, 12), st.integers(1, 40), st.sampled_from([0.0, 0.2, 0.45, 1.0]), st.sampled_from([0.0, 0.05, 0.5]),
    seeds,
)
def test_each_list_has_its_own_shared_and_repeated_triplets(people, trials, shared, repeated, seed):
    if shared + repeated > 1:
        repeated = 0.0
    design = plan_triplets(
        A, B, n_subjects=people, answers_per_subject=trials, shared=shared, repeated=repeated, seed=seed
    )
    lists, rows = design.lists, rows_of(design)
    assert (lists.n_subjects, lists.n_trials, len(rows)) == (people, trials, people * trials)
    assert lists.n_shared == (round(shared * trials) if people > 1 else 0)
    assert lists.n_repeated == min(round(repeated * trials), trials // 2)
    assert len({items_of(row) for row in rows}) == design.n_triplets == lists.n_triplets
    of_whom = {}
    for subject, own in by_list(rows).items():
        assert [row["trial"] for row in own] == [str(k + 1) for k in range(trials)]
        first = [items_of(row) for row in own if row["presentation"] == "1"]
        again = {items_of(row): k for k, row in enumerate(own) if row["presentation"] == "2"}
        assert len(set(first)) == len(first) == trials - lists.n_repeated and len(again) == lists.n_repeated
        for items, k in again.items():  # half a list before, with every item elsewhere
            before = own[k - trials // 2]
            assert items_of(before) == items and before["presentation"] == "1"
            assert all(before[f"item{p}"] != own[k][f"item{p}"] for p in (1, 2, 3))
        for items in first:
            of_whom.setdefault(items, []).append(subject)
        assert sum(row["condition"] == "shared" for row in own if row["presentation"] == "1") == lists.n_shared
    common = {items_of(row) for row in rows if row["condition"] == "shared"}
    assert len(common) == lists.n_common
    assert all((len(who) > 1) == (items in common) for items, who in of_whom.items())
    times = [len(of_whom[items]) for items in common]
    assert not times or (min(times) >= min(ANSWERS, people) and max(times) - min(times) <= 1)


@pytest.mark.parametrize("n_objects", [8, 60])
def test_each_object_stands_equally_often_in_each_place(n_objects):
    design = plan_triplets(A[:n_objects], B[:n_objects], n_subjects=6, answers_per_subject=10, seed=3)
    times = np.stack([np.bincount(design.lists.items[:, k], minlength=n_objects) for k in range(3)])
    assert np.ptp(times, axis=0).max() <= 2


def test_repeats_are_of_shared_triplets_and_orders_differ():
    """So that what people answer twice is what others answer too."""
    lists = by_list(rows_of(plan_triplets(A, B, n_subjects=5, answers_per_subject=60)))
    assert {row["condition"] for own in lists.values() for row in own if row["presentation"] == "2"} == {"shared"}
    orders = {tuple(items_of(row) for row in own if row["condition"] == "shared") for own in lists.values()}
    assert len(orders) == 5
    where = [k for own in lists.values() for k, row in enumerate(own) if row["condition"] == "shared"]
    assert 20 < np.mean(where) < 40


def test_weights_and_probabilities_are_those_of_the_triplet():
    design = plan_triplets(Embeddings(A, NAMES), B, n_subjects=4, answers_per_subject=30)
    place = {frozenset(NAMES[k] for k in one): row for row, one in enumerate(design.triplets.tolist())}
    for row in rows_of(design):
        chosen = place[items_of(row)]
        assert float(row["weight"]) == pytest.approx(design.weights.values[chosen], rel=1e-8)
        assert float(row["probability"]) == pytest.approx(design.probabilities[chosen], rel=1e-8)
        assert row["covered"] == "1.0"


def test_weighted_answers_to_lists_give_the_accuracy_of_random_triplets():
    """Also where some triplets have many answers and others one: which, has nothing to do with the triplets."""
    a, b = A[:30], B[:30]
    every = pyalign.sample_triplets(a + b, 40_000, seed=1)
    truth, found = pyalign.score(a, every, ci=None).accuracy, []
    for seed in range(40):
        design = plan_triplets(a, b, n_subjects=10, answers_per_subject=50, shared=0.4, seed=seed)
        items = design.lists.items
        odd = pyalign.odd_one_out(a + b, items)
        answers = np.take_along_axis(items, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        weights = design.weights.values[design.lists.rows]
        found.append(pyalign.score(a, answers, weights=weights, ci=None).accuracy)
    assert abs(np.mean(found) - truth) < 3.5 * np.std(found) / np.sqrt(40) + 0.003


def test_the_seed_decides_and_lists_leave_the_choice_as_it_is(tmp_path):
    design = plan_triplets(A, B, n_subjects=3, answers_per_subject=20, seed=4)
    assert design.design() == plan_triplets(A, B, n_subjects=3, answers_per_subject=20, seed=4).design()
    assert design.design() != plan_triplets(A, B, n_subjects=3, answers_per_subject=20, seed=5).design()
    assert np.array_equal(design.triplets, plan_triplets(A, B, design.n_triplets, seed=4).triplets)
    assert read_back(design, tmp_path) == design
    assert design.to_dict()["lists"] == {"n_subjects": 3, "n_trials": 20, "n_shared": 4, "n_repeated": 1, "n_common": 4}


def test_numbers_of_answers_follow_from_the_fractions():
    assert Lists.of(30, 120, 0.2, 0.05).n_triplets == 144 + 30 * 90
    assert Lists.of(1, 120, 0.2, 0.05).n_triplets == 114  # nobody to share with
    times = Counter(np.bincount(plan_triplets(A, B, n_subjects=30, answers_per_subject=20).lists.rows).tolist())
    assert times[1] == 30 * 15 and sum(n * k for n, k in times.items()) == 600


def test_numbers_instead_of_names_are_noted():
    assert "lists show numbers of rows" in plan_triplets(A, B, n_subjects=2, answers_per_subject=5).notes[-1]
    named = Embeddings(A, NAMES)
    assert not any("lists" in note for note in plan_triplets(named, B, n_subjects=2, answers_per_subject=5).notes)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_triplets": 9, "n_subjects": 2, "answers_per_subject": 5}, "n_triplets follows from n_subj"),
        ({"n_subjects": 2}, "answers_per_subject must be a whole number from 1"),
        ({"answers_per_subject": 2}, "n_subjects must be a whole number from 1"),
        ({"n_subjects": 0, "answers_per_subject": 5}, "n_subjects must be a whole number from 1"),
        ({}, "n_triplets must be a whole number from 1"),
        ({"n_subjects": 2, "answers_per_subject": 9, "shared": 1.2}, "shared must be a fraction from 0 to 1; got 1.2"),
        ({"n_subjects": 2, "answers_per_subject": 5, "repeated": -1}, "repeated must be a fraction from 0 to 1; got"),
        ({"n_subjects": 2, "answers_per_subject": 20, "shared": 1}, r"shared \+ repeated must be at most 1, .*0.05"),
        ({"n_subjects": 2, "answers_per_subject": 20, "repeated": 0.6}, "and repeated at most 0.5; got 0.2 and 0.6"),
        ({"n_subjects": 500, "answers_per_subject": 100}, r"triplets of all lists must be at most 34,220, .* 39,500"),
    ],
)
def test_bad_input_is_one_line(options, told):
    with pytest.raises(InputError, match=told):
        plan_triplets(A, B, **options)
