"""The search for the best map at one penalty.

A map of full rank is found through maps of low rank. The directions in which the derivative by M = W W^T is negative
are those in which the objective falls; they become columns, L-BFGS moves all columns, columns that have shrunk to
nothing are dropped, and so on until no direction is left (or the rank that was asked for is reached). Warm starts need
it: columns that a stronger penalty has put to zero are a saddle, which L-BFGS by itself does not leave.

The nuclear norm of W has many local optima: a column costs in proportion to its length, and what it brings starts with
the square of that, so that no column that is zero grows, and a short one may have been better left out. So columns come
from the optimum of the squared norm and from falling directions, and then fewer and fewer of them are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.errors import MissingExtraError
from pyalign.fitting.objective import Curvature, curvature
from pyalign.probing.parameters import Diagonal, Factored, Form, Full
from pyalign.probing.problem import Map, Problem, Watcher, ignore

TOLERANCES = (1e-6, 1e-7, 1e-8, 1e-9)  # of L-BFGS, relative, round by round
STILL = 1e-5  # of `tolerance` (nats): without a duality gap, an iteration that brings less is the last
WIDE_TOLERANCE = 1e-12  # in the rounds after them, in float64
SETTLED, FINEST = 1e-9, 1e-13  # of `tolerance`, and the least: the relative tolerance of the last run, in float64
ROUNDS = 10  # those beyond `TOLERANCES` in float64: what float32 can reach has been reached
COLUMNS = 64  # that a round adds, at most; of a nuclear norm, all that there are
NEGLIGIBLE = 1e-3  # columns shorter than this share of the longest are dropped
NOTHING = 1e-3  # nats; a start whose similarities are smaller is none
FIRST_SIMILARITY = 0.1  # what a new column adds to similarities: well below a nat
CORRECTIONS = 20
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
Seen = Callable[[int, float, np.ndarray], None]


class Search:
    """One search; counts what it takes."""

    def __init__(self, problem: Problem, penalty: float, watch: Watcher = ignore) -> None:
        self.problem, self.penalty, self.watch = problem, penalty, watch
        self.iterations = self.passes = 0
        self.value = self.gradient_norm = float("inf")
        self.norm_name = problem.options.norm
        self.rng = np.random.default_rng(problem.options.seed)

    def run(self, start: Map | None, rounds: int = ROUNDS) -> Map:
        """The best map, from `start` or from nothing."""
        if self.problem.whole:
            at = self._polished(self._unless_nothing(start), rounds)
        elif self.norm_name == "nuclear":
            at = self._thinned(self._many_columns(start), rounds)
        else:
            at = self._staircase(start, rounds)
        return self._settled(at) if at.weights.any() and self.converged else at

    @property
    def converged(self) -> bool:
        """Whether the last iteration improved next to nothing, which is no bound on the distance to the optimum."""
        return self.iterations < self.problem.options.max_iterations

    def _still(self, rounds: int) -> float:
        """The relative tolerance of the last L-BFGS run of so many rounds, without a duality gap."""
        finest = TOLERANCES[rounds - 1] if rounds <= len(TOLERANCES) else WIDE_TOLERANCE
        return max(finest, STILL * self.problem.options.tolerance)

    def _settled(self, at: Map) -> Map:
        """The end of every search: what is printed, the number of columns too, is then the same on other computers."""
        at = self._minimize(at, max(FINEST, SETTLED * self.problem.options.tolerance), wide=True)
        return at if self.problem.whole else self._compressed(at)

    def _polished(self, at: Map, rounds: int) -> Map:
        """Minimizes from a map that has all its columns; where there is a duality gap, more exactly until it holds."""
        at = self._minimize(at, self._still(rounds))
        if not self.problem.convex:
            return at
        last = float("inf")
        for _ in range(rounds - 1):
            gap = self.gap(at, self.look(at)) or 0.0
            if gap <= self.problem.options.tolerance or gap >= last or not self.converged:
                break
            at, last = self._minimize(at, WIDE_TOLERANCE, wide=True), gap
        return at

    def _unless_nothing(self, start: Map | None) -> Map:
        """`start`, unless it is next to nothing: at zero no parameter moves, as the loss depends on their products."""
        options = self.problem.options
        if start is not None and options.measure == "dot":
            squares = (self.problem.basis.rows @ start.weights) ** 2
            if squares.sum(axis=1).mean() < NOTHING * options.temperature:
                return self._first()
        return start or self._first()

    def _many_columns(self, start: Map | None) -> Map:
        """Where the search under the nuclear norm starts: with more columns than it will end with."""
        if start is not None and start.weights.any():
            return self._with_columns(start, self.look(start).directions)
        self.norm_name = "squared"  # its optimum is unique
        at, self.norm_name = self._staircase(None, 2), "nuclear"
        return at

    def _thinned(self, at: Map, rounds: int) -> Map:
        """The best of maps with fewer and fewer columns: half of them are left out, a quarter, ... and at last one."""
        tolerance = self._still(rounds)
        at = self._compressed(self._minimize(at, tolerance))
        value, drop = self.value, at.weights.shape[1] // 2
        while drop and self.converged:
            kept = at.weights.shape[1] - drop
            fewer = self._compressed(self._minimize(Map(at.weights[:, :kept], at.bias[:kept]), tolerance))
            if self.value < value:
                at, value = fewer, self.value
            else:
                drop //= 2
            drop = min(drop, at.weights.shape[1] - 1)
        self.value = value
        return at

    def _staircase(self, start: Map | None, rounds: int) -> Map:
        options = self.problem.options
        nothing = Map(np.zeros((self.problem.directions, 0)), np.zeros(0))
        at = nothing if start is None or not start.weights.any() else start
        curvature_at = self.look(at)
        for number in range(rounds):
            wider = self._with_columns(at, curvature_at.directions)
            if not wider.weights.any():  # nothing lowers the objective: the best map is zero
                return Map(np.zeros((self.problem.directions, 1)), np.zeros(1))
            wide = number >= len(TOLERANCES)
            tolerance = WIDE_TOLERANCE if wide else TOLERANCES[number]
            at = self._compressed(self._minimize(wider, tolerance, wide))
            if self.iterations >= options.max_iterations:
                break
            curvature_at = self.look(at)
            gap = self.gap(at, curvature_at)
            if gap is not None and gap <= options.tolerance:
                break
            if gap is None and tolerance <= max(WIDE_TOLERANCE, STILL * options.tolerance):
                break
            bounded = at.weights.shape[1] == self.problem.largest_rank < self.problem.directions
            if gap is not None and number + 1 >= len(TOLERANCES) and bounded:  # the gap is of maps with more columns
                break
        return at

    def _minimize(self, at: Map, tolerance: float, wide: bool = False) -> Map:
        """L-BFGS from a map; wide: in float64."""
        problem, bias, before = self.problem, self.problem.options.bias, self.passes
        form = self._form(at)

        def as_map(theta: np.ndarray) -> Map:
            weights = form.weights(theta[: form.size])
            return Map(weights, theta[form.size :] if bias else np.zeros(weights.shape[1]))

        def function(theta: np.ndarray) -> tuple[float, np.ndarray]:
            slope = problem.slope(as_map(theta), wide)
            norm, by_norm = form.norm(theta[: form.size])
            by_form = form.pull_back(theta[: form.size], slope.weights) + self.penalty * by_norm
            by_theta = np.concatenate([by_form, slope.bias]) if bias else by_form
            return slope.value + self.penalty * norm, by_theta

        def watch(passes: int, value: float, theta: np.ndarray) -> None:
            self.watch(before + passes, value, as_map(theta))

        theta = np.concatenate([form.start(at.weights), at.bias if bias else []])
        left = max(1, problem.options.max_iterations - self.iterations)
        solved = minimize(function, theta, tolerance=tolerance, iterations=left, watch=watch)
        self.iterations += solved.iterations
        self.passes += solved.passes
        self.value, self.gradient_norm = solved.value, solved.gradient_norm
        return as_map(solved.theta)

    def _form(self, at: Map) -> Form:
        options, basis, rank = self.problem.options, self.problem.basis, at.weights.shape[1]
        relative = options.measure == "cosine"
        if options.rank == "diagonal":
            return Diagonal(basis, self.norm_name, relative)
        return Factored(basis, rank) if self.norm_name == "nuclear" else Full(basis, rank, self.norm_name, relative)

    def look(self, at: Map) -> Curvature:
        """The derivative by M at a map."""
        problem, weights, bias = self.problem, at.weights, at.bias
        if weights.shape[1] == 0:
            weights, bias = np.zeros((problem.directions, 1)), np.zeros(1)
        penalty = self._trace_penalty(at)
        return curvature(
            problem.term, problem.basis.stretch, weights, bias, penalty, problem.options.rank == "diagonal"
        )

    def objective(self, at: Map, curvature_at: Curvature) -> float:
        """The objective, computed in float64, in nats."""
        return self.problem.total(curvature_at.loss, at) + self.penalty * self.norm(at)

    def norm(self, at: Map) -> float:
        """What the penalty multiplies."""
        form = self._form(at)
        return form.norm(form.start(at.weights))[0]

    def gap(self, at: Map, curvature_at: Curvature) -> float | None:
        """An upper bound of the objective's distance from the optimum; None where the problem isn't convex."""
        return max(0.0, self.objective(at, curvature_at) - curvature_at.entropy) if self.problem.convex else None

    def _trace_penalty(self, at: Map) -> float:
        """What the penalty costs per unit of trace(M), in a direction that W does not have yet."""
        if self.norm_name == "squared":
            return self.penalty
        square = float((self._weights(at) ** 2).sum())
        one_norm = self.norm_name == "frobenius"
        return self.penalty / (2.0 * np.sqrt(square)) if one_norm and square > 0 else 0.0

    def _weights(self, at: Map) -> np.ndarray:
        """W turned into the basis: its norms are those of W."""
        return self.problem.basis.stretch[:, None] * at.weights

    def _first(self) -> Map:
        """Where forms start that have all their parameters from the start: a small multiple of the identity, nearly."""
        problem, k = self.problem, self.problem.directions
        scale = np.sqrt(FIRST_SIMILARITY / np.sqrt(k)) * (1.0 + 0.01 * self.rng.normal(size=k))
        own = problem.basis.coordinates(np.diag(scale))
        return Map(own, np.zeros(own.shape[1]))

    def _with_columns(self, at: Map, directions: np.ndarray) -> Map:
        """The map with these directions (k, m) as further columns, as far as the rank allows, and a little noise."""
        room = max(0, min(self.problem.largest_rank - at.weights.shape[1], COLUMNS))
        chosen = directions[:, :room]
        if chosen.shape[1] == 0:
            return at
        spread = (self.problem.basis.rows @ chosen).std(axis=0, dtype=np.float64)
        length = np.sqrt(FIRST_SIMILARITY) / np.maximum(spread, 1e-12)
        if at.weights.shape[1]:
            length = np.minimum(length, 0.3 * np.sqrt((self._weights(at) ** 2).sum() / at.weights.shape[1]))
        columns = chosen * length
        columns += 0.1 * np.sqrt((columns**2).mean()) * self.rng.normal(size=columns.shape)
        return Map(np.hstack([at.weights, columns]), np.concatenate([at.bias, np.zeros(columns.shape[1])]))

    def _compressed(self, at: Map) -> Map:
        """The map, turned so that its columns are orthogonal, without those that are next to nothing."""
        left, lengths, right = np.linalg.svd(self._weights(at), full_matrices=False)
        kept = lengths > NEGLIGIBLE * lengths[0]
        kept[0] = True
        if self.problem.options.bias:  # a bias turns with the columns; what it has outside of them would be lost
            bias = right @ at.bias
            kept |= np.abs(bias) > NEGLIGIBLE * lengths[0]
            return Map((left * lengths)[:, kept] / self.problem.basis.stretch[:, None], bias[kept])
        columns = (left * lengths)[:, kept] / self.problem.basis.stretch[:, None]
        return Map(columns, np.zeros(columns.shape[1]))


@dataclass(frozen=True)
class Solved:
    """The end of a minimization: the best parameters seen, their value and gradient norm, and what it took."""

    theta: np.ndarray
    value: float
    gradient_norm: float
    iterations: int
    passes: int


def minimize(function: Function, theta: np.ndarray, *, tolerance: float, iterations: int, watch: Seen) -> Solved:
    """L-BFGS from theta until an iteration lowers the value by less than `tolerance` of it, or iterations run out.

    function: value and derivative (float64) at the parameters. watch: called with (pass, value, parameters) after each
    pass.
    """
    optimize = _scipy()
    best: list[Any] = [theta, np.inf, np.inf]
    passes = iterations_done = 0

    def seen(at: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal passes
        value, slope = function(at)
        passes += 1
        if value < best[1]:
            best[:] = at.copy(), value, float(np.linalg.norm(slope))
        watch(passes, value, at)
        return value, slope

    def count(at: np.ndarray) -> None:
        nonlocal iterations_done
        iterations_done += 1

    options = {"maxcor": CORRECTIONS, "maxiter": iterations, "maxfun": 2 * iterations, "ftol": tolerance, "gtol": 1e-10}
    optimize.minimize(seen, theta, jac=True, method="L-BFGS-B", options=options, callback=count)
    return Solved(best[0], float(best[1]), best[2], iterations_done, passes)


def _scipy() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise MissingExtraError("a probe", "scipy", "probe") from error
    return optimize
