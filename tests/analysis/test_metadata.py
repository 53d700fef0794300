"""Accuracy against metadata: slopes, rank correlations and means, against their definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from support import draw_triplets, reals

import pyalign
from pyalign.analysis.comparison.comparison_result import Comparison, ModelResult
from pyalign.analysis.metadata.regress import draws_of, rank_correlations
from pyalign.ops.ranks import double_ranks
from pyalign.stats.resampling import Inference

M = 9
RNG = np.random.default_rng(1)
Y = np.round(0.4 + 0.2 * RNG.random(M), 4)
ROOT = 0.01 * RNG.normal(size=(M, M))
COVARIANCE = ROOT @ ROOT.T / M + 0.01**2
X = RNG.normal(size=M)
FAMILIES = [*"aabbccdde"]


def comparison(y=Y, covariance=COVARIANCE, **changes):
    models = tuple(ModelResult(f"m{k}", float(one), None, 1.0, None, 0, 1.0, None) for k, one in enumerate(y))
    found = Comparison(
        models, (), 1000, 0, "cosine", 1.0, "fractional", "holm", 80, 31,
        tuple(map(tuple, covariance.tolist())), inference=Inference("objects+subjects", "corrected", 0.95),
    )
    return replace(found, **changes)


def rows(**columns):
    return [{"model": f"m{k}", **{name: values[k] for name, values in columns.items()}} for k in range(M)]


def regress(*, result=None, **columns):
    return pyalign.regress_metadata(result or comparison(), rows(**columns))


def test_slopes_are_least_squares_and_their_interval_over_objects_is_a_contrast():
    row = regress(x=X, family=FAMILIES).results[0]
    assert row.slope == pytest.approx(stats.linregress(X, Y)[0])
    weights = [(x - X.mean()) / sum((X - X.mean()) ** 2) for x in X]
    variance = sum(weights[a] * weights[b] * COVARIANCE[a, b] for a in range(M) for b in range(M))
    assert row.ci.error == pytest.approx(math.sqrt(variance))
    assert row.ci.high - row.slope == pytest.approx(stats.t.ppf(0.975, 30) * row.ci.error)  # 31 people, 80 objects
    assert (row.ci.by, row.models_ci.by, row.n_families) == ("objects+subjects", "families", 5)
    assert row.rank_correlation == pytest.approx(stats.spearmanr(X, Y)[0])
    assert (row.rank_ci.by, row.rank_models_ci.by) == ("objects+subjects", "families")


def test_what_all_models_share_moves_no_slope():
    shared = COVARIANCE + 0.05**2
    a, b = (regress(result=comparison(covariance=c), x=X).results[0] for c in (COVARIANCE, shared))
    assert a.ci.error == pytest.approx(b.ci.error)
    assert a.models_ci == b.models_ci


def test_the_interval_over_models_does_not_depend_on_the_covariance_nor_that_over_objects_on_families():
    with_families, without = regress(x=X, family=FAMILIES), regress(x=X)
    assert with_families.results[0].ci == without.results[0].ci
    assert (without.models_by, without.results[0].n_families) == ("models", None)
    assert any("no families are known" in note for note in without.notes)
    assert any("of 5 families" in note for note in with_families.notes)


def test_a_column_that_spans_orders_of_magnitude_is_looked_at_on_a_logarithmic_scale_too():
    x = 10.0 ** np.linspace(6, 8, M)
    linear, logs = regress(x=x).results
    assert (linear.scale, logs.scale) == ("linear", "log10")
    assert logs.slope == pytest.approx(stats.linregress(np.log10(x), Y)[0])
    assert linear.rank_correlation == logs.rank_correlation and linear.rank_ci == logs.rank_ci
    assert (logs.line.x[0], logs.line.x[-1]) == (x.min(), x.max())
    assert len(regress(x=x / 2 + 1e6).results) == len(regress(x=x - 5e6).results) == 1


def test_the_line_has_its_slope_and_its_band_is_that_of_its_height():
    row = regress(x=X).results[0]
    line = row.line
    fit = np.polyfit(X, Y, 1)
    assert line.accuracy == pytest.approx(np.polyval(fit, line.x))
    middle = np.full(M, 1 / M) + (line.x[3] - X.mean()) * (X - X.mean()) / ((X - X.mean()) ** 2).sum()
    assert line.high[3] - line.accuracy[3] == pytest.approx(
        stats.t.ppf(0.975, 30) * math.sqrt(middle @ COVARIANCE @ middle)
    )
    assert all(low < at < high for low, at, high in zip(line.models_low, line.accuracy, line.models_high, strict=True))


def test_simultaneous_intervals_are_single_ones_at_the_level_of_each_row_and_hold_for_every_scale():
    columns = {"x": X, "spans": 10.0 ** np.arange(M), "z": Y[::-1], "flat": np.ones(M), "family": FAMILIES}
    found = regress(**columns).results
    assert [row.scale for row in found] == ["linear", "linear", "log10", "linear"]
    for row in found:
        alone = pyalign.regress_metadata(
            comparison(),
            rows(**{row.column: columns[row.column], "family": FAMILIES}),
            confidence_level=0.95 ** (1 / 4),
        )
        (same,) = [one for one in alone.results if one.scale == row.scale]
        for name in ("ci", "models_ci", "rank_ci", "rank_models_ci"):
            single, together = getattr(row, name), getattr(row.simultaneous, name)
            assert tuple(together) == tuple(getattr(same, name))
            assert together.low <= single.low and single.high <= together.high
            assert (together.method, together.confidence, together.by) == ("sidak", 0.95, single.by)


def test_a_single_row_has_no_simultaneous_interval():
    assert [row.simultaneous for row in regress(x=X, family=FAMILIES).results] == [None]


def test_draws_have_the_covariance_and_their_rank_correlations_are_spearmans():
    drawn = draws_of(Y, COVARIANCE, 1e6, 40_000, 0)
    assert drawn.mean(axis=0) == pytest.approx(Y, abs=3e-4)
    assert np.cov(drawn.T) == pytest.approx(COVARIANCE, abs=4e-6)
    found = rank_correlations(X, np.stack([double_ranks(one) for one in drawn[:20]]) / 2.0)
    assert found == pytest.approx([stats.spearmanr(X, one)[0] for one in drawn[:20]])
    assert rank_correlations(np.array([1.0, 1, 2]), np.array([[1.0, 2, 3]])) == pytest.approx(
        [stats.spearmanr([1, 1, 2], [1, 2, 3])[0]]
    )


def test_errors_that_reverse_ranks_widen_the_interval_of_the_rank_correlation_outwards():
    small = regress(result=comparison(covariance=1e-12 * np.eye(M)), x=X).results[0]
    assert small.rank_ci.low == pytest.approx(small.rank_correlation) == small.rank_ci.high
    large = regress(result=comparison(covariance=0.03**2 * np.eye(M)), x=Y)
    row = large.results[0]
    assert row.rank_correlation == pytest.approx(1.0) and row.rank_ci.low < 0.9 and row.rank_ci.high == 1.0
    assert any("drawn towards 0" in note for note in large.notes)


def test_seeds_of_a_model_are_one_point_with_the_mean_and_its_error():
    seeds = ["1", "2", "3", *[None] * (M - 3)]
    names = ["r_seed1", "r_seed2", "r_seed3", *(f"m{k}" for k in range(3, M))]
    models = tuple(replace(one, model=name) for one, name in zip(comparison().models, names, strict=True))
    table = [{**row, "model": name} for row, name in zip(rows(x=X, seed=seeds), names, strict=True)]
    found = pyalign.regress_metadata(replace(comparison(), models=models), table)
    first = found.points[0]
    assert (first.model, first.members) == ("r", ("r_seed1", "r_seed2", "r_seed3"))
    assert first.accuracy == pytest.approx(Y[:3].mean()) and first.values["x"] == pytest.approx(X[:3].mean())
    assert (first.lowest, first.highest) == (Y[:3].min(), Y[:3].max())
    assert first.deviation == pytest.approx(np.std(Y[:3], ddof=1))
    assert first.ci.error == pytest.approx(math.sqrt(COVARIANCE[:3, :3].mean()))
    assert found.results[0].n_models == M - 2
    x, y = (np.array([values[:3].mean(), *values[3:]]) for values in (X, Y))
    assert found.results[0].slope == pytest.approx(stats.linregress(x, y)[0])


def test_groups_are_means_of_these_models():
    found = regress(objective=["s", "t", "t", *"ssstst"])
    (first, second) = found.groups
    assert first.accuracy > second.accuracy and first.n_models + second.n_models == M
    places = [int(name[1:]) for name in second.models]
    assert second.accuracy == pytest.approx(Y[places].mean())
    assert second.ci.error == pytest.approx(math.sqrt(COVARIANCE[np.ix_(places, places)].mean()))
    assert (second.lowest, second.highest) == (Y[places].min(), Y[places].max())


def test_text_that_tells_each_model_apart_has_no_groups():
    found = regress(paper=[f"p{k}" for k in range(M)])
    assert found.groups == () and any("a value of its own" in note for note in found.notes)


def test_models_without_a_number_are_left_out_of_that_column_alone():
    found = regress(x=[None, *X[1:]], z=X)
    assert [row.n_models for row in found.results] == [M - 1, M]
    assert "1 model has no number in 'x', left out there" in found.notes


def test_a_column_of_one_value_has_no_slope():
    found = regress(x=[2.0] * M)
    assert found.results == () and any("no slope" in note for note in found.notes)


def test_two_models_have_an_interval_over_objects_and_none_over_models():
    found = pyalign.regress_metadata(comparison(Y[:2], COVARIANCE[:2, :2]), rows(x=X)[:2])
    row = found.results[0]
    assert row.ci.error > 0 and row.models_ci is None and row.rank_models_ci is None
    assert any("too few independent models" in note for note in found.notes)


@pytest.mark.parametrize(("m", "held"), [(3, False), (4, False), (5, True)])
def test_fewer_than_five_models_have_a_rank_correlation_without_an_interval(m, held):
    x, y = np.array([2.0, 1.0, 3.0, 5.0, 4.0])[:m], np.array([0.5, 0.6, 0.4, 0.2, 0.35])[:m]
    found = pyalign.regress_metadata(comparison(y, 1e-6 * np.eye(m)), [{"model": f"m{k}", "x": x[k]} for k in range(m)])
    row = found.results[0]
    assert row.rank_correlation == pytest.approx(stats.spearmanr(x, y)[0])
    assert (row.rank_ci is not None) == held and (held or row.rank_models_ci is None)
    reason = f"the rank correlation with 'x' is over {m} models: it has no interval, which needs at least 5"
    assert (reason in found.notes) != held
    document = found.to_dict()["results"][0]
    assert document["n_models"] == m and (document["rank_ci"] is None) != held
    header, shown = str(found).split("\n\n")[1].splitlines()[:2]
    assert header.split()[:4] == ["rank", "correlation", "with", "models"] and shown.split()[:2] == ["x", str(m)]


def test_scores_say_nothing_of_shared_errors():
    x, triplets = reals(1, 40, 6), draw_triplets(2, 40, 400, np.int32)
    scores = pyalign.score({f"m{k}": x[:, : k + 2] for k in range(4)}, triplets, ci="objects")
    found = pyalign.regress_metadata(scores, rows(x=X)[:4])
    assert found.inference.over is None and found.results[0].ci is None and found.results[0].rank_ci is None
    assert found.results[0].models_ci is not None
    assert [point.ci for point in found.points] == [score.ci for score in scores]
    assert any("pyalign compare" in note for note in found.notes)
    assert pyalign.regress_metadata(scores, others={"a": scores[0]}).points[0].score("a").value == scores[0].accuracy
    with pytest.raises(pyalign.InputError, match="several of m0"):
        pyalign.regress_metadata(pyalign.score({"m0": x}, triplets, measure=["dot", "cosine"]), rows(x=X))


def test_a_comparison_by_a_bootstrap_has_no_covariance():
    found = regress(result=replace(comparison(), covariance=None, inference=Inference("objects", resamples=100)), x=X)
    assert found.results[0].ci is None and any("by a bootstrap" in note for note in found.notes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pyalign.regress_metadata(3, rows(x=X)),
            "result must be of score, compare, .* which have a score of each model; got int",
        ),
        (lambda: pyalign.regress_metadata(comparison(), [{"model": "z"}]), "must have a row of some model"),
        (lambda: pyalign.regress_metadata(comparison(), rows(x=X), columns=["q"]), "columns must be among x; got 'q'"),
        (lambda: pyalign.regress_metadata(comparison(), "models.csv"), "got the path 'models.csv': read it with load"),
        (lambda: pyalign.regress_metadata(comparison(), rows(x=[2.0] * len(X)), columns=["x"]), "vary over .*; got x"),
        (
            lambda: pyalign.regress_metadata(comparison(), rows(x=X), columns="x"),
            "columns must be a sequence of names; got 'x'",
        ),
        (
            lambda: pyalign.regress_metadata(comparison(), rows(x=X), columns=3),
            "columns must be a sequence of names; got 3",
        ),
        (lambda: pyalign.regress_metadata(comparison(), rows(x=X), seed=-1), "seed must be a whole number from 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call, message):
    with pytest.raises(pyalign.InputError, match=message):
        call()


def test_a_result_comes_back_from_its_document(tmp_path):
    found = regress(x=X, family=FAMILIES, objective=[*"stststsss"])
    path = tmp_path / "metadata.json"
    path.write_text(found.to_json())
    back = pyalign.load_result(path)
    assert back == found and str(back) == str(found)
    assert found.to_dict()["chance"] == pytest.approx(1 / 3)
    assert len(found.to_frame()) == len(found.results)


def test_many_models_take_little_memory_and_time():
    m = 300
    y = 0.4 + 0.1 * RNG.random(m)
    table = [{"model": f"m{k}", "x": float(k), "z": float(-k)} for k in range(m)]
    found = pyalign.regress_metadata(comparison(y, 1e-5 * np.eye(m)), table)
    assert [row.n_models for row in found.results] == [m, m]


def test_the_interval_of_a_point_is_that_of_its_model_at_the_same_level():
    found = pyalign.compare({k: reals(k, 30, 3) for k in range(4)}, draw_triplets(0, 30, 300))
    rows = [{"model": str(model.model), "x": k} for k, model in enumerate(found.models)]
    points = pyalign.regress_metadata(found, rows).points
    assert [point.ci for point in points] == [model.ci for model in found.models]
    narrow = pyalign.regress_metadata(found, rows, confidence_level=0.5).points
    assert all(a.ci.confidence == 0.5 and a.ci.low > b.ci.low for a, b in zip(narrow, points, strict=True))


def test_scores_at_another_level_have_no_interval_at_this_one():
    scores = pyalign.score({"a": reals(0, 30, 3), "b": reals(1, 30, 3)}, draw_triplets(0, 30, 300),
                           ci=pyalign.Resampling("objects", confidence_level=0.9))
    rows = [{"model": "a", "x": 1}, {"model": "b", "x": 2}]
    assert [point.ci for point in pyalign.regress_metadata(scores, rows).points] == [None, None]
    held = pyalign.regress_metadata(scores, rows, confidence_level=0.9).points
    assert [point.ci for point in held] == [score.ci for score in scores.results]
