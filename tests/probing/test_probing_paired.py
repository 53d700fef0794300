"""What a probe adds to the accuracy, with an interval that knows that both are of the same triplets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.probing.cross_validate import paired_errors
from pyalign.probing.options import ProbeOptions
from pyalign.stats.student import quantile


@pytest.fixture(scope="module")
def world():
    x = reals(1, 60, 6)
    return x, simulate(x[:, :3], 6000, measure="dot", seed=2).triplets


@pytest.fixture(scope="module")
def validated(world):
    return pyalign.cross_validate_probe(*world, penalties=0.05)


def test_errors_of_a_fold_are_those_of_a_comparison(world):
    x, triplets = world
    mapped = x @ np.diag([3.0, 2.0, 1.0, 0.1, 0.1, 0.1]).astype(x.dtype)
    found = paired_errors(mapped, x, triplets[:900], "objects", ProbeOptions(measure="cosine", norm="identity"), None)
    compared = pyalign.compare({"mapped": mapped, "x": x}, triplets[:900], ci="objects")
    assert found.difference == pytest.approx(compared.pairs[0].standard_error, rel=1e-9)
    assert found.zero_shot == pytest.approx(pyalign.score(x, triplets[:900], ci="objects").standard_error, rel=1e-9)


def test_errors_over_people_and_over_triplets(world):
    x, triplets = world
    people = np.arange(900) % 30
    mapped, options = x[:, :3], ProbeOptions(measure="cosine", norm="identity")
    right = pyalign.analysis.outcomes.triplet_outcomes
    credit = (right(mapped, triplets[:900]).credits() - right(x, triplets[:900]).credits()) / 6
    alone = paired_errors(mapped, x, triplets[:900], "triplets", options, None)
    assert alone.difference == pytest.approx(credit.std(ddof=1) / 30, rel=1e-9)
    found = paired_errors(mapped, x, triplets[:900], "subjects", options, people)
    sums = np.bincount(people, credit - credit.mean())
    assert found.difference == pytest.approx(math.sqrt((sums**2).sum() / (900**2 - 30 * 30**2)), rel=1e-9)


def test_a_fold_whose_triplets_all_share_an_object_has_no_error(world):
    x, triplets = world
    found = paired_errors(x, x, triplets[:1], "objects", ProbeOptions(measure="cosine", norm="identity"), None)
    assert (found.zero_shot, found.difference) == (None, None)


def test_the_interval_of_the_mean_is_made_of_the_folds(validated, world):
    folds, n = validated.folds, len(validated.folds)
    gains = [fold.accuracy - fold.zero_shot_accuracy for fold in folds]
    error = math.sqrt(sum(fold.difference_error**2 for fold in folds)) / n
    assert validated.difference == pytest.approx(np.mean(gains)) and validated.difference > 0
    reach = quantile(0.95, len(np.unique(world[1])) - n) * error
    assert tuple(validated.difference_interval) == pytest.approx((np.mean(gains) - reach, np.mean(gains) + reach))
    before = validated.zero_shot_interval
    assert before.low < validated.zero_shot_accuracy < before.high and before.by == "objects"


def test_a_document_of_before_there_were_such_intervals_is_read(validated, tmp_path):
    document = validated.to_dict()
    for name in ("difference", "difference_interval", "zero_shot_interval"):
        del document[name]
    for fold in document["folds"]:
        del fold["difference_error"], fold["zero_shot_error"]
    import json

    (tmp_path / "old.json").write_text(json.dumps(document))
    old = pyalign.load_result(tmp_path / "old.json")
    assert old.difference_interval is None and old.difference == validated.difference
