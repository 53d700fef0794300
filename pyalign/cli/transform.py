"""`pyalign transform`: embeddings through a learned linear map."""

from __future__ import annotations

import argparse

from pyalign.cli import _inputs, _options
from pyalign.io import write_array

EXAMPLE = "pyalign transform --embeddings x.npy --transform w.npz --out z.npy"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign transform`."""
    what = "apply a linear map, as `pyalign probe` and gLocal write it, to embeddings"
    parser = _options.add_command(subparsers, "transform", what, EXAMPLE)
    parser.add_argument("--embeddings", required=True, metavar="E", help="file of (n, d) embeddings; FILE::KEY")
    parser.add_argument(
        "--transform",
        required=True,
        metavar="W.npz",
        help="weights, mean, std, and perhaps bias: ((x - mean) / std) W + b",
    )
    parser.add_argument("--out", required=True, type=_options.npy_file, metavar="Z.npy", help="file to write")
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, multiplies, writes."""
    _options.require_apart((args.embeddings, args.transform), {"--out": args.out})
    file = _inputs.embedding_file(args.embeddings, None)
    mapped = _inputs.transformed(file, args.embeddings, args.transform).values
    write_array(args.out, mapped)
    print(f"{args.out}: {mapped.shape[0]:,} x {mapped.shape[1]:,} {mapped.dtype}")
