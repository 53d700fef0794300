"""Triplets drawn from a representation: who meets, who is odd, and with which probability."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import clear_cut, decide, definition, draw_triplets, pairs_of, read_back, reals, seeds, strict_json, whole

from pyalign import (
    Categories,
    Embeddings,
    choice_probabilities,
    choice_probabilities_from,
    load_embeddings,
    sample_triplets,
    similarity,
)
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.datasets.triplets import draw_triplets as draw
from pyalign.io import load_categories

LABELS = np.array(["a", "a", "a", "b", "b", "b", "b", "c", "c", ""])


def codes(triplets):
    return {tuple(row) for row in np.sort(triplets, axis=1).tolist()}


@given(seed=seeds, n=st.integers(3, 40), t=st.integers(1, 400))
def test_hard_answers_are_the_decisions_of_the_definition(seed, n, t):
    x = reals(seed, n, 5)
    triplets = sample_triplets(x, t, seed=seed)
    assert (triplets.shape, triplets.dtype) == ((t, 3), np.int32)
    decided, clear = clear_cut(x, triplets, "cosine")
    assert (decided[clear] == 2).all()
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()


@given(seed=seeds)
def test_ties_are_drawn_again_and_counted(seed):
    x = np.sign(whole(seed, 12, 3)) + np.array([4.0, 0, 0], np.float32)
    drawn = draw(x, 300, measure="dot", seed=seed)
    assert (decide(pairs_of(definition(x, x, "dot"), drawn.triplets)) == 2).all()
    assert drawn.n_tied > 0


def test_draws_with_a_temperature_are_those_of_simulate():
    x = random_embeddings(30, 8)
    drawn = sample_triplets(x, 5000, temperature=0.05, seed=3)
    assert np.array_equal(drawn, simulate(x, 5000, temperature=0.05, seed=3).triplets)


@given(seed=seeds, scheme=st.sampled_from(["uniform", "within", "across"]), given_matrix=st.booleans())
def test_probabilities_are_those_of_the_items_as_they_stand_in_the_triplet(seed, scheme, given_matrix):
    x = reals(seed, 10, 4, dtype=np.float64)
    options = {"temperature": 0.3, "soft": True, "scheme": scheme, "seed": seed}
    options["categories"] = None if scheme == "uniform" else LABELS
    if given_matrix:
        triplets, p = sample_triplets(similarity(x), 200, measure="precomputed", **options)
    else:
        triplets, p = sample_triplets(x, 200, **options)
    assert p == pytest.approx(choice_probabilities(x, triplets, temperature=0.3), abs=1e-12)


def test_each_item_is_odd_as_often_as_its_probability_says():
    _, p = sample_triplets(reals(1, 20, 4), 40_000, temperature=0.2, soft=True, seed=1)
    spread = np.sqrt((p[:, 2] * (1 - p[:, 2])).sum())
    expected = (p**2).sum()  # the odd item stands last, drawn with these probabilities
    assert abs(p[:, 2].sum() - expected) < 7 * spread


def test_within_draws_every_set_of_each_category_equally_often():
    triplets = sample_triplets(reals(2, 10, 4), 20_000, categories=LABELS, scheme="within", seed=5)
    sets = {(0, 1, 2), *itertools.combinations(range(3, 7), 3)}
    assert codes(triplets) == sets
    counts = np.unique(np.sort(triplets, axis=1), axis=0, return_counts=True)[1]
    assert abs(counts - 4000).max() < 7 * np.sqrt(4000)


def test_across_draws_every_pair_with_every_item_of_another_category_equally_often():
    triplets = sample_triplets(reals(2, 10, 4), 40_000, categories=LABELS, scheme="across", seed=5)
    code = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    everything = itertools.combinations(range(9), 3)
    sets = [s for s in everything if len(set(code[list(s)])) == 2]
    assert codes(triplets) == set(sets)
    counts = np.unique(np.sort(triplets, axis=1), axis=0, return_counts=True)[1]
    expected = 40_000 / len(sets)
    assert abs(counts - expected).max() < 7 * np.sqrt(expected)


def test_across_never_takes_a_third_item_that_shares_a_category():
    members = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    drawn = draw(reals(3, 6, 4), 2000, categories=members, scheme="across", seed=1)
    assert drawn.n_sharing > 0
    assert codes(drawn.triplets) == {(0, 1, 4), (0, 2, 4), (0, 3, 4), (2, 3, 4), (1, 2, 3)}


def test_no_position_tells_which_item_is_of_the_other_category():
    x = np.ones((4, 2)) + 1e-3 * reals(1, 4, 2)
    triplets = sample_triplets(x, 9000, categories=[0, 0, 0, 1], scheme="across", temperature=1e6)
    assert abs(np.bincount((triplets == 3).argmax(axis=1)) - 3000).max() < 7 * np.sqrt(3000)


def test_on_things_the_categories_meet_as_they_should(data):
    categories = load_categories(data / "things/category27.tsv")
    members = categories.members
    assert (members.shape, int(members.any(axis=1).sum())) == ((1854, 27), 1295)
    x = np.load(data / "things/clip_vit_b32.npy")
    triplets = sample_triplets(x, 5000, categories=categories, scheme="within")
    assert np.array_equal(triplets, sample_triplets(x, 5000, categories=members.astype(int), scheme="within"))
    within = members[triplets]
    assert within.all(axis=1).any(axis=1).all()
    triplets = sample_triplets(x, 5000, categories=members, scheme="across")
    a, b, c = (members[triplets[:, k]] for k in range(3))
    pairs = np.stack([(p & q).any(axis=1) for p, q in ((a, b), (a, c), (b, c))])
    assert (pairs.sum(axis=0) == 1).all()
    # How often CLIP's odd one is the item of the other category, the coarse-category task; by chance 1/3.
    assert pairs[0].mean() == pytest.approx(0.773, abs=0.03)


def test_the_seed_decides():
    x = reals(1, 20, 4)
    one, again, other = (sample_triplets(x, 100, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_categories_with_names_are_matched_to_rows_with_names():
    x, names = reals(1, 10, 4), [f"item {k}" for k in range(10)]
    expected = sample_triplets(x, 500, categories=LABELS, scheme="across")
    turned = Categories.of(LABELS[::-1], names=tuple(names[::-1]))
    assert np.array_equal(sample_triplets(Embeddings(x, names), 500, categories=turned, scheme="across"), expected)
    assert not np.array_equal(sample_triplets(x, 500, categories=turned, scheme="across"), expected)


def test_dissimilarities_are_similarities_the_other_way_round():
    x = reals(1, 10, 4, dtype=np.float64)
    s = similarity(x, measure="neg_euclidean")
    expected = sample_triplets(x, 500, measure="neg_euclidean")
    assert np.array_equal(sample_triplets(s, 500, measure="precomputed"), expected)
    assert np.array_equal(sample_triplets(-s, 500, measure="precomputed_dissimilarity"), expected)


def test_the_real_matrix_of_dissimilarities_must_be_stated_as_such(data, message_of):
    rdm = load_embeddings(data / "things" / "RDM48_triplet.mat")
    said = message_of(sample_triplets, rdm, 1000, measure="precomputed")
    assert said == (
        "x looks like dissimilarities: 0 on the diagonal, positive elsewhere; state that by measure "
        "'precomputed_dissimilarity' (--dissimilarities)"
    )
    drawn = draw(rdm, 1000, measure="precomputed_dissimilarity")
    d = np.asarray(rdm)
    a, b, odd = drawn.triplets.T
    assert (d[a, b] < np.minimum(d[a, odd], d[b, odd])).all()


def test_a_matrix_of_the_other_kind_is_refused_and_one_that_may_be_either_is_not(message_of):
    similar = similarity(reals(1, 10, 4))
    said = message_of(sample_triplets, similar, 5, measure="precomputed_dissimilarity")
    assert said == (
        "x looks like similarities: nothing is larger than the diagonal; state that by measure 'precomputed' "
        "(--similarities)"
    )
    graph = np.zeros((6, 6))
    graph[0, 1] = graph[1, 0] = graph[2, 3] = graph[3, 2] = 1
    assert sample_triplets(graph, 5, measure="precomputed").shape == (5, 3)
    assert sample_triplets(graph, 5, measure="precomputed_dissimilarity", temperature=1.0).shape == (5, 3)


def test_a_document_holds_the_figures_and_comes_back(tmp_path):
    drawn = draw(reals(1, 10, 4), 300, categories=LABELS, scheme="across", temperature=0.5, soft=True, seed=5)
    document = strict_json(drawn.to_json())
    told = {"command": "triplets", "n_triplets": 300, "scheme": "across", "measure": "cosine", "temperature": 0.5}
    assert told.items() <= document.items()
    assert not {"triplets", "probabilities"} & document.keys()
    back = read_back(drawn, tmp_path)
    assert back == drawn and back.triplets is None
    assert read_back(draw(reals(1, 10, 4), 30), tmp_path).temperature is None
    assert [one.name for one in back.provenance.inputs] == ["x", "categories"]
    assert drawn.to_csv().startswith("n_triplets,n_tied,n_sharing,scheme,measure,temperature,seed\n300,")


def test_probabilities_from_a_matrix_are_those_of_the_rows():
    x = reals(1, 30, 4, dtype=np.float64)
    triplets = draw_triplets(2, 30, 500)
    p = choice_probabilities_from(similarity(x), triplets, temperature=0.2)
    assert p == pytest.approx(choice_probabilities(x, triplets, temperature=0.2), abs=1e-12)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"scheme": "within"}, "categories must be given"),
        ({"categories": LABELS}, "no use for them"),
        ({"categories": LABELS[:4], "scheme": "within"}, "categories must have a row for each of 10 rows of x; got 4"),
        ({"categories": np.arange(10), "scheme": "within"}, "the largest has 1"),
        ({"categories": np.ones(10), "scheme": "within"}, "whole numbers or text"),
        ({"categories": 2 * np.eye(10), "scheme": "across"}, "0 and 1"),
        ({"categories": np.zeros(10, int), "scheme": "across"}, "shares a category"),
        ({"scheme": "inside"}, "'within'|uniform"),
        ({"soft": True}, "temperature"),
        ({"measure": "precomputed"}, r"\(n, n\)"),
        ({"n_triplets": 0}, "n_triplets"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words, message_of):
    options = {"n_triplets": 10, **options}
    assert re.search(words, message_of(sample_triplets, reals(1, 10, 4), **options))


def test_a_matrix_that_is_not_symmetric_is_refused(message_of):
    message = message_of(sample_triplets, np.triu(np.ones((4, 4))), 5, measure="precomputed")
    assert "symmetric" in message


def test_rows_that_always_tie_are_refused_and_not_drawn_for_ever(message_of):
    assert "tied" in message_of(sample_triplets, np.ones((5, 2)), 5)
