"""The page of `pyalign tour` in a real browser: pictures in all places, charts that fit a telephone, words."""

from __future__ import annotations

import re

import pytest

from pyalign import load_dataset
from pyalign.study.tour import RESULTS, take_tour

pytestmark = pytest.mark.slow
for package in ("altair", "vl_convert", "scipy", "sklearn", "PIL.Image"):
    pytest.importorskip(package, reason=f"{package} is not installed")

OPEN_ALL = "document.querySelectorAll('details.fold').forEach((one) => (one.open = true))"
# Scrolls to each of these pictures; of those that are then not shown, or not read, the names.
UNSHOWN = """async (places) => {
  const sheets = new Map();
  const width = (url) => new Promise((done) => {
    const sheet = new Image();
    sheet.onload = () => done(sheet.naturalWidth);
    sheet.onerror = () => done(0);
    sheet.src = url;
  });
  const missing = [];
  for (const one of document.querySelectorAll(places)) {
    for (let frame = 0; frame < 60 && !one.classList.contains("shown"); frame++) {
      one.scrollIntoView({ behavior: "instant" });
      await new Promise(requestAnimationFrame);
    }
    const url = /url\\("(.*)"\\)/.exec(getComputedStyle(one).backgroundImage)?.[1];
    if (url && !sheets.has(url)) sheets.set(url, await width(url));
    if (!one.classList.contains("shown") || !(sheets.get(url) > 0)) missing.push(one.textContent);
  }
  return missing;
}"""


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    take_tour(folder)
    return folder / RESULTS / "report.html"


def shown(page, places, count):
    """That there are so many pictures in these places, and all of them are shown."""
    assert page.locator(places).count() == count
    assert page.evaluate(UNSHOWN, places) == []


def test_every_neighbor_concept_and_failure_is_a_picture(opened, tour):
    at = opened(tour)
    at.page.evaluate(OPEN_ALL)
    shown(at.page, "#gallery .picture", 4 * 6)
    sizes = load_dataset("sample").categories().members.sum(axis=0)
    shown(at.page, ".panel .picture", int(sizes.clip(max=10).sum()))
    for left in range(200, 0, -24):
        shown(at.page, ".card .picture", 3 * min(24, left))
        if left > 24:
            at.page.locator(".pages").get_by_role("button", name="Next").click()
    at.page.evaluate("location.hash = '#failure-3'")
    shown(at.page, "dialog.failure .picture", 3)
    assert at.errors == [] and at.requests == []


def test_charts_fit_a_telephone(opened, tour):
    at = opened(tour, width=360)
    at.page.evaluate(OPEN_ALL)
    at.wait("document.querySelectorAll('.drawing').length === document.querySelectorAll('.drawn').length", seconds=60)
    assert at.page.evaluate("document.documentElement.scrollWidth") <= 360
    cut = """[...document.querySelectorAll('.drawing')]
      .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.dataset.chart)"""
    assert at.page.locator(".drawing").count() == 11
    assert at.page.evaluate(cut) == []
    points = at.page.locator("#accuracy-chart [aria-roledescription=point]")
    boxes = {point.get_attribute("aria-label").partition(":")[0]: point.bounding_box() for point in points.all()}
    assert {name.partition(",")[0] for name in boxes} == {"features", "logits", "few-features", "noise"}
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in boxes.values())
    assert at.errors == []


def test_a_chart_is_drawn_anew_where_the_screen_becomes_wide_enough(opened, tour):
    at = opened(tour, width=360)
    drawing = at.page.locator("#accuracy-chart .marks")
    drawing.wait_for()
    narrow = float(drawing.evaluate("(one) => one.style.getPropertyValue('--width')"))
    at.page.set_viewport_size({"width": 1280, "height": 900})
    at.wait("(narrow) => document.querySelector('#accuracy-chart .marks')?.style.getPropertyValue('--width') > narrow",
            narrow + 100)
    assert narrow < 270 and at.errors == []


def test_the_page_is_small_has_no_warning_and_its_words_are_right(opened, tour):
    assert tour.stat().st_size < 2_000_000
    at = opened(tour)
    assert at.page.locator("section.warning").count() == 0
    at.page.evaluate(OPEN_ALL)
    at.wait("document.querySelectorAll('.drawing').length === document.querySelectorAll('.drawn').length", seconds=60)
    text = at.page.evaluate("document.body.textContent")
    ticks = at.page.locator("#metadata-1-features svg .role-axis-label text").all_text_contents()
    assert {"200", "400", "1200"} <= set(ticks)
    assert not re.findall(r"\de[+\u2212-]\d", " ".join(at.page.locator("svg text").all_text_contents()))
    assert "triplets of triplets" not in text
    assert not re.findall(r"(?<![\d,.])1 (?:models|groups|objects|triplets|answers|people|pairs|times)\b", text)
