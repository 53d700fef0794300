"""`pyalign dimensions predict`: human dimensions predicted from embeddings, on objects that the fits have not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.cli import _concepts, _folder, _inputs, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, option, refuse_unused
from pyalign.concept.explained import over_objects
from pyalign.concept.predict import FOLDS, PENALTIES, checked_penalties, predict_dimensions
from pyalign.concept.predicted import DimensionPredictions
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS

REGRESSION = "regression"
WRITTEN, PICTURES = ("predict.csv", "predict.json"), ("dimensions",)  # to --out
UNUSED_PEOPLE = "who answered plays no part here: intervals are over objects"
OF_TRIPLETS = (
    "task", "odd_column", "anchor", "choice_column", "choice_base", "columns", "one_based", "item_names",
    "subject_column",
)  # fmt: skip


@dataclass(frozen=True)
class PredictOptions(
    _options.Models, _options.SomeTriplets, _options.JudgedRows, _options.Nan, _options.Intervals, _options.People,
    _options.IdleCategories, _options.Threads, _options.Output, _folder.Folder,
):  # fmt: skip
    """The options of `pyalign dimensions predict`."""

    dimensions: Spec = option(
        "human dimensions (n, k) from 0 up, such as dataset:spose66", required=True, metavar="D", role="input"
    )
    triplets: Spec | None = option(
        "file of (t, 3) triplets; FILE::KEY: how well the predictions tell the odd one out", "-t", "--triplets",
        metavar="T", role="input",
    )  # fmt: skip
    dimension_labels: Spec | None = option(_concepts.LABELS, metavar="FILE", role="input")
    folds: int = option(
        f"of the objects (default: {FOLDS}), drawn by --seed", default=FOLDS, kind=_options.count, metavar="K",
        group=REGRESSION,
    )  # fmt: skip
    penalties: tuple[float, ...] | None = option(
        "that leave-one-out chooses from (default: 0.1, 1, ..., 1e6)", kind=float, nargs="+", metavar="P",
        group=REGRESSION,
    )  # fmt: skip
    standardize: bool = option(
        "divide features by their deviation over the objects of each fit", default=False, group=REGRESSION
    )
    correction: str = option(
        "of p-values of differences between models (default: holm); benjamini-hochberg: the false discovery rate",
        default="holm", choices=tuple(CORRECTIONS), group=_options.INTERVALS, rare=True,
    )  # fmt: skip
    predicted: str | None = option(
        "write the held-out predictions of one model (n, k), float64", kind=_options.npy_file, metavar="OUT.npy",
        role="output", group=OUTPUT,
    )  # fmt: skip


def run(options: PredictOptions, progress: Progress) -> Outcome:
    """Reads the models, the dimensions and, where they are given, the triplets; predicts."""
    _check(options)
    formats, notes = _folder.check_folder(options, WRITTEN, PICTURES)
    called = _inputs.labelled(options.embeddings, options.labels)
    dimensions, labels = _concepts.read_dimensions(options.dimensions, options.dimension_labels)
    triplets = None if options.triplets is None else _inputs.read_triplets(options, answered="dimensions predict")
    found = predict_dimensions(
        _inputs.read_models(options, triplets), dimensions, labels=labels, folds=options.folds,
        penalties=options.penalties or PENALTIES, standardize=options.standardize, triplets=triplets,
        ci=over_objects(options.resampling()), correction=options.correction, nan=options.nan,
        missing=options.missing, seed=options.seed or 0, progress=progress,
    )  # fmt: skip
    results = _inputs.with_labels(found.results, called)
    found = replace(found, results=results, triplets=options.triplets, human=options.dimensions)
    files, more = _files(found, options, formats)
    people = () if options.subjects is None and options.subject_column is None else (UNUSED_PEOPLE,)
    return Outcome(found, files, notes=(*notes, *more, *people))


def _check(options: PredictOptions) -> None:
    """What is wrong whatever the files hold."""
    if options.triplets is None:
        refuse_unused(options, OF_TRIPLETS, "--triplets, which are not given")
    if options.predicted is not None and len(options.embeddings) > 1:
        raise InputError(f"--predicted takes the predictions of one model; got {len(options.embeddings)} --embeddings")
    if options.ci == "none":
        refuse_unused(options, ("correction", "confidence"), "intervals, which --ci none leaves out")
    if options.penalties is not None:
        checked_penalties(options.penalties)
    over_objects(options.resampling())


def _files(
    found: DimensionPredictions, options: PredictOptions, formats: tuple[str, ...]
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


PREDICT = Command(
    PredictOptions, run, "pyalign dimensions predict clip.npy -t triplets.npy --dimensions spose.txt",
    about=("triplets",),
)  # fmt: skip
