"""The table of what becomes of each triplet with each model."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import definition, draw_triplets, pairs_of, reals, seeds, whole

from pyalign import compare, score
from pyalign.analysis.comparison import paired_outcomes
from pyalign.analysis.comparison.paired_outcomes import OutcomeTable, open_outcome_table
from pyalign.analysis.outcomes import ChoiceModel, triplet_outcomes
from pyalign.data import align_models
from pyalign.stats import joint
from pyalign.stats.resampling import Resampling

OPTIONS = {"measure": "dot", "temperature": 3.0, "ties": "fractional"}


def opened(models, triplets, nan="raise", backend="auto", **options):
    how = ChoiceModel(**{name: options.pop(name, value) for name, value in OPTIONS.items()}, nan_policy=nan)
    return open_outcome_table(align_models(models, triplets), how, backend, **options)


def models_of(m, n=40, ties=True):
    """Every third of them with ties."""
    return {f"m{k}": whole(k, n, 3) if ties and k % 3 == 0 else reals(k, n, 4) for k in range(m)}


def memmapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


@pytest.mark.parametrize("ties", ["fractional", "wrong", "human_alignment"])
@pytest.mark.parametrize("m", [1, 7, 8, 9, 17])
def test_columns_are_what_each_triplet_counts_with_each_model(backend, m, ties):
    """By definition, in sixths, behind a column of ones; cross-entropies in steps of their largest."""
    models, triplets = models_of(m), draw_triplets(1, 40, 1001)
    found = opened(models, triplets, backend=backend, ties=ties)
    assert (found.names, found.kept) == (tuple(models), None)
    assert (found.credits.dtype, found.credits.shape) == (np.int8, (1001, 1 + m))
    assert (found.nats.dtype, found.nats.shape) == (np.int16, (1001, 1 + m))
    assert (found.credits[:, 0] == 1).all() and (found.nats[:, 0] == 1).all()
    for k, x in enumerate(models.values()):
        s = pairs_of(definition(x, x, "dot"), triplets)
        right, tied = s[0] == s.max(axis=0), (s == s.max(axis=0)).sum(axis=0)
        counts = {"fractional": 6 / tied, "wrong": 6 * (tied == 1), "human_alignment": 6 * (tied < 3)}[ties]
        if k % 3 == 0:  # whole numbers, of which every backend knows the ties
            np.testing.assert_array_equal(found.credits[:, 1 + k], np.rint(np.where(right, counts, 0)))
        alone = triplet_outcomes(x, triplets, ChoiceModel(**{**OPTIONS, "ties": ties}), backend)
        np.testing.assert_array_equal(found.credits[:, 1 + k], alone.credits(ties))
        np.testing.assert_array_equal(np.unpackbits(found.right[k], count=1001).astype(bool), alone.verdicts == 1)
        np.testing.assert_allclose(found.nats[:, 1 + k] * found.steps[k], alone.cross_entropy, atol=found.steps[k])
        one = score(x, triplets, **{**OPTIONS, "ties": ties}, backend=backend)
        assert tuple(found.estimates[:, k]) == (one.accuracy, one.cross_entropy)
        assert found.credits[:, 1 + k].mean() / 6 == pytest.approx(one.accuracy, rel=1e-12)


@given(seeds, st.sampled_from([1, 7, 8, 9, 100, 1001]), st.integers(2, 11), st.sampled_from([8, 16, 1 << 16]))
def test_both_right_counts_triplets_that_two_models_get_right(seed, t, m, block):
    """At any number of triplets, blocks and bits; those that fill the last byte count for nothing."""
    before, joint.BLOCK = joint.BLOCK, block
    try:
        found = opened({name: x[:20] for name, x in models_of(m).items()}, draw_triplets(seed, 20, t))
        both = joint.pair_counts(found.right, t) / t
    finally:
        joint.BLOCK = before
    right = np.unpackbits(found.right, axis=1, count=t).astype(bool)
    for a in range(m):
        for b in range(m):
            assert both[a, b] == pytest.approx((right[a] & right[b]).mean(), rel=1e-12)


def test_values_for_resamples_take_turns():
    models, triplets = models_of(3), draw_triplets(1, 40, 200)
    found = opened(models, triplets)
    values, units = found.values()
    assert (values.dtype, values.shape, units.shape) == (np.int16, (6, 200), (6,))
    for k in range(3):
        assert np.array_equal(values[2 * k], found.credits[:, 1 + k]) and units[2 * k] == 1 / 6
        assert np.array_equal(values[2 * k + 1], found.nats[:, 1 + k]) and units[2 * k + 1] == found.steps[k]


def test_triplets_are_those_that_all_models_can_be_scored_on(backend):
    models, triplets = models_of(10), draw_triplets(1, 40, 500)
    models["m2"][3], models["m9"][5] = np.nan, np.inf
    kept = ((triplets != 3) & (triplets != 5)).all(axis=1)
    found = opened(models, triplets, nan="omit", backend=backend)
    np.testing.assert_array_equal(found.kept, kept)
    clean = {name: np.nan_to_num(x, posinf=0.0) for name, x in models.items()}
    alone = opened(clean, triplets[kept], backend=backend)
    for name in ("credits", "nats", "right", "steps", "estimates"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
    assert opened(clean, triplets, nan="omit", backend=backend).kept is None


def test_a_problem_with_a_model_is_told_with_its_name(message_of):
    models, triplets = models_of(10), draw_triplets(1, 40, 50)
    models["m9"] = models["m9"].copy()
    models["m9"][4] = np.nan
    assert message_of(opened, models, triplets).startswith("m9: embeddings must be finite; 1 of 40 rows")
    assert message_of(opened, {"m9": reals(9, 20, 4)}, triplets).startswith("m9: ")


def test_models_are_told_as_they_are_scored():
    told = []
    opened(models_of(10), draw_triplets(1, 40, 50), progress=lambda *now: told.append(now))
    assert told == [(f"m{k}", k, 10) for k in range(10)]


# A table that memory would not hold


PLANS = [Resampling("objects+subjects"), Resampling("triplets"), Resampling("objects", "bootstrap", 64)]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.method}-{plan.by}")
def test_a_table_in_a_temporary_file_gives_the_same(monkeypatch, plan, tmp_path):
    """And the file is gone from its folder at once."""
    models, triplets, people = models_of(11), draw_triplets(1, 40, 3000), np.arange(3000) % 9

    def found():
        return replace(compare(models, triplets, subjects=people, ci=plan, choose_best=True), provenance=None)

    expected = found()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(paired_outcomes, "IN_MEMORY", 0)
    assert found() == expected
    assert os.listdir(tmp_path) == []


def test_where_the_table_lies_goes_by_its_size(monkeypatch):
    models, triplets = models_of(3), draw_triplets(1, 40, 100)
    assert not memmapped(opened(models, triplets).credits)
    monkeypatch.setattr(paired_outcomes, "IN_MEMORY", 4 * 100)
    found = opened(models, triplets)
    assert isinstance(found, OutcomeTable)
    assert (memmapped(found.credits), memmapped(found.nats)) == (False, True)
    monkeypatch.setattr(paired_outcomes, "IN_MEMORY", 4 * 100 - 1)
    assert memmapped(opened(models, triplets).credits)
