"""Models compared with each other: calibration against permutations, rows matched by name, degenerate input."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import reals, seeds, strict_json

import pyalign
from pyalign.ops.resample import permutation
from pyalign.pairwise import rdms
from pyalign.pairwise.all_pairs import calibrated
from pyalign.pairwise.rdms import REPRESENTATION_MEASURES

MEASURES = tuple(REPRESENTATION_MEASURES)
MATRICES = tuple(name for name, one in REPRESENTATION_MEASURES.items() if one.family == "matrix")


def models_of(seed, n=24, widths=(3, 6, 40)):
    first = reals(seed, n, widths[0], dtype=np.float64)
    rest = [first @ reals(seed + k, widths[0], d, dtype=np.float64) + reals(seed + 9 * k, n, d, dtype=np.float64)
            for k, d in enumerate(widths[1:], 1)]
    return dict(zip("abc", [first, *rest], strict=False))


def score(x, y, measure):
    return pyalign.cka({"x": x, "y": y}, measure=measure, n_permutations=0, ci=None)[0].matrix[0][1]


# Calibration


def plainly(observed, nulls, alpha):
    """As the paper's algorithm 1 states it."""
    ordered = sorted([observed, *nulls])
    threshold = ordered[math.ceil((1 - Fraction(str(alpha))) * len(ordered)) - 1]
    p = (1 + sum(null >= observed - 1e-12 for null in nulls)) / len(ordered)
    return threshold, min(max((observed - threshold) / (1 - threshold), 0), 1), p


@given(seed=seeds, k=st.integers(1, 60), alpha=st.integers(1, 90).map(lambda percent: percent / 100))
def test_scores_are_calibrated_as_the_paper_states(seed, k, alpha):
    rng = np.random.default_rng(seed)
    nulls, observed = rng.uniform(-0.2, 0.8, k), rng.uniform(-0.2, 1)
    found = calibrated(observed, nulls, alpha)
    assert (found.threshold, found.score, found.p_value) == pytest.approx(plainly(observed, nulls, alpha))


def test_a_whole_order_statistic_is_not_missed_by_rounding():
    """(1 - 0.05) * 20 is 19 in numbers, and a little more as floats."""
    nulls = np.arange(19) / 100
    assert calibrated(0.9, nulls, 0.05).threshold == 0.18
    assert [calibrated(0.9, np.arange(k) / 1000, 0.1).score > 0.8 for k in (8, 9)] == [False, True]


@pytest.mark.parametrize("measure", MEASURES)
def test_nulls_are_scores_of_models_whose_rows_are_permuted(measure):
    """The threshold and the p-value from scores of permuted rows, one permutation after the other."""
    models = models_of(1, widths=(3, 6, 8) if "cca" in measure else (3, 6, 40))  # with more all correlations are 1
    found = pyalign.cka(models, measure=measure, n_permutations=39, confidence_level=0.8, ci=None, seed=5)[0]
    orders = [permutation(24, k, seed=5) for k in range(39)]
    for i, j in found.pairs:
        x, y = models["abc"[i]], models["abc"[j]]
        nulls = [score(x, y[order], measure) for order in orders]
        threshold, fraction, p = plainly(found.matrix[i][j], nulls, 0.2)
        assert found.null_threshold[i][j] == pytest.approx(threshold, abs=1e-9)
        assert found.calibrated[i][j] == pytest.approx(fraction, abs=1e-9)
        assert found.p_value[i][j] == p


@pytest.mark.parametrize("measure", ["linear-cka", "debiased-cka", "lange-cka"])
def test_features_and_matrices_give_the_same(measure, monkeypatch):
    """The form is a matter of cost."""
    models = models_of(2, widths=(3, 5, 4))
    found = []
    for limit in (0, 10**9):
        monkeypatch.setattr(rdms, "FEATURES_PER_ROW", limit)
        found.append(pyalign.cka(models, measure=measure, n_permutations=49)[0])
    for name in ("matrix", "null_threshold", "calibrated", "p_value"):
        few, many = (np.array(getattr(one, name), float) for one in found)
        np.testing.assert_allclose(few, many, rtol=0, atol=1e-12)


@pytest.mark.parametrize("measure", [*MATRICES, "mutual-knn", "procrustes", "cca"])
def test_p_values_are_uniform_for_unrelated_models(measure):
    """Of 200 pairs each of 20 possible p-values comes up about ten times."""
    rng, counts = np.random.default_rng(3), np.zeros(20)
    asked = f"{measure}:3" if measure == "mutual-knn" else measure
    for seed in range(200):
        x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 4))
        found = pyalign.cka({"x": x, "y": y}, measure=asked, n_permutations=19, ci=None, seed=seed)[0]
        counts[round(20 * found.p_value[0][1]) - 1] += 1
    if measure == "mutual-knn":  # a score of few values: ties make p-values larger, never smaller
        assert (np.cumsum(counts) <= 10 * np.arange(1, 21) + 3 * np.sqrt(10 * np.arange(1, 21))).all()
    else:
        assert ((counts - 10) ** 2 / 10).sum() < 43.8  # the 0.1% point of chi-square with 19 degrees of freedom


def test_debiased_cka_of_unrelated_models_is_0_where_cka_is_large():
    """n = 1,000 rows, m = 10,000 features."""
    x, y = reals(1, 1000, 10_000), reals(2, 1000, 10_000)
    found = pyalign.cka({"x": x, "y": y}, measure=["linear-cka", "debiased-cka"], n_permutations=59)
    biased, debiased = found
    assert biased.matrix[0][1] > 0.9 and biased.calibrated[0][1] < 0.01
    assert abs(debiased.matrix[0][1]) < 0.1 and debiased.p_value[0][1] > 0.01
    scores = [score(x[part], y[part], "debiased-cka") for part in np.split(np.arange(1000), 10)]
    assert abs(np.mean(scores)) < 3 * np.std(scores, ddof=1) / np.sqrt(10)
    assert any("independent models look alike with 10,000 features of 1,000 rows" in note for note in found.notes)


def test_related_models_pass_the_threshold():
    found = pyalign.cka(models_of(4, n=60))
    assert all(found[0].calibrated[i][j] > 0.3 and found[0].p_value[i][j] == 1 / 201 for i, j in found[0].pairs)


def test_are_the_same_for_any_number_of_threads(set_threads):
    models = {name: x.astype(np.float32) for name, x in models_of(5, n=150, widths=(8, 200, 300)).items()}
    found = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        found.add(str(pyalign.cka(models, measure=MATRICES, n_permutations=21).to_dict()["results"]))
    assert len(found) == 1


@pytest.mark.parametrize("measure", MEASURES)
def test_backends_agree(measure):
    models = models_of(6, n=14)
    asked = f"{measure}:3" if "knn" in measure or measure == "cknna" else measure
    found = [
        pyalign.cka(models, measure=asked, n_permutations=9, backend=name)[0] for name in ("auto", "numpy", "reference")
    ]
    for one in found[1:]:
        np.testing.assert_allclose(one.matrix, found[0].matrix, rtol=0, atol=1e-12)
        assert one.p_value == found[0].p_value


def test_more_permutations_begin_with_the_same(monkeypatch):
    """However many are worked at once."""
    models = models_of(7)
    whole = pyalign.cka(models, n_permutations=150).to_dict()["results"]
    monkeypatch.setattr("pyalign.ops.resample.ORDERS_AT_ONCE", 11)
    assert pyalign.cka(models, n_permutations=150).to_dict()["results"] == whole
    assert pyalign.cka(models, n_permutations=150, seed=1).to_dict()["results"] != whole


def test_without_permutations_there_is_no_null():
    found = pyalign.cka(models_of(8), n_permutations=0)[0]
    assert found.null_threshold is None and found.calibrated is None and found.p_value is None
    assert "calibrated" not in found.to_dict()


def test_a_few_permutations_are_told_to_be_few():
    found = pyalign.cka(models_of(8), n_permutations=10)
    assert "10 permutations let no calibrated score above 0 at alpha = 0.05: that takes at least 19" in found.notes


# The result


def test_measures_that_are_not_symmetric_give_both_directions():
    found = pyalign.cka(models_of(9), measure="cknna:4", n_permutations=19)[0]
    assert not found.symmetric and len(found.pairs) == 6
    assert found.matrix[0][1] != found.matrix[1][0]
    symmetric = pyalign.cka(models_of(9), n_permutations=19)[0]
    assert len(symmetric.pairs) == 3
    assert (np.array(symmetric.matrix) == np.array(symmetric.matrix).T).all()


def test_results_travel_as_json(tmp_path):
    found = pyalign.cka(models_of(10), measure=["debiased-cka", "cknna:4"], n_permutations=19)
    path = tmp_path / "cka.json"
    path.write_text(found.to_json())
    document = strict_json(path.read_text())["results"][0]
    assert {"measure", "models", "matrix", "null_threshold", "calibrated", "p_value"} <= document.keys()
    assert document["models"] == ["a", "b", "c"] and document["p_value"][0][0] is None
    assert pyalign.load_result(path) == found


def test_the_table_of_a_result_has_a_row_for_each_pair():
    pandas = pytest.importorskip("pandas")
    frame = pyalign.cka(models_of(10), n_permutations=19).to_frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 3
    assert frame.columns.tolist() == [
        "measure", "first", "second", "similarity", "null_threshold", "calibrated", "p_value", "p_adjusted", "ci_low",
        "ci_high", "standard_error",
    ]


def test_the_view_keeps_to_the_width_and_says_how_to_read_it():
    found = pyalign.cka(models_of(10), measure=["debiased-cka", "cknna:4"], n_permutations=19)
    text = found.table(width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "a, b" in text and "b > a" in text and "threshold: 5% of unrelated models pass it" in text


def test_the_view_of_many_models_shows_the_most_similar_pairs():
    models = {f"model {k}": reals(k, 20, 4) for k in range(12)}
    found = pyalign.cka(models, n_permutations=0)
    lines, differences = (block.splitlines() for block in found.table().split("\n\n"))
    assert len([line for line in lines if line.startswith("model ")]) == 45
    assert "the 45 with the smallest p of 660 are shown" in " ".join(differences)
    assert "the 45 most similar of 66 pairs are shown" in " ".join(lines)
    lines, differences = (block.splitlines() for block in found.table(verbose=True).split("\n\n"))
    assert len([line for line in lines if line.startswith("model ")]) == 66
    assert len([line for line in differences if line.startswith("model ")]) == 660


# Rows


NAMES = tuple(f"item {k}" for k in range(24))


def test_rows_are_matched_by_name():
    models = models_of(11)
    order = np.random.default_rng(0).permutation(24)
    named = {"a": pyalign.Embeddings(models["a"], NAMES),
             "b": pyalign.Embeddings(models["b"][order], tuple(NAMES[k] for k in order))}
    assert score(models["a"], models["b"], "linear-cka") == pytest.approx(
        pyalign.cka(named, measure="linear-cka", n_permutations=0)[0].matrix[0][1], abs=1e-12
    )


def test_items_without_a_row_in_all_models_are_left_out_and_counted():
    models = models_of(11)
    named = {
        "a": pyalign.Embeddings(models["a"], NAMES),
        "b": pyalign.Embeddings(models["b"][:20], (*NAMES[1:20], "x")),
    }
    found = pyalign.cka(named, n_permutations=0)
    assert found.n_objects == 19
    assert "5 of the 24 items of a are left out: others have no row for them" in found.notes
    assert "1 rows of b are left out: a has no such items" in found.notes
    expected = score(models["a"][1:20], models["b"][:19], "debiased-cka")
    assert found[0].matrix[0][1] == pytest.approx(expected, abs=1e-12)


def test_files_are_matched_to_the_objects_that_they_show():
    models = models_of(11)
    files = tuple(f"{name}/{name}_01b.jpg" for name in NAMES)
    for first, second in ((NAMES, files), (files, NAMES)):
        named = {"a": pyalign.Embeddings(models["a"], first), "b": pyalign.Embeddings(models["b"][::-1], second[::-1])}
        found = pyalign.cka(named, n_permutations=0)
        assert found[0].matrix[0][1] == pytest.approx(score(models["a"], models["b"], "debiased-cka"), abs=1e-12)
        assert any("are found by the stems of" in note for note in found.notes)


def test_what_is_assumed_of_rows_without_names_is_said():
    models = models_of(11)
    assert pyalign.cka(models, n_permutations=0).notes == (
        "rows have no names: row i is taken for the same item in all embeddings",
    )
    named = {**models, "b": pyalign.Embeddings(models["b"], NAMES)}
    assert pyalign.cka(named, n_permutations=0).notes == (
        "rows of a have no names: they are taken to be in the order of b",
        "rows of c have no names: they are taken to be in the order of b",
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_models_of_different_types_are_compared_in_the_wider(measure):
    types, whole = (np.float16, np.float64, np.int64), models_of(12, widths=(3, 6, 7)).items()
    models = {name: np.round(8 * x).astype(dtype) for (name, x), dtype in zip(whole, types, strict=True)}
    wide = {name: x.astype(np.float64) for name, x in models.items()}
    assert pyalign.cka(models, measure=measure)[0] == pyalign.cka(wide, measure=measure)[0]


def test_tensors_and_frames_are_taken():
    torch, pandas = pytest.importorskip("torch"), pytest.importorskip("pandas")
    models = models_of(12)
    given = {"a": torch.tensor(models["a"]), "b": pandas.DataFrame(models["b"], index=NAMES), "c": models["c"].tolist()}
    assert pyalign.cka(given)[0] == pyalign.cka(models)[0]


def test_wrong_models_are_refused(message_of):
    models = models_of(13)
    assert message_of(pyalign.cka, {"a": models["a"]}) == "models must be at least two; got 1"
    assert message_of(pyalign.cka, [models["a"]]) == "models must be at least two; got 1"
    told = message_of(pyalign.cka, {"a": models["a"], "b": models["b"][1:]})
    assert told == "models must have the same number of items; got a: 24, b: 23"
    broken = models["b"].copy()
    broken[3, 1] = np.nan
    told = "b must be finite; 1 of 24 rows holds NaN or infinity, first row 3"
    assert message_of(pyalign.cka, {"a": models["a"], "b": broken}) == told
    others = {name: pyalign.Embeddings(models[name], tuple(f"{name}{k}" for k in range(24))) for name in "ab"}
    assert "no row is named 'a0'" in message_of(pyalign.cka, others)
    twice = {"a": pyalign.Embeddings(models["a"], ("x",) * 24), "b": models["b"]}
    assert message_of(pyalign.cka, twice) == "row names must differ; 'x' occurs more than once"


def test_wrong_options_are_refused(message_of):
    models = models_of(13)
    assert message_of(pyalign.cka, models, confidence_level=1) == "confidence_level must lie between 0 and 1; got 1"
    assert "n_permutations must be a whole number from 0" in message_of(pyalign.cka, models, n_permutations=-1)
    assert message_of(pyalign.cka, models, measure=[]) == "measure must be at least one; got none"
    told = message_of(pyalign.cka, models, measure=["rbf-cka:0.5", "linear-cka", "rbf-cka:0.50"])
    assert told == "measure must differ; got 'rbf-cka:0.50' twice"
    told = message_of(pyalign.cka, models, measure="mutual-knn:24")
    assert told == "mutual-knn:24 needs more than 24 rows: k is at most n - 1; got 24"


# Degenerate input: a defined result, or one line


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_a_constant_model_is_told_by_name(measure, constant, message_of):
    """0.1 has a mean that is not 0.1."""
    models = {"good": reals(1, 24, 4, dtype=np.float64), "flat": np.full((24, 3), constant)}
    if measure == "mutual-knn" or (measure == "cknna" and constant):  # all equally near: lower rows are nearer
        assert all(np.isfinite(one) for row in pyalign.cka(models, measure=measure)[0].matrix for one in row)
        return
    told = message_of(pyalign.cka, models, measure=measure)
    assert told.startswith("flat: ") and ("is not defined" in told or "positive median distance" in told)


@pytest.mark.parametrize("measure", MEASURES)
def test_zero_and_duplicate_rows_give_numbers(measure):
    x = reals(2, 24, 4, dtype=np.float64)
    x[:3] = 0
    x[10:14] = x[9]
    found = pyalign.cka({"x": x, "y": x[::-1].copy()}, measure=measure)[0]
    for name in ("matrix", "null_threshold", "calibrated", "p_value"):
        values = np.array(getattr(found, name), float)
        assert np.isfinite(values[~np.eye(2, dtype=bool)]).all(), name


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_very_few_rows_give_numbers_or_one_line(measure, n):
    asked = f"{measure}:{max(1, min(2, n - 1))}" if measure == "mutual-knn" else measure
    asked = "cknna:2" if measure == "cknna" else asked
    models = {"x": reals(3, n, 3, dtype=np.float64), "y": reals(4, n, 5, dtype=np.float64)}
    try:
        found = pyalign.cka(models, measure=asked, n_permutations=19)[0]
    except pyalign.InputError as error:
        assert len(str(error).splitlines()) == 1
        assert n < 5 and any(word in str(error) for word in ("needs", "is not defined"))
        assert n < REPRESENTATION_MEASURES[measure].least or measure in ("mutual-knn", "cknna")
        return
    assert all(-1 <= one <= 1 for row in found.matrix for one in row)
    assert 0 <= found.calibrated[0][1] <= 1 and 1 / 20 <= found.p_value[0][1] <= 1


def test_two_rows_are_always_alike_and_never_more_than_chance():
    found = pyalign.cka({"x": [[0.0], [1.0]], "y": [[3.0, 1.0], [2.0, 2.0]]}, measure="linear-cka")[0]
    assert found.matrix[0][1] == pytest.approx(1) and found.calibrated[0][1] == 0 and found.p_value[0][1] == 1


def test_scores_that_differ_by_rounding_alone_count_as_equal():
    """Pairs of equal rows: exchanging them changes nothing, and many permutations of four rows do no more."""
    x = np.repeat(reals(5, 2, 3, dtype=np.float32), 2, axis=0)
    found = pyalign.cka({"x": x, "y": np.float32(0.7) * x}, measure="linear-cka", n_permutations=999)[0]
    assert found.p_value[0][1] == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.filterwarnings("error")
def test_the_scale_of_a_model_changes_no_measure_however_extreme(measure, scale):
    models = models_of(1, widths=(3, 6))
    assert score(models["a"] * scale, models["b"], measure) == pytest.approx(score(*models.values(), measure), abs=1e-9)


@pytest.mark.parametrize("scale", [1e-35, 1e35])
def test_the_scale_of_a_model_does_not_count(scale):
    x, y = reals(6, 30, 4), reals(7, 30, 50)
    for measure in MEASURES:
        assert score(x * np.float32(scale), y, measure) == pytest.approx(score(x, y, measure), abs=1e-5), measure


@pytest.mark.parametrize("names", [None, [f"item {k}" for k in range(40)]])
@pytest.mark.parametrize("measure", ["debiased-cka", "linear-cka"])
def test_a_row_that_holds_more_than_a_quarter_of_a_linear_kernel_is_named(measure, names):
    models = models_of(2, n=40)
    models["b"][7] *= 12.0
    kernel = models["b"] - models["b"].mean(axis=0)
    squares = (kernel @ kernel.T) ** 2
    np.fill_diagonal(squares, 0.0)
    share = 2 * squares[7].sum() / squares.sum()
    assert share > 0.25
    given = models if names is None else {name: pyalign.Embeddings(x, names) for name, x in models.items()}
    row = "row 7 (from 0)" if names is None else "item 7"
    expected = f"{measure}: pairs with {row} hold {share:.0%} of the weight in b: few rows decide"
    found = pyalign.cka(given, measure=measure, n_permutations=0)
    assert [note for note in found.notes if "of the weight" in note] == [expected]
    for options in ({"ci": None}, {"measure": "rsa-spearman"}):  # no interval to warn of; ranks have no long rows
        assert "of the weight" not in str(pyalign.cka(given, **{"measure": measure, "n_permutations": 0, **options}))


@pytest.mark.parametrize("n", [10, 40])
def test_rows_of_about_one_length_are_not_said_to_decide(n):
    assert "of the weight" not in str(pyalign.cka(models_of(3, n=n), n_permutations=0))
