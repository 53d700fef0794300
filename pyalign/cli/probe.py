"""`pyalign probe`: the linear map of embeddings that best predicts human answers, cross-validated.

`pyalign transfer`: embeddings before and after maps, on every set at hand.
"""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.cli import _inputs, _model_choices, _options, _outputs, _shared_options
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._shared_options import read_categories
from pyalign.data import KINDS, Embeddings, Triplets
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.io.paths import DATA_SET, Spec, is_named
from pyalign.io.transform import transform_bytes
from pyalign.journal import Journal
from pyalign.map_transfer.transfer_result import LeftOut
from pyalign.measures import MEASURES, get_measure
from pyalign.stats.resampling import BY
from pyalign.typing import MatrixKind, MeasureName

if TYPE_CHECKING:
    from pyalign.probing.cross_validate import ProbeCrossValidation


FOLDS, MAP = "cross-validation", "map"
OTHERS = "gLocal\npreserve the local structure of other embeddings"
ANSWERS = "answers of many participants"
SPLITS = ("objects", "triplets", "subjects", "objects+subjects")
MANY = 3  # folds, where no number is stated
SUBJECTS = ("subjects", "objects+subjects")  # what intervals are over where people count
PEOPLE_COUNT = "folds over people and intervals over people", "--split subjects, --split objects+subjects"

DEFAULTS: dict[str, Any] = {"measure": "dot", "temperature": 1.0, "standardize": "global"}
PENALTY, TOLERANCE = 0.1, 1e-2  # of one fit with other embeddings, whose objective is no convex one


@dataclass(frozen=True)
class ProbeCommandOptions(
    _options.Model, _options.TripletFile, _options.JudgedRows, _options.People, _options.ManyAnswers,
    _model_choices.Nan, _model_choices.Categories, _options.ClosedIntervals, _options.Running, _options.Output,
):
    """The options of `pyalign probe`. Without defaults for the map: they depend on the other options."""

    out: str | None = option(
        "write the map fitted to all triplets; Ctrl-C stores the best map so far next to it", kind=_options.npz_file,
        metavar="W.npz", group=OUTPUT,
    )
    folds: int | None = option("number of cross-validation folds (default: 3)", group=FOLDS)
    repeats: int | None = option(
        "number of times that the data are split into folds, to average over splits (default: 4)", group=FOLDS
    )
    split: Literal["objects", "triplets", "subjects", "objects+subjects", "none"] = option(
        "what is held out in each fold (default: objects); none: one fit to all triplets, at one --penalty, without "
        "held-out accuracy", default="objects", choices=(*SPLITS, "none"), group=FOLDS,
    )
    ci: str = _options.over(*BY, auto="what --split holds out")
    seed: int = option("random seed of the split and of the initial maps (default: 0)", default=0, group=FOLDS)
    penalties: tuple[float, ...] | None = option(
        "regularization penalty: one value, used as it is, or several to choose from within each fold, scaled to the "
        "triplets of each fit (default: at least eight, depending on the data)", "--penalty", nargs="+", group=MAP,
    )
    measure: MeasureName | None = option("similarity measure (default: dot)", choices=("dot", "cosine"), group=MAP)
    temperature: float | None = option("temperature T in p = softmax(s / T) (default: 1)", group=MAP, rare=True)
    standardize: str | None = option(
        "standardize embeddings by one mean and standard deviation, by those of each feature, or not at all (default: "
        "global)", choices=("global", "features", "none"), group=MAP,
    )
    other_embeddings: Spec | None = option(
        "file of (m, d) embeddings of other items by the same model; FILE::KEY picks an array", group=OTHERS
    )
    weights: Spec | None = option(
        "how much each answer counts: a file of t numbers, or a table with a column weight", group=ANSWERS, rare=True
    )
    resume: bool = option(
        "resume an interrupted run from the folds that it stored next to --out", default=False, group=RUNNING
    )


def counts_people(options: ProbeCommandOptions) -> bool:
    """Whether the participants who answered count: as what is held out, or in intervals."""
    if options.split == "none":
        return False
    return "subjects" in options.split or (options.split == "objects" and options.ci in ("auto", *SUBJECTS))


def settled(options: ProbeCommandOptions) -> dict[str, Any]:
    """The options of the map, as given or by default; raises for those that would go unused."""
    wrong = [value for value in options.penalties or () if not 0 < value < float("inf")]
    if wrong:
        raise InputError(f"--penalty must be positive; got {wrong[0]:g}")
    if options.split == "none":
        _check_one_fit(options)
    values = {name: getattr(options, name) for name in DEFAULTS}
    if options.other_embeddings is not None:
        values["norm"] = "identity"
    if options.split == "none" and options.other_embeddings is not None:
        values["tolerance"] = TOLERANCE
    return {name: DEFAULTS[name] if value is None else value for name, value in values.items()}


def _check_one_fit(options: ProbeCommandOptions) -> None:
    """Raises where an option is of cross-validation, which --split none leaves out."""
    if options.ci not in ("auto", "none") or options.confidence_level is not None:
        flag = "--confidence" if options.confidence_level is not None else f"--ci {options.ci}"
        raise InputError(f"{flag} needs held-out figures of folds, which --split none does not give")
    refuse_unused(options, ("folds", "repeats"), "cross-validation, and --split none omits it")
    if options.penalties is None and options.other_embeddings is None:
        raise InputError("--split none fits one map: --penalty says how strongly it is penalized")
    if len(options.penalties or (0.0,)) > 1:
        raise InputError(f"--split none takes one --penalty; got {len(options.penalties or ())}")


def run_probe(options: ProbeCommandOptions, progress: Progress) -> Outcome:
    """Reads, cross-validates, refits; what is finished is kept next to --out."""
    model = settled(options)
    unused = () if counts_people(options) else _inputs.unused_people(options, *PEOPLE_COUNT)
    _outputs.check(options, options.resume)
    triplets = _inputs.read_triplets(options, answered="probe")
    x = _inputs.read_model(options, triplets)
    others = None if options.other_embeddings is None else _inputs.read_embeddings(options.other_embeddings)
    weights = None if options.weights is None else _inputs.weights_of(options.weights).values
    with _outputs.open_journal(options.out, options.resume) as journal, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
        more = {"weights": weights, "other_embeddings": others}
        if options.split == "none":
            outcome = _one_fit(options, x, triplets, more, model, progress, journal)
        else:
            outcome = _probe(options, x, triplets, more, model, progress, journal)
    return replace(outcome, notes=(*unused, *outcome.notes, *_elsewhere(options)))


def _elsewhere(options: ProbeCommandOptions) -> tuple[str, ...]:
    """The command that says what the map does on other data, where the map is written."""
    if options.out is None or options.out.startswith("/dev/"):
        return ()
    names = () if options.names is None else ("--names", options.names)
    words = ("pyalign", "transfer", options.embeddings, *names, "--transform", options.out, "--on", "SETS")
    command = " ".join(map(shlex.quote, words))
    return (f"a map can lower agreement on other data, or within categories, and change neighbors: {command}",)


def _probe(
    options: ProbeCommandOptions, x: Embeddings, triplets: Triplets, more: Mapping[str, Any], model: Mapping[str, Any],
    progress: Progress, journal: Journal,
) -> Outcome:
    from pyalign.probing.cross_validate import REPEATS, cross_validate_probe

    assert options.split != "none"
    validation = cross_validate_probe(
        x, triplets, folds=options.folds or MANY, repeats=options.repeats or REPEATS,
        penalties=options.penalties or "auto", seed=options.seed, split=options.split,
        **more, missing=options.missing, ci=_options.plan(options),
        backend=options.backend, progress=progress, journal=journal, **model,
    )
    images = None if validation.images is None else replace(validation.images, file=options.other_embeddings)
    return _outcome(options, replace(validation, images=images), validation.fit.transform, journal)


def _one_fit(
    options: ProbeCommandOptions, x: Embeddings, triplets: Triplets, more: Mapping[str, Any], model: Mapping[str, Any],
    progress: Progress, journal: Journal,
) -> Outcome:
    """One map, fitted to all triplets."""
    from pyalign.probing.probe import fit_probe

    penalty = options.penalties[0] if options.penalties else PENALTY
    fit = fit_probe(
        x, triplets, penalty=penalty, seed=options.seed, **more, missing=options.missing,
        backend=options.backend, progress=progress, journal=journal, **model,
    )
    return Outcome(fit, {options.out: transform_bytes(fit.transform)} if options.out else {}, journal=journal)


def _outcome(options: ProbeCommandOptions, result: ProbeCrossValidation, transform: Any, journal: Journal) -> Outcome:
    files: dict[str, Output] = {options.out: transform_bytes(transform)} if options.out else {}
    named = replace(result, embeddings=options.embeddings, triplets=options.triplets)
    return Outcome(named, files, journal=journal)


PROBE = Command(
    ProbeCommandOptions, run_probe, "pyalign probe clip.npy -t triplets.npy --out transform.npz",
    about=("embeddings", "triplets"),
)


@dataclass(frozen=True)
class TransferOptions(_options.Model, _options.JudgedRows, _options.ClosedIntervals, _options.Running, _options.Output):
    """The options of `pyalign transfer`."""

    maps: tuple[Spec, ...] = option(
        "linear maps, as written by `pyalign probe`, or glocal:MODEL", "--transform", required=True, nargs="+"
    )
    on: tuple[Spec, ...] = option(
        "data sets (dataset:NAME, a .toml made by `pyalign describe --out`), and files of triplets or human matrices; "
        "none: only what needs no people", "--on", default=(), nargs="*",
    )
    kind: MatrixKind | None = option(
        "whether larger values in files of matrices mean more similar or more dissimilar; known for data sets",
        choices=KINDS,
    )
    item_names: Spec | None = option(
        "name of the item that each number in files of triplets, or each row of matrices, stands for, one per line",
        rare=True,
    )
    categories: Spec | None = option(f"{_options.CATEGORIES} (default: those of the first data set that has some)")
    k: int = option("number of neighbors of each object (default: 10)", "-k", default=10)
    measure: MeasureName | None = option(
        "similarity measure of all figures (default: for triplets cosine, and after a map its own; pearson for "
        "matrices; cosine for neighbors)", words=MEASURES, group=_options.MODEL,
    )
    seed: int = option("random seed of the half-samples (default: 0)", default=0, group=_options.INTERVALS)


def run_transfer(options: TransferOptions, progress: Progress) -> Outcome:
    """Reads what there is, compares."""
    from pyalign.io.transform import load_transform
    from pyalign.map_transfer.transfer import transfer

    if options.measure is not None:
        get_measure(options.measure)
    for flag, specs in (("--transform", options.maps), ("--on", options.on)):
        twice = next((spec for spec in specs if specs.count(spec) > 1), None)
        if twice is not None:
            raise InputError(f"{flag} must differ; got {twice} twice")
    if all(map(is_named, options.on)):
        refuse_unused(options, ("item_names", "kind"), "files of triplets or matrices: add --on FILE")
    x = _inputs.read_model(options)
    maps = {str(spec): load_transform(spec) for spec in options.maps}
    on, missing = dict[str, Any](), list[LeftOut]()
    for spec in options.on:
        try:
            on[spec.removeprefix(DATA_SET)] = _set(spec, options)
        except InputError as error:
            if not spec.startswith(DATA_SET):
                raise
            missing.append(LeftOut(spec.removeprefix(DATA_SET), "everything", str(error)))
    result = transfer(
        _ordered(x, on), maps, on, categories=read_categories(options.categories), k=options.k, measure=options.measure,
        ci=_options.plan(options), missing=options.missing, backend=options.backend, progress=progress,
    )
    notes = (*result.notes, *(out.note for out in missing))
    return Outcome(replace(result, embeddings=options.embeddings, left_out=(*missing, *result.left_out), notes=notes))


def _set(spec: Spec, options: TransferOptions) -> Any:
    """A data set, or the triplets or the matrices in a file, by what they seem to be."""
    if is_named(spec):
        from pyalign.datasets.dataset import load_dataset

        return load_dataset(spec.path.removeprefix(DATA_SET))
    from pyalign.analysis.describe.file import describe_file

    arrays = [array for array in describe_file(spec.path).arrays if spec.key in (None, array.key)]
    if any(array.kind in ("similarities", "dissimilarities") for array in arrays):
        return _shared_options.read_rdms(spec, options.kind, options.item_names)
    from pyalign.io.triplets import load_triplets

    names = None if options.item_names is None else _inputs.names_of(options.item_names)
    return load_triplets(spec.path, key=spec.key, item_names=names)


def _ordered(x: Embeddings, on: dict[str, Any]) -> Embeddings:
    """Rows without names under those of the objects of a data set with as many."""
    from pyalign.datasets.dataset import DataSet

    if x.names is not None:
        return x
    for one in on.values():
        known = not isinstance(one, DataSet) or "names" in one.parts
        names = (one.names() if isinstance(one, DataSet) else getattr(one, "names", None)) if known else None
        if names is not None and len(names) == len(x):
            note = f"{os.fspath(x.source or 'the embeddings')}: its rows have no names and are taken for the objects"
            return replace(
                x, names=tuple(names), notes=(*x.notes, f"{note} of the first set with as many, in its order")
            )
    return x


TRANSFER = Command(
    TransferOptions, run_transfer, "pyalign transfer clip.npy --transform map.npz --on dataset:things",
    about=("embeddings",),
)
