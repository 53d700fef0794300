"""L-BFGS over rows that may be bounded below by zero, ended by the KKT residual.

A bounded entry that is zero and whose derivative would push it below stays where it is; all others move along the
L-BFGS direction and are cut at zero (the two-metric projection of Bertsekas, 1982). Scipy's L-BFGS-B ends by the
decrease of the value, which ends warm starts after one iteration, and takes longer between two gradients.

Passes in float32 take half as long as in float64, and their derivatives are precise enough until the residual is small:
`descend` goes as far as `SINGLE` in float32 and ends in float64, often with the one pass that confirms the residual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

MEMORY = 10  # pairs of steps and changes of the gradient
ARMIJO = 1e-4
ROUNDING = {"d": 1e-13, "f": 1e-9}  # of a value, by dtype: near the optimum steps gain less than it can show
SINGLE = 1e-4  # the least KKT residual that is sought in float32
STALLED, GAINED = 20, 1e-7  # in float32: steps that together gain less than this share of the value are its rounding
FEWER = 0.9  # columns that are zero are dropped as soon as at most that share of them is left
SHORTEST = 1e-10  # the step at which a line search gives up: what is left is rounding
FIRST = 0.05  # root mean square of the first step, in the units of the rows

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]  # rows (n, d) -> value, derivative (n, d) in float64
Seen = Callable[[int, float, np.ndarray], None]  # (pass, value, rows) of each step that was taken


@dataclass(frozen=True, eq=False)
class Solved:
    """The end of a minimization.

    Attributes:
        rows: (n, d) float64.
        value: of the function there.
        residual: see `kkt_residual`.
        converged: whether the residual is at most what was asked for.
        iterations, passes: steps, and evaluations of the function.
    """

    rows: np.ndarray
    value: float
    residual: float
    converged: bool
    iterations: int
    passes: int


def kkt_residual(rows: np.ndarray, by_rows: np.ndarray, bounded: bool = True) -> float:
    """How far rows (n, d) are from a stationary point: n times the largest |derivative| that a step could follow.

    n times, since each row is in a share of the triplets that falls with 1/n. Of an entry that is zero and bounded only
    a negative derivative counts.

    Example:
        >>> kkt_residual(np.array([[0.0], [1.0]]), np.array([[0.5], [-0.1]]))
        0.2
    """
    if bounded:
        by_rows = np.where(rows > 0, by_rows, np.minimum(by_rows, 0.0))
    return len(rows) * float(np.abs(by_rows).max(initial=0.0))


def minimise(
    function: Function, rows: np.ndarray, *, tolerance: float, iterations: int, bounded: bool = True,
    drops: bool = False, watch: Seen | None = None,
) -> Solved:  # fmt: skip
    """Minimize from rows (n, d), of at least 0 if `bounded`, until the KKT residual is at most `tolerance`.

    It computes in the dtype of the rows. drops: whether columns that are zero, and stay there, are left out of the
    passes that follow. A function of the similarities of rows, and of penalties that grow with entries, allows it.
    """
    x, kinds = rows.copy(), np.arange(rows.shape[1])  # kinds: the columns of `rows` that are left
    memory = _Memory(x.size, x.dtype)
    value, slope = function(x)
    passes, done, mark = 1, 0, value
    while (residual := kkt_residual(x, slope, bounded)) > tolerance and done < iterations:
        free = (x > 0) | (slope < 0) if bounded else np.ones(x.shape, bool)
        if drops and len(left := np.flatnonzero(free.any(axis=0))) <= FEWER * len(kinds):
            memory.keep(left, x.shape)
            x, slope, free = (np.ascontiguousarray(one[:, left]) for one in (x, slope, free))
            kinds = kinds[left]
        along = np.where(free, slope, x.dtype.type(0))
        direction = memory.direction(along.ravel()).reshape(x.shape)
        direction *= free
        if np.vdot(direction, along) >= 0:
            memory.clear()
            direction = -along
        step = 1.0 if memory.kept else FIRST / max(float(np.sqrt(np.mean(direction**2))), 1e-300)
        taken = False
        while not taken and step > SHORTEST:
            new = x + direction * x.dtype.type(step)
            if bounded:
                np.maximum(new, 0.0, out=new)
            new_value, new_slope = function(new)
            passes += 1
            moved = new - x
            expected = float(np.vdot(slope, moved))
            taken = new_value <= value + ARMIJO * expected + ROUNDING[x.dtype.char] * abs(value)
            if not taken:
                curved = new_value - value - expected
                step *= min(0.5, max(0.1, -0.5 * expected / curved)) if curved > 0 else 0.5
        if not taken:
            if not memory.kept:
                break
            memory.clear()  # it may be at fault
            continue
        np.subtract(new_slope, slope, out=slope)
        slope *= free
        memory.add(moved.ravel(), slope.ravel())
        x, value, slope, done = new, new_value, new_slope, done + 1
        if watch is not None:
            watch(passes, value, x)
        if x.dtype == np.float32 and done % STALLED == 0:
            if mark - value < GAINED * abs(value):
                residual = kkt_residual(x, slope, bounded)
                break
            mark = value
    if len(kinds) < rows.shape[1]:
        whole = np.zeros_like(rows)
        whole[:, kinds] = x
        x = whole
    return Solved(x, value, residual, residual <= tolerance, done, passes)


def descend(
    function: Function, single: Function, rows: np.ndarray, *, tolerance: float, iterations: int, bounded: bool = True,
    watch: Seen | None = None,
) -> Solved:  # fmt: skip
    """`minimise` with most of the passes in float32. single: the same function of float32 rows."""
    first = minimise(
        single, rows.astype(np.float32), tolerance=max(0.95 * tolerance, SINGLE), iterations=iterations,
        bounded=bounded, drops=bounded, watch=watch,
    )  # fmt: skip
    last = minimise(
        function, first.rows.astype(np.float64), tolerance=tolerance, iterations=iterations - first.iterations,
        bounded=bounded, drops=bounded,
        watch=watch and (lambda passes, value, x: watch(first.passes + passes, value, x)),
    )  # fmt: skip
    return replace(last, iterations=first.iterations + last.iterations, passes=first.passes + last.passes)


class _Memory:
    """The last steps and what they changed in the slope, for the directions of L-BFGS.

    Attributes:
        kept: the places of pairs in the arrays, oldest first.
    """

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self.steps, self.changes = np.empty((MEMORY, size), dtype), np.empty((MEMORY, size), dtype)
        self.inverse_products, self.scratch = np.zeros(MEMORY, dtype), np.empty(size, dtype)
        self.kept: list[int] = []

    def clear(self) -> None:
        self.kept.clear()

    def keep(self, columns: np.ndarray, shape: tuple[int, ...]) -> None:
        """Leaves out all other columns of the rows, of that shape."""
        self.steps, self.changes = (
            np.ascontiguousarray(one.reshape(MEMORY, *shape)[:, :, columns]).reshape(MEMORY, shape[0] * len(columns))
            for one in (self.steps, self.changes)
        )
        self.scratch = np.empty(self.steps.shape[1], self.steps.dtype)

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        """Keeps a pair in place of the oldest one, or forgets all where the curvature along it is not positive."""
        product = float(step @ change)
        if not product > 1e-12 * float(change @ change):
            self.clear()
            return
        place = self.kept.pop(0) if len(self.kept) == MEMORY else len(self.kept)
        self.steps[place], self.changes[place], self.inverse_products[place] = step, change, 1.0 / product
        self.kept.append(place)

    def direction(self, slope: np.ndarray) -> np.ndarray:
        """Minus the inverse Hessian times the slope."""
        direction, shares, scratch = -slope, {}, self.scratch
        for place in reversed(self.kept):
            shares[place] = self.inverse_products[place] * (self.steps[place] @ direction)
            direction -= np.multiply(self.changes[place], shares[place], out=scratch)
        if self.kept:
            last = self.kept[-1]
            direction /= self.inverse_products[last] * (self.changes[last] @ self.changes[last])
        for place in self.kept:
            share = shares[place] - self.inverse_products[place] * (self.changes[place] @ direction)
            direction += np.multiply(self.steps[place], share, out=scratch)
        return direction
