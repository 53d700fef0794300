"""Rules for the variance of a difference where its estimate is noisy: `python tools/error_rules.py [--draws 600]`.

Objects are few and triplets sparse, so that the corrected variance is often below that of independent triplets by
chance. Printed, for each rule: how often 95 % intervals of the difference of two models hold its mean over all draws,
and how often the models are told apart; beside it that of a test which knows the standard deviation.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulation.worlds import SEEN, answered, drawn_triplets, model, objects

from pyalign.analysis.comparison.paired_outcomes import open_outcome_table
from pyalign.stats.clustered import Dependence
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Clusters, Resampling

SIZES = ((50, 1_000, 0.3), (100, 3_000, 0.3), (400, 20_000, 0.75))
CONTRAST = np.array([1.0, -1.0])


def drawn(n: int, t: int, last: float, seed: int) -> tuple[float, float, float, float]:
    """Difference, its corrected variance, that of independent triplets, and the noise of the former in the latter."""
    rng = np.random.default_rng([5, seed])
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    models = {"a": model(x), "b": model(x, SEEN, last)}
    outcomes = open_outcome_table(models, triplets, nan_policy="raise", backend="auto")
    dependence = Dependence.of(Clusters.of(triplets), Resampling("objects"))
    found = dependence.errors(outcomes.credits)
    corrected, *_, alone = (CONTRAST @ one @ CONTRAST for one in found.candidates)
    assert dependence.objects is not None
    shared, twice, thrice = dependence.objects.products(np.ones((t, 1), np.int8)).ravel()
    return found.means @ CONTRAST, corrected, alone, math.sqrt(2 * (shared - twice + thrice - t)) / t


def main() -> None:
    """Prints a line for each rule and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=600)
    draws = parser.parse_args().draws
    for n, t, last in SIZES:
        found = np.array([drawn(n, t, last, seed) for seed in range(draws)])
        difference, corrected, alone, noise = found.T
        corrected = np.maximum(corrected, 1e-12)
        degrees = np.clip(2 * corrected**2 / (noise * alone) ** 2, 1, n - 1)  # Satterthwaite's
        student = quantile(0.95, n - 1)
        rules = {
            "at least independent": student * np.sqrt(np.maximum(corrected, alone)),
            "as it comes": student * np.sqrt(corrected),
            "own degrees of freedom": np.array([quantile(0.95, d) for d in degrees]) * np.sqrt(corrected),
            "true deviation": np.full(draws, quantile(0.95, math.inf) * difference.std(ddof=1)),
        }
        for name, reach in rules.items():
            held = np.mean(np.abs(difference - difference.mean()) <= reach)
            told = np.mean(np.abs(difference) > reach)
            print(f"n = {n:4}, t = {t:6,}  {name:24} holds {100 * held:5.1f} %  power {100 * told:5.1f} %", flush=True)


if __name__ == "__main__":
    main()
