"""Partial pooling: the posterior of the hierarchical model, by integration; its limits; groups without an error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.special import expit, logit
from scipy.stats import norm

from pyalign.stats import pooling
from pyalign.stats.pooling import common_covariance, partially_pooled
from pyalign.stats.resampling import Resampling

PLAN = Resampling("objects", "corrected")


def rows_for(accuracies, errors):
    return [p * (1 - p) / error**2 for p, error in zip(accuracies, errors, strict=True)]


def by_integration(accuracies, errors):
    """Posterior means of accuracies, over tau and mu and the group itself; slow and plain."""
    rows = np.array(rows_for(accuracies, errors))
    shares = (np.array(accuracies) * rows + 0.5) / (rows + 1)
    y, s2 = logit(shares), 1 / (rows * shares * (1 - shares))
    mus = np.linspace(y.min() - 2, y.max() + 2, 801)

    def of_tau(tau):
        likelihood = np.prod(norm.pdf(y[:, None], mus, np.sqrt(s2[:, None] + tau**2)), axis=0)
        kept = tau**2 / (tau**2 + s2)
        means = []
        for k in range(len(y)):
            middle, sd = kept[k] * y[k] + (1 - kept[k]) * mus, np.sqrt(kept[k] * s2[k])
            nodes, weights = np.polynomial.hermite_e.hermegauss(21)
            of_mu = expit(middle[:, None] + sd * nodes) @ weights / weights.sum()
            means.append(np.sum(of_mu * likelihood))
        return np.array([likelihood.sum(), *means])

    largest = pooling.WIDEST * y.std() + np.sqrt(s2.min())
    sums, _ = quad_vec(of_tau, 0, largest, epsrel=1e-6)
    return sums[1:] / sums[0]


@pytest.mark.parametrize(
    ("accuracies", "errors"),
    [
        ([0.45, 0.5, 0.62, 0.48, 0.55], [0.03, 0.02, 0.05, 0.02, 0.04]),
        ([0.4, 0.5, 0.5, 0.55, 0.7], [0.03, 0.03, 0.1, 0.02, 0.15]),
        ([0.9, 0.95, 0.85, 0.97, 0.92, 0.8], [0.02, 0.01, 0.04, 0.02, 0.03, 0.05]),
    ],
)
def test_is_the_posterior_of_the_model(accuracies, errors):
    found = partially_pooled(accuracies, errors, rows_for(accuracies, errors), PLAN)
    means = by_integration(accuracies, errors)
    of_draws = [group.ci.error / np.sqrt(pooling.DRAWS) for group in found.groups]
    for group, mean, error in zip(found.groups, means, of_draws, strict=True):
        assert group.accuracy == pytest.approx(mean, abs=4 * error + 1e-4)
        assert group.ci.low < group.accuracy < group.ci.high and group.ci.by == "objects"
    assert sum(group.p_lowest for group in found.groups) == pytest.approx(1)
    assert sum(group.p_highest for group in found.groups) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(4))
def test_is_near_a_mixed_model_of_single_answers(seed):
    """Logistic regression with a random effect of the group, fitted by variational Bayes (statsmodels).

    It sees the single answers, here without effects of objects. Both shrink by nearly as much, whatever the group.
    """
    mixed = pytest.importorskip("statsmodels.genmod.bayes_mixed_glm")
    rng = np.random.default_rng(seed)
    sizes, truth = rng.integers(15, 250, size=12), expit(rng.normal(0.1, 0.4, size=12))
    right = rng.binomial(sizes, truth)
    answers = np.concatenate([np.repeat([1, 0], [k, n - k]) for k, n in zip(right, sizes, strict=True)])
    groups = np.repeat(np.arange(12), sizes)[:, None] == np.arange(12)
    one = np.ones((len(answers), 1))
    fit = mixed.BinomialBayesMixedGLM(answers, one, groups.astype(float), np.zeros(12, int), vcp_p=1, fe_p=10).fit_vb()
    theirs = expit(fit.fe_mean[0] + fit.vc_mean)
    raw = right / sizes
    pooled = partially_pooled([*raw], [*np.sqrt(raw * (1 - raw) / sizes)], [*sizes.astype(float)], PLAN).groups
    ours = np.array([group.accuracy for group in pooled])
    assert np.abs(ours - theirs).max() < 0.3 * np.abs(raw - theirs).max()
    assert np.abs(ours - theirs).mean() < np.abs(raw - theirs).mean() / 3


def test_groups_that_differ_by_chance_meet_in_the_middle_and_others_stay():
    rng = np.random.default_rng(0)
    equal = 0.5 + 0.03 * rng.standard_normal(40)
    found = partially_pooled(list(equal), [0.03] * 40, [278.0] * 40, PLAN)
    pooled = np.array([group.accuracy for group in found.groups])
    assert pooled.std() < 0.4 * equal.std() and found.spread < 0.015
    assert found.spread_ci.low < 0.005
    apart = np.linspace(0.2, 0.8, 40)
    found = partially_pooled(list(apart), [0.01] * 40, [2400.0] * 40, PLAN)
    np.testing.assert_allclose([group.accuracy for group in found.groups], apart, atol=0.005)
    assert found.spread == pytest.approx(np.std(apart), rel=0.25)
    assert found.groups[0].p_lowest > 0.8 and found.groups[-1].p_highest > 0.8


def test_intervals_hold_and_pooled_accuracies_are_closer_to_the_truth():
    """Over 150 draws of 30 groups, of which half are small: the share of a binomial of 95% that is held."""
    rng, held, raw, pooled = np.random.default_rng(1), [], [], []
    errors = np.where(np.arange(30) % 2, 0.02, 0.06)
    for _ in range(150):
        truths = 0.5 + 0.04 * rng.standard_normal(30)
        seen = np.clip(truths + errors * rng.standard_normal(30), 0.01, 0.99)
        found = partially_pooled(list(seen), list(errors), rows_for(seen, errors), PLAN)
        held += [group.ci.low <= p <= group.ci.high for group, p in zip(found.groups, truths, strict=True)]
        raw.append(np.mean((seen - truths) ** 2))
        pooled.append(np.mean([(group.accuracy - p) ** 2 for group, p in zip(found.groups, truths, strict=True)]))
    assert 0.935 < np.mean(held) < 0.965
    assert np.mean(pooled) < 0.6 * np.mean(raw)


def test_what_errors_have_in_common_is_no_difference_of_groups():
    """All groups are off by the same: they don't differ by more than without it, and are known less well."""
    accuracies, errors = [0.45, 0.5, 0.53, 0.58, 0.6], [0.03] * 5
    alone = partially_pooled(accuracies, errors, rows_for(accuracies, errors), PLAN)
    wider = [np.sqrt(0.03**2 + 0.02**2)] * 5
    together = partially_pooled(accuracies, wider, rows_for(accuracies, wider), PLAN, common=0.02**2)
    assert together.spread == pytest.approx(alone.spread, rel=0.1)
    for one, other in zip(alone.groups, together.groups, strict=True):
        assert other.accuracy == pytest.approx(one.accuracy, abs=0.004)
        assert other.ci.error == pytest.approx(np.hypot(one.ci.error, 0.02), rel=0.1)
        assert other.p_lowest == pytest.approx(one.p_lowest, abs=0.03)


def test_the_covariance_of_groups_follows_from_the_whole():
    sizes, common, own = [100, 300, 50], 0.5, np.array([1.0, 0.4, 2.0])
    shares = np.array(sizes) / sum(sizes)
    whole = shares @ (np.diag(own) + common) @ shares
    errors = list(np.sqrt(own + common))
    assert common_covariance(np.sqrt(whole), 450, sizes, errors) == pytest.approx(common)
    assert common_covariance(0.0, 450, sizes, errors) == 0.0 == common_covariance(1.0, 5, [5], [1.0])
    for unknown in ((None, 450, sizes, errors), (1.0, 451, sizes, errors), (1.0, 450, sizes, [None] * 3)):
        assert common_covariance(*unknown) == 0.0


def test_groups_without_an_error_take_no_part_and_five_are_needed():
    accuracies, errors = [0.5, None, 0.6, 0.4, 0.7, 0.5, 0.45], [0.02, None, 0.02, 0.02, None, 0.03, 0.03]
    found = partially_pooled(accuracies, errors, [600.0] * 7, PLAN)
    assert [group is None for group in found.groups] == [False, True, False, False, True, False, False]
    assert partially_pooled(accuracies[:-1], errors[:-1], [600.0] * 6, PLAN) is None
    assert partially_pooled([], [], [], PLAN) is None


@pytest.mark.parametrize("accuracies", [[1.0] * 5, [0.0, 1.0, 0.5, 0.5, 0.5], [1 / 3] * 5])
def test_accuracies_of_0_and_1_and_without_variance(accuracies):
    found = partially_pooled(accuracies, [0.0, 0.0, 0.05, 0.0, 0.0], [40.0] * 5, PLAN)
    for group in found.groups:
        assert 0 <= group.ci.low <= group.accuracy <= group.ci.high <= 1
    assert np.isfinite(found.spread)


def test_many_groups_at_once_are_as_few_at_a_time(monkeypatch):
    rng = np.random.default_rng(3)
    accuracies = list(rng.uniform(0.3, 0.7, 50))
    asked = accuracies, [0.03] * 50, [280.0] * 50, PLAN
    whole = partially_pooled(*asked)
    monkeypatch.setattr(pooling, "AT_ONCE", 7 * pooling.DRAWS)
    assert partially_pooled(*asked) == whole
    monkeypatch.undo()
    assert partially_pooled(*asked[:3], Resampling("objects", "corrected", seed=1)) != whole
    narrow = partially_pooled(*asked[:3], Resampling("objects", "corrected", confidence_level=0.5))
    assert narrow.spread_ci.high - narrow.spread_ci.low < whole.spread_ci.high - whole.spread_ci.low
