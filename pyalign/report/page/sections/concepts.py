"""Accuracy per human concept, and human dimensions as models predict them: a figure for each model and concept.

Before and after maps: a figure and a table of every set, and the categories of neighbors.
Human dimensions that were learned from triplets: held-out figures, the choice of penalties, each dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pyalign._dataclass import dataclass, field, replace
from pyalign.concept.concepts_result import ConceptDifference, Concepts, TopObjects
from pyalign.concept.neighborhood_result import ConceptNeighborhood, Neighborhoods
from pyalign.concept.predicted import DimensionPredictions
from pyalign.documents import Interval
from pyalign.embedding.embedding_result import EmbeddingCrossValidation
from pyalign.map_transfer.transfer_result import Transfer
from pyalign.report.blocks import Column, Figure, Fold, Rows, Section, Table, Text, Tile, Tiles
from pyalign.report.charts.concepts import (
    concepts_chart, dimension_stability_chart, dimensions_chart, heatmap, penalty_path_chart,
)
from pyalign.report.charts.differences import transfer_chart
from pyalign.report.charts.entropy import entropy_chart, entropy_words
from pyalign.report.charts.theme import ends_of, known
from pyalign.report.concepts import difference_columns, differences_table, models_table
from pyalign.report.fits import against_table, dimensions_table, embedding_folds_table, stability_table
from pyalign.report.neighborhoods import categories_of, overall, sentence_of, transfer_table
from pyalign.report.page.html import Bar, Panel, Panels
from pyalign.report.page.sections._shared import (
    Part, and_intervals, figure, file_label, in_both_widths, parts_of_each, percent, pooled, section_of, sentence,
    triplets_text,
)
from pyalign.report.page.sources import Sources
from pyalign.report.words import SINGULAR, counted, intervals_over, labels_of, one_line
from pyalign.report.words import percent as share_of

Labels = Mapping[str, str]
FEW = 3  # models whose points are told apart at a glance
MOST_ROWS = 1000  # of differences, each in a row of its own
SHOWN = 12  # panels that stand open
CONCEPTS = (
    "Where models agree with people and where not: accuracy on the triplets of each human concept. A triplet belongs "
    "to the concept that carries most of what people kept together."
)
DIMENSIONS = (
    "How much of each human dimension a linear map of a representation explains, on objects that the map has not seen. "
    "0: no more than the mean of the dimension says."
)


@dataclass(frozen=True)
class Cell:
    """What a model has for a concept: a figure with its interval, and over how many of what it is."""

    value: float | None = None
    ci: Interval | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """Figures by model and concept."""

    # models, concepts: labels, the best first.
    models: tuple[str, ...]
    best: float | None  # the figure of the first model over all concepts, or None.
    concepts: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]  # of each model, one for each concept.
    what: str  # what the figures are; noun: what a concept is; form, places: of `Column`; counts: headers.
    noun: str
    form: str
    places: int
    counts: tuple[str, ...]

    @property
    def is_small(self) -> bool:
        """Whether there are so few models that points tell them apart."""
        return len(self.models) <= FEW

    @property
    def values(self) -> list[list[float | None]]:
        """A list for each model, with a value for each concept."""
        return [[cell.value for cell in of_model] for of_model in self.cells]

    @property
    def intervals(self) -> list[Interval | None]:
        """The intervals of all cells."""
        return [cell.ci for of_model in self.cells for cell in of_model]

    def table(self, name: str, caption: str) -> Table:
        """A row for each concept, a column for each model; of many models a row for each of both, to be chosen by."""
        if self.is_small:
            columns = [
                Column(self.noun, self.concepts),
                *(self._figures(*of_model, named=True) for of_model in zip(self.models, self.cells, strict=True)),
                *self._counts(self.cells[0]),
            ]
            return Table(tuple(columns), name=name, caption=caption, sort=(self.models[0], True))
        cells = [cell for of_model in self.cells for cell in of_model]
        columns = [
            Column("model", tuple(model for model in self.models for _ in self.concepts), filter=True),
            Column(self.noun, self.concepts * len(self.models), filter=True),
            self._figures(self.what, cells),
            *self._counts(cells),
        ]
        caption = f"{caption} Choose a model or a {self.noun}."
        return Table(tuple(columns), name=name, caption=caption, sort=(self.what, True))

    def _figures(self, header: str, cells: Sequence[Cell], named: bool = False) -> Column:
        column = Rows(cells).column
        return column(header, lambda cell: cell.value, self.form, self.places, ci=lambda cell: cell.ci, named=named)

    def _counts(self, cells: Sequence[Cell]) -> list[Column]:
        return [Column(header, tuple(cell.counts.get(header) for cell in cells), "count") for header in self.counts]

    def summary(self) -> str:
        """Names the best and the worst concept in the mean over the models."""
        means = zip(self.concepts, map(_mean, zip(*self.values, strict=True)), strict=True)
        said = [f"{concept} ({self._said(mean)})" for concept, mean in means if mean is not None]
        if not said:
            return f"There is no figure of any {self.noun}."
        over = "" if len(self.models) == 1 else f", in mean over {len(self.models)} models"
        return f"Highest for {said[0]}, lowest for {said[-1]}{over}."

    def _said(self, value: float) -> str:
        return f"{100 * value:.{self.places}f}%" if self.form == "percent" else f"{value:.{self.places}f}"


def grid(
    models: Sequence[tuple[str, float | None, Mapping[str, Cell]]], what: str, noun: str, form: str = "percent",
    places: int = 1, counts: tuple[str, ...] = (),
) -> Grid:
    """The grid of models: what each is called, its figure over all concepts, and what it has for each."""
    models = sorted(models, key=lambda model: _falling(model[1]))
    concepts = list(dict.fromkeys(concept for _, _, cells in models for concept in cells))
    concepts.sort(key=lambda name: _falling(_mean([cells[name].value for _, _, cells in models if name in cells])))
    rows = tuple(tuple(cells.get(concept, Cell()) for concept in concepts) for _, _, cells in models)
    labels, best = tuple(label for label, _, _ in models), models[0][1]
    return Grid(labels, best, tuple(concepts), rows, what, noun, form, places, counts)


def _falling(value: float | None) -> float:
    """A key by which the largest is sorted first, and what is missing last."""
    return float("inf") if value is None or value != value else -value


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None and value == value]
    return sum(present) / len(present) if present else None


# Concepts


def concepts(sources: Sources) -> Section | None:
    """Parts for each result, and in it for each way of grouping triplets."""
    ways = [
        (result, by)
        for result in pooled(sources.results(Concepts))
        for by in dict.fromkeys(of_model.by for of_model in result.results)
    ]
    of_entropy = [way for way in ways if way[1] == "entropy"]  # whose figure has a name of its own
    kinds = [way for way in ways if way not in of_entropy], of_entropy
    parts = [part for of in kinds for part in parts_of_each(of, _concepts, sources.labels, top_objects(sources))]
    return section_of("concepts", "Human concepts", CONCEPTS, parts)


def _concepts(of: tuple[Concepts, str], page_labels: Labels, objects: Mapping[str, tuple[str, ...]]) -> Iterator[Part]:
    result, by = of
    labels = labels_of(result, labels=page_labels)
    results = [of_model for of_model in result.results if of_model.by == by]
    models = []
    for of_model in results:
        cells = {
            cell.concept: Cell(cell.accuracy, cell.ci, {"triplets": cell.n_triplets, "objects": cell.n_objects})
            for cell in of_model.concepts
        }
        models.append((labels[of_model.embeddings], of_model.accuracy, cells))
    scores = grid(models, "accuracy", SINGULAR[by], counts=("triplets", "objects"))
    yield _figure(result, by, scores, labels)
    for of_model in results:
        if of_model.unassigned is not None:
            count = of_model.unassigned.n_triplets
            yield Text((f"{count:,} of {of_model.n_triplets:,} triplets are of no concept, and in no row.",))
            break
    differences = [difference for difference in result.differences if difference.by == by]
    if differences:
        yield _differences(result, differences, scores.models[0], labels)
    yield from _panels(result, scores, objects)


def _figure(result: Concepts, by: str, scores: Grid, labels: Labels) -> Figure:
    title, summary = f"Accuracy per {scores.noun}", scores.summary()
    level = intervals_over(scores.intervals)
    few = f"; concepts of fewer than {result.min_triplets} triplets have none" if level and result.min_triplets else ""
    on = triplets_text(f"{result.n_triplets:,}", result.task, file_label(result.triplets))
    how = entropy_words(result) if by == "entropy" else by
    caption = f"{title}: {on}, by {how}; {level or 'without intervals'}{few}."
    if by == "entropy":
        draw: Callable[..., Any] = partial(entropy_chart, result, labels=labels)
    elif scores.is_small:
        draw = partial(concepts_chart, result, by=by, labels=labels)
    else:
        sentences = [f"{result.n_triplets:,} triplets; chance {percent(result.chance)}.",
                "Models by their accuracy on all triplets, the best on top."]
        draw = partial(
            heatmap, (scores.models, scores.concepts, scores.values), title=title, what="accuracy", form=".0%",
            sentences=sentences,
        )
        if known(scores.best) is not None:
            summary += f" Best on all triplets: {scores.models[0]} ({percent(scores.best)})."
    table = scores.table(f"{_stem(by)}-table", caption)
    return Figure(f"{_stem(by)}-chart", caption, summary=summary, data=table, **in_both_widths(draw))


def _stem(by: str) -> str:
    """How the names of figures and tables of a way of grouping begin: those of entropy have their own."""
    return "entropy" if by == "entropy" else "concepts"


def _differences(result: Concepts, differences: Sequence[ConceptDifference], best: str, labels: Labels) -> Fold:
    after = any(of_model.transform for of_model in result.results)
    what = "Accuracy after the transform less that before" if after else "Accuracy of one model less that of the other"
    level = intervals_over(difference.ci for difference in differences) or "without intervals"
    corrected = f"p-values corrected over all concepts and pairs ({result.correction})"
    caption = f"{what}, paired over the same triplets; {level}; {corrected}."
    if len(differences) <= MOST_ROWS:
        table = _all_differences(result, differences, labels, caption)
    else:
        table = _by_pair(differences, best, labels, caption)
    return Fold("Before and after the transform" if after else "Differences between models", (table,), after)


def _all_differences(result: Concepts, differences: Sequence[ConceptDifference], labels: Labels, caption: str) -> Table:
    by = differences[0].by
    accuracies = {
        (of_model.embeddings, cell.concept): cell.accuracy
        for of_model in result.results for cell in of_model.concepts if of_model.by == by
    }
    column = Rows(differences).column
    several = len({(difference.embeddings, difference.other) for difference in differences}) > 1
    return Table((
        column(SINGULAR[by], lambda d: d.concept, filter=several),
        column("model", lambda d: labels[d.embeddings], filter=several),
        column("less", lambda d: labels[d.other], filter=several),
        column("its accuracy", lambda d: accuracies.get((d.embeddings, d.concept)), "percent"),
        column("of the other", lambda d: accuracies.get((d.other, d.concept)), "percent"),
        *difference_columns(differences, result),
        column("triplets", lambda d: d.n_triplets, "count"),
    ), name=f"{_stem(differences[0].by)}-differences", caption=caption, sort=("difference", True))


def _by_pair(differences: Sequence[ConceptDifference], best: str, labels: Labels, caption: str) -> Table:
    """In how many concepts each pair differs; of very many pairs those with the best model."""
    pairs: dict[tuple[str, str], list[ConceptDifference]] = {}
    for difference in differences:
        pairs.setdefault((labels[difference.embeddings], labels[difference.other]), []).append(difference)
    caption = f"{caption} In how many concepts they differ at a corrected p below 0.05."
    if len(pairs) > MOST_ROWS // 4:
        pairs = {pair: rows for pair, rows in pairs.items() if best in pair}
        caption += f" Of all pairs those with {best}, the best on all triplets; the document has the others."
    largest = [max(rows, key=lambda difference: abs(difference.difference or 0.0)) for rows in pairs.values()]
    column = Rows([*zip(pairs, pairs.values(), largest, strict=True)]).column
    return Table((
        column("model", lambda row: row[0][0], filter=True),
        column("less", lambda row: row[0][1], filter=True),
        column("better in", lambda row: _n_apart(row[1], 1), "count"),
        column("worse in", lambda row: _n_apart(row[1], -1), "count"),
        column("largest difference", lambda row: row[2].difference, "percent"),
        column("in", lambda row: row[2].concept),
    ), name=f"{_stem(differences[0].by)}-differences", caption=caption, sort=("better in", True))


def _n_apart(differences: Sequence[ConceptDifference], sign: int) -> int:
    """How many differences of this sign are not by chance."""
    return sum(
        difference.p_adjusted is not None and difference.p_adjusted < 0.05 and sign * (difference.difference or 0.0) > 0
        for difference in differences
    )


def top_objects(sources: Sources) -> dict[str, tuple[str, ...]]:
    """concept -> the names of its objects: of neighborhoods, else of the results of concepts themselves."""
    rows: list[ConceptNeighborhood | TopObjects] = []
    for neighborhoods in sources.results(Neighborhoods):
        rows += neighborhoods.results[0].concepts or ()
    for result in sources.results(Concepts):
        rows += result.top_objects or ()
    objects: dict[str, tuple[str, ...]] = {}
    for row in rows:
        names = tuple(item.name for item in row.top if item.name is not None)
        if names:
            objects.setdefault(row.concept, names)
    return objects


def _panels(result: Concepts, scores: Grid, objects: Mapping[str, tuple[str, ...]]) -> Iterator[Part]:
    """Panels of objects, those of the concepts with most triplets first."""
    counts = [cell.counts.get("triplets") for cell in scores.cells[0]]
    order = sorted(
        (k for k, concept in enumerate(scores.concepts) if concept in objects), key=lambda k: -(counts[k] or 0)
    )
    if not order:
        return
    panels = []
    for k in order:
        bars = (
            Bar(model, of_model[k].value, *ends_of(of_model[k].ci))
            for model, of_model in zip(scores.models[:FEW], scores.cells, strict=False)
        )
        n = counts[k]
        about = "" if n is None else counted(n, "triplet")
        panels.append(Panel(scores.concepts[k], about, tuple(map(Tile, objects[scores.concepts[k]])), tuple(bars)))
    which = "" if scores.is_small else f" of the {FEW} models that are best on all triplets"
    caption = (
        f"Each {scores.noun} with the objects that stand for it, and the accuracy{which}; shaded: its interval. "
        f"{scores.noun.capitalize()} of most triplets first"
    )
    yield Panels("concept-panels", f"{caption}.", tuple(panels[:SHOWN]), result.chance)
    if len(panels) > SHOWN:
        rest = Panels("concept-panels-more", f"{caption}, continued.", tuple(panels[SHOWN:]), result.chance)
        yield Fold(f"{len(panels) - SHOWN} more", (rest,))


# Dimensions: R² on objects that the map has not seen


def dimensions(sources: Sources) -> Section | None:
    """The models of each result, their dimensions, and the differences of models."""
    parts = parts_of_each(pooled(sources.results(DimensionPredictions)), _dimensions, sources.labels)
    return section_of("dimensions", "Human dimensions", DIMENSIONS, parts)


def _dimensions(result: DimensionPredictions, page_labels: Labels) -> Iterator[Part]:
    labels = labels_of(result, labels=page_labels)
    over = f"{result.n_objects:,} objects, each predicted by a map that has not seen it ({result.folds} folds)"
    caption = f"R² in mean over all dimensions, {over}{and_intervals(predicted.ci for predicted in result.results)}."
    yield models_table(result, labels).on_page("dimensions-models", caption, "mean R^2")
    models = [
        (
            labels[predicted.embeddings],
            predicted.mean_r2,
            {cell.dimension: Cell(cell.r2, cell.ci) for cell in predicted.dimensions},
        )
        for predicted in result.results
    ]
    scores = grid(models, "R²", "dimension", "number", 3)
    caption = f"R² of each dimension, held out: {over}{and_intervals(scores.intervals)}."
    if scores.is_small:
        draw: Callable[..., Any] = partial(dimensions_chart, result, labels=labels)
    else:
        sentences = [f"{over}.", "Models by their mean R², the best on top."]
        draw = partial(
            heatmap, (scores.models, scores.concepts, scores.values), title="R² per dimension", what="R², held out",
            form=".2f", sentences=sentences,
        )
    table = scores.table("dimensions-table", caption)
    yield Figure("dimensions-chart", caption, summary=scores.summary(), data=table, **in_both_widths(draw))
    differences = list(result.differences or ())
    if len(differences) > MOST_ROWS:  # of means only; none where there are too many of these
        differences = [row for row in differences if row.dimension is None]
    if 0 < len(differences) <= MOST_ROWS:
        caption = (
            "R² of one model less that of the other, on the same objects and folds"
            f"{and_intervals(row.ci for row in differences)}; p-values corrected over all pairs and dimensions "
            f"({result.correction}), only of means over pairs."
        )
        table = differences_table(result, labels, differences)
        of_page = table.on_page("dimensions-differences", caption, "R^2", whole=True)
        yield Fold("Differences between models", (of_page,))


LEAD_OF_TRANSFER = (
    "A map that is fitted to one kind of judgments can win on it and lose on another. Within categories only triplets "
    "and pairs of objects of one category count."
)


def transfer(sources: Sources) -> Section | None:
    """The parts of each result."""
    parts = parts_of_each(sources.results(Transfer), _transfer)
    return section_of("transfer", "Before and after a map", LEAD_OF_TRANSFER, parts)


def _transfer(result: Transfer) -> Iterator[Part]:
    over = intervals_over(row.ci for row in overall(result)) or "no intervals"
    of = "" if result.embeddings is None else f"{one_line(result.embeddings)}, "
    objects = f"{of}{counted(result.n_objects, 'object')}; {over}."
    change = f"Before and after the map{'s' if len(result.maps) > 1 else ''}"
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    charts = in_both_widths(partial(transfer_chart, result))
    yield Figure("transfer-figure", f"{change}: {objects}", summary=sentence_of(result), **charts)
    yield replace(
        transfer_table(result, overall(result)), name="transfer-table", caption=f"The same figures: {objects}"
    )
    if categories_of(result):
        caption = f"k-NN accuracy of each category, k = {result.k}: {objects}"
        inside = replace(transfer_table(result, categories_of(result)), name="transfer-categories", caption=caption)
        yield Fold("Categories", (inside,))


CARDS = 40  # dimensions, by mass
LEAD_OF_EMBEDDING = (
    "Dimensions of objects whose inner products predict which of three objects people choose as the odd one out. They "
    "are learned from the answers, without a model, and judged by answers that chose nothing."
)


def embedding(sources: Sources) -> Section | None:
    """For each result its folds, other embeddings on the same answers, the path of penalties, and the dimensions."""
    results = sources.results(EmbeddingCrossValidation)
    return section_of("embedding", "Human dimensions", LEAD_OF_EMBEDDING, parts_of_each(results, _parts))


def _parts(result: EmbeddingCrossValidation) -> Iterator[Part]:
    held = "sets of three objects" if result.split == "triplets" else "participants"
    yield embedding_folds_table(result).on_page("embedding-folds", f"Held-out answers, folds over {held}.")
    if result.against:
        yield against_table(result).on_page("embedding-against", "Other embeddings on the same held-out answers.")
    if any(fold.path for fold in result.folds):
        summary = "Held-out cross-entropy and the number of dimensions along the penalties, a line for each fold."
        yield figure("embedding-path", "Choice of the penalties.", partial(penalty_path_chart, result), summary)
    if result.stability:
        yield stability_table(result.stability).on_page("embedding-stability", "How well the embedding comes back.")
        summary = "The correlation of each dimension with those of other fits that match it, with its range."
        draw = partial(dimension_stability_chart, result)
        yield figure("embedding-dimension-stability", "Stability of the dimensions.", draw, summary)
    caption = "Dimensions by mass. Share: of the similarity of the pairs that people chose."
    yield dimensions_table(result.fit.dimensions, result.stability).on_page("embedding-dimensions", caption)
    rows = tuple(
        (f"dimension {one.dimension}: {share_of(one.share)} of choices", tuple(map(Tile, one.top_objects)))
        for one in result.fit.dimensions[:CARDS]
    )
    cards = Tiles("embedding-cards", "Objects with the largest entries, the largest first.", rows)
    yield Fold("Cards of the dimensions", (cards,))
