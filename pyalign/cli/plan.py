"""`pyalign plan ...`: how large a study must be, and which triplets to show, before anybody is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyalign._result import load_result
from pyalign.analysis.comparison.compare import compare
from pyalign.analysis.experiment import ANSWERS, EFFECTS, N_OBJECTS, N_SUBJECTS, plan_experiment
from pyalign.analysis.score import score
from pyalign.cli import _inputs, _model_choices, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, option, refuse_unused
from pyalign.datasets.chosen import ChosenTriplets, plan_triplets
from pyalign.datasets.experiment_lists import REPEATED, SHARED
from pyalign.errors import InputError, nearest
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES
from pyalign.progress import Progress
from pyalign.stats.components import Components
from pyalign.stats.resampling import Resampling, as_resampling
from pyalign.typing import MeasureName

DESIGNS, PILOT = "designs to consider", "instead of a pilot's answers"
DATA = ("labels", "subjects", "subject_column", "measure", "transform", "names", "per_object")
LISTS = ("n_subjects", "answers_per_subject", "shared", "repeated")
EPILOG = "a pilot is answers (-t) with one model or two, --pilot, or --components"


@dataclass(frozen=True)
class ExperimentOptions(
    _options.Models, _options.SomeTriplets, _options.JudgedRows, _options.Mapped, _options.OneMeasure, _options.People,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign plan experiment`."""

    difference: float = option(
        "smallest difference of accuracies that would matter, which is to be found, a fraction such as 0.03; of one "
        "model, the difference of its accuracy from a fixed value",
        required=True, kind=float, metavar="FRACTION",
    )
    pilot: Spec | None = option(
        "JSON document of `pyalign compare` with two models, or of `pyalign score` with one", metavar="FILE.json",
        role="input", group=PILOT, exclusive="pilot",
    )
    components: tuple[str, ...] | None = option(
        "variance components of one answer's difference, such as objects=0.0023 subjects=0.0006 answers=0.41; also "
        "both, pairs, triplets",
        nargs="+", metavar="NAME=VALUE", group=PILOT, exclusive="pilot",
    )
    n_objects: tuple[int, ...] = option(
        f"numbers of objects (default: {' '.join(map(str, N_OBJECTS))})", default=N_OBJECTS, nargs="+",
        kind=_options.count, metavar="N", group=DESIGNS,
    )
    n_subjects: tuple[int, ...] = option(
        f"numbers of participants (default: {' '.join(map(str, N_SUBJECTS))})", default=N_SUBJECTS, nargs="+",
        kind=_options.count, metavar="N", group=DESIGNS,
    )
    answers_per_subject: tuple[int, ...] = option(
        f"numbers of answers by each participant (default: {ANSWERS[0]})", default=ANSWERS, nargs="+",
        kind=_options.count, metavar="N", group=DESIGNS,
    )
    power: float = option(
        "how often a test is to find the difference (default: 0.8)", default=0.8, kind=float, metavar="P", group=DESIGNS
    )
    confidence_level: float = option(
        "confidence level of the intervals; tests are at 1 less this (default: 0.95)", default=0.95, kind=float,
        metavar="P", group=DESIGNS,
    )
    prices: tuple[float, ...] | None = option(
        "prices of one more object, one more participant and one more answer, in any unit; 0 for what is free", nargs=3,
        kind=float, metavar="PRICE", group=DESIGNS,
    )


def run_experiment(options: ExperimentOptions, progress: Progress) -> Outcome:
    """Reads or scores the pilot, and plans."""
    pilot = _pilot(options, progress)
    names = (
        "difference", "n_objects", "n_subjects", "answers_per_subject", "power", "confidence_level", "prices",
    )
    found = plan_experiment(pilot, **{name: getattr(options, name) for name in names})
    return Outcome(replace(found, pilot=found.pilot if options.triplets is None else options.triplets))


def _pilot(options: ExperimentOptions, progress: Progress) -> Any:
    """What the options say of the pilot, as `plan_experiment` takes it."""
    if options.pilot is not None or options.components is not None:
        if options.embeddings or options.triplets is not None:
            raise InputError(
                "--pilot and --components stand instead of the answers of a pilot; got embeddings or -t too"
            )
        refuse_unused(options, DATA, "the answers of a pilot: give embeddings and -t")
        return load_result(options.pilot) if options.pilot is not None else _components(options.components or ())
    if options.triplets is None:
        raise InputError("-t must be the answers of the pilot; or give --pilot, or --components")
    if len(options.embeddings) > 2:
        raise InputError(
            f"--embeddings must be of one model, or of two that are to be compared; got {len(options.embeddings)}"
        )
    labels = _inputs.labelled(options.embeddings, options.labels)
    triplets = _inputs.read_triplets(options, answered="plan experiment")
    models = _inputs.read_models(options, triplets)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    known = triplets.subjects is not None
    ci = as_resampling(Resampling("objects+subjects" if known else "objects"))
    shared: dict[str, Any] = {
        "measure": options.measure, "ties": options.ties, "nan_policy": options.nan_policy, "missing": options.missing,
        "backend": options.backend, "ci": ci, "progress": progress,
    }
    return score(models, triplets, **shared) if len(models) == 1 else compare(models, triplets, **shared)


def _components(words: tuple[str, ...]) -> Components:
    """The components from words such as NAME=VALUE."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in EFFECTS:
            raise InputError(f"--components must name {', '.join(EFFECTS)}; got {name!r}{nearest(name, EFFECTS)}")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"--components must give a number for {name}; got {value!r}") from None
    if missing := [name for name in ("objects", "answers") if name not in found]:
        raise InputError(f"--components must hold {missing[0]}=VALUE; got {', '.join(found)}")
    return Components(**found)


EXPERIMENT = Command(
    ExperimentOptions, run_experiment,
    "pyalign plan experiment clip.npy vgg.npy -t pilot.npy --difference 0.03",
    about=("triplets", "pilot"), epilog=EPILOG,
)


# pyalign plan triplets


@dataclass(frozen=True)
class TripletsOptions(_options.RowNames, _options.Mapped, _options.Document):
    """The options of `pyalign plan triplets`."""

    embeddings: tuple[Spec, ...] = option(
        "two files of (n, d) embeddings of the same objects, or folders written by `pyalign extract`; FILE::KEY "
        "picks an array", "--embeddings", required=True, nargs="+", metavar="EMB", role="input", positional=True,
    )
    n_triplets: int | None = option(
        "number of triplets to choose; with lists it follows from them", "-n", "--count", required=True,
        kind=_options.count, metavar="N", unless=("n_subjects",),
    )
    share: float = option(
        "fraction that is chosen because the models differ; the others are random (default: 0.5)", default=0.5,
        kind=float, metavar="P",
    )
    measure: tuple[MeasureName, ...] = option(
        "similarity measure of both (default: cosine), or one for each", default=("cosine",), nargs="+", metavar="M",
        words=MEASURES,
    )
    difference: float | None = option(
        "smallest difference of accuracies that would matter, for the number of answers that finds it (default: 0.05, "
        "but at most half of the share of triplets on which the models differ)",
        default=None, kind=float, metavar="FRACTION",
    )
    seed: int = option("random seed (default: 0)", default=0, kind=_options.seed, metavar="S")
    n_subjects: int | None = option(
        "number of participants, for each of whom a list of trials is made", kind=_options.count, metavar="N"
    )
    answers_per_subject: int | None = option("number of trials of each list", kind=_options.count, metavar="N")
    shared: float = option(
        "fraction of each list that goes to triplets which at least five participants answer, for a noise ceiling "
        "(default: 0.2)", default=SHARED, kind=float, metavar="P",
    )
    repeated: float = option(
        "fraction of each list that is asked a second time (default: 0.05)", default=REPEATED, kind=float, metavar="P"
    )
    out: str = option(
        "write the triplets, or the lists, as a table to collect answers with: items, probability, weight",
        required=True, kind=_options.csv_file, metavar="DESIGN.csv", role="output", group=OUTPUT,
    )


def run_triplets(options: TripletsOptions, progress: Progress) -> Outcome:
    """Reads two models, chooses."""
    if len(options.embeddings) != 2:
        raise InputError(f"--embeddings must be two models; got {len(options.embeddings)}")
    if len(options.measure) > 2:
        raise InputError(f"--measure must be one, or one for each of two models; got {len(options.measure)}")
    if options.n_subjects is None:
        refuse_unused(options, LISTS[1:], "lists of trials: add --n-subjects")
    a, b = _inputs.read_models(options).values()
    progress("choosing triplets", 0, None)
    measure = options.measure[0] if len(options.measure) == 1 else (options.measure[0], options.measure[1])
    stated = {name: getattr(options, name) for name in ("n_triplets", "share", "difference", "seed", *LISTS)}
    design = plan_triplets(a, b, measure=measure, **stated)
    return Outcome(design, {options.out: design.design()}, _summary(design, options.out))


def _summary(design: ChosenTriplets, path: str) -> str:
    """What was chosen, and what it saves."""
    of_each = f"{design.fewest:,} to {design.most:,} of each"
    differ = f"{design.n_differ / design.n_triplets:.1%} of them, and on {design.differ_share:.1%} of random triplets"
    random = f"is detected (80% power at .05) with {design.n_random:,} answers\nto random triplets"
    lists = ""
    if one := design.lists:
        parts = f"{one.n_shared:,} shared with other lists, {one.n_repeated:,} asked again"
        lists = f"{path}: {one.n_subjects:,} lists of {one.n_trials:,} trials: {parts}\n"
    return (
        f"{lists}{path}: {design.n_triplets:,} triplets of {design.n_objects:,} objects, {of_each}\n"
        f"the models differ on {differ}\na difference of {design.difference:g} {random}, "
        f"and with {design.n_needed:,} to triplets chosen so: {design.times_fewer:.2f} times fewer"
    )


TRIPLETS = Command(
    TripletsOptions, run_triplets, "pyalign plan triplets clip.npy vgg.npy -n 5000 --out design.csv",
    about=("embeddings",),
)
