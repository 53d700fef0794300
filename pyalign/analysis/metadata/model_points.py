"""Scores of the same models in other results, as columns that accuracies are set against.

Models as points: their accuracies with what is known of the errors, seeds joined, metadata beside.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.accuracy import Score
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import ModelPoint, ModelScore, OtherScore
from pyalign.data.metadata import Metadata, Value
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.intervals import FRACTION, quantile


class _Figure(NamedTuple):
    """Where a result has a figure of each model, by attributes; `rows` "" for a result that is one row itself.

    `n`: of a row or of the result, how many of `unit` it is over; `source`: of the result, where these came from.
    """

    rows: str
    name: str
    value: str
    ci: str
    called: str
    parts: tuple[str, ...] = ()
    n: str = "n_triplets"
    unit: str = "triplets"
    source: str = "triplets"


FIGURES = {
    "score": _Figure("results", "embeddings", "accuracy", "ci", "accuracy", ("measure", "transform")),
    "compare": _Figure("models", "model", "accuracy", "ci", "accuracy", ("measure",)),
    "probe": _Figure("", "embeddings", "accuracy", "accuracy_interval", "probed accuracy"),
    "rsa": _Figure("results", "embeddings", "value", "ci", "RSA", ("measure", "correlation"), "n_pairs", "pairs",
                   "human"),
    "predict": _Figure("results", "embeddings", "mean_r2", "ci", "mean R²", (), "n_objects", "objects", "human"),
    "neighborhoods": _Figure("results", "embeddings", "overlap", "ci", "overlap of neighbours", ("measure",),
                             "n_objects", "objects", "human"),
}
PURITY = FIGURES["neighborhoods"]._replace(value="purity", ci="purity_ci", called="purity of neighbours", source="")
ACCURACIES = ("score", "compare", "probe")  # which have a chance level


@dataclass
class Scores:
    """A column: a score of some models."""

    about: OtherScore  # what it is, and over what.
    # values, intervals: by the names of models.
    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval | None] = field(default_factory=dict)


def first_and_others(results: Sequence[Any]) -> tuple[Any, list[Any]]:
    """What is set against what: the first result, or all probes at the beginning, and the others.

    Example:
        >>> first_and_others(["compare", "rsa"])
        ('compare', ['rsa'])
    """
    probes = 0
    while probes < len(results) and getattr(results[probes], "command", "") == "probe":
        probes += 1
    return (list(results[:probes]), list(results[probes:])) if probes else (results[0], list(results[1:]))


def scores_of(others: Any) -> list[Scores]:
    """A column for each score of the other results: for each measure, and each correlation of RSA.

    Probes of several models, which are a result each, are one column if they are of the same triplets.
    """
    if isinstance(others, Mapping):
        return [column for name, result in others.items() for column in _called(str(name), scores_of(result))]
    columns: dict[str, Scores] = {}
    for number, result in enumerate(others if isinstance(others, list | tuple) else [others], 1):
        of_result = dict[str, Scores]()
        for called, name, value, ci in _rows(result, number):
            about = _about(result, called)
            column = of_result.setdefault(called, Scores(about))
            if name in column.values:
                raise InputError(f"others[{number - 1}] must have one {called} of each model; got several of {name}")
            column.values[name], column.intervals[name] = value, ci
        for called, column in of_result.items():
            there = columns.get(called)
            if there is not None and result.command == "probe":
                _require_comparable(there.about, column.about)
                there.values |= column.values
                there.intervals |= column.intervals
                continue
            name = called
            if there is not None:
                name = f"{called} on {os.path.basename(column.about.source or 'other triplets')}"
                name = name if name not in columns else f"{name} ({number})"
            columns[name] = replace(column, about=replace(column.about, column=name))
    return list(columns.values())


def _called(name: str, columns: Sequence[Scores]) -> Iterator[Scores]:
    """The columns of a result, or of the probes of several models, under the name that it was given."""
    for column in columns:
        full = name if len(columns) == 1 else f"{name}: {column.about.column}"
        yield replace(column, about=replace(column.about, column=full))


def _rows(result: Any, number: int) -> Iterator[tuple[str, str, float, Interval | None]]:
    """What a score is called, the model, its value and its interval."""
    figure = FIGURES.get(getattr(result, "command", ""))
    if figure is None:
        got = getattr(result, "command", "") or type(result).__name__
        raise InputError(f"others must be results of {', '.join(FIGURES)}, which have a score of each model; "
                         f"others[{number - 1}] is of {got}")
    for one in (figure, PURITY) if result.command == "neighborhoods" else (figure,):
        for row in getattr(result, one.rows) if one.rows else (result,):
            value = getattr(row, one.value)
            if value is not None and value == value:
                parts = [getattr(row, part, None) or getattr(result, part, None) for part in one.parts]
                called = ", ".join([one.called, *(os.path.basename(str(part)) for part in parts if part)])
                yield called, str(getattr(row, one.name) or "embeddings"), float(value), getattr(row, one.ci)


def _about(result: Any, called: str) -> OtherScore:
    figure = PURITY if called.startswith(PURITY.called) else FIGURES[result.command]
    rows: Any = getattr(result, "results", ())
    n = getattr(result, figure.n, None)
    if n is None and rows:
        n = getattr(rows[0], figure.n, None)
    chance = None
    if result.command in ACCURACIES:
        chance = rows[0].chance if result.command == "score" and rows else result.chance
    return OtherScore(called, chance, n, getattr(result, figure.source) if figure.source else None, figure.unit)


def _require_comparable(one: OtherScore, other: OtherScore) -> None:
    if (one.source, one.chance) != (other.source, other.chance):
        raise InputError(f"others must be probes on the same triplets to be one column; got {one.source} and "
                         f"{other.source}")


def with_scores(
    models: Sequence[str], table: Metadata | None, columns: Sequence[Scores], known: Mapping[str, str]
) -> Metadata:
    """The rows of the table that are of these models, under their names, with a column for each of the scores.

    known: other names that rows may have, by the names of models.
    """
    table = table or Metadata((), {})
    own = table.matched(models, known) if table.models else None
    cells: dict[str, list[Value]] = {
        name: [table.value(row, name) for row in (own.rows if own else [None] * len(models))] for name in table.columns
    }
    notes = [*table.notes, *(own.notes if own else ())]
    for column in columns:
        name = column.about.column
        if name in cells:
            raise InputError(f"metadata must have other columns than the scores; got {name!r} in both")
        scored = Metadata(tuple(column.values), {name: tuple(column.values.values())})
        matched = scored.matched(models, known)
        if all(row is None for row in matched.rows):
            raise InputError(f"others must have scores of some of these models; {name} has none of them: "
                             f"{', '.join(list(column.values)[:3])}")
        cells[name] = [scored.value(row, name) for row in matched.rows]
        column.intervals = {model: column.intervals[scored.models[row]] for model, row in
                            zip(models, matched.rows, strict=True) if row is not None}
        absent = sum(row is None for row in matched.rows)
        notes += [f"{name} has no score of {absent} of {len(models)} models"] if absent else []
    kept = [k for k in range(len(models)) if any(of[k] is not None for of in cells.values())]
    percent = table.percent | {column.about.column for column in columns if column.about.chance is not None}
    return Metadata(
        tuple(models[k] for k in kept), {name: tuple(of[k] for k in kept) for name, of in cells.items()},
        frozenset(percent), tuple(notes), table.source,
    )


def with_intervals(point: ModelPoint, columns: Sequence[Scores]) -> ModelPoint:
    """The point with its other scores and their intervals, where it is one model and not the mean of several seeds."""
    name = point.members[0]
    if len(point.members) > 1:
        return point
    held = [(column.about.column, column.intervals) for column in columns if name in column.intervals]
    scores = tuple(ModelScore(called, float((point.values or {})[called]), of[name]) for called, of in held)
    return replace(point, scores=scores or None)


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
    """The models of a comparison or of scores with their accuracies, or of another result with its score of each."""
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
             "triplets": found.triplets, "task": found.task}
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
    )


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
    )


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
    """The models that have a row, with what is said of those that have none."""
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
) -> ModelPoint:
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
