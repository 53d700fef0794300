"""Accuracy per concept of many models: a map of concepts by models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.concept.concepts_result import Concepts, ConceptScore
from pyalign.report.charts.concepts import by_name, of_grouping
from pyalign.report.charts.data import ends_of, known
from pyalign.report.charts.matrix import Cells, matrix, names_told
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import labels_of

SORTS = ("value", "name", "document")
MOST_ROWS, MOST_COLUMNS = 80, 120
MOST_WITH_INTERVALS = 1000  # cells
BESIDE = ("low", "high")


def concepts_map_chart(
    result: Concepts, *, style: str = "light", width: str = "double", sort: str = "value", limit: int | None = None,
    by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A cell for each concept and model, the most accurate models to the left.

    Args:
        result: of `pyalign.concepts`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: of concepts, "value": by the mean accuracy of the models; "name", "document".
        limit: at most so many concepts, from the top; default: 80. Of more than 120 models the most accurate are shown.
        by: "dimensions", "categories" or "levels", where the result has several; default: the first.
        labels: of models, in place of their own.

    Raises:
        InputError: a way of grouping that the result does not have.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    _checks.one_of(sort, SORTS, "sort")
    results = sorted(of_grouping(result, by), key=lambda one: -_number(one.accuracy, -1.0))
    called = labels_of(result, labels=labels)
    table = {called[one.embeddings]: by_name(one) for one in results[:MOST_COLUMNS]}
    names = list(dict.fromkeys(name for of_model in table.values() for name in of_model))
    means = {
        name: _mean([of_model[name].accuracy for of_model in table.values() if name in of_model]) for name in names
    }
    if sort != "document":
        names.sort(key=(lambda name: name) if sort == "name" else lambda name: -_number(means[name], -1.0))
    kept = names[: limit or MOST_ROWS]
    figures = {
        name: [[_figure(of_model.get(concept), name) for of_model in table.values()] for concept in kept]
        for name in ("accuracy", *BESIDE)
    }
    more = {name: figures[name] for name in BESIDE} if len(kept) * len(table) <= MOST_WITH_INTERVALS else {}
    cells = Cells(kept, [*table], figures["accuracy"], "accuracy", ".1%", ".0%", more)
    values = [value for row in cells.values for value in row if value is not None]
    domain = tuple(np.quantile(values, [0.01, 0.99]).tolist()) if values else (0.0, 1.0)
    chart = matrix(cells, look, points, (domain[0], domain[1]), square=False)
    where = "in the tips and in the data" if more else "in the result alone"
    lines = [
        f"{results[0].n_triplets:,} triplets; {len(kept)} of {len(names)} concepts, {len(table)} of {len(results)} "
        "models, the most accurate to the left.",
        "Concepts by the mean accuracy of the models." if sort == "value" else f"Concepts by {sort}.",
        f"Colours end at the first and the last hundredth of the cells; intervals are {where}.",
        *names_told(cells, points),
    ]
    return finished(chart, look, points, f"Accuracy per concept of {len(results):,} models", lines)


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None or value != value else value


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in map(known, values) if value is not None]
    return fmean(there) if there else None


def _figure(concept: ConceptScore | None, name: str) -> float | None:
    """A figure of a concept, None where there is none."""
    if concept is None:
        return None
    return ends_of(concept.ci)[name == "high"] if name in BESIDE else known(concept.accuracy)
