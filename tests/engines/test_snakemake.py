"""A study on Snakemake, one of whose jobs is killed, then its driver; the same command makes the rest: same bytes."""

from __future__ import annotations

import pytest
from cluster_study import by_request, skip
from support import load_from_tools

import pyalign

pytestmark = pytest.mark.usefixtures("moment", "ends")
MODELS = 1


@by_request
def test_a_job_and_a_driver_that_are_killed_leave_the_bytes_of_one_run(study):
    tool = load_from_tools("engines")
    if not tool.is_there("snakemake"):
        skip("Snakemake is not there: make engines")
    row = tool.run_snakemake(tool.environment_of("snakemake"), study.parent, 0)
    assert row == {"killed": 2, "commands": 3, "differences": 0}
    assert pyalign.run_unit(study, study.parent / "out0", "compare").how == "as it was"
