"""Models against each other on the same triplets: paired differences, ranks, and whether they err together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import Score
from pyalign.analysis.comparison import Comparison, ModelResult, PairResult
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, triplet_outcomes
from pyalign.analysis.uncertainty import clusters_of, common, in_units, kept_of, values_of
from pyalign.data import Provenance, align_models, require_answers, require_one_answer_each
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.progress import Progress, silent
from pyalign.stats.intervals import percentile_interval
from pyalign.stats.paired import error_consistency, holm, ranks_of, two_sided_p
from pyalign.stats.resampling import Resampling, as_resampling, replicates, require_rows


def compare(
    models: Mapping[str, object],
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
    ci: str | Resampling = "objects",
    subjects: object = None,
    progress: Progress = silent,
) -> Comparison:
    """Accuracies of several models, their differences under the same resamples, and how much their errors coincide.

    Args:
        models: name -> (n, d) embeddings of the same n items; at least two. Those with names are matched by name,
            others are taken to have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names; the last column is the item that the person called odd.
        measure, temperature, ties, nan, backend: see `pyalign.score`.
        ci, subjects: see `pyalign.score`; every model meets the same resamples.
        progress: called with a stage, how much of it is done, and of how much.

    Returns:
        A `Comparison`. The p-value of a difference is twice the share of resamples in which it is 0 or of the other
        sign, with 1 added above and below the line, at most 1; those of all pairs are corrected by Holm's rule.

    Raises:
        InputError: as `pyalign.score`; fewer than two models, or of different items.

    Source: Geirhos, Meding and Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by
    measuring error consistency", NeurIPS 2020, for the last of it; Holm 1979.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(size=(30, 4))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> odd = pyalign.odd_one_out(good, triplets)
        >>> triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        >>> plan = pyalign.Resampling("objects", resamples=100)
        >>> found = compare({"good": good, "random": rng.normal(size=(30, 4))}, triplets, ci=plan)
        >>> found.pairs[0].p_value < 0.05, [model.rank for model in found.models]
        (True, [1.0, 2.0])
    """
    _checks.named_models(models)
    models = {str(name): x for name, x in models.items()}
    if len(models) < 2:
        raise InputError(f"models must be at least two; got {len(models)}")
    plan = as_resampling(ci)
    if plan is None or plan.method != "bootstrap":
        raise InputError("ci must ask for the bootstrap: differences are taken within each resample")
    aligned = align_models(models, triplets)
    require_answers(aligned.triplets, "compare")
    require_one_answer_each(aligned.triplets, "compare")
    options: dict[str, Any] = {"measure": measure, "temperature": temperature, "ties": ties, "nan": nan}
    outcomes = outcomes_of_models(aligned.models, aligned.index, **options, backend=backend)
    people = aligned.triplets.subjects if subjects is None else subjects
    found = compare_outcomes(
        list(models),
        outcomes,
        aligned.index,
        plan,
        subjects=people if plan.by == "subjects" else None,
        progress=progress,
    )
    told = [notes_on_rows(x, aligned.index, name) for name, x in aligned.models.items()]
    told += [notes_on_score(m.accuracy, found.n_triplets, m.cross_entropy, m.model) for m in found.models]
    given = {**options, "measure": str(measure), "ci": asdict(plan)}
    return replace(
        found,
        triplets=aligned.triplets.source,
        notes=merged(aligned.notes, *told),
        provenance=Provenance.now(
            [*models.items(), ("triplets", aligned.triplets)], given, outcomes[0].score.backend, plan.seed
        ),
    )


def outcomes_of_models(models: Mapping[str, object], triplets: object, **options: Any) -> list[Outcomes]:
    """The outcomes of each model; a problem with one is told with its name."""
    outcomes = []
    for name, x in models.items():
        try:
            outcomes.append(triplet_outcomes(x, triplets, **options))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return outcomes


def compare_outcomes(
    names: Sequence[str], outcomes: Sequence[Outcomes], triplets: object, plan: Resampling, *, subjects: object = None,
    progress: Progress = silent,
) -> Comparison:  # fmt: skip
    """The comparison of models whose outcomes are known."""
    kept, score = common(outcomes), outcomes[0].score
    clusters = clusters_of(triplets, outcomes, subjects)
    values, units = values_of(outcomes, score.ties, kept)
    means = replicates(clusters, values, plan, progress)
    require_rows(means, plan)
    estimates = np.array([_means(one, score, kept) for one in outcomes]).ravel()
    means = in_units(means, values, units, estimates.tolist())
    right = np.stack([kept_of(one.verdicts, one, kept) == 1 for one in outcomes])
    pairs = [
        _pair(names[a], names[b], estimates[2 * a : 2 * a + 2] - estimates[2 * b : 2 * b + 2],
              means[:, 2 * a : 2 * a + 2] - means[:, 2 * b : 2 * b + 2], right[a], right[b], plan)
        for a, b in combinations(range(len(names)), 2)
    ]  # fmt: skip
    return Comparison(
        models=tuple(_models(names, outcomes, kept, estimates, means, plan)),
        pairs=tuple(_adjusted(pairs)),
        n_triplets=len(clusters.objects),
        n_dropped=0 if kept is None else int((~kept).sum()),
        resamples=plan.resamples,
        seed=plan.seed,
        measure=score.measure,
        temperature=score.temperature,
        ties=score.ties,
    )


def _means(one: Outcomes, score: Score, kept: np.ndarray | None) -> tuple[float, float]:
    """Accuracy and cross-entropy of the triplets that all models share."""
    if kept is None:
        assert one.score.accuracy is not None and one.score.cross_entropy is not None
        return one.score.accuracy, one.score.cross_entropy
    credits = kept_of(one.credits(score.ties), one, kept)
    return float(credits.mean()) / CREDIT_UNIT, float(kept_of(one.cross_entropy, one, kept).mean(dtype=np.float64))


def _models(
    names: Sequence[str], outcomes: Sequence[Outcomes], kept: np.ndarray | None, estimates: np.ndarray,
    means: np.ndarray, plan: Resampling,
) -> list[ModelResult]:  # fmt: skip
    ranks, rank_means = ranks_of(estimates[None, ::2])[0], ranks_of(means[:, ::2])
    return [
        ModelResult(
            model=name,
            accuracy=float(estimates[2 * k]),
            ci=percentile_interval(means[:, 2 * k], plan),
            cross_entropy=float(estimates[2 * k + 1]),
            cross_entropy_ci=percentile_interval(means[:, 2 * k + 1], plan),
            n_ties=int((np.abs(kept_of(outcomes[k].verdicts, outcomes[k], kept)) > 1).sum()),
            rank=float(ranks[k]),
            rank_ci=percentile_interval(rank_means[:, k], plan),
        )
        for k, name in enumerate(names)
    ]


def _pair(
    a: str,
    b: str,
    difference: np.ndarray,
    differences: np.ndarray,
    right_a: np.ndarray,
    right_b: np.ndarray,
    plan: Resampling,
) -> PairResult:
    """`difference` (2,) and `differences` (b, 2): of accuracies and of cross-entropies."""
    both_wrong, expected, kappa = error_consistency(right_a, right_b)
    p = two_sided_p(differences[:, 0])
    return PairResult(
        a=a,
        b=b,
        difference=float(difference[0]),
        ci=percentile_interval(differences[:, 0], plan),
        p_value=p,
        p_adjusted=p,
        cross_entropy_difference=float(difference[1]),
        cross_entropy_ci=percentile_interval(differences[:, 1], plan),
        both_wrong=both_wrong,
        both_wrong_expected=expected,
        error_consistency=kappa,
    )


def _adjusted(pairs: Sequence[PairResult]) -> list[PairResult]:
    corrected = holm([pair.p_value for pair in pairs])
    return [replace(pair, p_adjusted=p) for pair, p in zip(pairs, corrected, strict=True)]
