"""`pyalign triplets sample`: triplets answered by a representation, for simulation and distillation."""

from __future__ import annotations

import argparse

import numpy as np

from pyalign.cli import _options
from pyalign.datasets.simulate import KINDS, simulate
from pyalign.errors import InputError
from pyalign.io import EmbeddingFile, read_embeddings, read_names, split_key, write_files
from pyalign.measures import MEASURES
from pyalign.ops.triplets import choice_probabilities

EXAMPLE = "pyalign triplets sample --embeddings x.npy --number 100000 --out t.npy"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign triplets`."""
    what = "draw triplets and let embeddings answer them"
    parser = _options.add_command(subparsers, "triplets", what, EXAMPLE)
    parser.add_argument("action", choices=("sample",), help="what to do")
    parser.add_argument("--embeddings", required=True, metavar="E", help="file of (n, d) embeddings; FILE::KEY")
    parser.add_argument("--transform", metavar="W.npz", help="linear map that they go through first")
    parser.add_argument(
        "--number", type=_options.count, default=100_000, metavar="T", help="triplets (default: 100,000)"
    )
    group = parser.add_argument_group("items")
    group.add_argument(
        "--kind", choices=KINDS, default="uniform", help="any three, of one category, or of different ones"
    )
    group.add_argument(
        "--categories", metavar="FILE", help="a label for each item, a line each (.txt), or an (n, c) table of 0 and 1"
    )
    group = parser.add_argument_group("answers")
    measure = group.add_argument("--measure", default="cosine", metavar="M", help="similarity (default: cosine)")
    _options.complete_with(measure, MEASURES)
    group.add_argument("--temperature", type=float, default=0.1, metavar="T", help="p = softmax(s / T) (default: 0.1)")
    group.add_argument("--seed", type=int, default=0, help="seed (default: 0)")
    group = parser.add_argument_group("output")
    npy = _options.npy_file
    group.add_argument("--out", required=True, type=npy, metavar="T.npy", help="(t, 3) triplets, the odd item last")
    group.add_argument("--probabilities", type=npy, metavar="P.npy", help="(t, 3) p(position is odd): soft targets")
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, draws, writes, and says what to expect."""
    if args.seed < 0:
        raise InputError(f"--seed must not be negative; got {args.seed}")
    inputs = (args.embeddings, *filter(None, [args.transform, args.categories]))
    _options.require_apart(inputs, {"--out": args.out, "--probabilities": args.probabilities})
    file = _options.embedding_file(args.embeddings, None)
    x = _options.transformed(file, args.embeddings, args.transform).values
    categories = None if args.categories is None else members_of(args.categories, file)
    drawn = simulate(
        x, args.number, measure=args.measure, temperature=args.temperature, seed=args.seed, kind=args.kind,
        categories=categories,
    )  # fmt: skip
    files = {args.out: drawn.triplets}
    if args.probabilities:
        files[args.probabilities] = choice_probabilities(
            x, drawn.triplets, measure=args.measure, temperature=args.temperature
        )
    write_files(files.items())
    print(f"{args.out}: {len(drawn.triplets):,} triplets, {args.kind}")
    print(
        f"answers drawn with measure {drawn.measure} at T = {drawn.temperature:g}: "
        f"expected accuracy {100 * drawn.expected_accuracy:.3f} % +- {100 * drawn.standard_error:.3f} %"
    )


def members_of(spec: str, embeddings: EmbeddingFile) -> np.ndarray:
    """(n, c) booleans from a file of labels or a table of 0 and 1."""
    path, key = split_key(spec)
    n = len(embeddings.values)
    if key is None and path.endswith(".txt"):
        labels = read_names(path)
        if len(labels) != n:
            raise InputError(f"{path}: must have a label for each of {n} items; got {len(labels)}")
        names, number = np.unique(labels, return_inverse=True)
        members: np.ndarray = number[:, None] == np.arange(len(names))
        return members
    table = read_embeddings(path, key=key).values
    if len(table) != n or not np.isin(table, (0, 1)).all():
        raise InputError(f"{path}: must be a table of 0 and 1 with {n} rows; got shape {table.shape}")
    return table.astype(bool)
