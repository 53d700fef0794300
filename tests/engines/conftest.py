"""What the tests of engines share."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # cluster_study.py, slurm_cluster.py

import slurm_cluster
from cluster_study import EPOCH, run_serially, skip, write_study

LONGEST = 240  # seconds; a busy machine takes half of them


@pytest.fixture(scope="module")
def study(tmp_path_factory, request):
    """The file of a study; next to it is `serial`, the folder of the run that all others are compared with."""
    folder = tmp_path_factory.mktemp("study")
    path = write_study(folder, getattr(request.module, "MODELS", 16))
    run_serially(path, folder / "serial")
    return path


@pytest.fixture
def moment(monkeypatch):
    """Documents say the moment that those of `study` say."""
    for name, value in EPOCH.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ends(request):
    """A test that waits for what does not come fails after LONGEST seconds, with what its engine has written."""
    logs = []

    def late(*_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        pytest.fail("\n".join([f"it has not ended after {LONGEST} s", *(log() for log in logs)]))

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
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
