"""Long columns are packed in the page, and come back with every digit."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from page_data import data_of, unpacked, verdicts_of

from pyalign.report.blocks import Column, Table
from pyalign.report.page.failures_html import Verdict, code
from pyalign.report.page.html import Page, json_script
from pyalign.report.page.tables_html import MANY, column_data, data, table

STRANGE = (None, 0.1, -0.0, 5e-324, -1.7976931348623157e308, 1 / 3)
FLOATS = tuple(float(v) for v in np.random.default_rng(0).normal(size=MANY)) + STRANGE
COLUMNS = {
    "floats": FLOATS,
    "words": tuple((None, "vit", "</script>")[k % 3] for k in range(MANY)),
    "names": tuple(f"model {k}" for k in range(MANY)),
    "counts": tuple(range(MANY)),
    "both": (*FLOATS, 3),
    "truths": (True, False) * MANY,
    "short": FLOATS[: MANY - 1],
}


def bits(values):
    return [struct.pack("<d", value) if type(value) is float else value for value in values]


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_values_come_back_as_they_were(values):
    is_text = isinstance(values[1], str)
    column = Column("x", values) if is_text else Column("x", values, "number", values, values[::-1])
    part = Table((column,), name="t", caption="T.")
    page = Page()
    table(part, page)
    (column,) = data_of(json_script("t", page.data["t"]))["t"]["columns"]
    for end, held in (("values", values), ("low", values), ("high", values[::-1]))[: 1 if is_text else 3]:
        assert bits(column[end]) == bits(held) and list(map(type, column[end])) == list(map(type, held))
    assert "words" not in column


def test_numbers_take_11_letters_and_words_stand_once():
    held = column_data(Column("x", FLOATS, "number", COLUMNS["counts"]))
    assert len(held["values"]) == 4 * -(-8 * len(FLOATS) // 3)
    assert held["low"] == COLUMNS["counts"]
    held = column_data(Column("x", COLUMNS["words"]))
    assert held["words"] == [None, "vit", "</script>"] and held["values"][:4] == [0, 1, 2, 0]
    assert unpacked(held)["values"] == list(COLUMNS["words"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused_in_long_columns_too(value):
    told = data(Table((Column("x", (*FLOATS, value), "number"),), name="t", caption="T."))
    with pytest.raises(ValueError, match="JSON compliant"):
        json.dumps(told, allow_nan=False)


def test_what_scripts_read_is_what_was_kept():
    assert data_of(json_script("a", {"b": ["</script>", 0.1]})) == {"a": {"b": ["</script>", 0.1]}}
    table = {"columns": [{"header": "x", "values": [1, 0, 1], "words": ["a", None]}]}
    assert data_of(json_script("t", table)) == {"t": {"columns": [{"header": "x", "values": [None, "a", None]}]}}
    verdicts = [Verdict("0"), Verdict("1", 0.457, 0.25)]
    assert verdicts_of({"codes": [code(verdicts)]}) == [verdicts]
