"""`pyalign metadata`: accuracy against what is known of the models."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign._result import load_result
from pyalign.analysis.metadata.model_points import first_and_others
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.io.metadata import load_metadata
from pyalign.io.paths import Spec
from pyalign.progress import Progress


@dataclass(frozen=True)
class MetadataOptions(_options.Output):
    """The options of `pyalign metadata`."""

    result: tuple[Spec, ...] = option(
        "JSON document of `pyalign compare` (or of another command with a score of each model, such as rsa, which does "
        "not account for shared errors); further documents have scores to compare it with",
        required=True, nargs="+", metavar="COMPARE.json", role="input", positional=True,
    )
    metadata: Spec | None = option(
        "table with a row for each model (.csv, .tsv, .json): model, and family, objective, data, "
        "parameters, seed or any other column (default, and for models without a row: `pyalign models table`)",
        metavar="FILE", role="input",
    )
    columns: tuple[str, ...] | None = option(
        "columns of the table to compare models by (default: all)", "--by", nargs="+", metavar="C"
    )
    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)",
        default=0.95,
        kind=float,
        metavar="P",
        group=_options.INTERVALS,
    )
    seed: int = option(
        "random seed of the resamples for rank correlations (default: 0)", default=0, kind=_options.seed, metavar="S",
        group=_options.INTERVALS,
    )


def run(options: MetadataOptions, progress: Progress) -> Outcome:
    """Reads, matches, fits."""
    table = None if options.metadata is None else load_metadata(options.metadata)
    result, others = first_and_others([load_result(path) for path in options.result])
    regressions = regress_metadata(
        result, table, others=others, columns=options.columns, confidence_level=options.confidence_level,
        seed=options.seed,
    )
    return Outcome(regressions)


METADATA = Command(
    MetadataOptions, run, "pyalign metadata compare.json --metadata models.csv", about=("result", "metadata")
)
