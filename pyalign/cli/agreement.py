"""`pyalign agreement`: choice probabilities of models against the shares of many people's answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.analysis.agreement import agreement
from pyalign.cli import _idle, _inputs, _model_choices, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.measures import get_measure
from pyalign.progress import Progress


@dataclass(frozen=True)
class AgreementOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.ManyAnswers,
    _options.Measures, _options.Temperature, _model_choices.ModelChoices, _options.ClosedIntervals, _options.People,
    _idle.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign agreement`."""

    min_answers: int = option(
        "omit triplets with fewer answers (default: 2)", "--minimum", default=2, kind=_options.count, metavar="K"
    )


def run(options: AgreementOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = options.measure or ("cosine",)
    for measure in measures:
        get_measure(measure)
    plan, of_people = _inputs.check_intervals(options)
    notes = (*_model_choices.check(options), *of_people)
    temperature = _options.read_temperature(options.temperature, measures) or 1.0
    labels = _inputs.labelled(_model_choices.models_of(options), options.labels)
    triplets = _inputs.read_triplets(options, answered="agreement")
    result = agreement(
        _inputs.read_models(options, triplets), triplets, **_model_choices.arguments(options), measure=measures,
        temperature=temperature, min_answers=options.min_answers, ci=plan, ties=options.ties,
        nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, progress=progress,
    )
    results = _inputs.with_labels(result.results, labels)
    return Outcome(replace(result, triplets=options.triplets, results=results), notes=notes)


COMMAND = Command(
    AgreementOptions, run, "pyalign agreement spose.txt -t t.npy --answers counts.npy", about=("triplets",)
)
