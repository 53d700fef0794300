"""`pyalign cka`: models compared with each other, by CKA and its relatives."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, option, refuse_unused
from pyalign.errors import InputError
from pyalign.pairwise.all_pairs import measures_of
from pyalign.pairwise.calibrated import checked_permutations
from pyalign.pairwise.cka import PERMUTATIONS, cka
from pyalign.pairwise.representation import REPRESENTATION_MEASURES
from pyalign.pairwise.scored_pairs import METHODS
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import AUTO
from pyalign.typing import Correction, MeasureName

FORMULAS = "\n".join(f"  {measure.name:<16} {measure.formula}" for measure in REPRESENTATION_MEASURES.values())
COMPARED = f"""comparison
measures, 1 for a model with itself:
{FORMULAS}
parameters follow a colon: rbf-cka:0.5 takes half the median distance for s,
rbf-cka:sigma=2 takes s = 2; mutual-knn:20 and cknna:20 use 20 neighbours,
svcca:20 keeps 20 components, svcca:0.95 components with 95 % of the variance;
rsa-spearman:cosine compares cosine similarities"""
NULL = "null"


@dataclass(frozen=True)
class CkaOptions(_options.Models, _options.RowNames, _options.Mapped, _options.Running, _options.Output):
    """The options of `pyalign cka`."""

    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one or more of those above (default: debiased-cka)", nargs="+", metavar="M",
        group=COMPARED,
        words=REPRESENTATION_MEASURES,
    )  # fmt: skip
    n_permutations: int = option(
        "number of random permutations of the items of one model, which give the null distribution of unrelated models "
        f"(default: {PERMUTATIONS}); 0: no null",
        default=PERMUTATIONS, kind=_options.seed, metavar="K", group=NULL,
    )  # fmt: skip
    alpha: float | None = option(
        "proportion of unrelated models that may exceed the threshold (default: 0.05)",
        kind=float,
        metavar="P",
        group=NULL,
    )
    ci: str = option(
        "what intervals generalize to: other objects like these (auto, the default, is objects), or none", default=AUTO,
        choices=_options.CI, metavar="OVER", group=_options.INTERVALS,
    )  # fmt: skip
    ci_method: str | None = option(
        "how intervals are computed: a closed form (corrected; the default for measures of similarity matrices), or "
        "half-samples of the objects (the default for the others)", choices=METHODS, group=_options.INTERVALS,
    )  # fmt: skip
    n_resamples: int | None = option(
        "number of half-samples (default: 200); selects half-samples", kind=_options.count, metavar="B",
        group=_options.INTERVALS,
    )  # fmt: skip
    confidence_level: float | None = option(
        "confidence level of the intervals (default: 0.95)", kind=float, metavar="P", group=_options.INTERVALS
    )
    correction: Correction = option(
        "correction of p-values of pairs of models, and of differences (default: holm)", default="holm",
        choices=tuple(CORRECTIONS), group=_options.INTERVALS,
    )  # fmt: skip
    seed: int | None = option(
        "random seed of permutations and half-samples (default: 0)", kind=_options.seed, metavar="S", group=NULL
    )


def run(options: CkaOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = measures_of(options.measure or "debiased-cka")
    alpha = 0.05 if options.alpha is None else options.alpha
    checked_permutations(options.n_permutations, alpha)
    if not options.n_permutations:
        refuse_unused(options, ("alpha",), "the null distribution, and --permutations 0 omits it")
    halved = options.ci_method == "half-samples" or options.n_resamples is not None
    halved = options.ci != "none" and (halved or any(one.family != "matrix" for one in measures))
    if options.ci == "none":
        unused = ("ci_method", "n_resamples", "confidence_level")
        refuse_unused(options, unused, "intervals, and --ci none omits them")
        if not options.n_permutations:
            refuse_unused(options, ("correction",), "p-values, and --ci none and --permutations 0 omit them")
    if not options.n_permutations and not halved:
        refuse_unused(options, ("seed",), "permutations and half-samples, and there are none")
    if options.ci_method == "corrected":
        refuse_unused(options, ("n_resamples",), "half-samples, which --ci-method corrected does not use")
    if len(options.embeddings) < 2:
        raise InputError("cka compares models with each other: give at least two --embeddings; got 1")
    labels = _inputs.labelled(options.embeddings, options.labels)
    models = _inputs.read_models(options)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    result = cka(
        models, measure=measures, n_permutations=options.n_permutations, alpha=alpha, ci=_options.plan(options),
        correction=options.correction, seed=options.seed or 0, backend=options.backend, progress=progress,
    )  # fmt: skip
    return Outcome(result)


COMMAND = Command(CkaOptions, run, "pyalign cka clip.npy vgg.npy dino.npy --measure debiased-cka mutual-knn:10")
