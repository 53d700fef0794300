"""`pyalign calibrate`: the temperature of choice probabilities, and how well calibrated they are with it; or, at a
given temperature, how well they agree with the shares of many participants' answers.

`pyalign recover`: can these triplets distinguish these models, and how many would it take?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.agreement import agreement
from pyalign.analysis.calibration.calibrate import calibrate
from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling
from pyalign.analysis.notes import merged, notes_on_order
from pyalign.analysis.score import score
from pyalign.cli import _inputs, _model_choices, _options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.data import Embeddings, Triplets, align, alternatives_of, as_answers
from pyalign.data.align import asked_items, one_order
from pyalign.data.missing import WithRows, with_rows
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES, get_measure
from pyalign.recovery.recover import recover
from pyalign.stats.resampling import Resampling
from pyalign.typing import MeasureName

FITTING, GIVEN = "fitting", "no fitting: agreement with the shares of many participants' answers"


@dataclass(frozen=True)
class CalibrateOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _options.People, _options.ManyAnswers,
    _options.Weighted, _options.Measures, _model_choices.ModelChoices, _options.ClosedIntervals,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign calibrate`."""

    human: Spec | None = option(
        "human embedding, such as VICE, whose choice probabilities are used as the answers: of dot products, at "
        "temperature 1", group=_options.ANSWERS, exclusive="answers",
    )
    split: Literal["objects", "triplets", "none"] = option(
        "what is held out of the temperature that an answer is evaluated at: the triplets with its objects (default), "
        "or the answers to the same triplet; none: nothing",
        default="objects", choices=("objects", "triplets", "none"), group=FITTING,
    )
    temperature: float | Spec | None = option(
        "compare probabilities at this temperature, and their entropies, with the shares; FILE::MODEL/MODULE reads "
        "one published by human_alignment, for dot", kind=_options.temperature, role="input", group=GIVEN,
    )
    min_answers: int | None = option(
        "omit triplets with fewer answers (default: 2); temperature is 1 unless given", "--minimum", group=GIVEN
    )


def run_calibrate(options: CalibrateOptions, progress: Progress) -> Outcome:
    """Reads everything, fits everything."""
    measures = options.measure or ("cosine",)
    for measure in measures:
        get_measure(measure)
    plan, of_people = _inputs.check_intervals(options)
    notes = (*_model_choices.check(options), *of_people)
    labels = _inputs.labeled(_model_choices.models_of(options), options.labels)
    if options.temperature is not None or options.min_answers is not None:
        return _agreement(options, measures, plan, labels, notes, progress)
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
    result = calibrate(
        models, triplets, **choices, measure=measures, split=None if options.split == "none" else options.split,
        ties=options.ties, nan_policy=options.nan_policy, ci=plan,
        missing=options.missing, backend=options.backend, progress=progress,
    )
    results = _inputs.with_labels(result.results, labels)
    if coverage is not None:
        result, results = replace(result, coverage=coverage), tuple(replace(one, coverage=coverage) for one in results)
    return Outcome(replace(result, triplets=options.triplets, results=results), notes=notes)


def _agreement(
    options: CalibrateOptions, measures: tuple[MeasureName, ...], plan: Resampling | None, labels: list[str] | None,
    notes: tuple[str, ...], progress: Progress,
) -> Outcome:
    """Compares probabilities at the temperature that the options state."""
    refuse_unused(options, ("human", "split", "weights"), "a fit, and --temperature or --minimum omits it")
    temperature = _options.read_temperature(options.temperature, measures)
    triplets = _inputs.read_triplets(options, answered="agreement")
    result = agreement(
        _inputs.read_models(options, triplets), triplets, **_model_choices.arguments(options), measure=measures,
        temperature=1.0 if temperature is None else temperature,
        min_answers=2 if options.min_answers is None else options.min_answers, ci=plan, ties=options.ties,
        nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, progress=progress,
    )
    results = _inputs.with_labels(result.results, labels)
    return Outcome(replace(result, triplets=options.triplets, results=results), notes=notes)


def _answered_by_concepts(
    triplets: Triplets, models: Mapping[str, Embeddings], options: CalibrateOptions
) -> tuple[Triplets, WithRows]:
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
        shares = score(concept.x, asked, measure="dot", ci=None, keep="probabilities").probabilities
    except InputError as error:
        message = str(error)
        raise error if message.startswith(spec) else InputError(f"{spec} with {options.triplets}: {message}") from error
    notes = merged(triplets.notes, concept.notes, notes_on_order(concept, spec))
    given = as_answers(shares, len(triplets), alternatives=alternatives_of(triplets.task))
    return replace(triplets, answers=given, answered=True, notes=notes), present


CALIBRATE = Command(
    CalibrateOptions, run_calibrate, "pyalign calibrate clip.npy -t triplets.npy --json T.json", about=("triplets",)
)


ANSWERING = f"answers\n{_options.MODEL.partition(chr(10))[2]}"
SIMULATING = "simulations"


@dataclass(frozen=True)
class RecoverOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Mapped, _model_choices.People,
    _model_choices.Nan,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign recover`."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one of those above for all models, or one for each (default: cosine)", nargs="+",
        group=ANSWERING, words=MEASURES,
    )
    temperature: tuple[float, ...] | None = option(
        "temperature at which models answer, one for all or one for each (default: the one that fits the human "
        "answers best)", nargs="+", group=ANSWERING,
    )
    n_simulations: int | None = option(
        "number of simulations of each model at each number of triplets (default: 100)", group=SIMULATING
    )
    n_triplets: tuple[int, ...] | None = option(
        "numbers of triplets to try, which may exceed those in the file (default: successive halves, and doubles "
        "until the target is reached)", "--count", nargs="+", group=SIMULATING,
    )
    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)", default=0.95, group=SIMULATING
    )
    seed: int = option("random seed (default: 0)", default=0, group=SIMULATING)


def run_recover(options: RecoverOptions, progress: Progress) -> Outcome:
    """Reads, simulates, counts."""
    for measure in options.measure or ():
        get_measure(measure)
    if len(options.embeddings) < 2:
        raise InputError("--embeddings must be at least two models to distinguish; got 1")
    _inputs.labeled(options.embeddings, options.labels)  # before anything is read
    for flag, values in (("--measure", options.measure), ("--temperature", options.temperature)):
        _check_number(flag, values, len(options.embeddings))
    answered = "recover without --temperature" if options.temperature is None else None
    triplets = _inputs.read_triplets(options, answered=answered)
    models = _inputs.read_labeled(options, triplets)
    recovery = recover(
        models, triplets, measure=_each(options.measure or ("cosine",), list(models)),
        temperature=None if options.temperature is None else _each(options.temperature, list(models)),
        n_simulations=options.n_simulations, n_triplets=options.n_triplets, confidence_level=options.confidence_level,
        seed=options.seed, missing=options.missing, backend=options.backend, progress=progress,
    )
    return Outcome(replace(recovery, triplets=options.triplets))


def _check_number(flag: str, values: Sequence[object] | None, models: int) -> None:
    if values is not None and len(values) not in (1, models):
        raise InputError(f"{flag} must be one for all, or one for each of {models} models; got {len(values)}")


def _each(values: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """A value for each model, by its name; `values` holds one for all or one for each."""
    return dict(zip(names, values if len(values) > 1 else [values[0]] * len(names), strict=True))


RECOVER = Command(RecoverOptions, run_recover, "pyalign recover clip.npy vgg.npy -t triplets.npy", about=("triplets",))


@dataclass(frozen=True)
class CeilingOptions(
    _options.TripletFile, _options.People, _options.ManyAnswers, _options.Weighted, _model_choices.Rows,
    _model_choices.Categories, _options.Output,
):
    """The options of `pyalign ceiling`."""

    confidence_level: float = option("confidence level of the intervals (default: 0.95)", default=0.95)


def run_ceiling(options: CeilingOptions, progress: Progress) -> Outcome:
    """Reads, counts."""
    triplets = _inputs.read_triplets(options, answered="ceiling")
    result = noise_ceiling(triplets, confidence_level=options.confidence_level)
    return Outcome(replace(result, triplets=options.triplets))


CEILING = Command(CeilingOptions, run_ceiling, "pyalign ceiling -t answers.npy --subject-column 3", about=("triplets",))
