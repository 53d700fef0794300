"""Triplets drawn from a representation: who meets, who is odd, and with which probability."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    clear_cut, decide, definition, draw_triplets, pairs_of, read_back, reals, run_python, seeds, strict_json, whole,
)

from pyalign import Categories, Embeddings, choice_probabilities, load_embeddings, sample_triplets, similarity
from pyalign._process import free_memory
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
        triplets, p = sample_triplets(None, 200, matrix=similarity(x), kind="similarity", **options)
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
    assert np.array_equal(sample_triplets(None, 500, matrix=s, kind="similarity"), expected)
    assert np.array_equal(sample_triplets(None, 500, matrix=-s, kind="dissimilarity"), expected)


def test_the_real_matrix_of_dissimilarities_must_be_stated_as_such(data, message_of):
    rdm = load_embeddings(data / "things" / "RDM48_triplet.mat")
    said = message_of(sample_triplets, None, 1000, matrix=rdm, kind="similarity")
    assert said.startswith('matrix must be of kind="dissimilarity", since its diagonal has the smallest number')
    drawn = draw(None, 1000, matrix=rdm, kind="dissimilarity")
    assert np.array_equal(drawn.triplets, sample_triplets(None, 1000, matrix=rdm))
    d = np.asarray(rdm)
    a, b, odd = drawn.triplets.T
    assert (d[a, b] < np.minimum(d[a, odd], d[b, odd])).all()


def test_a_matrix_of_the_other_kind_is_refused_and_one_that_may_be_either_is_not(message_of):
    similar = similarity(reals(1, 10, 4))
    for matrix, kind, other in ((similar, "dissimilarity", "similarity"), (1 - similar, "similarity", "dissimilarity")):
        told = message_of(sample_triplets, None, 5, matrix=matrix, kind=kind)
        assert told.startswith(f'matrix must be of kind="{other}"')
    graph = np.zeros((6, 6))
    graph[0, 1] = graph[1, 0] = graph[2, 3] = graph[3, 2] = 1
    np.fill_diagonal(graph, np.nan)
    assert sample_triplets(None, 5, matrix=graph, kind="similarity").shape == (5, 3)
    assert sample_triplets(None, 5, matrix=graph, kind="dissimilarity", temperature=1.0).shape == (5, 3)
    assert message_of(sample_triplets, None, 5, matrix=graph).startswith("kind must say what matrix holds")


def test_a_document_holds_the_figures_and_comes_back(tmp_path):
    drawn = draw(reals(1, 10, 4), 300, categories=LABELS, scheme="across", temperature=0.5, soft=True, seed=5)
    document = strict_json(drawn.to_json())
    told = {"command": "triplets", "n_triplets": 300, "scheme": "across", "measure": "cosine", "temperature": 0.5}
    assert told.items() <= document.items()
    assert not {"triplets", "probabilities"} & document.keys()
    back = read_back(drawn, tmp_path)
    assert back == drawn and back.triplets is None
    assert read_back(draw(reals(1, 10, 4), 30), tmp_path).temperature is None
    assert [one.name for one in back.provenance.inputs] == ["embeddings", "categories"]
    assert drawn.to_csv().startswith("n_triplets,n_tied,n_sharing,scheme,measure,temperature,seed\n300,")


def test_probabilities_from_a_matrix_are_those_of_the_rows():
    x = reals(1, 30, 4, dtype=np.float64)
    triplets = draw_triplets(2, 30, 500)
    p = choice_probabilities(kind="similarity", matrix=similarity(x), triplets=triplets, temperature=0.2)
    assert p == pytest.approx(choice_probabilities(x, triplets, temperature=0.2), abs=1e-12)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"scheme": "within"}, "categories must be given"),
        ({"categories": LABELS}, "no use for them"),
        (
            {"categories": LABELS[:4], "scheme": "within"},
            "categories must have a row for each of 10 rows of embeddings; got 4",
        ),
        ({"categories": np.arange(10), "scheme": "within"}, "the largest has 1"),
        ({"categories": np.ones(10), "scheme": "within"}, "whole numbers or text"),
        ({"categories": 2 * np.eye(10), "scheme": "across"}, "0 and 1"),
        ({"categories": np.zeros(10, int), "scheme": "across"}, "shares a category"),
        ({"scheme": "inside"}, "'within'|uniform"),
        ({"soft": True}, "temperature"),
        ({"kind": "similarity"}, "got no matrix"),
        ({"matrix": np.eye(10), "kind": "similarity"}, "got both"),
        ({"n_triplets": 0}, "n_triplets"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words, message_of):
    options = {"n_triplets": 10, **options}
    assert re.search(words, message_of(sample_triplets, reals(1, 10, 4), **options))


def test_a_matrix_that_is_not_symmetric_is_refused(message_of):
    message = message_of(sample_triplets, None, 5, matrix=np.triu(np.ones((4, 4))), kind="similarity")
    assert "symmetric" in message


def test_rows_that_always_tie_are_refused_and_not_drawn_for_ever(message_of):
    assert "tied" in message_of(sample_triplets, np.ones((5, 2)), 5)


# Many triplets


def all_at_once(scheme, n, t, rng, groups):
    """(t, 3) items that could meet, each column drawn for all triplets at once; groups: the items of each category."""
    if scheme == "uniform":
        sizes = np.full(t, n)
        items = np.arange(n)[None]
        category = np.zeros(t, np.int64)
    else:
        items = np.full((len(groups), n), -1)
        for k, group in enumerate(groups):
            items[k, : len(group)] = group
        count = np.array([len(group) for group in groups], float)
        weights = count * (count - 1) * (count - 2 if scheme == "within" else 1)
        category = rng.choice(len(groups), t, p=weights / weights.sum())
        sizes = count.astype(np.int64)[category]
    dtype = np.int64 if scheme == "across" else np.int32
    high = n if scheme == "uniform" else sizes
    a, b = rng.integers(0, high, t, dtype=dtype), rng.integers(0, high - 1, t, dtype=dtype)
    b = b + (b >= a)
    if scheme == "across":
        labels = np.concatenate([np.full(len(group), k) for k, group in enumerate(groups)])
        others = np.concatenate(groups)
        third = rng.choice(np.sort(others), t)
        of_third = labels[np.argsort(others)][np.searchsorted(np.sort(others), third)]
        drawn = np.column_stack([items[category, a], items[category, b], third])[of_third != category]
        return rng.permuted(drawn, axis=1)
    c = rng.integers(0, high - 2, t, dtype=dtype)
    c = c + (c >= np.minimum(a, b))
    c = c + (c >= np.maximum(a, b))
    return np.column_stack([items[category, place] for place in (a, b, c)])


@pytest.mark.parametrize("scheme", ["uniform", "within", "across"])
def test_triplets_that_are_drawn_in_pieces_are_those_of_one_draw(scheme):
    x, t = reals(1, 10, 4, dtype=np.float64), (1 << 20) + 5000  # more than a piece
    groups = [np.array([0, 1, 2]), np.array([3, 4, 5, 6]), np.array([7, 8])]
    rng = np.random.default_rng([4, 1])
    candidates = all_at_once(scheme, 10, t, rng, groups)
    p = choice_probabilities(x, candidates, temperature=0.3)
    u = rng.random(len(p)) * p.sum(axis=1)
    odd = (u >= p[:, 0]).astype(int) + (u >= p[:, 0] + p[:, 1])
    last = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
    categories = None if scheme == "uniform" else LABELS
    options = {"categories": categories, "scheme": scheme, "temperature": 0.3, "soft": True, "seed": 4}
    triplets, soft = sample_triplets(x, t, **options)
    assert np.array_equal(triplets[: len(p)], np.take_along_axis(candidates, last, axis=1))
    assert np.array_equal(soft[: len(p)], np.take_along_axis(p, last, axis=1))


DRAW = """
import resource, sys
import numpy as np
import pyalign
from pyalign.datasets.simulate import simulate
options = eval(sys.argv[2])
x = np.random.default_rng(0).normal(size=(options.pop("items", 300), 16)).astype(np.float32)
function = options.pop("function", pyalign.sample_triplets)
function(x, 1000, **options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("ready", flush=True)
found = function(x, eval(sys.argv[1]), **options)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
WAYS = {
    "decisions": "{}",
    "probabilities": "{'temperature': 0.1, 'soft': True}",
    "within": "{'scheme': 'within', 'categories': np.arange(300) % 7}",
    "across": "{'scheme': 'across', 'categories': np.arange(300) % 7, 'temperature': 0.1}",
    "simulate": "{'function': simulate}",
    "items whose matrix would be large": "{'items': 8000}",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_takes_no_more_memory_than_the_result_and_256_mb(way):
    pytest.importorskip("resource", reason="not of this system")
    t = 9_000_000
    ran = run_python(DRAW, arguments=[str(t), WAYS[way]])
    assert ran.returncode == 0, ran.stderr
    result = t * (12 + (24 if way == "probabilities" else 0))
    assert int(ran.stdout.split()[-1]) < result + 160e6  # whatever t: pieces take the same


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a process")
@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_ends_a_long_draw_before_it_is_done(way):
    process = subprocess.Popen(
        [sys.executable, "-c", DRAW, "1 << 27", WAYS[way]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=os.sep,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=120)
        assert shown == "" and said.strip().endswith("KeyboardInterrupt") and process.returncode != 0
    finally:
        process.kill()


def test_more_triplets_than_memory_holds_are_refused_before_any_is_drawn(message_of):
    x = reals(1, 10, 4)
    for function, options, each in (
        (sample_triplets, {}, 12), (sample_triplets, {"temperature": 1.0, "soft": True}, 24), (simulate, {}, 12)
    ):
        said = message_of(function, x, 10**13, **options)
        needs = f"{each * 10_000:,}.0"
        assert re.fullmatch(
            "n_triplets must leave room for the result; 10,000,000,000,000 triplets take "
            rf"{needs} GB, and [\d,.]+ GB of memory are free", said,
        )


def test_a_control_group_with_less_memory_than_the_system_decides(tmp_path):
    """Read by its rules from files as the kernel writes them: the system says more than the group allows."""
    group = tmp_path / "sys/fs/cgroup/job/step"
    group.mkdir(parents=True)
    (group.parent / "memory.max").write_text("3000000000\n")
    (group.parent / "memory.current").write_text("2500000000\n")
    (group.parent / "memory.stat").write_text("anon 5\ninactive_file 100000000\nslab 7\n")
    (group / "memory.max").write_text("max\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/job/step\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n")
    assert free_memory(str(tmp_path)) == 600e6
    (group.parent / "memory.max").unlink()
    assert free_memory(str(tmp_path)) == 8_000_000 * 1024


def test_a_frame_of_similarities_in_another_order_of_numbers_is_put_in_order():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    s = similarity(np.random.default_rng(0).normal(size=(8, 3)))
    frame = pandas.DataFrame(s).iloc[::-1, ::-1]
    expected = sample_triplets(None, 50, matrix=s, kind="similarity")
    assert np.array_equal(sample_triplets(None, 50, matrix=frame, kind="similarity"), expected)
