"""What `make audit` makes of pip-audit's document, and which lowest releases were tried."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "audit.py"
HOLE = {"id": "CVE-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
SOUND = {"name": "a", "version": "1.0", "vulns": []}
BROKEN = {"name": "b", "version": "1.0", "vulns": [HOLE]}
SILENT = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "lines", "well"),
    [
        ([SOUND], ["known holes: 0; packages that the index tells of: 1"], True),
        ([SOUND, SILENT], ["known holes: 0; packages that the index tells of: 1", "it tells nothing of 1: c"], True),
        (
            [SOUND, BROKEN],
            ["b 1.0: CVE-1, mended in 1.1", "known holes: 1; packages that the index tells of: 2"],
            False,
        ),
        ([SILENT], ["known holes: 0; packages that the index tells of: 0", "it tells nothing of 1: c"], False),
        ([], ["known holes: 0; packages that the index tells of: 0"], False),
    ],
)
def test_an_audit_is_well_where_packages_are_known_and_none_has_a_hole(packages, lines, well):
    assert runpy.run_path(str(TOOL))["judged"](packages) == (lines, well)


def test_hostile_folders_were_tried_with_the_lowest_releases_that_are_allowed():
    lowest = runpy.run_path(str(TOOL.with_name("lowest_versions.py")))["lowest"]()
    with open(TOOL.with_name("lowest_versions.csv"), newline="") as handle:
        rows = [*csv.DictReader(handle)]
    tried = {row["name"]: row["value"] for row in rows if row["kind"] == "release"}
    assert tried.keys() == lowest.keys() and {"torch", "transformers", "sentence-transformers"} <= lowest.keys()
    for name, version in lowest.items():
        parts = tried[name].partition("+")[0].split(".")
        assert parts[: len(version.split("."))] == version.split("."), f"{name}: lowest_versions.py versions --write"
        assert not any(map(int, parts[len(version.split(".")) :])), f"{name} {tried[name]} is not {version}"
    passed = {row["name"]: row["value"].split(" of ") for row in rows if row["kind"] == "passed"}
    sources = ("transformers", "timm", "torchvision", "open_clip")
    assert passed.keys() == {*(f"test_sources_{name}" for name in sources), "test_onnx", "test_torch_texts"}
    assert all(good == count for good, count in passed.values())


def test_the_triton_kernels_were_tried_with_the_lowest_release_that_is_allowed():
    lowest = runpy.run_path(str(TOOL.with_name("lowest_versions.py")))["lowest_triton"]()
    with open(TOOL.with_name("lowest_triton.csv"), newline="") as handle:
        rows = {(row["kind"], row["name"]): row["value"] for row in csv.DictReader(handle)}
    assert rows.pop(("release", "triton")) == lowest, "tools/lowest_versions.py triton --write"
    assert int(rows.pop(("passed", "tests/triton"))) > 200
    assert {name for _, name in rows} == {"sm_80", "sm_90", "sm_100", "sm_120"}
    assert all(value.endswith(" kernels") for value in rows.values())
