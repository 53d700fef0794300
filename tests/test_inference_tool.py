"""tools/inference.py: its worlds have the effects that they say, and its journal the same lines however it is made."""

from __future__ import annotations

import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from support import load_from_tools

from pyalign.documents import Interval

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)
    yield load_from_tools("inference")
    sys.path[:] = before


@pytest.fixture(scope="module")
def worlds(script):
    return sys.modules["inference_worlds"]


def cell_of(worlds, name):
    (found,) = [cell for cell in worlds.cells() if cell.name == name]
    return found


def small(worlds, count=3):
    """A cell that takes no time."""
    world = worlds.World(worlds.balanced(12, 60), worlds.OF_THINGS, (0.5,) * count)
    return worlds.Cell("compare", f"{count} models of a test", (world,))


# Worlds


@pytest.mark.parametrize(
    ("effects", "of_one", "of_two"), [("OF_THINGS", 0.0072, 0.0052), ("WITHIN_CONCEPTS", 0.018, 0.018), ("NONE", 0, 0)]
)
def test_credits_share_what_they_should(script, worlds, effects, of_one, of_two):
    """With an object in common: credits of one model, and differences of two; all with a share of a thousandth."""
    rng, found = np.random.default_rng(0), []
    world = worlds.World(worlds.balanced(600, 60_000), getattr(worlds, effects), (0.5, 0.5))
    for _ in range(4):
        triplets, _ = world.design(rng)
        credits = world.credits(triplets, None, rng).astype(float)
        found.append([script.shared(one, triplets) for one in (credits[0], credits[0] - credits[1])])
    assert np.mean(found, axis=0) == pytest.approx([of_one, of_two], abs=0.0015)


@pytest.mark.parametrize("truth", [0.5, 0.9655])
def test_models_are_right_as_often_as_they_should_be(worlds, truth):
    """Whoever answers, on objects that occur once."""
    rng, effects = np.random.default_rng(1), worlds.Effects(0.0044, 0.0069, 0.03)
    triplets = np.arange(300_000).reshape(-1, 3)
    world = worlds.World(worlds.balanced(9, 9), effects, (truth, 0.5))
    means = world.credits(triplets, np.arange(100_000), rng).mean(axis=1)
    assert means == pytest.approx([truth, 0.5], abs=5 * 0.5 / np.sqrt(100_000))


def test_people_share_what_they_should(script, worlds):
    rng, people = np.random.default_rng(2), np.arange(100_000) % 2000
    world = worlds.World(worlds.balanced(9, 9), worlds.Effects(0.0, 0.0, 0.0069), (0.5,))
    triplets = np.arange(300_000).reshape(-1, 3)
    credits = world.credits(triplets, people, rng)[0].astype(float)
    assert script.shared(credits, people[:, None]) == pytest.approx(0.0044, abs=0.0012)


def test_designs_are_as_skewed_as_they_say(worlds):
    rng = np.random.default_rng(3)
    triplets, people = worlds.by_rank(100, 20_000)(rng)
    counts = np.bincount(triplets.ravel(), minlength=100)
    assert people is None and all(len(set(row)) == 3 for row in triplets[:500].tolist())
    assert counts[0] > 1.4 * counts[1] > 1.4 * counts[9] and counts[9] == pytest.approx(10 * counts[99], rel=0.5)
    _, people = worlds.answered_by(30, 3000, 30, True)(rng)
    counts = np.bincount(people)
    assert len(counts) == 30 and counts[0] == 1500 and 51 <= counts[1:].min() <= counts[1:].max() <= 52


@pytest.mark.usefixtures("data")
def test_concepts_have_the_triplets_of_things(worlds):
    designs = worlds.concept_designs(worlds.THINGS)
    assert len(designs) == 49 and sum(len(one) for one in designs) == 127_304
    for one in designs:
        assert one.min() == 0 and len(np.unique(one)) == one.max() + 1


# The journal


def test_an_interrupted_journal_goes_on_and_ends_the_same(script, worlds, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "CHUNK", 3)
    monkeypatch.setattr(script, "cells", lambda things: iter([small(worlds)]))
    calls, real = [], script.run_chunk

    def run_chunk(cell, chunk, ways):
        calls.append((chunk, *ways))
        return real(cell, chunk, ways, 3)

    monkeypatch.setattr(script, "run_chunk", run_chunk)

    def run(path, *args):
        monkeypatch.setattr(sys, "argv", ["inference.py", "--out", str(path), *args])
        assert script.main() == 0

    whole, pieces = tmp_path / "whole.csv", tmp_path / "pieces.csv"
    run(whole, "--draws", "6", "--ways", "t, n - 1", "pyalign")
    run(pieces, "--draws", "3", "--ways", "pyalign")
    run(pieces, "--draws", "6", "--ways", "t, n - 1", "pyalign")
    assert sorted(whole.read_text().splitlines()) == sorted(pieces.read_text().splitlines())
    assert calls[2:] == [(0, "pyalign"), (0, "t, n - 1"), (1, "t, n - 1", "pyalign")]
    run(pieces, "--draws", "6", "--ways", "t, n - 1", "pyalign")
    assert len(calls) == 5


def test_lines_are_the_same_for_any_number_of_threads(script, worlds, set_threads):
    seen = []
    for threads in (1, 2, 3):
        set_threads(threads)
        seen.append(script.run_chunk(small(worlds), 0, script.WAYS, 4))
    assert seen[0] == seen[1] == seen[2] and {one.way for one in seen[0]} == set(script.WAYS) - {"no minimum"}


def test_a_line_counts_what_became_of_each_interval(script):
    def line(truth, interval):
        return script.Tally("cell", 0, "difference", "way", 0, **script.of_interval(interval, 0.3, truth))

    interval = Interval(0.1, 0.5, 0.1, "objects", "corrected", 0.95)
    assert (line(0.2, interval).below, line(0.2, interval).above, line(0.2, interval).rejected) == (0, 0, 1)
    assert (line(0.05, interval).below, line(0.7, interval).above) == (1, 1)
    assert line(0.2, replace(interval, low=-0.1)).rejected == 0 and line(0.2, None).missing == 1
    both = line(0.2, interval).plus(line(0.05, interval))
    assert (both.draws, both.below, both.width) == (2, 1, pytest.approx(0.8))
    assert both.sd == pytest.approx(np.std([0.1, 0.25]))


def test_a_row_has_what_its_lines_add_up_to(script, worlds):
    """Two chunks of 100 draws: errors of estimates -.1 and .1, widths of .392, which is what a sd of .1 asks for."""
    cell = worlds.Cell("power", "a cell", (worlds.World(worlds.balanced(9, 9), worlds.NONE, (0.78, 0.5)),))
    numbers = {"draws": 100, "below": 2, "above": 3, "rejected": 70, "width": 39.2, "estimate": 0.0, "squares": 1.0}
    lines = [script.Tally("a cell", 0, "difference", "pyalign", chunk, **numbers) for chunk in (1, 0)]
    lines.append(script.Tally("a cell", 0, "any equal pair, Holm", "pyalign", 0, draws=100, rejected=4))
    assert script.table(lines, "power", [cell])[2:] == [
        "| a cell | any equal pair, Holm | pyalign | 100 |  |  |  | 4.0 ± 2.0 |  |",
        "| a cell | difference | pyalign | 200 | 95.0 ± 1.5 | 2.0, 3.0 | 1.00 | 70.0 ± 3.2 | 80.0 |",
    ]
    assert script.table(lines, "score", [cell])[2:] == []


def test_rates_have_their_monte_carlo_error(script):
    assert script.share(95, 100) == "95.0 ± 2.2" and script.share(0, 100) == "0.0 ± 0.0"


def test_power_is_held_against_a_test_that_knows_the_standard_deviation(script):
    assert script._power(0.0) == pytest.approx(0.05, abs=1e-4)
    assert script._power(script.IDEAL) == pytest.approx(0.5, abs=1e-4)
    assert script._power(2.8) == pytest.approx(0.7995, abs=1e-3)


# What is committed


def test_every_cell_is_in_the_journal_and_the_tables_of_the_docs_are_made_from_it(script, worlds):
    lines, page = script.read(script.JOURNAL), (ROOT / "docs" / "small-samples.md").read_text(encoding="utf-8")
    every = list(worlds.cells())
    assert {one.cell for one in lines} == {cell.name for cell in every}
    for kind in dict.fromkeys(cell.kind for cell in every):
        assert "\n".join(script.table(lines, kind, every)) in page, kind


def lines_again(script, cell, chunks=3):
    """Lines of the journal of the first parts of a cell, computed again: the same."""
    parts = max(1, len(cell.worlds))
    before = {
        (one.part, one.quantity, one.chunk): astuple(one)[4:]
        for one in script.read(script.JOURNAL)
        if (one.cell, one.way) == (cell.name, "pyalign") and one.part < parts and one.chunk < chunks
    }
    now = [line for k in range(chunks) for line in script.run_chunk(cell, k, {"pyalign": script.WAYS["pyalign"]})]
    assert {(one.part, one.quantity, one.chunk) for one in now} == set(before)
    for one in now:
        known = before[one.part, one.quantity, one.chunk]
        assert known == pytest.approx(astuple(one)[4:], rel=1e-6, abs=1e-9)
    return script.summed(now)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("2 equal models, 60 objects, 2,000 triplets", "difference"),
        ("2 models, 0.57 and 0.5, 60 objects, 2,000 triplets", "difference"),
        ("100 objects by 1/rank, 1,000 triplets", "accuracy"),
        ("100 objects, 3,000 triplets, 30 people, one gives half of the answers", "accuracy"),
        ("truth 0.9655, 30 objects, 60 triplets", "accuracy"),
        ("8 objects, 300 triplets, effects .018", "difference"),
        ("4 people, unlike, 100 objects, 3,000 triplets", "accuracy"),
    ],
)
def test_lines_of_the_journal_come_again(script, worlds, name, quantity):
    """300 draws of a cell; intervals hold the truth as often as they should, within two errors of so many draws."""
    whole = lines_again(script, cell_of(worlds, name))[name, 0, quantity, "pyalign"]
    held = 1 - (whole.below + whole.above) / whole.draws
    assert whole.draws == 300 and held > 0.92 - 0.025 and max(whole.below, whole.above) <= 0.07 * whole.draws


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "quantities"),
    [
        ("10 equal models, 60 objects, 2,000 triplets", ("any equal pair, Holm", "any equal pair, max-t")),
        (
            "10 equal models against the first, 60 objects, 2,000 triplets",
            ("any against the first, Holm", "any against the first, max-t"),
        ),
        ("2 models, 0.55 and 0.5, 200 objects, 6,000 triplets, margin 0.05", ("equivalence",)),
    ],
)
def test_lines_about_tests_come_again(script, worlds, name, quantities):
    """300 draws of a cell; they reject in at most 6.5 %, within two errors of so many draws."""
    found = lines_again(script, cell_of(worlds, name))
    for quantity in quantities:
        whole = found[name, 0, quantity, "pyalign"]
        assert whole.draws == 300 and whole.rejected / whole.draws <= 0.065 + 2 * 0.0143


@pytest.mark.slow
@pytest.mark.usefixtures("data")
def test_lines_about_concepts_come_again(script, worlds):
    """Of four concepts with 100 draws each, and of all at once with 100."""
    cell = cell_of(worlds, "49 concepts of THINGS, effects .018")
    found = lines_again(script, replace(cell, worlds=cell.worlds[:4]), chunks=1)
    for quantity in ("accuracy", "difference"):
        several = [found[cell.name, k, quantity, "pyalign"] for k in range(4)]
        assert sum(one.below + one.above for one in several) <= (0.08 + 0.03) * 400
    cell = cell_of(worlds, "all 49 concepts of THINGS at once")
    found = lines_again(script, cell, chunks=1)
    assert found[cell.name, 0, "any concept differs, Holm", "pyalign"].rejected <= 10
    assert found[cell.name, 0, "all intervals together", "pyalign"].above <= 11


def test_too_few_objects_have_no_interval_and_those_that_they_would_have_are_another_way(script, worlds):
    name = "7 objects, 300 triplets"
    ways = {way: script.WAYS[way] for way in ("pyalign", "no minimum")}
    lines = {(one.way, one.quantity): one for one in script.run_chunk(cell_of(worlds, name), 0, ways, 4)}
    assert {quantity for _, quantity in lines} == {"accuracy", "difference"}
    assert all(one.missing == (4 if way == "pyalign" else 0) for (way, _), one in lines.items())
    enough = script.run_chunk(cell_of(worlds, "12 objects, 500 triplets"), 0, ways, 2)
    assert {one.way for one in enough} == {"pyalign"} and not any(one.missing for one in enough)


def test_against_the_first_and_within_a_margin_are_quantities_of_the_package(script, worlds):
    world = worlds.World(worlds.balanced(12, 60), worlds.OF_THINGS, (0.5,) * 3)
    lines = script.run_chunk(worlds.Cell("baseline", "three", (world,)), 0, script.WAYS, 2)
    assert {one.way for one in lines} == {"pyalign"}
    assert "any against the first, max-t" in {one.quantity for one in lines}
    two = replace(world, truths=(0.5, 0.5))
    lines = script.run_chunk(worlds.Cell("equivalence", "two", (two,), 0.9), 0, script.WAYS, 2)
    assert {one.way for one in lines} == {"pyalign"}
    assert [one.rejected for one in lines if one.quantity == "equivalence"] == [2]


@pytest.mark.usefixtures("data")
def test_all_concepts_at_once_share_what_they_should(script, worlds):
    concepts = sys.modules["inference_concepts"]
    triplets, _, codes = concepts.things(worlds.THINGS)
    rng, all_, within = np.random.default_rng(0), [], []
    for _ in range(3):
        right = concepts.draw(triplets, codes, rng).astype(float)
        all_.append(script.shared(right, triplets))
        within += [script.shared(right[codes == k], triplets[codes == k]) for k in range(49)]
    assert np.mean(all_) == pytest.approx(0.010, abs=0.002) and np.mean(within) == pytest.approx(0.016, abs=0.004)


@pytest.mark.usefixtures("data")
def test_the_effects_of_things_are_those_of_the_docs(script, worlds):
    page = (ROOT / "docs" / "small-samples.md").read_text(encoding="utf-8")
    assert "\n".join(script.effects(worlds.THINGS)) in page
