"""Models as points: their accuracies with what is known of the errors, seeds joined, metadata beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.accuracy import Score
from pyalign.analysis.comparison.result import Comparison
from pyalign.analysis.metadata.result import ModelPoint
from pyalign.analysis.metadata.scores import FIGURES, scores_of
from pyalign.data.metadata import Metadata, Value
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.intervals import FRACTION
from pyalign.stats.student import quantile


@dataclass(frozen=True)
class Models:
    """Accuracies of models on the same triplets, or another score of each."""

    names: tuple[str, ...]  # m.
    labels: dict[str, str]  # what some are called in tables.
    accuracies: np.ndarray  # (m,) fractions.
    intervals: tuple[Interval | None, ...]  # of each, or None.
    covariance: np.ndarray | None  # (m, m) of their errors, or None where it is not known.
    degrees: int  # of freedom, of those errors.
    by: str | None  # what they are over; None where the covariance is not known.
    about: dict[str, Any]  # fields of the result.
    notes: tuple[str, ...]  # sentences.


def models_of(result: Any) -> Models:
    """The models of a comparison or of scores with their accuracies, or of another result with its score of each.

    Raises:
        InputError: none of these, or several scores of one model.
    """
    if isinstance(result, Comparison):
        return _compared(result)
    command = "probe" if isinstance(result, list | tuple) and result else getattr(result, "command", "")
    if command in FIGURES and command not in ("score", "compare"):
        return _with_other_score(result)
    scores = (result,) if isinstance(result, Score) else getattr(result, "results", None)
    if not scores or not all(isinstance(score, Score) for score in scores):
        got = getattr(result, "command", "") or type(result).__name__
        raise InputError(f"result must be of {', '.join(FIGURES)}, which have a score of each model; got {got}")
    return _scored(scores, getattr(result, "triplets", None))


def _compared(found: Comparison) -> Models:
    about = {"n_triplets": found.n_triplets, "n_objects": found.n_objects, "n_subjects": found.n_subjects,
             "triplets": found.triplets, "task": found.task}  # fmt: skip
    notes: tuple[str, ...] = ()
    counts = {"objects": found.n_objects, "subjects": found.n_subjects or 0, "triplets": found.n_triplets}
    degrees = 0 if found.ci_by is None else min(counts[by] for by in found.ci_by.split("+")) - 1
    if found.ci_by is None:
        notes = ("the comparison is without intervals, so that the covariance of the models' errors is not known",)
    elif found.covariance is None:
        why = "the comparison is by a bootstrap" if found.resamples is not None else "no two triplets are independent"
        notes = (f"{why}, so that the covariance of the models' errors is not known: no interval over {found.ci_by}",)
    return Models(
        tuple(model.model for model in found.models), {}, np.array([model.accuracy for model in found.models]),
        tuple(model.ci for model in found.models),
        None if found.covariance is None else np.array(found.covariance), degrees,
        None if found.covariance is None else found.ci_by, about, notes,
    )  # fmt: skip


def _scored(scores: Sequence[Score], triplets: str | None) -> Models:
    names = [str(score.embeddings or "embeddings") for score in scores]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"result must have one score of each model; got several of {twice}: choose one measure")
    known = [score for score in scores if score.accuracy is not None]
    if not known:
        raise InputError("result must have accuracies; got scores of triplets that nobody has answered")
    counts = {score.n_triplets for score in known}
    about = {"n_triplets": counts.pop() if len(counts) == 1 else None, "triplets": triplets, "task": known[0].task}
    notes = (
        "scores say how sure each accuracy is, not how the models' errors, on the same triplets, go together: "
        "intervals of slopes and correlations over objects need a result of `pyalign compare`",
    )
    return Models(
        tuple(str(score.embeddings or "embeddings") for score in known),
        {str(score.embeddings): score.label for score in known if score.embeddings and score.label},
        np.array([score.accuracy for score in known], dtype=np.float64), tuple(score.ci for score in known),
        None, 0, None, about, notes,
    )  # fmt: skip


def _with_other_score(result: Any) -> Models:
    columns = scores_of(result)
    if len(columns) != 1:
        named = ", ".join(column.about.column for column in columns) or "none"
        raise InputError(f"result must have one score of each model; got {named}: choose one measure and correlation")
    (column,) = columns
    names = tuple(column.values)
    note = (
        f"{column.about.column} says how sure each value is, not how the models' errors go together: intervals of "
        "slopes and correlations are over models only"
    )
    values = np.array([*column.values.values()], dtype=np.float64)
    intervals = tuple(column.intervals[name] for name in names)
    return Models(names, {}, values, intervals, None, 0, None, {"score": column.about}, (note,))


@dataclass(frozen=True)
class Points:
    """Models with a row of metadata, seeds joined."""

    points: tuple[ModelPoint, ...]  # m of them.
    accuracies: np.ndarray  # (m,).
    covariance: np.ndarray | None  # (m, m) of their errors, or None.
    clusters: np.ndarray  # (m,) int64: the family of each; those without one by themselves.
    families: int | None  # how many clusters; None where no family is known.
    notes: tuple[str, ...]  # sentences.


def points_of(models: Models, metadata: Metadata, confidence_level: float, labels: Mapping[str, str]) -> Points:
    """The models that have a row, with what is said of those that have none.

    Raises:
        InputError: no model has a row.
    """
    matched = metadata.matched(models.names, {**labels, **models.labels})
    rows = [(k, row) for k, row in enumerate(matched.rows) if row is not None]
    if not rows:
        few = f"models {listing(list(models.names), 4)}, rows {listing(list(metadata.models), 4)}"
        raise InputError(f"metadata must have a row of some model of the result; got {few}")
    of: dict[str, list[tuple[int, int]]] = {}
    for k, row in rows:
        of.setdefault(metadata.group(row, models.names[k]), []).append((k, row))
    average = np.zeros((len(of), len(models.names)))
    for place, members in enumerate(of.values()):
        average[place, [k for k, _ in members]] = 1.0 / len(members)
    covariance = None if models.covariance is None else average @ models.covariance @ average.T
    accuracies = average @ models.accuracies
    notes = [*matched.notes]
    points = []
    for place, (name, members) in enumerate(of.items()):
        error = math.nan if covariance is None else math.sqrt(max(0.0, float(covariance[place, place])))
        ci = _interval(models, members, float(accuracies[place]), error, confidence_level)
        points.append(_point(name, members, models, metadata, ci, notes))
    clusters, families, told = _clusters(points)
    return Points(tuple(points), accuracies, covariance, clusters, families, tuple(notes + told))


def _interval(
    models: Models, members: Sequence[tuple[int, int]], accuracy: float, error: float, confidence_level: float
) -> Interval | None:
    """The interval of a point: that of the result, or, for several seeds or another level, one from the covariance."""
    own = models.intervals[members[0][0]] if len(members) == 1 else None
    if own is not None and own.confidence == confidence_level:
        return own
    if math.isnan(error):
        return None
    reach = quantile(confidence_level, models.degrees) * error
    low, high = max(FRACTION[0], accuracy - reach), min(FRACTION[1], accuracy + reach)
    return Interval(low, high, error, models.by, "corrected", confidence_level)


def _point(
    name: str, members: Sequence[tuple[int, int]], models: Models, metadata: Metadata, ci: Interval | None,
    notes: list[str],
) -> ModelPoint:  # fmt: skip
    values: dict[str, float | str] = {}
    for column in metadata.columns:
        held = [metadata.value(row, column) for _, row in members]
        value = _joined(held)
        if value is not None and column not in ("seed", "group"):
            values[column] = value
        elif len({cell for cell in held if cell is not None}) > 1 and column not in ("seed", "group"):
            notes.append(f"the seeds of {name} differ in {column!r} of the metadata, which is left out for it")
    of_seeds = [float(models.accuracies[k]) for k, _ in members]
    several = len(members) > 1
    family = values.get("family")
    return ModelPoint(
        model=name if several else models.names[members[0][0]],
        accuracy=float(np.mean(of_seeds)),
        ci=ci,
        members=tuple(models.names[k] for k, _ in members),
        family=None if family is None else str(family),
        lowest=min(of_seeds) if several else None,
        highest=max(of_seeds) if several else None,
        deviation=float(np.std(of_seeds, ddof=1)) if several else None,
        values=values,
    )


def _joined(held: Sequence[Value]) -> float | str | None:
    """The mean of numbers, or the text that all have; None where they differ, or there is none."""
    numbers = [cell for cell in held if isinstance(cell, float)]
    if numbers:
        return float(np.mean(numbers))
    texts = {cell for cell in held if cell is not None}
    return texts.pop() if len(texts) == 1 else None


def _clusters(points: Sequence[ModelPoint]) -> tuple[np.ndarray, int | None, list[str]]:
    without = [point.model for point in points if point.family is None]
    if len(without) == len(points):
        note = (
            "no families are known (a column 'family'): intervals over models take each for independent of the others"
        )
        return np.arange(len(points)), None, [f"{note}, which models of one family are not; they may be too narrow"]
    codes: dict[object, int] = {}
    clusters = [codes.setdefault(k if p.family is None else p.family, len(codes)) for k, p in enumerate(points)]
    notes = [f"no family is known of {listing(without, 4)}: each counts as one of its own"] if without else []
    return np.array(clusters), len(codes), notes
