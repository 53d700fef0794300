"""Simulated answers: valid, uniform, and chosen with the stated probabilities."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import decide, definition, pairs_of, read_back, reals, strict_json

from pyalign import Embeddings, score
from pyalign.datasets import simulate as module
from pyalign.datasets.simulate import random_embeddings, random_triplets, simulate
from pyalign.errors import InputError

SEVEN_SIGMA = 7.0


def chi_square(counts, expected):
    """How many standard deviations the statistic lies above its mean."""
    degrees = len(counts) - 1
    return (((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees)


@given(n=st.integers(3, 40), t=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_every_triplet_names_three_different_items_in_range(n, t, seed):
    triplets = random_triplets(n, t, np.random.default_rng(seed))
    assert (triplets.shape, triplets.dtype) == ((t, 3), np.int32)
    assert triplets.min() >= 0
    assert triplets.max() < n
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()


@pytest.mark.parametrize("n", [3, 4, 5])
def test_every_ordered_triplet_is_equally_likely(n):
    t = 60_000
    triplets = random_triplets(n, t, np.random.default_rng(1))
    code = {triple: k for k, triple in enumerate(itertools.permutations(range(n), 3))}
    counts = np.bincount([code[tuple(row)] for row in triplets.tolist()], minlength=len(code))
    assert len(counts) == len(code)
    assert abs(chi_square(counts, t / len(code))) < SEVEN_SIGMA


def test_every_set_of_three_is_equally_likely_after_the_answers():
    drawn = simulate(random_embeddings(5, 4), 60_000, seed=2)
    code = {triple: k for k, triple in enumerate(itertools.combinations(range(5), 3))}
    counts = np.bincount([code[tuple(row)] for row in np.sort(drawn.triplets, axis=1).tolist()])
    assert len(counts) == 10
    assert abs(chi_square(counts, 6000)) < SEVEN_SIGMA


@pytest.mark.parametrize("measure,temperature", [("cosine", 0.5), ("dot", 2.0), ("neg_euclidean", 1.0)])
def test_the_odd_item_is_chosen_with_the_probability_of_the_model(measure, temperature):
    """Three items: the answer alone varies. The probabilities come from the definition."""
    x, t = reals(5, 3, 4), 60_000
    s = pairs_of(definition(x, x, measure), np.array([[0, 1, 2]]))[::-1, 0] / temperature
    p = np.exp(s - s.max())
    p /= p.sum()
    assert p.min() > 0.01
    drawn = simulate(x, t, measure=measure, temperature=temperature, seed=3)
    counts = np.bincount(drawn.triplets[:, 2], minlength=3)
    assert chi_square(counts, t * p) < SEVEN_SIGMA
    assert drawn.expected_accuracy == pytest.approx(p.max(), rel=1e-5)
    assert drawn.expected_cross_entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-5)
    assert drawn.standard_error == pytest.approx(math.sqrt(p.max() * (1 - p.max()) / t), rel=1e-4)


def test_the_order_of_the_two_that_are_not_odd_tells_nothing():
    """A model that reads the order of the first two columns must learn nothing about the answer."""
    drawn = simulate(reals(6, 3, 4), 60_000, temperature=0.5)
    ascending = drawn.triplets[:, 0] < drawn.triplets[:, 1]
    for odd in range(3):
        rows = ascending[drawn.triplets[:, 2] == odd]
        assert len(rows) > 100
        assert abs(rows.mean() - 0.5) < 5 * math.sqrt(0.25 / len(rows))


def test_a_cold_model_always_gives_its_own_answer():
    x = reals(7, 20, 6, dtype=np.float64)
    drawn = simulate(x, 2000, temperature=1e-9)
    assert (decide(pairs_of(definition(x, x, "cosine"), drawn.triplets)) == 2).all()
    assert (drawn.expected_accuracy, drawn.standard_error) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert drawn.expected_cross_entropy == pytest.approx(0, abs=1e-5)


def test_a_hot_model_is_at_chance():
    drawn = simulate(reals(7, 20, 6), 30_000, temperature=1e6)
    assert drawn.expected_accuracy == pytest.approx(1 / 3, abs=1e-4)
    assert drawn.expected_cross_entropy == pytest.approx(math.log(3), abs=1e-4)


def test_expectations_do_not_depend_on_the_size_of_a_chunk(monkeypatch):
    x = random_embeddings(30, 8)
    whole = simulate(x, 5000)
    monkeypatch.setattr(module, "CHUNK", 7 * 111)
    parts = simulate(x, 5000)
    for name in ("expected_accuracy", "standard_error", "expected_cross_entropy"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-9)
    assert np.array_equal(whole.triplets, parts.triplets)


def test_answers_of_the_last_chunk_are_drawn_too(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1000)
    x = random_embeddings(30, 8)
    drawn = simulate(x, 20_001, temperature=0.05)
    for part in (slice(0, 1000), slice(-10_000, None)):
        assert score(x, drawn.triplets[part]).accuracy > drawn.expected_accuracy - 0.1


def test_the_seed_decides():
    x = random_embeddings(30, 8)
    one, again, other = (simulate(x, 1000, seed=seed).triplets for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_embeddings_and_triplets_of_one_seed_are_drawn_apart():
    """Another size of embeddings leaves the triplets' generator where it was."""
    narrow, wide = (simulate(random_embeddings(30, d, 9), 1000, temperature=1e6, seed=9) for d in (3, 50))
    same = np.sort(narrow.triplets, axis=1) == np.sort(wide.triplets, axis=1)
    assert same.all()


def test_random_embeddings_have_variance_one_over_k():
    x = random_embeddings(40_000, 9, seed=1)
    assert (x.shape, x.dtype) == ((40_000, 9), np.float32)
    assert x.var(axis=0) * np.arange(1, 10) == pytest.approx(np.ones(9), rel=0.05)


def test_the_figures_are_json_without_the_triplets_and_come_back(tmp_path):
    drawn = simulate(random_embeddings(10, 4), 50, seed=3)
    figures = strict_json(drawn.to_json())
    assert set(figures) == {"command", "schema", "version", "n_triplets", "expected_accuracy", "standard_error",
                            "expected_cross_entropy", "measure", "temperature", "seed", "provenance"}
    assert (figures["command"], figures["n_triplets"], figures["seed"]) == ("simulate", 50, 3)
    back = read_back(drawn, tmp_path)
    assert back == drawn and back.triplets is None
    assert back.provenance.inputs[0].shape == (10, 4) and back.provenance.seed == 3


def test_rows_with_names_are_drawn_from_as_those_without():
    x = random_embeddings(10, 4)
    named = Embeddings(x, [f"item {k}" for k in range(10)])
    assert np.array_equal(simulate(named, 50).triplets, simulate(x, 50).triplets)


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_items_are_refused(n, message_of):
    assert f"got {n}" in message_of(simulate, np.ones((n, 4)), 10)


@pytest.mark.parametrize("options", [{"measure": "cosin"}, {"temperature": 0.0}])
def test_an_unknown_measure_and_a_wrong_temperature_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        simulate(random_embeddings(5, 4), 10, **options)
