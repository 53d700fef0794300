"""How large a page is: matrices of the size that data sets have take little of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from page_data import data_of

import pyalign

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

OBJECTS, MODELS = 120, 5  # as in data sets of the preset: 118 images of King's and Cichy's, 120 of Peterson's
MOST = {"page": 950_000, "charts": 190_000, "tables": 170_000}  # bytes; unpacked, charts had 860,000 and tables 500,000


@pytest.fixture(scope="module")
def result():
    """RSA of five models with people, with matrices as the preset keeps them."""
    rng = np.random.default_rng(0)
    models = {f"model_{k}": rng.normal(size=(OBJECTS, 6)) for k in range(MODELS)}
    x = rng.normal(size=(OBJECTS, 3))
    people = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=-1))
    return pyalign.rsa(models, people, kind="dissimilarity", ci=None, rdms=True)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    return pyalign.write_report(result, tmp_path_factory.mktemp("page") / "page.html").html


def test_matrices_of_five_models_are_small(page):
    held = dict(re.findall(r'<script type="[\w/]+" data-name="([\w-]+)">([^<]*)</script>', page))
    charts = len(held["rdm-figure"]) + len(held["rdm-figure-narrow"])
    found = {"page": len(page.encode()), "charts": charts, "tables": len(held["rdm-figure-data"])}
    assert all(found[part] < most for part, most in MOST.items()), found


def test_each_pair_of_each_matrix_is_there_to_the_digits_that_are_shown(result, page):
    held = data_of(page)
    for column, matrix in zip(held["rdm-figure-data"]["columns"][2:], result.rdms.matrices, strict=True):
        assert column["places"] >= 3
        assert column["values"] == np.round(matrix.values, column["places"]).tolist()
    rows = [row for rows in held["rdm-figure"]["datasets"].values() for row in rows if "cells" in row]
    cells = [value for row in rows for value in row["cells"]]
    whole = {float(f"{value:.4g}") for matrix in result.rdms.matrices for value in matrix.values}
    assert len(cells) == (MODELS + 1) * 99 * 50 and {*cells} <= whole
