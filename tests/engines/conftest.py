"""What the tests of engines share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # cluster_study.py, slurm_cluster.py

import slurm_cluster
from cluster_study import EPOCH, run_serially, write_study


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
def slurm(tmp_path):
    """A SLURM of two nodes; see slurm_cluster.py."""
    reason = slurm_cluster.why_not()
    if reason:
        (pytest.fail if os.environ.get(slurm_cluster.REQUIRED) else pytest.skip)(reason)
    with slurm_cluster.Slurm(tmp_path / "cluster", tmp_path) as cluster:
        yield cluster
