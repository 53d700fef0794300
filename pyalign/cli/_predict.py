"""`pyalign concepts --predict`: human dimensions predicted from embeddings, in place of accuracies per concept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _folder, _inputs, _options
from pyalign.cli._command import Outcome, Output, option, refuse_unused
from pyalign.concept.explained import over_objects
from pyalign.concept.predict import FOLDS, checked_penalties, predict_dimensions
from pyalign.concept.predicted import DimensionPredictions
from pyalign.errors import InputError
from pyalign.progress import Progress
from pyalign.stats.resampling import Resampling

PREDICTION = "predicted dimensions"
WRITTEN, PICTURES = ("predict.csv", "predict.json"), ("dimensions",)  # to --out
OF_TRIPLETS = (
    "task", "odd_column", "anchor", "choice_column", "choice_base", "columns", "one_based", "item_names",
    "subject_column",
)  # fmt: skip
OF_PREDICTION = ("folds", "penalties", "standardize", "predicted")
OF_CONCEPTS = (
    "assign", "top", "categories", "levels", "transform", "measure", "temperature", "ties", "min_triplets",
    "top_objects", "subjects", "backend", "images",
)  # fmt: skip


@dataclass(frozen=True)
class PredictOptions:
    """The options of `pyalign concepts --predict`."""

    predict: bool = option(
        "predict the human dimensions by ridge regression, on objects that the fits have not seen: R^2 of each, and "
        "how well they tell the odd one out", default=False, group=PREDICTION,
    )  # fmt: skip
    folds: int | None = option(
        f"of the objects (default: {FOLDS}), drawn by --seed", kind=_options.count, metavar="K", group=PREDICTION
    )
    penalties: tuple[float, ...] | None = option(
        "that leave-one-out chooses from (default: 0.1, 1, ..., 1e6)", kind=float, nargs="+", metavar="P",
        group=PREDICTION,
    )  # fmt: skip
    standardize: bool = option(
        "divide features by their deviation over the objects of each fit", default=False, group=PREDICTION
    )
    predicted: str | None = option(
        "write the held-out predictions of one model (n, k), float64", kind=_options.npy_file, metavar="OUT.npy",
        role="output", group=PREDICTION,
    )  # fmt: skip


def check(options: Any) -> None:
    """What is wrong whatever the files hold."""
    if not options.predict:
        refuse_unused(options, OF_PREDICTION, "--predict, which is not given")
        return
    if options.dimensions is None:
        raise InputError("--predict needs --dimensions, which it predicts")
    refuse_unused(options, OF_CONCEPTS, "accuracies per concept, which --predict does not give")
    if options.triplets is None:
        refuse_unused(options, OF_TRIPLETS, "--triplets, which are not given")
    if options.predicted is not None and len(options.embeddings) > 1:
        raise InputError(f"--predicted takes the predictions of one model; got {len(options.embeddings)} --embeddings")
    if options.ci == "none":
        refuse_unused(options, ("correction", "confidence"), "intervals, which --ci none leaves out")
    if options.penalties is not None:
        checked_penalties(options.penalties)
    _plan(options)


def run_predict(options: Any, progress: Progress, dimensions: Any, labels: tuple[str, ...] | None) -> Outcome:
    """Reads the models and, where they are given, the triplets; predicts."""
    formats, notes = _folder.check_folder(options, WRITTEN, PICTURES)
    given: dict[str, Any] = {} if options.penalties is None else {"penalties": options.penalties}
    called = _inputs.labelled(options.embeddings, options.labels)
    triplets = None if options.triplets is None else _inputs.read_triplets(options, answered="concepts --predict")
    found = predict_dimensions(
        _inputs.read_models(options, triplets), dimensions, labels=labels, folds=options.folds or FOLDS,
        standardize=options.standardize, triplets=triplets, ci=_plan(options), correction=options.correction,
        nan=options.nan, missing=options.missing, seed=options.seed or 0, progress=progress, **given,
    )  # fmt: skip
    found = replace(found, results=_inputs.with_labels(found.results, called), triplets=options.triplets,
                    human=options.dimensions)  # fmt: skip
    files, more = _files(found, options, formats)
    return Outcome(found, files, notes=(*notes, *more))


def _plan(options: Any) -> Resampling | None:
    return over_objects(options.resampling())


def _files(
    found: DimensionPredictions, options: Any, formats: tuple[str, ...]
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What is written, and notes about the pictures."""
    files: dict[str, Output] = {}
    if options.predicted is not None:
        predictions = found[0].predictions
        assert predictions is not None
        files[options.predicted] = predictions
    if options.out is None:
        return files, ()
    held, notes = _folder.folder_files(found, options, {"predict.csv": found.to_csv(options.csv_escape)}, formats)
    return files | held, notes
