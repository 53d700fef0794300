"""The noise ceiling: its estimate and its bounds, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.report.charts.document import ends, over
from pyalign.report.charts.ranked import Panel, Row, ranked
from pyalign.report.charts.theme import finished, style_of, width_of

CALLED = {
    "upper": "upper: majority share",
    "estimate": "estimate: likely choices",
    "lower": "lower: leave one person out",
}


def ceiling_chart(document: Mapping[str, Any], *, style: str = "light", width: str = "double") -> Any:
    """Three points with intervals, and lines at chance and at what guessing alone would give as the upper bound.

    Args:
        document: of `pyalign.noise_ceiling`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.

    Raises:
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    held = document["ceilings"]
    rows = [Row(CALLED[name], "people", held[name]["value"], *ends(held[name])) for name in CALLED]
    known = {name: document.get(key) for name, key in (("chance", "chance"), ("upper of guessing", "guessing"))}
    lines = {f"{name} {100 * value:.1f} %": value for name, value in known.items() if value is not None}
    panel = Panel(rows, "accuracy of people's own choices", ".0%", lines, {}, "ceiling", "triplets")
    people = document.get("n_persons")
    who = "people not known" if people is None else f"{people:,} people"
    told = [
        f"{document['n_distinct']:,} triplets that were answered at least twice, {document['n_answers']:,} answers, "
        f"{who}. {over(list(held.values()))}".strip()
    ]
    chart = ranked([panel], [row.item for row in rows], ["people"], look, points)
    return finished(chart, look, points, "Noise ceiling: how well people predict people", told)
