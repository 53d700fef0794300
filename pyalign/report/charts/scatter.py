"""Accuracy against confidence (reliability), and against what is known of models (metadata): numbers, or text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.analysis.metadata.result import FittedLine, MetadataRegression, MetadataRegressions, ModelPoint
from pyalign.errors import InputError
from pyalign.report.charts.data import ends_of, first_of, known, spread, with_margin
from pyalign.report.charts.marks import At, Look, alt, chart_of, colours_and_shapes, of_field
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.theme import SMALL, Style, finished, letters_width, style_of, width_of
from pyalign.report.probabilities import bins_of
from pyalign.report.words import called, counted, different, model_labels, one_line, over_words

BINS = ("equal-mass", "equal-width")
NAMED = 16  # models whose names stand next to their points
MOST_FAMILIES = MOST_MODELS - 1  # told apart; the others are one
OTHERS, NONE = "other families", "no family known"
# The ends of bars, their thickness in points, and their opacity: of the interval, and of several seeds.
BARS: tuple[tuple[Literal["low", "lowest"], Literal["high", "highest"], float, float], ...] = (
    ("low", "high", 1.0, 0.7), ("lowest", "highest", 3.0, 0.45),
)  # fmt: skip
# A bin of a calibration, with the ends of its confidences.
BinRow = TypedDict("BinRow", {
    "model": str, "confidence": float, "accuracy": float, "n": int, "from": float, "to": float, "told": str,
})  # fmt: skip


class ModelRow(TypedDict):
    """A model with its value in a column of the metadata; its accuracy, and the ends of its interval and its seeds."""

    model: str
    value: float | str
    accuracy: float | None
    low: float | None
    high: float | None
    lowest: float | None
    highest: float | None
    seeds: int
    family: str
    told: str


def reliability_chart(
    results: Calibration | Calibrations | Sequence[Calibration | Calibrations], *, style: str = "light",
    width: str = "double", limit: int | None = None, by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A point for each bin, at the mean confidence of its answers; on the diagonal a model is what it says.

    `by`: "equal-mass" (default), bins of about as many answers each; or "equal-width". `limit`: at most and by default
    8, as many as colours tell apart.
    """
    results = [results] if isinstance(results, Calibration | Calibrations) else list(results)
    look, points = style_of(style), width_of(width)
    by = by or BINS[0]
    if by not in BINS:
        raise InputError(f"by must be one of {', '.join(BINS)} for a picture of reliability; got {by!r}")
    calibrations = [row for result in results for row in ([result] if isinstance(result, Calibration) else result)]
    shown = calibrations[: min(limit or MOST_MODELS, MOST_MODELS)]
    names = names_of(shown, labels)
    rows = [row for name, calibration in zip(names, shown, strict=True) for row in _bin_rows(name, calibration, by)]
    if not rows:
        raise InputError("a picture of reliability needs a bin with answers; the result has none")
    mass, fitted = by == BINS[0], {calibration.split for calibration in shown} == {None}
    errors = [
        f"{name + ' ' if len(names) > 1 else ''}"
        f"{calibration.ece_equal_mass_before if mass else calibration.ece_equal_width_before:.3f} at T = 1, "
        f"{(calibration.equal_mass if mass else calibration.equal_width).ece:.3f} at T = {calibration.temperature:.3g}"
        for name, calibration in zip(names, shown, strict=True)
    ]
    about = "the triplets that the temperature was fitted to" if fitted else f"held-out {shown[0].split}"
    bins = "bins of about as many answers each" if mass else "bins of equal width"
    sentences = [
        f"{spread(calibration.test.n_answers for calibration in shown)} answers about {about}, in {bins}, at the "
        "fitted temperature. Dashed: what it says is so.",
        f"Expected calibration error: {'; '.join(errors)}.",
        "Bins have no intervals.",
        first_of(len(shown), len(calibrations), "models"),
    ]
    title = "Reliability of choice probabilities" + (f": {names[0]}" if len(names) == 1 else "")
    return finished(_diagonal(rows, names, look, points), look, points, title, sentences)


def names_of(calibrations: Sequence[Calibration], labels: Mapping[str, str] | None = None) -> list[str]:
    """What calibrations are called: the model, and the measure where there are several; `labels`: those of a page."""
    names = called(
        [(calibration.embeddings or "embeddings", calibration.label) for calibration in calibrations], labels
    )
    if len({calibration.measure for calibration in calibrations}) > 1:
        names = [
            name if calibration.measure is None else f"{name}, {one_line(calibration.measure)}"
            for name, calibration in zip(names, calibrations, strict=True)
        ]
    return different(names)


def _bin_rows(name: str, calibration: Calibration, by: str) -> list[BinRow]:
    """The bins of a calibration that hold answers."""
    reliability = calibration.equal_mass if by == BINS[0] else calibration.equal_width
    n_bins, edges = len(reliability.count), reliability.edges
    if len(edges) != n_bins + 1 or any(edge != edge for edge in edges):
        raise InputError(f"edges must be {n_bins + 1} numbers, around the bins; got {list(edges)!r:.60}")
    return [
        {"model": name, "confidence": bin_.confidence, "accuracy": bin_.accuracy, "n": bin_.n, "from": bin_.low,
         "to": bin_.high,
         "told": f"{name}: of {bin_.n:,} answers at a confidence from {100 * bin_.low:.1f} to {100 * bin_.high:.1f} %, "
                 f"mean {100 * bin_.confidence:.1f} %, {100 * bin_.accuracy:.1f} % are the model's choice"}
        for bin_ in bins_of(reliability)
    ]  # fmt: skip


def _diagonal(rows: Sequence[BinRow], names: Sequence[str], style: Style, width: float) -> Any:
    """The points of each model, joined, and the diagonal."""
    low, high = with_margin([value for row in rows for value in (row["confidence"], row["accuracy"])], 0.05)
    domain = [max(0.0, low), min(1.0, high)]
    several = len(names) > 1
    widest = max(letters_width(name) for name in names) + 20
    at_side = several and widest + 200 < width
    room = min(280.0, width - 50 - (widest if at_side else 0))
    scale, axis = alt.Scale(domain=domain, nice=False, zero=False), {"format": ".0%", "tickCount": 6, "grid": True}
    title = "confidence: probability of the model's choice"
    x = alt.X("confidence:Q", scale=scale, axis=alt.Axis(title=title, **axis))
    y = alt.Y("accuracy:Q", scale=scale, axis=alt.Axis(title="answers that are that choice", **axis))
    line = chart_of([{"confidence": end, "accuracy": end} for end in domain]).encode(x=x, y=y)
    line = line.mark_line(strokeDash=[3, 2], color=style.muted, strokeWidth=0.8, aria=False)
    look: Look = {"color": alt.value(style.palette[0]), "shape": alt.value("circle")}
    if several:
        legend = alt.Legend(title=None, orient="right" if at_side else "top", columns=1, labelLimit=0)
        look = colours_and_shapes("model", names, style.palette, legend)
    tips = ["model:N", *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("confidence", "accuracy")),
            alt.Tooltip("n:Q", title="answers", format=",")]  # fmt: skip
    base = chart_of(rows).encode(x=x, y=y)
    joined = base.mark_line(strokeWidth=1, opacity=0.7, aria=False)
    joined = joined.encode(color=look["color"], order="confidence:Q", detail="model:N")
    dots = base.mark_point(size=22, filled=True, opacity=1).encode(**look, tooltip=tips, description="told:N")
    return alt.layer(line, joined, dots).properties(width=room, height=room)


def metadata_chart(
    result: MetadataRegressions, *, style: str = "light", width: str = "double", limit: int | None = None,
    by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Models as points with their intervals; colour and shape are families.

    `by`: the column; default: the first of numbers, else of text. `limit`: names stand next to the points where there
    are at most so many models (default: 16).
    """
    look, points = style_of(style), width_of(width)
    texts = list(dict.fromkeys(group.column for group in result.groups))
    columns = [*dict.fromkeys(row.column for row in result.results), *texts]
    column = by if by is not None else next(iter(columns), None)
    if column is None or column not in columns:
        raise InputError(
            f"by must be a column of the result, {', '.join(columns) or 'of which it has none'}; got {by!r}"
        )
    rows = _model_rows(result.points, column, labels)
    if not rows:
        raise InputError(f"a picture of 'metadata' needs models with a value in {column!r}; the result has none")
    if column in texts:
        return _strips(result, column, rows, look, points)
    line = [row for row in result.results if row.column == column][-1]  # on the logarithm where there is that
    return _against_numbers(result, line, rows, look, points, limit or NAMED)


def _model_rows(models: Sequence[ModelPoint], column: str, labels: Mapping[str, str] | None) -> list[ModelRow]:
    """The models that have a value in the column, as the chart holds them; the smallest families are one."""
    pairs = [(point, value) for point in models if (value := (point.values or {}).get(column)) is not None]
    names = model_labels([(point.model, None) for point, _ in pairs], labels=labels)
    families = [
        name for name, _ in Counter(point.family for point, _ in pairs if point.family is not None).most_common()
    ]
    largest = families if len(families) <= MOST_FAMILIES else families[: MOST_FAMILIES - 1]
    rows: list[ModelRow] = []
    for point, value in pairs:
        (low, high), seeds, name = ends_of(point.ci), len(point.members), names[point.model]
        shown = one_line(value) if isinstance(value, str) else f"{value:,.6g}"
        description = f"{name}: {_figure(point.accuracy, low, high)}, {column} {shown}"
        description += (f", mean of {seeds} seeds" if seeds > 1 else "") + (f", {point.family}" if point.family else "")
        family = NONE if point.family is None else one_line(point.family) if point.family in largest else OTHERS
        rows.append({
            "model": name, "value": value, "accuracy": known(point.accuracy), "low": low, "high": high,
            "lowest": known(point.lowest), "highest": known(point.highest), "seeds": seeds,
            "family": family, "told": description,
        })  # fmt: skip
    return rows


def _figure(accuracy: float, low: float | None, high: float | None) -> str:
    interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f} %"
    return f"{100 * accuracy:.1f} %{interval}"


def _against_numbers(
    result: MetadataRegressions, line: MetadataRegression, rows: Sequence[ModelRow], look: Style, points: float,
    limit: int,
) -> Any:  # fmt: skip
    """Points at their numbers, with the line and its band, and names where they are few."""
    logs = line.scale == "log10"
    values = [float(row["value"]) for row in rows]
    low, high = min(values), max(values)
    more = (high / low) ** 0.05 if logs else 0.0
    ends = (low / more, high * more) if logs else with_margin(values, 0.05, abs(high) or 1.0)
    scale = alt.Scale(domain=list(ends), nice=False, **({"type": "log"} if logs else {"zero": False}))
    room = points - 62
    form = ".3~%" if line.column in result.percent else "~s" if max(abs(low), abs(high)) >= 1e4 else "~r"
    axis = alt.Axis(format=form, tickCount=max(3, int(room / 70)), grid=False)
    title = f"{one_line(line.column)}{' (logarithmic)' if logs else ''}"
    x = alt.X("value:Q", title=title, scale=scale, axis=axis)
    y = alt.Y("accuracy:Q", title="accuracy", scale=_accuracies(rows, line.line.accuracy),
              axis=alt.Axis(format="%", tickCount=5))  # fmt: skip
    layers = [*_line(line.line, x, y, look), *_points(rows, {"x": x, "y": y}, "y", look, line.column)]
    if len(rows) <= limit:
        at = [math.log10(value) if logs else value for value in values]
        middle = (min(at) + max(at)) / 2.0  # names stand on the inner side of their points
        names = chart_of([
            {**row, "side": "right" if place <= middle else "left"} for row, place in zip(rows, at, strict=True)
        ])  # fmt: skip
        for side, align, move in (("right", "left", 5), ("left", "right", -5)):
            text = names.transform_filter(f"datum.side == '{side}'").mark_text(
                align=align, dx=move, dy=-4, fontSize=SMALL, color=look.muted, aria=False, clip=False
            )
            layers.append(text.encode(x=x, y=y, text="model:N"))
    chart = alt.layer(*layers).properties(width=room, height=190)
    return finished(chart, look, points, f"Accuracy against {line.column}", _over_models(result, line.line, len(rows)))


def _accuracies(rows: Sequence[ModelRow], others: Sequence[float | None]) -> Any:
    """The scale of all accuracies that points and their bars show; what of a line's band is far outside is cut."""
    heights = [
        end for row in rows for end in (row["accuracy"], row["low"], row["high"], row["lowest"], row["highest"])
    ]  # fmt: skip
    low, high = with_margin([*heights, *others], 0.12, 0.01)
    return alt.Scale(domain=[max(0.0, low), min(1.0, high)], nice=False, zero=False, clamp=False)


def _line(line: FittedLine, x: Any, y: Any, look: Style) -> list[Any]:
    """The line, and the band of that interval which says most: over models where there is one."""
    low, high = (line.models_low, line.models_high) if line.models_low else (line.low, line.high)
    columns = {"value": line.x, "accuracy": line.accuracy, **({"low": low, "high": high} if low and high else {})}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    base, alike = chart_of(rows).encode(x=x), {"color": look.muted, "clip": True, "aria": False}
    layers = [base.mark_line(strokeWidth=1.2, **alike).encode(y=y)]
    if "low" in columns:
        layers.insert(0, base.mark_area(opacity=0.16, **alike).encode(y=of_field(y, "low"), y2="high:Q"))
    return layers


def _points(
    rows: Sequence[ModelRow], at: At, along: Literal["x", "y"], look: Style, column: str
) -> list[Any]:  # fmt: skip
    """Points with intervals along an axis, and thicker bars from the lowest to the highest of several seeds."""
    base = chart_of(rows)
    families = sorted({row["family"] for row in rows}, key=lambda name: (name in (OTHERS, NONE), name))
    palette = [look.muted if name in (OTHERS, NONE) else look.palette[k] for k, name in enumerate(families)]
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=4, offset=6) if families != [NONE] else None
    family = colours_and_shapes("family", families, palette, legend)
    layers = []
    for low, high, thick, opacity in BARS:
        if any(row[low] is not None for row in rows):
            ends = {**at, along: of_field(at[along], low), f"{along}2": f"{high}:Q"}
            bars = base.transform_filter(f"isValid(datum.{low})").mark_rule(
                strokeWidth=thick, opacity=opacity, aria=False, clip=True
            )
            layers.append(bars.encode(**ends, color=family["color"]))
    shares = {"accuracy": "accuracy", "low": "from", "high": "to"}
    tips = [
        "model:N", *(alt.Tooltip(f"{name}:Q", title=title, format=".1%") for name, title in shares.items()),
        alt.Tooltip("value:N" if along == "x" else "value:Q", title=one_line(column)), "family:N", "seeds:Q",
    ]  # fmt: skip
    point = {**at, **family, "tooltip": tips, "description": "told:N"}
    barred = any(row["low"] is not None for row in rows)
    for filled in (True, False) if barred else (True,):
        shown = base.transform_filter(f"{'' if filled else '!'}isValid(datum.low)") if barred else base
        layers.append(shown.mark_point(size=26, filled=filled, opacity=1, strokeWidth=1).encode(**point))
    return layers


def _strips(result: MetadataRegressions, column: str, rows: Sequence[ModelRow], look: Style, points: float) -> Any:
    """A row for each value of a text: its models, and their mean with its interval."""
    named = [(one_line(group.value), group, ends_of(group.ci)) for group in result.groups if group.column == column]
    means = [
        {"value": name, "accuracy": known(group.accuracy), "low": low, "high": high,
         "told": f"{name}: mean of {group.n_models} {_figure(group.accuracy, low, high)}"}
        for name, group, (low, high) in named
    ]  # fmt: skip
    values = [name for name, _, _ in named]
    label = min(0.38 * points, 10 + max(map(letters_width, values)))
    side = alt.Axis(labelLimit=label - 6, minExtent=label, maxExtent=label, ticks=False, domain=False, grid=True)
    y = alt.Y("value:N", sort=values, title=None, axis=side)
    heights = [height for _, group, ends in named for height in (group.accuracy, *ends)]
    x = alt.X("accuracy:Q", title="accuracy", scale=_accuracies(rows, heights), axis=alt.Axis(format="%"))
    base = chart_of(means).encode(y=y)
    bars = base.transform_filter("isValid(datum.low)").mark_rule(
        strokeWidth=5, opacity=0.25, color=look.text, aria=False
    )
    ticks = base.mark_tick(thickness=1.6, size=15, color=look.text, opacity=1)
    read = {"description": "told:N", "tooltip": [alt.Tooltip("told:N", title="mean")]}
    # Intervals of models would hide the means.
    plain: list[ModelRow] = [{**row, "value": one_line(str(row["value"])), "low": None, "high": None} for row in rows]
    layers = [bars.encode(x=of_field(x, "low"), x2="high:Q"), ticks.encode(x=x, **read),
              *_points(plain, {"x": x, "y": y}, "x", look, column)]  # fmt: skip
    chart = alt.layer(*layers).properties(width=points - label - 26, height=alt.Step(20, **{"for": "position"}))
    over = "" if result.ci_by is None else f"over {over_words(result.ci_by)}, for these very models"
    sentences = [
        f"{counted(len(rows), 'model')}{_counts(result)}; line: the mean of a group.",
        f"Bar: its {_level(result)} {over}." if over else "",
    ]
    return finished(chart, look, points, f"Accuracy by {column}", sentences)


def _counts(result: MetadataRegressions) -> str:
    """How many triplets, objects and people the accuracies are over."""
    counts = {"triplets": result.n_triplets, "objects": result.n_objects, "people": result.n_subjects}
    words = [f"{count:,} {what}" for what, count in counts.items() if count is not None]
    return f" on {', '.join(words)}" if words else ""


def _level(result: MetadataRegressions) -> str:
    return f"{100 * result.confidence:g} % interval"


def _over_models(result: MetadataRegressions, line: FittedLine, count: int) -> list[str]:
    """Sentences on what points, bars and band are over."""
    level, over = _level(result), "" if result.ci_by is None else f" over {over_words(result.ci_by)}"
    sentences = [f"{counted(count, 'model')}{_counts(result)}."]
    if any(point.ci is not None for point in result.points):
        sentences.append(f"Thin bars: {level}s{over}.")
    if any(point.lowest is not None for point in result.points):
        sentences.append("Thick bars: the lowest to the highest of several seeds, whose mean is the point.")
    if line.models_low:
        sentences.append(f"Band: {level} of the line over other {result.models_by} like these.")
    elif line.low:
        sentences.append(
            f"Band: {level} of the line for these very models{over}; there are too few for one over models."
        )
    return sentences
