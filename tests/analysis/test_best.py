"""The best of several models: what the choice does to its figure, and a figure that is free of it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import t as student
from support import FLOORS, degrees_of, dependent, draw_triplets, more_for_many_rows, read_back, reals, wilson

import pyalign
from pyalign import compare, score
from pyalign.analysis.comparison import comparison_result as module
from pyalign.stats.resampling import BY, Resampling


def answered(x, triplets):
    """The triplets with the item last that x calls odd."""
    columns = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    return np.take_along_axis(triplets, columns[pyalign.odd_one_out(x, triplets)], axis=1)


def world(seed, n, t, m, noise=1.0):
    """Models that are the truth with noise of their own, all of the same size: on any objects, one is as good as
    another.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    models = {f"m{k}": x + noise * rng.normal(size=x.shape) for k in range(m)}
    return x, models, answered(x, draw_triplets(seed, n, t))


def by_loops(models, triplets, seed, splits):
    """Choice and score by sets of objects: figures, chosen models, (choices, t) which triplets were scored, and what
    each counted; and (t,) how much the mean of the figures would change with a triplet's part in the choices.
    """
    items = np.unique(triplets)
    right = {name: [score(x, row[None]).accuracy for row in triplets] for name, x in models.items()}
    rng = np.random.Generator(np.random.Philox(seed))
    figures, chosen, rows, choices = [], [], [], []
    for _ in range(splits):
        order = rng.permutation(len(items))
        half = {int(item) for item, place in zip(items, order, strict=True) if place < len(items) // 2}
        within = [[q for q, row in enumerate(triplets.tolist()) if len(half & set(row)) == inside] for inside in (3, 0)]
        for choice, scored in (within, within[::-1]) if all(within) else ():
            sums = {name: round(6 * sum(right[name][q] for q in choice)) for name in models}
            chosen.append(max(sums, key=sums.get))
            figures.append(np.mean([right[chosen[-1]][q] for q in scored]))
            rows.append({q: right[chosen[-1]][q] for q in scored})
            choices.append((choice, [{m: np.mean([right[m][q] for q in part]) for m in models}
                                     for part in (choice, scored)]))
    leaders = sorted(models, key=lambda name: -np.mean(right[name]))[:2]
    softness = 0.5 * np.sqrt(3) / np.pi * np.std([means[leaders[0]] - means[leaders[1]] for _, (means, _) in choices])
    influence = np.zeros(len(triplets))
    for choice, (means, others) in choices:
        p = {m: np.exp(means[m] / softness) for m in models}
        p = {m: p[m] / sum(p.values()) for m in models}
        figure = sum(p[m] * others[m] for m in models)
        for q in choice:
            change = sum(p[m] * (others[m] - figure) / softness * (right[m][q] - means[m]) for m in models)
            influence[q] += change / len(choice)
    return np.array(figures), chosen, rows, influence


@pytest.fixture(scope="module")
def looped():
    _, models, triplets = world(3, 24, 400, 4, 2.0)
    return models, triplets, by_loops(models, triplets, 5, 7)


@pytest.mark.parametrize("by", BY)
def test_is_chosen_on_one_half_of_the_objects_and_scored_on_the_other(looped, by, monkeypatch):
    """Figure, choices and error, from plain loops over splits, triplets and pairs of triplets."""
    monkeypatch.setattr(module, "SPLITS", 7)
    models, triplets, (figures, chosen, rows, influence) = looped
    people = np.arange(400) % 9
    found = compare(models, triplets, ci=Resampling(by, seed=5), subjects=people, choose_best=True)
    assert found.best.n_choices == len(figures) == 14
    assert found.best.accuracy == pytest.approx(figures.mean(), rel=1e-12)
    assert found.best.chosen == {name: chosen.count(name) / 14 for name in models if name in chosen}
    assert len(found.best.chosen) > 1 and found.best.seed == 5
    assert abs(influence).max() > 0.1 / 400 and abs(influence.sum()) < 1e-12
    weights, sums, residuals = np.zeros(400), influence.copy(), influence.copy()
    for row in rows:
        for q, credit in row.items():
            weights[q] += 1 / len(row)
            sums[q] += credit / len(row)
            residuals[q] += (credit - figures.mean()) / len(row)
    variances = []
    for one in (by, *FLOORS.get(by, ())):
        together = dependent(triplets, people, one)
        more = more_for_many_rows(residuals[:, None], weights, triplets, people, one)
        variances.append((residuals @ together @ residuals + more[0, 0]) / (weights @ ~together @ weights))
    assert found.best.standard_error == pytest.approx(np.sqrt(max(variances)), rel=1e-9)
    means = np.divide(sums, weights, out=np.zeros(400), where=weights > 0)
    degrees = degrees_of(means, triplets, by, people, weights)
    expected = wilson(figures.mean(), found.best.standard_error, student.ppf(0.975, degrees))
    assert tuple(found.best.ci) == pytest.approx(expected, rel=1e-9)


def test_of_equally_good_models_the_choice_flatters_and_the_free_figure_does_not():
    """Over 60 draws of objects, ten models each: against the mean of all ten, which nobody has chosen."""
    flattered, free = [], []
    for seed in range(60):
        _, models, triplets = world(seed, 30, 300, 10)
        found = compare(models, triplets, choose_best=True)
        truth = np.mean([model.accuracy for model in found.models])
        flattered.append(found.best.in_sample_accuracy - truth)
        free.append(found.best.accuracy - truth)
        assert len(found.best.chosen) > 1
        assert found.best.ci.low < found.best.accuracy < found.best.ci.high
    error = np.std(free, ddof=1) / np.sqrt(60)
    assert abs(np.mean(free)) < 3.5 * error
    assert error < 0.01
    assert np.mean(flattered) > 0.02 and np.mean(flattered) > 5 * error


def test_one_that_is_clearly_best_is_always_chosen():
    x, models, triplets = world(1, 60, 3000, 9, 2.0)
    models["truth"] = x + 0.05 * reals(2, 60, 5)
    found = compare(models, triplets, choose_best=True).best
    assert (found.model, found.chosen) == ("truth", {"truth": 1.0})
    accuracy = score(models["truth"], triplets).accuracy
    assert found.in_sample_accuracy == accuracy
    assert found.accuracy == pytest.approx(accuracy, abs=0.02)
    assert found.ci.low < accuracy <= found.ci.high and found.standard_error > 0


def test_the_interval_of_a_model_that_is_always_chosen_is_about_its_own():
    """Only triplets within a half count in each split, yet over all splits nearly all do."""
    _, models, triplets = world(4, 80, 6000, 2, 0.6)
    models["m1"] = reals(5, 80, 5)
    for by in ("objects", "triplets"):
        found = compare(models, triplets, ci=by, choose_best=True)
        assert found.best.chosen == {"m0": 1.0}
        assert found.best.standard_error == pytest.approx(found.models[0].standard_error, rel=0.35)
        assert found.best.ci.by == by


def test_the_first_of_equals_is_the_best():
    x, _, triplets = world(2, 30, 300, 1)
    found = compare({"b": x, "a": x.copy(), "c": -x}, triplets, choose_best=True).best
    assert (found.model, found.chosen) == ("b", {"b": 1.0})


def test_is_the_same_for_a_seed_and_is_left_out_unless_asked_for(tmp_path):
    _, models, triplets = world(6, 30, 400, 6)
    plans = [Resampling("objects", seed=seed) for seed in (0, 0, 1)]
    found = [compare(models, triplets, ci=plan, choose_best=True) for plan in plans]
    assert found[0].best == found[1].best and found[0].best.accuracy != found[2].best.accuracy
    assert compare(models, triplets).best is None
    assert read_back(found[0], tmp_path) == found[0]
    assert found[0].to_dict()["best"]["chosen"] == found[0].best.chosen
    text = str(found[0]).replace("\n", " ")
    assert f"best: {found[0].best.model}, {100 * found[0].best.in_sample_accuracy:.1f}%" in text
    assert f"scored on the others: {100 * found[0].best.accuracy:.1f}%" in text


@pytest.mark.parametrize("method", ["bootstrap", "pigeonhole"])
def test_goes_with_a_bootstrap_too(method):
    _, models, triplets = world(6, 30, 400, 6)
    found = compare(models, triplets, ci=Resampling("objects", method, 64), choose_best=True).best
    closed = compare(models, triplets, choose_best=True).best
    assert (found.accuracy, found.chosen, found.standard_error) == (
        closed.accuracy, closed.chosen, closed.standard_error,
    )


def test_left_out_triplets_do_not_choose():
    _, models, triplets = world(7, 30, 600, 4)
    broken = {name: x.copy() for name, x in models.items()}
    broken["m1"][3] = np.nan
    kept = (triplets != 3).all(axis=1)
    found = compare(broken, triplets, nan_policy="omit", choose_best=True).best
    alone = compare(models, triplets[kept], choose_best=True).best
    assert found.accuracy == alone.accuracy and found.chosen == alone.chosen
    assert found.standard_error == pytest.approx(alone.standard_error, rel=1e-9)


@pytest.mark.parametrize("n", [3, 4, 5])
def test_too_few_objects_are_one_clear_line(message_of, n):
    """No half of five holds three, and the other three too."""
    models, triplets = {"a": reals(1, n, 3), "b": reals(2, n, 3)}, draw_triplets(1, n, 40)
    assert message_of(compare, models, triplets, ci="triplets", choose_best=True) == (
        "choose_best needs triplets within both halves of the objects; no split has left some"
    )


def test_eight_objects_are_enough_where_all_triplets_are_there():
    triplets = np.array(list(combinations(range(8), 3)))
    found = compare({"a": reals(1, 8, 3), "b": reals(2, 8, 3)}, triplets, choose_best=True)
    assert found.best.n_choices == 100 and found.best.ci is not None
