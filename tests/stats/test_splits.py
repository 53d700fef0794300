"""Folds of triplets: what is held out stays out."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.data import Subjects, Triplets
from pyalign.stats.splits import TripletKFold, numbered


@given(seeds, st.sampled_from((2, 3, 5)))
def test_over_objects_no_held_out_object_is_in_a_training_triplet(seed, folds):
    triplets = draw_triplets(seed, 60, 3000)
    tested = []
    for fold in TripletKFold(n_splits=folds, seed=seed).folds(triplets):
        train, test = triplets[fold.train], triplets[fold.test]
        inside = np.unique(train)
        outside = np.setdiff1d(np.arange(60), inside)
        assert np.isin(test, outside).all()
        assert len(fold.train) == np.isin(triplets, inside).all(axis=1).sum()
        assert len(fold.test) == np.isin(triplets, outside).all(axis=1).sum()
        tested.append(outside)
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(60))
    assert np.ptp([len(items) for items in tested]) <= 1


@given(seeds, st.sampled_from((2, 3, 7)))
def test_over_triplets_each_is_tested_once(seed, folds):
    triplets = draw_triplets(seed, 20, 100)
    found = list(TripletKFold("triplets", folds, seed).split(triplets))
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in found])), np.arange(100))
    assert all(len(np.intersect1d(train, test)) == 0 for train, test in found)


def test_over_triplets_all_answers_to_one_stay_together():
    shown = draw_triplets(1, 12, 40)
    answers = np.random.default_rng(0).permuted(np.repeat(shown, 5, axis=0), axis=1)
    for fit, test in TripletKFold("triplets", 3, 1).split(answers):
        sides = [set(map(tuple, np.sort(answers[rows], axis=1).tolist())) for rows in (fit, test)]
        assert len(fit) + len(test) == len(answers) and not sides[0] & sides[1]


def test_over_subjects_nobody_stands_on_both_sides():
    triplets, subjects = draw_triplets(1, 20, 500), np.random.default_rng(0).choice([3, 5, 8, 13, 21], 500)
    tested = []
    for train, test in TripletKFold("subjects", 2).split(triplets, groups=subjects):
        assert not set(subjects[train]) & set(subjects[test])
        assert len(train) + len(test) == 500
        tested += list(set(subjects[test]))
    assert sorted(tested) == [3, 5, 8, 13, 21]


def test_subjects_that_triplets_bring_are_taken():
    values, codes = draw_triplets(1, 20, 500), np.arange(500) % 7
    people = Triplets(values, subjects=Subjects(codes, tuple("abcdefg")))
    expected = [test.tolist() for _, test in TripletKFold("subjects").split(values, groups=codes)]
    assert [test.tolist() for _, test in TripletKFold("subjects").split(people)] == expected


BITS = {
    "objects": (4116895937, 3874104608, 1927803661),
    "triplets": (1985482055, 2611019024, 2771071238),
    "subjects": (1979676205, 2505181731, 1739953831),
}


@pytest.mark.parametrize("by", BITS)
def test_the_same_seed_draws_the_same_split_in_every_version(by):
    """Published figures rest on them."""
    triplets = draw_triplets(1, 30, 2000, np.int32)
    if by == "triplets":  # where none is repeated
        triplets = triplets[np.sort(np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)[1])]
    subjects = np.arange(len(triplets)) % 7
    found = TripletKFold(by, 3, 3).split(triplets, groups=subjects)
    assert tuple(crc32(rows.astype(np.int64).tobytes()) for _, rows in found) == BITS[by]


def test_the_same_seed_gives_the_same_folds_and_another_others():
    triplets = draw_triplets(1, 40, 2000)
    first, same, other = ([test.tolist() for _, test in TripletKFold(seed=s).split(triplets)] for s in (0, 0, 1))
    assert first == same != other


def test_crossed_folds_share_neither_objects_nor_people():
    triplets, people = draw_triplets(1, 40, 6000), np.arange(6000) % 13
    tested_objects, tested_people = set(), set()
    for train, test in TripletKFold("objects+subjects", seed=2).split(triplets, groups=people):
        assert not set(triplets[train].ravel()) & set(triplets[test].ravel())
        assert not set(people[train]) & set(people[test])
        tested_objects |= set(triplets[test].ravel().tolist())
        tested_people |= set(people[test].tolist())
    assert (len(tested_objects), len(tested_people)) == (40, 13)


def test_folds_that_leave_nothing_are_refused(message_of):
    triplets = draw_triplets(1, 20, 30)

    def split(groups=None, **options):
        return list(TripletKFold(**options).split(triplets, groups=groups))

    assert message_of(split, by="items").startswith(
        "by must be one of objects, triplets, subjects, objects+subjects; got 'items'"
    )
    assert message_of(split, n_splits=1) == "n_splits must be a whole number from 2 to 2,147,483,647; got 1"
    assert message_of(split, n_splits=21) == (
        "a split over objects must have at most as many folds as there are objects (20); got 21"
    )
    assert "has no test ones" in message_of(split, n_splits=10)
    assert message_of(split, by="subjects") == "subjects must be given to split over subjects; got None"
    assert "subjects must have shape (30,)" in message_of(split, by="subjects", groups=[1, 2])


# scikit-learn


@pytest.mark.parametrize("by", ["objects", "triplets", "subjects", "objects+subjects"])
def test_tools_of_scikit_learn_take_it_for_a_splitter(by):
    base, model_selection = (pytest.importorskip(f"sklearn.{name}") for name in ("base", "model_selection"))

    class Majority(base.BaseEstimator):
        """Its X is triplets: how often the item is odd again that was odd most often in training."""

        def fit(self, X, y=None):
            self.odd_ = np.bincount(X[:, 2], minlength=30)
            return self

        def score(self, X, y=None):
            return float((self.odd_[X].argmax(axis=1) == 2).mean())

    triplets, subjects = draw_triplets(1, 30, 3000), np.arange(3000) % 7
    folds = TripletKFold(by, seed=2)
    assert model_selection.check_cv(folds) is folds and folds.get_n_splits(triplets) == 3
    found = model_selection.cross_val_score(Majority(), triplets, cv=folds, groups=subjects)
    expected = [Majority().fit(triplets[a]).score(triplets[b]) for a, b in folds.split(triplets, groups=subjects)]
    assert found.tolist() == expected


@pytest.mark.parametrize("by", ["objects", "triplets"])
def test_neither_the_order_of_triplets_nor_objects_that_none_names_move_a_split(by):
    triplets = draw_triplets(1, 30, 2000)

    def parts(shown, order):
        return [np.sort(order[test]).tolist() for _, test in TripletKFold(by, seed=3).split(shown)]

    shuffled, as_they_are = np.random.default_rng(0).permutation(2000), np.arange(2000)
    expected = parts(triplets, as_they_are)
    assert parts(triplets[shuffled], shuffled) == expected
    assert parts(3 * triplets + 7, as_they_are) == expected


@pytest.mark.parametrize(
    ("first", "dtype"),
    [(0, "i1"), (-9, "i1"), (-9, "i8"), (65_500, "i8"), (2**62, "i8"), (2**62, "u8"), (0, "f8"), (0, "U3")],
)
@given(seed=seeds)
def test_values_are_numbered_as_unique_numbers_them(seed, first, dtype):
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, 99, (rng.integers(1, 40), 3)) + first).astype(dtype)
    labels, codes = np.unique(values, return_inverse=True)
    found = numbered(values)
    assert found[0].dtype == labels.dtype and found[1].shape == values.shape
    np.testing.assert_array_equal(found[0], labels)
    np.testing.assert_array_equal(found[1], codes.reshape(values.shape))
