"""What the tests of engines share."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # cluster_study.py, slurm_cluster.py

import slurm_cluster
from cluster_study import EPOCH, run_serially, skip, write_study

STILL = 180  # seconds without a unit that begins or ends
LOOK = 5  # seconds between two looks


@pytest.fixture(scope="module")
def study(tmp_path_factory, request):
    """The file of a study; next to it is `serial`, the folder of the run that all others are compared with."""
    folder = tmp_path_factory.mktemp("study")
    path = write_study(folder, getattr(request.module, "MODELS", 16))
    run_serially(path, folder / "serial")
    return path


@pytest.fixture
def moment(tmp_path, monkeypatch):
    """Documents say the moment that those of `study` say; outside a clone, whose sources Python would import."""
    monkeypatch.chdir(tmp_path)
    for name, value in EPOCH.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ends(tmp_path, tmp_path_factory):
    """A test fails when for STILL seconds no unit has begun or ended, with what its engine has written.

    A busy machine makes a test slow, and an engine that waits for what does not come would wait for ever.
    """
    logs, seen = [], {"units": None, "when": 0.0}

    def look(*_):
        base = tmp_path_factory.getbasetemp()
        units = {path for folder in (tmp_path.name, "study*") for path in base.glob(f"{folder}/*/records/*")}
        if units != seen["units"]:
            seen.update(units=units, when=time.monotonic())
        elif time.monotonic() - seen["when"] > STILL:
            signal.setitimer(signal.ITIMER_REAL, 0)
            pytest.fail("\n".join([f"no unit has begun or ended for {STILL} s", *(log() for log in logs)]))

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK, LOOK)
    yield logs.append
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def slurm(tmp_path, ends):
    """A SLURM of two nodes; see slurm_cluster.py."""
    if reason := slurm_cluster.why_not():
        skip(reason)
    with slurm_cluster.Slurm(tmp_path / "cluster", tmp_path) as cluster:
        ends(cluster.logs)
        yield cluster
