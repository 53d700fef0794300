"""`--help`: each command says what it does and shows an example that its own parser takes."""

from __future__ import annotations

import os
import re
import shlex

import pytest

from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared, make_parser, parse
from pyalign.measures import MEASURES


def examples(text):
    joined = " ".join(text.split("example:", 1)[1].split())
    return [shlex.split(command) for command in joined.split(" && ")]


def words_of(name):
    return name.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_parses(command, name):
    ran = command(*words_of(name), "--help")
    assert (ran.code, ran.err) == (0, "")
    kind = load(name).options
    for program, *words in examples(ran.out):
        assert (program, words[: len(words_of(name))]) == ("pyalign", words_of(name))
        parsed = parse(make_parser(name, COMMANDS[name], load(name)), kind, words[len(words_of(name)) :])
        assert isinstance(parsed, kind)


def test_the_example_of_all_runs_as_it_stands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _, *words in examples(command("--help").out):
        assert command(*words).code == 0


def test_help_lists_every_command_and_score_every_measure(command):
    assert all(re.search(rf"\n  {name}\s", command("--help").out) for name in COMMANDS)
    assert all(name in command("score", "--help").out for name in MEASURES)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    parser = make_parser(name, COMMANDS[name], load(name))
    assert all(action.help for action in parser._actions)
    assert declared(load(name).options)


@pytest.mark.parametrize("args", [[], *map(words_of, COMMANDS)], ids=lambda args: " ".join(args) or "pyalign")
def test_help_fits_a_terminal_of_80_columns(command, monkeypatch, args):
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    assert max(map(len, command(*args, "--help").out.splitlines())) <= 80


def test_a_misspelt_option_or_command_is_a_usage_error_that_names_it(command):
    assert "'scroe'" in command("scroe").err
    ran = command("score", "--embeddings", "x.npy", "--triplets", "t.npy", "--measures-all")
    assert ran.code == 2
    assert "--measures-all" in ran.err
