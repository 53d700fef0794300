"""Figures of matrices, layers, entropy, equal choices and two scores in a real browser, wide and narrow."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import pyalign
from pyalign.report.page.write import make_report

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")
pytestmark = pytest.mark.slow

N = 12
FIGURES = ("rdm-figure", "mds-figure", "depth-figure", "entropy-figure", "choices-figure", "metadata-1-accuracy-dot")


@pytest.fixture(scope="module")
def html():
    rng = np.random.default_rng(0)
    models = {f"net::layer '{k}'": rng.normal(size=(N, 4)) for k in range(3)}
    triplets = np.array(list(combinations(range(N), 3)))
    counts = rng.multinomial(9, rng.dirichlet((0.5, 0.5, 0.5), size=len(triplets)))
    compared = pyalign.compare(models, triplets, choose_best=True)
    results = [
        pyalign.rsa(models, 1 - np.corrcoef(rng.normal(size=(N, 9))), kind="dissimilarity", ci=None, rdms=True),
        compared, pyalign.agreement(models, triplets, answers=counts), pyalign.error_consistency(models, triplets),
        pyalign.regress_metadata(compared, others=pyalign.score(models, triplets, measure="dot")),
    ]  # fmt: skip
    return make_report(results, "report.html").html


@pytest.mark.parametrize("width", [1280, 390])
def test_each_figure_is_drawn_with_marks_and_fits(opened, html, width):
    at = opened(html, width)
    for name in FIGURES:
        figure = at.page.locator(f"#{name}")
        figure.scroll_into_view_if_needed()
        marks = figure.locator("svg.marks")
        marks.wait_for()
        assert marks.locator("path").count() > 5, name
        assert marks.bounding_box()["width"] <= width, name
    assert at.errors == [] and at.requests == []
