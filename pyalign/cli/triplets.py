"""`pyalign triplets sample`: triplets answered by embeddings or by similarities."""

from __future__ import annotations

import argparse
import json

import numpy as np

from pyalign import __version__, report
from pyalign.cli import _inputs, _options
from pyalign.datasets.triplets import PRECOMPUTED, SCHEMES, SampledTriplets, draw_triplets
from pyalign.errors import InputError
from pyalign.io import read_categories, write_files
from pyalign.measures import MEASURES

EXAMPLE = "pyalign triplets sample --embeddings x.npy --triplets 10000 --out t.npy"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The commands of `pyalign triplets`."""
    what = "make triplets: `pyalign triplets sample` draws them from a representation"
    parser = _options.add_command(subparsers, "triplets", what, EXAMPLE)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do: sample")
    sample = _options.add_command(actions, "sample", "draw triplets and answer them by embeddings", EXAMPLE)
    _add_inputs(sample)
    sample.add_argument("--triplets", type=_options.count, required=True, metavar="N", help="how many triplets to draw")
    group = sample.add_argument_group("which items meet")
    group.add_argument(
        "--scheme",
        choices=SCHEMES,
        default="uniform",
        help="any three (default), three of one category, or two of one and one of another",
    )
    group.add_argument(
        "--categories", metavar="FILE", help="a label per line, or a table of 0 and 1 with a column per category"
    )
    group = sample.add_argument_group("which is odd")
    group.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="draw the odd one with p = softmax(s / T) (default: the item outside the most similar pair)",
    )
    group.add_argument("--seed", type=int, default=0, help="seed (default: 0)")
    group = sample.add_argument_group("output")
    npy = _options.npy_file
    group.add_argument("--out", type=npy, required=True, metavar="T.npy", help="write the triplets, odd item last")
    group.add_argument(
        "--probabilities",
        type=npy,
        metavar="P.npy",
        help="write p(item is odd), three per triplet; with --temperature",
    )
    group.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write one JSON document to PATH, or to stdout"
    )
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--embeddings", metavar="E", help="file of (n, d) embeddings; FILE::KEY picks an array")
    either.add_argument("--similarities", metavar="S", help="file of (n, n) similarities instead; FILE::KEY")
    parser.add_argument("--transform", metavar="W.npz", help="linear map to apply to the embeddings first")
    measure = parser.add_argument("--measure", metavar="M", help="similarity of embeddings (default: cosine)")
    _options.complete_with(measure, MEASURES)


def run(args: argparse.Namespace) -> None:
    """Reads, draws, and only then writes."""
    if args.seed < 0:
        raise InputError(f"--seed must not be negative; got {args.seed}")
    outputs = {"--out": args.out, "--probabilities": args.probabilities}
    outputs["--json"] = None if args.json == "-" else args.json
    inputs = (args.embeddings, args.similarities, args.transform, args.categories)
    _options.require_apart(filter(None, inputs), outputs)
    if args.probabilities is not None and args.temperature is None:
        raise InputError(f"--probabilities {args.probabilities} needs --temperature T, by which p = softmax(s / T)")
    x, measure = _rows(args)
    with report.progress(f"drawing {args.triplets:,} triplets"):
        drawn = draw_triplets(
            x, args.triplets, measure=measure, scheme=args.scheme, temperature=args.temperature, seed=args.seed,
            categories=None if args.categories is None else read_categories(args.categories),
            soft=args.probabilities is not None,
        )  # fmt: skip
    document = json.dumps(_figures(args, measure, drawn), indent=2)
    files: dict[str, np.ndarray | str] = {args.out: drawn.triplets}
    if drawn.probabilities is not None:
        files[args.probabilities] = drawn.probabilities
    if outputs["--json"] is not None:
        files[args.json] = document + "\n"
    write_files(files.items())
    if args.json == "-":
        print(document)
        return
    again = [(drawn.n_tied, "ties"), (drawn.n_sharing, "with a category in common")]
    redrawn = "".join(f"; {count:,} drawn again ({why})" for count, why in again if count)
    print(f"{args.out}: {len(drawn.triplets):,} triplets{redrawn}")


def _rows(args: argparse.Namespace) -> tuple[np.ndarray, str]:
    """The embeddings, mapped where that is asked for, or the similarities; and the measure."""
    if args.embeddings:
        file = _inputs.embedding_file(args.embeddings, None)
        return _inputs.transformed(file, args.embeddings, args.transform).values, args.measure or "cosine"
    for option in ("transform", "measure"):
        if getattr(args, option) is not None:
            raise InputError(f"--{option} is for embeddings; --similarities has no use for it")
    return _inputs.embedding_file(args.similarities, None).values, PRECOMPUTED


def _figures(args: argparse.Namespace, measure: str, drawn: SampledTriplets) -> dict[str, object]:
    names = ("embeddings", "similarities", "transform", "categories", "scheme", "temperature", "seed")
    given = {name: getattr(args, name) for name in names}
    counts = {"n_triplets": len(drawn.triplets), "n_tied": drawn.n_tied, "n_sharing": drawn.n_sharing}
    return {"version": __version__, **given, "measure": measure, **counts}
