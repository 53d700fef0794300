"""How often intervals of R^2 hold what they should, in a simulation: the table of docs/dimensions.md.

A dimension is a sum of normal features, and noise. What an interval should hold is the mean of R^2 over data sets; of a
dimension that is noise alone also 0. Errors are those of `predict_dimensions`, the jackknife with each object out of
the fits too, and those of the scoring alone, with the fits as they are.
"""

from __future__ import annotations

import math

import numpy as np

from pyalign.concept.held_out import folds_of, predict_held_out
from pyalign.concept.predict import PENALTIES
from pyalign.concept.predicted import Explained
from pyalign.stats.intervals import quantile

REPETITIONS = 500  # under a minute
# Objects, features, share of the variance that lies in the features.
WORLDS = ((400, 10, 0.5), (200, 50, 0.5), (100, 200, 0.5), (400, 10, 0.0))


def one(rng: np.random.Generator, weights: np.ndarray, n: int, share: float, seed: int) -> tuple[float, float, float]:
    """R^2 of one data set, and its errors with each object out of the fits, and with the fits as they are."""
    x = rng.normal(size=(n, len(weights)))
    y = (math.sqrt(share) * (x @ weights) + math.sqrt(1.0 - share) * rng.normal(size=n))[:, None]
    held = predict_held_out(x, y, folds_of(n, 5, seed=seed), np.array(PENALTIES), errors=True)
    found = Explained.of(y, held)
    left, all_ = ((y - of) ** 2 for of in (held.predictions, held.means))
    moved = (left - (1.0 - found.values[0]) * all_) / all_.mean()
    return float(found.values[0]), found.error(0), math.sqrt(float((moved**2).sum()) / (n * (n - 1)))


def row(n: int, d: int, share: float, repetitions: int) -> str:
    """A line of the table."""
    rng = np.random.default_rng([n, d])
    weights = rng.normal(size=d)
    weights /= np.linalg.norm(weights)
    values, errors, bare = np.array([one(rng, weights, n, share, seed) for seed in range(repetitions)]).T
    mean, reach = values.mean(), quantile(0.95, n - 1)

    def held(truth: float, of: np.ndarray) -> str:
        return f"{100 * np.mean(np.abs(values - truth) <= reach * of):.0f} %"

    cells = [n, d, share, f"{mean:.3f}", f"{values.std():.3f}", f"{errors.mean():.3f}", held(mean, errors),
             f"{bare.mean():.3f}", held(mean, bare), held(0.0, errors) if share == 0 else "-"]
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    for world in WORLDS:
        print(row(*world, REPETITIONS), flush=True)
