"""Errors of models by the entropy of people's answers, a line for each, above the least error that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.analysis.agreement import Agreement, Agreements
from pyalign.analysis.agreement_figures import AgreementBin
from pyalign.report.charts.data import ends_of, first_of, with_margin
from pyalign.report.charts.depth import MOST_LINES, joined
from pyalign.report.charts.marks import alt, colours_and_shapes
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import bars_text, called, counted, different

LEAST = "least possible"


def entropy_chart(
    result: Agreement | Agreements, *, style: str = "light", width: str = "double", limit: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A point for each bin of the entropy of people's answers, in the middle of the bin; a line for each model.

    The error is the share of people's answers that are not the model's choice. Black is the least error of any model,
    the share of answers that are not the majority's. `limit`: of models, at most and by default 7.
    """
    look, points = style_of(style), width_of(width)
    results = result.results if isinstance(result, Agreements) else (result,)
    shown = results[: min(limit or MOST_LINES - 1, MOST_LINES - 1)]
    several = len({one.measure for one in results}) > 1
    names = different([
        f"{name}, {one.measure}" if several and one.measure else name
        for name, one in zip(called([(one.embeddings or "embeddings", one.label) for one in shown], labels), shown,
                             strict=True)
    ])  # fmt: skip
    rows = [row for name, one in zip(names, shown, strict=True) for bin_ in one.entropy_bins or ()
            if (row := _row(name, bin_, least=False)) is not None]  # fmt: skip
    least = [row for bin_ in shown[0].entropy_bins or () if (row := _row(LEAST, bin_, least=True)) is not None]
    order = [*names, LEAST]
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=3)
    channels = colours_and_shapes("model", order, [*look.palette[: len(names)], look.text], legend)
    axis = alt.Axis(title="entropy of people's answers, nats", format=".1f", tickCount=6, grid=False)
    x = alt.X("entropy:Q", scale=alt.Scale(domain=[0, 1.1], nice=False), axis=axis)
    values = [row[end] for row in [*rows, *least] for end in ("value", "low", "high")]
    bottom, top = with_margin(values, 0.08, 0.01)
    y = alt.Y("value:Q", axis=alt.Axis(title="answers that are not the choice", format=".0%", tickCount=5),
              scale=alt.Scale(domain=[max(0.0, bottom), min(1.0, top)], nice=False))  # fmt: skip
    tips = ["model:N", alt.Tooltip("n:Q", title="triplets", format=","),
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("value", "low", "high"))]  # fmt: skip
    chart = alt.layer(*joined([*least, *rows], x, y, channels, tips)).properties(width=points - 60, height=190)
    first, bars = results[0], bars_text(one.accuracy_ci for one in shown)
    over = (
        f"{counted(first.n_distinct, 'triplet')} with at least {first.min_answers} answers, {first.n_answers:,} in all."
    )
    sentences = [
        f"{over} {bars}".strip(),
        f"{LEAST.capitalize()}: the share of answers that are not the majority's.",
        "Few answers to a triplet have too little entropy.",
        "Hollow: no interval, of too few triplets." if any(row["low"] is None for row in rows) else "",
        first_of(len(shown), len(results), "models"),
    ]
    return finished(chart, look, points, "Error by the entropy of people's answers", sentences)


def _row(name: str, bin_: AgreementBin, least: bool) -> dict[str, Any] | None:
    """The mark of a bin; None of an empty one."""
    share, ci = (bin_.majority_share, bin_.majority_share_ci) if least else (bin_.accuracy, bin_.accuracy_ci)
    if share is None:
        return None
    low, high = ends_of(ci)
    told = f"{name}: entropy {bin_.low:.2f} to {bin_.high:.2f} nats, error {100 * (1 - share):.1f}%"
    return {
        "model": name, "entropy": (bin_.low + bin_.high) / 2, "value": 1 - share,
        "low": None if high is None else 1 - high, "high": None if low is None else 1 - low, "n": bin_.n_distinct,
        "told": told,
    }  # fmt: skip
