"""Units of a study on the workers of a Dask client: the same commands as everywhere, each in a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import one_line
from pyalign.study.plan import StudyUnit
from pyalign.study.tasks import LATER

PATIENCE = 30.0  # seconds without a worker, or without one that has what a unit asks for
PAUSES = 5.0, 15.0, 30.0  # seconds before a unit is tried again that another process is making
INTERVAL, LOOK = 0.1, 2.0  # seconds between two looks at what has ended, and at the workers
RESOURCE = {"gpu": 1}  # of workers that take units which want a device
Answer = tuple[int, str]  # the exit code of a command, and the last line that it has written to its standard error


def as_client(client: Any) -> Any:
    """A client of Dask, checked.

    Raises:
        InputError: it is something else, or one of asyncio.
        MissingExtraError: without distributed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("client", "distributed", "dask") from error
    if not isinstance(client, Client):
        raise InputError(f"client must be a distributed.Client; got {type(client).__name__}")
    if client.asynchronous:
        raise InputError("client must be a distributed.Client that waits; got one with asynchronous=True")
    return client


def run_units_on(
    client: Any, units: Sequence[StudyUnit], wanted: Collection[str], watch: Callable[[str, str, str], None]
) -> dict[str, str]:
    """Runs units as tasks of Dask, each when those that it needs have ended. Gives why some could not be made, by id.

    A task gives back a few bytes: its exit code and a line. Its key is the id of the unit, with some letters of this
    call: an answer to another call is not one to this. A worker that is killed, or that dies for want of memory, takes
    its command along, and Dask starts the task on another one.

    wanted: the ids of the units to run; watch: gets the name, the state and a detail of each unit that has ended.

    Raises:
        InputError: no worker has come within 30 s, or none for units that want a device; the scheduler is gone.
    """
    chosen = [unit for unit in units if unit.id in wanted]
    _Workers(client, any(unit.device for unit in chosen)).wait()
    call = secrets.token_hex(4)
    futures: dict[str, Any] = {}
    for unit in chosen:
        needs = {need: futures[need] for need in unit.needs if need in futures}
        futures[unit.id] = client.submit(
            run_command, unit.command, needs, key=(unit.id, call), pure=False,
            resources=RESOURCE if unit.device else None,
        )  # fmt: skip
    try:
        return _collected(client, {unit.id: (unit, futures[unit.id]) for unit in chosen}, watch)
    finally:
        client.cancel([future for future in futures.values() if not future.done()])


def _collected(
    client: Any, left: dict[str, tuple[StudyUnit, Any]], watch: Callable[[str, str, str], None]
) -> dict[str, str]:
    failed: dict[str, str] = {}
    workers = _Workers(client, any(unit.device for unit, _ in left.values()))
    while left:
        ended = [unit_id for unit_id, (_, future) in left.items() if future.status != "pending"]
        if client.status not in ("running", "connecting") or any(left[one][1].status in GONE for one in ended):
            raise InputError(
                "client has lost its scheduler; what is done stays: call again with a new client, which makes the rest"
            )
        for unit_id in ended:
            unit, future = left[unit_id]
            answer = _answer(future)
            if answer is None:
                continue
            del left[unit_id]
            code, line = answer
            if code:
                failed[unit_id] = line
            watch(unit.name, "failed" if code else "finished", line if code else "")
        if left and not ended:
            workers.require()
            time.sleep(INTERVAL)
    return failed


GONE = "cancelled", "lost"


def _answer(future: Any) -> Answer | None:
    """What came of a task; None where a worker has died with the answer, so that the task runs again."""
    try:
        if future.status == "error":  # of Dask itself, such as that workers were killed with this task several times
            return 1, one_line(str(future.exception(timeout=PATIENCE)))
        answer: Answer = future.result(timeout=PATIENCE)
    except TimeoutError:
        return None
    return answer


class _Workers:
    """Whether there are workers for what is asked of them; `PATIENCE` is how long there may be none.

    device: whether one of them must have a device.
    """

    def __init__(self, client: Any, device: bool) -> None:
        self.client, self.device = client, device
        self.since = self.next = time.monotonic()

    def wait(self) -> None:
        """Waits for them."""
        while not self.require():
            time.sleep(INTERVAL)

    def require(self) -> bool:
        """Whether they are there now; raises InputError where they have not been for too long."""
        if time.monotonic() < self.next:
            return True
        missing = self._missing()
        self.next = time.monotonic() + (0.0 if missing else LOOK)
        if not missing:
            self.since = time.monotonic()
        elif time.monotonic() - self.since > PATIENCE:
            raise InputError(f"client has had {missing} for {PATIENCE:.0f} s; what is done stays")
        return not missing

    def _missing(self) -> str:
        workers: Mapping[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            return "no worker"
        if self.device and not any(worker.get("resources", {}).get("gpu", 0) >= 1 for worker in workers.values()):
            return 'no worker with a device (dask worker --resources "gpu=1")'
        return ""


def run_command(words: Sequence[str], needs: Mapping[str, Answer]) -> Answer:
    """On a worker: the command of a unit, as a process that ends with the worker.

    needs: what came of the units that it needs.
    """
    lacking = next((need for need, (code, _) in needs.items() if code), None)
    if lacking is not None:
        return LATER, f"needs {lacking}, which has failed"
    command = [sys.executable, "-m", *words, "--die-with-parent"]
    environment = {**os.environ, "PYALIGN_PARENT": str(os.getpid())}
    for pause in (*PAUSES, 0.0):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if done.returncode != LATER:
            break
        time.sleep(pause)
    lines = os.fsdecode(done.stderr).strip().splitlines()
    return done.returncode, (lines[-1] if lines else f"ended with {done.returncode}")[:500] if done.returncode else ""
