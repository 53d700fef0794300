"""What the note below a table says of a column goes with the column."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.report import blocks
from pyalign.report.blocks import Foot, Table
from pyalign.report.text import table_text, text_of

X = {name: reals(seed, 30, 6) for seed, name in enumerate("abc")}
TRIPLETS = draw_triplets(7, 30, 500, np.int32)


def test_a_foot_is_there_with_its_column_alone():
    gap = blocks.Column("gap", ("1e-3", "2e-3"), keep=3, foot="gap: nats")
    table = Table((blocks.Column("model", ("a", "b")), gap))
    assert table_text(table, 80)[1] == ["gap: nats"]
    assert table_text(table, 8)[1] == []
    assert table_text(table, 8, verbose=True)[1] == ["gap: nats"]


def test_a_plain_foot_leaves_what_columns_say_to_the_next_one():
    table = Table((blocks.Column("model", ("a", "b")), blocks.Column("gap", (0.5, 1.0), "number", foot="gap: nats")))
    text = text_of([table, Foot(("first",), plain=True), Foot(("second",))])
    assert text.splitlines()[-2:] == ["first", "second; gap: nats"]


def test_of_a_title_words_are_shortened_that_are_longer_than_a_line():
    table = Table((blocks.Column("group", ("easy",)),), title="features/clip/visual.npy by group of triplets")
    assert text_of([table], 12).splitlines()[0] == "…/visual.npy by group of triplets"
    assert text_of([table], 12, verbose=True).splitlines()[0] == table.title


def test_ranges_of_confidence_stay_whole_where_it_is_narrow():
    text = pyalign.calibrate(X["c"], TRIPLETS, bins=3).table(40)
    header, first = next(block.splitlines()[:2] for block in text.split("\n\n") if block.startswith("confidence"))
    assert "accuracy" in header and re.match(r"\d\d\.\d to \d\d\.\d% ", first)


def test_an_empty_cell_has_an_empty_interval_and_a_missing_value_a_dash():
    interval = {"low": (0.4, None, None), "high": (0.6, None, None), "ends": "interval"}
    columns = (blocks.Column("concept", ("food", "tools", "all")),
               blocks.Column("difference", (0.5, None, ""), "percent", **interval))
    rows = table_text(blocks.Table(columns))[0].splitlines()
    assert [row.split() for row in rows[2:]] == [["tools", "-", "-"], ["all"]]


@pytest.mark.parametrize("width", range(40, 200, 10))
def test_comparisons_explain_what_they_show(width):
    text = pyalign.compare(X, TRIPLETS).table(width)
    header, note = text.splitlines()[5], " ".join(text.split("\n\n")[1].split())
    for column, foot in (
        ("p (max-t)", "p (max-t) corrected for 3 pairs"), ("p (Holm)", "p (Holm) corrected for 3 pairs"),
        ("kappa", "kappa: error consistency"),
    ):
        assert (column in header) == (foot in note), column


@pytest.mark.parametrize("width", range(40, 140, 10))
def test_probes_explain_what_they_show(width):
    odd = pyalign.odd_one_out(X["a"], TRIPLETS)
    answered = np.take_along_axis(TRIPLETS, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    found = pyalign.cross_validate_probe(X["a"], answered, folds=2, repeats=1, penalties=[10.0], split="triplets")
    text = found.table(width)
    header, note = text.splitlines()[0], " ".join(text.split())
    assert ("zero-shot" in header) == ("zero-shot: the embeddings as they came" in note)
    assert "nats (log 3" in note and f"rank {found.fit.rank}" in note
    assert "gap: nats to the optimum" in found.table(verbose=True)


@pytest.mark.parametrize("width", range(40, 160, 10))
def test_error_consistency_explains_what_it_shows(width):
    kinds = [f"kind {k % 3}" for k in range(30)]
    found = pyalign.error_consistency(X, TRIPLETS, ci=None, categories=kinds)
    text = found.table(width)
    headers = [part.splitlines()[0] for part in text.split("\n\n")]
    note = " ".join(text.split())
    for column in ("least", "most", "copied"):
        assert (f" {column}" in headers[0]) == (f"{column}: " in note), column
    assert (" excess" in headers[-1]) == ("excess: share" in note)
