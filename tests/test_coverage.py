"""tools/intervals.py: intervals hold the truth as often as they say, tests reject as often as they should."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WIDER_THAN_NEEDED = "probe n=90 p=8 over objects and people: accuracy"  # with eight participants; the page says so


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)  # the script adds its folder too
    sys.path.insert(0, str(ROOT / "tools"))  # where its cases are
    spec = importlib.util.spec_from_file_location("intervals_of_tools", ROOT / "tools" / "intervals.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


def case(script, name):
    (found,) = [case for case in script.CASES if case.name == name]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["score n=50 t=500", "score n=100 t=1500", "bootstrap n=100", "the same objects", "people n=50 p=50"],
)
def test_intervals_hold_the_truth(script, monkeypatch, name):
    """60 draws: of a binomial of 95 %, fewer than 50 come once in 5,000 times."""
    monkeypatch.setattr("coverage_cases.TRUTH", 1_000_000)
    chosen = case(script, name)
    for row in script.run(chosen, round(60 / chosen.share), 1):
        assert row.rate >= 50 / 60 and 0.6 < row.error / row.sd < 1.6 and row.draws == 60


@pytest.mark.slow
def test_an_interval_over_triplets_says_little_of_other_objects(script, monkeypatch):
    monkeypatch.setattr("coverage_cases.TRUTH", 1_000_000)
    for row in script.run(case(script, "blind to objects"), 120, 1):
        assert row.rate < 50 / 60 and row.error < 0.7 * row.sd


@pytest.mark.slow
def test_equal_models_are_seldom_told_apart_and_unequal_ones_often(script):
    """Of a binomial of 5 %, more than 9 of 60 come once in 1,000 times."""
    for row in script.run(case(script, "equal models n=100 t=1500, 6 models"), 60, 1):
        assert row.rate <= 9 / 60
    (row,) = script.run(case(script, "unequal models n=100 t=3000"), 60, 1)
    assert row.rate > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("over", ["objects", "subjects", "objects+subjects"])
def test_intervals_of_correlations_in_closed_form_hold_the_truth(script, monkeypatch, over):
    monkeypatch.setattr("coverage_rsa.DRAWS", 60)
    chosen = case(script, f"rsa corrected {over} n=20 p=8 much noise, spearman")
    for row in script.run(chosen, round(60 / chosen.share), 1):
        assert row.rate >= 50 / 60 and 0.7 < row.error / row.sd < 1.5 and row.draws == 60


@pytest.mark.slow
def test_intervals_over_families_hold_the_truth_and_those_that_are_blind_to_them_do_not(script):
    """Of a binomial of 95 %, fewer than 33 of 40 come once in 1,000 times; of 83 %, 39 or more likewise."""
    for row in script.run(case(script, "metadata over families m=12 in 4"), 40, 1):
        assert row.rate >= 33 / 40
    slope, _ = script.run(case(script, "metadata blind to families m=30 in 10"), 40, 1)
    assert slope.rate < 39 / 40 and slope.error < 0.9 * slope.sd


@pytest.mark.slow
def test_a_bootstrap_counts_the_noise_of_single_pairs_more_than_once(script, monkeypatch):
    monkeypatch.setattr("coverage_rsa.DRAWS", 20)
    for row in script.run(case(script, "rsa objects n=20 p=8 much noise, spearman"), 150, 1):
        assert row.error > 1.2 * row.sd


@pytest.mark.slow
@pytest.mark.parametrize("name", ["concept n=20 t=100", "consistency n=60 t=900, objects"])
def test_intervals_of_concepts_and_of_kappa_hold_the_truth(script, monkeypatch, name):
    """Of a binomial of 90 %, fewer than 44 of 60 come once in 5,000 times."""
    monkeypatch.setattr("coverage_concepts.TRUTH", 1_000_000)
    sys.modules["coverage_concepts"].rates.cache_clear()
    chosen = case(script, name)
    for row in script.run(chosen, round(60 / chosen.share), 1):
        assert row.rate >= 44 / 60 and 0.6 < row.error / row.sd < 2 and row.draws == 60


@pytest.mark.slow
def test_permutations_of_what_is_unrelated_reject_as_often_as_they_say(script):
    """Of a binomial of 5 %, more than 13 of 100 come once in 2,000 times; of 50 %, 33 or fewer likewise."""
    rates = {row.name.split(": ")[1]: row.rate for row in script.run(case(script, "unrelated n=10 p=1"), 100, 1)}
    assert rates["p <= 0.05"] <= 0.13 and 0.33 < rates["p <= 0.5"] < 0.67


def test_the_committed_rows_are_of_all_cases_and_where_they_should_be(script):
    rows = script.read()
    assert {row.name.split(":")[0] for row in rows} == {case.name for case in script.CASES}
    assert [row.name for row in rows if row.missed] == [WIDER_THAN_NEEDED]
    assert all(row.draws >= 90 for row in rows)
    asked = [row for row in rows if not math.isnan(row.least)]
    assert len(asked) > len(rows) / 2


def test_a_row_outside_of_what_is_asked_for_is_missed(script):
    from dataclasses import replace

    row = next(row for row in script.read() if not math.isnan(row.least))
    assert not row.missed and replace(row, rate=row.least - 0.1).missed and replace(row, rate=row.most + 0.1).missed


def test_the_tables_of_the_docs_are_made_from_the_committed_rows(script):
    rows = script.read()
    for kind in dict.fromkeys(row.kind for row in rows):
        name = "statistics-coverage-rsa" if kind.startswith("rsa") else "statistics-coverage"
        name = kind.removesuffix(" null") if kind.startswith(("concepts", "consistency", "cka")) else name
        page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        assert "\n".join(script.tables(rows, kind)) in page, kind


@pytest.mark.parametrize(
    ("line", "kinds", "over", "names"),
    [
        ("accuracy and cross-entropy, 20 to 1,854 objects | objects", "score", "objects", "score n=|two alternatives"),
        ("the same | objects and participants", "people", "objects and people", "people"),
        ("the best of six layers, corrected for the choice | objects", "best", "objects", ".*free of the choice"),
        ("probes, held out | objects", "probe", "objects", r"probe n=\d+:"),
        ("probes, held out, 8 unlike participants | objects and participants", "probe", "objects and people", ""),
        ("temperatures | objects", "temperature", "objects", ""),
        ("the estimate of the noise ceiling | objects", "ceiling", "objects", ".*estimate"),
        ("RSA, closed form | objects", "rsa corrected", "objects", ""),
        ("RSA, closed form | objects and participants", "rsa corrected", "objects and subjects", ""),
        (
            "means over participants against the RSA ceiling | objects and participants",
            "rsa ceiling",
            "objects and subjects",
            "",
        ),
        ("similarities of models (CKA) and their differences | objects", "cka", "objects", ""),
        ("neighbours | objects", "neighbors", "objects", ""),
        ("accuracy and cross-entropy, for other objects | triplets", "score", "triplets", "blind to objects"),
        ("accuracy and cross-entropy, for other participants | objects", "people", "objects", ""),
        ("probes, held out, 8 unlike participants | objects", "probe", "objects", ".*p=8"),
        ("the best of six layers, on the triplets that chose it | objects", "best", "objects", ".*in-sample"),
    ],
)
def test_the_summary_of_the_docs_has_the_range_of_the_committed_rows(script, line, kinds, over, names):
    rates = [
        100 * row.rate for row in script.read() if (row.kind, row.over) == (kinds, over) and re.match(names, row.name)
    ]
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert f"| {line} | {min(rates):.1f} to {max(rates):.1f}% |" in page


def test_the_summary_of_the_docs_has_the_rates_of_tests(script):
    size, power = ([row for row in script.read() if row.kind == kind and row.least >= 0] for kind in ("size", "power"))
    rates = [100 * row.rate for row in size]
    lost = [100 * (row.least + row.most) / 2 - 100 * row.rate for row in power]
    page = " ".join((ROOT / "docs" / "statistics.md").read_text(encoding="utf-8").split())
    assert f"equally good models different in {min(rates):.1f} to {max(rates):.1f}% of studies" in page
    assert f"power is {min(lost):.1f} to {max(lost):.1f} points below" in page


@pytest.fixture
def strong(script):
    """tools/coverage_strong.py; `script` has put its folder on the path."""
    import coverage_strong

    return coverage_strong


def test_the_table_of_strong_effects_is_made_from_its_rows(strong, tmp_path):
    rows = strong.read(strong.JOURNAL)
    assert {(row.world, row.way) for row in rows} == {(world, way) for world in strong.WORLDS for way in strong.WAYS}
    page = (ROOT / "docs" / "statistics-coverage-rsa.md").read_text(encoding="utf-8")
    assert "\n".join(strong.table(rows)) in page
    strong.write(rows, tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == strong.JOURNAL.read_text()


def test_where_a_few_objects_have_large_effects_the_intervals_of_pyalign_hold_and_the_former_ones_do_not(strong):
    rows = strong.read(strong.JOURNAL)
    ours = [row for row in rows if row.way.endswith("(pyalign)")]
    assert all(0.92 < row.held < 0.97 and row.draws >= 2000 for row in ours)
    worlds = [name for name in strong.WORLDS if name.startswith("squared") and name.endswith(" pearson")]
    former = [row for row in rows if row.way == strong.WAYS[0] and row.world in worlds]
    assert all(row.held < 0.915 for row in former) and len(former) == 3


def test_pyalign_does_what_the_table_calls_pyalign(strong):
    """The variance and the degrees of freedom of the last way but one are those of an interval of `pyalign.rsa`."""
    import numpy as np

    import pyalign

    person, model = strong.squared_distances(30, np.random.default_rng(0))
    r, ways = strong.measured(person, model, 30, "pearson")
    found = pyalign.rsa({}, person, kind="dissimilarity", model_rdms={"m": model}, correlation="pearson")[0]
    variance, degrees = ways[strong.WAYS.index("jackknife, kurtosis (pyalign)")]
    assert found.value == pytest.approx(r) and found.standard_error == pytest.approx(math.sqrt(variance))
    reach = strong.quantile(0.95, degrees) * math.sqrt(variance) / (1 - r * r)
    assert math.atanh(found.ci.high) - math.atanh(r) == pytest.approx(reach)


def test_a_csv_comes_back(script, tmp_path):
    rows = script.read()
    script.write(rows, tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == (ROOT / "tools" / "coverage.csv").read_text()
