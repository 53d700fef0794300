"""A study on the workers of a Dask client, which are killed, run out of memory or lose their scheduler: same bytes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cluster_study import by_request, difference
from small_study import write_inputs

import pyalign
from pyalign.errors import InputError
from pyalign.study.dask import DaskWorkers
from pyalign.study.maker import maker_of

pytestmark = pytest.mark.usefixtures("moment")
distributed = pytest.importorskip("distributed")
MODELS = 1  # of the study, whose 14 units are processes of their own


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


def workers_at_units(folder):
    """The processes of workers whose commands make units at the moment."""
    found = {}
    for path in (folder / "records").glob("*.claim"):
        with suppress(OSError, ValueError, IndexError):  # it is not written yet, or done by now
            (command,) = re.findall(r"-(\d+)-", path.read_text())
            found[int(Path(f"/proc/{command}/stat").read_text().rpartition(")")[2].split()[1])] = path.name
    return found


def after_units(folder, count, action):
    """Calls `action` in a thread, again until it is true, as soon as so many units are done."""

    def watch():
        while len([*(folder / "records").glob("*.json")]) < count or not action():
            time.sleep(0.01)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


# More memory than a worker's limit, until it is killed; and nothing the second time. It is text, since workers can't
# import this module, and a worker that can't read a task is lost.
EAT = """
import os, time
if not os.path.exists(seen):
    open(seen, "w").close()
    kept = []
    while True:
        kept.append(b"x" * 20_000_000)
        time.sleep(0.02)
"""


@by_request
def test_workers_that_are_killed_or_run_out_of_memory_leave_the_bytes_of_one_run(study, ends):
    """Two by SIGKILL, in the middle of units, and one for its memory limit."""
    out, killed = study.parent / "killed", []

    def kill():
        workers = [pid for pid in workers_at_units(out) if pid not in killed]
        with suppress(ProcessLookupError):
            for pid in workers[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            return workers
        return []

    with cluster(workers=4, memory_limit="600MB") as client:
        ends(lambda: f"{client.scheduler_info(n_workers=-1)}\n{os.listdir(out / 'records')}")
        eaten = client.submit(exec, EAT, {"seen": str(study.parent / "eaten")}, key="eat", priority=10)
        threads = [after_units(out, count, kill) for count in (1, 6)]
        result = pyalign.run_study(study, out, client=client)
        for thread in threads:
            thread.join(60)
        assert not result.failed and len({*killed}) == 2
        assert eaten.result(60) is None and (study.parent / "eaten").exists()
        assert not difference(study.parent / "serial", out)


@by_request
def test_a_scheduler_that_is_lost_is_one_line_and_the_same_call_makes_the_rest(study, ends):
    out, processes = study.parent / "restarted", []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def start(program, *words):
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *words]
        processes.append(subprocess.Popen([*command, "--no-dashboard"], stdin=subprocess.DEVNULL))
        return processes[-1]

    def start_all():
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port))
        for _ in range(2):
            start("worker", f"127.0.0.1:{port}", "--nthreads", "1", "--no-nanny", "--death-timeout", "60")
        return scheduler

    def lose():
        scheduler.kill()
        return True

    try:
        scheduler = start_all()
        with distributed.Client(f"127.0.0.1:{port}", timeout=60) as client:
            after_units(out, 3, lose)
            with pytest.raises(InputError, match="client has lost its scheduler; what is done stays"):
                pyalign.run_study(study, out, client=client)
        done = sum(unit.done for unit in pyalign.study_units(study, out) if "of3" not in unit.id)
        start_all()
        with distributed.Client(f"127.0.0.1:{port}", timeout=60) as client:
            result = pyalign.run_study(study, out, client=client)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert not result.failed and not difference(study.parent / "serial", out)
    assert sum(step.how == "as it was" for step in result.steps) >= done


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
    }
    assert result.failed[0].reason.startswith("n_permutations must be")
    assert not difference(tmp_path / "serial", tmp_path / "out")


def test_a_client_without_workers_is_one_line(tmp_path):
    """Nothing is waited for without end: half a minute for the first worker, and here half a second."""
    write_inputs(tmp_path)
    maker = maker_of(tmp_path / "small.toml", tmp_path / "out", shards=None, progress=None)
    with cluster(0) as client:
        assert DaskWorkers(maker, client, None).patience == 30
        with DaskWorkers(maker, client, None, patience=0.5) as workers:
            workers.start(maker.plan.by_id["ceiling"])
            with pytest.raises(InputError, match=r"client has had no worker for 0\.5 s; what is done stays"):
                workers.results(None)


@pytest.mark.parametrize("client", ["tcp://127.0.0.1:1", object()])
def test_what_is_no_client_is_one_line_and_nothing_is_written(tmp_path, client):
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=r"client must be a distributed\.Client; got (str|object)"):
        pyalign.run_study(tmp_path / "small.toml", client=client)
    assert not (tmp_path / "small").exists()
