"""`pyalign compare`: several models on the same triplets, with paired intervals.

`pyalign metadata`: accuracy against what is known of the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign._result import load_result
from pyalign.analysis.comparison.compare import compare
from pyalign.analysis.metadata.model_points import first_and_others
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.cli import _inputs, _model_choices, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, option
from pyalign.cli._outputs import tables_beside
from pyalign.errors import InputError, nearest
from pyalign.io.item_names import load_metadata
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES, get_measure
from pyalign.typing import Correction, MeasureName


@dataclass(frozen=True)
class CompareOptions(
    _options.Models, _shared_options.Matrices, _options.TripletFile, _options.JudgedRows, _options.Mapped,
    _options.Choice,
    _options.Temperature, _model_choices.ModelChoices, _options.Intervals, _options.People, _options.Weighted,
    _model_choices.Categories, _options.Running, _options.Output,
):
    """The options of `pyalign compare`."""

    beside: ClassVar[tuple[str, ...]] = ("pairs",)

    csv: str | None = option(
        "write the models as .csv, FILE.csv, and the differences of every two of them next to it, as FILE-pairs.csv",
        metavar="FILE", group=OUTPUT,
    )
    measure: tuple[MeasureName, ...] | None = option(
        "similarity measure, one of those above for all embeddings (default: cosine), or one for each, in the same "
        "order", nargs="+", group=_options.MODEL, words=MEASURES,
    )
    correction: Correction = _options.corrected("over all pairs")
    baseline: str | None = option(
        "compare each of the others with this model, by its label or name (default: every two models)",
        group=_options.INTERVALS,
    )
    difference: float | None = option(
        "smallest difference of accuracies that would matter, a fraction such as 0.01; also tests whether models "
        "differ by less", group=_options.INTERVALS,
    )
    choose_best: bool = option(
        "estimate how well the best model does on objects that were not used to choose it", default=False,
        group=_options.INTERVALS,
    )


def run_compare(options: CompareOptions, progress: Progress) -> Outcome:
    """Reads, compares."""
    measures = options.measure or ("cosine",)
    for measure in measures:
        get_measure(measure)
    _options.refuse_without_intervals(options, "choose_best", "correction", "difference")
    plan, notes = _inputs.check_intervals(options)
    notes += _model_choices.check(options)
    _shared_options.check(options)
    if len(measures) not in (1, len(options.embeddings)):
        many = f"one for each of {len(options.embeddings)}"
        raise InputError(f"--measure must be one for all embeddings, or {many}; got {len(measures)}")
    temperature = _options.read_temperature(options.temperature, measures)
    matrices = _shared_options.read(options)
    called = _model_choices.models_of(options, tuple(matrices))
    if len(called) == 1 and options.transform is not None:
        raise _inputs.one_model("compare", called[0], options.transform)
    labels = _inputs.labeled(called, options.labels)
    triplets = _inputs.read_triplets(options, answered="compare")
    models: dict[str, Any] = {**_inputs.read_models(options, triplets), **matrices}
    choices = _model_choices.arguments(options)
    if labels is not None:
        short = dict(zip(called, labels, strict=True))
        models, choices = _model_choices.renamed(models, choices, short)
    by_model = measures[0] if len(measures) == 1 else dict(zip(models, measures, strict=False))
    result = compare(
        models, triplets, **choices, measure=None if options.measure is None else by_model,
        temperature=1.0 if temperature is None else temperature,
        ties=options.ties, nan_policy=options.nan_policy, missing=options.missing, backend=options.backend, ci=plan,
        baseline=_baseline(options, called, labels), difference=options.difference, correction=options.correction,
        choose_best=options.choose_best, progress=progress,
    )
    notes += tuple(f"the differences are in {path}" for path in tables_beside(options).values())
    return Outcome(replace(result, triplets=options.triplets), notes=notes)


def _baseline(options: CompareOptions, called: Sequence[str], labels: Sequence[str] | None) -> str | None:
    """The model that the others are compared with, by what the analysis calls it."""
    asked, names = options.baseline, called if labels is None else labels
    if asked is None or asked in names:
        return asked
    if asked in called:
        return names[called.index(asked)]
    raise InputError(f"--baseline must be one of the models; got {asked!r}{nearest(asked, names)}")


COMPARE = Command(CompareOptions, run_compare, "pyalign compare clip.npy vgg.npy -t triplets.npy", about=("triplets",))


@dataclass(frozen=True)
class MetadataOptions(_options.Output):
    """The options of `pyalign metadata`."""

    result: tuple[Spec, ...] = option(
        "JSON document of `pyalign compare` (or of another command with a score of each model, such as rsa, which does "
        "not account for shared errors); further documents have scores to compare it with",
        required=True, nargs="+", metavar="COMPARE.json", role="input", positional=True,
    )
    metadata: Spec | None = option(
        "table with a row for each model (.csv, .tsv, .json): model, and family, objective, data, parameters, seed or "
        "any other column (default, and for models without a row: what `pyalign models list --metadata` has)",
    )
    columns: tuple[str, ...] | None = option(
        "columns of the table to compare models by (default: all)", "--by", nargs="+"
    )
    confidence_level: float = option(
        "confidence level of the intervals (default: 0.95)", default=0.95, group=_options.INTERVALS
    )
    seed: int = option(
        "random seed of the resamples for rank correlations (default: 0)", default=0, group=_options.INTERVALS
    )


def run_metadata(options: MetadataOptions, progress: Progress) -> Outcome:
    """Reads, matches, fits."""
    table = None if options.metadata is None else load_metadata(options.metadata)
    result, others = first_and_others([load_result(path) for path in options.result])
    regressions = regress_metadata(
        result, table, others=others, columns=options.columns, confidence_level=options.confidence_level,
        seed=options.seed,
    )
    return Outcome(regressions)


METADATA = Command(
    MetadataOptions, run_metadata, "pyalign metadata compare.json --metadata models.csv", about=("result", "metadata")
)
