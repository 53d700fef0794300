"""Answers show in which order rows stand: of THINGS, and by name or by number; and nothing is said by chance."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign import Embeddings, Triplets
from pyalign.analysis import notes as order
from pyalign.data import align
from pyalign.datasets import things_order, things_rows
from pyalign.kinds import KINDS

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
    """Of models that know nothing of the answers; tools/simulation/orders.py has more worlds and runs."""
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


def test_a_number_that_is_no_row_is_nothing_that_order_tells_of(world):
    x, answers = world
    assert order.notes_on_order(align(x, np.r_[answers, [[0, 1, N]]]), "x", confirm=True) == ()


def test_a_few_answers_end_the_comparison_where_they_support_the_order_of_rows(world):
    """Only where some predict the answers better at first sight, 5,000 are compared; the verdicts are the same."""
    x, answers = world
    many = np.tile(answers, (9, 1))
    assert [*order.support_of_orders(x, many, supported=False)] == []
    assert all(support.ratio > 0 and support.n > 2 * order.FIRST for support in order.support_of_orders(x, many))
    wrong = x[order._standing("raw")]
    found = {support.other: support for support in order.support_of_orders(wrong, many)}
    against = {support.other: support for support in order.support_of_orders(wrong, many, supported=False)}
    assert against == {other: support for other, support in found.items() if support.ratio < 0} != {}


def named(t=3000):
    """Answers by number with a list of names, and their rows under names in another order, and in the right one."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 4)) ** 2
    answers = pyalign.sample_triplets(x, t, temperature=0.05, seed=1)
    names = tuple(f"object {k}" for k in range(60))
    half = [*rng.permutation(30), *range(30, 60)]
    wrong = Embeddings(x, tuple(names[k] for k in half), source="x.npy")
    return Triplets(answers, names, numbered=True), wrong, Embeddings(x, names)[rng.permutation(60)]


def transferred(x, triplets):
    other = Embeddings(np.asarray(x.values) + 0.1, x.names)
    return pyalign.transfer(x, pyalign.fit_probe(other, triplets, penalty=10.0).transform, {"t": triplets}, ci=None)


def repeated(triplets):
    return Triplets(np.repeat(triplets.values, 2, axis=0), triplets.names, numbered=True)


def dimensions_of(x, triplets):
    return pyalign.predict_dimensions(
        x, Embeddings(np.asarray(x.values), x.names), triplets=triplets, penalties=1.0, ci=None
    )


def embedded(x, triplets):
    return pyalign.cross_validate_embedding(
        triplets, against={"x": x}, folds=2, penalties=[(1e-4, 1e-4)], n_dimensions=4, ci=None
    )


CALLS = {  # every function that compares rows with answers
    "score": lambda x, t: pyalign.score(x, t, ci=None),
    "score of several": lambda x, t: pyalign.score({"y": x[::-1], "x": x}, t, ci=None),
    "permutation_test": lambda x, t: pyalign.permutation_test(x, t, n_permutations=9),
    "compare": lambda x, t: pyalign.compare({"y": x[::-1], "x": x}, t, ci=None),
    "calibrate": lambda x, t: pyalign.calibrate(x, t, split=None, ci=None),
    "agreement": lambda x, t: pyalign.agreement(x, repeated(t), ci=None),
    "find_failures": lambda x, t: pyalign.find_failures({"y": x[::-1], "x": x}, t),
    "score_concepts": lambda x, t: pyalign.score_concepts(x, t, categories=["a", "b", "c"] * 20, ci=None),
    "error_consistency": lambda x, t: pyalign.error_consistency({"y": x[::-1], "x": x}, t, ci=None),
    "recover": lambda x, t: pyalign.recover({"y": x[::-1], "x": x}, t, temperature=1.0, n_simulations=2),
    "fit_probe": lambda x, t: pyalign.fit_probe(x, t, penalty=1.0),
    "cross_validate_probe": lambda x, t: pyalign.cross_validate_probe(
        x, t, repeats=1, penalties=[1.0], folds=2, ci=None
    ),
    "transfer": transferred,
    "predict_dimensions": dimensions_of,
    "cross_validate_embedding": embedded,
    "plan_experiment": lambda x, t: pyalign.plan_experiment(pyalign.score(x, t, ci="objects"), difference=0.05),
}


def test_the_table_has_every_analysis_of_rows_and_answers():
    both = {analysis.name for kind in KINDS.values() for analysis in kind.analyses
            if {"triplets", "on"} & {*analysis.inputs} and {"embeddings", "models"} & {*analysis.inputs}}
    assert both <= {*CALLS} and len(both) > 10


@pytest.mark.parametrize("name", CALLS)
def test_every_function_compares_rows_taken_by_name_with_rows_taken_by_number(name):
    triplets, wrong, right = named()
    found = [note for note in CALLS[name](wrong, triplets).notes if "item number k is row k whatever" in note]
    assert found and "the answers contradict the order in which rows of" in found[0], name
    assert not told(CALLS[name](right, triplets).notes)


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


def test_the_page_has_the_figures_of_the_simulation():
    root = Path(__file__).parents[2]
    with open(root / "tools" / "simulation.csv", newline="") as file:
        *others, _, _ = (row for row in csv.DictReader(file) if row["kind"] == "orders")
    page = " ".join((root / "docs" / "datasets.md").read_text().split())
    said = f"in {sum(int(row['draws']) for row in others):,} simulations;"
    assert said in page and not any(float(row["rejected"]) for row in others)
