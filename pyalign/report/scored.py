"""Accuracies of models, wherever they stand: in scores, comparisons and cross-validated probes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyalign._dataclass import dataclass
from pyalign.analysis.accuracy import GroupScore, Score, Scores
from pyalign.analysis.comparison.comparison_result import Comparison, ModelResult
from pyalign.documents import Interval, ci_of
from pyalign.probing.cross_validate import ProbeCrossValidation

UNNAMED = "embeddings"  # what a result of an array without a file calls its model


@dataclass(frozen=True)
class Scored:
    """An accuracy of a model, with what is known of it."""

    name: str  # of the embeddings.
    label: str | None  # a shorter one that the result has, or None.
    measure: str | None  # by which, or None.
    triplets: str | None  # where these came from, or None; task: what people were asked.
    task: str
    # accuracy, ci, cross_entropy, cross_entropy_ci: as in `pyalign.analysis.accuracy.Score`, with their intervals.
    accuracy: float | None
    ci: Interval | None
    cross_entropy: float | None
    cross_entropy_ci: Interval | None
    n: int | None  # how many triplets it is of, or None.
    chance: float  # the accuracy of a model that knows nothing.
    transform: str | None = None  # the map that the rows went through first, or None.
    # temperature, n_ties, ceiling, ceiling_name, groups: of a score; None where the result has none.
    temperature: float | None = None
    n_ties: int | None = None
    ceiling: float | None = None
    ceiling_name: str | None = None
    fraction_ci: Interval | None = None  # the interval of the fraction of that ceiling, or None.
    groups: tuple[GroupScore, ...] = ()
    model_choices: bool = False  # whether the model's own choices were scored.
    in_sample: bool = False  # whether the map was fitted to some of these objects.
    # what a probe has not seen: "objects", "triplets", "subjects"; None of what is no probe.
    held_out: str | None = None
    fitted: bool = False  # whether the embeddings, as they came, had been fitted to answers of people.
    weighting: str = "answers"  # what counts the same in the accuracy: "answers" or "triplets".


def is_fitted(result: Any, *names: str | None) -> bool:
    """Whether an input that a result knows by one of these names was fitted to answers of people."""
    inputs = () if result.provenance is None else result.provenance.inputs
    return any(one.fitted and {one.name, one.source} & {*names} for one in inputs)


def unprobed(probes: Iterable[ProbeCrossValidation]) -> str:
    """What accuracies without a probe are called: "zero-shot", unless embeddings were fitted to answers before."""
    return "unprobed" if any(is_fitted(one, UNNAMED) for one in probes) else "zero-shot"


def measure_of(row: ModelResult, result: Comparison) -> str | None:
    """The measure of a model in a comparison; None for choices."""
    return None if row.model_choices else row.measure or result.measure


def scored_of(result: object) -> list[Scored]:
    """The accuracies in a result, in its order, or itself; none in a result of another kind."""
    if isinstance(result, Scored):
        return [result]
    if isinstance(result, Score):
        result = Scores((result,))
    if isinstance(result, Scores):
        return [
            Scored(row.embeddings or UNNAMED, row.label, row.measure, result.triplets, row.task, row.accuracy, row.ci,
                   row.cross_entropy, ci_of(row.cross_entropy), row.n_triplets, row.chance, row.transform,
                   row.temperature, row.n_ties, row.ceiling, row.ceiling_name, ci_of(row.fraction_of_ceiling),
                   row.groups or (), row.model_choices is not None,
                   row.in_sample is not None and row.in_sample.objects > 0,
                   fitted=is_fitted(row, row.embeddings or UNNAMED, UNNAMED), weighting=row.weighting)
            for row in result
        ]
    if isinstance(result, Comparison):
        return [
            Scored(row.model, None, measure_of(row, result), result.triplets, result.task, row.accuracy, row.ci,
                   row.cross_entropy, row.cross_entropy_ci, result.n_triplets, result.chance,
                   temperature=None if row.model_choices else result.temperature, n_ties=row.n_ties,
                   model_choices=row.model_choices is not None, fitted=is_fitted(result, row.model))
            for row in result.models
        ]
    if isinstance(result, ProbeCrossValidation):
        return [
            Scored(result.embeddings or UNNAMED, None, result.options.measure, result.triplets, result.task,
                   result.accuracy, result.accuracy_interval, result.cross_entropy, result.cross_entropy_interval,
                   result.n_test or None, result.chance, held_out=result.split, fitted=is_fitted(result, UNNAMED))
        ]
    return []
