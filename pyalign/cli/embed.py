"""`pyalign embed`: human dimensions learned from triplets, cross-validated.

`pyalign dimensions predict`: human dimensions predicted from embeddings, on objects that the fits have not seen.
"""

from __future__ import annotations

import os
import warnings
from itertools import product
from typing import Any, Literal

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.cli import _inputs, _model_choices, _options, _outputs, _shared_options
from pyalign.cli._command import RUNNING, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._vocabulary import count
from pyalign.concept.predict import FOLDS, PENALTIES, checked_penalties, predict_dimensions
from pyalign.concept.predicted import DimensionPredictions, over_objects
from pyalign.data import Embeddings, Triplets
from pyalign.data.names import HOW
from pyalign.data.transform import TrainedOn
from pyalign.embedding.cross_validate import cross_validate_embedding, fit_embedding
from pyalign.embedding.embedding_result import EmbeddingCrossValidation, EmbeddingFit
from pyalign.embedding.folds import SPLITS
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.io.embeddings import embedding_files
from pyalign.io.paths import Spec
from pyalign.journal import Journal
from pyalign.stats.resampling import Resampling
from pyalign.typing import Correction

EMBEDDING, FOLDING = "embedding", "cross-validation"
ROWS, TABLE, ERRORS = "embedding.npz", "dimensions.csv", "standard_errors.npz"
WRITTEN, PICTURES = (
    (ROWS, TABLE, ERRORS, "embed.json", "embedding.json"),
    ("penalty-path", "dimension-stability"),
)  # to --out
OF_FOLDS = ("folds", "n_resamples", "baseline", "confidence_level", "subjects", "subject_column")
MANY = 3  # folds, where no number is stated
PEOPLE_COUNT = "--split subjects and intervals over participants", "--split subjects, --ci subjects"


def dimensions(text: str) -> int | str:
    """A number of dimensions, or the word auto."""
    return text if text == "auto" else count(text)


@dataclass(frozen=True)
class EmbedOptions(
    _options.TripletFile, _options.RowNames, _options.People, _options.ManyAnswers, _model_choices.Nan,
    _model_choices.Categories,
    _options.ClosedIntervals, _options.Running, _options.Output, _outputs.Folder,
):
    """The options of `pyalign embed`."""

    names: Spec | None = option(
        "names of the objects, one per line, if neither the triplets nor --item-names say them; also of the rows of "
        "--baseline",
    )
    name_column: int | str | None = option(
        "column with the names in tables of --baseline; a number from 0 or a header", rare=True
    )
    per_object: str | None = option(
        "several images of one object", choices=HOW, group=_model_choices.IDLE, rare=True,
        idle="each object has one row",
    )
    n_dimensions: int | str = option(
        "largest number of dimensions (default: auto, so many that the penalties leave fewer)", default="auto",
        kind=dimensions, group=EMBEDDING,
    )
    shrinkage: tuple[float, ...] | None = option(
        "penalty on the squared entries: one value, or several to choose from within each fold (default: weaker "
        "ones from where the number of dimensions settles)", "--penalty", nargs="+", group=EMBEDDING,
    )
    sparsity: tuple[float, ...] | None = option(
        "penalty on the sum of the entries, divided by the number of objects: the lambda of SPoSE (default: half of "
        "the number of objects times --penalty)", nargs="+", group=EMBEDDING,
    )
    ci: str = _options.over("subjects", "triplets", auto="subjects if at least four of these are known, or triplets")
    missing: str = option(
        "objects of --item-names in no triplet: raise an error, or leave their rows at zero (default: raise)",
        default="raise", choices=("raise", "zero"), group=EMBEDDING,
    )
    folds: int | None = option("number of cross-validation folds (default: 3)", group=FOLDING)
    split: str = option(
        "what is held out in each fold: sets of three objects with all their answers, or participants (default: "
        "triplets); none: one fit to all triplets, at one --penalty or --sparsity, without held-out accuracy",
        default="triplets", choices=(*SPLITS, "none"), group=FOLDING,
    )
    seed: int = option("random seed of the split and the resamples (default: 0)", default=0, group=FOLDING)
    baseline: tuple[Spec, ...] | None = option(
        "files of other embeddings of the objects, judged by inner products on the same held-out answers", nargs="+",
        role="input", group=FOLDING,
    )
    n_resamples: int | None = option(
        "number of fits to resampled answers (with --split subjects: participants), for intervals and standard errors "
        "of the dimensions", group=FOLDING,
    )
    resume: bool = option(
        "resume an interrupted run from the folds that it stored next to --out", default=False, group=RUNNING
    )


def run_embed(options: EmbedOptions, progress: Progress) -> Outcome:
    """Reads, cross-validates, fits to everything; what is finished is kept next to --out."""
    pairs = penalties_of(options)
    if options.split == "none":
        check_one_fit(options, pairs)
    formats, notes = _outputs.check_folder(options, WRITTEN, PICTURES)
    kept = None if options.out is None else f"{os.path.normpath(options.out)}.npz"
    _outputs.check(options, options.resume, kept)
    counts = options.split == "subjects" or (options.split == "triplets" and options.ci in ("auto", "subjects"))
    unused = () if counts or options.split == "none" else _inputs.unused_people(options, *PEOPLE_COUNT)
    triplets = _inputs.read_triplets(options, answered="embed")
    against = {
        str(spec): _inputs.as_described(
            _inputs.read_embeddings(spec, options.names, options.name_column), options.triplets, triplets
        )
        for spec in options.baseline or ()
    }
    opened = _outputs.open_journal(kept, options.resume, lambda fit: _npz(fit.embedding))
    with opened as journal, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
        result = _result(options, triplets, against, pairs, progress, journal)
    files, more = _files(result, options, formats, np.asarray(triplets.values))
    return Outcome(result, files, journal=journal, notes=(*notes, *more, *unused))


def penalties_of(options: EmbedOptions) -> list[tuple[float | None, float | None]] | str:
    """All pairs of the penalties that were stated; "auto" where none was."""
    if options.shrinkage is None and options.sparsity is None:
        return "auto"
    for flag, values in (("--penalty", options.shrinkage), ("--sparsity", options.sparsity)):
        wrong = [value for value in values or () if not 0 <= value < float("inf")]
        if wrong:
            raise InputError(f"{flag} must be a number of at least 0; got {wrong[0]:g}")
    return list(product(options.shrinkage or (None,), options.sparsity or (None,)))


def check_one_fit(options: EmbedOptions, pairs: list[tuple[float | None, float | None]] | str) -> None:
    """Raises where an option is of cross-validation, which --split none leaves out."""
    refuse_unused(options, OF_FOLDS, "folds, and --split none omits them")
    if options.ci not in ("auto", "none"):
        raise InputError(f"--ci {options.ci} needs held-out figures of folds, which --split none does not give")
    if isinstance(pairs, str):
        raise InputError("--split none fits one embedding: --penalty or --sparsity says how strongly it is penalized")
    if len(pairs) > 1:
        raise InputError(f"--split none takes one --penalty and one --sparsity; got {len(pairs)} pairs")


def intervals(options: EmbedOptions) -> Resampling | None:
    """Over what intervals are, in closed form: --resamples is of the dimensions."""
    asked: dict[str, Any] = {} if options.confidence_level is None else {"confidence_level": options.confidence_level}
    return None if options.ci == "none" else Resampling(options.ci, **asked)


def _result(
    options: EmbedOptions, triplets: Triplets, against: dict[str, Embeddings], pairs: Any, progress: Progress,
    journal: Journal,
) -> EmbeddingCrossValidation | EmbeddingFit:
    shared: dict[str, Any] = {
        "n_dimensions": options.n_dimensions, "missing": options.missing, "backend": options.backend,
        "progress": progress, "journal": journal,
    }
    if options.split == "none":
        shrinkage, sparsity = pairs[0]
        fit = fit_embedding(triplets, shrinkage=shrinkage, sparsity=sparsity, **shared)
        return replace(fit, triplets=str(options.triplets))
    result = cross_validate_embedding(
        triplets, folds=options.folds or MANY, penalties=pairs, split=options.split, seed=options.seed,
        n_resamples=options.n_resamples or 0, against=against, ci=intervals(options), **shared,
    )
    return replace(result, triplets=str(options.triplets), fit=replace(result.fit, triplets=str(options.triplets)))


def _files(
    result: EmbeddingCrossValidation | EmbeddingFit, options: EmbedOptions, formats: tuple[str, ...], seen: np.ndarray
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds; `seen` are the triplets of the fit, of which the rows keep a record."""
    if options.out is None:
        return {}, ()
    fit = result if isinstance(result, EmbeddingFit) else result.fit
    held_out = None if fit is result else {"accuracy": result.accuracy, "over": options.split}
    trained = TrainedOn.of(
        np.asarray(fit.embedding.values), seen, measure="dot", temperature=1.0, names=fit.embedding.names,
        held_out=held_out,
    )
    arrays: dict[str, Output] = {os.path.join(options.out, ROWS): _npz(fit.embedding, trained)}
    if isinstance(result, EmbeddingCrossValidation) and result.standard_errors is not None:
        errors = Embeddings(result.standard_errors, fit.embedding.names)
        arrays[os.path.join(options.out, ERRORS)] = _npz(errors)
    drawn = formats if isinstance(result, EmbeddingCrossValidation) else ()
    files, notes = _outputs.folder_files(result, options, {TABLE: fit.to_csv()}, drawn)
    return {**arrays, **files}, notes


def _npz(embedding: Embeddings, trained: TrainedOn | None = None) -> Any:
    """The contents of an .npz with the rows and their names, and with the record of their fit."""
    rows = Embeddings(np.asarray(embedding.values), embedding.names)
    ((_, content),) = embedding_files("embedding.npz", rows, trained)
    return content


EMBED = Command(EmbedOptions, run_embed, "pyalign embed -t triplets.npy --out human", about=("triplets",))


REGRESSION = "regression"
PREDICTION_TABLE, PREDICTED = "predict.csv", "predictions.npy"
PREDICTION_FILES, PREDICTION_CHARTS = (PREDICTION_TABLE, PREDICTED, "predict.json"), ("dimensions",)  # to --out
UNUSED_PEOPLE = "who answered plays no part here: intervals are over objects"
OF_TRIPLETS = (
    "task", "choice_column", "choice_base", "columns", "one_based", "item_names", "subject_column", "where", "empty",
)


@dataclass(frozen=True)
class PredictOptions(
    _options.Models, _options.SomeTriplets, _options.JudgedRows, _options.Mapped, _options.Nan,
    _options.ClosedIntervals, _options.People, _model_choices.Categories, _options.Threads,
    _options.Output, _outputs.Folder,
):
    """The options of `pyalign dimensions predict`."""

    dimensions: Spec = option("non-negative human dimensions (n, k), such as dataset:spose66", required=True)
    triplets: Spec | None = option(
        "file of (t, 3) triplets, to score how well the predicted dimensions identify the odd one out; FILE::KEY "
        "picks an array", "-t", "--triplets",
    )
    dimension_labels: Spec | None = option(_shared_options.LABELS)
    folds: int = option(
        f"number of cross-validation folds over objects (default: {FOLDS})", default=FOLDS, group=REGRESSION
    )
    penalties: tuple[float, ...] | None = option(
        "penalties of the ridge regression, chosen from by leave-one-out (default: 0.1, 1, ..., 1e6)", "--penalty",
        nargs="+", group=REGRESSION,
    )
    standardize: Literal["features", "none"] = option(
        "features: divide each feature by its standard deviation over the training objects (default: none)",
        default="none", choices=("features", "none"), group=REGRESSION,
    )
    ci: str = _options.over("objects", auto="objects")
    correction: Correction = _options.corrected("of differences between models", rare=True)
    seed: int | None = option("random seed of the folds (default: 0)", group=REGRESSION)


def run(options: PredictOptions, progress: Progress) -> Outcome:
    """Reads the models, the dimensions and, where they are given, the triplets; predicts."""
    _check(options)
    formats, notes = _outputs.check_folder(options, PREDICTION_FILES, PREDICTION_CHARTS)
    called = _inputs.labeled(options.embeddings, options.labels)
    triplets = None if options.triplets is None else _inputs.read_triplets(options, answered="dimensions predict")
    dimensions = _shared_options.dimensions_of(options, triplets)
    predictions = predict_dimensions(
        _inputs.read_models(options, triplets), dimensions, folds=options.folds,
        penalties=options.penalties or PENALTIES, standardize=options.standardize, triplets=triplets,
        ci=_options.plan(options), correction=options.correction, nan_policy=options.nan_policy,
        missing=options.missing, seed=options.seed or 0, progress=progress,
    )
    results = _inputs.with_labels(predictions.results, called)
    predictions = replace(predictions, results=results, triplets=options.triplets, human=options.dimensions)
    files, more = _prediction_files(predictions, options, formats)
    people = () if options.subjects is None and options.subject_column is None else (UNUSED_PEOPLE,)
    return Outcome(predictions, files, notes=(*notes, *more, *people))


def _check(options: PredictOptions) -> None:
    """What is wrong whatever the files hold."""
    if options.triplets is None:
        refuse_unused(options, OF_TRIPLETS, "triplets: add --triplets")
    _options.refuse_without_intervals(options, "confidence_level", "correction")
    if options.penalties is not None:
        checked_penalties(options.penalties)
    over_objects(_options.plan(options))


def _prediction_files(
    predictions: DimensionPredictions, options: PredictOptions, formats: tuple[str, ...]
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds, the held-out predictions too: (n, k), or (m, n, k) of m models in the order of the table."""
    if options.out is None:
        return {}, ()
    files, notes = _outputs.folder_files(predictions, options, {PREDICTION_TABLE: predictions.to_csv()}, formats)
    predicted = [result.predictions for result in predictions if result.predictions is not None]
    array = predicted[0] if len(predicted) == 1 else np.stack(predicted)
    return {os.path.join(options.out, PREDICTED): array, **files}, notes


PREDICT = Command(
    PredictOptions, run, "pyalign dimensions predict clip.npy -t triplets.npy --dimensions spose.txt",
    about=("triplets",),
)
