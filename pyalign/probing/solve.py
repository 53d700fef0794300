"""Full-batch L-BFGS: scipy's, with every pass seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign.errors import MissingExtraError

CORRECTIONS = 20
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
Seen = Callable[[int, float, np.ndarray], None]


@dataclass(frozen=True)
class Solved:
    """Where a minimisation ended: the best parameters seen, their value and gradient norm, and what it took."""

    theta: np.ndarray
    value: float
    gradient_norm: float
    iterations: int
    passes: int


def minimise(function: Function, theta: np.ndarray, *, tolerance: float, iterations: int, watch: Seen) -> Solved:
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

    options = {
        "maxcor": CORRECTIONS, "maxiter": iterations, "maxfun": 2 * iterations, "ftol": tolerance, "gtol": 1e-10,
    }  # fmt: skip
    optimize.minimize(seen, theta, jac=True, method="L-BFGS-B", options=options, callback=count)
    return Solved(best[0], float(best[1]), best[2], iterations_done, passes)


def _scipy() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise MissingExtraError("a probe", "scipy", "probe") from error
    return optimize
