"""`pyalign ceiling`: how well people predict people on repeated triplets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling
from pyalign.cli import _idle, _inputs, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.progress import Progress


@dataclass(frozen=True)
class CeilingOptions(
    _options.TripletFile, _options.People, _options.ManyAnswers, _options.Weighted, _options.Weighting, _idle.Rows,
    _idle.Categories, _options.Output,
):
    """The options of `pyalign ceiling`."""

    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)", default=0.95, kind=float, metavar="P"
    )


def run(options: CeilingOptions, progress: Progress) -> Outcome:
    """Reads, counts."""
    triplets = _inputs.read_triplets(options, answered="ceiling")
    found = noise_ceiling(triplets, confidence_level=options.confidence_level, weighting=options.weighting)
    return Outcome(replace(found, triplets=options.triplets))


COMMAND = Command(
    CeilingOptions, run, "pyalign ceiling -t answers.npy --subject-column 3", about=("triplets",)
)
