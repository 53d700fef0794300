"""A study on the workers of a Dask client, which are killed, run out of memory or lose their scheduler: same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from cluster_study import difference
from small_study import write_inputs

import pyalign
from pyalign.errors import InputError
from pyalign.study import dask as dask_workers

pytestmark = pytest.mark.usefixtures("moment")
distributed = pytest.importorskip("distributed")
takes_minutes = pytest.mark.skipif(
    "PYALIGN_ENGINES" not in os.environ, reason="waits for minutes: make engines runs it"
)
PORT = 18786
MODELS = 3  # of the study, whose 18 units are processes of their own


@contextmanager
def cluster(workers=2, **options):
    """A client of local processes."""
    settings = {"distributed.scheduler.allowed-failures": 20, "distributed.worker.memory.terminate": 0.95}
    import dask

    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, **options
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def pids(client):
    return [*client.run(os.getpid).values()]


def after_claims(folder, count, action):
    """Calls `action` in a thread as soon as so many different units have been begun."""
    seen = set()

    def watch():
        while len(seen) < count:
            with suppress(FileNotFoundError):
                seen.update(path.name for path in (folder / "records").glob("*.claim"))
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def eat_memory():
    """On a worker: more than its limit, until it is killed."""
    import numpy

    return numpy.ones(200_000_000).sum()


@takes_minutes
def test_workers_that_are_killed_or_run_out_of_memory_leave_the_bytes_of_one_run(study):
    """Two by SIGKILL, in the middle of units, and one for its memory limit; then all is as it was."""
    out = study.parent / "killed"
    with cluster(memory_limit="600MB") as client:
        killed = []

        def kill():
            killed.append(pids(client)[0])
            os.kill(killed[-1], signal.SIGKILL)

        threads = [after_claims(out, count, kill) for count in (3, 8)]
        threads.append(after_claims(out, 12, lambda: client.submit(eat_memory, key="eat", retries=0)))
        result = pyalign.run_study(study, out, client=client)
        for thread in threads:
            thread.join(1)
        assert not result.failed and len({*killed}) == 2
        assert not difference(study.parent / "serial", out)
        again = pyalign.run_study(study, out, client=client)
        assert {step.how for step in again.steps if step.name != "report"} == {"as it was"}


@takes_minutes
def test_a_scheduler_that_is_lost_is_one_line_and_the_same_call_makes_the_rest(study):
    out = study.parent / "restarted"

    def start(*command):
        return subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.DEVNULL)

    def start_all():
        worker = "distributed.cli.dask_worker", f"127.0.0.1:{PORT}", "--nthreads", "1", "--no-dashboard"
        scheduler = start("distributed.cli.dask_scheduler", "--port", str(PORT), "--no-dashboard")
        return [scheduler, *(start(*worker, "--death-timeout", "20") for _ in range(2))]

    processes = start_all()
    try:
        with distributed.Client(f"127.0.0.1:{PORT}", timeout=30) as client:
            after_claims(out, 4, processes[0].kill)
            with pytest.raises(InputError, match="client has lost its scheduler; what is done stays"):
                pyalign.run_study(study, out, client=client)
        processes += start_all()
        with distributed.Client(f"127.0.0.1:{PORT}", timeout=30) as client:
            result = pyalign.run_study(study, out, client=client)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert not result.failed and not difference(study.parent / "serial", out)


@pytest.mark.suite("test")
def test_a_study_on_a_client_is_that_of_one_process(tmp_path, monkeypatch):
    """Without processes of workers: commands are processes anyway."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / "small.toml").read_text()
    (tmp_path / "small.toml").write_text(text.partition("[steps.compare]")[0] + "[steps.cka]\nn_permutations = -5\n")
    pyalign.run_study("small.toml", "serial")
    with cluster(1, silence_logs=50) as client:
        result = pyalign.run_study("small.toml", "out", client=client)
    assert {step.name: step.how or step.status for step in result.steps} == {
        "ceiling": "made", "score": "made", "cka": "failed", "report": "made",
    }  # fmt: skip
    assert result.failed[0].reason.startswith("n_permutations must be")
    assert not difference(tmp_path / "serial", tmp_path / "out")


def test_a_client_without_workers_is_one_line(tmp_path, monkeypatch):
    """Nothing is waited for without end; for half a minute, which this test makes a second."""
    write_inputs(tmp_path)
    monkeypatch.setattr(dask_workers, "PATIENCE", 1.0)
    with cluster(0) as client:
        began = time.monotonic()
        with pytest.raises(InputError, match="client has had no worker for 1 s"):
            pyalign.run_study(tmp_path / "small.toml", client=client)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("client", ["tcp://127.0.0.1:1", object()])
def test_what_is_no_client_is_one_line_and_nothing_is_written(tmp_path, client):
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=r"client must be a distributed\.Client; got (str|object)"):
        pyalign.run_study(tmp_path / "small.toml", client=client)
    assert not (tmp_path / "small").exists()
