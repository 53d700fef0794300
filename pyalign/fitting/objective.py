"""The cross-entropy of triplets as a function of rows or of a linear map of given rows, and its gradient.

With S = Z Z^T, one pass over the triplets adds the softmax residuals into G (n, n); then dZ = (G + G^T) Z and, of a
map Z = X V + b, dV = X^T dZ. No array of (t, d) is ever made. Products and residuals have the rows' dtype (float32
unless the rows are float64), losses are summed in float64. `pyalign.fitting.algebra` says where.

Bounds the distance of a map from the best one: the duality gap of the convex problem in M = W W^T.

What a fit makes of answers and weights: one array, which pseudo-counts may smooth.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.answers import option_probabilities
from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.backends import Array, Wanted
from pyalign.data import ANCHORED, ODD_ONE_OUT, Answers, alternatives_of
from pyalign.data.answers import effective_number, notes_with
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra, through_norms
from pyalign.fitting.place import algebra_for
from pyalign.ops.triplets import run_triplets
from pyalign.typing import MeasureLike


@dataclass(frozen=True)
class Slope:
    """A value and its derivatives by the weights (k, r) and the bias (r,), both float64."""

    value: float
    weights: np.ndarray
    bias: np.ndarray

    def __add__(self, other: Slope) -> Slope:
        return Slope(self.value + other.value, self.weights + other.weights, self.bias + other.bias)

    def scaled(self, factor: float) -> Slope:
        """The slope of factor times the value."""
        return Slope(factor * self.value, factor * self.weights, factor * self.bias)


class TripletLoss:
    """Mean cross-entropy (nats) of answers to triplets as a function of rows Z (n, r), by S = Z Z^T.

    Args:
        n: the number of rows.
        triplets: (t, 3) integers in [0, n), the odd item last; checked by the caller.
        dtype: of rows and residuals, float32 or float64.
        measure: ``"dot"`` or ``"cosine"``.
        temperature: divides the similarities.
        answers: (t, 3) weights of the answers that call position p odd; None: one for the last.
        sort: see `pyalign.TripletPlan`.
        on: where it is computed, to which all of these are brought; None: on the host.
        task: of the triplets; of anchored ones the loss is that of the choice between two pairs. On the host alone.

    Source: Muttenthaler et al., ICLR 2023, equation 2.
    """

    def __init__(
        self, n: int, triplets: np.ndarray, dtype: np.dtype, *, measure: MeasureLike = "dot", temperature: float = 1.0,
        answers: np.ndarray | None = None, sort: bool | None = None, on: Algebra | None = None, task: str = ODD_ONE_OUT,
    ) -> None:
        self.on = on or algebra_for()
        self.n, self.dtype, bring = n, dtype, self.on.dispatch.bring
        self.triplets = bring(triplets)
        self.measure, self.temperature = measure, temperature
        self.answers = None if answers is None else bring(np.ascontiguousarray(answers, self.dtype))
        self.task = task
        self.plan = self.on.plan(self.triplets, n, self.answers, sort, alternatives_of(task))
        self.weight = float(len(triplets)) if answers is None else float(answers.sum(dtype=np.float64))
        self._kept: tuple[Array, Array] | None = None

    def by_rows(self, z: Array) -> tuple[float, Array]:
        """The loss at rows z (n, r) of `dtype`, where `on` computes, and its derivative (n, r) by them."""
        on = self.on
        units, inverse = on.unit_rows(z) if self.measure == "cosine" else (z, None)
        if self._kept is None:  # two matrices that each pass writes: new memory would be cleared by the system first
            empty = on.dispatch.empty
            self._kept = empty((self.n, self.n), self.dtype), empty((self.n, self.n), self.dtype)
        similarities, gradient = self._kept
        value, both = self.residuals(on.gram(units, similarities), gradient)
        by_units = on.product(both, units)
        return value, by_units if inverse is None else through_norms(on, by_units, units, inverse)

    def residuals(self, similarities: Array, gradient: Array | None = None) -> tuple[float, Array]:
        """The loss, and G + G^T (n, n) with G the derivative by the similarities that were read.

        gradient: (n, n) that may be overwritten; None: new memory.
        """
        gradient = self.on.dispatch.empty(similarities.shape, self.dtype) if gradient is None else gradient
        scale = 1.0 / self.weight
        total = self.on.gradient(self.plan, similarities, self.temperature, scale, gradient)
        return total * scale, self.on.with_transpose(gradient)

    def at_gram(self, z: Array) -> tuple[float, Array, Array]:
        """The loss, its derivative by Z Z^T as a symmetric matrix (n, n), and p(position is odd) (t, 3).

        In anchored triplets the odd one is the option that is not chosen, and position 0 has probability 0.
        """
        on = self.on
        units, inverse = on.unit_rows(z) if self.measure == "cosine" else (z, None)
        similarities = on.gram(units)
        value, both = self.residuals(similarities)
        probabilities = self._probabilities(on, similarities)
        half = 0.5 * both
        if inverse is not None:
            on.reduce_diagonal(half, on.dots(half, similarities))
            half *= inverse * inverse.T
        return value, half, probabilities

    def _probabilities(self, on: Algebra, similarities: Array) -> Array:
        out = on.dispatch.empty((len(self.triplets), 3), np.float64)
        if self.task == ODD_ONE_OUT:
            on.backend.triplets_from_matrix(
                similarities, self.triplets, Wanted(probabilities=out, temperature=self.temperature)
            )
            return out
        on.backend.triplets_from_matrix(similarities, self.triplets, Wanted(similarities=out))
        out[:, 1:] = option_probabilities(out, self.temperature)[:, ::-1]
        out[:, 0] = 0.0
        return out

    @cached_property
    def widened(self) -> TripletLoss:
        """The same in float64."""
        if self.dtype == np.float64:
            return self
        wide = copy(self)
        wide.on, wide.dtype, wide._kept = self.on.widened(), np.dtype(np.float64), None
        return wide

    def mean_entropy(self, share: float, probabilities: Array) -> float:
        """Mean entropy (nats) of share * p + (1 - share) * answer, over the answers."""
        on, tiny = self.on, float(np.finfo(float).tiny)
        with on.dispatch.running():
            mixed = share * probabilities
            if self.answers is None:
                weights: Array = 1.0
                mixed[:, 2] += 1.0 - share
            else:
                wide = on.dispatch.cast(self.answers, np.float64)
                weights = wide.sum(axis=1)
                mixed += (1.0 - share) * wide / weights.clip(min=tiny)[:, None]
            logs = on.log(mixed.clip(min=tiny))
            return -float((weights * on.dots(mixed, logs)).sum()) / self.weight


class TripletTerm(TripletLoss):
    """The same as a function of a linear map: Z = rows @ weights + bias.

    Args:
        rows: (n, k) float32 or float64, contiguous.
        triplets, options: see `TripletLoss`.
    """

    def __init__(self, rows: np.ndarray, triplets: np.ndarray, **options: Any) -> None:
        super().__init__(len(rows), triplets, rows.dtype, **options)
        self.rows = self.on.dispatch.bring(rows)
        self.across = self.on.transposed(self.rows)

    def __call__(self, weights: np.ndarray, bias: np.ndarray) -> Slope:
        """The value and its derivatives at weights (k, r) and bias (r,)."""
        on = self.on
        with on.dispatch.running():
            value, by_z = self.by_rows(self.embed(weights, bias))
            return Slope(value, *on.fetched_slope(on.product(self.across, by_z), on.column_sums(by_z)))

    def embed(self, weights: np.ndarray, bias: np.ndarray) -> Array:
        """Z = rows @ weights + bias: (n, r) of the rows' dtype."""
        z = self.on.product(self.rows, self.on.dispatch.bring(weights.astype(self.dtype)))
        return z + self.on.dispatch.bring(bias.astype(self.dtype)) if bias.any() else z

    def by_gram(self, weights: np.ndarray, bias: np.ndarray) -> tuple[float, Array, Array]:
        """In float64, as `at_gram`."""
        wide = self.widened
        with wide.on.dispatch.running():
            return wide.at_gram(wide.embed(weights, bias))

    def between_directions(self, by_gram: Array, stretch: np.ndarray) -> np.ndarray:
        """X^T H X (k, k) of a matrix H (n, n) and X = rows / stretch, in float64."""
        dispatch = self.on.dispatch
        with dispatch.running():
            rows = dispatch.cast(self.rows, np.float64) / dispatch.bring(stretch)
            return self.on.fetched(rows.T @ (by_gram @ rows))

    @cached_property
    def widened(self) -> TripletTerm:
        """The same in float64."""
        wide = super().widened
        assert isinstance(wide, TripletTerm)
        if wide is not self:
            wide.rows = self.on.dispatch.cast(self.rows, np.float64)
            wide.across = self.on.transposed(wide.rows)
        return wide


@dataclass(frozen=True)
class Curvature:
    """The derivative of the objective by M at a fit, along the directions in which it falls."""

    least: float  # smallest eigenvalue of X^T H X + penalty * I; a diagonal map: its smallest diagonal element.
    # (k, m) directions V of negative eigenvalues, steepest first: columns that would lower the objective.
    directions: np.ndarray
    values: np.ndarray  # (m,) eigenvalues of these.
    loss: float  # mean cross-entropy, in float64.
    entropy: float  # of the answers that the dual takes: the lower bound of the objective.


def curvature(
    term: TripletTerm, stretch: np.ndarray, weights: np.ndarray, bias: np.ndarray, penalty: float,
    diagonal: bool = False,
) -> Curvature:
    """The derivative by M at weights V (k, r); everything in float64.

    stretch: (k,), by which the rows of the term are stretched along each direction: X is rows / stretch.
    penalty: of the penalty on trace(M).
    """
    loss, by_gram, probabilities = term.by_gram(weights, bias)
    slope = term.between_directions(by_gram, stretch)
    eigen = (slope.diagonal(), np.empty((len(slope), 0))) if diagonal else np.linalg.eigh(slope)
    return _curvature(term, loss, eigen, probabilities, stretch, penalty)


def curvature_of_rows(loss: TripletLoss, z: np.ndarray, penalty: float, most: int | None = None) -> Curvature:
    """The derivative by M = Z Z^T at rows Z (n, r), where X is the identity; everything in float64.

    most: how many directions are looked for, at most, which takes less time than all of them.
    """
    wide = loss.widened
    with wide.on.dispatch.running():
        value, by_gram, probabilities = wide.at_gram(wide.on.dispatch.bring(z.astype(np.float64)))
        slope = wide.on.fetched(by_gram)
    eigen = np.linalg.eigh(slope) if most is None else _least_eigenvectors(slope, most)
    return _curvature(wide, value, eigen, probabilities, np.ones(loss.n), penalty)


def _curvature(
    term: TripletLoss, loss: float, eigen: tuple[np.ndarray, np.ndarray], probabilities: Array, stretch: np.ndarray,
    penalty: float,
) -> Curvature:
    """From eigenvalues and vectors (n, k) of the derivative; of a diagonal one there are no vectors."""
    values, vectors = eigen
    least = float(values.min())
    falling = np.flatnonzero(values < -penalty * (1 + 1e-9)) if vectors.shape[1] else np.arange(0)
    share = 1.0 if least >= -penalty else penalty / -least
    entropy = term.mean_entropy(share, probabilities)
    return Curvature(least + penalty, vectors[:, falling] / stretch[:, None], values[falling], loss, entropy)


def _least_eigenvectors(matrix: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The least eigenvalues of a symmetric matrix (n, n) and their vectors (n, at most `most`)."""
    from scipy.linalg import eigh

    values, vectors = eigh(matrix, subset_by_index=[0, min(most, len(matrix)) - 1], check_finite=False)
    return values, vectors


def largest_penalty(term: TripletTerm, stretch: np.ndarray, diagonal: bool = False) -> float:
    """The penalty from which on the best map is zero.

    At M = 0 all answers have probability 1/3, or 1/2 of two; the penalty outweighs the loss in every direction from
    there on.
    """
    zero = np.zeros((len(stretch), 1))
    return max(-curvature(term, stretch, zero, np.zeros(1), 0.0, diagonal).least, 0.0)


def answer_weights(t: int, answers: Answers | None = None, weights: object = None) -> np.ndarray | None:
    """(t, 3) float64, how much the answers weigh that call position p odd; None where each triplet has one, the last.

    Of anchored triplets the option that was not chosen is the odd one, and position 0, the anchor, never is.

    Args:
        t: triplets.
        answers: to each of them; None: the last item, once.
        weights: (t,) further weights of the triplets.
    """
    if answers is None and weights is None:
        return None
    y = np.tile([0.0, 0.0, 1.0], (t, 1)) if answers is None else _by_position(answers.values)
    if weights is not None:
        y = y * _weights(weights, t)[:, None]
        if not 0 < y.sum() < np.inf:
            raise InputError(f"weights must leave answers of a positive, finite total; got {y.sum():g}")
    return y


def weighing_notes(notes: tuple[str, ...], weights: object) -> tuple[str, ...]:
    """Notes on triplets, and one that their answers are weighted, where they are."""
    if weights is None:
        return notes
    worth = f"weighted answers: effective number of answers {effective_number(np.asarray(weights, np.float64)):,.1f}"
    return (*notes_with(notes, weights), worth)


def _by_position(values: np.ndarray) -> np.ndarray:
    """(t, 3) from (t, 3), or from (t, 2) of options."""
    if values.shape[1] == 3:
        return values
    return np.column_stack([np.zeros(len(values)), values[:, ::-1]])


def smoothed(answers: np.ndarray | None, t: int, pseudo_counts: float, alternatives: int = 3) -> np.ndarray | None:
    """Answers with pseudo-counts a: y of m becomes m (y + a) / (m + k a), the mean of a Dirichlet posterior, m times.

    k is the number of alternatives; of two, position 0 gets nothing.

    For fits alone: what is held out is judged by the answers as they came.
    """
    if not pseudo_counts:
        return answers
    y = np.tile([0.0, 0.0, 1.0], (t, 1)) if answers is None else answers
    every = y.sum(axis=1, keepdims=True)
    added = np.array([pseudo_counts * (alternatives == 3), pseudo_counts, pseudo_counts])
    return every * (y + added) / (every + alternatives * pseudo_counts)


def part_of(answers: np.ndarray | None, triplets: np.ndarray) -> np.ndarray | None:
    """The answers to those triplets."""
    return None if answers is None else answers[triplets]


def _weights(weights: object, t: int) -> np.ndarray:
    array = _checks.as_array(weights, "weights", f"({t},)")
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InputError(f"weights must hold real numbers; got dtype {array.dtype}")
    values = array.astype(np.float64)
    if values.shape != (t,):
        raise InputError(f"weights must have shape ({t},), one for each triplet; got {values.shape}")
    fits = np.isfinite(values) & (values >= 0)
    if not fits.all():
        row = int(fits.argmin())
        raise InputError(f"weights must be finite and at least 0; row {row} is {values[row]:g}")
    return values


@dataclass(frozen=True, eq=False)
class PredictedAnswers:
    """What similarities say of the answers to each triplet."""

    weights: np.ndarray  # (t,) float64, of the answers to each triplet.
    right: np.ndarray  # (t,) float64, of those that they predict.
    nats: np.ndarray  # (t,) float64, -log p of each answer, times its weight.


def predicted_answers(
    z: Any, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float, on: Algebra,
    task: str,
) -> PredictedAnswers:
    """What the similarities of rows say of each triplet, by the rules of `pyalign.score`.

    Of m pairs that tie for the most similar each counts 1/m.

    Args:
        z: (n, d) rows, where `on` computes.
        triplets: (t, 3).
        answers: (t, 3) weights of the answers; None: one each, the last item.
    """
    backend = on.backend.name
    if answers is None:
        outcomes = triplet_outcomes(z, triplets, ChoiceModel(measure, temperature, task=task), backend)
        right = outcomes.credits() / CREDIT_UNIT
        return PredictedAnswers(np.ones(len(right)), right, outcomes.cross_entropy.astype(np.float64))
    results = run_triplets(z, triplets, measure=measure, temperature=temperature, backend=backend, similarities=True)
    s = on.fetched(results.similarities).astype(np.float64)[:, ::-1]  # of the pair that is left when a position is odd
    if task == ANCHORED:  # position 0 never is
        s, answers = s[:, 1:], answers[:, 1:]
    best = s.max(axis=1, keepdims=True)
    at_best = s == best
    scaled = (s - best) / temperature
    logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    right = (answers * at_best).sum(axis=1) / at_best.sum(axis=1)
    return PredictedAnswers(answers.sum(axis=1), right, -(answers * logs).sum(axis=1))
