"""`pyalign calibrate`: the temperature of choice probabilities, and how well calibrated they are with it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from pyalign import __version__, report
from pyalign.analysis.calibration import calibrate
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import EmbeddingFile, TripletFile, read_embeddings, split_key, write_files
from pyalign.measures import MEASURES, get_measure
from pyalign.ops.triplets import choice_probabilities
from pyalign.report.calibration import calibration_table

EXAMPLE = "pyalign calibrate --embeddings clip.npy --triplets t.npy --json T.json"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign calibrate`."""
    what = "fit the temperature of choice probabilities; report their calibration"
    parser = _options.add_command(subparsers, "calibrate", what, EXAMPLE)
    _options.add_model_inputs(parser)
    _options.add_triplet_options(parser)
    _add_target_options(parser)
    _options.add_measure_options(parser, several=True)
    group = parser.add_argument_group("fitting")
    group.add_argument(
        "--split",
        choices=("objects", "triplets", "none"),
        default="objects",
        help="report on triplets of objects, or on triplets, that the fit did not see (default: objects); "
        "none: fit and report on all",
    )
    group.add_argument("--held-out", type=float, default=0.5, metavar="P", help="fraction to report on (default: 0.5)")
    group.add_argument("--seed", type=int, default=0, help="seed of the split (default: 0)")
    group.add_argument("--bins", type=int, default=10, metavar="B", help="bins of confidence (default: 10)")
    _options.add_run_options(parser)
    _options.add_json_option(parser.add_argument_group("output"))
    return parser


def _add_target_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("soft targets, in place of the odd column")
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--targets",
        metavar="FILE",
        help="(t, 3) by odd position: counts of answers (whole numbers) or probabilities",
    )
    either.add_argument(
        "--target-embedding",
        metavar="E2",
        help="concept embedding, such as VICE, whose choice probabilities are the targets",
    )
    measure = group.add_argument("--target-measure", default="dot", metavar="M", help="of E2 (default: dot)")
    _options.complete_with(measure, MEASURES)
    group.add_argument("--target-temperature", type=float, default=1.0, metavar="T", help="of E2 (default: 1)")


def run(args: argparse.Namespace) -> None:
    """Reads everything, fits everything, and only then writes."""
    for measure in (*args.measure, args.target_measure):
        get_measure(measure)
    soft = args.targets or args.target_embedding
    if args.odd_column == "none" and args.choice_column is None and not soft:
        raise InputError("--odd-column none leaves no answers to fit to; give --targets or --target-embedding")
    inputs = (*args.embeddings, args.triplets, *filter(None, [args.names, args.targets, args.target_embedding]))
    _options.require_apart(inputs, {"--json": None if args.json == "-" else args.json})
    _options.use_threads(args.threads)
    rows = list(_results(args))
    document = json.dumps({"version": __version__, "triplets": args.triplets, "results": rows}, indent=2)
    if args.json not in (None, "-"):
        write_files([(args.json, document + "\n")])
    print(document if args.json == "-" else calibration_table(rows, args.triplets, report.terminal_width()))


def _results(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    triplets = _inputs.triplet_file(args)
    names = _inputs.row_names(args.names, triplets)
    targets = _targets(args, triplets, names)
    total, done = len(args.embeddings) * len(args.measure), 0
    for spec in args.embeddings:
        embeddings = _inputs.embedding_file(spec, names)
        index = _inputs.index_triplets(triplets, embeddings, spec)
        for measure in args.measure:
            done += 1
            with report.progress(f"[{done}/{total}] {spec} {measure}", show=total > 1):
                yield _one(args, spec, embeddings, index, targets, measure)


def _one(
    args: argparse.Namespace,
    spec: str,
    embeddings: EmbeddingFile,
    index: np.ndarray,
    targets: np.ndarray | None,
    measure: str,
) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        calibration = calibrate(
            embeddings.values,
            index,
            targets=targets,
            measure=measure,
            split=None if args.split == "none" else args.split,
            held_out=args.held_out,
            seed=args.seed,
            bins=args.bins,
            ties=args.ties,
            nan=args.nan,
            backend=args.backend,
        )
    except InputError as error:
        raise InputError(f"{spec} with {args.triplets}: {error}") from error
    return {"embeddings": spec, **calibration.to_dict(), "seconds": time.perf_counter() - started}


def _targets(args: argparse.Namespace, triplets: TripletFile, names: tuple[str, ...] | None) -> np.ndarray | None:
    """Soft targets by the positions that the items have after reading, or None."""
    if args.targets:
        path, key = split_key(args.targets)
        return _inputs.by_position(_whole_as_counts(read_embeddings(path, key=key).values), triplets, args.targets)
    if not args.target_embedding:
        return None
    spec = args.target_embedding
    concept = _inputs.embedding_file(spec, names)
    index = _inputs.index_triplets(triplets, concept, spec)
    try:
        probabilities: np.ndarray = choice_probabilities(
            concept.values, index, measure=args.target_measure, temperature=args.target_temperature
        )
    except InputError as error:
        raise InputError(f"{spec} with {args.triplets}: {error}") from error
    return probabilities


def _whole_as_counts(values: np.ndarray) -> np.ndarray:
    """Text files don't say whether 3 is a count: where all numbers are whole, they are."""
    with np.errstate(invalid="ignore"):
        whole = values.dtype.kind == "f" and bool((np.isfinite(values) & (values == np.round(values))).all())
    return values.astype(np.int64) if whole else values
