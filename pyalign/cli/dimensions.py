"""`pyalign dimensions predict`: human dimensions predicted from embeddings, on objects that the fits have not seen."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from pyalign.cli import _folder, _idle, _inputs, _options, _shared_options
from pyalign.cli._command import Command, Outcome, Output, option, refuse_unused
from pyalign.concept.predict import FOLDS, PENALTIES, checked_penalties, predict_dimensions
from pyalign.concept.predicted import DimensionPredictions, over_objects
from pyalign.io.paths import Spec
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS
from pyalign.typing import Correction

REGRESSION = "regression"
TABLE, PREDICTED = "predict.csv", "predictions.npy"
WRITTEN, PICTURES = (TABLE, PREDICTED, "predict.json"), ("dimensions",)  # to --out
UNUSED_PEOPLE = "who answered plays no part here: intervals are over objects"
OF_TRIPLETS = (
    "task", "choice_column", "choice_base", "columns", "one_based", "item_names",
    "subject_column", "where", "empty",
)


@dataclass(frozen=True)
class PredictOptions(
    _options.Models, _options.SomeTriplets, _options.JudgedRows, _options.Mapped, _options.Nan,
    _options.ClosedIntervals, _options.People, _idle.Categories, _options.Threads, _options.Output, _folder.Folder,
):
    """The options of `pyalign dimensions predict`."""

    dimensions: Spec = option(
        "non-negative human dimensions (n, k), such as dataset:spose66", required=True, metavar="D", role="input"
    )
    triplets: Spec | None = option(
        "file of (t, 3) triplets, to score how well the predicted dimensions identify the odd one "
        "out; FILE::KEY picks an array", "-t", "--triplets",
        metavar="T", role="input",
    )
    dimension_labels: Spec | None = option(_shared_options.LABELS, metavar="FILE", role="input")
    folds: int = option(
        f"number of cross-validation folds over objects (default: {FOLDS})", default=FOLDS, kind=_options.count,
        metavar="K",
        group=REGRESSION,
    )
    penalties: tuple[float, ...] | None = option(
        "penalties of the ridge regression, chosen from by leave-one-out (default: 0.1, 1, ..., 1e6)", "--penalty",
        kind=float, nargs="+", metavar="L", group=REGRESSION,
    )
    standardize: str = option(
        "features: divide each feature by its standard deviation over the training objects (default: none)",
        default="none",
        choices=("features", "none"), group=REGRESSION,
    )
    ci: str = _options.over("objects", auto="objects")
    correction: Correction = option(
        "correction of p-values of differences between models (default: holm); benjamini-hochberg "
        "controls the false discovery rate",
        default="holm", choices=tuple(CORRECTIONS), group=_options.INTERVALS, rare=True,
    )
    seed: int | None = option(
        "random seed of the folds (default: 0)", kind=_options.seed, metavar="S", group=REGRESSION
    )


def run(options: PredictOptions, progress: Progress) -> Outcome:
    """Reads the models, the dimensions and, where they are given, the triplets; predicts."""
    _check(options)
    formats, notes = _folder.check_folder(options, WRITTEN, PICTURES)
    called = _inputs.labelled(options.embeddings, options.labels)
    triplets = None if options.triplets is None else _inputs.read_triplets(options, answered="dimensions predict")
    dimensions = _shared_options.dimensions_of(options, triplets)
    predictions = predict_dimensions(
        _inputs.read_models(options, triplets), dimensions, folds=options.folds,
        penalties=options.penalties or PENALTIES, standardize=options.standardize == "features", triplets=triplets,
        ci=_options.plan(options), correction=options.correction, nan_policy=options.nan_policy,
        missing=options.missing, seed=options.seed or 0, progress=progress,
    )
    results = _inputs.with_labels(predictions.results, called)
    predictions = replace(predictions, results=results, triplets=options.triplets, human=options.dimensions)
    files, more = _files(predictions, options, formats)
    people = () if options.subjects is None and options.subject_column is None else (UNUSED_PEOPLE,)
    return Outcome(predictions, files, notes=(*notes, *more, *people))


def _check(options: PredictOptions) -> None:
    """What is wrong whatever the files hold."""
    if options.triplets is None:
        refuse_unused(options, OF_TRIPLETS, "triplets: add --triplets")
    if options.ci == "none":
        refuse_unused(options, ("confidence_level", "correction"), "intervals, and --ci none omits them")
    if options.penalties is not None:
        checked_penalties(options.penalties)
    over_objects(_options.plan(options))


def _files(
    predictions: DimensionPredictions, options: PredictOptions, formats: tuple[str, ...]
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds, the held-out predictions too: (n, k), or (m, n, k) of m models in the order of the table."""
    if options.out is None:
        return {}, ()
    files, notes = _folder.folder_files(predictions, options, {TABLE: predictions.to_csv()}, formats)
    predicted = [result.predictions for result in predictions if result.predictions is not None]
    array = predicted[0] if len(predicted) == 1 else np.stack(predicted)
    return {os.path.join(options.out, PREDICTED): array, **files}, notes


PREDICT = Command(
    PredictOptions, run, "pyalign dimensions predict clip.npy -t triplets.npy --dimensions spose.txt",
    about=("triplets",),
)
