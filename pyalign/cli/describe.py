"""`pyalign describe`: what a file seems to be."""

from __future__ import annotations

import argparse
import json

import numpy as np

from pyalign import report
from pyalign.analysis.describe import Description, describe
from pyalign.cli import _options
from pyalign.errors import InputError
from pyalign.io import read_embeddings, read_triplets, split_key


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign describe`."""
    parser = _options.add_command(
        subparsers,
        "describe",
        "what a file of embeddings or triplets seems to be",
        "pyalign describe triplets.npy",
    )
    parser.add_argument("file", metavar="FILE", help="embeddings or triplets; FILE::KEY picks an array")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, describes, prints."""
    values, names = _read(args.file)
    found = describe(values)
    if args.json:
        print(json.dumps({"file": args.file, "names": names[:3] if names else None, **found.to_dict()}, indent=2))
    else:
        print(_text(args.file, found, names))


def _read(spec: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The numbers in the file: as a matrix, or else as triplets of names or in a table format."""
    path, key = split_key(spec)
    try:
        file = read_embeddings(path, key=key)
        return file.values, file.names
    except InputError as not_a_matrix:
        try:
            triplets = read_triplets(path, key=key, odd_column="none")
        except InputError:
            raise not_a_matrix from None
        return triplets.triplets, triplets.item_names


def _text(file: str, found: Description, names: tuple[str, ...] | None) -> str:
    span = "none" if found.smallest is None else f"{found.smallest:g} to {found.largest:g}"
    facts = [
        ("seems", found.kind),
        ("shape", f"{found.shape[0]:,} x {found.shape[1]:,}"),
        ("dtype", found.dtype),
        ("range", span),
        ("duplicate rows", f"{found.duplicate_rows:,}"),
        ("NaN rows", f"{found.nan_rows:,}"),
        ("zero rows", f"{found.zero_rows:,}"),
        ("first row", ", ".join(f"{value:g}" for value in found.first_row)),
    ]
    if found.kind == "triplets":
        facts.insert(4, ("base", "unclear" if found.base is None else str(found.base)))
        facts.insert(5, ("repeated items", f"{found.repeated_items:,}"))
    if names:
        facts.append(("names", f"{', '.join(names[:3])}, ... ({len(names):,})"))
    lines = [
        report.one_line(file),
        *(f"  {name:<15} {value}" for name, value in facts),
        *(f"  note: {text}" for text in found.remarks),
    ]
    return "\n".join(lines)
