"""What the shell offers after a tab, by argcomplete."""

from __future__ import annotations

import argparse

from pyalign.cli import COMMANDS, load
from pyalign.cli._command import make_parser


def complete() -> None:
    """Answers the shell and exits; nothing where argcomplete is not installed."""
    try:
        import argcomplete
    except ImportError:
        return
    parser = argparse.ArgumentParser(prog="pyalign")
    commands = parser.add_subparsers()
    pairs: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for name, what in COMMANDS.items():
        own = make_parser(name, what, load(name))
        first, _, second = name.partition(" ")
        if second and first not in pairs:
            pairs[first] = commands.add_parser(first).add_subparsers()
        (pairs[first] if second else commands).add_parser(second or first, parents=[own], add_help=False)
    argcomplete.autocomplete(parser)
