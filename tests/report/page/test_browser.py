"""The page in a real browser: it sorts, filters, copies, prints, in light and dark, by keyboard; no network."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

import pyalign
from pyalign.extraction.images import as_images
from pyalign.report.blocks import Column, Figure, Fold, Section, Table, Text
from pyalign.report.page.html import Page, figure
from pyalign.report.page.parts_html import STATIC
from pyalign.report.page.write import body_of, make_report, render
from pyalign.study.maker import Study, StudyStep

from ..test_model_charts import answered, correlations, embeddings, probe  # noqa: F401  fixtures
from .conftest import NAMES
from .test_page import FIGURES, NASTY

pytestmark = pytest.mark.slow
alt = pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")
MANY, MISSING = 6600, "\u2013"


def long_table():
    rng = np.random.default_rng(0)
    values = [None if k % 50 == 7 else float(v) for k, v in enumerate(rng.random(MANY))]
    columns = (
        Column("Model", tuple(f"model {k % 100} of {k}" for k in range(MANY))),
        Column(
            "Accuracy",
            tuple(values),
            "percent",
            tuple(v and v - 0.1 for v in values),
            tuple(v and v + 0.1 for v in values),
        ),
        Column("Family", tuple((None, "vit", "cnn")[k % 3] for k in range(MANY)), filter=True),
        Column("Place", tuple(k / MANY for k in range(MANY)), "bar"),
        Column("Count", tuple(range(MANY)), "count"),
    )
    return Table(columns, name="long", caption="Many rows.", sort=("Count", False), numbered=True)


def chart(count=20):
    rows = [{"x": k, "y": k * k, "name": f"<b>point</b> {k}"} for k in range(count)]
    base = alt.Chart(alt.InlineData(values=rows), description="Squares")
    mark = base.mark_point(color="#0072b2").encode(x="x:Q", y="y:Q", tooltip=["name:N", "y:Q"], description="name:N")
    return mark.properties(width=300, height=200).configure(background="#ffffff")


@pytest.fixture(scope="module")
def report(results):
    """Of real results: all sections."""
    return make_report(list(results.values()), "report.html").html


@pytest.fixture(scope="module")
def parts_page():
    """Of parts: charts, one of them in a fold; a long table, and one of names that are no names."""
    nasty = Table(
        (Column("Name", NASTY), Column("N", tuple(range(len(NASTY))), "count")), name="nasty", caption="Names."
    )
    numbers = Table((
        Column("Shown", tuple(text for *_, text in FIGURES)),
        *(Column(f"{form} {places}", tuple(v if (f, p) == (form, places) else None for v, f, p, _ in FIGURES), form,
                 places=places) for form, places in dict.fromkeys((f, p) for _, f, p, _ in FIGURES)),
    ), name="numbers", caption="Numbers.")
    data = Table((Column("x", tuple(range(20)), "count"),), name="data", caption="Squares.")
    sections = [
        Section("charts", "Charts", "", (
            Figure("squares", "Squares.", chart(), "They grow.", data),
            Text(("Far below.",)),
            Fold("More", (Figure("folded", "Squares again.", chart(), "They grow again."),)),
            Figure("many", "A bitmap.", chart(4000), "They are many."),
        )),
        Section("tables", "Tables", "", (long_table(), nasty, numbers)),
    ]
    page = Page()
    return render("Parts", ("a test",), (), sections, body_of(sections, page), page)


def cells(page, table, column):
    """What a column shows; letters of other directions stand apart from their neighbors."""
    found = page.locator(f"#{table} tbody tr > :nth-child({column})").all_text_contents()
    return [text.strip() for text in found]


def axe(page):
    """Violations that axe-core calls serious or critical, with the elements."""
    engine = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = engine.Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:4])
        for one in found if one["impact"] in ("serious", "critical")
    ]


def quiet(opened):
    assert opened.errors == [] and opened.requests == []


@pytest.fixture(scope="module")
def whole(results, probe, correlations, embeddings, models, triplets, human, predicted, two_models):  # noqa: F811
    """A page of all commands, with what is known of the models and pictures of the objects: every section."""
    people = [str(k) for k in range(len(human))]
    named = {name: pyalign.Embeddings(x, people, source=name) for name, x in models.items()}
    kinds = [("food", "tools")[k % 2] for k in range(len(people))]
    clip, vgg = named.values()
    first, second = (pyalign.neighbors(x, people[:2], k=4) for x in named.values())
    study = Study("A study", (StudyStep("late", "score", "failed", reason="no file 'a.npy'"),))
    table = [{"model": name, "family": "a b"[k::2], "parameters": 10.0**k} for k, name in enumerate(NAMES)]
    asked = np.concatenate([triplets[:90], triplets[:90, [1, 0, 2]], triplets[:40, [2, 0, 1]]])
    drawn = np.stack([np.full((32, 32, 3), 5 * k, np.uint8) for k in range(len(people))])
    return make_report(
        [
            *results.values(), probe, correlations, two_models, predicted, first, second, study,
            pyalign.find_failures(named, asked, min_models=1, temperature=0.3), pyalign.error_consistency(named,
            triplets), pyalign.neighborhoods(named, human, categories=kinds, before=vgg, k=4, n_permutations=9),
            pyalign.neighborhoods(clip, dimensions=human, k=4, n_permutations=9),
        ],
        "report.html", metadata=table, images=as_images(drawn, names=people),
    )


# The page of real results


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_of_every_section_has_no_serious_violation(opened, whole, scheme):
    assert set(whole.sections) == {
        "leaderboard", "differences", "metadata", "probes", "concepts", "dimensions", "reliability", "agreement", "rsa",
        "cka", "consistency", "recovery", "neighbors", "failures", "study", "methods", "cite",
    }
    at = opened(whole.html, color_scheme=scheme)
    at.page.evaluate("document.querySelectorAll('details.fold').forEach((one) => (one.open = true))")
    at.page.evaluate("document.querySelectorAll('.drawing').forEach((one) => one.scrollIntoView())")
    headings = "[...document.querySelectorAll('h1, h2, h3, h4')].filter((one) => one.checkVisibility())"
    levels = at.page.evaluate(f"{headings}.map((one) => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    at.wait("document.querySelectorAll('.drawing').length === document.querySelectorAll('.drawn').length")
    assert axe(at.page) == []
    quiet(at)


@pytest.mark.suite("test")
def test_models_are_sorted_by_a_click_and_by_the_keyboard(opened, report):
    at = opened(report)
    header = at.page.locator("#accuracy-table th", has_text="Model")
    first = cells(at.page, "accuracy-table", 2)
    header.get_by_role("button").click()
    ascending = cells(at.page, "accuracy-table", 2)
    assert ascending == sorted(first, key=str.casefold) and header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").focus()
    at.page.keyboard.press("Enter")
    assert cells(at.page, "accuracy-table", 2) == ascending[::-1] and header.get_attribute("aria-sort") == "descending"
    assert "Sorted by Model, descending" in at.page.locator("#live").inner_text()
    assert at.page.evaluate("document.activeElement.classList.contains('sort')")
    quiet(at)


def test_names_of_models_are_text(opened, report):
    at = opened(report)
    shown = cells(at.page, "accuracy-table", 2)
    assert NAMES[2] in shown and "clip" in shown
    quiet(at)


def test_the_page_fits_a_phone(opened, report):
    at = opened(report, width=390)
    assert at.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not at.page.locator("nav ol").is_visible()
    at.page.get_by_text("Contents", exact=True).click()
    assert at.page.locator("nav ol").is_visible()
    quiet(at)


def test_all_can_be_reached_by_the_keyboard_alone(opened, report):
    at = opened(report)
    at.page.keyboard.press("Tab")
    assert at.page.evaluate("document.activeElement.className") == "skip"
    at.page.keyboard.press("Enter")
    assert at.page.evaluate("document.activeElement.id") == "main"
    seen = set()
    for _ in range(40):
        at.page.keyboard.press("Tab")
        seen.add(at.page.evaluate("document.activeElement.tagName + ' ' + (document.activeElement.classList[0] || '')"))
    assert {"BUTTON sort", "DIV scroll", "SUMMARY "} <= seen
    quiet(at)


def test_text_is_copied(opened, report):
    at = opened(report, permissions=["clipboard-read", "clipboard-write"])
    at.page.get_by_role("button", name="Copy: BibTeX").click()
    at.wait("document.getElementById('live').textContent === 'Text copied'")
    assert at.page.evaluate("navigator.clipboard.readText()").startswith("@software{pyalign,")
    quiet(at)


def test_without_scripts_the_tables_are_there(opened, report):
    at = opened(report, java_script_enabled=False)
    assert at.page.locator("#accuracy-table tbody tr").count() == 3
    assert not at.page.locator(".tools").is_visible()


# Tables


def test_rows_that_the_script_makes_are_those_of_the_page(opened, parts_page):
    at = opened(parts_page)
    for name in ("nasty", "numbers"):
        before = at.page.locator(f"#{name} tbody").inner_html()
        at.page.evaluate("(name) => pyalign.tables.get(name).show()", name)
        assert at.page.locator(f"#{name} tbody").inner_html() == before
    (static,) = re.findall(r'id="long".*?<tbody>(.*?)</tbody>', parts_page, re.S)
    at.page.evaluate("pyalign.tables.get('long').show()")
    shown = at.page.locator("#long tbody tr").evaluate_all("(rows) => rows.map((row) => row.outerHTML)")
    assert static.count("<tr>") == STATIC and len(shown) == 200
    assert "".join(shown[:STATIC]) == static.replace("\u00a0", "&nbsp;").replace("&lt;0.0001", "<0.0001")
    quiet(at)


def test_figures_are_shown_as_in_python(opened, parts_page):
    at = opened(parts_page)
    rng = np.random.default_rng(3)
    values = (*rng.normal(size=40), *(10 ** rng.uniform(-6, 9, 40)), 0.5, 0.25, 0.0, -0.125, 1e300)
    cases = [(float(v), form, p) for v in values
             for form in ("percent", "number", "count", "p", "digits") for p in (0, 1, 4)
             if p or form != "digits"]
    found = at.page.evaluate("(cases) => cases.map(([v, form, places]) => pyalign.figure(v, form, places))", cases)
    assert found == [figure(*case) for case in cases]


def test_a_filter_of_many_rows_answers_at_once(opened, parts_page):
    at = opened(parts_page)
    status = at.page.locator("#long .count")
    assert status.inner_text() == "6,600 rows, 200 shown"
    at.page.locator("#long input[type=search]").fill("MODEL 77")
    found = [k for k in range(MANY) if "77" in f"model {k % 100} of {k}"]
    at.wait(f"document.querySelector('#long .count').textContent === '{len(found)} of 6,600 rows'")
    assert at.page.locator("#long tbody tr").count() == len(found)
    for place, label in enumerate(("not known", "vit", "cnn")):
        at.page.locator("#long select").select_option(label=label)
        assert status.inner_text() == f"{sum(k % 3 == place for k in found)} of 6,600 rows"
    # However many rows there are, a filter draws no more than those that are shown: counted, since a clock depends on
    # what else the machine does.
    drawn = at.page.evaluate(
        """() => { const table = pyalign.tables.get('long'); table.chosen.clear(); const counts = [];
        const watch = new MutationObserver(() => {});
        watch.observe(document.querySelector('#long'), {childList: true, subtree: true});
        for (let k = 0; k < 6; k++) { table.words = [String(k)]; table.show();
        const added = watch.takeRecords().flatMap((record) => [...record.addedNodes]);
        counts.push(added.filter((node) => node.nodeName === 'TR' || node.nodeName === 'TBODY').length); }
        return counts; }"""
    )
    assert 0 < max(drawn) <= 200
    quiet(at)


def test_missing_values_come_last_either_way(opened, parts_page):
    at = opened(parts_page)
    button = at.page.locator("#long th", has_text="Accuracy").get_by_role("button")
    for _ in range(2):
        button.click()
        assert MISSING not in cells(at.page, "long", 3)[0]
    at.page.locator("#long input[type=search]").fill("of 57")
    at.wait("document.querySelector('#long .count').textContent.includes('of 6,600')")
    shown = cells(at.page, "long", 3)
    assert shown[-1] == MISSING and shown[0] != MISSING


def test_columns_are_chosen_and_what_is_shown_is_copied_in_full(opened, parts_page):
    at = opened(parts_page, permissions=["clipboard-read", "clipboard-write"])
    at.page.locator("#long .choose summary").click()
    at.page.locator("#long .choose label", has_text="Place").click()
    assert at.page.locator("#long thead th:visible").count() == 5
    at.page.locator("#long input[type=search]").fill("of 6103")
    at.wait("document.querySelector('#long .count').textContent === '1 of 6,600 rows'")
    at.page.locator("#long button", has_text="Copy CSV").click()
    at.wait("document.getElementById('live').textContent === 'Table copied'")
    text = at.page.evaluate("navigator.clipboard.readText()")
    value = float(np.random.default_rng(0).random(MANY)[6103])
    header, row = text.splitlines()
    assert header == "Model,Accuracy,Accuracy low,Accuracy high,Family,Count"
    assert row == f"model 3 of 6103,{value!r},{value - 0.1!r},{value + 0.1!r},vit,6103"
    quiet(at)


def test_names_that_are_no_names_are_copied_and_shown_as_they_are(opened, parts_page):
    at = opened(parts_page)
    assert at.page.locator("#nasty img, #nasty script").count() == 0
    text = at.page.evaluate("pyalign.tables.get('nasty').csv()")
    assert '"<script>alert(""x"")</script>",0' in text and '"two\nlines",6' in text
    assert at.page.locator("#nasty tbody bdi").count() == 2
    assert at.page.locator("#nasty tbody bdi").first.evaluate("(one) => getComputedStyle(one).unicodeBidi") == "isolate"
    quiet(at)


# Charts, colors, paper


def test_charts_are_drawn_when_they_come_into_view_with_a_name_for_each_mark(opened, parts_page):
    at = opened(parts_page)
    marks = at.page.locator("#squares svg.marks [aria-roledescription=point]")
    marks.first.wait_for(state="attached")
    assert marks.count() == 20 and marks.nth(3).get_attribute("aria-label") == "<b>point</b> 3"
    at.page.get_by_text("More", exact=True).click()
    at.page.locator("#folded svg.marks").wait_for()
    at.page.locator("#many canvas").wait_for()
    box = at.page.locator("#squares svg.marks").bounding_box()
    assert 430 < box["width"] < 640
    quiet(at)


HEIGHTS = "() => [...document.querySelectorAll('section > figure .drawing')].map((one) => one.offsetHeight)"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_place_of_a_chart_is_kept_before_it_is_drawn(opened, report, width):
    """Less than it needs, never more: else the page had holes that close."""
    shown = opened(report, width)
    page = shown.page
    page.evaluate("async () => void (await Promise.all(pyalign.beforePrint.map((one) => one())))")
    shown.wait("() => !document.querySelector('section > figure .drawing:not(.drawn)')")
    drawn = page.evaluate(HEIGHTS)
    page.evaluate(
        "document.querySelectorAll('.drawing').forEach((one) => (one.classList.remove('drawn'), one.replaceChildren()))"
    )
    kept = page.evaluate(HEIGHTS)
    assert len(drawn) > 2 and all(high / 3 <= low <= high for low, high in zip(kept, drawn, strict=True)), (kept, drawn)


def test_a_chart_tells_its_figures_as_text(opened, parts_page):
    at = opened(parts_page)
    at.page.locator("#squares svg.marks").wait_for()
    at.page.locator("#squares [aria-label='<b>point</b> 5']").hover()
    assert "<b>point</b> 5" in at.page.locator(".tip").inner_text() and at.page.locator(".tip b").count() == 0


def color_of(at, what, of="fill"):
    return at.page.locator(what).first.evaluate(f"(one) => getComputedStyle(one).{of}")


def test_the_switch_changes_page_and_charts_and_the_system_is_followed(opened, parts_page):
    at = opened(parts_page, color_scheme="dark")
    mark = "#squares [aria-roledescription=point]"
    at.page.locator(mark).first.wait_for(state="attached")
    dark = color_of(at, "body", "backgroundColor"), color_of(at, mark, "stroke")
    at.page.get_by_text("Light", exact=True).click()
    light = color_of(at, "body", "backgroundColor"), color_of(at, mark, "stroke")
    assert light[1] == "rgb(0, 114, 178)" and dark[1] == "rgb(86, 180, 233)" and dark[0] != light[0]
    at.page.get_by_text("System", exact=True).click()
    assert color_of(at, mark, "stroke") == dark[1]
    at.page.emulate_media(color_scheme="light")
    assert color_of(at, mark, "stroke") == light[1]
    quiet(at)


def test_paper_is_light_and_has_everything(opened, parts_page, tmp_path):
    at = opened(parts_page, color_scheme="dark")
    at.page.emulate_media(media="print")
    assert color_of(at, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert not at.page.locator(".table-tools").first.is_visible()
    at.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    at.page.locator("#folded svg.marks").wait_for()
    assert color_of(at, "#folded [aria-roledescription=point]", "stroke") == "rgb(0, 114, 178)"
    at.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not at.page.locator("#folded svg.marks").is_visible()
    content = at.page.pdf(format="A4")
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", content)) > 1
    quiet(at)


def test_a_chart_is_saved_with_its_colors(opened, parts_page):
    at = opened(parts_page)
    with at.page.expect_download() as waiting:
        at.page.locator("#squares").get_by_role("button", name="Save SVG").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert waiting.value.suggested_filename == "squares.svg"
    assert "var(" not in text and "#0072b2" in text
