"""What a comparison of models with each other gives: a matrix of scores for each measure, beside their nulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from pyalign._result import Result
from pyalign.errors import InputError

Square = tuple[tuple[float, ...], ...]
Beside = tuple[tuple[float | None, ...], ...]  # None on the diagonal: a model with itself needs no null


@dataclass(frozen=True)
class SimilarityMatrix(Result):
    """Similarities of all pairs of models by one measure.

    Attributes:
        measure: which.
        models: their names, in the order of rows and columns.
        matrix: the scores, 1 on the diagonal.
        null_threshold: what a share alpha of permutations lies above, of each pair; None without permutations.
        calibrated: how much of the way from there to 1 the score is, 0 below it.
        p_value: of each pair, that its rows have nothing to do with each other; not corrected for the number of pairs.
        symmetric: whether the measure is; else an entry is of (row, column).
    """

    along: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "matrix": ("models", "models"),
        "null_threshold": ("models", "models"),
        "calibrated": ("models", "models"),
        "p_value": ("models", "models"),
    }

    measure: str
    models: tuple[str, ...]
    matrix: Square
    null_threshold: Beside | None = None
    calibrated: Beside | None = None
    p_value: Beside | None = None
    symmetric: bool = True

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of different models; of a symmetric measure each pair once."""
        m = range(len(self.models))
        return tuple((i, j) for i, j in product(m, m) if i < j or (i > j and not self.symmetric))


@dataclass(frozen=True)
class ModelSimilarities(Result):
    """Models compared with each other. See `pyalign.cka`.

    Attributes:
        results: one for each measure.
        n_objects: rows that all models have.
        permutations: of each null, 0 for none.
        alpha: of the thresholds.
        seed: of the permutations, or of the batches.
        batches: over how many batches of objects the figures are means; None for all objects at once.
    """

    command: ClassVar[str] = "cka"
    rows: ClassVar[str] = "results"

    results: tuple[SimilarityMatrix, ...]
    n_objects: int
    permutations: int
    alpha: float
    seed: int
    batches: int | None = None

    def __post_init__(self) -> None:
        if not self.results:
            raise InputError("results must be at least one; got none")

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[SimilarityMatrix]:
        return iter(self.results)

    def __getitem__(self, k: int) -> SimilarityMatrix:
        return self.results[k]

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each pair of models and each measure."""
        return [_record(one, i, j) for one in self.results for i, j in one.pairs]


def _record(one: SimilarityMatrix, i: int, j: int) -> dict[str, Any]:
    beside = {"null_threshold": one.null_threshold, "calibrated": one.calibrated, "p_value": one.p_value}
    told = {name: None if values is None else values[i][j] for name, values in beside.items()}
    head = {"measure": one.measure, "first": one.models[i], "second": one.models[j]}
    return {**head, "similarity": one.matrix[i][j], **told}


@dataclass(frozen=True)
class LayerSimilarity(Result):
    """Layers of one model against layers of another, and one figure of all. See `pyalign.compare_layers`.

    Attributes:
        measure: which.
        first, second: the names of the layers.
        matrix: the scores, a row for each layer of the first.
        aggregate: how one figure is made of them: "max" or "mean".
        value: that figure.
        null_threshold, calibrated, p_value: of it, as in `SimilarityMatrix`; under each permutation all layers are
            permuted together, and the figure is made anew.
        n_objects, permutations, alpha, seed: as in `ModelSimilarities`.
    """

    command: ClassVar[str] = "layers"
    along: ClassVar[Mapping[str, tuple[str, ...]]] = {"matrix": ("first", "second")}

    measure: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    matrix: Square
    aggregate: str
    value: float
    null_threshold: float
    calibrated: float
    p_value: float
    n_objects: int
    permutations: int
    alpha: float
    seed: int
