"""The README's figures are those of a committed file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, reals

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results/amd-epyc-zen4-2c.csv"
NEWEST = "benchmarks/results/intel-r-xeon-r-processor-2c.csv"
EMBED_RESULTS = "benchmarks/results/{}-intel-r-xeon-r-processor-2c.csv"
PROBE_RESULTS = "benchmarks/results/probe-amd-epyc-zen4-2c.csv"


SHOWN = ["object resamples", "calibrate", "similarity cosine", "triplet_loss", "triplet_gradient", "probe step",
         "memory of score", "command pyalign score", "import"]  # of the older results; all rows are in the reference


@pytest.mark.parametrize(
    ("results", "fewest", "only"), [(RESULTS, 15, SHOWN), (NEWEST, 10, ["odd_one_out_from", "score"])]
)
def test_the_tables_of_speeds_are_made_from_the_committed_results(results, fewest, only):
    command = [sys.executable, "-m", "benchmarks.compare", "--table", results, "--targets", "--only", *only]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(table.splitlines()) > fewest
    assert table in (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("results", "page", "fewest"),
    [(PROBE_RESULTS, "probing", 8), *((EMBED_RESULTS.format(name), "embedding", fewest) for name, fewest in (
        ("embed", 11), ("embed-sparsity", 4), ("embed-errors", 7), ("embed-recovery", 8)))],
)
def test_rows_that_a_page_shows_are_made_from_the_committed_results(results, page, fewest):
    command = [sys.executable, "-m", "benchmarks.figures", results]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    rows = text.partition(f"<!-- rows of: python -m benchmarks.figures {results} -->\n")[2].partition("\n\n")[0]
    assert len(rows.splitlines()) > fewest and set(rows.splitlines()) <= set(table.splitlines())


def test_the_predictions_for_devices_are_those_of_the_benchmark():
    command = [sys.executable, "-m", "benchmarks.gpu", "--predict"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    text = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*$", text.partition("\n## Speed\n")[2], re.MULTILINE)
    assert len(rows) > 10 and set(rows) <= set(table.splitlines())


def test_all_rows_of_all_triplets_are_read_where_reading_is_measured(monkeypatch):
    pytest.importorskip("numba", reason="numba is not installed")
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.peers import numba_reads

    x, triplets = reals(0, 9, 5, dtype=np.float32), draw_triplets(1, 9, 40)
    assert numba_reads(x, triplets)() == pytest.approx(x[triplets].sum(dtype=np.float64), rel=1e-4, abs=1e-4)


def test_measuring_some_operations_again_keeps_the_rows_of_the_others(tmp_path):
    path, code = (
        tmp_path / "results.csv",
        """
import dataclasses, sys
from pathlib import Path
from benchmarks import compare
from benchmarks.results import read_csv, write_csv
committed, path = read_csv(Path(sys.argv[1])), Path(sys.argv[2])
write_csv(path, committed)
again = [row for row in committed if row.op == "score"]
compare.require_native = lambda: None  # here the sources stand before what is installed
compare.measure = lambda comparison, quick: [
    dataclasses.replace(row, median=1.5) for row in again if row.case == comparison.case.name
]
compare.main(["--only", "score", "--out", str(path)])
found = read_csv(path)
assert [(row.op, row.backend, row.case) for row in found] == [(row.op, row.backend, row.case) for row in committed]
assert {row.median for row in found if row.op == "score"} == {1.5}
assert [row for row in found if row.op != "score"] == [row for row in committed if row.op != "score"]
""",
    )
    subprocess.run([sys.executable, "-c", code, RESULTS, path], cwd=ROOT, check=True, capture_output=True)


def test_the_toolkit_of_pypi_is_the_same_on_the_page():
    (wanted,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("TOOLKIT = ")]
    text = " ".join((ROOT / "docs/gpu.md").read_text(encoding="utf-8").replace("\\\n", " ").split())
    assert f"pip install {wanted.removeprefix('TOOLKIT = ')} " in text
