"""Mistakes that people make with embeddings and triplets: the message names the cause, and what helps."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign import Embeddings
from pyalign.errors import InputError

X, TRIPLETS = reals(1, 30, 8), draw_triplets(2, 30, 400, np.int32)
NAMES = tuple(f"item {k}" for k in range(30))
HOLES = X.copy()
HOLES[[3, 7, 9, 20]] = np.nan


def two(x):
    """x as the second of two models, the first of which is sound where it can be."""
    sound = X if x is HOLES else Embeddings(X, x.names) if isinstance(x, Embeddings) else x
    return {"a": sound, "b": x}


WITH_ROWS = {
    "score": lambda x, t, **options: pyalign.score(x, t, **options),
    "score of a mapping": lambda x, t, **options: pyalign.score({"a": x}, t, **options),
    "compare": lambda x, t, **options: pyalign.compare(two(x), t, **options),
    "calibrate": lambda x, t, **options: pyalign.calibrate(x, t, split=None, **options),
    "failures": lambda x, t, **options: pyalign.find_failures(two(x), t, **options),
    "consistency": lambda x, t, **options: pyalign.error_consistency(two(x), t, ci=None, **options),
    "permutation_test": lambda x, t, **options: pyalign.permutation_test(x, t, n_permutations=3, **options),
}
with_rows = pytest.mark.parametrize("name", WITH_ROWS)


@with_rows
def test_the_shape_of_triplets_is_the_true_one(name, message_of):
    wide = np.tile(np.c_[TRIPLETS, TRIPLETS[:, 0]], (180, 1))  # more rows than are looked at at once
    said = message_of(WITH_ROWS[name], X, wide)
    assert said == (
        "triplets must have shape (t, 3); got (72000, 4): which three columns are the items, as in triplets[:, [0, 1, "
        "2]]?"
    )


@with_rows
def test_embeddings_in_the_place_of_triplets_get_the_question(name, message_of):
    said = message_of(WITH_ROWS[name], TRIPLETS, X)
    assert said == "triplets must have shape (t, 3); got (30, 8) of float32: are embeddings and triplets swapped?"
    three = message_of(WITH_ROWS[name], TRIPLETS, X[:, :3])
    assert three.endswith("triplets must be integers; got dtype float32: are embeddings and triplets swapped?")


@with_rows
def test_transposed_embeddings_get_the_question(name, message_of):
    said = message_of(WITH_ROWS[name], reals(3, 10, 30), TRIPLETS)
    assert said.endswith("; there are 10 rows of 30 numbers: are the embeddings transposed?")


def test_transposed_embeddings_of_functions_of_arrays_and_of_probes(message_of):
    x = reals(3, 10, 30)
    assert message_of(pyalign.odd_one_out, x, TRIPLETS).endswith("are the embeddings transposed?")
    assert message_of(pyalign.fit_probe, x, TRIPLETS, penalty=1.0).endswith("are the embeddings transposed?")
    assert "transposed" not in message_of(pyalign.score, X[:20], TRIPLETS)
    assert "transposed" not in message_of(pyalign.score, reals(3, 10, 29), TRIPLETS)


@with_rows
def test_rows_with_nan_are_counted_named_and_left_out_where_that_is_asked_for(name, message_of):
    called = "b: " if name in ("compare", "failures", "consistency") else "a: " if "mapping" in name else ""
    said = message_of(WITH_ROWS[name], HOLES, TRIPLETS)
    rule = f"{called}embeddings must be finite; 4 of 30 rows hold NaN or infinity"
    assert said == f'{rule}, first row 3; nan_policy="omit" leaves them out'
    with_names = Embeddings(HOLES, NAMES)
    said = message_of(WITH_ROWS[name], with_names, np.array(NAMES)[TRIPLETS])
    assert said == f"{rule}, first row 3: 'item 3', 'item 7', 'item 9' and 1 more; nan_policy=\"omit\" leaves them out"
    try:
        WITH_ROWS[name](HOLES, TRIPLETS, nan_policy="omit")
    except InputError as error:  # such as similarities that agree with nobody
        assert "finite" not in str(error)


def test_rows_with_nan_of_other_functions_that_can_leave_them_out(message_of):
    x = Embeddings(HOLES, NAMES)
    rule = "must be finite; 4 of 30 rows hold NaN or infinity, first row 3"
    named = f"{rule}: 'item 3', 'item 7', 'item 9' and 1 more; nan_policy=\"omit\" leaves them out"
    assert message_of(pyalign.neighbors, x, k=3) == f"embeddings {named}"
    human = Embeddings(np.abs(X), NAMES)
    assert message_of(pyalign.predict_dimensions, x, human, folds=2) == f"embeddings {named}"
    rdm = pyalign.RDMs(1 - pyalign.similarity(X), kind="dissimilarity", names=NAMES)
    assert message_of(pyalign.rsa, x, rdm) == f"embeddings {named}"
    assert message_of(pyalign.similarity, HOLES) == f"embeddings {rule}"  # which can't


def test_one_model_is_told_that_compare_needs_two(message_of):
    assert message_of(pyalign.compare, {"a": X}, TRIPLETS) == "compare needs at least two models; got 1: 'a'"


def test_choices_without_rows_are_not_asked_about_their_order():
    at_chance = np.arange(400) % 3
    found = pyalign.score_choices(at_chance, TRIPLETS)
    assert "the accuracy is not above chance (33.3%)" in found.notes
    assert not any("order of rows" in note for note in found.notes)
