"""Human dimensions predicted on held-out objects: planted and random ones, order, names, intervals, bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, load_from_tools, seeds, strict_json

import pyalign
from pyalign import Embeddings, InputError, predict_dimensions
from pyalign.concept.held_out import folds_of, predict_held_out
from pyalign.concept.predicted import Explained
from pyalign.stats.multiple import holm
from pyalign.stats.resampling import Resampling

NAMELESS = "rows of the dimensions and of embeddings have no names: row i is taken for object i"
PENALTIES = 10.0 ** np.arange(-1, 7)
NAMES = tuple(f"item {k:03}" for k in range(300))


def planted(seed=0, n=300, d=6, noise=1.0):
    """Features; a dimension that lies in them, half of it noise, and one that has nothing to do with them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, np.stack([x[:, 0] + noise * rng.normal(size=n), rng.normal(size=n)], axis=1)


def plainly(x, y, fold, penalties=PENALTIES):
    """Predictions and R^2 as they are defined, of one target, by scikit-learn."""
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    predictions, means = np.empty(len(y)), np.empty(len(y))
    for f in np.unique(fold):
        fit = linear.RidgeCV(alphas=penalties).fit(x[fold != f], y[fold != f])
        predictions[fold == f], means[fold == f] = fit.predict(x[fold == f]), y[fold != f].mean()
    return predictions, 1.0 - ((y - predictions) ** 2).sum() / ((y - means) ** 2).sum()


@given(seed=st.integers(0, 999))  # all of which were tried once: a bound on any seed at all would say little
def test_a_planted_dimension_is_found_and_a_random_one_is_not(seed):
    found = predict_dimensions(*planted(seed), labels=["planted", "random"])[0]
    one, other = found.dimensions
    wide = 2 * one.standard_error  # beyond the interval: some four standard errors, of a thousand seeds
    assert one.ci.low - wide < 0.5 < one.ci.high + wide  # half of it is noise
    assert other.r2 < 0.06 and other.ci.low < 0.02
    assert found.mean_r2 == pytest.approx((one.r2 + other.r2) / 2)
    assert (one.dimension, other.dimension) == ("planted", "random")


def test_the_share_that_was_planted_lies_in_19_of_20_intervals_and_nothing_is_found_where_nothing_is():
    """Half of a dimension: of 60 data sets 57 are expected; fewer than 51 come once in 1,300 times."""
    shares, others = [], []
    for seed in range(60):
        one, other = predict_dimensions(*planted(seed)).results[0].dimensions
        shares.append(one.ci.low <= 0.5 <= one.ci.high)
        others.append((other.r2, other.ci.low))
    assert sum(shares) >= 51
    r2, low = np.array(others).T
    assert abs(r2.mean()) < 0.01 and r2.max() < 0.06 and (low <= 0).mean() > 0.9


def test_intervals_hold_as_often_as_they_say():
    """With the share of what new objects would give: fits of 200 objects to 50 features owe much to each of them."""
    rng, values, errors, bare = np.random.default_rng(1), [], [], []
    weights = rng.normal(size=50) / math.sqrt(50)
    for seed in range(150):
        x = rng.normal(size=(200, 50))
        y = (x @ weights + rng.normal(size=200))[:, None]
        held = predict_held_out(x, y, folds_of(200, 5, seed=seed), PENALTIES, errors=True)
        found = Explained.of(y, held)
        values.append(found.values[0])
        errors.append(found.error(0))
        left, all_ = ((y - p) ** 2 for p in (held.predictions, held.means))
        moved = (left - (1 - found.values[0]) * all_) / all_.mean()
        bare.append(math.sqrt(float((moved**2).sum()) / (200 * 199)))
    off = np.abs(np.array(values) - np.mean(values))
    assert 0.92 <= np.mean(off < 1.972 * np.array(errors)) <= 0.99
    assert np.mean(off < 1.972 * np.array(bare)) < 0.9  # which the fits as they are would not


def test_the_error_is_that_of_fits_without_each_object():
    x, y = planted(3, n=24, d=4)
    fold = folds_of(24, 4)
    held = predict_held_out(x, y, fold, PENALTIES, errors=True)
    found, others = Explained.of(y, held), []
    for i in range(24):
        rest = np.arange(24) != i
        predictions, means = np.empty((23, 2)), np.empty((23, 2))
        for f in range(4):
            part = fold[rest] == f
            for k in range(2):
                one = predict_held_out(x[rest], y[rest][:, k : k + 1], part.astype(int), held.penalties[f, k : k + 1])
                predictions[part, k] = one.predictions[part, 0]
            means[part] = y[rest][~part].mean(axis=0)
        left, all_ = ((y[rest] - p) ** 2 for p in (predictions, means))
        r2 = 1 - left.sum(axis=0) / all_.sum(axis=0)
        others.append([*r2, r2.mean()])
    expected = np.sqrt(23 / 24 * ((np.array(others) - np.mean(others, axis=0)) ** 2).sum(axis=0))
    assert [found.error(k) for k in range(3)] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("shape", [(40, 8), (40, 100)])
def test_figures_are_those_of_scikit_learn(shape):
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape).astype(np.float32)
    y = x[:, :3].astype(np.float64) + rng.normal(size=(40, 3))
    found = predict_dimensions(x, y)
    for k, one in enumerate(found[0].dimensions):
        predictions, r2 = plainly(x.astype(np.float64), y[:, k], found.fold_of)
        np.testing.assert_allclose(found[0].predictions[:, k], predictions, rtol=1e-9, atol=1e-9)
        assert one.r2 == pytest.approx(r2, abs=1e-9)
        assert one.correlation == pytest.approx(np.corrcoef(predictions, y[:, k])[0, 1])


@given(seed=seeds, named=st.booleans())
def test_predictions_move_with_the_objects(seed, named):
    """The published script compares predictions in one order with targets in another."""
    x, y = planted(1, n=60)
    order = np.random.default_rng(seed).permutation(60)
    folds = folds_of(60, 5)
    names = NAMES[:60] if named else None
    moved = tuple(NAMES[k] for k in order) if named else None
    one = predict_dimensions(x, Embeddings(y, names), folds=5 if named else folds)
    other = predict_dimensions(x[order], Embeddings(y[order], moved), folds=5 if named else folds[order])
    np.testing.assert_allclose(other[0].predictions, one[0].predictions[order], rtol=1e-9, atol=1e-9)
    assert other[0].mean_r2 == pytest.approx(one[0].mean_r2, abs=1e-10)
    np.testing.assert_array_equal(other.fold_of, one.fold_of[order])


def test_rows_are_matched_by_name_and_others_left_out():
    x, y = planted(2, n=50)
    human = Embeddings(y, NAMES[:50])
    order = np.random.default_rng(0).permutation(60)
    more = np.concatenate([x, np.zeros((10, 6))])[order]
    found = predict_dimensions(Embeddings(more, tuple(NAMES[k] for k in order)), human)
    np.testing.assert_allclose(found[0].predictions, predict_dimensions(x, human)[0].predictions, rtol=1e-9)
    assert "10 rows of embeddings are left out: the dimensions have no such objects" in found.notes
    assert found.names == NAMES[:50]
    with pytest.raises(
        InputError, match="embeddings must have a row for each object of the dimensions: no row is named"
    ):
        predict_dimensions(Embeddings(x[:49], NAMES[:49]), human)
    assert "rows of embeddings have no names: row i is taken for object i" in predict_dimensions(x, human).notes


def test_rows_with_nan_raise_or_are_left_out():
    x, y = planted(2, n=50)
    x[7, 0], y[9, 1] = np.nan, np.inf
    with pytest.raises(InputError, match="dimensions must be finite; 1 of 50 rows holds NaN or infinity, first row 9"):
        predict_dimensions(x, y)
    triplets = draw_triplets(0, 50, 400)
    found = predict_dimensions(x, y, nan_policy="omit", triplets=triplets)
    kept = np.delete(np.arange(50), [7, 9])
    np.testing.assert_allclose(found[0].predictions[kept], predict_dimensions(x[kept], y[kept])[0].predictions)
    assert np.isnan(found[0].predictions[[7, 9]]).all() and found.fold_of[[7, 9]].tolist() == [-1, -1]
    assert (found.n_objects, found.n_dropped) == (48, 2)
    assert found.n_triplets == 400 - int(np.isin(triplets, (7, 9)).any(axis=1).sum())


def test_models_differ_by_paired_intervals():
    x, y = planted(4)
    rng = np.random.default_rng(9)
    found = predict_dimensions({"good": x, "worse": x + rng.normal(size=x.shape), "none": x[:, 3:]}, y)
    means, rest = found.differences[:3], found.differences[3:]
    assert [(one.embeddings, one.other) for one in means] == [("good", "worse"), ("good", "none"), ("worse", "none")]
    assert means[0].dimension is None and means[0].difference == pytest.approx(found[0].mean_r2 - found[1].mean_r2)
    assert [one.p_adjusted for one in rest] == holm([one.p_value for one in rest])
    assert [one.p_adjusted for one in means] == holm([one.p_value for one in means])
    one = rest[0]
    assert one.difference == pytest.approx(found[0].dimensions[0].r2 - found[1].dimensions[0].r2)
    both = math.hypot(found[0].dimensions[0].standard_error, found[1].dimensions[0].standard_error)
    assert one.p_value < 0.01 and one.standard_error < both  # paired: on the same objects
    same = predict_dimensions({"a": x, "b": x.copy()}, y).differences
    assert [(one.difference, one.p_value) for one in same] == [(0.0, 1.0)] * 3


def test_accuracies_are_of_the_same_triplets():
    x, y = planted(5, n=40)
    y = np.abs(np.concatenate([y, x[:, :3]], axis=1))
    triplets = draw_triplets(3, 40, 900)
    odd = pyalign.odd_one_out(y, triplets, measure="dot")
    triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    found = predict_dimensions(x, y, triplets=triplets)
    assert (found.human_accuracy, found.n_triplets, found.measure) == (1.0, 900, "dot")
    one = found[0]
    assert one.accuracy == pyalign.score(one.predictions, triplets, measure="dot").accuracy
    assert one.accuracy.ci.by == "objects" and one.accuracy.low < one.accuracy < one.accuracy.high
    assert one.own_accuracy == pyalign.score(x, triplets).accuracy
    folds = found.fold_of[triplets]
    inside = (folds == folds[:, :1]).all(axis=1)
    assert one.n_within_folds == inside.sum()
    assert one.accuracy_within_folds == pyalign.score(one.predictions, triplets[inside], measure="dot").accuracy


def test_triplets_of_names_find_their_objects():
    x, y = planted(5, n=40)
    triplets = draw_triplets(3, 40, 200)
    named = predict_dimensions(x, Embeddings(y, NAMES[:40]), triplets=np.array(NAMES)[triplets])
    given = predict_dimensions(x, y, triplets=triplets, folds=named.fold_of)
    assert named[0].accuracy == given[0].accuracy and named.human_accuracy == given.human_accuracy


def test_a_dimension_that_is_the_same_for_all_has_no_r2():
    x, y = planted(6, n=60)
    found = predict_dimensions(x, np.column_stack([y, np.full(60, 0.1)]))
    last = found[0].dimensions[2]
    assert (last.r2, last.ci, last.correlation) == (None, None, None)
    assert found[0].mean_r2 == pytest.approx(predict_dimensions(x, y)[0].mean_r2)
    assert "1 of 3 dimensions are the same for all objects and have no R^2" in found.notes
    assert strict_json(found.to_json())["results"][0]["dimensions"][2]["r2"] is None
    assert predict_dimensions(x, np.ones((60, 1)))[0].mean_r2 is None


def test_a_dimension_without_r2_does_not_count_among_the_comparisons():
    x, y = planted(6, n=60)
    models = {"a": x, "b": x[:, :2]}
    plain = predict_dimensions(models, y).differences
    more = predict_dimensions(models, np.column_stack([y, np.full(60, 0.1)])).differences
    known = [one for one in more if one.p_value is not None]
    assert [one.p_adjusted for one in known] == pytest.approx([one.p_adjusted for one in plain])


def test_a_dimension_that_one_object_has_is_held_out_with_it():
    """It is constant in one training fold, and without that object everywhere: R^2 exists, its error does not."""
    x, y = planted(6, n=60)
    y[:, 1] = 0
    y[13, 1] = 1
    found = predict_dimensions(x, y)[0].dimensions[1]
    assert found.r2 <= 0.05 and found.ci is None


def test_penalties_at_an_end_of_the_grid_are_told():
    x, y = planted(8)
    found = predict_dimensions(x, y[:, :1], penalties=[100.0, 1e4])
    assert found.notes == (
        NAMELESS,
        "embeddings: the smallest penalty (100) was chosen 3 times of 3: smaller ones might do better, or "
        "standardize the "
        "features",
    )
    random = predict_dimensions(x, y[:, 1:], penalties=[1e4, 1e-3, 1e-3])
    assert random.penalties == (1e-3, 1e4)
    assert any("the largest penalty (10000) was chosen" in note for note in random.notes)
    assert predict_dimensions(x, y, penalties=3.0).notes == (NAMELESS,)


def test_a_grid_that_ends_too_early_is_not_laid_to_the_features():
    x, y = planted(8)
    noisy = x + np.random.default_rng(0).normal(size=x.shape)
    found = predict_dimensions(noisy, y[:, :1], penalties=[1e-6, 1e-3])
    assert found[0].dimensions[0].r2 > 0.1
    told = "embeddings: the largest penalty (0.001) was chosen 3 times of 3: larger ones might do better"
    assert found.notes == (NAMELESS, told)
    *_, note = predict_dimensions(x, np.random.default_rng(9).normal(size=(len(x), 1)), penalties=[1e-3, 1e6]).notes
    assert note.endswith("the features say little there")


@pytest.mark.parametrize("value", [0.0, 0.1, 3e5])
def test_features_that_are_the_same_for_all_objects_predict_nothing_and_say_so(value):
    _, y = planted(8)
    found = predict_dimensions(np.full((len(y), 4), value), y)
    assert found.notes == (NAMELESS, "the features of embeddings are the same for all objects: they predict nothing")
    assert all(abs(one.r2) < 0.05 for one in found[0].dimensions)


def test_standardized_features_make_penalties_independent_of_their_scale():
    x, y = planted(8)
    scales = np.array([1e-4, 1.0, 10.0, 1e3, 5.0, 0.2])
    plain, scaled = (predict_dimensions(one, y, standardize="features")[0] for one in (x, x * scales))
    np.testing.assert_allclose(plain.predictions, scaled.predictions, rtol=1e-9, atol=1e-9)
    with_constant = np.column_stack([x, np.full(len(x), 3.0)])
    scaled = predict_dimensions(with_constant, y, standardize="features")[0]
    np.testing.assert_allclose(scaled.predictions, plain.predictions)


def test_folds_are_of_equal_size_and_follow_the_seed():
    assert sorted(np.bincount(folds_of(13, 5))) == [2, 2, 3, 3, 3]
    assert (folds_of(50, 5, seed=1) != folds_of(50, 5)).any()
    x, y = planted(0, n=50)
    first, again, other = (predict_dimensions(x, y, seed=seed) for seed in (4, 4, 5))
    assert first == again and first.results != other.results
    np.testing.assert_array_equal(first[0].predictions, again[0].predictions)


def test_the_number_of_threads_changes_rounding_alone():
    limits = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed").threadpool_limits
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 400))
    y = x[:, :4] + rng.normal(size=(300, 4))
    found = []
    for threads in (1, 2):
        with limits(threads, "blas"):
            found.append(predict_dimensions(x, y)[0])
    np.testing.assert_allclose(found[0].predictions, found[1].predictions, rtol=1e-9, atol=1e-9)
    assert [one.penalties for one in found[0].dimensions] == [one.penalties for one in found[1].dimensions]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64])
def test_any_dtype_and_stride_is_computed_in_float64(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.integers(-4, 5, (40, 6)), rng.integers(0, 5, (40, 2))
    expected = predict_dimensions(x.astype(np.float64), y.astype(np.float64))
    wide = np.repeat(np.asfortranarray(x.astype(dtype)), 2, axis=1)[::-1, ::2]
    found = predict_dimensions(wide, y[::-1].astype(dtype), folds=expected.fold_of[::-1])
    np.testing.assert_allclose(found[0].predictions[::-1], expected[0].predictions, rtol=1e-9, atol=1e-9)
    assert found[0].predictions.dtype == np.float64


def test_tensors_are_taken_as_arrays_are():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    x, y = rng.integers(-4, 5, (40, 6)).astype(np.float32), rng.normal(size=(40, 2))
    expected = predict_dimensions(x, y)[0].predictions
    for tensor in (torch.tensor(x).bfloat16(), torch.tensor(x, requires_grad=True)):
        np.testing.assert_array_equal(predict_dimensions(tensor, torch.tensor(y))[0].predictions, expected)


def test_a_document_comes_back_and_rows_are_flat(tmp_path):
    x, y = planted(1, n=40)
    found = predict_dimensions({"a": x, "b": x[:, :2]}, y, labels=["round", "round"], triplets=draw_triplets(0, 40, 90))
    path = tmp_path / "predict.json"
    path.write_text(found.to_json())
    assert pyalign.load_result(path) == found
    document = json.loads(path.read_text())
    assert document["command"] == "predict"
    assert document["results"][0]["dimensions"][0]["dimension"] == "round (1)"
    assert "predictions" not in document["results"][0]
    records = found.to_records()
    assert len(records) == 4 and list(records[0])[:6] == [
        "embeddings", "dimension", "r2", "ci_low", "ci_high", "standard_error"
    ]
    bare = predict_dimensions(x, y, ci=None)
    assert bare[0].dimensions[0].ci is None and bare.to_records()[0]["ci_low"] is None


X, Y = planted(0, n=20)
WRONG = {
    "models must hold at least one model; got none": ({}, Y, {}),
    "embeddings must have a row for each of 20 objects of the dimensions; got 19": (X[:19], Y, {}),
    "embeddings must have shape (n, d); got (20,)": (X[:, 0], Y, {}),
    "dimensions must have at least one row and one feature; got shape (20, 0)": (X, Y[:, :0], {}),
    "labels must be one for each of 2 dimensions; got 3": (X, Y, {"labels": ["a", "b", "c"]}),
    "labels must be a sequence of names; got 'ab'": (X, Y, {"labels": "ab"}),
    "folds must be a whole number from 2 to 2,147,483,647; got 1": (X, Y, {"folds": 1}),
    "folds must be at most as many as objects (20); got 21": (X, Y, {"folds": 21}),
    "folds must be a label for each of 20 objects; got 3": (X, Y, {"folds": [0, 1, 2]}),
    "folds must be at least two; got one label": (X, Y, {"folds": np.zeros(20, int)}),
    "folds must leave at least 3 objects to fit on; the largest leaves 2": (X, Y, {"folds": np.arange(20) > 17}),
    "penalties must be positive and finite; got 0.0": (X, Y, {"penalties": [1.0, 0.0]}),
    "penalties must be positive and finite; got nan": (X, Y, {"penalties": [1.0, np.nan]}),
    "penalties must be numbers of shape (p,); got shape (0,) of float64": (X, Y, {"penalties": []}),
    "ci must be auto, objects or none here; got 'triplets'": (X, Y, {"ci": "triplets"}),
    "ci_method must be corrected here; got 'bootstrap'": (X, Y, {"ci": Resampling("objects", "bootstrap")}),
    "embeddings must be scaled down: its squares would overflow; got a value of 1e+200": (X * 0 + 1e200, Y, {}),
    "triplets must lie in [0, 20); row 0 is [0, 1, 20]": (X, Y, {"triplets": [[0, 1, 20]]}),
    "triplets must name three different items; row 0 is [0, 1, 1]": (X, Y, {"triplets": [[0, 1, 1]]}),
    "predict_dimensions takes only odd-one-out triplets; got task 'anchored'": (
        X, Y, {"triplets": pyalign.Triplets([[0, 1, 2]], task="anchored")}
    ),
    "triplets must name objects without NaN or infinity; got none that do": (
        np.where(np.arange(20)[:, None] == 2, np.nan, X), Y, {"triplets": [[0, 1, 2]], "nan_policy": "omit"}
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input_is_one_line(message):
    x, y, options = WRONG[message]
    with pytest.raises(InputError) as caught:
        predict_dimensions(x, y, **options)
    assert str(caught.value) == message


# Real data


MODELS = ("clip_vit_b32", "efficientnet_lite0_penultimate", "word2vec")


@pytest.fixture(scope="module")
def things(data):
    folder = data / "things"
    load = {name: np.load(folder / f"{name}.npy") for name in (*MODELS, "vice_42d")}
    spose = np.loadtxt(folder / "spose_embedding_66d_sorted.txt")
    labels = (folder / "spose_66d_labels.txt").read_text().split("\n")
    return load, spose, [label.strip() for label in labels if label.strip()]


@pytest.fixture(scope="module")
def real(things, data):
    load, spose, labels = things
    models = {name: load[name] for name in MODELS}
    triplets = np.load(data / "things" / "human_triplets_127304.npy")[:, :3]
    return predict_dimensions(models, spose, labels=labels, triplets=triplets, folds=5)


@pytest.mark.parametrize("name", ["clip_vit_b32", "word2vec"])
def test_figures_of_spose_are_those_of_scikit_learn(things, real, name):
    load, spose, labels = things
    result = real[MODELS.index(name)]
    for label in ("animal-related", "orange"):
        k = labels.index(label)
        predictions, r2 = plainly(load[name].astype(np.float64), spose[:, k], real.fold_of)
        assert result.dimensions[k].r2 == pytest.approx(r2, abs=1e-9)
        np.testing.assert_allclose(result.predictions[:, k], predictions, rtol=1e-7, atol=1e-9)


def rows_of_the_page(human):
    """The rows of the table in docs/dimensions.md that are of these dimensions: cells by model."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "dimensions.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith(f"| {human}")
    ]
    return {row[1]: row[2:] for row in rows}


def as_on_the_page(result):
    def three(value):
        return f"{value:.3f}".removeprefix("0")

    values = [one.r2 for one in result.dimensions]
    return [three(result.mean_r2), f"{three(result.ci.low)} to {three(result.ci.high)}", three(min(values)),
            three(max(values)), f"{100 * result.accuracy:.1f}%", f"{100 * result.own_accuracy:.1f}%"]


def test_the_table_of_the_page_holds_for_spose(real):
    assert rows_of_the_page("SPoSE-66") == {one.embeddings: as_on_the_page(one) for one in real}
    assert round(100 * real.human_accuracy, 3) == 64.749
    best = sorted(real[0].dimensions, key=lambda one: -one.r2)
    assert [one.dimension for one in best[:2]] == ["animal-related", "food-related"]
    assert {one.dimension for one in best[-2:]} == {"orange", "fine-grained pattern"}
    assert all(
        one.difference > 0 for one in real.differences if (one.embeddings, one.dimension) == ("clip_vit_b32", None)
    )


def test_the_table_of_the_page_holds_for_vice(things, data):
    load, _, _ = things
    triplets = np.load(data / "things" / "human_triplets_127304.npy")[:, :3]
    found = predict_dimensions({name: load[name] for name in MODELS}, load["vice_42d"], triplets=triplets, folds=5)
    assert rows_of_the_page("VICE-42") == {one.embeddings: as_on_the_page(one) for one in found}
    assert round(100 * found.human_accuracy, 3) == 63.807


def test_objects_that_some_model_lacks_are_said_with_the_model():
    names = tuple(f"object {k}" for k in range(12))
    x = np.random.default_rng(0).normal(size=(12, 4))
    models = {"a": Embeddings(x, names), "b": Embeddings(x[:10], names[:10])}
    found = predict_dimensions(models, Embeddings(np.abs(x), names), folds=2, missing="omit")
    assert (
        "2 of 12 objects have no row in some model ('object 10', 'object 11'; 'b' lacks 2), and are left out"
        in found.notes
    )


# Of the first 60 data sets of each row: how many intervals held, those of the scoring alone, and those that held 0.
HELD_OF_60 = ((93, 92, None), (97, 83, None), (100, 82, None), (63, 62, 97))


def test_the_simulated_intervals_of_the_page_come_again():
    """Shares within one data set of 60, and means within four standard errors of those of 500 on the page."""
    script = load_from_tools("prediction_intervals")
    page = (Path(__file__).resolve().parents[2] / "docs" / "dimensions.md").read_text(encoding="utf-8")
    for world, shares in zip(script.WORLDS, HELD_OF_60, strict=True):
        begins = "| " + " | ".join(map(str, world)) + " |"
        shown = next(line for line in page.splitlines() if line.startswith(begins))
        (_, _, _, mean, sd, error, _, bare, _, _), (_, _, _, m, _, e, held, b, held_bare, zero) = (
            [float(cell.strip(" %")) if cell != "-" else None for cell in line.strip("| ").split(" | ")]
            for line in (shown, script.row(*world, 60))
        )
        assert abs(m - mean) < 4 * sd / 60**0.5 and (e, b) == pytest.approx((error, bare), rel=0.2)
        for share, known in zip((held, held_bare, zero), shares, strict=True):
            assert share == known or abs(share - known) <= 2
