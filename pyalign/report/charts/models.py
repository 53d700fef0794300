"""How well models agree with people, a row for each: accuracy and its ceiling, before and after a map, RSA.

Accuracy over the layers of models, a line for each, with the best layer free of its choice.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import median
from typing import Any

from pyalign.analysis.accuracy import Score, Scores
from pyalign.analysis.ceiling.leave_one_out import NoiseCeiling, require_weighting
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.errors import InputError
from pyalign.pairwise.rsa_result import Rsa, RsaResult
from pyalign.probing.cross_validate import ProbeCrossValidation
from pyalign.report.charts.ranked import (
    MOST_MODELS, Band, Change, Panel, Row, Tick, change_of, order_of, ranked, row_of,
)
from pyalign.report.charts.theme import (
    SHAPES, Style, alt, bars_of, chart_of, colors_and_shapes, ends_of, finished, first_of, joined, known, legend_of,
    letters_width, read_out, shares, styled, with_margin,
)
from pyalign.report.fits import held_out
from pyalign.report.scored import Scored, scored_of, unprobed
from pyalign.report.words import Labels, bars_text, called, counted, different, model_labels, one_line, percent, spread

MOST_ROWS = 60  # unless somebody asks for more
MOST_PEOPLE = 2000  # values of single people in one picture
Correlation = tuple[str, str, RsaResult]  # the model, what tells its points apart, the row of the result
PROBED, SCORE = "probed, held out", ("as they came", "transformed")


@styled
def accuracy_chart(
    results: Sequence[object], look: Style, *, sort: str = "value", limit: int | None = None, by: str | None = None
) -> Any:
    """Points with intervals, a row for each model; several measures, or sets of triplets, by color and shape.

    Of results of `pyalign.score` and `pyalign.compare`, or single accuracies of them; one of `pyalign.noise_ceiling`
    may be among them. `by` "groups": a row for each group of triplets, models by color. `limit`: default 60.
    """
    if by not in (None, "groups"):
        raise InputError(f"by must be 'groups' or left out for a picture of accuracy; got {by!r}")
    entries = [entry for result in results for entry in scored_of(result) if entry.accuracy is not None]
    if not entries:
        raise InputError("a picture of accuracy needs a model with an accuracy; the result has none")
    names = called([(entry.name, entry.label) for entry in entries], look.labels)
    parts = [  # that tell entries of one model apart
        (entry.measure or "own choices", "as they came" if entry.transform is None else "transformed",
         one_line(os.path.basename(entry.triplets)) if entry.triplets else "triplets")
        for entry in entries
    ]
    rows = (_by_group if by else _by_model)(entries, names, _what_differs(parts, "accuracy"))
    models = list(dict.fromkeys(row.model for row in rows))
    series = models[:MOST_MODELS]
    drawn = [row for row in rows if row.model in series]
    order = order_of(drawn, sort)
    shown = order[: limit or MOST_ROWS]
    people = [result for result in results if isinstance(result, NoiseCeiling)]
    for one, weighting in product(people, {entry.weighting for entry in entries}):
        require_weighting(one, weighting)
    ceilings = [one.ceilings for one in people]
    lines = _reference(entries) | {f"ceiling {100 * c.estimate.value:.1f}%": c.estimate.value for c in ceilings}
    bands = [Band(c.lower.value, c.upper.value, "bounds of the noise ceiling") for c in ceilings]
    axis = "odd-one-out accuracy" if min(entry.chance for entry in entries) < 0.4 else "accuracy"
    panel = Panel(drawn, axis, ".0%", lines, item="group" if by else "model", bands=bands,
                  counted=len({row.n for row in rows}) > 1)
    title = "Accuracy per group of triplets" if by else f"Accuracy of {counted(len(order), 'model')}"
    sentences = [
        *_over_what(entries, rows, first_of(len(shown), len(order), "groups" if by else "models")),
        first_of(len(series), len(models), "models and measures"),
    ]
    return finished(ranked([panel], shown, series, look), look, title, sentences)


def _by_model(entries: Sequence[Scored], names: Sequence[str], series: Sequence[str]) -> list[Row]:
    """A row for each model, series by color; the same twice is two rows."""
    rows, seen = [], Counter[tuple[str, str]]()
    for entry, name, series_name in zip(entries, names, series, strict=True):
        seen[name, series_name] += 1
        item = name if seen[name, series_name] == 1 else f"{name} ({seen[name, series_name]})"
        rows.append(row_of(item, series_name, entry.accuracy, entry.ci, entry.n))
    return rows


def _by_group(entries: Sequence[Scored], names: Sequence[str], series: Sequence[str]) -> list[Row]:
    """A row for each group of triplets, models by color."""
    if len(set(names)) < len(names):
        names = [f"{name}, {series_name}" for name, series_name in zip(names, series, strict=True)]
    rows = [
        row_of(one_line(group.group), name, group.accuracy, group.ci, group.n_triplets)
        for entry, name in zip(entries, different(names), strict=True) for group in entry.groups
    ]
    if not rows:
        raise InputError("by 'groups' needs a result with groups of triplets; it has none")
    return rows


def _what_differs(rows: Sequence[Sequence[str]], otherwise: str) -> list[str]:
    """The parts of each row that are not the same in all rows; `otherwise` where all are the same."""
    several = [len(set(column)) > 1 for column in zip(*rows, strict=True)]
    names = [[part for part, many in zip(row, several, strict=True) if many and part] for row in rows]
    return [", ".join(parts) or otherwise for parts in names]


def _reference(entries: Sequence[Scored]) -> dict[str, float]:
    """Lines at chance and at the ceilings that scores have been held against."""
    ceilings = [(entry.ceiling, entry.ceiling_name or "given") for entry in entries if entry.ceiling is not None]
    return {f"chance {100 * entry.chance:.1f}%": entry.chance for entry in entries} | {
        f"ceiling {100 * value:.1f}% ({name})": value for value, name in ceilings
    }


def _over_what(entries: Sequence[Scored], rows: Sequence[Row], first: str) -> list[str]:
    """What stands below the title; `first`: how many of all rows are shown, if not all are."""
    counts = [entry.n for entry in entries if entry.n is not None]
    intervals = [entry.ci for entry in entries] + [group.ci for entry in entries for group in entry.groups]
    over = f"{f'{spread(counts)} ' * bool(counts)}triplet{'s' * (set(counts) != {1})}"
    sentences = [f"Over {over}. {bars_text(intervals)}".strip()]
    if first:
        values = [row.value for row in rows if row.model == rows[0].model and row.value is not None]
        ends = f"from {100 * min(values):.1f} to {100 * max(values):.1f}%"
        sentences.append(f"{first} Of all: median {100 * median(values):.1f}%, {ends}.")
    few = sum(row.low is None for row in rows)
    if 0 < few < len(rows):
        sentences.append(f"Hollow: no interval ({few} of {len(rows)}).")
    seen = sum(entry.in_sample for entry in entries)
    if seen:
        sentences.append(f"In-sample, so too high: {seen} of {len(entries)}, whose map was fitted to these objects.")
    measures = {entry.measure for entry in entries}
    return [*sentences, f"Measure: {entries[0].measure}." if len(measures) == 1 and entries[0].measure else ""]


@styled
def ceiling_chart(result: NoiseCeiling, look: Style) -> Any:
    """Estimate and bounds of the ceiling as points with intervals; lines at chance and at the upper one of guessing."""
    ceilings = {
        "upper: majority share": result.ceilings.upper,
        "estimate: likely choices": result.ceilings.estimate,
        "lower: leave one participant out": result.ceilings.lower,
    }
    rows = [row_of(name, "people", ceiling.value, ceiling.ci) for name, ceiling in ceilings.items()]
    reference = {"chance": known(result.chance), "upper of guessing": known(result.guessing)}
    lines = {f"{name} {100 * value:.1f}%": value for name, value in reference.items() if value is not None}
    panel = Panel(rows, "accuracy of people's own choices", ".0%", lines, item="ceiling")
    who = "participants not known" if result.n_persons is None else f"{result.n_persons:,} participants"
    bars = bars_text(ceiling.ci for ceiling in ceilings.values())
    over = f"{result.n_distinct:,} triplets that were answered at least twice, {result.n_answers:,} answers, {who}."
    chart = ranked([panel], list(ceilings), ["people"], look)
    return finished(chart, look, "Noise ceiling: how well people predict people", [f"{over} {bars}".strip()])


@styled
def before_after_chart(
    results: Sequence[ProbeCrossValidation | Scores | Score], look: Style, *, sort: str = "value",
    limit: int | None = None,
) -> Any:
    """A row for each model, of one probe for each fold too; what is gained in a column of its own.

    Of results of `pyalign.cross_validate_probe`; or of `pyalign.score`, which hold models with and without a
    transform. `sort` "value" is by the accuracy afterwards. `limit`: default 60.
    """
    probes = [result for result in results if isinstance(result, ProbeCrossValidation)]
    if probes and len(probes) < len(results):
        raise InputError("a picture of before and after shows results of one command; got probe and score")
    entries = [entry for result in results for entry in scored_of(result)]
    pairs, sentences = _before_after_probes(probes, look.labels) if probes else _before_after_maps(entries, look.labels)
    before, after, gains = map(list, zip(*pairs, strict=True))
    order = order_of([*after, *before], "document" if len(probes) == 1 and sort == "value" else sort, gains)
    shown = order[: limit or MOST_ROWS]
    panels = [Panel([*after, *before], "accuracy", ".0%", _reference(entries), linked=True, counted=False)]
    if any(row.low is not None for row in gains):
        panels.append(Panel(gains, "gain", "+.0%", {"0": 0.0}, counted=False))
    names = (unprobed(probes), PROBED) if probes else SCORE
    chart = ranked(panels, shown, names, look, stacked=look.width == "single")
    title = f"{names[0].capitalize()} and probed accuracy" if probes else "Accuracy before and after the transform"
    return finished(chart, look, title, [*sentences, first_of(len(shown), len(order), "models")])


def probe_names(results: Sequence[ProbeCrossValidation], labels: Labels | None = None) -> list[str]:
    """What the embeddings of probes are called, all different; `labels`: those of a page."""
    return different(called([(result.embeddings or "the embeddings", None) for result in results], labels))


def _before_after_probes(
    probes: Sequence[ProbeCrossValidation], labels: Labels | None
) -> tuple[list[Change], list[str]]:
    """A pair for each probe, of a single one also for each of its folds; and sentences on what they are over."""
    names = ["mean of the folds"] if len(probes) == 1 else probe_names(probes, labels)
    before_and_after = unprobed(probes), PROBED
    pairs = [
        change_of(before_and_after, name, (probe.zero_shot_accuracy, probe.zero_shot_interval),
              (probe.accuracy, probe.accuracy_interval), (probe.difference, probe.difference_interval), None)
        for name, probe in zip(names, probes, strict=True)
    ]
    pairs += [
        change_of(before_and_after, f"fold {k}", (fold.zero_shot_accuracy, None), (fold.accuracy, None),
              (fold.accuracy - fold.zero_shot_accuracy, None), fold.n_test)
        for k, fold in enumerate(probes[0].folds if len(probes) == 1 else (), 1)
    ]
    folds = " or ".join(map(str, sorted({len(probe.folds) for probe in probes})))
    return pairs, [
        f"{spread(probe.n_test for probe in probes)} triplets of {' or '.join(sorted(set(map(held_out, probes))))}, in "
        f"{folds} folds; none chose anything.",
        bars_text([probes[0].accuracy_interval]),
        f"{before_and_after[0].capitalize()}: by cosines of the rows as they came, on the same triplets.",
        "Gain: paired over the same triplets." if any(gain.low is not None for _, _, gain in pairs) else "",
        "Hollow: the result has no interval of it." if any(before.low is None for before, _, _ in pairs) else "",
    ]


def _before_after_maps(entries: Sequence[Scored], labels: Labels | None) -> tuple[list[Change], list[str]]:
    """A pair for each model that was scored with and without a transform, on the same triplets; and sentences."""
    accuracies = [(entry, entry.accuracy) for entry in entries if entry.accuracy is not None]
    plain = {
        (entry.name, entry.triplets, entry.measure): (entry, a) for entry, a in accuracies if entry.transform is None
    }
    before_of = {key[:2]: pair for key, pair in reversed(plain.items())}  # the first, by whichever measure
    after = [
        (entry, b)
        for entry, b in accuracies
        if entry.transform is not None and (entry.name, entry.triplets) in before_of
    ]
    if not after:
        raise InputError(
            "a picture of before and after needs a model that was scored with a transform and without on the same "
            "triplets; got none"
        )
    names = called([(entry.name, entry.label) for entry, _ in after], labels)
    if len({entry.measure for entry, _ in after}) > 1:
        names = [f"{name}, {one_line(str(entry.measure))}" for name, (entry, _) in zip(names, after, strict=True)]
    pairs = []
    for name, (entry, b) in zip(different(names), after, strict=True):
        key = entry.name, entry.triplets
        other, a = plain.get((*key, entry.measure)) or before_of[key]
        pairs.append(change_of(SCORE, name, (a, other.ci), (b, entry.ci), (b - a, None), entry.n))
    counts = [entry.n for entry, _ in after if entry.n is not None]
    seen = any(entry.in_sample for entry in entries)
    return pairs, [
        f"{spread(counts) if counts else 'The same'} triplets. {bars_text(entry.ci for entry in entries)}".strip(),
        "In-sample, so too high: the transform was fitted to some of these objects." if seen else "",
        "The gain has no interval here: `pyalign compare` gives one.",
    ]


@styled
def rsa_chart(results: Sequence[Rsa], look: Style, *, sort: str = "value", limit: int | None = None) -> Any:
    """Two columns: with people's mean matrix, and the mean of those with each participant, before the noise ceiling.

    Several measures and correlations by color and shape. In a single column of a journal they stand below each other.
    `sort` "value" is by the correlation with the mean matrix. `limit`: default 60.
    """
    correlations = [(result, row) for result in results for row in result.results]
    parts = [
        (row.correlation, row.measure or "as given", one_line(result.human or "people")) for result, row in correlations
    ]
    series_of_rows = _what_differs(parts, parts[0][0])
    all_series = list(dict.fromkeys(series_of_rows))
    series = all_series[:MOST_MODELS]
    names = model_labels([(row.embeddings, row.label) for _, row in correlations], labels=look.labels)
    drawn = [
        (names[row.embeddings], name, row) for name, (_, row) in zip(series_of_rows, correlations, strict=True)
        if name in series
    ]
    rows = [row_of(label, name, row.value, row.ci, row.n_pairs) for label, name, row in drawn]
    order = order_of(rows, sort)
    shown = order[: limit or MOST_ROWS]
    people = sorted({result.n_people for result in results if result.n_people is not None})
    first = "correlation with the mean matrix of the participants" if people else "correlation with the human matrix"
    of_people = _per_person([correlation for correlation in drawn if correlation[0] in shown])
    panels = [Panel(rows, first, ".2f", {"0": 0.0}, unit="pairs", counted=False), *of_people]
    sentences = _over_objects([row for _, row in correlations], people)
    for panel in of_people:
        if panel.bands:
            sentences.append(
                "Gray: noise ceiling, each participant with the mean of the others and of all; it belongs to the "
                "correlations with each participant."
            )
        sentences.append(
            "Strokes: single participants." if panel.ticks else "There are too many participants to show each."
        )
    sentences += [
        first_of(len(shown), len(order), "models"),
        f"By: {', '.join(filter(None, (correlations[0][1].correlation, correlations[0][1].measure)))}."
        if len(series) == 1
        else "",
        first_of(len(series), len(all_series), "measures and correlations"),
    ]
    chart = ranked(panels, shown, series, look, stacked=look.width == "single")
    return finished(chart, look, "Representational similarity to people", sentences)


def _over_objects(rows: Sequence[RsaResult], people: Sequence[int]) -> list[str]:
    """Sentences on the objects, pairs and participants that correlations are over, and on what is missing."""
    who = "".join(f", {counted(n, 'participant')}" for n in people)
    objects, pairs = spread(row.n_objects for row in rows), spread(row.n_pairs for row in rows)
    missing = max(row.n_missing for row in rows)
    return [
        f"{objects} objects, {pairs} pairs{who}. {bars_text(row.ci for row in rows)}".strip(),
        f"Up to {missing:,} pairs left out, which nobody judged." if missing else "",
    ]


def _per_person(shown: Sequence[Correlation]) -> list[Panel]:
    """The column of correlations with each participant, where there are some."""
    with_people = [(label, name, row, row.per_person) for label, name, row in shown if row.per_person is not None]
    if not with_people:
        return []
    rows = [row_of(label, name, people.mean, people.ci, len(people.values)) for label, name, _, people in with_people]
    ticks = [
        Tick(label, name, value, f"{label}, {name}, participant {k}: {value:.3f}")
        for label, name, _, people in with_people for k, value in enumerate(people.values, 1)
        if known(value) is not None
    ]
    bands = [
        Band(row.ceiling.lower, row.ceiling.upper, f"noise ceiling of {label}, {name}", label, name)
        for label, name, row, _ in with_people
        if row.ceiling is not None and known(row.ceiling.lower + row.ceiling.upper) is not None
    ]
    if len(bands) == len(rows) and len({(band.low, band.high) for band in bands}) == 1:
        bands = [Band(bands[0].low, bands[0].high, "noise ceiling")]
    axis = "mean over participants of the correlation with each"
    return [Panel(rows, axis, ".2f", {"0": 0.0}, unit="people", bands=bands, counted=False,
                  ticks=ticks if len(ticks) <= MOST_PEOPLE else [])]


MOST_LINES = len(SHAPES)
ESCAPES = {ord(sign): f"\\{sign}" for sign in "\\'"}  # in a string of Vega's expressions
CHOSEN = "best layer, chosen on other objects"


@styled
def depth_chart(result: Comparison, look: Style, *, limit: int | None = None) -> Any:
    """A point for each layer with its interval, in the order of the layers; a line for each model.

    The layers of one model, or of models with the same layers, stand under their names; layers of different models
    under their depth, from the first (0) to the last (1). A diamond is the accuracy of the best layer, chosen on half
    of the objects and scored on the others, where the result has it. `limit`: of models, at most and by default 8.
    """
    layers = result.layers
    if layers is None:
        raise InputError("a picture of depth needs models named MODEL::LAYER, at least two layers of a model; the "
                         "result has none")
    held = [(model, model.layer) for model in layers if model.layer is not None]
    of = list(dict.fromkeys(layer.of for _, layer in held))
    shown = of[: min(limit or MOST_LINES, MOST_LINES)]
    names = model_labels([(name, None) for name in shown], labels=look.labels)
    each = {name: [layer.name for _, layer in held if layer.of == name] for name in shown}
    rows, chosen = _of_layers(result, names, each)
    x, room = _layers_axis(rows, [*each.values()], look.points - 60), look.points - 60
    y, tips = shares("accuracy", [*rows, *chosen])
    tips = [alt.Tooltip("model:N"), alt.Tooltip("layer:N"), *tips]
    channels = colors_and_shapes("model", list(names.values()), look.palette, legend_of(shown))
    marks = joined(rows, x, y, channels, tips)
    if chosen:
        base = chart_of(chosen).encode(x=x, color=channels["color"])
        diamonds = base.mark_point(opacity=1, strokeWidth=1.4, filled=False, size=60, shape="diamond")
        marks += [bars_of(base, "y", y, opacity=0.6), diamonds.encode(y=y, **read_out(*tips))]
    known = all(layer.known for _, layer in held)
    sentences = [
        f"{counted(result.n_triplets, 'triplet')}. {bars_text(model.ci for model in layers)}".strip(),
        f"Order of layers: {'that of the extraction' if known else 'as given'}.",
        f"Diamond: {CHOSEN}." if chosen else "",
        first_of(len(shown), len(of), "models"),
    ]
    chart = alt.layer(*marks, width=room, height=190)
    title = f"Accuracy over the layers of {names[shown[0]] if len(shown) == 1 else counted(len(shown), 'model')}"
    return finished(chart, look, title, sentences)


def _layers_axis(rows: Sequence[Any], each: Sequence[Sequence[str]], room: float) -> Any:
    """Names of layers where all models have the same, else the depth; `each`: the names of each model."""
    same, words = len(set(map(tuple, each))) == 1, [one_line(name) for name in each[0]]
    field = "place" if same else "depth"
    lean = max(map(letters_width, words)) > room / len(words) - 4
    axis = alt.Axis(title="depth, from the first layer to the last", grid=False, tickCount=5)
    if same:
        text = "[" + ",".join(f"'{word.translate(ESCAPES)}'" for word in words) + "][datum.value]"
        axis = alt.Axis(title="layer", grid=False, values=list(range(len(words))), labelExpr=text, labelOverlap=True,
                        labelLimit=120, **({"labelAngle": -60, "labelAlign": "right"} if lean else {}))
    ends = with_margin([float(row[field]) for row in rows], 0.05)
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=list(ends), nice=False, zero=False), axis=axis)


def _of_layers(
    result: Comparison, names: Labels, layers: Mapping[str, Sequence[str]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each layer of the models that are shown, and one for each best layer that was chosen and scored."""
    best = {b.model: b for b in result.best_layers or ()}
    rows, chosen = list[dict[str, Any]](), list[dict[str, Any]]()
    for model in result.layers or ():
        layer = model.layer
        if layer is None or layer.of not in layers:
            continue
        low, high = ends_of(model.ci)
        depth = layer.place / max(1, len(layers[layer.of]) - 1)
        at = {"model": names[layer.of], "layer": one_line(layer.name), "place": layer.place, "depth": depth}
        interval = "" if low is None or high is None else f", interval {100 * low:.1f} to {100 * high:.1f}%"
        spoken = f"{names[layer.of]}, {one_line(layer.name)}: {percent(model.accuracy)}{interval}"
        rows.append({**at, "value": model.accuracy, "low": low, "high": high, "spoken": spoken})
        if (b := best.get(model.model)) is not None:
            low, high = ends_of(b.ci)
            spoken = f"{names[layer.of]}, {CHOSEN}: {percent(b.accuracy)}"
            chosen.append({**at, "layer": CHOSEN, "value": b.accuracy, "low": low, "high": high, "spoken": spoken})
    return rows, chosen
