"""Reliability tables and calibration error against loops over bins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import seeds

from pyalign.analysis.calibration import calibration_result as module
from pyalign.analysis.calibration.calibration_result import equal_mass_edges, equal_width_edges, reliability


def data(seed, t, weighted, coarse):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(1 / 3, 1, t)
    if coarse:
        confidence = np.ceil(confidence * 20) / 20  # many equal ones, on the edges
    weights = rng.integers(1, 9, t).astype(float) if weighted else None
    return confidence, rng.choice([0, 1 / 3, 0.5, 1], t), weights


def by_loops(confidence, accuracy, weights, edges):
    rows, total = [], 0.0
    weights = np.ones(len(confidence)) if weights is None else weights
    for b, (low, high) in enumerate(pairwise(edges)):
        inside = (confidence > low) & (confidence <= high) | (b == 0) & (confidence <= high)
        w = weights[inside]
        if w.sum() == 0:
            rows.append((0, None, None))
            continue
        means = [float((w * values[inside]).sum() / w.sum()) for values in (confidence, accuracy)]
        rows.append((int(w.sum()), *means))
        total += w.sum() * abs(means[0] - means[1])
    return rows, total / weights.sum()


@given(seed=seeds, t=st.integers(1, 3000), bins=st.sampled_from([1, 2, 10, 15, 33, 34, 100]), weighted=st.booleans(),
       coarse=st.booleans(), mass=st.booleans())
def test_equals_loops_over_the_bins(seed, t, bins, weighted, coarse, mass):
    confidence, accuracy, weights = data(seed, t, weighted, coarse)
    edges = equal_mass_edges(confidence, weights, bins) if mass else equal_width_edges(bins)
    found = reliability(confidence, accuracy, weights, edges)
    rows, ece = by_loops(confidence, accuracy, weights, edges)
    assert found.edges == tuple(edges)
    assert found.count == tuple(row[0] for row in rows)
    for values, column in ((found.confidence, 1), (found.accuracy, 2)):
        assert values == tuple(None if row[column] is None else pytest.approx(row[column], rel=1e-12) for row in rows)
    assert found.ece == pytest.approx(ece, rel=1e-10, abs=1e-14)


@given(seed=seeds, t=st.integers(300, 3000), weighted=st.booleans())
def test_bins_of_equal_mass_hold_the_same_number(seed, t, weighted):
    confidence, accuracy, weights = data(seed, t, weighted, coarse=False)
    counts = reliability(confidence, accuracy, weights, equal_mass_edges(confidence, weights, 10)).count
    total = t if weights is None else weights.sum()
    assert len(counts) == 10 and sum(counts) == total
    assert max(abs(count - total / 10) for count in counts) < (1 if weights is None else 9)


def test_equal_confidences_stay_together_whatever_their_order():
    confidence, accuracy = np.repeat([0.5, 0.9], [70, 30]), np.tile([1.0, 0.0], 50)
    edges = equal_mass_edges(confidence, None, 10)
    found = reliability(confidence, accuracy, None, edges)
    assert found.count == (70, 30)
    assert reliability(confidence[::-1], accuracy[::-1], None, edges) == found


def test_one_confidence_makes_one_bin():
    found = reliability(np.full(5, 0.4), np.ones(5), None, equal_mass_edges(np.full(5, 0.4), None, 10))
    assert (found.count, found.ece) == ((5,), pytest.approx(0.6))


@pytest.mark.parametrize("weighted", [False, True])
def test_edges_from_some_of_very_many_are_nearly_those_of_all(monkeypatch, weighted):
    confidence, accuracy, weights = data(3, 200_001, weighted, coarse=False)
    counts = np.array(reliability(confidence, accuracy, weights, equal_mass_edges(confidence, weights, 10)).count)
    assert len(counts) == 10
    assert np.abs(counts / counts.sum() - 0.1).max() < 0.005
    monkeypatch.setattr(module, "MOST_FOR_EDGES", 1 << 18)
    exact = reliability(confidence, accuracy, weights, equal_mass_edges(confidence, weights, 10)).count
    assert np.abs(np.array(exact) - sum(exact) / 10).max() < 9 and tuple(counts) != exact


def test_perfect_calibration_has_no_error_and_a_boaster_a_large_one():
    confidence = np.repeat([0.4, 0.8], 1000)
    honest = np.r_[np.arange(1000) < 400, np.arange(1000) < 800].astype(float)
    assert reliability(confidence, honest, None, equal_width_edges(10)).ece == pytest.approx(0, abs=1e-12)
    assert reliability(np.ones(2000), honest, None, equal_width_edges(10)).ece == pytest.approx(0.4)
