"""Scores calibrated against chance: what is left of a similarity above the largest that unrelated models reach.

Layers of one model against layers of another: every pair, and one figure of all that allows for the search.
Every two models compared by CKA and its relatives, each similarity with its null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._checks import whole_number
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter, silent
from pyalign.data import Provenance
from pyalign.data.similarities import named_models
from pyalign.errors import InputError
from pyalign.ops.resample import permutations_of
from pyalign.ops.similarity import match_rows
from pyalign.pairwise._families import Family, family_of, long_rows, notes_on, prepared
from pyalign.pairwise.rdms import LARGEST, RepresentationMeasure, get_representation_measure
from pyalign.pairwise.rsa_result import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from pyalign.pairwise.scored_pairs import METHODS, corrected, halves_of, require_closed_form, with_intervals
from pyalign.stats.resampling import AUTO, LEVEL, Inference, OverObjects, plan_of
from pyalign.typing import BackendName, Correction, EmbeddingsLike

MOST = 10_000_000  # permutations
SLACK = 1e-9  # of (1 - alpha) (K + 1), which is often whole but for rounding
ROUNDING = {4: 4e-6, 8: 1e-12}  # by bytes of a number: scores that differ by less are the same


@dataclass(frozen=True)
class Calibrated:
    """A score next to its null."""

    threshold: float  # what a share alpha of nulls, with the score among them, lies above.
    score: float  # how much of the way from there to the largest possible score; 0 below the threshold.
    p_value: float  # of "the rows of the two have nothing to do with each other"; at least 1 / (K + 1).


def calibrated(
    observed: float, nulls: np.ndarray, alpha: float = 0.05, largest: float = 1.0, rounding: float = ROUNDING[8]
) -> Calibrated:
    """A score calibrated against K scores under permutations.

    Args:
        observed: the score.
        nulls: (K,) scores after permutations of the items of one model.
        alpha: the share of unrelated models whose calibrated score may be above 0.
        largest: the largest possible score.
        rounding: scores that differ by no more count as equal.

    Returns:
        The threshold is the order statistic ceil((1 - alpha) (K + 1)) of the K + 1 values, the calibrated score
        clip((s - threshold) / (largest - threshold), 0, 1), the p-value (1 + #{null >= s}) / (K + 1).

    Source: Gröger, Wen and Brbić, "Revisiting the Platonic Representation Hypothesis: An Aristotelian View", arXiv
    2602.14486, algorithm 1.
    """
    values = np.sort(np.append(nulls, observed))
    threshold = float(values[math.ceil((1 - alpha) * len(values) - SLACK) - 1])
    room = largest - threshold
    score = float(np.clip((observed - threshold) / room, 0.0, 1.0)) if room > rounding else 0.0
    return Calibrated(threshold, score if score * room > rounding else 0.0, upper_p(nulls, observed, rounding))


def upper_p(nulls: np.ndarray, observed: float, rounding: float = ROUNDING[8]) -> float:
    """(1 + the number of nulls at least as large) / (1 + their number); rounding does not part equal ones.

    A null that is not defined counts as one of them.
    """
    return float(1 + (~(nulls < observed - rounding)).sum()) / (1 + len(nulls))


class Null(NamedTuple):
    """What scores are calibrated with."""

    permutations: int
    alpha: float
    seed: int

    @classmethod
    def of(cls, n_permutations: object, confidence_level: object, seed: object) -> Null:
        """Checks the arguments of `pyalign.cka`.

        Example:
            >>> Null.of(200, 0.95, 0)
            Null(permutations=200, alpha=0.05, seed=0)
        """
        alpha = 1 - _checks.fraction(confidence_level, "confidence_level")
        count = whole_number(n_permutations, "n_permutations", 0, MOST)
        return cls(count, round(alpha, 12) or alpha, whole_number(seed, "seed", 0, 2**63 - 1))


def too_few(n_permutations: int, alpha: float) -> str | None:
    """A sentence where so few permutations let no score above the threshold.

    Example:
        >>> too_few(10, 0.05)
        '10 permutations let no calibrated score above 0 at alpha = 0.05: that takes at least 19'
        >>> too_few(19, 0.05) is None
        True
    """
    if not n_permutations or alpha * (n_permutations + 1) >= 1 - SLACK:
        return None
    least = math.ceil(1 / alpha - SLACK) - 1
    limitation = f"let no calibrated score above 0 at alpha = {alpha:g}: that takes at least {least:,}"
    return f"{n_permutations:,} permutations {limitation}"


def too_few_together(n_permutations: int, alpha: float, tests: int, correction: str) -> str | None:
    """A sentence where so few permutations let no p-value that Holm's correction over all tests leaves below alpha.

    Example:
        >>> too_few_together(200, 0.05, 45, "holm")
        "200 permutations let no p-value of 45 below alpha = 0.05 by Holm's correction: that takes at least 899"
        >>> too_few_together(200, 0.05, 3, "holm"), too_few_together(200, 0.05, 45, "benjamini-hochberg")
        (None, None)
    """
    if not n_permutations or correction != "holm" or tests < 2 or tests <= alpha * (n_permutations + 1) + SLACK:
        return None
    least = math.ceil(tests / alpha - SLACK) - 1
    below = f"of {tests:,} below alpha = {alpha:g} by Holm's correction: that takes at least {least:,}"
    return f"{n_permutations:,} permutations let no p-value {below}"


AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max": lambda scores: scores.max(axis=0), "mean": lambda scores: scores.mean(axis=0)
}


Measure = str | RepresentationMeasure
PERMUTATIONS = 200


@_checks.checked
def layer_similarity(
    x: Mapping[str, EmbeddingsLike], y: Mapping[str, EmbeddingsLike], *, aggregate: Literal["max", "mean"] = "max",
    measure: Measure = "debiased-cka", n_permutations: int = PERMUTATIONS, confidence_level: float = 0.95,
    seed: int = 0, backend: BackendName = "auto", progress: Progress | None = None,
) -> LayerSimilarity:
    """Compute the similarity of all layers of a model with all layers of another, and calibrate the best of them.

    The best of many pairs of layers is large by itself. Here the same permutation of the items is applied to all layers
    of the second model, and the largest (or the mean) is taken again: what is calibrated is that figure.

    Args:
        x: name -> (n, d) embeddings, the layers of one model.
        y: those of the other model, of the same n items.
        aggregate: what is calibrated: the ``"max"`` or the ``"mean"`` over all pairs of layers.
        measure: one of the measures of `pyalign.cka`.
        n_permutations: the number of permutations, at least 1.
        confidence_level, seed, backend, progress: as in `pyalign.cka`.

    Raises:
        InputError: no layers, or layers of other items; as `pyalign.cka`.

    Source: Gröger, Wen and Brbić, arXiv 2602.14486, algorithm 2.

    Example:
        >>> import numpy as np, pyalign
        >>> rng = np.random.default_rng(0)
        >>> x, y = ({f"layer {k}": rng.normal(size=(40, 30)) for k in range(5)} for _ in range(2))
        >>> similarity = pyalign.layer_similarity(x, y, measure="linear-cka", n_permutations=99)
        >>> round(similarity.value, 3), similarity.calibrated, similarity.p_value
        (0.459, 0.0, 0.9)
    """
    chosen_measure = get_representation_measure(measure)
    count, level, seed = Null.of(n_permutations, confidence_level, seed)
    whole_number(count, "n_permutations", 1, MOST)
    sides = [_layers(x, "x"), _layers(y, "y")]
    matched = match_rows({f"{side}: {layer}": rows for side, models in zip("xy", sides, strict=True)
                          for layer, rows in models.items()})
    rows = matched.take()
    family = family_of(chosen_measure, [x.shape for x in rows.values()], backend)
    ready = list(prepared(family, rows).values())
    split = len(sides[0])
    pairs = list(product(ready[:split], ready[split:]))
    scores = np.array([family.score(a, b) for a, b in pairs])
    nulls = AGGREGATES[aggregate](null_scores(family, pairs, count, seed, reporter(progress), matched.order))
    value = float(AGGREGATES[aggregate](scores))
    calibration = calibrated(value, nulls, level, LARGEST, max(ROUNDING[x.itemsize] for x in rows.values()))
    notes = [*matched.notes, *filter(None, [too_few(count, level)]),
             *notes_on(chosen_measure, {str(k): x for k, x in enumerate(ready)}, rows)]
    options = {"measure": str(chosen_measure), "aggregate": aggregate, "permutations": count, "alpha": level}
    inputs = [(layer, x) for models in sides for layer, x in models.items()]
    return LayerSimilarity(
        str(chosen_measure), tuple(sides[0]), tuple(sides[1]), tuple(map(tuple, scores.reshape(split, -1).tolist())),
        aggregate, value, calibration.threshold, calibration.score, calibration.p_value, matched.n, count, level, seed,
        notes=tuple(dict.fromkeys(notes)), provenance=Provenance.now(inputs, options, backend, seed),
    )


def _layers(models: object, name: str) -> dict[str, object]:
    if not isinstance(models, Mapping):
        raise InputError(f"{name} must map names of layers to embeddings; got {type(models).__name__}")
    if not models:
        raise InputError(f"{name} must hold at least one layer; got none")
    return _checks.by_name(models, name)


def compare_all(
    models: object, measure: Measure | Sequence[Measure], null: Null, backend: BackendName,
    progress: Progress = silent, ci: OverObjects = AUTO, correction: Correction = "holm",
) -> ModelSimilarities:
    """The similarity of every two models, by each measure; see `pyalign.cka`."""
    given = named_models(models)
    if len(given) < 2:
        raise InputError(f"models must be at least two; got {len(given)}")
    measures = measures_of(measure)
    count, level, seed = null
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
            )
            notes += [*more, *long_rows(chosen_measure, rows, matched.names)]
        results.append(similarities)
    few = too_few_together(count, level, sum(len(matrix.pairs) for matrix in results), correction)
    notes += [] if few is None else [few]
    drawn = None if plan is None else halves_of(plan, measures, matched.n, len(rows))
    options = {"measure": [str(chosen_measure) for chosen_measure in measures], "permutations": count, "alpha": level,
               "ci": None if plan is None else "objects", "ci_method": None if plan is None else plan.method,
               "resamples": drawn, "correction": correction}
    provenance = Provenance.now(given, options, backend, seed)
    level_of, over = (LEVEL, None) if plan is None else (float(plan.confidence_level), "objects")
    return ModelSimilarities(
        corrected(results, correction), matched.n, count, level, None, correction,
        inference=Inference(over, level=level_of, resamples=drawn, seed=seed),
        notes=tuple(dict.fromkeys(notes)), provenance=provenance,
    )


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
) -> np.ndarray:
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
) -> SimilarityMatrix:
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
