"""Long columns are packed in the page, and come back with every digit."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from page_data import data_of, unpacked, verdicts_of

from pyalign.report.blocks import Column, Table
from pyalign.report.page.html import Page, json_script
from pyalign.report.page.parts_html import MANY, Verdict, code, column_data, table, table_data

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


def test_decimals_take_three_letters_and_other_numbers_stay():
    values = tuple(round(value, 2) for value in FLOATS[:MANY])
    held = column_data(Column("x", values, "number", COLUMNS["counts"], FLOATS, places=2))
    assert len(held["values"]) == len("2:") + 4 * -(-2 * MANY // 3) and unpacked(held)["values"] == [*values]
    assert held["low"] == COLUMNS["counts"] and held["high"] == FLOATS


def test_tables_are_compressed_together_and_long_ones_come_last():
    page = Page()
    table(Table((Column("x", COLUMNS["words"]),), name="long", caption="T."), page)
    table(Table((Column("x", COLUMNS["words"][:-1][: MANY - 1]),), name="short", caption="T."), page)
    text = page.scripts()
    assert len(text) < 600 and data_of(text) == data_of("".join(json_script(*one) for one in page.data.items()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused_in_long_columns_too(value):
    spoken = table_data(Table((Column("x", (*FLOATS, value), "number"),), name="t", caption="T."))
    with pytest.raises(ValueError, match="JSON compliant"):
        json.dumps(spoken, allow_nan=False)


def test_what_scripts_read_is_what_was_kept():
    assert data_of(json_script("a", {"b": ["</script>", 0.1]})) == {"a": {"b": ["</script>", 0.1]}}
    verdicts = [Verdict("0"), Verdict("1", 0.457, 0.25)]
    assert verdicts_of({"codes": [code(verdicts)]}) == [verdicts]
