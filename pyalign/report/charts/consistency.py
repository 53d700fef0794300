"""Error consistency: kappa of every two models as a matrix, with its interval and what the accuracies allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign.concept.consistency_result import ErrorConsistency, ErrorPair
from pyalign.report.charts.cka import order_of, order_told
from pyalign.report.charts.matrix import MOST, Cells, matrix, names_told, sampled
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import labels_of

BESIDE = ("low", "high", "kappa_min", "kappa_max")  # the interval, and what the accuracies allow


def consistency_chart(
    found: ErrorConsistency, *, style: str = "light", width: str = "double", sort: str = "cluster",
    limit: int | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A matrix of kappa; models that err alike stand next to each other. The diagonal is empty.

    Args:
        found: of `pyalign.consistency`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "cluster": by hierarchical clustering; "name", "document".
        limit: at most so many models, evenly spread over that order; default: 60.
        labels: of models, in place of their own.

    Raises:
        MissingExtraError: altair or, to cluster, scipy is not installed.
    """
    look, points = style_of(style), width_of(width)
    called = labels_of(found, labels=labels)
    names = [called[one.model] for one in found.models]
    pairs = _pairs(found)
    kappa = found.matrix()
    np.fill_diagonal(kappa, 1.0)
    order = order_of(kappa, names, sort)
    kept = sampled(order, limit or MOST)
    held = {name: [[_figure(pairs.get((i, j)), name) for j in kept] for i in kept] for name in ("kappa", *BESIDE)}
    shown = [names[k] for k in kept]
    more = {name: held[name] for name in BESIDE}
    faint = "isValid(datum.low) && datum.low <= 0 && datum.high >= 0"
    cells = Cells(shown, shown, held["kappa"], "kappa", more=more, faint=faint)
    known = [value for row in cells.values for value in row if value is not None]
    chart = matrix(cells, look, points, (min([0.0, *known]), max([0.0, *known]) or 1.0))
    told = [
        f"{found.n_triplets:,} triplets, of which all models miss {found.n_missed:,}. Kappa: 0 independent errors, 1 "
        "the same.",
        _intervals_over(found),
        order_told(sort, len(kept), len(names)),
        *names_told(cells, points),
    ]
    return finished(chart, look, points, f"Error consistency of {len(names):,} models", told)


def _pairs(found: ErrorConsistency) -> dict[tuple[int, int], ErrorPair]:
    """(row, column) -> the pair, both ways round."""
    place = {one.model: k for k, one in enumerate(found.models)}
    pairs = {(place[pair.a], place[pair.b]): pair for pair in found.pairs}
    return pairs | {(j, i): pair for (i, j), pair in pairs.items()}


def _figure(pair: ErrorPair | None, name: str) -> float | None:
    """A figure of a pair, None where there is none."""
    if pair is None:
        return None
    value: float | None = getattr(pair.ci, name, None) if name in ("low", "high") else getattr(pair, name)
    return value


def _intervals_over(found: ErrorConsistency) -> str:
    if found.ci_by is None:
        return "No intervals."
    people_and_objects = found.ci_by.replace("subjects", "people").replace("+", " and ")
    level = 100 * (found.confidence or 0.95)
    return f"Faint numbers: the {level:g} % interval over {people_and_objects} holds 0."
