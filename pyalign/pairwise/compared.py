"""What a comparison of models with each other gives: a matrix of scores for each measure, next to their nulls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from pyalign._result import Result
from pyalign.documents import Interval
from pyalign.pairwise.rsa_result import WithError
from pyalign.typing import Correction

Square = tuple[tuple[float, ...], ...]
Beside = tuple[tuple[float | None, ...], ...]  # None on the diagonal: a model with itself needs no null


@dataclass(frozen=True)
class PairSimilarity(WithError):
    """The similarity of two models.

    Attributes:
        first, second: the models.
        similarity: the score.
        ci: its interval over objects; None where there is none, with a note.
    """

    first: str
    second: str
    similarity: float
    ci: Interval | None = None


@dataclass(frozen=True)
class SimilarityDifference(WithError):
    """Whether a model is more like a second one than like a third.

    Attributes:
        model: the model that is compared with two others.
        a, b: the others.
        difference: the similarity of the model with a, less that with b.
        ci: its interval over objects; None where there is none.
        p_value: two-sided, for the hypothesis of no difference, by Student's t.
        p_adjusted: corrected over all differences of the result.
    """

    model: str
    a: str
    b: str
    difference: float
    ci: Interval | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


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
        p_adjusted: the p-values corrected over all pairs and measures of the result.
        scores: of each of `pairs`, in their order, the score with its interval; None without intervals.
        differences: of each model the similarities with every two others, compared; None without intervals.
    """

    along: ClassVar = {
        "matrix": ("models", "models"),
        "null_threshold": ("models", "models"),
        "calibrated": ("models", "models"),
        "p_value": ("models", "models"),
        "p_adjusted": ("models", "models"),
        "scores": ("pairs",),
    }
    among: ClassVar = {"models": ("differences.model", "differences.a", "differences.b")}

    measure: str
    models: tuple[str, ...]
    matrix: Square
    null_threshold: Beside | None = None
    calibrated: Beside | None = None
    p_value: Beside | None = None
    symmetric: bool = True
    p_adjusted: Beside | None = None
    scores: tuple[PairSimilarity, ...] | None = None
    differences: tuple[SimilarityDifference, ...] | None = None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of different models; of a symmetric measure each pair once."""
        m = range(len(self.models))
        return tuple((i, j) for i, j in product(m, m) if i < j or (i > j and not self.symmetric))

    def interval(self, first: int, second: int) -> Interval | None:
        """The interval of the score of two models, by their places; None where there is none."""
        if self.scores is None or first == second:
            return None
        at = (first, second) if not self.symmetric else (min(first, second), max(first, second))
        return self.scores[self.pairs.index(at)].ci


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
        ci_by: "objects", what intervals are over; None without intervals.
        resamples: how many half-samples were drawn, of measures without a closed form; None where all have one.
        confidence: the confidence level of the intervals.
        correction: how `p_adjusted` is corrected; None in results of versions that didn't.
    """

    command: ClassVar[str] = "cka"
    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)

    results: tuple[SimilarityMatrix, ...]
    n_objects: int
    permutations: int
    alpha: float
    seed: int
    batches: int | None = None
    ci_by: str | None = None
    resamples: int | None = None
    confidence: float = 0.95
    correction: Correction | None = None

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[SimilarityMatrix]:
        return iter(self.results)

    def __getitem__(self, k: int) -> SimilarityMatrix:
        return self.results[k]

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each pair of models and each measure."""
        return [_record(similarities, i, j) for similarities in self.results for i, j in similarities.pairs]


def _record(similarities: SimilarityMatrix, i: int, j: int) -> dict[str, Any]:
    names = ("null_threshold", "calibrated", "p_value", "p_adjusted")
    values = {name: getattr(similarities, name) for name in names}
    null = {name: None if square is None else square[i][j] for name, square in values.items()}
    ci = similarities.interval(i, j)
    low, high, error = (None, None, None) if ci is None else (ci.low, ci.high, ci.error)
    ends = {"ci_low": low, "ci_high": high, "standard_error": error}
    head = {"measure": similarities.measure, "first": similarities.models[i], "second": similarities.models[j]}
    return {**head, "similarity": similarities.matrix[i][j], **null, **ends}


@dataclass(frozen=True)
class LayerSimilarity(Result):
    """Layers of one model against layers of another, and one figure of all. See `pyalign.cka`.

    Attributes:
        measure: which.
        first, second: the names of the layers.
        matrix: the scores, a row for each layer of the first.
        aggregate: how one figure is made of them: "max" or "mean".
        value: that figure.
        null_threshold, calibrated, p_value: of it, as in `SimilarityMatrix`; under each permutation all layers are
            permuted together, and the figure is made again.
        n_objects, permutations, alpha, seed: as in `ModelSimilarities`.
    """

    command: ClassVar[str] = "layers"
    along: ClassVar = {"matrix": ("first", "second")}

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
