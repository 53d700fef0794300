"""What is said about a score: of its rows, its accuracy, its temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

import pyalign
from pyalign import Embeddings, Resampling, Triplets, calibrate, compare, load_embeddings, odd_one_out, score
from pyalign.analysis.notes import notes_on_score, used_rows
from pyalign.data.align import FROM_MATRIX, NAMELESS
from pyalign.data.similarities import kind_of_matrix, notes_on_values
from pyalign.datasets.simulate import simulate
from pyalign.ops.similarity import notes_on_similarities

EVERY = np.array([[0, 1, 2], [3, 4, 5], [0, 3, 1]])
RULE = "not embeddings: its rows are taken for features"
TOLD = {
    kind: f'm: this looks like a matrix of {kind}, {RULE}; pyalign.score(matrix=x, kind="{one}") '
    "takes the matrix for what it is"
    for kind, one in (("dissimilarities", "dissimilarity"), ("similarities", "similarity"))
}


def distances(n, dtype=np.float64):
    x = reals(1, n, 3, dtype=np.float64)
    return np.sqrt(((x[:, None] - x) ** 2).sum(axis=2)).astype(dtype)


def units(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


MATRICES = {
    "cosine": (lambda x: units(x) @ units(x).T, "similarities"),
    "1 - cosine": (lambda x: 1 - units(x) @ units(x).T, "dissimilarities"),
    "pearson": (np.corrcoef, "similarities"),
    "1 - pearson": (lambda x: 1 - np.corrcoef(x), "dissimilarities"),
    "of opposite rows": (lambda x: np.corrcoef(np.concatenate([x, -x])), "similarities"),
    "1 - pearson of equal rows": (lambda x: 1 - np.corrcoef(np.concatenate([x, x])), "dissimilarities"),
    "1 - pearson of rows in a narrow cone": (lambda x: 1 - np.corrcoef(x + 40 * x[:1]), "dissimilarities"),
    "-distances": (lambda x: pyalign.similarity(x, measure="neg_euclidean"), "similarities"),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", MATRICES)
@given(seed=seeds, n=st.integers(6, 40), d=st.integers(8, 50))
def test_a_matrix_taken_for_embeddings_is_noted_whatever_rounding_did(name, dtype, seed, n, d):
    make, kind = MATRICES[name]
    matrix = make(reals(seed, n, d, dtype=np.float64).astype(dtype)).astype(dtype)
    assert notes_on_values(Embeddings(matrix), "m", FROM_MATRIX) == (TOLD[kind],)
    order = np.random.default_rng(seed).permutation(len(matrix))
    assert kind_of_matrix(matrix[order][:, order]) == kind


@given(
    seed=seeds, n=st.integers(4, 60), dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    shape=st.sampled_from(["normal", "relu", "sparse", "positive", "with a mean", "with a large feature"]),
)
def test_square_embeddings_are_no_matrix_of_pairs(seed, n, dtype, shape):
    x = np.random.default_rng(seed).normal(size=(n, n))
    x = {
        "normal": x, "relu": np.maximum(x, 0), "sparse": np.maximum(x - 1, 0), "positive": np.exp(x),
        "with a mean": x + 3, "with a large feature": x + 300 * (np.arange(n) == n // 2),
    }[shape]
    assert kind_of_matrix(x.astype(dtype)) in ((None,) if (x != x.T).any() else (None, "similarities"))


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(distances(6)[:, :5], id="not square"),
        pytest.param(distances(6) + np.diag(np.arange(6)), id="a diagonal that differs"),
        pytest.param(np.triu(distances(6)) + 2 * np.tril(distances(6)), id="not symmetric"),
        pytest.param(np.where(np.eye(6) == 1, 2.0, distances(6)), id="a diagonal in the middle"),
        pytest.param(np.eye(6), id="one-hot rows"),
        pytest.param(np.eye(6, dtype=np.uint8), id="one-hot rows of whole numbers"),
        pytest.param(np.eye(6, k=1) + np.eye(6, k=-1), id="the edges of a graph"),
        pytest.param(np.ones((6, 6)), id="one number"),
        pytest.param(np.where(np.eye(6, k=1) == 1, np.nan, distances(6)), id="NaN"),
        pytest.param(np.full((6, 6), np.inf), id="infinity"),
    ],
)
def test_what_is_no_such_matrix_is_not_noted(x):
    assert kind_of_matrix(x) is None


PAIRS = "embeddings: this looks like a matrix of pairs ({}), not embeddings: its rows are taken for features"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("x", "shape"),
    [
        pytest.param(np.cov(reals(1, 20, 50)), "symmetric", id="covariances"),
        pytest.param(reals(1, 20, 5) @ reals(1, 20, 5).T, "symmetric", id="dot products"),
        pytest.param(
            np.where(np.eye(20) == 1, 0, np.corrcoef(reals(1, 20, 50))), "symmetric", id="a diagonal of zeros"
        ),
        pytest.param(np.triu(distances(20)), "triangular", id="above the diagonal"),
        pytest.param(np.tril(np.corrcoef(reals(1, 20, 50))), "triangular", id="below the diagonal"),
    ],
)
def test_what_may_be_a_matrix_of_pairs_of_some_other_kind_is_noted(x, shape, dtype):
    assert notes_on_values(Embeddings(x.astype(dtype)), "embeddings") == (PAIRS.format(shape),)
    assert PAIRS.format(shape) in score(x.astype(dtype), draw_triplets(1, 20, 200)).notes


@pytest.mark.parametrize(
    "x",
    [
        np.eye(20), np.diag(np.arange(20.0)), np.eye(20, k=1) + np.eye(20, k=-1), np.ones((9, 9)), np.zeros((9, 9)),
        np.full((9, 9), np.nan), reals(1, 20, 20), np.triu(np.eye(20) + np.eye(20, k=1)),
    ],
)
def test_square_embeddings_that_are_not_of_pairs_are_not_noted(x):
    assert notes_on_values(Embeddings(x), "x") == ()


def test_tensors_of_pairs_are_looked_at_where_they_are():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(reals(1, 20, 5))
    assert notes_on_values(Embeddings(x @ x.T), "embeddings") == (PAIRS.format("symmetric"),)
    assert notes_on_values(Embeddings(torch.triu(x @ x.T)), "embeddings") == (PAIRS.format("triangular"),)


def test_whole_numbers_do_not_wrap_around():
    x = np.array([[0, 200, 3, 9], [200, 0, 9, 7], [3, 9, 0, 1], [9, 7, 1, 0]], np.uint8)
    assert kind_of_matrix(x) == "dissimilarities"
    x[1, 0] = 100
    assert kind_of_matrix(x) is None


def test_tensors_are_looked_at_where_they_are():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(units(reals(1, 30, 8)))
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        z = x.to(dtype)
        assert kind_of_matrix(z @ z.T) == "similarities" and kind_of_matrix(1 - z @ z.T) == "dissimilarities"
        assert kind_of_matrix(z[:8]) is None


CALLS = {
    "score": lambda m, t: pyalign.score({"m": m}, t),
    "compare": lambda m, t: pyalign.compare({"m": m, "other": reals(9, len(m), 3)}, t),
    "calibrate": lambda m, t: pyalign.calibrate({"m": m}, t),
    "agreement": lambda m, t: pyalign.agreement({"m": m}, np.concatenate([t, t]), min_answers=1),
    "failures": lambda m, t: pyalign.find_failures({"m": m}, t),
    "consistency": lambda m, t: pyalign.error_consistency({"m": m, "other": reals(9, len(m), 3)}, t, ci=None),
    "concepts": lambda m, t: pyalign.score_concepts({"m": m}, t, np.abs(reals(8, len(m), 2)), ci=None),
    "permutation_test": lambda m, t: pyalign.permutation_test(Embeddings(m, source="m"), t, n_permutations=3),
    "recover": lambda m, t: pyalign.recover({"m": m, "o": reals(9, len(m), 3)}, t, temperature=1.0, n_simulations=2),
    "cka": lambda m, t: pyalign.cka({"m": m, "other": reals(9, len(m), 3)}, n_permutations=0),
    "rsa": lambda m, t: pyalign.rsa({"m": m}, distances(len(m)), kind="dissimilarity", ci=None),
    "neighbors": lambda m, t: pyalign.neighbors(Embeddings(m, source="m"), k=2),
    "neighborhoods": lambda m, t: pyalign.neighborhoods({"m": m}, reals(9, len(m), 3), threshold=0.9, k=2, ci=None),
    "concepts of neighborhoods": lambda m, t: pyalign.neighborhoods(
        {"m": m}, categories=[0, 1] * (len(m) // 2), k=2, ci=None
    ),
    "predict_dimensions": lambda m, t: pyalign.predict_dimensions({"m": m}, reals(9, len(m), 2), ci=None),
    "simulate": lambda m, t: simulate(Embeddings(m, source="m"), 10),
    "probe": lambda m, t: pyalign.fit_probe(Embeddings(m, source="m"), t, penalty=1.0),
}


@pytest.mark.filterwarnings("ignore::pyalign.ConvergenceWarning")
@pytest.mark.parametrize("name", CALLS)
def test_every_function_that_reads_embeddings_says_so(name):
    t = draw_triplets(1, 20, 200)
    for kind, matrix in (("dissimilarities", distances(20)), ("similarities", np.corrcoef(reals(1, 20, 9)))):
        found = CALLS[name](matrix, t)
        told = [note for note in found.notes if note.startswith(f"m: this looks like a matrix of {kind}, {RULE}")]
        assert len(told) == 1 and told[0] in str(found)
    assert not [note for note in CALLS[name](reals(4, 20, 20), t).notes if "looks like" in note]


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@pytest.mark.parametrize("name", ["score", "neighborhoods", "rsa", "cka"])
def test_embeddings_without_a_row_are_refused_in_one_line(name, dtype):
    with pytest.raises(pyalign.InputError):
        CALLS[name](np.zeros((0, 3), dtype), EVERY)


def test_whole_numbers_in_memory_that_could_be_triplets_are_asked_about():
    told = "m holds whole numbers in 3 columns, taken for features: are they triplets?"
    items = np.random.default_rng(0).integers(0, 500, (40, 3))
    assert told in notes(items, GOOD)
    assert told in notes(items.astype(float), GOOD)  # as MATLAB saves them
    assert told in notes(items.astype(np.float32), GOOD)
    ratings = items % 8
    for sound in (items + 0.5, ratings.astype(float), items - 250, items[:, :2], items.astype(float)[:, [0, 0, 1]],
                  Embeddings(items, tuple(map(str, range(40))))):
        assert not [note for note in notes(sound, GOOD) if "whole numbers" in note]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_matrices_of_a_real_model_are_noted(data, dtype):
    x = np.load(data / "things" / "clip_vit_b32.npy").astype(np.float32)
    for n in (48, len(x)):
        for similar in (units(x[:n]) @ units(x[:n]).T, np.corrcoef(x[:n])):
            assert kind_of_matrix(similar.astype(dtype)) == "similarities"
            assert kind_of_matrix((1 - similar).astype(dtype)) == "dissimilarities"
            assert kind_of_matrix(1 - similar.astype(dtype)) == "dissimilarities"
    assert kind_of_matrix(x[: x.shape[1]].astype(dtype)) is None


def test_the_real_matrix_is_noted_by_score(data):
    rdm = load_embeddings(data / "things" / "RDM48_triplet.mat")
    notes = score(rdm, draw_triplets(1, 48, 200)).notes
    assert any("looks like a matrix of dissimilarities, not embeddings" in note for note in notes)


# Each note appears where it should, and not where not

X, TRIPLETS = reals(1, 40, 5, dtype=np.float64), draw_triplets(2, 40, 400)
NAMES = np.array([f"object {k:02}" for k in range(40)])


def notes(x=X, triplets=TRIPLETS, **options):
    return score({"m": x}, triplets, **options).notes


def answered(x, triplets):
    """The triplets with the odd item of x last: x then scores 100%."""
    odd = odd_one_out(x, triplets)
    return np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)


GOOD = answered(X, TRIPLETS)
MIXED = np.concatenate([GOOD[:300], TRIPLETS[300:]])


def test_nothing_is_said_about_a_sound_score():
    named = Embeddings(X, tuple(map(str, range(40))))
    assert score(named, GOOD).notes == score(Embeddings(X, NAMES), NAMES[GOOD]).notes == ()
    assert notes(named, GOOD) == ()


@pytest.mark.parametrize("name", ["score", "compare", "calibrate", "agreement", "failures", "consistency", "concepts",
                                  "permutation_test", "recover", "probe"])
def test_without_names_row_i_is_said_to_be_taken_for_object_i(name):
    found = CALLS[name](X, MIXED)
    assert found.notes.count(NAMELESS) == 1 and f"note: {NAMELESS}" in str(found).splitlines()


@pytest.mark.parametrize("n", [41, 45])
def test_rows_that_no_triplet_names_are_counted(n):
    x = np.concatenate([X, reals(3, n - 40, 5)])
    assert notes(x, GOOD) == (NAMELESS, f"triplets name 40 of the {n} rows of m")


def test_items_that_may_count_from_1_are_asked_about():
    shifted = np.concatenate([reals(3, 1, 5), X])
    told = "item 0 never occurs, every other row of m does: do items count from 1 (load_triplets(..., one_based=True))?"
    assert notes(shifted, GOOD + 1) == (NAMELESS, told)


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
    chance = "m: the accuracy is not clearly above chance (33.3%): is the order of rows right?"
    below = (
        "m: the accuracy is clearly below chance (33.3%): is the odd item in another column "
        '(load_triplets(..., odd_column="first"))?'
    )
    assert chance in notes(np.roll(X, 1, axis=0), GOOD)
    assert notes(triplets=GOOD[:, [2, 0, 1]]) == (NAMELESS, below)
    assert not {chance, below} & set(notes(triplets=GOOD))


@pytest.mark.parametrize(("right", "said"), [(3333, True), (3427, True), (3428, False), (3144, True), (3000, True)])
def test_chance_is_judged_by_the_error_of_independent_triplets(right, said):
    """Of 10,000 triplets it is 0.4714%: from 2 above, 34.276%, nothing is said."""
    notes_at = notes_on_score(right / 10_000, 10_000, 1.0)
    assert bool(notes_at) == said
    assert any("is not clearly above" in note for note in notes_at) == (3333 < right < 3428)


def test_rows_whose_squares_underflow_are_not_zero():
    assert not any("zero throughout" in note for note in notes(X * 1e-300, GOOD))


@pytest.mark.parametrize(("right", "word"), [(3144, "clearly below"), (3145, "not above")])
def test_below_chance_is_said_beyond_four_errors(right, word):
    assert word in notes_on_score(right / 10_000, 10_000, 1.0)[0]


def test_a_temperature_that_does_not_fit_the_scale_is_said():
    told = [note for note in notes(1000 * X, TRIPLETS, measure="dot") if "temperature" in note]
    assert len(told) == 1
    assert told[0].startswith("m: the cross-entropy is ")
    assert told[0].endswith(
        " nats, that of a model that knows nothing 1.09861: the temperature does not fit the scale of the "
        "similarities (pyalign.calibrate)"
    )
    assert not [note for note in notes(triplets=GOOD) if "temperature" in note]


def test_nothing_is_said_of_an_accuracy_that_nobody_knows():
    assert score(np.roll(X, 1, axis=0), Triplets(GOOD, answered=False)).notes == (NAMELESS,)


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
    assert found.notes == (NAMELESS, "b: the accuracy is not clearly above chance (33.3%): is the order of rows right?")


def test_rows_are_found_used_however_many_triplets_it_takes(monkeypatch):
    monkeypatch.setattr("pyalign.analysis.notes.FIRST_LOOK", 2)
    index = np.array([[0, 1, 2]] * 50 + [[3, 4, 5]])
    assert used_rows(index, 7).tolist() == [True] * 6 + [False]
    assert used_rows(index[:50], 3).all()


def test_notes_are_in_the_document():
    found = score({"m": np.roll(X, 1, axis=0)}, GOOD)
    assert found.to_dict()["notes"] == list(found.notes)
    assert found.to_dict()["results"][0]["notes"] == list(found.notes)
    assert "notes" not in score(Embeddings(X, tuple(map(str, range(40)))), GOOD).to_dict()


# Similarities that rounding decides


@pytest.mark.parametrize("offset", [1e3, 1e4, 1e5])
@pytest.mark.parametrize("name", ["score", "compare", "agreement", "failures", "consistency", "concepts",
                                  "recover", "permutation_test", "concepts of neighborhoods", "neighborhoods",
                                  "simulate"])
def test_cosines_that_differ_by_rounding_alone_are_noted(name, offset):
    told = (
        "all similarities of m by cosine differ by no more than float32 rounding: rounding and ties decide, not the "
        "model; take the mean off each feature, or give float64"
    )
    far = X + offset
    if name in ("permutation_test", "simulate"):
        told = told.replace("of m by", "of embeddings by")
    assert told in CALLS[name](far.astype(np.float32), MIXED).notes
    for sound in (far, X.astype(np.float32), (far - far.mean(axis=0)).astype(np.float32)):
        assert not [note for note in CALLS[name](sound, MIXED).notes if "rounding" in note]


def test_rows_that_are_only_looked_at_for_equality_have_no_similarities_to_round():
    far = (X + 1e4).astype(np.float32)
    assert not [note for note in pyalign.neighborhoods(far, k=2).notes if "rounding" in note]


@pytest.mark.parametrize("in_tiles", [False, True])
def test_similarities_of_rsa_that_rounding_decides_are_noted(monkeypatch, in_tiles):
    monkeypatch.setattr("pyalign.pairwise.rsa.FROM", 10 if in_tiles else 10_000)
    x = reals(1, 300, 20, dtype=np.float64)
    human = 1 - pyalign.similarity(x + reals(2, 300, 20), measure="cosine")

    def told(x, measure):
        found = pyalign.rsa({"m": x}, human, kind="dissimilarity", measure=measure, ci=None)
        return found.results[0].value, [note for note in found.notes if "float32 rounding" in note]

    far = (x + 5000).astype(np.float32)
    exact, nothing = told(far.astype(np.float64), "cosine")
    value, notes = told(far, "cosine")
    assert np.isnan(value) and np.isfinite(exact) and len(notes) == 1 and not nothing  # rather than a figure of noise
    assert notes[0].startswith("all similarities of m by cosine differ by no more than float32 rounding: ")
    assert not told(far, "pearson")[1] and not told(x.astype(np.float32), "cosine")[1]


def test_a_calibration_of_similarities_that_rounding_decides_is_noted():
    assert any("float32 rounding" in note for note in calibrate((X + 1e3).astype(np.float32), MIXED).notes)


def test_where_rounding_decides_ties_are_counted_and_other_measures_are_not_noted():
    far = (X + 1e4).astype(np.float32)
    by = {str(one.measure): one for one in score(far, GOOD, measure=["cosine", "pearson", "dot", "neg_euclidean"])}
    assert by["cosine"].n_ties > 50 and by["pearson"].n_ties == 0
    noted = [measure for measure, one in by.items() if any("rounding" in note for note in one.notes)]
    assert noted == ["cosine"]
    along = (X + 1e4 * reals(5, 1, 5)).astype(np.float32)  # an offset of its own for each feature
    assert notes_on_similarities(along, GOOD, "pearson")[0].startswith(
        "all similarities of embeddings by pearson differ by no more than"
    )


def test_equal_rows_are_said_to_tie_and_one_hot_rows_of_many_categories_are_not():
    found = score(np.full((40, 3), 0.7), GOOD)
    assert "all similarities of embeddings by cosine are equal: every triplet ties" in found.notes
    assert found.n_ties == len(GOOD)
    assert "all similarities of embeddings by cosine are equal: every triplet ties" in score(np.eye(40), GOOD).notes
    kinds = np.repeat(np.eye(35), 2, axis=0)  # of which few rows are all different
    triplets = draw_triplets(3, 70, 4000)
    assert not [note for note in score(kinds, triplets).notes if "tie" in note]


def test_a_few_rows_decide_where_rows_differ():
    """Of what is no array of numpy too, and whatever the rows that nobody may use hold."""
    torch = pytest.importorskip("torch")
    assert notes_on_similarities(torch.from_numpy(X), GOOD, "cosine") == ()
    far = torch.from_numpy((X + 1e4).astype(np.float32))
    assert len(notes_on_similarities(far, GOOD, "cosine")) == 1
    broken = (X + 1e4).astype(np.float32)
    broken[3] = np.nan
    assert [note for note in score(broken, GOOD, nan_policy="omit").notes if "rounding" in note]
