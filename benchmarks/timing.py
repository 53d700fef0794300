"""Timing in rounds: every contender once a round, so that whatever disturbs the machine disturbs all of them."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

PAUSE = 0.1  # seconds; idle threads of the last contender's library spin, those of OpenBLAS for more than 30 ms
SHORTEST = 0.06  # seconds; quicker calls are repeated within a round to last about that long
MOST_REPEATS = 20


@dataclass(frozen=True)
class Contender:
    """One backend's way to an operation.

    call: what is timed.
    share: which part of the case one call does; its time is divided by it.
    check: raises unless the result of the call is pyalign's for the same part; None when there is nothing to compare.
    reports: the call itself returns the figure (from another process), instead of being timed.
    """

    call: Callable[[], Any]
    share: float = 1.0
    check: Callable[[Any], None] | None = None
    reports: bool = False

    def measure(self, repeats: int = 1) -> float:
        """Seconds for the whole case, or the figure that the call reports."""
        if self.reports:
            return float(self.call())
        start = time.perf_counter()
        for _ in range(repeats):
            self.call()
        return (time.perf_counter() - start) / repeats / self.share


def warm_up(contender: Contender) -> None:
    """One call that is not timed, and whose result is checked."""
    result = contender.call()
    if contender.check is not None:
        contender.check(result)


def race(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Figures by contender, one a round; the order turns about from round to round. The contenders are warm."""
    with no_collection():
        repeats = {name: _repeats(contender) for name, contender in contenders.items()}
        figures: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(rounds):
            for name in list(contenders)[:: -1 if number % 2 else 1]:
                time.sleep(PAUSE)
                figures[name].append(contenders[name].measure(repeats[name]))
    return figures


def _repeats(contender: Contender) -> int:
    if contender.reports:
        return 1
    once = contender.measure() * contender.share
    return min(MOST_REPEATS, math.ceil(SHORTEST / once))


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector is off inside."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def quantiles(figures: list[float]) -> tuple[float, float, float]:
    """Median, 20th and 80th percentile."""
    median, low, high = np.percentile(figures, (50, 20, 80))
    return float(median), float(low), float(high)


def median_ratio(peer: list[float], subject: list[float]) -> float:
    """Median over the rounds of peer / subject."""
    return float(np.median(np.divide(peer, subject)))
