"""The commands of the documentation run, each page's in a clean folder, and print what stands there."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
from pathlib import Path

import pytest
from command_server import Commands
from support import load_from_tools

from pyalign.cli import COMMANDS, _command_of, load
from pyalign.cli._command import make_parser, parse

ROOT = Path(__file__).resolve().parents[1]
ALL = [ROOT / name for name in ("README.md", "benchmarks/README.md", "tools/README.md")]
ALL += sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(?:\{[^\n]*)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)  # {...}: of the site
COMMAND = re.compile(r"^(\$ |pyalign (?!.*: error: ))", re.MULTILINE)
PACKAGES = {  # what commands need that the package itself does not
    r"pyalign (extract|tour)": ("torch", "timm"),
    r"pyalign (plot|report|study run|tour)|--out (concepts|near|predicted|after)\b": ("altair", "vl_convert", "scipy"),
    r"pyalign (probe|glocal|calibrate|tour)": ("scipy", "sklearn"),
    r"photos|pictures|--images": ("PIL",),
    r"\.h5\b": ("h5py",),
    r"\.parquet\b": ("pyarrow",),
    r"argcomplete": ("argcomplete",),
    r"tsne": ("sklearn",),
    r"--backend torch": ("torch",),
}


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def commands_in(page):
    return "".join(body for language, body in FENCE.findall(read(page)) if language == "sh")


# Pages that run what is installed: of README.md as users do, of the others each step watches over who has started it.
INSTALLED = {read("README.md"), read("docs/howto-cluster.md"), read("docs/examples.md")}
PAGES = [str(path.relative_to(ROOT)) for path in ALL if commands_in(path)]


@pytest.fixture(scope="module")
def script():
    return load_from_tools("docs_commands")


@pytest.fixture
def page(request):
    wanted = {name for word, names in PACKAGES.items() if re.search(word, commands_in(request.param)) for name in names}
    missing = [name for name in sorted(wanted) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    return read(request.param)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Where `pyalign` is handed to a process that has imported much already: starts are half of what a page costs.

    README.md runs what is installed.
    """
    if not hasattr(os, "fork"):
        yield None
        return
    commands = Commands(tmp_path_factory.mktemp("commands"))
    yield commands.path
    commands.end()


def told(found):
    return "\n".join(f"{block.commands}prints\n{printed}and the page says\n{block.printed}" for block, printed in found)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, indirect=True)
def test_the_commands_of_a_page_print_what_it_says(script, page, tmp_path, programs):
    found = script.differences(page, tmp_path, real=False, programs=None if page in INSTALLED else programs)
    assert not found, told(found)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in PAGES if "<!-- real data" in read(name)], indirect=True)
def test_the_commands_on_real_data_print_what_the_page_says(script, page, tmp_path, data, programs):
    script.lay_out(data, tmp_path)
    found = script.differences(page, tmp_path, real=True, programs=programs)
    assert not found, told(found)


def commands_of(script, text):
    """The calls of pyalign in the blocks of a page, without what a shell would do with their output."""
    blocks = [body for language, body in script.FENCE.findall(text) if language == "sh"]
    lines = [line.strip() for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r" && | \|\|? | 2?> ", line)]
    return [part for part in parts if part.startswith("pyalign ")]


@pytest.mark.parametrize("path", ALL, ids=[str(path.relative_to(ROOT)) for path in ALL])
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


@pytest.mark.slow
def test_the_process_that_runs_commands_of_pages_gives_what_the_installed_program_gives(script, programs, tmp_path):
    found = []
    for place in (None, programs):
        folder = tmp_path / str(place is None)
        folder.mkdir()
        code = """
pyalign datasets fetch sample --folder demo
pyalign score demo/embeddings.npy -t demo/triplets.npy 2> /dev/null | cat
cd demo; cat embeddings.npy | pyalign describe - 2>&1 || echo $?
PYALIGN_NUM_THREADS=none pyalign score embeddings.npy -t triplets.npy || echo $?
pyalign nothing || echo $?
exec pyalign score other.npy -t triplets.npy
"""
        found.append(script.run(script.Block(code, None, 0, 0, ""), folder, place))
    assert found[0] == found[1] and found[0][0] == 1


@pytest.mark.plants
def test_a_page_that_says_something_else_is_seen(script, tmp_path):
    page = "```sh\necho one 12\n```\n\n```text\none 13\n```\n"
    ((block, printed),) = script.differences(page, tmp_path, real=False)
    assert (block.commands, printed) == ("echo one 12\n", "one 12\n")
    assert not script.differences(page.replace("13", "..."), tmp_path, real=False)
    assert not script.differences("<!-- about -->\n" + page, tmp_path, real=False)
    assert not script.differences("<!-- real data -->\n" + page, tmp_path, real=False)
    with pytest.raises(RuntimeError, match="ended with 3"):
        script.differences("```sh\nexit 3\n```\n", tmp_path, real=False)
    with pytest.raises(RuntimeError, match="ended with 0"):
        script.differences("```sh\necho fine\n```\n\n```text\npyalign: error: no\n```\n", tmp_path, real=False)


def test_sizes_of_files_are_compared_to_a_hundredth_of_a_megabyte(script, tmp_path):
    page = "```sh\necho 7 documents, 0.43 MB\n```\n\n```text\n{} documents, {} MB\n```\n"
    assert not script.differences(page.format(7, "0.42"), tmp_path, real=False)
    assert script.differences(page.format(7, "0.09"), tmp_path, real=False)
    assert script.differences(page.format(6, "0.43"), tmp_path, real=False)


@pytest.mark.parametrize(
    "line",
    ["exit 3  # weights of 600 MB: needs a download", "exit 3 \\\n  || exit 4  # needs a GPU", "pip install nothing",
     "make test  # all of it", "CUDACXX=nvcc pip install .", ".venv/bin/pip install nothing"],
)
def test_lines_that_say_what_they_need_and_installations_are_not_run(script, tmp_path, line):
    page = f"```sh\necho one\n{line}\necho two\n```\n\n```text\none\ntwo\n```\n"
    assert not script.differences(page, tmp_path, real=False)


@pytest.mark.parametrize("line", ["exit 3  # needs a rest", "exit 3  # of a GPU", "echo pip install; exit 3"])
def test_every_other_line_is_run(script, tmp_path, line):
    with pytest.raises(RuntimeError, match="ended with 3"):
        script.differences(f"```sh\n{line}\n```\n", tmp_path, real=False)


def test_files_of_the_readers_own_are_those_that_commands_name(script, tmp_path):
    page = "clip.npy\n```sh\nls\nhead -1 names.txt\n```\n\n```text\nnames.txt\napple\n```\n"
    assert not script.differences(page, tmp_path, real=False)


def test_every_stand_in_is_named_by_a_command(script):
    commands = "".join(map(commands_in, PAGES))
    assert [name for name in script.stand_ins.FILES if not script.stand_ins.is_named(name, commands)] == []


def test_lines_of_blocks_of_the_pages_for_contributors_fit_too():
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        bodies = "".join(body for _, body in FENCE.findall((ROOT / name).read_text(encoding="utf-8")))
        assert [line for line in bodies.splitlines() if len(line) > 84] == []


@pytest.mark.parametrize("path", ALL, ids=[str(path.relative_to(ROOT)) for path in ALL])
def test_all_commands_and_python_of_a_page_stand_where_they_run_and_lines_fit(path):
    """Commands are in blocks of sh, Python is a doctest or says what it needs; a page shows 84 characters of a line."""
    text = path.read_text(encoding="utf-8")
    for language, body in FENCE.findall(text):
        assert language in ("sh", "text", "python", "toml", "bibtex", "groovy", "yaml", ""), language
        assert max(map(len, body.splitlines()), default=0) <= 84, body
        assert language in ("sh", "python") or not COMMAND.search(body), body  # a doctest may print one
        assert language != "python" or ">>> " in body or "# needs " in body, body
    assert "<!-- not run" not in text
    assert not re.search(r"\n\n    (\$ |pyalign ).*", text), "commands that are only indented run nowhere"
