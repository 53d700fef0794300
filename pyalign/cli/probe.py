"""`pyalign probe`: the linear map of embeddings that best predicts human answers, cross-validated."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pyalign.cli import _idle, _inputs, _options, _outputs
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, Output, option, refuse_unused
from pyalign.data import Embeddings, Triplets
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.io.paths import Spec
from pyalign.io.transform import transform_bytes
from pyalign.journal import Journal
from pyalign.progress import Progress
from pyalign.stats.resampling import BY
from pyalign.typing import MeasureName

if TYPE_CHECKING:
    from pyalign.probing.validated import ProbeCrossValidation

FOLDS, MAP = "cross-validation", "map"
OTHERS = "gLocal\npreserve the local structure of other embeddings; uses --norm identity"
ANSWERS = "answers of many participants"
NORMS = ("squared", "frobenius", "identity", "nuclear")
SPLITS = ("objects", "triplets", "subjects", "objects+subjects")
MANY = 3  # folds, where no number is stated
SUBJECTS = ("subjects", "objects+subjects")  # what intervals are over where people count
PEOPLE_COUNT = "folds over people and intervals over people", "--split subjects, --split objects+subjects"

DEFAULTS: dict[str, Any] = {
    "norm": "squared", "rank": "full", "measure": "dot", "temperature": 1.0, "standardize": "global",
}
STRENGTH, TOLERANCE = 0.1, 1e-2  # of one fit with other embeddings, whose objective is no convex one


def rank(text: str) -> int | str:
    """A word or a number of columns."""
    return text if text in ("full", "diagonal") else _options.count(text)


@dataclass(frozen=True)
class ProbeCommandOptions(
    _options.Model, _options.TripletFile, _options.JudgedRows, _options.People, _options.ManyAnswers,
    _idle.Nan, _idle.Categories, _options.ClosedIntervals, _options.Running, _options.Output,
):
    """The options of `pyalign probe`. Without defaults for the map: they depend on the other options."""

    out: str | None = option(
        "write the map fitted to all triplets; Ctrl-C stores the best map so far next to it", kind=_options.npz_file,
        metavar="W.npz", role="output", group=OUTPUT,
    )
    folds: int | None = option(
        "number of cross-validation folds (default: 3)", kind=_options.count, metavar="K", group=FOLDS
    )
    repeats: int | None = option(
        "number of times that the data are split into folds, to average over splits (default: 4)",
        kind=_options.count, metavar="R", group=FOLDS,
    )
    split: Literal["objects", "triplets", "subjects", "objects+subjects", "none"] = option(
        "what is held out in each fold (default: objects); none: one fit to all triplets, at one --penalty, without "
        "held-out accuracy", default="objects", choices=(*SPLITS, "none"), group=FOLDS,
    )
    ci: str = _options.over(*BY, auto="what --split holds out")
    seed: int = option(
        "random seed of the split and of the initial maps (default: 0)", default=0, kind=_options.seed, group=FOLDS
    )
    norm: str | None = option(
        "penalized norm of W (default: squared; with --other-embeddings identity: |W - m I|^2, where "
        "m is the mean of the diagonal)", "--norm", choices=NORMS, group=MAP,
    )
    penalties: tuple[float, ...] | None = option(
        "regularization penalty: one value, used as it is, or several to choose from within each "
        "fold, scaled to the triplets of each fit (default: at least eight, depending on the data)", "--penalty",
        nargs="+", kind=float, metavar="L", group=MAP,
    )
    rank: int | str | None = option(
        "rank of W: full, diagonal, or a number of columns (default: full)", kind=rank, metavar="R", group=MAP
    )
    measure: MeasureName | None = option("similarity measure (default: dot)", choices=("dot", "cosine"), group=MAP)
    temperature: float | None = option(
        "temperature T in p = softmax(s / T) (default: 1)", kind=float, metavar="T", group=MAP, rare=True
    )
    standardize: str | None = option(
        "standardize embeddings by one mean and standard deviation, by those of each feature, or not "
        "at all (default: global)",
        choices=("global", "features", "none"), group=MAP,
    )
    other_embeddings: Spec | None = option(
        "file of (m, d) embeddings of other items by the same model; FILE::KEY picks an array",
        metavar="Y", role="input", group=OTHERS,
    )
    local_weight: float | None = option(
        "weight of the local loss on --other-embeddings, at least 0 and below 1 (default: 0.25)", kind=float,
        metavar="A", group=OTHERS, rare=True,
    )
    weights: Spec | None = option(
        "how much each answer counts: a file of t numbers, or a table with a column weight",
        metavar="FILE",
        role="input",
        group=ANSWERS,
        rare=True,
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
    if options.other_embeddings is None:
        refuse_unused(options, ("local_weight",), "gLocal: add --other-embeddings")
    if options.split == "none":
        _check_one_fit(options)
    values = {name: getattr(options, name) for name in DEFAULTS}
    if options.other_embeddings is not None:
        values["norm"] = options.norm or "identity"
    if options.split == "none" and options.other_embeddings is not None:
        values["tolerance"] = TOLERANCE
    return {name: DEFAULTS[name] if value is None else value for name, value in values.items()}


def _local(options: ProbeCommandOptions) -> dict[str, Any]:
    """The weight of the local loss, where it is stated: otherwise the function has its own."""
    return {} if options.local_weight is None else {"local_weight": options.local_weight}


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


def run(options: ProbeCommandOptions, progress: Progress) -> Outcome:
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
    words = ("pyalign", "transfer", options.embeddings, *names, "--map", options.out, "--on", "SETS")
    command = " ".join(map(shlex.quote, words))
    return (f"a map can lower agreement on other data, or within categories, and change neighbours: {command}",)


def _probe(
    options: ProbeCommandOptions, x: Embeddings, triplets: Triplets, more: Mapping[str, Any], model: Mapping[str, Any],
    progress: Progress, journal: Journal,
) -> Outcome:
    from pyalign.probing.cross_validate import REPEATS, cross_validate_probe

    assert options.split != "none"
    validation = cross_validate_probe(
        x, triplets, folds=options.folds or MANY, repeats=options.repeats or REPEATS,
        penalties=options.penalties or "auto", seed=options.seed, split=options.split,
        **more, **_local(options), missing=options.missing, ci=_options.plan(options),
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

    strength = options.penalties[0] if options.penalties else STRENGTH
    fit = fit_probe(
        x, triplets, penalty=strength, seed=options.seed, **more, **_local(options), missing=options.missing,
        backend=options.backend, progress=progress, journal=journal, **model,
    )
    return Outcome(fit, {options.out: transform_bytes(fit.transform)} if options.out else {}, journal=journal)


def _outcome(options: ProbeCommandOptions, result: ProbeCrossValidation, transform: Any, journal: Journal) -> Outcome:
    files: dict[str, Output] = {options.out: transform_bytes(transform)} if options.out else {}
    named = replace(result, embeddings=options.embeddings, triplets=options.triplets)
    return Outcome(named, files, journal=journal)


COMMAND = Command(
    ProbeCommandOptions, run, "pyalign probe clip.npy -t triplets.npy --out transform.npz",
    about=("embeddings", "triplets"),
)
