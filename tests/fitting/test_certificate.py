"""The lower bound on what any map can reach."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign.fitting.objective import TripletTerm, curvature, largest_penalty

N, D, PENALTY = 12, 5, 0.05


@pytest.fixture(scope="module")
def term():
    return TripletTerm(reals(1, N, D, dtype=np.float64), draw_triplets(2, N, 60, np.int32))


def bound(term, weights):
    """What `curvature` at these weights says that no map falls below, and the objective there."""
    found = curvature(term, np.ones(D), weights, np.zeros(weights.shape[1]), PENALTY)
    return found.entropy, found.loss + PENALTY * (weights**2).sum()


@pytest.mark.parametrize("seed", range(6))
def test_no_map_falls_below_the_bound_of_another(term, seed):
    maps = [scale * reals(seed + k, D, 3, dtype=np.float64) for k, scale in enumerate((0.01, 0.1, 0.3, 1.0))]
    bounds, objectives = zip(*(bound(term, weights) for weights in maps), strict=True)
    assert 0 < max(bounds) <= min(objectives)


def test_at_the_largest_penalty_nothing_is_better_than_no_map(term):
    penalty = largest_penalty(term, np.ones(D))
    at_zero = curvature(term, np.ones(D), np.zeros((D, 1)), np.zeros(1), penalty)
    assert at_zero.least == pytest.approx(0, abs=1e-12)
    assert at_zero.entropy == pytest.approx(at_zero.loss) == pytest.approx(np.log(3))


def test_directions_that_fall_lead_down(term):
    found = curvature(term, np.ones(D), np.zeros((D, 1)), np.zeros(1), PENALTY / 10)
    assert found.least < 0 and found.directions.shape[1] > 0
    step = 1e-2 * found.directions[:, :1] / np.linalg.norm(found.directions[:, 0])
    lower = term(step, np.zeros(1)).value + PENALTY / 10 * (step**2).sum()
    assert lower < found.loss


def test_rows_that_are_stretched_give_the_same_bound():
    x, triplets, stretch = reals(1, N, D, dtype=np.float64), draw_triplets(2, N, 60, np.int32), np.arange(1.0, D + 1)
    weights = reals(3, D, 2, dtype=np.float64)
    plain, stretched = TripletTerm(x, triplets), TripletTerm(x * stretch, triplets)
    one = curvature(plain, np.ones(D), weights, np.zeros(2), PENALTY)
    other = curvature(stretched, stretch, weights / stretch[:, None], np.zeros(2), PENALTY)
    assert other.entropy == pytest.approx(one.entropy) and other.least == pytest.approx(one.least)
