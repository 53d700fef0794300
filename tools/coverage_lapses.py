"""Cells of tools/coverage_probabilities.py about lapse rates: of answers that are guesses with a known probability.

The model sees some of what people see, so its errors look like guesses, or hide them: true rates and temperatures are
those that fit best for endless objects, not those that people were given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from coverage_worlds import PACKAGE, TRUTH, Cell, Measured, apart, drawn, people_apart, rows

import pyalign
from pyalign.analysis.calibration.result import Calibration
from pyalign.datasets.simulate import random_triplets

WITHOUT = "without lapses"
RATES = (0.0, 0.05, 0.15)


@cache
def endless(lapses: float, people: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows and answers about objects (and of people) that occur once."""
    triplets = apart(20 * TRUTH)
    x, odd = drawn(
        triplets, np.random.default_rng(6), 1, people_apart(len(triplets), 1) if people else None, lapses
    )  # fmt: skip
    return x, rows(triplets, odd)


@cache
def true_fit(lapses: float, people: bool) -> tuple[float, float]:
    """The lapse rate and the temperature of all objects (and people)."""
    found = pyalign.calibrate(*endless(lapses, people), measure="dot", split=None, ci=None, lapses=True).only.lapses
    assert found is not None
    return found.rate, found.temperature


@cache
def _pairs(lapses: float) -> np.ndarray:
    """(t, 3) similarities of pairs, the chosen one first, of objects that occur once."""
    x, triplets = endless(lapses, False)
    a, b, c = (x[column] for column in triplets[:TRUTH].T)
    return np.stack([(a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1)], axis=1)


def true_loss(lapses: float, temperature: float, rate: float) -> float:
    """Nats per answer of all objects, at a temperature and a lapse rate."""
    s = _pairs(lapses) / temperature
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return -float(np.log((1.0 - rate) * p[:, 0] / p.sum(axis=1) + rate / 3.0).mean())


def fitted(rng: np.random.Generator, n: int, t: int, lapses: float, people: int, split: str | None) -> Calibration:
    """A calibration with lapses, on new objects (and people)."""
    triplets = random_triplets(n, t, rng)
    who = rng.integers(0, people, (t, 1)) if people else None
    x, odd = drawn(triplets, rng, 1, who, lapses)
    return pyalign.calibrate(
        x, rows(triplets, odd), measure="dot", split=split, lapses=True,
        ci="objects+subjects" if people else "objects", subjects=None if who is None else who.ravel(),
    ).only  # fmt: skip


def rates(n: int, t: int, lapses: float, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """The rate, and the temperature with it and without."""

    def draw(rng: np.random.Generator) -> Measured:
        found = fitted(rng, n, t, lapses, people, None)
        rate, temperature = true_fit(lapses, bool(people))
        if found.lapses is None:
            yield "lapse rate", PACKAGE, None, rate, rate
            yield "T", PACKAGE, None, temperature, temperature
        else:
            yield "lapse rate", PACKAGE, found.lapses.rate_ci, found.lapses.rate, rate
            yield "T", PACKAGE, found.lapses.temperature_ci, found.lapses.temperature, temperature
        yield "T", WITHOUT, found.temperature_ci, found.temperature, temperature

    return draw


def gains(n: int, t: int, lapses: float) -> Callable[[np.random.Generator], Measured]:
    """What lapses bring on held-out objects, at the rate and the temperatures that were fitted."""

    def draw(rng: np.random.Generator) -> Measured:
        found = fitted(rng, n, t, lapses, 0, "objects")
        if found.lapses is None:
            yield "cross-entropy with lapses", PACKAGE, None, 0.0, 0.0
            yield "gain", PACKAGE, None, 0.0, 0.0
            return
        truth = true_loss(lapses, found.lapses.temperature, found.lapses.rate)
        yield "cross-entropy with lapses", PACKAGE, found.lapses.cross_entropy_ci, found.lapses.cross_entropy, truth
        gain = true_loss(lapses, found.temperature, 0.0) - truth
        yield "gain", PACKAGE, found.lapses.gain_ci, found.lapses.gain, gain

    return draw


def cells() -> list[Cell]:
    found = []
    for n, t, people, share in ((60, 2_000, 0, 1.0), (100, 6_000, 0, 1.0), (300, 12_000, 40, 0.5)):
        sizes = f"{n} objects, {t:,} triplets" + (f", {people} people" if people else "")
        found += [Cell("lapses", f"{sizes}, {lapses:.0%} lapses", rates(n, t, lapses, people), share)
                  for lapses in RATES]  # fmt: skip
    name = "200 objects, 40,000 triplets, half of the objects held out, 15% lapses"
    return [*found, Cell("lapses", name, gains(200, 40_000, 0.15), 0.5)]


CELLS = tuple(cells())
