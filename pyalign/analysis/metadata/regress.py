"""Accuracy against what is known of models: slopes, rank correlations, means of groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.metadata.metadata_result import (
    ColumnIntervals, FittedLine, MetadataGroup, MetadataRegression, MetadataRegressions,
)
from pyalign.analysis.metadata.model_points import LABELS, Points, around, joined, models_of, points_of, scores_of
from pyalign.data import Provenance
from pyalign.data.metadata import as_metadata
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.io.item_names import metadata_of_models
from pyalign.ops.ranks import double_ranks
from pyalign.stats.multiple import sidak
from pyalign.stats.regression import Line, fisher, jackknife, spearman
from pyalign.stats.resampling import Inference
from pyalign.typing import Fraction

DRAWS = 4000  # of the accuracies, for rank correlations
SPAN = 100.0  # of a column, largest to least, from which on it has a logarithmic scale too
MOST_VALUES = 20  # of a column of text, each a group
STEPS = 24  # of a line in pictures
FEW = 10  # families; below, a note says so
LEAST_RANKED = 5  # models; fewer have too few orders for an interval of ranks
RELIABLE = 0.8  # share of the accuracies' variance that is no error; below, a note says so


@_checks.checked
def regress_metadata(
    result: Any, metadata: Any = None, *, others: Any = (), columns: Sequence[str] | None = None,
    confidence_level: Fraction = 0.95, seed: int = 0, labels: Mapping[str, str] | None = None,
) -> MetadataRegressions:
    """Compute slopes and rank correlations of accuracy with columns of numbers, and means by columns of text.

    Args:
        result: the result of `pyalign.compare`, whose covariance says how the errors of its models are related; or of
            `pyalign.score`, by one measure, which gives no intervals over objects. Or another one with a score of each
            model, which takes the place of the accuracy: of `rsa`, `predict_dimensions`, `neighborhoods` (one
            of overlap and purity), or a list of those of `cross_validate_probe`.
        metadata: of `pyalign.load_metadata`; or rows with a `model` each, model -> columns, a frame of pandas. `family`
            says which models are not independent. Rows that differ in `seed`, or have the same `group`, are one point.
            Models without a row have that of pyalign's own table of models, if it has one; None: all models do.
        others: results whose scores of the same models are columns too: of any of these functions, one or several in
            a list, or a mapping of names of columns to them. Both scores have errors, so that intervals of slopes and
            rank correlations are over models.
        columns: the columns to use; None: all.
        confidence_level: the confidence level of the intervals.
        seed: the seed of the simulations for intervals of rank correlations.
        labels: other names that rows may have, by the names of models.

    Returns:
        `MetadataRegressions`. A slope's interval over objects (and participants) is in closed form: c'y has variance
        c'Cc, with the covariance C of the accuracies y. That over models is cluster-robust over families (CR2, with
        Satterthwaite's degrees of freedom). Positive numbers that span a factor of 100, but not scores, are also
        used on a logarithmic scale.

    Raises:
        InputError: a result or a table of another kind, a column that is not there, no model with a row.

    Source: see `pyalign.stats.regression`.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(60, 6))
        >>> odd = pyalign.odd_one_out(x, triplets := np.stack([rng.permutation(60)[:3] for _ in range(900)]))
        >>> answers = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        >>> models = {f"noise {s}": x + s * rng.normal(size=x.shape) for s in (0.2, 0.6, 1.2, 2.4)}
        >>> table = {name: {"noise": float(name.split()[1])} for name in models}
        >>> row = regress_metadata(pyalign.compare(models, answers), table).results[0]
        >>> row.column, row.slope < 0, row.rank_correlation, row.ci.by
        ('noise', True, -1.0, 'objects')
    """
    seed = _checks.whole_number(seed, "seed", 0, 10**18)
    if not isinstance(labels, Mapping | None):
        raise InputError(f"labels must map what models are called to what rows are; got {type(labels).__name__}")
    models, scores = models_of(result), scores_of(others)
    labels = {**(labels or {}), **models.labels}
    known = metadata_of_models(models.names, None if metadata is None else as_metadata(metadata), labels)
    if known is None and not scores:
        named = listing([*models.names], 4)
        raise InputError(f"metadata or others must be given: pyalign's table of models has no row of {named}")
    rows, table = joined(models, known, scores, labels)
    points = points_of(models, rows, table, scores, confidence_level)
    wanted = _columns(columns, table.columns)
    plan = _Plan(points, confidence_level, seed)
    # Scores of other results have errors too, of which this covariance says nothing.
    of_scores = _Plan(replace(points, covariance=None), confidence_level, seed, of_scores=True)
    plans = {name: plan for name in wanted} | {score.about.column: of_scores for score in scores}
    notes = [*models.notes, *table.notes, *points.notes, *_noted(points)]
    numbers = [name for name in wanted if name in table.numbers]
    count = sum(len(plans[name].scales(points.numbers(name)[1])) for name in numbers)
    results = [row for name in numbers for row in plans[name].regressions(name, count, notes)]
    groups = [row for name in wanted if name in table.texts for row in plan.groups(name, columns is not None, notes)]
    if columns is not None and wanted and not results + groups:
        raise InputError(f"columns must vary over models; got {listing(wanted, 4)}")
    provenance = Provenance.now({}, {"columns": columns, "confidence": confidence_level}, seed=seed)
    made_from = getattr(result, "provenance", None)
    return MetadataRegressions(
        results=tuple(results), groups=tuple(groups), points=points.points,
        models_by=points.models_by, draws=DRAWS, inference=Inference(models.by, level=confidence_level, seed=seed),
        percent=tuple(name for name in wanted if name in table.percent), metadata=table.source,
        others=tuple(score.about for score in scores) or None, notes=tuple(dict.fromkeys(notes)), **models.about,
        provenance=provenance if made_from is None else replace(provenance, inputs=made_from.inputs),
    )


def _columns(asked: Sequence[str] | None, there: Mapping[str, Any]) -> list[str]:
    if asked is None:
        return [name for name in there if name not in LABELS]
    names = dict.fromkeys(_checks.names_of(asked, "columns"))
    for name in names:
        if name not in there:
            raise InputError(f"columns must be among {listing(list(there), 20)}; got {name!r}")
    return list(names)


def _noted(points: Points) -> Iterator[str]:
    """What a reader must know of the models as a whole."""
    if points.families is not None and points.families < FEW:
        few = f"{points.families} famil{'y' if points.families == 1 else 'ies'}"
        yield f"intervals over models are of {few}: so few independent draws say little of models in general"
    if points.covariance is None or len(points.points) < 3:
        return
    share = reliability(points.accuracies, points.covariance)
    if share < RELIABLE:
        yield (
            f"the models' accuracies differ by little more than their errors ({100 * share:.0f}% of the "
            "variance is no error): rank correlations are drawn towards 0, and their intervals may miss"
        )


@dataclass(frozen=True)
class _Plan:
    """The points, and how intervals are made for any linear figure of them."""

    points: Points
    confidence: float
    seed: int
    of_scores: bool = False  # which have no logarithm: their intervals may hold 0
    ranks: dict[bytes, np.ndarray] = field(default_factory=dict)  # of simulated accuracies, by whose these are

    def scales(self, x: np.ndarray) -> tuple[str, ...]:
        """On which scales a column has a slope; none where it does not vary."""
        if len({*x}) < 2:
            return ()
        return ("linear", "log10") if not self.of_scores and 0 < SPAN * x.min() <= x.max() else ("linear",)

    def over_objects(self, some: np.ndarray, weights: np.ndarray) -> Interval | None:
        """The interval of weights'y over some of the points, where the models are treated as fixed."""
        points = self.points
        if points.covariance is None:
            return None
        error = math.sqrt(max(0.0, weights @ points.covariance[np.ix_(some, some)] @ weights))
        estimate = float(weights @ points.accuracies[some])
        return around(estimate, error, points.degrees, points.by, "corrected", self.confidence)

    def over_models(self, line: Line, weights: np.ndarray) -> Interval | None:
        """The same for other models like these."""
        error, degrees = line.over_clusters(weights)
        return around(float(weights @ line.y), error, round(degrees, 6), self.points.models_by, "cr2", self.confidence)

    def regressions(self, column: str, count: int, notes: list[str]) -> Iterator[MetadataRegression]:
        """Regressions on the column as it is, and on its logarithm where it spans enough; `count`: of all columns."""
        some, x = self.points.numbers(column)
        y, scales = self.points.accuracies[some], self.scales(x)
        if not scales:
            notes.append(f"column {column!r} has the same value for all models, or too few of them: no slope")
            return
        if left := len(self.points.points) - len(some):
            notes.append(f"{left} model{'s have' if left > 1 else ' has'} no number in {column!r}, left out there")
        clusters = np.unique(self.points.clusters[some], return_inverse=True)[1].reshape(-1)
        rank = None if math.isnan(measured := spearman(x, y)) else measured
        if rank is not None and len(some) < LEAST_RANKED:
            notes.append(
                f"the rank correlation with {column!r} is over {len(some)} models: it has no interval, which needs at "
                f"least {LEAST_RANKED}"
            )
        for scale in scales:
            line = Line(np.log10(x) if scale == "log10" else x, y, clusters)
            own = self._intervals(line, some, rank)
            if own.models_ci is None:
                notes.append(
                    f"too few independent models, or no scatter at all, for an interval over them: {column!r}, {scale}"
                )
            yield MetadataRegression(
                column=column, scale=scale, n_models=len(some),
                n_families=None if self.points.families is None else int(clusters.max()) + 1, slope=line.slope,
                rank_correlation=rank, line=self._line(line, some, x, scale), **vars(own),
                simultaneous=None if count == 1 else self._simultaneous(line, some, rank, count),
            )

    def _intervals(self, line: Line, some: np.ndarray, rank: float | None) -> ColumnIntervals:
        weights = line.weights_of_slope
        of_slope = self.over_objects(some, weights), self.over_models(line, weights)
        if rank is None or len(some) < LEAST_RANKED:
            return ColumnIntervals(*of_slope, None, None)
        return ColumnIntervals(
            *of_slope, self._rank_over_objects(line.x, some, rank), self._rank_over_models(line, rank)
        )

    def _simultaneous(self, line: Line, some: np.ndarray, rank: float | None, count: int) -> ColumnIntervals:
        """The intervals that hold together with those of all other columns, so many in all."""
        figures = vars(replace(self, confidence=sidak(self.confidence, count))._intervals(line, some, rank))
        return ColumnIntervals(**{
            name: None if one is None else replace(one, method="sidak", confidence=self.confidence)
            for name, one in figures.items()
        })

    def _line(self, line: Line, some: np.ndarray, x: np.ndarray, scale: str) -> FittedLine:
        places = np.linspace(line.x.min(), line.x.max(), STEPS + 1)
        shown = 10.0**places if scale == "log10" else places
        shown[0], shown[-1] = x.min(), x.max()  # not as the logarithm rounds them
        weights = [line.weights_at(place) for place in places]
        objects = [self.over_objects(some, one) for one in weights]
        models = [self.over_models(line, one) for one in weights]
        return FittedLine(
            tuple(shown.tolist()), tuple(line.at(place) for place in places),
            _ends(objects, 0), _ends(objects, 1), _ends(models, 0), _ends(models, 1),
        )

    def _rank_over_objects(self, x: np.ndarray, some: np.ndarray, rho: float) -> Interval | None:
        """The interval of Spearman's correlation by draws of the accuracies.

        Errors draw ranks towards no order. How far, the draws tell, which are around accuracies that vary as much as
        the true ones do: the end further from 0 moves outwards by twice their mean difference from what was found.
        """
        if self.points.covariance is None:
            return None
        drawn = rank_correlations(x, self._ranks(some, self.points.covariance[np.ix_(some, some)]))
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.quantile(drawn, [tail, 1.0 - tail]).tolist()
        moved = 2.0 * (rho - float(drawn.mean()))
        low, high = max(-1.0, min(low, low + moved, rho)), min(1.0, max(high, high + moved, rho))
        return Interval(low, high, float(drawn.std(ddof=1)), self.points.by, "parametric", self.confidence)

    def _ranks(self, some: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """The ranks of the simulated accuracies; columns that the same models have share them."""
        key = some.tobytes()
        if key not in self.ranks:
            y = self.points.accuracies[some]
            around = y.mean() + math.sqrt(reliability(y, covariance)) * (y - y.mean())
            drawn = draws_of(around, covariance, self.points.degrees, DRAWS, self.seed)
            self.ranks.clear()
            self.ranks[key] = np.stack([double_ranks(draw) for draw in drawn]) / 2.0
        return self.ranks[key]

    def _rank_over_models(self, line: Line, rho: float) -> Interval | None:
        error, degrees = jackknife(line.x, line.y, line.clusters)
        ends = around(fisher(rho, len(line.x)), error, degrees, self.points.models_by, "jackknife", self.confidence)
        if ends is None:
            return None
        low, high = map(math.tanh, ends)
        return replace(ends, low=min(rho, low), high=max(rho, high), error=None)

    def groups(self, column: str, asked: bool, notes: list[str]) -> Iterator[MetadataGroup]:
        """The models by their values in a column of text, the most accurate first."""
        of: dict[str, list[int]] = {}
        for k, value in enumerate(self.points.column(column)):
            if isinstance(value, str):
                of.setdefault(value, []).append(k)
        if not asked and (len(of) > MOST_VALUES or (len(of) > 1 and all(len(rows) == 1 for rows in of.values()))):
            each = "a value of its own for each model" if len(of) <= MOST_VALUES else f"{len(of)} values"
            notes.append(f"column {column!r} has {each}: no groups")
            return
        for value, rows in sorted(of.items(), key=lambda one: -float(self.points.accuracies[one[1]].mean())):
            y = self.points.accuracies[rows]
            yield MetadataGroup(
                column, value, len(rows), float(y.mean()),
                self.over_objects(np.array(rows), np.full(len(rows), 1.0 / len(rows))), float(y.min()), float(y.max()),
                float(y.std(ddof=1)) if len(rows) > 1 else None, tuple(self.points.points[k].model for k in rows),
            )


def _ends(intervals: Sequence[Interval | None], end: int) -> tuple[float, ...] | None:
    held = [one[end] for one in intervals if one is not None]
    return tuple(held) if len(held) == len(intervals) else None


def reliability(y: np.ndarray, covariance: np.ndarray) -> float:
    """The share of the variance of accuracies (m,) that is not that of their errors, which have this covariance (m, m).

    Example:
        >>> reliability(np.array([0.4, 0.5, 0.6]), 0.0025 * np.eye(3))
        0.75
    """
    of_errors = (np.trace(covariance) - covariance.sum() / len(y)) / (len(y) - 1)
    variance = float(y.var(ddof=1))
    return round(max(0.0, 1.0 - float(of_errors) / variance), 12) if variance > 0.0 else 0.0


def draws_of(y: np.ndarray, covariance: np.ndarray, degrees: float, draws: int, seed: int) -> np.ndarray:
    """(draws, m) accuracies around y (m,): multivariate t with that covariance and these degrees of freedom."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = np.random.Generator(np.random.Philox(seed))
    z = rng.standard_normal((draws, len(y))) @ root.T
    moved: np.ndarray = y + z / np.sqrt(rng.chisquare(degrees, draws) / degrees)[:, None]
    return moved


def rank_correlations(x: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """(b,) Spearman's correlation of x (m,) with what has these ranks (b, m); 0 for a row of equal ranks."""
    a = double_ranks(x) / 2.0
    a, b = a - a.mean(), ranks - ranks.mean(axis=1, keepdims=True)
    below = np.sqrt((a @ a) * (b * b).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: np.ndarray = np.where(below > 0.0, (b @ a) / below, 0.0)
    return correlations
