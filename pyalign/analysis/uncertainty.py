"""Standard errors and intervals: what would come out with other objects, other triplets or other people.

The three answer different questions. Of "objects": the accuracy on objects like these, which is what a claim about a
model is about; triplets share objects, so that errors come in clusters. Of "triplets": on these very objects, with
other triplets. Of "subjects": with other people. `docs/statistics.md` says what each covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import BY
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes
from pyalign.analysis.repeats import checked_labels, subject_codes
from pyalign.errors import InputError
from pyalign.ops.resample import Done, object_sums, subject_sums, triplet_sums
from pyalign.stats.intervals import Interval, normal_interval, percentile_interval

METHODS = ("bootstrap", "analytic")
FINEST = 32767  # steps between 0 and the largest cross-entropy
SMALL_TABLE = 1 << 16


@dataclass(frozen=True)
class Plan:
    """How uncertainty is to be measured: checked options.

    Attributes:
        by: what is drawn anew: "objects", "triplets" or "subjects".
        method: "bootstrap", or "analytic" for the closed form of the standard error.
        confidence: of the intervals, a fraction.
        resamples: bootstrap resamples.
        seed: of the resamples.
    """

    by: str
    method: str = "bootstrap"
    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        _checks.one_of(self.by, BY, "ci")
        _checks.one_of(self.method, METHODS, "ci_method")
        _checks.fraction(self.confidence, "confidence")
        _checks.whole_number(self.resamples, "resamples", 2)
        _checks.whole_number(self.seed, "seed", 0)


@dataclass(frozen=True)
class Sample:
    """The triplets of a result as resampling sees them.

    Attributes:
        triplets: (t, 3) integers in [0, n), where n counts the items that occur; on the host.
        n: how many different items occur.
        subjects: (t,) integers in [0, people), or None.
        people: how many different persons occur; 0 where they are not known.
        backend: what computed the result, which computes the resamples too.
    """

    triplets: Any
    n: int
    subjects: np.ndarray | None
    people: int
    backend: str

    @classmethod
    def of(cls, triplets: object, outcomes: Sequence[Outcomes], subjects: object = None) -> Sample:
        """Of triplets that `outcomes` were made from; of those alone that all of them kept."""
        index = _checks.as_array(triplets, "triplets", "(t, 3)")
        persons = None if subjects is None else checked_labels(subjects, len(index))
        kept = common(outcomes)
        if kept is not None:
            if not kept.any():
                raise InputError("models must share at least one triplet whose rows are finite in all; got none")
            index, persons = index[kept], None if persons is None else persons[kept]
        codes = None if persons is None else subject_codes(persons, len(index))
        occurs = np.zeros(int(index.max()) + 1, bool)
        for column in index.T:
            occurs[column] = True
        n = int(occurs.sum())
        if n < len(occurs):
            index = (np.cumsum(occurs, dtype=np.int32) - np.int32(1))[index]
        people = 0 if codes is None else int(codes.max()) + 1
        return cls(index, n, codes, people, outcomes[0].score.backend)


def common(outcomes: Sequence[Outcomes]) -> np.ndarray | None:
    """(t,) mask of the triplets that all of them kept, or None for all."""
    masks = [one.kept for one in outcomes if one.kept is not None]
    return np.logical_and.reduce(masks) if masks else None


def values_of(outcomes: Sequence[Outcomes], ties: str, kept: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What is averaged, as whole numbers: (2 m, t) int16, and the unit of each row (2 m,).

    Rows 2 k and 2 k + 1 are the credits of model k, in sixths, and its cross-entropies, in steps of 1 / 32,767 of the
    largest.
    """
    rows, units = [], []
    for one in outcomes:
        cross_entropy = kept_of(one.cross_entropy, one, kept)
        step = float(cross_entropy.max()) / FINEST or 1.0
        rows.append(kept_of(one.credits(ties), one, kept))
        rows.append(np.rint(cross_entropy / np.float64(step)).astype(np.int16))  # 1 / step may overflow float32
        units += [1.0 / CREDIT_UNIT, step]
    return np.stack(rows), np.array(units)


def kept_of(array: np.ndarray, one: Outcomes, kept: np.ndarray | None) -> np.ndarray:
    """Of an array of the triplets that `one` kept, those that all keep."""
    if kept is None or one.kept is None:
        return array if kept is None else array[kept]
    within: np.ndarray = array[kept[one.kept]]
    return within


def replicates(sample: Sample, values: np.ndarray, plan: Plan, done: Done | None = None) -> np.ndarray:
    """(b, v) weighted means of values (v, t) under each resample; NaN where a resample leaves no triplet."""
    options = {"resamples": plan.resamples, "seed": plan.seed}
    if plan.by == "objects":
        sums = object_sums(sample.triplets, sample.n, values, **options, backend=sample.backend, done=done)
    elif plan.by == "triplets":
        sums = triplet_sums(values, **options, backend=sample.backend, done=done)
    else:
        sums = subject_sums(_people(sample), values, people=sample.people, **options)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = sums[:, 1:] / sums[:, :1].astype(np.float64)
    return means


def in_units(means: np.ndarray, values: np.ndarray, units: np.ndarray, estimates: Sequence[float]) -> np.ndarray:
    """(b, 2 m) means of resamples in the units of the rows of `values_of`.

    Cross-entropies were rounded to steps, their estimates were not: what rounding has moved is moved back, the same in
    every resample. Credits are exact, and stay so: equal sums in a resample are equal accuracies.
    """
    shift = np.asarray(estimates) - values.mean(axis=1, dtype=np.float64) * units
    shift[::2] = 0.0
    return means * units + shift


def require_triplets(means: np.ndarray, plan: Plan) -> None:
    """Raises where a resample left no triplet."""
    empty = int(np.isnan(means[:, 0]).sum())
    if empty:
        raise InputError(
            f"triplets must be enough for every resample of {plan.by} to leave one; {empty:,} of "
            f"{plan.resamples:,} resamples leave none"
        )


def standard_errors(sample: Sample, values: np.ndarray, plan: Plan) -> np.ndarray:
    """(v,) closed-form standard errors of the means of values (v, t); NaN where nothing that is drawn anew varies."""
    if not _varies(sample, plan):
        return np.full(len(values), np.nan)
    residuals = values - values.mean(axis=1, dtype=np.float64, keepdims=True)
    if plan.by == "triplets":
        errors: np.ndarray = residuals.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        return errors
    if plan.by == "subjects":
        return np.array([_by_subject(row, _people(sample)) for row in residuals])
    index = _checks.as_array(sample.triplets, "triplets", "(t, 3)")
    return object_clustered_errors(residuals, index, sample.n)


def _varies(sample: Sample, plan: Plan) -> bool:
    """Whether there are two triplets, two sets of objects or two persons: of one, nobody knows what others would be."""
    if plan.by == "triplets":
        return len(sample.triplets) > 1
    if plan.by == "subjects":
        people = _people(sample)
        return bool((people != people[0]).any())
    index = _checks.as_array(sample.triplets, "triplets", "(t, 3)")
    return not np.isin(index, index[0]).all()


def _people(sample: Sample) -> np.ndarray:
    if sample.subjects is None:
        raise InputError('subjects must say who answered each triplet for ci="subjects"; got none')
    return sample.subjects


def _by_subject(residuals: np.ndarray, subjects: np.ndarray) -> float:
    """Cluster-robust (sandwich) standard error of a mean, with the small-sample factor s / (s - 1)."""
    sums = np.bincount(subjects, residuals)
    people = int((np.bincount(subjects) > 0).sum())
    return float(np.sqrt((sums**2).sum() * people / (people - 1)) / len(residuals))


def object_clustered_errors(residuals: np.ndarray, triplets: np.ndarray, n: int) -> np.ndarray:
    """(v,) standard errors of means whose triplets are correlated where they share an object.

    The sum of e_s e_t over all pairs of triplets s, t that share at least one of their objects, by inclusion and
    exclusion: pairs that share an object, less those that share two, plus those that share three.

    Args:
        residuals: (v, t), values less their mean.
        triplets: (t, 3) integers in [0, n).
        n: how many items there are.

    Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011, for a common set of clusters
    in all three positions (dyadic-robust standard errors, extended from pairs to triplets).
    """
    low, middle, high = _sorted_columns(triplets)
    pairs = np.concatenate([low * n + middle, low * n + high, middle * n + high])
    if n * n > max(SMALL_TABLE, 4 * len(low)):  # a dense table would be mostly empty
        pairs = np.unique(pairs, return_inverse=True)[1]
    same = _ranks_of_sets(low, middle, high, n)
    variances = []
    for row in residuals:
        by_object = np.sum([np.bincount(column, row, minlength=n) for column in (low, middle, high)], axis=0)
        by_pair, by_set = np.bincount(pairs, np.tile(row, 3)), np.bincount(same, row)
        shared = float(by_object @ by_object - by_pair @ by_pair + by_set @ by_set)
        variances.append(max(shared, float(row @ row)))  # the former may be negative for few objects
    return np.sqrt(variances) / residuals.shape[1]


def _sorted_columns(triplets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, c = (column.astype(np.int64) for column in triplets.T)
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    return low, a + b + c - low - high, high


def _ranks_of_sets(low: np.ndarray, middle: np.ndarray, high: np.ndarray, n: int) -> np.ndarray:
    """(t,) int64: the same number for triplets of the same three objects."""
    if n >= 1 << 21:  # n^3 would not fit
        _, first = np.unique(low * n + middle, return_inverse=True)
    else:
        first = low * n + middle
    return np.unique(first * n + high, return_inverse=True)[1]


@dataclass(frozen=True)
class Uncertain:
    """Standard error and interval of each of several means.

    Attributes:
        errors: (v,).
        intervals: v of them.
        means: (b, v) of the resamples, or None for the closed form.
    """

    errors: np.ndarray
    intervals: tuple[Interval, ...]
    means: np.ndarray | None


def uncertainty(
    sample: Sample,
    values: np.ndarray,
    units: np.ndarray,
    estimates: Sequence[float],
    plan: Plan,
    done: Done | None = None,
) -> Uncertain:
    """Of the means of values (v, t) in these units; `estimates` are the means of all triplets."""
    if plan.method == "analytic":
        errors = standard_errors(sample, values, plan) * units
        if np.isnan(errors).any():
            what = {"objects": "sets of three objects", "triplets": "triplets"}.get(plan.by, "persons")
            raise InputError(f"triplets must be of at least two {what} for a standard error over {plan.by}; got one")
        pairs = zip(estimates, errors, strict=True)
        return Uncertain(errors, tuple(normal_interval(m, float(e), plan.confidence) for m, e in pairs), None)
    means = replicates(sample, values, plan, done)
    require_triplets(means, plan)
    means = in_units(means, values, units, estimates)
    intervals = tuple(percentile_interval(column, plan.confidence) for column in means.T)
    return Uncertain(means.std(axis=0, ddof=1), intervals, means)
