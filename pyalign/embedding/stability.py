"""Which dimension of one embedding is which of another, and how well each comes back in further fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pyalign._dataclass import dataclass, replace
from pyalign.data import as_embeddings
from pyalign.embedding.choice import GROWTH, TOLERANCE, scaled, settled_rows
from pyalign.embedding.fit import EmbeddingOptions, EmbeddingPenalty
from pyalign.embedding.folds import EmbeddingInputs, halves_of, unit_of
from pyalign.errors import InputError, MissingExtraError
from pyalign.fitting.algebra import host_rows, one_blas_thread
from pyalign.fitting.place import algebra_for
from pyalign.journal import Journal, packed, unpacked
from pyalign.typing import EmbeddingsLike


@dataclass(frozen=True, eq=False)
class MatchedDimensions:
    """Pairs of dimensions, one to one, with the largest sum of correlations."""

    # first, second: (k,) the columns of the two embeddings that belong together; `first` ascends.
    first: np.ndarray
    second: np.ndarray
    # (k,) Pearson correlations over the objects, NaN where a column is constant: it matches nothing.
    correlations: np.ndarray


def match_dimensions(x: EmbeddingsLike, y: EmbeddingsLike) -> MatchedDimensions:
    """Match the dimensions of two embeddings of the same objects one to one (Hungarian algorithm).

    Args:
        x, y: (n, d) and (n, k) embeddings; rows are brought together by name where both have names.

    Returns:
        A `MatchedDimensions` with min(d, k) pairs.

    Raises:
        InputError: embeddings of other objects, or with NaN.
        MissingExtraError: scipy is not installed.

    Example:
        >>> x = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
        >>> matched = match_dimensions(x, x[:, [2, 0, 1]])
        >>> matched.second.tolist(), matched.correlations.round(6).tolist()
        ([1, 2, 0], [1.0, 1.0, 1.0])
    """
    a, b = as_embeddings(x, "x"), as_embeddings(y, "y")
    on = algebra_for()
    first, second = (host_rows(on, one.values, name).astype(np.float64) for one, name in ((a, "x"), (b, "y")))
    if a.names is not None and b.names is not None and a.names != b.names:
        if set(a.names) != set(b.names):
            missing = sorted(set(a.names) ^ set(b.names))[0]
            raise InputError(f"x and y must have rows of the same objects; only one of them has {missing!r}")
        place = {name: row for row, name in enumerate(b.names)}
        second = second[[place[name] for name in a.names]]
    if len(first) != len(second):
        raise InputError(f"x and y must have a row for each object; got {len(first):,} and {len(second):,} rows")
    for name, values in (("x", first), ("y", second)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} must hold finite numbers; some are NaN or infinity")
    return matched(first, second)


@one_blas_thread()
def matched(x: np.ndarray, y: np.ndarray) -> MatchedDimensions:
    """The same of arrays (n, d) and (n, k)."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingExtraError("match_dimensions", "scipy", "probe") from error
    u, v = units(x), units(y)
    correlations = u.T @ v
    rows, columns = linear_sum_assignment(-correlations)
    varies = u[:, rows].any(axis=0) & v[:, columns].any(axis=0)
    return MatchedDimensions(rows, columns, np.where(varies, correlations[rows, columns], np.nan))


def known_mean(values: ArrayLike) -> float | None:
    """The mean of those that are not NaN; None where all are.

    Example:
        >>> known_mean([0.5, np.nan]), known_mean([np.nan])
        (0.5, None)
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else None


def units(x: np.ndarray) -> np.ndarray:
    """Columns centered and of length 1; constant ones are 0."""
    centered = x - x.mean(axis=0)
    lengths = np.sqrt((centered**2).sum(axis=0))
    varies = lengths > 1e-12 * np.sqrt(len(x))
    return np.asarray(np.divide(centered, lengths, out=np.zeros_like(centered), where=varies))


ABOVE = (0.8, 0.9)
LEVELS = 0.025, 0.975  # quantiles that are the ends of intervals over resamples


@dataclass(frozen=True)
class DimensionStability:
    """How well one dimension comes back."""

    dimension: int  # its number in the embedding, from 1.
    # the mean Pearson correlation with the matched dimensions of the other fits; between the two halves of the answers,
    # the correlation of the dimensions that match it. It and its range and fractions are None of a dimension without a
    # match, as where all other fits have fewer dimensions.
    correlation: float | None
    # low, high: between which 95% of these correlations are, of resamples; of seeds, the least and the largest.
    low: float | None
    high: float | None
    # above_8, above_9: the fraction of fits with a match in which the correlation is above .8 and above .9.
    above_8: float | None
    above_9: float | None
    n_matched: int  # the number of fits with a match; of halves 1, where both have one.


@dataclass(frozen=True)
class Stability:
    """How well an embedding comes back."""

    # ``"seeds"``: other starts of the solver, on the same answers; ``"halves"``: two halves of the answers;
    # ``"resamples"``: answers (or participants) drawn with replacement.
    over: Literal["seeds", "halves", "resamples"]
    n_fits: int  # the number of other fits.
    dimensions: tuple[DimensionStability, ...]  # a `DimensionStability` for each dimension.
    # the mean Pearson correlation between the similarities x_i . x_j of all pairs of objects in the embedding and in
    # the other fits; of halves, between the two. None where a fit has no dimensions.
    similarity: float | None
    # the fraction of dimensions with a correlation above .8, over all matches of all fits; None without any.
    above_8: float | None
    above_9: float | None  # likewise above .9.
    # the number of dimensions with a match in any fit: the others are in none of these figures but VICE's.
    n_matched: int
    # as in VICE, of dimensions whose best match (not one to one) on 80% of the objects correlates above .8 on the other
    # objects. None of halves.
    vice_above_8: float | None = None


@one_blas_thread()  # sums of several threads differ in their last bits
def stability_of(
    over: Literal["seeds", "halves", "resamples"], rows: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], interval: bool = False,
) -> Stability:
    """Of an embedding (n, d), from pairs of other embeddings.

    pairs: what is compared: the embedding itself and another fit, or two fits to different answers.
    """
    correlations = np.stack([_between(rows, a, b) for a, b in pairs])
    dimensions = tuple(_of_dimension(j, of_one, interval) for j, of_one in enumerate(correlations.T, start=1))
    return Stability(
        over=over,
        n_fits=2 if over == "halves" else len(pairs),
        dimensions=dimensions,
        similarity=known_mean([similarity_correlation(a, b) for a, b in pairs]),
        above_8=_share_above(correlations, ABOVE[0]),
        above_9=_share_above(correlations, ABOVE[1]),
        n_matched=sum(one.n_matched > 0 for one in dimensions),
        vice_above_8=None if over == "halves" else known_mean([_as_in_vice(a, b) for a, b in pairs]),
    )


def coming_back(stability: Sequence[Stability]) -> tuple[int, ...] | None:
    """The dimensions, from 1, whose correlation is above .8 over everything that was repeated; None where nothing was.

    A dimension without a match does not come back.
    """
    if not stability:
        return None
    each = zip(*(one.dimensions for one in stability), strict=True)
    return tuple(ones[0].dimension for ones in each if all((one.correlation or 0.0) > ABOVE[0] for one in ones))


def _of_dimension(number: int, correlations: np.ndarray, interval: bool) -> DimensionStability:
    """Of one dimension, from its correlations (k,) with the matching ones; NaN without a match."""
    known = correlations[~np.isnan(correlations)]
    low, high = (None, None) if not len(known) else np.quantile(known, LEVELS if interval else (0.0, 1.0)).tolist()
    above_8, above_9 = (_share_above(known, threshold) for threshold in ABOVE)
    return DimensionStability(number, known_mean(known), low, high, above_8, above_9, len(known))


def _share_above(correlations: np.ndarray, threshold: float) -> float | None:
    """The fraction of the correlations that are above it; None without any."""
    return known_mean(np.where(np.isnan(correlations), np.nan, correlations > threshold))


def _as_in_vice(rows: np.ndarray, other: np.ndarray) -> float:
    """The fraction of dimensions whose best match on 80% of the objects correlates above .8 on the others.

    Source: Muttenthaler et al., "VICE", NeurIPS 2022, section 4 (reproducibility of dimensions).
    """
    if not rows.shape[1] or not other.shape[1]:
        return math.nan
    order = np.random.default_rng(0).permutation(len(rows))
    first, rest = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    best = (units(rows[first]).T @ units(other[first])).argmax(axis=1)
    held_out = (units(rows[rest]) * units(other[rest][:, best])).sum(axis=0)
    return float((held_out > ABOVE[0]).mean())


def _between(rows: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(d,) correlations between the columns of a and b that match each column of the embedding; NaN without a match."""
    out = np.full(rows.shape[1], np.nan)
    if not a.shape[1] or not b.shape[1]:
        return out
    to_b = matched(rows, b)
    if a is rows:
        out[to_b.first] = to_b.correlations
        return out
    to_a = matched(rows, a)
    column_of_a = dict(zip(to_a.first.tolist(), to_a.second.tolist(), strict=True))
    ua, ub = units(a), units(b)
    for j, column in zip(to_b.first.tolist(), to_b.second.tolist(), strict=True):
        if j in column_of_a:
            u, v = ua[:, column_of_a[j]], ub[:, column]
            out[j] = float(u @ v) if u.any() and v.any() else np.nan
    return out


def similarity_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The Pearson correlation of the inner products of all pairs of different objects; NaN where none differ."""
    upper = np.triu_indices(len(a), 1)
    s, t = (a @ a.T)[upper], (b @ b.T)[upper]
    s, t = s - s.mean(), t - t.mean()
    length = float(np.sqrt((s @ s) * (t @ t)))
    return float(s @ t) / length if length > 0 else math.nan


class Refits:
    """Further fits at the penalties of an embedding, each a step of a journal.

    Args:
        inputs: all answers. options: of the embedding. path: its penalty, after those of `Choice.settling`.
        split: what halves and resamples are drawn of. report: called with the name of each step before it begins.
    """

    def __init__(
        self, inputs: EmbeddingInputs, path: tuple[EmbeddingPenalty, ...], options: EmbeddingOptions, split: str,
        seed: int, journal: Journal, report: Callable[[str], None],
    ) -> None:
        self.inputs, self.settling, self.penalty, self.options = inputs, path[:-1], path[-1], options
        self.split, self.seed, self.journal, self.report = split, seed, journal, report

    def seeds(self, count: int) -> list[np.ndarray]:
        """Fits to all answers from other starts."""
        return [
            self._step(f"seed {k + 1}/{count}", lambda k=k: self._fit(None, None, 1.0, k))  # type: ignore[misc]
            for k in range(count)
        ]

    def halves(self) -> list[np.ndarray]:
        """Fits to each half of the answers, with the penalties that half as many answers need."""
        return [
            self._step(f"half {k + 1}/2", lambda half=half: self._fit(half, None, 2.0**GROWTH, None))  # type: ignore[misc]
            for k, half in enumerate(halves_of(self.split, self.inputs, self.seed))
        ]

    def resamples(self, count: int, rows: np.ndarray) -> list[np.ndarray]:
        """Fits to resampled answers, from the embedding: their columns are those of the embedding.

        They differ from it by far more than what is left to the solver at `TOLERANCE`, which takes a quarter of the
        passes of the default one.
        """
        options = replace(self.options, tolerance=max(TOLERANCE, self.options.tolerance))
        unit = unit_of(self.split, self.inputs)
        number = int(unit.max()) + 1
        fits = []
        for k in range(count):
            drawn = np.random.default_rng([self.seed, k]).integers(0, number, number)
            weights = np.bincount(drawn, minlength=number).astype(np.float64)[unit]
            fits.append(
                self._step(
                    f"resample {k + 1}/{count}",
                    lambda weights=weights: self._fit(None, weights, 1.0, None, rows, options),  # type: ignore[misc]
                )
            )
        return fits

    def _step(self, name: str, fit: Callable[[], np.ndarray]) -> np.ndarray:
        record = self.journal.record(name)
        if record is not None:
            return unpacked(record["rows"])["rows"]
        self.report(name)
        rows = fit()
        self.journal.finish(name, {"rows": packed(rows=rows)})
        return rows

    def _fit(
        self, triplets: np.ndarray | None, weights: np.ndarray | None, scale: float, seed: int | None,
        start: np.ndarray | None = None, options: EmbeddingOptions | None = None,
    ) -> np.ndarray:
        options = replace(options or self.options, seed=seed)
        if start is None:
            start = settled_rows(self.inputs, options, scaled(self.settling, scale), triplets)
        return self.inputs.fitter(options, None, triplets, weights).at(self.penalty.scaled(scale), start).rows


def standard_errors(rows: np.ndarray, resamples: Sequence[np.ndarray], moved: np.ndarray) -> np.ndarray:
    """(n, d) root mean square errors of each entry: their variance over resamples, and the square of the bias.

    resamples: their columns are matched with those of the rows. moved: (n, d) the bias by penalties.
    """
    aligned = np.zeros((len(resamples), *rows.shape))
    for k, one in enumerate(resamples):
        pairs = matched(rows, one)
        aligned[k][:, pairs.first] = one[:, pairs.second]
    return np.hypot(aligned.std(axis=0, ddof=1), moved)
