"""`pyalign failures`: the triplets that all models get wrong, or one family of models and not another."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

from pyalign.analysis.failures.failures import find_failures, require_families
from pyalign.cli import _idle, _inputs, _model_choices, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, option
from pyalign.measures import get_measure
from pyalign.progress import Progress


def table_or_document(text: str) -> str:
    """A file to write as .csv or .json."""
    if not text.endswith((".csv", ".json")):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .csv or .json; got {text!r}")
    return text


@dataclass(frozen=True)
class FailureOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.ManyAnswers, _options.People,
    _options.OneMeasure, _options.Temperature, _model_choices.ModelChoices, _idle.Categories, _options.Running,
    _options.Output,
):
    """The options of `pyalign failures`."""

    families: tuple[str, ...] | None = option(
        "family of each model; none typed: those of `pyalign models table`", nargs="*", metavar="F"
    )
    out: str | None = option(
        "write the triplets as a .csv table, or as .json", kind=table_or_document, metavar="PATH", role="output",
        group=OUTPUT,
    )
    limit: int | None = option(
        "list at most the K clearest triplets of each group", kind=_options.count, metavar="K", group=OUTPUT
    )
    min_models: int | None = option(
        "list triplets that at least K of the models get wrong (default: that all of them get wrong)", "--minimum",
        kind=_options.count, metavar="K", group=OUTPUT,
    )


def run(options: FailureOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    get_measure(options.measure)
    notes, called = _model_choices.check(options), _model_choices.models_of(options)
    families, looked_up = _model_choices.families_of(options)
    require_families(called, families)
    temperature = _options.read_temperature(options.temperature, (options.measure,))
    labels = _inputs.labelled(called, options.labels)
    triplets = _inputs.read_triplets(options, answered="failures")
    models, choices = _inputs.read_models(options, triplets), _model_choices.arguments(options)
    if labels is not None:
        models, choices = _model_choices.renamed(models, choices, dict(zip(called, labels, strict=True)))
    failures = find_failures(
        models, triplets, **choices, families=families, limit=options.limit, min_models=options.min_models,
        measure=options.measure, temperature=1.0 if temperature is None else temperature, ties=options.ties,
        nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, progress=progress,
    )
    failures = replace(failures, triplets=options.triplets)
    files = {}
    if options.out is not None:
        as_table = options.out.endswith(".csv")
        files[options.out] = failures.to_csv() if as_table else failures.to_json() + "\n"
    return Outcome(failures, files, notes=(*notes, *looked_up))


COMMAND = Command(
    FailureOptions, run, "pyalign failures a.npy b.npy -t t.npy --families one two --out f.csv", about=("triplets",)
)
