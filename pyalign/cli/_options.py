"""Options that several commands share."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Iterable
from typing import Any

from pyalign import _checks
from pyalign.analysis.accuracy import BY, NAN, TIES
from pyalign.backends import BACKENDS, native
from pyalign.errors import InputError
from pyalign.io import (
    split_key,
)
from pyalign.io.write import STREAMS
from pyalign.measures import MEASURES

TEMPERATURE_HELP = "p = softmax(s / T) (default: 1); FILE::MODEL/MODULE: one of human_alignment, for dot"
MOST = 1 << 38  # in threads, rows, columns or triplets
Subparsers = Any  # argparse keeps the type of add_subparsers() to itself


def add_command(subparsers: Subparsers, name: str, what: str, example: str) -> argparse.ArgumentParser:
    """A command with its one-line description and an example under its help."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_triplet_options(parser: argparse.ArgumentParser) -> None:
    """How a triplet file is laid out."""
    group = parser.add_argument_group("triplet file")
    group.add_argument(
        "--odd-column",
        choices=("last", "first", "none"),
        default="last",
        help="which column holds the item that the person called odd (default: last); none: not recorded",
    )
    group.add_argument(
        "--choice-column",
        type=column,
        metavar="K",
        help="column with the odd item's position, from 0 or by header",
    )
    group.add_argument(
        "--choice-base",
        type=int,
        choices=(0, 1),
        help="whether that position counts from 0 or 1 (default: by range)",
    )
    group.add_argument(
        "--columns",
        type=columns,
        metavar="I,J,K",
        help="the three item columns of a wider file, from 0 or by header",
    )
    group.add_argument("--one-based", action="store_true", help="item numbers count from 1")


def add_subject_options(parser: argparse.ArgumentParser) -> None:
    """Who gave the answers."""
    group = parser.add_argument_group("people").add_mutually_exclusive_group()
    group.add_argument("--subjects", metavar="FILE", help="who gave each answer: a file of t numbers or strings")
    group.add_argument(
        "--subject-column",
        type=column,
        metavar="K",
        help="column of the triplet file that says so, from 0 or by header",
    )


def add_counts_option(parser: argparse.ArgumentParser) -> None:
    """Counts of answers in place of single ones."""
    parser.add_argument(
        "--counts",
        metavar="FILE",
        help="file of (t, 3): how many people called each position odd; FILE::KEY picks an array",
    )


def add_model_inputs(
    parser: argparse.ArgumentParser, names: str = "names of the embeddings' rows, when the triplets hold names"
) -> None:
    """Embeddings, triplets, names."""
    parser.add_argument(
        "--embeddings",
        nargs="+",
        required=True,
        metavar="E",
        help="files of (n, d) embeddings; FILE::KEY picks an array",
    )
    parser.add_argument("--triplets", required=True, metavar="T", help="file of (t, 3) triplets")
    parser.add_argument("--names", metavar="FILE", help=names)


def add_measure_options(parser: argparse.ArgumentParser, several: bool) -> Any:
    """How a model's similarities become choices."""
    formulas = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in MEASURES.values())
    group = parser.add_argument_group("model", f"measures, larger is more alike; rbf:2.5 gives sigma:\n{formulas}")
    measure = group.add_argument(
        "--measure",
        nargs="+" if several else None,
        default=["cosine"] if several else "cosine",
        metavar="M",
        help=f"{'one or more' if several else 'one'} of the measures above (default: cosine)",
    )
    complete_with(measure, MEASURES)
    group.add_argument("--ties", choices=TIES, default="fractional", help="what a tie counts (default: fractional)")
    group.add_argument(
        "--nan", choices=NAN, default="raise", help="rows with NaN: an error, or left out (default: raise)"
    )
    return group


def add_interval_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Over what intervals are, and how."""
    group = parser.add_argument_group("intervals")
    what = "intervals over other objects like these, other triplets of these, or other people"
    group.add_argument("--ci", choices=BY, default=default, help=f"{what} (default: {default or 'none'})")
    group.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default: 0.95)")
    group.add_argument("--resamples", type=count, default=1000, metavar="B", help="of the bootstrap (default: 1000)")
    group.add_argument("--seed", type=int, default=0, metavar="S", help="of the resamples (default: 0)")


def add_json_option(group: Any) -> None:
    """One document, to a file or to stdout."""
    group.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write one JSON document to PATH, or to stdout"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where it runs."""
    group = parser.add_argument_group("running")
    add_backend(group)
    group.add_argument(
        "--threads", type=count, metavar="K", help="threads (default: PYALIGN_NUM_THREADS, else all cores)"
    )


def add_backend(group: Any) -> None:
    """What computes."""
    group.add_argument(
        "--backend",
        choices=("auto", *BACKENDS),
        default="auto",
        metavar="NAME",
        help=f"what computes: {', '.join(BACKENDS)} (default: the fastest that can)",
    )


def complete_with(action: argparse.Action, words: Iterable[str]) -> None:
    """What the shell offers for an argument that takes more than a list of choices."""
    action.completer = lambda **_: list(words)  # type: ignore[attr-defined]


def column(text: str) -> int | str:
    """A column by number or by header."""
    return int(text) if text.lstrip("-").isdecimal() else text


def columns(text: str) -> tuple[int | str, ...]:
    """Three columns, separated by commas."""
    parts = tuple(column(part.strip()) for part in text.split(","))
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"expected three columns as I,J,K; got {text!r}")
    return parts


def npy_file(text: str) -> str:
    """A file to write as .npy, under a name that says so; devices and pipes may have any."""
    if not text.endswith(".npy") and not text.startswith("/dev/"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .npy; got {text!r}")
    return text


def count(text: str) -> int:
    """A positive whole number, up to what a system could hold in threads, rows or columns."""
    value = int(text) if text.isdecimal() and len(text) <= 12 else 0
    if not 1 <= value <= MOST:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST:,}; got {text!r}")
    return value


def temperature(text: str) -> float | str:
    """A number, or FILE::MODEL/MODULE, which `use_temperature` reads."""
    if "::" in text:
        return text
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number or FILE::MODEL/MODULE; got {text!r}") from error


def use_temperature(args: argparse.Namespace) -> float:
    """Checks --temperature, and reads it where it stands in a file of human_alignment: those belong to dot products."""
    if isinstance(args.temperature, str):
        wrong = [measure for measure in args.measure if measure != "dot"]
        if wrong:
            raise InputError(f"--temperature {args.temperature} belongs to --measure dot; got {wrong[0]}")
        path, name = split_key(args.temperature)
        if name is None:
            raise InputError(f"--temperature {args.temperature}: write FILE::MODEL/MODULE")
        require_apart([args.temperature], {"--json": None if args.json == "-" else args.json})
        from pyalign.integrations.human_alignment import find_temperature

        args.temperature = find_temperature(path, name).temperature
    return _checks.as_temperature(args.temperature)


def require_apart(inputs: Iterable[str], outputs: dict[str, str | None]) -> None:
    """Raises when an output would replace an input or another output, or has no place: before the work, not after."""
    taken = {os.path.realpath(split_key(path)[0]): path for path in inputs}
    for option, path in outputs.items():
        if path is not None:
            place = os.path.realpath(path)
            if place in taken:
                raise InputError(f"{option} {path} is the same file as {taken[place]}")
            taken[place] = f"{option} {path}"
    for path in outputs.values():
        if path is not None:
            require_place(path)


def require_place(path: str) -> None:
    """Raises an OSError that names `path` unless a file can be written there, as far as can be seen beforehand."""
    if os.path.isdir(path):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if path.startswith(STREAMS) or (os.path.exists(path) and not os.path.isfile(path)):
        return  # a pipe, a device or what is open already is written into
    _require_folder(os.path.dirname(os.path.realpath(path)), path)


def require_new_folder(path: str) -> None:
    """Raises an OSError that names `path` unless it is a folder to write to, or one can be made there."""
    place = os.path.realpath(path)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    _require_folder(place, path)


def _require_folder(folder: str, path: str) -> None:
    number = 0
    if not os.path.isdir(folder):
        number = errno.ENOTDIR if os.path.lexists(folder) else errno.ENOENT
    elif not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        raise OSError(number, os.strerror(number), path)


def use_threads(threads: int | None) -> None:
    """Follows --threads."""
    if threads is not None:
        native.set_num_threads(threads)
