"""Similarities of models to each other, and of layers to layers, as matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError
from pyalign.report.charts.document import called, different
from pyalign.report.charts.matrix import MOST, ORDERS, Cells, clustered, matrix, names_told, sampled
from pyalign.report.charts.theme import Style, finished, style_of, width_of
from pyalign.report.tables import one_line, p_text

BESIDE = ("calibrated", "null_threshold", "p_value")


def cka_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", sort: str = "cluster",
    limit: int | None = None, by: str | None = None,
) -> Any:  # fmt: skip
    """A matrix of one measure; models that are alike stand next to each other. Layers stay in their order.

    Args:
        document: of `pyalign.cka` or `pyalign.compare_layers`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "cluster": by hierarchical clustering; "name", "document".
        limit: at most so many models, evenly spread over that order; default: 60.
        by: the measure, where the document has several; default: the first.

    Raises:
        InputError: a measure that the document does not have, or a matrix of another size than its models.
        MissingExtraError: altair or, to cluster, scipy is not installed.
    """
    look, points = style_of(style), width_of(width)
    if document["command"] == "layers":
        return _layers(document, look, points, limit)
    measures = [one["measure"] for one in document["results"]]
    if by is not None and by not in measures:
        raise InputError(f"by must be one of the measures of the result, {', '.join(measures)}; got {by!r}")
    one = document["results"][measures.index(by or measures[0])]
    values = square(one, "matrix")
    names = different(called(list(zip(one["models"], one.get("labels") or [None] * len(values), strict=True))))
    order = order_of(values, names, sort)
    kept = sampled(order, limit or MOST)
    beside = {name: square(one, name) for name in BESIDE if one.get(name) is not None}
    labels = [names[k] for k in kept]
    more = {name: _taken(held, kept) for name, held in beside.items()}
    faint = f"isValid(datum.p_value) && datum.p_value > {document['alpha']!r}" if "p_value" in more else ""
    cells = Cells(labels, labels, _taken(values, kept), one["measure"], more=more, faint=faint)
    off = values[~np.eye(len(values), dtype=bool)]
    low = float(min(0.0, np.nanmin(off))) if len(off) else 0.0
    chart = matrix(cells, look, points, (low, 1.0))
    told = [*_told(document, one, beside), order_told(sort, len(kept), len(names)), *names_told(cells, points)]
    return finished(chart, look, points, f"Similarity of {len(names):,} models: {one['measure']}", told)


def square(one: Mapping[str, Any], name: str) -> np.ndarray:
    """A matrix of a result as float64 (m, m), NaN for null; raises InputError where its size is another."""
    m = len(one["models"])
    rows = one[name]
    if len(rows) != m or any(len(row) != m for row in rows):
        raise InputError(f"{name} must be {m} x {m}, a row and a column for each model; got another size")
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)


def order_of(values: np.ndarray, names: Sequence[str], sort: str) -> list[int]:
    """The order of models: by clustering, by name, or as in the document."""
    _checks.one_of(sort, ORDERS, "sort")
    if sort == "cluster":
        return clustered(values)
    return sorted(range(len(names)), key=lambda k: names[k] if sort == "name" else "")


def order_told(sort: str, shown: int, total: int, noun: str = "models") -> str:
    """What the order is, and how many of all are shown."""
    told = {
        "cluster": "Order: hierarchical clustering (average linkage), similar ones next to each other.",
        "name": "Order: by name.",
        "document": "Order: as given.",
    }[sort]
    return told if shown == total else f"{told} {shown} of {total:,} {noun}, evenly spread over it."


def _taken(values: np.ndarray, kept: Sequence[int]) -> list[list[float | None]]:
    """Rows and columns of a matrix, NaN as None."""
    rows = values[np.ix_(kept, kept)].tolist()
    return [[None if value != value else value for value in row] for row in rows]


def _told(document: Mapping[str, Any], one: Mapping[str, Any], beside: Mapping[str, np.ndarray]) -> list[str]:
    told = [f"{document['n_objects']:,} objects that all models have."]
    if document.get("batches") is not None:
        told[0] += f" Means over {document['batches']:,} batches."
    if not one.get("symmetric", True):
        told.append("Not symmetric: a cell is of its row against its column.")
    if "p_value" in beside:
        told.append(
            f"Faint numbers: p above {document['alpha']:g} in {document['permutations']:,} permutations, not corrected "
            "for the number of pairs."
        )
    else:
        told.append("No permutations: what unrelated models would have is not known.")
    return told


def _layers(document: Mapping[str, Any], look: Style, points: float, limit: int | None) -> Any:
    first, second = (different([one_line(str(name)) for name in document[one]]) for one in ("first", "second"))
    values = document["matrix"]
    if len(values) != len(first) or any(len(row) != len(second) for row in values):
        raise InputError(f"matrix must be {len(first)} x {len(second)}, a row for each first layer; got another size")
    rows, columns = (sampled(range(len(names)), limit or MOST) for names in (first, second))
    cells = Cells(
        [first[i] for i in rows], [second[j] for j in columns], [[values[i][j] for j in columns] for i in rows],
        document["measure"],
    )  # fmt: skip
    held = [value for row in cells.values for value in row if value is not None]
    chart = matrix(cells, look, points, (min([0.0, *held]), 1.0))
    told = [
        f"{document['n_objects']:,} objects. Rows: layers of the first model, columns: of the second, in their order.",
        f"{document['aggregate']} of all pairs {document['value']:.3f}, calibrated {document['calibrated']:.3f}, "
        f"p {p_text(document['p_value'])} ({document['permutations']:,} permutations).",
    ]
    if len(rows) < len(first) or len(columns) < len(second):
        told.append(f"{len(rows)} of {len(first)} and {len(columns)} of {len(second)} layers, evenly spread.")
    return finished(chart, look, points, f"Similarity of layers: {document['measure']}", told)
