"""Processes that make units, one after the other each: what `study run --jobs` starts.

A worker reads the ids of units from its stdin, a line each, and answers in lines of JSON: where it is, and what became
of the unit. It ends with the process that has started it, at the latest when it has made its unit.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import IO, Any

from pyalign._process import PARENT, end_with_parent
from pyalign.backends import get_host_backend
from pyalign.errors import SlowWarning
from pyalign.study.maker import Maker, maker_of
from pyalign.study.result import FAILED, FINISHED, StudyStep
from pyalign.study.units import Unit

PATIENCE = 10.0  # seconds that workers have to end after Ctrl-C
# The path first: a folder that only the first process reads modules from, or that only this one would, is no surprise.
CODE = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pyalign.study.workers import serve; serve()"
THREADS = "PYALIGN_NUM_THREADS", "OMP_NUM_THREADS"


class Worker:
    """One process, and the unit that it makes."""

    def __init__(self, settings: Mapping[str, Any], threads: int) -> None:
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), PARENT: str(os.getpid())}
        command = [sys.executable, "-c", CODE, json.dumps(sys.path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self.unit: Unit | None = None
        self._begun = b""
        self.send(settings)

    @property
    def output(self) -> IO[bytes]:
        """What it answers."""
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, message: Any) -> None:
        """A line for it; one that has ended says so where it is read from."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{json.dumps(message)}\n".encode())
            self.process.stdin.flush()

    def messages(self) -> list[dict[str, Any]] | None:
        """What it has answered since; None where it has ended."""
        data = os.read(self.output.fileno(), 1 << 16)
        *lines, self._begun = (self._begun + data).split(b"\n")
        return [json.loads(line) for line in lines] if data else None

    def close(self) -> None:
        """Says that there is no more to do."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()


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
        self.settings = {"study": study, "out": folder, "shards": shards}
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *reason: object) -> None:
        """Interrupts those that are at a unit, which leave what they have; kills those that do not end."""
        for worker in self.workers:
            if worker.unit is not None:
                worker.process.send_signal(signal.SIGINT)
            worker.close()
        until = time.monotonic() + PATIENCE
        for worker in self.workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self.selector.close()

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
            self.selector.register(worker.output, selectors.EVENT_READ, worker)
        worker.unit = unit
        worker.send({"unit": unit.stem, "asked": self.maker.plan.asked(unit)})

    def results(self, seconds: float | None) -> list[tuple[Unit, StudyStep]]:
        """What became of units, at least of one, unless so many seconds have passed before."""
        results: list[tuple[Unit, StudyStep]] = []
        until = None if seconds is None else time.monotonic() + seconds
        while not results and (until is None or time.monotonic() < until):
            for key, _ in self.selector.select(None if until is None else max(0.0, until - time.monotonic())):
                results += self._of(key.data)
        return results

    def _of(self, worker: Worker) -> list[tuple[Unit, StudyStep]]:
        unit, messages = worker.unit, worker.messages()
        if messages is None:
            self.selector.unregister(worker.output)
            self.workers.remove(worker)
            worker.close()
            code = worker.process.wait()
            return [] if unit is None else [(unit, self._ended(unit, code))]
        results = []
        for message in messages:
            if "step" in message:
                assert unit is not None
                results.append((unit, StudyStep(**message["step"])))
                worker.unit = None
            else:
                self.maker.watch(*message["watch"])
        return results

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
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a model prints is no answer

    def answer(message: Mapping[str, Any]) -> None:
        answers.write(f"{json.dumps(message)}\n")
        answers.flush()

    with suppress(KeyboardInterrupt, BrokenPipeError):
        settings = json.loads(sys.stdin.readline())
        watch = lambda *words: answer({"watch": words})  # noqa: E731
        maker = maker_of(settings["study"], settings["out"], shards=settings["shards"], watch=watch)
        for line in sys.stdin:
            wanted = json.loads(line)
            unit = maker.plan.by_id.get(wanted["unit"])
            if unit is None or maker.plan.asked(unit) != wanted["asked"]:
                reason = "the study file has changed since the run was begun; run it again"
                step = StudyStep(wanted["unit"], "", FAILED, reason=reason)
            else:
                step = maker.make(unit)
            answer({"step": {**asdict(step), "how": step.how, "seconds": step.seconds}})
