"""Human concepts: accuracies per concept, of one model or several, and human dimensions as models predict them."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign._dataclass import replace
from pyalign.concept.concepts_result import ConceptDifference, Concepts, ConceptScore, ConceptScores
from pyalign.concept.predicted import DimensionDifference, DimensionPredictions, PredictedDimension
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, concepts_column, first_and_last, foot, table
from pyalign.report.words import (
    ELSEWHERE, SINGULAR, TRANSFORMED, Labels, chance_note, counted, dropped_note, effective_text, header_of,
    interval_header, labels_of, number, over_text, p_header, percent, percent_interval, shortened, source_note,
)

MOST_DIMENSIONS = 20  # of each model in the table: half of them the best, half the worst
MOST_DIFFERENCES = 20
MOST_ROWS = 1000  # of differences on a page, each in a row of its own


def concepts_view(result: Concepts, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """A table for each way of grouping, best concepts of the first model first, and how to read them."""
    of_page, labels = labels is not None, labels_of(result, verbose, labels)
    for scores in result.results:  # in a header the mark of what a transform made is a short one
        label = labels[scores.embeddings]
        if not (verbose or scores.label) and label.endswith(TRANSFORMED):
            labels[scores.embeddings] = label.removesuffix(TRANSFORMED) + " +map"
    ways = dict.fromkeys(scores.by for scores in result.results)
    pairs = list(dict.fromkeys((difference.embeddings, difference.other) for difference in result.differences))
    differences = [f"{len(result.differences):,} differences: the JSON document has them"] * bool(pairs and not of_page)
    if len(pairs) == 1 and result.inference.over is not None:
        less = " less ".join(labels[name] for name in pairs[0])
        differences = [f"difference: {less}", f"{p_header(result.correction)} corrected for all concepts"]
    assigned = "" if result.assign is None else f"assigned by the {result.assign} of the chosen pair"
    if assigned and result.top != 1:
        assigned += f", the {result.top} largest: a triplet counts in each"
    return [
        *(block for by in ways
          for block in _of_one_way([scores for scores in result.results if scores.by == by], labels, result)),
        *([] if (spreads := spread_table(result.results, labels)) is None else [spreads]),
        foot(
            source_note("triplets", result.triplets),
            source_note("dimensions", result.dimensions),
            dropped_note(result.n_dropped),
            assigned,
            *differences,
            over_text(result.inference),
            effective_text(result.inference),
            "" if result.measure is None else f"measure {result.measure}",
            chance_note(result.task),
            f"ties {result.ties}",
        ),
    ]


def _of_one_way(of: Sequence[ConceptScores], labels: Labels, result: Concepts) -> list[Table]:
    """The concepts; on a page those of each model, and the differences of models."""
    by, stem = of[0].by, "entropy" if of[0].by == "entropy" else "concepts"
    rows = [(labels[scores.embeddings], row) for scores in sorted(of, key=lambda one: -(one.accuracy or 0.0))
            for row in (*scores.concepts, *([] if scores.unassigned is None else [scores.unassigned]))]
    column = Rows(rows, header_of(result.inference)).column
    every = table(
        column("model", "0", filter=True, named=True) if len(of) > 1 else None,
        column(SINGULAR[by], "1.concept", filter=len(of) > 1),
        column("accuracy", "1.accuracy", "percent", ci="1.ci"),
        column("triplets", "1.n_triplets", "count"),
        column("objects", lambda r: r[1].n_objects or None, "count"),
        title=f"accuracy per {SINGULAR[by]}",
    )
    tables = [_side_by_side(of, labels, result), every.on_page(f"{stem}-table", sort="accuracy", only=PAGE)]
    if differences := [difference for difference in result.differences if difference.by == by]:
        fold = "" if any(scores.transform for scores in result.results) else "Differences between models"
        listed = _differences_by_pair if len(differences) > MOST_ROWS else _differences_by_concept
        made = listed(differences, of, labels, result)
        tables.append(replace(made, name=f"{stem}-differences", fold=fold, only=PAGE))
    return tables


def _differences_by_concept(
    differences: Sequence[ConceptDifference], of: Sequence[ConceptScores], labels: Labels, result: Concepts
) -> Table:
    accuracies = {(scores.embeddings, row.concept): row.accuracy for scores in of for row in scores.concepts}
    column, several = Rows(differences).column, len({(row.embeddings, row.other) for row in differences}) > 1
    return table(
        column(SINGULAR[of[0].by], lambda d: d.concept, filter=several),
        column("model", lambda d: labels[d.embeddings], filter=several),
        column("less", lambda d: labels[d.other], filter=several),
        column("its accuracy", lambda d: accuracies.get((d.embeddings, d.concept)), "percent"),
        column("of the other", lambda d: accuracies.get((d.other, d.concept)), "percent"),
        *difference_columns(differences, result),
        column("triplets", "n_triplets", "count"),
    ).on_page("", "accuracy of one model less that of the other, paired over the same triplets", "difference")


def _differences_by_pair(
    differences: Sequence[ConceptDifference], of: Sequence[ConceptScores], labels: Labels, result: Concepts
) -> Table:
    """In how many concepts each pair differs; of very many pairs those with the best model."""
    pairs: dict[tuple[str, str], list[ConceptDifference]] = {}
    for difference in differences:
        pairs.setdefault((labels[difference.embeddings], labels[difference.other]), []).append(difference)
    caption = "in how many concepts one model is better or worse than the other, at a corrected p below 0.05"
    if len(pairs) > MOST_ROWS // 4:
        best = labels[max(of, key=lambda one: one.accuracy or 0.0).embeddings]
        pairs = {pair: rows for pair, rows in pairs.items() if best in pair}
        caption += f"; of all pairs those with {best}, the best on all triplets; the document has the others"
    largest = [max(rows, key=lambda difference: abs(difference.difference or 0.0)) for rows in pairs.values()]
    apart = [[row.difference or 0.0 for row in rows if row.p_adjusted is not None and row.p_adjusted < 0.05]
             for rows in pairs.values()]  # what is not by chance
    column = Rows([*zip(pairs, apart, largest, strict=True)]).column
    return table(
        column("model", "0.0", filter=True),
        column("less", "0.1", filter=True),
        column("better in", lambda row: sum(one > 0 for one in row[1]), "count"),
        column("worse in", lambda row: sum(one < 0 for one in row[1]), "count"),
        column("largest difference", "2.difference", "percent"),
        column("in", "2.concept"),
    ).on_page("", caption, "better in")


def _side_by_side(of: Sequence[ConceptScores], labels: Labels, result: Concepts) -> Table:
    """The concepts of one model; of several a column for each, of two also their difference.

    The most accurate of the first come first, those without triplets last; levels are as they are.
    """
    first, intervals, corrected = of[0], result.inference.over is not None, p_header(result.correction)
    order = list(range(len(first.concepts)))
    if first.by not in ("levels", "entropy"):
        order.sort(key=lambda k: -(first.concepts[k].accuracy or -1.0))

    rows_of_each = [_rows_of(scores, order, result) for scores in of]
    rows = rows_of_each[0]
    column = Rows(rows, header_of(result.inference)).column
    concept = concepts_column(SINGULAR[first.by], [row.concept for row in rows])
    triplets = column("triplets", "n_triplets", "count", keep=7)
    if len(of) == 1:
        return table(
            concept,
            triplets,
            column("objects", lambda c: (c.n_objects or result.n_objects) if c.n_triplets else 0, "count", keep=5),
            column("effective", "effective_objects", "number", 1, keep=4,
                   foot="effective: number of objects, where it is below half of them", optional=True),
            column("accuracy", "accuracy", "percent", ci="ci"),
            column("s.e.", "standard_error", "percent", 2, keep=3, optional=True),
            column("pooled", "pooled", "percent", keep=1, optional=True,
                   foot="pooled: accuracy drawn towards the other concepts as far as it is uncertain"),
            column("all together", lambda c: c.simultaneous_ci and percent_interval(c.simultaneous_ci), keep=2,
                   foot="all together: intervals that hold for all concepts at once", only=TEXT, optional=True),
            column(corrected, "p_adjusted", "p", keep=6, optional=True,
                   foot=f"{corrected} of the accuracy of all triplets, corrected for all concepts"),
            column("cross-entropy", "cross_entropy", "number", 5, keep=4),
        )
    differences = [difference for difference in result.differences if difference.by == first.by]
    of_two = bool(len(of) == 2 and differences and intervals)
    return table(
        concept,
        triplets,
        *(Rows(rows_of_each[k]).column(labels[scores.embeddings], lambda c: c.accuracy, "percent",
                                       keep=9 if k < 2 else max(1, 6 - k)) for k, scores in enumerate(of)),
        *(difference_columns([*(differences[k] for k in order), *[None] * (len(rows) - len(order))], result)
          if of_two else ()),
    )


def _rows_of(scores: ConceptScores, order: Sequence[int], result: Concepts) -> list[ConceptScore]:
    """Concepts in this order, what belongs to none, and the whole."""
    rest = () if scores.unassigned is None else (scores.unassigned,)
    whole = ConceptScore("all", scores.n_triplets, 0, scores.accuracy, scores.ci, scores.cross_entropy,
                         scores.cross_entropy_ci, effective_objects=result.inference.effective_objects)
    return [*(scores.concepts[k] for k in order), *rest, whole]


def spread_table(results: Sequence[ConceptScores], labels: Labels) -> Table | None:
    """How much the accuracies of each model differ between concepts, and which are the lowest and the highest."""
    known = [scores for scores in results if scores.spread is not None]
    if not known:
        return None
    first = known[0].spread_ci
    column = Rows(known, interval_header(None if first is None else first.confidence)).column

    def most_probable(name: str) -> list[str]:
        likely = [max(one.concepts, key=lambda row: getattr(row, name) or 0.0) for one in known]
        return [f"{concept.concept} ({getattr(concept, name):.2f})" for concept in likely]

    return table(
        column("model", lambda scores: labels[scores.embeddings]),
        column("concepts", "by", keep=4) if len({scores.by for scores in known}) > 1 else None,
        column("spread", "spread", "percent", ci="spread_ci",
               foot="spread: standard deviation of true accuracies between concepts"),
        Column("lowest", tuple(most_probable("p_lowest")), keep=6,
               foot="lowest, highest: the concept that most probably is, and with which probability"),
        Column("highest", tuple(most_probable("p_highest")), keep=5),
    )


def difference_columns(differences: Sequence[ConceptDifference | None], result: Concepts) -> tuple[Column, ...]:
    """How much two models differ on each concept; None: a row that is no concept, whose cells are empty."""
    column = Rows(differences, interval_header(result.inference.level)).column
    return (
        column("difference", lambda d: "" if d is None else d.difference, "percent", ci="ci", keep_ends=6),
        column("p", lambda d: "" if d is None else d.p_value, "p", keep=3),
        column(p_header(result.correction), lambda d: "" if d is None else d.p_adjusted, "p"),
    )


# Human dimensions


def predictions_view(result: DimensionPredictions, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """A row for each model; then for each the dimensions, best first; then the differences of models."""
    labels, of_triplets = labels_of(result, verbose, labels), result.n_triplets is not None
    drawn = "as given" if result.inference.seed is None else f"seed {result.inference.seed}"
    every = [(labels[predicted.embeddings], row) for predicted in result.results for row in predicted.dimensions]
    page = _dimensions_table(result, every).on_page("dimensions-table", "R^2 of each dimension", "R^2", only=PAGE)
    blocks: list[Block] = [_models_table(result, labels), page, foot(
        source_note("human", result.human),
        f"{result.n_objects:,} objects, {counted(len(result[0].dimensions), 'dimension')}",
        dropped_note(result.n_dropped),
        f"{result.folds} folds of objects ({drawn}), R^2 on those held out",
        "features standardized" if result.standardize else "",
        source_note("triplets", result.triplets),
        f"{result.n_triplets:,} triplets" if of_triplets else "",
        f"predicted and human dimensions by {result.measure}" if of_triplets else "",
        "as it is: the embeddings by cosine" if of_triplets else "",
        f"accuracy of the human dimensions {percent(result.human_accuracy)}" if of_triplets else "",
        over_text(result.inference),
    )]
    half = MOST_DIMENSIONS // 2
    for predicted in result.results:
        order = sorted(predicted.dimensions, key=lambda d: float("inf") if d.r2 is None else -d.r2)
        shown = first_and_last(order, MOST_DIMENSIONS, verbose)
        title = labels[predicted.embeddings] if len(result) > 1 else ""
        dimensions = _dimensions_table(result, [(labels[predicted.embeddings], row) for row in shown], title)
        left_out = f"the {half} best and the {half} worst of {len(order):,} dimensions: {ELSEWHERE}"
        blocks += [dimensions, foot(left_out if len(shown) < len(order) else "")]
    if not result.differences:
        return blocks
    means, rest = ([one for one in result.differences if (one.dimension is None) is of_all] for of_all in (True, False))
    surest = sorted(rest, key=lambda difference: -abs(difference.difference) / (difference.standard_error or 1.0))
    n, n_shown = len(rest), len(rest) if verbose else min(len(rest), MOST_DIFFERENCES)
    return [*blocks, _differences_table(result, labels, [*means, *surest[:n_shown]]), foot(
        f"{p_header(result.correction)} corrected for {counted(n, 'difference')} of dimensions",
        f"means for {len(means):,}" if len(means) > 1 else "",
        f"the {n_shown} surest of {n:,} differences of dimensions: {ELSEWHERE}" if n_shown < n else "",
    )]


def _dimensions_table(
    result: DimensionPredictions, rows: Sequence[tuple[str, PredictedDimension]], title: str = ""
) -> Table:
    """A row for each dimension of a model, whose label comes before it."""

    def penalties(row: tuple[str, PredictedDimension]) -> str:
        """Those of the folds, from the smallest to the largest."""
        return " to ".join(dict.fromkeys(f"{of(row[1].penalties):g}" for of in (min, max)))

    column = Rows(rows, header_of(result.inference)).column
    return table(
        column("dimension", "1.dimension", filter=True),
        column("model", "0", filter=True, only=PAGE),
        column("R^2", "1.r2", "number", 3, ci="1.ci", note="held out"),
        column("s.e.", "1.standard_error", "number", 3, keep=6, only=TEXT)
        if result.inference.over is not None else None,
        column("r", "1.correlation", "number", 3, keep=7),
        column("penalties", penalties, keep=5, only=TEXT),
        title=title,
    )


def _models_table(result: DimensionPredictions, labels: Labels) -> Table:
    """A row for each model."""
    intervals = result.inference.over is not None
    column = Rows(result.results, header_of(result.inference)).column
    of_triplets = (
        column("accuracy", "accuracy", "percent", ends="interval", keep_ends=4,
               note="odd-one-out, of predicted dimensions, each object by the map that has not seen it"),
        column("within folds", "accuracy_within_folds", "percent", keep=2,
               note="triplets of three objects of one fold"),
        column("as it is", "own_accuracy", "percent", keep=8, note="of the embeddings themselves"),
    )
    return table(
        column("model", lambda r: labels[r.embeddings]),
        column("mean R^2", "mean_r2", "number", 3, ci="ci"),
        column("s.e.", "standard_error", "number", 3, keep=3, only=TEXT) if intervals else None,
        *(() if result.n_triplets is None else of_triplets),
    ).on_page("dimensions-models", "R^2 of human dimensions", "mean R^2")


def _differences_table(
    result: DimensionPredictions, labels: Labels, differences: Sequence[DimensionDifference]
) -> Table:
    """A row for each of these differences of models."""
    names = list(
        dict.fromkeys(name for difference in differences for name in (difference.embeddings, difference.other))
    )
    short = dict(zip(names, shortened([labels[name] for name in names], 14), strict=True))
    called = labels if len(result) == 2 else short  # of two models it is said below
    column = Rows(differences).column
    return table(
        column("dimension", lambda d: "mean" if d.dimension is None else d.dimension, filter=True),
        column("less", lambda d: f"{called[d.embeddings]} - {called[d.other]}", same="differences: {}", only=TEXT),
        column("model", lambda d: labels[d.embeddings], filter=True, only=PAGE),
        column("less", lambda d: labels[d.other], filter=True, only=PAGE),
        column("R^2", "difference", "number", 3, ci="ci", write="{:+.3f}".format),
        column(interval_header(result.inference.level), keep=8, only=TEXT,  # whose ends have no plus before them
               value=lambda d: None if d.ci is None else " to ".join(number(end, 3) for end in d.ci)),
        column("s.e.", "standard_error", "number", 3, keep=3, only=TEXT),
        column("p", "p_value", "p", keep=4),
        column(p_header(result.correction), "p_adjusted", "p"),
    ).on_page("dimensions-differences", "R^2 of one model less that of another, on the same objects and folds", "R^2",
              fold="Differences between models")
