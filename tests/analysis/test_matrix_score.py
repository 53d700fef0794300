"""pyalign.score and pyalign.compare of ready matrices of similarities or dissimilarities, in place of embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from support import NATIVE, draw_triplets

import pyalign
from pyalign import Embeddings, RDMs, Triplets
from pyalign.data import Categories, Transform
from pyalign.data.align import FROM_MATRIX

N, T = 24, 900
KINDS = ("similarity", "dissimilarity")
FIGURES = ("accuracy", "n_triplets", "n_ties", "n_dropped", "cross_entropy", "mean_entropy", "ci", "groups",
           "fraction_of_ceiling", "inference")


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(N, 6))


@pytest.fixture(scope="module")
def similarities(x):
    return pyalign.similarity(x)


@pytest.fixture(scope="module")
def triplets(similarities):
    """Mostly in the order of noisy similarities, by eight people."""
    drawn = draw_triplets(1, N, T)
    noisy = similarities + 0.3 * np.random.default_rng(2).normal(size=(N, N))
    odd = np.array([np.argmax([noisy[b, c], noisy[a, c], noisy[a, b]]) for a, b, c in drawn])
    ordered = np.array([np.append(np.delete(row, k), row[k]) for row, k in zip(drawn, odd, strict=True)])
    return Triplets(ordered, subjects=np.arange(T) % 8)


def given_as(similarities, kind):
    return similarities if kind == "similarity" else 1 - similarities


@pytest.mark.parametrize("ties", ["fractional", "wrong", "human_alignment"])
@pytest.mark.parametrize("t", [T, 5], ids=["matrix", "rows"])
@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects", "triplets"])
def test_similarities_of_embeddings_score_as_the_embeddings_do(x, similarities, triplets, by, t, ties):
    some = Triplets(triplets.values[:t], subjects=np.arange(t) % 4)
    options = {
        "ci": by, "ties": ties, "groups": np.arange(t) % 2, "ceiling": 0.9, "n_permutations": 99, "seed": 3,
        "keep": ("choices", "probabilities"), "temperature": 0.1,
    }
    plain = pyalign.score(x, some, **options)
    found = pyalign.score(matrix=similarities, kind="similarity", triplets=some, **options)
    for name in FIGURES:
        ours, theirs = getattr(found, name), getattr(plain, name)
        if name in ("cross_entropy", "mean_entropy"):
            assert ours == pytest.approx(theirs, rel=1e-12)
        elif name == "ci" and theirs is not None:
            both = [(ours, theirs), (found.cross_entropy.ci, plain.cross_entropy.ci)]
            assert all(tuple(a) == pytest.approx(tuple(b), rel=1e-12) and a.by == b.by for a, b in both)
        elif name == "groups":
            assert [g.accuracy for g in ours] == [g.accuracy for g in theirs]
        else:
            assert ours == theirs, name
    assert found.permutation_test.p_value == plain.permutation_test.p_value
    assert found.permutation_test.null_mean == pytest.approx(plain.permutation_test.null_mean, rel=1e-12)
    np.testing.assert_array_equal(found.choices, plain.choices)
    np.testing.assert_allclose(found.probabilities, plain.probabilities, rtol=1e-12)
    assert (found.measure, plain.measure) == ("similarity matrix", "cosine")


def test_dissimilarities_are_negated(similarities, triplets):
    one, other = (pyalign.score(matrix=given_as(similarities, kind), kind=kind, triplets=triplets) for kind in KINDS)
    assert one.accuracy == other.accuracy > 0.6
    assert other.cross_entropy == pytest.approx(one.cross_entropy, rel=1e-9)  # 1 - s differs by a constant
    cost = 100 * (one.accuracy - 0.5) / 7  # triplets without a common object, of an effective number just below 24
    assert other.measure == "dissimilarity matrix" and other.notes == one.notes == (
        "neither triplets nor embeddings have names: row i is taken for object i",
        f"one more wrong object would cost {cost:.1f} points of accuracy, more than the standard error",
    )


def test_anchored_triplets_are_scored_by_a_matrix_too(x, similarities, triplets):
    anchored = Triplets(triplets.values, task="anchored")
    options = {"n_permutations": 20, "ci": "objects"}
    plain = pyalign.score(x, anchored, **options)
    found = pyalign.score(matrix=similarities, kind="similarity", triplets=anchored, **options)
    assert (found.accuracy, found.ci, found.permutation_test.p_value) == (
        plain.accuracy, plain.ci, plain.permutation_test.p_value
    )


@pytest.mark.parametrize("kind", KINDS)
def test_condensed_vectors_as_scipy_has_them_are_matrices(similarities, triplets, kind):
    matrix = given_as(similarities, kind).copy()
    np.fill_diagonal(matrix, 0)
    whole = pyalign.score(matrix=matrix, kind=kind, triplets=triplets, ci="objects")
    condensed = pyalign.score(matrix=squareform(matrix, checks=False), kind=kind, triplets=triplets, ci="objects")
    assert condensed.accuracy == whole.accuracy and condensed.ci == whole.ci
    assert condensed.cross_entropy == pytest.approx(whole.cross_entropy, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_the_diagonal_and_the_dtype_do_not_matter(triplets, dtype):
    rng = np.random.default_rng(5)
    ranks = rng.permutation(N * (N - 1) // 2)
    matrix = squareform(ranks.astype(dtype))
    found = pyalign.score(matrix=matrix, kind="dissimilarity", triplets=triplets, temperature=100.0).only
    for diagonal in (-1000, 1000):
        other = matrix.copy()
        np.fill_diagonal(other, diagonal)
        again = pyalign.score(matrix=other, kind="dissimilarity", triplets=triplets, temperature=100.0).only
        assert replace(again, notes=found.notes, provenance=None) == replace(found, provenance=None)


def test_rows_are_matched_by_name(similarities, triplets):
    names, order = [f"object {k}" for k in range(N)], np.random.default_rng(4).permutation(N)
    named = Triplets(triplets.values, names=tuple(names), numbered=True)
    plain = pyalign.score(matrix=similarities, kind="similarity", triplets=triplets)
    shuffled = RDMs(similarities[order][:, order], "similarity", tuple(names[k] for k in order))
    assert pyalign.score(matrix=shuffled, triplets=named).accuracy == plain.accuracy
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.asarray(shuffled), index=shuffled.names, columns=shuffled.names)
    assert pyalign.score(matrix=frame, kind="similarity", triplets=named).accuracy == plain.accuracy


def test_a_frame_of_a_matrix_in_another_order_of_numbers_scores_as_the_matrix(message_of):
    pandas = pytest.importorskip("pandas")
    line = np.abs(np.subtract.outer(np.arange(6.0), np.arange(6.0)))
    frame = pandas.DataFrame(line).iloc[[5, 4, 3, 2, 1, 0], [5, 4, 3, 2, 1, 0]]
    nearest = [[0, 1, 5], [4, 5, 0], [0, 2, 5], [3, 5, 0]]
    found = pyalign.score(matrix=frame, kind="dissimilarity", triplets=nearest)
    assert found.accuracy == 1.0 == pyalign.score(matrix=line, kind="dissimilarity", triplets=nearest).accuracy
    other = frame.rename(columns={5: 6})
    told = message_of(pyalign.score, matrix=other, kind="dissimilarity", triplets=nearest)
    assert told == "matrix must have the same labels in its index and its columns; '5' is only in one"


def test_several_matrices_give_a_score_each(similarities, triplets):
    matrices = {"a": similarities, "b": -similarities, "c": similarities**3}
    found = pyalign.score(matrix=matrices, kind="similarity", triplets=triplets, ci="objects")
    assert [one.embeddings for one in found] == ["a", "b", "c"]
    for one, matrix in zip(found, matrices.values(), strict=True):
        alone = pyalign.score(matrix=matrix, kind="similarity", triplets=triplets, ci="objects")
        assert (one.accuracy, one.ci) == (alone.accuracy, alone.ci)
    back = pyalign.results.Scores.from_json(found.to_json()) if hasattr(pyalign.results.Scores, "from_json") else found
    assert [one.measure for one in back] == ["similarity matrix"] * 3


def test_embeddings_and_matrices_stand_in_one_table(x, similarities, triplets):
    models = {"rows": x, "matrix": RDMs(similarities, "similarity")}
    found = pyalign.score(models, triplets, measure=["cosine", "dot"])
    assert [(one.embeddings, one.measure) for one in found] == [
        ("rows", "cosine"), ("rows", "dot"), ("matrix", "similarity matrix"),
    ]
    assert found[2].accuracy == found[0].accuracy


@pytest.mark.parametrize("name", [NATIVE, "numpy", "reference", "torch"])
def test_every_backend_reads_the_same_matrix(similarities, sparse, triplets, name):
    if name == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    for matrix, nan in ((similarities, "raise"), (sparse, "omit")):
        options = {"kind": "similarity", "triplets": triplets, "nan_policy": nan, "n_permutations": 5, "ci": "objects"}
        found = pyalign.score(matrix=matrix, backend=name, **options)
        expected = pyalign.score(matrix=matrix, **options)
        assert (found.backend, found.accuracy, found.n_dropped) == (name, expected.accuracy, expected.n_dropped)
        assert found.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-9)
        assert found.permutation_test.null_mean == pytest.approx(expected.permutation_test.null_mean, rel=1e-12)


def test_groups_by_categories_of_the_objects(x, similarities, triplets):
    names = tuple(f"object {k}" for k in range(N))
    named = Triplets(triplets.values, names=names, numbered=True)
    categories = Categories.of([f"{'abc'[k % 3]}" for k in range(N)])
    plain = pyalign.score(x, named, groups=categories, ci="objects")
    found = pyalign.score(matrix=similarities, kind="similarity", triplets=named, groups=categories, ci="objects")
    assert [(g.group, g.accuracy) for g in found.groups] == [(g.group, g.accuracy) for g in plain.groups]
    assert len(found.groups) == 3


def test_odd_one_out_from_takes_judged_pairs(similarities, triplets):
    expected = pyalign.odd_one_out(kind="similarity", matrix=similarities, triplets=triplets.values)
    for kind in KINDS:
        found = pyalign.odd_one_out(matrix=RDMs(given_as(similarities, kind), kind), triplets=triplets.values)
        np.testing.assert_array_equal(found, expected)


# Pairs that were not judged


@pytest.fixture(scope="module")
def sparse(similarities):
    matrix = similarities.copy()
    for i, j in ((0, 1), (3, 7), (2, 20)):
        matrix[i, j] = matrix[j, i] = np.nan
    return matrix


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
def test_omit_leaves_out_the_triplets_that_ask_about_a_pair_without_a_value(similarities, sparse, triplets, task):
    values = triplets.values
    pairs = ((0, 1), (0, 2), (1, 2))[: 2 if task == "anchored" else 3]
    kept = ~np.any([np.isnan(sparse[values[:, i], values[:, j]]) for i, j in pairs], axis=0)
    assert 0 < (~kept).sum() < T
    options = {"kind": "similarity", "ci": "objects", "keep": "choices", "groups": np.arange(T) % 2}
    all_of_them = Triplets(values, task=task)
    found = pyalign.score(matrix=sparse, triplets=all_of_them, nan_policy="omit", **options)
    options["groups"] = options["groups"][kept]
    plain = pyalign.score(matrix=similarities, triplets=Triplets(values[kept], task=task), **options)
    assert (found.n_triplets, found.n_dropped) == (kept.sum(), (~kept).sum())
    assert (found.accuracy, found.ci, found.groups) == (plain.accuracy, plain.ci, plain.groups)
    np.testing.assert_array_equal(found.choices[kept], plain.choices)
    assert (found.choices[~kept] == -2).all()


def test_pairs_without_a_value_are_an_error_unless_left_out(message_of, sparse, triplets):
    assert message_of(pyalign.score, matrix=sparse, kind="similarity", triplets=triplets) == (
        "matrix must have a value for every pair; 3 of 276 are NaN, [0, 1] is the first; "
        'nan_policy="omit" leaves out the triplets that ask about them'
    )
    nothing = np.full((N, N), np.nan)
    assert message_of(pyalign.score, matrix=nothing, kind="similarity", triplets=triplets, nan_policy="omit") == (
        f"matrix must have a value for every pair of at least one triplet; all {T} ask about a pair that is NaN"
    )


def permuted_by_definition(matrix, values, permutations, seed):
    """Accuracies with rows and columns in another order, of the triplets whose pairs then have values."""
    from pyalign.ops.resample import permutation

    accuracies = []
    for k in range(permutations):
        order = permutation(len(matrix), k, seed=seed)
        other = matrix[order][:, order]
        a, b, c = values.T
        s = np.stack([other[a, b], other[a, c], other[b, c]], axis=1)
        known = ~np.isnan(s).any(axis=1)
        accuracies.append((s[known].argmax(axis=1) == 0).mean())
    return np.array(accuracies)


@pytest.mark.parametrize("t", [T, 60], ids=["many", "few"])
def test_permutations_move_rows_and_columns_together(similarities, sparse, triplets, t):
    values = triplets.values[:t]
    for matrix, nan in ((similarities, "raise"), (sparse, "omit")):
        found = pyalign.permutation_test(RDMs(matrix, "similarity"), values, n_permutations=40, seed=7, nan_policy=nan)
        expected = permuted_by_definition(matrix, values, 40, 7)
        assert found.null_mean == pytest.approx(expected.mean(), rel=1e-12)
        assert found.null_standard_deviation == pytest.approx(expected.std(ddof=1), rel=1e-9)
        assert found.p_value == (1 + (expected >= found.accuracy - 1e-12).sum()) / 41
        scored = pyalign.score(
            matrix=matrix, kind="similarity", triplets=values, n_permutations=40, seed=7, nan_policy=nan
        ).permutation_test
        assert scored.null_mean == found.null_mean and scored.notes == found.notes


def in_blocks(size, blocks, t):
    """Similarities with NaN between blocks of objects, and triplets within the blocks."""
    rng = np.random.default_rng(0)
    x, block = rng.normal(size=(size * blocks, 6)), np.arange(size * blocks) // size
    matrix = np.where(block[:, None] == block, x @ x.T, np.nan)
    return matrix, np.array([rng.permutation(size)[:3] + size * rng.integers(blocks) for _ in range(t)])


@pytest.mark.parametrize(("size", "told"), [
    (20, "300 ask about no NaN as the matrix is, 28 in the median of 99 orders, 19 at least"),
    (3, "300 ask about no NaN as the matrix is, 0 in the median of 99 orders, 0 at least"),
])
def test_no_permutation_test_where_other_orders_leave_few_triplets(message_of, size, told):
    matrix, within = in_blocks(size, 60 // size, 300)
    rule = "matrix must leave about as many triplets in other orders for a permutation test; "
    judged = RDMs(matrix, "similarity")
    assert message_of(pyalign.permutation_test, judged, within, nan_policy="omit", n_permutations=99) == rule + told
    assert (
        message_of(pyalign.score, matrix=judged, triplets=within, nan_policy="omit", n_permutations=99) == rule + told
    )
    assert pyalign.score(matrix=judged, triplets=within, nan_policy="omit").n_triplets == 300


def test_no_permutation_test_where_other_orders_leave_more_triplets(message_of, similarities):
    sparse = similarities.copy()
    sparse[0, 1:13] = sparse[1:13, 0] = np.nan
    about = np.array([[0, j, 14] for j in range(1, 13)] + [[j, j + 1, j + 2] for j in range(13, 21)])
    told = message_of(pyalign.permutation_test, RDMs(sparse, "similarity"), about, nan_policy="omit", n_permutations=99)
    assert told.startswith("matrix must leave about as many triplets in other orders for a permutation test; 8 ask")


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
def test_pairs_that_lack_a_value_at_random_permit_a_permutation_test(similarities, triplets, task):
    sparse, upper = similarities.copy(), np.triu_indices(N, 1)
    lacking = np.random.default_rng(3).random(len(upper[0])) < 0.2
    i, j = (side[lacking] for side in upper)
    sparse[i, j] = sparse[j, i] = np.nan
    values = Triplets(triplets.values, task=task)
    found = pyalign.permutation_test(RDMs(sparse, "similarity"), values, n_permutations=40, nan_policy="omit")
    assert found.n_triplets < (0.6 if task == "odd-one-out" else 0.7) * T and found.p_value == 1 / 41
    if task == "odd-one-out":
        expected = permuted_by_definition(sparse, triplets.values, 40, 0)
        assert found.null_mean == pytest.approx(expected.mean(), rel=1e-12)


# What is noted, and what is refused


@pytest.mark.parametrize(("kind", "extreme", "other"), [
    ("similarity", "smallest", "dissimilarity"), ("dissimilarity", "largest", "similarity"),
])
def test_a_diagonal_that_contradicts_the_kind_is_noted(similarities, triplets, kind, extreme, other):
    wrong = given_as(similarities, other)
    found = pyalign.score(matrix=RDMs(wrong, kind, source="rdm.npy"), triplets=triplets)
    told = f"rdm.npy: the diagonal has the {extreme} number of every row, as {other[:-1]}ies do: is its kind {other}?"
    assert told in found.notes
    condensed = squareform(wrong, checks=False)
    assert not any("diagonal" in note for note in pyalign.score(matrix=condensed, kind=kind, triplets=triplets).notes)
    right = pyalign.score(matrix=given_as(similarities, kind), kind=kind, triplets=triplets)
    assert not any("diagonal" in note for note in right.notes)


@pytest.mark.parametrize(("kind", "other"), [KINDS, KINDS[::-1]])
def test_an_accuracy_clearly_below_chance_asks_whether_the_kind_is_right(similarities, triplets, kind, other):
    condensed = squareform(given_as(similarities, other), checks=False)
    asked = (
        f"the accuracy is clearly below chance (33.3%): is the kind of the matrix {other}, or the odd item in "
        'another column (load_triplets(..., odd_column="first"))?'
    )
    found = pyalign.score(matrix=condensed, kind=kind, triplets=triplets)
    assert asked in found.notes
    of_two = pyalign.compare({"m": RDMs(condensed, kind), "n": RDMs(similarities, "similarity")}, triplets)
    assert f"m: {asked}" in of_two.notes
    rows = pyalign.score(np.random.default_rng(0).normal(size=(N, 6)), triplets.values[:, [2, 0, 1]])
    assert any("below chance" in note for note in rows.notes) and "kind" not in "".join(rows.notes)


def test_equal_similarities_are_noted(triplets):
    found = pyalign.score(matrix=np.ones((N, N)), kind="similarity", triplets=triplets)
    assert "matrix: all pairs have the same value: every triplet ties" in found.notes
    assert found.n_ties == T and found.accuracy == pytest.approx(1 / 3)


def test_items_that_no_triplet_names_are_noted(similarities):
    found = pyalign.score(matrix=similarities, kind="similarity", triplets=[[0, 1, 2], [3, 4, 5]])
    assert "triplets name 6 of the 24 rows of matrix" in found.notes


def test_a_matrix_given_as_embeddings_is_pointed_to_the_way_that_takes_it(similarities, triplets):
    for kind in KINDS:
        notes = pyalign.score(given_as(similarities, kind), triplets).notes
        told = [note for note in notes if "looks like a matrix" in note]
        plural = kind[:-1] + "ies"
        assert told == [
            f"embeddings: this looks like a matrix of {plural}, not embeddings: its rows are taken for features; "
            f"{FROM_MATRIX[plural]} takes the matrix for what it is"
        ]
        assert f'pyalign.score(matrix=x, kind="{kind}")' in told[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": None, "matrix": np.arange(276.0)},
         "kind must say what matrix holds: 'dissimilarity' or 'similarity'; got None"),
        ({"kind": "distance"}, "kind must be one of dissimilarity, similarity; got 'distance'"),
        ({"models": np.eye(N)},
            "matrix replaces models; got both (a mapping of names may hold "
            "pyalign.RDMs too)"
        ),
        ({"matrix": None}, "kind says what matrix holds; got no matrix"),
        ({"matrix": None, "kind": None}, "models, matrix or model_choices must be given; got none"),
        ({"triplets": None}, "triplets must be given; got None"),
        ({"matrix": np.zeros((N, N - 1))}, "matrix must be a square matrix, or condensed with m = n (n - 1) / 2 "
         f"numbers in a row; got shape ({N}, {N - 1})"),
        ({"matrix": np.arange(float(N * N)).reshape(N, N)}, "matrix must be symmetric; [0, 1] is 1 and [1, 0] is 24"),
        ({"matrix": np.where(np.eye(N, k=1) + np.eye(N, k=-1) > 0, np.inf, 0)},
         "matrix must be finite, or NaN where a pair has no value; got infinity"),
        ({"matrix": np.zeros((3, N, N))}, "matrix must be one matrix; got those of 3 participants: give each under "
         "its own name, or their mean"),
        ({"models": RDMs(np.zeros((2, N, N)), "similarity"), "matrix": None, "kind": None},
         "matrix must be one matrix; got those of 2 participants: give each under its own name, or their mean"),
        ({"matrix": {}}, "matrix must hold at least one; got an empty mapping"),
        ({"measure": "dot"}, "measure is of embeddings; a matrix has its values already; got 'dot'"),
        ({"transform": Transform(np.eye(N), None, 0.0, 1.0)}, "transform maps the rows of embeddings; got a matrix"),
        ({"matrix": {"a": np.eye(N), "b": np.zeros((2, N, N))}}, "b must be one matrix; got those of 2 participants: "
         "give each under its own name, or their mean"),
        ({"triplets": [[0, 1, N]]}, f"triplets must lie in [0, {N}); row 0 is [0, 1, {N}]"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(message_of, similarities, triplets, change, expected):
    options = {"matrix": similarities, "kind": "similarity", "triplets": triplets, **change}
    assert message_of(pyalign.score, **options).replace("; did", ": did").startswith(expected)


def test_names_that_a_matrix_lacks_are_given_where_it_is_made(message_of, similarities):
    named = [["cat", "dog", "car"]]
    told = "the triplets hold names; give the rows' names: "
    made = message_of(pyalign.score, matrix=similarities, kind="similarity", triplets=named)
    assert made == f"matrix: {told}RDMs(values, kind, names)"
    read = RDMs(similarities, "similarity", source="s.npy")
    assert message_of(pyalign.score, matrix=read, triplets=named) == (f"s.npy: {told}load_rdms(..., names=names)")


def test_other_analyses_refuse_judged_pairs(message_of, similarities, triplets):
    judged = RDMs(similarities, "similarity")
    for run in (pyalign.calibrate, pyalign.agreement, pyalign.odd_one_out, pyalign.neighbors):
        expected = "embeddings must be embeddings; got judged pairs: RDMs(similarity of 24 objects)"
        assert message_of(run, judged, triplets.values).startswith(expected)


# Comparisons


def test_matrices_are_compared_with_embeddings(x, similarities, triplets):
    other = similarities + 0.2 * similarities**2
    plain = pyalign.compare({"a": x, "b": x + 1.0}, triplets)
    found = pyalign.compare({"a": RDMs(similarities, "similarity"), "b": x + 1.0}, triplets)
    for one, expected in zip((*found.models, *found.pairs), (*plain.models, *plain.pairs), strict=True):
        assert one.ci == expected.ci
    assert found.covariance == plain.covariance
    assert [one.measure for one in found.models] == ["similarity matrix", "cosine"] and found.measure is None
    both = pyalign.compare({"a": RDMs(similarities, "similarity"), "b": RDMs(other, "similarity")}, triplets)
    assert both.measure == "similarity matrix"


def test_a_comparison_of_matrices_alone_refuses_a_measure_as_their_score_does(message_of, similarities, triplets):
    models = {name: RDMs(similarities, "similarity") for name in "ab"}
    for measure in ("dot", "cosine"):
        told = message_of(pyalign.compare, models, triplets, measure=measure)
        assert told == f"measure is of embeddings; a matrix has its values already; got {measure!r}"
    assert pyalign.compare(models, triplets).measure == "similarity matrix"


def test_compare_leaves_out_the_pairs_that_some_model_has_no_value_for(x, sparse, triplets):
    rows = x.copy()
    rows[5] = np.nan
    found = pyalign.compare({"a": RDMs(sparse, "similarity"), "b": rows}, triplets, nan_policy="omit")
    values = triplets.values
    a, b, c = values.T
    kept = ~np.isnan(np.stack([sparse[a, b], sparse[a, c], sparse[b, c]])).any(axis=0) & (values != 5).all(axis=1)
    assert (found.n_triplets, found.n_dropped) == (kept.sum(), (~kept).sum())


def test_compare_matches_matrices_by_name(similarities, x, triplets):
    names, order = tuple(f"object {k}" for k in range(N)), np.random.default_rng(4).permutation(N)
    more = np.pad(similarities[order][:, order], (0, 1))  # an object that no triplet names
    judged = RDMs(more, "similarity", (*(names[k] for k in order), "another"))
    named = Triplets(triplets.values, names=names, numbered=True)
    found = pyalign.compare({"a": judged, "b": Embeddings(x, names)}, named)
    assert found.models[0].accuracy == found.models[1].accuracy
