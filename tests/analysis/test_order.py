"""Answers show in which order rows stand: of THINGS, and by name or by number; and nothing is said by chance."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign
from pyalign import Embeddings, Triplets
from pyalign.analysis import order
from pyalign.datasets import things_order, things_rows

N = order.THINGS
MOVED = {name: np.flatnonzero(order._standing(name) != np.arange(N)) for name in order.MOVED}


def asked(rng, t, name="raw"):
    """(t, 3) different objects, of which the first has another row in the order."""
    triplets = np.stack([rng.choice(MOVED[name], t), *rng.integers(0, N, (2, t))], axis=1).astype(np.int32)
    while len(wrong := np.flatnonzero([len({*row}) < 3 for row in triplets.tolist()])):
        triplets[wrong, 1:] = rng.integers(0, N, (len(wrong), 2))
    return triplets


def answered(x, triplets):
    """The same, the odd item by the rows x last."""
    odd = pyalign.odd_one_out(x, triplets)
    return np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1).astype(np.int32)


@pytest.fixture(scope="module")
def world():
    """Rows in the order of unique_id.txt, and answers by them about objects that the two other orders move."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 4)).astype(np.float32)
    return x, np.concatenate([answered(x, asked(rng, 600, name)) for name in order.MOVED])


def told(notes):
    return [note for note in notes if "in which rows of" in note]


def test_the_orders_are_those_of_the_names(data):
    names = (data / "things/unique_id.txt").read_text().split()
    for name in order.MOVED:
        assert [names[k] for k in order._standing(name)] == list(things_order(name, names))
    assert {name: len(moved) for name, moved in MOVED.items()} == {"raw": 21, "folders": 192}


def test_vice_as_it_was_read_is_found(data):
    """Rows as published, in the raw order, under the names of unique_id.txt: 49.0% of 4,311 answers, not 61.4."""
    names = tuple((data / "things/unique_id.txt").read_text().split())
    answers = Triplets(np.load(data / "things/human_triplets_127304.npy")[:, :3], names, numbered=True)
    x = np.load(data / "things/vice_42d.npy")
    published = x[things_rows("sorted", "raw", names)]
    (note,) = told(pyalign.score(Embeddings(published, names), answers, ci=None).notes)
    assert note == (
        "the answers contradict the order in which rows of embeddings are read: of 4,311 answers about objects that "
        "would have other rows 49.0% are predicted, and 61.4% if rows are in the order 'raw' of THINGS (a difference "
        "of 12.4 points; standard error over objects 2.2)"
    )
    assert not told(pyalign.score(Embeddings(x, names), answers, ci=None).notes)


@pytest.mark.parametrize("name", order.MOVED)
def test_rows_and_items_in_another_order_are_told_apart(world, name):
    x, answers = world
    standing = order._standing(name)
    (note,) = told(pyalign.score(x[standing], answers, ci=None).notes)
    assert f"if rows are in the order {name!r} of THINGS" in note
    (note,) = told(pyalign.score(x, np.argsort(standing)[answers], ci=None).notes)
    assert f"if items are numbered in the order {name!r} of THINGS" in note
    assert not told(pyalign.score(x, answers, ci=None).notes)
    matrix = pyalign.similarity(x[standing])
    assert len(told(pyalign.score(matrix=matrix, kind="similarity", triplets=answers, ci=None).notes)) == 1


def test_figures_are_those_of_the_triplets_with_other_rows(world):
    x, answers = world
    standing = order._standing("raw")
    support = next(order.support_of_orders(x[standing], answers))
    assert support.other == "if rows are in the order 'raw' of THINGS"
    theirs = answers[np.isin(answers, MOVED["raw"]).any(axis=1)]
    read, otherwise = (
        pyalign.odd_one_out(rows, theirs) == 2 for rows in (x[standing], x[standing][np.argsort(standing)])
    )
    assert (support.n, support.accuracy, support.otherwise) == (len(theirs), read.mean(), otherwise.mean())
    independent = (read.astype(float) - otherwise).std() / len(theirs) ** 0.5
    assert support.error >= independent  # answers about one object are no independent evidence
    assert support.ratio == (support.accuracy - support.otherwise) / support.error


@pytest.mark.parametrize("people", ["who guess", "of another space"])
def test_where_no_order_is_better_nothing_is_told(people):
    """Of models that know nothing of the answers. 1,000 runs of each kind gave no note, and ratios from -3.6 to 3.6."""
    rng, ratios = np.random.default_rng(1), []
    theirs = rng.normal(size=(N, 3)).astype(np.float32)
    for _ in range(25):
        triplets = np.concatenate([asked(rng, 250, name) for name in order.MOVED])
        answers = rng.permuted(triplets, axis=1) if people == "who guess" else answered(theirs, triplets)
        x = rng.normal(size=(N, 3)).astype(np.float32)
        ratios += [support.ratio for support in order.support_of_orders(x, answers)]
    assert len(ratios) == 100 and 0.7 < np.std(ratios) < 1.3 and np.abs(ratios).max() < order.BEYOND


def test_where_answers_cannot_tell_nothing_is_told(world):
    x, answers = world
    elsewhere = np.setdiff1d(np.arange(N), np.concatenate([*MOVED.values()]))
    rest = np.random.default_rng(2).permuted(np.tile(elsewhere, (20, 1)), axis=1)[:, :300].reshape(-1, 3)
    assert [*order.support_of_orders(x, answered(x, rest.astype(np.int32)))] == []
    assert [*order.support_of_orders(x, answers[: order.FEWEST - 1])] == []
    other = x[order._standing("folders")]
    assert [*order.support_of_orders(x[:1853], np.minimum(answers, 1852))] == []
    other[5] = np.nan
    assert not told(pyalign.score(other, answers, nan_policy="omit", ci=None).notes)


def test_rows_taken_by_name_are_compared_with_rows_taken_by_number():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 4))
    answers = pyalign.sample_triplets(x, 3000, seed=1)
    names = tuple(f"object {k}" for k in range(60))
    triplets = Triplets(answers, names, numbered=True)
    wrong = Embeddings(x, tuple(names[k] for k in rng.permutation(60)), source="x.npy")
    (note,) = told(pyalign.score(wrong, triplets, ci=None).notes)
    assert "100.0% if item number k is row k whatever the names" in note
    probed = pyalign.fit_probe(wrong, triplets, penalty=1.0)
    assert len(told(probed.notes)) == 1
    right = Embeddings(x, names)[rng.permutation(60)]
    assert not told(pyalign.score(right, triplets, ci=None).notes)
