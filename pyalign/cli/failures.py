"""`pyalign failures`: the triplets that all models get wrong, or one family of models and not another."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from pyalign import __version__, report
from pyalign.analysis.failure_groups import FailureGroup, ModelVerdicts, human_answers, model_verdicts
from pyalign.analysis.failures import Failures, list_failures, require_families
from pyalign.analysis.outcomes import triplet_outcomes
from pyalign.cli import _inputs, _options
from pyalign.errors import InputError
from pyalign.io import EmbeddingFile, TripletFile, read_names, write_files
from pyalign.measures import get_measure

EXAMPLE = "pyalign failures --embeddings a.npy b.npy --triplets t.npy --out f.csv"
SHOWN = 3  # of each group, on the terminal


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign failures`."""
    what = "triplets that every model gets wrong, or one family and not another"
    parser = _options.add_command(subparsers, "failures", what, EXAMPLE)
    _options.add_model_inputs(parser, "names of the embeddings' rows, to list them or to match triplets of names")
    parser.add_argument("--families", nargs="+", metavar="F", help="the family of each of the embeddings")
    _options.add_counts_option(parser)
    _options.add_triplet_options(parser)
    _options.add_subject_options(parser)
    _options.add_measure_options(parser, several=False)
    _options.add_run_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--out", type=_out_file, metavar="PATH", help="write the triplets as a table .csv, or as .json")
    group.add_argument(
        "--limit", type=_options.count, metavar="K", help="list at most K triplets of each group, the clearest"
    )
    _options.add_json_option(group)
    return parser


def _out_file(text: str) -> str:
    if not text.endswith((".csv", ".json")):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .csv or .json; got {text!r}")
    return text


def run(args: argparse.Namespace) -> None:
    """Reads, compares, writes."""
    get_measure(args.measure)
    require_families(args.embeddings, args.families)
    doubled = [spec for spec in args.embeddings if args.embeddings.count(spec) > 1]
    if doubled:
        raise InputError(f"--embeddings must differ; got {doubled[0]} {args.embeddings.count(doubled[0])} times")
    path = None if args.json == "-" else args.json
    inputs = [*args.embeddings, args.triplets, *filter(None, [args.names, args.counts, args.subjects])]
    _options.require_apart(inputs, {"--out": args.out, "--json": path})
    _options.use_threads(args.threads)
    found = _find(args)
    table = args.out is not None and args.out.endswith(".csv")
    document = ""
    if args.json is not None or (args.out is not None and not table):
        document = json.dumps({"version": __version__, "triplets": args.triplets, **found.to_dict()}, indent=2)
    files = {} if path is None else {path: document + "\n"}
    if args.out is not None:
        files[args.out] = found.to_csv() if table else document + "\n"
    write_files(files.items())
    print(document if args.json == "-" else _text(args.triplets, found))


def _find(args: argparse.Namespace) -> Failures:
    counts = _inputs.counts_of(args)
    triplets = _inputs.triplet_file(args)
    subjects = _inputs.subjects_of(args, triplets)
    people = None if subjects is None else np.array(subjects.labels)[subjects.codes]
    try:
        answers = human_answers(triplets.triplets, people, counts)
    except InputError as error:
        raise InputError(f"{args.triplets}: {error}") from error
    triplets = replace(triplets, triplets=answers.triplets)
    names = None if args.names is None else read_names(args.names)
    verdicts: list[ModelVerdicts] = []
    rows = _inputs.SameRows(names, triplets.item_names is not None)
    for spec in args.embeddings:
        embeddings = _inputs.embedding_file(spec, names)
        rows.check(spec, embeddings)
        with report.progress(spec):
            verdicts.append(_verdicts(args, spec, embeddings, triplets))
    named = triplets.item_names or rows.names
    return list_failures(args.embeddings, verdicts, answers, families=args.families, names=named, limit=args.limit)


def _verdicts(args: argparse.Namespace, spec: str, embeddings: EmbeddingFile, triplets: TripletFile) -> ModelVerdicts:
    index = _inputs.index_triplets(triplets, embeddings, spec)
    try:
        return model_verdicts(
            triplet_outcomes(
                embeddings.values, index, measure=args.measure, ties=args.ties, nan=args.nan, backend=args.backend
            )
        )
    except InputError as error:
        raise InputError(f"{spec} with {args.triplets}: {error}") from error


def _text(triplets: str, found: Failures) -> str:
    families = found.families or ("",) * len(found.models)
    rows = [
        (report.one_line(model), family, f"{wrong:,}", report.percent(wrong / found.n_triplets))
        for model, family, wrong in zip(found.models, families, found.n_wrong, strict=True)
    ]
    tables = [report.columns_table(("model", "family", "wrong", "share"), rows)]
    groups = [
        (g.wrong or "every model", g.right or "-", f"{g.n:,}", report.percent(g.n / found.n_triplets))
        for g in found.groups
    ]
    tables.append(report.columns_table(("wrong", "right", "triplets", "share"), groups))
    notes = [f"triplets: {report.one_line(triplets)}", f"{found.n_triplets:,} triplets", f"measure {found.measure}"]
    notes += [f"{found.n_dropped:,} dropped (NaN)"] * bool(found.n_dropped)
    notes += [f"{found.n_undecided:,} without a majority left out"] * bool(found.n_undecided)
    tables.append("; ".join(notes))
    tables += [_examples(found, group) for group in found.groups if len(group.rows)]
    return "\n\n".join(tables)


def _examples(found: Failures, group: FailureGroup) -> str:
    right = f", right for {group.right}" if group.right else ""
    rows, answers = [], set()
    for record in found.records(group):
        answer = frozenset(record["items"]), record["items"][2]
        if answer in answers:  # the same answer again
            continue
        answers.add(answer)
        items = [report.one_line(str(item)) for item in record["names"] or record["items"]]
        share = "-" if record["human_share"] is None else f"{100 * record['human_share']:.1f} %"
        margins = (f"{margin:.4g}" for margin in record["margins"].values())
        rows.append((f"{items[0]}, {items[1]} | {items[2]}", f"{record['row']}", share, *margins))
        if len(rows) == SHOWN:
            break
    header = ("pair | odd one of people", "row", "people", *(f"margin {k + 1}" for k in range(len(rows[0]) - 3)))
    return f"wrong for {group.wrong or 'every model'}{right}, the clearest:\n{report.columns_table(header, rows)}"
