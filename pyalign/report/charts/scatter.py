"""Accuracy against confidence (reliability), and against what is known of models (metadata): numbers, or text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign.analysis.calibration.calibration_result import Calibration, Calibrations
from pyalign.analysis.metadata.metadata_result import FittedLine, MetadataRegression, MetadataRegressions, OtherScore
from pyalign.analysis.metadata.model_points import first_and_others
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.errors import InputError
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.theme import (
    At, Look, Style, alt, bars_of, chart_of, colors_and_shapes, ends_of, finished, first_of, known, letters_width,
    lined, of_field, placed, points_of, quantity, read_out, styled, texts, with_margin,
)
from pyalign.report.fits import rank_text
from pyalign.report.probabilities import bins_of, names_of
from pyalign.report.words import Labels, counted, interval_header, model_labels, one_line, over_words, percent, spread

BINS = ("equal-mass", "equal-width")
NAMED, HEIGHT = 40, 190.0  # names next to points, at most; points of the frame
MOST_FAMILIES = MOST_MODELS - 1  # told apart; the others are one
OTHERS, NONE = "other families", "no family known"
# The ends of bars, their thickness in points, and their opacity: of the interval, and of several seeds.
BARS: tuple[tuple[Literal["low", "lowest"], Literal["high", "highest"], float, float], ...] = (
    ("low", "high", 1.0, 0.7), ("lowest", "highest", 3.0, 0.45),
)
# A model with its `value` in a column of the metadata; its `accuracy`, with the ends of its interval (`low`, `high`),
# and of its `seeds` (`lowest`, `highest`); its `family`, and the words that are `spoken`. `value_low`, `value_high`:
# the ends of the value's own interval, where the column is a score in another result that has one.
ModelRow = dict[str, Any]


@styled
def reliability_chart(
    results: Sequence[Calibration | Calibrations], look: Style, *, limit: int | None = None, by: str | None = None
) -> Any:
    """A point for each bin, at the mean confidence of its answers; on the diagonal a model is what it says.

    `by`: "equal-mass" (default), bins of about as many answers each; or "equal-width". `limit`: at most and by default
    8, as many as colors tell apart.
    """
    by = _checks.one_of(by or BINS[0], BINS, "by")
    calibrations = [row for result in results for row in ([result] if isinstance(result, Calibration) else result)]
    shown = calibrations[: min(limit or MOST_MODELS, MOST_MODELS)]
    names = names_of(shown, look.labels)
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
    return finished(_diagonal(rows, names, look), look, title, sentences)


def _bin_rows(name: str, calibration: Calibration, by: str) -> list[dict[str, Any]]:
    """The bins of a calibration that hold answers."""
    reliability = calibration.equal_mass if by == BINS[0] else calibration.equal_width
    n_bins, edges = len(reliability.count), reliability.edges
    if len(edges) != n_bins + 1 or any(edge != edge for edge in edges):
        raise InputError(f"edges must be {n_bins + 1} numbers, around the bins; got {list(edges)!r:.60}")
    return [
        {"model": name, "confidence": bin_.confidence, "accuracy": bin_.accuracy, "n": bin_.n, "from": bin_.low,
         "to": bin_.high,
         "spoken": f"{name}: of {counted(bin_.n, 'answer')} at a confidence from {100 * bin_.low:.1f} to "
                 f"{100 * bin_.high:.1f}%, mean {100 * bin_.confidence:.1f}%, {100 * bin_.accuracy:.1f}% are the "
                 "model's choice"}
        for bin_ in bins_of(reliability)
    ]


def _diagonal(rows: Sequence[Any], names: Sequence[str], style: Style) -> Any:
    """The points of each model, joined, and the diagonal."""
    low, high = with_margin([value for row in rows for value in (row["confidence"], row["accuracy"])], 0.05)
    domain = [max(0.0, low), min(1.0, high)]
    several = len(names) > 1
    widest = max(letters_width(name) for name in names) + 20
    at_side = several and widest + 200 < style.points
    room = min(280.0, style.points - 50 - (widest if at_side else 0))
    axis: dict[str, Any] = {"form": ".0%", "ends": domain, "tickCount": 6, "grid": True}
    x = quantity(alt.X, "confidence", "confidence: probability of the model's choice", **axis)
    y = quantity(alt.Y, "accuracy", "answers that are that choice", **axis)
    line = chart_of([{"confidence": end, "accuracy": end} for end in domain]).encode(x=x, y=y)
    line = line.mark_line(strokeDash=[3, 2], color=style.muted, strokeWidth=0.8, aria=False)
    look: Look = {"color": alt.ColorValue(style.palette[0]), "shape": alt.ShapeValue("circle")}
    if several:
        legend = alt.Legend(title=None, orient="right" if at_side else "top", columns=1, labelLimit=0)
        look = colors_and_shapes("model", names, style.palette, legend)
    tips = [alt.Tooltip("model:N"), *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("confidence", "accuracy")),
            alt.Tooltip("n:Q", title="answers", format=",")]
    joined, dots = lined(chart_of(rows).encode(x=x, y=y), look, *tips, size=22, strokeWidth=1, opacity=0.7)
    joined = joined.encode(order=alt.Order("confidence:Q"), detail=alt.Detail("model:N"))
    return alt.layer(line, joined, dots, width=room, height=room)


@styled
def metadata_chart(result: MetadataRegressions, look: Style, *, limit: int | None = None, by: str | None = None) -> Any:
    """Models as points with their intervals; color and shape are families.

    `by`: the column; default: the first of numbers, else of text. A column that is a score in another result has its
    own intervals. `limit`: at most so many names (default: 40), as many as have room.
    """
    texts = list(dict.fromkeys(group.column for group in result.groups))
    columns = [*dict.fromkeys(row.column for row in result.results), *texts]
    column = by if by is not None else next(iter(columns), None)
    if column is None or column not in columns:
        raise InputError(
            f"by must be a column of the result, {', '.join(columns) or 'of which it has none'}; got {by!r}"
        )
    rows = _model_rows(result, column, look.labels)
    if not rows:
        raise InputError(f"a picture of 'metadata' needs models with a value in {column!r}; the result has none")
    if column in texts:
        return _strips(result, column, rows, look)
    line = [row for row in result.results if row.column == column][-1]  # on the logarithm where there is that
    return _against_numbers(result, line, rows, look, limit or NAMED)


def _model_rows(result: MetadataRegressions, column: str, labels: Labels | None) -> list[ModelRow]:
    """The models that have a value in the column, as the chart holds them; the smallest families are one."""
    pairs = [(point, value) for point in result.points if (value := (point.values or {}).get(column)) is not None]
    names = model_labels([(point.model, None) for point, _ in pairs], labels=labels)
    families = [name for name, _ in Counter(point.family for point, _ in pairs if point.family).most_common()]
    largest = families if len(families) <= MOST_FAMILIES else families[: MOST_FAMILIES - 1]
    rows: list[ModelRow] = []
    for point, value in pairs:
        (low, high), seeds, name = ends_of(point.ci), len(point.members), names[point.model]
        shown = one_line(value) if isinstance(value, str) else f"{value:,.6g}"
        spoken = f"{name}: {_figure(point.accuracy, low, high, result.is_share)}, {column} {shown}"
        spoken += (f", mean of {seeds} seeds" if seeds > 1 else "") + (f", {point.family}" if point.family else "")
        family = NONE if point.family is None else one_line(point.family) if point.family in largest else OTHERS
        rows.append({
            "model": name, "value": value, "accuracy": known(point.accuracy), "low": low, "high": high,
            "lowest": known(point.lowest), "highest": known(point.highest), "seeds": seeds, "family": family,
            "spoken": spoken,
        })
        score = point.score(column)
        left, right = ends_of(None if score is None else score.ci)
        if left is not None:
            rows[-1] |= {"value_low": left, "value_high": right}
    return rows


def _figure(value: float, low: float | None, high: float | None, share: bool) -> str:
    """An accuracy as people write it, or another score, with its interval."""
    number, high_end, low_end = ("-" if end is None else percent(end) if share else f"{end:.3f}"
                                 for end in (value, high, low))
    return number if low is None else f"{number}, interval {low_end.rstrip('%')} to {high_end}"


def _capital(name: str) -> str:
    """The name of a score at the beginning of a sentence."""
    return one_line(name[:1].upper() + name[1:])


def _score_axis(channel: Any, result: MetadataRegressions, ends: tuple[float, float], **ticks: int) -> Any:
    """The axis of what is set against the columns."""
    axis = alt.Axis(format="%" if result.is_share else "~r", **ticks)
    scale = alt.Scale(domain=list(ends), nice=False, zero=False, clamp=False)
    return channel("accuracy:Q", title=one_line(result.score_name), scale=scale, axis=axis)


def _against_numbers(
    result: MetadataRegressions, line: MetadataRegression, rows: Sequence[ModelRow], look: Style, limit: int
) -> Any:
    """Points at their numbers, with the line and its band, or at two scores with both intervals; names have room."""
    logs, other, room = line.scale == "log10", result.other(line.column), look.points - 62
    values = [float(row[end]) for row in rows for end in ("value", "value_low", "value_high") if end in row]
    low, high = min(values), max(values)
    more = (high / low) ** 0.05 if logs else 0.0
    ends = (low / more, high * more) if logs else with_margin(values, 0.05, abs(high) or 1.0)
    scale = alt.Scale(domain=list(ends), nice=False, **({"type": "log"} if logs else {"zero": False}))
    form = ".3~%" if line.column in result.percent else "~s" if max(abs(low), abs(high)) >= 1e4 else "~r"
    axis = alt.Axis(format=form, tickCount=max(3, int(room / 70)), grid=False)
    x = alt.X("value:Q", title=f"{one_line(line.column)}{' (logarithmic)' if logs else ''}", scale=scale, axis=axis)
    bottom, top = _accuracies(rows, line.line.accuracy, result.is_share)
    y = _score_axis(alt.Y, result, (bottom, top), tickCount=5)
    if other is None:
        layers = _line(line.line, x, y, look)
    else:
        bars = chart_of([row for row in rows if "value_low" in row])
        bars = bars.mark_rule(strokeWidth=1.0, opacity=0.5, color=look.muted, aria=False, clip=True)
        layers = [bars.encode(x=of_field(x, "value_low"), x2=alt.X2("value_high:Q"), y=y)]
        if is_comparable(result, other) and max(ends[0], bottom) < min(ends[1], top):
            equal = [{"value": end, "accuracy": end} for end in (max(ends[0], bottom), min(ends[1], top))]
            dashed = chart_of(equal).mark_line(strokeDash=[3, 2], strokeWidth=0.8, color=look.muted, aria=False)
            layers.append(dashed.encode(x=x, y=y))
    layers += _points(rows, {"x": x, "y": y}, "y", look, line.column, result)
    names, count = _names_beside(rows, logs, ends, (bottom, top), room, limit, look)
    few = f"Names of {count} of {len(rows)} models, as many as have room." if count < len(rows) else ""
    title = f"{_capital(result.score_name)} against {line.column}"
    chart = alt.layer(*layers, names, width=room, height=HEIGHT)
    return finished(chart, look, title, [*_over_models(result, line, len(rows)), few])


def _names_beside(
    rows: Sequence[ModelRow], logs: bool, ends: Sequence[float], heights: Sequence[float], room: float, limit: int,
    look: Style,
) -> tuple[Any, int]:
    """The names that have room beside their points, and how many, where the axes reach from end to end."""
    keys = ("value", "value_low", "value_high", "accuracy", "low", "high")
    found = np.array([[row.get(key) for key in keys] for row in rows], np.float64).T  # NaN where there is none
    (left, right), (bottom, top) = np.log10(ends) if logs else ends, heights
    x, x_low, x_high = room * ((np.log10(found[:3]) if logs else found[:3]) - left) / (right - left)
    y, y_low, y_high = HEIGHT * (top - np.vstack([np.nan_to_num(found[3]), found[4:]])) / (top - bottom)
    bars = np.concatenate([np.stack([x_low, y, x_high, y], 1), np.stack([x, y_high, x, y_low], 1)])
    bars = bars[~np.isnan(bars).any(axis=1)]
    labels = placed(np.stack([x, y], 1), [row["model"] for row in rows], (room, HEIGHT), limit, bars)
    words = texts([{"name": label.name, "x": label.x, "y": label.y} for label in labels], align="left",
                  baseline="middle", color=look.muted)
    # As scales of the points are, places of names would be shared with them: they are pixels of the same frame.
    return words.encode(x=alt.X("x:Q", scale=None), y=alt.Y("y:Q", scale=None)), len(labels)


def is_comparable(result: MetadataRegressions, other: OtherScore) -> bool:
    """Whether both are accuracies of the same chance, or correlations of RSA, so that equal ones mean the same."""
    own = result.against
    if own.chance is None or other.chance is None:
        return own.chance == other.chance and other.unit == own.unit == "pairs"
    return abs(other.chance - own.chance) < 1e-9


def _accuracies(rows: Sequence[ModelRow], others: Sequence[float | None], share: bool) -> tuple[float, float]:
    """The ends of the axis of accuracies: all that points and bars show; what is far outside of a band is cut."""
    heights = [row[end] for row in rows for end in ("accuracy", "low", "high", "lowest", "highest")]
    low, high = with_margin([*heights, *others], 0.12, 0.01)
    return (max(0.0, low), min(1.0, high)) if share else (low, high)


def _line(line: FittedLine, x: Any, y: Any, look: Style) -> list[Any]:
    """The line, and the band of that interval which says most: over models where there is one."""
    low, high = (line.models_low, line.models_high) if line.models_low else (line.low, line.high)
    columns = {"value": line.x, "accuracy": line.accuracy, **({"low": low, "high": high} if low and high else {})}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    base, alike = chart_of(rows).encode(x=x), {"color": look.muted, "clip": True, "aria": False}
    layers = [base.mark_line(strokeWidth=1.2, **alike).encode(y=y)]
    if "low" in columns:
        layers.insert(0, base.mark_area(opacity=0.16, **alike).encode(y=of_field(y, "low"), y2=alt.Y2("high:Q")))
    return layers


def _points(
    rows: Sequence[ModelRow], at: At, along: Literal["x", "y"], look: Style, column: str, result: MetadataRegressions
) -> list[Any]:
    """Points with intervals along an axis, and thicker bars from the lowest to the highest of several seeds."""
    base = chart_of(rows)
    families = sorted({row["family"] for row in rows}, key=lambda name: (name in (OTHERS, NONE), name))
    palette = [look.muted if name in (OTHERS, NONE) else look.palette[k] for k, name in enumerate(families)]
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=4, offset=6) if families != [NONE] else None
    family = colors_and_shapes("family", families, palette, legend)
    layers = []
    for low, high, thick, opacity in BARS:
        if any(row[low] is not None for row in rows):
            ends = {**at, along: of_field(at[along], low), f"{along}2": f"{high}:Q"}
            bars = base.transform_filter(f"isValid(datum.{low})").mark_rule(
                strokeWidth=thick, opacity=opacity, aria=False, clip=True
            )
            layers.append(bars.encode(**ends, color=family["color"]))
    shares = {"accuracy": one_line(result.score_name), "low": "from", "high": "to"}
    form = ".1%" if result.is_share else ".3f"
    tips = [
        alt.Tooltip("model:N"), *(alt.Tooltip(f"{name}:Q", title=title, format=form) for name, title in shares.items()),
        alt.Tooltip("value:N" if along == "x" else "value:Q", title=one_line(column)), alt.Tooltip("family:N"),
        alt.Tooltip("seeds:Q"),
    ]
    return [*layers, *points_of(base, rows, 26, **at, **family, **read_out(*tips))]


def _strips(result: MetadataRegressions, column: str, rows: Sequence[ModelRow], look: Style) -> Any:
    """A row for each value of a text: its models, and their mean with its interval."""
    groups = [group for group in result.groups if group.column == column]
    means = list[dict[str, Any]]()
    for group in groups:
        (low, high), name = ends_of(group.ci), one_line(group.value)
        spoken = f"{name}: mean of {group.n_models} {_figure(group.accuracy, low, high, result.is_share)}"
        means.append({"value": name, "accuracy": known(group.accuracy), "low": low, "high": high, "spoken": spoken})
    values = [mean["value"] for mean in means]
    label = min(0.38 * look.points, 10 + max(map(letters_width, values)))
    side = alt.Axis(labelLimit=label - 6, minExtent=label, maxExtent=label, ticks=False, domain=False, grid=True)
    y = alt.Y("value:N", sort=values, title=None, axis=side)
    heights = [mean[end] for mean in means for end in ("accuracy", "low", "high")]
    x = _score_axis(alt.X, result, _accuracies(rows, heights, result.is_share))
    base = chart_of(means).encode(y=y)
    ticks = base.mark_tick(thickness=1.6, size=15, color=look.text, opacity=1)
    read = read_out(alt.Tooltip("spoken:N", title="mean"))
    # Intervals of models would hide the means.
    plain: list[ModelRow] = [{**row, "value": one_line(row["value"]), "low": None, "high": None} for row in rows]
    layers = [bars_of(base, "x", x, strokeWidth=5, opacity=0.25, color=look.text), ticks.encode(x=x, **read),
              *_points(plain, {"x": x, "y": y}, "x", look, column, result)]
    chart = alt.layer(*layers, width=look.points - label - 26, height=alt.Step(20, **{"for": "position"}))
    over = result.inference.over and f"over {over_words(result.inference.over)}, for these very models"
    sentences = [
        f"{counted(len(rows), 'model')}{counts_of(result)}; line: the mean of a group.",
        f"Bar: its {interval_header(result.inference.level)} {over}." if over else "",
    ]
    return finished(chart, look, f"{_capital(result.score_name)} by {column}", sentences)


def counts_of(result: MetadataRegressions) -> str:
    """How many triplets, objects and people the accuracies are over."""
    if result.score is not None:
        return "" if result.score.n is None else f" on {_over_what(result.score)}"
    counts = {"triplets": result.n_triplets, "objects": result.n_objects, "people": result.n_subjects}
    words = [f"{count:,} {what}" for what, count in counts.items() if count is not None]
    return f" on {', '.join(words)}" if words else ""


def _over_models(result: MetadataRegressions, line: MetadataRegression, count: int) -> list[str]:
    """Sentences on what points, bars and band are over."""
    how = result.inference
    level, over = interval_header(how.level), "" if how.over is None else f" over {over_words(how.over)}"
    sentences, other = [f"{counted(count, 'model')}{counts_of(result)}."], result.other(line.column)
    if other is not None:
        return [*sentences, *_over_scores(result, other, line)]
    if any(point.ci is not None for point in result.points):
        sentences.append(f"Thin bars: {level}s{over}.")
    if any(point.lowest is not None for point in result.points):
        sentences.append("Thick bars: the lowest to the highest of several seeds, whose mean is the point.")
    if line.line.models_low:
        sentences.append(f"Band: {level} of the line over other {result.models_by} like these.")
    elif line.line.low:
        sentences.append(
            f"Band: {level} of the line for these very models{over}; there are too few for one over models."
        )
    return sentences


def _over_scores(result: MetadataRegressions, other: OtherScore, line: MetadataRegression) -> list[str]:
    """Sentences on the other score: over what it is, and its rank correlation with accuracy."""
    own, found, models = result.against, line.rank_correlation, result.models_by
    same = (other.n, other.source, other.unit) == (own.n, own.source, own.unit)
    why = "not for a perfect order" if found is not None and abs(found) > 1 - 1e-9 else f"too few {models}"
    interval = f"no interval over {models}: {why}"
    if line.rank_models_ci is not None:
        level = interval_header(result.inference.level)
        interval = f"{level} {rank_text(line.rank_models_ci)} over other {models} like these"
    return [
        "" if same else f"{one_line(other.column)} is over {_over_what(other)}.",
        "Bars: intervals of both, as the two results have them.",
        f"Dashed: equal {'accuracies' if result.is_share else 'correlations'}." if is_comparable(result, other) else "",
        f"Rank correlation {'not defined' if found is None else f'{found:.3f}'} ({interval}).",
    ]


def _over_what(score: OtherScore) -> str:
    """How many triplets, pairs or objects of which file a score is over."""
    n = "other" if score.n is None else f"{score.n:,}"
    of = "" if score.source is None else f" of {one_line(os.path.basename(score.source))}"
    return f"{n} {score.unit}{of}"


@styled
def scores_chart(results: Sequence[Any], look: Style, *, limit: int | None = None, by: str | None = None) -> Any:
    """Two scores of each model against each other: the first result (or all probes at the beginning) is the vertical.

    `by`: the other score, where further results have several; default: the first. `limit`: as of `metadata_chart`.
    """
    first, others = first_and_others(results)
    if not others:
        raise InputError("a picture of scores needs two results or more, each with a score of the same models; got one")
    found = regress_metadata(first, others=others, labels=look.labels)
    columns = [score.column for score in found.others or ()]
    if by is not None and by not in columns:
        raise InputError(f"by must be one of the other scores, {'; '.join(columns)}; got {by!r}")
    return metadata_chart(found, style=look, limit=limit, by=by or columns[0])
