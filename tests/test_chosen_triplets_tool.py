"""tools/chosen_triplets.py: what its journal shows, and that a draw is the same whenever it is made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)
    yield load_from_tools("chosen_triplets")
    sys.path[:] = before


@pytest.fixture(scope="module")
def lines(script):
    return script.read(script.JOURNAL)


def test_chosen_triplets_take_fewer_answers(script, lines):
    random = script.needed(lines, 0.0)
    assert random / script.needed(lines, 1.0) > 1.5
    assert random / script.needed(lines, 0.5) > 1.3


def test_weighted_intervals_hold_and_others_do_not(script, lines):
    """Within three Monte Carlo errors of 93 to 97 %; half-chosen answers without weights are about something else."""
    held = {key: 1 - (one.below + one.above) / one.draws for key, one in script.summed(lines).items()}
    weighted = {key: rate for key, rate in held.items() if key[3] == script.WEIGHTED}
    for (cell, _, quantity, _), rate in weighted.items():
        if "share 1," not in cell or quantity == "difference":
            assert 0.93 - 0.03 < rate < 0.97 + 0.02, (cell, quantity)
    assert held["200 objects, share 0.5, 6,000 triplets", 0, "CLIP", script.PLAIN] < 0.1
    assert held["THINGS, share 0.5, 1,500 triplets", 0, "CLIP", script.PLAIN] < 0.5


def test_the_page_has_the_tables_of_the_journal(script, lines):
    page = (ROOT / "docs" / "sampling.md").read_text(encoding="utf-8")
    shown = page.partition(script.BEGIN)[2].partition(script.END)[0]
    assert shown.strip() == "\n".join(script.table(lines)).strip()


def test_a_draw_is_the_same_whenever_it_is_made(script):
    cell = script.Cell("small", 0.5, 40, script.World(script.balanced(15, 160), script.OF_THINGS, (0.5, 0.5)))
    assert script.run_chunk(cell, 3, 2) == script.run_chunk(cell, 3, 2)
    assert script.run_chunk(cell, 3, 2) != script.run_chunk(cell, 4, 2)
