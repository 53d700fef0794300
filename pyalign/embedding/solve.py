"""L-BFGS over rows that may be bounded below by zero, ended by the KKT residual.

A bounded entry that is zero and whose derivative would push it below stays where it is; all others move along the
L-BFGS direction and are cut at zero (the two-metric projection of Bertsekas, 1982). Scipy's L-BFGS-B ends by the
decrease of the value, which ends warm starts after one iteration, and takes longer between two gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MEMORY = 10  # pairs of steps and changes of the gradient
ARMIJO = 1e-4
ROUNDING = 1e-13  # of a value: near the optimum steps gain less than it can show
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
    watch: Seen | None = None,
) -> Solved:  # fmt: skip
    """Minimize from rows (n, d), of at least 0 if `bounded`, until the KKT residual is at most `tolerance`."""
    steps, changes, inverse_products = np.empty((MEMORY, rows.size)), np.empty((MEMORY, rows.size)), np.zeros(MEMORY)
    kept: list[int] = []  # places in these, oldest first
    x = rows.astype(np.float64)
    value, slope = function(x)
    passes, done = 1, 0
    while (residual := kkt_residual(x, slope, bounded)) > tolerance and done < iterations:
        free = (x > 0) | (slope < 0) if bounded else np.ones(x.shape, bool)
        along = np.where(free, slope, 0.0)
        direction = -_two_loops(along.ravel(), steps, changes, inverse_products, kept).reshape(x.shape)
        direction *= free
        if np.vdot(direction, along) >= 0:
            kept.clear()
            direction = -along
        step = 1.0 if kept else FIRST / max(float(np.sqrt(np.mean(direction**2))), 1e-300)
        taken = False
        while not taken and step > SHORTEST:
            new = np.maximum(x + step * direction, 0.0) if bounded else x + step * direction
            new_value, new_slope = function(new)
            passes += 1
            expected = float(np.vdot(slope, new - x))
            taken = new_value <= value + ARMIJO * expected + ROUNDING * abs(value)
            if not taken:
                curved = new_value - value - expected
                step *= min(0.5, max(0.1, -0.5 * expected / curved)) if curved > 0 else 0.5
        if not taken:
            if not kept:
                break
            kept.clear()  # the memory may be at fault
            continue
        place = kept.pop(0) if len(kept) == MEMORY else len(kept)
        np.subtract(new, x, out=steps[place].reshape(x.shape))
        np.multiply(new_slope - slope, free, out=changes[place].reshape(x.shape))
        product = float(steps[place] @ changes[place])
        if product > 1e-12 * float(changes[place] @ changes[place]):
            inverse_products[place] = 1.0 / product
            kept.append(place)
        else:
            kept.clear()
        x, value, slope, done = new, new_value, new_slope, done + 1
        if watch is not None:
            watch(passes, value, x)
    return Solved(x, value, residual, residual <= tolerance, done, passes)


def _two_loops(
    slope: np.ndarray, steps: np.ndarray, changes: np.ndarray, inverse_products: np.ndarray, kept: list[int]
) -> np.ndarray:
    """The inverse Hessian of L-BFGS times the slope."""
    direction = slope.copy()
    shares = {}
    for place in reversed(kept):
        shares[place] = inverse_products[place] * float(steps[place] @ direction)
        direction -= shares[place] * changes[place]
    if kept:
        last = kept[-1]
        direction /= inverse_products[last] * float(changes[last] @ changes[last])
    for place in kept:
        direction += (shares[place] - inverse_products[place] * float(changes[place] @ direction)) * steps[place]
    return direction
