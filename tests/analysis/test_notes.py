"""What is said about a score: of its rows, its accuracy, its temperature."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import Resampling, Triplets, compare, load_embeddings, odd_one_out, score
from pyalign.analysis.notes import notes_on_rows, notes_on_score, used_rows

TOLD = (
    "m looks like a matrix of dissimilarities, not embeddings: its rows are taken for features; "
    "pyalign.odd_one_out_from(-x, triplets) takes the matrix for what it is"
)
EVERY = np.array([[0, 1, 2], [3, 4, 5], [0, 3, 1]])


def distances(n, dtype=np.float64):
    x = reals(1, n, 3, dtype=np.float64)
    return np.sqrt(((x[:, None] - x) ** 2).sum(axis=2)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dissimilarities_taken_for_embeddings_are_noted(dtype):
    assert notes_on_rows(distances(6, dtype), EVERY, "m") == (TOLD,)


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(distances(6)[:, :5], id="not square"),
        pytest.param(distances(6) + np.eye(6), id="a diagonal"),
        pytest.param(np.triu(distances(6)) + 2 * np.tril(distances(6)), id="not symmetric"),
        pytest.param(reals(1, 6, 6), id="square embeddings"),
        pytest.param(-distances(6), id="negative"),
    ],
)
def test_what_is_no_such_matrix_is_not_noted(x):
    assert TOLD not in notes_on_rows(x, EVERY, "m")


def test_only_square_embeddings_are_looked_at_whole(monkeypatch):
    monkeypatch.setattr("pyalign._checks.looks_like_dissimilarities", lambda matrix: pytest.fail("looked at"))
    notes_on_rows(reals(1, 6, 6), EVERY)
    notes_on_rows(distances(6)[:, :5], EVERY)


def test_the_real_matrix_is_noted_by_score(data):
    rdm = load_embeddings(data / "things" / "RDM48_triplet.mat")
    notes = score(rdm, draw_triplets(1, 48, 200)).notes
    assert any("looks like a matrix of dissimilarities, not embeddings" in note for note in notes)


# Each note appears where it should, and not where not

X, TRIPLETS = reals(1, 40, 5), draw_triplets(2, 40, 400)


def notes(x=X, triplets=TRIPLETS, **options):
    return score({"m": x}, triplets, **options).notes


def answered(x, triplets):
    """The triplets with the odd item of x last: x then scores 100 %."""
    odd = odd_one_out(x, triplets)
    return np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)


GOOD = answered(X, TRIPLETS)


def test_nothing_is_said_about_a_sound_score():
    assert score(X, GOOD).notes == ()
    assert notes(triplets=GOOD) == ()


@pytest.mark.parametrize("n", [41, 45])
def test_rows_that_no_triplet_names_are_counted(n):
    x = np.concatenate([X, reals(3, n - 40, 5)])
    assert notes(x, GOOD) == (f"triplets name 40 of the {n} rows of m",)


def test_items_that_may_count_from_1_are_asked_about():
    shifted = np.concatenate([reals(3, 1, 5), X])
    told = "item 0 never occurs, every other row of m does: do items count from 1 (--one-based)?"
    assert notes(shifted, GOOD + 1) == (told,)


@pytest.mark.parametrize(
    ("rows", "told"),
    [([4], "1 row of m zero throughout: cosines with them are 0"), ([4, 9], "2 rows of m zero throughout")],
)
def test_zero_rows_are_counted(rows, told):
    x = X.copy()
    x[rows] = 0
    assert any(note.startswith(told) for note in notes(x, GOOD))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_first_column_that_counts_the_rows_is_asked_about(first, dtype):
    x = np.column_stack([np.arange(40) + first, X]).astype(dtype)
    told = "the first column of m counts the rows: is it an index, not a feature?"
    assert told in notes(x, GOOD)
    assert told not in notes(x[:, ::-1], GOOD)
    x[7, 0] += 0.5
    assert told not in notes(x, GOOD)


def test_an_accuracy_at_chance_below_it_and_above_it():
    chance = "m: the accuracy is not above chance (33.333 %): is the order of rows right?"
    below = (
        "m: the accuracy is clearly below chance (33.333 %): is the odd item in another column (--odd-column, "
        "--choice-column)?"
    )
    assert chance in notes(np.roll(X, 1, axis=0), GOOD)
    assert notes(triplets=GOOD[:, [2, 0, 1]]) == (below,)
    assert not {chance, below} & set(notes(triplets=GOOD))


@pytest.mark.parametrize(("right", "said"), [(3333, True), (3427, True), (3428, False), (3144, True), (3000, True)])
def test_chance_is_judged_by_the_error_of_independent_triplets(right, said):
    """Of 10,000 triplets it is 0.4714 %: from 2 above, 34.276 %, nothing is said."""
    assert bool(notes_on_score(right / 10_000, 10_000, 1.0)) == said


@pytest.mark.parametrize(("right", "word"), [(3144, "clearly below"), (3145, "not above")])
def test_below_chance_is_said_beyond_four_errors(right, word):
    assert word in notes_on_score(right / 10_000, 10_000, 1.0)[0]


def test_a_temperature_that_does_not_fit_the_scale_is_said():
    told = [note for note in notes(1000 * X, TRIPLETS, measure="dot") if "temperature" in note]
    assert len(told) == 1
    assert told[0].startswith("m: the cross-entropy is ")
    assert told[0].endswith(
        " nats, that of a model that knows nothing 1.09861: the temperature does not fit the scale of the "
        "similarities (pyalign calibrate)"
    )
    assert not [note for note in notes(triplets=GOOD) if "temperature" in note]


def test_nothing_is_said_of_an_accuracy_that_nobody_knows():
    assert score(np.roll(X, 1, axis=0), Triplets(GOOD, answered=False)).notes == ()


def test_each_embeddings_has_its_own_notes_and_the_whole_has_all_once():
    zero = X.copy()
    zero[3] = 0
    found = score({"a": X, "b": zero}, GOOD, measure=["cosine", "dot"])
    told = "1 row of b zero throughout: cosines with them are 0"
    assert [told in one.notes for one in found] == [False, False, True, True]
    assert found.notes.count(told) == 1
    assert not any(note.startswith("a") for note in found.notes)


def test_a_comparison_says_the_same_of_its_models():
    plan = Resampling("triplets", "bootstrap", 64)
    found = compare({"a": X, "b": np.roll(X, 1, axis=0)}, GOOD, ci=plan)
    assert found.notes == ("b: the accuracy is not above chance (33.333 %): is the order of rows right?",)


def test_rows_are_found_used_however_many_triplets_it_takes(monkeypatch):
    monkeypatch.setattr("pyalign.analysis.notes.FIRST_LOOK", 2)
    index = np.array([[0, 1, 2]] * 50 + [[3, 4, 5]])
    assert used_rows(index, 7).tolist() == [True] * 6 + [False]
    assert used_rows(index[:50], 3).all()


def test_notes_are_in_the_document():
    found = score({"m": np.roll(X, 1, axis=0)}, GOOD)
    assert found.to_dict()["notes"] == list(found.notes)
    assert found.to_dict()["results"][0]["notes"] == list(found.notes)
    assert "notes" not in score(X, GOOD).to_dict()
