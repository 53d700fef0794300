"""Models compared with each other: CKA and its relatives, of all pairs, each beside its null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data import Provenance
from pyalign.errors import InputError
from pyalign.ops.permuted import permutations_of
from pyalign.ops.rows import match_rows
from pyalign.pairwise._families import Family, family_of, notes_on, prepared
from pyalign.pairwise.calibrated import ROUNDING, calibrated, checked_permutations, too_few
from pyalign.pairwise.compared import ModelSimilarities, SimilarityMatrix
from pyalign.pairwise.representation import (
    LARGEST,
    RepresentationMeasure,
    get_representation_measure,
)
from pyalign.progress import Progress, silent

Measure = str | RepresentationMeasure
PERMUTATIONS = 200


def cka(
    models: Mapping[str, object],
    *,
    measure: Measure | Sequence[Measure] = "debiased-cka",
    permutations: int = PERMUTATIONS,
    alpha: float = 0.05,
    seed: int = 0,
    backend: str = "auto",
    progress: Progress = silent,
) -> ModelSimilarities:
    """How similar models are to each other, by CKA or a relative of it, and how much of that is more than chance.

    Args:
        models: name -> (n, d) embeddings of the same n items, of any numbers of features; at least two. Those with
            names are matched by name, others are taken to have their rows in the same order.
        measure: one of `REPRESENTATION_MEASURES` or several. ``rbf-cka:0.5`` has half the median distance for a
            bandwidth, ``rbf-cka:sigma=2`` that distance itself; ``mutual-knn:20`` and ``cknna:20`` 20 neighbours;
            ``svcca:20`` 20 components, ``svcca:0.95`` those with so much of the variance; ``rsa-spearman:cosine``
            cosines in place of Pearson correlations.
        permutations: of the items of one model, K; 0: no null.
        alpha: the share of unrelated models whose calibrated score may be above 0.
        seed: of the permutations, which are the same for all pairs and all measures.
        backend: what computes on the host; embeddings on a device are brought there.
        progress: called with a stage, how much of it is done, and of how much.

    Returns:
        A `ModelSimilarities` with a `SimilarityMatrix` for each measure. The threshold of a pair is the order statistic
        ceil((1 - alpha) (K + 1)) of its score and its K nulls, its calibrated score
        clip((s - threshold) / (1 - threshold), 0, 1), its p-value (1 + #{null >= s}) / (K + 1). Values that differ by
        rounding alone count as equal.

    Raises:
        InputError: fewer than two models, or of other items; NaN or infinity; an unknown measure; a model to which a
            measure does not apply, such as one whose rows are all the same.
        MissingExtraError: a measure of singular values without scipy.

    Source: Kornblith et al., "Similarity of neural network representations revisited", ICML 2019; Song et al., JMLR
    2012 (debiased); Gröger, Wen and Brbić, arXiv 2602.14486 (calibration); others in `REPRESENTATION_MEASURES`.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(50, 8))
        >>> found = pyalign.cka({"a": a, "turned": a[:, ::-1] * 3, "other": rng.normal(size=(50, 200))})
        >>> [round(score, 3) for score in found[0].matrix[0]]
        [1.0, 1.0, 0.029]
        >>> found[0].calibrated[0][1] > 0.9, found[0].calibrated[0][2]
        (True, 0.0)
    """
    given = _checks.named_models(models)
    if len(models) < 2:
        raise InputError(f"models must be at least two; got {len(models)}")
    measures = measures_of(measure)
    count, level = checked_permutations(permutations, alpha)
    seed = _checks.whole_number(seed, "seed", 0, 2**63 - 1)
    matched = match_rows(given)
    rows = matched.take()
    notes = [*matched.notes, *filter(None, [too_few(count, level)])]
    results = []
    for one in measures:
        family = family_of(one, [x.shape for x in rows.values()], backend)
        ready = prepared(family, rows)
        notes += notes_on(one, ready, rows)
        rounding = max(ROUNDING[x.itemsize] for x in rows.values())
        results.append(_matrix(one, family, ready, (count, level, seed, rounding), progress))
    options = {"measure": [str(one) for one in measures], "permutations": count, "alpha": level}
    provenance = Provenance.now(given, options, backend, seed)
    told = tuple(dict.fromkeys(notes))
    return ModelSimilarities(tuple(results), matched.n, count, level, seed, notes=told, provenance=provenance)


def measures_of(measure: Any) -> tuple[RepresentationMeasure, ...]:
    """One measure or a sequence of them, all known.

    Example:
        >>> [str(one) for one in measures_of(["linear-cka", "mutual-knn:5"])]
        ['linear-cka', 'mutual-knn:5']
    """
    given = tuple(measure) if isinstance(measure, list | tuple) else (measure,)
    if not given:
        raise InputError("measure must be at least one; got none")
    found = tuple(map(get_representation_measure, given))
    _checks.different([replace(one, text="") for one in found], found, "measure")  # however it is spelled
    return found


def null_scores(
    family: Family, pairs: Sequence[tuple[Any, Any]], permutations: int, seed: int, progress: Progress
) -> np.ndarray:
    """(pairs, K) scores with the items of the second model permuted, in the same way for all pairs."""
    nulls = np.empty((len(pairs), permutations))
    for part, orders in permutations_of(family.n, permutations, seed):
        for row, (a, b) in enumerate(pairs):
            progress("permutations", part.start * len(pairs) + row * len(orders), permutations * len(pairs))
            nulls[row, part] = family.nulls(a, b, orders)
    return nulls


def _matrix(
    measure: RepresentationMeasure, family: Family, ready: Mapping[str, Any],
    null: tuple[int, float, int, float], progress: Progress,
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
    found = replace(plain, matrix=_square(plain, scores, LARGEST))
    if not permutations:
        return found
    nulls = null_scores(family, pairs, permutations, seed, progress)
    told = [calibrated(s, row, alpha, LARGEST, rounding) for s, row in zip(scores, nulls, strict=True)]
    return replace(
        found,
        null_threshold=_square(plain, [one.threshold for one in told], None),
        calibrated=_square(plain, [one.score for one in told], None),
        p_value=_square(plain, [one.p_value for one in told], None),
    )


def _square(found: SimilarityMatrix, values: Sequence[float], diagonal: Any) -> Any:
    """(m, m) from the values of the pairs."""
    m = len(found.models)
    out = [[diagonal] * m for _ in range(m)]
    for (i, j), value in zip(found.pairs, values, strict=True):
        out[i][j] = float(value)
        if found.symmetric:
            out[j][i] = float(value)
    return tuple(map(tuple, out))
