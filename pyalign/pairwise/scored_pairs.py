"""Errors of similarities between models over objects, and of differences of two similarities that share a model.

Measures of symmetric matrices have a closed form. Of unit matrices A and B, U- or doubly centered, the score
is c = sum A_ij B_ij, and pair (i, j) moves it by A_ij B_ij - c (A_ij^2 + B_ij^2) / 2: what centering takes off has
no part in that, to first order. With object i left out matrices are centered again, which follows from
R_i = sum_j A_ij B_ij and from the diagonal. The variance is that of `pyalign.pairwise.closed_form` over objects, with
the sums of the jackknife. A bandwidth that is the median distance is taken as it is.

Other measures have half-samples: each model's rows are halved without replacement, prepared again and compared. In a
half, canonical correlations of too many dimensions would be 1 by themselves; then there is no error.

Similarities of models with intervals over objects, and whether a model is more like one than like another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.errors import InputError
from pyalign.pairwise._families import Subspace, family_of, prepared
from pyalign.pairwise.ceilings import Side, jackknifed, sums_of_objects
from pyalign.pairwise.closed_form import ClosedForm, Dyads
from pyalign.pairwise.rdms import Matrix, MatrixFamily, RepresentationMeasure
from pyalign.pairwise.rsa_result import (
    Beside, PairSimilarity, SimilarityDifference, SimilarityMatrix, Variances, interval_of, tested,
)
from pyalign.stats.intervals import RESAMPLES, halves
from pyalign.stats.multiple import corrected as of_known
from pyalign.stats.resampling import CORRECTED, HALF_SAMPLES, Resampling
from pyalign.typing import BackendName, Correction

MOST = 1 << 28  # numbers that a closed form holds at once: 2 GiB
LEAST = 5  # objects: of four any two pairs share one, or leave one pair
CORRELATIONS = {"rdm": "pearson", "ranks": "spearman"}  # of what stands in the matrices of models, by kernel


@dataclass(frozen=True, eq=False)
class Halved:
    """The errors of k scores by their values in halves of the objects."""

    replicates: np.ndarray  # (b, k), NaN where a half has no score.
    n: int  # how many objects there are.

    @property
    def method(self) -> str:
        """The name of the method, as results have it."""
        return HALF_SAMPLES

    def degrees(self, a: int, b: int | None = None) -> float:
        """Degrees of freedom: objects, less one."""
        return self.n - 1

    def contrast(self, a: int, b: int | None = None) -> float:
        """The variance of score a, or of a less b; NaN where fewer than half of the halves have a value."""
        values = self.replicates[:, a] if b is None else self.replicates[:, a] - self.replicates[:, b]
        known = values[~np.isnan(values)]
        if len(known) <= max(1, len(values) // 2):
            return np.nan
        return float(known.var(ddof=1)) * (self.n // 2) / (self.n - self.n // 2)


def has_closed_form(measure: RepresentationMeasure, n: int, models: int) -> bool:
    """Whether errors of so many models of n objects are in closed form: of matrices, and not of too many numbers."""
    return measure.family == "matrix" and (models - 1) * (n * (n - 1) // 2) <= MOST


def closed_errors(
    measure: RepresentationMeasure, rows: Mapping[str, np.ndarray], backend: BackendName, progress: Progress
) -> Iterator[tuple[int, list[int], Variances]]:
    """Yields each model, the other models, and the errors of its scores with them."""
    family = MatrixFamily(measure, [x.shape for x in rows.values()], backend)
    family.by_features = False
    matrices: list[Matrix] = list(prepared(family, rows).values())
    n, count = family.n, len(matrices)
    items = np.stack(np.triu_indices(n, 1), axis=1).astype(np.int32)
    dyads = Dyads(items, n)
    sides = _sides(measure, matrices, items, backend)
    for model in range(count):
        progress("intervals", model, count)
        others = [other for other in range(count) if other != model]
        if sides:
            table = np.stack([jackknifed(sides[model], sides[other], items, n) for other in others])
        else:
            table = np.stack([influences(measure, matrices[model], matrices[other], items) for other in others])
        errors = ClosedForm((dyads.covariance(table), dyads.alone(table)), n - 1, dyads.sums(table))
        yield model, others, errors


def _sides(
    measure: RepresentationMeasure, matrices: Sequence[Matrix], items: np.ndarray, backend: BackendName
) -> list[Side]:
    """The pairs of each model, of measures that are correlations of them; else none."""
    if measure.kernel not in CORRELATIONS:
        return []
    i, j = items.T
    name = CORRELATIONS[measure.kernel]
    return [Side.of(name, matrix.values[i, j].astype(np.float64), items, backend) for matrix in matrices]


def influences(measure: RepresentationMeasure, a: Matrix, b: Matrix, items: np.ndarray) -> np.ndarray:
    """(m + n,): influences of pairs on the score of two unit matrices, and what the jackknife adds for each object.

    As in `pyalign.pairwise.ceilings.jackknifed`.
    """
    n, (i, j) = len(a.values), items.T
    m = len(items)
    product, left, right = _products(a.values, b.values), _products(a.values, a.values), _products(b.values, b.values)
    score = float(product.rows.sum())
    scores = []
    for products in (product, left, right):
        rest = float(products.rows.sum()) - 2.0 * products.rows + products.diagonal
        if measure.centering == "unbiased":
            rest -= 2.0 / (n - 3) * products.rows
        elif measure.centering == "double":
            rest += -2.0 / (n - 1) * (products.rows - products.diagonal) + products.diagonal / (n - 1) ** 2
        scores.append(rest)
    without = scores[0] / np.sqrt(scores[1] * scores[2])
    x, y = a.values[i, j].astype(np.float64), b.values[i, j].astype(np.float64)
    effects = np.empty(m + n)
    effects[:m] = 2.0 * m * (x * y - score * (x * x + y * y) / 2.0)
    sums = (m - (n - 1)) * (score - without)
    effects[m:] = sums - sums_of_objects(effects[None, :m], items, n)[0]
    return effects


@dataclass(frozen=True, eq=False)
class _Products:
    """Products of two matrices (n, n): their sums along rows, and those on the diagonal, (n,) each."""

    rows: np.ndarray
    diagonal: np.ndarray


def _products(a: np.ndarray, b: np.ndarray) -> _Products:
    rows = np.array([np.einsum("i,i->", x, y, dtype=np.float64) for x, y in zip(a, b, strict=True)])
    return _Products(rows, np.diagonal(a).astype(np.float64) * np.diagonal(b))


def halved_errors(
    measure: RepresentationMeasure, rows: Mapping[str, np.ndarray], pairs: Sequence[tuple[int, int]],
    plan: tuple[int, int], backend: BackendName, progress: Progress, order: np.ndarray | None = None,
) -> Variances | str:
    """The errors of the scores of pairs of models by half-samples, or why there are none.

    plan: how many, and their seed.
    """
    count, seed = plan
    n = len(next(iter(rows.values())))
    replicates = np.full((count, len(pairs)), np.nan)
    for row, (half, _) in enumerate(halves(n, count, seed, order)):
        progress("half-samples", row, count)
        some = {name: x[half] for name, x in rows.items()}
        try:
            family = family_of(measure, [x.shape for x in some.values()], backend)
            ready: list[Any] = list(prepared(family, some).values())
        except InputError as error:
            if row == 0:
                return f"in a half of the objects {error}"
            continue
        if row == 0 and _is_saturated(measure, ready, len(half)):
            return f"in a half of the objects, {len(half):,}, some canonical correlations are 1 whatever the models are"
        replicates[row] = [family.score(ready[a], ready[b]) for a, b in pairs]
    return Halved(replicates, n)


def _is_saturated(measure: RepresentationMeasure, ready: Sequence[Any], n: int) -> bool:
    """Whether two models have as many dimensions together as there are rows."""
    if measure.kernel == "procrustes" or not all(isinstance(model, Subspace) for model in ready):
        return False
    return sum(sorted(subspace.columns.shape[1] for subspace in ready)[-2:]) >= n


METHODS = (CORRECTED, HALF_SAMPLES)
MOST_MODELS = 20  # whose differences are taken: of more there are thousands


def require_closed_form(ci: object, measures: Sequence[RepresentationMeasure]) -> None:
    """Raises where a closed form is asked for by name, and a measure has none."""
    if not isinstance(ci, Resampling) or ci.method != CORRECTED:
        return
    for measure in measures:
        if measure.family != "matrix":
            raise InputError(
                f"ci_method corrected applies to measures of matrices, such as debiased-cka; got {measure}"
            )


def is_closed(plan: Resampling, measure: RepresentationMeasure, n: int, models: int) -> bool:
    """Whether errors are in closed form by this plan, of so many models of n objects."""
    return plan.method != HALF_SAMPLES and has_closed_form(measure, n, models)


def halves_of(plan: Resampling, measures: Sequence[RepresentationMeasure], n: int, models: int) -> int | None:
    """How many half-samples are drawn; None where no measure needs any."""
    needed = any(not is_closed(plan, measure, n, models) for measure in measures)
    return (plan.n_resamples or RESAMPLES) if needed else None


def with_intervals(
    similarities: SimilarityMatrix, measure: RepresentationMeasure, rows: Mapping[str, np.ndarray], plan: Resampling,
    backend: BackendName, progress: Progress, order: np.ndarray | None = None,
) -> tuple[SimilarityMatrix, list[str]]:
    """The similarities with intervals, and differences of those that share a model; and sentences about what is not."""
    plan = replace(plan, by="objects")
    n, names = len(next(iter(rows.values()))), similarities.models
    if n < LEAST:
        return similarities, [f"similarities of {n} objects have no interval: it takes at least {LEAST}"]
    of_pairs: dict[tuple[int, int], tuple[Variances, int]] = {}  # where the errors of each score are
    if is_closed(plan, measure, n, len(names)):
        for a, others, errors in closed_errors(measure, rows, backend, progress):
            of_pairs |= {(a, b): (errors, k) for k, b in enumerate(others)}
    else:
        drawn = plan.n_resamples or RESAMPLES
        halved = halved_errors(measure, rows, similarities.pairs, (drawn, plan.seed), backend, progress, order)
        if isinstance(halved, str):
            return similarities, [f"{measure} has no interval: {halved}"]
        of_pairs = {pair: (halved, k) for k, pair in enumerate(similarities.pairs)}
    scores = []
    for a, b in similarities.pairs:
        (errors, place_of_pair), value = of_pairs[a, b], similarities.matrix[a][b]
        scores.append(PairSimilarity(names[a], names[b], value, interval_of(value, errors, place_of_pair, None, plan)))
    notes = []
    differences: list[SimilarityDifference] = []
    if 2 < len(names) <= MOST_MODELS:
        for model in range(len(names)):
            others = [k for k in range(len(names)) if k != model]
            for a, b in combinations(others, 2):
                (errors, first), (_, second) = (
                    of_pairs[model, k] if (model, k) in of_pairs else of_pairs[k, model] for k in (a, b)
                )
                less = similarities.matrix[model][a] - similarities.matrix[model][b]
                test = tested(less, errors, first, second, plan)
                differences.append(SimilarityDifference(names[model], names[a], names[b], less, *test))
    elif len(names) > MOST_MODELS:
        notes.append(f"differences of similarities are left out: there are more than {MOST_MODELS} models")
    return replace(similarities, scores=tuple(scores), differences=tuple(differences)), notes


def corrected(results: Sequence[SimilarityMatrix], correction: Correction) -> tuple[SimilarityMatrix, ...]:
    """The results with p-values of scores corrected over all pairs and measures; of differences, over all of these."""
    known = [
        matrix.p_value[i][j] if matrix.p_value is not None else None for matrix in results for i, j in matrix.pairs
    ]
    of_scores = iter(of_known(known, correction))
    tests = [each for matrix in results for each in matrix.differences or ()]
    of_differences = iter(of_known([each.p_value for each in tests], correction))
    with_adjusted = []
    for matrix in results:
        adjusted = {pair: next(of_scores) for pair in matrix.pairs}
        differences = matrix.differences and tuple(
            replace(x, p_adjusted=next(of_differences)) for x in matrix.differences
        )
        square = None if matrix.p_value is None else _square(matrix, adjusted)
        with_adjusted.append(replace(matrix, p_adjusted=square, differences=differences))
    return tuple(with_adjusted)


def _square(matrix: SimilarityMatrix, values: Mapping[tuple[int, int], float | None]) -> Beside:
    """(m, m), with None on the diagonal."""
    m = range(len(matrix.models))
    return tuple(tuple(values.get((i, j), values.get((j, i))) if i != j else None for j in m) for i in m)
