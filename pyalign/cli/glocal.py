"""`pyalign glocal`: a linear map that predicts human answers and keeps who is near whom among other images."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import numpy as np

from pyalign import __version__, report
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import write_files
from pyalign.io.transform import transform_bytes

if TYPE_CHECKING:
    from pyalign.probing import GlocalFit

EXAMPLE = "pyalign glocal --embeddings x.npy --triplets t.npy --images y.npy --out w.npz"
PENALTIES = ("identity", "frobenius", "squared")


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign glocal`."""
    what = "learn a map that predicts human answers and keeps other images' neighbours"
    parser = _options.add_command(subparsers, "glocal", what, EXAMPLE)
    parser.add_argument("--embeddings", required=True, metavar="E", help="file of (n, d) embeddings; FILE::KEY")
    parser.add_argument("--triplets", required=True, metavar="T", help="file of (t, 3) triplets")
    parser.add_argument(
        "--images", required=True, metavar="I", help="file of (m, d) embeddings of other images by the same model"
    )
    parser.add_argument("--names", metavar="FILE", help="names of the embeddings' rows, when the triplets hold names")
    _options.add_triplet_options(parser)
    _add_map_options(parser)
    group = parser.add_argument_group("running")
    _options.add_backend(group)
    group.add_argument("--threads", type=_options.count, metavar="K", help="threads (default: all cores)")
    group = parser.add_argument_group("output")
    group.add_argument("--out", required=True, metavar="W.npz", help="write the map; Ctrl-C writes the best so far")
    group.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write one JSON document to PATH, or to stdout"
    )
    return parser


def _add_map_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("map")
    group.add_argument(
        "--alpha",
        type=float,
        default=0.25,
        metavar="A",
        help="share of the local loss, in [0, 1) (default: 0.25)",
    )
    group.add_argument("--tau", type=float, default=0.1, help="divides the cosines of images (default: 0.1)")
    group.add_argument(
        "--penalty",
        choices=PENALTIES,
        default="identity",
        help="what is penalised: |W - m I|^2, m the mean of its diagonal (default), |W| or |W|^2",
    )
    group.add_argument("--l2", type=float, default=0.1, metavar="L", help="strength of the penalty (default: 0.1)")
    group.add_argument("--bias", action="store_true", help="add a bias after W")
    group.add_argument(
        "--batch-size",
        type=_options.count,
        default=1024,
        metavar="B",
        help="images among which neighbours are looked for (default: 1024)",
    )
    group.add_argument("--batches", type=_options.count, metavar="K", help="how many batches count (default: all)")
    group.add_argument("--seed", type=int, default=0, help="of the batches (default: 0)")


def run(args: argparse.Namespace) -> None:
    """Reads, fits, and only then writes."""
    from pyalign.probing import fit_glocal

    x, triplets, images = _read(args)
    names = ("alpha", "tau", "penalty", "l2", "bias", "batch_size", "batches", "seed", "backend")
    line = report.ProgressLine()
    try:
        fit = fit_glocal(
            x, triplets, images, report=lambda passes, nats: line.show(f"pass {passes}: objective {nats:.5f}"),
            **{name: getattr(args, name) for name in names},
        )  # fmt: skip
    finally:
        line.clear()
    inputs = {name: getattr(args, name) for name in ("embeddings", "triplets", "images")}
    document = json.dumps({"version": __version__, **inputs, **fit.to_dict()}, indent=2)
    files: dict[str, str | bytes] = {args.out: transform_bytes(fit.transform)}
    if args.json and args.json != "-":
        files[args.json] = document + "\n"
    write_files(files.items())
    if fit.interrupted:
        raise KeyboardInterrupt(f"the best map so far, after {fit.n_passes} passes, is in {args.out}")
    print(document if args.json == "-" else _table(fit))


def _read(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if args.seed < 0:
        raise InputError(f"--seed must not be negative; got {args.seed}")
    if not args.out.endswith(".npz"):
        raise InputError(f"--out must end in .npz; got {args.out}")
    outputs = {"--out": args.out, "--json": None if args.json == "-" else args.json}
    _options.require_apart((args.embeddings, args.triplets, args.images, *filter(None, [args.names])), outputs)
    _options.use_threads(args.threads)
    _inputs.require_answers(args, "glocal")
    read = _inputs.triplet_file(args)
    embeddings = _inputs.embedding_file(args.embeddings, _inputs.row_names(args.names, read))
    triplets = _inputs.index_triplets(read, embeddings, args.embeddings)
    return embeddings.values, triplets, _inputs.embedding_file(args.images, None).values


def _table(fit: GlocalFit) -> str:
    """What the map does to answers and to neighbours, and how to read it."""
    kept = [(f"{k} nearest kept", f"{100 * share:.3f} %") for k, share in fit.neighbors_kept.items()]
    rows = [
        ("accuracy", f"{100 * fit.accuracy:.3f} %"),
        ("cross-entropy", f"{fit.cross_entropy:.5f}"),
        ("local cross-entropy", f"{fit.local_cross_entropy:.5f}"),
        ("its least", f"{fit.teacher_entropy:.5f}"),
        *kept,
        ("objective", f"{fit.objective:.5f}"),
        ("passes", f"{fit.n_passes:,}"),
        ("s", f"{fit.seconds:.1f}"),
    ]
    notes = [
        f"of {fit.n_triplets:,} triplets and {fit.n_images:,} images that the map was fitted to, which flatters: score",
        "triplets of other objects with pyalign score --transform; nats",
    ]
    return "\n".join((report.columns_table(("map", ""), rows), *notes))
