"""Reliability: how often a model's choice is people's, by the probability that the model gives to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.errors import InputError
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.theme import SHAPES, Style, altair, finished, letters_width, style_of, width_of
from pyalign.report.probabilities import bins_of
from pyalign.report.words import called, different, one_line

BINS = ("equal-mass", "equal-width")


def reliability_chart(
    results: Calibration | Calibrations | Sequence[Calibration | Calibrations], *, style: str = "light",
    width: str = "double", limit: int | None = None, by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A point for each bin, at the mean confidence of its answers; on the diagonal a model is what it says.

    Args:
        results: of `pyalign.calibrate`, one or several.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: at most so many models, the first; at most and by default 8, as colours tell apart.
        by: "equal-mass" (default): bins of about as many answers each; "equal-width".
        labels: of models, in place of their own.

    Raises:
        InputError: another kind of bins.
        MissingExtraError: altair is not installed.
    """
    results = [results] if isinstance(results, Calibration | Calibrations) else list(results)
    look, points = style_of(style), width_of(width)
    by = by or BINS[0]
    if by not in BINS:
        raise InputError(f"by must be one of {', '.join(BINS)} for a picture of reliability; got {by!r}")
    calibrations = [row for one in results for row in ([one] if isinstance(one, Calibration) else one)]
    shown = calibrations[: min(limit or MOST_MODELS, MOST_MODELS)]
    names = names_of(shown, labels)
    rows = [row for name, one in zip(names, shown, strict=True) for row in _bin_rows(name, one, by)]
    if not rows:
        raise InputError("a picture of reliability needs a bin with answers; the result has none")
    title = "Reliability of choice probabilities" + (f": {names[0]}" if len(names) == 1 else "")
    lines = _lines(shown, names, by, len(calibrations))
    return finished(_drawn(rows, names, look, points), look, points, title, lines)


def names_of(calibrations: Sequence[Calibration], labels: Mapping[str, str] | None = None) -> list[str]:
    """What calibrations are called: the model, and the measure where there are several; `labels`: those of a page."""
    names = called([(one.embeddings or "embeddings", one.label) for one in calibrations], labels)
    if len({one.measure for one in calibrations}) > 1:
        names = [f"{name}, {one_line(one.measure)}" for name, one in zip(names, calibrations, strict=True)]
    return different(names)


def _bin_rows(name: str, calibration: Calibration, by: str) -> list[dict[str, Any]]:
    """The bins of a calibration that hold answers."""
    reliability = calibration.equal_mass if by == BINS[0] else calibration.equal_width
    n_bins, edges = len(reliability.count), reliability.edges
    if len(edges) != n_bins + 1 or any(edge != edge for edge in edges):
        raise InputError(f"edges must be {n_bins + 1} numbers, around the bins; got {list(edges)!r:.60}")
    rows = []
    for one in bins_of(reliability):
        told = (
            f"{name}: of {one.n:,} answers at a confidence from {100 * one.low:.1f} to {100 * one.high:.1f} %, mean "
            f"{100 * one.confidence:.1f} %, {100 * one.accuracy:.1f} % are the model's choice"
        )
        rows.append({"model": name, "confidence": one.confidence, "accuracy": one.accuracy, "n": one.n,
                     "from": one.low, "to": one.high, "told": told})  # fmt: skip
    return rows


def _drawn(rows: Sequence[Mapping[str, Any]], names: Sequence[str], style: Style, width: float) -> Any:
    alt = altair()
    held = [row[name] for row in rows for name in ("confidence", "accuracy")]
    low, high = min(held), max(held)
    more = 0.05 * (high - low or 1.0)
    domain = [max(0.0, low - more), min(1.0, high + more)]
    several = len(names) > 1
    widest = max(letters_width(name) for name in names) + 20
    beside = several and widest + 200 < width
    room = min(280.0, width - 50 - (widest if beside else 0))
    axis = {"format": ".0%", "tickCount": 6, "grid": True}
    x = alt.X("confidence:Q", scale=alt.Scale(domain=domain, nice=False, zero=False),
              axis=alt.Axis(title="confidence: probability of the model's choice", **axis))  # fmt: skip
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=domain, nice=False, zero=False),
              axis=alt.Axis(title="answers that are that choice", **axis))  # fmt: skip
    ends = [{"confidence": one, "accuracy": one} for one in domain]
    line = alt.Chart(alt.InlineData(values=ends)).mark_line(
        strokeDash=[3, 2], color=style.muted, strokeWidth=0.8, aria=False
    )
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(x=x, y=y)
    legend = alt.Legend(title=None, orient="right" if beside else "top", columns=1, labelLimit=0) if several else None
    scale = alt.Scale(domain=list(names), range=list(style.palette[: len(names)]))
    colour = alt.Color("model:N", scale=scale, legend=legend) if several else alt.value(style.palette[0])
    shapes = alt.Scale(domain=list(names), range=list(SHAPES[: len(names)]))
    shape = alt.Shape("model:N", scale=shapes, legend=legend) if several else alt.value("circle")
    tips = [alt.Tooltip("model:N"), *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("confidence", "accuracy")),
            alt.Tooltip("n:Q", title="answers", format=",")]  # fmt: skip
    joined = base.mark_line(strokeWidth=1, opacity=0.7, aria=False).encode(color=colour, order="confidence:Q")
    joined = joined.encode(detail="model:N")
    dots = base.mark_point(size=22, filled=True, opacity=1).encode(
        color=colour, shape=shape, tooltip=tips, description=alt.Description("told:N")
    )
    return alt.layer(line.encode(x=x, y=y), joined, dots).properties(width=room, height=room)


def _lines(shown: Sequence[Calibration], names: Sequence[str], by: str, total: int) -> list[str]:
    """What stands below the title."""
    counts = [one.test.n_answers for one in shown]
    many = " to ".join(f"{n:,}" for n in dict.fromkeys((min(counts), max(counts))))
    parts = {one.split for one in shown}
    held = "the triplets that the temperature was fitted to" if parts == {None} else f"held-out {shown[0].split}"
    mass = by == BINS[0]
    what = "of about as many answers each" if mass else "of equal width"
    errors = [
        f"{name + ' ' if len(names) > 1 else ''}"
        f"{one.ece_equal_mass_before if mass else one.ece_equal_width_before:.3f} at T = 1, "
        f"{(one.equal_mass if mass else one.equal_width).ece:.3f} at T = {one.temperature:.3g}"
        for name, one in zip(names, shown, strict=True)
    ]
    lines = [
        f"{many} answers about {held}, in bins {what}, at the fitted temperature. Dashed: what it says is so.",
        f"Expected calibration error: {'; '.join(errors)}.",
        "Bins have no intervals.",
    ]
    if len(shown) < total:
        lines.append(f"The first {len(shown)} of {total:,} models.")
    return lines
