"""L-BFGS over rows that may be bounded below by zero, ended by the KKT residual.

A bounded entry that is zero and whose derivative would push it below stays where it is; all others move along the
L-BFGS direction and are cut at zero (the two-metric projection of Bertsekas, 1982). Scipy's L-BFGS-B ends by the
decrease of the value, which ends warm starts after one iteration, and takes longer between two gradients.

The objective has many optima, and the last bit of a derivative can lead to another one. Which bit that is depends on
the instruction set, the BLAS and the number of threads. So derivatives, which two computers get equal within some
1e-15 of the largest, are rounded to 2^-16 of it, and all that follows is arithmetic that is rounded in one way
everywhere: a step takes the same rows, to the last bit, on each computer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyalign._dataclass import dataclass

MEMORY = 10  # pairs of steps and changes of the gradient
ARMIJO = 1e-4
ROUNDING = 1e-13  # of a value: near the optimum steps gain less than it can show
DIGITS = 16  # binary ones of derivatives
SMALLEST = 2.0**-1074  # positive number in float64, of which all others are multiples
FEWER = 0.9  # columns that are zero are dropped as soon as at most that share of them is left
SHORTEST = 1e-10  # the step at which a line search gives up: what is left is rounding
FIRST = 0.05  # root mean square of the first step, in the units of the rows

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]  # rows (n, d) -> value, derivative (n, d) in float64
Seen = Callable[[int, float, np.ndarray], None]  # (pass, value, rows) of each step that was taken


@dataclass(frozen=True, eq=False)
class Solved:
    """The end of a minimization."""

    rows: np.ndarray  # (n, d) float64.
    value: float  # of the function there.
    residual: float  # see `kkt_residual`.
    converged: bool  # whether the residual is at most what was asked for.
    # iterations, passes: steps, and evaluations of the function.
    iterations: int
    passes: int


def kkt_residual(rows: np.ndarray, by_rows: np.ndarray, bounded: bool = True) -> float:
    """How far rows (n, d) are from a stationary point: n times the largest |derivative| that a step could follow.

    n times, since each row is in a share of the triplets that falls with 1/n. Of an entry that is zero and bounded only
    a negative derivative counts.
    """
    if bounded:
        by_rows = np.where(rows > 0, by_rows, np.minimum(by_rows, 0.0))
    return len(rows) * float(np.abs(by_rows).max(initial=0.0))


def minimize(
    function: Function, rows: np.ndarray, *, tolerance: float, iterations: int, bounded: bool = True,
    drops: bool = False, watch: Seen | None = None,
) -> Solved:
    """Minimize from rows (n, d), of at least 0 if `bounded`, until the KKT residual is at most `tolerance`.

    drops: whether columns that are zero, and stay there, are left out of the passes that follow. A function of the
        similarities of rows, and of penalties that grow with entries, allows it.
    """
    x, kinds = rows.copy(), np.arange(rows.shape[1])  # kinds: the columns of `rows` that are left
    memory = _Memory(x.size)
    value, slope, residual = _evaluated(function, x, bounded, tolerance)
    passes, done = 1, 0
    while residual > tolerance and done < iterations:
        free = (x > 0) | (slope < 0) if bounded else np.ones(x.shape, bool)
        if drops and len(left := np.flatnonzero(free.any(axis=0))) <= FEWER * len(kinds):
            memory.keep(left, x.shape)
            x, slope, free = (np.ascontiguousarray(one[:, left]) for one in (x, slope, free))
            kinds = kinds[left]
        along = np.where(free, slope, 0.0)
        direction = memory.descent(along, free)
        step = 1.0 if memory.kept else FIRST / max(float(np.sqrt(inner(direction, direction) / direction.size)), 1e-300)
        taken = False
        while not taken and step > SHORTEST:
            new = x + direction * step
            if bounded:
                np.maximum(new, 0.0, out=new)
            new_value, new_slope, new_residual = _evaluated(function, new, bounded, tolerance)
            passes += 1
            moved = new - x
            expected = inner(slope, moved)
            taken = new_value <= value + ARMIJO * expected + ROUNDING * abs(value)
            if not taken:
                curved = new_value - value - expected
                step *= min(0.5, max(0.125, round(-4 * expected / curved) / 8)) if curved > 0 else 0.5
        if not taken:
            if not memory.kept:
                break
            memory.clear()  # it may be at fault
            continue
        np.subtract(new_slope, slope, out=slope)
        slope *= free
        memory.add(moved.ravel(), slope.ravel())
        x, value, slope, residual, done = new, new_value, new_slope, new_residual, done + 1
        if watch is not None:
            watch(passes, value, x)
    whole = np.zeros_like(x, shape=rows.shape)
    whole[:, kinds] = x
    return Solved(whole, value, residual, residual <= tolerance, done, passes)


def _evaluated(
    function: Function, x: np.ndarray, bounded: bool, tolerance: float
) -> tuple[float, np.ndarray, float]:
    """The value at rows x (n, d), the rounded derivative, and the KKT residual."""
    value, slope = function(x)
    residual = kkt_residual(x, slope, bounded)
    return value, rounded_slope(slope, residual, tolerance), residual


def rounded(values: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Values to the nearest multiple of 2^-`DIGITS` of the power of two above `largest`, by default their own."""
    largest = float(np.abs(values).max(initial=0.0)) if largest is None else largest
    unit = max(2.0 ** (float(np.frexp(largest)[1]) - DIGITS), SMALLEST)
    return np.rint(values / unit) * unit + 0.0  # no negative zero


def rounded_slope(slope: np.ndarray, residual: float, tolerance: float) -> np.ndarray:
    """A derivative (n, d) rounded by the largest entry that a step could follow; see `kkt_residual`.

    Or by what leaves a 64th of the tolerance, so that last bits don't come back near the end.
    """
    return rounded(slope, max(residual, tolerance * 2.0 ** (DIGITS - 6)) / len(slope))


def inner(a: np.ndarray, b: np.ndarray, scratch: np.ndarray | None = None) -> float:
    """The sum of all a * b, added in numpy's order: that of a BLAS depends on the processor. scratch: for the products.

    Example:
        >>> inner(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        11.0
    """
    return float(np.multiply(a, b, out=scratch).sum())


class _Memory:
    """The last steps and what they changed in the slope, for the directions of L-BFGS.

    Attributes:
        kept: the places of pairs in the arrays, oldest first.
    """

    def __init__(self, size: int) -> None:
        self.steps, self.changes = np.empty((MEMORY, size)), np.empty((MEMORY, size))
        self.inverse_products, self.scratch = np.zeros(MEMORY), np.empty(size)
        self.kept: list[int] = []

    def clear(self) -> None:
        self.kept.clear()

    def keep(self, columns: np.ndarray, shape: tuple[int, ...]) -> None:
        """Leaves out all other columns of the rows, of that shape."""
        self.steps, self.changes = (
            np.ascontiguousarray(one.reshape(MEMORY, *shape)[:, :, columns]).reshape(MEMORY, shape[0] * len(columns))
            for one in (self.steps, self.changes)
        )
        self.scratch = np.empty(self.steps.shape[1])

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        """Keeps a pair in place of the oldest one, or forgets all where the curvature along it is not positive."""
        product = inner(step, change, self.scratch)
        if not product > 1e-12 * inner(change, change, self.scratch):
            self.clear()
            return
        place = self.kept.pop(0) if len(self.kept) == MEMORY else len(self.kept)
        self.steps[place], self.changes[place], self.inverse_products[place] = step, change, 1.0 / product
        self.kept.append(place)

    def descent(self, along: np.ndarray, free: np.ndarray) -> np.ndarray:
        """A direction of free entries along which the value falls, by slopes (n, d) that are 0 elsewhere."""
        direction = self.direction(along.ravel()).reshape(along.shape)
        direction *= free
        if inner(direction, along) < 0:
            return direction
        self.clear()
        return -along

    def direction(self, slope: np.ndarray) -> np.ndarray:
        """Minus the inverse Hessian times the slope."""
        direction, shares, scratch = -slope, {}, self.scratch
        for place in reversed(self.kept):
            shares[place] = self.inverse_products[place] * inner(self.steps[place], direction, scratch)
            direction -= np.multiply(self.changes[place], shares[place], out=scratch)
        if self.kept:
            last = self.kept[-1]
            direction /= self.inverse_products[last] * inner(self.changes[last], self.changes[last], scratch)
        for place in self.kept:
            share = shares[place] - self.inverse_products[place] * inner(self.changes[place], direction, scratch)
            direction += np.multiply(self.steps[place], share, out=scratch)
        return direction
