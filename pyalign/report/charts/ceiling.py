"""The noise ceiling: its estimate and its bounds, with intervals."""

from __future__ import annotations

from typing import Any

from pyalign.analysis.ceiling.result import NoiseCeiling
from pyalign.report.charts.accuracy import ends
from pyalign.report.charts.data import known
from pyalign.report.charts.ranked import Panel, Row, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import bars_text


def ceiling_chart(result: NoiseCeiling, *, style: str = "light", width: str = "double") -> Any:
    """Three points with intervals, and lines at chance and at what guessing alone would give as the upper bound.

    Args:
        result: of `pyalign.noise_ceiling`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.

    Raises:
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    ceilings = {
        "upper: majority share": result.ceilings.upper,
        "estimate: likely choices": result.ceilings.estimate,
        "lower: leave one person out": result.ceilings.lower,
    }
    rows = [Row(name, "people", known(one.value), *ends(one.ci)) for name, one in ceilings.items()]
    reference = {"chance": known(result.chance), "upper of guessing": known(result.guessing)}
    lines = {f"{name} {100 * value:.1f} %": value for name, value in reference.items() if value is not None}
    panel = Panel(rows, "accuracy of people's own choices", ".0%", lines, {}, "ceiling", "triplets")
    who = "people not known" if result.n_persons is None else f"{result.n_persons:,} people"
    bars = bars_text(one.ci for one in ceilings.values())
    over = f"{result.n_distinct:,} triplets that were answered at least twice, {result.n_answers:,} answers, {who}."
    chart = ranked([panel], list(ceilings), ["people"], look, points)
    return finished(chart, look, points, "Noise ceiling: how well people predict people", [f"{over} {bars}".strip()])
