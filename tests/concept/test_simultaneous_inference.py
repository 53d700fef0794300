"""All concepts of a model at once: intervals that hold together, and differences from the whole."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from support import draw_triplets, read_back, reals

import pyalign
from pyalign import Resampling
from pyalign.stats.multiple import corrected, sidak

N, T = 60, 4000
DIMENSIONS = np.random.default_rng(5).gamma(0.5, size=(N, 5))
TRIPLETS = draw_triplets(3, N, T)
MODELS = {"a": reals(2, N, 5), "human": DIMENSIONS}
CODES = (DIMENSIONS[TRIPLETS[:, 0]] + DIMENSIONS[TRIPLETS[:, 1]]).argmax(axis=1)


def found_of(right, dimensions=DIMENSIONS, triplets=TRIPLETS, **options):
    """Concepts of a model that is right on these triplets."""
    choices = {"m": np.where(right, 2, 0)}
    return pyalign.score_concepts(None, triplets, dimensions, model_choices=choices, **options)


@pytest.mark.parametrize("ci", ["objects", "triplets", Resampling("objects", confidence_level=0.8)])
def test_intervals_that_hold_together_have_a_confidence_that_does(ci):
    found = pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci=ci)
    level = ci.confidence_level if isinstance(ci, Resampling) else 0.95
    for result in found.results:
        wide = Resampling(getattr(ci, "by", ci), confidence_level=sidak(level, len(result.concepts)))
        single = pyalign.score_concepts({result.embeddings: MODELS[result.embeddings]}, TRIPLETS, DIMENSIONS, ci=wide)
        for row, other in zip(result.concepts, single.results[0].concepts, strict=True):
            together = row.simultaneous_ci
            assert tuple(together) == pytest.approx(tuple(other.ci))
            assert (together.method, together.confidence, together.by) == ("sidak", level, other.ci.by)
            assert together.low < row.ci.low < row.ci.high < together.high


def test_the_confidence_of_each_is_that_of_independent_intervals():
    draws = np.abs(np.random.default_rng(0).normal(size=(200_000, 7)))
    held = (draws < norm.ppf(0.5 + sidak(0.95, 7) / 2)).all(axis=1).mean()
    assert held == pytest.approx(0.95, abs=0.002) and sidak(0.95, 1) == 0.95


def test_a_difference_from_the_whole_is_tested_as_the_module_says():
    triplets = TRIPLETS[np.unique(np.sort(TRIPLETS, axis=1), axis=0, return_index=True)[1]]
    found = pyalign.score_concepts(MODELS, triplets, DIMENSIONS, ci="triplets")
    for result in found.results:
        p = result.accuracy
        of_all = p * (1 - p) / (len(triplets) - 1)  # both are of 0 and 1 here, but for few ties
        for row in result.concepts:
            share = row.n_triplets / len(triplets)
            own = p * (1 - p) / (row.n_triplets - 1)
            t = abs(row.accuracy - p) / math.sqrt(max(own * (1 - 2 * share) + of_all, (1 - share) ** 2 * own))
            assert row.p_value == pytest.approx(2 * student.sf(t, row.n_triplets - 1), rel=0.05)
        p_values = [row.p_value for row in result.concepts]
        assert [row.p_adjusted for row in result.concepts] == corrected(p_values, "holm")


def test_a_planted_concept_differs_from_the_whole():
    rng = np.random.default_rng(1)
    right = rng.random(T) < np.where(CODES == 2, 0.8, 0.5)
    (result,) = found_of(right).results
    p = {row.concept: row.p_adjusted for row in result.concepts}
    assert p["3"] < 1e-4 and result.concepts[2].simultaneous_ci.low > result.accuracy


@pytest.mark.parametrize("value", [0, 1])
def test_a_concept_that_is_all_right_or_all_wrong_is_judged_by_its_number_of_triplets(value):
    """Its variance is 0; that of the whole's accuracy in so few triplets is not."""
    rng = np.random.default_rng(2)
    dimensions = np.concatenate([DIMENSIONS, np.zeros((N, 1))], axis=1)
    dimensions[:9, -1] = 100.0  # a concept of few objects
    codes = (dimensions[TRIPLETS[:, 0]] + dimensions[TRIPLETS[:, 1]]).argmax(axis=1)
    few = np.flatnonzero(codes == 5)
    keep = np.sort(np.concatenate([np.flatnonzero(codes != 5), few[:32]]))
    right = rng.random(T) < (0.9 if value else 0.1)
    right[few] = value
    found = found_of(right[keep], dimensions, TRIPLETS[keep], ci="triplets")
    row, p = found.results[0].concepts[-1], found.results[0].accuracy
    assert row.n_triplets == 32 and row.accuracy == value
    assert row.p_value == pytest.approx(2 * student.sf(abs(value - p) / math.sqrt(p * (1 - p) / 32), 31), rel=0.2)
    assert row.p_value > 0.01


def test_one_concept_of_all_triplets_is_the_whole_and_not_tested():
    (result,) = pyalign.score_concepts(MODELS["a"], TRIPLETS, np.ones((N, 1))).results
    (row,) = result.concepts
    assert row.p_value is None and row.p_adjusted is None and row.simultaneous_ci.low == row.ci.low


@pytest.mark.parametrize("ci", [None, Resampling("objects", "bootstrap", 100)])
def test_there_is_none_without_intervals_or_by_a_bootstrap(ci):
    for result in pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci=ci).results:
        for row in result.concepts:
            assert row.simultaneous_ci is None and row.p_value is None and row.p_adjusted is None
    document = pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci=ci).to_dict()
    assert not {"simultaneous_ci", "p_value"} & set(document["results"][0]["concepts"][0])


def test_small_concepts_count_neither_in_the_confidence_nor_in_the_correction():
    found = pyalign.score_concepts(MODELS, TRIPLETS, DIMENSIONS, ci="objects", min_triplets=900)
    for result in found.results:
        known = [row for row in result.concepts if row.ci is not None]
        assert 1 < len(known) < len(result.concepts)
        assert all(row.p_value is None and row.simultaneous_ci is None for row in result.concepts if row not in known)
        ordered = sorted(known, key=lambda row: row.p_value)
        assert ordered[0].p_adjusted == min(1.0, len(known) * ordered[0].p_value)
        assert all(a.p_adjusted <= b.p_adjusted for a, b in pairwise(ordered))


def test_they_are_in_documents_tables_and_csv(tmp_path):
    found = pyalign.score_concepts(MODELS["a"], TRIPLETS, DIMENSIONS)
    again = read_back(found, tmp_path)
    assert again.results == found.results
    text = " ".join(found.table(200).split())
    assert "all together: intervals that hold for all concepts at once" in text
    assert "p (Holm) of the accuracy of all triplets, corrected for all concepts" in text
    header = found.to_csv().splitlines()[0].split(",")
    assert {"simultaneous_ci_low", "simultaneous_ci_high", "p_value", "p_adjusted"} <= set(header)


def test_concepts_that_are_all_as_the_whole_seldom_differ():
    """Triplets that share objects, whose effects are as large within concepts as in THINGS: of 100 draws any concept
    differs in at most 5%, within two Monte Carlo errors, and intervals hold together in 95%.
    """
    rng = np.random.default_rng(3)
    n, t = 120, 4000
    dimensions = rng.gamma(0.5, size=(n, 8))
    triplets = draw_triplets(4, n, t)
    any_differs, all_hold = [], []
    for _ in range(100):
        effects = rng.normal(size=(n, 1)) * math.sqrt(0.012) + rng.normal(size=(n, 8)) * math.sqrt(0.016)
        codes = (dimensions[triplets[:, 0]] + dimensions[triplets[:, 1]]).argmax(axis=1)
        latent = effects[triplets, codes[:, None]].sum(axis=1) + rng.normal(size=t) * math.sqrt(1 - 3 * 0.028)
        (result,) = found_of(latent > 0, dimensions, triplets, ci="objects").results
        any_differs.append(min(row.p_adjusted for row in result.concepts) < 0.05)
        all_hold.append(all(row.simultaneous_ci.low <= 0.5 <= row.simultaneous_ci.high for row in result.concepts))
    assert np.mean(any_differs) <= 0.05 + 2 * 0.022 and np.mean(all_hold) >= 0.95 - 2 * 0.022
