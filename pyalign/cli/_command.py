"""A command is declared once: a dataclass of options, from which the parser, the help and the record come.

A module of `pyalign.cli` holds ``SCORE = Command(Options, run, example)``. `run` takes the options, read and checked,
and a progress callback; it gives back a result and what else is to be written. `pyalign.cli.main` does everything
around it. The output streams may be closed, full, of another encoding, or without a reader.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from io import TextIOWrapper
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeAlias, TypeVar

from pyalign._dataclass import MISSING, Field, dataclass, field, fields, replace
from pyalign._registry import registered
from pyalign.cli._vocabulary import FLAGS, INSTEAD, OTHER_FLAGS, VOCABULARY, file_to_read
from pyalign.errors import InputError, nearest
from pyalign.kinds import entries

if TYPE_CHECKING:
    import numpy as np

    from pyalign._process import Progress
    from pyalign._result import Result
    from pyalign.journal import Journal


def open_streams() -> None:
    """Makes standard streams safe: unencodable characters are escaped, closed streams become os.devnull."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _fill(number)
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _fill(number: int) -> None:
    """Opens os.devnull under a closed descriptor, so that the next file that is opened does not get its number."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)


def drop(stream: TextIO) -> None:
    """Discards what a stream could not write; otherwise the interpreter tries again at exit and exits with 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """Prints a line to stderr, where that is possible."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


LAST = RUNNING, OUTPUT = "running", "output"  # the last groups of a command's options

Chosen = TypeVar("Chosen")
Output: TypeAlias = "np.ndarray | str | bytes | Iterable[bytes] | Callable[[Mapping[str, str]], str]"


@dataclass(frozen=True)
class Option:
    """How a field of an options class is written on the command line."""

    help: str  # a phrase.
    # such as ("-t", "--triplets"); empty: that of the argument of Python that the field is called by.
    flags: tuple[str, ...]
    kind: Callable[[str], Any] | None  # makes the value of a word; raises ValueError or argparse.ArgumentTypeError.
    metavar: str | None  # stands for the value in the help.
    choices: Sequence[Any] | None  # the words that are allowed.
    nargs: str | int | None  # "+", "*", "?" or a number of words, as argparse has it; all but "?" give tuples.
    const: Any  # the value of a flag without a word, with nargs "?".
    group: str  # the heading in the help.
    # "input" or "output" for files, which are kept separate; "folder" for one to write to; "" for anything else.
    role: str
    positional: bool  # whether the values stand by themselves, before the options; with flags, either way.
    exclusive: str  # a name that options share of which one may be given.
    words: Iterable[str] | None  # what the shell offers.
    unless: Sequence[str] = ()  # the names of options that a command may be given instead of this one.
    rare: bool = False  # whether `--help` leaves it to `--help-all`.
    # why the option has no effect in this command, which takes it because others do; "" where it has one.
    idle: str = ""
    many: bool = False  # whether the flag may be repeated, which gives a tuple.


def option(
    help: str = "", *flags: str, default: Any = None, required: bool = False, kind: Callable[[str], Any] | None = None,
    metavar: str | None = None, choices: Sequence[Any] | None = None, nargs: str | int | None = None, const: Any = None,
    group: str = "", role: str = "", positional: bool = False, exclusive: str = "", words: Iterable[str] | None = None,
    unless: Sequence[str] = (), rare: bool = False, idle: str = "", many: bool = False,
) -> Any:
    """A field of an options class; see `Option`. A default of False makes it a switch; files to read are a `Spec`.

    help: what the option does in this command; "" where the vocabulary says it all.
    """
    option_ = Option(
        help, flags, kind, metavar, choices, nargs, const, group, role, positional, exclusive, words, unless, rare,
        idle, many,
    )
    defaults: dict[str, Any] = {} if required else {"default": default}
    return field(metadata={"option": option_}, kw_only=True, **defaults)


@dataclass(frozen=True)
class Outcome:
    """What a command returns: its result, and what it writes and says."""

    result: Result | None = None  # is printed as its table, or as JSON; None for commands that only write or tell.
    # what is written in addition, by path; or what makes it of the SHA-256 of those before it, by path.
    files: Mapping[str, Output] = field(default_factory=dict)
    text: str | None = None  # what is printed instead of the table.
    journal: Journal | None = None  # of the run; it is closed when all is written.
    notes: tuple[str, ...] = ()  # what a reader should know, in addition to those of the result.
    fault: str = ""  # what could not be done, said last.
    code: int = 1  # the exit code where there is a fault.


@dataclass(frozen=True)
class Command(Generic[Chosen]):
    """A command."""

    options: type[Chosen]  # a dataclass of `option` fields.
    run: Callable[[Chosen, Progress], Outcome]  # takes them and a `Progress`, gives an `Outcome`.
    example: str  # a command line.
    about: tuple[str, ...] = ()  # the names of input options that an error is about which names no file.
    epilog: str = ""  # more for the help.
    # what the command reads that no option names; it sees to it itself that these stay the same.
    reads: Callable[[Chosen], Iterable[str]] = lambda _: ()


class Parser(argparse.ArgumentParser):
    """Says what is wrong in two lines: the mistake, and where to look."""

    epilog_in_full = ""  # what `--help-all` shows instead of the epilog; "": the same.

    def error(self, message: str) -> Any:
        from pyalign.report.words import one_line

        self.exit(2, f"{self.prog}: error: {InputError(one_line(message))}\ntry '{self.prog} --help'\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Checks a value as argparse does; the error names the word that is near, where one is."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = nearest(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def flags(self) -> list[str]:
        """Every flag of the command, such as "--measure"."""
        return [flag for action in self._actions for flag in action.option_strings]

    def _print_message(self, message: str, file: Any = None) -> None:
        """Prints as argparse does, but help that can't be written is an error."""
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
    pairs = [(field_, _explained(field_)) for field_ in fields(kind) if "option" in field_.metadata]

    def place(pair: tuple[Field[Any], Option]) -> tuple[bool, ...]:
        field_, option_ = pair
        required = field_.default is MISSING
        return not (required and option_.positional), not required, option_.group in LAST, field_.name not in own

    return sorted(pairs, key=place)


@cache
def _explained(field_: Field[Any]) -> Option:
    """The option of a field, with what the row of its name says where the field does not."""
    option_: Option = field_.metadata["option"]
    row = VOCABULARY.get(flag_of(field_, option_))
    if row is None:
        return replace(option_, kind=option_.kind or (file_to_read if option_.role == "input" else str))
    role = option_.role or row.role
    return replace(
        option_, help=option_.help or row.meaning, role=role,
        kind=option_.kind or (file_to_read if role == "input" else row.kind),
        metavar=option_.metavar or (None if option_.choices else row.value),
    )


def flags_of(field_: Field[Any], option_: Option) -> tuple[str, ...]:
    """The flags of a field; none where it is only positional."""
    return option_.flags or (
        () if option_.positional else (FLAGS.get(field_.name) or "--" + field_.name.replace("_", "-"),)
    )


def flag_of(field_: Field[Any], option_: Option) -> str:
    """The last flag of a field, which is the long one; the metavar of what has none."""
    return next(reversed(flags_of(field_, option_)), option_.metavar or field_.name.upper())


def flags_by_name(kind: type) -> dict[str, str]:
    """field -> flag, of an options class."""
    return {field_.name: flag_of(field_, option_) for field_, option_ in declared(kind)}


class HelpAll(argparse.Action):
    """`--help-all`: the help with the options and commands that are rare."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        parser.epilog = getattr(parser, "epilog_in_full", "") or parser.epilog
        for action in parser._actions:
            action.help = getattr(action, "help_in_full", action.help)
        parser.print_help()
        parser.exit()


def make_parser(name: str, what: str, command: Command[Any]) -> Parser:
    """The parser of a command, in groups with their headings; rare options are in the help of `--help-all` alone."""
    options = declared(command.options)
    needed = [_in_usage(field_, option_) for field_, option_ in options if field_.default is MISSING]
    count = sum(option_.rare for _, option_ in options)
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
    for field_, option_ in options:
        title, _, description = option_.group.partition("\n")
        if title not in groups:
            groups[title] = parser.add_argument_group(title, description or None)
        place = groups[title]
        if option_.exclusive:
            place = exclusive.setdefault(option_.exclusive, None) or place.add_mutually_exclusive_group()
            exclusive[option_.exclusive] = place
        _add(parser, place, field_, option_)
    return parser


def _add(parser: argparse.ArgumentParser, place: Any, field_: Field[Any], option_: Option) -> None:
    flags = flags_of(field_, option_)
    options: dict[str, Any] = {"dest": field_.name, "help": option_.help}
    if field_.default is False:
        _hide(place.add_argument(*flags, action="store_true", **options), option_)
        return
    arguments: dict[str, Any] = {"type": option_.kind, "metavar": option_.metavar, "choices": option_.choices}
    arguments.update({"nargs": option_.nargs, "const": option_.const, "action": "append" if option_.many else None})
    arguments = {name: value for name, value in arguments.items() if value is not None}
    if option_.positional:
        many = option_.nargs in ("+", "*")
        name = option_.metavar or field_.name.upper()
        nargs = "*" if many else "?"
        standing: Any = parser.add_argument(
            _standing(field_), nargs=nargs, type=option_.kind or str, metavar=name, help=option_.help
        )
        _offer(standing, option_)
        options["help"] = f"same as {name}"
    if flags:
        default = field_.default if field_.default is not MISSING else None
        action = place.add_argument(*flags, default=default, **arguments, **options)
        _offer(action, option_)
        _hide(action, option_)


def _offer(action: Any, option_: Option) -> None:
    """Lets the shell complete the words of an option."""
    if option_.words is not None:
        action.completer = lambda **_: list(option_.words or ())


def _hide(action: Any, option_: Option) -> None:
    """An option that is rare has its help in `--help-all`."""
    if option_.rare:
        action.help_in_full, action.help = action.help, argparse.SUPPRESS


def _in_usage(field_: Field[Any], option_: Option) -> str:
    """How something that is required stands in the usage: EMB [EMB ...], or -t T."""
    value = option_.metavar or field_.name.upper()
    if option_.nargs == "+":
        value = f"{value} [{value} ...]"
    return value if option_.positional else f"{flags_of(field_, option_)[0]} {value}"


def _standing(field_: Field[Any]) -> str:
    return f"standing_{field_.name}"


def parse(parser: Parser, kind: type[Chosen], words: Sequence[str]) -> Chosen:
    """The options of the words; exits with 2 where they are not understood."""
    _require_once(parser, kind, words)
    known, rest = parser.parse_known_intermixed_args(words)
    if rest:
        parser.error(_unrecognized(rest, parser))
    parsed = vars(known)
    values: dict[str, Any] = {}
    for field_, option_ in declared(kind):
        value = parsed.get(field_.name, None if field_.default is MISSING else field_.default)
        if option_.positional:
            value = _either(parser, field_, option_, value, parsed[_standing(field_)])
        excused = any(parsed.get(name) for name in option_.unless)
        if value is None and excused and option_.nargs in ("+", "*"):
            value = []
        if value is None and field_.default is MISSING and not excused:
            flags = flags_by_name(kind)
            others = [flags[name] for name in option_.unless if name in flags]
            wanted = ["/".join(flags_of(field_, option_) or (flag_of(field_, option_),)), *others]
            either = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if others else wanted)
            parser.error(f"the following arguments are required: {either}")
        values[field_.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _require_once(parser: Parser, kind: type, words: Sequence[str]) -> None:
    """Exits with 2 where an option is given twice, of which only the last would count."""
    once = {
        flag: flag_of(field_, option_)
        for field_, option_ in declared(kind) if not option_.many for flag in flags_of(field_, option_)
    }
    given = Counter(once.get(word.partition("=")[0]) for word in takewhile(lambda word: word != "--", words))
    twice = next((flag for flag, count in given.items() if flag and count > 1), None)
    if twice:
        parser.error(f"argument {twice}: must be given once; got it {given[twice]} times")


def _unrecognized(words: Sequence[str], parser: Parser) -> str:
    """The message about words that no option takes, with the flag that was probably meant."""
    message = f"unrecognized arguments: {' '.join(words)}"
    flag = words[0].partition("=")[0]
    meant = next((other for other in OTHER_FLAGS.get(flag, ()) if other in parser.flags()), None)
    if meant:
        return f"{message}; did you mean {meant!r}?"
    if flag[2:] in INSTEAD:
        return f"{message}; instead: {INSTEAD[flag[2:]]}"
    if flag in VOCABULARY:
        from pyalign.data.names import listing

        load = registered("load_command")
        having = [one.command for one in entries() if flag in flags_by_name(load(one.command).options).values()]
        return f"{message}; {flag} is an option of {listing(having, 4)}"
    return message + (nearest(flag, parser.flags(), cutoff=0.6) if flag.startswith("--") else "")


def _either(parser: Parser, field_: Field[Any], option_: Option, by_flag: Any, standing: Any) -> Any:
    """The values by themselves, or those of the flag."""
    if standing and by_flag not in (None, field_.default):
        there = " ".join([standing] if isinstance(standing, str) else standing)
        parser.error(f"argument {option_.flags[-1]}: {option_.metavar} stands there already: {there}")
    return standing or by_flag


def paths(options: Any, role: str) -> dict[str, list[str]]:
    """The files that the options name, by the option's flag; of several words those that name one."""
    from pyalign.io.paths import Spec

    names, by_flag = role == "input", dict[str, list[str]]()
    for field_, option_ in declared(type(options)):
        value = getattr(options, field_.name)
        if option_.role == role and isinstance(value, str | tuple) and value != option_.const:
            files = [value] if isinstance(value, str) else value
            by_flag[flag_of(field_, option_)] = [one for one in files if not names or isinstance(one, Spec)]
    return by_flag


def given_options(options: Any) -> dict[str, Any]:
    """The options that differ from their defaults, for the record."""
    values = {field_.name: getattr(options, field_.name) for field_, _ in declared(type(options))}
    defaults = {field_.name: field_.default for field_, _ in declared(type(options))}
    return {name: value for name, value in values.items() if value != defaults[name]}


def refuse_unused(options: Any, names: Iterable[str], need: str) -> None:
    """Raises where an option is given that only serves something else, which `need` would ask for."""
    for _, shown in _shown(options, names):
        raise InputError(f"{shown} applies only to {need}")


def without_effect(options: Any, names: Iterable[str], why: str) -> tuple[str, ...]:
    """A note on each of these options that is given although it has no effect here."""
    return tuple(f"{shown} has no effect here: {why}" for _, shown in _shown(options, names))


def idle_options(options: Any) -> tuple[str, ...]:
    """A note on each option that is given and that is declared to have no effect in this command."""
    reasons = {field_.name: option_.idle for field_, option_ in declared(type(options)) if option_.idle}
    return tuple(f"{shown} has no effect here: {reasons[name]}" for name, shown in _shown(options, reasons))


def _shown(options: Any, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The named options that are set: the name of each, and how it is written on the command line."""
    names = set(names)
    for field_, option_ in declared(type(options)):
        value = getattr(options, field_.name)
        if field_.name in names and value != field_.default:
            flag = flag_of(field_, option_)
            many = [word for one in value for word in (flag, one)] if option_.many else None
            yield field_.name, " ".join(many or [flag, *_words_of(value, option_)])


def _words_of(value: Any, option_: Option) -> list[str]:
    """How the value of an option is written after its flag."""
    if value is True:
        return []
    if not isinstance(value, tuple):
        return [str(value)]
    words = list(map(str, value))
    return words if option_.nargs else [",".join(words)]
