"""Similarities of models to each other as tables."""

from __future__ import annotations

from pyalign.pairwise.compared import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.report.tables import ELSEWHERE, Column, fitted_table, noted, one_line, p_text, short_labels, shortened

MOST_PAIRS = 45  # of a measure in the table, those of ten models


def similarities_table(found: ModelSimilarities, width: int | None = None, verbose: bool = False) -> str:
    """A row for each pair of models and each measure, and a line that says how to read them."""
    names = found[0].models
    labels = {name: one_line(name) for name in names} if verbose else short_labels(names)
    shown = [(one, pair) for one in found for pair in _shown(one, verbose)]
    table, same = fitted_table(_columns(shown, labels, len(found) > 1), width, verbose)
    notes = [f"{len(names):,} models", f"{found.n_objects:,} objects", *same]
    if found.batches is not None:
        notes.append(f"means over {found.batches:,} batches")
    pairs = len(found[0].pairs)
    if any(len(_shown(one, verbose)) < len(one.pairs) for one in found):
        notes.append(f"the {MOST_PAIRS} most similar of {pairs:,} pairs are shown: {ELSEWHERE}")
    if found.permutations:
        notes += _null(found.permutations, found.alpha, found.seed)
        notes.append("p of each pair by itself" if pairs > 1 else "")
    return f"{table}\n{noted([note for note in notes if note], None if verbose else width)}"


def _null(permutations: int, alpha: float, seed: int) -> list[str]:
    return [
        f"threshold: {100 * alpha:g} % of unrelated models pass it ({permutations:,} permutations, seed {seed})",
        "calibrated: 0 at the threshold, 1 for the same model",
    ]


def _shown(one: SimilarityMatrix, verbose: bool) -> list[tuple[int, int]]:
    """The pairs of a measure that the table shows."""
    pairs = list(one.pairs)
    if verbose or len(pairs) <= MOST_PAIRS:
        return pairs
    return sorted(sorted(pairs, key=lambda pair: -one.matrix[pair[0]][pair[1]])[:MOST_PAIRS])


def _columns(
    shown: list[tuple[SimilarityMatrix, tuple[int, int]]], labels: dict[str, str], several: bool
) -> list[Column]:
    def beside(name: str, of: str = "") -> tuple[str, ...]:
        values = [None if getattr(one, name) is None else getattr(one, name)[i][j] for one, (i, j) in shown]
        return tuple("-" if value is None else p_text(value) if of else f"{value:.5f}" for value in values)

    columns = [
        _models(shown, labels),
        Column("measure", tuple(one.measure for one, _ in shown), 9, "" if several else "measure {}"),
        Column("similarity", tuple(f"{one.matrix[i][j]:.5f}" for one, (i, j) in shown)),
    ]
    if any(one.null_threshold is not None for one, _ in shown):
        columns += [
            Column("threshold", beside("null_threshold"), 3),
            Column("calibrated", beside("calibrated")),
            Column("p", beside("p_value", "p")),
        ]
    return columns


def _models(shown: list[tuple[SimilarityMatrix, tuple[int, int]]], labels: dict[str, str]) -> Column:
    """Both models of each pair; of a measure that is not symmetric, the first against the second."""

    def cells(names: dict[str, str]) -> tuple[str, ...]:
        between = {True: ", ", False: " > "}
        return tuple(f"{names[one.models[i]]}{between[one.symmetric]}{names[one.models[j]]}" for one, (i, j) in shown)

    def fit(room: int) -> tuple[str, ...]:
        return cells(dict(zip(labels, shortened(list(labels.values()), (room - 3) // 2), strict=True)))

    return Column("models", cells(labels), fit=fit)


def layers_table(found: LayerSimilarity, width: int | None = None, verbose: bool = False) -> str:
    """A row for each layer of the first model, a column for each of the second, and the figure of all."""
    rows = tuple(one_line(name) for name in found.first)
    cells = [tuple(f"{row[j]:.4f}" for row in found.matrix) for j in range(len(found.second))]
    columns = [Column(one_line(name), column, 4) for name, column in zip(found.second, cells, strict=True)]
    table, _ = fitted_table([Column("layer", rows), *columns], width, verbose)
    figure = f"{found.aggregate} of {len(found.first) * len(found.second):,} pairs {found.value:.5f}"
    told = f"threshold {found.null_threshold:.5f}, calibrated {found.calibrated:.5f}, p {p_text(found.p_value)}"
    notes = [f"measure {found.measure}", f"{figure} ({told})", f"{found.n_objects:,} objects"]
    notes += _null(found.permutations, found.alpha, found.seed)
    return f"{table}\n{noted(notes, None if verbose else width)}"
