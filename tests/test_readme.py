"""The README's figures are those of a committed file."""

from __future__ import annotations

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


@pytest.mark.parametrize(("results", "fewest"), [(RESULTS, 20), (NEWEST, 10)])
def test_the_tables_of_speeds_are_made_from_the_committed_results(results, fewest):
    command = [sys.executable, "-m", "benchmarks.compare", "--table", results, "--targets"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(table.splitlines()) > fewest
    assert table in (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


def shown(page, benchmark):
    """The rows of a table that a page shows, some of all that the benchmark prints."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return text.partition(f"<!-- rows of: python -m benchmarks.{benchmark} -->\n")[2].partition("\n\n")[0].splitlines()


def test_the_table_of_the_published_grid_is_made_from_the_committed_results():
    command = [sys.executable, "-m", "benchmarks.probe_grid", "--table", PROBE_RESULTS]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(rows := shown("probing", "probe_grid")) > 8 and set(rows) <= set(table.splitlines())


@pytest.mark.parametrize(
    ("script", "name", "fewest"),
    [("grid", "embed", 15), ("sparsity", "embed-sparsity", 7), ("errors", "embed-errors", 9),
     ("recovery", "embed-recovery", 9)],
)
def test_the_tables_of_embeddings_are_made_from_the_committed_results(script, name, fewest):
    command = [sys.executable, "-m", f"benchmarks.embed_{script}", "--table", EMBED_RESULTS.format(name)]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    rows = shown("embedding", f"embed_{script}")
    assert len(rows) > fewest and set(rows) <= set(table.splitlines())


def test_the_predictions_for_devices_are_those_of_the_benchmark():
    command = [sys.executable, "-m", "benchmarks.gpu", "--predict"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert len(table.splitlines()) > 10
    assert table in (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")


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


def test_the_toolkit_of_pypi_is_the_same_wherever_it_is_named():
    (wanted,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("TOOLKIT = ")]
    for page in ("docs/gpu.md",):
        assert f"pip install {wanted.removeprefix('TOOLKIT = ')} " in (ROOT / page).read_text(encoding="utf-8")
