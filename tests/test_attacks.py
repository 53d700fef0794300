"""The counts of tools/attacks.csv: nothing wrong and no crash; cheap attacks give their rows again."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"
sys.path.append(str(TOOLS))
import attacks  # noqa: E402

ROWS = {row["attack"]: row for row in csv.DictReader((TOOLS / "attacks.csv").read_text().splitlines())}


def test_no_attack_ended_wrong_or_crashed():
    assert {int(row["row"]) for row in ROWS.values()} <= {number for number, _ in attacks.ATTACKS.values()}
    for row in ROWS.values():
        assert row["wrong"] == row["crashed"] == "0" and int(row["refused"]) + int(row["right"]) == int(row["attempts"])


@pytest.mark.parametrize(
    "name", ["eight processes, one file", "eight processes, eight files", "claims from the future", "published maps"]
)
def test_an_attack_gives_its_row_again(name, monkeypatch):
    from pyalign.datasets import maps

    monkeypatch.setenv("PYALIGN_DATA", "data")  # both are put back afterwards
    monkeypatch.setattr(maps, "ADDRESS", maps.ADDRESS)
    assert {key: str(value) for key, value in attacks.counts_of(name).items()} == ROWS[name]
