"""Similarities of models to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.report.blocks import Column, Figure, Section, Table
from pyalign.report.cells import counted
from pyalign.report.charts import chart
from pyalign.report.charts.document import called, different
from pyalign.report.page.sections._drawn import column, figure, numbered, relabelled
from pyalign.report.page.sources import Sources

MOST_PAIRS = 1000  # in a table; the figure and the document have the others
BESIDE = ("null_threshold", "calibrated", "p_value")
Document = Mapping[str, Any]


def cka(given: Sources) -> Section | None:
    """A matrix and a table for each measure of each document of `pyalign cka`; a matrix of layers for `layers`."""
    parts: list[Figure | Table] = []
    k = 0
    for loaded in given.of("cka"):
        document = relabelled(loaded, given)
        for one in document["results"]:
            parts += _measure(document, one, k)
            k += 1
    for number, loaded in enumerate(given.of("layers")):
        parts += _layers(loaded.document, number)
    if not parts:
        return None
    lead = "Which models represent the objects alike? Models next to each other in a matrix are similar."
    return Section("cka", "Similarity of models", lead, tuple(parts))


def _names(one: Document) -> list[str]:
    labels = one.get("labels") or [None] * len(one["models"])
    return different(called(list(zip(one["models"], labels, strict=True))))


def _measure(document: Document, one: Document, k: int) -> list[Figure | Table]:
    names = _names(one)
    m = range(len(names))
    places = [(i, j) for i in m for j in m if i < j or (i > j and not one.get("symmetric", True))]
    places.sort(key=lambda at: -one["matrix"][at[0]][at[1]])
    caption = (
        f"{one['measure']} of {counted(len(names), 'model')} over {counted(document['n_objects'], 'object')} that all "
        f"have; rows and columns in the order of a hierarchical clustering."
    )
    told = f"{counted(len(names), 'model')}."
    if places:
        (a, b), (c, d) = places[0], places[-1]
        told = (
            f"{names[a]} and {names[b]} are most alike: {one['matrix'][a][b]:.3f}; {names[c]} and {names[d]} least: "
            f"{one['matrix'][c][d]:.3f}."
        )
    drawn = chart(document, "cka", by=one["measure"])
    parts: list[Figure | Table] = [figure(numbered("cka-figure", k), caption, drawn, told)]
    if places:
        parts.append(_table(document, one, names, places, numbered("cka-table", k)))
    return parts


def _table(document: Document, one: Document, names: list[str], places: list[tuple[int, int]], name: str) -> Table:
    shown = places[:MOST_PAIRS]
    rows = [
        {"a": names[i], "b": names[j], "similarity": one["matrix"][i][j],
         **{key: one[key][i][j] for key in BESIDE if one.get(key) is not None}}
        for i, j in shown
    ]  # fmt: skip
    columns: list[Column] = [
        column("model", rows, "a", "text", filter=True), column("and", rows, "b", "text", filter=True),
        column(one["measure"], rows, "similarity", places=3),
    ]  # fmt: skip
    told = "No permutations: what unrelated models would have is not known."
    if one.get("null_threshold") is not None:
        columns += [
            column("threshold", rows, "null_threshold", places=3,
                   note=f"{100 * document['alpha']:g} % of unrelated models pass it."),
            column("calibrated", rows, "calibrated", places=3, note="0 at the threshold, 1 for the same model."),
            column("p", rows, "p_value", "p", note="Of each pair by itself, not corrected."),
        ]  # fmt: skip
        told = f"Thresholds and p by {document['permutations']:,} permutations."
    which = "All pairs" if len(shown) == len(places) else f"The {len(shown):,} most similar of {len(places):,} pairs"
    return Table(tuple(columns), name=name, caption=f"{which}, over {document['n_objects']:,} objects. {told}", sort=(one["measure"], True))  # fmt: skip


def _layers(document: Document, k: int) -> list[Figure | Table]:
    first, second, values = document["first"], document["second"], document["matrix"]
    best = max(((i, j) for i in range(len(first)) for j in range(len(second))), key=lambda at: values[at[0]][at[1]])
    caption = (
        f"{document['measure']} of {counted(len(first), 'layer')} with {counted(len(second), 'layer')} of another "
        f"model, over {counted(document['n_objects'], 'object')}; {document['aggregate']} of all "
        f"{document['value']:.3f}, calibrated {document['calibrated']:.3f} ({document['permutations']:,} permutations)."
    )
    told = f"{first[best[0]]} and {second[best[1]]} are most alike: {values[best[0]][best[1]]:.3f}."
    drawn = figure(numbered("layers-figure", k), caption, chart(document, "cka"), told)
    columns = [Column("layer", tuple(map(str, first)))]
    columns += [Column(str(name), tuple(row[j] for row in values), "number", places=3, named=True)
                for j, name in enumerate(second)]  # fmt: skip
    return [drawn, Table(tuple(columns), name=numbered("layers-table", k), caption=caption)]
