"""The models of cost: their predictions at sizes that were not fitted, and the tables of docs/scale.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import scale

CLOSE = 0.2


@pytest.mark.parametrize("kind", scale.KINDS, ids=lambda kind: kind.name)
def test_seconds_at_two_sizes_that_were_not_fitted_are_within_a_fifth(kind):
    rows = scale.rows_of(scale.ROWS)
    fitted = {row["sizes"] for row in rows if row["kind"] == kind.name and row["use"] == "fit"}
    checked = {row["sizes"] for row in rows if row["kind"] == kind.name and row["use"] == "check"}
    assert len(fitted) > len(kind.seconds.split(" + ")) - 1 and len(checked) == 2 and not fitted & checked
    assert scale.fitted(kind, rows, "seconds").checked <= CLOSE


SMALL = {}  # the first row of each kind that writes a document
for row in scale.rows_of(scale.ROWS):
    if row["written"] and "20,000" not in row["kind"] and "extract" not in row["kind"]:
        SMALL.setdefault(row["kind"], row)


@pytest.mark.parametrize("kind", SMALL)
def test_the_first_row_of_a_kind_comes_again(kind):
    """Its document is as long; seconds and memory are those of one machine."""
    found = scale.call_of(kind, json.loads(SMALL[kind]["sizes"]))()
    assert len(found.to_json()) == pytest.approx(float(SMALL[kind]["written"]), rel=0.1)


def test_the_page_has_the_tables_that_the_rows_give():
    text = scale.PAGE.read_text(encoding="utf-8")
    for name, table in scale.tables().items():
        assert f"<!-- table: {name} -->\n\n{table}\n" in text, f"python tools/scale.py --write  # {name}"


def test_a_model_of_exact_rows_has_their_coefficients():
    kind = scale.Kind(
        "k", "1 + t + n^2 d", "1", "1", "", scale.grid(t=(1, 5, 9, 2), n=(2, 3, 4, 5), d=(1, 2, 3, 4)), ()
    )
    sizes = [*kind.fit, {"t": 7, "n": 6, "d": 5}]
    rows = [
        {"kind": "k", "use": "fit" if s in kind.fit else "check", "sizes": scale.json.dumps(s),
         "seconds": str(0.5 + 2 * s["t"] + 0.25 * s["n"] ** 2 * s["d"])}
        for s in sizes
    ]
    model = scale.fitted(kind, rows, "seconds")
    assert model.coefficients == pytest.approx({"1": 0.5, "t": 2.0, "n^2 d": 0.25}) and model.checked < 1e-9
