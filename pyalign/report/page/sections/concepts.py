"""Accuracy per human concept: charts, tables, differences, and panels with the objects of each concept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyalign.concept.concepts_result import ConceptDifference, Concepts, ConceptScore, ConceptScores, TopObjects
from pyalign.concept.prototypes import ConceptPrototypes, Prototypes
from pyalign.documents import Interval
from pyalign.report.blocks import Figure, Fold, Rows, Section, Table, Text, Tile
from pyalign.report.cells import SINGULAR, intervals_over
from pyalign.report.charts.concepts import concepts_chart, heatmap
from pyalign.report.charts.data import ends_of, known
from pyalign.report.concepts import difference_columns, labels_of
from pyalign.report.page.panels_html import Bar, Panel, Panels
from pyalign.report.page.sections._grids import FEW, MOST_ROWS, Grid, grid, long, summary, wide
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._shared import file_label, numbered
from pyalign.report.page.sources import Sources

SHOWN = 12  # panels that stand open
COUNTS = {"triplets": lambda cell: cell.n_triplets, "objects": lambda cell: cell.n_objects}
LEAD = (
    "Where models agree with people and where not: accuracy on the triplets of each human concept. A triplet belongs "
    "to the concept that carries most of what people kept together."
)


def concepts(sources: Sources) -> Section | None:
    """Parts for each result, and in it for each way of grouping triplets."""
    parts: list[Any] = []
    objects = top_objects(sources)
    number = 0
    for result in pooled(sources.results(Concepts)):
        labels = labels_of(result, labels=sources.labels)
        for by in dict.fromkeys(one.by for one in result.results):
            parts += _parts(result, by, labels, objects, number)
            number += 1
    return Section("concepts", "Human concepts", LEAD, tuple(parts)) if parts else None


def _parts(
    result: Concepts, by: str, labels: Mapping[str, str], objects: Mapping[str, tuple[str, ...]], number: int
) -> list[Any]:
    results = [one for one in result.results if one.by == by]
    scores: Grid[ConceptScore] = grid(
        results, lambda one: labels[one.embeddings], lambda one: one.accuracy, lambda one: one.concepts,
        lambda cell: cell.concept, lambda cell: cell.accuracy, what="accuracy", noun=SINGULAR[by],
    )  # fmt: skip
    parts: list[Any] = [_figure(result, by, scores, labels, number), *_unassigned(results)]
    differences = [one for one in result.differences if one.by == by]
    parts += [_differences(result, by, differences, scores, labels, number)] if differences else []
    return [*parts, *_panels(result, scores, objects, number)]


def over(result: Concepts, by: str, intervals: Iterable[Interval | None]) -> str:
    """Over what the figures are."""
    source = f" of {file_label(result.triplets)}" if result.triplets else ""
    text = f"{result.n_triplets:,} {result.task} triplets{source}, by {by}"
    level = intervals_over(intervals)
    few = f"; concepts of fewer than {result.min_triplets} triplets have none" if result.min_triplets else ""
    return f"{text}; {level}{few}" if level else f"{text}; without intervals"


def _figure(result: Concepts, by: str, scores: Grid[ConceptScore], labels: Mapping[str, str], number: int) -> Figure:
    name, data_name = numbered("concepts-chart", number), numbered("concepts-table", number)
    intervals = (cell.ci for of_model in scores.cells for cell in of_model if cell is not None)
    caption = f"Accuracy per {scores.noun}: {over(result, by, intervals)}."
    if len(scores.models) <= FEW:
        chart = concepts_chart(result, by=by, labels=labels)
        return Figure(name, caption, chart, summary(scores), wide(scores, data_name, caption, COUNTS))
    best, mean = "", known(scores.means[0])
    if mean is not None:
        best = f" Best on all triplets: {scores.models[0]} ({100 * mean:.1f} %)."
    chart = heatmap(
        scores.models, scores.concepts, scores.values, title=f"Accuracy per {scores.noun}", what="accuracy",
        form=".0%", told=[f"{result.n_triplets:,} triplets; chance {100 * result.chance:.1f} %.",
                          "Models by their accuracy on all triplets, the best on top."],
    )  # fmt: skip
    data = long(scores, data_name, f"{caption} Choose a model or a {scores.noun}.", COUNTS)
    return Figure(name, caption, chart, f"{summary(scores)}{best}", data)


def _unassigned(results: Sequence[ConceptScores]) -> list[Text]:
    for one in results:
        if one.unassigned is not None:
            count = one.unassigned.n_triplets
            return [Text((f"{count:,} of {one.n_triplets:,} triplets are of no concept, and in no row.",))]
    return []


def _differences(
    result: Concepts, by: str, differences: Sequence[ConceptDifference], scores: Grid[ConceptScore],
    labels: Mapping[str, str], number: int,
) -> Fold:  # fmt: skip
    after = any(one.transform for one in result.results)
    what = "Accuracy after the transform less that before" if after else "Accuracy of one model less that of the other"
    level = intervals_over(one.ci for one in differences) or "without intervals"
    corrected = f"p-values corrected over all concepts and pairs ({result.correction})"
    caption = f"{what}, paired over the same triplets; {level}; {corrected}."
    name = numbered("concepts-differences", number)
    if len(differences) <= MOST_ROWS:
        table = _all_differences(result, by, differences, labels, name, caption)
    else:
        table = _by_pair(differences, scores.models[0], labels, name, caption)
    return Fold("Before and after the transform" if after else "Differences between models", (table,), after)


def _all_differences(
    result: Concepts, by: str, differences: Sequence[ConceptDifference], labels: Mapping[str, str], name: str,
    caption: str,
) -> Table:  # fmt: skip
    accuracies = {
        (one.embeddings, cell.concept): cell.accuracy
        for one in result.results for cell in one.concepts if one.by == by
    }  # fmt: skip
    column = Rows(differences).column
    several = len({(one.embeddings, one.other) for one in differences}) > 1
    return Table((
        column(SINGULAR[by], lambda d: d.concept, filter=several),
        column("model", lambda d: labels[d.embeddings], filter=several),
        column("less", lambda d: labels[d.other], filter=several),
        column("its accuracy", lambda d: accuracies.get((d.embeddings, d.concept)), "percent"),
        column("of the other", lambda d: accuracies.get((d.other, d.concept)), "percent"),
        *difference_columns(differences, result),
        column("triplets", lambda d: d.n_triplets, "count"),
    ), name=name, caption=caption, sort=("difference", True))  # fmt: skip


def _by_pair(
    differences: Sequence[ConceptDifference], best: str, labels: Mapping[str, str], name: str, caption: str
) -> Table:
    """In how many concepts each pair differs; of very many pairs those with the best model."""
    pairs: dict[tuple[str, str], list[ConceptDifference]] = {}
    for one in differences:
        pairs.setdefault((labels[one.embeddings], labels[one.other]), []).append(one)
    caption = f"{caption} In how many concepts they differ at a corrected p below 0.05."
    if len(pairs) > MOST_ROWS // 4:
        pairs = {pair: rows for pair, rows in pairs.items() if best in pair}
        caption += f" Of all pairs those with {best}, the best on all triplets; the document has the others."
    largest = [max(rows, key=lambda one: abs(one.difference or 0.0)) for rows in pairs.values()]
    column = Rows([*zip(pairs, pairs.values(), largest, strict=True)]).column
    return Table((
        column("model", lambda row: row[0][0], filter=True),
        column("less", lambda row: row[0][1], filter=True),
        column("better in", lambda row: _n_apart(row[1], 1), "count"),
        column("worse in", lambda row: _n_apart(row[1], -1), "count"),
        column("largest difference", lambda row: row[2].difference, "percent"),
        column("in", lambda row: row[2].concept),
    ), name=name, caption=caption, sort=("better in", True))  # fmt: skip


def _n_apart(differences: Sequence[ConceptDifference], sign: int) -> int:
    """How many differences of this sign are not by chance."""
    return sum(
        one.p_adjusted is not None and one.p_adjusted < 0.05 and sign * (one.difference or 0.0) > 0
        for one in differences
    )


def top_objects(sources: Sources) -> dict[str, tuple[str, ...]]:
    """concept -> the names of its objects: of prototypes, else of the results of concepts themselves."""
    rows: list[ConceptPrototypes | TopObjects] = []
    for prototypes in sources.results(Prototypes):
        rows += prototypes.concepts
    for one in sources.results(Concepts):
        rows += one.top_objects or ()
    objects: dict[str, tuple[str, ...]] = {}
    for row in rows:
        names = tuple(item.name for item in row.top if item.name is not None)
        if names:
            objects.setdefault(row.concept, names)
    return objects


def _panels(
    result: Concepts, scores: Grid[ConceptScore], objects: Mapping[str, tuple[str, ...]], number: int
) -> list[Any]:
    """Those concepts first that most triplets are of."""
    counts = [0 if cell is None else cell.n_triplets for cell in scores.cells[0]]
    order = sorted((k for k, one in enumerate(scores.concepts) if one in objects), key=lambda k: -counts[k])
    if not order:
        return []
    panels = tuple(_panel(scores, k, objects[scores.concepts[k]]) for k in order)
    which = "" if len(scores.models) <= FEW else f" of the {FEW} models that are best on all triplets"
    caption = (
        f"Each {scores.noun} with the objects that stand for it, and the accuracy{which}; shaded: its interval. "
        f"{scores.noun.capitalize()} of most triplets first"
    )
    parts: list[Any] = [Panels(numbered("concept-panels", number), f"{caption}.", panels[:SHOWN], result.chance)]
    if len(panels) > SHOWN:
        name = numbered("concept-panels-more", number)
        rest = Panels(name, f"{caption}, continued.", panels[SHOWN:], result.chance)
        parts.append(Fold(f"{len(panels) - SHOWN} more", (rest,)))
    return parts


def _panel(scores: Grid[ConceptScore], k: int, objects: Sequence[str]) -> Panel:
    cells = [of_model[k] for of_model in scores.cells][:FEW]
    bars = tuple(
        Bar(model, scores.figure(cell), *ends_of(None if cell is None else cell.ci))
        for model, cell in zip(scores.models, cells, strict=False)
    )
    about = "" if cells[0] is None else f"{cells[0].n_triplets:,} triplets"
    return Panel(scores.concepts[k], about, tuple(map(Tile, objects)), bars)
