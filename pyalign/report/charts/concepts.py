"""Accuracy per concept: of one model, of several, and the difference of two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.data import chance_of
from pyalign.data.names import listing
from pyalign.data.tasks import ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.report.charts.document import different, ends, labels_of, listed, over
from pyalign.report.charts.ranked import MOST_MODELS, Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line


def concepts_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, by: str | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each concept; of two models the paired differences in a column of their own.

    In the width of a single column there is no room for differences.

    Args:
        document: of `pyalign.concepts`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the first model's accuracy; "difference", "name", "document".
        limit: at most so many concepts, from the top.
        by: "dimensions", "categories" or "levels", where the document has several; default: the first.

    Raises:
        InputError: a document without concepts.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    results = of_one(listed(document, "results"), by)
    models = labels_of(results)
    rows = [row for result, model in zip(results, models, strict=True) for row in _rows(result, model)]
    differences = _differences(document, results, models) if width == "double" or sort == "difference" else []
    order = order_of(rows, sort, differences)[:limit]
    chance = document.get("chance")
    if chance is None:
        chance = chance_of(document.get("task") or results[0].get("task") or ODD_ONE_OUT)
    means = {m: one["accuracy"] for one, m in zip(results, models, strict=True) if one.get("accuracy") is not None}
    panels = [Panel(_of(rows, order), "odd-one-out accuracy" if chance < 0.4 else "accuracy", ".0%",
                    {f"chance {100 * chance:.1f} %": chance}, means, "concept", "triplets")]  # fmt: skip
    if differences and width == "double":
        panels.append(Panel(_of(differences, order), "difference", "+.0%", {"0": 0.0}, {}, "concept", "triplets"))
    told = _told(document, results, models, rows, differences, len(order), len(panels))
    title = f"Accuracy per concept: {listing(models, 4)}"
    return finished(ranked(panels, order, models, look, points), look, points, title, told)


def _rows(result: Mapping[str, Any], model: str) -> list[Row]:
    concepts = listed(result, "concepts")
    names = different([one_line(str(one["concept"])) for one in concepts])
    return [
        Row(name, model, one.get("accuracy"), *ends(one), one.get("n_triplets"))
        for name, one in zip(names, concepts, strict=True)
    ]


def too_many(document: Mapping[str, Any]) -> bool:
    """Whether a document has more models than points tell apart: a map of models and concepts shows them."""
    results = listed(document, "results")
    return max(Counter(str(one.get("by")) for one in results).values()) > MOST_MODELS


def groupings(document: Mapping[str, Any]) -> list[str | None]:
    """What the concepts of a document are, each of "dimensions", "categories", "levels" that it has."""
    return list(dict.fromkeys(one.get("by") for one in listed(document, "results")))


def of_one(results: list[dict[str, Any]], by: str | None) -> list[dict[str, Any]]:
    """The results of one way of grouping."""
    there = list(dict.fromkeys(one.get("by") for one in results))
    if by is not None and by not in there:
        raise InputError(f"by must be one of {', '.join(map(str, there))}, which the result has; got {by!r}")
    return [one for one in results if one.get("by") == (by or there[0])]


def _differences(document: Mapping[str, Any], results: Sequence[Mapping[str, Any]], models: Sequence[str]) -> list[Row]:
    """Those of two models; of more there would be a column for every two."""
    held = [one for one in document.get("differences") or () if one.get("by") == results[0].get("by")]
    if len(models) != 2 or not held:
        return []
    called = {one.get("embeddings"): model for one, model in zip(results, models, strict=True)}
    word = " - ".join(called.get(held[0].get(name), str(held[0].get(name))) for name in ("embeddings", "other"))
    names = different([one_line(str(one["concept"])) for one in held])
    return [Row(name, word, one.get("difference"), *ends(one), one.get("n_triplets"))
            for name, one in zip(names, held, strict=True)]  # fmt: skip


def _of(rows: Sequence[Row], order: Sequence[str]) -> list[Row]:
    kept = set(order)
    return [row for row in rows if row.item in kept]


def _told(
    document: Mapping[str, Any], results: Sequence[Mapping[str, Any]], models: Sequence[str], rows: Sequence[Row],
    differences: Sequence[Row], shown: int, panels: int,
) -> list[str]:  # fmt: skip
    total, concepts = results[0].get("n_triplets"), results[0]["concepts"]
    what = "Triplets" if total is None else f"{total:,} triplets"
    none = (results[0].get("unassigned") or {}).get("n_triplets")
    what += f", {none:,} of them of no concept" if none else " under concepts"
    bars, few = over(concepts), sum(row.low is None for row in rows if row.model == models[0])
    told = [f"{what}; {'all' if shown >= len(concepts) else f'{shown} of'} {len(concepts)} concepts. {bars}".strip()]
    if bars and few:
        least = document.get("min_triplets")
        fewer = "too few triplets" if least is None else f"fewer than {least:,} triplets"
        told.append(f"Hollow or missing: {fewer}, so no interval ({few} concept{'s' * (few > 1)}).")
    if panels > 1:
        told.append(f"Difference: {differences[0].model}, paired over the same triplets.")
    if len(models) > 1:
        means = [f"{model} {100 * one['accuracy']:.1f} %" for one, model in zip(results, models, strict=True)
                 if one.get("accuracy") is not None]  # fmt: skip
        told.append(f"Solid lines: all triplets ({', '.join(means)}). Dashed: chance.")
    return told
