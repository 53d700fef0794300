"""What the tests of engines share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # slurm_cluster.py

import slurm_cluster


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A SLURM of two nodes, whose commands run in its `folder`; see slurm_cluster.py."""
    reason = slurm_cluster.why_not()
    if reason:
        (pytest.fail if os.environ.get(slurm_cluster.REQUIRED) else pytest.skip)(reason)
    place = tmp_path_factory.mktemp("slurm")
    (place / "files").mkdir()
    with slurm_cluster.Slurm(place / "cluster", place / "files") as cluster:
        yield cluster
