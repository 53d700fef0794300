"""`pyalign score`: odd-one-out accuracy of embeddings on human triplets."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pyalign import __version__, _checks, report
from pyalign.analysis.score import NAN, TIES, score_triplets, summarise
from pyalign.cli import _options
from pyalign.errors import InputError
from pyalign.io import EmbeddingFile, TripletFile, write_files
from pyalign.measures import MEASURES, get_measure
from pyalign.ops.triplets import TripletResults

EXAMPLE = "pyalign score --embeddings clip.npy vgg.npy --triplets t.npy --measure dot"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign score`."""
    parser = _options.add_command(subparsers, "score", "odd-one-out accuracy of embeddings on human triplets", EXAMPLE)
    parser.add_argument(
        "--embeddings",
        nargs="+",
        required=True,
        metavar="E",
        help="files of (n, d) embeddings; FILE::KEY picks an array",
    )
    parser.add_argument("--triplets", required=True, metavar="T", help="file of (t, 3) triplets")
    parser.add_argument("--names", metavar="FILE", help="names of the embeddings' rows, when the triplets hold names")
    _options.add_triplet_options(parser)
    formulas = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in MEASURES.values())
    group = parser.add_argument_group("scoring", f"measures, larger is more alike; rbf:2.5 gives sigma:\n{formulas}")
    measure = group.add_argument(
        "--measure",
        nargs="+",
        default=["cosine"],
        metavar="M",
        help="one or more of the measures above (default: cosine)",
    )
    _options.complete_with(measure, MEASURES)
    group.add_argument("--temperature", type=float, default=1.0, metavar="T", help="p = softmax(s / T) (default: 1)")
    group.add_argument("--ties", choices=TIES, default="fractional", help="what a tie counts (default: fractional)")
    group.add_argument(
        "--nan", choices=NAN, default="raise", help="rows with NaN: an error, or left out (default: raise)"
    )
    _options.add_run_options(parser)
    group = parser.add_argument_group("output")
    npy: dict[str, Any] = {"type": _options.npy_file, "metavar": "OUT.npy"}
    group.add_argument("--choices", **npy, help="write the odd position of each triplet, -1 for any tie")
    group.add_argument("--probabilities", **npy, help="write p(position is odd), three per triplet")
    group.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write one JSON document to PATH, or to stdout"
    )
    return parser


class Result(NamedTuple):
    """One row of the table: what the JSON document holds, and the arrays to write."""

    row: dict[str, Any]
    choices: np.ndarray | None
    probabilities: np.ndarray | None


def run(args: argparse.Namespace) -> None:
    """Reads everything, computes everything, and only then writes."""
    for measure in args.measure:
        get_measure(measure)
    _checks.as_temperature(args.temperature)
    outputs = {"--choices": args.choices, "--probabilities": args.probabilities}
    outputs["--json"] = None if args.json == "-" else args.json
    inputs = (*args.embeddings, args.triplets, *filter(None, [args.names]))
    _options.require_apart(inputs, outputs)
    _options.use_threads(args.threads)
    triplets = _options.triplet_file(args)
    names = _options.row_names(args.names, triplets)
    results = list(_results(args, triplets, names))
    rows = [result.row for result in results]
    document = json.dumps({"version": __version__, "triplets": args.triplets, "results": rows}, indent=2)
    files = _arrays(args, results)
    if outputs["--json"] is not None:
        files[args.json] = document + "\n"
    write_files(files.items())
    if args.json == "-":
        print(document)
        return
    if _choices_alone(args) and not args.choices:
        _print_choices(results)
    else:
        print(report.score_table(rows, args.triplets, report.terminal_width()))


def _choices_alone(args: argparse.Namespace) -> bool:
    return args.odd_column == "none" and args.choice_column is None


def _results(args: argparse.Namespace, triplets: TripletFile, names: tuple[str, ...] | None) -> Iterator[Result]:
    total, done = len(args.embeddings) * len(args.measure), 0
    for spec in args.embeddings:
        embeddings = _options.embedding_file(spec, names)
        index = _options.index_triplets(triplets, embeddings, spec)
        for measure in args.measure:
            done += 1
            with report.progress(f"[{done}/{total}] {spec} {measure}", show=total > 1):
                yield _one(args, spec, embeddings, index, triplets.positions, measure)


def _one(
    args: argparse.Namespace,
    spec: str,
    embeddings: EmbeddingFile,
    index: np.ndarray,
    positions: np.ndarray | None,
    measure: str,
) -> Result:
    started = time.perf_counter()
    try:
        results, n_dropped = score_triplets(
            embeddings.values,
            index,
            measure=measure,
            temperature=args.temperature,
            ties=args.ties,
            nan=args.nan,
            backend=args.backend,
            choices=bool(args.choices) or _choices_alone(args),
            probabilities=bool(args.probabilities),
        )
    except InputError as error:
        raise InputError(f"{spec} with {args.triplets}: {error}") from error
    seconds = time.perf_counter() - started
    row = _row(args, results, n_dropped, measure)
    row = {"embeddings": spec, **row, "seconds": seconds, "triplets_per_second": len(index) / seconds}
    return Result(row, *_as_in_file(results, positions))


def _row(args: argparse.Namespace, results: TripletResults, n_dropped: int, measure: str) -> dict[str, Any]:
    values = summarise(results, n_dropped, measure=measure, temperature=args.temperature, ties=args.ties).to_dict()
    if _choices_alone(args):
        values.update(accuracy=None, cross_entropy=None)
    order = (
        "measure",
        "temperature",
        "ties",
        "nan",
        "backend",
        "accuracy",
        "n_triplets",
        "n_ties",
        "n_dropped",
    )
    values["nan"] = args.nan
    return {name: values[name] for name in (*order, "cross_entropy", "mean_entropy")}


def _as_in_file(results: TripletResults, positions: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Choices and probabilities by the position that an item has in the file, where reading moved the odd one last."""
    choices, probabilities = results.choices, results.probabilities
    if positions is None:
        return choices, probabilities
    if choices is not None:
        moved = positions[choices] if positions.ndim == 1 else np.take_along_axis(positions, choices[:, None], 1)[:, 0]
        choices = np.where(choices < 0, choices, moved).astype(np.int8)
    if probabilities is not None:
        target = np.empty_like(probabilities)
        np.put_along_axis(target, np.broadcast_to(positions, probabilities.shape).astype(np.int64), probabilities, 1)
        probabilities = target
    return choices, probabilities


def _arrays(args: argparse.Namespace, results: list[Result]) -> dict[str, np.ndarray | str]:
    """What to write where. One result: (t,) and (t, 3); several: a leading axis, in the order of the table."""
    files: dict[str, np.ndarray | str] = {}
    for path, field in ((args.choices, "choices"), (args.probabilities, "probabilities")):
        if path is not None:
            arrays = [getattr(result, field) for result in results]
            files[path] = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    return files


def _print_choices(results: list[Result]) -> None:
    """A line per triplet, a column per result."""
    table = np.stack([result.choices for result in results if result.choices is not None], axis=1)
    np.savetxt(sys.stdout, table, fmt="%d", delimiter="\t")
