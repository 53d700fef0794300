"""`pyalign calibrate`: the temperature of choice probabilities, and how well calibrated they are with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pyalign.analysis.calibration.calibrate import calibrate
from pyalign.analysis.notes import merged, notes_on_order
from pyalign.analysis.score import score
from pyalign.cli import _idle, _inputs, _model_choices, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.data import Embeddings, Triplets, align, alternatives_of, as_answers
from pyalign.data.align import asked_items, one_order
from pyalign.data.missing import Present, with_rows
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import get_measure
from pyalign.progress import Progress

FITTING = "fitting"


@dataclass(frozen=True)
class CalibrateOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.People, _options.ManyAnswers,
    _options.Weighted, _options.Measures, _model_choices.ModelChoices, _options.ClosedIntervals, _idle.Categories,
    _options.Running,
    _options.Output,
):
    """The options of `pyalign calibrate`."""

    human: Spec | None = option(
        "human embedding, such as VICE, whose choice probabilities are used as the answers: of dot products, at "
        "temperature 1", metavar="HUMAN",
        role="input", group=_options.ANSWERS, exclusive="answers",
    )
    split: Literal["objects", "triplets", "none"] = option(
        "what is held out of the temperature that an answer is evaluated at: the triplets with its objects (default), "
        "or the answers to the same triplet; none: nothing",
        default="objects", choices=("objects", "triplets", "none"), group=FITTING,
    )
    lapses: bool = option(
        "also fit how often answers are guesses, whatever the similarities", default=False, group=FITTING
    )


def run(options: CalibrateOptions, progress: Progress) -> Outcome:
    """Reads everything, fits everything."""
    measures = options.measure or ("cosine",)
    for measure in measures:
        get_measure(measure)
    plan, of_people = _inputs.check_intervals(options)
    notes = (*_model_choices.check(options), *of_people)
    labels = _inputs.labelled(_model_choices.models_of(options), options.labels)
    triplets = _inputs.read_triplets(options)
    if options.human is None and not triplets.answered:
        raise InputError(f"{_inputs.said_by(options)} leaves no answers to fit to: give --answers or --human")
    models, choices = _inputs.read_models(options, triplets), _model_choices.arguments(options)
    coverage = None
    if options.human is not None:
        triplets, present = _answered_by_concepts(triplets, models, options)
        coverage = present.coverage
        if choices:
            given = choices["model_choices"].items()
            choices["model_choices"] = {spec: present.of(one, spec) for spec, one in given}
    found = calibrate(
        models, triplets, **choices, measure=measures, split=None if options.split == "none" else options.split,
        lapses=options.lapses, ties=options.ties, nan_policy=options.nan_policy, ci=plan,
        missing=options.missing, backend=options.backend, progress=progress,
    )
    results = _inputs.with_labels(found.results, labels)
    if coverage is not None:
        found, results = replace(found, coverage=coverage), tuple(replace(one, coverage=coverage) for one in results)
    return Outcome(replace(found, triplets=options.triplets, results=results), notes=notes)


def _answered_by_concepts(
    triplets: Triplets, models: Mapping[str, Embeddings], options: CalibrateOptions
) -> tuple[Triplets, Present]:
    """The triplets with choice probabilities of the concept embedding as answers; item numbers are those of the models.

    Only triplets of objects that have a row there and in all models are kept; the second value says which.
    """
    spec = options.human
    assert spec is not None
    ordered, _ = one_order(models, triplets)
    try:
        rows = _inputs.in_described_order(_inputs.read_embeddings(spec, options.names), options, ordered)
        if options.per_object is not None:
            rows = _inputs.per_object(rows, spec, options.per_object, asked_items(ordered), options.missing)
        present = with_rows({**models, spec: rows}, ordered, options.missing)
        triplets = triplets if present.kept is None else present.triplets
        concept = align(rows, present.triplets, spec)
        asked = Triplets(concept.index, task=triplets.task)
        shares = score(
            concept.x, asked, measure="dot", ci=None, keep="probabilities",
        ).probabilities
    except InputError as error:
        told = str(error)
        raise error if told.startswith(spec) else InputError(f"{spec} with {options.triplets}: {told}") from error
    notes = merged(triplets.notes, concept.notes, notes_on_order(concept, spec))
    given = as_answers(shares, len(triplets), alternatives=alternatives_of(triplets.task))
    return replace(triplets, answers=given, answered=True, notes=notes), present


COMMAND = Command(
    CalibrateOptions, run, "pyalign calibrate clip.npy -t triplets.npy --json T.json", about=("triplets",)
)
