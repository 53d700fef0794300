"""What the note below a table says of a column goes with the column."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.report import blocks
from pyalign.report.tables import Column, fitted_table
from pyalign.report.text import table_text

X = {name: reals(seed, 30, 6) for seed, name in enumerate("abc")}
TRIPLETS = draw_triplets(7, 30, 500, np.int32)


def test_a_foot_is_there_with_its_column_alone():
    columns = [Column("model", ("a", "b")), Column("gap", ("1e-3", "2e-3"), 3, foot="gap: nats")]
    assert fitted_table(columns, 80)[1] == ["gap: nats"]
    assert fitted_table(columns, 8)[1] == []
    assert fitted_table(columns, 8, verbose=True)[1] == ["gap: nats"]


def test_an_empty_cell_has_an_empty_interval_and_a_missing_value_a_dash():
    interval = {"low": (0.4, None, None), "high": (0.6, None, None), "ends": "interval"}
    columns = (blocks.Column("concept", ("food", "tools", "all")),
               blocks.Column("difference", (0.5, None, ""), "percent", **interval))  # fmt: skip
    rows = table_text(blocks.Table(columns))[0].splitlines()
    assert [row.split() for row in rows[2:]] == [["tools", "-", "-"], ["all"]]


@pytest.mark.parametrize("width", range(40, 200, 10))
def test_comparisons_explain_what_they_show(width):
    text = pyalign.compare(X, TRIPLETS).table(width)
    header, note = text.splitlines()[5], " ".join(text.split("\n\n")[1].split())
    for column, foot in (
        ("p (max-t)", "p (max-t) corrected for 3 pairs"), ("p (Holm)", "p (Holm) corrected for 3 pairs"),
        ("kappa", "kappa: error consistency"),
    ):  # fmt: skip
        assert (column in header) == (foot in note), column


@pytest.mark.parametrize("width", range(40, 140, 10))
def test_probes_explain_what_they_show(width):
    odd = pyalign.odd_one_out(X["a"], TRIPLETS)
    answered = np.take_along_axis(TRIPLETS, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    found = pyalign.cross_validate_probe(X["a"], answered, folds=2, strengths=[10.0], split="triplets")
    text = found.table(width)
    header, note = text.splitlines()[0], " ".join(text.split())
    assert (" gap" in header) == ("gap: nats to the optimum" in note)
    assert ("cross-entropy" in header) == ("nats (log 3" in note)


@pytest.mark.parametrize("width", range(40, 160, 10))
def test_error_consistency_explains_what_it_shows(width):
    kinds = [f"kind {k % 3}" for k in range(30)]
    found = pyalign.consistency(X, TRIPLETS, ci=None, categories=kinds)
    text = found.table(width)
    headers = [part.splitlines()[0] for part in text.split("\n\n")]
    note = " ".join(text.split())
    for column in ("least", "most", "copied"):
        assert (f" {column}" in headers[0]) == (f"{column}: " in note), column
    assert (" excess" in headers[-1]) == ("excess: share" in note)
