"""Models against each other on the same triplets: paired differences, ranks, and whether they err together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import Score
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, triplet_outcomes
from pyalign.analysis.uncertainty import (
    Plan,
    Sample,
    common,
    in_units,
    kept_of,
    replicates,
    require_triplets,
    values_of,
)
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.ops.resample import Done
from pyalign.stats.intervals import Interval, percentile_interval
from pyalign.stats.paired import error_consistency, holm, ranks_of, two_sided_p


@dataclass(frozen=True)
class ModelResult:
    """One model among several.

    Attributes:
        model: its name.
        accuracy: fraction, of the triplets that all models could be scored on.
        ci: interval of the accuracy.
        standard_error: of the accuracy.
        cross_entropy: nats.
        cross_entropy_ci: interval, nats.
        n_ties: tied triplets.
        rank: by accuracy, 1 is best; equal accuracies share the mean of their ranks.
        rank_ci: interval of the rank over the resamples.
    """

    model: str
    accuracy: float
    ci: Interval
    standard_error: float
    cross_entropy: float
    cross_entropy_ci: Interval
    n_ties: int
    rank: float
    rank_ci: Interval


@dataclass(frozen=True)
class PairResult:
    """Two models, a and b, on the same triplets.

    Attributes:
        a, b: their names.
        difference: accuracy of a less that of b, a fraction.
        ci: its interval, from differences within each resample.
        standard_error: of the difference.
        p_value: two-sided, of no difference.
        p_adjusted: the same, corrected over all pairs (Holm).
        cross_entropy_difference: nats, a less b.
        cross_entropy_ci: its interval.
        both_wrong: share of triplets that both get wrong.
        both_wrong_expected: that share if their errors were independent.
        error_consistency: Cohen's kappa of right and wrong: 0 for independent errors, 1 for the same; None where a
            model is always right or always wrong, so that nothing could agree by more than chance.
    """

    a: str
    b: str
    difference: float
    ci: Interval
    standard_error: float
    p_value: float
    p_adjusted: float
    cross_entropy_difference: float
    cross_entropy_ci: Interval
    both_wrong: float
    both_wrong_expected: float
    error_consistency: float | None


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        models: in the order in which they were given.
        pairs: every two of them.
        n_triplets: triplets that all models were scored on.
        n_dropped: triplets left out because they touch a row with NaN or infinity in any of them.
        ci_by, confidence, resamples, seed, measure, temperature, ties: the options.
    """

    models: tuple[ModelResult, ...]
    pairs: tuple[PairResult, ...]
    n_triplets: int
    n_dropped: int
    ci_by: str
    confidence: float
    resamples: int
    seed: int
    measure: str
    temperature: float
    ties: str

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write."""
        return asdict(self)


def compare(
    models: Mapping[str, object],
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
    ci: str = "objects",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    subjects: object = None,
    done: Done | None = None,
) -> Comparison:
    """Accuracies of several models, their differences under the same resamples, and how much their errors coincide.

    Args:
        models: name -> (n, d) embeddings of the same n items in the same order; at least two.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        measure, temperature, ties, nan, backend: see `pyalign.score`.
        ci, confidence, resamples, seed, subjects: see `pyalign.score`; every model meets the same resamples.
        done: called now and then with the number of resamples that are done.

    Returns:
        A `Comparison`. The p-value of a difference is twice the share of resamples in which it is 0 or of the other
        sign, with 1 added above and below the line, at most 1; those of all pairs are corrected by Holm's rule.

    Raises:
        InputError: as `pyalign.score`; fewer than two models, or of different numbers of items.

    Source: Geirhos, Meding and Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by
    measuring error consistency", NeurIPS 2020, for the last of it; Holm 1979.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(size=(30, 4))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> odd = pyalign.odd_one_out(good, triplets)
        >>> triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        >>> found = compare({"good": good, "random": rng.normal(size=(30, 4))}, triplets, resamples=100)
        >>> found.pairs[0].p_value < 0.05, [model.rank for model in found.models]
        (True, [1.0, 2.0])
    """
    _checks.named_models(models)
    if len(models) < 2:
        raise InputError(f"models must be at least two; got {len(models)}")
    plan = Plan(ci, "bootstrap", confidence, resamples, seed)
    options: dict[str, Any] = {"measure": measure, "temperature": temperature, "ties": ties, "nan": nan}
    outcomes = outcomes_of_models(models, triplets, **options, backend=backend)
    return compare_outcomes(list(models), outcomes, triplets, plan, subjects=subjects, done=done)


def outcomes_of_models(models: Mapping[str, object], triplets: object, **options: Any) -> list[Outcomes]:
    """The outcomes of each model; a problem with one is told with its name."""
    sizes = {name: len(x) for name, x in models.items() if hasattr(x, "__len__")}
    if len(set(sizes.values())) > 1:
        raise InputError(f"models must have the same number of items; got {_listed(sizes)}")
    outcomes = []
    for name, x in models.items():
        try:
            outcomes.append(triplet_outcomes(x, triplets, **options))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return outcomes


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {size:,}" for name, size in sizes.items())


def compare_outcomes(
    names: Sequence[str],
    outcomes: Sequence[Outcomes],
    triplets: object,
    plan: Plan,
    *,
    subjects: object = None,
    done: Done | None = None,
) -> Comparison:
    """The comparison of models whose outcomes are known."""
    kept, score = common(outcomes), outcomes[0].score
    sample = Sample.of(triplets, outcomes, subjects if plan.by == "subjects" else None)
    values, units = values_of(outcomes, score.ties, kept)
    means = replicates(sample, values, plan, done)
    require_triplets(means, plan)
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
        n_triplets=len(sample.triplets),
        n_dropped=0 if kept is None else int((~kept).sum()),
        ci_by=plan.by,
        confidence=float(plan.confidence),
        resamples=plan.resamples,
        seed=plan.seed,
        measure=score.measure,
        temperature=score.temperature,
        ties=score.ties,
    )


def _means(one: Outcomes, score: Score, kept: np.ndarray | None) -> tuple[float, float]:
    """Accuracy and cross-entropy of the triplets that all models share."""
    if kept is None:
        return one.score.accuracy, one.score.cross_entropy
    credits = kept_of(one.credits(score.ties), one, kept)
    return float(credits.mean()) / CREDIT_UNIT, float(kept_of(one.cross_entropy, one, kept).mean(dtype=np.float64))


def _models(
    names: Sequence[str], outcomes: Sequence[Outcomes], kept: np.ndarray | None, estimates: np.ndarray,
    means: np.ndarray, plan: Plan,
) -> list[ModelResult]:  # fmt: skip
    errors = means.std(axis=0, ddof=1)
    ranks, rank_means = ranks_of(estimates[None, ::2])[0], ranks_of(means[:, ::2])
    return [
        ModelResult(
            model=name,
            accuracy=float(estimates[2 * k]),
            ci=percentile_interval(means[:, 2 * k], plan.confidence),
            standard_error=float(errors[2 * k]),
            cross_entropy=float(estimates[2 * k + 1]),
            cross_entropy_ci=percentile_interval(means[:, 2 * k + 1], plan.confidence),
            n_ties=int((np.abs(kept_of(outcomes[k].verdicts, outcomes[k], kept)) > 1).sum()),
            rank=float(ranks[k]),
            rank_ci=percentile_interval(rank_means[:, k], plan.confidence),
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
    plan: Plan,
) -> PairResult:
    """`difference` (2,) and `differences` (b, 2): of accuracies and of cross-entropies."""
    both_wrong, expected, kappa = error_consistency(right_a, right_b)
    p = two_sided_p(differences[:, 0])
    return PairResult(
        a=a,
        b=b,
        difference=float(difference[0]),
        ci=percentile_interval(differences[:, 0], plan.confidence),
        standard_error=float(differences[:, 0].std(ddof=1)),
        p_value=p,
        p_adjusted=p,
        cross_entropy_difference=float(difference[1]),
        cross_entropy_ci=percentile_interval(differences[:, 1], plan.confidence),
        both_wrong=both_wrong,
        both_wrong_expected=expected,
        error_consistency=kappa,
    )


def _adjusted(pairs: Sequence[PairResult]) -> list[PairResult]:
    corrected = holm([pair.p_value for pair in pairs])
    return [replace(pair, p_adjusted=p) for pair, p in zip(pairs, corrected, strict=True)]
