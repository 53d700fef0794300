"""`pyalign rsa`: similarity matrices of representations against those of people.

`pyalign cka`: representations against each other.
"""

from __future__ import annotations

from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.cli import _inputs, _options, _outputs, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._vocabulary import seed
from pyalign.data import KINDS
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES, get_measure
from pyalign.pairwise.all_pairs import PERMUTATIONS, Null, measures_of
from pyalign.pairwise.bootstrap import OVER
from pyalign.pairwise.cka import cka
from pyalign.pairwise.correlations import CORRELATIONS, get_correlation
from pyalign.pairwise.rdms import REPRESENTATION_MEASURES
from pyalign.pairwise.rsa import rsa
from pyalign.typing import Correction, MatrixKind, MeasureName, Policy

HUMAN, MODELS = "human judgments", "more models"
OF_EMBEDDINGS = ("measure", "names", "name_column", "per_object", "labels", "nan_policy")
TABLE = "rsa.csv"
WRITTEN, PICTURES = (TABLE, "rsa.json"), ("rsa", "rdm", "mds")  # to --out
FORMULAS = "\n".join(f"  {one.name:<10} {one.formula}" for one in CORRELATIONS.values())
HOW = f"comparison of matrices\ncorrelations of the values of pairs:\n{FORMULAS}"


@dataclass(frozen=True)
class RsaOptions(
    _options.Models, _options.JudgedRows, _options.Mapped, _options.Intervals, _options.Running, _options.Output,
    _outputs.FolderWithImages,
):
    """The options of `pyalign rsa`."""

    embeddings: tuple[Spec, ...] = option(
        "files of (n, d) embeddings, or folders written by `pyalign extract`; FILE::KEY picks an array", "--embeddings",
        default=(), nargs="*", positional=True,
    )
    human: Spec = option(
        "file of the human matrix (n, n), of one for each participant (p, n, n), or condensed, or a table with a "
        "rating in each row; FILE::KEY picks an array; NaN marks pairs that were not judged",
        required=True, metavar="FILE", group=HUMAN,
    )
    kind: MatrixKind | None = option(
        "whether larger values in --human mean more similar or more dissimilar (default: what the diagonal shows; a "
        "data set knows it)", choices=KINDS, group=HUMAN,
    )
    item_names: Spec | None = option(
        "name of the item in each row of --human, one per line; embeddings with names are then matched by name",
        group=HUMAN,
    )
    matrix: tuple[Spec, ...] | None = option(
        "dissimilarity matrices (RDMs) to compare as models; a stack (k, n, n) counts as k models", "--matrix",
        nargs="+", group=MODELS,
    )
    measure: tuple[MeasureName, ...] | None = option(
        f"similarity measure for the rows, one or more of {', '.join(MEASURES)} (default: pearson)", nargs="+",
        group=HOW, words=MEASURES,
    )
    correlation: tuple[str, ...] | None = option(
        "correlation of the matrices, one or more of those above (default: spearman)", nargs="+", group=HOW,
        words=CORRELATIONS,
    )
    nan_policy: Policy = option(
        "rows with NaN: raise an error, or omit their pairs (default: raise)", default="raise",
        choices=("raise", "omit"), group=HOW, rare=True,
    )
    ci: str = _options.over(*OVER, auto="objects, and participants if there are matrices of several")
    n_resamples: int | None = option(
        "take bootstrap intervals, with B resamples (default: a closed form, but 1000 resamples for kendall and tau-a)",
        group=_options.INTERVALS, rare=True,
    )
    n_permutations: int | None = option(
        "number of random relabelings of the objects for p-values", group=_options.INTERVALS
    )
    correction: Correction = _options.corrected("of differences and of tests against the noise ceiling")
    categories: Spec | None = option(
        "category or categories of each object: the order of the matrices in --out", group=OUTPUT
    )


def run_rsa(options: RsaOptions, progress: Progress) -> Outcome:
    """Reads everything, compares everything."""
    _check(options)
    formats, notes = _outputs.check_folder(options, WRITTEN, PICTURES)
    human = _shared_options.read_rdms(options.human, options.kind, options.item_names)
    models: dict[str, Any] = dict(_inputs.read_models(options, items=human.names))
    labels = _inputs.labeled(options.embeddings, options.labels)
    given = {name: getattr(options, name) for name in ("measure", "correlation", "seed")}
    asked = {name: value for name, value in given.items() if value is not None}
    rdms = _shared_options.read_matrices(options.matrix or (), "dissimilarity", "--matrix")
    result = rsa(
        models, human, **asked, matrix=rdms, ci=_options.plan(options), n_permutations=options.n_permutations,
        correction=options.correction, nan_policy=options.nan_policy, missing=options.missing,
        rdms=options.out is not None, backend=options.backend, progress=progress,
    )
    called: dict[str, str] = {} if labels is None else dict(zip(options.embeddings, labels, strict=True))
    result = replace(result, results=tuple(replace(r, label=called.get(r.embeddings)) for r in result.results))
    files: dict[str, Output] = {}
    if options.out is not None:
        table, categories = {TABLE: result.to_csv()}, _shared_options.read_categories(options.categories)
        files, more = _outputs.folder_files(result, options, table, formats, categories=categories)
        notes = (*notes, *more)
    return Outcome(result, files, notes=notes)


def _check(options: RsaOptions) -> None:
    """What is wrong whatever the files hold."""
    if options.out is None:
        refuse_unused(options, ("categories",), "the folder of results: add --out")
    if not options.embeddings and not options.matrix:
        raise InputError("--embeddings, --matrix, or both are needed; got neither")
    if not options.embeddings:
        refuse_unused(options, OF_EMBEDDINGS, "embeddings, and there are none")
    for measure in options.measure or ():
        get_measure(measure)
    for correlation in options.correlation or ():
        get_correlation(correlation)
    _options.refuse_without_intervals(options, "n_resamples", "confidence_level", "correction")
    if options.ci == "none" and options.n_permutations is None:
        refuse_unused(options, ("seed",), "random steps: intervals or --permutations")


RSA = Command(
    RsaOptions, run_rsa, "pyalign rsa clip.npy vgg.npy --human rdms.npy --kind dissimilarity", about=("human",)
)


SIMILARITIES = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in REPRESENTATION_MEASURES.values())
COMPARED = f"""comparison
measures, 1 for a model with itself:
{SIMILARITIES}
parameters follow a colon: rbf-cka:0.5 takes half the median distance for s,
rbf-cka:sigma=2 takes s = 2; mutual-knn:20 and cknna:20 use 20 neighbors,
svcca:20 keeps 20 components, svcca:0.95 components with 95% of the variance;
rsa-spearman:cosine compares cosine similarities"""
NULL = "null"


@dataclass(frozen=True)
class CkaOptions(_options.Models, _options.RowNames, _options.Mapped, _options.Running, _options.Output):
    """The options of `pyalign cka`."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one or more of those above (default: debiased-cka)", nargs="+", group=COMPARED,
        words=REPRESENTATION_MEASURES,
    )
    n_permutations: int = option(
        "number of random permutations of the items of one model, which give the null distribution of unrelated models "
        f"(default: {PERMUTATIONS}); 0: no null", default=PERMUTATIONS, kind=seed, group=NULL,
    )
    ci: str = _options.over("objects", auto="objects")
    n_resamples: int | None = option(
        "take intervals by B half-samples of the objects, for all measures (default: a closed form for measures of "
        "similarity matrices, 200 half-samples for the others)", group=_options.INTERVALS,
    )
    confidence_level: float | None = option(
        "confidence level of the intervals, and the share of unrelated models that stay below the threshold (default: "
        "0.95)", group=_options.INTERVALS,
    )
    correction: Correction = _options.corrected("of pairs of models, and of differences")
    seed: int | None = option("random seed of permutations and half-samples (default: 0)", group=NULL)


def run_cka(options: CkaOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = measures_of(options.measure or "debiased-cka")
    level = 0.95 if options.confidence_level is None else options.confidence_level
    Null.of(options.n_permutations, level, options.seed or 0)
    halved = options.n_resamples is not None or any(one.family != "matrix" for one in measures)
    halved = options.ci != "none" and halved
    _options.refuse_without_intervals(options, "n_resamples")
    if options.ci == "none" and not options.n_permutations:
        unused = ("correction", "confidence_level")
        refuse_unused(options, unused, "intervals and p-values, and --ci none and --permutations 0 omit them")
    if not options.n_permutations and not halved:
        refuse_unused(options, ("seed",), "permutations and half-samples, and there are none")
    if len(options.embeddings) < 2:
        raise InputError("cka compares models with each other: give at least two --embeddings; got 1")
    models = _inputs.read_labeled(options)
    result = cka(
        models, measure=measures, n_permutations=options.n_permutations, confidence_level=level,
        ci=_options.plan(options), correction=options.correction, seed=options.seed or 0, backend=options.backend,
        progress=progress,
    )
    return Outcome(result)


CKA = Command(CkaOptions, run_cka, "pyalign cka clip.npy vgg.npy dino.npy --measure debiased-cka mutual-knn:10")
