"""A command is declared once: a dataclass of options, from which the parser, the help and the record come.

A module of `pyalign.cli` holds ``COMMAND = Command(Options, run, example)``. `run` takes the options, read and checked,
and a progress callback; it gives back a result and what else is to be written. `pyalign.cli.main` does everything
around it.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from pyalign.cli._streams import drop
from pyalign.cli._vocabulary import FLAGS, VOCABULARY
from pyalign.errors import InputError, nearest

if TYPE_CHECKING:  # `pyalign --help` needs no numpy
    import numpy as np

    from pyalign._result import Result
    from pyalign.io.paths import Spec
    from pyalign.journal import Journal
    from pyalign.progress import Progress

LAST = RUNNING, OUTPUT = "running", "output"  # the last groups of a command's options

# What people call an option elsewhere.
OTHER_FLAGS = {
    "--metric": ("--measure",), "--distance": ("--measure",), "--similarity": ("--measure", "--matrix"),
    "--n-jobs": ("--threads",), "--bootstrap": ("--resamples",), "--n-bootstrap": ("--resamples",),
    "--output": ("--out", "--json"), "--save": ("--out", "--json"), "--rdm": ("--matrix", "--human"),
    "--lambda": ("--penalty",), "--strength": ("--penalty",), "--l2": ("--penalty",), "--device": ("--backend",),
}  # fmt: skip

Chosen = TypeVar("Chosen")
Output: TypeAlias = "np.ndarray | str | bytes | Iterable[bytes] | Callable[[Mapping[str, str]], str]"


@dataclass(frozen=True)
class Option:
    """How a field of an options class stands on the command line.

    Attributes:
        help: a phrase.
        flags: such as ("-t", "--triplets"); empty: that of the argument of Python that the field is called by.
        kind: makes the value of a word; raises ValueError or argparse.ArgumentTypeError.
        metavar: stands for the value in the help.
        choices: the words that are allowed.
        nargs: "+", "*" or "?", as argparse has it; "+" and "*" give tuples.
        const: the value of a flag without a word, with nargs "?".
        group: the heading in the help.
        role: "input" or "output" for files, which are kept apart; "folder" for one to write to; "" for anything else.
        positional: whether the values stand by themselves, before the options; with flags, either way.
        exclusive: a name that options share of which one may be given.
        words: what the shell offers.
        unless: the names of options that a command may be given instead of this one.
        rare: whether `--help` leaves it to `--help-all`.
        idle: why the option has no effect in this command, which takes it because others do; "" where it has one.
    """

    help: str
    flags: tuple[str, ...]
    kind: Callable[[str], Any]
    metavar: str | None
    choices: Sequence[Any] | None
    nargs: str | None
    const: Any
    group: str
    role: str
    positional: bool
    exclusive: str
    words: Iterable[str] | None
    unless: Sequence[str] = ()
    rare: bool = False
    idle: str = ""


def option(
    help: str = "", *flags: str, default: Any = None, required: bool = False, kind: Callable[[str], Any] | None = None,
    metavar: str | None = None, choices: Sequence[Any] | None = None, nargs: str | None = None, const: Any = None,
    group: str = "", role: str = "", positional: bool = False, exclusive: str = "", words: Iterable[str] | None = None,
    unless: Sequence[str] = (), rare: bool = False, idle: str = "",
) -> Any:  # fmt: skip
    """A field of an options class; see `Option`. A default of False makes it a switch; files to read are a `Spec`.

    help: what the option does in this command; "" where the vocabulary says it all.
    """
    kind = kind or (file_to_read if role == "input" else str)
    told = Option(
        help, flags, kind, metavar, choices, nargs, const, group, role, positional, exclusive, words, unless, rare, idle
    )
    given: dict[str, Any] = {} if required else {"default": default}
    return field(metadata={"option": told}, kw_only=True, **given)


def file_to_read(text: str) -> Spec:
    """FILE or FILE::KEY."""
    from pyalign.io.paths import Spec

    try:
        return Spec(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@dataclass(frozen=True)
class Outcome:
    """What a command has made.

    Attributes:
        result: is printed as its table, or as JSON; None for commands that only write or tell.
        files: what is written besides, by path; or what makes it of the SHA-256 of those before it, by path.
        text: what is printed instead of the table.
        journal: of the run; it is closed when all is written.
        notes: what a person should know, besides those of the result.
        fault: what could not be done, said last: the exit code is then 1.
    """

    result: Result | None = None
    files: Mapping[str, Output] = field(default_factory=dict)
    text: str | None = None
    journal: Journal | None = None
    notes: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Command(Generic[Chosen]):
    """A command.

    Attributes:
        options: a dataclass of `option` fields.
        run: takes them and a `Progress`, gives an `Outcome`.
        example: a command line.
        about: the names of input options that an error is about which names no file.
        epilog: more for the help.
        reads: what the command reads that no option names; it sees to it itself that these stay the same.
    """

    options: type[Chosen]
    run: Callable[[Chosen, Progress], Outcome]
    example: str
    about: tuple[str, ...] = ()
    epilog: str = ""
    reads: Callable[[Chosen], Iterable[str]] = lambda _: ()


class Parser(argparse.ArgumentParser):
    """Says what is wrong in two lines: the mistake, and where to look."""

    def error(self, message: str) -> Any:
        from pyalign.report.words import one_line

        self.exit(2, f"{self.prog}: error: {one_line(message)}\ntry '{self.prog} --help'\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse has it, with the word that is near where one is."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = nearest(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def flags(self) -> list[str]:
        """Every flag of the command, such as "--measure"."""
        return [flag for action in self._actions for flag in action.option_strings]

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse has it, but help that can't be written is an error."""
        stream = file or sys.stderr
        try:
            stream.write(message)
            stream.flush()
        except OSError as error:
            drop(stream)
            if stream is sys.stdout:
                gone = isinstance(error, BrokenPipeError)
                self.exit(1, "" if gone else f"{self.prog}: error: {error.strerror}\n")


def declared(kind: type) -> list[tuple[Field[Any], Option]]:
    """The fields of an options class in the order of the help: first what is required, last where it runs and goes to.

    In between those that it declares itself come before those that it shares with others.
    """
    own = inspect.get_annotations(kind)
    found = [(one, _explained(one)) for one in fields(kind) if "option" in one.metadata]

    def place(pair: tuple[Field[Any], Option]) -> tuple[bool, ...]:
        one, told = pair
        required = one.default is MISSING
        return not (required and told.positional), not required, told.group in LAST, one.name not in own

    return sorted(found, key=place)


def _explained(one: Field[Any]) -> Option:
    """The option of a field, with the meaning of its name where it has no help of its own."""
    told: Option = one.metadata["option"]
    return told if told.help else replace(told, help=VOCABULARY[flag_of(one, told)].meaning)


def flags_of(one: Field[Any], told: Option) -> tuple[str, ...]:
    """The flags of a field; none of what only stands by itself."""
    return told.flags or (() if told.positional else (FLAGS.get(one.name) or "--" + one.name.replace("_", "-"),))


def flag_of(one: Field[Any], told: Option) -> str:
    """The last flag of a field, which is the long one; the metavar of what has none."""
    return next(reversed(flags_of(one, told)), told.metavar or one.name.upper())


def flags_by_name(kind: type) -> dict[str, str]:
    """field -> flag, of an options class."""
    return {one.name: flag_of(one, told) for one, told in declared(kind)}


class HelpAll(argparse.Action):
    """`--help-all`: the help with the options that are rare."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for action in parser._actions:
            action.help = getattr(action, "help_in_full", action.help)
        parser.print_help()
        parser.exit()


def make_parser(name: str, what: str, command: Command[Any]) -> Parser:
    """The parser of a command, in groups with their headings; rare options are in the help of `--help-all` alone."""
    options = declared(command.options)
    needed = [_in_usage(one, told) for one, told in options if one.default is MISSING]
    count = sum(told.rare for _, told in options)
    more = f"{count} more options that are rarely needed: pyalign {name} --help-all\n\n" if count else ""
    parser = Parser(
        prog=f"pyalign {name}",
        usage=" ".join([f"pyalign {name}", *needed, "[options]"]),
        description=what[0].upper() + what[1:] + ".",
        epilog=f"{command.epilog}\n\n{more}example:\n  {command.example}".strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if count:
        parser.add_argument("--help-all", action=HelpAll, nargs=0, help="show all options and exit")
    groups: dict[str, Any] = {"": parser}
    exclusive: dict[str, Any] = {}
    for one, told in options:
        title, _, description = told.group.partition("\n")
        if title not in groups:
            groups[title] = parser.add_argument_group(title, description or None)
        place = groups[title]
        if told.exclusive:
            place = exclusive.setdefault(told.exclusive, None) or place.add_mutually_exclusive_group()
            exclusive[told.exclusive] = place
        _add(parser, place, one, told)
    return parser


def _add(parser: argparse.ArgumentParser, place: Any, one: Field[Any], told: Option) -> None:
    flags = flags_of(one, told)
    options: dict[str, Any] = {"dest": one.name, "help": told.help}
    if one.default is False:
        _hide(place.add_argument(*flags, action="store_true", **options), told)
        return
    given: dict[str, Any] = {"type": told.kind, "metavar": told.metavar, "choices": told.choices}
    given.update({"nargs": told.nargs, "const": told.const})
    given = {name: value for name, value in given.items() if value is not None}
    if told.positional:
        many = told.nargs in ("+", "*")
        name = told.metavar or one.name.upper()
        nargs = "*" if many else "?"
        standing: Any = parser.add_argument(_standing(one), nargs=nargs, type=told.kind, metavar=name, help=told.help)
        _offer(standing, told)
        options["help"] = f"same as {name}"
    if flags:
        default = one.default if one.default is not MISSING else None
        action = place.add_argument(*flags, default=default, **given, **options)
        _offer(action, told)
        _hide(action, told)


def _offer(action: Any, told: Option) -> None:
    """The words of an option are what the shell completes."""
    if told.words is not None:
        action.completer = lambda **_: list(told.words or ())


def _hide(action: Any, told: Option) -> None:
    """An option that is rare has its help in `--help-all`."""
    if told.rare:
        action.help_in_full, action.help = action.help, argparse.SUPPRESS


def _in_usage(one: Field[Any], told: Option) -> str:
    """How something that is required stands in the usage: EMB [EMB ...], or -t T."""
    value = told.metavar or one.name.upper()
    if told.nargs == "+":
        value = f"{value} [{value} ...]"
    return value if told.positional else f"{flags_of(one, told)[0]} {value}"


def _standing(one: Field[Any]) -> str:
    return f"standing_{one.name}"


def parse(parser: Parser, kind: type[Chosen], words: Sequence[str]) -> Chosen:
    """The options of the words; exits with 2 where they are not understood."""
    known, rest = parser.parse_known_intermixed_args(list(words))
    if rest:
        parser.error(_unrecognized(rest, parser))
    given = vars(known)
    values: dict[str, Any] = {}
    for one, told in declared(kind):
        value = given.get(one.name, None if one.default is MISSING else one.default)
        if told.positional:
            value = _either(parser, one, told, value, given[_standing(one)])
        excused = any(given.get(name) for name in told.unless)
        if value is None and excused and told.nargs in ("+", "*"):
            value = []
        if value is None and one.default is MISSING and not excused:
            flags = flags_by_name(kind)
            others = [flags[name] for name in told.unless if name in flags]
            wanted = ["/".join(flags_of(one, told) or (flag_of(one, told),)), *others]
            either = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if others else wanted)
            parser.error(f"the following arguments are required: {either}")
        values[one.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _unrecognized(words: Sequence[str], parser: Parser) -> str:
    """What is said of words that no option takes: the flag that was meant, where one is near the first of them."""
    message = f"unrecognized arguments: {' '.join(words)}"
    flag = words[0].partition("=")[0]
    if not flag.startswith("--"):
        return message
    meant = next((other for other in OTHER_FLAGS.get(flag, ()) if other in parser.flags()), None)
    return message + (f"; did you mean {meant!r}?" if meant else nearest(flag, parser.flags(), cutoff=0.6))


def _either(parser: Parser, one: Field[Any], told: Option, by_flag: Any, standing: Any) -> Any:
    """The values by themselves, or those of the flag."""
    if standing and by_flag not in (None, one.default):
        there = " ".join([standing] if isinstance(standing, str) else standing)
        parser.error(f"argument {told.flags[-1]}: {told.metavar} stands there already: {there}")
    return standing or by_flag


def paths(options: Any, role: str) -> dict[str, list[str]]:
    """The files that the options name, by the option's flag."""
    found: dict[str, list[str]] = {}
    for one, told in declared(type(options)):
        value = getattr(options, one.name)
        if told.role == role and isinstance(value, str | tuple) and value != told.const:
            found[flag_of(one, told)] = [value] if isinstance(value, str) else list(value)
    return found


def given_options(options: Any) -> dict[str, Any]:
    """The options that differ from their defaults, for the record."""
    values = {one.name: getattr(options, one.name) for one, _ in declared(type(options))}
    defaults = {one.name: one.default for one, _ in declared(type(options))}
    return {name: value for name, value in values.items() if value != defaults[name]}


def refuse_unused(options: Any, names: Iterable[str], need: str) -> None:
    """Raises where an option is given that only serves something else, which `need` would ask for."""
    for _, shown in _shown(options, names):
        raise InputError(f"{shown} applies only to {need}")


def without_effect(options: Any, names: Iterable[str], why: str) -> tuple[str, ...]:
    """A note on each of these options that is given, though it has no effect here."""
    return tuple(f"{shown} has no effect here: {why}" for _, shown in _shown(options, names))


def idle_options(options: Any) -> tuple[str, ...]:
    """A note on each option that is given and that is declared to have no effect in this command."""
    reasons = {one.name: told.idle for one, told in declared(type(options)) if told.idle}
    return tuple(f"{shown} has no effect here: {reasons[name]}" for name, shown in _shown(options, reasons))


def _shown(options: Any, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of these options that are given: the name of each, and how it stands on the command line."""
    names = set(names)
    for one, told in declared(type(options)):
        value = getattr(options, one.name)
        if one.name in names and value != one.default:
            yield one.name, " ".join([flag_of(one, told), *_words_of(value, told)])


def _words_of(value: Any, told: Option) -> list[str]:
    """How the value of an option stands behind its flag."""
    if value is True:
        return []
    if not isinstance(value, tuple):
        return [str(value)]
    words = list(map(str, value))
    return words if told.nargs else [",".join(words)]
