"""`pyalign simulate`: embeddings and triplets whose accuracy is known beforehand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pyalign.cli import _inputs, _options
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.errors import InputError
from pyalign.io import write_files
from pyalign.measures import MEASURES

EXAMPLE = "pyalign simulate big --items 1854 --features 768 --triplets 4700000"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign simulate`."""
    what = "draw triplets from a known choice model, and state the accuracy to expect"
    parser = _options.add_command(subparsers, "simulate", what, EXAMPLE)
    parser.add_argument(
        "folder", metavar="DIR", help="folder to write embeddings.npy, triplets.npy and expected.json to"
    )
    parser.add_argument("--embeddings", metavar="E", help="embeddings to simulate people with (default: random ones)")
    parser.add_argument("--items", type=_options.count, default=1854, metavar="N", help="random items (default: 1854)")
    parser.add_argument(
        "--features", type=_options.count, default=768, metavar="D", help="their features (default: 768)"
    )
    parser.add_argument(
        "--triplets",
        type=_options.count,
        default=4_700_000,
        metavar="T",
        help="triplets (default: 4,700,000)",
    )
    measure = parser.add_argument(
        "--measure", default="cosine", metavar="M", help="similarity measure (default: cosine)"
    )
    _options.complete_with(measure, MEASURES)
    parser.add_argument("--temperature", type=float, default=0.1, metavar="T", help="p = softmax(s / T) (default: 0.1)")
    parser.add_argument("--seed", type=int, default=0, help="seed (default: 0)")
    return parser


def run(args: argparse.Namespace) -> None:
    """Draws, writes, and prints what to expect."""
    if args.seed < 0:
        raise InputError(f"--seed must not be negative; got {args.seed}")
    _options.require_new_folder(args.folder)
    if args.embeddings:
        x = _inputs.embedding_file(args.embeddings, None).values
    else:
        x = random_embeddings(args.items, args.features, args.seed)
    drawn = simulate(x, args.triplets, measure=args.measure, temperature=args.temperature, seed=args.seed)
    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    expected = json.dumps(drawn.to_dict(), indent=2) + "\n"
    arrays = [(folder / "embeddings.npy", x), (folder / "triplets.npy", drawn.triplets)]
    write_files([*arrays, (folder / "expected.json", expected)])
    print(f"{folder}: {len(x):,} x {x.shape[1]:,} embeddings, {len(drawn.triplets):,} triplets")
    print(
        f"expected with measure {drawn.measure} at T = {drawn.temperature:g}: "
        f"accuracy {100 * drawn.expected_accuracy:.3f} % +- {100 * drawn.standard_error:.3f} %, "
        f"cross-entropy {drawn.expected_cross_entropy:.5f} nats"
    )
