"""The coordinates and penalties of a probe: their definitions, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from support import numeric, reals

from pyalign.probing.parameters import Diagonal, Factored, Full, own_basis, principal_basis, standardization

FORMS = {
    "squared": lambda b: Full(b, 3, "squared"),
    "frobenius": lambda b: Full(b, 3, "frobenius"),
    "identity": lambda b: Full(b, 5, "identity"),
    "relative": lambda b: Full(b, 5, "identity", relative=True),
    "nuclear": lambda b: Factored(b, 3),
}
NORMS = {
    "squared": lambda w: (w**2).sum(),
    "frobenius": lambda w: np.linalg.norm(w),
    "identity": lambda w: np.linalg.norm(w - np.eye(5) * w.diagonal().mean()) ** 2,
    "relative": lambda w: np.linalg.norm(w / w.diagonal().mean() - np.eye(5)) ** 2,
    "nuclear": lambda w: np.linalg.svd(w, compute_uv=False).sum(),
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_penalty_is_the_norm_of_the_weights_in_the_features_own_axes(kind):
    basis = principal_basis(reals(1, 9, 5, dtype=np.float64), np.float64, complete=True)
    form = FORMS[kind](basis)
    theta = form.start(reals(2, 5, 5 if kind in ("identity", "relative") else 3, dtype=np.float64))
    weights = basis.weights(form.weights(theta))
    assert form.norm(theta)[0] == pytest.approx(NORMS[kind](weights), rel=1e-6)


@pytest.mark.parametrize("kind", FORMS)
def test_a_penalty_and_its_form_agree_with_finite_differences(kind):
    basis = principal_basis(reals(1, 9, 5, dtype=np.float64), np.float64, complete=True)
    form, by_weights = FORMS[kind](basis), None
    theta = reals(3, form.size, dtype=np.float64)
    np.testing.assert_allclose(form.norm(theta)[1], numeric(lambda t: form.norm(t)[0], theta), rtol=1e-5, atol=1e-5)
    by_weights = reals(4, *form.weights(theta).shape, dtype=np.float64)
    expected = numeric(lambda t: (form.weights(t) * by_weights).sum(), theta)
    np.testing.assert_allclose(form.pull_back(theta, by_weights), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["squared", "frobenius", "identity", "relative", "nuclear"])
def test_a_diagonal_form_agrees_with_finite_differences(kind):
    basis, relative = own_basis(reals(1, 9, 5, dtype=np.float64), np.float64), kind == "relative"
    form = Diagonal(basis, "identity" if relative else kind, relative)
    theta, by_weights = reals(3, 5, dtype=np.float64), reals(4, 5, 5, dtype=np.float64)
    np.testing.assert_allclose(form.norm(theta)[1], numeric(lambda t: form.norm(t)[0], theta), rtol=1e-5, atol=1e-5)
    expected = numeric(lambda t: (form.weights(t) * by_weights).sum(), theta)
    np.testing.assert_allclose(form.pull_back(theta, by_weights), expected, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(9, 5), (5, 9), (6, 6)])
@pytest.mark.parametrize("complete", [False, True])
def test_rows_times_weights_are_the_same_in_every_basis(n, d, complete):
    x = reals(1, n, d, dtype=np.float64)
    for basis in (principal_basis(x, np.float64, complete=complete), own_basis(x, np.float64)):
        v = reals(2, len(basis.stretch), 3, dtype=np.float64)
        np.testing.assert_allclose(basis.rows @ v, x @ basis.weights(v), atol=1e-10)
        np.testing.assert_allclose(basis.coordinates(basis.weights(v)), v, atol=1e-10)


def test_standardizations_are_of_all_numbers_or_of_each_feature():
    x = reals(1, 20, 4) * [1, 2, 3, 0] + 5
    flat, each = standardization(x, "global").apply(x), standardization(x, "features").apply(x)
    assert (flat.mean(), flat.std()) == pytest.approx((0, 1), abs=1e-9)
    np.testing.assert_allclose(each.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(each.std(axis=0), [1, 1, 1, 0], atol=1e-9)
    np.testing.assert_array_equal(standardization(x, "none").apply(x), x)
