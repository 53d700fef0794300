"""Names of items are never lost: every public function that takes embeddings matches them, or says what it assumes."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import PURE, draw_triplets, reals

import pyalign
from pyalign import Embeddings, Triplets
from pyalign.errors import AssumptionWarning

pandas = pytest.importorskip("pandas", reason="pandas is not installed")

N, T = 15, 150
X = reals(1, N, 4, dtype=np.float64)
ANSWERED = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the columns with each position last
DRAWN = draw_triplets(2, N, T, np.int32)
TRIPLETS = np.take_along_axis(DRAWN, ANSWERED[pyalign.odd_one_out(X + reals(4, N, 4), DRAWN)], axis=1)
NAMES = np.array([f"item {k}" for k in range(N)])
PLAN = pyalign.Resampling("triplets", "bootstrap", 64)  # resamples of objects go by the rows, which move here
ANSWERS = np.random.default_rng(3).integers(1, 5, (T, 3))
HUMAN = np.abs(reals(5, N, 3))
KINDS = [f"kind {k % 2}" for k in range(N)]


def human(t):
    """Human dimensions of the items as triplets name them: by name, or in the order of the numbers."""
    named = isinstance(t, Triplets) or t.dtype.kind == "U"
    return Embeddings(HUMAN, NAMES) if named else HUMAN


def kinds(t):
    """A category of each item, likewise, in another order where they have names."""
    if isinstance(t, Triplets) or t.dtype.kind == "U":
        return pandas.Series(KINDS, index=NAMES)[::-1]
    return pyalign.Categories.of(KINDS, names=tuple(map(str, range(N))))


def figures_of(found):
    return [(one.n_triplets, one.accuracy) for one in found.results[0].concepts]


# A number, or numbers, that depend on which row is whose.
FUNCTIONS = {
    "score": lambda x, t: pyalign.score(x, t, ci=PLAN).ci,
    "score of a mapping": lambda x, t: pyalign.score({"a": x}, t)[0].cross_entropy,
    "compare": lambda x, t: pyalign.compare({"a": x, "b": x}, t, ci=PLAN).models[0].cross_entropy_ci,
    "odd_one_out": pyalign.odd_one_out,
    "choice_probabilities": pyalign.choice_probabilities,
    "permutation_test": lambda x, t: pyalign.permutation_test(x, t, n_permutations=3).accuracy,
    "calibrate": lambda x, t: pyalign.calibrate(x, t, split=None).temperature,
    "agreement": lambda x, t: round(pyalign.agreement(x, t, answers=ANSWERS).share_pearson, 12),
    "score_concepts": lambda x, t: figures_of(pyalign.score_concepts(x, t, human(t), ci=None)),
    "categories": lambda x, t: figures_of(pyalign.score_concepts(x, t, categories=kinds(t), ci=None)),
    "error_consistency": lambda x, t: pyalign.error_consistency({"a": x, "b": x}, t, ci=None).models[0].right,
    "predict_dimensions": lambda x, t: pyalign.predict_dimensions(x, human(t), triplets=t, ci=None)[0].own_accuracy,
    "find_failures": lambda x, t: pyalign.find_failures({"a": x, "b": x}, t).groups[0].rows,
}
MAPPINGS = {
    "score": lambda two: pyalign.score(two, TRIPLETS),
    "matrix of score": lambda two: pyalign.score(matrix=two, kind="similarity", triplets=TRIPLETS),
    "score_choices": lambda two: pyalign.score_choices(two, TRIPLETS),
    "calibrate": lambda two: pyalign.calibrate(two, TRIPLETS, split=None),
    "agreement": lambda two: pyalign.agreement(two, TRIPLETS, answers=ANSWERS),
    "compare": lambda two: pyalign.compare(two, TRIPLETS),
    "measure of compare": lambda two: pyalign.compare({"1": X, "2": X}, TRIPLETS, measure=two),
    "model_choices of compare": lambda two: pyalign.compare(None, TRIPLETS, model_choices=two),
    "model_choices of calibrate": lambda two: pyalign.calibrate(None, TRIPLETS, model_choices=two),
    "model_choices of agreement": lambda two: pyalign.agreement(None, TRIPLETS, model_choices=two),
    "model_choices of concepts": lambda two: pyalign.score_concepts(None, TRIPLETS, HUMAN, model_choices=two),
    "find_failures": lambda two: pyalign.find_failures(two, TRIPLETS),
    "model_choices of failures": lambda two: pyalign.find_failures(None, TRIPLETS, model_choices=two),
    "error_consistency": lambda two: pyalign.error_consistency(two, TRIPLETS, ci=None),
    "model_choices of consistency": lambda two: pyalign.error_consistency(None, TRIPLETS, model_choices=two, ci=None),
    "recover": lambda two: pyalign.recover(two, TRIPLETS),
    "temperature of recover": lambda two: pyalign.recover({"1": X, "2": X}, TRIPLETS, temperature=two),
    "rsa": lambda two: pyalign.rsa(two, X @ X.T, kind="similarity", ci=None),
    "matrix of rsa": lambda two: pyalign.rsa({}, X @ X.T, kind="similarity", ci=None, matrix=two),
    "cka": lambda two: pyalign.cka(two),
    "models of cka": lambda two: pyalign.cka(two, batch_size=5),
    "models of batches": lambda two: pyalign.cka(batches=[two]),
    "x of layer_similarity": lambda two: pyalign.layer_similarity(two, {"a": X}),
    "score_concepts": lambda two: pyalign.score_concepts(two, TRIPLETS, HUMAN, ci=None),
    "neighborhoods": lambda two: pyalign.neighborhoods(two, HUMAN, categories=KINDS, k=3),
    "predict_dimensions": lambda two: pyalign.predict_dimensions(two, HUMAN),
}
orders = st.permutations(range(N)).map(np.array)
functions = pytest.mark.parametrize("name", FUNCTIONS)


def same(found, expected):
    """Bit for bit; of BLAS, which rounds the sums of a row by its place, to a few roundings."""
    np.testing.assert_allclose(found, expected, rtol=1e-14 if PURE else 0, atol=1e-15 if PURE else 0)


def quietly(function, *args, **options):
    """What it gives; that something had to be assumed is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        return function(*args, **options)


@functions
@settings(max_examples=4)
@given(order=orders)
def test_the_index_of_a_frame_is_the_names(name, order):
    function = FUNCTIONS[name]
    expected = quietly(function, pandas.DataFrame(X, index=NAMES), NAMES[TRIPLETS])
    for make in (lambda: pandas.DataFrame(X, index=NAMES).iloc[order], lambda: Embeddings(X[order], NAMES[order])):
        same(quietly(function, make(), NAMES[TRIPLETS]), expected)
        stated = Triplets(TRIPLETS, tuple(NAMES), numbered=True)
        same(quietly(function, make(), stated), expected)


@functions
@settings(max_examples=4)
@given(order=orders)
def test_an_index_of_whole_numbers_is_the_numbers_of_the_items(name, order):
    function = FUNCTIONS[name]
    expected = function(X, TRIPLETS)
    same(quietly(function, pandas.DataFrame(X).iloc[order], TRIPLETS), expected)
    numbered = Embeddings(X[order], tuple(map(str, order)))
    same(quietly(function, numbered, TRIPLETS), expected)


@functions
def test_a_plain_frame_is_a_plain_array(name):
    function = FUNCTIONS[name]
    same(quietly(function, pandas.DataFrame(X), TRIPLETS), function(X, TRIPLETS))


@functions
def test_paths_and_sparse_matrices_say_what_to_do(name, message_of):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    function = FUNCTIONS[name]
    assert message_of(function, "clip.npy", NAMES[TRIPLETS]).endswith(
        "must be an array; got the path 'clip.npy': read it with load_embeddings(path)"
    )
    message = message_of(function, sparse.csr_matrix(X), NAMES[TRIPLETS])
    assert "must be a dense array; got csr_matrix: give " in message


def test_similarity_has_the_rows_of_the_frame_and_numbers_in_order():
    order = np.random.default_rng(0).permutation(N)
    expected = pyalign.similarity(X)
    named = pyalign.similarity(pandas.DataFrame(X, index=NAMES).iloc[order])
    same(named, expected[np.ix_(order, order)])
    same(pyalign.similarity(pandas.DataFrame(X).iloc[order]), expected)
    other = pyalign.similarity(X, pandas.DataFrame(X).iloc[order])
    np.testing.assert_allclose(other, expected, rtol=1e-12, atol=1e-15)


@given(orders)
def test_the_same_embeddings_in_two_orders_do_not_differ(order):
    frame = pandas.DataFrame(X, index=NAMES)
    for triplets in (NAMES[TRIPLETS], TRIPLETS):
        found = pyalign.compare({"a": frame.loc[NAMES[order]], "b": frame}, triplets, ci=PLAN)
        assert found.pairs[0].difference == 0
        assert tuple(found.pairs[0].ci) == (0, 0)


def test_a_matrix_of_similarities_is_matched_by_name():
    order = np.random.default_rng(0).permutation(N)
    s = pyalign.similarity(X)
    expected = pyalign.odd_one_out(kind="similarity", matrix=s, triplets=TRIPLETS)
    turned = {"matrix": Embeddings(s[np.ix_(order, order)], NAMES[order]), "kind": "similarity"}
    assert np.array_equal(quietly(pyalign.odd_one_out, None, NAMES[TRIPLETS], **turned), expected)
    expected = pyalign.choice_probabilities(kind="similarity", matrix=s, triplets=TRIPLETS)
    assert np.array_equal(quietly(pyalign.choice_probabilities, None, NAMES[TRIPLETS], **turned), expected)


# What is assumed is said


@pytest.mark.parametrize("name", ["odd_one_out", "choice_probabilities"])
def test_arrays_have_no_room_for_notes_so_that_they_warn(name):
    order = np.arange(N)[::-1]
    with pytest.warns(AssumptionWarning, match="item numbers are taken as row numbers of embeddings") as caught:
        getattr(pyalign, name)(Embeddings(X[order], NAMES[order]), TRIPLETS)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pyalign.score(x, TRIPLETS),
        lambda x: pyalign.score({"x": x}, TRIPLETS),
        lambda x: pyalign.score({"x": x}, TRIPLETS)[0],
        lambda x: pyalign.compare({"x": x, "y": x}, TRIPLETS, ci=PLAN),
        lambda x: pyalign.permutation_test(x, TRIPLETS, n_permutations=3),
    ],
    ids=["score", "scores", "one of scores", "compare", "permutation_test"],
)
def test_results_have_notes(call):
    found = call(Embeddings(X, NAMES))
    told = [note for note in found.notes if "item numbers are taken as row numbers of" in note]
    assert len(told) == 1
    assert not [note for note in call(pandas.DataFrame(X)).notes if "item numbers" in note]


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_where_nothing_is_assumed():
    pyalign.odd_one_out(X, TRIPLETS)
    pyalign.odd_one_out(Embeddings(X, NAMES), NAMES[TRIPLETS])


@given(orders)
def test_an_index_of_categories_is_the_names_of_their_objects(order):
    flags = np.arange(N)[:, None] % [2, 3] == 0
    for values in (KINDS, np.arange(N) % 3, flags):
        make = pandas.DataFrame if np.ndim(values) == 2 else pandas.Series
        expected = pyalign.Categories.of(values)
        found = pyalign.Categories.of(make(values, index=NAMES).iloc[order])
        assert found.names == tuple(NAMES[order])
        np.testing.assert_array_equal(found.of_rows(N, NAMES), expected.of_rows(N))
        np.testing.assert_array_equal(pyalign.Categories.of(make(values).iloc[order]).of_rows(N), expected.of_rows(N))
    assert pyalign.Categories.of(pandas.DataFrame(flags, columns=["even", "third"])).labels == ("even", "third")


@pytest.mark.parametrize("name", MAPPINGS)
def test_names_of_a_mapping_that_are_equal_as_text_are_refused(name, message_of):
    argument = name.rpartition(" of ")[0] if " of " in name else next(
        iter(inspect.signature(getattr(pyalign, name)).parameters)
    )
    told = message_of(MAPPINGS[name], {1: X, "1": X})
    assert told == f"{argument} must have names that differ as text; got 1 and '1'"
