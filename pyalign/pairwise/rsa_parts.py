"""The rows of a result, from correlations and their resamples: intervals, people, ceilings, differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.pairwise.all_pairs import upper_p
from pyalign.pairwise.bootstrap import Resampled, partial_correlations
from pyalign.pairwise.ceilings import LEAST, LOWER, RELIABILITY, UPPER, noise_ceiling_of
from pyalign.pairwise.closed_form import ClosedForm
from pyalign.pairwise.compared import Variances, interval_of, tested
from pyalign.pairwise.correlated import Correlated
from pyalign.pairwise.rsa_result import Partial, PerPerson, PersonDifference, Ratio, RsaCeiling, RsaPair, RsaResult
from pyalign.stats.intervals import fieller, quantile, ratio_error
from pyalign.stats.multiple import corrected as of_known
from pyalign.stats.resampling import Resampling
from pyalign.typing import Correction


def results_of(
    correlated: Correlated, drawn: Resampled | None, null: np.ndarray | None, plan: Resampling | None,
    pooling: str | None, partial: bool,
) -> list[RsaResult]:
    study, correlation = correlated.study, correlated.correlation
    people, errors = study.people, None if drawn is None else drawn.per_person
    ceiling = None
    if people is not None and len(people) > 1:
        ceiling = noise_ceiling_of(people, study.items, correlation, pooling or correlation.pooling)
        if isinstance(errors, ClosedForm) and plan is not None:
            ceiling = _with_intervals(ceiling, errors, len(study.models), plan)
    parts = partial_correlations(correlated.values[None], correlated.between_models(None))[0] if partial else None
    results = []
    for k, model in enumerate(study.models):
        value = float(correlated.values[k])

        def interval(at: float, of: Variances | None, k: int = k) -> Interval | None:
            return None if of is None or plan is None else interval_of(at, of, k, None, plan)

        each = None
        if people is not None:
            own = correlated.per_person[:, k]
            mean = _mean(own)
            each = PerPerson(mean, interval(mean, errors), tuple(map(float, own)))
            if ceiling is not None:
                each = _against_ceiling(each, ceiling, errors, (k, len(study.models)), plan)
        results.append(
            RsaResult(
                model.name,
                model.measure,
                correlation.name,
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


def _with_intervals(ceiling: RsaCeiling, errors: ClosedForm, first: int, plan: Resampling) -> RsaCeiling:
    """The ceiling with intervals; `first`: the statistic of the errors that its first figure is."""
    lower, upper, reliability = (
        None if value is None else interval_of(value, errors, first + figure, None, plan)
        for figure, value in ((LOWER, ceiling.lower), (UPPER, ceiling.upper), (RELIABILITY, ceiling.reliability))
    )
    return replace(ceiling, lower_ci=lower, upper_ci=upper, reliability_ci=reliability)


def _against_ceiling(
    each: PerPerson, ceiling: RsaCeiling, errors: Variances | None, places: tuple[int, int], plan: Resampling | None
) -> PerPerson:
    """The mean over people compared with the ceiling; places: of the mean and the first ceiling figure."""
    known = errors if isinstance(errors, ClosedForm) else None
    at, first = places
    less = each.mean - ceiling.lower
    ci, p = (None, None) if known is None or plan is None else tested(less, known, at, first + LOWER, plan)
    reliability = math.nan if ceiling.reliability is None else ceiling.reliability

    def ratio(bottom: float, figure: int, root: bool = False) -> Ratio:
        return _ratio(each.mean, bottom, known, (at, first + figure), plan, root)

    return replace(
        each,
        against_lower=PersonDifference(less, ci, p),
        of_lower=ratio(ceiling.lower, LOWER),
        of_upper=ratio(ceiling.upper, UPPER),
        disattenuated=ratio(reliability, RELIABILITY, root=True),
    )


def _ratio(
    top: float, bottom: float, errors: ClosedForm | None, places: tuple[int, int], plan: Resampling | None, root: bool
) -> Ratio:
    """top / bottom, or top divided by the root of bottom, with Fieller's interval by each candidate, together."""
    if math.isnan(top) or not bottom > 0.0:
        return Ratio(math.nan)
    scale = np.array([1.0, 0.5 / math.sqrt(bottom) if root else 1.0])  # the root moves by so much of what it is of
    bottom = math.sqrt(bottom) if root else bottom
    if errors is None or plan is None:
        return Ratio(top / bottom)
    tables = [np.outer(scale, scale) * covariance for covariance in errors.covariances(*places)]
    if not np.isfinite(tables).all():
        return Ratio(top / bottom)
    reach = quantile(plan.confidence_level, errors.degrees(*places, top / bottom * float(scale[1])))
    ends = [fieller(top, bottom, table, reach) for table in tables]
    bounded = [interval for interval in ends if interval is not None]
    if len(bounded) < len(ends):
        return Ratio(top / bottom)
    error = max(ratio_error(top, bottom, table) for table in tables)
    low, high = min(low for low, _ in bounded), max(high for _, high in bounded)
    ci = Interval(low, high, error, plan.by, errors.method, float(plan.confidence_level))
    return Ratio(top / bottom, ci)


def pairs_of(correlated: Correlated, drawn: Resampled, plan: Resampling) -> list[RsaPair]:
    """Every two models: the difference of their values, and that of their means over people."""
    pairs, people = [], correlated.study.people
    means = [] if people is None else [_mean(correlated.per_person[:, k]) for k in range(len(correlated.study.models))]
    for a, b in combinations(range(len(correlated.study.models)), 2):
        first, second = correlated.study.models[a], correlated.study.models[b]
        difference = float(correlated.values[a] - correlated.values[b])
        each = None
        if drawn.per_person is not None:
            less = means[a] - means[b]
            each = PersonDifference(less, *tested(less, drawn.per_person, a, b, plan))
        pairs.append(RsaPair(first.name, second.name, first.measure, second.measure, correlated.correlation.name,
                             difference, *tested(difference, drawn.value, a, b, plan), None, each))
    return pairs


def corrected(pairs: Sequence[RsaPair], correction: Correction) -> tuple[RsaPair, ...]:
    """The pairs with p-values of values, and of means over people, each corrected over all pairs that have one."""
    values = of_known([pair.p_value for pair in pairs], correction)
    means = _corrected([pair.per_person for pair in pairs], correction)
    return tuple(
        replace(pair, p_adjusted=p, per_person=each) for pair, p, each in zip(pairs, values, means, strict=True)
    )


def corrected_tests(results: Sequence[RsaResult], correction: Correction) -> tuple[RsaResult, ...]:
    """The results with p-values of tests against the noise ceiling corrected over all results that have one."""
    given = [None if result.per_person is None else result.per_person.against_lower for result in results]
    tests = _corrected(given, correction)
    return tuple(
        result
        if result.per_person is None
        else replace(result, per_person=replace(result.per_person, against_lower=test))
        for result, test in zip(results, tests, strict=True)
    )


def _corrected(
    differences: Sequence[PersonDifference | None], correction: Correction
) -> list[PersonDifference | None]:
    adjusted = of_known([None if difference is None else difference.p_value for difference in differences], correction)
    return [
        difference and replace(difference, p_adjusted=p) for difference, p in zip(differences, adjusted, strict=True)
    ]


def undefined_notes(results: Sequence[RsaResult], plan: Resampling | None) -> list[str]:
    """Sentences about values that do not exist, so that none is NaN in silence."""
    notes = []
    why = (
        "any two pairs share an object, or there is only one participant"
        if plan is not None and plan.closed
        else "fewer than half of the resamples have a value"
    )
    for result in results:
        called = result.embeddings + ("" if result.measure is None else f" by {result.measure}")
        if math.isnan(result.value):
            notes.append(
                f"{result.correlation} with {called} is not defined: the pairs of one of the matrices are all equal"
            )
        elif plan is not None and result.ci is None:
            notes.append(f"{result.correlation} with {called} has no interval: {why}")
        if result.partial is not None and not math.isnan(result.value):
            partial = f"partial {result.correlation} with {called}"
            if math.isnan(result.partial.value):
                notes.append(f"{partial} is not defined: a model is constant, or the other models leave nothing over")
            elif plan is not None and result.partial.ci is None:
                notes.append(f"{partial} has no interval: {why}")
        if result.ceiling is not None and math.isnan(result.ceiling.lower):
            reason = "no participant's values vary with the mean of the others who judged the same pairs"
            notes.append(f"the lower noise ceiling of {result.correlation} is not defined: {reason}")
        if result.ceiling is not None and plan is not None:
            notes += _of_ceiling(result, plan, why)
        notes += _of_fewer(result)
    return list(dict.fromkeys(notes))


def _of_ceiling(result: RsaResult, plan: Resampling, why: str) -> list[str]:
    """A sentence where the ceiling, or what is divided by it, has no interval."""
    assert result.ceiling is not None and result.per_person is not None
    if result.ceiling.lower_ci is None:
        if not plan.closed:
            why = "only the closed form has one"
        elif "subjects" in plan.by and len(result.per_person.values) < LEAST:
            why = "it takes at least three participants"
        elif any(map(math.isnan, result.per_person.values)):
            why = "the judgments of a participant are all equal, or missing"
        return [] if math.isnan(result.ceiling.lower) else [f"the noise ceiling has no interval: {why}"]
    ratios = (result.per_person.of_lower, result.per_person.of_upper, result.per_person.disattenuated)
    if all(ratio is None or ratio.ci is not None for ratio in ratios):
        return []
    what = f"{result.correlation} divided by the noise ceiling, or by the root of the reliability,"
    return [f"{what} has no value or no interval where the interval of the denominator includes 0"]


def _of_fewer(result: RsaResult) -> list[str]:
    """A sentence where the mean over people leaves out some of them."""
    if result.per_person is None or math.isnan(result.per_person.mean):
        return []
    values = result.per_person.values
    without = [k for k, value in enumerate(values) if math.isnan(value)]
    if not without:
        return []
    which = listing(list(map(str, without)), 5)
    fewer = f"{len(without)} of {len(values)} participants"
    undefined = f"{result.correlation} with {fewer} is not defined (number {which}, from 0)"
    return [f"{undefined}: they judged no pairs, or all their values are equal; the mean over participants omits them"]
