"""The commands of the documentation: all are understood, and those of tutorials and guides print what stands there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

from pyalign.cli import COMMANDS, _command_of, load
from pyalign.cli._command import make_parser, parse

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("tutorial", "howto", "from")
PAGES = [path.name for kind in KINDS for path in sorted((ROOT / "docs").glob(f"{kind}-*.md"))]
ALL = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS = {"tutorial-images.md": ("torch", "timm", "altair", "scipy"), "tutorial-things.md": ("altair", "vl_convert")}


def read(page):
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("docs_commands", ROOT / "tools" / "docs_commands.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(request):
    missing = [name for name in NEEDS.get(request.param, ()) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    return read(request.param)


def told(found):
    return "\n".join(f"{block.commands}prints\n{printed}and the page says\n{block.printed}" for block, printed in found)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_the_commands_of_a_page_print_what_it_says(script, page, tmp_path):
    found = script.differences(page, tmp_path, real=False)
    assert not found, told(found)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in PAGES if "<!-- real data" in read(name)], indirect=True)
def test_the_commands_on_real_data_print_what_the_page_says(script, page, tmp_path, data):
    script.lay_out(data, tmp_path)
    found = script.differences(page, tmp_path, real=True)
    assert not found, told(found)


def commands_of(script, text):
    """The calls of pyalign in the blocks of a page, without what a shell would do with their output."""
    blocks = [body for language, body in script.FENCE.findall(text) if language in ("", "sh", "console")]
    lines = [line.strip().removeprefix("$ ") for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r" && | \|\|? | 2?> ", line)]
    return [part for part in parts if part.startswith("pyalign ")]


@pytest.mark.parametrize("path", ALL, ids=[path.name for path in ALL])
def test_every_command_in_the_documentation_is_understood(script, path):
    for line in commands_of(script, path.read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)[1:]
        if "--version" in words:
            continue
        name, rest = _command_of(words)
        try:
            parse(make_parser(name, COMMANDS[name], load(name)), load(name).options, rest)
        except SystemExit as stop:
            assert not stop.code, line


def test_a_page_that_says_something_else_is_seen(script, tmp_path):
    page = "```sh\necho one 12\n```\n\n```text\none 13\n```\n"
    ((block, printed),) = script.differences(page, tmp_path, real=False)
    assert (block.commands, printed) == ("echo one 12\n", "one 12\n")
    assert not script.differences(page.replace("13", "..."), tmp_path, real=False)
    assert not script.differences("<!-- about -->\n" + page, tmp_path, real=False)
    assert not script.differences("<!-- real data -->\n" + page, tmp_path, real=False)
    assert not script.differences("<!-- not run: no network -->\n" + page, tmp_path, real=False)
    with pytest.raises(RuntimeError, match="ended with 3"):
        script.differences("```sh\nexit 3\n```\n", tmp_path, real=False)
    with pytest.raises(RuntimeError, match="ended with 0"):
        script.differences("```sh\necho fine\n```\n\n```text\npyalign: error: no\n```\n", tmp_path, real=False)
