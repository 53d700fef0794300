"""tools/coverage_probabilities.py: its world has the effects of THINGS, its journal holds what is asked."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]
FEW = "60 objects, 600 triplets"  # some 60 of which are held out: intervals are wider than they need to be


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)
    yield load_from_tools("coverage_probabilities")
    sys.path[:] = before


@pytest.fixture(scope="module")
def journal(script):
    return script.summed(script.read(script.JOURNAL))


def test_credits_share_what_those_of_clip_do_in_things(script):
    """.009 by an object and .0044 by a person."""
    assert script.effects() == pytest.approx((0.0085, 0.0045), abs=0.002)


def test_people_choose_by_the_softmax_and_answers_become_rows(script):
    """Of one triplet, answered very often."""
    x, odd = script.drawn(np.array([[0, 1, 2]]), np.random.default_rng(5), 40_000)
    every = np.random.default_rng(5).normal(size=(3, script.SEEN + script.UNSEEN))
    products = every @ every.T / script.TEMPERATURE
    p = np.exp([products[1, 2], products[0, 2], products[0, 1]])
    assert np.bincount(odd[0], minlength=3) / 40_000 == pytest.approx(p / p.sum(), abs=0.01)
    assert np.array_equal(x, every[:, : script.SEEN])
    told = script.rows(np.array([[0, 1, 2]]), odd)
    assert np.array_equal(told[:, 2], odd[0]) and (np.sort(told, axis=1) == [0, 1, 2]).all()
    assert script.counted(odd).sum() == 40_000


def test_the_journal_is_of_all_cells(script, journal):
    assert {key[0] for key in journal} == {cell.name for cell in script.CELLS}
    assert all(one.draws >= 300 for one in journal.values())
    quantities = {key[2] for key in journal}
    assert quantities == {"T", "cross-entropy", "accuracy", "fraction of ceiling", "JS distance", *script.FIGURES}


def test_intervals_hold_the_truth_in_92_to_97_percent_of_the_draws(script, journal):
    """Give or take two Monte Carlo errors."""
    for (cell, _, quantity, way), one in journal.items():
        there = one.draws - one.missing
        held = (there - one.below - one.above) / there
        noise = 2 * math.sqrt(held * (1 - held) / there)
        if way == script.PACKAGE and cell != FEW:
            assert 0.92 - noise <= held <= 0.97 + noise, (cell, quantity, held)


def test_temperatures_miss_at_most_4_5_percent_on_either_side(script, journal):
    """Those in log T miss nearly only on one side where triplets are few."""
    for (cell, _, quantity, way), one in journal.items():
        if quantity == "T" and way == script.PACKAGE:
            assert one.below <= 0.045 * one.draws and one.above <= 0.045 * one.draws, cell
    few = journal[FEW, 0, "T", script.LOG]
    assert few.above > 5 * few.below


@pytest.mark.parametrize(
    ("row", "kind", "people", "quantities"),
    [
        ("| held-out cross-entropy and accuracy at the fitted temperature | objects |", "calibration", False,
         ("cross-entropy", "accuracy")),
        ("| agreement with many people | objects |", "agreement", False, None),
        ("| the same | objects and participants | 92.0", "agreement", True, None),
        ("| the fraction of a noise ceiling of the same answers | objects |", "fraction", False, None),
    ],
)  # fmt: skip
def test_the_summary_of_the_docs_has_the_range_of_the_journal(script, journal, row, kind, people, quantities):
    names = {cell.name for cell in script.CELLS if cell.kind == kind and ("people" in cell.name) == people} - {FEW}
    rates = [100 * (1 - (one.below + one.above) / (one.draws - one.missing))
             for (cell, _, quantity, way), one in journal.items()
             if cell in names and way == script.PACKAGE and (quantities is None or quantity in quantities)]  # fmt: skip
    told = f"{min(rates):.1f} to {max(rates):.1f}%" if len(rates) > 1 else f"{rates[0]:.1f}%"
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    (line,) = [one for one in page.splitlines() if one.startswith(row)]
    assert line.endswith(f"| {told} |")


@pytest.mark.slow
def test_a_chunk_of_the_journal_is_what_the_tool_gives_again(script):
    """The first hundred draws of a cell, from their seeds."""
    cell = script.CELLS[1]
    (expected,) = [one for one in script.read(script.JOURNAL)
                   if (one.cell, one.chunk, one.quantity) == (cell.name, 0, "accuracy")]  # fmt: skip
    (found,) = [one for one in script.run_chunk(cell, 0) if one.quantity == "accuracy"]
    for name in ("draws", "missing", "below", "above"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.width == pytest.approx(expected.width, rel=1e-6)
    assert found.squares == pytest.approx(expected.squares, rel=1e-6)


@pytest.mark.parametrize("kind", ["calibration", "agreement", "fraction"])
def test_the_tables_of_the_page_are_those_of_the_journal(script, kind):
    page = (ROOT / "docs" / "statistics-coverage.md").read_text(encoding="utf-8")
    assert "\n".join(script.table(script.read(script.JOURNAL), kind)) in page
