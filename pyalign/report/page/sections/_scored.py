"""The accuracies of a page: of each model one for each question, with the result that it is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyalign.analysis.comparison.result import Comparison
from pyalign.analysis.score import Scores
from pyalign.probing.validated import ProbeCrossValidation
from pyalign.report.page.sections._shared import file_label
from pyalign.report.page.sections._triplets import TripletSets
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.scored import Scored, scored_of

ZERO_SHOT, CHOICES = "zero-shot", "its own choices"
PROBED = {  # by what the probe has not seen
    "objects": "probed, held-out objects",
    "triplets": "probed, held-out triplets",
    "subjects": "probed, held-out people",
}


@dataclass(frozen=True)
class Entry:
    """An accuracy on a page.

    Attributes:
        label: what the model is called there.
        how: "zero-shot", or after which map, and whether that had seen these triplets.
        triplets: the number of their set; see `TripletSets`.
        row: the accuracy and what is known of it.
        source: the result; place: which of its accuracies it is.
    """

    label: str
    how: str
    triplets: int
    row: Scored
    source: Loaded
    place: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two of them the same figure."""
        return self.label, self.how, self.row.measure, self.triplets, self.row.task


def entries_of(sources: Sources, sets: TripletSets) -> list[Entry]:
    """All of them: of scores, then of comparisons where no score has the same, then of probes."""
    kept: dict[tuple[Any, ...], Entry] = {}
    for kind in (Scores, Comparison, ProbeCrossValidation):
        for source in sources.loaded(kind):
            for entry in _of(source, sources, sets.of(source)):
                key = entry.key
                if key in kept and kept[key].row.accuracy != entry.row.accuracy:
                    key = (*key, source.path, id(source))  # the same question with another answer: both are shown
                kept.setdefault(key, entry)
    return list(kept.values())


def _of(source: Loaded, sources: Sources, triplets: int) -> Iterator[Entry]:
    for place, row in enumerate(scored_of(source.result)):
        label = sources.labels.get(row.name) or row.label or row.name
        yield Entry(label, _how(row), triplets, row, source, place)


def _how(row: Scored) -> str:
    if row.held_out is not None:
        return PROBED.get(row.held_out, f"probed, held-out {row.held_out}")
    if row.model_choices:
        return CHOICES
    if row.transform is not None:
        return f"after {file_label(row.transform)}{', in-sample' if row.in_sample else ''}"
    return ZERO_SHOT
