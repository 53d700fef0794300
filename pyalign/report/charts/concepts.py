"""Accuracy per concept: of one model, of several, and the difference of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.concept.concepts_result import Concepts, ConceptScore, ConceptScores
from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.report.charts.data import ends_of, known
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import bars_text, different, labels_of, one_line


def concepts_chart(
    result: Concepts, *, style: str = "light", width: str = "double", sort: str = "value", limit: int | None = None,
    by: str | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Points with intervals, a row for each concept; of two models the paired differences in a column of their own.

    In the width of a single column there is no room for differences.

    Args:
        result: of `pyalign.concepts`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the first model's accuracy; "difference", "name", "document".
        limit: at most so many concepts, from the top.
        by: "dimensions", "categories" or "levels", where the result has several; default: the first.
        labels: of models, in place of their own.

    Raises:
        InputError: a way of grouping that the result does not have; more models than points tell apart.
        MissingExtraError: altair is not installed.
    """
    look, points = style_of(style), width_of(width)
    results = of_grouping(result, by)
    called = labels_of(result, labels=labels)
    models = [called[one.embeddings] for one in results]
    rows = [row for one, model in zip(results, models, strict=True) for row in _rows(one, model)]
    differences = _differences(result, results, called) if width == "double" or sort == "difference" else []
    order = order_of(rows, sort, differences)[:limit]
    means = {model: one.accuracy for one, model in zip(results, models, strict=True) if known(one.accuracy) is not None}
    panels = [Panel(_of(rows, order), "odd-one-out accuracy" if result.chance < 0.4 else "accuracy", ".0%",
                    {f"chance {100 * result.chance:.1f} %": result.chance}, means, "concept", "triplets")]  # fmt: skip
    if differences and width == "double":
        panels.append(Panel(_of(differences, order), "difference", "+.0%", {"0": 0.0}, {}, "concept", "triplets"))
    lines = [*_subtitle(result, results[0], models[0], rows, len(order))]
    if len(panels) > 1:
        lines.append(f"Difference: {differences[0].model}, paired over the same triplets.")
    if len(models) > 1:
        of_all = ", ".join(f"{model} {100 * mean:.1f} %" for model, mean in means.items())
        lines.append(f"Solid lines: all triplets ({of_all}). Dashed: chance.")
    title = f"Accuracy per concept: {listing(models, 4)}"
    return finished(ranked(panels, order, models, look, points), look, points, title, lines)


def groupings(result: Concepts) -> list[str]:
    """What the concepts of a result are, each of "dimensions", "categories", "levels" that it has."""
    return list(dict.fromkeys(one.by for one in result.results))


def of_grouping(result: Concepts, by: str | None) -> list[ConceptScores]:
    """The results of one way of grouping; None: of the first."""
    ways = groupings(result)
    if not ways:
        raise InputError("a picture of concepts needs a result of at least one model; got none")
    if by is not None and by not in ways:
        raise InputError(f"by must be one of {', '.join(ways)}, which the result has; got {by!r}")
    return [one for one in result.results if one.by == (by or ways[0])]


def by_name(one: ConceptScores) -> dict[str, ConceptScore]:
    """The concepts of a model by what they are called, all different."""
    names = different([one_line(concept.concept) for concept in one.concepts])
    return dict(zip(names, one.concepts, strict=True))


def _rows(one: ConceptScores, model: str) -> list[Row]:
    return [
        Row(name, model, known(concept.accuracy), *ends_of(concept.ci), concept.n_triplets)
        for name, concept in by_name(one).items()
    ]


def _differences(result: Concepts, results: Sequence[ConceptScores], called: Mapping[str, str]) -> list[Row]:
    """Those of two models; of more there would be a column for every two."""
    differences = [one for one in result.differences if one.by == results[0].by]
    if len(results) != 2 or not differences:
        return []
    pair = " - ".join(called.get(name, name) for name in (differences[0].embeddings, differences[0].other))
    names = different([one_line(one.concept) for one in differences])
    return [Row(name, pair, known(one.difference), *ends_of(one.ci), one.n_triplets)
            for name, one in zip(names, differences, strict=True)]  # fmt: skip


def _of(rows: Sequence[Row], order: Sequence[str]) -> list[Row]:
    kept = set(order)
    return [row for row in rows if row.item in kept]


def _subtitle(result: Concepts, first: ConceptScores, model: str, rows: Sequence[Row], n_shown: int) -> list[str]:
    """Over what the figures are, and why some have no interval."""
    none = 0 if first.unassigned is None else first.unassigned.n_triplets
    what = f"{first.n_triplets:,} triplets" + (f", {none:,} of them of no concept" if none else " under concepts")
    n, bars = len(first.concepts), bars_text(concept.ci for concept in first.concepts)
    lines = [f"{what}; {'all' if n_shown >= n else f'{n_shown} of'} {n} concepts. {bars}".strip()]
    few = sum(row.low is None for row in rows if row.model == model)
    if bars and few:
        lines.append(
            f"Hollow or missing: fewer than {result.min_triplets:,} triplets, so no interval "
            f"({few} concept{'s' * (few > 1)})."
        )
    return lines
