"""Comparisons of cblearn become triplets and come back, in each of its list formats, and odd-one-out answers too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign import Triplets
from pyalign.integrations.cblearn import from_odd_one_out, from_query_response, to_odd_one_out, to_query_response

QUERY = np.array([[0, 1, 2], [3, 2, 1], [1, 3, 0], [2, 0, 3]])
COUNTS = np.array([2, -1, 0, -3])
FORMATS = ("list-order", "list-boolean", "list-count")


@pytest.fixture(scope="module")
def cblearn():
    pytest.importorskip("cblearn", reason="cblearn is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import cblearn.metrics

        yield cblearn


def parts(actual):
    return actual.query.tolist(), None if actual.response is None else actual.response.tolist()


# Into pyalign


def test_a_list_of_orders_is_anchored_triplets():
    actual = from_query_response(QUERY, names=["ant", "bee", "cat", "dog"])
    assert (actual.task, actual.names, actual.numbered) == ("anchored", ("ant", "bee", "cat", "dog"), True)
    np.testing.assert_array_equal(actual.values, QUERY)


@pytest.mark.parametrize("response", [[True, False, False, True], [1, 0, 0, 1], [1, -1, -1, 1]])
def test_a_response_says_which_option_was_chosen(response):
    """Booleans, 0 and 1, and counts of one answer are the same to cblearn."""
    actual = from_query_response(QUERY, response)
    np.testing.assert_array_equal(actual.values, [[0, 1, 2], [3, 1, 2], [1, 0, 3], [2, 0, 3]])
    assert actual.answers is None
    np.testing.assert_array_equal(actual.choices_in_file(np.ones(4, np.int8)), [1, 2, 2, 1])


def test_counts_are_answers_and_undecided_triplets_are_left_out_with_a_note():
    actual = from_query_response(QUERY, COUNTS)
    np.testing.assert_array_equal(actual.values, [[0, 1, 2], [3, 1, 2], [2, 3, 0]])
    np.testing.assert_array_equal(actual.answers.counts, [[2, 0], [1, 0], [3, 0]])
    assert actual.notes == ("response: 1 of 4 triplets is undecided (0) and left out",)


def test_odd_one_out_answers_have_the_odd_item_last_and_keep_the_order_of_the_file():
    shown = np.array([[4, 1, 2], [3, 2, 0]])
    actual = from_odd_one_out(shown, [1, 0])
    np.testing.assert_array_equal(actual.values, [[4, 2, 1], [2, 0, 3]])
    np.testing.assert_array_equal(actual.choices_in_file(np.array([2, 2], np.int8)), [1, 0])
    np.testing.assert_array_equal(from_odd_one_out(shown).values, [[1, 2, 4], [2, 0, 3]])  # the first column is odd


def test_whole_numbers_of_floats_are_indices():
    """`fetch_things_similarity` gives such."""
    assert from_odd_one_out(QUERY.astype(float)).values.dtype.kind == "i"


# And back


@pytest.mark.parametrize("result_format", FORMATS)
def test_a_round_trip_gives_what_cblearn_makes_of_the_same(cblearn, result_format):
    rng = np.random.default_rng(1)
    query, response = draw_triplets(1, 20, 300), rng.integers(-3, 4, 300)
    response[response == 0] = 1
    actual = to_query_response(from_query_response(query, response), result_format)
    theirs = cblearn.utils.check_query_response(query, response, result_format=result_format, standard=False)
    if result_format == "list-order":
        assert actual.response is None
        np.testing.assert_array_equal(actual.query, theirs)
        return
    if result_format == "list-count":  # cblearn repeats a triplet for each answer, here it has a number
        assert parts(actual) == (query.tolist(), response.tolist())
        actual = to_query_response(from_query_response(*actual[:2]), "list-boolean")
        theirs = theirs[0], theirs[1] > 0
    np.testing.assert_array_equal(actual.query, theirs[0])
    np.testing.assert_array_equal(actual.response, theirs[1])
    assert actual.query.dtype == np.uint32


def test_one_answer_each_is_a_response_of_one_and_minus_one():
    triplets = from_query_response(QUERY, [True, False, False, True])
    assert parts(to_query_response(triplets, "list-count")) == (QUERY.tolist(), [1, -1, -1, 1])
    assert parts(to_query_response(triplets, "list-boolean")) == (QUERY.tolist(), [True, False, False, True])


def test_both_options_of_a_triplet_have_a_row_where_both_were_chosen():
    triplets = Triplets(QUERY[:2], task="anchored").with_answers([[2, 1], [0, 1]])
    actual = to_query_response(triplets, "list-count")
    assert parts(actual) == ([[0, 1, 2], [0, 1, 2], [3, 2, 1]], [2, -1, -1])
    assert actual.rows.tolist() == [0, 0, 1]
    assert parts(to_query_response(triplets)) == ([[0, 1, 2], [0, 1, 2], [0, 2, 1], [3, 1, 2]], None)


def test_names_and_participants_go_along_by_the_rows():
    triplets = Triplets(
        QUERY[:2], ("ant", "bee", "cat", "dog"), subjects=np.array(["p7", "p9"]), task="anchored"
    ).with_answers([[2, 0], [0, 1]])
    actual = to_query_response(triplets)
    subjects = triplets.subjects.take(actual.rows)
    assert [subjects.labels[code] for code in subjects.codes] == ["p7", "p7", "p9"]
    assert actual.names == ("ant", "bee", "cat", "dog")
    assert actual.notes == (
        "cblearn has no place for participants: triplets.subjects.take(rows) are those of the rows",
    )


def test_the_anchor_comes_first_wherever_the_file_had_it():
    """The file says option, anchor, option."""
    triplets = Triplets(np.array([[5, 6, 4]]), task="anchored", positions=np.array([1, 2, 0]))
    assert parts(to_query_response(triplets, "list-boolean")) == ([[5, 4, 6]], [False])


def test_odd_one_out_answers_come_back_as_they_were(cblearn):
    shown, odd = draw_triplets(2, 20, 200), np.random.default_rng(2).integers(0, 3, 200)
    actual = to_odd_one_out(from_odd_one_out(shown, odd))
    assert parts(actual) == (shown.tolist(), odd.tolist())
    theirs = cblearn.preprocessing.triplets_from_oddoneout(shown, odd)
    np.testing.assert_array_equal(cblearn.preprocessing.triplets_from_oddoneout(*actual[:2]), theirs)


def test_counts_of_odd_items_are_repeated():
    triplets = Triplets(np.array([[5, 6, 4]]), positions=np.array([1, 2, 0])).with_answers([[2, 0, 1]])
    assert parts(to_odd_one_out(triplets)) == ([[4, 5, 6]] * 3, [0, 0, 2])


def test_the_accuracy_is_that_of_cblearn(cblearn):
    x, query = reals(3, 20, 4, dtype=np.float64), draw_triplets(3, 20, 500)
    response = np.random.default_rng(3).integers(0, 2, 500).astype(bool)
    triplets = from_query_response(query, response)
    theirs = cblearn.metrics.query_accuracy(to_query_response(triplets).query, x)
    assert pyalign.score(x, triplets, measure="neg_euclidean", ci=None).accuracy == pytest.approx(theirs)


# Bad input


@pytest.mark.parametrize(
    "query,response,message",
    [
        (QUERY[:, :2], None, "query must have shape (t, 3); got (4, 2)"),
        (
            np.c_[QUERY, QUERY[:, 0]],
            None,
            "query must have shape (t, 3): pyalign has no comparisons of two pairs (quadruplets); got (4, 4)",
        ),
        (QUERY[:0], None, "query must not be empty; got shape (0, 3)"),
        (QUERY - 1, None, "query must hold whole numbers of at least 0; row 0 is [-1, 0, 1]"),
        (QUERY + 0.5, None, "query must hold whole numbers of at least 0; row 0 is [0.5, 1.5, 2.5]"),
        (QUERY.astype(str), None, "query must hold numbers; got dtype <U21"),
        (QUERY, [1, 0], "response must have shape (4,); got (2,)"),
        (QUERY, [0.5, 1, 1, 1], "response must be True or False, or whole numbers; row 0 is 0.5"),
        (QUERY, [1, np.nan, 1, 1], "response must be True or False, or whole numbers; row 1 is nan"),
        (QUERY, [*"yyny"], "response must be True or False, or whole numbers; got dtype <U1"),
        (QUERY[:1], [-(2**40)], "response must be at most 2,147,483,648; row 0 is -1099511627776"),
    ],
)
def test_other_queries_and_responses_are_refused(message_of, query, response, message):
    assert message_of(from_query_response, query, response) == message


def test_all_zeros_are_answers_of_the_other_option():
    """Responses of only 0 and 1 are booleans to cblearn, so that there is nothing undecided in them."""
    actual = from_query_response(QUERY[:2], [0, 0])
    np.testing.assert_array_equal(actual.values, [[0, 2, 1], [3, 1, 2]])


def test_a_sparse_query_says_what_makes_a_list_of_it(message_of):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    message = message_of(from_query_response, sparse.csr_matrix(np.eye(9)))
    assert message == (
        "query must be a list (t, 3); got csr_matrix: "
        'cblearn.utils.check_query_response(query, result_format="list-count") makes one'
    )


def test_odd_columns_out_of_range_are_refused(message_of):
    assert message_of(from_odd_one_out, QUERY, [0, 1, 3, 2]) == "response must be 0, 1 or 2; row 2 is 3"
    assert message_of(from_odd_one_out, QUERY, [0.5, 1, 1, 1]) == "response must be 0, 1 or 2; row 0 is 0.5"


def test_what_cblearn_has_no_place_for_is_refused(message_of):
    anchored, odd = Triplets(QUERY, task="anchored"), Triplets(QUERY)
    assert message_of(to_query_response, odd) == (
        "to_query_response takes only anchored triplets; got task 'odd-one-out': to_odd_one_out takes these"
    )
    assert message_of(to_odd_one_out, anchored).startswith("to_odd_one_out takes only odd-one-out triplets")
    shares = anchored.with_answers([[0.5, 0.5]] * 4)
    assert message_of(to_query_response, shares).startswith("answers must be counts (whole numbers) here; got shares")
    assert "weights" in message_of(to_query_response, anchored.with_weights([1, 1, 2, 1]))
    unanswered = Triplets(QUERY, task="anchored", answered=False)
    assert message_of(to_query_response, unanswered).startswith("to_query_response needs human choices")
    message = message_of(to_query_response, anchored, "list-orders")
    assert message.startswith("result_format must be one of list-order, list-boolean, list-count")
    message = message_of(to_query_response, anchored, "tensor-count")
    assert message.startswith("result_format must be one of")
