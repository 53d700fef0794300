"""Pooled accuracies of concepts: of which concepts, by which errors, and when there are none."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, read_back

import pyalign
from pyalign import Resampling
from pyalign.stats.pooling import common_covariance, partially_pooled

ROOT = Path(__file__).resolve().parents[2]
N, T, K = 60, 4000, 6
DIMENSIONS = np.random.default_rng(5).gamma(0.5, size=(N, K))
TRIPLETS = draw_triplets(3, N, T)
CODES = (DIMENSIONS[TRIPLETS[:, 0]] + DIMENSIONS[TRIPLETS[:, 1]]).argmax(axis=1)
RIGHT = np.random.default_rng(6).random(T) < np.array([0.3, 0.5, 0.5, 0.55, 0.5, 0.7])[CODES]


def concepts_of(**options):
    return pyalign.score_concepts(None, TRIPLETS, DIMENSIONS, model_choices={"m": np.where(RIGHT, 2, 0)}, **options)


@pytest.fixture(scope="module")
def scores():
    return concepts_of(ci="objects", min_triplets=30).results[0]


def test_are_those_of_the_hierarchical_model(scores):
    plan = Resampling("objects", "corrected")
    rows = scores.concepts
    errors = [row.ci.error for row in rows]
    common = common_covariance(scores.ci.error, T, [row.n_triplets for row in rows], errors)
    expected = partially_pooled(
        [row.accuracy for row in rows], [row.ci.error for row in rows], [row.n_triplets for row in rows], plan, common
    )
    assert scores.spread == pytest.approx(expected.spread) and common > 0
    for row, group in zip(rows, expected.groups, strict=True):
        assert (row.pooled, row.p_lowest, row.p_highest) == pytest.approx(
            (group.accuracy, group.p_lowest, group.p_highest)
        )
        assert tuple(row.pooled_ci) == pytest.approx(tuple(group.ci))
    assert max(rows, key=lambda row: row.p_lowest).concept == rows[0].concept
    assert scores.spread_ci.low < np.std([0.3, 0.5, 0.5, 0.55, 0.5, 0.7]) < scores.spread_ci.high


def test_a_concept_without_an_interval_takes_no_part():
    smallest = int(np.bincount(CODES, minlength=K).min())
    scores = concepts_of(ci="objects", min_triplets=smallest + 1).results[0]
    assert [row.pooled is None for row in scores.concepts] == [row.ci is None for row in scores.concepts]
    assert sum(row.pooled is None for row in scores.concepts) == 1


@pytest.mark.parametrize("ci", [None, Resampling("objects", n_resamples=50)])
def test_need_errors_in_closed_form(ci):
    scores = concepts_of(ci=ci).results[0]
    assert scores.spread is scores.spread_ci is scores.concepts[0].pooled is None
    assert "spread" not in str(concepts_of(ci=ci))


def test_need_five_concepts():
    choices = {"m": np.where(RIGHT, 2, 0)}
    found = pyalign.score_concepts(None, TRIPLETS, DIMENSIONS[:, :4], model_choices=choices, ci="objects")
    assert found.results[0].spread is None


def test_triplets_that_count_in_several_concepts_have_no_common_error():
    scores = concepts_of(ci="objects", top=2).results[0]
    assert scores.spread is not None
    assert sum(row.n_triplets for row in scores.concepts) == 2 * T


def test_are_shown_and_come_back(scores, tmp_path):
    found = concepts_of(ci="objects")
    assert read_back(found, tmp_path) == found
    text = " ".join(str(found).split())
    worst = found.results[0].concepts[0]
    assert re.search(rf"m {100 * scores.spread:.1f}% .* {worst.concept} \({worst.p_lowest:.2f}\)", text)
    assert found.to_records()[0]["pooled_ci_low"] < found.to_records()[0]["pooled"]


def test_the_table_of_the_docs_is_made_of_the_committed_draws():
    """Pooled ones are closer to the truth, their intervals hold, and the worst is named as often as is claimed."""
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("pooling_of_tools", ROOT / "tools" / "pooling.py")
    script = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(script)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    rows = [{name: float(value) for name, value in row.items()} for row in script.csv_rows.read(script.CSV)]
    assert "\n".join(script.table(rows)) in (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for spread in script.SPREADS:
        mean = {name: np.mean([row[name] for row in rows if row["spread"] == spread]) for name in rows[0]}
        assert sum(row["spread"] == spread for row in rows) >= 300
        assert mean["error pooled"] < mean["error raw"] and mean["rank pooled"] > mean["rank raw"]
        assert 0.92 < mean["held pooled"] < 0.97
        assert mean["claimed pooled"] == pytest.approx(mean["named pooled"], abs=0.06)
        assert mean["estimated spread"] == pytest.approx(spread, rel=0.1)
