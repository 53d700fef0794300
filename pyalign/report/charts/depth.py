"""Accuracy over the layers of models, a line for each, with the best layer free of its choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.errors import InputError
from pyalign.report.charts.labels import ends_of, first_of, with_margin
from pyalign.report.charts.theme import (
    SHAPES,
    Look,
    alt,
    chart_of,
    colours_and_shapes,
    finished,
    letters_width,
    of_field,
    style_of,
    width_of,
)
from pyalign.report.words import bars_text, counted, model_labels, one_line, percent

MOST_LINES = len(SHAPES)
ESCAPES = {ord(sign): f"\\{sign}" for sign in "\\'"}  # in a string of Vega's expressions
CHOSEN = "best layer, chosen on other objects"


def depth_chart(
    result: Comparison, *, style: str = "light", width: str = "double", limit: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """A point for each layer with its interval, in the order of the layers; a line for each model.

    The layers of one model, or of models with the same layers, stand under their names; layers of different models
    under their depth, from the first (0) to the last (1). A diamond is the accuracy of the best layer, chosen on half
    of the objects and scored on the others, where the result has it. `limit`: of models, at most and by default 8.
    """
    look, points = style_of(style), width_of(width)
    layers = result.layers
    if layers is None:
        raise InputError("a picture of depth needs models named MODEL::LAYER, at least two layers of a model; the "
                         "result has none")
    held = [(model, model.layer) for model in layers if model.layer is not None]
    of = list(dict.fromkeys(layer.of for _, layer in held))
    shown = of[: min(limit or MOST_LINES, MOST_LINES)]
    names = model_labels([(name, None) for name in shown], labels=labels)
    each = {name: [layer.name for _, layer in held if layer.of == name] for name in shown}
    same = len({tuple(layer_names) for layer_names in each.values()}) == 1
    best = {b.model: b for b in result.best_layers or ()}
    rows, chosen = list[dict[str, Any]](), list[dict[str, Any]]()
    for model, layer in held:
        if layer.of not in shown:
            continue
        low, high = ends_of(model.ci)
        depth = layer.place / max(1, len(each[layer.of]) - 1)
        at = {"model": names[layer.of], "layer": one_line(layer.name), "place": layer.place, "depth": depth}
        interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f}%"
        told = f"{names[layer.of]}, {one_line(layer.name)}: {percent(model.accuracy)}{interval}"
        rows.append({**at, "value": model.accuracy, "low": low, "high": high, "told": told})
        if (b := best.get(model.model)) is not None:
            low, high = ends_of(b.ci)
            told = f"{names[layer.of]}, {CHOSEN}: {percent(b.accuracy)}"
            chosen.append({**at, "layer": CHOSEN, "value": b.accuracy, "low": low, "high": high, "told": told})
    field = "place" if same else "depth"
    ends = with_margin([float(row[field]) for row in rows], 0.05)
    words = [one_line(name) for name in each[shown[0]]]
    room = points - 60
    lean = max(map(letters_width, words)) > room / len(words) - 4
    axis = alt.Axis(title="depth, from the first layer to the last", grid=False, tickCount=5)
    if same:
        text = "[" + ",".join(f"'{word.translate(ESCAPES)}'" for word in words) + "][datum.value]"
        axis = alt.Axis(title="layer", grid=False, values=list(range(len(words))), labelExpr=text, labelOverlap=True,
                        labelLimit=120, **({"labelAngle": -60, "labelAlign": "right"} if lean else {}))
    x = alt.X(f"{field}:Q", scale=alt.Scale(domain=list(ends), nice=False, zero=False), axis=axis)
    bottom, top = with_margin([row[end] for row in [*rows, *chosen] for end in ("value", "low", "high")], 0.08, 0.01)
    y = alt.Y("value:Q", axis=alt.Axis(title="accuracy", format=".0%", tickCount=5),
              scale=alt.Scale(domain=[max(0.0, bottom), min(1.0, top)], nice=False, zero=False))
    legend = alt.Legend(title=None, orient="top", labelLimit=0, columns=3) if len(shown) > 1 else None
    channels = colours_and_shapes("model", list(names.values()), look.palette, legend)
    tips = [alt.Tooltip("model:N"), alt.Tooltip("layer:N"),
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("value", "low", "high"))]
    marks = joined(rows, x, y, channels, tips)
    if chosen:
        base = chart_of(chosen).encode(x=x, color=channels["color"])
        bars = base.transform_filter("isValid(datum.low)").mark_rule(aria=False, opacity=0.6)
        diamonds = base.mark_point(opacity=1, strokeWidth=1.4, filled=False, size=60, shape="diamond")
        marks += [bars.encode(y=of_field(y, "low"), y2=alt.Y2("high:Q")),
                  diamonds.encode(y=y, tooltip=tips, description=alt.Description("told:N"))]
    known = all(layer.known for _, layer in held)
    sentences = [
        f"{counted(result.n_triplets, 'triplet')}. {bars_text(model.ci for model in layers)}".strip(),
        f"Order of layers: {'that of the extraction' if known else 'as given'}.",
        f"Diamond: {CHOSEN}." if chosen else "",
        first_of(len(shown), len(of), "models"),
    ]
    chart = alt.layer(*marks, width=room, height=190)
    title = f"Accuracy over the layers of {names[shown[0]] if len(shown) == 1 else counted(len(shown), 'model')}"
    return finished(chart, look, points, title, sentences)


def joined(rows: Sequence[Any], x: Any, y: Any, channels: Look, tips: Sequence[Any]) -> list[Any]:
    """Points with intervals, `low` to `high`, hollow without, and a line for each model that joins them."""
    base = chart_of(rows).encode(x=x, color=channels["color"])
    bars = base.transform_filter("isValid(datum.low)").mark_rule(aria=False, opacity=0.6)
    layers = [
        bars.encode(y=of_field(y, "low"), y2=alt.Y2("high:Q")),
        base.mark_line(strokeWidth=1.2, opacity=0.7, aria=False).encode(y=y, detail=alt.Detail("model:N")),
    ]
    barred = any(row["low"] is not None for row in rows)
    for filled in (True, False) if barred else (True,):
        some = base.transform_filter(f"{'' if filled else '!'}isValid(datum.low)") if barred else base
        dots = some.mark_point(opacity=1, filled=filled, size=26, strokeWidth=1)
        layers.append(dots.encode(y=y, shape=channels["shape"], tooltip=tips, description=alt.Description("told:N")))
    return layers
