"""Influences on correlations: against what a row of more weight does, and at values that are no rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from support import seeds

from pyalign.stats.regression import of_pearson, of_spearman


def weighted_pearson(a, b, w):
    w = w / w.sum()
    x, y = a - w @ a, b - w @ b
    return (w @ (x * y)) / np.sqrt((w @ (x * x)) * (w @ (y * y)))


def weighted_ranks(a, w):
    """The weight below each value, and half of that of equal ones."""
    return np.array([w[a < value].sum() + w[a == value].sum() / 2 for value in a]) / w.sum()


def weighted_spearman(a, b, w):
    return weighted_pearson(weighted_ranks(a, w), weighted_ranks(b, w), w)


@pytest.mark.parametrize(("made", "value"), [(of_pearson, weighted_pearson), (of_spearman, weighted_spearman)])
@given(seed=seeds, m=st.integers(4, 30), ties=st.booleans())
def test_influences_are_derivatives_by_the_weight_of_a_row(made, value, seed, m, ties):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 5, m).astype(float) if ties else rng.normal(size=m) for _ in range(2))
    influence = made(a, b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert influence is None
        return
    found = influence(a, b)
    assert found.mean() == pytest.approx(0, abs=1e-10)
    k, step = int(rng.integers(m)), 1e-6
    more, less = (np.ones(m) + sign * step * np.eye(m)[k] for sign in (1, -1))
    slope = (value(a, b, more) - value(a, b, less)) / (2 * step) * m
    assert found[k] == pytest.approx(slope, rel=1e-4, abs=1e-5)


@given(seeds)
def test_a_value_between_two_rows_ranks_between_them(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 20))
    influence, order = of_spearman(a, b), np.argsort(a)
    middle = (a[order[9]] + a[order[10]]) / 2
    between = influence(np.array([middle]), b[:1])
    other = influence(np.array([middle + (a[order[10]] - middle) / 2]), b[:1])
    assert between == pytest.approx(other)  # only ranks count
    assert rankdata(a)[order[9]] == 10
