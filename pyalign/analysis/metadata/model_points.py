"""Models as points: a score of each with what is known of its errors, seeds joined, metadata and other scores."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import ModelPoint, ModelScore, OtherScore
from pyalign.data.metadata import Matched, Metadata, Value, none_of
from pyalign.data.names import listing
from pyalign.documents import Interval, ci_of
from pyalign.errors import InputError
from pyalign.stats.intervals import FRACTION, quantile


class _Figure(NamedTuple):
    """Where the rows of a result, its `results` or itself, have a figure of each model, by attributes.

    `ci`: the interval, "" where the figure holds it. `n`: of the result or of a row, how many of `unit` it is over;
    `source`: of the result, where these came from.
    """

    value: str
    called: str
    ci: str = "ci"
    parts: tuple[str, ...] = ()
    n: str = "n_triplets"
    unit: str = "triplets"
    source: str = "triplets"
    rows: str = "results"
    name: str = "embeddings"


FIGURES = {
    "score": _Figure("accuracy", "accuracy", "", parts=("measure", "transform")),
    "compare": _Figure("accuracy", "accuracy", parts=("measure",), rows="models", name="model"),
    "probe": _Figure("accuracy", "probed accuracy", "accuracy_interval"),
    "rsa": _Figure("value", "RSA", "ci", ("measure", "correlation"), "n_pairs", "pairs", "human"),
    "predict": _Figure("mean_r2", "mean R²", "ci", (), "n_objects", "objects", "human"),
    "neighborhoods": _Figure("overlap", "overlap of neighbors", "", ("measure",), "n_objects", "objects", "human"),
}
PURITY = _Figure("purity", "purity of neighbors", "", ("measure",), "n_objects", "objects", "")
ACCURACIES = ("score", "compare", "probe")  # which have a chance level
COMMON = ("score", "compare")  # whose triplets are those of all models
LABELS = ("group", "seed")  # columns that say which rows are one model


@dataclass
class Scores:
    """A column: a score of some models."""

    about: OtherScore  # what it is, and over what.
    cells: dict[str, tuple[float, Interval | None]] = field(default_factory=dict)  # by the names of models.


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
        for name, column in _scores_in(result, f"others[{number - 1}]").items():
            there = columns.get(name)
            if there is not None and result.command == "probe":
                one, other = there.about, column.about
                if (one.source, one.chance) != (other.source, other.chance):
                    raise InputError(f"others must be probes on the same triplets to be one column; got {one.source} "
                                     f"and {other.source}")
                there.cells |= column.cells
                continue
            if there is not None:
                name = f"{name} on {os.path.basename(column.about.source or 'other triplets')}"
                name = name if name not in columns else f"{name} ({number})"
            columns[name] = replace(column, about=replace(column.about, column=name))
    return list(columns.values())


def _called(name: str, columns: Sequence[Scores]) -> Iterator[Scores]:
    """The columns of a result, or of the probes of several models, under the name that it was given."""
    for column in columns:
        full = name if len(columns) == 1 else f"{name}: {column.about.column}"
        yield replace(column, about=replace(column.about, column=full))


def _scores_in(result: Any, where: str, by_measure: bool = True) -> dict[str, Scores]:
    """The scores in a result, as columns by the name of the score; `by_measure`: one for each."""
    command = getattr(result, "command", "")
    figure = FIGURES.get(command)
    if figure is None:
        raise InputError(f"others must be results of {', '.join(FIGURES)}, which have a score of each model; "
                         f"{where} is of {command or type(result).__name__}")
    columns: dict[str, Scores] = {}
    for one in (figure, PURITY) if command == "neighborhoods" else (figure,):
        rows: Any = getattr(result, one.rows, (result,))
        n = next((n for of in (result, *rows[:1]) if (n := getattr(of, one.n, None)) is not None), None)
        chance = (rows[0] if command == "score" and rows else result).chance if command in ACCURACIES else None
        source = getattr(result, one.source, None)
        for row in rows:
            value, model = getattr(row, one.value), str(getattr(row, one.name) or "embeddings")
            if value is None or value != value:
                continue
            parts = [getattr(row, part, None) or getattr(result, part, None) for part in one.parts * by_measure]
            called = ", ".join([one.called, *(os.path.basename(str(part)) for part in parts if part)])
            column = columns.setdefault(called, Scores(OtherScore(called, chance, n, source, one.unit)))
            if model in column.cells:
                raise InputError(f"{where} must have one {called} of each model; got several of {model}"
                                 f"{'' if by_measure else ': choose one measure'}")
            column.cells[model] = float(value), getattr(row, one.ci) if one.ci else ci_of(value)
    return columns


@dataclass(frozen=True)
class Models:
    """Accuracies of models on the same triplets, or another score of each."""

    names: tuple[str, ...]  # m.
    accuracies: np.ndarray  # (m,) fractions.
    intervals: tuple[Interval | None, ...]  # of each, or None.
    about: dict[str, Any]  # fields of the result.
    notes: tuple[str, ...]  # sentences.
    labels: dict[str, str] = field(default_factory=dict)  # what some are called in tables.
    covariance: np.ndarray | None = None  # (m, m) of their errors, or None where it is not known.
    degrees: int = 0  # of freedom, of those errors.
    by: str | None = None  # what they are over; None where the covariance is not known.


def models_of(result: Any) -> Models:
    """The models of a comparison or of scores with their accuracies, or of another result with its score of each."""
    command = "probe" if isinstance(result, list | tuple) and result else getattr(result, "command", "")
    if command not in FIGURES:
        raise InputError(f"result must be of {', '.join(FIGURES)}, which have a score of each model; got "
                         f"{command or type(result).__name__}")
    columns = [*_scores_in(result, "result", by_measure=False).values()] if command in COMMON else scores_of(result)
    if len(columns) != 1:
        named = ", ".join(column.about.column for column in columns) or "none"
        raise InputError(f"result must have one score of each model; got {named}: choose one measure and correlation")
    about, cells = columns[0].about, columns[0].cells
    values, intervals = zip(*cells.values(), strict=True)
    models = Models(tuple(cells), np.array(values, dtype=np.float64), intervals, {"score": about}, (
        f"{about.column} says how sure each value is, not how the models' errors go together: intervals of "
        "slopes and correlations are over models only",
    ))
    if command not in COMMON:
        return models
    return _compared(models, result) if command == "compare" else _scored(models, result)


def _compared(models: Models, result: Comparison) -> Models:
    counts = {"objects": result.n_objects, "subjects": result.n_subjects or 0, "triplets": result.n_triplets}
    how = result.inference
    degrees = 0 if how.over is None else min(counts[by] for by in how.over.split("+")) - 1
    notes: tuple[str, ...] = ()
    if how.over is None:
        notes = ("the comparison is without intervals, so that the covariance of the models' errors is not known",)
    elif result.covariance is None:
        why = "no two triplets are independent" if how.resamples is None else "the comparison is by a bootstrap"
        notes = (f"{why}, so that the covariance of the models' errors is not known: no interval over {how.over}",)
    about = {name: getattr(result, name) for name in ("n_triplets", "n_objects", "n_subjects", "triplets", "task")}
    covariance = None if result.covariance is None else np.array(result.covariance)
    by = None if covariance is None else how.over
    return replace(models, about=about, notes=notes, covariance=covariance, degrees=degrees, by=by)


def _scored(models: Models, result: Any) -> Models:
    rows = [row for row in getattr(result, "results", (result,)) if row.accuracy is not None]
    counts = {row.n_triplets for row in rows}
    note = (
        "scores say how sure each accuracy is, not how the models' errors, on the same triplets, go together: "
        "intervals of slopes and correlations over objects need a result of `pyalign compare`"
    )
    about = {"n_triplets": counts.pop() if len(counts) == 1 else None, "triplets": getattr(result, "triplets", None),
             "task": rows[0].task}
    labels = {row.embeddings: row.label for row in rows if row.embeddings and row.label}
    return replace(models, about=about, notes=(note,), labels=labels)


def joined(
    models: Models, table: Metadata | None, scores: Sequence[Scores], labels: Mapping[str, str]
) -> tuple[Sequence[int | None], Metadata]:
    """The row of each model, or None, in the table, to which the scores are added as columns.

    labels: other names that rows may have, by the names of models.
    """
    names, table = models.names, table or Metadata((), {})
    own = table.matched(names, labels) if table.models else Matched((None,) * len(names), ())
    notes = [*table.notes, *own.notes]
    if not scores:
        if all(row is None for row in own.rows):
            few = f"models {listing(list(names), 4)}, rows {listing(list(table.models), 4)}"
            raise InputError(f"metadata must have a row of some model of the result; got {few}")
        return own.rows, replace(table, notes=tuple(notes))
    columns = {name: [table.value(row, name) for row in own.rows] for name in table.columns}
    for column in scores:
        notes += _add(columns, column, names, labels)
    kept = [k for k in range(len(names)) if any(cells[k] is not None for cells in columns.values())]
    absent = [name for k, name in enumerate(names) if k not in kept]
    percent = table.percent | {column.about.column for column in scores if column.about.chance is not None}
    return [kept.index(k) if k in kept else None for k in range(len(names))], Metadata(
        tuple(names[k] for k in kept), {name: tuple(cells[k] for k in kept) for name, cells in columns.items()},
        percent, (*notes, none_of(absent)) if absent else tuple(notes), table.source,
    )


def _add(columns: dict[str, list[Value]], score: Scores, names: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Adds a column with the score of each model; returns notes on models without one."""
    name, there = score.about.column, list(score.cells)
    if name in columns:
        raise InputError(f"metadata must have other columns than the scores; got {name!r} in both")
    rows = Metadata(tuple(there), {}).matched(names, labels).rows
    if all(row is None for row in rows):
        raise InputError(f"others must have scores of some of these models; {name} has none of them: "
                         f"{', '.join(there[:3])}")
    score.cells = {model: score.cells[there[row]] for model, row in zip(names, rows, strict=True) if row is not None}
    columns[name] = [score.cells[model][0] if model in score.cells else None for model in names]
    absent = sum(row is None for row in rows)
    return [f"{name} has no score of {absent} of {len(names)} models"] if absent else []


@dataclass(frozen=True)
class Points:
    """Models with what is known of them, seeds joined."""

    points: tuple[ModelPoint, ...]  # m of them.
    accuracies: np.ndarray  # (m,).
    covariance: np.ndarray | None  # (m, m) of their errors, or None.
    degrees: int  # of freedom, of those errors.
    by: str | None  # what they are over; None where the covariance is not known.
    clusters: np.ndarray  # (m,) int64: the family of each; those without one by themselves.
    families: int | None  # how many clusters; None where no family is known.
    notes: tuple[str, ...]  # sentences.

    @property
    def models_by(self) -> str:
        """What intervals over models like these are over."""
        return "models" if self.families is None else "families"

    def column(self, name: str) -> list[Value]:
        """The value of each point in a column."""
        return [(point.values or {}).get(name) for point in self.points]

    def numbers(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The points that have a number in a column, and these numbers."""
        held = [(k, value) for k, value in enumerate(self.column(name)) if isinstance(value, float)]
        return np.array([k for k, _ in held], dtype=np.intp), np.array([value for _, value in held], dtype=np.float64)


def points_of(
    models: Models, rows: Sequence[int | None], table: Metadata, scores: Sequence[Scores], confidence: float
) -> Points:
    """The models that have a row of the table, as points."""
    of: dict[str, list[int]] = {}
    for k, row in enumerate(rows):
        if row is not None:
            of.setdefault(table.group(row, models.names[k]), []).append(k)
    average = np.zeros((len(of), len(models.names)))
    for place, members in enumerate(of.values()):
        average[place, members] = 1.0 / len(members)
    covariance = None if models.covariance is None else average @ models.covariance @ average.T
    accuracies, notes, points = average @ models.accuracies, list[str](), []
    for place, (name, members) in enumerate(of.items()):
        values = _values(name, [rows[k] for k in members], table, notes)
        ci = models.intervals[members[0]] if len(members) == 1 else None
        if ci is None or ci.confidence != confidence:  # of several seeds, or another level
            error = math.nan if covariance is None else math.sqrt(max(0.0, float(covariance[place, place])))
            estimate = float(accuracies[place])
            ci = around(estimate, error, models.degrees, models.by, "corrected", confidence, FRACTION)
        names = tuple(models.names[k] for k in members)
        points.append(replace(_point(name, names, models.accuracies[members], values, scores), ci=ci))
    clusters, families, more_notes = _clusters(points)
    notes.extend(more_notes)
    return Points(tuple(points), accuracies, covariance, models.degrees, models.by, clusters, families, tuple(notes))


def around(
    estimate: float, error: float, degrees: float, by: str | None, method: str, confidence: float,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval | None:
    """The interval of an estimate by Student's t; None where its error is not known."""
    if math.isnan(error):
        return None
    reach = quantile(confidence, degrees) * error
    return Interval(max(within[0], estimate - reach), min(within[1], estimate + reach), error, by, method, confidence)


def _values(name: str, rows: Sequence[int | None], table: Metadata, notes: list[str]) -> dict[str, float | str]:
    """The metadata of a model: means of its seeds' numbers, and texts that all seeds share."""
    values: dict[str, float | str] = {}
    for column in table.columns:
        held = [cell for row in rows if (cell := table.value(row, column)) is not None]
        if column in LABELS or not held:
            continue
        numbers = [cell for cell in held if isinstance(cell, float)]
        if numbers:
            values[column] = float(np.mean(numbers))
        elif len(set(held)) == 1:
            values[column] = held[0]
        else:
            notes.append(f"the seeds of {name} differ in {column!r} of the metadata, which is left out for it")
    return values


def _point(
    name: str, members: tuple[str, ...], accuracies: np.ndarray, values: dict[str, float | str],
    scores: Sequence[Scores],
) -> ModelPoint:
    """A model with its other scores, or the mean of its seeds, before intervals are computed."""
    family = values.get("family")
    point = ModelPoint(
        members[0], float(accuracies.mean()), None, members, None if family is None else str(family), values=values
    )
    if len(members) > 1:
        return replace(point, model=name, lowest=float(accuracies.min()), highest=float(accuracies.max()),
                       deviation=float(accuracies.std(ddof=1)))
    held = [(column.about.column, column.cells[members[0]]) for column in scores if members[0] in column.cells]
    return replace(point, scores=tuple(ModelScore(column, *cell) for column, cell in held) or None)


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
