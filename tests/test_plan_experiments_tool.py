"""tools/plan_experiments.py, chosen_triplets.py: plans came true in the committed journals, which the scripts make."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def load():
    before = list(sys.path)
    yield load_from_tools
    sys.path[:] = before


@pytest.fixture(scope="module")
def chosen(load):
    return load("chosen_triplets")


@pytest.fixture(scope="module")
def plans(load):
    return load("plan_experiments")


@pytest.fixture(scope="module")
def lines(chosen):
    return chosen.read(chosen.JOURNAL)


def test_chosen_triplets_take_fewer_answers(chosen, lines):
    random = chosen.needed(lines, 0.0)
    assert random / chosen.needed(lines, 1.0) > 1.5
    assert random / chosen.needed(lines, 0.5) > 1.3


def test_weighted_intervals_hold_and_others_do_not(chosen, lines):
    """Within three Monte Carlo errors of 93 to 97 %; half-chosen answers without weights are about something else."""
    held = {key: 1 - (one.below + one.above) / one.draws for key, one in chosen.summed(lines).items()}
    weighted = {key: rate for key, rate in held.items() if key[3] == chosen.WEIGHTED}
    for (cell, _, quantity, _), rate in weighted.items():
        if "share 1," not in cell or quantity == "difference":
            assert 0.93 - 0.03 < rate < 0.97 + 0.02, (cell, quantity)
    assert held["200 objects, share 0.5, 6,000 triplets", 0, "CLIP", chosen.PLAIN] < 0.1
    assert held["THINGS, share 0.5, 1,500 triplets", 0, "CLIP", chosen.PLAIN] < 0.5


def test_the_page_has_the_tables_of_the_journal(chosen, lines):
    page = (ROOT / "docs" / "sampling.md").read_text(encoding="utf-8")
    shown = page.partition(chosen.BEGIN)[2].partition(chosen.END)[0]
    assert shown.strip() == "\n".join(chosen.table(lines)).strip()


def test_a_draw_is_the_same_whenever_it_is_made(chosen):
    cell = chosen.Cell("small", 0.5, 40, chosen.World(chosen.balanced(15, 160), chosen.OF_THINGS, (0.5, 0.5)))
    assert chosen.run_chunk(cell, 3, 2) == chosen.run_chunk(cell, 3, 2)
    assert chosen.run_chunk(cell, 3, 2) != chosen.run_chunk(cell, 4, 2)


def test_standard_errors_were_predicted_within_a_tenth_and_power_within_four_points(plans):
    """But for the accuracy where one person gives half of the answers, whose own standard errors are too small."""
    rows = list(plans.rows_of(plans.JOURNAL, plans.PILOTS))
    assert len(rows) == 12
    for row in rows:
        assert row["draws"] == 2000
        assert row["error"] == pytest.approx(row["seen error"], rel=0.1), row["study"].name
        if (row["study"].name, row["figure"]) == (plans.EXTREME, "accuracy"):
            assert row["power"] < row["seen power"]
            continue
        assert row["width"] == pytest.approx(row["seen width"], rel=0.1), row["study"].name
        assert row["power"] == pytest.approx(row["seen power"], abs=0.04), row["study"].name


def test_the_page_has_the_table_of_the_journals(plans):
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    assert "\n".join(plans.table()) in page


def test_a_hundred_draws_are_the_line_of_the_journal(plans):
    """Of the smallest study; whoever goes on where it was interrupted gets the same."""
    study = next(one for one in plans.studies() if one.n == 30)
    lines = [one for one in plans.read(plans.JOURNAL) if (one.cell, one.chunk) == (study.name, 3)]
    for found, line in zip(plans.run_chunk(study, 3), lines, strict=True):
        assert (found.quantity, found.draws, found.rejected) == (line.quantity, line.draws, line.rejected)
        assert found.squares == pytest.approx(line.squares, rel=1e-6)
        assert found.width == pytest.approx(line.width, rel=1e-6)


def test_a_pilot_is_the_line_of_the_journal(plans):
    lines = [row for row in plans.read_pilots(plans.PILOTS) if (row["world"], row["pilot"]) == ("like THINGS", "7")]
    found = list(plans.run_pilots("like THINGS", 7, 8))
    assert [{name: str(value) for name, value in one.items()} for one in found] == lines


@pytest.mark.usefixtures("data")
def test_the_components_of_things_are_those_of_the_page(plans):
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    assert "\n".join(plans.of_things()) in page
