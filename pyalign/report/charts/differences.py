"""Differences between models with their intervals, those that can't be told apart in grey, and the ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.analysis.comparison.comparison_result import Comparison, PairResult
from pyalign.errors import InputError
from pyalign.report.charts.labels import first_of
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked, row_of
from pyalign.report.charts.theme import LETTER, TEXT, alt, finished, style_of, width_of
from pyalign.report.words import CORRECTED, bars_text, counted, different, labels_of, shortened

MOST_PAIRS = 45  # unless somebody asks for more: those of ten models
LEVEL = 0.05  # at which models are told apart
DIFFER, ALIKE, UNTESTED = "separable", "not separable", "difference"


def differences_chart(
    result: Comparison, *, style: str = "light", width: str = "double", sort: str = "value", limit: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """The ranks of the models, and a row for each pair: the more accurate model less the other, or less the baseline.

    Pairs whose corrected p-value is at least 0.05 are grey. Of more pairs than `limit` (default: 45), those of
    models next to each other by rank are shown.
    """
    look, points = style_of(style), width_of(width)
    if not result.pairs:
        raise InputError("a picture of differences needs two models; the result has one")
    names, pairs = labels_of(result, labels=labels), result.pairs
    of_neighbors = len(pairs) > (limit or MOST_PAIRS) and result.baseline is None
    if of_neighbors:
        pairs = result.between_neighbors
    in_pairs = dict(
        zip(names, different(shortened([*names.values()], int(0.2 * points / LETTER / TEXT) - 3)), strict=True)
    )
    rows = [_row(pair, in_pairs, result.baseline is not None) for pair in pairs]
    order = order_of([replace(row, model="") for row in rows], sort)
    shown = order[: limit or MOST_PAIRS]
    series = [name for name in (DIFFER, ALIKE, UNTESTED) if any(row.model == name for row in rows)]
    grey = replace(look, palette=tuple(look.muted if name == ALIKE else look.palette[0] for name in series))
    models = [row_of(names[model.model], "rank", model.rank, model.rank_ci) for model in result.models]
    best_first = sorted(models, key=lambda row: row.value or 0.0)
    ranks = [row.item for row in (best_first if sort == "value" else models)][: limit or MOST_PAIRS]
    places = Panel(models, "rank by accuracy, 1 is best", "~f", {}, counted=False)
    differences = Panel(rows, "difference in accuracy", "+.0%", {"0": 0.0}, item="pair", counted=False, dodged=False)
    chart = alt.vconcat(
        ranked([places], ranks, ["rank"], look, points, room_for=shown),
        ranked([differences], shown, series, grey, points, room_for=ranks), spacing=16,
    ).resolve_scale(color="independent", shape="independent")
    apart, tested = (sum(pair.p_adjusted is not None and pair.p_adjusted < most for pair in result.pairs)
                     for most in (LEVEL, 2.0))
    sentences = [
        f"{counted(result.n_triplets, 'triplet')}. {bars_text(pair.ci for pair in pairs)}".strip(),
        "Those of ranks hold for all models together, those of differences each by itself."
        if tested and result.resamples is None
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
    return finished(chart, look, points, f"Differences between {counted(len(models), 'model')}", sentences)


def _row(pair: PairResult, names: Mapping[str, str], as_given: bool) -> Row:
    """The difference of a pair, turned around where that is below 0, unless models are compared with a baseline."""
    p = pair.p_adjusted
    row = row_of(f"{names[pair.a]} - {names[pair.b]}", UNTESTED if p is None else DIFFER if p < LEVEL else ALIKE,
                 pair.difference, pair.ci)
    if as_given or pair.difference >= 0:
        return row
    low, high = (None, None) if row.low is None or row.high is None else (-row.high, -row.low)
    return replace(row, item=f"{names[pair.b]} - {names[pair.a]}", value=-pair.difference, low=low, high=high)
