"""Every two models compared by CKA and its relatives, each similarity with its null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data import Provenance
from pyalign.data.similarities import named_models
from pyalign.errors import InputError
from pyalign.ops.permuted import permutations_of
from pyalign.ops.rows import match_rows
from pyalign.pairwise._families import Family, family_of, long_rows, notes_on, prepared
from pyalign.pairwise.calibrated import ROUNDING, calibrated, checked_permutations, too_few, too_few_together
from pyalign.pairwise.compared import ModelSimilarities, SimilarityMatrix
from pyalign.pairwise.representation import LARGEST, RepresentationMeasure, get_representation_measure
from pyalign.pairwise.scored_pairs import METHODS, corrected, halves_of, require_closed_form, with_intervals
from pyalign.progress import Progress, silent
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import AUTO, OverObjects, Resampling, plan_of
from pyalign.typing import BackendName, Correction

Measure = str | RepresentationMeasure
PERMUTATIONS = 200


def compare_all(
    models: object, measure: Measure | Sequence[Measure], n_permutations: int, alpha: float, seed: int,
    backend: BackendName, progress: Progress = silent, ci: OverObjects = AUTO, correction: Correction = "holm",
) -> ModelSimilarities:  # fmt: skip
    """The similarity of every two models, by each measure; see `pyalign.cka`."""
    given = named_models(models)
    if len(given) < 2:
        raise InputError(f"models must be at least two; got {len(given)}")
    measures = measures_of(measure)
    count, level = checked_permutations(n_permutations, alpha)
    seed = _checks.whole_number(seed, "seed", 0, 2**63 - 1)
    _checks.one_of(correction, tuple(CORRECTIONS), "correction")
    plan = plan_of(ci, ("objects",), METHODS)
    require_closed_form(ci, measures)
    matched = match_rows(given)
    rows = matched.take()
    notes = [*matched.notes, *filter(None, [too_few(count, level)])]
    results = []
    for chosen_measure in measures:
        family = family_of(chosen_measure, [x.shape for x in rows.values()], backend)
        ready = prepared(family, rows)
        notes += notes_on(chosen_measure, ready, rows)
        rounding = max(ROUNDING[x.itemsize] for x in rows.values())
        similarities = _matrix(chosen_measure, family, ready, (count, level, seed, rounding), progress, matched.order)
        if plan is not None:
            similarities, more = with_intervals(
                similarities, chosen_measure, rows, plan, backend, progress, matched.order
            )  # fmt: skip
            notes += [*more, *long_rows(chosen_measure, rows, matched.names)]
        results.append(similarities)
    few = too_few_together(count, level, sum(len(matrix.pairs) for matrix in results), correction)
    notes += [] if few is None else [few]
    drawn = None if plan is None else halves_of(plan, measures, matched.n, len(rows))
    options = {"measure": [str(chosen_measure) for chosen_measure in measures], "permutations": count, "alpha": level,
               "ci": None if plan is None else "objects", "ci_method": None if plan is None else plan.method,
               "resamples": drawn, "correction": correction}  # fmt: skip
    provenance = Provenance.now(given, options, backend, seed)
    return ModelSimilarities(
        corrected(results, correction), matched.n, count, level, seed, None, None if plan is None else "objects", drawn,
        float(Resampling.confidence_level if plan is None else plan.confidence_level), correction,
        notes=tuple(dict.fromkeys(notes)), provenance=provenance,
    )  # fmt: skip


def measures_of(measure: Any) -> tuple[RepresentationMeasure, ...]:
    """One measure or a sequence of them, all known.

    Example:
        >>> [str(measure) for measure in measures_of(["linear-cka", "mutual-knn:5"])]
        ['linear-cka', 'mutual-knn:5']
    """
    given = tuple(measure) if isinstance(measure, list | tuple) else (measure,)
    if not given:
        raise InputError("measure must be at least one; got none")
    measures = tuple(map(get_representation_measure, given))
    without_spelling = [replace(chosen_measure, text="") for chosen_measure in measures]
    _checks.different(without_spelling, measures, "measure")
    return measures


def null_scores(
    family: Family, pairs: Sequence[tuple[Any, Any]], n_permutations: int, seed: int, progress: Progress,
    order: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """(pairs, K) scores with the items of the second model permuted, in the same way for all pairs."""
    nulls = np.empty((len(pairs), n_permutations))
    for part, orders in permutations_of(family.n, n_permutations, seed, order):
        for row, (a, b) in enumerate(pairs):
            progress("permutations", part.start * len(pairs) + row * len(orders), n_permutations * len(pairs))
            nulls[row, part] = family.nulls(a, b, orders)
    return nulls


def _matrix(
    measure: RepresentationMeasure, family: Family, ready: Mapping[str, Any],
    null: tuple[int, float, int, float], progress: Progress, order: np.ndarray | None,
) -> SimilarityMatrix:  # fmt: skip
    """null: permutations, alpha, seed, and what counts as rounding."""
    permutations, alpha, seed, rounding = null
    models = list(ready.values())
    plain = SimilarityMatrix(str(measure), tuple(ready), (), symmetric=measure.symmetric)
    pairs = [(models[i], models[j]) for i, j in plain.pairs]
    scores = []
    for number, (a, b) in enumerate(pairs):
        progress(str(measure), number, len(pairs))
        scores.append(family.score(a, b))
    scored = replace(plain, matrix=_square(plain, scores, LARGEST))
    if not permutations:
        return scored
    nulls = null_scores(family, pairs, permutations, seed, progress, order)
    calibrations = [calibrated(s, row, alpha, LARGEST, rounding) for s, row in zip(scores, nulls, strict=True)]
    return replace(
        scored,
        null_threshold=_square(plain, [calibration.threshold for calibration in calibrations], None),
        calibrated=_square(plain, [calibration.score for calibration in calibrations], None),
        p_value=_square(plain, [calibration.p_value for calibration in calibrations], None),
    )


def _square(matrix: SimilarityMatrix, values: Sequence[float], diagonal: Any) -> Any:
    """(m, m) from the values of the pairs."""
    m = len(matrix.models)
    out = [[diagonal] * m for _ in range(m)]
    for (i, j), value in zip(matrix.pairs, values, strict=True):
        out[i][j] = float(value)
        if matrix.symmetric:
            out[j][i] = float(value)
    return tuple(map(tuple, out))
