"""The picture of a comparison: differences of models with their intervals, what is not separable, and ranks."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import pyalign
from pyalign.report.charts import chart, default_chart, kind_of
from pyalign.report.charts.save import rendered
from pyalign.report.charts.theme import WIDTHS, rows_of

pytest.importorskip("altair", reason="altair is not installed")


@pytest.fixture(scope="module")
def compared_models(answered):
    """Three models, of which the second and the third are much alike, and answers of the first with noise."""
    rng, good = np.random.default_rng(3), answered[0]
    worse = good + rng.normal(size=good.shape)
    models = {"worse": worse + 0.02 * rng.normal(size=good.shape), "good": good + 0.1 * rng.normal(size=good.shape),
              "alike": worse}
    return models, answered[1]


@pytest.fixture(scope="module")
def compared(compared_models):
    return pyalign.compare(*compared_models)


def test_differences_are_those_of_the_pairs_with_the_better_model_first(compared):
    rows = rows_of(chart(compared))
    places = {row["item"]: (row["value"], row["low"], row["high"]) for row in rows if row["model"] == "rank"}
    assert places == {model.model: (model.rank, *model.rank_ci) for model in compared.models}
    drawn = {row["item"]: row for row in rows if row["model"] != "rank"}
    assert len(drawn) == len(compared.pairs) == 3 and len({row["model"] for row in drawn.values()}) == 2
    for pair in compared.pairs:
        turned = pair.difference < 0
        row = drawn[f"{pair.b} - {pair.a}" if turned else f"{pair.a} - {pair.b}"]
        low, high = pair.ci
        assert row["value"] == abs(pair.difference)
        assert (row["low"], row["high"]) == ((-high, -low) if turned else (low, high))
        assert row["model"] == ("separable" if pair.p_adjusted < 0.05 else "not separable")
    spec = chart(compared).to_dict()
    assert "separable at 5%, corrected (Holm)" in spec["description"]


def test_differences_from_a_baseline_keep_their_sign(compared_models):
    models, triplets = compared_models
    found = pyalign.compare(models, triplets, baseline="good")
    drawn = {row["item"]: row["value"] for row in rows_of(chart(found, "differences")) if row["model"] != "rank"}
    assert drawn == {f"{pair.a} - good": pair.difference for pair in found.pairs} and min(drawn.values()) < 0


def test_of_many_pairs_those_of_models_next_to_each_other_by_rank_are_drawn(compared, compared_models):
    drawn = [row["item"] for row in rows_of(chart(compared, "differences", limit=2)) if row["model"] != "rank"]
    ranked = [model.model for model in sorted(compared.models, key=lambda model: model.rank)]
    assert sorted(drawn) == sorted(f"{a} - {b}" for a, b in itertools.pairwise(ranked))
    bare = pyalign.compare(*compared_models, ci=None)
    assert {row["model"] for row in rows_of(chart(bare))} == {"rank", "difference"}


def test_a_comparison_among_other_results_is_drawn_by_its_accuracies(compared, compared_models):
    scores = pyalign.score(*compared_models)
    assert kind_of([compared]) == default_chart(compared) == "differences"
    assert kind_of([compared, scores]) == kind_of([scores, compared]) == "accuracy"
    assert rows_of(chart(compared)) != rows_of(chart(scores))


def test_the_charts_of_a_comparison_are_as_wide_as_a_column(compared):
    pytest.importorskip("vl_convert", reason="vl-convert is not installed")
    for width, points in WIDTHS.items():
        drawn = rendered(chart(compared, width=width), ".svg").decode()
        assert points - 20 < float(re.search(r'width="([\d.]+)pt"', drawn)[1]) <= points + 6
