"""`pyalign cka`: models compared with each other, by CKA and its relatives."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign import _checks
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.errors import InputError
from pyalign.pairwise.all_pairs import checked_permutations, measures_of
from pyalign.pairwise.cka import PERMUTATIONS, cka
from pyalign.pairwise.representation import REPRESENTATION_MEASURES
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS
from pyalign.typing import Correction, MeasureName

FORMULAS = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in REPRESENTATION_MEASURES.values())
COMPARED = f"""comparison
measures, 1 for a model with itself:
{FORMULAS}
parameters follow a colon: rbf-cka:0.5 takes half the median distance for s,
rbf-cka:sigma=2 takes s = 2; mutual-knn:20 and cknna:20 use 20 neighbours,
svcca:20 keeps 20 components, svcca:0.95 components with 95% of the variance;
rsa-spearman:cosine compares cosine similarities"""
NULL = "null"


@dataclass(frozen=True)
class CkaOptions(_options.Models, _options.RowNames, _options.Mapped, _options.Running, _options.Output):
    """The options of `pyalign cka`."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one or more of those above (default: debiased-cka)", nargs="+", metavar="M",
        group=COMPARED,
        words=REPRESENTATION_MEASURES,
    )
    n_permutations: int = option(
        "number of random permutations of the items of one model, which give the null distribution of unrelated models "
        f"(default: {PERMUTATIONS}); 0: no null",
        default=PERMUTATIONS, kind=_options.seed, metavar="K", group=NULL,
    )
    ci: str = _options.over("objects", auto="objects")
    n_resamples: int | None = option(
        "take intervals by B half-samples of the objects, for all measures (default: a closed form for measures of "
        "similarity matrices, 200 half-samples for the others)", kind=_options.count, metavar="B",
        group=_options.INTERVALS,
    )
    confidence_level: float | None = option(
        "confidence level of the intervals, and the share of unrelated models that stay below the threshold (default: "
        "0.95)", kind=float, metavar="P", group=_options.INTERVALS,
    )
    correction: Correction = option(
        "correction of p-values of pairs of models, and of differences (default: holm)", default="holm",
        choices=tuple(CORRECTIONS), group=_options.INTERVALS,
    )
    seed: int | None = option(
        "random seed of permutations and half-samples (default: 0)", kind=_options.seed, metavar="S", group=NULL
    )


def run(options: CkaOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = measures_of(options.measure or "debiased-cka")
    stated = 0.95 if options.confidence_level is None else options.confidence_level
    alpha = round(1 - _checks.fraction(stated, "confidence_level"), 12)
    checked_permutations(options.n_permutations, alpha)
    halved = options.n_resamples is not None or any(one.family != "matrix" for one in measures)
    halved = options.ci != "none" and halved
    if options.ci == "none":
        refuse_unused(options, ("n_resamples",), "intervals, and --ci none omits them")
        if not options.n_permutations:
            unused = ("correction", "confidence_level")
            refuse_unused(options, unused, "intervals and p-values, and --ci none and --permutations 0 omit them")
    if not options.n_permutations and not halved:
        refuse_unused(options, ("seed",), "permutations and half-samples, and there are none")
    if len(options.embeddings) < 2:
        raise InputError("cka compares models with each other: give at least two --embeddings; got 1")
    labels = _inputs.labelled(options.embeddings, options.labels)
    models = _inputs.read_models(options)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    result = cka(
        models, measure=measures, n_permutations=options.n_permutations, alpha=alpha, ci=_options.plan(options),
        correction=options.correction, seed=options.seed or 0, backend=options.backend, progress=progress,
    )
    return Outcome(result)


COMMAND = Command(CkaOptions, run, "pyalign cka clip.npy vgg.npy dino.npy --measure debiased-cka mutual-knn:10")
