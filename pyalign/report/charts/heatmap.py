"""A value for each model and concept, as colours: for more models than points tell apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyalign.report.charts.theme import SMALL, altair, finished, letters_width, style_of
from pyalign.report.words import different, one_line

STEP, LEAST, TALL = 9.0, 2.0, 700.0  # points of a row, the fewest, and of all rows if they fit
ROOM = 560.0  # points of all columns if they fit
MISSING = -1e9
LABEL = 130.0  # points of a name, at most


def heatmap(
    models: Sequence[str], concepts: Sequence[str], values: Sequence[Sequence[float | None]], *, title: str,
    what: str, form: str, told: Sequence[str], style: str = "light",
) -> Any:  # fmt: skip
    """Models down, concepts across, in the order that is given.

    The specification holds each value once and each name a few times: 100 models and 66 concepts take 50 kB.

    Args:
        models, concepts: labels.
        values: of each model, one for each concept; None: there is none, and the place stays empty.
        title: of the picture.
        what: what the values are, for the legend.
        form: how they are shown, as d3 has it.
        told: over what they are, sentences.
        style: "light" or "dark".

    Example:
        >>> chart = heatmap(["a", "b"], ["food"], [[0.5], [None]], title="t", what="accuracy", form=".0%", told=[])
        >>> list(chart.to_dict()["datasets"].values())
        [[0.5, -1000000000.0]]
    """
    alt, look = altair(), style_of(style)
    rows, columns = different([one_line(one) for one in models]), different([one_line(one) for one in concepts])
    # Of a list of plain numbers Vega makes rows with the field "data"; from its number follows where it belongs. There
    # is no null in its schema.
    flat = [MISSING if value is None else float(f"{value:.4g}") for row in values for value in row]
    across = len(columns)
    shown = f"isValid(datum.value) ? format(datum.value, '{form.replace('.0', '.1')}') : 'no figure'"
    base = (
        alt.Chart(alt.InlineData(values=flat))
        .transform_window(number="row_number()")
        .transform_calculate(
            value=f"datum.data > {MISSING} ? datum.data : null",
            model=f"{json.dumps(rows)}[floor((datum.number - 1) / {across})]",
            concept=f"{json.dumps(columns)}[(datum.number - 1) % {across}]",
        )
        .transform_calculate(told=f"datum.model + ', ' + datum.concept + ': ' + {shown}")
    )
    height = max(LEAST, min(STEP, TALL / max(1, len(rows))))
    width = max(LEAST, min(1.5 * STEP, ROOM / max(1, across)))
    axis = {"title": None, "labelFontSize": SMALL, "labelOverlap": True, "ticks": False, "domain": False}
    chart = base.mark_rect().encode(
        x=alt.X("concept:N", sort=columns, axis=alt.Axis(labelAngle=-90, labelLimit=LABEL, orient="top", **axis)),
        y=alt.Y("model:N", sort=rows, axis=alt.Axis(labelLimit=LABEL, **axis)),
        color=alt.Color(
            "value:Q", scale=alt.Scale(scheme="cividis"),
            legend=alt.Legend(title=what, format=form, orient="bottom", gradientLength=160, gradientThickness=8),
        ),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("concept:N"), alt.Tooltip("value:Q", title=what, format=form)],
        description=alt.Description("told:N"),
    ).properties(width=width * across, height=height * len(rows))  # fmt: skip
    names = max((min(LABEL, letters_width(row, SMALL)) for row in rows), default=0.0)
    return finished(chart, look, width * across + names, title, told)
