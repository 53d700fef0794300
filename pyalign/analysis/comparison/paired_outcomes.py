"""What becomes of the same triplets with each of several models: a column of small whole numbers for each.

Intervals and tests of models and of their differences: in closed form, or from what becomes of them in resamples.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign.analysis.accuracy import ChoiceModel, Score, scored_part
from pyalign.analysis.choices import Chosen
from pyalign.analysis.model_choices import outcomes_of_choices
from pyalign.analysis.outcomes import (
    CREDIT_UNIT, Outcomes, in_steps, in_units, mean_interval, scaled, triplet_outcomes, weighted,
)
from pyalign.backends import get_host_backend
from pyalign.data import ODD_ONE_OUT, AlignedModels
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._prepare import finite_mask
from pyalign.ops.triplets import ready_inputs
from pyalign.stats.clustered import Errors
from pyalign.stats.components import Components
from pyalign.stats.intervals import FRACTION, POSITIVE, percentile_interval, quantile, student_interval
from pyalign.stats.intervals import two_sided_p as student_p
from pyalign.stats.intervals import upper_p
from pyalign.stats.multiple import MaxT, equivalence_p, ranks_of, two_sided_p
from pyalign.stats.resampling import Clusters, Resampling, replicates, require_rows
from pyalign.typing import BackendName, MeasureLike

TOGETHER = 8  # models whose columns are written at a time: a line of cache, not a number, goes to each row
IN_MEMORY = 1 << 30  # bytes; a larger table lies in a temporary file, which the system may write out


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """The outcomes of m models on the t triplets that all of them can be scored on."""

    names: tuple[str, ...]  # the names of the models.
    scores: tuple[Score, ...]  # the score of each model on these triplets.
    kept: np.ndarray | None  # (.,) mask of these among those that were given, or None for all.
    credits: np.ndarray  # int8 (t, 1 + m): 1, then what the triplet counts with each model, in sixths.
    nats: np.ndarray  # int16 (t, 1 + m): 1, then its cross-entropy with each, in `steps`.
    steps: np.ndarray  # (m,) nats: 1 / 32,767 of the largest cross-entropy of each model.
    right: np.ndarray  # uint8 (m, t / 8 rounded up): a bit for each triplet that the model gets right without a tie.
    weights: np.ndarray | None = None  # float64 (t,), how much each triplet counts; None: all the same.

    @property
    def estimates(self) -> np.ndarray:
        """(2, m): accuracies, fractions; and cross-entropies, nats, NaN of choices without probabilities."""
        return np.array(
            [[score.accuracy for score in self.scores], [score.cross_entropy for score in self.scores]], float
        )

    def part(self, models: Sequence[int]) -> OutcomeTable:
        """Those of some models, on the same triplets."""
        columns = [0, *(1 + k for k in models)]
        return replace(
            self, names=tuple(self.names[k] for k in models), scores=tuple(self.scores[k] for k in models),
            credits=self.credits[:, columns], nats=self.nats[:, columns], steps=self.steps[list(models)],
            right=self.right[list(models)],
        )

    @property
    def backend(self) -> str:
        """What computed them."""
        return self.scores[0].backend

    def tables(self) -> Iterator[np.ndarray]:
        """Credits and cross-entropies as `Dependence.errors` takes them: with the weights, where there are some."""
        for table in (self.credits, self.nats):
            if self.weights is None:
                yield table
                continue
            weighted_table = _ones((len(table), table.shape[1]), np.float64)
            np.multiply(table, self.weights[:, None], out=weighted_table)
            yield weighted_table

    def credit_means(self, rows: np.ndarray) -> np.ndarray:
        """(m,): the accuracy of each model on some triplets, a fraction."""
        credits = self.credits[rows, 1:]
        if self.weights is None:
            return credits.sum(axis=0, dtype=np.int64) / (CREDIT_UNIT * len(rows))
        weights = self.weights[rows]
        means: np.ndarray = weights @ credits / (CREDIT_UNIT * weights.sum())
        return means

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """What resamples add up: (2 m, t) int16, and its units (2 m,); credits and cross-entropies in turns."""
        rows = np.empty((2 * len(self.names), len(self.credits)), np.int16)
        rows[::2], rows[1::2] = self.credits[:, 1:].T, self.nats[:, 1:].T
        units = np.empty(len(rows))
        units[::2], units[1::2] = 1.0 / CREDIT_UNIT, self.steps
        return rows, units


def open_outcome_table(
    aligned: AlignedModels, how: ChoiceModel, backend: BackendName, *,
    measures: Mapping[str, MeasureLike] | None = None, progress: Progress = silent,
    look: Callable[[Outcomes], None] | None = None, choices: Mapping[str, Chosen] | None = None,
) -> OutcomeTable:
    """Scores each model; an error names the model that it is about.

    Args:
        aligned: models and triplets.
        how: with the measure of all models; one of `PRECOMPUTED` for a matrix (n, n).
        backend: see `pyalign.score`.
        measures: of models, by their names, that have each its own.
        look: is shown the outcomes of each model, which are not kept.
        choices: of models that are known by these only, of the same triplets; they come after the others.
    """
    choices, models, index, weights = choices or {}, aligned.models, aligned.index, aligned.triplets.weights
    measures = dict.fromkeys(models, how.measure) if measures is None else measures
    matrices = {name for name in models if get_measure(measures[name]).precomputed}
    how = replace(how, task=aligned.triplets.task)
    kept = common_triplets(
        models if how.nan_policy == "omit" else {}, index, backend, matrices, aligned.triplets.task, choices
    )
    if kept is not None:
        index = _checks.as_array(index, "triplets", "(t, 3)")[kept]
        weights = None if weights is None else weights.take(kept)
    every: dict[str, Any] = {**models, **{name: chosen.take(kept) for name, chosen in choices.items()}}
    t, m, scores = len(index), len(every), []
    credits, nats = _ones((t, 1 + m), np.int8), _ones((t, 1 + m), np.int16)
    steps, right = np.empty(m), np.empty((m, (t + 7) // 8), np.uint8)
    for first, batch in _batches(list(every.items()), TOGETHER):
        of_batch: list[tuple[np.ndarray, np.ndarray, float, np.ndarray]] = []
        for name, x in batch:
            progress(name, first + len(of_batch), m)
            if isinstance(x, Chosen):
                outcomes = outcomes_of_choices(
                    x, ties=how.ties, nan_policy=how.nan_policy, backend=get_host_backend(backend).name,
                    task=how.task, name=name,
                )
            else:
                outcomes = named_outcomes(name, x, index, aligned.names, replace(how, measure=measures[name]), backend)
            outcomes = weighted(outcomes, weights)
            scores.append(outcomes.score)
            if look is not None:
                look(outcomes)
            of_batch.append(_columns(outcomes))
        places = slice(1 + first, 1 + first + len(batch))
        credits[:, places] = np.stack([columns[0] for columns in of_batch]).T
        nats[:, places] = np.stack([columns[1] for columns in of_batch]).T
        steps[first : first + len(batch)] = [columns[2] for columns in of_batch]
        right[first : first + len(batch)] = [columns[3] for columns in of_batch]
    values = None if weights is None else weights.values
    return OutcomeTable(tuple(every), tuple(scores), kept, credits, nats, steps, right, values)


def named_outcomes(
    name: str, x: object, index: object, names: Sequence[str] | None, how: ChoiceModel, backend: BackendName
) -> Outcomes:
    """`triplet_outcomes` of a model, whose errors name the model, and rows by their names, where they have some."""
    try:
        with _checks.may_omit_rows(names):
            return triplet_outcomes(x, index, how, backend)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _columns(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    nats, step = in_steps(outcomes.cross_entropy)
    return outcomes.credits(outcomes.score.ties).astype(np.int8), nats, step, np.packbits(outcomes.verdicts == 1)


def common_triplets(
    models: Mapping[str, object], index: Any, backend: BackendName, matrices: Collection[str] = (),
    task: str = ODD_ONE_OUT, choices: Mapping[str, Chosen] | None = None,
) -> np.ndarray | None:
    """(t,) mask of the triplets whose rows are finite in all models, and which all choices answer; None for all.

    matrices: the names of models that are similarities (n, n), of which the pairs must have a value.
    """
    if not models and not choices:
        return None
    host = _checks.as_triplets(index)
    kept = np.ones(len(host), bool)
    for name, x in models.items():
        if name in matrices:
            _, part = scored_part(ready_inputs(x, host, precomputed=True), True, task)
            kept &= True if part is None else part
            continue
        dispatch = dispatch_of(backend, x)
        finite = finite_mask(dispatch.backend, dispatch.rows(x))
        if not finite.all():
            invalid = dispatch.backend.check_triplets(dispatch.triplets(index), len(finite))
            _checks.require_valid(invalid, host, len(finite))
            kept &= finite[host].all(axis=1)
    for chosen in (choices or {}).values():
        kept &= chosen.present
    if not kept.any():
        rule = "that all of them answer" if choices else "whose rows are finite in all"
        raise InputError(f"models must share at least one triplet {rule}; got none")
    return None if kept.all() else kept


def _ones(shape: tuple[int, int], dtype: Any) -> np.ndarray:
    """An array whose first column is 1."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        table = np.empty(shape, dtype)
    else:
        with tempfile.TemporaryFile() as file:  # it is gone with the last array that looks at it
            table = np.memmap(file, dtype, "w+", shape=shape)
    table[:, 0] = 1
    return table


def _batches(items: Sequence[Any], size: int) -> Iterator[tuple[int, Sequence[Any]]]:
    for first in range(0, len(items), size):
        yield first, items[first : first + size]


ACCURACY, NATS = 0, 1  # which figure
BOUNDS = FRACTION, POSITIVE


class Intervals(Protocol):
    """What is known of m models, by their numbers a and b. None where there is no interval."""

    def own(self, a: int, what: int) -> Interval | None:
        """The interval of a figure of model a."""

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        """The interval of a difference: the figure of model a less that of b."""

    def p_value(self, a: int, b: int) -> float | None:
        """The p-value of the null hypothesis that the accuracies are equal."""

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        """Interval of a difference of accuracies that holds together with all that are asked for, and its p-value."""

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        """The p-value of accuracies that differ by at least the margin."""

    def rank(self, a: int) -> Interval | None:
        """The interval of the rank of model a by accuracy."""

    def components(self, a: int, b: int, what: int) -> Components | None:
        """Variance components of a figure of a less that of b."""


class NoIntervals:
    """Where none are asked for."""

    def own(self, *of: object, **named: object) -> None:
        return None

    difference = p_value = equivalence = rank = components = own

    def simultaneous(self, a: int, b: int) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class ClosedForm:
    """Intervals by standard errors and Student's t, with degrees of freedom for each figure and each difference.

    Variances of differences are drawn toward what all of them say (`pyalign.stats.clustered`); together by `MaxT`.
    """

    # (2, m) accuracies and cross-entropies; NaN where a model has none, and then no interval either.
    estimates: np.ndarray
    errors: tuple[Errors, Errors]  # of both.
    plan: Resampling  # of the intervals.
    baseline: int | None = None  # the model that all others are compared with; None: every two are.

    def own(self, a: int, what: int) -> Interval | None:
        errors, estimate = self.errors[what], float(self.estimates[what, a])
        return None if math.isnan(estimate) else mean_interval(estimate, errors, a, self.plan, BOUNDS[what])

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        errors = self.errors[what]
        difference = float(self.estimates[what, a] - self.estimates[what, b])
        error, degrees = (float(of[a, b]) for of in errors.shrunken_differences)
        known = not (math.isnan(difference) or math.isnan(error))
        return student_interval(difference, error, degrees, self.plan) if known else None

    def p_value(self, a: int, b: int) -> float | None:
        return float(self._p_values[a, b]) if self._known else None

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        alone = self.p_value(a, b)
        if alone is None:
            return None, None
        difference, together = float(self._differences[a, b]), self._asked
        reach = self._reach(a, b, self.plan.confidence_level if together is None else together.of_each)
        error, level = float(self._student[0][a, b]), float(self.plan.confidence_level)
        interval = Interval(difference - reach, difference + reach, error, self.plan.by, "max-t", level)
        return interval, alone if together is None else float(together.p_values[a, b])

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        if not self._known:
            return None
        error, degrees = (float(of[a, b]) for of in self._student)
        room = margin - abs(float(self._differences[a, b]))
        return upper_p(room / error if error > 0.0 else math.copysign(math.inf, room), degrees)

    def rank(self, a: int) -> Interval | None:
        if not self._known:
            return None
        p_values = self._p_values if self._every_two is None else self._every_two.p_values
        unlike = p_values[a] < 1.0 - self.plan.confidence_level
        better, worse = (int((unlike & (sign * self._differences[a] > 0.0)).sum()) for sign in (-1, 1))
        last = float(self.estimates.shape[1] - worse)
        return Interval(float(1 + better), last, None, self.plan.by, "max-t", float(self.plan.confidence_level))

    def components(self, a: int, b: int, what: int) -> Components | None:
        unknown = math.isnan(self.estimates[what, a] - self.estimates[what, b])
        return None if unknown else self.errors[what].components(a, b)

    @property
    def _known(self) -> bool:
        return self.errors[ACCURACY].known

    @property
    def _student(self) -> tuple[np.ndarray, np.ndarray]:
        return self.errors[ACCURACY].shrunken_differences

    @cached_property
    def _differences(self) -> np.ndarray:
        """(m, m), of accuracies."""
        differences: np.ndarray = self.estimates[ACCURACY][:, None] - self.estimates[ACCURACY][None, :]
        return differences

    @cached_property
    def _p_values(self) -> np.ndarray:
        """(m, m), of each difference by itself."""
        errors, degrees = self._student
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self._differences == 0.0, 0.0, np.abs(self._differences) / errors)
        p_values = np.ones(t.shape)
        for a, b in combinations(range(len(t)), 2):
            p_values[a, b] = p_values[b, a] = student_p(float(t[a, b]), float(degrees[a, b]))
        return p_values

    @cached_property
    def _every_two(self) -> MaxT | None:
        """All differences of two models; None for two models."""
        return self._together(None)

    @cached_property
    def _asked(self) -> MaxT | None:
        """The differences that are asked for: from the baseline, where there is one."""
        return self._every_two if self.baseline is None else self._together(self.baseline)

    def _together(self, baseline: int | None) -> MaxT | None:
        if not self._known or self.estimates.shape[1] == 2:
            return None
        errors = self.errors[ACCURACY]  # known from few objects, the first covariance makes models too much alike
        covariances = errors.covariance, *errors.candidates[1:][-1:]
        return MaxT.of(covariances, self._p_values, self.plan.confidence_level, self.plan.seed, baseline)

    def _reach(self, a: int, b: int, confidence_level: float) -> float:
        """The half-width of the interval of a difference, with this confidence."""
        error, degrees = (float(of[a, b]) for of in self._student)
        return quantile(confidence_level, degrees) * error


@dataclass(frozen=True)
class Resampled:
    """Intervals by the values of each figure in resamples, which are the same for all models."""

    estimates: np.ndarray  # (2, m) accuracies and cross-entropies, as in `ClosedForm`.
    means: np.ndarray  # (b, m, 2) the same in each resample.
    # to which the spread of each figure and difference is brought; None where it stays.
    errors: tuple[Errors, Errors] | None
    plan: Resampling  # of the resamples.

    @classmethod
    def of(
        cls, outcomes: OutcomeTable, clusters: Clusters, plan: Resampling, errors: tuple[Errors, Errors] | None,
        progress: Progress,
    ) -> Resampled:
        """Draws them."""
        values, units = outcomes.values()
        means = replicates(clusters, values, plan, progress)
        require_rows(means, plan)
        return cls.from_means(means, values, units, outcomes.estimates, errors, plan, outcomes.weights)

    @classmethod
    def from_means(
        cls, means: np.ndarray, values: np.ndarray, units: np.ndarray, estimates: np.ndarray,
        errors: tuple[Errors, Errors] | None, plan: Resampling, weights: np.ndarray | None = None,
    ) -> Resampled:
        """Makes intervals from the means (b, 2 m) of `values` in resamples; see `OutcomeTable.values`."""
        means = in_units(means, values, units, estimates.T.ravel().tolist(), weights)
        return cls(estimates, means.reshape(len(means), -1, 2), errors, plan)

    def own(self, a: int, what: int) -> Interval | None:
        error = None if self.errors is None else float(self.errors[what].errors[a])
        return self._percentiles(self._drawn(self.estimates[what, a], self.means[:, a, what], error))

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        return self._percentiles(self._differences(a, b, what))

    def p_value(self, a: int, b: int) -> float | None:
        column = self._differences(a, b, ACCURACY)
        return None if np.isnan(column).any() else two_sided_p(column)

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        return None, None

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        column = self._differences(a, b, ACCURACY)
        return None if np.isnan(column).any() else equivalence_p(column, margin)

    def rank(self, a: int) -> Interval | None:
        return percentile_interval(self._ranks[:, a], self.plan)

    def components(self, a: int, b: int, what: int) -> None:
        return None

    @cached_property
    def _ranks(self) -> np.ndarray:
        return ranks_of(self.means[:, :, ACCURACY])

    def _differences(self, a: int, b: int, what: int) -> np.ndarray:
        error = None if self.errors is None else float(self.errors[what].shrunken_differences[0][a, b])
        of = self.estimates[what, a] - self.estimates[what, b]
        return self._drawn(of, self.means[:, a, what] - self.means[:, b, what], error)

    def _drawn(self, estimate: float, column: np.ndarray, error: float | None) -> np.ndarray:
        return column if error is None else scaled(column[:, None], np.array([estimate]), np.array([error]))[:, 0]

    def _percentiles(self, column: np.ndarray) -> Interval | None:
        return None if np.isnan(column).any() else percentile_interval(column, self.plan)
