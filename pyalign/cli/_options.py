"""Options that several commands share, and the readers that follow from them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import BY, NAN, TIES
from pyalign.backends import BACKENDS, native
from pyalign.errors import InputError
from pyalign.io import (
    EmbeddingFile,
    Subjects,
    TripletFile,
    match_names,
    read_counts,
    read_embeddings,
    read_names,
    read_subjects,
    read_transform,
    read_triplets,
    split_key,
)
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
    group.add_argument(
        "--backend",
        choices=("auto", *BACKENDS),
        default="auto",
        metavar="NAME",
        help=f"what computes: {', '.join(BACKENDS)} (default: the fastest that can)",
    )
    group.add_argument(
        "--threads", type=count, metavar="K", help="threads (default: PYALIGN_NUM_THREADS, else all cores)"
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
    """Raises when an output would replace an input or another output."""
    taken = {os.path.realpath(split_key(path)[0]): path for path in inputs}
    for option, path in outputs.items():
        if path is not None:
            place = os.path.realpath(path)
            if place in taken:
                raise InputError(f"{option} {path} is the same file as {taken[place]}")
            taken[place] = f"{option} {path}"


def use_threads(threads: int | None) -> None:
    """Follows --threads."""
    if threads is not None:
        native.set_num_threads(threads)


def triplet_file(args: argparse.Namespace) -> TripletFile:
    """The triplets that the options describe."""
    path, key = split_key(args.triplets)
    return read_triplets(
        path,
        key=key,
        columns=args.columns,
        odd_column=args.odd_column,
        choice_column=args.choice_column,
        choice_base=args.choice_base,
        one_based=args.one_based,
        subject_column=getattr(args, "subject_column", None),
    )


def subjects_of(args: argparse.Namespace, triplets: TripletFile) -> Subjects | None:
    """Who gave each answer: from --subjects or --subject-column, or None."""
    if triplets.subjects is not None and triplets.subject_labels is not None:
        return Subjects(triplets.subjects, triplets.subject_labels)
    if args.subjects is None:
        return None
    path, key = split_key(args.subjects)
    subjects = read_subjects(path, key=key)
    if len(subjects.codes) != len(triplets.triplets):
        rule = f"subjects must have one entry per triplet ({len(triplets.triplets)})"
        raise InputError(f"{args.subjects}: {rule}; got {len(subjects.codes)}")
    return subjects


def require_answers(args: argparse.Namespace, what: str) -> None:
    """Raises where --odd-column none says that there are no answers, which `what` needs."""
    if args.odd_column == "none" and args.choice_column is None:
        raise InputError(f"{what} needs the people's answers, which --odd-column none says are not recorded")


def require_use_of_subjects(args: argparse.Namespace) -> None:
    """Raises where people are given to a command whose intervals are not over people."""
    if args.ci == "subjects":
        return
    for option, value in (("--subjects", args.subjects), ("--subject-column", args.subject_column)):
        if value is not None:
            raise InputError(f"{option} {value} serves intervals over people alone: add --ci subjects")


def counts_of(args: argparse.Namespace) -> np.ndarray | None:
    """The counts of --counts, by the position that items have in the triplet file, or None."""
    if args.counts is None:
        if args.odd_column == "none" and args.choice_column is None:
            raise InputError("--odd-column none says that no answer is recorded: give --counts")
        return None
    if args.choice_column is not None or args.odd_column == "first":
        raise InputError("--counts says how often each position was odd: leave --odd-column and --choice-column out")
    path, key = split_key(args.counts)
    return read_counts(path, key=key)


def model_names(specs: Sequence[str], labels: Sequence[str] | None) -> list[str]:
    """Different names of models: the labels, or the specifications of their files."""
    if labels is not None and len(labels) != len(specs):
        raise InputError(f"--labels must name each of {len(specs)} models; got {len(labels)}")
    names = list(labels or specs)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"models must have different names (--labels gives some); got {twice[0]!r} twice")
    return names


class SameRows:
    """Row numbers mean the same items in all embeddings: as many rows, and the same names where files hold some."""

    def __init__(self, names: tuple[str, ...] | None, matched: bool) -> None:
        self.names, self.matched = names, matched
        self.first: tuple[str, int] | None = None
        self.named = ""

    def check(self, spec: str, embeddings: EmbeddingFile) -> None:
        """Raises when rows of `embeddings` are not those of the ones before; names that are matched may differ."""
        if self.matched:
            return
        before, n = self.first = self.first or (spec, len(embeddings.values))
        if len(embeddings.values) != n:
            raise InputError(f"{spec}: has {len(embeddings.values)} rows, {before} has {n}: not the same items")
        if self.names is None:
            self.names, self.named = embeddings.names, spec
        if embeddings.names is None or self.names is None or embeddings.names == self.names:
            return
        row, name, other = next(
            (k, a, b) for k, (a, b) in enumerate(zip(embeddings.names, self.names, strict=True)) if a != b
        )
        raise InputError(
            f"{spec}: row {row} is {name!r}, in {self.named} {other!r}; row numbers must mean the same items"
        )


def models_and_triplets(
    args: argparse.Namespace, names: Sequence[str], triplets: TripletFile
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The embeddings of each model, and the triplets as row numbers, which are the same in all of them.

    Where the triplets hold names and files differ in their rows, models keep the rows of the triplets' items alone, in
    the order of the first.
    """
    rows = row_names(args.names, triplets)
    files = [embedding_file(spec, rows) for spec in args.embeddings]
    same = SameRows(rows, triplets.item_names is not None)
    for spec, file in zip(args.embeddings, files, strict=True):
        same.check(spec, file)
    indices = [index_triplets(triplets, file, spec) for spec, file in zip(args.embeddings, files, strict=True)]
    index, n = indices[0], len(files[0].values)
    if all(len(file.values) == n and (own == index).all() for file, own in zip(files, indices, strict=True)):
        return {name: file.values for name, file in zip(names, files, strict=True)}, index
    used = np.flatnonzero(np.bincount(index.ravel(), minlength=n))
    place = np.zeros(n, np.int64)
    models = {}
    for name, file, own in zip(names, files, indices, strict=True):
        place[index.ravel()] = own.ravel()
        models[name] = file.values[place[used]]
    place[used] = np.arange(len(used))
    return models, place[index]


def embedding_file(spec: str, names: tuple[str, ...] | None) -> EmbeddingFile:
    """Embeddings, with row names from the file of names where there is one."""
    path, key = split_key(spec)
    file = read_embeddings(path, key=key)
    if names is None:
        return file
    if len(names) != len(file.values):
        raise InputError(f"{path}: --names must have a name for each of {len(file.values)} rows; got {len(names)}")
    return EmbeddingFile(file.values, names)


def transformed(file: EmbeddingFile, spec: str, path: str | None) -> EmbeddingFile:
    """The embeddings after the linear map of a file, where one is given."""
    if path is None:
        return file
    try:
        return EmbeddingFile(read_transform(path).apply(file.values), file.names)
    except InputError as error:
        raise error if str(error).startswith(path) else InputError(f"{spec} with {path}: {error}") from error


def row_names(path: str | None, triplets: TripletFile) -> tuple[str, ...] | None:
    """The names of --names, which only triplets that hold names can use."""
    if path is None:
        return None
    if triplets.item_names is None:
        raise InputError(f"--names {path} has nothing to match: the triplets hold row numbers, not names")
    return read_names(path)


def index_triplets(triplets: TripletFile, embeddings: EmbeddingFile, spec: str) -> np.ndarray:
    """Triplets as row numbers of these embeddings: names are matched, never assumed to be in order."""
    if triplets.item_names is None:
        return triplets.triplets
    if embeddings.names is None:
        raise InputError(f"{spec}: the triplets hold names; give the rows' names with --names FILE")
    try:
        rows: np.ndarray = match_names(triplets.item_names, embeddings.names)[triplets.triplets]
    except InputError as error:
        raise InputError(f"{spec}: {error}") from error
    return rows
