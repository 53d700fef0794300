"""What `make audit` makes of pip-audit's document."""

from __future__ import annotations

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
