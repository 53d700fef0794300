"""Errors of models, or of families of models, by the entropy of people's choice, a line for each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from pyalign import _checks
from pyalign.analysis.agreement import Agreement, Agreements
from pyalign.concept.concepts_result import Concepts
from pyalign.concept.groupings import ENTROPY_OF
from pyalign.concept.parts import is_mean
from pyalign.documents import Interval, ci_of
from pyalign.errors import InputError
from pyalign.report.charts.models import MOST_LINES
from pyalign.report.charts.theme import (
    Style, alt, colors_and_shapes, ends_of, finished, first_of, joined, legend_of, shares, styled,
)
from pyalign.report.probabilities import names_of
from pyalign.report.words import Labels, bars_text, counted, labels_of, short_labels

LEAST = "least possible"
LINES = ("families", "models")  # what lines are of
WHOSE = {"dimensions": "the choice that the human dimensions predict", "answers": "all answers to a triplet"}


class _Bin(NamedTuple):
    """A bin of a line: its ends in nats, how many triplets it has, and the accuracy with its interval."""

    low: float
    high: float
    n: int
    accuracy: float | None
    ci: Interval | None


# The bins of each line by name, those of the least possible error, what lines are, and sentences.
_Lines = tuple[dict[str, list[_Bin]], list[_Bin], str, list[str]]


@styled
def entropy_chart(
    result: Agreement | Agreements | Concepts, look: Style, *, limit: int | None = None, by: str | None = None
) -> Any:
    """A point for each bin of the entropy of people's choice, in the middle of the bin; a line for each model.

    The error is the share of people's answers that are not the model's choice. With the answers of many people to each
    triplet, black is the least error of any model, the share of answers that are not the majority's. `by`: "families",
    where a result of concepts has them (default), or "models". `limit`: of lines, at most and by default 7.
    """
    if isinstance(result, Concepts):
        each, of_least, of, over = _of_concepts(result, by, look.labels)
    elif _checks.one_of(by or LINES[1], LINES, "by") == LINES[0]:
        raise InputError("by 'families' needs a result of concepts with families; got one of agreement")
    else:
        results = result.results if isinstance(result, Agreements) else (result,)
        each, of_least, of, over = _of_agreements(results, look.labels)
    names = list(each)[: min(limit or MOST_LINES - 1, MOST_LINES - 1)]
    rows = [row for name in names for row in _rows(name, each[name])]
    least = _rows(LEAST, of_least)
    if not rows:
        raise InputError("a picture of entropy needs triplets in its bins; the result has none")
    order = [*names, *([LEAST] if least else [])]
    colors = [*look.palette[: len(names)], look.text][: len(order)]
    channels = colors_and_shapes("model", order, colors, legend_of(order))
    axis = alt.Axis(title="entropy of people's choice, nats", format=".1f", tickCount=6, grid=False)
    x = alt.X("entropy:Q", scale=alt.Scale(domain=[0, 1.1], nice=False), axis=axis)
    y, tips = shares("answers that are not the choice", [*rows, *least])
    tips = [alt.Tooltip("model:N"), alt.Tooltip("n:Q", title="triplets", format=","), *tips]
    chart = alt.layer(*joined([*least, *rows], x, y, channels, tips), width=look.points - 60, height=190)
    bars = bars_text(bin_.ci for name in names for bin_ in each[name])
    sentences = [
        f"{over[0]} {bars}".strip(),
        *over[1:],
        "Hollow: no interval, of too few triplets." if any(row["low"] is None for row in rows) else "",
        first_of(len(names), len(each), of),
    ]
    title = "Error by the entropy of people's choice" + (f": {names[0]}" if len(order) == 1 else "")
    return finished(chart, look, title, sentences)


def _of_agreements(results: tuple[Agreement, ...], labels: Labels | None) -> _Lines:
    def bins(one: Agreement, figure: str) -> list[_Bin]:
        return [_Bin(bin_.low, bin_.high, bin_.n_distinct, value := getattr(bin_, figure), ci_of(value))
                for bin_ in one.entropy_bins or ()]

    first = results[0]
    each = {name: bins(one, "accuracy") for name, one in zip(names_of(results, labels), results, strict=True)}
    least = bins(first, "majority_share")
    over = f"{counted(first.n_distinct, 'triplet')} with at least {first.min_answers} answers"
    return each, least, "models", [
        f"{over}, {first.n_answers:,} in all.",
        f"{LEAST.capitalize()}: the share of answers that are not the majority's.",
        "Few answers to a triplet have too little entropy.",
    ]


def _of_concepts(result: Concepts, by: str | None, labels: Labels | None) -> _Lines:
    every = result.entropy_bins or ()
    families = [scores for scores in every if is_mean(scores.embeddings)]
    of = _checks.one_of(by or LINES[not families], LINES, "by")
    if of == LINES[0] and not families:
        raise InputError("by 'families' needs a result of concepts with families; this one has none")
    shown = families if of == LINES[0] else [scores for scores in every if scores not in families]
    names = labels_of(result, labels=labels)
    ends = list(pairwise(ENTROPY_OF[result.entropy or "answers"]))
    each = {
        names[scores.embeddings]: [
            _Bin(low, high, row.n_triplets, row.accuracy, row.ci)
            for (low, high), row in zip(ends, scores.concepts, strict=False)
        ]
        for scores in shown
    }
    few = "Few answers to a triplet have too little entropy." if result.entropy == "answers" else ""
    n = sum(row.n_triplets for row in shown[0].concepts) if shown else 0
    return each, [], of, [f"{counted(n, 'triplet')}, by {entropy_words(result)}.", few]


def entropy_words(result: Concepts) -> str:
    """Whose entropy bins are of: that of answers, or of what dimensions of a file predict."""
    source = result.dimensions if result.entropy == "dimensions" else None
    file = f" ({short_labels([source])[source]})" if source else ""
    return f"the entropy of {WHOSE.get(result.entropy or '', 'the choice')}{file}"


def _rows(name: str, bins: Iterable[_Bin]) -> list[dict[str, Any]]:
    """The marks of the bins of a line that hold triplets."""
    rows = []
    for bin_ in bins:
        if bin_.accuracy is None:
            continue
        low, high = ends_of(bin_.ci)
        spoken = f"{name}: entropy {bin_.low:.2f} to {bin_.high:.2f} nats, error {100 * (1 - bin_.accuracy):.1f}%"
        rows.append({
            "model": name, "entropy": (bin_.low + bin_.high) / 2, "value": 1 - bin_.accuracy,
            "low": None if high is None else 1 - high, "high": None if low is None else 1 - low, "n": bin_.n,
            "spoken": spoken,
        })
    return rows
