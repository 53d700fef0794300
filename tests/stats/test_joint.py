"""Figures of three shares: their errors against numerical derivatives, loops over resamples, and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.joint import COPY_OF_A, COPY_OF_B, EXCESS, KAPPA, joints, pair_counts
from pyalign.stats.resampling import Clusters, Resampling, replicates

FIGURES = {"kappa": KAPPA, "copy of a": COPY_OF_A, "copy of b": COPY_OF_B, "excess": EXCESS}
figures = pytest.mark.parametrize("name", FIGURES)


def drawn_bits(seed, m, t):
    rng = np.random.default_rng(seed)
    common = rng.random(t)
    return (common + rng.random((m, t))) < np.linspace(0.8, 1.2, m)[:, None]


@figures
@given(st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(0.05, 0.95))
def test_gradients_are_the_derivatives(name, a, b, part):
    figure = FIGURES[name]
    least, most = max(0.0, a + b - 1.0), min(a, b)
    at = np.array([a, b, least + part * (most - least)])
    for k, slope in enumerate(figure.gradient(*at)):
        step = 1e-6 * np.eye(3)[k]
        up, down = (float(figure.of(*(at + sign * step)[:, None])[0]) for sign in (1, -1))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-5)


@figures
@given(seeds, st.sampled_from(["objects", "triplets", "subjects", "objects+subjects"]))
def test_the_error_is_that_of_the_mean_of_influence_values(name, seed, by):
    """The same formula with one column of real numbers in place of three of whole ones."""
    t, figure = 120, FIGURES[name]
    a, b = drawn_bits(seed, 2, t)
    people = np.random.default_rng(seed).integers(0, 9, t)
    clusters, plan = Clusters.of(draw_triplets(seed, 25, t), people), Resampling(by)
    dependence = Dependence.of(clusters, plan)
    (found,) = joints(np.packbits([a, b], axis=1), [(0, 1)], clusters, dependence, plan)
    columns = np.stack([a, b, a & b]).astype(np.float64)
    influence = np.array(figure.gradient(*columns.mean(axis=1))) @ columns
    assert found.error(figure) == pytest.approx(
        float(dependence.errors(with_weights(influence[None])).errors[0]), rel=1e-6
    )
    low, high = found.interval(figure)
    assert low < found.value(figure) < high


@given(seeds, st.sampled_from([1, 7, 8, 9, 300]), st.integers(2, 12))
def test_pairs_meet_the_same_resamples_in_any_chunk(seed, t, m):
    """With more partners than are unpacked at a time, and bits that fill no byte."""
    bits = drawn_bits(seed, m, t)
    clusters, plan = Clusters.of(draw_triplets(seed, 30, t)), Resampling("triplets", "bootstrap", 5)
    pairs = [(a, b) for a in range(m) for b in range(a + 1, m)]
    packed = np.packbits(bits, axis=1)
    for (a, b), found in zip(pairs, joints(packed, pairs, clusters, None, plan), strict=True):
        columns = np.stack([bits[a], bits[b], bits[a] & bits[b]]).astype(np.int16)
        np.testing.assert_array_equal(found.draws, replicates(clusters, columns, plan))
        assert found.shares.tolist() == columns.mean(axis=1).tolist()
    np.testing.assert_array_equal(pair_counts(packed, t), bits.astype(int) @ bits.T.astype(int))


def test_of_the_same_column_kappa_is_one_without_an_error():
    bits = np.packbits(np.repeat(drawn_bits(1, 1, 200), 2, axis=0), axis=1)
    clusters, plan = Clusters.of(draw_triplets(1, 30, 200)), Resampling("objects")
    (found,) = joints(bits, [(0, 1)], clusters, Dependence.of(clusters, plan), plan)
    assert (found.value(KAPPA), found.error(KAPPA), found.p_value(KAPPA)) == (1.0, 0.0, 0.0)
    assert found.interval(KAPPA).high == 1.0


def test_the_lower_end_allows_for_objects_that_one_model_has_wrong_and_none_of_which_is_there():
    """Of models that are the same: in some of the triplets one of them is right in half, whatever the other says."""
    n, t = 30, 200
    column, triplets = drawn_bits(1, 1, t)[0] | drawn_bits(2, 1, t)[0], draw_triplets(1, n, t)
    counts, plan = np.bincount(triplets.ravel(), minlength=n), Resampling("objects")
    part = 1.0 - 0.025 ** (1.0 / int(counts.sum() ** 2 / (counts**2).sum() / 3))
    right = column.mean()
    weights = np.concatenate([np.full(t, 1.0 - part), np.full(2 * t, part / 2.0)]) / t
    a, b = np.concatenate([column, np.ones(t), np.zeros(t)]), np.tile(column, 3)
    shares = np.array([weights @ a, weights @ b, weights @ (a * b)])[:, None]
    dependence = Dependence.of(Clusters.of(triplets), plan)
    (found,) = joints(np.packbits([column, column], axis=1), [(0, 1)], Clusters.of(triplets), dependence, plan)
    assert right > 0.5 and found.interval(KAPPA).low == pytest.approx(KAPPA.of(*shares)[0])
    assert found.interval(COPY_OF_A).low == pytest.approx(min(COPY_OF_A.of(*shares)[0], COPY_OF_B.of(*shares)[0]))


@given(seeds)
def test_kappa_has_an_interval_that_is_symmetric_on_fishers_scale(seed):
    """But for unseen objects, for which there is no room here."""
    bits, plan = drawn_bits(seed, 2, 300), Resampling("objects")
    clusters = Clusters.of(draw_triplets(seed, 60, 300))
    (found,) = joints(np.packbits(bits, axis=1), [(0, 1)], clusters, Dependence.of(clusters, plan), plan)
    low, high = np.arctanh(tuple(found.interval(KAPPA)))
    assert (low + high) / 2.0 == pytest.approx(np.arctanh(found.value(KAPPA)))


@pytest.mark.parametrize("method", ["corrected", "bootstrap"])
def test_intervals_hold_the_truth_as_often_as_they_say(method):
    """Errors that come from objects: kappa of many worlds with objects of their own, of which the truth is known."""
    rng, n, t, worlds = np.random.default_rng(5), 60, 900, 120
    plan = Resampling("objects", method, None if method == "corrected" else 64)
    kappas, held = [], []
    for _ in range(worlds):
        triplets = draw_triplets(int(rng.integers(1 << 30)), n, t)
        of_objects = rng.normal(size=(3, n))
        shared, own_a, own_b = of_objects[:, triplets].sum(axis=2)
        bits = np.stack([shared + own_a, shared + own_b]) + 2.0 * rng.normal(size=(2, t)) > 0
        clusters = Clusters.of(triplets)
        (found,) = joints(np.packbits(bits, axis=1), [(0, 1)], clusters, Dependence.of(clusters, plan), plan)
        kappas.append(found.value(KAPPA))
        held.append(tuple(found.interval(KAPPA)))
    truth = np.arcsin(3.0 / 10.0) * 2.0 / np.pi  # two sums of variance 6 + 4 that share 3, each right in half
    share = np.mean([low <= truth <= high for low, high in held])
    assert abs(np.mean(kappas) - truth) < 0.02
    assert 0.89 <= share <= 1.0
