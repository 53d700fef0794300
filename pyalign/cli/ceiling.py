"""`pyalign ceiling`: how well people predict people on repeated triplets."""

from __future__ import annotations

import argparse
import json
import math

from pyalign import __version__, report
from pyalign.analysis.ceiling import NoiseCeiling, noise_ceiling
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import write_files

EXAMPLE = "pyalign ceiling --triplets answers.npy --subject-column 3"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign ceiling`."""
    what = "noise ceiling: how well people predict people on repeated triplets"
    parser = _options.add_command(subparsers, "ceiling", what, EXAMPLE)
    parser.add_argument("--triplets", required=True, metavar="T", help="file of (t, 3) triplets")
    _options.add_triplet_options(parser)
    _options.add_subject_options(parser)
    _options.add_counts_option(parser)
    parser.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default: 0.95)")
    _options.add_json_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Reads, counts, prints."""
    path = None if args.json == "-" else args.json
    _options.require_apart(filter(None, [args.triplets, args.subjects, args.counts]), {"--json": path})
    counts = _inputs.counts_of(args)
    triplets = _inputs.triplet_file(args)
    subjects = _inputs.subjects_of(args, triplets)
    try:
        people = noise_ceiling(
            triplets.triplets,
            subjects=None if subjects is None else subjects.codes,
            counts=counts,
            confidence=args.confidence,
        )
    except InputError as error:
        raise InputError(f"{args.triplets}: {error}") from error
    document = json.dumps({"version": __version__, "triplets": args.triplets, **people.to_dict()}, indent=2)
    if path is not None:
        write_files([(path, document + "\n")])
    print(document if args.json == "-" else _text(args.triplets, people))


def _text(triplets: str, people: NoiseCeiling) -> str:
    rows = [
        ("majority share", *_share(people.ceiling, people.standard_error, people.ci)),
        ("  of pure guessing", report.percent(people.guessing), "", ""),
        (
            "leave one person out",
            *_share(people.leave_one_out, people.leave_one_out_standard_error, people.leave_one_out_ci),
        ),
        ("best accuracy of any model", report.percent(people.best_accuracy), "", ""),
        ("least cross-entropy", f"{people.least_cross_entropy:.5f} nats", "", ""),
        ("  corrected for few answers", f"{people.corrected_entropy:.5f} nats", "", ""),
    ]
    table = report.columns_table(("ceiling", "value", "s.e.", f"{100 * people.confidence:g} % interval"), rows)
    persons = "persons not known" if people.n_persons is None else f"{people.n_persons:,} persons"
    notes = [
        f"triplets: {report.one_line(triplets)}",
        f"{people.n_distinct:,} answered at least twice, {people.n_answers:,} answers",
        persons,
        "chance 33.333 %",
    ]
    return "\n".join([table, "; ".join(notes), *(f"note: {remark}" for remark in people.remarks)])


def _share(share: float, error: float, ci: tuple[float, float]) -> tuple[str, str, str]:
    if math.isnan(error):  # of a single triplet
        return report.percent(share), "-", "-"
    return report.percent(share), report.percent(error), report.percent_interval(ci)
