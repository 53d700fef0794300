"""The solver of bounded rows, on functions whose optimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.embedding.solve import kkt_residual, minimize


def quadratic(seed=0, n=6, d=5):
    """A convex function of rows (n, d), and its least value over rows of at least 0."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    root, target = rng.normal(size=(2 * n * d, n * d)), rng.normal(size=2 * n * d)
    least = optimize.nnls(root, target)[1] ** 2

    def function(rows):
        left = root @ rows.ravel() - target
        return float(left @ left), (2 * root.T @ left).reshape(n, d)

    return function, least


@pytest.mark.parametrize("seed", range(5))
def test_reaches_the_least_value_under_the_bound(seed):
    function, least = quadratic(seed)
    solved = minimize(function, np.full((6, 5), 0.5), tolerance=1e-6, iterations=500)
    assert solved.converged and solved.value == pytest.approx(least, rel=1e-9)
    assert (solved.rows >= 0).all() and (solved.rows == 0).any()


def test_meets_the_conditions_of_an_optimum():
    function, _ = quadratic()
    solved = minimize(function, np.full((6, 5), 0.5), tolerance=1e-6, iterations=500)
    slope = function(solved.rows)[1]
    assert np.abs(slope[solved.rows > 0]).max() <= 1e-6 / 6
    assert slope[solved.rows == 0].min() >= -1e-6 / 6
    assert solved.residual == kkt_residual(solved.rows, slope)


def test_without_the_bound_is_least_squares():
    function, least = quadratic()
    solved = minimize(function, np.zeros((6, 5)), tolerance=1e-7, iterations=500, bounded=False)
    assert solved.value < least and np.abs(function(solved.rows)[1]).max() <= 1e-7 / 6


def test_its_own_result_passes_at_once():
    function, _ = quadratic()
    first = minimize(function, np.full((6, 5), 0.5), tolerance=1e-6, iterations=500)
    again = minimize(function, first.rows, tolerance=1e-6, iterations=500)
    assert (again.iterations, again.passes) == (0, 1)
    np.testing.assert_array_equal(again.rows, first.rows)


def test_says_that_iterations_ran_out():
    function, _ = quadratic()
    solved = minimize(function, np.full((6, 5), 0.5), tolerance=1e-9, iterations=2)
    assert not solved.converged and solved.iterations == 2


def test_ends_where_nothing_can_be_lower():
    """A function with noise has no residual as small as is asked for: the line search gives up."""
    values = iter(np.arange(10**6))
    solved = minimize(
        lambda rows: (float(next(values)), np.ones_like(rows)), np.ones((2, 2)), tolerance=1e-6, iterations=50
    )
    assert not solved.converged and solved.iterations == 0


def similarities(seed=0, n=12, d=6):
    """A function of X X^T and of penalties that grow with entries; it keeps the columns of its calls."""
    rng = np.random.default_rng(seed)
    truth = np.abs(rng.normal(size=(n, 2)))
    target, widths = truth @ truth.T, []

    def function(rows):
        widths.append(rows.shape[1])
        left = rows @ rows.T - target.astype(rows.dtype)
        value = float((left * left).sum(dtype=np.float64)) + 0.5 * float(rows.sum(dtype=np.float64))
        return value, 4 * left @ rows + rows.dtype.type(0.5)

    return function, np.abs(rng.normal(size=(n, d))), widths


def test_columns_that_are_zero_are_left_out_and_change_nothing():
    function, start, widths = similarities()
    solved = minimize(function, start, tolerance=1e-7, iterations=3000, drops=True)
    assert solved.converged and solved.rows.shape == start.shape and widths[0] == 6
    assert widths[-1] == np.count_nonzero(solved.rows.any(axis=0)) < 6
    all_columns, start, widths = similarities()
    same = minimize(all_columns, start, tolerance=1e-7, iterations=3000)
    assert set(widths) == {6} and same.value == pytest.approx(solved.value, rel=1e-10)
    assert kkt_residual(solved.rows, all_columns(solved.rows)[1]) <= 1e-7
