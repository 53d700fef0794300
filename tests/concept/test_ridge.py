"""Ridge by one decomposition: leave-one-out against fits made anew, penalties, badly scaled features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import seeds

from pyalign.concept import held_out
from pyalign.concept.held_out import Rows, Spectrum, chosen_penalties, folds_of, predict_held_out

PENALTIES = 10.0 ** np.arange(-1, 7)


def plainly(x, y, others, penalty):
    """Ridge with an intercept, by the normal equations as least squares with rows for the penalty: float64."""
    mean = x.mean(axis=0)
    rows = np.concatenate([x - mean, np.sqrt(penalty) * np.eye(x.shape[1])])
    wanted = np.concatenate([y - y.mean(axis=0), np.zeros((x.shape[1], y.shape[1]))])
    weights = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    return y.mean(axis=0) + (others - mean) @ weights


def left_out_plainly(x, y, penalty):
    rows = np.arange(len(x))
    fits = [plainly(x[rows != i], y[rows != i], x[i : i + 1], penalty)[0] for i in rows]
    return y - np.stack(fits)


def problem(seed, n, d, k=2, mean=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return mean + x, x[:, :1] + rng.normal(size=(n, k)), rng


@pytest.mark.parametrize("way", [Spectrum.of_rows, lambda x, o: Spectrum.of_products(x @ x.T, o @ x.T)])
@given(seed=seeds, n=st.integers(4, 20), d=st.integers(1, 30), power=st.integers(-1, 6))
def test_leave_one_out_equals_fits_made_anew(way, seed, n, d, power):
    if way is not Spectrum.of_rows:
        d = max(d, n - 1)  # products span all rows
    x, y, rng = problem(seed, n, d)
    others, penalty = rng.normal(size=(3, d)), 10.0**power
    spectrum = way(x - 7.0, others - 7.0)
    expected = left_out_plainly(x, y, penalty)
    assert np.abs(spectrum.left_out(y, penalty) - expected).max() <= 1e-9 * np.abs(expected).max()
    found = spectrum.predicted(y, np.full(2, penalty))
    np.testing.assert_allclose(found, plainly(x, y, others, penalty), rtol=1e-8, atol=1e-8)


@given(seed=seeds, n=st.integers(5, 20), d=st.integers(1, 25))
def test_what_others_owe_to_a_row_equals_fits_without_it(seed, n, d):
    x, y, rng = problem(seed, n, d)
    others, wanted = rng.normal(size=(4, d)), rng.normal(size=(4, 2))
    penalties = np.array([0.1, 100.0])
    spectrum = Rows(np.concatenate([x, others]), 0.1).spectrum(np.arange(n), np.arange(n, n + 4))
    residuals = wanted - spectrum.predicted(y, penalties)
    grown = spectrum.without(y, penalties, residuals)
    for k, penalty in enumerate(penalties):
        for i in range(n):
            rest = np.arange(n) != i
            left = wanted[:, k] - plainly(x[rest], y[rest], others, penalty)[:, k]
            assert grown[i, k] == pytest.approx((left**2).sum() - (residuals[:, k] ** 2).sum(), rel=1e-7, abs=1e-7)


def test_products_in_pieces_give_the_same(monkeypatch):
    x, y, rng = problem(3, 12, 5)
    spectrum = Spectrum.of_rows(x, rng.normal(size=(9, 5)))
    whole = spectrum.without(y, np.array([1.0, 1.0]), np.ones((9, 2)))
    monkeypatch.setattr(held_out, "AT_ONCE", 24)
    np.testing.assert_allclose(spectrum.without(y, np.array([1.0, 1.0]), np.ones((9, 2))), whole, rtol=1e-12)


@pytest.mark.parametrize(("n", "d"), [(30, 8), (30, 29), (30, 60)])
def test_penalties_and_predictions_are_those_of_scikit_learn(n, d):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    x, y, rng = problem(n + d, n, d, k=5)
    others = rng.normal(size=(6, d))
    spectrum = Rows(np.concatenate([x, others]), 0.1).spectrum(np.arange(n), np.arange(n, n + 6))
    chosen = chosen_penalties(spectrum, y, PENALTIES)
    for k in range(5):
        plain = linear.RidgeCV(alphas=PENALTIES).fit(x, y[:, k])
        assert chosen[k] == plain.alpha_
        np.testing.assert_allclose(spectrum.predicted(y, chosen)[:, k], plain.predict(others), rtol=1e-9, atol=1e-9)
    assert len(set(chosen)) > 1


def test_badly_scaled_features_keep_their_digits():
    """Products of rows square the condition, so such rows are decomposed themselves."""
    x, y, rng = problem(5, 20, 40, mean=1e3)
    x = x * np.exp(4.0 * rng.normal(size=40))
    rows = Rows(x, 0.1)
    spectrum = rows.spectrum(np.arange(20), np.arange(20))
    by_products = Spectrum.of_products((x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T, np.zeros((1, 20)))
    expected = left_out_plainly(x, y, 0.1)
    errors = [np.abs(one.left_out(y, 0.1) - expected).max() / np.abs(expected).max() for one in (spectrum, by_products)]
    assert errors[0] < 1e-9 < errors[1]


def test_features_that_are_all_the_same_say_the_mean():
    x, y = np.ones((6, 3)), np.arange(12.0).reshape(6, 2)
    spectrum = Rows(x, 0.1).spectrum(np.arange(4), np.array([4, 5]))
    np.testing.assert_allclose(spectrum.predicted(y[:4], np.array([0.1, 10.0])), np.full((2, 2), [3.0, 4.0]))
    np.testing.assert_allclose(spectrum.left_out(y[:4], 0.1), (y[:4] - y[:4].mean(axis=0)) * 4 / 3)


@pytest.mark.parametrize(("d", "routine"), [(80, "eigh"), (10, "svd")])
def test_one_decomposition_for_each_fold_serves_all_penalties_and_dimensions(monkeypatch, d, routine):
    x, y, _ = problem(0, 60, d, k=12)
    calls = []
    for name in ("svd", "eigh"):
        plain = getattr(np.linalg, name)
        monkeypatch.setattr(
            np.linalg, name, lambda *a, _of=(name, plain), **k: (calls.append(_of[0]), _of[1](*a, **k))[1]
        )
    predict_held_out(x, y, folds_of(60, 5), 10.0 ** np.arange(-1, 7))
    assert calls == [routine] * 5
