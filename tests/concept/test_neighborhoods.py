"""Neighbors of concepts: against definitions written out, by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import definition, read_back, reals, seeds, strict_json, whole

import pyalign
from pyalign import Categories, Embeddings
from pyalign.concept.neighbor_lists import SharedNeighbors, chance_of_rbo, neighbor_lists, rbo_weights
from pyalign.ops.resample import permutation
from pyalign.stats.intervals import half_errors, halves


def plain_lists(x, k, measure="cosine", rows=None):
    """Sorted by similarity, of equal ones the lower row first; among some rows alone."""
    s, rows = definition(x, x, measure), range(len(x)) if rows is None else rows
    return [sorted((j for j in rows if j != i), key=lambda j: (-s[i, j], j))[:k] for i in rows]


def plain_rbo(a, b, p):
    """Equation 23 of Webber, Moffat and Zobel: sums over depths."""
    k = len(a)
    shared = [len(set(a[:d]) & set(b[:d])) for d in range(1, k + 1)]
    return shared[-1] / k * p**k + (1 - p) / p * sum(x / d * p**d for d, x in enumerate(shared, 1))


def draws(count):
    """Intervals by so many half-samples."""
    return pyalign.Resampling("objects", n_resamples=count)


def both(seed, n=24):
    return reals(seed, n, 4, dtype=np.float64), reals(seed + 1, n, 3, dtype=np.float64)


@given(seed=seeds, k=st.integers(1, 11), p=st.floats(0.05, 0.99))
def test_overlap_and_rbo_follow_their_definitions(seed, k, p):
    x, y = both(seed)
    found = pyalign.neighborhoods(x, y, k=k, rbo_p=p, ci=None, n_permutations=0)
    a, b = plain_lists(x, k), plain_lists(y, k)
    overlaps = [len(set(one) & set(two)) / k for one, two in zip(a, b, strict=True)]
    rbos = [plain_rbo(one, two, p) for one, two in zip(a, b, strict=True)]
    assert found[0].columns["overlap"].tolist() == overlaps
    np.testing.assert_allclose(found[0].columns["rbo"], rbos, rtol=0, atol=1e-12)
    assert found[0].overlap == pytest.approx(np.mean(overlaps)) and found[0].rbo == pytest.approx(np.mean(rbos))


@given(seed=seeds)
def test_whole_numbers_with_ties_and_zero_rows_are_exact(seed):
    x, y = whole(seed, 20, 2), whole(seed + 1, 20, 2)
    x[3] = 0
    found = pyalign.neighborhoods(x, y, k=5, measure="dot", human_measure="dot", ci=None, n_permutations=0)
    a, b = plain_lists(x, 5, "dot"), plain_lists(y, 5, "dot")
    assert found[0].columns["overlap"].tolist() == [len(set(p) & set(q)) / 5 for p, q in zip(a, b, strict=True)]
    assert any("zero throughout" in note for note in found.notes)


@given(k=st.integers(1, 30), p=st.floats(0.01, 0.99))
def test_identical_lists_have_an_rbo_of_one_and_disjoint_ones_of_none(k, p):
    assert rbo_weights(k, p).sum() == pytest.approx(1.0, abs=1e-12)
    lists = np.stack([np.arange(k), np.arange(k, 2 * k)])
    padded = np.concatenate([lists, np.tile(np.arange(k), (2 * k, 1))])
    found = SharedNeighbors(padded, padded[[1, 0, *range(2, len(padded))]], k, p).values()
    assert (found[:2] == 0).all() and (found[2:, 0] == 1).all()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_chance_is_the_mean_over_all_relabelings(k):
    """k / (n - 1), exactly: the mean over all 720 orders of six objects."""
    x, y = both(k, 6)
    shared = SharedNeighbors(neighbor_lists(x, k).rows, neighbor_lists(y, k).rows, k, 0.8)
    means = [shared.relabeled(np.array(order)).mean(axis=0) for order in permutations(range(6))]
    np.testing.assert_allclose(np.mean(means, axis=0), [k / 5, chance_of_rbo(k, 6, 0.8)], rtol=1e-10)


@given(seed=seeds, k=st.integers(1, 8))
def test_a_relabeling_moves_objects_and_their_neighbors(seed, k):
    x, y = both(seed)
    order = np.random.default_rng(seed).permutation(24)
    moved = np.empty_like(x)
    moved[order] = x
    shared = SharedNeighbors(neighbor_lists(x, k).rows, neighbor_lists(y, k).rows, k, 0.9)
    plain = SharedNeighbors(neighbor_lists(moved, k).rows, neighbor_lists(y, k).rows, k, 0.9).values()
    assert np.array_equal(shared.relabeled(order), plain)


def test_many_objects_are_looked_up_by_bisection_with_the_same_result(monkeypatch):
    x, y = both(6, 40)
    options = {"k": 4, "categories": [0, 1] * 20, "n_permutations": 19, "ci": draws(10)}
    plain = pyalign.neighborhoods(x, y, **options)
    monkeypatch.setattr("pyalign.nearest.scan.LARGEST_TABLE", 0)
    assert pyalign.neighborhoods(x, y, **options) == plain


def test_p_values_count_relabelings():
    x, y = both(3)
    found = pyalign.neighborhoods(x, y + 0.5 * x[:, :3], k=4, ci=None, n_permutations=50, seed=7)
    null = []
    for counter in range(50):
        moved = np.empty_like(x)
        moved[permutation(24, counter, seed=7)] = x
        null.append(pyalign.neighborhoods(moved, y + 0.5 * x[:, :3], k=4, ci=None, n_permutations=0)[0].overlap)
    assert found[0].p_value == (1 + np.count_nonzero(np.array(null) >= found[0].overlap - 1e-12)) / 51


@given(seed=seeds, k=st.integers(1, 5))
def test_a_half_is_what_its_rows_alone_would_give(seed, k):
    x, y = both(seed)
    shared = SharedNeighbors(neighbor_lists(x, 23).rows, neighbor_lists(y, 23).rows, k, 0.9)
    for rows, inside in halves(24, 3, seed % 1000):
        plain = pyalign.neighborhoods(x[rows], y[rows], k=k, ci=None, n_permutations=0)[0]
        found = shared.halved(rows, inside)
        assert found[:, 0].tolist() == plain.columns["overlap"].tolist()
        np.testing.assert_allclose(found[:, 1], plain.columns["rbo"], rtol=0, atol=1e-12)


def test_intervals_are_those_of_the_halves_and_differences_are_paired():
    x, y = both(5, 40)
    z = x + 0.3 * reals(9, 40, 4, dtype=np.float64)
    members = np.arange(40) % 2 == 0
    found = pyalign.neighborhoods(
        {"y": y, "z": z}, x, k=4, categories=np.where(members, "even", ""), ci=draws(60), n_permutations=0
    )
    assert [c.concept for c in found[0].concepts] == ["even"]
    drawn = {"y": [], "z": []}
    for rows, _ in halves(40, 60, 0):
        for name, other in (("y", y), ("z", z)):
            one = pyalign.neighborhoods(other[rows], x[rows], k=4, ci=None, n_permutations=0)[0]
            drawn[name].append((one.overlap, one.columns["overlap"][members[rows]].mean()))
    errors = {name: half_errors(np.array(values), 40) for name, values in drawn.items()}
    assert found[0].standard_error == pytest.approx(errors["y"][0], rel=1e-9)
    assert found[1].concepts[0].standard_error == pytest.approx(errors["z"][1], rel=1e-9)
    apart = half_errors(np.array(drawn["y"]) - np.array(drawn["z"]), 40)
    assert [d.standard_error for d in found.differences] == pytest.approx(apart.tolist(), rel=1e-9)
    assert [d.concept for d in found.differences] == [None, "even"]
    assert found.differences[0].difference == pytest.approx(found[0].overlap - found[1].overlap)


def test_concepts_are_means_over_their_objects_and_few_have_no_interval():
    x, y = both(1, 30)
    weights = np.zeros((30, 3))
    weights[:20, 0], weights[20:28, 1], weights[28:, 2] = 2.0, 1.0, 1.0
    found = pyalign.neighborhoods(
        x, y, k=3, dimensions=weights, dimension_labels=["royal", "food", "tool"], n_permutations=99
    )
    parts = {c.concept: c for c in found[0].concepts}
    assert {name: c.n_objects for name, c in parts.items()} == {"royal": 20, "food": 8, "tool": 2}
    assert parts["food"].overlap == pytest.approx(found[0].columns["overlap"][20:28].mean())
    assert parts["food"].ci is not None and parts["tool"].ci is None
    assert "concepts of fewer than 5 objects, too few for intervals: tool" in found.notes
    assert parts["royal"].p_adjusted >= parts["royal"].p_value
    total = sum(c.overlap * c.n_objects for c in found[0].concepts)
    assert total / 30 == pytest.approx(found[0].overlap)


@given(seed=seeds)
def test_objects_are_matched_by_name(seed):
    x, y = both(seed)
    names = tuple(f"item {k}" for k in range(24))
    order = np.random.default_rng(seed).permutation(24)
    moved = Embeddings(x[order], tuple(names[row] for row in order))
    plain = pyalign.neighborhoods(x, y, k=4, ci=None, n_permutations=0)
    found = pyalign.neighborhoods(moved, Embeddings(y, names), k=4, ci=None, n_permutations=0)
    assert found[0].columns["overlap"].tolist() == plain[0].columns["overlap"].tolist()
    assert found[0].extreme("rbo", 1)[0].name == names[plain[0].extreme("rbo", 1)[0].row]


@given(seed=seeds, dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_dtypes_and_strides_do_not_matter(seed, dtype):
    x, y = whole(seed, 24, 8, dtype=dtype), whole(seed + 1, 24, 4, dtype=np.float64)
    wide = np.zeros((24, 16), dtype)
    wide[:, ::2] = x
    options = {"k": 5, "measure": "dot", "human_measure": "dot", "ci": None, "n_permutations": 0}
    found = pyalign.neighborhoods(wide[:, ::2], np.asfortranarray(y), **options)
    plain = pyalign.neighborhoods(x.astype(np.float64), y, **options)
    assert found[0].columns["overlap"].tolist() == plain[0].columns["overlap"].tolist()


def test_does_not_depend_on_the_number_of_threads(set_threads):
    x, y = both(2, 60)
    found = []
    for threads in (1, 4):
        set_threads(threads)
        found.append(pyalign.neighborhoods(x, y, k=5, n_permutations=19, ci=draws(20)))
    assert found[0] == found[1]


def test_a_result_travels_as_a_document(tmp_path):
    x, y = both(4, 30)
    found = pyalign.neighborhoods({"x": x, "y": y}, x, k=3, categories=["a", "b", "c"] * 10, n_permutations=9)
    strict_json(found.to_json())
    again = read_back(found, tmp_path)
    assert again == found and again.object_records() == []
    records = found.to_records()
    assert len(records) == 8 and records[0]["concept"] is None and records[1]["concept"] == "a"
    assert records[1]["n_objects"] == 10 and {"ci_low", "ci_high", "p_adjusted"} <= set(records[1])
    assert len(found.object_records()) == 60 and len(found.objects_csv().splitlines()) == 61
    assert all(len(line) <= 80 for line in found.table(80).splitlines())


@pytest.mark.parametrize(("options", "told"), [
    ({"k": 24}, "k must be a whole number from 1 to 23, below the number of objects; got 24"),
    ({"k": True}, "k must be a whole number from 1 to 23, below the number of objects; got True"),
    ({"ci": "subjects"}, "ci must be auto, objects or none here; got 'subjects'"),
    ({"ci": pyalign.Resampling("auto", "bootstrap")}, "ci_method must be half-samples here; got 'bootstrap'"),
    ({"dimensions": np.ones((24, 2)), "categories": ["a"] * 24}, "categories and dimensions are two ways to say"),
    ({"dimensions": -np.ones((24, 2))}, "dimensions must hold finite numbers from 0 up"),
    ({"dimensions": np.ones((23, 2))}, "dimensions must have a row for each of 24 objects; got 23"),
    ({"dimensions": np.ones((24, 2)), "dimension_labels": ["a"]}, "dimension_labels must be one for each of 2"),
    ({"dimension_labels": ["a"]}, "dimension_labels are those of dimensions; got none"),
    ({"measure": "cosinus"}, "measure must be one of "),
])
def test_what_is_wrong_is_said_in_one_line(message_of, options, told):
    x, y = both(0)
    assert message_of(pyalign.neighborhoods, x, y, **options).startswith(told)


def test_the_reference_has_a_name_of_its_own_and_as_many_rows(message_of):
    x, y = both(0)
    assert "none called 'human'" in message_of(pyalign.neighborhoods, {"human": x}, y)
    assert "must have the same number of items" in message_of(pyalign.neighborhoods, x[:20], y)
    assert "row 3" in message_of(pyalign.neighborhoods, np.where(np.arange(24)[:, None] == 3, np.nan, x), y)


def test_where_half_of_the_objects_is_too_small_there_is_no_interval():
    x, y = both(0)
    found = pyalign.neighborhoods(x, y, k=12, n_permutations=0)
    assert found[0].ci is None and found.differences == () and found.resamples is None
    assert "no intervals: half of 24 objects holds no 12 neighbors of each" in found.notes


# Purity


@given(seed=seeds, k=st.integers(1, 11))
def test_purity_follows_its_definition(seed, k):
    x = reals(seed, 24, 3, dtype=np.float64)
    members = np.random.default_rng(seed).random((24, 3)) < 0.4
    members[0, 0] = True
    found = pyalign.neighborhoods(x, categories=members.astype(int), k=k, ci=None, n_permutations=0)[0]
    near = plain_lists(x, k)
    shares = [np.mean([(members[i] & members[j]).any() for j in near[i]]) for i in range(24) if members[i].any()]
    assert found.purity == pytest.approx(np.mean(shares))
    every = [[j for j in range(24) if j != i] for i in range(24)]
    others = [np.mean([(members[i] & members[j]).any() for j in every[i]]) for i in range(24) if members[i].any()]
    assert found.chance == pytest.approx(np.mean(others))
    for c, one in enumerate(found.concepts):
        own = [np.mean([members[j, c] for j in near[i]]) for i in range(24) if members[i, c]]
        assert (one.n_objects, one.purity) == (len(own), pytest.approx(np.mean(own) if own else np.nan, nan_ok=True))


@pytest.mark.parametrize("k", [4, 14])
def test_errors_of_purity_are_the_larger_of_halves_and_jackknife(k):
    x = reals(0, 40, 3, dtype=np.float64)
    labels = np.where(x[:, 0] > 0.4, "up", np.where(x[:, 0] > -0.4, "in between", "down"))

    def without(rows):
        one = pyalign.neighborhoods(x[rows], categories=labels[rows], k=k, ci=None, n_permutations=0)[0]
        return [one.purity, *(c.purity for c in one.concepts)]

    of_halves = half_errors(np.array([without(rows) for rows, _ in halves(40, 30, 0)]), 40)
    left_out = np.array([without(np.delete(np.arange(40), row)) for row in range(40)])
    of_jackknife = np.sqrt(39 * left_out.var(axis=0))
    found = pyalign.neighborhoods(x, categories=labels, k=k, ci=draws(30), n_permutations=0)[0]
    errors = [one.purity.error for one in (found, *found.concepts)]
    assert errors == pytest.approx(np.maximum(of_halves, of_jackknife).tolist())
    assert k == 14 or set(of_jackknife > of_halves) == {False, True}


def test_a_category_that_nothing_changes_has_no_interval_and_a_note():
    x = np.concatenate([reals(0, 20, 3) + 50, reals(1, 20, 3) - 50, reals(2, 3, 3)])
    found = pyalign.neighborhoods(x, categories=["a"] * 20 + ["b"] * 20 + ["c"] * 3, k=3, n_permutations=0)
    assert [row.purity.ci for row in found[0].concepts] == [None] * 3
    assert "no interval of purity: all of their objects have the same purity: a, b" in found.notes
    assert "concepts of fewer than 5 objects, too few for intervals: c" in found.notes


def test_p_values_of_purity_are_those_of_shuffled_categories():
    x = reals(0, 40, 3, dtype=np.float64)
    labels = np.where(x[:, 0] > 0, "up", "down")
    found, null = pyalign.neighborhoods(x, categories=labels, k=4, ci=None, n_permutations=40)[0], []
    for counter in range(40):
        order = permutation(40, counter, seed=0)
        null.append(pyalign.neighborhoods(x, categories=labels[order], k=4, ci=None, n_permutations=0)[0].purity)
    assert found.purity_p_value == (1 + np.count_nonzero(np.array(null) >= found.purity - 1e-12)) / 41


def test_objects_without_a_category_do_not_count(message_of, tmp_path):
    x = reals(0, 12, 3)
    found = pyalign.neighborhoods(x, categories=["a"] * 6 + [""] * 6, k=2, n_permutations=9)
    assert (found.n_objects, found.n_with_concept) == (12, 6)
    assert "6 of 12 objects have no concept: they count only as neighbors of others" in found.notes
    assert read_back(found, tmp_path) == found
    assert "at least one object" in message_of(pyalign.neighborhoods, x, categories=np.zeros((12, 1), int), k=2)


# Hubness


NAMES = tuple(f"object {k:02}" for k in range(40))


@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize(
    ("rows", "groups", "without"),
    [(None, None, "the categories and the rows"), (NAMES, None, "the categories"), (None, NAMES, "the rows"),
     (NAMES, NAMES, None)],
)
def test_the_order_of_objects_that_is_assumed_without_names_is_noted(against, rows, groups, without):
    x, given = Embeddings(reals(1, 40, 5), rows), Categories.of(["a", "b"] * 20, names=groups)
    human = Embeddings(reals(2, 40, 3), rows) if against else None
    found = pyalign.neighborhoods({"m": x}, human, categories=given, k=2, ci=None, n_permutations=0)
    told = [note for note in found.notes if note.endswith("have no names: row i is taken for object i")]
    assert told == ([] if without is None else [f"{without} have no names: row i is taken for object i"])


@given(seed=seeds, k=st.integers(1, 8))
def test_hubs_count_how_often_rows_are_neighbors(seed, k):
    x = reals(seed, 20, 3, dtype=np.float64)
    counts = np.bincount(np.ravel(plain_lists(x, k)), minlength=20)
    found = pyalign.neighborhoods(x, k=k)[0]
    assert found.columns["occurrences"].tolist() == counts.tolist()
    assert found.extreme("occurrences", 1)[0].occurrences == counts.max()
    centered = counts - counts.mean()
    expected = np.mean(centered**3) / np.mean(centered**2) ** 1.5 if centered.any() else 0.0
    assert found.skewness == pytest.approx(expected)
    assert found.robin_hood == pytest.approx(np.abs(centered).sum() / 2 / (counts.sum() - k))
    assert found.antihubs == np.mean(counts == 0)


def test_one_row_near_all_is_the_hub(tmp_path):
    x = np.concatenate([np.zeros((1, 30)), np.eye(30)])
    found = pyalign.neighborhoods(x, k=1, measure="neg_euclidean")
    hub = found[0].extreme("occurrences", 1)[0]
    assert (hub.row, hub.occurrences) == (0, 30)
    assert found[0].antihubs == pytest.approx(29 / 31) and found[0].hub_occurrence == 30 / 31
    assert read_back(found, tmp_path) == found


def by_hand(x, k):
    """How often rows are neighbors where those as near as the k-th share its place, by cosine of whole numbers."""
    unit = x / np.linalg.norm(x, axis=1)[:, None]
    near = np.round(unit @ unit.T, 12)
    counts = np.zeros(len(x))
    for i, row in enumerate(near):
        others = [j for j in range(len(x)) if j != i]
        last = sorted((row[j] for j in others), reverse=True)[k - 1]
        nearer, level = [j for j in others if row[j] > last], [j for j in others if row[j] == last]
        counts[nearer] += 1
        counts[level] += (k - len(nearer)) / len(level)
    return counts


@given(seed=seeds, k=st.integers(1, 18), order=st.permutations(range(20)).map(np.array))
def test_hubs_move_with_the_order_of_rows_that_tie(seed, k, order):
    x = np.random.default_rng(seed).integers(1, 3, (20, 3)).astype(np.float64)
    found, moved = pyalign.neighborhoods(x, k=k)[0], pyalign.neighborhoods(x[order], k=k)[0]
    counts = found.columns["occurrences"]
    assert counts == pytest.approx(by_hand(x, k)) and counts.sum() == pytest.approx(20 * k)
    assert moved.columns["occurrences"] == pytest.approx(counts[order])
    assert moved.skewness == pytest.approx(found.skewness, abs=1e-6) and moved.antihubs == pytest.approx(found.antihubs)


@pytest.mark.parametrize("measure", ["cosine", "dot", "neg_euclidean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_have_no_hubs_and_their_ties_are_counted(tmp_path, measure, dtype):
    found = pyalign.neighborhoods(np.full((40, 5), 0.3, dtype), k=10, measure=measure)
    one = found[0]
    assert (one.skewness, one.n_tied) == (0.0, 40) and one.antihubs == pytest.approx((1 - 10 / 39) ** 39)
    assert one.robin_hood == pytest.approx(0, abs=1e-12) and one.columns["occurrences"] == pytest.approx(10)
    told = "for all objects of embeddings others are as near as neighbor 10, but for rounding: the first rows are "
    told += "taken, and occurrences count each of them equally"
    assert told in found.notes and told in " ".join(str(found).split())
    assert read_back(found, tmp_path) == found


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pyalign.neighborhoods(x, reals(2, 40, 3), k=10, ci=None, n_permutations=0),
        lambda x: pyalign.neighborhoods(x, categories=["a", "b"] * 20, k=10, ci=None, n_permutations=0),
        lambda x: pyalign.neighborhoods(x, before=reals(2, 40, 3), k=10),
    ],
    ids=["agreement", "purity", "changes"],
)
def test_ties_for_the_last_place_in_a_list_are_counted_in_a_note(call):
    def said(x):
        return [note for note in call(x).notes if "as near as neighbor 10" in note]

    x = reals(1, 40, 4)
    assert said(x) == [] and len(said(np.ones((40, 4)))) == 1 and "all objects" in said(np.ones((40, 4)))[0]
    x[:12] = x[0]
    unit = x / np.linalg.norm(x, axis=1)[:, None]
    near = -np.sort(-(unit @ unit.T - 9 * np.eye(40)), axis=1)
    assert f"for {(near[:, 9] - near[:, 10] < 1e-12).sum()} objects" in said(x)[0]


def test_hubs_without_ties_have_whole_counts_and_no_note():
    found = pyalign.neighborhoods(reals(1, 30, 4), k=5)
    assert found[0].n_tied == 0 and not [note for note in found.notes if "as near" in note]
    assert (found[0].columns["occurrences"] == found[0].columns["occurrences"].round()).all()


# Changes, prototypes, duplicates


def test_changes_name_what_one_side_alone_has(tmp_path):
    names = tuple("abcdefgh")
    x = np.arange(8.0)[:, None]
    y = x.copy()
    y[0] = 10.0
    found = pyalign.neighborhoods(
        Embeddings(y, names), before=Embeddings(x, names), k=2, measure="neg_euclidean", top=3
    )
    first = found[0].extreme("kept_rbo", 3)[0]
    assert (first.name, first.kept, first.lost, first.gained) == ("a", 0.0, ("b", "c"), ("h", "g"))
    assert 0 < found[0].kept < 1 and first.kept_rbo <= found[0].extreme("kept_rbo", 3)[1].kept_rbo
    assert read_back(found, tmp_path) == found
    same = pyalign.neighborhoods(3 * x, before=x, k=2, measure="neg_euclidean")
    assert same[0].kept == 1 and all(one.lost == one.gained == () for one in same[0].objects)


@given(seed=seeds)
def test_the_medoid_has_the_largest_mean_similarity(seed):
    x = reals(seed, 18, 4, dtype=np.float64)
    labels = np.array(["a", "b", "c"])[np.random.default_rng(seed).integers(0, 3, 18)]
    for one in pyalign.neighborhoods(x, categories=labels, k=1, ci=None, n_permutations=0)[0].concepts:
        rows = np.flatnonzero(labels == one.concept)
        s = definition(x[rows], x[rows], "cosine")
        means = [(s[i].sum() - s[i, i]) / max(1, len(rows) - 1) for i in range(len(rows))]
        assert one.n_objects == len(rows)
        if len(rows) > 1:
            assert means[rows.tolist().index(one.medoid.row)] >= max(means) - 1e-12  # two are each other's
            assert one.medoid.value == pytest.approx(max(means))


def test_top_objects_of_a_dimension_have_the_largest_weights(tmp_path):
    x, weights = reals(0, 10, 3), np.array([[5, 0], [4, 1], [3, 9], [2, 8], [1, 1], *[[0, 0]] * 5], float)
    found = pyalign.neighborhoods(x, dimensions=weights, top=2, k=1, n_permutations=0)
    assert [[t.row for t in one.top] for one in found[0].concepts] == [[0, 1], [2, 3]]
    assert [one.n_objects for one in found[0].concepts] == [3, 2]
    assert read_back(found, tmp_path) == found


@given(seed=seeds, n=st.integers(2, 25))
def test_duplicates_are_connected_components(seed, n):
    x = np.random.default_rng(seed).integers(0, 3, (n, 2)).astype(np.float32)
    found = pyalign.neighborhoods(x, threshold=-1.5, k=1, measure="neg_sqeuclidean")[0]
    near = {i: {j for j in range(n) if ((x[i] - x[j]) ** 2).sum() <= 1.5} for i in range(n)}
    groups, seen = [], set()
    for start in range(n):
        group, todo = set(), [start]
        while todo:
            row = todo.pop()
            if row not in group:
                group.add(row)
                todo += near[row]
        if start not in seen and len(group) > 1:
            groups.append(tuple(sorted(group)))
        seen |= group
    assert [one.rows for one in found.duplicates] == groups
    assert found.n_pairs == sum(len(one) - 1 for one in near.values()) // 2
    assert [one.exact for one in found.duplicates] == [len(np.unique(x[list(g)], axis=0)) == 1 for g in groups]


@given(seed=seeds)
def test_without_a_threshold_equal_rows_alone(seed):
    x = np.random.default_rng(seed).integers(0, 2, (12, 3)).astype(np.float64)
    x[x == 0] = -0.0 if seed % 2 else 0.0
    found = pyalign.neighborhoods(x, k=1)[0]
    labels = [tuple(row + 0.0) for row in x]
    groups = {label: tuple(i for i in range(12) if labels[i] == label) for label in labels}
    assert sorted(one.rows for one in found.duplicates) == sorted(g for g in set(groups.values()) if len(g) > 1)
    assert all(one.exact and one.least is None for one in found.duplicates)
    assert found.n_pairs == sum(len(g) * (len(g) - 1) // 2 for g in set(groups.values()))


def test_blocks_of_rows_give_the_same_groups(monkeypatch, message_of):
    x = reals(0, 50, 3)
    x[40] = x[7]
    whole_at_once = pyalign.neighborhoods(x, threshold=0.95)
    monkeypatch.setattr("pyalign.concept.neighbor_lists.BLOCK", 150)
    assert pyalign.neighborhoods(x, threshold=0.95) == whole_at_once
    assert "threshold must be finite" in message_of(pyalign.neighborhoods, x, threshold=np.inf)


@pytest.mark.parametrize(("measure", "most"), [
    ("cosine", 1), ("pearson", 1), ("rbf:2.5", 1), ("neg_euclidean", 0), ("neg_sqeuclidean", 0)
])
def test_a_threshold_that_no_pair_can_reach_is_refused(message_of, measure, most):
    x = reals(0, 20, 3)
    message = message_of(pyalign.neighborhoods, x, threshold=most + 0.02, measure=measure)
    assert message.startswith(f"threshold must be at most {most}, the largest {measure}; got {most + 0.02}")
    assert ("a distance of at most S is a threshold of -S" in message) == measure.startswith("neg_")
    assert pyalign.neighborhoods(np.r_[x, x[:2]], threshold=most, measure=measure)[0].n_pairs >= 2
    assert pyalign.neighborhoods(x, threshold=1e6, measure="dot")[0].n_pairs == 0


# Real data


def test_clip_shares_more_neighbors_with_people_than_chance(data):
    things = data / "things"
    human = np.loadtxt(things / "spose_embedding_66d_sorted.txt")
    models = {
        name: np.load(things / f"{name}.npy") for name in ("clip_vit_b32", "efficientnet_lite0_logits", "vice_42d")
    }
    found = pyalign.neighborhoods(models, human, dimensions=human, n_permutations=0, ci=draws(20))
    clip, logits, vice = found.results
    assert (round(clip.overlap, 4), round(logits.overlap, 4), round(vice.overlap, 4)) == (0.2646, 0.2258, 0.5378)
    assert round(clip.rbo, 4) == 0.2319 and clip.overlap > 40 * found.overlap_chance
    assert sum(c.n_objects for c in clip.concepts) == found.n_objects == 1854
    assert any("efficientnet_lite0_logits is zero throughout" in note for note in found.notes)
    categories = pyalign.load_embeddings(things / "category27.tsv")
    purity = pyalign.neighborhoods(models, categories=Categories.of(np.asarray(categories)), ci=None, n_permutations=0)
    assert purity.n_with_concept == 1295
    assert [round(one.purity, 4) for one in purity.results] == [0.5812, 0.5006, 0.6874]
