"""`pyalign compare`: several models on the same triplets, with paired intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.analysis.compare import compare
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome
from pyalign.measures import get_measure
from pyalign.progress import Progress


@dataclass(frozen=True)
class CompareOptions(
    _options.Models, _options.TripletFile, _options.RowNames, _options.OneMeasure, _options.Temperature,
    _options.Intervals, _options.People, _options.Running, _options.Output,
):  # fmt: skip
    """The options of `pyalign compare`."""


def run(options: CompareOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    get_measure(options.measure)
    plan = options.resampling("objects")
    assert plan is not None
    if plan.by != "subjects":
        _inputs.refuse_subjects(options, "--ci subjects", "intervals over people")
    temperature = _options.read_temperature(options.temperature, (options.measure,))
    labels = _inputs.labelled(options.embeddings, options.labels)
    triplets = _inputs.read_triplets(options, answered="compare")
    models = _inputs.read_models(options)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    found = compare(
        models, triplets, measure=options.measure, temperature=1.0 if temperature is None else temperature,
        ties=options.ties, nan=options.nan, backend=options.backend, ci=plan, progress=progress,
    )  # fmt: skip
    return Outcome(replace(found, triplets=options.triplets))


COMMAND = Command(CompareOptions, run, "pyalign compare clip.npy vgg.npy -t triplets.npy", about=("triplets",))
