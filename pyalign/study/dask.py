"""Units of a study on the workers of a Dask client: the same commands as everywhere, each in a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyalign._process import PARENT
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import one_line
from pyalign.study.export import LATER
from pyalign.study.maker import ELSEWHERE, FAILED, FINISHED, MADE, REUSED, Maker, StudyStep
from pyalign.study.units import Unit

# Seconds without a worker, or without one that has what a unit asks for: at first; and later, when a cluster may be
# about to replace those that it had.
PATIENCE, PATIENCE_LATER = 30.0, 600.0
LOOK, INTERVAL = 2.0, 0.05  # seconds between two looks at the workers, and at what has ended
UNSEEN = 60.0  # seconds that a file system may take to show one node what another has written
RESOURCE = {"gpu": 1}  # of workers that take units which want a device
ERROR = ": error: "  # before the reason in the last line of a command that fails
Answer = tuple[int, str]  # of a command: its exit code, and the last line that says what became of the unit


def as_client(client: Any) -> Any:
    """A client of Dask, checked."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("client", "distributed", "dask") from error
    if not isinstance(client, Client):
        raise InputError(f"client must be a distributed.Client; got {type(client).__name__}")
    if client.asynchronous:
        raise InputError("client must be a distributed.Client that waits; got one with asynchronous=True")
    return client


class DaskWorkers:
    """An executor of units on the workers of a client; as a context, what is left is taken back at its end.

    A task of Dask answers with a few bytes. Its key is the id of the unit with some letters of this call, since what
    another call was answered is not known to hold for this one. A worker that is killed, or dies for want of memory,
    takes its command along, and Dask starts the task on another.

    Args:
        maker: of this process, which knows the study.
        client: of Dask.
        shards: see `study_units`.
        patience: seconds without a worker at first.
    """

    def __init__(self, maker: Maker, client: Any, shards: int | None, patience: float = PATIENCE) -> None:
        self.maker, self.client = maker, client
        self.units = {unit.id: unit for unit in maker.plan.listed(shards)}
        self.call = secrets.token_hex(4)
        self.futures: dict[str, tuple[Unit, Any]] = {}
        self.there: list[tuple[Unit, StudyStep]] = []  # what need not be made
        self.since: dict[str, float] = {}  # when a unit first lacked what another has written
        self.patience, self.missing_since, self.looked = patience, time.monotonic(), 0.0

    def __enter__(self) -> DaskWorkers:
        return self

    def __exit__(self, *reason: object) -> None:
        if self.client.status == "running":
            self.client.cancel([future for _, future in self.futures.values()])

    @property
    def is_free(self) -> bool:
        """Whether it takes another unit: Dask has a queue."""
        return True

    @property
    def is_busy(self) -> bool:
        """Whether it has units that are not done."""
        return bool(self.futures or self.there)

    def start(self, unit: Unit) -> None:
        """Submits the command of a unit that is not there."""
        listed = self.units[unit.stem]
        if listed.done and (step := self.maker.look(unit)).status == FINISHED:
            self.there.append((unit, step))
            return
        words = [*listed.command]
        words[3], words[5] = os.path.abspath(words[3]), os.path.abspath(words[5])
        attempt = f"{self.call}-{time.monotonic_ns()}"
        future = self.client.submit(
            run_command, words, key=(unit.stem, attempt), pure=False, resources=RESOURCE if listed.device else None
        )
        self.futures[unit.stem] = unit, future

    def results(self, seconds: float | None) -> list[tuple[Unit, StudyStep]]:
        """What became of units, at least of one, unless so many seconds have passed before."""
        until = None if seconds is None else time.monotonic() + seconds
        results, self.there = self.there, []
        while not results and (until is None or time.monotonic() < until):
            self._require_scheduler()
            for unit, future in [*self.futures.values()]:
                if future.status in ("finished", "error") and (answer := _answer(future)) is not None:
                    del self.futures[unit.stem]
                    results.append((unit, self._step(unit, *answer)))
            if not results:
                self._require_workers()
                time.sleep(INTERVAL)
        return results

    def _step(self, unit: Unit, code: int, line: str) -> StudyStep:
        step = self.maker.recorded(unit)
        if code == 0 and step.status == FINISHED:
            return replace(step, how=REUSED if line.endswith(REUSED) else MADE)
        if code not in (0, LATER):
            reason = self.maker.folder.failure(unit.stem, self.maker.plan.asked(unit))
            return replace(self.maker.begun(unit), status=FAILED, reason=reason or line)
        if code == LATER and line.endswith(ELSEWHERE):
            return replace(self.maker.begun(unit), how=ELSEWHERE, reason=line)
        since = self.since.setdefault(unit.stem, time.monotonic())
        if time.monotonic() - since < UNSEEN:
            return replace(self.maker.begun(unit), how=ELSEWHERE, reason="waits for files of another node")
        where = self.maker.folder.path
        return replace(self.maker.begun(unit), status=FAILED, reason=f"client and workers do not share {where}")

    def _require_scheduler(self) -> None:
        lost = any(future.status in ("cancelled", "lost") for _, future in self.futures.values())
        if lost or self.client.status not in ("running", "connecting"):
            raise InputError(
                "client has lost its scheduler; what is done stays, and the same call with a new client makes the rest"
            )

    def _require_workers(self) -> None:
        now = time.monotonic()
        if now - self.looked < min(LOOK, self.patience):
            return
        self.looked = now
        missing = self._missing()
        if not missing:
            self.patience, self.missing_since = PATIENCE_LATER, now
        elif now - self.missing_since > self.patience:
            raise InputError(f"client has had {missing} for {self.patience:g} s; what is done stays")

    def _missing(self) -> str:
        workers: Mapping[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            return "no worker"
        wanted = any(self.units[unit_id].device for unit_id in self.futures)
        if wanted and not any(worker.get("resources", {}).get("gpu", 0) >= 1 for worker in workers.values()):
            return 'no worker with --resources "gpu=1", as units without device = "cpu" want,'
        return ""


def _answer(future: Any) -> Answer | None:
    """What came of a task; None where a worker has died with the answer, so that the task runs again."""
    try:
        if future.status == "error":  # of Dask itself, such as that workers were killed with this task several times
            return 1, one_line(str(future.exception(timeout=PATIENCE)))
        answer: Answer = future.result(timeout=PATIENCE)
    except TimeoutError:
        return None
    return answer


def run_command(words: Sequence[str]) -> Answer:
    """On a worker: the command of a unit, as a process that ends with the worker."""
    command = [sys.executable, "-m", *words[:3], "--quiet", *words[3:]]
    environment = {**os.environ, PARENT: str(os.getpid())}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    output = done.stdout if done.returncode in (0, LATER) else done.stderr
    lines = os.fsdecode(output).strip().splitlines() or [f"the command has ended with {done.returncode}"]
    return done.returncode, lines[-1].partition(ERROR)[2][:500] or lines[-1][:500]
