"""Names that are gone are an error of one line that names the one in their place, as docs/renamed.md has it."""

import re
from pathlib import Path

import pytest

import pyalign
from pyalign import cli, errors
from pyalign.cli import COMMANDS, main
from pyalign.cli._vocabulary import INSTEAD
from pyalign.errors import InputError, nearest
from pyalign.study.options import find_analysis

PAGE = Path(__file__).resolve().parents[1] / "docs" / "renamed.md"


@pytest.mark.parametrize(("old", "new"), cli.RENAMED.items())
def test_an_old_command_names_the_new_one(old, new, capsys):
    assert any(f"{new} ".startswith(f"{name} ") for name in COMMANDS) and old not in COMMANDS
    for words in (old.split(), [*old.split(), "x.npy", "--json"], [*old.split(), "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        line, hint = capsys.readouterr().err.splitlines()
        assert stop.value.code == 2 and hint == "try 'pyalign --help'"
        assert line == f"pyalign: error: argument COMMAND: {old!r} is no command; did you mean {new!r}?"


@pytest.mark.parametrize(("old", "new"), errors.RENAMED.items())
def test_an_old_function_names_the_new_one_in_python_and_in_a_study(old, new, tmp_path):
    assert new in pyalign.__all__ and old not in pyalign.__all__
    with pytest.raises(AttributeError, match=rf"^module 'pyalign' has no attribute '{old}'; did you mean '{new}'\?$"):
        getattr(pyalign, old)
    with pytest.raises(InputError, match=rf"^there is no analysis '{old}'; did you mean '{new}'\?$"):
        find_analysis(old)


@pytest.mark.parametrize(
    ("old", "new"),
    [*errors.RENAMED.items(), *((f"pyalign {old}", f"pyalign {new}") for old, new in cli.RENAMED.items())],
)
def test_the_page_of_renamed_names_has_a_row_for_each(old, new):
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    there = [after for first, after in rows if re.search(rf"`{old}(?![\w-])", first)]
    assert there and all(f"`{new.partition(' -')[0]}" in after for after in there)


@pytest.mark.parametrize(("word", "remedy"), INSTEAD.items())
def test_the_page_of_renamed_names_has_each_option_that_is_gone(word, remedy):
    name = remedy.partition("(")[2].partition("=")[0] or f"--{word}"
    assert re.search(rf"`{name.partition('(')[0]}\b", PAGE.read_text())


def test_an_old_name_is_proposed_only_where_the_new_one_is_allowed():
    assert nearest("hubness", ["dot", "cosine"]) == ""
    assert nearest("hubness", ["hubnes", "neighborhoods"]) == "; did you mean 'neighborhoods'?"
