"""A study on a real SLURM, whose nodes are cut off while they run units: the folder is that of one run, to the byte."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from cluster_study import difference
from slurm_cluster import wait_until
from small_study import write_inputs

from pyalign.study.export import export_study
from pyalign.study.units import study_units

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moment", "ends")]
CUT_SHORT = "BeginTime"  # why a job waits whose node was lost: for two minutes, which a user may cut short


def submit(slurm, study, monkeypatch, minutes):
    """Submits the jobs of a study; gives its folder."""
    programs = f"{slurm.folder}{os.pathsep}{Path(sys.executable).parent}"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    export = export_study(study, slurm.folder / "out", "slurm", minutes=minutes, gpu=["--constraint=gpu"])
    Path(export.path).parent.mkdir()
    Path(export.path).write_bytes(export.text)
    slurm.run(*export.run)
    return slurm.folder / "out"


def finish(slurm):
    """Waits until no job is left."""
    while left := slurm.jobs():
        for job in (job for job, (_, reason, _) in left.items() if reason == CUT_SHORT):
            slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
        time.sleep(0.5)


@pytest.mark.parametrize("processes", ["are killed", "live on"])
def test_a_node_that_is_lost_while_it_makes_a_unit_leaves_the_bytes_of_one_run(slurm, study, monkeypatch, processes):
    """Its link goes down. Its processes are gone too, or they write on while SLURM starts the same units elsewhere."""
    units = study_units(study)
    assert len(units) >= 40 and sum(unit.id.endswith("of3") for unit in units) == 3
    out = submit(slurm, study, monkeypatch, minutes=0.2)
    wait_until(lambda: slurm.makes("cpu1", out), 120)
    slurm.cut("cpu1", and_kill=processes == "are killed")
    finish(slurm)
    assert "due to failure of node cpu1" in (slurm.work / "controller.log").read_text()
    assert not difference(study.parent / "serial", out), slurm.logs()


def test_a_unit_that_fails_leaves_no_job_that_waits(slurm, monkeypatch):
    """What needs it ends with 75 at last, and the last job fails and says what is missing. Pauses are short here."""
    (slurm.folder / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.2\n")
    (slurm.folder / "sleep").chmod(0o755)
    write_inputs(slurm.folder)
    answers = slurm.folder / "t.csv"
    once = {tuple(sorted(row.split(",")[:3])): row for row in answers.read_text().splitlines()}
    answers.write_text("\n".join(once.values()) + "\n")  # nobody answers what another has answered: no ceiling
    path = slurm.folder / "small.toml"
    path.write_text(path.read_text().partition("[steps.compare]")[0])
    submit(slurm, path, monkeypatch, minutes=5)
    finish(slurm)
    assert "needs ceiling" in slurm.printed() and "answered at least twice" in slurm.printed()
