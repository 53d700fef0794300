"""`pyalign consistency`: whether models err on the same triplets, and what the triplets are about that all miss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _inputs, _model_choices, _options, _shared_options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.concept.consistency import error_consistency
from pyalign.errors import InputError
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS
from pyalign.typing import Correction, MeasureName, Policy


@dataclass(frozen=True)
class ConsistencyOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _model_choices.ModelChoices,
    _shared_options.Concepts, _options.Intervals, _options.People, _options.Running, _options.Output,
):
    """The options of `pyalign consistency`."""

    measure: MeasureName = option(
        "similarity measure, one of those above (default: cosine)", default="cosine", metavar="M", group=_options.MODEL,
        words=MEASURES,
    )
    nan_policy: Policy = option(
        "rows with NaN, or triplets without a choice: raise an error, or omit them (default: raise)", default="raise",
        choices=("raise", "omit"), group=_options.MODEL,
    )
    correction: Correction = option(
        "correction of p-values over all pairs, and over all concepts (default: holm)", default="holm",
        choices=tuple(CORRECTIONS), group=_options.INTERVALS,
    )


def run(options: ConsistencyOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    notes = _check(options)
    labels = _inputs.labelled(_model_choices.models_of(options), options.labels)
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
    if options.ci == "none":
        refuse_unused(options, ("correction", "min_triplets"), "intervals, and --ci none omits them")
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


COMMAND = Command(
    ConsistencyOptions, run, "pyalign consistency a.npy b.npy -t t.npy --categories c.csv",
    about=("triplets",),
)
