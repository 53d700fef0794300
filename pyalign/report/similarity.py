"""Similarities of models to each other, and of layers to layers, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.pairwise.compared import Beside, LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.cells import model_labels
from pyalign.report.words import ELSEWHERE, one_line, p_text, shortened

MOST_PAIRS = 45  # of a measure in the table, those of ten models
Pair = tuple[SimilarityMatrix, int, int]  # of a measure: its row and its column


def similarities_view(result: ModelSimilarities, verbose: bool = False) -> list[Block]:
    """A row for each pair of models and each measure, and a line that says how to read them."""
    names = result[0].models
    labels = model_labels([(name, None) for name in names], verbose)
    shown = [pair for one in result for pair in _shown(one, verbose)]
    notes = [f"{len(names):,} models", f"{result.n_objects:,} objects"]
    more = [f"means over {result.batches:,} batches"] if result.batches is not None else []
    pairs = len(result[0].pairs)
    if any(len(_shown(one, verbose)) < len(one.pairs) for one in result):
        more.append(f"the {MOST_PAIRS} most similar of {pairs:,} pairs are shown: {ELSEWHERE}")
    if result.permutations:
        more += _null_notes(result.permutations, result.alpha, result.seed)
        more += ["p of each pair by itself"] * (pairs > 1)
    measure = [f"measure {result[0].measure}"] * (len(result) == 1 and not verbose)
    return [pairs_table(result, labels, shown), Foot((*notes, *measure, *more))]


def _null_notes(permutations: int, alpha: float, seed: int) -> list[str]:
    return [
        f"threshold: {100 * alpha:g} % of unrelated models pass it ({permutations:,} permutations, seed {seed})",
        "calibrated: 0 at the threshold, 1 for the same model",
    ]


def _shown(one: SimilarityMatrix, verbose: bool) -> list[Pair]:
    """The pairs of a measure that the table shows."""
    pairs = list(one.pairs)
    if not verbose and len(pairs) > MOST_PAIRS:
        pairs = sorted(sorted(pairs, key=lambda pair: -one.matrix[pair[0]][pair[1]])[:MOST_PAIRS])
    return [(one, i, j) for i, j in pairs]


def pairs_table(result: ModelSimilarities, labels: Mapping[str, str], pairs: Sequence[Pair]) -> Table:
    """A row for each of these pairs of models and measures."""
    column = Rows(pairs).column
    columns = [
        _models(pairs, labels),
        column("model", lambda p: labels[p[0].models[p[1]]], filter=True, only=PAGE),
        column("and", lambda p: labels[p[0].models[p[2]]], filter=True, only=PAGE),
        column("measure", lambda p: p[0].measure, keep=9 if len(result) > 1 else 0, only=TEXT),
        column("similarity", lambda p: p[0].matrix[p[1]][p[2]], "number", 5),
    ]
    if any(one.null_threshold is not None for one, _, _ in pairs):
        columns += [
            column("threshold", lambda p: _entry(p[0].null_threshold, p), "number", 5, keep=3,
                   note=f"{100 * result.alpha:g} % of unrelated models pass it."),
            column("calibrated", lambda p: _entry(p[0].calibrated, p), "number", 5,
                   note="0 at the threshold, 1 for the same model."),
            column("p", lambda p: _entry(p[0].p_value, p), "p",
                   note="Of each pair by itself, not corrected."),
        ]  # fmt: skip
    return Table(tuple(columns))


def _entry(matrix: Beside | None, pair: Pair) -> float | None:
    """What stands in a matrix, where there is one, of a pair."""
    return None if matrix is None else matrix[pair[1]][pair[2]]


def _models(pairs: Sequence[Pair], labels: Mapping[str, str]) -> Column:
    """Both models of each pair; of a measure that is not symmetric, the first against the second."""

    def cells(names: Mapping[str, str]) -> tuple[str, ...]:
        between = {True: ", ", False: " > "}
        return tuple(f"{names[one.models[i]]}{between[one.symmetric]}{names[one.models[j]]}" for one, i, j in pairs)

    def fit(room: int) -> tuple[str, ...]:
        return cells(dict(zip(labels, shortened(list(labels.values()), (room - 3) // 2), strict=True)))

    return Column("models", cells(labels), fit=fit, only=TEXT)


def layers_view(result: LayerSimilarity, verbose: bool = False) -> list[Block]:
    """A row for each layer of the first model, a column for each of the second, and the figure of all."""
    figure = f"{result.aggregate} of {len(result.first) * len(result.second):,} pairs {result.value:.5f}"
    null = f"threshold {result.null_threshold:.5f}, calibrated {result.calibrated:.5f}, p {p_text(result.p_value)}"
    notes = [f"measure {result.measure}", f"{figure} ({null})", f"{result.n_objects:,} objects"]
    return [layers_table(result), Foot((*notes, *_null_notes(result.permutations, result.alpha, result.seed)))]


def layers_table(result: LayerSimilarity) -> Table:
    """The similarity of each layer of the first model with each of the second."""
    columns = [Column("layer", tuple(map(one_line, result.first)))]
    for j, name in enumerate(result.second):
        values = tuple(row[j] for row in result.matrix)
        columns.append(Column(one_line(name), values, "number", places=4, keep=4, named=True))
    return Table(tuple(columns))
