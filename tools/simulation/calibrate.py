"""Cases about calibrations: temperatures and figures of held-out answers, in one world.

True values are those of the model on objects that occur once, at the temperature that was fitted. Nothing of a
calibration is drawn, so it has no seed that these figures could vary with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from zlib import crc32

import numpy as np

import pyalign
from pyalign.datasets.simulate import random_triplets

from . import Case, Found
from .worlds import apart, drawn, rows

TRUTH = 200_000  # triplets of objects that occur once
BETAS = np.geomspace(0.1, 1.2, 20)  # at which true values are known; between them by a straight line
HELD = (0.92, 1.0)


@cache
def true_figures() -> dict[str, np.ndarray]:
    """By name the true values at each of `BETAS`: those at T = 1 of rows that are scaled by its root."""
    x, odd = drawn(apart(TRUTH), np.random.default_rng(2))
    triplets = rows(apart(TRUTH), odd)
    each = [pyalign.calibrate(x * beta**0.5, triplets, measure="dot", split=None, ci=None).only for beta in BETAS]
    return {
        "cross-entropy": np.array([one.test.cross_entropy_before for one in each]),
        "ECE": np.array([one.ece_equal_width_before for one in each]),
        "T": np.array([one.temperature for one in each]) / BETAS,  # all the same
    }


def calibrated(n: int, t: int) -> Callable[[np.random.Generator], Iterator[Found]]:
    """Figures less their true values at the temperature that was fitted, so that the truth is 0."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        triplets = random_triplets(n, t, rng)
        x, odd = drawn(triplets, rng)
        found = pyalign.calibrate(x, rows(triplets, odd), measure="dot").only
        known = true_figures()
        for name, value, ci in (
            ("T", found.temperature, found.temperature_ci),
            ("cross-entropy", found.test.cross_entropy, found.test.cross_entropy_ci),
            ("ECE", found.equal_width.ece_debiased, found.equal_width.ece_debiased_ci),
        ):
            at = -np.log(found.temperature)
            truth = known["T"].mean() if name == "T" else float(np.interp(at, np.log(BETAS), known[name]))
            low, high = (np.nan, np.nan) if ci is None else (ci.low - truth, ci.high - truth)
            yield Found(name, value - truth, np.nan if ci is None else ci.error, low, high)

    return draw


CASES = [
    Case(
        "calibrate", f"calibrate n={n} t={t}", "objects", f"{n:,} objects, {t:,} triplets", calibrated(n, t),
        lambda rng: dict.fromkeys(("T", "cross-entropy", "ECE"), 0.0), {"ECE": HELD}, 1.0, False, False,
        crc32(f"calibrate {n} {t}".encode()),
    )
    for n, t in ((60, 600), (60, 3_000), (100, 6_000), (60, 20_000))
]
