"""Power over designs: a line for each number of objects, along participants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyalign.errors import InputError
from pyalign.report.charts.labels import first_of
from pyalign.report.charts.theme import (
    SHAPES,
    alt,
    chart_of,
    colours_and_shapes,
    finished,
    letters_width,
    style_of,
    width_of,
)
from pyalign.report.words import counted, over_words

if TYPE_CHECKING:
    from pyalign.analysis.experiment import ExperimentPlan

MOST_LINES = len(SHAPES)


def power_chart(
    result: ExperimentPlan, *, style: str = "light", width: str = "double", limit: int | None = None
) -> Any:
    """Power along participants, a line for each number of objects, and of answers by each participant if several.

    `limit`: of lines, at most and by default 8, as many as colours tell apart.
    """
    look, points = style_of(style), width_of(width)
    if not result.designs:
        raise InputError("a picture of power needs a design; the result has none")
    several = len({one.answers_per_subject for one in result.designs}) > 1
    rows = [
        {
            "participants": one.n_subjects, "power": one.power,
            "design": f"{one.n_objects:,} objects" + f", {one.answers_per_subject:,} answers each" * several,
            "told": f"{one}: power {100 * one.power:.0f}%",
        }
        for one in result.designs
    ]
    names = list(dict.fromkeys(str(row["design"]) for row in rows))
    shown = names[: min(limit or MOST_LINES, MOST_LINES)]
    rows = [row for row in rows if row["design"] in shown]
    people = [int(str(row["participants"])) for row in rows]
    widest = max(letters_width(name) for name in shown) + 20
    beside = widest + 250 < points
    legend = alt.Legend(title=None, orient="right" if beside else "top", columns=1, labelLimit=0)
    channels = colours_and_shapes("design", shown, look.palette, legend)
    scale = alt.Scale(type="log", domain=[min(people) / 1.1, max(people) * 1.1], nice=False)
    ticks = sorted(set(people))
    x = alt.X("participants:Q", scale=scale, axis=alt.Axis(title="participants", values=ticks, format=","))
    y = alt.Y("power:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title="power", format=".0%", grid=True))
    target = chart_of([{"power": result.target_power}]).mark_rule(strokeDash=[3, 2], color=look.muted, aria=False)
    base = chart_of(rows).encode(x=x, y=y)
    tips = [alt.Tooltip("design:N"), alt.Tooltip("participants:Q"), alt.Tooltip("power:Q", format=".1%")]
    lines = base.mark_line(strokeWidth=1.2, aria=False).encode(color=channels["color"])
    dots = base.mark_point(size=24, filled=True, opacity=1)
    dots = dots.encode(**channels, tooltip=tips, description=alt.Description("told:N"))
    room = points - 60 - widest * beside
    chart = alt.layer(target.encode(y=alt.Y("power:Q")), lines, dots, width=room, height=220)
    each = "" if several else f" {counted(result.designs[0].answers_per_subject, 'answer')} by each participant."
    sentences = [
        f"Power to find {100 * result.difference:.3g} percentage points in a two-sided test at "
        f"{100 * (1 - result.confidence):.3g}%, over {over_words(result.ci_by)}.{each}",
        f"Dashed: a power of {100 * result.target_power:g}%.",
        first_of(len(shown), len(names), "lines"),
    ]
    return finished(chart, look, points, f"Power: {result.figure}", sentences)
