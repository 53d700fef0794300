"""A study on a real SLURM, whose nodes are cut off while they run units: the folder is that of one run, to the byte."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from cluster_study import difference
from slurm_cluster import wait_until

from pyalign.study.export import export_study
from pyalign.study.plan import study_units

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moment")]
SECONDS = 420  # that a run may take on a busy machine


def submit(slurm, study, monkeypatch, minutes, pauses=b"15 30 60 0"):
    """Submits the jobs of a study, with other pauses after attempts if asked; gives its folder."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    export = export_study(study, slurm.folder / "out", "slurm", minutes=minutes, gpu=["--constraint=gpu"])
    Path(export.path).parent.mkdir()
    Path(export.path).write_bytes(export.text.replace(b"15 30 60 0", pauses))
    slurm.run(*export.run)
    return slurm.folder / "out"


def logs(out):
    return "\n".join(f"{path.name}: {path.read_text()}" for path in sorted((out / ".slurm").glob("*.out")))


def finish(slurm, out):
    """Waits until no job is left. A job whose node was lost waits for two minutes, which a user may cut short."""
    end = time.monotonic() + SECONDS
    while left := slurm.jobs():
        assert time.monotonic() < end, f"{left}\n{logs(out)}"
        for job in (job for job, state in left.items() if state == ("PENDING",)):
            slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
        time.sleep(1)


def test_array_jobs_give_the_bytes_of_one_run(slurm, study, monkeypatch):
    units = study_units(study)
    assert len(units) >= 40 and sum(unit.id.endswith("of3") for unit in units) == 3
    out = submit(slurm, study, monkeypatch, minutes=0.2)
    finish(slurm, out)
    assert not difference(study.parent / "serial", out), logs(out)


@pytest.mark.parametrize("processes", ["are killed", "live on"])
def test_a_node_that_is_lost_while_it_makes_a_unit_leaves_the_bytes_of_one_run(slurm, study, monkeypatch, processes):
    """Its link goes down. Its processes are gone too, or they write on while SLURM starts the same units elsewhere."""
    out = submit(slurm, study, monkeypatch, minutes=0.2)
    wait_until(lambda: slurm.makes("cpu1", out), 60, lambda: f"{slurm.jobs()}\n{logs(out)}")
    slurm.cut("cpu1", and_kill=processes == "are killed")
    finish(slurm, out)
    assert (
        "NODE_FAIL" in (slurm.work / "controller.log").read_text()
        or "due to failure of node cpu1" in (slurm.work / "controller.log").read_text()
    )
    assert not difference(study.parent / "serial", out), logs(out)


def test_a_unit_that_fails_leaves_no_job_that_waits(slurm, study, monkeypatch):
    """What needs it ends with 75, and the last job fails and says what is missing."""
    text = (
        study.read_text()
        .replace("[steps.ceiling]", "[steps.ceiling]\nconfidence_level = 7")
        .replace("[steps.neighbors]\n", "")
    )
    failing = study.with_name("failing.toml")
    failing.write_text(text.replace("[steps.near_duplicates]\nthreshold = 0.9\n", ""))
    out = submit(slurm, failing, monkeypatch, minutes=5, pauses=b"1 0")
    finish(slurm, out)
    assert "needs ceiling" in logs(out) and "confidence_level must" in logs(out)
