"""Neighbours: galleries, agreement with people, purity, hubs, what a transform changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table, Tile, Tiles
from pyalign.report.charts.document import different, ends, neighbour_rows
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._rows import Row, column, confidence, filled, numbered, where
from pyalign.report.page.sources import Loaded, Sources

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighbourhoods differ most, of each model, and of how many models
BOTH = "both"  # class of a neighbour that two searches have in common


def neighbors(given: Sources) -> Section | None:
    """Parts for each document that is about neighbours."""
    parts: list[Any] = [*galleries(given)]
    for command, make in MAKERS.items():
        several = command in ("neighbor agreement", "neighbor purity", "hubs")
        documents = pooled(given, command) if several else [one.document for one in given.of(command)]
        for number, document in enumerate(documents):
            parts += make(document, given, number)
    if not parts:
        return None
    lead = "Which objects are near each other for a representation, and whether people would say so."
    return Section("neighbors", "Neighbours", lead, tuple(parts))


def galleries(given: Sources) -> list[Tiles]:
    """Searches for the same queries beside each other, such as before and after a transform."""
    held: dict[tuple[str, ...], list[Loaded]] = {}
    for one in given.of("neighbors"):
        queries = tuple(dict.fromkeys(str(row["query"]) for row in one.document["results"]))
        if queries:
            held.setdefault(queries, []).append(one)
    return [
        _gallery(queries, found, given, numbered("gallery", number))
        for number, (queries, found) in enumerate(held.items())
    ]


def _gallery(queries: Sequence[str], found: Sequence[Loaded], given: Sources, name: str) -> Tiles:
    shown = list(queries)[:QUERIES]
    searches = [neighbour_rows(one.document, shown)[0] for one in found]
    labels = _labels(found, given)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in shown:
        for label, near in zip(labels, searches, strict=True):
            others = [{one for one, _ in search[query]} for search in searches if search is not near]
            tiles = [Tile(query, "query", "query")]
            for item, value in near[query][:NEAR]:
                both = bool(others) and all(item in other for other in others)
                tiles.append(Tile(item, "no figure" if value is None else f"{value:.3f}", BOTH if both else ""))
            rows.append((query if len(found) == 1 else f"{query}: {label}", tuple(tiles)))
    return Tiles(name, _told(found, labels, len(shown), len(queries)), tuple(rows))


def _labels(found: Sequence[Loaded], given: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where that alone tells them apart."""
    names = [given.label(str(one.document.get("embeddings") or "embeddings")) for one in found]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({one.document['measure']})" for name, one in zip(names, found, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(one)})" for name, one in zip(names, found, strict=True)])


def _told(found: Sequence[Loaded], labels: Sequence[str], shown: int, queries: int) -> str:
    first = found[0].document
    value = " or ".join(dict.fromkeys(f"{one.document['kind']}, {one.document['units']}" for one in found))
    by = " and by ".join(labels)
    told = f"The nearest of {first['n']:,} rows to each query by {by}, the nearest first; below: {value}."
    if len(found) > 1:
        told += " Framed: neighbours that all of them have."
    for one, label in zip(found, labels, strict=True):
        recall = one.document.get("recall")
        if recall is not None:
            told += f" {label}: an approximate index, which finds {100 * recall:.1f} % of the true neighbours."
    return told if shown == queries else f"{told} The first {shown} of {queries:,} queries."


def _agreement(document: Row, given: Sources, number: int) -> list[Any]:
    rows = document["results"]
    level = confidence(rows)
    what = f"the {document['k']} nearest neighbours of {document['n_objects']:,} objects"
    caption = (
        f"Agreement with people: the share of {what} by a model that are so by the reference too; by chance "
        f"{100 * document['chance']:.1f} %{f'; {level}' if level else ''}."
    )
    table = Table(filled([
        Column("model", tuple(row["label"] for row in rows)),
        column("overlap", rows, "overlap", "percent", "ci"),
        column("p", rows, "p_value", "p"),
        column("rank-biased overlap", rows, "rbo", "percent", "rbo_ci", note=f"persistence {document['rbo_p']:g}"),
        column("p of that", rows, "rbo_p_value", "p"),
    ]), name=numbered("neighbor-agreement", number), caption=caption, sort=("overlap", True))  # fmt: skip
    return [table, *_lowest(rows, number), *_by_concept(document, rows, number), *_pairs(document, given, number)]


def _lowest(rows: Sequence[Row], number: int) -> list[Any]:
    """The objects whose neighbourhoods differ most from those of people."""
    best = sorted(rows, key=lambda row: -row["overlap"])[:MOST_MODELS]
    held = [(row["label"], [one for one in row["lowest"] if one["name"] is not None][:LISTED]) for row in best]
    shown = tuple(
        (label, tuple(Tile(one["name"], f"{100 * one['overlap']:.0f} %") for one in lowest))
        for label, lowest in held if lowest
    )  # fmt: skip
    if not shown:
        return []
    caption = "Objects whose neighbourhoods differ most from those by people; below: the overlap."
    return [Tiles(numbered("neighbor-lowest", number), caption, shown)]


def _by_concept(document: Row, rows: Sequence[Row], number: int) -> list[Any]:
    flat = [{**one, "label": row["label"]} for row in rows for one in row.get("concepts") or ()]
    if not flat:
        return []
    caption = (
        f"The same for the objects of each concept ({document['grouping']}); their neighbours may be any; "
        f"{confidence(flat) or 'without intervals'}. p-values corrected over concepts ({document['correction']})."
    )
    return [Fold("Agreement per concept", (Table(filled([
        Column("concept", tuple(one["concept"] for one in flat), filter=True),
        Column("model", tuple(one["label"] for one in flat), filter=True),
        column("objects", flat, "n_objects", "count"),
        column("overlap", flat, "overlap", "percent", "ci"),
        column("p, corrected", flat, "p_adjusted", "p"),
        column("rank-biased overlap", flat, "rbo", "percent", "rbo_ci"),
    ]), name=numbered("neighbor-concepts", number), caption=caption, sort=("overlap", True)),))]  # fmt: skip


def _pairs(document: Row, given: Sources, number: int) -> list[Any]:
    rows = [row for row in document.get("differences") or () if row.get("concept") is None]
    if not rows:
        return []
    both = [ends(row) for row in rows]
    how = document["correction"]
    level = confidence(rows) or "without intervals"
    caption = f"Overlap of one model less that of the other, on the same objects; {level}; p-values corrected ({how})."
    return [Fold("Differences between models", (Table((
        Column("model", tuple(given.label(row["a"]) for row in rows)),
        Column("less", tuple(given.label(row["b"]) for row in rows)),
        Column("difference", tuple(row["difference"] for row in rows), "percent",
               tuple(low for low, _ in both), tuple(high for _, high in both)),
        Column("p, corrected", tuple(row["p_adjusted"] for row in rows), "p"),
    ), name=numbered("neighbor-differences", number), caption=caption, sort=("difference", True)),))]  # fmt: skip


def _purity(document: Row, given: Sources, number: int) -> list[Any]:
    rows = document["results"]
    level = confidence(rows)
    caption = (
        f"Purity: the share of the {document['k']} nearest neighbours that share a category with an object"
        f"{f'; {level}' if level else ''}. Chance: of shuffled categories."
    )
    table = Table(filled([
        Column("model", tuple(row["label"] for row in rows)),
        column("purity", rows, "purity", "percent", "ci"),
        column("chance", rows, "chance", "percent"),
        column("p", rows, "p_value", "p"),
    ]), name=numbered("neighbor-purity", number), caption=caption, sort=("purity", True))  # fmt: skip
    flat = [{**one, "label": row["label"]} for row in rows for one in row.get("categories") or ()]
    if not flat:
        return [table]
    told = (
        f"Purity of each category, of its {document['k']} nearest neighbours; "
        f"{confidence(flat) or 'without intervals'}; p of each by itself, not corrected."
    )
    of_each = Table(filled([
        Column("category", tuple(one["category"] for one in flat), filter=True),
        Column("model", tuple(one["label"] for one in flat), filter=True),
        column("objects", flat, "n_objects", "count"),
        column("purity", flat, "purity", "percent", "ci"),
        column("chance", flat, "chance", "percent"),
        column("p", flat, "p_value", "p"),
    ]), name=numbered("neighbor-purity-categories", number), caption=told, sort=("purity", True))  # fmt: skip
    return [table, Fold("Purity per category", (of_each,))]


def _hubs(document: Row, given: Sources, number: int) -> list[Any]:
    rows = document["results"]
    near = f"the {document['k']} nearest neighbours of others"
    caption = f"Hubs: how unequally {document['n_objects']:,} objects are among {near}."
    table = Table((
        Column("model", tuple(row["label"] for row in rows)),
        column("skewness", rows, "skewness", "number", places=2, note="of how often; 0: evenly"),
        column("to be moved", rows, "robin_hood", "percent", note="places in lists that would have to change hands"),
        column("neighbours of none", rows, "antihubs", "percent", note="share of the objects"),
        column("held by hubs", rows, "hub_occurrence", "percent", note="of objects that are there twice as often"),
    ), name=numbered("hubs", number), caption=caption, sort=("skewness", False))  # fmt: skip
    named = [(row["label"], [one for one in row["largest"] if one["name"] is not None]) for row in rows[:MOST_MODELS]]
    shown = tuple(
        (label, tuple(Tile(one["name"], f"{one['count']:,} times") for one in held)) for label, held in named if held
    )
    caption = "The objects that are neighbours of most others; below: of how many."
    return [table, *([Tiles(numbered("hubs-largest", number), caption, shown)] if shown else [])]


def _changes(document: Row, given: Sources, number: int) -> list[Any]:
    caption = (
        f"Objects whose {document['k']} nearest neighbours differ most before and after; all {document['n_objects']:,} "
        f"objects keep {100 * document['overlap']:.1f} % of theirs."
    )
    rows = document["objects"]
    table = Table((
        Column("object", tuple(row["name"] or f"row {row['row']}" for row in rows)),
        column("overlap", rows, "overlap", "percent"),
        column("rank-biased overlap", rows, "rbo", "percent"),
        Column("lost", tuple(", ".join(map(str, row["lost"])) for row in rows)),
        Column("gained", tuple(", ".join(map(str, row["gained"])) for row in rows)),
    ), name=numbered("neighbor-changes", number), caption=caption, sort=("rank-biased overlap", False))  # fmt: skip
    named = [row for row in rows if row["name"] is not None][: QUERIES // 2]
    shown = tuple(
        (f"{row['name']}: {which}", (Tile(row["name"], "", "query"), *(Tile(str(one)) for one in row[which][:NEAR])))
        for row in named for which in ("lost", "gained")
    )  # fmt: skip
    pictures = Tiles(
        numbered("neighbor-changes-pictures", number), "Neighbours that were lost and gained, the nearest first.", shown
    )
    return [table, *([Fold("What changed, in pictures", (pictures,), True)] if shown else [])]


def _prototypes(document: Row, given: Sources, number: int) -> list[Any]:
    rows = document["concepts"]
    what = "largest weights" if document["grouping"] == "dimensions" else "largest mean similarity to the others"
    shown = tuple(
        (row["concept"], tuple(Tile(one["name"], "" if one["value"] is None else f"{one['value']:.3g}")
                               for one in row["top"] if one["name"] is not None))
        for row in rows
    )  # fmt: skip
    table = Table((
        Column("concept", tuple(row["concept"] for row in rows)),
        Column("objects", tuple(row["n_objects"] for row in rows), "count"),
        Column("medoid", tuple(None if row["medoid"] is None else _called(row["medoid"]) for row in rows)),
        Column("its mean similarity", tuple((row["medoid"] or {}).get("value") for row in rows), "number", places=3),
    ), name=numbered("prototypes-table", number), caption=f"Medoids of {len(rows)} {document['grouping']}.")  # fmt: skip
    pictures = Tiles(numbered("prototypes", number), f"Objects with the {what}, of {document['n_objects']:,}.",
                     tuple(one for one in shown if one[1]))  # fmt: skip
    return [Fold("Prototypes of concepts", (table, *([pictures] if pictures.rows else [])))]


def _called(one: Row) -> str:
    return str(one["name"]) if one.get("name") is not None else f"row {one['row']}"


def _duplicates(document: Row, given: Sources, number: int) -> list[Any]:
    groups = document["groups"]
    threshold = document["threshold"]
    at = (
        "equal rows"
        if threshold is None
        else f"equal rows, and rows with a similarity of at least {threshold:g} ({document['measure']})"
    )
    caption = f"Near duplicates among {document['n_objects']:,} objects: {at}; {document['n_pairs']:,} pairs."
    called = [
        [str(name) for name in one["names"]] if one["names"] else [f"row {row}" for row in one["rows"]]
        for one in groups
    ]
    table = Table((
        Column("objects", tuple(", ".join(names) for names in called)),
        Column("how many", tuple(len(one["rows"]) for one in groups), "count"),
        Column("equal", tuple(one["exact"] for one in groups)),
        Column("least similarity", tuple(one["least"] for one in groups), "number", places=4),
    ), name=numbered("near-duplicates", number), caption=caption)  # fmt: skip
    shown = tuple(
        (f"group {k}", tuple(map(Tile, one["names"][:NEAR])))
        for k, one in enumerate(groups[:QUERIES], 1)
        if one["names"]
    )
    pictures = Tiles(numbered("near-duplicates-pictures", number), "The objects of each group.", shown)
    return [table, *([Fold("Near duplicates, in pictures", (pictures,))] if shown else [])]


MAKERS: dict[str, Callable[[Row, Sources, int], list[Any]]] = {
    "neighbor agreement": _agreement, "neighbor purity": _purity, "hubs": _hubs, "neighbor changes": _changes,
    "prototypes": _prototypes, "near duplicates": _duplicates,
}  # fmt: skip
