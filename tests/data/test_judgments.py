"""RDMs: shapes, kinds, names, symmetry."""

import numpy as np
import pytest

from pyalign import InputError, RDMs
from pyalign.data import as_rdms
from pyalign.data.judgments import BLOCK, require_symmetric


def symmetric(n, seed=0):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a + a.T


def test_all_layouts_hold_the_same_pairs():
    upper = np.triu_indices(5, 1)
    stack = np.stack([symmetric(5, seed) for seed in range(3)])
    whole = RDMs(stack, "dissimilarity")
    condensed = RDMs(np.array([one[upper] for one in stack]), "dissimilarity")
    np.testing.assert_array_equal(whole.pairs(), condensed.pairs())
    np.testing.assert_array_equal(RDMs(stack[0], "similarity").pairs()[0], stack[0][upper])
    assert (whole.n, whole.n_people, condensed.n, condensed.n_people) == (5, 3, 5, 3)
    assert RDMs(stack[0], "similarity").n_people is None
    assert RDMs(stack[0][upper], "similarity").n_people is None


def test_a_square_matrix_is_never_taken_for_condensed_ones():
    assert RDMs(symmetric(3), "similarity").n_people is None
    assert RDMs(np.zeros((1, 3)), "similarity").n_people == 1


def test_objects_can_be_taken_in_another_order():
    a = symmetric(4)
    found = RDMs(a, "similarity", tuple("abcd")).select(["c", "a"])
    assert found.names == ("c", "a")
    np.testing.assert_array_equal(found.pairs(), [[a[2, 0]]])
    condensed = RDMs(a[np.triu_indices(4, 1)], "similarity", tuple("abcd")).select(["c", "a"])
    np.testing.assert_array_equal(condensed.pairs(), [[a[2, 0]]])


def test_nan_is_a_missing_pair_and_the_diagonal_is_not_looked_at():
    a = symmetric(4)
    a[0, 1] = a[1, 0] = np.nan
    a[2, 2] = np.inf
    assert np.isnan(RDMs(a, "similarity").pairs()).sum() == 1


def test_rounding_may_make_a_matrix_less_than_symmetric():
    a = symmetric(6)
    a[0, 1] += 1e-9
    assert RDMs(a, "similarity").pairs().shape == (1, 15)


@pytest.mark.parametrize("n", [2, 7, 300])
def test_blocks_of_rows_find_what_is_not_symmetric(n, monkeypatch):
    monkeypatch.setattr("pyalign.data.judgments.BLOCK", min(BLOCK, 5 * n))
    a = symmetric(n)
    require_symmetric(a, "human")
    a[n - 1, n // 2 - 1] += 1
    with pytest.raises(InputError, match=rf"human must be symmetric; \[{n // 2 - 1}, {n - 1}\]"):
        require_symmetric(a, "human")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((2, 3, 4)), r"must have shape \(n, n\) or \(p, n, n\)"),
        (np.zeros((0, 3, 3)), r"must have shape \(n, n\) or \(p, n, n\)"),
        (np.zeros((1, 1)), r"n of at least 2"),
        (np.zeros(5), r"condensed with m = n \(n - 1\) / 2"),
        (np.zeros((2, 5)), r"condensed with m = n \(n - 1\) / 2"),
        (np.zeros(0), "condensed"),
        (np.zeros((1, 2, 3, 3)), "must have shape"),
        (np.array(["a", "b", "c"]), "must hold real numbers"),
        (np.array([1j, 2, 3]), "must hold real numbers"),
        ("rdm.npy", "read it with load_rdms"),
    ],
)
def test_refuses_what_is_no_matrix_of_pairs(values, told):
    with pytest.raises(InputError, match=told):
        RDMs(values, "similarity")


def test_a_missing_pair_must_be_missing_on_both_sides():
    a = symmetric(3)
    a[0, 1] = np.nan
    with pytest.raises(InputError, match=r"human must be symmetric; \[0, 1\] is nan"):
        RDMs(a, "similarity").pairs()


def test_one_triangle_is_told_of():
    with pytest.raises(InputError, match="only one triangle"):
        RDMs(np.triu(np.ones((3, 3))), "similarity").pairs()


def test_infinity_is_refused_with_the_person():
    with pytest.raises(InputError, match=r"human\[1\] must be finite"):
        RDMs([[1, 2, 3], [1, np.inf, 3]], "similarity").pairs()


def test_kind_is_stated_where_no_diagonal_shows_it():
    with pytest.raises(InputError, match="kind must say what human holds"):
        as_rdms(np.zeros(3))
    with pytest.raises(InputError, match="kind must be one of dissimilarity, similarity; got 'distance'"):
        RDMs(np.zeros(3), "distance")
    with pytest.raises(InputError, match="kind must be that of human, 'similarity'; got 'dissimilarity'"):
        as_rdms(RDMs(np.zeros(3), "similarity"), "dissimilarity")


def test_names_must_be_one_for_each_object():
    with pytest.raises(InputError, match="names must be one for each of 3; got 2"):
        RDMs(np.zeros(3), "similarity", ("a", "b"))
    with pytest.raises(InputError, match="people must be one for each of 2; got 1"):
        RDMs(np.zeros((2, 3)), "similarity", people=("a",))


def test_a_frame_names_its_objects():
    pandas = pytest.importorskip("pandas")
    found = as_rdms(pandas.DataFrame(symmetric(2), index=["dog", "cat"], columns=["dog", "cat"]), "similarity")
    assert found.names == ("dog", "cat")


LINE = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))  # distances on a line


@pytest.mark.parametrize(("labels", "names"), [
    (range(4), None), (list("abcd"), tuple("abcd")), ([10, 20, 30, 40], ("10", "20", "30", "40")),
], ids=["numbers", "text", "other numbers"])
@pytest.mark.parametrize("make", [as_rdms, RDMs])
@pytest.mark.parametrize("rows", [[3, 2, 1, 0], [1, 3, 0, 2], [0, 1, 2, 3]])
@pytest.mark.parametrize("columns", [[3, 2, 1, 0], [1, 3, 0, 2], [0, 1, 2, 3]])
def test_rows_and_columns_of_a_frame_are_put_in_order_by_their_labels(make, labels, names, rows, columns):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(LINE, labels, labels).iloc[rows, columns]
    found = make(frame, "dissimilarity")
    order = list(range(4)) if names is None else rows
    assert found.names == (None if names is None else tuple(names[k] for k in rows))
    np.testing.assert_array_equal(found.values, LINE[np.ix_(order, order)])


def test_columns_that_were_read_as_text_are_the_numbers_of_the_index():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(LINE, range(4), list("0123")).iloc[[2, 0, 3, 1], [1, 3, 0, 2]]
    np.testing.assert_array_equal(as_rdms(frame, "dissimilarity").values, LINE)


def test_numbers_that_pandas_gives_to_one_side_of_a_frame_leave_the_names_to_the_other():
    pandas = pytest.importorskip("pandas")
    for frame in (pandas.DataFrame(LINE, index=list("abcd")), pandas.DataFrame(LINE, columns=list("abcd"))):
        found = as_rdms(frame, "dissimilarity")
        assert found.names == tuple("abcd")
        np.testing.assert_array_equal(found.values, LINE)


@pytest.mark.parametrize(("rows", "columns", "told"), [
    ("abcd", "abce", "human must have the same labels in its index and its columns; 'd' is only in one"),
    ([3, 1, 0, 2], "abcd", "human must have the same labels in its index and its columns; '0' is only in one"),
    ([10, 20, 30, 40], [10, 20, 30, 50], "human must have the same labels in its index and its columns; '40' is only "
     "in one"),
    ("aacd", "acda", "human must have columns in its index's order, or labels that differ; got 'a' twice"),
])
def test_labels_of_a_frame_that_fit_no_order_are_refused(message_of, rows, columns, told):
    pandas = pytest.importorskip("pandas")
    assert message_of(as_rdms, pandas.DataFrame(LINE, list(rows), list(columns)), "dissimilarity") == told
