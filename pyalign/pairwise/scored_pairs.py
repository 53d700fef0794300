"""Similarities of models with intervals over objects, and whether a model is more like one than like another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from pyalign.errors import InputError
from pyalign.pairwise.compared import Beside, PairSimilarity, SimilarityDifference, SimilarityMatrix
from pyalign.pairwise.intervals import Variances, interval_of, tested
from pyalign.pairwise.representation import RepresentationMeasure
from pyalign.pairwise.similarity_errors import LEAST, closed_errors, halved_errors, has_closed_form
from pyalign.progress import Progress
from pyalign.stats.halves import RESAMPLES
from pyalign.stats.multiple import corrected as of_known
from pyalign.stats.resampling import CORRECTED, HALF_SAMPLES, Resampling
from pyalign.typing import BackendName, Correction

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


def halves_of(
    plan: Resampling, measures: Sequence[RepresentationMeasure], n: int, models: int
) -> int | None:  # fmt: skip
    """How many half-samples are drawn; None where no measure needs any."""
    needed = any(not is_closed(plan, measure, n, models) for measure in measures)
    return (plan.n_resamples or RESAMPLES) if needed else None


def with_intervals(
    similarities: SimilarityMatrix, measure: RepresentationMeasure, rows: Mapping[str, np.ndarray], plan: Resampling,
    backend: BackendName, progress: Progress, order: np.ndarray | None = None,
) -> tuple[SimilarityMatrix, list[str]]:  # fmt: skip
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
