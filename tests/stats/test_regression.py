"""Slopes with errors that are clustered, against plain loops and matrices written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import linalg, stats

from pyalign.stats.regression import Line, fisher, jackknife

RNG = np.random.default_rng(0)


def plain(x, y, clusters, contrast):
    """CR2 and Satterthwaite's degrees of freedom as Pustejovsky and Tipton (2018) have them, matrix by matrix."""
    m = len(x)
    design = np.stack([np.ones(m), x], axis=1)
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    residuals = y - hat @ y
    variance, columns = 0.0, []
    for g in range(clusters.max() + 1):
        rows = clusters == g
        adjust = linalg.fractional_matrix_power(np.eye(rows.sum()) - hat[np.ix_(rows, rows)], -0.5)
        weights = contrast @ bread @ design[rows].T @ adjust
        variance += (weights @ residuals[rows]) ** 2
        columns.append((np.eye(m) - hat)[:, rows] @ weights)
    p = np.stack(columns, axis=1)
    eigenvalues = np.linalg.eigvalsh(p.T @ p)
    return math.sqrt(variance), eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("clusters", [np.arange(9), np.array([0, 0, 0, 1, 1, 2, 2, 3, 4]), np.arange(9) // 2])
def test_errors_and_degrees_of_freedom_are_those_of_the_definition(clusters):
    x, y = 1e8 + 1e6 * RNG.normal(size=9), RNG.normal(size=9)
    line = Line(x, y, clusters)
    slope, intercept = stats.linregress(x - 1e8, y)[:2]
    assert line.slope == pytest.approx(slope) and line.at(1e8) == pytest.approx(intercept, rel=1e-6)
    shift = x.mean()
    for weights, contrast in ((line.weights_of_slope, [0.0, 1.0]), (line.weights_at(shift + 2e6), [1.0, 2e6])):
        expected = plain(x - shift, y, clusters, np.array(contrast))
        assert line.over_clusters(weights) == pytest.approx(expected, rel=1e-6)


def test_of_points_alone_it_is_hc2():
    x, y = RNG.normal(size=12), RNG.normal(size=12)
    line = Line(x, y, np.arange(12))
    leverage = 1 / 12 + (x - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    residuals = y - np.polyval(np.polyfit(x, y, 1), x)
    hc2 = math.sqrt((line.weights_of_slope**2 * residuals**2 / (1 - leverage)).sum())
    assert line.over_clusters(line.weights_of_slope)[0] == pytest.approx(hc2)


def test_too_few_clusters_have_no_error():
    x, y = np.arange(6.0), RNG.normal(size=6)
    for clusters in (np.zeros(6, int), np.arange(6) % 2):
        line = Line(x, y, clusters)
        assert line.over_clusters(line.weights_of_slope)[1] == 0.0
    two = Line(x[:2], y[:2], np.arange(2))
    assert math.isnan(two.over_clusters(two.weights_of_slope)[0])


def test_a_cluster_that_alone_determines_the_slope_leaves_nothing_to_judge_it_by():
    x = np.array([0.0, 0.0, 0.0, 1.0])
    line = Line(x, np.array([0.1, 0.2, 0.3, 1.0]), np.arange(4))
    error, degrees = line.over_clusters(line.weights_of_slope)
    assert math.isfinite(error) or degrees == 0.0


def test_the_jackknife_of_the_rank_correlation_leaves_out_a_cluster_at_a_time():
    x, y = RNG.normal(size=14), RNG.normal(size=14)
    clusters = np.arange(14) % 5
    left = [math.atanh(stats.spearmanr(x[clusters != g], y[clusters != g])[0]) for g in range(5)]
    expected = math.sqrt(4 / 5 * sum((z - np.mean(left)) ** 2 for z in left))
    assert jackknife(x, y, clusters) == (pytest.approx(expected), 4.0)
    assert jackknife(x, y, np.arange(14) % 3)[1] == 0.0


def test_a_perfect_order_has_a_finite_z():
    assert math.isfinite(fisher(1.0, 5)) and fisher(-1.0, 5) == -fisher(1.0, 5)
    assert fisher(0.5, 5) == math.atanh(0.5) and math.isnan(fisher(math.nan, 5))
    step = 6 / (5 * 24)  # a half of the least step of Spearman's correlation of five is one of these
    assert math.tanh(fisher(1.0, 5)) == pytest.approx(1 - step / 2)


def test_a_perfect_fit_or_order_leaves_nothing_to_judge_by():
    x, y = np.array([1.0, 2.0, 4.0, 7.0, 9.0]), np.array([0.3, 0.35, 0.45, 0.6, 0.7])
    line = Line(x, y, np.arange(5))
    assert math.isnan(line.over_clusters(line.weights_of_slope)[0])
    assert math.isnan(Line(x, np.full(5, 0.4), np.arange(5)).over_clusters(line.weights_of_slope)[0])
    assert math.isnan(jackknife(x, y**2, np.arange(5))[0])


@pytest.mark.filterwarnings("error")
def test_numbers_of_any_size_make_a_line():
    for scale in (1e-290, 1e290):
        x, y = scale * np.array([1.0, 2.0, 4.0, 7.0, 9.0]), np.array([0.3, 0.5, 0.4, 0.6, 0.5])
        line, usual = Line(x, y, np.arange(5)), Line(x / scale, y, np.arange(5))
        error, degrees = line.over_clusters(line.weights_at(3 * scale))
        assert (error, degrees) == pytest.approx(usual.over_clusters(usual.weights_at(3.0)))
