"""Accuracy per concept of many models: a map of concepts by models."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.report.charts.concepts import of_one
from pyalign.report.charts.document import different, ends, labels_of, listed
from pyalign.report.charts.matrix import Cells, matrix, names_told
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line

SORTS = ("value", "name", "document")
MOST_ROWS, MOST_COLUMNS = 80, 120
MOST_WITH_INTERVALS = 1000  # cells
BESIDE = ("low", "high")


def concepts_map_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, by: str | None = None,
) -> Any:  # fmt: skip
    """A cell for each concept and model, the most accurate models to the left.

    Args:
        document: of `pyalign.concepts`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: of concepts, "value": by the mean accuracy of the models; "name", "document".
        limit: at most so many concepts, from the top; default: 80. Of more than 120 models the most accurate are shown.
        by: "dimensions", "categories" or "levels", where the document has several; default: the first.

    Raises:
        InputError: a document without concepts.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    _checks.one_of(sort, SORTS, "sort")
    results = of_one(listed(document, "results"), by)
    models = labels_of(results)
    order = sorted(range(len(models)), key=lambda k: -(_number(results[k].get("accuracy"), -1.0)))[:MOST_COLUMNS]
    labels = [models[k] for k in order]
    table = {models[k]: _by_concept(results[k]) for k in order}
    concepts = list(dict.fromkeys(name for one in table.values() for name in one))
    means = {name: _mean([one[name].get("accuracy") for one in table.values() if name in one]) for name in concepts}
    if sort != "document":
        concepts.sort(key=(lambda name: name) if sort == "name" else lambda name: -_number(means[name], -1.0))
    kept = concepts[: limit or MOST_ROWS]
    figures = {
        name: [[_figure(table[model].get(concept), name) for model in labels] for concept in kept]
        for name in ("accuracy", *BESIDE)
    }
    more = {name: figures[name] for name in BESIDE} if len(kept) * len(labels) <= MOST_WITH_INTERVALS else {}
    cells = Cells(kept, labels, figures["accuracy"], "accuracy", ".1%", ".0%", more)
    held = [value for row in cells.values for value in row if value is not None]
    domain = tuple(np.quantile(held, [0.01, 0.99]).tolist()) if held else (0.0, 1.0)
    chart = matrix(cells, look, points, (domain[0], domain[1]), square=False)
    total = results[0].get("n_triplets")
    told = [f"{'Triplets' if total is None else f'{total:,} triplets'}; {len(kept)} of {len(concepts)} concepts, "
            f"{len(labels)} of {len(models)} models, the most accurate to the left."]  # fmt: skip
    told.append("Concepts by the mean accuracy of the models." if sort == "value" else f"Concepts by {sort}.")
    there = "in the tips and in the data" if more else "in the result alone"
    told.append(f"Colours end at the first and the last hundredth of the cells; intervals are {there}.")
    told += names_told(cells, points)
    return finished(chart, look, points, f"Accuracy per concept of {len(models):,} models", told)


def _number(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _mean(values: list[Any]) -> float | None:
    held = [one for one in values if one is not None]
    return fmean(held) if held else None


def _by_concept(result: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    rows = listed(result, "concepts")
    return dict(zip(different([one_line(str(one["concept"])) for one in rows]), rows, strict=True))


def _figure(row: Mapping[str, Any] | None, name: str) -> float | None:
    """A figure of a concept, None where there is none."""
    if row is None:
        return None
    if name in BESIDE:
        return ends(row)[name == "high"]
    found: float | None = row.get(name)
    return found
