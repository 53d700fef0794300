"""All units that are wanted, each as soon as those that it needs are done: in this process, or in several."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from pyalign.study.maker import Maker
from pyalign.study.result import ELSEWHERE, FAILED, FINISHED, TO_DO, StudyStep
from pyalign.study.units import Unit

AGAIN = 0.5  # seconds, after which a unit is looked at again that another live run makes


class Executor(Protocol):
    """Where units are made."""

    @property
    def is_free(self) -> bool:
        """Whether it takes another unit."""

    @property
    def is_busy(self) -> bool:
        """Whether it has units that are not done."""

    def start(self, unit: Unit) -> None:
        """Begins to make a unit."""

    def results(self, seconds: float | None) -> list[tuple[Unit, StudyStep]]:
        """What became of units, at least of one, unless `seconds` have passed before."""


class InThisProcess:
    """An executor that makes a unit when its result is asked for."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.unit = maker, None

    unit: Unit | None

    @property
    def is_free(self) -> bool:
        """Whether it takes another unit."""
        return self.unit is None

    @property
    def is_busy(self) -> bool:
        """Whether it has a unit that is not done."""
        return self.unit is not None

    def start(self, unit: Unit) -> None:
        """Takes a unit."""
        self.unit = unit

    def results(self, seconds: float | None) -> list[tuple[Unit, StudyStep]]:
        """Makes it."""
        assert self.unit is not None
        unit, self.unit = self.unit, None
        return [(unit, self.maker.make(unit))]


def make_all(
    maker: Maker, wanted: set[str], executor: Executor, settled: Callable[[StudyStep], None]
) -> Mapping[str, StudyStep]:
    """What became of all units, by name; those that are not wanted are looked for.

    A unit that fails stops only those that need it. One that another live run makes is looked at again.

    settled: called for each as soon as it is known what became of it.
    """
    units, done = maker.plan.units, maker.done
    place = {unit.name: number for number, unit in enumerate(units)}
    missing = {unit.name: len(set(unit.needs)) for unit in units}
    needed_by: dict[str, list[str]] = {unit.name: [] for unit in units}
    for unit in units:
        for name in set(unit.needs):
            needed_by[name].append(unit.name)
    ready = [place[name] for name, count in missing.items() if not count]
    heapq.heapify(ready)
    later: list[tuple[float, int]] = []  # when to look again, and at which

    def settle(unit: Unit, step: StudyStep) -> None:
        done[unit.name] = step
        settled(step)
        for name in needed_by[unit.name]:
            missing[name] -= 1
            if not missing[name]:
                heapq.heappush(ready, place[name])

    while len(done) < len(units):
        while later and later[0][0] <= time.monotonic():
            heapq.heappush(ready, heapq.heappop(later)[1])
        while ready and executor.is_free:
            unit = units[heapq.heappop(ready)]
            step = _without_making(maker, unit, unit.name in wanted)
            if step is None:
                executor.start(unit)
            else:
                settle(unit, step)
        if executor.is_busy:
            wait = max(0.0, later[0][0] - time.monotonic()) if later else None
            for unit, step in executor.results(wait):
                if step.how == ELSEWHERE:
                    maker.watch(unit.name, TO_DO, step.reason or "")
                    heapq.heappush(later, (time.monotonic() + AGAIN, place[unit.name]))
                else:
                    settle(unit, step if step.status != TO_DO else replace(step, status=FAILED))
        elif later and not ready:
            time.sleep(max(0.0, later[0][0] - time.monotonic()))
    return {unit.name: done[unit.name] for unit in units}


def _without_making(maker: Maker, unit: Unit, wanted: bool) -> StudyStep | None:
    """What became of a unit that is not to be made; None for one that is."""
    failed = any(maker.done[name].status != FINISHED for name in unit.needs)
    if wanted:
        return maker.make(unit) if failed else None  # which says what it needs
    if unit.shard is None and (unit.is_merge or not failed):
        return maker.look(unit)
    return maker.begun(unit)
