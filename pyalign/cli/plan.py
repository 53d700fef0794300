"""`pyalign plan ...`: how large a study must be, and which triplets to show, before anybody is asked.

`pyalign triplets ...`: triplets that embeddings answer, simulated ones, and the answers of an experiment, joined.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign._result import load_result
from pyalign.analysis.comparison.compare import compare
from pyalign.analysis.experiment import ANSWERS, N_OBJECTS, N_SUBJECTS, plan_experiment
from pyalign.analysis.score import score
from pyalign.cli import _inputs, _model_choices, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._outputs import require_new_folder, require_other_files
from pyalign.data.judgments import KINDS
from pyalign.datasets.chosen import ChosenTriplets, plan_triplets
from pyalign.datasets.lists_of_trials import collect_answers
from pyalign.datasets.simulate import Simulation, random_embeddings, simulate
from pyalign.datasets.triplets import SampledTriplets, draw_triplets
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES, get_measure
from pyalign.stats.resampling import Resampling, as_resampling
from pyalign.typing import MatrixKind, MeasureName

DESIGNS, PILOT = "designs to consider", "instead of a pilot's answers"
DATA = ("labels", "subjects", "subject_column", "measure", "transform", "names", "per_object")
EPILOG = "a pilot is answers (-t) with one model or two, or --pilot"


@dataclass(frozen=True)
class ExperimentOptions(
    _options.Models, _options.SomeTriplets, _options.JudgedRows, _options.Mapped, _options.OneMeasure, _options.People,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign plan experiment`."""

    difference: float = option(
        "smallest difference of accuracies that would matter, which is to be found, a fraction such as 0.03; of one "
        "model, the difference of its accuracy from a fixed value", required=True,
    )
    pilot: Spec | None = option(
        "JSON document of `pyalign compare` with two models, or of `pyalign score` with one", group=PILOT,
    )
    n_objects: tuple[int, ...] = option(
        f"numbers of objects (default: {' '.join(map(str, N_OBJECTS))})", default=N_OBJECTS, nargs="+", group=DESIGNS
    )
    n_subjects: tuple[int, ...] = option(
        f"numbers of participants (default: {' '.join(map(str, N_SUBJECTS))})", default=N_SUBJECTS, nargs="+",
        group=DESIGNS,
    )
    answers_per_subject: tuple[int, ...] = option(
        f"numbers of answers by each participant (default: {ANSWERS[0]})", default=ANSWERS, nargs="+", group=DESIGNS
    )
    confidence_level: float = option(
        "confidence level of the intervals; tests are at 1 less this (default: 0.95)", default=0.95, group=DESIGNS
    )


def run_experiment(options: ExperimentOptions, progress: Progress) -> Outcome:
    """Reads or scores the pilot, and plans."""
    pilot = _pilot(options, progress)
    names = ("difference", "n_objects", "n_subjects", "answers_per_subject", "confidence_level")
    result = plan_experiment(pilot, **{name: getattr(options, name) for name in names})
    return Outcome(replace(result, pilot=result.pilot if options.triplets is None else options.triplets))


def _pilot(options: ExperimentOptions, progress: Progress) -> Any:
    """What the options say of the pilot, as `plan_experiment` takes it."""
    if options.pilot is not None:
        if options.embeddings or options.triplets is not None:
            raise InputError("--pilot replaces the answers of a pilot; got embeddings or -t too")
        refuse_unused(options, DATA, "the answers of a pilot: give embeddings and -t")
        return load_result(options.pilot)
    if options.triplets is None:
        raise InputError("-t must be the answers of the pilot; or give --pilot")
    if len(options.embeddings) > 2:
        raise InputError(
            f"--embeddings must be of one model, or of two that are to be compared; got {len(options.embeddings)}"
        )
    _inputs.labeled(options.embeddings, options.labels)  # before anything is read
    triplets = _inputs.read_triplets(options, answered="plan experiment")
    models = _inputs.read_labeled(options, triplets)
    known = triplets.subjects is not None
    ci = as_resampling(Resampling("objects+subjects" if known else "objects"))
    shared: dict[str, Any] = {
        "measure": options.measure, "ties": options.ties, "nan_policy": options.nan_policy, "missing": options.missing,
        "backend": options.backend, "ci": ci, "progress": progress,
    }
    return score(models, triplets, **shared) if len(models) == 1 else compare(models, triplets, **shared)


EXPERIMENT = Command(
    ExperimentOptions, run_experiment, "pyalign plan experiment clip.npy vgg.npy -t pilot.npy --difference 0.03",
    about=("triplets", "pilot"), epilog=EPILOG,
)


# pyalign plan triplets


@dataclass(frozen=True)
class TripletsOptions(_options.RowNames, _options.Mapped, _options.Document):
    """The options of `pyalign plan triplets`."""

    embeddings: tuple[Spec, ...] = option(
        "two files of (n, d) embeddings of the same objects, or folders written by `pyalign extract`; FILE::KEY picks "
        "an array", "--embeddings", required=True, nargs="+", positional=True,
    )
    n_triplets: int | None = option(
        "number of triplets to choose; with lists it follows from them", "-n", "--count", required=True,
        unless=("n_subjects",),
    )
    measure: tuple[MeasureName, ...] = option(
        "similarity measure of both (default: cosine), or one for each", default=("cosine",), nargs="+", words=MEASURES
    )
    difference: float | None = option(
        "smallest difference of accuracies that would matter, for the number of answers that finds it (default: 0.05, "
        "but at most half of the share of triplets on which the models differ)", default=None,
    )
    seed: int = option("random seed (default: 0)", default=0)
    n_subjects: int | None = option("number of participants, for each of whom a list of trials is made")
    answers_per_subject: int | None = option("number of trials of each list")
    out: str = option(
        "write the triplets, or the lists, as a table to collect answers with: items, probability, weight",
        required=True, kind=_options.csv_file, metavar="DESIGN.csv", group=OUTPUT,
    )


def run_triplets(options: TripletsOptions, progress: Progress) -> Outcome:
    """Reads two models, chooses."""
    if len(options.embeddings) != 2:
        raise InputError(f"--embeddings must be two models; got {len(options.embeddings)}")
    if len(options.measure) > 2:
        raise InputError(f"--measure must be one, or one for each of two models; got {len(options.measure)}")
    if options.n_subjects is None:
        refuse_unused(options, ("answers_per_subject",), "lists of trials: add --n-subjects")
    a, b = _inputs.read_models(options).values()
    progress("choosing triplets", 0, None)
    measure = options.measure[0] if len(options.measure) == 1 else (options.measure[0], options.measure[1])
    names = ("n_triplets", "difference", "seed", "n_subjects", "answers_per_subject")
    design = plan_triplets(a, b, measure=measure, **{name: getattr(options, name) for name in names})
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


ODD = "which item is odd"
FEATURES = 768  # of random embeddings
WRITTEN = ("embeddings.npy", "triplets.npy", "expected.json")  # by a simulation

# pyalign triplets draw


@dataclass(frozen=True)
class DrawOptions(_options.Output):
    """The options of `pyalign triplets draw`."""

    embeddings: Spec | None = option(
        "file of (n, d) embeddings; FILE::KEY picks an array", "--embeddings", positional=True
    )
    matrix: Spec | None = option(
        "file of (n, n) similarities or dissimilarities instead of embeddings; FILE::KEY picks an array"
    )
    kind: MatrixKind | None = option(
        "whether larger values in --matrix mean more similar or more dissimilar (default: what the diagonal shows)",
        choices=KINDS,
    )
    transform: Spec | None = option("linear map to apply to the embeddings first")
    measure: MeasureName | None = option("similarity measure of the embeddings (default: cosine)", words=MEASURES)
    n_triplets: int = option("number of triplets to sample", required=True)
    temperature: float | None = option(
        "sample the odd one out with p = softmax(s / T) (default: the item outside the most similar pair)", group=ODD
    )
    seed: int = option("random seed (default: 0)", default=0, group=ODD)
    out: str = option(
        "write the triplets, with the odd item last", required=True, kind=_options.npy_file, metavar="T.npy",
        group=OUTPUT,
    )
    probabilities: str | None = option(
        "write the probability that each item is the odd one out, three per triplet; requires --temperature",
        kind=_options.npy_file, metavar="P.npy", group=OUTPUT,
    )


def run_draw(options: DrawOptions, progress: Progress) -> Outcome:
    """Reads, draws."""
    if options.probabilities is not None and options.temperature is None:
        raise InputError(f"--probabilities {options.probabilities} needs --temperature T, by which p = softmax(s / T)")
    read = _read(options)
    progress(f"drawing {options.n_triplets:,} triplets", 0, None)
    drawn = draw_triplets(
        n_triplets=options.n_triplets, temperature=options.temperature, seed=options.seed,
        soft=options.probabilities is not None, **read,
    )
    files: dict[str, Output] = {options.out: drawn.triplets}
    if options.probabilities is not None and drawn.probabilities is not None:
        files[options.probabilities] = drawn.probabilities
    return Outcome(drawn, files, f"{options.out}: {_drawn_again(drawn)}")


def _read(options: DrawOptions) -> dict[str, Any]:
    """The embeddings, mapped where that is asked for, with the measure; or the matrix."""
    if (options.embeddings is None) == (options.matrix is None):
        raise InputError(
            f"embeddings or --matrix must be given, one of them; got {'none' if options.matrix is None else 'both'}"
        )
    if options.matrix is not None:
        refuse_unused(options, ("transform", "measure"), "embeddings, not to --matrix")
        return {"x": None, "matrix": _shared_options.read_rdms(options.matrix, options.kind, None)}
    refuse_unused(options, ("kind",), "a matrix: add --matrix")
    assert options.embeddings is not None
    x = _inputs.read_embeddings(options.embeddings)
    transform = _inputs.read_transform(options.transform)
    return {"x": x if transform is None else transform.apply(x), "measure": options.measure}


def _drawn_again(drawn: SampledTriplets) -> str:
    again = [(drawn.n_tied, "ties"), (drawn.n_sharing, "with a category in common")]
    return f"{drawn.n_triplets:,} triplets" + "".join(f"; {n:,} drawn again ({why})" for n, why in again if n)


DRAW = Command(
    DrawOptions, run_draw, "pyalign triplets draw x.npy --count 10000 --out t.npy", about=("embeddings", "matrix"),
)


# pyalign triplets simulate


@dataclass(frozen=True)
class SimulateOptions:
    """The options of `pyalign triplets simulate`."""

    folder: str = option(
        "folder to write embeddings.npy, triplets.npy and expected.json to", required=True, metavar="DIR",
        positional=True,
    )
    embeddings: Spec | None = option("embeddings to simulate participants with (default: random ones)", metavar="E")
    n_objects: int = option(
        f"number of objects with random embeddings of {FEATURES} features (default: 1854)", default=1854
    )
    n_triplets: int = option("number of triplets (default: 4,700,000)", default=4_700_000)
    measure: MeasureName = option("similarity measure (default: cosine)", default="cosine", words=MEASURES)
    temperature: float = option("temperature T in p = softmax(s / T) (default: 0.1)", default=0.1)
    seed: int = option("random seed (default: 0)", default=0)


def run_simulate(options: SimulateOptions, progress: Progress) -> Outcome:
    """Draws, and says what to expect."""
    get_measure(options.measure)
    require_new_folder(options.folder)
    folder = Path(options.folder)
    if options.embeddings is not None:
        written = [("the output", str(folder / name)) for name in WRITTEN if folder.is_dir()]
        require_other_files([options.embeddings], written)
        x = np.asarray(_inputs.read_embeddings(options.embeddings).values)
    else:
        x = random_embeddings(options.n_objects, FEATURES, options.seed)
    drawn = simulate(x, options.n_triplets, measure=options.measure, temperature=options.temperature, seed=options.seed)

    def expected(outputs: Mapping[str, str]) -> str:
        names = {os.path.basename(path): digest for path, digest in outputs.items()}
        return replace(drawn, provenance=None, outputs=names).to_json() + "\n"  # the same bytes every time

    files: dict[str, Output] = {
        str(folder / WRITTEN[0]): x,
        str(folder / WRITTEN[1]): drawn.triplets,
        str(folder / WRITTEN[2]): expected,
    }
    return Outcome(drawn, files, f"{folder}: {len(x):,} x {x.shape[1]:,} embeddings, {_description(drawn)}")


def _description(drawn: Simulation) -> str:
    accuracy = f"accuracy {100 * drawn.expected_accuracy:.2f}% +- {100 * drawn.standard_error:.2f}%"
    return (
        f"{drawn.n_triplets:,} triplets\nexpected with measure {drawn.measure} at T = {drawn.temperature:g}: "
        f"{accuracy} (over other answers to these triplets), cross-entropy {drawn.expected_cross_entropy:.5f} nats"
    )


SIMULATE = Command(SimulateOptions, run_simulate, "pyalign triplets simulate big --n-objects 1854 --count 4700000")


# pyalign triplets collect


@dataclass(frozen=True)
class CollectOptions(_options.Quiet):
    """The options of `pyalign triplets collect`."""

    files: tuple[Spec, ...] = option(
        "answers of participants", required=True, nargs="+", metavar="FILE", role="input", positional=True
    )
    lists: Spec = option("lists that were answered, as written by `pyalign plan triplets`", required=True)
    out: str = option("write all answers as one table", required=True, kind=_options.csv_file, metavar="T.csv")


def run_collect(options: CollectOptions, progress: Progress) -> Outcome:
    """Reads, checks, joins."""
    table, (sentence, *notes) = collect_answers(options.lists, options.files)
    return Outcome(None, {options.out: table}, f"{options.out}: {sentence}", notes=tuple(notes))


EXAMPLE = "pyalign triplets collect answers-*.csv --lists lists.csv --out answers.csv"
COLLECT = Command(CollectOptions, run_collect, EXAMPLE, about=("lists", "files"))
