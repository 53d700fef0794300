"""Processes that make units, one after the other each: what `study run --jobs` starts.

A worker is sent units, and answers where it is, and what became of the unit. It ends with the process that has started
it, at the latest when it has made its unit.

All units that are wanted, each as soon as those that it needs are done: in this process, or in several.
"""

from __future__ import annotations

import heapq
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from pyalign._process import PARENT, end_with_parent
from pyalign.backends import get_host_backend
from pyalign.errors import SlowWarning
from pyalign.study.maker import ELSEWHERE, FAILED, FINISHED, TO_DO, Maker, StudyStep, maker_of
from pyalign.study.units import Unit

PATIENCE = 10.0  # seconds that workers have to end after Ctrl-C
# The path first: a folder that only the first process reads modules from, or that only this one would, is no surprise.
CODE = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pyalign.study.workers import serve; serve()"
THREADS = "PYALIGN_NUM_THREADS", "OMP_NUM_THREADS"


class Worker:
    """One process, and the unit that it makes."""

    def __init__(self, settings: Mapping[str, Any], threads: int) -> None:
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), PARENT: str(os.getpid())}
        self.pipe, other_end = Pipe()
        number = other_end.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, json.dumps(sys.path), str(number)], stdin=subprocess.DEVNULL,
            stdout=2,  # what a model prints is no result
            env=environment, start_new_session=True, pass_fds=(number,),
        )
        other_end.close()
        self.unit: Unit | None = None
        self.send(settings)

    def send(self, message: Any) -> None:
        """A message for it; one that has ended says so where it is heard."""
        with suppress(OSError):
            self.pipe.send(message)


class Workers:
    """An executor of several processes; as a context, they end with it.

    Args:
        maker: of this process, which knows the study.
        count: how many units are made at once.
        threads: of all of them together.
        shards: see `study_units`.
    """

    def __init__(self, maker: Maker, count: int, threads: int, shards: int | None) -> None:
        self.maker, self.count, self.threads = maker, count, max(1, threads // count)
        study, folder = maker.plan.study.path, os.fspath(maker.folder.path)
        self.settings = {"path": study, "out": folder, "shards": shards}
        self.workers: list[Worker] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *reason: object) -> None:
        """Interrupts those that are at a unit, which leave what they have; kills those that do not end."""
        for worker in self.workers:
            if worker.unit is not None:
                worker.process.send_signal(signal.SIGINT)
            worker.pipe.close()
        until = time.monotonic() + PATIENCE
        for worker in self.workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    @property
    def is_free(self) -> bool:
        """Whether it takes another unit."""
        return sum(worker.unit is not None for worker in self.workers) < self.count

    @property
    def is_busy(self) -> bool:
        """Whether it has units that are not done."""
        return any(worker.unit is not None for worker in self.workers)

    def start(self, unit: Unit) -> None:
        """Gives the unit to a process that has none."""
        worker = next((worker for worker in self.workers if worker.unit is None), None)
        if worker is None:
            get_host_backend()  # where numpy computes, this process says it, once for all of them
            worker = Worker(self.settings, self.threads)
            self.workers.append(worker)
        worker.unit = unit
        worker.send({"unit": unit.stem, "asked": self.maker.plan.asked(unit)})

    def results(self, seconds: float | None) -> list[tuple[Unit, StudyStep]]:
        """What became of units, at least of one, unless so many seconds have passed before."""
        results: list[tuple[Unit, StudyStep]] = []
        until = None if seconds is None else time.monotonic() + seconds
        while not results and (until is None or time.monotonic() < until):
            left = None if until is None else max(0.0, until - time.monotonic())
            heard = wait([worker.pipe for worker in self.workers], left)
            for worker in [worker for worker in self.workers if worker.pipe in heard]:
                results += self._of(worker)
        return results

    def _of(self, worker: Worker) -> list[tuple[Unit, StudyStep]]:
        unit = worker.unit
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            worker.pipe.close()
            code = worker.process.wait()
            return [] if unit is None else [(unit, self._ended(unit, code))]
        if not isinstance(answer, StudyStep):
            self.maker.progress(*answer)
            return []
        assert unit is not None
        worker.unit = None
        return [(unit, answer)]

    def _ended(self, unit: Unit, code: int) -> StudyStep:
        """What became of a unit whose process has ended."""
        step = self.maker.recorded(unit)
        if step.status == FINISHED:
            return step
        how = f"was ended by signal {-code}" if code < 0 else f"has ended with exit code {code}"
        return replace(step, status=FAILED, reason=f"the process that made it {how}")


def serve() -> None:
    """What a worker does."""
    end_with_parent()
    warnings.simplefilter("ignore", SlowWarning)  # see `Workers.start`
    with suppress(KeyboardInterrupt, EOFError, ConnectionError), Connection(int(sys.argv[2])) as pipe:
        settings = pipe.recv()
        maker = maker_of(**settings, progress=lambda *words: pipe.send(words))
        while True:
            wanted = pipe.recv()
            unit = maker.plan.by_id.get(wanted["unit"])
            if unit is None or maker.plan.asked(unit) != wanted["asked"]:
                reason = "the study file has changed since the run was begun; run it again"
                pipe.send(StudyStep(wanted["unit"], "", FAILED, reason=reason))
            else:
                pipe.send(maker.make(unit))


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


def make_all(  # noqa: C901
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
                    maker.progress(unit.name, TO_DO, step.reason or "")
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
