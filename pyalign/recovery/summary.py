"""From counts of simulations to what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.documents import Interval
from pyalign.recovery.pool import Pool
from pyalign.recovery.rates import Counts, needed
from pyalign.recovery.recovered import RateAtSize, RecoveredModel, Recovery
from pyalign.stats.intervals import share_interval


@dataclass(frozen=True)
class Kept:
    """The options that the result tells."""

    simulations: int
    target: float
    confidence: float
    seed: int

    def interval(self, rate: float, n: int) -> Interval:
        """Of a rate of n simulated data sets."""
        return share_interval(rate, n, self.confidence, "simulations")


def summarised(counts: Sequence[Counts], pool: Pool, temperatures: Sequence[float], kept: Kept) -> Recovery:
    """The result, of refits by temperatures that were fitted; counts: by sizes, ascending."""
    t, m = pool.n_given, len(temperatures)
    curve = tuple(
        RateAtSize(one.size, one.rate, kept.interval(one.rate, m * one.simulations), max(0, one.size - t))
        for one in counts
    )
    whole = next((one for one in counts if one.size == t), counts[-1])
    found = needed([one.n_triplets for one in curve], [one.recovery_rate for one in curve], kept.target)
    return Recovery(
        models=tuple(pool.models),
        confusion=tuple(tuple(map(float, row)) for row in whole.chosen / whole.simulations),
        recovery_rate=whole.rate,
        ci=kept.interval(whole.rate, m * whole.simulations),
        n_triplets=whole.size,
        by_model=tuple(_of_model(k, whole, pool, temperatures, kept) for k in range(m)),
        curve=curve,
        target=kept.target,
        n_needed=None if found is None else found[0],
        n_needed_within=None if found is None else found[1],
        simulations=kept.simulations,
        n_ties=int(whole.ties.sum()),
        n_objects=len(pool.objects),
        refit="temperature",
        folds=None,
        temperatures="fitted",
        confidence=kept.confidence,
        seed=kept.seed,
        task=pool.task,
        notes=_notes(whole, tuple(pool.models)),
    )


def _of_model(k: int, counts: Counts, pool: Pool, temperatures: Sequence[float], kept: Kept) -> RecoveredModel:
    names, shares = tuple(pool.models), counts.chosen[k] / counts.simulations
    others = np.where(np.arange(len(names)) == k, 0.0, shares)
    other = int(others.argmax())
    rate, mistaken = float(shares[k]), float(others[other])
    return RecoveredModel(
        model=names[k],
        measure=str(pool.measures[names[k]]),
        temperature=float(temperatures[k]),
        recovery_rate=rate,
        ci=kept.interval(rate, counts.simulations),
        n_ties=int(counts.ties[k]),
        mistaken_for=names[other] if mistaken > 0 else None,
        mistaken_share=mistaken,
    )


def _notes(counts: Counts, names: Sequence[str]) -> tuple[str, ...]:
    """That models tie: no number of answers tells such models apart."""
    ties, total = int(counts.ties.sum()), len(names) * counts.simulations
    if not ties:
        return ()
    tied = [name for name, number in zip(names, counts.ties, strict=True) if number]
    told = f"models tie for the best on {ties:,} of {total:,} simulated data sets (answered by {', '.join(tied)})"
    return (f"{told}: each then counts its share; once fitted, such models answer alike on these triplets",)
