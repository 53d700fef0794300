"""`pyalign compare`: several models on the same triplets, with paired intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.analysis.compare import compare
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS


@dataclass(frozen=True)
class CompareOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.OneMeasure, _options.Temperature,
    _options.Intervals, _options.People, _options.Running, _options.Output,
):  # fmt: skip
    """The options of `pyalign compare`."""

    correction: str = option(
        "of p-values over all pairs (default: holm); benjamini-hochberg: the false discovery rate", default="holm",
        choices=tuple(CORRECTIONS), group=_options.INTERVALS,
    )  # fmt: skip
    choose_best: bool = option(
        "how well the best of them does on objects that have not chosen it", default=False, group=_options.INTERVALS
    )


def run(options: CompareOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    get_measure(options.measure)
    if options.ci == "none":
        raise InputError("compare needs intervals: differences are nothing without them; got --ci none")
    _inputs.check_intervals(options)
    temperature = _options.read_temperature(options.temperature, (options.measure,))
    labels = _inputs.labelled(options.embeddings, options.labels)
    triplets = _inputs.read_triplets(options, answered="compare")
    plan = options.resampling()
    assert plan is not None
    models = _inputs.read_models(options, triplets)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    found = compare(
        models, triplets, measure=options.measure, temperature=1.0 if temperature is None else temperature,
        ties=options.ties, nan=options.nan, missing=options.missing, backend=options.backend, ci=plan,
        correction=options.correction, choose_best=options.choose_best, progress=progress,
    )  # fmt: skip
    return Outcome(replace(found, triplets=options.triplets))


COMMAND = Command(CompareOptions, run, "pyalign compare clip.npy vgg.npy -t triplets.npy", about=("triplets",))
