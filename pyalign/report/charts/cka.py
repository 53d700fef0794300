"""Similarities of models to each other, and of layers to layers, as matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError
from pyalign.pairwise.compared import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.report.charts.data import known
from pyalign.report.charts.matrix import MOST, ORDERS, Cells, clustered, matrix, names_told, sampled
from pyalign.report.charts.theme import Style, finished, style_of, width_of
from pyalign.report.words import different, model_labels, one_line, p_text

BESIDE = ("calibrated", "null_threshold", "p_value")


def cka_chart(
    result: ModelSimilarities | LayerSimilarity, *, style: str = "light", width: str = "double", sort: str = "cluster",
    limit: int | None = None, by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A matrix of one measure; models that are alike stand next to each other. Layers stay in their order.

    Args:
        result: of `pyalign.cka` or `pyalign.compare_layers`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "cluster": by hierarchical clustering; "name", "document".
        limit: at most so many models, evenly spread over that order; default: 60.
        by: the measure, where the result has several; default: the first.
        labels: of models, in place of short forms of their names.

    Raises:
        InputError: a measure that the result does not have.
        MissingExtraError: altair or, to cluster, scipy is not installed.
    """
    look, points = style_of(style), width_of(width)
    if isinstance(result, LayerSimilarity):
        return _layers(result, look, points, limit)
    measures = [one.measure for one in result]
    if by is not None and by not in measures:
        raise InputError(f"by must be one of the measures of the result, {', '.join(measures)}; got {by!r}")
    one = result[measures.index(by or measures[0])]
    called = model_labels([(name, None) for name in one.models], labels=labels)
    names = different([called[name] for name in one.models])
    values = np.array(one.matrix, np.float64)
    order = order_of(values, names, sort)
    kept = sampled(order, limit or MOST)
    matrices = {name: getattr(one, name) for name in BESIDE if getattr(one, name) is not None}
    more = {name: _taken(np.array(rows, np.float64), kept) for name, rows in matrices.items()}
    shown = [names[k] for k in kept]
    tested = one.p_value is not None and known(result.alpha) is not None
    faint = f"isValid(datum.p_value) && datum.p_value > {result.alpha!r}" if tested else ""
    cells = Cells(shown, shown, _taken(values, kept), one.measure, more=more, faint=faint)
    off = values[~np.eye(len(values), dtype=bool)]
    low = float(min(0.0, np.nanmin(off))) if np.isfinite(off).any() else 0.0
    chart = matrix(cells, look, points, (low, 1.0))
    lines = [*_lines(result, one), order_told(sort, len(kept), len(names)), *names_told(cells, points)]
    return finished(chart, look, points, f"Similarity of {len(names):,} models: {one.measure}", lines)


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
    return _plain(values[np.ix_(kept, kept)])


def _plain(values: np.ndarray) -> list[list[float | None]]:
    """A matrix as lists, NaN as None."""
    return [[None if value != value else value for value in row] for row in values.tolist()]


def _lines(result: ModelSimilarities, one: SimilarityMatrix) -> list[str]:
    """What stands below the title."""
    batches = "" if result.batches is None else f" Means over {result.batches:,} batches."
    lines = [f"{result.n_objects:,} objects that all models have.{batches}"]
    if not one.symmetric:
        lines.append("Not symmetric: a cell is of its row against its column.")
    if one.p_value is None:
        return [*lines, "No permutations: what unrelated models would have is not known."]
    return [
        *lines,
        f"Faint numbers: p above {result.alpha:g} in {result.permutations:,} permutations, not corrected for the "
        "number of pairs.",
    ]


def _layers(result: LayerSimilarity, look: Style, points: float, limit: int | None) -> Any:
    first, second = (different(list(map(one_line, names))) for names in (result.first, result.second))
    rows, columns = (sampled(range(len(names)), limit or MOST) for names in (first, second))
    values = _plain(np.array(result.matrix, np.float64)[np.ix_(rows, columns)])
    cells = Cells([first[i] for i in rows], [second[j] for j in columns], values, result.measure)
    low = min([0.0, *(value for row in values for value in row if value is not None)])
    chart = matrix(cells, look, points, (low, 1.0))
    lines = [
        f"{result.n_objects:,} objects. Rows: layers of the first model, columns: of the second, in their order.",
        f"{result.aggregate} of all pairs {result.value:.3f}, calibrated {result.calibrated:.3f}, "
        f"p {p_text(result.p_value)} ({result.permutations:,} permutations).",
    ]
    if len(rows) < len(first) or len(columns) < len(second):
        lines.append(f"{len(rows)} of {len(first)} and {len(columns)} of {len(second)} layers, evenly spread.")
    return finished(chart, look, points, f"Similarity of layers: {result.measure}", lines)
