"""Correlations: against scipy, against rsatoolbox, under resamples against the pairs written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import seeds

from pyalign import InputError
from pyalign.ops.resample import OBJECTS, multiplicities
from pyalign.pairwise.correlations import CORRELATIONS, correlate, get_correlation

stats = pytest.importorskip("scipy.stats")
SCIPY = {"spearman": stats.spearmanr, "pearson": stats.pearsonr, "kendall": stats.kendalltau}
RSATOOLBOX = {"spearman": "spearman", "pearson": "corr", "kendall": "kendall", "tau-a": "tau-a", "rho-a": "rho-a",
              "cosine": "cosine"}


def two(seed, m, ties):
    rng = np.random.default_rng(seed)
    if ties:
        a = rng.integers(0, 6, m).astype(float)
        return a, a + rng.integers(0, 6, m)
    a = rng.normal(size=m)
    return a, a + rng.normal(size=m)


def items(n):
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int32)


@given(seed=seeds, m=st.integers(3, 400), ties=st.booleans(), name=st.sampled_from(sorted(SCIPY)))
def test_equal_scipy_with_ties_too(seed, m, ties, name):
    a, b = two(seed, m, ties)
    found = correlate(a, b, name)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert math.isnan(found)
        return
    assert found == pytest.approx(SCIPY[name](a, b)[0], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", sorted(RSATOOLBOX))
def test_equal_rsatoolbox(name, ties):
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.rdm import RDMs, compare

    a, b = two(3, 190, ties)
    a, b = a - a.min() + 0.1, b - b.min() + 0.1
    expected = compare(RDMs(a[None]), RDMs(b[None]), RSATOOLBOX[name])[0, 0]
    assert correlate(a, b, name) == pytest.approx(expected, abs=1e-12)


@given(seed=seeds, n=st.integers(3, 9), ties=st.booleans(), name=st.sampled_from(sorted(CORRELATIONS)))
def test_under_resamples_it_is_that_of_the_pairs_written_out(seed, n, ties, name):
    pairs, family = items(n), get_correlation(name).of
    a, b = two(seed, len(pairs), ties)
    table = np.ascontiguousarray(multiplicities(n, 0, 64, seed=seed % 999, stream=OBJECTS)[:, :7])
    found = family.resampled([family.prepare(a, pairs)], [family.prepare(b, pairs)], table)[:, 0, 0]
    for lane in range(7):
        weight = table[pairs[:, 0], lane].astype(int) * table[pairs[:, 1], lane]
        expected = correlate(np.repeat(a, weight), np.repeat(b, weight), name)
        assert found[lane] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(seed=seeds, name=st.sampled_from(sorted(CORRELATIONS)))
def test_units_have_the_correlation_as_their_inner_product(seed, name):
    pairs, family = items(8), get_correlation(name).of
    a, b = two(seed, len(pairs), True)
    one, other = (family.unit(family.prepare(v, pairs)) for v in (a, b))
    if one is None:
        assert name in ("kendall", "tau-a")
        return
    expected = correlate(a, b, name)
    assert math.isnan(expected) or one @ other == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(CORRELATIONS) - {"cosine"}))
def test_a_constant_matrix_correlates_with_nothing(name):
    for a, b in ((np.ones(10), np.arange(10.0)), (np.full(10, 0.1), np.full(10, 0.1))):
        found = correlate(a, b, name)
        assert found == 0.0 if name in ("tau-a", "rho-a") else math.isnan(found)


@pytest.mark.parametrize(
    ("name", "n", "resamples"), [("spearman", 700, 640), ("pearson", 120, 64), ("kendall", 120, 64)]
)
def test_a_resample_whose_values_are_all_equal_has_no_correlation(name, n, resamples):
    """Of one odd object, a resample without it; of ranks too where their sums are beyond 2^53."""
    family, pairs = get_correlation(name).of, items(n)
    odd, other = (pairs == 0).any(axis=1).astype(float), np.random.default_rng(0).normal(size=len(pairs))
    first, second = family.prepare(other, pairs), family.prepare(odd, pairs)
    for start in range(0, resamples, 64):
        table = multiplicities(n, start, 64, seed=0, stream=OBJECTS)
        found = family.resampled([first], [second], table)[:, 0, 0]
        np.testing.assert_array_equal(np.isnan(found), table[0] == 0)


@pytest.mark.parametrize("name", sorted(CORRELATIONS))
def test_no_pair_and_one_pair_give_no_number_but_for_the_cosine(name):
    assert math.isnan(correlate(np.zeros(0), np.zeros(0), name))
    one = correlate(np.ones(1), np.ones(1), name)
    assert one == 1.0 if name == "cosine" else math.isnan(one)


@pytest.mark.parametrize("name", ["spearman", "pearson", "kendall", "tau-a", "rho-a"])
def test_a_scale_and_a_shift_change_nothing(name):
    a, b = two(1, 300, False)
    for scale in (1e-200, 1e200, 3.0):
        assert correlate(scale * a, b, name) == pytest.approx(correlate(a, b, name), abs=1e-12)
    assert correlate(-a, b, name) == pytest.approx(-correlate(a, b, name), abs=1e-12)


def test_rho_a_is_the_mean_over_ways_to_break_ties():
    rng = np.random.default_rng(0)
    a, b = two(5, 12, True)
    broken = []
    for _ in range(4000):
        x, y = (np.argsort(np.argsort(v + 1e-6 * rng.random(12))) for v in (a, b))
        broken.append(correlate(x.astype(float), y.astype(float), "spearman"))
    assert correlate(a, b, "rho-a") == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / math.sqrt(4000))


@pytest.mark.parametrize(
    ("a", "b", "name", "told"),
    [
        (np.ones(3), np.ones(4), "spearman", "a and b must be lists of one length"),
        (np.ones((3, 1)), np.ones((3, 1)), "spearman", "a and b must be lists of one length"),
        (np.array([1, np.nan]), np.ones(2), "spearman", "a must not hold NaN; got 1"),
        (np.ones(3), np.ones(3), "spearmen", "correlation must be one of .*; did you mean 'spearman'"),
    ],
)
def test_bad_input_is_told_of(a, b, name, told):
    with pytest.raises(InputError, match=told):
        correlate(a, b, name)
