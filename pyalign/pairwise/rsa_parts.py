"""From correlations and their resamples to the rows of a result: intervals, people, ceilings, differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.ops.ranks import double_ranks
from pyalign.pairwise.bootstrap import Resampled, Variances, partial_correlations
from pyalign.pairwise.calibrated import upper_p
from pyalign.pairwise.correlated import Correlated
from pyalign.pairwise.correlations import Correlation, Family
from pyalign.pairwise.rsa_result import Partial, PerPerson, RsaCeiling, RsaPair, RsaResult
from pyalign.stats.multiple import corrected as of_known
from pyalign.stats.resampling import CORRECTED, Resampling
from pyalign.stats.student import quantile, two_sided_p
from pyalign.typing import Correction


def results_of(
    found: Correlated, drawn: Resampled | None, null: np.ndarray | None, plan: Resampling | None,
    pooling: str | None, partial: bool,
) -> list[RsaResult]:  # fmt: skip
    study, one = found.study, found.correlation
    people = study.people
    ceiling = None
    if people is not None and len(people) > 1:
        ceiling = noise_ceiling_of(people, study.items, one, pooling or one.pooling)
    parts = partial_correlations(found.values[None], found.between_models(None))[0] if partial else None
    results = []
    for k, model in enumerate(study.models):
        value = float(found.values[k])

        def interval(at: float, of: Variances | None, k: int = k) -> Interval | None:
            return None if of is None or plan is None else interval_of(at, of, k, None, plan)

        each = None
        if people is not None:
            own = found.per_person[:, k]
            mean = _mean(own)
            each = PerPerson(mean, interval(mean, drawn.per_person if drawn else None), tuple(map(float, own)))
        results.append(
            RsaResult(
                model.name,
                model.measure,
                one.name,
                value,
                interval(value, drawn.value if drawn else None),
                None if null is None or math.isnan(value) else upper_p(null[:, k], value),
                each,
                ceiling,
                study.n,
                len(study.items),
                study.n_missing,
                None
                if parts is None
                else Partial(float(parts[k]), interval(float(parts[k]), drawn.partial if drawn else None)),
                missing=() if plan is None else ("ci",),
            )
        )
    return results


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def interval_of(at: float, errors: Variances, a: int, b: int | None, plan: Resampling) -> Interval | None:
    """at +- Student's t times the root of the variance, within what correlations can be; None without a variance.

    In closed form the interval of a correlation, not that of a difference, is symmetric about its inverse hyperbolic
    tangent: large ones miss downwards further than upwards.
    """
    variance = errors.contrast(a, b)
    if math.isnan(at) or math.isnan(variance):
        return None
    error = math.sqrt(max(0.0, variance))
    reach = quantile(plan.confidence_level, errors.degrees) * error
    low, high = at - reach, at + reach
    if errors.method == CORRECTED and b is None and abs(at) < 1.0:
        centre, span = math.atanh(at), reach / (1.0 - at * at)
        low, high = math.tanh(centre - span), math.tanh(centre + span)
    bound = 1.0 if b is None else 2.0
    return Interval(max(-bound, low), min(bound, high), error, plan.by, errors.method, float(plan.confidence_level))


def pairs_of(found: Correlated, errors: Variances, plan: Resampling) -> list[RsaPair]:
    pairs = []
    for a, b in combinations(range(len(found.study.models)), 2):
        one, other = found.study.models[a], found.study.models[b]
        difference = float(found.values[a] - found.values[b])
        ci = interval_of(difference, errors, a, b, plan)
        p = None
        if ci is not None and ci.error is not None:
            t = difference / ci.error if ci.error > 0 else (0.0 if difference == 0 else math.inf)
            p = two_sided_p(t, errors.degrees)
        pairs.append(RsaPair(one.name, other.name, one.measure, other.measure, found.correlation.name, difference, ci,
                             p, None))  # fmt: skip
    return pairs


def corrected(pairs: Sequence[RsaPair], correction: Correction) -> tuple[RsaPair, ...]:
    """With p-values corrected over all pairs that have one."""
    found = of_known([pair.p_value for pair in pairs], correction)
    return tuple(replace(pair, p_adjusted=p) for pair, p in zip(pairs, found, strict=True))


def undefined_notes(results: Sequence[RsaResult], plan: Resampling | None) -> list[str]:
    """Sentences about values that do not exist, so that none is NaN in silence."""
    notes = []
    why = (
        "any two pairs share an object, or there is only one participant"
        if plan is not None and plan.closed
        else "fewer than half of the resamples have a value"
    )
    for one in results:
        called = one.embeddings + ("" if one.measure is None else f" by {one.measure}")
        if math.isnan(one.value):
            notes.append(
                f"{one.correlation} with {called} is not defined: the pairs of one of the matrices are all equal"
            )
        elif plan is not None and one.ci is None:
            notes.append(f"{one.correlation} with {called} has no interval: {why}")
        if one.partial is not None and not math.isnan(one.value):
            partial = f"partial {one.correlation} with {called}"
            if math.isnan(one.partial.value):
                notes.append(f"{partial} is not defined: a model is constant, or the other models leave nothing over")
            elif plan is not None and one.partial.ci is None:
                notes.append(f"{partial} has no interval: {why}")
        if one.ceiling is not None and math.isnan(one.ceiling.lower):
            told = "no participant's values vary with the mean of the others who judged the same pairs"
            notes.append(f"the lower noise ceiling of {one.correlation} is not defined: {told}")
        notes += _of_fewer(one)
    return list(dict.fromkeys(notes))


def _of_fewer(one: RsaResult) -> list[str]:
    """A sentence where the mean over people is one over some of them."""
    if one.per_person is None or math.isnan(one.per_person.mean):
        return []
    values = one.per_person.values
    without = [k for k, value in enumerate(values) if math.isnan(value)]
    if not without:
        return []
    which = listing(list(map(str, without)), 5)
    told = (
        f"{one.correlation} with {len(without)} of {len(values)} participants is not defined (number {which}, from 0)"
    )
    return [f"{told}: they judged no pairs, or all their values are equal; the mean over participants omits them"]


def _ranks(values: np.ndarray) -> np.ndarray:
    return double_ranks(values).astype(np.float64)  # whole numbers, so that sums of them tie where they should


def _standardized(values: np.ndarray) -> np.ndarray:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)


def _unit(values: np.ndarray) -> np.ndarray:
    length = math.sqrt(float((values * values).mean()))
    return values / length if length > 0 else values


# How each person's values are brought to one scale before they are averaged.
POOLINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ranks": _ranks,
    "standardized": _standardized,
    "unit": _unit,
    "raw": lambda values: values,
}


def scaled(people: np.ndarray, pooling: str) -> np.ndarray:
    """(p, m): each person's values on the scale of a pooling, NaN where they are NaN.

    Ranks are doubled; of people who judged different numbers of pairs they are divided by how many.

    Example:
        >>> scaled(np.array([[1.0, 9.0, np.nan]]), "ranks")
        array([[ 2.,  4., nan]])
    """
    out = np.full(people.shape, np.nan)
    for row, values in zip(out, people, strict=True):
        there = ~np.isnan(values)
        if there.any():
            row[there] = POOLINGS[pooling](values[there])
    counts = (~np.isnan(people)).sum(axis=1, keepdims=True)
    if pooling == "ranks" and (counts != counts[0]).any():
        out /= counts + 1.0
    return out


def noise_ceiling_of(people: np.ndarray, items: np.ndarray, correlation: Correlation, pooling: str) -> RsaCeiling:
    """Bounds of the mean over people of a model's correlation with each.

    Args:
        people: (p, m) with p of at least 2; NaN for pairs that a person has not judged.
        items: int32 (m, 2), the objects of each pair.
        pooling: a name of `POOLINGS`.

    Source: Nili et al., "A toolbox for representational similarity analysis", 2014.

    Example:
        >>> from pyalign.pairwise.correlations import get_correlation
        >>> people = np.array([[1.0, 2, 3], [1.0, 2, 3]])
        >>> noise_ceiling_of(people, np.array([[0, 1], [0, 2], [1, 2]], np.int32), get_correlation("spearman"), "ranks")
        RsaCeiling(lower=1.0, upper=1.0, pooling='ranks')
    """
    family, on_scale = correlation.of, scaled(people, pooling)
    there = ~np.isnan(on_scale)
    filled = np.where(there, on_scale, 0.0)
    total, counts = filled.sum(axis=0), there.sum(axis=0)
    lower, upper = [], []
    for person, own in enumerate(people):
        others = counts - there[person]
        keep = there[person] & (others > 0)
        lower.append(_of_two(family, own, (total - filled[person]) / np.maximum(others, 1), keep, items))
        upper.append(_of_two(family, own, total / np.maximum(counts, 1), there[person], items))
    return RsaCeiling(_mean_of(lower), _mean_of(upper), pooling)


def _of_two(family: Family, a: np.ndarray, b: np.ndarray, keep: np.ndarray, items: np.ndarray) -> float:
    left, right = (family.prepare(values[keep], items[keep]) for values in (a, b))
    return family.value(left, right)


def _mean_of(values: list[float]) -> float:
    """Of those that are defined."""
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan
