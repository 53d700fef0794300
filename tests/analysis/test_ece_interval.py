"""The interval of the calibration error: against loops over objects, and what it holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from scipy.special import softmax
from support import draw_triplets, seeds

from pyalign import calibrate, load_result
from pyalign.analysis.calibration.calibration_result import Confidences, ece_interval, equal_width_edges
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Resampling

PLAN, EDGES = Resampling("objects", "corrected"), equal_width_edges(5)


def confidences(seed, t, too_sure=1.0):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(t, 3))
    right = rng.random(t) < softmax(s, axis=1).max(axis=1)
    sure = softmax(too_sure * s, axis=1).max(axis=1)
    return Confidences(sure, right.astype(float), np.ones(t), sure, None)


@given(seeds)
def test_the_error_is_that_of_loops_over_the_objects_of_a_bin(seed):
    of, triplets = confidences(seed, 80), draw_triplets(seed, 12, 80)
    inside = (of.confidence[:, None] > EDGES[:-1]) & (of.confidence[:, None] <= EDGES[1:])
    gaps = (of.accuracy - of.confidence)[:, None] * inside
    e, sign = gaps - gaps.mean(axis=0), np.sign(gaps.mean(axis=0))
    sums = [e[(triplets == k).any(axis=1)].sum(axis=0) for k in range(12)]
    n = [(triplets == k).any(axis=1).sum() for k in range(12)]
    covariance = sum(np.outer(s, s) for s in sums) - 2 * e.T @ e
    covariance /= 80**2 - sum(k * k for k in n) + 2 * 80
    least = e.T @ e / (80**2 - 80)
    found = ece_interval(of, EDGES, list(triplets.T.astype(np.int64)), 11, PLAN)
    error = math.sqrt(max(sign @ covariance @ sign, sign @ least @ sign))
    assert found.error == pytest.approx(error, rel=1e-9)
    ece, reach = of.ece(EDGES), quantile(0.95, 11) * error
    variances = np.maximum(np.diag(covariance), np.diag(least))
    noise = math.sqrt(2 / math.pi) * np.sqrt(variances).sum()
    low = math.sqrt(max(0.0, max(0.0, ece - reach) ** 2 - noise**2))
    high = math.sqrt(max(0.0, (ece + reach) ** 2 - 2 / math.pi * np.sqrt(np.diag(least)).sum() ** 2))
    assert tuple(found) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("too_sure", [1.0, 1.6])
def test_independent_answers_have_their_error_within_the_interval_as_often_as_it_says(too_sure):
    truth = 0.0 if too_sure == 1.0 else confidences(0, 400_000, too_sure).ece(EDGES)
    found = [ece_interval(confidences(k + 1, 500, too_sure), EDGES, [], 499, PLAN) for k in range(200)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93
    assert np.mean([one.low == 0.0 for one in found]) > 0.95 if too_sure == 1.0 else np.mean([*map(min, found)]) > 0.01


def test_it_is_over_what_the_other_intervals_are_and_comes_back_from_a_document(tmp_path):
    x = random_embeddings(40, 8, seed=1)
    triplets = simulate(x, 4000, temperature=0.3, seed=1).triplets
    people = np.arange(4000) % 9
    for ci in ("objects", "subjects", "objects+subjects", "triplets"):
        found = calibrate(x, triplets, subjects=people, ci=ci).only
        for table in (found.equal_width, found.equal_mass):
            assert table.ece_debiased.ci.by == ci
            assert 0.0 <= table.ece_debiased.ci.low <= max(table.ece_debiased, 0.0) <= table.ece_debiased.ci.high
    whole = calibrate(x, triplets)
    (tmp_path / "T.json").write_text(whole.to_json())
    again = load_result(tmp_path / "T.json")
    assert again.equal_mass.ece_debiased.ci == whole.equal_mass.ece_debiased.ci
    shown = f"{whole.equal_mass.ece_debiased.ci.low:.5f} to {whole.equal_mass.ece_debiased.ci.high:.5f}"
    (line,) = [line for line in whole.table().splitlines() if line.startswith("ECE debiased, equal mass")]
    assert line.split("-", 1)[1].split() == [f"{whole.equal_mass.ece_debiased:.5f}", *shown.split()]


def test_without_intervals_and_of_shares_there_is_none():
    x = random_embeddings(40, 8, seed=1)
    triplets = simulate(x, 2000, temperature=0.3, seed=1).triplets
    assert calibrate(x, triplets, ci=None).equal_width.ece_debiased.ci is None
    shares = np.tile([0.2, 0.2, 0.6], (2000, 1))
    assert calibrate(x, triplets, answers=shares).equal_width.ece_debiased is None
