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
    every = np.random.default_rng(5).normal(size=(3, 7))
    products = every @ every.T / script.TEMPERATURE
    p = np.exp([products[1, 2], products[0, 2], products[0, 1]])
    assert np.bincount(odd[0], minlength=3) / 40_000 == pytest.approx(p / p.sum(), abs=0.01)
    assert np.array_equal(x, every[:, :4])
    told = script.rows(np.array([[0, 1, 2]]), odd)
    assert np.array_equal(told[:, 2], odd[0]) and (np.sort(told, axis=1) == [0, 1, 2]).all()
    assert script.counted(odd).sum() == 40_000


def test_people_guess_as_often_as_they_are_asked_to(script):
    """Of one triplet: all of them, and of two people only the second, twice as often."""
    triplets, rate = np.array([[0, 1, 2]]), 0.3
    before, after = (script.drawn(triplets, np.random.default_rng(5), 90_000, None, lapses)[1][0]
                     for lapses in (0.0, rate))  # fmt: skip
    shares = np.bincount(before, minlength=3) / 90_000
    assert np.bincount(after, minlength=3) / 90_000 == pytest.approx((1 - rate) * shares + rate / 3, abs=0.01)
    who = np.arange(90_000)[None] % 2
    plain, guessed = (script.drawn(triplets, np.random.default_rng(5), 90_000, who, lapses)[1][0]
                      for lapses in (0.0, rate))  # fmt: skip
    assert np.array_equal(plain[::2], guessed[::2])
    shares = np.bincount(plain[1::2], minlength=3) / 45_000
    assert np.bincount(guessed[1::2], minlength=3) / 45_000 == pytest.approx(
        (1 - 2 * rate) * shares + 2 * rate / 3, abs=0.01
    )


def test_the_journal_is_of_all_cells(script, journal):
    assert {key[0] for key in journal} == {cell.name for cell in script.CELLS}
    assert all(one.draws >= 300 for one in journal.values())
    quantities = {key[2] for key in journal}
    assert quantities - {one for one in quantities if "majority " in one and "%" in one} == {
        "T", "cross-entropy", "accuracy", "fraction of ceiling", "JS distance", *script.FIGURES, "Brier score",
        "lapse rate", "cross-entropy with lapses", "gain", "lower ceiling", "estimate ceiling",
        "fraction of lower", "fraction of estimate",
    }  # fmt: skip


def test_intervals_hold_the_truth_in_92_to_97_percent_of_the_draws(script, journal):
    """Give or take two Monte Carlo errors."""
    for (cell, _, quantity, way), one in journal.items():
        there = one.draws - one.missing
        held = (there - one.below - one.above) / there
        noise = 2 * math.sqrt(held * (1 - held) / there)
        if way == script.PACKAGE and cell != FEW:
            assert 0.92 - noise <= held, (cell, quantity, held)
            assert held <= 0.97 + noise or near_bound(cell, quantity), (cell, quantity, held)


def near_bound(cell, quantity):
    """Where intervals hold more often than they say, as the page explains."""
    lapses = "lapses" in cell and quantity in ("lapse rate", "T")
    return lapses or ("20 people, by agreement" in cell and quantity.endswith("majority 50% to 60%"))


def test_without_lapses_intervals_of_temperatures_miss_those_of_people_who_pay_attention(script, journal):
    held = {}
    for (cell, _, quantity, way), one in journal.items():
        if quantity == "T" and cell.endswith("lapses"):
            held[cell, way] = 1 - (one.below + one.above) / (one.draws - one.missing)
    guessing = [key for key in held if key[0].endswith("15% lapses")]
    assert len(guessing) == 6
    assert all(held[key] < 0.25 if key[1] == "without lapses" else held[key] > 0.94 for key in guessing)


def test_intervals_of_lapse_rates_hold_nearly_always_where_nobody_lapses_and_as_they_say_elsewhere(script, journal):
    for (cell, _, quantity, _way), one in journal.items():
        if quantity == "lapse rate":
            held = 1 - (one.below + one.above) / (one.draws - one.missing)
            least, most = (0.975, 1.0) if " 0% lapses" in cell or " 5% lapses" in cell else (0.94, 0.985)
            assert least <= held <= most and one.missing <= 0.02 * one.draws, cell


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
        ("| the lower noise ceiling, the estimate, and fractions of them | objects |", "ceilings", False, None),
        ("| held-out Brier scores | objects |", "brier", False, None),
        ("| agreement by how far people agree | objects |", "bins", False, None),
        ("| lapse rates | objects |", "lapses", False, ("lapse rate",)),
        ("| temperatures with lapses | objects |", "lapses", False, ("T",)),
        ("| gains by lapses, held out | objects |", "lapses", False, ("gain", "cross-entropy with lapses")),
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
@pytest.mark.parametrize(
    ("name", "quantity"),
    [("60 objects, 2,000 triplets", "accuracy"), ("60 objects, 3,000 triplets, Brier score", "Brier score")],
)
def test_a_chunk_of_the_journal_is_what_the_tool_gives_again(script, name, quantity):
    """The first hundred draws of a cell, from their seeds."""
    (cell,) = [one for one in script.CELLS if one.name == name]
    (expected,) = [one for one in script.read(script.JOURNAL)
                   if (one.cell, one.chunk, one.quantity) == (cell.name, 0, quantity)]  # fmt: skip
    (found,) = [one for one in script.run_chunk(cell, 0) if one.quantity == quantity]
    for name in ("draws", "missing", "below", "above"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.width == pytest.approx(expected.width, rel=1e-6)
    assert found.squares == pytest.approx(expected.squares, rel=1e-6)


KINDS = ["calibration", "agreement", "fraction", "brier", "bins", "ceilings", "lapses"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_the_page_are_those_of_the_journal(script, kind):
    page = (ROOT / "docs" / "statistics-coverage.md").read_text(encoding="utf-8")
    assert "\n".join(script.table(script.read(script.JOURNAL), kind)) in page
