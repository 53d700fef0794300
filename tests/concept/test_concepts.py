"""Accuracy per concept: figures of each part by themselves, what adds up, what is compared, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds, whole

import pyalign
from pyalign import Categories, Embeddings, Resampling, Transform, Triplets
from pyalign.stats.multiple import CORRECTIONS

N, T = 40, 3000
DIMENSIONS = np.random.default_rng(5).gamma(0.5, size=(N, 4))
MODELS = {"ties": whole(1, N, 2), "reals": reals(2, N, 5), "human": DIMENSIONS}
TRIPLETS = draw_triplets(3, N, T, np.int32)
PEOPLE = np.random.default_rng(4).integers(0, 12, T)
CODES = (DIMENSIONS[TRIPLETS[:, 0]] + DIMENSIONS[TRIPLETS[:, 1]]).argmax(axis=1)


def rows_of(result):
    return [*result.concepts, *([] if result.unassigned is None else [result.unassigned])]


def sixths(rows):
    """All credits, in whole sixths."""
    found = [Fraction(row.accuracy).limit_denominator(10**7) * 6 * row.n_triplets for row in rows if row.n_triplets]
    assert all(one.denominator == 1 for one in found)
    return sum(found)


def same(a, b):
    """Two intervals, or none."""
    return a == b if a is None or b is None else tuple(a) == pytest.approx(tuple(b), rel=1e-9)


@given(seed=seeds, k=st.integers(1, 8), ties=st.sampled_from(["fractional", "wrong", "human_alignment"]))
def test_counts_and_credits_add_up_exactly(seed, k, ties):
    """With rows of which nothing is known, and with ties of two and three."""
    dimensions = np.random.default_rng(seed).integers(0, 2, (N, k))
    found = pyalign.score_concepts(MODELS, TRIPLETS, dimensions, ties=ties, ci=None)
    for result in found.results:
        rows = rows_of(result)
        assert sum(row.n_triplets for row in rows) == result.n_triplets == T
        assert sixths(rows) == Fraction(result.accuracy).limit_denominator(10**7) * 6 * T
        assert result.accuracy == pyalign.score(MODELS[result.embeddings], TRIPLETS, ties=ties).accuracy
        nats = sum(row.cross_entropy * row.n_triplets for row in rows if row.n_triplets)
        assert nats / T == pytest.approx(result.cross_entropy, rel=1e-6)


@pytest.mark.parametrize(
    "ci",
    [None, "objects", "triplets", "subjects", "objects+subjects", Resampling("objects", "bootstrap", 200),
     Resampling("objects", "pigeonhole", 200), Resampling("subjects", "bootstrap", 200)],
)
def test_a_concept_has_the_figures_of_its_triplets(ci):
    """Those of the group that `score` takes of the same triplets, and the whole those of `score`."""
    given = Triplets(TRIPLETS, subjects=PEOPLE)
    found = pyalign.score_concepts(MODELS, given, DIMENSIONS, ci=ci)
    for result in found.results:
        alone = pyalign.score(MODELS[result.embeddings], given, ci=ci, groups=CODES + 1)
        assert same(result.ci, alone.ci) and same(result.cross_entropy_ci, alone.cross_entropy.ci)
        for row, group in zip(result.concepts, alone.groups, strict=True):
            assert (row.concept, row.n_triplets) == (group.group, group.n_triplets)
            assert row.accuracy == pytest.approx(group.accuracy, rel=1e-12)
            assert row.cross_entropy == pytest.approx(group.cross_entropy, rel=1e-6)
            assert same(row.ci, group.ci)
            assert row.n_objects == len(np.unique(TRIPLETS[int(row.concept) - 1 == CODES]))


def test_resampled_triplets_are_drawn_within_each_concept_and_once_for_the_whole():
    plan = Resampling("triplets", "bootstrap", 200)
    found = pyalign.score_concepts(MODELS["reals"], TRIPLETS, DIMENSIONS, ci=plan)
    alone = pyalign.score(MODELS["reals"], TRIPLETS, ci=plan, groups=CODES + 1)
    assert same(found.results[0].ci, alone.ci)
    for row, group in zip(found.results[0].concepts, alone.groups, strict=True):
        assert same(row.ci, group.ci)


@pytest.mark.parametrize("ci", ["objects", Resampling("objects", "bootstrap", 200)])
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_differences_are_those_of_a_comparison_of_the_triplets_of_the_concept(ci, correction):
    """All objects occur in each concept here, so that degrees of freedom are the same."""
    found = pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci=ci, correction=correction)
    assert len(found.differences) == 3 * 4
    for k in range(4):
        pairs = pyalign.compare(MODELS, TRIPLETS[k == CODES], ci=ci).pairs
        own = [one for one in found.differences if one.concept == str(k + 1)]
        for one, pair in zip(own, pairs, strict=True):
            assert (one.embeddings, one.other) == (pair.a, pair.b)
            assert one.difference == pytest.approx(pair.difference, abs=1e-12)
            assert one.cross_entropy_difference == pytest.approx(pair.cross_entropy_difference, abs=1e-6)
            assert one.p_value == pytest.approx(pair.p_value, rel=1e-6)
            assert same(one.ci, pair.ci)
    p = [one.p_value for one in found.differences]
    assert [one.p_adjusted for one in found.differences] == CORRECTIONS[correction](p)


def test_a_transform_is_scored_before_and_after():
    weights = np.random.default_rng(1).normal(size=(5, 3))
    transform = Transform(weights, None, 0.5, 2.0)
    x = MODELS["reals"]
    found = pyalign.score_concepts({"clip": x}, TRIPLETS, DIMENSIONS, transform=transform)
    by_hand = pyalign.score_concepts({"after": transform.apply(x), "clip": x}, TRIPLETS, DIMENSIONS)
    assert [one.embeddings for one in found.results] == ["clip", "clip (transformed)"]
    assert [one.transform for one in found.results] == [None, "given"]
    assert found.results[1].concepts == by_hand.results[0].concepts
    assert [one.difference for one in found.differences] == [one.difference for one in by_hand.differences]
    assert {(one.embeddings, one.other) for one in found.differences} == {("clip (transformed)", "clip")}
    assert any("does not say what it was fitted to" in note for note in found.notes)


def test_a_concept_with_few_triplets_says_so():
    rare = np.column_stack([DIMENSIONS, np.zeros((N, 2))])
    rare[7, 4] = 100.0  # some tens of triplets of this one, and none of the last
    n = int(((TRIPLETS[:, :2] == 7).any(axis=1)).sum())
    found = pyalign.score_concepts(MODELS, TRIPLETS, rare, min_triplets=n + 1)
    row, empty = found.results[0].concepts[4:]
    assert (row.n_triplets, row.ci, row.note) == (n, None, f"there is no interval: {n} triplets, fewer than {n + 1}")
    assert row.accuracy is not None
    assert (empty.n_triplets, empty.n_objects, empty.accuracy, empty.cross_entropy) == (0, 0, None, None)
    assert any("1 of 6 dimensions without an interval" in note for note in found.notes)
    assert any("1 of 6 dimensions without a triplet: 6" in note for note in found.notes)
    small = [one for one in found.differences if one.concept in "56"]
    assert all(one.p_value is None and one.p_adjusted is None for one in small)
    enough = pyalign.score_concepts(MODELS, TRIPLETS, rare, min_triplets=n).results[0].concepts[4]
    assert enough.note is None or "no interval over objects" in enough.note  # all share object 7


def test_triplets_that_all_share_an_object_have_no_interval_over_objects():
    rare = np.column_stack([DIMENSIONS, np.zeros(N)])
    rare[7, 4] = 100.0
    row = pyalign.score_concepts(MODELS["reals"], TRIPLETS, rare).results[0].concepts[4]
    assert row.ci is None and row.note == "there is no interval over objects: any two triplets share an object"


def test_a_small_concept_counts_in_the_resamples_of_the_whole():
    plan = Resampling("objects", "pigeonhole", 100)
    found = pyalign.score_concepts(MODELS["reals"], TRIPLETS, DIMENSIONS, ci=plan, min_triplets=T)
    assert all(row.ci is None for row in found.results[0].concepts)
    assert same(found.results[0].ci, pyalign.score(MODELS["reals"], TRIPLETS, ci=plan).ci)


def test_several_places_for_each_triplet_but_none_that_carries_nothing():
    sparse = np.where(DIMENSIONS > 0.6, DIMENSIONS, 0.0)
    found = pyalign.score_concepts(MODELS["reals"], TRIPLETS, sparse, top=2).results[0]
    carried = sparse[TRIPLETS[:, 0]] + sparse[TRIPLETS[:, 1]]
    order = np.argsort(-carried, axis=1, kind="stable")[:, :2]
    codes = np.where(np.take_along_axis(carried, order, axis=1) > 0, order, -1)
    assert 0 < (codes[:, 0] < 0).sum() < (codes[:, 1] < 0).sum()
    for row in found.concepts:
        own = TRIPLETS[(codes == int(row.concept) - 1).any(axis=1)]
        assert (row.n_triplets, row.accuracy) == (len(own), pytest.approx(pyalign.score(MODELS["reals"], own).accuracy))
    none = TRIPLETS[codes[:, 0] < 0]
    assert found.unassigned.n_triplets == len(none)
    assert found.unassigned.accuracy == pytest.approx(pyalign.score(MODELS["reals"], none).accuracy)


def test_categories_hold_both_objects_of_the_pair_and_may_overlap():
    members = np.random.default_rng(3).random((N, 3)) < 0.5
    categories = Categories.of(members, ("a", "b", "c"))
    found = pyalign.score_concepts(MODELS["reals"], TRIPLETS, categories=categories)
    groups = pyalign.score(MODELS["reals"], TRIPLETS, ci="objects", groups=categories).groups
    for row, group in zip(found.results[0].concepts, groups, strict=True):
        assert (row.concept, row.n_triplets, row.accuracy) == (
            group.group, group.n_triplets, pytest.approx(group.accuracy),
        )
        assert same(row.ci, group.ci)
    none = ~(members[TRIPLETS[:, 0]] & members[TRIPLETS[:, 1]]).any(axis=1)
    assert found.results[0].unassigned.n_triplets == none.sum()
    assert any("overlap" in note for note in found.notes)


def test_fine_categories_that_no_coarse_one_holds_are_told():
    x, triplets = reals(1, 24, 3), draw_triplets(2, 24, 300)
    fine, coarse = np.arange(24) // 2, np.arange(24) // 8
    notes = [
        pyalign.score_concepts(x, triplets, levels=pair, ci=None).notes for pair in ((fine, coarse), (coarse, fine))
    ]
    told = "3 of 3 fine categories are not part of any coarse one: are the two in order, fine and coarse?"
    assert told in notes[1] and not any("fine categories" in note for note in notes[0])
    overlapping = np.stack([np.ones(24), coarse == 1], axis=1)
    assert not any(
        "within" in n for n in pyalign.score_concepts(x, triplets, levels=(fine, overlapping), ci=None).notes
    )


def test_each_way_of_grouping_has_a_result_of_its_own():
    found = pyalign.score_concepts(
        {"a": MODELS["reals"], "b": MODELS["ties"]}, TRIPLETS, DIMENSIONS, dimension_labels=list("wxyz"),
        categories=np.arange(N) % 3, levels=(np.arange(N) // 4, np.arange(N) // 10),
    )
    assert [(one.embeddings, one.by, len(one.concepts)) for one in found.results] == [
        (name, by, k) for name in "ab" for by, k in (("dimensions", 4), ("categories", 3), ("levels", 4))
    ]
    assert [row.concept for row in found.results[0].concepts] == list("wxyz")
    assert len({one.ci for one in found.results if one.embeddings == "a"}) == 1


@given(order=st.permutations(range(N)).map(np.array))
def test_names_find_rows_dimensions_and_categories(order):
    names = tuple(f"item {k}" for k in range(N))
    categories = Categories.of(np.arange(N) % 3, names=names)
    x, human = Embeddings(MODELS["reals"], names), Embeddings(DIMENSIONS, names)
    named = Triplets(TRIPLETS, names, numbered=True)
    expected = pyalign.score_concepts(x, named, human, categories=categories, ci=None)
    found = pyalign.score_concepts(x, named, human[order], categories=categories, ci=None)
    moved = pyalign.score_concepts(x[order], np.array(names)[TRIPLETS], human, categories=categories, ci=None)
    assert found.results == expected.results == moved.results


def test_rows_with_nan_are_left_out_with_their_triplets():
    x = MODELS["reals"].copy()
    x[3] = np.nan
    kept = ~(TRIPLETS == 3).any(axis=1)
    found = pyalign.score_concepts(
        {"a": x, "b": MODELS["ties"]}, TRIPLETS, DIMENSIONS, nan_policy="omit", subjects=PEOPLE
    )
    clean = {"a": MODELS["reals"], "b": MODELS["ties"]}
    expected = pyalign.score_concepts(clean, TRIPLETS[kept], DIMENSIONS, subjects=PEOPLE[kept])
    assert (found.n_dropped, found.n_triplets) == ((~kept).sum(), kept.sum())
    assert found.results == expected.results and found.n_subjects == expected.n_subjects == 12


def test_anchored_triplets_are_about_the_anchor_and_what_was_chosen():
    anchored = Triplets(TRIPLETS, task="anchored")
    found = pyalign.score_concepts(MODELS["reals"], anchored, DIMENSIONS)
    alone = pyalign.score(MODELS["reals"], anchored, ci="objects", groups=CODES + 1)
    assert found.chance == 0.5
    for row, group in zip(found.results[0].concepts, alone.groups, strict=True):
        assert (row.n_triplets, row.accuracy) == (group.n_triplets, pytest.approx(group.accuracy))
        assert same(row.ci, group.ci)


def test_threads_do_not_matter(set_threads):
    found = []
    for threads in (1, 3):
        set_threads(threads)
        found.append(pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci=Resampling("objects", "bootstrap", 100)))
    assert replace(found[0], provenance=None) == replace(found[1], provenance=None)


def test_every_backend_gives_the_same(host_backend):
    found = pyalign.score_concepts({"ties": MODELS["ties"]}, TRIPLETS, DIMENSIONS, backend=host_backend, measure="dot")
    expected = pyalign.score_concepts(
        {"ties": MODELS["ties"]}, TRIPLETS, DIMENSIONS, backend="reference", measure="dot"
    )
    for a, b in zip(found.results[0].concepts, expected.results[0].concepts, strict=True):
        assert (a.n_triplets, a.accuracy) == (b.n_triplets, b.accuracy)
        assert same(a.ci, b.ci)


def test_documents_and_tables_come_back(tmp_path):
    found = pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, categories=np.arange(N) % 3)
    path = tmp_path / "concepts.json"
    path.write_text(found.to_json())
    assert pyalign.load_result(path) == found
    document = json.loads(path.read_text())
    assert document["command"] == "concepts"
    assert {"embeddings", "concepts", "n_triplets", "accuracy"} <= set(document["results"][0])
    assert {"concept", "n_triplets", "n_objects", "accuracy", "ci", "standard_error", "cross_entropy"} <= set(
        document["results"][0]["concepts"][0]
    )
    records = found.to_records()
    assert len(records) == sum(len(rows_of(one)) for one in found.results)
    assert {"embeddings", "by", "concept", "ci_low", "ci_high", "standard_error"} <= set(records[0])
    assert len(found.differences_csv().splitlines()) == 1 + len(found.differences)


def test_top_objects_are_those_with_the_largest_weights_by_name():
    order = np.random.default_rng(7).permutation(N)
    names = tuple(f"object {k}" for k in range(N))
    human = Embeddings(DIMENSIONS[order], tuple(names[k] for k in order))
    x = Embeddings(MODELS["reals"], names)
    found = pyalign.score_concepts(x, TRIPLETS, human, dimension_labels=["a", "b", "a", "d"], ci=None, limit=3)
    assert [one.concept for one in found.top_objects] == [row.concept for row in found.results[0].concepts]
    for k, one in enumerate(found.top_objects):
        largest = sorted(range(N), key=lambda row: -DIMENSIONS[row, k])[:3]
        assert [(item.row, item.name, item.value) for item in one.top] == [
            (row, names[row], DIMENSIONS[row, k]) for row in largest
        ]
    assert "top_objects" not in pyalign.score_concepts(x, TRIPLETS, human, ci=None).to_dict()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dimensions": DIMENSIONS, "limit": 0}, "limit must be a whole number from 1"),
        ({"categories": np.arange(N) % 3, "limit": 2}, "limit applies only to objects of dimensions"),
        ({}, "dimensions, categories or levels must say what the concepts are; got none of them"),
        ({"dimensions": -DIMENSIONS}, "dimensions must hold finite numbers from 0 up"),
        ({"dimensions": DIMENSIONS[:-1]}, "models must have the same number of items"),
        ({"dimensions": DIMENSIONS, "dimension_labels": ["a"]}, "dimension_labels must be one for each of 4"),
        ({"dimensions": DIMENSIONS, "top": 5}, "top must be at most the 4 dimensions; got 5"),
        ({"dimensions": DIMENSIONS, "transform": np.eye(5)}, "transform must be a pyalign.Transform; got ndarray"),
        ({"levels": np.arange(N)}, "levels must be a pair: fine categories and coarse ones"),
        ({"categories": np.arange(N - 1)}, "categories must have a row for each of 40 rows of embeddings; got 39"),
        ({"dimensions": DIMENSIONS, "ci": "subjects"}, "subjects must identify who answered"),
    ],
)
def test_what_it_refuses(message_of, options, told):
    assert told in message_of(pyalign.score_concepts, MODELS["reals"], TRIPLETS, **options)


def test_answers_that_it_refuses(message_of):
    counts = Triplets(TRIPLETS).with_answers(np.ones((T, 3), int))
    assert "concepts needs one answer to each triplet" in message_of(
        pyalign.score_concepts, MODELS["reals"], counts, DIMENSIONS
    )
    assert "models must not be called 'dimensions'" in message_of(
        pyalign.score_concepts, {"dimensions": MODELS["reals"]}, TRIPLETS, DIMENSIONS
    )
