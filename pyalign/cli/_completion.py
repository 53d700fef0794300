"""What the shell offers after a tab, by argcomplete."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any

from pyalign.cli._command import Command, make_parser


def complete(commands: Mapping[str, str], load: Callable[[str], Command[Any]]) -> None:
    """Answers the shell and exits; nothing where argcomplete is not installed."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(completion_parser(os.environ.get("COMP_LINE", ""), commands, load))


def completion_parser(
    line: str, commands: Mapping[str, str], load: Callable[[str], Command[Any]]
) -> argparse.ArgumentParser:
    """A parser of all commands by name; the options are those of the command on the line alone, which is loaded."""
    words = line.split()[1:]
    parser = argparse.ArgumentParser(prog="pyalign")
    first_words = parser.add_subparsers()
    pairs: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for name, what in commands.items():
        first, _, second = name.partition(" ")
        if second and first not in pairs:
            pairs[first] = first_words.add_parser(first).add_subparsers()
        is_on_line = name.split() == words[: 1 + bool(second)]
        own = [make_parser(name, what, load(name))] if is_on_line else []
        (pairs[first] if second else first_words).add_parser(second or first, parents=own, add_help=False)
    return parser
