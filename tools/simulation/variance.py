"""A second opinion on the variance of an accuracy, beside the closed form of pyalign, in all worlds of triplets.

Both sum what is left of credits over all rows that have a label in common: an object, a pair of objects, all three; and
over people with these. Jackknives leave out each label (MacKinnon, Nielsen, Webb 2024): their sum, with signs of
inclusion and exclusion, is no less than that over sets, or over people, alone. Multipliers (Chiang, Kato, Sasaki 2023)
are normal, of objects and of people: those of a single mean add up to a normal, so that none has to be drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from re import search
from typing import Any

import numpy as np

from pyalign.stats.intervals import quantile

from .harness import IDEAL, Case, Found

OF_WAYS = "accuracy", "jackknife", "multiplier"
KINDS = "score", "people", "wrong objects", "small score", "small few"


def labels(triplets: np.ndarray, who: np.ndarray | None) -> Iterator[tuple[str, int, np.ndarray]]:
    """What rows have in common, the sign of each, and the labels (t, k) themselves."""
    one, n = np.sort(triplets, axis=1).astype(np.int64), int(triplets.max()) + 1
    pair = np.stack([one[:, i] * n + one[:, j] for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    every = {"object": (1, one), "pair": (-1, pair), "set": (1, (pair[:, :1] * n + one[:, 2:]))}
    for told, (sign, of) in every.items():
        yield told, sign, of
        if who is not None:
            yield f"person and {told}", -sign, of * (int(who.max()) + 1) + who[:, None]
    if who is not None:
        yield "person", 1, who[:, None].astype(np.int64)


def others(right: np.ndarray, triplets: np.ndarray, who: np.ndarray | None) -> Iterator[Found]:
    """The accuracy with either interval."""
    t, residual = len(right), right - right.mean()
    jackknives, multipliers, least = {}, 0.0, t
    for told, sign, of in labels(triplets, who):
        codes = np.unique(of, return_inverse=True)[1].reshape(of.shape)
        counts, sums = (sum(np.bincount(column, weights, codes.max() + 1) for column in codes.T)
                        for weights in (None, residual))
        n = len(counts)
        jackknives[told] = sign * (n - 1) / n * float(((sums / (t - counts)) ** 2).sum())
        if told in ("object", "person"):
            multipliers, least = multipliers + float((sums**2).sum()) / t**2, min(least, n)
    variance = max(sum(jackknives.values()), jackknives["set"], jackknives.get("person", 0.0))
    for name, value, reach in (("jackknife", variance, quantile(0.95, least - 1)), ("multiplier", multipliers, IDEAL)):
        error, mean = value**0.5, float(right.mean())
        yield Found(name, mean, error, mean - reach * error, mean + reach * error)


def _ways(draw: Any, rng: np.random.Generator) -> Iterator[Found]:
    return (one for one in draw(rng) if one.quantity in OF_WAYS)


def beside(case: Case) -> Case | None:
    """The same draws with a second opinion; None where they are of other figures, or of no new objects."""
    if case.kind not in KINDS or search("bootstrap|pigeonhole|blind|same|only|kappa|500000", case.name):
        return None
    draw = partial(_ways, partial(case.draw, ways=True))
    return replace(case, kind="variance", name=f"variance, {case.name}", draw=draw, share=0.2, asked={},
                   truth=lambda rng: dict.fromkeys(OF_WAYS, case.truth(rng)["accuracy"]))
