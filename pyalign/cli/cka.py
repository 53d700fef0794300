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
from pyalign.progress import Progress
from pyalign.typing import MeasureName

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
    seed: int | None = option(
        "random seed of the permutations (default: 0)", kind=_options.seed, metavar="S", group=NULL
    )


def run(options: CkaOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = measures_of(options.measure or "debiased-cka")
    alpha = 0.05 if options.alpha is None else options.alpha
    checked_permutations(options.n_permutations, alpha)
    if not options.n_permutations:
        refuse_unused(options, ("alpha", "seed"), "the null distribution, and --permutations 0 omits it")
    if len(options.embeddings) < 2:
        raise InputError("cka compares models with each other: give at least two --embeddings; got 1")
    labels = _inputs.labelled(options.embeddings, options.labels)
    models = _inputs.read_models(options)
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    result = cka(
        models, measure=measures, n_permutations=options.n_permutations, alpha=alpha, seed=options.seed or 0,
        backend=options.backend, progress=progress,
    )  # fmt: skip
    return Outcome(result)


COMMAND = Command(CkaOptions, run, "pyalign cka clip.npy vgg.npy dino.npy --measure debiased-cka mutual-knn:10")
