"""Similarities of models to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyalign.pairwise.compared import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.report.blocks import Figure, Section, Table
from pyalign.report.cells import counted, model_labels
from pyalign.report.charts.matrix import cka_chart
from pyalign.report.page.sections._shared import figure, numbered
from pyalign.report.page.sources import Sources
from pyalign.report.similarity import Pair, layers_table, pairs_table

MOST_PAIRS = 1000  # in a table; the figure and the document have the others
LEAD = "Which models represent the objects alike? Models next to each other in a matrix are similar."


def cka(sources: Sources) -> Section | None:
    """A matrix and a table for each measure of each comparison of models; a matrix of each of layers."""
    parts: list[Figure | Table] = []
    of_measures = [(result, one) for result in sources.results(ModelSimilarities) for one in result]
    for k, (result, one) in enumerate(of_measures):
        parts += _measure(result, one, sources.labels, k)
    for k, of_layers in enumerate(sources.results(LayerSimilarity)):
        parts += _layers(of_layers, k)
    return Section("cka", "Similarity of models", LEAD, tuple(parts)) if parts else None


def _measure(
    result: ModelSimilarities, one: SimilarityMatrix, page_labels: Mapping[str, str], k: int
) -> list[Figure | Table]:  # fmt: skip
    labels = model_labels([(name, None) for name in one.models], labels=page_labels)
    pairs: list[Pair] = [(one, i, j) for i, j in one.pairs]
    pairs.sort(key=lambda pair: -one.matrix[pair[1]][pair[2]])
    caption = (
        f"{one.measure} of {counted(len(one.models), 'model')} over {counted(result.n_objects, 'object')} that all "
        f"have; rows and columns in the order of a hierarchical clustering."
    )
    chart = cka_chart(result, by=one.measure, labels=page_labels)
    parts: list[Figure | Table] = [figure(numbered("cka-figure", k), caption, chart, _summary(one, pairs, labels))]
    return [*parts, _table(result, one, pairs, labels, numbered("cka-table", k))] if pairs else parts


def _summary(one: SimilarityMatrix, pairs: Sequence[Pair], labels: Mapping[str, str]) -> str:
    if not pairs:
        return f"{counted(len(one.models), 'model')}."
    (_, a, b), (_, c, d) = pairs[0], pairs[-1]
    names = [labels[name] for name in one.models]
    return (
        f"{names[a]} and {names[b]} are most alike: {one.matrix[a][b]:.3f}; {names[c]} and {names[d]} least: "
        f"{one.matrix[c][d]:.3f}."
    )


def _table(
    result: ModelSimilarities, one: SimilarityMatrix, pairs: Sequence[Pair], labels: Mapping[str, str], name: str
) -> Table:  # fmt: skip
    shown = pairs[:MOST_PAIRS]
    which = "All pairs" if len(shown) == len(pairs) else f"The {len(shown):,} most similar of {len(pairs):,} pairs"
    null = "No permutations: what unrelated models would have is not known."
    if one.null_threshold is not None:
        null = f"Thresholds and p by {result.permutations:,} permutations."
    caption = f"{which} by {one.measure}, over {result.n_objects:,} objects. {null}"
    return replace(pairs_table(result, labels, shown), name=name, caption=caption, sort=("similarity", True))


def _layers(result: LayerSimilarity, k: int) -> list[Figure | Table]:
    places = [(i, j) for i in range(len(result.first)) for j in range(len(result.second))]
    a, b = max(places, key=lambda at: result.matrix[at[0]][at[1]])
    caption = (
        f"{result.measure} of {counted(len(result.first), 'layer')} with {counted(len(result.second), 'layer')} of "
        f"another model, over {counted(result.n_objects, 'object')}; {result.aggregate} of all {result.value:.3f}, "
        f"calibrated {result.calibrated:.3f} ({result.permutations:,} permutations)."
    )
    summary = f"{result.first[a]} and {result.second[b]} are most alike: {result.matrix[a][b]:.3f}."
    drawn = figure(numbered("layers-figure", k), caption, cka_chart(result), summary)
    return [drawn, replace(layers_table(result), name=numbered("layers-table", k), caption=caption)]
