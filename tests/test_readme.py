"""The README's figures are those of a committed file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results/amd-epyc-zen5-2c.csv"


def test_the_table_of_speeds_is_made_from_the_committed_results():
    command = [sys.executable, "-m", "benchmarks.compare", "--table", RESULTS, "--targets"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(table.splitlines()) > 20
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_predictions_for_devices_are_those_of_the_benchmark():
    command = [sys.executable, "-m", "benchmarks.gpu", "--predict"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(table.splitlines()) > 10
    assert table in (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
