"""What commands read: triplets, embeddings, names, people, counts, checked against each other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

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

TEMPERATURE_HELP = "p = softmax(s / T) (default: 1); FILE::MODEL/MODULE: one of human_alignment, for dot"


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
    if args.ci != "subjects":
        refuse_subjects(args, "--ci subjects", "intervals over people")


def refuse_subjects(args: argparse.Namespace, option: str, what: str = "folds over people") -> None:
    """Raises where people are given that serve `what` alone, for which `option` asks."""
    for given, value in (("--subjects", args.subjects), ("--subject-column", args.subject_column)):
        if value is not None:
            raise InputError(f"{given} {value} serves {what} alone: add {option}")


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


def by_position(targets: np.ndarray, triplets: TripletFile, spec: str) -> np.ndarray:
    """Targets (t, 3), whose columns are positions in the triplet file, in the order that the items have after reading.

    Reading moves the odd item last, where the file says which one it is.
    """
    if targets.shape != triplets.triplets.shape:
        raise InputError(
            f"{spec}: targets must have shape {triplets.triplets.shape}, a row for each triplet; got {targets.shape}"
        )
    if triplets.positions is None:
        return targets
    positions = np.broadcast_to(triplets.positions, targets.shape).astype(np.int64)
    moved: np.ndarray = np.take_along_axis(targets, positions, axis=1)
    return moved


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
