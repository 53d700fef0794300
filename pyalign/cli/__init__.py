"""The command line: each command reads, calls and prints. Exit codes: 0, 1 (bad input), 2 (usage)."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from pyalign import __version__, report
from pyalign.errors import InputError, MissingExtraError

# In the order of `pyalign --help`. Each module has add_parser(subparsers) and run(args).
COMMANDS = (
    "score",
    "compare",
    "ceiling",
    "agreement",
    "calibrate",
    "failures",
    "probe",
    "glocal",
    "transform",
    "triplets",
    "describe",
    "sample",
    "simulate",
    "info",
)


class _Formatter(argparse.HelpFormatter):
    """Help with room for the longest command beside what it does."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 4 + max(map(len, COMMANDS))


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="pyalign",
        formatter_class=_Formatter,
        description="How well does a representation agree with human similarity judgments?",
        epilog="example: pyalign sample demo && "
        "pyalign score --embeddings demo/embeddings.npy --triplets demo/triplets.npy",
    )
    parser.add_argument("--version", action="version", version=f"pyalign {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"pyalign.cli.{name}")
        module.add_parser(subparsers).set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; a problem with its input becomes one line on stderr and exit code 1."""
    parser = build_parser()
    _complete(parser)
    _open_streams()
    args = parser.parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except (InputError, MissingExtraError) as error:
        return _fail(args.command, str(error))
    except BrokenPipeError:
        _drop_output()  # the reader has gone: nothing more to say
        return 1
    except OSError as error:
        _drop_output()
        reason = error.strerror or str(error)
        return _fail(args.command, f"{error.filename}: {reason}" if error.filename else reason)
    except MemoryError as error:
        return _fail(args.command, f"not enough memory: {error}" if str(error) else "not enough memory")
    except KeyboardInterrupt as stop:
        print(f"pyalign {args.command}: interrupted; {str(stop) or 'nothing was written'}", file=sys.stderr)
        return 130
    return 0


def _fail(command: str, message: str) -> int:
    print(f"pyalign {command}: error: {report.one_line(message)}", file=sys.stderr)
    return 1


def _open_streams() -> None:
    """What a terminal's encoding lacks is escaped; a stdout that was closed takes everything and keeps nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What stdout could not take is dropped, or the interpreter would try again at its end and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answers a shell's request for completions, which argcomplete makes through this variable."""
    if "_ARGCOMPLETE" in os.environ:
        try:
            import argcomplete
        except ImportError:
            return
        argcomplete.autocomplete(parser)
