"""The HTML of a page: well formed, in order, and names are text whatever they hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from page_data import data_of, unzipped

from pyalign.report.blocks import Code, Column, Fact, Facts, Figure, Fold, Section, Table, Text, Tile, Tiles
from pyalign.report.charts.save import javascript
from pyalign.report.charts.theme import chart_of
from pyalign.report.page.html import Page, figure, shown
from pyalign.report.page.parts_html import MOST, STATIC
from pyalign.report.page.write import body_of, render, written

NASTY = ('<script>alert("x")</script>', "</script><!--", '"><img src=x onerror=alert(1)>', "a'b&amp;c", "שלום",
         "\u202eevil",
         "two\nlines", "\u2028", "{{x}}", "😀")
VOID = {"meta", "input", "img", "br", "link", "hr"}


class Reader(HTMLParser):
    """Elements in their order, text, and whether each is closed by its own end."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.text, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, (tag, self.stack)
        self.stack.pop()

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.text.append(data)


def page_of(*parts, warnings=(), title="Title"):
    sections = [Section("one", "One", "Lead.", tuple(parts))]
    page = Page()
    return render(title, ("about",), warnings, sections, body_of(sections, page), page)


def table(count=3, **options):
    columns = (
        Column("Name", tuple(f"row {k}" for k in range(count))),
        Column("Value", tuple(k / 7 for k in range(count)), "percent", filter=True),
    )
    return Table(columns, name="rows", caption="Rows.", **options)


def nasty_parts():
    columns = (
        Column("Name <b>", NASTY, filter=True, note='"quoted" <i>'), Column("N", tuple(range(len(NASTY))), "count"))
    return (
        Text(NASTY, "note"), Table(columns, name="t", caption=NASTY[0]), Facts((Fact(NASTY[0], NASTY[2], NASTY[1]),)),
        Code(NASTY[0], "\n".join(NASTY)), Fold(NASTY[0], (Text(NASTY),)),
        Tiles("tiles", NASTY[0], tuple((one, (Tile(one, NASTY[1]),)) for one in NASTY)),
    )


def test_names_are_text_whatever_they_hold():
    html = page_of(*nasty_parts(), warnings=NASTY, title=NASTY[0])
    read = Reader(html)
    scripts = [about for tag, about in read.tags if tag == "script"]
    assert [about for about in scripts if about.get("type") != "text/plain"] == [{}]
    assert not any(tag == "img" or "onerror" in about for tag, about in read.tags)
    text = "".join(read.text)
    for name in NASTY[:5]:
        assert text.count(name) >= 4
    assert "\u202e" not in text and "\u2028" not in html
    assert data_of(html)["t"]["columns"][0]["values"] == list(NASTY)


def test_each_name_has_its_own_direction_of_writing():
    assert shown("שלום") == "<bdi>שלום</bdi>"
    tags = Reader(page_of(*nasty_parts())).tags
    assert tags.count(("bdi", {})) >= 4 * sum(not shown(name).isascii() for name in NASTY) > 4


def test_scripts_are_those_whose_hashes_the_policy_names():
    html = page_of(table())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy.startswith("default-src 'none';") and "unsafe-eval" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert len(scripts) == policy.count("sha256-") == 1
    assert "http:" not in policy and "https:" not in policy


def test_headings_and_landmarks_are_in_order():
    read = Reader(page_of(table(), Fold("More", (Text(("a",)),))))
    tags = [tag for tag, _ in read.tags]
    assert [tag for tag in tags if re.fullmatch("h[1-6]", tag)] == ["h1", "h2"]
    assert [tag for tag in tags if tag in ("header", "nav", "main", "footer")] == ["header", "nav", "main", "footer"]
    assert len(read.ids) == len(set(read.ids))
    links = [about["href"][1:] for tag, about in read.tags if tag == "a"]
    assert links == ["main", "one"] and set(links) <= set(read.ids)
    assert read.tags[0] == ("html", {"lang": "en"})


def test_a_table_stands_in_the_page_and_its_values_unrounded_in_the_data():
    html = page_of(table(sort=("Value", True)))
    assert html.index("row 2") < html.index("row 1") < html.index("row 0")
    assert "28.6%" in html and 'aria-sort="descending"' in html
    assert data_of(html)["rows"]["columns"][1]["values"] == [0.0, 1 / 7, 2 / 7]


def test_what_is_missing_says_so_and_comes_last():
    columns = (
        Column("Name", ("a", "b", "c")),
        Column("Value", (None, 0.25, 0.5), "percent", (None, None, 0.4), (None, None, 0.6)),
    )
    html = page_of(Table(columns, name="t", caption="T.", sort=("Value", False)))
    assert re.search(r">b</th>.*>c</th>.*>a</th>.*title=\"not in the result\"", html, re.S)
    assert "40.0 to 60.0" in html and html.count('class="ends"') == 1


def test_of_a_long_table_the_first_rows_stand_in_the_page():
    html = page_of(table(MOST + 50))
    assert html.count('<th scope="row"') == STATIC and f"The first {STATIC} of {MOST + 50} rows." in html
    assert len(data_of(html)["rows"]["columns"][0]["values"]) == MOST + 50


def test_a_chart_has_a_caption_a_text_and_its_data():
    alt = pytest.importorskip("altair", reason="altair is not installed")
    chart = alt.Chart(alt.InlineData(values=[{"x": 0.1, "y": "</script>"}])).mark_point().encode(x="x:Q", y="y:N")
    html = page_of(Figure("chart", "What it shows.", chart, "One point at 0.1.", table()))
    assert data_of(html)["chart"] == chart.to_dict()
    digest = base64.b64encode(hashlib.sha256(javascript().encode()).digest()).decode()
    assert f"'sha256-{digest}'" in html and len(html) < 600_000
    (held,) = re.findall(r'data-library="gzip">([^<]*)<', html)
    assert unzipped(held) == javascript()
    read = Reader(html)
    (drawing,) = [about for _, about in read.tags if "data-chart" in about]
    assert drawing["aria-label"] == "One point at 0.1."
    text = "".join(read.text)
    assert "What it shows." in text and "One point at 0.1." in text
    assert ("summary", {}) in read.tags and 'data-table="rows"' in html
    assert html.count("await vegaEmbed(") == 1 and len(re.findall("<script>", html)) == 1


def test_what_a_chart_for_a_narrow_screen_repeats_takes_few_bytes():
    pytest.importorskip("altair", reason="altair is not installed")
    rows = [{"x": k / 7, "y": k % 5} for k in range(300)]
    wide, narrow = (chart_of(rows).mark_point().encode(x="x:Q").properties(width=width) for width in (400, 200))
    alone, both = (page_of(Figure("chart", "", wide, "", narrow=one)) for one in (None, narrow))
    held = data_of(both)
    assert held["chart"]["datasets"] == held["chart-narrow"]["datasets"] and "chart-narrow" not in data_of(alone)
    assert (held["chart"]["width"], held["chart-narrow"]["width"]) == (400, 200)
    assert len(both) - len(alone) < 150 < 6000 < len(json.dumps(held["chart-narrow"]))


def test_rows_with_the_same_keys_stand_by_column_and_others_as_they_are():
    pytest.importorskip("altair", reason="altair is not installed")
    for rows in ([{"x": 1, "y": None}, {"x": 2, "y": "a"}], [{"x": 3}, {"y": 3}], [1.5, 2.5], ["xy", "yx"], [], [{}]):
        page = Page()
        body_of([Section("one", "One", "", (Figure("chart", "", chart_of(rows).mark_point(), ""),))], page)
        (held,) = page.data["chart"]["datasets"].values()
        assert held == ({"x": [1, 2], "y": [None, "a"]} if rows[0:] and rows[0] == {"x": 1, "y": None} else rows)
        assert list(data_of(page.scripts())["chart"]["datasets"].values()) == [rows]


def test_a_page_without_charts_is_without_the_library():
    assert len(page_of(table())) < 100_000


def test_columns_of_a_table_have_as_many_values_each():
    with pytest.raises(ValueError, match="columns of table 't' must have as many values each; got \\[1, 2\\]"):
        Table((Column("a", (1,)), Column("b", (1, 2))), name="t", caption="T.")
    with pytest.raises(ValueError, match="as many values"):
        Table((Column("a", (1, 2), "number", (0,), (2, 3)),), name="t", caption="T.")


def test_two_parts_of_one_name_are_a_mistake():
    with pytest.raises(ValueError, match="two parts of a page are called 'rows'"):
        page_of(table(), table())
    with pytest.raises(TypeError, match="no part of a page: str"):
        written("text", Page())


FIGURES = [
    (0.125, "percent", 0, "13%"), (0.0625, "percent", 1, "6.3%"),
    (-0.0005, "percent", 1, "\u22120.1%"),
    (1 / 3, "percent", 1, "33.3%"), (1234567.891, "number", 2, "1,234,568"), (12.5, "count", 0, "12.5"),
    (175.22979, "number", 5, "175.23"),
    (1000, "count", 0, "1,000"), (2.5, "number", 0, "3"), (1.005, "number", 2, "1.00"), (3e9, "number", 1, "3.0e+09"),
    (0.00001, "p", 0, "<0.0001"), (0.0312, "p", 0, "0.0312"), (-1234.5, "number", 1, "\u22121,234.5"),
    (1, "bar", 0, "100%"), (1e300, "percent", 1, "1.0e+300"),
    (2.034e-5, "digits", 3, "2.03e\u221205"), (0.03125, "digits", 3, "0.0313"), (0.03, "digits", 4, "0.03"),
    (0, "digits", 3, "0"), (1234.5, "digits", 3, "1.23e+03"), (-99.96, "digits", 3, "\u2212100"),
]


@pytest.mark.parametrize(("value", "form", "places", "text"), FIGURES)
def test_figures_are_rounded_as_people_read_them(value, form, places, text):
    assert figure(value, form, places) == text
