"""Pictures as files: all four formats, whole or not at all, without a network, with names as text."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import pyalign
from pyalign.errors import MissingExtraError
from pyalign.report.charts import chart
from pyalign.report.charts.save import rendered
from pyalign.report.charts.theme import WIDTHS
from pyalign.report.plot import as_files, figures

from .conftest import NAMES, neighbors

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    """All that an SVG shows as text."""
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


class Page(HTMLParser):
    """The tags of a page, and what each refers to; what stands in scripts is no tag."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "data", "poster", "srcset")]


def test_a_png_has_the_size_that_width_and_ppi_say(one_model, tmp_path):
    path = tmp_path / "a.png"
    pyalign.plot(one_model, out=path, ppi=144, width="single")
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    across, _ = struct.unpack(">II", data[16:24])
    assert abs(across - 2 * WIDTHS["single"]) <= 24  # twice 72


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["concepts", "two models", "gallery", "cards", "map"])
def test_pictures_are_as_wide_as_a_column_of_a_journal(one_model, two_models, human, kind, width):
    given = {
        "concepts": (one_model,), "two models": (two_models,), "gallery": (neighbors(k=12),),
        "cards": (None, "cards"), "map": (None, "map"),
    }[kind]
    more = {"cards": {"dimensions": human}, "map": {"embeddings": human}}.get(kind, {})
    if more or kind == "gallery":
        more["names"] = NAMES
    drawn = rendered(pyalign.plot(*given, width=width, **more), ".pdf")
    assert drawn.startswith(b"%PDF-") and b"%%EOF" in drawn[-32:]
    across = float(re.search(rb"/MediaBox ?\[0 0 ([\d.]+)", drawn)[1])
    assert abs(across - WIDTHS[width]) <= 12


def test_an_svg_is_sound_and_says_what_it_shows(two_models):
    drawn = chart(two_models)
    root = ElementTree.fromstring(rendered(drawn, ".svg"))
    assert root.tag == f"{SVG}svg" and root.get("width").endswith("pt") and root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Accuracy per concept: clip, vgg"
    assert root.find(f"{SVG}desc").text == drawn.to_dict()["description"]
    labels = [one.get("aria-label") or "" for one in root.iter()]
    assert any(re.match(r"food, clip: \d+\.\d%, interval \d+\.\d% to", label) for label in labels)


def test_an_svg_has_numbers_of_its_own_for_what_it_refers_to():
    import altair

    chart = altair.Chart(altair.InlineData(values=[{"x": 1}])).mark_point(clip=True).encode(x="x:Q")
    once, again = (rendered(chart, ".svg").decode() for _ in range(2))  # vl-convert goes on counting
    named = re.findall(r'\bid="([^"]+)"', once)
    assert once == again and named and set(re.findall(r"url\(#([^)]+)\)", once)) == set(named)


@pytest.mark.parametrize("suffix", [".svg", ".html", ".png"])
def test_the_same_result_gives_the_same_bytes(one_model, suffix):
    once = rendered(chart(one_model), suffix)
    rendered(chart(one_model, style="dark"), suffix)  # numbers of clips go on through the process
    assert rendered(chart(one_model), suffix) == once


def test_a_page_holds_all_it_needs(one_model):
    page = rendered(chart(one_model), ".html").decode()
    found = Page(page)
    assert found.links == [] and found.tags.count("script") == 2
    assert "default-src 'none'" in page and "connect-src" not in page  # nothing may be fetched
    assert page.count("</script>") == 2 and 'lang="en"' in page
    assert len(page) > 500_000  # the library is in it


def test_names_are_text_whatever_they_hold(one_model):
    page = rendered(chart(one_model), ".html").decode()
    assert "<script>alert(1)" not in page and "\\u003cscript>alert(1)" in page
    svg = rendered(chart(one_model), ".svg")
    assert "<script>alert(1)</script>" in texts(svg) and b"<script" not in svg
    shown = texts(rendered(pyalign.plot(neighbors(NAMES[-2:])), ".svg"))
    assert {'"quoted" & <b>', "שלום"} <= set(shown)


def test_a_title_can_not_leave_its_attribute(one_model):
    document = one_model.to_dict()
    document["results"][0]["label"] = '"><img src=x onerror=alert(1)>'
    found = Page(rendered(chart(document), ".html").decode())
    assert "img" not in found.tags and found.links == []
    ElementTree.fromstring(rendered(chart(document), ".svg"))


def test_dark_pictures_are_dark(one_model):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    import io

    for style, corner in (("light", (255, 255, 255)), ("dark", (22, 22, 22))):
        data = rendered(chart(one_model, style=style), ".png", ppi=36)
        assert image.open(io.BytesIO(data)).convert("RGB").getpixel((1, 1)) == corner


def test_what_can_not_be_written_is_one_line_and_leaves_nothing(one_model, tmp_path, message_of):
    assert "must end in .html, .svg, .png, .pdf; got '.gif'" in message_of(pyalign.plot, one_model, out="a.gif")
    assert "ppi must be" in message_of(rendered, chart(one_model), ".png", ppi=5)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        pyalign.plot(one_model, out=tmp_path / "file" / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit must be a whole number from 1 to "),
        ({"limit": -1}, "limit must be a whole number from 1 to "),
        ({"limit": 2.5}, "limit must be a whole number from 1 to "),
        ({"csv": "numbers.txt"}, "csv must be a file that ends in .csv; got numbers.txt"),
    ],
)
def test_options_that_make_no_sense_are_one_line(one_model, message_of, options, message):
    assert message in message_of(one_model.plot, **options)


def test_a_document_of_a_newer_schema_is_not_drawn(one_model, tmp_path, message_of):
    path = tmp_path / "newer.json"
    path.write_text(one_model.to_json().replace('"schema": 1', '"schema": 99'))
    spoken = message_of(pyalign.plot, path, out=tmp_path / "a.svg")
    assert spoken.startswith(f"{path}: is a result of 'concepts' with schema 99, made by pyalign ")
    assert spoken.endswith(f"; this version ({pyalign.__version__}) reads 1")
    assert list(tmp_path.iterdir()) == [path]


def test_results_that_only_a_page_shows_say_so(message_of, models, triplets):
    spoken = message_of(pyalign.plot, pyalign.find_failures(models, triplets))
    assert spoken == "there is no picture of a result of 'failures'; `pyalign report` shows it on a page"


def test_a_failure_leaves_the_earlier_picture_as_it_was(one_model, tmp_path, monkeypatch):
    path = tmp_path / "a.svg"
    path.write_text("before")
    monkeypatch.setattr("os.replace", _fails)
    with pytest.raises(OSError, match="disk"):
        pyalign.plot(one_model, out=path)
    assert path.read_text() == "before" and [one.name for one in tmp_path.iterdir()] == ["a.svg"]


def _fails(*_):
    raise OSError(28, "the disk is full")


@pytest.mark.parametrize(("package", "name"), [("altair", "altair"), ("vl_convert", "vl-convert-python")])
def test_without_the_extra_the_error_says_what_to_install(one_model, package, name, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs {name}, .*: pip install .*\b{name}\b"):
        rendered(chart(one_model), ".svg")


@pytest.mark.parametrize(
    ("method", "module", "package"), [("tsne", "sklearn.manifold", "scikit-learn"), ("umap", "umap", "umap-learn")]
)
def test_without_what_a_map_needs_the_error_says_what_to_install(human, method, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf": pip install .*\b{package}\b"):
        pyalign.plot(embeddings=human, names=NAMES, method=method)


def test_the_figures_of_a_result_are_named_after_their_kinds(two_models, predicted):
    assert set(as_files(figures(two_models), ("html", "svg"))[0]) == {"concepts.html", "concepts.svg"}
    assert set(as_files(figures(predicted), ("pdf",))[0]) == {"dimensions.pdf"}
    assert as_files(figures(neighbors()), ("svg",))[0].keys() == {"gallery.svg"}
    assert as_files(figures(pyalign.neighborhoods(np.eye(4), k=2))) == ({}, "")


def test_figures_of_each_way_of_grouping(models, triplets, human):
    labels = np.array(["animal", "tool"])[np.arange(len(human)) % 2]
    found = pyalign.score_concepts(models["clip"], triplets, human, categories=labels, ci=None)
    assert set(as_files(figures(found), ("svg",))[0]) == {"concepts-dimensions.svg", "concepts-categories.svg"}


@pytest.mark.slow
def test_a_browser_shows_the_page_and_asks_for_nothing_else(two_models, tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    pyalign.plot(two_models, out=tmp_path / "page.html")
    asked, errors = [], []
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with api.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector("#figure svg.marks")
        shown = page.locator("#figure svg.marks").text_content()
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == [] and errors == []
    assert "<script>alert(1)</script>" in shown


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_of_a_process_that_has_drawn_draws_too():
    """The threads of vl-convert would not be in the child, which starts a process for it instead."""
    program = """
import os, sys, numpy as np, pyalign
from pyalign.report.charts.save import rendered
picture = pyalign.plot(embeddings=np.eye(4), names=list("abcd"))
drawn = rendered(picture, ".svg")
child = os.fork()
if not child:
    os._exit(7 if rendered(picture, ".svg") == drawn else 8)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 7
