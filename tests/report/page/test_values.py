"""Every number on the page equals the document that it came from: read back out of the page."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from page_data import data_of

import pyalign
from pyalign.documents import Estimate
from pyalign.report.page.write import make_report

pytest.importorskip("vl_convert", reason="vl-convert is not installed")


@pytest.fixture(scope="module")
def page(results):
    return make_report(list(results.values()), "report.html")


@pytest.fixture(scope="module")
def data(page):
    return data_of(page.html)


def column(table, header):
    """Values of a column, with the ends of their intervals."""
    (found,) = [one for one in table["columns"] if one["header"] == header]
    ends = zip(found.get("low") or [None] * len(found["values"]), found.get("high") or [None] * len(found["values"]),
               strict=True)
    return [(value, *pair) for value, pair in zip(found["values"], ends, strict=True)]


def with_ends(rows, key, interval):
    return [(row[key], *(row.get(interval) or (None, None))) for row in rows]


def test_the_leaderboard_has_the_figures_of_the_scores(data, held):
    table, rows = data["accuracy-table"], held["score"]["results"]
    assert column(table, "Accuracy") == with_ends(rows, "accuracy", "ci")
    assert column(table, "Cross-entropy") == with_ends(rows, "cross_entropy", "cross_entropy_ci")
    assert [value for value, *_ in column(table, "Ties")] == [row["n_ties"] for row in rows]
    assert [value for value, *_ in column(table, "Triplets")] == [row["n_triplets"] for row in rows]
    assert column(table, "Rank") == with_ends(held["compare"]["models"], "rank", "rank_ci")


def test_the_place_is_between_chance_and_the_estimated_ceiling(data, held):
    ceiling = held["ceiling"]["ceilings"]["estimate"]["value"]
    for (share, *_), row in zip(
        column(data["accuracy-table"], "Chance to ceiling"), held["score"]["results"], strict=True
    ):
        assert math.isclose(share, (row["accuracy"] - 1 / 3) / (ceiling - 1 / 3), rel_tol=1e-12)


def test_fitted_temperatures_are_those_of_calibrate(data, held):
    rows = held["calibrate"]["results"]
    assert column(data["accuracy-table"], "Fitted temperature") == with_ends(rows, "temperature", "temperature_ci")
    found = [value for value, *_ in column(data["accuracy-table"], "Cross-entropy there")]
    assert found == [row["test"]["cross_entropy"] for row in rows]


def numbers(value):
    """All numbers in a document."""
    if isinstance(value, dict):
        return {number for one in value.values() for number in numbers(one)}
    if isinstance(value, list):
        return {number for one in value for number in numbers(one)}
    return {value} if isinstance(value, int | float) and not isinstance(value, bool) else set()


# Tables whose numbers are not those of a document: counts of documents, and the place between chance and ceiling.
OWN = {("inputs-table", "Documents"), ("accuracy-table", "Chance to ceiling")}
DERIVED = ("chart-colors", "entropy-figure-data")  # the latter has errors, held against documents by test_every_number


def test_no_table_has_a_number_that_no_document_has(data, held):
    known = numbers(list(held.values()))
    for name, table in data.items():
        for one in table.get("columns", ()):
            if (name, one["header"]) in OWN or name in DERIVED:
                continue
            found = numbers([one["values"], one.get("low", []), one.get("high", [])])
            assert found <= known, (name, one["header"], found - known)


def test_what_is_missing_is_null_and_shown_as_such(results):
    scores = pyalign.score({"a": [[1.0, 0], [0, 1], [1, 1]]}, [[0, 2, 1]], ci=None)
    page = make_report([scores, results["compare"]], "report.html")
    table = data_of(page.html)["accuracy-table"]
    assert "low" not in next(one for one in table["columns"] if one["header"] == "Accuracy")
    assert (
        "no intervals in the documents" in table["caption"] and "no noise ceiling in the documents" in table["caption"]
    )


def test_methods_name_every_hash_and_setting(results, page):
    provenance = results["score"].provenance
    data = json.dumps(data_of(page.html), ensure_ascii=False)
    for one in provenance.inputs:
        assert one.sha256 is None or one.sha256 in data
    for name in provenance.options:
        assert f"option {name}" in data
    assert pyalign.__version__ in data and provenance.time in data


def test_the_same_input_gives_the_same_bytes(results, page):
    assert make_report(list(results.values()), "report.html").html == page.html


def test_the_page_is_small(page):
    assert page.bytes < 2_000_000 and page.bytes == len(page.html.encode())


def test_what_is_no_number_is_missing_on_the_page(results):
    first, *others = results["compare"].models
    odd = replace(first, cross_entropy=Estimate(math.inf))
    compared = replace(results["compare"], models=(odd, *others))
    html = make_report(compared, "report.html").html
    assert [value for value, *_ in column(data_of(html)["ranks-table"], "Cross-entropy")] == [
        None, *(one.cross_entropy for one in others),
    ]
    none = replace(compared, models=tuple(replace(one, cross_entropy=math.nan) for one in compared.models))
    table = data_of(make_report(none, "report.html").html)["ranks-table"]
    assert "Cross-entropy" not in [one["header"] for one in table["columns"]]
