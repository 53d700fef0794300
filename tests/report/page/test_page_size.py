"""How large a page is: matrices of the size that data sets have take little of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from page_data import OF_GALLERY, data_of

import pyalign
from pyalign.pairwise.rdms import percentiles
from pyalign.report.page.write import make_report

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

OBJECTS, MODELS = (118, 120), 5  # of data sets in the preset: King's and Cichy's images, Peterson's
SHOWN = 100  # objects of a chart
WHOLE = 2_000_000  # bytes of the preset's page: of five models, four sets of matrices, maps of each model on each set
SETS, ON = 4, 6  # sets of matrices; data sets that maps are tried on: these, THINGS, CIFAR-100
CATEGORIES, MAPS = 27, 3


@pytest.fixture(scope="module")
def results():
    """RSA of five models with people on two sets of objects, with matrices as the preset keeps them."""
    rng = np.random.default_rng(0)
    found = []
    for n in OBJECTS:
        models = {f"model_{k}": rng.normal(size=(n, 6)) for k in range(MODELS)}
        x = rng.normal(size=(n, 3))
        people = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=-1))
        people[3, 7] = people[7, 3] = np.nan  # nobody judged it
        found.append(pyalign.rsa(models, people, kind="dissimilarity", ci=None, rdms=True))
    return found


@pytest.fixture(scope="module")
def page(results):
    return make_report(results, "page.html").html


def size_of(*results):
    return make_report(results, "page.html").bytes


def transfer_of(embeddings, categories):
    """A document of maps whose figures have all digits, over some categories of neighbors."""
    rng = np.random.default_rng(len(embeddings))
    path = Path(__file__).resolve().parents[2] / "snapshots" / "documents" / "transfer.json"
    made = json.loads(path.read_text(encoding="utf-8"))["every: transfer"]
    (one,) = (row for row in made["figures"] if row["category"] == "kind 0" and row["map"] == "away")
    kinds = ("accuracy", None), ("neighbors kept", None), ("accuracy", "categories"), ("k-NN accuracy", None)
    rows = [*((*kind, None) for kind in kinds[: 4 if categories else 2]),
            *(("k-NN accuracy", None, f"category {k}") for k in range(categories))]
    names = [f"map with penalty {k}" for k in range(MAPS)]
    for row in ((name, *each) for each in rows for name in names):
        figures = dict(zip(("map", "figure", "within", "category"), row, strict=True))
        middle = {key: rng.random() for key in ("before", "after", "difference")}
        errors = {key: {**held, "error": rng.random() / 10} for key, held in one["intervals"].items()}
        ends = {
            key: [middle[of] - 2 * errors[key]["error"], middle[of] + 2 * errors[key]["error"]]
            for key, of in (("before_ci", "before"), ("after_ci", "after"), ("ci", "difference"))
        }
        on = "" if row[1] in ("neighbors kept", "k-NN accuracy") else "answers"
        made["figures"].append({**one, **figures, **middle, **ends, "on": on, "intervals": errors, "p_value": None})
    del made["figures"][: -len(rows) * MAPS]
    return {**made, "maps": names, "embeddings": embeddings}


def test_the_page_of_the_preset_is_below_two_megabytes(results, page):
    """The page of real results, which `tests/test_gallery.py` keeps below `OF_GALLERY`, has one set of matrices, and no
    maps on other data: each more of these adds what one more adds here."""
    matrices = len(page.encode()) - size_of(results[0])
    first, second, third = transfer_of("first", 0), transfer_of("second", 0), transfer_of("third", CATEGORIES)
    of_one, of_two = size_of(first), size_of(first, second)
    maps, of_things = of_two - of_one, size_of(first, third) - of_one
    added = {"matrices": (SETS - 1) * matrices, "maps": MODELS * (ON - 1) * maps, "maps on THINGS": MODELS * of_things}
    assert min(added.values()) > 50_000
    assert OF_GALLERY + sum(added.values()) < WHOLE, added


@pytest.mark.slow
def test_each_pair_of_each_matrix_is_there_to_the_digits_that_are_shown(results, page):
    held = data_of(page)
    for result, name in zip(results, ("rdm-figure-data", "rdm-figure-2-data"), strict=True):
        for column, matrix in zip(held[name]["columns"][2:], result.rdms.matrices, strict=True):
            values = np.array([np.nan if value is None else value for value in column["values"]])
            assert column["places"] >= 3
            np.testing.assert_array_equal(values, np.round(matrix.values, column["places"]))
            assert np.nanmax(np.abs(values - matrix.values)) <= 0.5 * 10.0 ** -column["places"] + 1e-12


def test_small_values_keep_their_digits(results):
    """A column has the places that its largest value leaves room for, not always four."""
    (small,) = (result for result in results if len(result.rdms.objects) == OBJECTS[0])
    models = {"model": np.random.default_rng(1).normal(size=(OBJECTS[0], 6))}
    found = pyalign.rsa(models, 1e-5 * small.rdms.matrices[1].square(), kind="dissimilarity", ci=None, rdms=True)
    column = data_of(make_report([found], "page.html").html)["rdm-figure-data"]["columns"][2]
    np.testing.assert_allclose(column["values"], found.rdms.matrices[0].values, atol=1e-4 * 2e-5)
    assert len({*column["values"]}) > 5000


@pytest.mark.slow
def test_a_chart_shows_the_cells_of_the_table(opened, results, page):
    """In the browser: each cell is its pair's value, with its percentile among those that the chart shows."""
    at = opened(page)
    specs = data_of(page)
    for result, name in zip(results, ("rdm-figure", "rdm-figure-2"), strict=True):
        at.page.locator(f"#{name}").scroll_into_view_if_needed()
        at.page.locator(f"#{name} canvas.marks").wait_for()
        order = specs[name]["usermeta"]["pyalign"]["order"]
        lines = at.page.evaluate(
            "(name) => Object.values(pyalign.data(name).datasets).filter((rows) => rows[0].line)", name
        )
        assert sorted({*order}) == sorted(order) and len(order) == SHOWN and len(lines) == MODELS + 1
        by_name = {rows[0]["matrix"]: rows for rows in lines}
        columns = specs[f"{name}-data"]["columns"][2:]
        for column, matrix in zip(columns, result.rdms.matrices, strict=True):
            rows = by_name[column["header"]]
            whole = np.round(matrix.square(), column["places"])[np.ix_(order, order)]
            expected = np.concatenate([whole[k, :k] for k in range(1, SHOWN)])
            cells, shares = (np.array([value for row in rows for value in row[key]], float)
                             for key in ("cells", "more_percentile"))
            np.testing.assert_array_equal(cells, expected)
            np.testing.assert_allclose(shares, percentiles(expected), atol=1e-12)
    assert at.errors == []
