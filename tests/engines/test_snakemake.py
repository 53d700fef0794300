"""A study on Snakemake, one of whose jobs is killed, then its driver; the same command makes the rest: same bytes."""

from __future__ import annotations

import os

import pytest
from support import load_from_tools

import pyalign

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moment", "ends")]
MODELS = 1
REQUIRED = "PYALIGN_REQUIRE_SNAKEMAKE"  # set where a skipped test is a failure


def test_a_job_and_a_driver_that_are_killed_leave_the_bytes_of_one_run(study):
    tool = load_from_tools("engines")
    if not tool.is_there("snakemake"):
        reason = "Snakemake is not there: python tools/engines.py --install snakemake"
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)
    row = tool.run_snakemake(tool.environment_of("snakemake"), study.parent, 0)
    assert row == {"killed": 2, "commands": 3, "differences": 0}
    again = pyalign.run_study(study, study.parent / "out0")
    assert {step.how for step in again.steps if step.name != "report"} == {"as it was"}
