"""A comparison as data, and its timing in rounds: every contender once a round, so that what disturbs the machine
disturbs all of them.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import Case

SUBJECT = "pyalign"
PAUSE = 0.1  # seconds; idle threads of the last contender's library spin, those of OpenBLAS for more than 30 ms
SHORTEST = 0.06  # seconds; quicker calls are repeated within a round to last about that long
MOST_REPEATS = 20
ONCE, FEWER, FEW, SOME, MANY = 1, 3, 5, 9, 15  # rounds of a full run
Call = Callable[[], Any]


@dataclass(frozen=True)
class Way:
    """How a contender does an operation, and the target that pyalign has beside it.

    make: from the inputs of the comparison to the call that is timed.
    limit: it is timed on so many of the last input, the triplets.
    share: or one call does that part of the case.
    checked: the result is compared with pyalign's, after `seen` has brought it to the same form.
    reports: the call itself returns the figure (from another process), instead of being timed.
    at_least: peer / pyalign, how many times faster (or smaller) pyalign must be.
    at_most: pyalign / peer, how many times slower (or larger) pyalign may be.
    """

    make: Callable[..., Call]
    limit: int | None = None
    share: float = 1.0
    checked: bool = True
    seen: Callable[[Any], Any] | None = None
    reports: bool = False
    at_least: float | None = None
    at_most: float | None = None


def bound(figure: float) -> Way:
    """A figure that pyalign's may not exceed, as a contender."""
    return Way(lambda *_: lambda: figure, checked=False, reports=True, at_most=1)


@dataclass(frozen=True)
class Comparison:
    """One operation at one size, done by pyalign and by each of its peers.

    ways: the contenders; the ratios are to the first, pyalign.
    rounds: how often each is measured in a full run.
    inputs: what the contenders get from the case, each by a function of it; () for the case itself.
    same: raises unless a peer's result is pyalign's (theirs, ours).
    clock: seconds of the clock, or of the processor.
    """

    op: str
    case: Case
    ways: dict[str, Way]
    rounds: int
    inputs: tuple[Callable[[Case], Any], ...] = ()
    same: Callable[[Any, Any], None] | None = None
    unit: str = "s"
    clock: Callable[[], float] = time.perf_counter

    def contender(self, name: str) -> Contender:
        """That of this name, with its inputs; ModuleNotFoundError where its package is not installed."""
        way, given = self.ways[name], [make(self.case) for make in self.inputs] or [self.case]
        share = way.share
        if way.limit is not None:
            *others, triplets = given
            share, given = min(1.0, way.limit / len(triplets)), [*others, triplets[: way.limit]]

        def check(theirs: Any) -> None:
            self.same(theirs if way.seen is None else way.seen(theirs), self.ways[SUBJECT].make(*given)())

        call = way.make(*given)
        compared = self.same is not None and way.checked and name != SUBJECT
        return Contender(call, share, check if compared else None, way.reports, self.clock)


@dataclass(frozen=True)
class Contender:
    """A way with its inputs; `check` raises unless the result is pyalign's, None when there is nothing to compare."""

    call: Call
    share: float = 1.0
    check: Callable[[Any], None] | None = None
    reports: bool = False
    clock: Callable[[], float] = time.perf_counter

    def measure(self, repeats: int = 1) -> float:
        """Seconds for the whole case, or the figure that the call reports."""
        if self.reports:
            return float(self.call())
        start = self.clock()
        for _ in range(repeats):
            self.call()
        return (self.clock() - start) / repeats / self.share


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
    once = max(contender.measure() * contender.share, SHORTEST / MOST_REPEATS)
    return math.ceil(SHORTEST / once)


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
