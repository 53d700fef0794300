"""Accuracy of models with intervals, sorted, between chance and the noise ceiling; of triplets in groups too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.data import chance_of
from pyalign.data.tasks import ODD_ONE_OUT
from pyalign.report.charts.behind import Band

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
