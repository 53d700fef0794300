"""The site: it is built without a warning, everything is in it once, and it needs no network."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import pyalign
from pyalign import cli
from pyalign.cli._command import Command, make_parser
from pyalign.kinds import GROUPS, KINDS, entries

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "srcset"), ("link", "href")}


@pytest.fixture
def groups(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    yield importlib.import_module("groups")
    sys.modules.pop("groups")


def test_every_command_is_listed_once_with_its_group_and_its_page():
    commands = [
        f"{path.stem} {name}"
        for path in (ROOT / "pyalign" / "cli").glob("[a-z]*.py")
        for name, value in vars(importlib.import_module(f"pyalign.cli.{path.stem}")).items()
        if isinstance(value, Command)
    ]
    listed = [cli.load(one.command) for one in entries()]
    assert len({*map(id, listed)}) == len(listed) == len(commands), "each needs an entry in pyalign/kinds.py"
    assert {one.group for one in entries()} == {*GROUPS}
    assert [one for one in entries() if not (DOCS / f"{one.page}.md").exists()] == []


def test_every_public_name_stands_in_one_group_of_the_reference(groups):
    found = Counter(name for group in groups.NAMES.values() for name in group.names)
    public = [name for name in pyalign.__all__ if not inspect.ismodule(getattr(pyalign, name))]
    assert found == Counter([*public, *pyalign.results.__all__]), (
        "a public name belongs into a row of KINDS or of BESIDES, once"
    )


def test_names_of_kinds_of_results_are_not_listed_by_hand(groups):
    listed = {name for page in groups.BESIDES.values() for name in page.names}
    for kind in KINDS.values():
        assert kind.reference in ("", *groups.BESIDES)
        assert listed.isdisjoint({kind.result.partition(":")[2], *(one.name for one in kind.analyses)})


def test_every_page_has_a_line_on_the_first_page_and_stands_in_one_of_its_tables_of_contents():
    text = (DOCS / "index.md").read_text(encoding="utf-8").partition("## Every page")[2]
    pages = Counter(path.stem for path in DOCS.glob("*.md") if path.stem != "index")
    contents = " ".join(re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)).split()
    assert Counter(re.findall(r"^- \[[^]]+\]\((\S+)\.md\): \w", text, re.MULTILINE)) == pages
    assert Counter(entry for entry in contents if entry in pages) == pages and len(pages) > 30


def test_examples_stand_in_blocks_of_code():
    """Markdown takes a line that starts with >>> for a quotation."""
    block = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
    pages = [*DOCS.glob("*.md"), ROOT / "README.md"]
    assert [page.name for page in pages if "\n>>> " in block.sub("", page.read_text(encoding="utf-8"))] == []


def test_files_that_pages_name_are_there():
    named = re.compile(r"`((?:pyalign|tests|tools|csrc|docs|examples)/[\w/.-]+\.(?:py|h|cpp|cu|csv|md))`")
    pages = [*DOCS.glob("*.md"), ROOT / "README.md"]
    paths = {path for page in pages for path in named.findall(page.read_text(encoding="utf-8"))}
    assert len(paths) > 20 and sorted(path for path in paths if not (ROOT / path).exists()) == []


class Links(HTMLParser):
    """What a page has: `ids`, where it leads (`hrefs`), what a browser would load for it (`loaded`)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.hrefs: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name"):
                self.ids.add(value or "")
            if name == "href" and tag == "a":
                self.hrefs.append(value or "")
            if (tag, name) in LOADED:
                self.loaded.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as `make docs` builds it."""
    pytest.importorskip("sphinx_gallery")
    out = tmp_path_factory.mktemp("site")
    command = [Path(sys.executable).parent / "sphinx-build", "-q", "-W", "--keep-going", "-E", DOCS, out]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-4000:]
    return out


@pytest.fixture(scope="module")
def pages(site):
    """The pages of the site, read, by path."""
    return {path: Links(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_every_link_in_it_leads_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in (*page.hrefs, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not link:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = pages[to].ids if to in pages else None
            if not to.is_file() or (there is not None and parts.fragment and unquote(parts.fragment) not in there):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert len(pages) > 90
    assert broken == []


@pytest.mark.slow
def test_the_site_loads_nothing_from_a_network(site, pages):
    loaded = {link for page in pages.values() for link in page.loaded}
    assert len(loaded) > 10
    assert [link for link in loaded if urlsplit(link).netloc] == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert len(styles) > 3
    assert [
        found for style in styles for found in re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import.*//.*", style)
    ] == []


@pytest.mark.slow
def test_the_site_says_nothing_of_the_machine_that_built_it(site):
    texts = [path for path in site.rglob("*") if path.suffix in (".html", ".js", ".inv", ".txt", ".py", ".ipynb")]
    assert [path.name for path in texts if str(ROOT) in path.read_text(encoding="utf-8", errors="replace")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_page_of_a_command_has_all_of_its_options(pages, site, name):
    command = cli.load(name)
    parser = make_parser(name, cli.COMMANDS[name], command)
    flags = {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help", "--help-all"}
    stem = name.replace(" ", "-")
    path = site / "reference" / "commands" / f"{stem}.html"
    assert {f"cmdoption-pyalign-{stem}-{flag.lstrip('-')}" for flag in flags} <= pages[path].ids
    assert command.example.split()[-1] in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_public_name_is_documented_on_one_page(pages, site):
    reference = [page for path, page in pages.items() if path.parent == site / "reference" / "functions"]
    found = Counter(one for page in reference for one in page.ids if one.startswith("pyalign."))
    names = [name for name in pyalign.__all__ if not inspect.ismodule(getattr(pyalign, name))]
    names += [f"results.{name}" for name in pyalign.results.__all__]
    assert {name: found[f"pyalign.{name}"] for name in names} == dict.fromkeys(names, 1)


@pytest.mark.slow
def test_every_script_of_the_gallery_has_drawn(pages, site):
    scripts = sorted((ROOT / "examples").glob("plot_*.py"))
    drawn = {script.stem: len(list((site / "_images").glob(f"sphx_glr_{script.stem}_0*.svg"))) for script in scripts}
    assert len(scripts) > 2
    assert [name for name, pictures in drawn.items() if pictures == 0] == []
