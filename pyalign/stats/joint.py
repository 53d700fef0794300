"""Whether two sets of answers are right and wrong together: Cohen's kappa, what it can be, and what explains it.

All follows from three shares: a and b, how often each is right, and ab, how often both are. With c = ab - a b, the
covariance of right and wrong, observed agreement is 1 - a - b + 2 ab, that of independent answers is
1 - a - b + 2 a b, and kappa = 2 c / D with D = a + b - 2 a b.

Source: Cohen 1960; Geirhos, Meding and Wichmann, "Beyond accuracy", NeurIPS 2020; Klein, Meyen, Brendel, Wichmann and
Meding, "Quantifying uncertainty in error consistency", NeurIPS 2025 (arXiv 2507.06645), with their published code.

Figures of three shares, such as kappa: how often one thing is so, how often another, and how often both are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign.documents import Interval
from pyalign.stats.clustered import ROUNDING, Dependence, Errors
from pyalign.stats.intervals import (
    FRACTION, REST, correlation_interval, percentile_interval, proportion_interval, student_interval,
)
from pyalign.stats.intervals import two_sided_p as student_p
from pyalign.stats.intervals import unseen_loss
from pyalign.stats.multiple import two_sided_p
from pyalign.stats.resampling import Clusters, Resampling, replicates


@dataclass(frozen=True)
class ErrorAgreement:
    """Two sets of answers to the same questions."""

    n: int  # questions.
    # accuracy_a, accuracy_b: shares that each gets right.
    accuracy_a: float
    accuracy_b: float
    observed: float  # share of questions that both get right or both get wrong.
    expected: float  # that share, were their errors independent.
    # Cohen's: 1 for the same errors, 0 for independent ones; None where one is always right or always wrong.
    kappa: float | None
    # kappa_min, kappa_max: the least and the largest kappa that these two accuracies allow; None likewise.
    kappa_min: float | None
    kappa_max: float | None
    unbiased_kappa: float | None  # kappa by unbiased estimates of its numerator and its denominator; None likewise.
    # how often the less accurate one takes over whether the more accurate one is right, where it is otherwise right at
    # a rate of its own; below 0, how often it does the opposite. None likewise.
    copy_probability: float | None


def of_counts(n: int, right_a: int, right_b: int, both: int) -> ErrorAgreement:
    """Error consistency from how many of n triplets a, b and both get right."""
    a, b = right_a / n, right_b / n
    agree, by_chance = (n - right_a - right_b + 2 * both) / n, a * b + (1 - a) * (1 - b)
    if not (0 < right_a < n and 0 < right_b < n):
        return ErrorAgreement(n, a, b, agree, by_chance, None, None, None, None, None)
    kappa = kappa_of(n, right_a, right_b, both)  # of whole numbers, which is exact
    return ErrorAgreement(
        n=n,
        accuracy_a=a,
        accuracy_b=b,
        observed=agree,
        expected=by_chance,
        kappa=kappa,
        kappa_min=kappa_of(n, right_a, right_b, max(0, right_a + right_b - n)),
        kappa_max=kappa_of(n, right_a, right_b, min(right_a, right_b)),
        unbiased_kappa=unbiased(kappa, n),
        copy_probability=_copied(n, max(right_a, right_b), both * n - right_a * right_b),
    )


def kappa_of(n: int, right_a: int, right_b: int, both: int) -> float:
    """Kappa of whole numbers, neither model always right nor always wrong."""
    return 2 * (n * both - right_a * right_b) / (n * (right_a + right_b) - 2 * right_a * right_b)


def unbiased(kappa: float, n: int) -> float | None:
    """n kappa / (n - 1 + kappa): numerator and denominator without the bias that few questions give them.

    Of n independent questions, the numerator 2 c is too small by the factor (n - 1) / n, and the denominator D, which
    holds a product of two means, by 2 c / n. None for one question, of which nothing is known.

    Source: the code of Klein et al. (`fast_cohen`, ``unbiased=True``).
    """
    below = n - 1 + kappa
    return n * kappa / below if below > 0 else None


def _copied(n: int, source: int, covariance: int) -> float:
    """Covariance over the variance of the one that is copied, in whole numbers."""
    return covariance / (source * (n - source))


TOGETHER = 8  # partners whose columns are unpacked at a time
BLOCK = 1 << 16  # rows that are unpacked at a time for counts
WHOLE = (-math.inf, math.inf)

Values = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Gradient = Callable[[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Figure:
    """A figure of three shares."""

    of: Values  # of arrays a, b, ab; NaN where it is not defined.
    gradient: Gradient  # its derivatives there.
    within: tuple[float, float] = WHOLE  # where it is.
    alike: bool = False  # whether it says how much alike two models are, by how often either is right.


@dataclass(frozen=True, eq=False)
class Joint:
    """What is known of three shares."""

    shares: np.ndarray  # (3,): a, b, ab.
    errors: Errors | None  # what is known of them in closed form; None by a bootstrap that is taken as it is.
    draws: np.ndarray | None  # (b, 3) the shares of resamples, or None.
    plan: Resampling  # of the intervals.

    def error(self, figure: Figure) -> float:
        """The standard error of a figure in closed form; NaN where it is not known."""
        if self.errors is None or not self.errors.known:
            return math.nan
        gradient = self._gradient(figure)
        terms = gradient[:, None] * np.stack(self.errors.candidates) * gradient
        variances, sizes = terms.sum(axis=(1, 2)), np.abs(terms).sum(axis=(1, 2))
        return math.sqrt(max(0.0, float(np.where(variances <= ROUNDING * sizes, 0.0, variances).max())))

    def interval(self, figure: Figure) -> Interval | None:
        """The interval of a figure; None where it has none."""
        value, error = self.value(figure), self.error(figure)
        if self.draws is None:
            if math.isnan(error):
                return None
            known = value, error, self._degrees(figure), self.plan
            ends = correlation_interval(*known) if figure is KAPPA else student_interval(*known, figure.within)
            return replace(ends, low=min(ends.low, value - self._unseen_loss(figure, value, error)))
        column = self._drawn(figure, value, error)
        return None if np.isnan(column).any() else percentile_interval(column, self.plan)

    def p_value(self, figure: Figure) -> float | None:
        """Two-sided, of a figure of 0."""
        value, error = self.value(figure), self.error(figure)
        if self.draws is not None:
            column = self._drawn(figure, value, error)
            return None if np.isnan(column).any() else two_sided_p(column)
        if math.isnan(error):
            return None
        return student_p(math.inf if error == 0.0 and value else value / (error or 1.0), self._degrees(figure))

    def value(self, figure: Figure) -> float:
        """The figure of the shares."""
        return float(figure.of(*self.shares[:, None])[0])

    def _unseen_loss(self, figure: Figure, value: float, error: float) -> float:
        """How much less it may be because of objects that one of the models has wrong, but none of these."""
        a, b, both = self.shares

        def loss(part: float) -> float:
            of_a = a - part * (a - REST), b, both - part * (both - REST * b)
            of_b = a, b - part * (b - REST), both - part * (both - REST * a)
            return value - float(figure.of(*np.array([of_a, of_b]).T).min())

        return unseen_loss(loss, error, self.errors.rows, self.plan) if figure.alike and self.errors else 0.0

    def _gradient(self, figure: Figure) -> np.ndarray:
        return np.array(figure.gradient(*self.shares.tolist()))

    def _degrees(self, figure: Figure) -> float:
        assert self.errors is not None
        return self.errors.degrees_along(self._gradient(figure))

    def _drawn(self, figure: Figure, value: float, error: float) -> np.ndarray:
        """The figure in resamples, rescaled to the error in closed form where that is known, within its bounds."""
        assert self.draws is not None
        column = figure.of(*self.draws.T)
        return column if self.errors is None else _rescaled(column, value, error, figure.within)


def joints(
    bits: np.ndarray, pairs: Sequence[tuple[int, int]], clusters: Clusters, dependence: Dependence | None,
    plan: Resampling | None, progress: Progress = silent,
) -> Iterator[Joint | None]:
    """What is known of each pair of columns, in turn; None without a plan.

    Args:
        bits: uint8 (m, t / 8 rounded up): columns, as `numpy.packbits` packs them.
        pairs: of columns; those with the same first one stand together.
        clusters: how the t rows hang together.
        dependence: of the clusters, where errors are to be in closed form or are brought to it.
        plan: of the intervals.
    """
    if plan is None:
        yield from [None] * len(pairs)
        return
    t = len(clusters.objects)
    singles: dict[int, np.ndarray] = {}
    done = 0
    for a, chunk in chunks(pairs):
        progress("pairs", done, len(pairs))
        table = _table(bits, a, chunk, t)
        errors = None if dependence is None else dependence.errors(table)
        draws = None if plan.closed else _draws(bits, a, chunk, table, clusters, plan, singles)
        means = table[:, 1:].sum(axis=0, dtype=np.int64) / t
        for k in range(len(chunk)):
            places = [0, 1 + 2 * k, 2 + 2 * k]
            yield _joint(means[places], errors, places, None if draws is None else draws[:, places], plan)
        done += len(chunk)


def share_intervals(
    columns: np.ndarray, clusters: Clusters, dependence: Dependence | None, plan: Resampling
) -> list[Interval | None]:
    """The interval of the share of ones in each column, as an accuracy has it; None where it is not known.

    Args:
        columns: int8 (t, k), of 0 and 1.
        clusters, dependence, plan: see `joints`.

    Example:
        >>> clusters, plan = Clusters.of(np.arange(60).reshape(20, 3)), Resampling("objects")
        >>> column = (np.arange(20) % 4 > 0).astype(np.int8)[:, None]
        >>> (interval,) = share_intervals(column, clusters, Dependence.of(clusters, plan), plan)
        >>> interval.low < 0.75 < interval.high
        True
    """
    shares = columns.mean(axis=0)
    table = np.concatenate([np.ones((len(columns), 1), np.int8), columns], axis=1)
    errors = None if dependence is None else dependence.errors(table)
    if plan.closed:
        if errors is None or not errors.known:
            return [None] * len(shares)
        each = zip(shares.tolist(), errors.errors.tolist(), errors.degrees_of_means.tolist(), strict=True)
        return [proportion_interval(share, error, degrees, errors.rows, plan) for share, error, degrees in each]
    draws = replicates(clusters, np.ascontiguousarray(columns.T.astype(np.int16)), plan)
    if errors is not None:
        each = zip(draws.T, shares, errors.errors, strict=True)
        draws = np.stack([_rescaled(*one, FRACTION) for one in each], axis=1)
    return [None if np.isnan(column).any() else percentile_interval(column, plan) for column in draws.T]


def _rescaled(drawn: np.ndarray, value: float, error: float, within: tuple[float, float]) -> np.ndarray:
    """The figure (b,) in resamples, brought to its error in closed form, within its bounds."""
    spread = float(drawn.std(ddof=1))
    return np.clip(value + (drawn - value) * (error / spread), *within) if spread > 0 else drawn


def pair_counts(bits: np.ndarray, t: int) -> np.ndarray:
    """int64 (m, m): rows in which two columns are both so; on the diagonal, in which one is."""
    counts = np.zeros((len(bits), len(bits)))
    for start in range(0, t, BLOCK):
        block = np.unpackbits(bits[:, start // 8 : (start + BLOCK) // 8], axis=1).astype(np.float32)
        counts += block @ block.T  # whole numbers, exact
    return counts.astype(np.int64)


def column_of(bits: np.ndarray, k: int, t: int) -> np.ndarray:
    """uint8 (t,): column k as 0 and 1."""
    return np.unpackbits(bits[k], count=t)


def chunks(pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, list[int]]]:
    """The first of a pair with its partners, so many that their columns are unpacked together."""
    for a, group in groupby(pairs, key=lambda pair: pair[0]):
        partners = [b for _, b in group]
        for start in range(0, len(partners), TOGETHER):
            yield a, partners[start : start + TOGETHER]


def _table(bits: np.ndarray, a: int, partners: Sequence[int], t: int) -> np.ndarray:
    """int8 (t, 2 + 2 k): 1, a, then each partner and its product with a."""
    table = np.empty((t, 2 + 2 * len(partners)), np.int8)
    table[:, 0], table[:, 1] = 1, column_of(bits, a, t)
    for k, b in enumerate(partners):
        table[:, 2 + 2 * k] = column_of(bits, b, t)
        np.multiply(table[:, 1], table[:, 2 + 2 * k], out=table[:, 3 + 2 * k])
    return table


def _draws(
    bits: np.ndarray, a: int, partners: Sequence[int], table: np.ndarray, clusters: Clusters, plan: Resampling,
    singles: dict[int, np.ndarray],
) -> np.ndarray:
    """(b, 1 + 2 k) means of the table's columns under resamples; those of single columns are kept for the next pair."""
    new = [one for one in (a, *partners) if one not in singles]
    places = [1 if one == a else 2 + 2 * partners.index(one) for one in new]
    both = list(range(3, table.shape[1], 2))
    means = replicates(clusters, np.ascontiguousarray(table[:, places + both].T.astype(np.int16)), plan)
    singles.update({one: means[:, k] for k, one in enumerate(new)})
    columns = [singles[a]]
    for k, b in enumerate(partners):
        columns += [singles[b], means[:, len(new) + k]]
    return np.stack(columns, axis=1)


def _joint(
    shares: np.ndarray, errors: Errors | None, places: list[int], draws: np.ndarray | None, plan: Resampling
) -> Joint:
    return Joint(shares, None if errors is None else errors.of(places), draws, plan)


def _kappa(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = 2.0 * (ab - a * b) / (a + b - 2.0 * a * b)
    varied = (a > 0) & (a < 1) & (b > 0) & (b < 1)
    return np.where(varied, kappa, np.nan)


def _kappa_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    below = a + b - 2.0 * a * b
    kappa = 2.0 * (ab - a * b) / below
    return -(2.0 * b + kappa * (1.0 - 2.0 * b)) / below, -(2.0 * a + kappa * (1.0 - 2.0 * a)) / below, 2.0 / below


def _copy(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((a > 0) & (a < 1), (ab - a * b) / (a * (1.0 - a)), np.nan)


def _copy_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    variance = a * (1.0 - a)
    copied = (ab - a * b) / variance
    return -(b + copied * (1.0 - 2.0 * a)) / variance, -a / variance, 1.0 / variance


def _copy_of_b(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    return _copy(b, a, ab)


def _copy_of_b_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    by_b, by_a, by_both = _copy_gradient(b, a, ab)
    return by_a, by_b, by_both


def _excess(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b > 0, ab / b - a, np.nan)


def _excess_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    return -1.0, -ab / (b * b), 1.0 / b


KAPPA = Figure(_kappa, _kappa_gradient, (-1.0, 1.0), alike=True)
COPY_OF_A = Figure(_copy, _copy_gradient, (-1.0, 1.0), alike=True)  # b copies a
COPY_OF_B = Figure(_copy_of_b, _copy_of_b_gradient, (-1.0, 1.0), alike=True)
EXCESS = Figure(_excess, _excess_gradient, (-1.0, 1.0))  # share of a among b, less that of a among all
