"""`pyalign failures`: the triplets that all models get wrong, or one family of models and not another.

`pyalign consistency`: whether models err on the same triplets, and what the triplets are about that all miss.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.failures.failures import LISTED, Failures, find_failures, require_families
from pyalign.cli import _inputs, _model_choices, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, option, refuse_unused
from pyalign.concept.consistency import error_consistency
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.typing import Correction, Policy


@dataclass(frozen=True)
class FailureOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.ManyAnswers, _options.People,
    _options.OneMeasure, _options.Temperature, _model_choices.ModelChoices, _model_choices.Categories, _options.Running,
    _options.Output,
):
    """The options of `pyalign failures`."""

    families: tuple[str, ...] | None = option(
        "family of each model; none typed: those of `pyalign models list --metadata`", nargs="*"
    )
    out: str | None = option(
        "write all triplets: a .csv table, .json, or arrays in .npz, which is best for millions",
        kind=_options.ending(".csv", ".json", ".npz", devices=False), metavar="PATH", group=OUTPUT,
    )
    limit: int | None = option(
        f"list at most the K clearest triplets of each group (default: {LISTED}; --out: all)", group=OUTPUT
    )
    min_models: int | None = option(
        "list triplets that at least K of the models get wrong (default: that all of them get wrong)", "--minimum",
        group=OUTPUT,
    )


def run_failures(options: FailureOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    get_measure(options.measure)
    notes, called = _model_choices.check(options), _model_choices.models_of(options)
    families, looked_up = _model_choices.families_of(options)
    require_families(called, families)
    temperature = _options.read_temperature(options.temperature, (options.measure,))
    labels = _inputs.labeled(called, options.labels)
    triplets = _inputs.read_triplets(options, answered="failures")
    models, choices = _inputs.read_models(options, triplets), _model_choices.arguments(options)
    if labels is not None:
        models, choices = _model_choices.renamed(models, choices, dict(zip(called, labels, strict=True)))
    limit = LISTED if options.limit is None and options.out is None else options.limit
    failures = find_failures(
        models, triplets, **choices, families=families, limit=limit, min_models=options.min_models,
        measure=options.measure, temperature=1.0 if temperature is None else temperature, ties=options.ties,
        nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, progress=progress,
    )
    failures = replace(failures, triplets=options.triplets)
    files: dict[str, Output] = {}
    if options.out is not None:
        files[options.out] = _listed(failures, options.out)
    return Outcome(failures if options.limit is not None else failures.first(LISTED), files, notes=(*notes, *looked_up))


def _listed(failures: Failures, path: str) -> Output:
    if path.endswith(".npz"):
        buffer = io.BytesIO()
        np.savez(buffer, **failures.columns())  # type: ignore[arg-type]
        return buffer.getvalue()
    return failures.to_csv() if path.endswith(".csv") else failures.to_json() + "\n"


FAILURES = Command(
    FailureOptions, run_failures, "pyalign failures a.npy b.npy -t t.npy --families one two --out f.csv",
    about=("triplets",),
)


@dataclass(frozen=True)
class ConsistencyOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _model_choices.ModelChoices,
    _shared_options.Concepts, _options.Nearness, _options.Intervals, _options.People, _options.Running, _options.Output,
):
    """The options of `pyalign consistency`."""

    nan_policy: Policy = option(
        "rows with NaN, or triplets without a choice: raise an error, or omit them (default: raise)", default="raise",
        choices=("raise", "omit"), group=_options.MODEL,
    )
    correction: Correction = _options.corrected("over all pairs, and over all concepts")


def run_consistency(options: ConsistencyOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    notes = _check(options)
    labels = _inputs.labeled(_model_choices.models_of(options), options.labels)
    triplets = _inputs.read_triplets(options, answered="consistency")
    dimensions = _shared_options.dimensions_of(options, triplets)
    categories = _shared_options.read_categories(options.categories)
    models = _inputs.read_models(options, triplets) if options.embeddings else None
    consistency = error_consistency(
        models, triplets, **_model_choices.arguments(options), dimensions=dimensions, categories=categories,
        measure=options.measure, nan_policy=options.nan_policy, missing=options.missing, backend=options.backend,
        ci=options.resampling(), correction=options.correction, min_triplets=options.min_triplets, progress=progress,
    )
    replaced: dict[str, Any] = {"triplets": options.triplets, "dimensions": options.dimensions}
    replaced["categories"] = options.categories
    if labels is not None:
        replaced["models"] = tuple(
            replace(errors, label=label) for errors, label in zip(consistency.models, labels, strict=True)
        )
    return Outcome(replace(consistency, **replaced), notes=notes)


def _check(options: ConsistencyOptions) -> tuple[str, ...]:
    """What is wrong whatever the files hold."""
    get_measure(options.measure)
    notes = _inputs.check_intervals(options)[1] + _model_choices.check(options)
    _options.refuse_without_intervals(options, "correction", "min_triplets")
    if options.dimensions is None:
        refuse_unused(options, ("dimension_labels",), "human dimensions: add --dimensions")
        if options.categories is None:
            refuse_unused(options, ("min_triplets",), "concepts: add --dimensions or --categories")
    specs = _model_choices.models_of(options)
    twice = [spec for spec in specs if specs.count(spec) > 1]
    if twice:
        raise InputError(f"models must differ; got {twice[0]} {specs.count(twice[0])} times")
    if len(specs) < 2:
        raise _inputs.one_model("consistency", specs[0], options.transform)
    return notes


CONSISTENCY = Command(
    ConsistencyOptions, run_consistency, "pyalign consistency a.npy b.npy -t t.npy --categories c.csv",
    about=("triplets",),
)
