"""Differences between models with their intervals, those that can't be told apart in gray, and the ranks.

Before and after a map: a row for each figure of each set, and the difference in a column of its own.
Power over designs: a line for each number of objects, along participants.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyalign.analysis.comparison.comparison_result import Comparison, PairResult
from pyalign.analysis.experiment import ExperimentPlan
from pyalign.errors import InputError
from pyalign.map_transfer.transfer_result import Transfer
from pyalign.report.charts.ranked import Panel, Row, change_of, order_of, ranked, row_of
from pyalign.report.charts.theme import (
    LETTER, SHAPES, TEXT, Style, alt, chart_of, colors_and_shapes, finished, first_of, letters_width, lined, styled,
)
from pyalign.report.neighborhoods import among, figure_called, overall
from pyalign.report.words import (
    CORRECTED, Labels, bars_text, counted, different, labels_of, one_line, over_words, shortened,
)

MOST_PAIRS = 45  # unless somebody asks for more: those of ten models
LEVEL = 0.05  # at which models are told apart
DIFFER, ALIKE, UNTESTED = "separable", "not separable", "difference"


@styled
def differences_chart(result: Comparison, look: Style, *, sort: str = "value", limit: int | None = None) -> Any:
    """The ranks of the models, and a row for each pair: the more accurate model less the other, or less the baseline.

    Pairs whose corrected p-value is at least 0.05 are gray. Of more pairs than `limit` (default: 45), those of
    models next to each other by rank are shown.
    """
    if not result.pairs:
        raise InputError("a picture of differences needs two models; the result has one")
    names = labels_of(result, labels=look.labels)
    of_neighbors = len(result.pairs) > (limit or MOST_PAIRS) and result.baseline is None
    pairs = result.between_neighbors if of_neighbors else result.pairs
    short = different(shortened([*names.values()], int(0.2 * look.points / LETTER / TEXT) - 3))
    in_pairs = dict(zip(names, short, strict=True))
    rows = [_row(pair, in_pairs, result.baseline is not None) for pair in pairs]
    order = order_of([replace(row, model="") for row in rows], sort)
    shown = order[: limit or MOST_PAIRS]
    series = [name for name in (DIFFER, ALIKE, UNTESTED) if any(row.model == name for row in rows)]
    gray = replace(look, palette=tuple(look.muted if name == ALIKE else look.palette[0] for name in series))
    models = [row_of(names[model.model], "rank", model.rank, model.rank_ci) for model in result.models]
    best_first = sorted(models, key=lambda row: row.value or 0.0)
    ranks = [row.item for row in (best_first if sort == "value" else models)][: limit or MOST_PAIRS]
    places = Panel(models, "rank by accuracy, 1 is best", "~f", {}, counted=False)
    differences = Panel(rows, "difference in accuracy", "+.0%", {"0": 0.0}, item="pair", counted=False, dodged=False)
    chart = alt.vconcat(
        ranked([places], ranks, ["rank"], look, room_for=shown),
        ranked([differences], shown, series, gray, room_for=ranks), spacing=16,
    ).resolve_scale(color="independent", shape="independent")
    apart, tested = (sum(pair.p_adjusted is not None and pair.p_adjusted < most for pair in result.pairs)
                     for most in (LEVEL, 2.0))
    sentences = [
        f"{counted(result.n_triplets, 'triplet')}. {bars_text(pair.ci for pair in pairs)}".strip(),
        "Those of ranks hold for all models together, those of differences each by itself."
        if tested and result.inference.resamples is None
        else "",
        "Each pair: the more accurate model less the other."
        if result.baseline is None
        else f"Each model less the baseline, {names[result.baseline]}.",
        f"{apart} of {counted(len(result.pairs), 'pair')} separable at 5%, corrected ({CORRECTED[result.correction]})."
        if tested
        else "No intervals, so nothing says what is separable.",
        f"Pairs of models next to each other by rank, of {len(result.pairs):,}." if of_neighbors else "",
        first_of(len(shown), len(order), "pairs"),
        first_of(len(ranks), len(models), "models"),
    ]
    return finished(chart, look, f"Differences between {counted(len(models), 'model')}", sentences)


def _row(pair: PairResult, names: Labels, as_given: bool) -> Row:
    """The difference of a pair, turned around where that is below 0, unless models are compared with a baseline."""
    p = pair.p_adjusted
    row = row_of(f"{names[pair.a]} - {names[pair.b]}", UNTESTED if p is None else DIFFER if p < LEVEL else ALIKE,
                 pair.difference, pair.ci)
    if as_given or pair.difference >= 0:
        return row
    low, high = (None, None) if row.low is None or row.high is None else (-row.high, -row.low)
    return replace(row, item=f"{names[pair.b]} - {names[pair.a]}", value=-pair.difference, low=low, high=high)


MOST_ROWS = 60  # unless somebody asks for more
NAMES = "before", "after"


@styled
def transfer_chart(result: Transfer, look: Style, *, sort: str = "value", limit: int | None = None) -> Any:
    """What is won, and what is lost. `sort` "value" keeps the order of the result. `limit`: default 60."""
    figures = overall(result)
    several = len(result.maps) > 1
    changes = []
    for row in figures:
        item = f"{f'{one_line(row.on)}: ' if row.on else ''}{figure_called(row)}{f', {one_line(row.map)}' * several}"
        both = (row.before, row.before.ci), (row.after, row.after.ci)
        changes.append(change_of(NAMES, item, *both, (row.difference, row.ci), row.n))
    before, after, gains = map(list, zip(*changes, strict=True))
    gains = [replace(row, n=None) for row in gains]
    order = order_of([*after, *before], "document" if sort == "value" else sort, gains)
    shown = order[: limit or MOST_ROWS]
    panels = [
        Panel([*after, *before], "accuracy, correlation or proportion", ".2f", {}, item="figure", unit="objects",
              linked=True, counted=False),
        Panel(gains, "difference", "+.2f", {"0": 0.0}, item="figure", counted=False),
    ]
    chart = ranked(panels, shown, NAMES, look, stacked=look.width == "single")
    sentences = [
        f"{result.n_objects:,} objects. {bars_text(row.ci for row in figures)}".strip(),
        f"Neighbors{among(result)}." if among(result) else "",
        "Differences are paired: over the same triplets, pairs or objects.",
        "Within categories: only triplets and pairs of objects of one category.",
        first_of(len(shown), len(order), "figures"),
    ]
    named = result.embeddings
    of = "" if named is None else f": {(look.labels or {}).get(named, one_line(named))}"
    title = f"What the {'maps gain and lose' if several else 'map gains and loses'}{of}"
    return finished(chart, look, title, sentences)


MOST_LINES = len(SHAPES)


@styled
def power_chart(result: ExperimentPlan, look: Style, *, limit: int | None = None) -> Any:
    """Power along participants, a line for each number of objects, and of answers by each participant if several.

    `limit`: of lines, at most and by default 8, as many as colors tell apart.
    """
    if not result.designs:
        raise InputError("a picture of power needs a design; the result has none")
    several = len({one.answers_per_subject for one in result.designs}) > 1
    rows = [
        {
            "participants": one.n_subjects, "power": one.power,
            "design": f"{one.n_objects:,} objects" + f", {one.answers_per_subject:,} answers each" * several,
            "spoken": f"{one}: power {100 * one.power:.0f}%",
        }
        for one in result.designs
    ]
    names = list(dict.fromkeys(str(row["design"]) for row in rows))
    shown = names[: min(limit or MOST_LINES, MOST_LINES)]
    rows = [row for row in rows if row["design"] in shown]
    people = [int(str(row["participants"])) for row in rows]
    widest = max(letters_width(name) for name in shown) + 20
    beside = widest + 250 < look.points
    legend = alt.Legend(title=None, orient="right" if beside else "top", columns=1, labelLimit=0)
    channels = colors_and_shapes("design", shown, look.palette, legend)
    scale = alt.Scale(type="log", domain=[min(people) / 1.1, max(people) * 1.1], nice=False)
    ticks = sorted(set(people))
    x = alt.X("participants:Q", scale=scale, axis=alt.Axis(title="participants", values=ticks, format=","))
    y = alt.Y("power:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title="power", format=".0%", grid=True))
    target = chart_of([{"power": result.target_power}]).mark_rule(strokeDash=[3, 2], color=look.muted, aria=False)
    tips = alt.Tooltip("design:N"), alt.Tooltip("participants:Q"), alt.Tooltip("power:Q", format=".1%")
    drawn = lined(chart_of(rows).encode(x=x, y=y), channels, *tips)
    room = look.points - 60 - widest * beside
    chart = alt.layer(target.encode(y=alt.Y("power:Q")), *drawn, width=room, height=220)
    each = "" if several else f" {counted(result.designs[0].answers_per_subject, 'answer')} by each participant."
    sentences = [
        f"Power to find {100 * result.difference:.3g} percentage points in a two-sided test at "
        f"{100 * (1 - result.confidence):.3g}%, over {over_words(result.ci_by)}.{each}",
        f"Dashed: a power of {100 * result.target_power:g}%.",
        first_of(len(shown), len(names), "lines"),
    ]
    return finished(chart, look, f"Power: {result.figure}", sentences)
