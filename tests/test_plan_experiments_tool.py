"""tools/plan_experiments.py: plans came true in the committed journals, and the journals are what the script makes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)
    yield load_from_tools("plan_experiments")
    sys.path[:] = before


@pytest.fixture(scope="module")
def rows(script):
    return list(script.rows_of(script.JOURNAL, script.PILOTS))


def test_standard_errors_were_predicted_within_a_tenth_and_power_within_four_points(script, rows):
    """But for the accuracy where one person gives half of the answers, whose own standard errors are too small."""
    assert len(rows) == 12
    for row in rows:
        assert row["draws"] == 2000
        assert row["error"] == pytest.approx(row["seen error"], rel=0.1), row["study"].name
        if (row["study"].name, row["figure"]) == (script.EXTREME, "accuracy"):
            assert row["power"] < row["seen power"]
            continue
        assert row["width"] == pytest.approx(row["seen width"], rel=0.1), row["study"].name
        assert row["power"] == pytest.approx(row["seen power"], abs=0.04), row["study"].name


def test_the_page_has_the_table_of_the_journals(script):
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    assert "\n".join(script.table()) in page


def test_a_hundred_draws_are_the_line_of_the_journal(script):
    """Of the smallest study; whoever goes on where the script was interrupted gets the same."""
    study = next(one for one in script.studies() if one.n == 30)
    lines = [one for one in script.read(script.JOURNAL) if (one.cell, one.chunk) == (study.name, 3)]
    for found, line in zip(script.run_chunk(study, 3), lines, strict=True):
        assert (found.quantity, found.draws, found.rejected) == (line.quantity, line.draws, line.rejected)
        assert found.squares == pytest.approx(line.squares, rel=1e-6)
        assert found.width == pytest.approx(line.width, rel=1e-6)


def test_a_pilot_is_the_line_of_the_journal(script):
    lines = [row for row in script.read_pilots(script.PILOTS) if (row["world"], row["pilot"]) == ("like THINGS", "7")]
    found = list(script.run_pilots("like THINGS", 7, 8))
    assert [{name: str(value) for name, value in one.items()} for one in found] == lines


@pytest.mark.usefixtures("data")
def test_the_components_of_things_are_those_of_the_page(script):
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    assert "\n".join(script.of_things()) in page
