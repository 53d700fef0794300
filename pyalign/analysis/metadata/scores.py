"""Scores of the same models in other results, as columns that accuracies are set against."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.metadata.result import ModelPoint, ModelScore, OtherScore
from pyalign.data.metadata import Metadata, Value
from pyalign.documents import Interval
from pyalign.errors import InputError


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
    "neighbor agreement": _Figure("results", "embeddings", "overlap", "ci", "overlap of neighbours", ("measure",),
                                  "n_objects", "objects", "against"),
    "neighbor purity": _Figure("results", "embeddings", "purity", "ci", "purity of neighbours", ("measure",),
                               "n_objects", "objects", ""),
}  # fmt: skip
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

    Raises:
        InputError: a result without such a score, or probes whose accuracies are not comparable.
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
                         f"others[{number - 1}] is of {got}")  # fmt: skip
    for row in getattr(result, figure.rows) if figure.rows else (result,):
        value = getattr(row, figure.value)
        if value is not None and value == value:
            parts = [getattr(row, part, None) or getattr(result, part, None) for part in figure.parts]
            called = ", ".join([figure.called, *(os.path.basename(str(part)) for part in parts if part)])
            yield called, str(getattr(row, figure.name) or "embeddings"), float(value), getattr(row, figure.ci)


def _about(result: Any, called: str) -> OtherScore:
    figure = FIGURES[result.command]
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
                         f"{other.source}")  # fmt: skip


def with_scores(
    models: Sequence[str], table: Metadata | None, columns: Sequence[Scores], known: Mapping[str, str]
) -> Metadata:
    """The rows of the table that are of these models, under their names, with a column for each of the scores.

    known: other names that rows may have, by the names of models.

    Raises:
        InputError: no model has any of the scores, or a column has the name of a score.
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
                             f"{', '.join(list(column.values)[:3])}")  # fmt: skip
        cells[name] = [scored.value(row, name) for row in matched.rows]
        column.intervals = {model: column.intervals[scored.models[row]] for model, row in
                            zip(models, matched.rows, strict=True) if row is not None}  # fmt: skip
        absent = sum(row is None for row in matched.rows)
        notes += [f"{name} has no score of {absent} of {len(models)} models"] if absent else []
    kept = [k for k in range(len(models)) if any(of[k] is not None for of in cells.values())]
    percent = table.percent | {column.about.column for column in columns if column.about.chance is not None}
    return Metadata(
        tuple(models[k] for k in kept), {name: tuple(of[k] for k in kept) for name, of in cells.items()},
        frozenset(percent), tuple(notes), table.source,
    )  # fmt: skip


def with_intervals(point: ModelPoint, columns: Sequence[Scores]) -> ModelPoint:
    """The point with its other scores and their intervals, where it is one model and not the mean of several seeds."""
    name = point.members[0]
    if len(point.members) > 1:
        return point
    held = [(column.about.column, column.intervals) for column in columns if name in column.intervals]
    scores = tuple(ModelScore(called, float((point.values or {})[called]), of[name]) for called, of in held)
    return replace(point, scores=scores or None)
