"""Every number of a page of all commands equals the document that it came from: read back out of the page."""

from __future__ import annotations

import copy
import re
from html import unescape

import pytest
from every_document import METADATA, committed
from page_data import data_of

from pyalign.report.page.write import make_report

from .page_numbers import TEXTS, check_cells, check_chart, check_table, label, numbers_in, tables

pytest.importorskip("vl_convert", reason="vl-convert is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")


@pytest.fixture(scope="session")
def every():
    """name -> document, of every command that a page shows."""
    found = committed("every")
    for one in found.values():
        for array in (one.get("provenance") or {}).get("inputs", ()):
            if array["name"] in ("embeddings", "before"):  # of one model, whose committed hash is that of this word
                array["sha256"] = None
    return found


@pytest.fixture(scope="module")
def page(every):
    return make_report(list(every.values()), "report.html", metadata=METADATA)


@pytest.fixture(scope="module")
def data(page):
    return data_of(page.html)


@pytest.mark.suite("test")
def test_a_page_of_all_commands_has_all_sections_and_no_fault(page):
    assert page.notes == () and len(page.sections) == 20


def test_every_row_of_every_table_is_in_its_document_and_the_other_way_round(every, data):
    known = tables(every)
    found = {name for name, one in data.items() if isinstance(one, dict) and "columns" in one}
    behind = {name for name in found if name.endswith("-data")}
    assert found - behind - set(TEXTS) == set(known)
    for name, (rows, columns) in known.items():
        check_table(name, data[name], rows, columns)


def test_every_cell_shows_its_value_rounded(page, data):
    assert check_cells(page.html, data) > 2000


def test_every_number_of_every_chart_is_in_a_document(every, data):
    probe = every["probe"]
    gains = [one["accuracy"] - one["zero_shot_accuracy"] for one in (probe, *probe["folds"])]
    bins = [row for one in every["agreement"]["results"] for row in one["entropy_bins"]]
    shares = [row[name] for row in bins for name in ("accuracy", "majority_share") if row.get(name) is not None]
    ends = [end for row in bins for name in ("accuracy_ci", "majority_share_ci") for end in row.get(name) or ()]
    middles = [(row["low"] + row["high"]) / 2 for row in bins]
    errors = [*(1 - share for share in (*shares, *ends)), *middles]  # the diagram of entropy shows errors
    # the line of equality of a diagram of reliability, and the scale of its axes, are of no document
    charts = {name: one for name, one in data.items() if isinstance(one, dict) and "datasets" in one}
    wide = [name for name in charts if not name.endswith("-narrow")]
    assert len(wide) == 20 and set(charts) == {*wide, *(f"{name}-narrow" for name in wide)}
    for name in wide:
        chart = {"datasets": charts[name]["datasets"] | charts[f"{name}-narrow"]["datasets"]}
        held = {"documents": list(every.values()), "gains": gains, "zero": [0.0, 1.0], "errors": errors}
        if name == "reliability-figure":
            chart = {"datasets": {k: v for k, v in chart["datasets"].items() if len(v) != 2}}
        assert check_chart(name, chart, held) > 0


def test_a_caption_says_only_what_title_and_subtitle_of_its_chart_do_not(page, data):
    """Of all kinds of charts that pages draw. The text alternative says both, for those who do not see the chart."""
    parts = page.html.split('<figure class="chart" id="')[1:]
    assert len(parts) == 20
    for part in parts:
        name, place = part.partition('"')[0], part.partition("chart-tools")[0]
        caption, whole = (
            words_of(unescape(place.partition(begin)[2].partition(end)[0]))
            for begin, end in (("<figcaption>", "</figcaption>"), ('aria-label="', '"'))
        )
        head = data[name]["title"]
        drawn = words_of(" ".join([*head["text"], *head["subtitle"]]))
        assert {*windows(caption, 6)}.isdisjoint(windows(drawn, 6)), (name, caption)
        assert whole == [*drawn, *caption], name


def words_of(text):
    return re.findall(r"[\w.%-]+\w|\w", text)


def windows(words, size):
    """All runs of so many words; all words, where they are fewer."""
    return [tuple(words[k : k + size]) for k in range(max(len(words) - size + 1, 1))] if words else []


@pytest.mark.slow
def test_every_chart_is_valid_by_the_schema(data):
    """Pages write specifications without checking them, which would take a fifth of a page's time."""
    altair = pytest.importorskip("altair")
    charts = {name: one for name, one in data.items() if isinstance(one, dict) and "$schema" in one}
    assert len(charts) >= 30
    for spec in charts.values():
        altair.Chart.from_dict(spec)
    wrong = copy.deepcopy(charts["accuracy-chart"])
    wrong["width"] = "wide"
    with pytest.raises(Exception, match="'wide' is not of type"):
        altair.Chart.from_dict(wrong)


def test_charts_leave_nothing_out(every, data):
    def drawn(name):
        return numbers_in(list(data[name]["datasets"].values()))

    assert {row["accuracy"] for row in every["score"]["results"]} <= drawn("accuracy-chart")
    assert {end for row in every["score"]["results"] for end in row["ci"]} <= drawn("accuracy-chart")
    assert {fold["accuracy"] for fold in every["probe"]["folds"]} <= drawn("probes-figure")
    assert {row["r2"] for one in every["predict"]["results"] for row in one["dimensions"]} <= drawn("dimensions-chart")
    assert {value for row in every["rsa"]["results"] for value in row["per_person"]["values"]} <= drawn("rsa-figure")
    assert numbers_in(every["cka"]["results"][0]["matrix"]) <= drawn("cka-figure")
    assert numbers_in(every["layers"]["matrix"]) <= drawn("layers-figure")
    assert {pair["kappa"] for pair in every["consistency"]["pairs"]} <= drawn("consistency-figure")
    assert {point["accuracy"] for point in every["metadata"]["points"]} <= drawn("metadata-1-parameters")
    for by, name in (("dimensions", "concepts-chart"), ("categories", "concepts-chart-2")):
        held = {round(row["accuracy"], 4) for one in every["concepts"]["results"] if one["by"] == by
                for row in one["concepts"]}
        assert held <= {round(one, 4) for one in drawn(name)}
    for row in every["calibrate"]["results"]:
        assert {one for one, n in zip(row["equal_mass"]["accuracy"], row["equal_mass"]["count"], strict=True) if n} <= (
            drawn("reliability-figure")
        )


def test_every_failure_is_that_of_the_document_to_a_thousandth(every, data):
    document, held = every["failures"], data["failures"]
    records = {row["row"]: row for group in document["groups"] for row in group["triplets"]}
    assert sorted(held["rows"]) == sorted(records) and held["models"] == [label(one) for one in document["models"]]
    for k, row in enumerate(held["rows"]):
        record = records[row]
        names = record["names"] or [f"item {item}" for item in record["items"]]
        assert [held["names"][number] for number in held["items"][3 * k : 3 * k + 3]] == names
        assert held["answers"][k] == record["n_answers"]
        assert "shares" not in held or held["shares"][k] == record["human_share"]
        for model, verdict in zip(document["models"], held["verdicts"][k], strict=True):
            choice, shares = record["choices"][model], record["probabilities"][model]
            assert verdict.choice == ("t" if choice < 0 else str(choice))
            assert verdict.human == pytest.approx(shares[2], abs=5.01e-4)
            if choice >= 0:
                assert verdict.chosen == pytest.approx(shares[choice], abs=5.01e-4)


@pytest.mark.plants
def test_a_number_that_was_changed_is_found(every, data):
    """The checks can fail."""
    rows, columns = tables(every)["accuracy-table"]
    other = copy.deepcopy(data["accuracy-table"])
    other["columns"][1]["low"][0] += 1e-6
    with pytest.raises(AssertionError):
        check_table("accuracy-table", other, rows, columns)
    with pytest.raises(AssertionError):
        check_table("accuracy-table", data["accuracy-table"], rows[1:], columns)


def test_captions_say_over_what_and_how_sure(every, page, data):
    for name in ("neighborhoods-concepts", "neighborhoods"):
        assert "95% intervals over objects" in data[name]["caption"]
    best = every["compare"]["best"]
    low, high = best["ci"]
    shown = f"on the others: {100 * best['accuracy']:.1f}%, 95% interval {100 * low:.1f} to {100 * high:.1f}%"
    assert shown in page.html
