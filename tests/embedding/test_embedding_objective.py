"""The objective of an embedding against plain loops, differences, and SPoSE's objective in torch."""

from __future__ import annotations

import numpy as np
import pytest
from planted_dimensions import distinct, planted, reference

from pyalign.embedding.fit import EmbeddingOptions, EmbeddingPenalty, Fitter, Objective
from pyalign.fitting.objective import TripletLoss

FLOAT64 = np.dtype(np.float64)


@pytest.fixture
def small():
    rng = np.random.default_rng(1)
    return np.abs(rng.normal(size=(9, 4))), distinct(rng, 9, 40)


def test_is_what_the_documentation_states(small):
    rows, triplets = small
    value, slope = Objective(TripletLoss(9, triplets, FLOAT64), EmbeddingPenalty(0.03, 0.2))(rows)
    expected, by_rows = reference(rows, triplets, 0.03, 0.2)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(slope, by_rows, rtol=1e-10, atol=1e-13)


def test_weighs_answers(small):
    rows, triplets = small
    answers = np.random.default_rng(2).integers(0, 4, (40, 3)).astype(float)
    value, slope = Objective(TripletLoss(9, triplets, FLOAT64, answers=answers), EmbeddingPenalty(0.03, 0.2))(rows)
    expected, by_rows = reference(rows, triplets, 0.03, 0.2, answers)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(slope, by_rows, rtol=1e-10, atol=1e-13)


def test_derivative_is_that_of_differences(small):
    rows, triplets = small
    objective, step = Objective(TripletLoss(9, triplets, FLOAT64), EmbeddingPenalty(0.01, 0.1)), 1e-6
    slope = objective(rows)[1]
    for i, k in ((0, 0), (3, 2), (8, 3)):
        change = np.zeros_like(rows)
        change[i, k] = step
        difference = (objective(rows + change)[0] - objective(rows - change)[0]) / (2 * step)
        assert slope[i, k] == pytest.approx(difference, abs=1e-8)


@pytest.mark.slow
def test_without_shrinkage_is_the_objective_of_spose(small):
    torch = pytest.importorskip("torch")
    rows, triplets = small
    x = torch.tensor(rows)
    anchor, positive, negative = (x[torch.tensor(triplets[:, k].astype(np.int64))] for k in range(3))
    similarities = [(anchor * positive).sum(1), (anchor * negative).sum(1), (positive * negative).sum(1)]
    loss = torch.mean(-torch.log(torch.softmax(torch.stack(similarities, dim=1), dim=1)[:, 0]))
    penalized = loss + 0.3 * torch.norm(x, 1) / len(x)  # lambda * the L1 norm, over the number of objects
    value, _ = Objective(TripletLoss(9, triplets, FLOAT64), EmbeddingPenalty(0.0, 0.3))(rows)
    assert value == pytest.approx(float(penalized), rel=1e-12)


def test_nothing_is_better_than_zero_from_the_largest_shrinkage_on():
    _, triplets = planted(20, 3, 600)
    loss = TripletLoss(20, triplets, FLOAT64)
    zero = Fitter(loss, EmbeddingOptions()).zero
    falling = Objective(loss, EmbeddingPenalty(0.9 * zero)).curvature(np.zeros((20, 1))).directions[:, :1]
    assert Objective(loss, EmbeddingPenalty(0.9 * zero))(0.01 * falling)[0] < np.log(3)
    assert Objective(loss, EmbeddingPenalty(1.01 * zero))(0.01 * falling)[0] > np.log(3)


def test_in_float32_is_the_same_to_its_precision(small):
    rows, triplets = small
    objective = Objective(TripletLoss(9, triplets, FLOAT64), EmbeddingPenalty(0.03, 0.2))
    value, slope = objective(rows)
    single, by_rows = Objective(TripletLoss(9, triplets, np.dtype(np.float32)), objective.penalty)(
        rows.astype(np.float32)
    )
    assert by_rows.dtype == np.float32 and single == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(by_rows, slope, atol=1e-6)
    np.testing.assert_array_equal(objective(rows)[1], slope)  # memory that is kept from pass to pass holds nothing back


def test_the_steepest_directions_are_those_of_all():
    from pyalign.fitting.objective import curvature_of_rows

    _, triplets = planted(20, 3, 600)
    loss = TripletLoss(20, triplets, FLOAT64)
    few, every = (curvature_of_rows(loss, np.zeros((20, 1)), 1e-4, most) for most in (3, None))
    assert few.least == pytest.approx(every.least) and few.entropy == pytest.approx(every.entropy)
    np.testing.assert_allclose(few.values, every.values[:3], rtol=1e-9)
    np.testing.assert_allclose(np.abs(few.directions.T @ every.directions[:, :3]), np.eye(3), atol=1e-7)
