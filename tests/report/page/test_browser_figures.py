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
    ]
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


@pytest.mark.parametrize("width", [1280, 390])
def test_drawn_names_of_120_models_cover_no_name_and_no_point(opened, width):
    """Boxes as the browser has drawn them, with its letters and not with a guess of their width."""
    rng = np.random.default_rng(3)
    triplets = np.array(list(combinations(range(N), 3)))
    crowd = rng.normal(size=(N, 4))
    models = {f"{'Wide' if k % 3 else 'WMwm'}-ModelName_{k}x{k}": crowd + (k % 7) / 4 * rng.normal(size=(N, 4))
              for k in range(120)}
    table = {name: {"family": f"family {k % 9}"} for k, name in enumerate(models)}
    first, second = (pyalign.score(models, triplets, measure=measure, ci=None) for measure in ("cosine", "dot"))
    html = make_report([pyalign.regress_metadata(first, table, others=second)], "report.html").html
    at = opened(html, width)
    figure = at.page.locator("#metadata-1-accuracy-dot")
    figure.scroll_into_view_if_needed()
    figure.locator("svg.marks").wait_for()
    labels, points = (figure.evaluate(
        "(of, name) => [...of.querySelectorAll(name)].map(one => one.getBoundingClientRect())"
        ".filter(box => box.width > 0).map(box => [box.left, box.top, box.right, box.bottom])", name,
    ) for name in (".mark-text.role-mark text", ".mark-symbol.role-mark path"))
    names = figure.locator(".mark-text.role-mark text").all_text_contents()
    assert len(points) >= 120 and len(labels) == len(names) > 8 and set(names) <= set(models)
    forms = figure.evaluate(
        "of => [...of.querySelectorAll('.mark-symbol.role-mark path')].map(one => one.getAttribute('d'))"
    )
    assert len({form for form in forms if form}) >= 7  # families differ in shape, not in color only
    for k, box in enumerate(labels):
        for other in (*labels[:k], *points):
            assert box[0] >= other[2] or other[0] >= box[2] or box[1] >= other[3] or other[1] >= box[3], names[k]
