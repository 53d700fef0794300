"""The place of a chart is kept before it is drawn."""

from __future__ import annotations

import pytest

from pyalign.report.page.parts_html import BESIDES, LARGER, least_height

STEPS = {
    "height": {"step": 10, "for": "position"},
    "encoding": {"y": {"field": "model", "type": "nominal"}, "x": {"field": "v", "type": "quantitative"}},
    "data": {"name": "d"},
}
ROWS = {"d": [{"model": name, "v": k} for k, name in enumerate("abca")]}


@pytest.mark.parametrize(
    ("spec", "inside"),
    [
        ({"height": 100}, 100),
        ({**STEPS, "datasets": ROWS}, 30),
        ({"height": STEPS["height"], "layer": [STEPS], "datasets": ROWS}, 30),
        ({**STEPS, "data": {"values": ROWS["d"]}}, 30),
        ({"vconcat": [{"height": 40}, {"hconcat": [{"height": 50}, STEPS]}], "datasets": ROWS}, 90),
        ({"height": "container"}, 0),
        ({"height": {"step": 10}}, 0),
        ({}, 0),
    ],
)
def test_heights_add_up_and_steps_are_counted(spec, inside):
    assert least_height(spec) == (int(LARGER * (inside + BESIDES)) if inside else 0)
