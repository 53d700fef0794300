"""Representational dissimilarity matrices (RDMs) of few objects, for pictures: participants' and models', aligned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.judgments import above, objects_of
from pyalign.errors import InputError
from pyalign.ops.similarity import similarity, with_exact_ends
from pyalign.pairwise.study import Study
from pyalign.typing import MeasureName

MOST = 200  # objects of matrices in a document; of more a sample is kept


@dataclass(frozen=True)
class Rdm:
    """The matrix of a model, or the mean matrix of participants."""

    embeddings: str | None  # the model's name; None for participants.
    measure: str | None  # the measure of the similarity of its rows; None for a matrix that was given.
    # n (n - 1) / 2, the pairs above the diagonal, row by row; NaN for a pair without a value.
    values: tuple[float, ...]

    def square(self) -> np.ndarray:
        """(n, n) float64: the whole matrix, NaN on its diagonal.

        Example:
            >>> Rdm("x", None, (1.0, 2.0, 3.0)).square()
            array([[nan,  1.,  2.],
                   [ 1., nan,  3.],
                   [ 2.,  3., nan]])
        """
        n = objects_of((len(self.values),))
        out, upper = np.full((n, n), np.nan), np.triu_indices(n, 1)
        out[upper] = out[upper[::-1]] = self.values
        return out


@dataclass(frozen=True)
class Rdms:
    """Matrices over the same objects.

    Raises:
        InputError: no matrix, or one that is not about all pairs of the objects.
    """

    objects: tuple[str, ...]  # the names of the n objects, or their numbers.
    kind: str  # of all values, "dissimilarity" or "similarity".
    matrices: tuple[Rdm, ...]  # of participants, if there are any, then of each model and measure.

    def __post_init__(self) -> None:
        if not self.matrices:
            raise InputError("matrices must be at least one; got none")
        pairs = len(self.objects) * (len(self.objects) - 1) // 2
        for matrix in self.matrices:
            if len(matrix.values) != pairs or pairs == 0:
                raise InputError(f"matrices must have {pairs} values, at least one; got {len(matrix.values)}")

    def dissimilarities(self) -> Iterator[np.ndarray]:
        """(n, n) each, of at least 0: similarities count from the largest one downwards."""
        for matrix in self.matrices:
            values = matrix.square()
            similar = self.kind == "similarity"
            yield (np.nanmax(values) if similar else 0.0) - values if similar else values - min(0.0, np.nanmin(values))


def percentiles(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The share of pairs whose value is less than each, equal ones counted half; NaN stays.

    Example:
        >>> percentiles([0.1, 0.9, 0.5, 0.5, float("nan")]).tolist()
        [0.125, 0.875, 0.5, 0.5, nan]
    """
    out = np.array(values, np.float64)
    known = ~np.isnan(out)
    ordered = np.sort(out[known])
    less, not_more = (np.searchsorted(ordered, out[known], side) for side in ("left", "right"))
    out[known] = (less + not_more) / (2 * max(1, len(ordered)))
    return out


def rdms_of_study(study: Study, names: Sequence[str] | None, kind: str) -> tuple[Rdms, str | None]:
    """The participants' mean matrix and the models', and a note where only some of the objects are kept.

    names: of all judged objects, or None. Of more than `MOST` objects so many are kept, evenly spread.
    """
    kept = np.linspace(0, study.n - 1, min(study.n, MOST)).round().astype(int)
    whole = np.full((study.n, study.n), np.nan)
    whole[study.items[:, 0], study.items[:, 1]] = study.mean
    upper = np.triu_indices(study.n, 1)
    matrices = [Rdm(None, None, _of(whole, kept))]
    for model in study.models:
        whole[upper] = model.whole
        matrices.append(Rdm(model.name, model.measure, _of(whole, kept)))
    objects = study.objects[kept].tolist()
    called = tuple(map(str, objects)) if names is None else tuple(names[k] for k in objects)
    few = f"rdms are of {MOST} of {study.n:,} objects, evenly spread" if study.n > MOST else None
    return Rdms(called, kind, tuple(matrices)), few


def rdms_of_rows(x: object, names: Sequence[str], label: str, limit: int, measure: MeasureName = "pearson") -> Rdms:
    """The RDM of the rows (n, d) of embeddings, 1 - s; of more than `limit` rows so many, evenly spread."""
    rows = np.asarray(x)
    kept = np.linspace(0, len(rows) - 1, min(len(rows), limit)).round().astype(int)
    similarities = with_exact_ends(np.asarray(similarity(rows[kept], measure=measure)), measure).astype(np.float64)
    values = np.empty(len(kept) * (len(kept) - 1) // 2)
    above(1.0 - similarities, values)
    return Rdms(tuple(names[k] for k in kept), "dissimilarity", (Rdm(label, measure, tuple(values.tolist())),))


def _of(whole: np.ndarray, kept: np.ndarray) -> tuple[float, ...]:
    """The pairs of some objects, in their order, of a matrix of which the upper half is filled."""
    values = np.empty(len(kept) * (len(kept) - 1) // 2)
    above(whole[np.ix_(kept, kept)], values)
    return tuple(values.tolist())
