"""`pyalign sample`: the built-in sample as files."""

from __future__ import annotations

import argparse

from pyalign.cli import _options
from pyalign.datasets.sample import write_sample


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign sample`."""
    parser = _options.add_command(
        subparsers,
        "sample",
        "write the built-in sample (411 objects, 28,770 triplets) to a folder",
        "pyalign sample demo",
    )
    parser.add_argument("folder", metavar="DIR", help="folder to write to; made if it isn't there")
    return parser


def run(args: argparse.Namespace) -> None:
    """Writes the sample and says where."""
    for path in write_sample(args.folder):
        print(path)
