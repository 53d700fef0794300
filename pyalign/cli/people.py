"""`pyalign agreement`: choice probabilities of models against the shares of many people's answers.

`pyalign ceiling`: how well people predict people on repeated triplets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.analysis.agreement import agreement
from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling
from pyalign.cli import _inputs, _model_choices, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.measures import get_measure
from pyalign.progress import Progress


@dataclass(frozen=True)
class AgreementOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.ManyAnswers,
    _options.Measures, _options.Temperature, _model_choices.ModelChoices, _options.ClosedIntervals, _options.People,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign agreement`."""

    min_answers: int = option(
        "omit triplets with fewer answers (default: 2)", "--minimum", default=2, kind=_options.count, metavar="K"
    )


def run_agreement(options: AgreementOptions, progress: Progress) -> Outcome:
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


AGREEMENT = Command(
    AgreementOptions, run_agreement, "pyalign agreement spose.txt -t t.npy --answers counts.npy", about=("triplets",)
)


@dataclass(frozen=True)
class CeilingOptions(
    _options.TripletFile, _options.People, _options.ManyAnswers, _options.Weighted, _options.Weighting,
    _model_choices.Rows,
    _model_choices.Categories, _options.Output,
):
    """The options of `pyalign ceiling`."""

    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)", default=0.95, kind=float, metavar="P"
    )


def run_ceiling(options: CeilingOptions, progress: Progress) -> Outcome:
    """Reads, counts."""
    triplets = _inputs.read_triplets(options, answered="ceiling")
    found = noise_ceiling(triplets, confidence_level=options.confidence_level, weighting=options.weighting)
    return Outcome(replace(found, triplets=options.triplets))


CEILING = Command(
    CeilingOptions, run_ceiling, "pyalign ceiling -t answers.npy --subject-column 3", about=("triplets",)
)
