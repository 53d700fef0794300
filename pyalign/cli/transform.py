"""`pyalign transform`: embeddings through a learned linear map."""

from __future__ import annotations

import argparse

import numpy as np

from pyalign import _checks
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
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
    bad = np.asarray(~np.isfinite(file.values).all(axis=1))
    try:
        _checks.require_finite(bad)
    except InputError as error:
        raise InputError(f"{args.embeddings}: {error}") from error
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        mapped = _inputs.transformed(file, args.embeddings, args.transform).values
    lost = np.asarray(~np.isfinite(mapped).all(axis=1))
    if lost.any():
        row = int(lost.argmax())
        raise InputError(f"{args.embeddings} with {args.transform}: row {row} overflows {mapped.dtype} after the map")
    write_array(args.out, mapped)
    print(f"{args.out}: {mapped.shape[0]:,} x {mapped.shape[1]:,} {mapped.dtype}")
