"""Error consistency: kappa of every two models as a matrix, with its interval and what the accuracies allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign.errors import InputError
from pyalign.report.charts.cka import order_of, order_told
from pyalign.report.charts.document import called, different, ends
from pyalign.report.charts.matrix import MOST, Cells, matrix, names_told, sampled
from pyalign.report.charts.theme import finished, style_of, width_of

BESIDE = ("low", "high", "kappa_min", "kappa_max")  # the interval, and what the accuracies allow


def consistency_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", sort: str = "cluster",
    limit: int | None = None,
) -> Any:  # fmt: skip
    """A matrix of kappa; models that err alike stand next to each other. The diagonal is empty.

    Args:
        document: of `pyalign.consistency`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "cluster": by hierarchical clustering; "name", "document".
        limit: at most so many models, evenly spread over that order; default: 60.

    Raises:
        InputError: a pair of a model that is not among the models.
        MissingExtraError: altair or, to cluster, scipy is not installed.
    """
    look, points = style_of(style), width_of(width)
    models = [one["model"] for one in document["models"]]
    names = different(called([(one["model"], one.get("label")) for one in document["models"]]))
    pairs = pairs_of(document)
    kappa = np.full((len(models), len(models)), np.nan)
    np.fill_diagonal(kappa, 1.0)
    for (i, j), pair in pairs.items():
        kappa[i, j] = np.nan if pair["kappa"] is None else pair["kappa"]
    order = order_of(kappa, names, sort)
    kept = sampled(order, limit or MOST)
    held = {name: [[_of(pairs.get((i, j)), name) for j in kept] for i in kept] for name in ("kappa", *BESIDE)}
    labels = [names[k] for k in kept]
    more = {name: held[name] for name in BESIDE}
    faint = "isValid(datum.low) && datum.low <= 0 && datum.high >= 0"
    cells = Cells(labels, labels, held["kappa"], "kappa", more=more, faint=faint)
    known = [value for row in cells.values for value in row if value is not None]
    chart = matrix(cells, look, points, (min([0.0, *known]), max([0.0, *known]) or 1.0))
    told = [
        f"{document['n_triplets']:,} triplets, of which all models miss {document['n_missed']:,}. Kappa: 0 independent "
        "errors, 1 the same.",
        _interval_told(document),
        order_told(sort, len(kept), len(names)),
        *names_told(cells, points),
    ]
    return finished(chart, look, points, f"Error consistency of {len(names):,} models", told)


def pairs_of(document: Mapping[str, Any]) -> dict[tuple[int, int], Mapping[str, Any]]:
    """(row, column) -> the pair, both ways round.

    Raises:
        InputError: a pair of a model that is not among the models.
    """
    place = {one["model"]: k for k, one in enumerate(document["models"])}
    found = dict[tuple[int, int], Mapping[str, Any]]()
    for pair in document["pairs"]:
        unknown = [pair[side] for side in ("a", "b") if pair[side] not in place]
        if unknown:
            raise InputError(f"pairs must be of the models of the result; got {unknown[0]!r:.60}")
        i, j = place[pair["a"]], place[pair["b"]]
        found[i, j] = found[j, i] = pair
    return found


def _of(pair: Mapping[str, Any] | None, name: str) -> float | None:
    """A figure of a pair, None where there is none."""
    if pair is None:
        return None
    if name in ("low", "high"):
        return ends(pair)[name == "high"]
    found: float | None = pair[name]
    return found


def _interval_told(document: Mapping[str, Any]) -> str:
    if document.get("ci_by") is None:
        return "No intervals."
    over = str(document["ci_by"]).replace("subjects", "people").replace("+", " and ")
    level = 100 * (document.get("confidence") or 0.95)
    return f"Faint numbers: the {level:g} % interval over {over} holds 0."
