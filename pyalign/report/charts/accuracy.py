"""Accuracy of models with intervals, sorted, between chance and the noise ceiling; of triplets in groups too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from pyalign.analysis.ceiling.result import NoiseCeiling
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.report.charts.behind import Band
from pyalign.report.charts.ranked import MOST_MODELS, Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.scored import Scored, scored_of
from pyalign.report.words import bars_text, called, different, one_line

MOST_ROWS = 60  # unless somebody asks for more


def accuracy_chart(
    results: Sequence[object], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each model; several measures, or sets of triplets, by colour and shape.

    Args:
        results: of `pyalign.score` and `pyalign.compare`; one of `pyalign.noise_ceiling` may be among them.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the accuracy; "name", "document".
        limit: at most so many models, from the top; default: 60.
        by: "groups": a row for each group of triplets instead, models by colour.
        labels: of models, in place of their own.

    Raises:
        InputError: results without an accuracy, or without groups where these are asked for.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    if by not in (None, "groups"):
        raise InputError(f"by must be 'groups' or left out for a picture of accuracy; got {by!r}")
    entries = [entry for result in results for entry in scored_of(result) if entry.accuracy is not None]
    if not entries:
        raise InputError("a picture of accuracy needs a model with an accuracy; the result has none")
    names = called([(entry.name, entry.label) for entry in entries], labels)
    rows = _by_group(entries, names) if by else _by_model(entries, names)
    series = list(dict.fromkeys(row.model for row in rows))[:MOST_MODELS]
    drawn = [row for row in rows if row.model in series]
    order = order_of(drawn, sort)
    shown = order[: limit or MOST_ROWS]
    lines, bands = reference(entries, [result for result in results if isinstance(result, NoiseCeiling)])
    same_n = len({row.n for row in rows}) == 1
    axis = "odd-one-out accuracy" if min(entry.chance for entry in entries) < 0.4 else "accuracy"
    kept = set(shown)
    panel = Panel([row for row in drawn if row.item in kept], axis, ".0%", lines, {}, "group" if by else "model",
                  "triplets", bands, counted=not same_n)  # fmt: skip
    told = _told(entries, rows, len(shown), len(order), "groups" if by else "models")
    if len(drawn) < len(rows):
        told.append(f"The first {len(series)} of {len({row.model for row in rows})} models and measures.")
    title = "Accuracy per group of triplets" if by else f"Accuracy of {len(order):,} model{'s' * (len(order) > 1)}"
    return finished(ranked([panel], shown, series, look, points), look, points, title, told)


def _by_model(entries: Sequence[Scored], labels: Sequence[str]) -> list[Row]:
    """A row each; series are what tells entries of one model apart."""
    series = series_of(entries)
    seen = [(label, one) for label, one in zip(labels, series, strict=True)]
    if len(set(seen)) < len(seen):  # the same model twice: rows of their own
        count: dict[tuple[str, str], int] = {}
        twice = []
        for label, one in seen:
            count[label, one] = count.get((label, one), 0) + 1
            twice.append(label if count[label, one] == 1 else f"{label} ({count[label, one]})")
        labels = twice
    return [
        Row(label, one, entry.accuracy, *ends(entry.ci), entry.n)
        for entry, label, one in zip(entries, labels, series, strict=True)
    ]


def series_of(entries: Sequence[Scored]) -> list[str]:
    """What tells entries of one model apart: the measure, a transform, the triplets."""
    several = [len({pick(one) for one in entries}) > 1 for pick in (_measure, _after, _source)]

    def name(one: Scored) -> str:
        parts = [pick(one) for pick, many in zip((_measure, _after, _source), several, strict=True) if many]
        return ", ".join(part for part in parts if part) or "accuracy"

    return [name(one) for one in entries]


def _measure(one: Scored) -> str:
    return one.measure or "own choices"


def _after(one: Scored) -> str:
    return "as they came" if one.transform is None else "transformed"


def _source(one: Scored) -> str:
    return one_line(os.path.basename(one.triplets)) if one.triplets else "triplets"


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """The ends of an interval; None, None where there is none."""
    return (None, None) if interval is None or interval.low != interval.low else (interval.low, interval.high)


def _by_group(entries: Sequence[Scored], labels: Sequence[str]) -> list[Row]:
    rows = []
    names = different([f"{label}, {one}" if len(set(labels)) < len(labels) else label
                       for label, one in zip(labels, series_of(entries), strict=True)])  # fmt: skip
    for entry, name in zip(entries, names, strict=True):
        rows += [
            Row(one_line(group.group), name, group.accuracy, *ends(group.ci), group.n_triplets)
            for group in entry.groups
        ]
    if not rows:
        raise InputError("by 'groups' needs a result with groups of triplets; it has none")
    return rows


def reference(entries: Sequence[Scored], ceilings: Sequence[NoiseCeiling] = ()) -> tuple[dict[str, float], list[Band]]:
    """Lines at chance and at ceilings, and the range of a ceiling between its bounds."""
    lines = {f"chance {100 * entry.chance:.1f} %": entry.chance for entry in entries}
    for entry in entries:
        if entry.ceiling is not None:
            lines[f"ceiling {100 * entry.ceiling:.1f} % ({entry.ceiling_name or 'given'})"] = entry.ceiling
    bands = []
    for people in ceilings:
        low, estimate, high = (
            one.value for one in (people.ceilings.lower, people.ceilings.estimate, people.ceilings.upper)
        )
        lines[f"ceiling {100 * estimate:.1f} %"] = estimate
        bands.append(Band(low, high, "bounds of the noise ceiling"))
    return lines, bands


def _told(entries: Sequence[Scored], rows: Sequence[Row], shown: int, total: int, noun: str) -> list[str]:
    counts = sorted({entry.n for entry in entries if entry.n is not None})
    many = "triplets" if not counts else f"{counts[0]:,} triplets"
    if len(counts) > 1:
        many = f"{counts[0]:,} to {counts[-1]:,} triplets"
    intervals = [entry.ci for entry in entries] + [group.ci for entry in entries for group in entry.groups]
    told = [f"Over {many}. {bars_text(intervals)}".strip()]
    if shown < total:
        best = [row.value for row in rows if row.model == rows[0].model and row.value is not None]
        told.append(
            f"The first {shown} of {total:,} {noun}. Of all: median {100 * median(best):.1f} %, from "
            f"{100 * min(best):.1f} to {100 * max(best):.1f} %."
        )
    few = sum(row.low is None for row in rows)
    if few and few < len(rows):
        told.append(f"Hollow: no interval ({few} of {len(rows)}).")
    seen = sum(entry.in_sample for entry in entries)
    if seen:
        told.append(f"In-sample, so too high: {seen} of {len(entries)}, whose map was fitted to these objects.")
    measures = {entry.measure for entry in entries}
    if len(measures) == 1 and None not in measures:
        told.append(f"Measure: {measures.pop()}.")
    return told
