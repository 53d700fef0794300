"""`--help`: each command says what it does and shows an example that its own parser takes."""

from __future__ import annotations

import os
import re
import shlex

import pytest

from pyalign.cli import COMMANDS, build_parser
from pyalign.measures import MEASURES


def examples(text):
    joined = " ".join(text.split("example:", 1)[1].split())
    return [shlex.split(command) for command in joined.split(" && ")]


@pytest.mark.parametrize("args", [[], *([name] for name in COMMANDS)], ids=lambda args: args[0] if args else "pyalign")
def test_help_has_an_example_that_parses(command, args):
    ran = command(*args, "--help")
    assert (ran.code, ran.err) == (0, "")
    parser = build_parser()
    for program, *words in examples(ran.out):
        assert program == "pyalign"
        parsed = parser.parse_args(words)
        assert parsed.command == (args[0] if args else words[0])


def test_the_example_of_all_runs_as_it_stands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _, *words in examples(command("--help").out):
        assert command(*words).code == 0


def test_help_lists_every_command_and_score_every_measure(command):
    assert all(re.search(rf"\n    {name}\s", command("--help").out) for name in COMMANDS)
    assert all(name in command("score", "--help").out for name in MEASURES)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name, monkeypatch):
    subparsers = build_parser()._subparsers._group_actions[0]
    assert all(action.help for action in subparsers.choices[name]._actions)


@pytest.mark.parametrize("args", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=lambda a: a[0])
def test_help_fits_a_terminal_of_80_columns(command, monkeypatch, args):
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    assert max(map(len, command(*args).out.splitlines())) <= 80


def test_a_misspelt_option_or_command_is_a_usage_error_that_names_it(command):
    assert "'scroe'" in command("scroe").err
    ran = command("score", "--embeddings", "x.npy", "--triplets", "t.npy", "--measures-all")
    assert ran.code == 2
    assert "--measures-all" in ran.err
