"""What describe finds in an array, against plain counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, whole

import pyalign
from pyalign.analysis.describe import array as module
from pyalign.analysis.describe.array import describe
from pyalign.documents import as_document


@given(
    seed=st.integers(0, 2**32), n=st.integers(1, 40), d=st.integers(1, 12), holes=st.integers(0, 5),
    dtype=st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.uint16]),
    chunk=st.sampled_from([1, 7, 64, 1 << 22]),
)
def test_counts_equal_those_of_plain_loops(seed, n, d, dtype, holes, chunk):
    rng = np.random.default_rng(seed)
    a = rng.integers(0 if np.dtype(dtype).kind == "u" else -1, 2, (n, d)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        a.ravel()[rng.integers(0, a.size, holes)] = rng.choice([np.nan, np.inf, -np.inf, -0.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 8 * chunk)
        found = describe(a)
    rows = [tuple("nan" if value != value else value for value in row) for row in a.tolist()]
    finite = [value for row in a.tolist() for value in row if np.isfinite(value)]
    assert (found.shape, found.dtype) == ((n, d), str(np.dtype(dtype)))
    assert found.duplicate_rows == n - len(set(rows))
    assert found.zero_rows == sum(all(value == 0 for value in row) for row in rows)
    assert found.nan_rows == sum(not np.isfinite(row).all() for row in a)
    assert found.smallest == (min(finite) if finite else None)
    assert found.largest == (max(finite) if finite else None)


@pytest.mark.parametrize(
    "a,kind",
    [
        (draw_triplets(0, 9, 50), "triplets"),
        (draw_triplets(0, 9, 50).astype(np.float32), "triplets"),
        (draw_triplets(0, 9, 1), "triplets"),
        (np.c_[draw_triplets(0, 9, 50), np.ones(50, int)], "triplets"),
        (draw_triplets(0, 9, 50) + 0.5, "embeddings"),
        (-draw_triplets(0, 9, 50), "embeddings"),
        (draw_triplets(0, 9, 50)[:, :2], "embeddings"),
        (np.ones((50, 3), bool), "embeddings"),
        (whole(0, 50, 40), "embeddings"),
        (np.random.default_rng(0).poisson(0.3, (500, 10)), "embeddings"),  # rows that could never be triplets
        (np.where(draw_triplets(0, 9, 50) > 7, np.nan, 1.0), "embeddings"),
        (reals(0, 12, 7) @ reals(0, 12, 7).T, "similarities"),
        (reals(0, 12, 12), "embeddings"), (np.eye(2), "similarities"), (np.ones((1, 1)), "embeddings"),
    ],
)
def test_what_an_array_seems_to_be(a, kind):
    assert describe(a).kind == kind


def test_a_similarity_matrix_may_be_asymmetric_by_rounding():
    """x @ x.T of float32 is not symmetric to the last bit with every BLAS."""
    s = reals(0, 12, 7) @ reals(0, 12, 7).T
    s[0, 1] = np.nextafter(s[1, 0], np.float32(9))
    assert describe(s).kind == "similarities"


def test_rows_that_differ_in_the_sign_of_zero_are_equal():
    assert describe(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]])).duplicate_rows == 1


@pytest.mark.parametrize("base", [0, 1, None])
def test_the_base_is_the_smallest_item(base):
    found = describe(draw_triplets(1, 9, 200) + (5 if base is None else base))
    assert found.base == base
    assert any("--one-based" in remark for remark in found.remarks) == (base == 1)


def test_repeated_items_are_counted_in_each_pair_of_columns():
    a = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [2, 2, 2], [0, 1, 2]])
    found = describe(a)
    assert found.repeated_items == 4
    assert any(remark.startswith("4 rows name an item twice") for remark in found.remarks)


def test_embeddings_get_remarks_on_nan_zero_and_equal_rows_and_these_are_counted():
    x = reals(2, 9, 4)
    x[[0, 1]], x[3] = np.nan, 0
    told = ("1 row equals an earlier one: ", "2 rows hold NaN or infinity: scoring refuses them unless --nan omit",
            "1 row is zero: ")
    found = describe(x).remarks
    assert len(found) == 3 and all(map(str.startswith, found, told))


def test_clean_data_get_no_remark():
    assert describe(reals(2, 9, 4)).remarks == ()
    assert describe(np.array([[0, 1, 2], [2, 3, 4]])).remarks == ()


def test_the_first_row_is_cut_to_eight_values():
    x = reals(2, 9, 20)
    assert describe(x).first_row == tuple(x[0, :8].tolist())


def test_memory_mapped_and_strided_arrays_are_described_alike(tmp_path):
    x = whole(2, 40, 8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert describe(mapped) == describe(x) == describe(np.asfortranarray(x)) == describe(np.repeat(x, 2, 1)[:, ::2])


@pytest.mark.parametrize("a", [np.zeros((0, 3)), np.array([]), np.zeros((2, 3), complex), np.array([None])])
def test_anything_but_a_filled_array_of_numbers_or_text_is_refused(a, message_of):
    message = message_of(describe, a)
    assert message == f"values must be a filled array of numbers or text; got shape {a.shape}, dtype {a.dtype}"


def counts(seed, t, answers=20):
    """Answers of as many people to each triplet."""
    rng = np.random.default_rng(seed)
    return np.array([rng.multinomial(answers, rng.dirichlet([1, 1, 1])) for _ in range(t)])


@pytest.mark.parametrize(
    ("a", "name", "kind"),
    [
        (counts(0, 40), None, "answers"),
        (counts(0, 40) + counts(1, 40, 1), None, "answers"),
        (np.array([[1, 2, 0], [4, 0, 9]]), None, "triplets"),
        (np.array([[1, 2, 0], [4, 0, 9]]), "odd_counts", "answers"),
        (np.random.default_rng(0).dirichlet([1, 1, 1], 40), None, "answers"),
        (np.random.default_rng(0).dirichlet([1, 1, 1, 1], 40), None, "embeddings"),
        (np.eye(3)[[0, 1, 2, 2] * 9], None, "answers"),
        (draw_triplets(0, 100, 500) + 1000, None, "triplets"),
        (draw_triplets(0, 3, 500), None, "triplets"), (draw_triplets(0, 4, 500) + 1, None, "triplets"),
        (1 - np.eye(5), None, "dissimilarities"),
        ((1 - np.eye(5)).astype(int), None, "dissimilarities"),
        (np.stack([1 - np.eye(5)] * 4), None, "dissimilarities"),
        (np.stack([np.eye(5)] * 4), None, "similarities"),
        (reals(0, 4, 5, 5), None, "other"),
        (np.array(["dog", "cat"]), None, "names"),
        (np.array(["ann", "bob", "ann"]), None, "labels"),
        (np.array([[1.0]] * 3).ravel(), None, "labels"),
        (np.array([["a", "b"]]), None, "other"),
        (np.float32(3), None, "other"),
    ],
)
def test_answers_labels_names_and_matrices_of_people(a, name, kind):
    assert describe(a, name).kind == kind


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [4, 30])
def test_rounding_on_the_diagonal_does_not_make_dissimilarities_similarities(n, dtype):
    x = reals(1, n, 12, dtype=dtype)
    z = x / np.linalg.norm(x, axis=1, keepdims=True)
    for similar in (z @ z.T, np.corrcoef(x).astype(dtype)):
        assert describe(similar).kind == "similarities"
        found = describe(1 - similar)
        assert found.kind == "dissimilarities"
        told = "nothing is smaller than the diagonal: these seem dissimilarities, where larger is less alike"
        assert told in found.remarks
        assert describe(np.stack([1 - similar] * 3)).kind == "dissimilarities"
    assert describe(pyalign.similarity(x, measure="neg_euclidean")).kind == "similarities"
    assert describe(reals(2, n, n)).kind == "embeddings"


def test_one_half_of_a_matrix_of_pairs_is_asked_about():
    x = reals(1, 30, 12, dtype=np.float64)
    told = "zero on one side of the diagonal: one half of a matrix of pairs? add its transpose"
    assert told in describe(np.triu(x @ x.T, 1)).remarks and told in describe(np.tril(x @ x.T)).remarks
    assert told not in describe(x[:, :12][:12]).remarks and told not in describe(np.eye(30)).remarks


def test_facts_without_a_meaning_are_left_out():
    found = describe(np.array(["dog", "cat", "dog"]))
    assert (found.shape, found.dtype, found.first_row) == ((3,), "str", ("dog", "cat", "dog"))
    assert found.duplicate_rows is found.nan_rows is found.zero_rows is found.smallest is None
    assert found.remarks == ("2 different values: people (--subjects), or groups of triplets (--groups)",)
    assert json.loads(json.dumps(as_document(found), allow_nan=False))["first_row"] == ["dog", "cat", "dog"]


def test_zeros_and_ones_may_be_categories():
    a = np.eye(6)[:, :4]
    assert "every value is 0 or 1: these may be categories of items" in describe(a).remarks
    assert not any("categories" in remark for remark in describe(a + 0.5).remarks)
