"""The rows of a result, from correlations and their resamples: intervals, people, ceilings, differences.

Sums of models' matrices whose weights are fitted to people, judged on objects that no weight was fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.errors import InputError, MissingExtraError
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.pairwise.all_pairs import upper_p
from pyalign.pairwise.bootstrap import (
    Correlated, Replicates, Resampled, means_over, partial_correlations, weighted_mean,
)
from pyalign.pairwise.ceilings import LEAST, LOWER, RELIABILITY, UPPER, noise_ceiling_of
from pyalign.pairwise.closed_form import ClosedForm
from pyalign.pairwise.rsa_result import (
    SUM, Partial, PerPerson, PersonDifference, Ratio, RsaCeiling, RsaPair, RsaResult, Variances, WeightedRsa,
    interval_of, tested,
)
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
        part = None if parts is None else float(parts[k])
        results.append(RsaResult(
            model.name, model.measure, correlation.name, value, interval(value, drawn.value if drawn else None),
            None if null is None or math.isnan(value) else upper_p(null[:, k], value),
            each, ceiling, study.n, len(study.items), study.n_missing,
            None if part is None else Partial(part, interval(part, drawn.partial if drawn else None)),
            missing=() if plan is None else ("ci",),
        ))
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


def _corrected(differences: Sequence[PersonDifference | None], correction: Correction) -> list[PersonDifference | None]:
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


FOLDS = 3
SMALLEST = 3  # objects of a fold, of which three pairs follow
SPLITS = 10  # into folds, over which values are means
RESAMPLES = 200  # where intervals of models are in closed form


def weighted_rsa(
    correlated: Correlated, seed: int, plan: Resampling | None = None, correction: Correction = "holm",
    progress: Progress = silent,
) -> WeightedRsa:
    """The sum of a study's models that is nearest to the people's mean matrix, with weights that are not negative."""
    study, least = correlated.study, SMALLEST * FOLDS
    if study.n < least:
        raise InputError(f"weighted needs at least {least} objects, three for each of {FOLDS} folds; got {study.n}")
    matrix = np.stack([model.values.astype(np.float64) for model in study.models], axis=1)
    crossed = _Crossed(correlated, matrix, study.mean[None] if study.people is None else study.people)
    rng, once, everybody = np.random.default_rng(seed), np.ones(study.n, np.int64), np.ones(len(crossed.people))
    folds = np.concatenate([crossed.by_fold(once, everybody, rng) for _ in range(SPLITS)])
    if np.isnan(folds[:, 0]).all():
        raise InputError("weighted needs judged pairs that differ within folds of objects and outside; got none")
    each, means = _mean_of_folds(folds)[1:, 0].tolist(), crossed.means(folds, everybody)
    weights, _, _ = _fit(matrix, study.mean, correlated.correlation.centered)
    several = len({model.measure for model in study.models if model.measure}) > 1
    names = [f"{m.name} {m.measure}" if several and m.measure else m.name for m in study.models]
    weighted = WeightedRsa(
        correlated.correlation.name, float(means[0, 0]), tuple(folds[:, 0, 0].tolist()),
        dict(zip(names, map(float, weights), strict=True)), seed,
        per_person=None if study.people is None else PerPerson(float(means[1, 0]), None, tuple(each)),
    )
    return weighted if plan is None else _with_weighted_intervals(weighted, crossed, means, plan, correction, progress)


def undefined_sums(sums: Sequence[WeightedRsa]) -> list[str]:
    """Sentences about sums without an interval, where it was requested."""
    few = "resamples have too few objects, or differ less than splits into folds"
    return [f"the weighted sum by {one.correlation} has no interval: {few}" for one in sums
            if one.resamples and not one.ci]


def _with_weighted_intervals(
    weighted: WeightedRsa, crossed: _Crossed, means: np.ndarray, plan: Resampling, correction: Correction,
    progress: Progress,
) -> WeightedRsa:
    """The sum with intervals, a test, and how much better it is than each model; means: (2, 1 + k)."""
    count = RESAMPLES if plan.closed else plan.drawn
    errors, pairs = crossed.replicates(plan, count, progress), []
    both = zip(means[:, 0].tolist(), errors, strict=True)
    (ci, p), (each_ci, _) = (tested(value, error, 0, None, plan) for value, error in both)
    for k, model in enumerate(crossed.correlated.study.models, 1):
        less = zip((means[:, 0] - means[:, k]).tolist(), errors, strict=True)
        own, each = (PersonDifference(value, *tested(value, error, 0, k, plan)) for value, error in less)
        pairs.append(RsaPair(SUM, model.name, None, model.measure, weighted.correlation, own.difference, own.ci,
                             own.p_value, None, None if weighted.per_person is None else each))
    upper = None if p is None else p / 2.0 if weighted.value > 0.0 else 1.0 - p / 2.0
    return replace(weighted, ci=ci, p_value=upper, pairs=corrected(pairs, correction), resamples=count,
                   per_person=weighted.per_person and replace(weighted.per_person, ci=each_ci))


@dataclass(frozen=True, eq=False)
class _Crossed:
    """The cross-validation of a study, whose models have values (m, k) and people (p, m), a single matrix if p = 1."""

    correlated: Correlated
    matrix: np.ndarray
    people: np.ndarray

    def by_fold(self, objects: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(folds, 1 + p, 1 + k): correlations of the sum, and of each model, with the mean matrix and with each person.

        Objects count (n,) times, and people (p,) times in the mean. NaN where it is not defined.
        """
        study = self.correlated.study
        drawn, fold_of = study.order[objects[study.order] > 0], np.full(study.n, -1)
        fold_of[drawn[rng.permutation(len(drawn))]] = np.arange(len(drawn)) % FOLDS
        (first, second), (mean, keep) = study.items.T, weighted_mean(self.people, people)
        mean = mean if keep is None else np.where(keep, mean, study.mean)  # pairs that nobody judged who was drawn
        out = np.full((FOLDS, 1 + len(self.people), 1 + self.matrix.shape[1]), np.nan)
        for fold in range(FOLDS if len(drawn) >= SMALLEST * FOLDS else 0):
            left, right = fold_of[first] == fold, fold_of[second] == fold
            train, test = (np.repeat(np.arange(len(mean)), objects[first] * objects[second] * kept)
                           for kept in (~(left | right), left & right))
            if len(train) and len(test):
                weights, center, scale = _fit(self.matrix[train], mean[train], self.correlated.correlation.centered)
                predicted = ((self.matrix[test] - center) / scale) @ weights
                out[fold] = self._correlations(np.stack([mean, *self.people])[:, test],
                                               np.stack([predicted, *self.matrix[test].T]))
                out[fold, :, 0] = out[fold, :, 0] if weights.any() else 0.0
        return out

    def _correlations(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(a, b): of rows (a, t) with rows (b, t), each over the pairs that the first of the two has."""
        family, there, out = self.correlated.correlation.of, ~np.isnan(left), np.full((len(left), len(right)), np.nan)
        for kept in {row.tobytes(): row for row in there}.values():
            rows, nowhere = (there == kept).all(axis=1), np.zeros((int(kept.sum()), 2), np.int32)
            a, b = ([family.prepare(row, nowhere) for row in side[:, kept]] for side in (left[rows], right))
            if family.unit(a[0]) is None:
                out[rows] = [[family.value(x, y) for y in b] for x in a]
                continue
            x, y = (np.array([family.unit(one) for one in side]) for side in (a, b))
            x, y = (np.where(side.any(axis=1, keepdims=True), side, np.nan) for side in (x, y))
            out[rows] = np.einsum("at,bt->ab", x, y)
        return out

    def means(self, folds: np.ndarray, people: np.ndarray) -> np.ndarray:
        """(2, 1 + k): means over folds of correlations with the mean matrix, and of the mean over people."""
        values = _mean_of_folds(folds)
        return np.stack([values[0], means_over(values[None, 1:], people[None])[0]])

    def replicates(self, plan: Resampling, count: int, progress: Progress) -> list[Replicates]:
        """The errors of both means, from their values in two splits of each resample."""
        study, k, p = self.correlated.study, 1 + self.matrix.shape[1], len(self.people)
        names = [*plan.by.split("+"), *(["both"] if "+" in plan.by else [])]
        by_name = {name: np.full((2, count, k, 2), np.nan) for name in names}
        objects = multiplicities(study.n, 0, count, seed=plan.seed, stream=OBJECTS)[np.argsort(study.order)]
        people = multiplicities(p, 0, count, seed=plan.seed, stream=SUBJECTS)
        for row in range(count):
            rng = np.random.default_rng([plan.seed, row])
            of, who = objects[:, row].astype(np.int64), people[:, row].astype(np.float64)
            draws = {"objects": (of, np.ones(p)), "subjects": (np.ones_like(of), who), "both": (of, who)}
            for name, values in by_name.items():
                for split in range(2):
                    values[:, row, :, split] = self.means(self.by_fold(*draws[name], rng), draws[name][1])
            progress("weighted sums", row + 1, count)
        either = [{name: values[at] for name, values in by_name.items()} for at in range(2)]
        return [Replicates(one.get("objects"), one.get("subjects"), one.get("both"), study.n, p) for one in either]


def _mean_of_folds(folds: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is defined; NaN where nothing is."""
    return means_over(folds.reshape(1, len(folds), -1), np.ones((1, len(folds))))[0].reshape(folds.shape[1:])


def _fit(matrix: np.ndarray, mean: np.ndarray, centered: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the scaled columns, and what was taken from them (the cosine takes nothing) and divided by."""
    both = np.concatenate([matrix, mean[:, None]], axis=1)
    center = both.mean(axis=0) if centered else np.zeros(both.shape[1])
    scale = np.sqrt(((both - center) ** 2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    return _nonnegative((both - center) / scale), center[:-1], scale[:-1]


def _nonnegative(both: np.ndarray) -> np.ndarray:
    """Weights of all columns but the last, which is the target, by a root of their products: it has as many rows."""
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingExtraError("weighted", "scipy", "pairwise") from error
    values, vectors = np.linalg.eigh(np.einsum("mi,mj->ij", both, both))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    weights: np.ndarray = nnls(root[:, :-1], root[:, -1])[0]
    return weights
