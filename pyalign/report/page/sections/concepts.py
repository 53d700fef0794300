"""Accuracy per human concept: charts, tables, differences, and panels with the objects of each concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.blocks import Column, Figure, Fold, Section, Table, Text, Tile
from pyalign.report.charts import chart
from pyalign.report.charts.document import ends
from pyalign.report.charts.heatmap import heatmap
from pyalign.report.page.panels_html import Bar, Panel, Panels
from pyalign.report.page.sections._grids import FEW, MOST_ROWS, Grid, grid, long, summary, wide
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._rows import Row, chance, confidence, file_label, numbered, task_noun
from pyalign.report.page.sources import Sources

SHOWN = 12  # panels that stand open
NOUNS = {"dimensions": "dimension", "categories": "category", "levels": "level"}
COUNTS = {"triplets": "n_triplets", "objects": "n_objects"}


def concepts(given: Sources) -> Section | None:
    """Parts for each document, and in it for each way of grouping triplets."""
    parts: list[Any] = []
    objects = top_objects(given)
    number = 0
    for document in pooled(given, "concepts"):
        for by in dict.fromkeys(result["by"] for result in document["results"]):
            parts += _parts(document, by, given, objects, number)
            number += 1
    if not parts:
        return None
    lead = (
        "Where models agree with people and where not: accuracy on the triplets of each human concept. A triplet "
        "belongs to the concept that carries most of what people kept together."
    )
    return Section("concepts", "Human concepts", lead, tuple(parts))


def _parts(document: Row, by: str, given: Sources, objects: Mapping[str, tuple[str, ...]], number: int) -> list[Any]:
    results = [one for one in document["results"] if one["by"] == by]
    found = grid(
        results, [one["label"] for one in results], "concepts", "concept", "accuracy", "accuracy", "accuracy", NOUNS[by]
    )
    parts: list[Any] = [_figure(document, by, found, number), *_unassigned(results)]
    parts.append(_differences(document, by, found, given, number))
    parts += _panels(found, document, objects, number)
    return [part for part in parts if part is not None]


def over(document: Row, rows: Sequence[Row], by: str) -> str:
    """Over what the figures are."""
    source = f" of {file_label(document['triplets'])}" if document.get("triplets") else ""
    told = f"{document['n_triplets']:,} {task_noun(document)}{source}, by {by}"
    level = confidence(rows)
    least = document.get("min_triplets")
    few = f"; concepts of fewer than {least} triplets have none" if level and least else ""
    return f"{told}{f'; {level}{few}' if level else '; without intervals'}"


def _figure(document: Row, by: str, found: Grid, number: int) -> Figure:
    name = numbered("concepts-chart", number)
    rows = [row for of_model in found.rows for row in of_model]
    told = f"Accuracy per {found.noun}: {over(document, rows, by)}."
    data_name = numbered("concepts-table", number)
    if len(found.models) <= FEW:
        drawn = chart(document, "concepts", by=by)
        return Figure(name, told, drawn, summary(found), wide(found, data_name, told, COUNTS))
    best = "" if found.means[0] is None else f" Best on all triplets: {found.models[0]} ({100 * found.means[0]:.1f} %)."
    drawn = heatmap(
        found.models, found.concepts, found.values, title=f"Accuracy per {found.noun}", what="accuracy", form=".0%",
        told=[f"{document['n_triplets']:,} triplets; chance {100 * chance(document):.1f} %.",
              "Models by their accuracy on all triplets, the best on top."],
    )  # fmt: skip
    return Figure(
        name, told, drawn, f"{summary(found)}{best}",
        long(found, data_name, f"{told} Choose a model or a {found.noun}.", COUNTS),
    )  # fmt: skip


def _unassigned(results: Sequence[Row]) -> list[Text]:
    held = [one for one in results if one.get("unassigned")]
    if not held:
        return []
    count = held[0]["unassigned"]["n_triplets"]
    return [Text((f"{count:,} of {held[0]['n_triplets']:,} triplets are of no concept, and in no row.",))]


def _differences(document: Row, by: str, found: Grid, given: Sources, number: int) -> Fold | None:
    rows = [row for row in document.get("differences") or () if row["by"] == by]
    if not rows:
        return None
    name = numbered("concepts-differences", number)
    after = any(one.get("transform") for one in document["results"])
    what = "Accuracy after the transform less that before" if after else "Accuracy of one model less that of the other"
    said = f"{what}, paired over the same triplets; {confidence(rows) or 'without intervals'}"
    corrected = f"; p-values corrected over all concepts and pairs ({document['correction']})"
    caption = f"{said}{corrected}."
    table = (
        _all_differences(rows, found, given, name, caption) if len(rows) <= MOST_ROWS
        else _by_pair(rows, found, given, name, caption)
    )  # fmt: skip
    return Fold("Before and after the transform" if after else "Differences between models", (table,), after)


def _all_differences(rows: Sequence[Row], found: Grid, given: Sources, name: str, caption: str) -> Table:
    of = {
        (model, concept): row.get("accuracy")
        for model, held in zip(found.models, found.rows, strict=True)
        for concept, row in zip(found.concepts, held, strict=True)
    }
    pairs = [(given.label(row["embeddings"]), given.label(row["other"])) for row in rows]
    own, others = (
        tuple(of.get((pair[side], row["concept"])) for pair, row in zip(pairs, rows, strict=True)) for side in (0, 1)
    )
    both = [ends(row) for row in rows]
    return Table((
        Column(found.noun, tuple(row["concept"] for row in rows), filter=len(set(pairs)) > 1),
        Column("model", tuple(first for first, _ in pairs), filter=len(set(pairs)) > 1),
        Column("less", tuple(other for _, other in pairs), filter=len(set(pairs)) > 1),
        Column("its accuracy", own, "percent"),
        Column("of the other", others, "percent"),
        Column("difference", tuple(row.get("difference") for row in rows), "percent",
               tuple(low for low, _ in both), tuple(high for _, high in both)),
        Column("p", tuple(row.get("p_value") for row in rows), "p"),
        Column("p, corrected", tuple(row.get("p_adjusted") for row in rows), "p"),
        Column("triplets", tuple(row.get("n_triplets") for row in rows), "count"),
    ), name=name, caption=caption, sort=("difference", True))  # fmt: skip


def _by_pair(rows: Sequence[Row], found: Grid, given: Sources, name: str, caption: str) -> Table:
    """How many concepts are better and worse; of very many pairs those with the best model."""
    held: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        held.setdefault((given.label(row["embeddings"]), given.label(row["other"])), []).append(row)
    told = f"{caption} In how many concepts they differ at a corrected p below 0.05."
    if len(held) > MOST_ROWS // 4:
        held = {pair: one for pair, one in held.items() if found.models[0] in pair}
        told += f" Of all pairs those with {found.models[0]}, the best on all triplets; the document has the others."
    sides = [[[row for row in of if (row.get("p_adjusted") or 1.0) < 0.05 and sign * row["difference"] > 0]
              for of in held.values()] for sign in (1, -1)]  # fmt: skip
    largest = [max(of, key=lambda row: abs(row.get("difference") or 0.0)) for of in held.values()]
    return Table((
        Column("model", tuple(a for a, _ in held), filter=True),
        Column("less", tuple(b for _, b in held), filter=True),
        Column("better in", tuple(map(len, sides[0])), "count"),
        Column("worse in", tuple(map(len, sides[1])), "count"),
        Column("largest difference", tuple(row.get("difference") for row in largest), "percent"),
        Column("in", tuple(row["concept"] for row in largest)),
    ), name=name, caption=told, sort=("better in", True))  # fmt: skip


def top_objects(given: Sources) -> dict[str, tuple[str, ...]]:
    """concept -> the names of its objects: of prototypes, else of the concepts' own documents."""
    found: dict[str, tuple[str, ...]] = {}
    lists = [one.document["concepts"] for one in given.of("prototypes")]
    lists += [one.document["top_objects"] for one in given.of("concepts") if one.document.get("top_objects")]
    for held in lists:
        for row in held:
            named = tuple(item["name"] for item in row["top"] if item.get("name") is not None)
            if named:
                found.setdefault(str(row["concept"]), named)
    return found


def _panels(found: Grid, document: Row, objects: Mapping[str, tuple[str, ...]], number: int) -> list[Any]:
    """Those concepts first that most triplets are of."""
    counts = [found.rows[0][k].get("n_triplets") or 0 for k in range(len(found.concepts))]
    order = sorted((k for k, one in enumerate(found.concepts) if one in objects), key=lambda k: -counts[k])
    if not order:
        return []
    held = [_panel(found, k, objects[found.concepts[k]]) for k in order]
    which = "" if len(found.models) <= FEW else f" of the {FEW} models that are best on all triplets"
    told = (
        f"Each {found.noun} with the objects that stand for it, and the accuracy{which}; shaded: its interval. "
        f"{found.noun.capitalize()} of most triplets first"
    )
    line = chance(document)
    parts: list[Any] = [Panels(numbered("concept-panels", number), f"{told}.", tuple(held[:SHOWN]), line)]
    if len(held) > SHOWN:
        rest = Panels(numbered("concept-panels-more", number), f"{told}, continued.", tuple(held[SHOWN:]), line)
        parts.append(Fold(f"{len(held) - SHOWN} more", (rest,)))
    return parts


def _panel(found: Grid, k: int, objects: Sequence[str]) -> Panel:
    bars = tuple(
        Bar(model, rows[k].get("accuracy"), *ends(rows[k]))
        for model, rows in list(zip(found.models, found.rows, strict=True))[:FEW]
    )
    count = found.rows[0][k].get("n_triplets")
    about = "" if count is None else f"{count:,} triplets"
    return Panel(found.concepts[k], about, tuple(Tile(name) for name in objects), bars)
