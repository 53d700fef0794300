"""Triplets on which two models differ: which are chosen, how likely each was, and what weights make of the answers."""

from __future__ import annotations

import csv
import io
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import read_back, reals, seeds

import pyalign
from pyalign import Embeddings, plan_triplets
from pyalign.datasets import chosen as module
from pyalign.errors import InputError
from pyalign.io import load_triplets, read_weights

A, B = reals(1, 60, 4, dtype=np.float64), reals(2, 60, 4, dtype=np.float64)
NAMES = tuple(f"object {k}" for k in range(60))


def differ(a, b, triplets, measure="cosine"):
    return pyalign.odd_one_out(a, triplets, measure=measure) != pyalign.odd_one_out(b, triplets, measure=measure)


def answered(triplets, people):
    """The triplets with the odd item of some rows last."""
    odd = pyalign.odd_one_out(people, triplets)
    return np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@settings(max_examples=8)
@given(seeds, st.integers(1, 3000))
def test_a_design_has_no_triplet_twice_and_as_many_that_differ_as_it_says(share, seed, n_triplets):
    found = plan_triplets(A, B, n_triplets, share=share, seed=seed)
    assert (found.triplets.shape, found.triplets.dtype) == ((n_triplets, 3), np.int32)
    assert len(np.unique(np.sort(found.triplets, axis=1), axis=0)) == n_triplets
    apart = differ(A, B, found.triplets)
    assert found.n_differ == apart.sum()
    assert share < 1 or apart.all()
    expected = share + (1 - share) * found.differ_share
    assert abs(apart.mean() - expected) < 5 * np.sqrt(0.25 / n_triplets) + 1 / n_triplets
    times = np.bincount(found.triplets.ravel(), minlength=60)
    assert (found.fewest, found.most) == (times.min(), times.max())


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_each_triplet_is_as_likely_as_the_table_says(share):
    """Of 8 objects, whose 56 triplets can be counted over 1,500 designs."""
    a, b = A[:8], B[:8]
    every = {one: k for k, one in enumerate(combinations(range(8), 3))}
    times, said = np.zeros(56), np.full(56, np.nan)
    for seed in range(1500):
        found = plan_triplets(a, b, 9, share=share, seed=seed)
        rows = [every[tuple(sorted(one))] for one in found.triplets.tolist()]
        times[rows] += 1
        said[rows] = found.probabilities
        np.testing.assert_allclose(found.weights.values, 9 / 56 / found.probabilities)
    known = ~np.isnan(said)
    assert known.all() == (share < 1)
    error = np.sqrt(said[known] * (1 - said[known]) / 1500)
    assert np.abs((times[known] / 1500 - said[known]) / error).max() < 4


def test_candidates_of_many_objects_have_the_probability_of_all_triplets(monkeypatch):
    """Where candidates are a sample of the triplets: the chance to be one of them is part of the probability."""
    monkeypatch.setattr(module, "CANDIDATES", 3000)
    found = plan_triplets(A, B, 400, share=0.5)
    assert found.weights.values == pytest.approx(400 / comb(60, 3) / found.probabilities)
    assert 0.9 < found.weights.values.mean() < 1.1
    sums = [plan_triplets(A, B, 400, seed=seed).weights.values.sum() for seed in range(60)]
    assert np.mean(sums) == pytest.approx(400, rel=0.01)  # each weight is an estimate of how many it stands for


def test_objects_are_expected_equally_often():
    """One object is far from all others in one model only, so that the models differ on most of its triplets."""
    a, b, every = A[:25].copy(), B[:25], module._all_triplets(25)
    a[0] = -5.0 * np.abs(A).max()
    own = np.array([differ(a, b, every[(every == k).any(axis=1)]).mean() for k in range(25)])
    assert own.max() > 1.15 * own.min()
    designs = [plan_triplets(a, b, 250, share=1.0, seed=seed).triplets for seed in range(80)]
    times = np.bincount(np.concatenate(designs).ravel(), minlength=25)
    assert np.abs(times / 2400 - 1).max() < 0.07  # three standard deviations; unbalanced they would follow `own`


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_objects_are_level_in_each_design(share):
    """Of 500 objects with 12 triplets each; random triplets would leave some with 3 and give others 24."""
    a, b = reals(4, 500, 4), reals(5, 500, 4)
    times = np.bincount(plan_triplets(a, b, 2000, share=share).triplets.ravel(), minlength=500)
    assert times.std() < 1.2
    assert times.min() >= 8
    assert times.max() <= 16


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_weighted_answers_give_the_accuracy_of_random_triplets(share):
    a, b = A[:30], B[:30]
    people = a + b
    every = answered(module._all_triplets(30), people)
    truth = [pyalign.score(x, every, ci=None).accuracy for x in (a, b)]
    found, plain = [], []
    for seed in range(40):
        design = plan_triplets(a, b, 500, share=share, seed=seed)
        triplets = answered(design.triplets, people)
        found.append([pyalign.score(x, triplets, weights=design.weights, ci=None).accuracy for x in (a, b)])
        plain.append([pyalign.score(x, triplets, ci=None).accuracy for x in (a, b)])
    error = np.std(found, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(found, axis=0) - truth) < 3.5 * error).all()
    assert (np.abs(np.mean(plain, axis=0) - truth) > 5 * error).all()  # without weights they are others


def test_of_triplets_that_differ_only_the_difference_is_that_of_random_ones():
    a, b = A[:30], B[:30]
    people = a + b / 2
    every = answered(module._all_triplets(30), people)
    one, other = (pyalign.score(x, every, ci=None).accuracy for x in (a, b))
    found = []
    for seed in range(40):
        design = plan_triplets(a, b, 500, share=1.0, seed=seed)
        pair = pyalign.compare({"a": a, "b": b}, answered(design.triplets, people), weights=design.weights).pairs[0]
        found.append(design.covered * pair.difference)
    assert abs(np.mean(found) - (one - other)) < 3.5 * np.std(found) / np.sqrt(40)


def test_both_are_said_where_such_weights_are_used(tmp_path):
    design = plan_triplets(A, B, 300, share=1.0)
    assert design.covered == design.differ_share == pytest.approx(differ(A, B, module._all_triplets(60)).mean())
    note = "only the difference of the two models is that of random triplets, after multiplication by "
    note += f"{design.covered:.4g}"
    assert note in design.notes[-1]
    triplets = answered(design.triplets, A + B)
    path = tmp_path / "design.csv"
    path.write_text(design.design())
    for weights in (design.weights, read_weights(path)):
        assert note in " ".join(pyalign.score(A, triplets, weights=weights).notes)
        assert note in " ".join(pyalign.compare({"a": A, "b": B}, triplets, weights=weights).notes)
    assert "models differ" not in " ".join(pyalign.score(A, triplets, weights=plan_triplets(A, B, 300).weights).notes)


def test_fewer_answers_are_needed_where_models_differ():
    """As many fewer as there are triplets on which they agree: 1 / q; with half of them 1 / 2 + 1 / (2 q)."""
    q = plan_triplets(A, B, 300).differ_share
    for share in (0.0, 0.5, 1.0):
        found = plan_triplets(A, B, 300, share=share, difference=0.01)
        assert found.times_fewer == pytest.approx(1 - share + share / q, rel=0.02)
        assert found.n_random == pytest.approx(7.849 * q / 0.01**2, rel=1e-3)


def test_the_power_is_the_one_that_is_stated():
    """People choose one of the two models' choices wherever they differ, at random with a preference for the first."""
    difference, rejected, a, b = 0.15, 0, A[:25], B[:25]
    q = differ(a, b, module._all_triplets(25)).mean()
    needed = plan_triplets(a, b, 10, difference=difference).n_needed
    for seed in range(120):
        design = plan_triplets(a, b, needed, difference=difference, seed=seed)
        right = np.random.default_rng(seed).random(len(design.triplets)) < 0.5 + difference / q / 2
        each = np.where(differ(a, b, design.triplets), np.where(right, 1.0, -1.0), 0.0)
        w = design.weights.values
        mean = w @ each / w.sum()
        error = np.sqrt(((w * (each - mean)) ** 2).sum()) / w.sum()
        rejected += abs(mean / error) > 1.96
    assert 0.69 < rejected / 120 < 0.91


def test_names_measures_and_seeds():
    a, b = Embeddings(A, NAMES), Embeddings(B[::-1], NAMES[::-1])
    found = plan_triplets(a, b, 200)
    assert np.array_equal(found.triplets, plan_triplets(A, B, 200).triplets)
    rows = list(csv.DictReader(io.StringIO(found.design())))
    assert [NAMES.index(rows[5][f"item{k}"]) for k in (1, 2, 3)] == found.triplets[5].tolist()
    assert float(rows[5]["weight"]) == pytest.approx(found.weights.values[5])
    assert not np.array_equal(found.triplets, plan_triplets(A, B, 200, seed=1).triplets)
    two = plan_triplets(A, B, 200, share=1.0, measure=("dot", "cosine"))
    assert (pyalign.odd_one_out(A, two.triplets, measure="dot") != pyalign.odd_one_out(B, two.triplets)).all()
    assert two.measures == ("dot", "cosine")


def test_the_table_is_read_back(tmp_path):
    found = plan_triplets(Embeddings(A, NAMES), B, 100, share=0.5)
    path = tmp_path / "design.csv"
    path.write_text(found.design())
    triplets = load_triplets(path, columns=("item1", "item2", "item3"), weight_column="weight", odd_column="none")
    assert np.array(triplets.names)[triplets.values].tolist() == np.array(NAMES)[found.triplets].tolist()
    np.testing.assert_allclose(triplets.weights.values, found.weights.values, rtol=1e-8)
    assert read_back(found, tmp_path) == found


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: plan_triplets(A, A, 9), "must choose different items in some triplet; they agree on all 34,220 tri"),
        (lambda: plan_triplets(A, 2 * A + 0.0, 9), "they agree on all 34,220"),
        (lambda: plan_triplets(A, B[:-1], 9), "about the same objects; got 60 and 59 rows"),
        (lambda: plan_triplets(Embeddings(A, NAMES), Embeddings(B, [f"x{k}" for k in range(60)]), 9),
         "about the same objects: no row is named 'object 0'"),
        (lambda: plan_triplets(A[:5], B[:5], 11), "n_triplets must be at most 10, the triplets of 5 objects; got 11"),
        (lambda: plan_triplets(A, B, 34_000, share=1.0), r"share times n_triplets must be at most 2\d,\d{3}, as"),
        (lambda: plan_triplets(A, B, 9, share=1.5), "share must be a fraction from 0 to 1; got 1.5"),
        (lambda: plan_triplets(A, B, 9, difference=0), "difference must lie between 0 and 1; got 0"),
        (lambda: plan_triplets(A, B, 9, difference=0.9), "difference must be at most the share of random triplets on"),
        (lambda: plan_triplets(A, B, 0), "n_triplets must be"),
        (lambda: plan_triplets(A, B, 9, measure=("dot",) * 3), "one, or one for each of two models; got 3"),
        (lambda: plan_triplets(A[:2], B[:2], 1), "n_triplets must be at most 0, the triplets of 2 objects"),
    ],
)
def test_bad_input_is_one_clear_line(call, told):
    with pytest.raises(InputError, match=told):
        call()


def test_models_that_seldom_differ_are_looked_at_more_closely(monkeypatch):
    monkeypatch.setattr(module, "CANDIDATES", 500)
    b = A.copy()
    b[0] += 0.15
    found = plan_triplets(A, b, 60, share=1.0)
    assert found.n_differ == 60 and found.difference == found.differ_share / 2 < 0.05
    monkeypatch.setattr(module, "PLENTY", 1)
    monkeypatch.setattr(module, "MOST_CANDIDATES", 500)
    with pytest.raises(InputError, match=r"as the models differ on no more of as many as \d* triplets; got 400"):
        plan_triplets(A, b, 400, share=1.0)


def test_all_of_the_triplets_can_be_chosen():
    found = plan_triplets(A[:7], B[:7], 35)
    assert found.weights.values.tolist() == [1.0] * 35
    assert found.probabilities.tolist() == [1.0] * 35
