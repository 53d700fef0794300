"""tools/coverage.py on few draws: intervals hold the truth as often as they say, and one over triplets does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", ROOT / "tools" / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.TRUTH = 400_000
    return module


def case(script, draw, by, method):
    (number,) = [
        k
        for k, c in enumerate(script.CASES)
        if (c[0].__name__, c[1], c[2]) == (draw, by, method) and c[3][0] in (60, 120, 300)
    ][:1]
    return number


@pytest.mark.parametrize(
    ("draw", "by", "method"),
    [
        ("other_objects", "objects", "bootstrap"),
        ("other_objects", "objects", "analytic"),
        ("other_triplets", "triplets", "bootstrap"),
        ("other_people", "subjects", "bootstrap"),
    ],
)
def test_intervals_hold_the_truth(script, draw, by, method):
    """60 draws: of a binomial of 95 %, fewer than 50 come once in 5,000 times."""
    accuracy, cross_entropy, width = script.coverage(script.World(1), case(script, draw, by, method), 60, 100, 1)
    assert min(accuracy, cross_entropy) >= 50 / 60 and 0 < width < 0.2


def test_an_interval_over_triplets_says_little_of_other_objects(script):
    accuracy, _, _ = script.coverage(
        script.World(1), case(script, "other_objects", "triplets", "bootstrap"), 60, 100, 1
    )
    assert accuracy < 50 / 60
