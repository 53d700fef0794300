"""`pyalign agreement`: choice probabilities of embeddings beside the shares of many people's answers."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator

import numpy as np

from pyalign import __version__, report
from pyalign.analysis.agreement import Agreement, AgreementBin, agreement
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import TripletFile, write_files
from pyalign.measures import get_measure

EXAMPLE = "pyalign agreement --embeddings spose.txt --triplets t.npy --counts c.npy"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign agreement`."""
    what = "probabilities and entropies of embeddings against those of many people"
    parser = _options.add_command(subparsers, "agreement", what, EXAMPLE)
    _options.add_model_inputs(parser)
    _options.add_counts_option(parser)
    parser.add_argument(
        "--min-answers",
        type=_options.count,
        default=2,
        metavar="K",
        help="leave out triplets with fewer answers (default: 2)",
    )
    _options.add_triplet_options(parser)
    group = _options.add_measure_options(parser, several=True)
    group.add_argument(
        "--temperature", type=_options.temperature, default=1.0, metavar="T", help=_options.TEMPERATURE_HELP
    )
    _options.add_run_options(parser)
    _options.add_json_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, compares, prints."""
    for measure in args.measure:
        get_measure(measure)
    args.temperature = _options.use_temperature(args)
    path = None if args.json == "-" else args.json
    inputs = filter(None, [*args.embeddings, args.triplets, args.names, args.counts])
    _options.require_apart(inputs, {"--json": path})
    _options.use_threads(args.threads)
    counts = _inputs.counts_of(args)
    results = list(_results(args, _inputs.triplet_file(args), counts))
    rows = [{"embeddings": spec, **found.to_dict()} for spec, found in results]
    document = json.dumps({"version": __version__, "triplets": args.triplets, "results": rows}, indent=2)
    if path is not None:
        write_files([(path, document + "\n")])
    print(document if args.json == "-" else _text(args.triplets, results))


def _results(
    args: argparse.Namespace, triplets: TripletFile, counts: np.ndarray | None
) -> Iterator[tuple[str, Agreement]]:
    names = _inputs.row_names(args.names, triplets)
    for spec in args.embeddings:
        embeddings = _inputs.embedding_file(spec, names)
        index = _inputs.index_triplets(triplets, embeddings, spec)
        for measure in args.measure:
            try:
                with report.progress(f"{spec} {measure}"):
                    found = agreement(
                        embeddings.values,
                        index,
                        counts=counts,
                        measure=measure,
                        temperature=args.temperature,
                        min_answers=args.min_answers,
                        ties=args.ties,
                        nan=args.nan,
                        backend=args.backend,
                    )
            except InputError as error:
                raise InputError(f"{spec} with {args.triplets}: {error}") from error
            yield spec, found


HEADER = (
    "embeddings",
    "measure",
    "r shares",
    "r entropy",
    "rho entropy",
    "entropy",
    "KL",
    "JS",
    "accuracy",
    "of majority",
)


def _text(triplets: str, results: list[tuple[str, Agreement]]) -> str:
    first = results[0][1]
    dropped = max(found.n_dropped for _, found in results)
    notes = [
        f"triplets: {report.one_line(triplets)}",
        f"{first.n_distinct:,} with at least {first.min_answers} answers, {first.n_answers:,} answers",
        f"people: entropy {first.human_entropy:.5f}, majority share {report.percent(first.majority_share)}",
        f"T = {first.temperature:g}",
        f"ties {first.ties}",
        "entropy and KL in nats, JS the root of nats",
    ]
    if dropped:
        notes.insert(2, f"up to {dropped:,} dropped (NaN)")
    tables = [report.columns_table(HEADER, [_cells(spec, found) for spec, found in results]), "; ".join(notes)]
    for spec, found in results:
        tables.append(f"\n{report.one_line(spec)}, {found.measure}, by how far people agree:\n{_bins(found.bins)}")
    return "\n".join(tables)


def _cells(spec: str, found: Agreement) -> tuple[str, ...]:
    correlations = (found.share_pearson, found.entropy_pearson, found.entropy_spearman)
    return (
        report.one_line(spec),
        found.measure,
        *("-" if math.isnan(r) else f"{r:.4f}" for r in correlations),
        f"{found.model_entropy:.5f}",
        f"{found.kl:.5f}" if found.kl < 1e5 else f"{found.kl:.3e}",  # at very low temperatures
        f"{found.js_distance:.5f}",
        report.percent(found.accuracy),
        report.percent(found.majority_accuracy),
    )


def _bins(bins: tuple[AgreementBin, ...]) -> str:
    header = ("majority share", "triplets", "mean", "accuracy", "of majority", "p(majority)")
    rows = [
        (
            f"{100 * b.low:.0f} to {100 * b.high:.0f} %",
            f"{b.n_distinct:,}",
            *map(_percent, (b.majority_share, b.accuracy, b.majority_accuracy, b.majority_probability)),
        )
        for b in bins
    ]
    return report.columns_table(header, rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else report.percent(share)
