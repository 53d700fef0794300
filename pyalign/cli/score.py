"""`pyalign score`: odd-one-out accuracy of embeddings on human triplets."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

import numpy as np

from pyalign import __version__, report
from pyalign.analysis.accuracy import NAN, TIES, Score, score_triplets, summarise
from pyalign.analysis.outcomes import outcomes_of
from pyalign.analysis.permutation import permutation_test
from pyalign.analysis.score import plan_of, with_ceiling, with_intervals
from pyalign.analysis.uncertainty import METHODS, Plan
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import EmbeddingFile, TripletFile, read_subjects, split_key, write_files
from pyalign.measures import MEASURES, get_measure
from pyalign.ops.triplets import TripletResults

EXAMPLE = "pyalign score --embeddings clip.npy vgg.npy --triplets t.npy --measure dot"


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign score`."""
    parser = _options.add_command(subparsers, "score", "odd-one-out accuracy of embeddings on human triplets", EXAMPLE)
    _options.add_model_inputs(parser)
    parser.add_argument(
        "--transform", metavar="W.npz", help="linear map that the embeddings go through first, as `probe` writes it"
    )
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
    group.add_argument(
        "--temperature",
        type=_options.temperature,
        default=1.0,
        metavar="T",
        help=_options.TEMPERATURE_HELP,
    )
    group.add_argument("--ties", choices=TIES, default="fractional", help="what a tie counts (default: fractional)")
    group.add_argument(
        "--nan", choices=NAN, default="raise", help="rows with NaN: an error, or left out (default: raise)"
    )
    _options.add_interval_options(parser, None)
    _options.add_subject_options(parser)
    group = parser.add_argument_group("besides")
    group.add_argument("--ci-method", choices=METHODS, default="bootstrap", help="how (default: bootstrap)")
    group.add_argument("--groups", metavar="FILE", help="file of t labels: scores of each group of triplets too")
    group.add_argument(
        "--ceiling", type=float, metavar="C", help="noise ceiling (a fraction): how far from chance to there"
    )
    group.add_argument(
        "--permutations", type=_options.count, metavar="K", help="chance level by K random matchings of rows and items"
    )
    _options.add_run_options(parser)
    group = parser.add_argument_group("output")
    npy: dict[str, Any] = {"type": _options.npy_file, "metavar": "OUT.npy"}
    group.add_argument("--choices", **npy, help="write the odd position of each triplet, -1 for any tie")
    group.add_argument("--probabilities", **npy, help="write p(position is odd), three per triplet")
    _options.add_json_option(group)
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
    _options.use_temperature(args)
    plan = plan_of(args.ci, args.ci_method, args.confidence, args.resamples, args.seed)
    _require_answers(args)
    _inputs.require_use_of_subjects(args)
    _require_use_of_intervals(args)
    outputs = {"--choices": args.choices, "--probabilities": args.probabilities}
    outputs["--json"] = None if args.json == "-" else args.json
    inputs = (*args.embeddings, args.triplets, *filter(None, [args.names, args.subjects, args.groups, args.transform]))
    _options.require_apart(inputs, outputs)
    _options.use_threads(args.threads)
    triplets = _inputs.triplet_file(args)
    names = _inputs.row_names(args.names, triplets)
    extras = _extras(args, triplets, plan)
    results = list(_results(args, triplets, names, extras))
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
        for row in rows:
            print(report.group_table(row), end="")


class Extras(NamedTuple):
    """What is asked for besides the score."""

    plan: Plan | None
    subjects: np.ndarray | None
    groups: np.ndarray | None


def _extras(args: argparse.Namespace, triplets: TripletFile, plan: Plan | None) -> Extras:
    subjects = _inputs.subjects_of(args, triplets)
    groups = None
    if args.groups is not None:
        path, key = split_key(args.groups)
        labels = read_subjects(path, key=key, noun="group")
        if len(labels.codes) != len(triplets.triplets):
            rule = f"groups must have one label per triplet ({len(triplets.triplets)})"
            raise InputError(f"{args.groups}: {rule}; got {len(labels.codes)}")
        groups = np.array(labels.labels)[labels.codes]
    return Extras(plan, None if subjects is None else subjects.codes, groups)


def _require_answers(args: argparse.Namespace) -> None:
    asked = {"--ci": args.ci, "--groups": args.groups, "--ceiling": args.ceiling, "--permutations": args.permutations}
    named = [option for option, value in asked.items() if value is not None]
    if named:
        _inputs.require_answers(args, named[0])


def _require_use_of_intervals(args: argparse.Namespace) -> None:
    if args.ci is not None:
        return
    for option, value, default in (("--ci-method", args.ci_method, "bootstrap"), ("--resamples", args.resamples, 1000)):
        if value != default:
            raise InputError(f"{option} {value} serves intervals alone: add --ci objects, triplets or subjects")


def _choices_alone(args: argparse.Namespace) -> bool:
    return args.odd_column == "none" and args.choice_column is None


def _results(
    args: argparse.Namespace, triplets: TripletFile, names: tuple[str, ...] | None, extras: Extras
) -> Iterator[Result]:
    total, done = len(args.embeddings) * len(args.measure), 0
    for spec in args.embeddings:
        embeddings = _inputs.transformed(_inputs.embedding_file(spec, names), spec, args.transform)
        index = _inputs.index_triplets(triplets, embeddings, spec)
        for measure in args.measure:
            done += 1
            long = total > 1 or extras.plan is not None or args.permutations is not None
            with report.progress(f"[{done}/{total}] {spec} {measure}", show=long) as say:
                yield _one(args, spec, embeddings, index, triplets.positions, measure, extras, say)


def _one(
    args: argparse.Namespace,
    spec: str,
    embeddings: EmbeddingFile,
    index: np.ndarray,
    positions: np.ndarray | None,
    measure: str,
    extras: Extras,
    say: Callable[[str], None],
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
            similarities=extras.plan is not None or extras.groups is not None,
        )
        seconds = time.perf_counter() - started
        row = _row(args, results, n_dropped, measure)
        row.update(_besides(args, embeddings, index, results, n_dropped, measure, extras, say))
    except InputError as error:
        raise InputError(f"{spec} with {args.triplets}: {error}") from error
    if args.transform:
        row["transform"] = args.transform
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


BASIC = {field.name for field in fields(Score) if field.default is MISSING}


def _besides(
    args: argparse.Namespace,
    embeddings: EmbeddingFile,
    index: np.ndarray,
    results: TripletResults,
    n_dropped: int,
    measure: str,
    extras: Extras,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Intervals, groups, place below the ceiling, chance level: what was asked for."""
    score = summarise(results, n_dropped, measure=measure, temperature=args.temperature, ties=args.ties)
    if extras.plan is not None or extras.groups is not None:
        found = outcomes_of(results, score)
        score = with_intervals(
            found, index, extras.plan, subjects=extras.subjects, groups=extras.groups,
            done=lambda b: say(f"resample {b:,}/{args.resamples:,}"),
        )  # fmt: skip
    if args.ceiling is not None:
        score = with_ceiling(score, args.ceiling)
    more = {name: value for name, value in score.to_dict().items() if name not in BASIC}
    if args.permutations is not None:
        test = permutation_test(
            embeddings.values, index, measure=measure, ties=args.ties, nan=args.nan, backend=args.backend,
            seed=args.seed, permutations=args.permutations, confidence=args.confidence,
            done=lambda k: say(f"permutation {k:,}/{args.permutations:,}"),
        )  # fmt: skip
        more["permutation_test"] = test.to_dict()
    return more


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
