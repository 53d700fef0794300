"""The command line: commands read, call and give results.

Exit codes: 0, 1 (bad input), 2 (usage), 75 (`study step`: try again), 130 (Ctrl-C).
"""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyalign import _registry
from pyalign._version import __version__
from pyalign.cli._command import (
    Command, HelpAll, Outcome, Parser, declared, drop, given_options, idle_options, make_parser, open_streams, parse,
    paths, say,
)
from pyalign.cli._wording import Wording
from pyalign.errors import InputError, MissingExtraError, SlowWarning
from pyalign.kinds import FIRST, entries

if TYPE_CHECKING:
    from pyalign._registry import Entry

__all__ = ["COMMANDS", "load", "main"]
# name -> what it does, in the order of `pyalign --help`. Loaded when used: see `load`.
# Modules that hold commands of other first words than their name.
TOGETHER = {
    "calibrate": ("recover", "ceiling"), "compare": ("metadata",), "data": ("describe", "datasets", "export"),
    "embed": ("dimensions",), "errors": ("failures", "consistency"), "extract": ("models",), "info": ("commands",),
    "matrices": ("rsa", "cka"), "plan": ("triplets",), "probe": ("transfer",), "report": ("plot", "tour"),
}
COMMANDS = {entry.command: entry.what for entry in entries()}
# What people call a command elsewhere.
OTHER_WORDS = {
    "evaluate": "score", "accuracy": "score", "rdm": "rsa", "rdms": "rsa", "fit": "probe", "align": "probe",
    "simulate": "triplets simulate", "predict": "dimensions predict", "page": "report", "layers": "models layers",
}
EXAMPLE = "pyalign datasets fetch sample --folder demo &&\n  pyalign score demo/embeddings.npy -t demo/triplets.npy"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; a problem with its input becomes one line on stderr and exit code 1."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    if "_ARGCOMPLETE" in os.environ:
        from pyalign.cli._wording import complete

        complete(COMMANDS, load)
    name, rest = _command_of(words)
    command = load(name)
    options = parse(make_parser(name, COMMANDS[name], command), command.options, rest)
    in_words = Wording(options)
    try:
        outcome = _run(name, command, options, in_words)
        sys.stdout.flush()
        if outcome.fault:
            return _fail(name, in_words(outcome.fault), outcome.code)
    except (InputError, MissingExtraError) as error:
        return _fail(name, in_words(_located(command, options, str(error))))
    except BrokenPipeError:
        drop(sys.stdout)  # the reader has gone: nothing more to say
        return 1
    except OSError as error:
        drop(sys.stdout)
        if error.errno == errno.ENOMEM:
            return _fail(name, "not enough memory")
        reason = error.strerror or str(error)
        return _fail(name, reason if error.filename is None else f"{error.filename or repr('')}: {reason}")
    except MemoryError as error:
        message = str(error)
        return _fail(
            name, message if "not enough memory" in message else f"not enough memory: {message}".removesuffix(": ")
        )
    except KeyboardInterrupt as stop:
        say(f"pyalign {name}: interrupted; {in_words(str(stop)) or 'nothing was written'}")
        return 130
    return 0


def load(name: str) -> Command[Any]:
    """The command of that name: its last word in capitals, in the module of its first word."""
    first, _, second = name.partition(" ")
    module = next((module for module, words in TOGETHER.items() if first in words), first)
    command: Command[Any] = _registry.load(f"pyalign.cli.{module}:{(second or first).upper()}")
    return command


_registry.register("load_command", load)  # for `pyalign commands`, which stands below


def _command_of(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command that the first words name, and the other words; exits for help and for what is no command."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, words[count:]
    if len(words) > 1 and words[1] in ("-h", "--help", "--help-all") and _seconds(words[0]):
        _parser(words[0]).parse_args(words[1:2])
    _parser().parse_args(list(words[:1]))
    raise AssertionError("the parser has exited")


def _firsts() -> list[str]:
    """The first words of commands of two."""
    return [name.partition(" ")[0] for name in COMMANDS]


def _seconds(word: str) -> list[str]:
    """The commands of two words that begin with that one, without those that are rarely needed."""
    return [one.command for one in entries() if one.command.startswith(word + " ") and not one.rare]


def _parser(first: str = "") -> Parser:
    """The parser of no command: help, version, and a word about anything else. first: of two words, for its help."""
    import argparse
    from shutil import get_terminal_size
    from textwrap import wrap

    known = [entry for entry in entries() if not first or entry.command.startswith(first + " ")]
    width = 2 + max(len(entry.command) for entry in known)
    room = max(24, get_terminal_size().columns - 2 - width)
    indent = "\n" + " " * (2 + width)
    most = "" if first else "\n  ".join(["what most people need:", *wrap(", ".join(FIRST), room + width)]) + "\n\n"

    def epilog(shown: Sequence[Entry], more: str = "") -> str:
        lines: list[str] = []
        for before, entry in zip([None, *shown], shown, strict=False):
            if not first and (before is None or before.group != entry.group):
                lines.append(f"{entry.group}:")
            lines.append(f"  {entry.command:<{width}}{indent.join(wrap(entry.what, room))}")
        listed = "\n".join(lines)
        example = "" if first else f"example:\n  {EXAMPLE}"
        return f"{most}commands (pyalign COMMAND --help says more):\n{listed}\n\n{more}{example}".strip()

    parser = Parser(
        prog="pyalign",
        usage=f"pyalign {first or 'COMMAND'}{' WORD' if first else ''} ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="How well does a representation agree with human similarity judgments?",
    )
    shown = [entry for entry in known if not entry.rare]
    parser.epilog_in_full = parser.epilog = epilog(known)
    if len(shown) < len(known):
        every = " ".join(filter(None, ("pyalign", first, "--help-all")))
        parser.epilog = epilog(shown, f"{len(known) - len(shown)} more commands that are rarely needed: {every}\n\n")
        parser.add_argument("--help-all", action=HelpAll, nargs=0, help="show all commands and exit")
    parser.add_argument("--version", action="version", version=f"pyalign {__version__}")
    parser.add_argument("command", metavar="COMMAND", type=_command, help=argparse.SUPPRESS)
    return parser


def _command(word: str) -> str:
    import argparse

    from pyalign.errors import nearest

    known = _seconds(word)
    if known:
        raise argparse.ArgumentTypeError(f"{word!r} needs a second word: {', '.join(known)}")
    meant = OTHER_WORDS.get(word)
    near = f"; did you mean {meant!r}?" if meant else nearest(word, [*{*_firsts(), *COMMANDS}], cutoff=0.6)
    raise argparse.ArgumentTypeError(f"{word!r} is no command{near}")


def _run(name: str, command: Command[Any], options: Any, in_words: Wording) -> Outcome:
    """Checks outputs, runs, and only then writes and prints."""
    from pyalign.cli._inputs import unchanged
    from pyalign.cli._options import Quiet, Threads
    from pyalign.cli._outputs import check_outputs, write_outcome
    from pyalign.report.progress import ProgressLine

    check_outputs(options)
    if isinstance(options, Threads) and options.threads is not None:
        from pyalign.backends import native

        native.set_num_threads(options.threads)
    line = ProgressLine(show=not (isinstance(options, Quiet) and options.quiet))
    with unchanged(name, options, command.reads(options)) as check, _hashed(options):
        try:
            outcome = _with_speed(command, options, line.progress)
        finally:
            line.clear()
        journal = outcome.journal
        with nullcontext() if journal is None else journal.kept():
            write_outcome(_recorded(outcome, options), options, check, in_words)
        if journal is not None:
            journal.close()
    return outcome


def _with_speed(command: Command[Any], options: Any, progress: Any) -> Outcome:
    """What the command makes, with notes on options without effect, and where it was slow without compiled kernels."""
    from pyalign.backends import note_on_speed

    note_on_speed()  # what was computed before is not of this command
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SlowWarning)  # the note says it
        outcome = command.run(options, progress)
    speed = note_on_speed()
    notes = (*idle_options(options), *(() if speed is None else (speed,)))
    return replace(outcome, notes=(*notes, *outcome.notes)) if notes else outcome


def _hashed(options: Any) -> Any:
    """Inputs are hashed at once where a document will tell of them: one of --json, or of --out."""
    from pyalign.cli._options import Document

    outputs = [path for of_flag in paths(options, "output").values() for path in of_flag]
    written = paths(options, "folder") or any(path.endswith(".json") for path in outputs)
    if not isinstance(options, Document) or (options.json is None and not written):
        return nullcontext()
    from pyalign.data.provenance import hashing

    return hashing()


def _recorded(outcome: Outcome, options: Any) -> Outcome:
    """The result with the options of the command line in its provenance."""
    result = outcome.result
    if result is None or result.provenance is None:
        return outcome
    recorded = {**result.provenance.options, "command_line": given_options(options)}
    return replace(outcome, result=replace(result, provenance=replace(result.provenance, options=recorded)))


def _located(command: Command[Any], options: Any, message: str) -> str:
    """The message with the files that it is about, unless it names one, or is about an option or the command."""
    from pyalign.io.paths import Spec

    files = [path for role in ("input", "folder") for of_flag in paths(options, role).values() for path in of_flag]
    names = {name for path in files for name in (path, path.rpartition("::")[0] or path)}
    is_file = {
        field.name: isinstance(getattr(options, field.name), Spec | tuple) for field, _ in declared(command.options)
    }
    other = {
        field.name for field, option in declared(command.options) if option.role != "input" or not is_file[field.name]
    }
    if message.startswith(("--", *(f"{name}{after}" for name in names for after in (":", " with ", "[")))):
        return message
    if message.partition(" needs at least ")[0] in COMMANDS:  # "compare needs at least two models"
        return message
    if message.startswith(tuple(f"{name} must " for name in names if not name.isidentifier())):  # no argument's name
        return message
    if message.partition(" ")[0] in other:  # "measure must be one of ..."
        return message
    argument = getattr(options, message.partition(" ")[0], None)
    if isinstance(argument, str):  # "dimensions must ...", of which the file is given
        return f"{argument}: {message}"
    about = [getattr(options, name, None) for name in command.about]
    named = [path for value in about if value for path in ([value] if isinstance(value, str) else value)]
    return f"{' with '.join(named)}: {message}" if named else message


def _fail(name: str, message: str, code: int = 1) -> int:
    from pyalign.report.words import one_line

    say(f"pyalign {name}: error: {InputError(one_line(message))}")
    return code
