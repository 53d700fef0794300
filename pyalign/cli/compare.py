"""`pyalign compare`: several models on the same triplets, with paired intervals."""

from __future__ import annotations

import argparse
import json

from pyalign import __version__, _checks, report
from pyalign.analysis.compare import Comparison, compare
from pyalign.analysis.uncertainty import Plan
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import write_files
from pyalign.measures import get_measure

EXAMPLE = "pyalign compare --embeddings clip.npy vgg.npy --triplets t.npy"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign compare`."""
    what = "paired differences between models, ranks, and agreement of their errors"
    parser = _options.add_command(subparsers, "compare", what, EXAMPLE)
    _options.add_model_inputs(parser)
    parser.add_argument("--labels", nargs="+", metavar="L", help="names for the models (default: their files)")
    _options.add_triplet_options(parser)
    _options.add_measure_options(parser, several=False)
    parser.add_argument("--temperature", type=float, default=1.0, metavar="T", help="p = softmax(s / T) (default: 1)")
    _options.add_interval_options(parser, "objects")
    _options.add_subject_options(parser)
    _options.add_run_options(parser)
    _options.add_json_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, compares, prints."""
    get_measure(args.measure)
    _inputs.require_answers(args, "compare")
    _inputs.require_use_of_subjects(args)
    _checks.as_temperature(args.temperature)
    Plan(args.ci, "bootstrap", args.confidence, args.resamples, args.seed)
    path = None if args.json == "-" else args.json
    inputs = (*args.embeddings, args.triplets, *filter(None, [args.names, args.subjects]))
    _options.require_apart(inputs, {"--json": path})
    _options.use_threads(args.threads)
    names = _inputs.model_names(args.embeddings, args.labels)
    triplets = _inputs.triplet_file(args)
    subjects = _inputs.subjects_of(args, triplets)
    models, index = _inputs.models_and_triplets(args, names, triplets)
    try:
        with report.progress("compare") as say:
            found = compare(
                models, index, measure=args.measure, temperature=args.temperature, ties=args.ties, nan=args.nan,
                backend=args.backend, ci=args.ci, confidence=args.confidence, resamples=args.resamples, seed=args.seed,
                subjects=None if subjects is None else subjects.codes,
                done=lambda b: say(f"resample {b:,}/{args.resamples:,}"),
            )  # fmt: skip
    except InputError as error:
        raise InputError(f"{args.triplets}: {error}") from error
    document = json.dumps({"version": __version__, "triplets": args.triplets, **found.to_dict()}, indent=2)
    if path is not None:
        write_files([(path, document + "\n")])
    print(document if args.json == "-" else _text(args.triplets, found))


def _text(triplets: str, found: Comparison) -> str:
    interval = f"{100 * found.confidence:g} % interval"
    models = report.columns_table(
        ("model", "accuracy", interval, "s.e.", "rank", "interval", "ties", "cross-entropy"),
        [
            (
                report.one_line(m.model), report.percent(m.accuracy), report.percent_interval(m.ci),
                report.percent(m.standard_error), f"{m.rank:g}", f"{m.rank_ci[0]:g} to {m.rank_ci[1]:g}",
                f"{m.n_ties:,}", f"{m.cross_entropy:.5f}",
            )
            for m in found.models
        ],
    )  # fmt: skip
    pairs = report.columns_table(
        ("difference", "accuracy", interval, "p", "p (Holm)", "both wrong", "if independent", "kappa"),
        [
            (
                f"{report.one_line(p.a)} - {report.one_line(p.b)}", report.percent(p.difference),
                report.percent_interval(p.ci), f"{p.p_value:.3g}", f"{p.p_adjusted:.3g}", report.percent(p.both_wrong),
                report.percent(p.both_wrong_expected),
                "-" if p.error_consistency is None else f"{p.error_consistency:.3f}",
            )
            for p in found.pairs
        ],
    )  # fmt: skip
    notes = [
        f"triplets: {report.one_line(triplets)}",
        f"{found.n_triplets:,} triplets",
        f"over {found.ci_by} ({found.resamples:,} resamples, seed {found.seed})",
        f"measure {found.measure}",
        f"T = {found.temperature:g}",
        f"ties {found.ties}",
        "kappa: error consistency, 0 independent, 1 the same errors",
    ]
    if found.n_dropped:
        notes.insert(2, f"{found.n_dropped:,} dropped (NaN)")
    return f"{models}\n\n{pairs}\n{'; '.join(notes)}"
