"""Neighbors: galleries, and the neighborhoods of objects, in tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyalign.concept.neighborhood_result import BEFORE, ConceptNeighborhood, Neighborhood, Neighborhoods
from pyalign.documents import Interval
from pyalign.nearest.scan import Neighbors
from pyalign.report import neighborhoods
from pyalign.report.blocks import Fold, Section, Tile, Tiles
from pyalign.report.charts.gallery import nearest_of
from pyalign.report.page.sections._shared import Part, and_intervals, parts_of_each, percent, pooled, section_of, where
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import different, intervals_over

QUERIES, NEAR = 24, 10  # of a gallery
LISTED, MOST_MODELS = 20, 6  # objects whose neighborhoods differ most, of each model, and of how many models
LEAD = "Which objects are near each other for a representation, and whether people would say so."


def neighbors(sources: Sources) -> Section | None:
    """Parts for each result that is about neighbors."""
    parts = [
        *parts_of_each(_same_queries(sources), _gallery, sources),
        *parts_of_each(pooled(sources.results(Neighborhoods)), _neighborhoods, sources),
    ]
    return section_of("neighbors", "Neighbors", LEAD, parts)


def _same_queries(sources: Sources) -> list[list[Loaded]]:
    """Searches for the same queries, such as before and after a transform."""
    searches: dict[tuple[str, ...], list[Loaded]] = {}
    for document in sources.loaded(Neighbors):
        searches.setdefault(tuple(nearest_of(document.result)), []).append(document)
    return [documents for queries, documents in searches.items() if queries]


def _gallery(documents: Sequence[Loaded], sources: Sources) -> Iterator[Tiles]:
    searches = [nearest_of(document.result) for document in documents]
    queries = list(searches[0])
    labels = _labels(documents, sources)
    rows: list[tuple[str, tuple[Tile, ...]]] = []
    for query in queries[:QUERIES]:
        for label, near in zip(labels, searches, strict=True):
            others = [{item for item, _ in search[query]} for search in searches if search is not near]
            tiles = [Tile(query, "query", "query")]
            for item, value in near[query][:NEAR]:
                both = bool(others) and all(item in other for other in others)
                tiles.append(Tile(item, "no figure" if value is None else f"{value:.3f}", "both" if both else ""))
            rows.append((query if len(documents) == 1 else f"{query}: {label}", tuple(tiles)))
    yield Tiles("gallery", _caption(documents, labels, len(queries)), tuple(rows))


def _labels(documents: Sequence[Loaded], sources: Sources) -> list[str]:
    """What searches are called: by their embeddings, and by the measure where only that tells them apart."""
    names = [sources.label(document.result.embeddings or "embeddings") for document in documents]
    if len(set(names)) == len(names):
        return names
    longer = [f"{name} ({document.result.measure})" for name, document in zip(names, documents, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return different([f"{name} ({where(document)})" for name, document in zip(names, documents, strict=True)])


def _caption(documents: Sequence[Loaded], labels: Sequence[str], queries: int) -> str:
    value = " or ".join(dict.fromkeys(f"{document.result.kind}, {document.result.units}" for document in documents))
    by = " and by ".join(labels)
    text = f"The nearest of {documents[0].result.n:,} rows to each query by {by}, the nearest first; below: {value}."
    if len(documents) > 1:
        text += " Framed: neighbors that all of them have."
    for document, label in zip(documents, labels, strict=True):
        if document.result.recall is not None:
            text += (
                f" {label}: an approximate index, which finds {percent(document.result.recall)} of the true neighbors."
            )
    return text if queries <= QUERIES else f"{text} The first {QUERIES} of {queries:,} queries."


def _neighborhoods(found: Neighborhoods, sources: Sources) -> Iterator[Part]:
    """Figures of models, hubs, concepts, differences of models; objects that stand out, and duplicates."""
    labels = neighborhoods.labels_of(found, labels=sources.labels)
    several = list(zip(labels, found.results, strict=True))
    over = f"the {found.k} nearest neighbors of {found.n_objects:,} objects"
    if found.human_measure or found.grouping:
        yield neighborhoods.models_table(found, labels).on_page("neighborhoods", _of_models(found, over), _first(found))
    caption = f"Hubness: how unequally objects are among {over}{_kept(found, sources)}."
    yield neighborhoods.hubs_table(found, labels).on_page("neighborhoods-hubs", caption, "skewness", True, True)
    concepts = [(label, row) for label, result in several for row in result.concepts or ()]
    if concepts:
        yield Fold("Neighborhoods per concept", tuple(_concepts(found, concepts, several[0][1])))
    pairs = [row for row in found.differences if row.concept is None]
    if pairs:
        caption = (
            f"Overlap of one model less that of the other, on the same objects; {_level(row.ci for row in pairs)}; "
            f"p-values corrected ({found.correction})."
        )
        names = {name: sources.label(name) for row in pairs for name in (row.a, row.b)}
        table = neighborhoods.differences_table(found, pairs, names)
        of_page = table.on_page("neighborhoods-differences", caption, "overlap", whole=True)
        yield Fold("Differences between models", (of_page,))
    listed = [(label, row) for label, result in several for row in result.objects]
    table = neighborhoods.objects_table(found, listed, found.k)
    caption = "Objects that are neighbors of most others, that agree least with people, or that change most."
    pictures = _pictures(found, several[:MOST_MODELS])
    yield Fold("Objects that stand out", (table.on_page("neighborhoods-objects", caption), *pictures))
    groups = [(label, group) for label, result in several for group in result.duplicates]
    if groups:
        counts = ", ".join(f"{result.n_pairs:,} pairs of {label}" for label, result in several)
        caption = f"Duplicates among {found.n_objects:,} objects: {neighborhoods.level_of(found)}; {counts}."
        table = neighborhoods.duplicates_table(groups).on_page("neighborhoods-duplicates", caption, whole=True)
        tiles = (
            (f"group {k}", [Tile(name) for name in (group.names or ())[:NEAR]])
            for k, (_, group) in enumerate(groups[:QUERIES], start=1)
        )
        yield Fold("Duplicates", (table, *_tiles("neighborhoods-twins", "The objects of each group.", tiles)))


def _first(found: Neighborhoods) -> str:
    """What models and concepts are sorted by."""
    return "purity" if found.human_measure is None else "overlap"


def _of_models(found: Neighborhoods, over: str) -> str:
    """What the figures of models are, for a caption."""
    parts = []
    if found.human_measure is not None:
        chance = f"by chance {percent(found.overlap_chance)}"
        intervals = and_intervals(row.ci for row in found.results)
        parts.append(f"Agreement with people: the share of {over} by a model that are so by people too; {chance}"
                     f"{intervals}.")
    if found.grouping is not None:
        intervals = and_intervals(row.purity_ci for row in found.results)
        parts.append(f"Purity: the share of {over} that share one of the {found.grouping} with an object{intervals}. "
                     "Chance: of shuffled concepts.")
    return " ".join(parts)


def _level(intervals: Iterable[Interval | None]) -> str:
    return intervals_over(intervals) or "without intervals"


def _kept(found: Neighborhoods, sources: Sources) -> str:
    if found.before is None:
        return ""
    return f", and the share of neighbors as {'' if found.before == BEFORE else 'by '}{sources.label(found.before)}"


def _concepts(
    found: Neighborhoods, rows: Sequence[tuple[str, ConceptNeighborhood]], first: Neighborhood
) -> Iterator[Part]:
    """The table of concepts, and the objects that stand for each by the first model."""
    level = _level(row.ci if found.human_measure else row.purity_ci for _, row in rows)
    caption = (
        f"The same for the objects of each concept ({found.grouping}); their neighbors may be any, but only those in "
        f"the concept make it pure; {level}. p-values of overlaps corrected over concepts ({found.correction}), those "
        "of purity of each by itself. A medoid is most similar to the others."
    )
    table = neighborhoods.concepts_table(found, rows)
    yield table.on_page("neighborhoods-concepts", caption, _first(found))
    tiles = (
        (row.concept, [Tile(example.name, "" if example.value is None else f"{example.value:.3g}")
                       for example in row.top if example.name is not None])
        for row in first.concepts or ()
    )
    what = "largest weights" if found.grouping == "dimensions" else "largest mean similarity to the others"
    yield from _tiles("neighborhoods-prototypes", f"Objects with the {what}, of {found.n_objects:,}.", tiles)


def _pictures(found: Neighborhoods, several: Sequence[tuple[str, Neighborhood]]) -> Iterator[Tiles]:
    """Objects that are neighbors of most others, that agree least, and what neighbors those that change most have."""
    for name, by, caption in (
        ("often", "occurrences", "The objects that are neighbors of most others; below: of how many."),
        ("lowest", "rbo", "Objects whose neighborhoods differ most from those by people; below: the overlap."),
    ):
        rows = ((label, [Tile(str(item.name), f"{100 * item.overlap:.0f}%" if by == "rbo" and item.overlap is not None
                              else f"{item.occurrences:,g} times")
                         for item in result.extreme(by, LISTED) if item.name is not None])
                for label, result in several)
        yield from _tiles(f"neighborhoods-{name}", caption, rows)
    tiles = (
        (f"{item.name}{'' if len(several) == 1 else f', {label}'}: {which}",
         [Tile(str(item.name), "", "query"), *(Tile(near) for near in items[:NEAR])])
        for label, result in several for item in result.extreme("kept_rbo", QUERIES // 2) if item.name is not None
        for which, items in (("lost", item.lost), ("gained", item.gained)) if items
    )
    yield from _tiles("neighborhoods-changes", "Neighbors that were lost and gained, the nearest first.", tiles)


def _tiles(name: str, caption: str, rows: Iterable[tuple[str, Sequence[Tile]]]) -> list[Tiles]:
    """The rows that have pictures, if there are some."""
    shown = tuple((heading, tuple(tiles)) for heading, tiles in rows if tiles)
    return [Tiles(name, caption, shown)] if shown else []
