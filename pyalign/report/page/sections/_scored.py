"""Every accuracy of a model that the documents have, as rows of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyalign.report.charts.document import ends
from pyalign.report.page.sections._rows import chance, file_label, nested
from pyalign.report.page.sections._triplets import TripletSets, triplet_sets
from pyalign.report.page.sources import Loaded, Sources

ZERO_SHOT, CHOICES = "zero-shot", "its own choices"
PROBED = {  # by what the probe has not seen
    "objects": "probed, held-out objects",
    "triplets": "probed, held-out triplets",
    "subjects": "probed, held-out people",
}


@dataclass(frozen=True)
class Scored:
    """An accuracy.

    Attributes:
        name: of the embeddings, as the document has it; label: on the page.
        how: "zero-shot", or after which map, and whether that had seen these triplets.
        measure, task: by which, and what people said.
        triplets: the number of their set; see `TripletSets`.
        row: accuracy and all that stands beside it; `interval`, `entropy_interval`: the fields of its intervals.
        n: how many triplets.
        chance: a fraction.
        source: the document.
    """

    name: str
    label: str
    how: str
    measure: str | None
    triplets: int
    task: str
    row: dict[str, Any]
    interval: str
    entropy_interval: str
    n: int | None
    chance: float
    source: Loaded

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two of them the same figure."""
        return self.label, self.how, self.measure, self.triplets, self.task

    @property
    def probed(self) -> bool:
        """Whether it is of a probe's held-out parts."""
        return self.source.command == "probe"

    @property
    def in_sample(self) -> bool:
        """Whether a map was fitted to these objects."""
        return bool(nested(self.row, "in_sample").get("objects"))

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """Of the interval of the accuracy."""
        return ends(self.row, self.interval)


def scored(given: Sources, sets: TripletSets | None = None) -> list[Scored]:
    """All of them: of score, then of compare where score has not the same, then of probes."""
    sets = sets or triplet_sets(given)
    found: dict[tuple[Any, ...], Scored] = {}
    for command, rows in (("score", _scores), ("compare", _compared), ("probe", _probed)):
        for one in given.of(command):
            for row in rows(one, given, sets.of(one)):
                key = row.key
                if key in found and found[key].row.get("accuracy") != row.row.get("accuracy"):
                    key = (*key, id(one))  # the same question with another answer: both are shown
                found.setdefault(key, row)
    return list(found.values())


def _scores(one: Loaded, given: Sources, triplets: int) -> Iterator[Scored]:
    for row in one.document["results"]:
        name = str(row.get("embeddings") or "embeddings")
        how = ZERO_SHOT
        if row.get("model_choices"):
            how = CHOICES
        elif row.get("transform") is not None:
            seen = nested(row, "in_sample").get("objects")
            how = f"after {file_label(row['transform'])}{', in-sample' if seen else ''}"
        label = given.label(name) if row.get("embeddings") else str(row.get("label") or given.label(name))
        yield Scored(
            name, label, how, row.get("measure"), triplets, str(row.get("task") or "odd-one-out"),
            dict(row), "ci", "cross_entropy_ci", row.get("n_triplets"), chance(row), one,
        )  # fmt: skip


def _compared(one: Loaded, given: Sources, triplets: int) -> Iterator[Scored]:
    whole = one.document
    shared = {key: whole.get(key) for key in ("temperature", "ties", "n_dropped")}
    for row in whole["models"]:
        yield Scored(
            str(row["model"]), given.label(str(row["model"])), ZERO_SHOT, row.get("measure") or whole.get("measure"),
            triplets, str(whole.get("task") or "odd-one-out"), {**shared, **row}, "ci", "cross_entropy_ci",
            whole.get("n_triplets"), chance(whole), one,
        )  # fmt: skip


def _probed(one: Loaded, given: Sources, triplets: int) -> Iterator[Scored]:
    whole = one.document
    name = str(whole.get("embeddings") or "embeddings")
    folds = whole.get("folds") or ()
    split = str(whole.get("split") or "objects")
    how = PROBED.get(split, f"probed, held-out {split}")
    yield Scored(
        name, given.label(name), how, nested(whole, "options").get("measure"), triplets,
        str(whole.get("task") or "odd-one-out"), dict(whole), "accuracy_interval", "cross_entropy_interval",
        sum(fold["n_test"] for fold in folds) if folds else None, chance(whole), one,
    )  # fmt: skip
