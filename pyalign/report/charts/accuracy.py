"""Accuracy of models with intervals, sorted, between chance and the noise ceiling; of triplets in groups too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pyalign.data import chance_of
from pyalign.data.tasks import ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.report.charts.behind import Band
from pyalign.report.charts.document import called, different, ends, over
from pyalign.report.charts.ranked import MOST_MODELS, Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line

MOST_ROWS = 60  # unless somebody asks for more
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Scored:
    """A model's accuracy as a document has it.

    Attributes:
        name: of the embeddings.
        label: a shorter one that the document gives, or None.
        measure: by which, or None.
        after: whether a transform came first.
        source: of the triplets, or None.
        row: the entry of the document: accuracy, interval, and what else there is.
        n: triplets.
        chance: a fraction.
    """

    name: str
    label: str | None
    measure: str | None
    after: bool
    source: str | None
    row: Mapping[str, Any]
    n: int | None
    chance: float


def scored(documents: Sequence[Document]) -> list[Scored]:
    """The models of documents of `score` and `compare`, in their order."""
    found = []
    for one in documents:
        chance = one.get("chance")
        if one["command"] == "score":
            rows = one.get("results", [one])
            found += [
                Scored(row.get("embeddings") or "embeddings", row.get("label"), row.get("measure"),
                       row.get("transform") is not None, one.get("triplets"), row, row["n_triplets"],
                       _chance(row))
                for row in rows
            ]  # fmt: skip
        elif one["command"] == "compare":
            found += [
                Scored(row["model"], row.get("label"), row.get("measure") or one.get("measure"), False,
                       one.get("triplets"), row, one["n_triplets"], _chance(one) if chance is None else chance)
                for row in one["models"]
            ]  # fmt: skip
    return found


def _chance(held: Mapping[str, Any]) -> float:
    chance = held.get("chance")
    return chance_of(held.get("task") or ODD_ONE_OUT) if chance is None else float(chance)


def accuracy_chart(
    documents: Document | Sequence[Document], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, by: str | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each model; several measures, or sets of triplets, by colour and shape.

    Args:
        documents: of `pyalign.score` and `pyalign.compare`; one of `pyalign.noise_ceiling` may be among them.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the accuracy; "name", "document".
        limit: at most so many models, from the top; default: 60.
        by: "groups": a row for each group of triplets instead, models by colour.

    Raises:
        InputError: documents without an accuracy, or without groups where these are asked for.
        MissingExtraError: altair is not installed.
    """
    documents = [documents] if isinstance(documents, Mapping) else list(documents)
    look, points = style_of(style), width_of(width)
    if by not in (None, "groups"):
        raise InputError(f"by must be 'groups' or left out for a picture of accuracy; got {by!r}")
    entries = [one for one in scored(documents) if one.row.get("accuracy") is not None]
    if not entries:
        raise InputError("a picture of accuracy needs a model with an accuracy; the result has none")
    labels = called([(one.name, one.label) for one in entries])
    rows = _by_group(entries, labels) if by else _by_model(entries, labels)
    series = list(dict.fromkeys(row.model for row in rows))[:MOST_MODELS]
    held = [row for row in rows if row.model in series]
    order = order_of(held, sort)
    shown = order[: limit or MOST_ROWS]
    lines, bands = reference(entries, documents)
    kept = set(shown)
    same_n = len({row.n for row in rows}) == 1
    axis = "odd-one-out accuracy" if min(one.chance for one in entries) < 0.4 else "accuracy"
    panel = Panel([row for row in held if row.item in kept], axis, ".0%", lines, {}, "group" if by else "model",
                  "triplets", bands, counted=not same_n)  # fmt: skip
    told = _told(entries, rows, len(shown), len(order), "groups" if by else "models")
    if len(held) < len(rows):
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
        Row(label, one, float(entry.row["accuracy"]), *ends(entry.row), entry.n)
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
    return "transformed" if one.after else "as they came"


def _source(one: Scored) -> str:
    return one_line(os.path.basename(one.source)) if one.source else "triplets"


def _by_group(entries: Sequence[Scored], labels: Sequence[str]) -> list[Row]:
    rows = []
    names = different([f"{label}, {one}" if len(set(labels)) < len(labels) else label
                       for label, one in zip(labels, series_of(entries), strict=True)])  # fmt: skip
    for entry, name in zip(entries, names, strict=True):
        for group in entry.row.get("groups") or ():
            rows.append(Row(one_line(str(group["group"])), name, group["accuracy"], *ends(group), group["n_triplets"]))
    if not rows:
        raise InputError("by 'groups' needs a result with groups of triplets; it has none")
    return rows


def reference(entries: Sequence[Scored], documents: Sequence[Document]) -> tuple[dict[str, float], list[Band]]:
    """Lines at chance and at ceilings, and the range of a ceiling between its bounds."""
    lines = {f"chance {100 * one.chance:.1f} %": one.chance for one in entries}
    for entry in entries:
        ceiling = entry.row.get("ceiling")
        if ceiling is not None:
            lines[f"ceiling {100 * ceiling:.1f} % ({entry.row.get('ceiling_name') or 'given'})"] = ceiling
    bands = []
    for one in documents:
        if one["command"] == "ceiling":
            held = {name: one["ceilings"][name]["value"] for name in ("lower", "estimate", "upper")}
            lines[f"ceiling {100 * held['estimate']:.1f} %"] = held["estimate"]
            bands.append(Band(held["lower"], held["upper"], "bounds of the noise ceiling"))
    return lines, bands


def _told(entries: Sequence[Scored], rows: Sequence[Row], shown: int, total: int, noun: str) -> list[str]:
    counts = sorted({one.n for one in entries if one.n is not None})
    many = "triplets" if not counts else f"{counts[0]:,} triplets"
    if len(counts) > 1:
        many = f"{counts[0]:,} to {counts[-1]:,} triplets"
    held = [one.row for one in entries] + [group for one in entries for group in one.row.get("groups") or ()]
    told = [f"Over {many}. {over(held)}".strip()]
    if shown < total:
        best = [row.value for row in rows if row.model == rows[0].model and row.value is not None]
        told.append(
            f"The first {shown} of {total:,} {noun}. Of all: median {100 * median(best):.1f} %, from "
            f"{100 * min(best):.1f} to {100 * max(best):.1f} %."
        )
    few = sum(row.low is None for row in rows)
    if few and few < len(rows):
        told.append(f"Hollow: no interval ({few} of {len(rows)}).")
    seen = sum(bool((one.row.get("in_sample") or {}).get("objects")) for one in entries)
    if seen:
        told.append(f"In-sample, so too high: {seen} of {len(entries)}, whose map was fitted to these objects.")
    measures = {_measure(one) for one in entries}
    if len(measures) == 1 and None not in {one.measure for one in entries}:
        told.append(f"Measure: {measures.pop()}.")
    return told
