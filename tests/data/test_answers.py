"""Counts and shares: what people answered, when it is more than one answer to each triplet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.data import Answers, as_answers

counts = st.lists(st.tuples(*[st.integers(0, 50)] * 3).filter(any), min_size=1, max_size=9)


@given(counts, st.sampled_from([np.int64, np.uint8, np.float64, np.float32]))
def test_whole_numbers_of_any_dtype_are_counts(rows, dtype):
    found = as_answers(np.array(rows, dtype), len(rows))
    assert found.kind == "counts"
    assert np.array_equal(found.counts, rows)
    assert np.array_equal(found.values, rows)
    assert np.array_equal(found.totals, np.sum(rows, axis=1))
    np.testing.assert_allclose(found.shares.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_that_sum_to_one_are_shares_within_what_float16_loses(dtype):
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 50).astype(dtype)
    found = as_answers(rows, 50)
    assert (found.kind, found.totals) == ("shares", None)
    np.testing.assert_allclose(found.shares, rows / rows.astype(float).sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 2]], "answers must have shape (1, 3), a row for each triplet; got (1, 2)"),
        ([[1, 2, 3], [0, 0, 0]], "answers must hold at least one answer in each row; row 1 is [0, 0, 0]"),
        ([[0.5, np.nan, 0.5]], "answers must be finite; row 0 is [0.5, nan, 0.5]"),
        ([[1, -1, 1]], "answers must not be negative; row 0 is [1, -1, 1]"),
        ([["a", "b", "c"]], "answers must hold real numbers; got dtype <U1"),
        ([[2**40, 1, 1]], "answers must be at most 2,147,483,648; row 0 is [1099511627776, 1, 1]"),
        (
            [[0.2, 0.3, 0.4]],
            "answers must be counts (whole numbers) or shares that sum to 1 in each row; row 0 sums to 0.9 "
            "(weights say how much a triplet counts)",
        ),
    ],
)
def test_what_is_neither_is_refused(message_of, rows, expected):
    assert message_of(as_answers, rows, len(rows)) == expected


def test_shares_do_not_say_of_how_many(message_of):
    expected = "answers must be counts (whole numbers) here; got shares, which do not say of how many"
    assert message_of(lambda: as_answers([[0.2, 0.3, 0.5]], 1).counts) == expected


def test_answers_belong_to_as_many_triplets(message_of):
    found = as_answers([[1, 2, 3]], 1)
    assert as_answers(found, 1) is found
    assert message_of(as_answers, found, 2) == "answers must have a row for each of 2 triplets; got 1"


def test_reordered_takes_columns_from_their_places():
    found = as_answers([[5, 6, 7], [1, 2, 3]], 2)
    assert found.reordered(np.array([2, 0, 1])).counts.tolist() == [[7, 5, 6], [3, 1, 2]]
    assert found.reordered(np.array([[2, 0, 1], [0, 1, 2]])).counts.tolist() == [[7, 5, 6], [1, 2, 3]]


def test_take_keeps_counts_with_their_totals():
    part = as_answers([[5, 6, 7], [1, 2, 3]], 2).take([1])
    assert isinstance(part, Answers)
    assert (part.counts.tolist(), part.totals.tolist()) == ([[1, 2, 3]], [6])
