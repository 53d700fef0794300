"""Triplets know what people answered, who they were, and where the file's columns went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, reals, seeds

import pyalign
from pyalign.data import Subjects, Triplets, as_triplet_data, require_answers, require_one_answer_each

ORDERS = ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])


def moved(seed, each):
    """Triplets as a file has them, and with their columns moved: the same for all, or others in each row."""
    rng = np.random.default_rng(seed)
    in_file = draw_triplets(seed, 9, 40)
    positions = np.array(ORDERS, np.int8)[rng.integers(0, 6, 40 if each else 1)]
    values = np.take_along_axis(in_file, np.broadcast_to(positions, in_file.shape).astype(int), 1)
    return in_file, Triplets(values, positions=positions if each else positions[0])


both = pytest.mark.parametrize("each", [False, True], ids=["one order", "an order each"])


@both
@given(seed=seeds)
def test_choices_and_probabilities_are_by_the_positions_of_the_file(each, seed):
    in_file, triplets = moved(seed, each)
    x = reals(1, 9, 4)
    assert np.array_equal(pyalign.odd_one_out(x, triplets), pyalign.odd_one_out(x, in_file))
    a, b = (pyalign.choice_probabilities(x, one) for one in (triplets, in_file))
    np.testing.assert_allclose(a, b, rtol=0, atol=4e-7)  # softmax in another order of terms
    s = pyalign.similarity(x)
    found = [pyalign.odd_one_out(None, some, matrix=s, kind="similarity") for some in (triplets, in_file)]
    assert np.array_equal(*found)
    kept = pyalign.score(x, triplets, keep=["choices", "probabilities"])
    assert np.array_equal(kept.choices, pyalign.odd_one_out(x, in_file))
    assert np.array_equal(kept.probabilities, a)


@both
def test_results_of_tensors_on_a_device_stay_tensors(each, device):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    in_file, triplets = moved(0, each)
    x = reals(1, 9, 4)
    for function in (pyalign.odd_one_out, pyalign.choice_probabilities):
        found = function(torch.from_numpy(x), triplets)
        assert isinstance(found, torch.Tensor)
        assert found.dtype == function(torch.from_numpy(x), in_file).dtype
        np.testing.assert_allclose(np.asarray(found), function(x, in_file), atol=1e-6)


@both
def test_a_tie_stays_a_tie_at_any_position(each):
    _, triplets = moved(0, each)
    assert (pyalign.odd_one_out(np.ones((9, 2)), triplets) == -1).all()


@both
@given(seed=seeds)
def test_answers_are_given_by_the_positions_of_the_file(each, seed):
    in_file, triplets = moved(seed, each)
    counts = np.random.default_rng(seed).integers(1, 9, (40, 3))
    known = triplets.with_answers(counts)
    for row in range(40):
        of_item = dict(zip(in_file[row], counts[row], strict=True))
        assert [of_item[item] for item in known.values[row]] == known.answers.counts[row].tolist()
    assert np.array_equal(known.columns_in_file(known.answers.counts), counts)


@both
def test_some_triplets_keep_all_that_is_known_of_them(each):
    _, triplets = moved(3, each)
    labels = Subjects(np.arange(40, dtype=np.int32) % 3, ("a", "b", "c"))
    known = Triplets(triplets.values, subjects=labels, positions=triplets.positions, source="t.csv")
    known = known.with_answers(np.arange(1, 121).reshape(40, 3))
    for rows in (slice(5, 30, 2), np.array([7, 3]), np.arange(40) % 2 == 0):
        part = known[rows]
        assert np.array_equal(part.values, known.values[rows])
        assert np.array_equal(part.columns_in_file(part.answers.counts), np.arange(1, 121).reshape(40, 3)[rows])
        assert part.subjects.codes.tolist() == labels.codes[rows].tolist()
        assert part.source == "t.csv"


def test_they_behave_as_an_array():
    values = draw_triplets(0, 5, 4)
    t = Triplets(values, source="t.npy", names=tuple("abcde"))
    assert (len(t), t.shape, t.ndim, t.dtype) == (4, (4, 3), 2, np.int64)
    assert np.array_equal(np.asarray(t), values)
    assert np.array_equal(t[:, 2], values[:, 2])
    assert np.array_equal(t[1], values[1])
    assert np.array_equal(np.stack(list(t)), values)
    assert repr(t) == "Triplets(4 from t.npy, with names)"


# What they are made of


@pytest.mark.parametrize(
    "make",
    [
        lambda names: names.tolist(), lambda names: names, lambda names: names.astype(object),
        lambda names: pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(names),
        lambda names: Triplets(as_triplet_data(names).values, as_triplet_data(names).names),
    ],
    ids=["lists", "text", "objects", "frame", "known"],
)
def test_names_come_in_any_container(make):
    names = np.array(["dog", "cat", "car"])[draw_triplets(0, 3, 5)]
    found = as_triplet_data(make(names))
    assert (found.names, found.numbered) == (("car", "cat", "dog"), False)
    assert np.array_equal(np.array(found.names)[found.values], names)


def test_an_array_of_numbers_is_taken_as_it_is():
    values = draw_triplets(0, 5, 4)
    assert as_triplet_data(values).values is values


def test_a_frame_of_numbers_is_taken_by_its_columns(message_of):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    values = draw_triplets(0, 5, 4)
    frame = pandas.DataFrame(values, index=[3, 1, 0, 2])  # the rows' labels are no names of items
    assert np.array_equal(as_triplet_data(frame).values, values)
    wide = pandas.DataFrame({"p": [1], "q": [2], "r": [3], "s": [3]})
    told = message_of(as_triplet_data, wide)
    assert told.startswith("triplets: has 4 columns, not 3; header: 'p, q, r, s'; first row: '1, 2, 3, 3'; ")
    assert told.endswith("columns=names says which three are items, in load_triplets(frame, ...)")


def test_a_path_says_how_it_is_read(message_of):
    message = message_of(as_triplet_data, "t.npy")
    assert message == "triplets must be an array; got the path 't.npy': read it with load_triplets(path)"


def test_names_and_numbers_together_are_refused(message_of):
    message = message_of(as_triplet_data, np.array([["a", "b", 3]], object))
    assert message == "triplets must be whole numbers or names throughout; got 3"


# What needs answers


def test_unanswered_triplets_are_refused_where_answers_are_needed(message_of):
    unanswered = Triplets(draw_triplets(0, 9, 40), answered=False)
    expected = "compare needs human choices, which these triplets do not hold"
    x = reals(1, 9, 4)
    assert message_of(require_answers, unanswered, "compare") == expected
    assert message_of(pyalign.compare, {"a": x, "b": x}, unanswered) == expected
    assert message_of(pyalign.permutation_test, x, unanswered) == expected.replace("compare", "permutation_test")
    found = pyalign.score(x, unanswered)
    assert (found.accuracy, found.cross_entropy) == (None, None)
    assert message_of(pyalign.score, x, unanswered, ceiling=0.6).startswith("ceiling needs human choices")


def test_many_answers_are_not_taken_for_the_last_item(message_of):
    many = Triplets(draw_triplets(0, 9, 40)).with_answers(np.ones((40, 3), int))
    expected = "needs one answer to each triplet; got counts of many people's answers"
    x = reals(1, 9, 4)
    assert message_of(require_one_answer_each, many, "this") == f"this {expected}"
    assert message_of(pyalign.compare, {"a": x, "b": x}, many) == f"compare {expected}"
    assert message_of(pyalign.permutation_test, x, many) == f"permutation_test {expected}"


# Who answered


@pytest.mark.parametrize(("people", "labels", "codes"), [
    (np.array([7, 10, 7, 9]), ("7", "9", "10"), [0, 2, 0, 1]),
    (["b", "a", "b", "c"], ("a", "b", "c"), [1, 0, 1, 2]),
    (np.array(["b", "a", "b", "c"], object), ("a", "b", "c"), [1, 0, 1, 2]),
    (np.array([0.5, 2.0, 2.0, 0.5]), ("0.5", "2"), [0, 1, 1, 0]),
    (Subjects(np.array([1, 0, 1, 0], np.int32), ("x", "y")), ("x", "y"), [1, 0, 1, 0]),
    (Subjects([1, 0, 1, 0], ("x", "y")), ("x", "y"), [1, 0, 1, 0]),
])
def test_subjects_come_in_any_array_and_are_taken_with_their_triplets(people, labels, codes):
    t = Triplets(draw_triplets(0, 5, 4), subjects=people)
    assert (t.subjects.labels, t.subjects.codes.tolist()) == (labels, codes)
    for rows in (slice(1, None), np.array([True, False, True, True]), [2, 0]):
        assert t[rows].subjects.codes.tolist() == np.array(codes)[rows].tolist()


@pytest.mark.parametrize(("people", "told"), [
    ([1, 2, 3], "subjects must have one entry per triplet, shape (4,); got (3,)"),
    (np.ones((4, 1)), "subjects must have one entry per triplet, shape (4,); got (4, 1)"),
    ([1.0, np.nan, 2.0, 3.0], "subjects must be finite; row 1 is nan"),
    ([True, False, True, False], "subjects must be numbers or strings; got dtype bool"),
    (np.array(["a", None, "b", "c"], object), "subjects must be numbers, or strings throughout; row 1 is None"),
])
def test_subjects_that_are_no_labels_are_refused(people, told, message_of):
    assert message_of(Triplets, draw_triplets(0, 5, 4), subjects=people).startswith(told)


def test_triplets_with_an_array_of_subjects_are_scored_where_objects_have_no_row():
    names, people = tuple("abcdef"), np.arange(200) % 5
    values = draw_triplets(1, 6, 200)
    asked = Triplets(values, names, True, subjects=people)
    found = pyalign.score(pyalign.Embeddings(reals(2, 5, 3), names[:5]), asked, missing="omit", ci="subjects")
    kept = (values < 5).all(axis=1)
    assert (found.n_triplets, found.coverage.n_subjects) == (kept.sum(), 5)
    assert found.ci == pyalign.score(reals(2, 5, 3), values[kept], ci="subjects", subjects=people[kept]).ci
