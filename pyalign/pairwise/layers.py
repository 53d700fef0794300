"""Layers of one model against layers of another: every pair, and one figure of all that allows for the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np

from pyalign import _checks
from pyalign.data import Provenance
from pyalign.errors import InputError
from pyalign.ops.rows import match_rows
from pyalign.pairwise._families import family_of, notes_on, prepared
from pyalign.pairwise.all_pairs import Measure, null_scores
from pyalign.pairwise.calibrated import ROUNDING, calibrated, checked_permutations, too_few
from pyalign.pairwise.compared import LayerSimilarity
from pyalign.pairwise.representation import LARGEST, get_representation_measure
from pyalign.progress import Progress, silent
from pyalign.typing import BackendName

AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max": lambda scores: scores.max(axis=0),
    "mean": lambda scores: scores.mean(axis=0),
}


def compare_layers(
    layers: object, measure: Measure, aggregate: str, n_permutations: int, alpha: float, seed: int,
    backend: BackendName,
    progress: Progress = silent,
) -> LayerSimilarity:  # fmt: skip
    """The similarity of all layers of a model with all layers of another, and the largest or mean of them, calibrated.

    The best of many pairs of layers is large by itself. Here the same permutation of the items is applied to all layers
    of the second model, and the largest (or the mean) is taken again: what is calibrated is that figure. See
    `pyalign.cka`.

    Source: Gröger, Wen and Brbić, arXiv 2602.14486, algorithm 2.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = ({f"layer {k}": rng.normal(size=(40, 30)) for k in range(5)} for _ in range(2))
        >>> similarity = compare_layers((a, b), "linear-cka", "max", 99, 0.05, 0, "auto")
        >>> round(similarity.value, 3), similarity.calibrated, similarity.p_value
        (0.459, 0.0, 0.9)
    """
    if not isinstance(layers, tuple | list) or len(layers) != 2:
        got = f"{len(layers)} of them" if isinstance(layers, tuple | list) else type(layers).__name__
        raise InputError(f"layers must be those of two models, (first, second); got {got}")
    _checks.one_of(aggregate, tuple(AGGREGATES), "aggregate")
    chosen_measure = get_representation_measure(measure)
    count, level = checked_permutations(n_permutations, alpha)
    _checks.whole_number(n_permutations, "n_permutations", 1)
    seed = _checks.whole_number(seed, "seed", 0, 2**63 - 1)
    sides = [_layers(models, name) for models, name in zip(layers, ("first", "second"), strict=True)]
    matched = match_rows({f"{side}: {layer}": x for side, models in zip(("first", "second"), sides, strict=True)
                          for layer, x in models.items()})  # fmt: skip
    rows = matched.take()
    family = family_of(chosen_measure, [x.shape for x in rows.values()], backend)
    ready = list(prepared(family, rows).values())
    split = len(sides[0])
    pairs = list(product(ready[:split], ready[split:]))
    scores = np.array([family.score(a, b) for a, b in pairs])
    nulls = AGGREGATES[aggregate](null_scores(family, pairs, count, seed, progress, matched.order))
    value = float(AGGREGATES[aggregate](scores))
    calibration = calibrated(value, nulls, level, LARGEST, max(ROUNDING[x.itemsize] for x in rows.values()))
    notes = [*matched.notes, *filter(None, [too_few(count, level)]),
             *notes_on(chosen_measure, {str(k): x for k, x in enumerate(ready)}, rows)]  # fmt: skip
    options = {"measure": str(chosen_measure), "aggregate": aggregate, "permutations": count, "alpha": level}
    inputs = [(layer, x) for models in sides for layer, x in models.items()]
    return LayerSimilarity(
        str(chosen_measure), tuple(sides[0]), tuple(sides[1]), tuple(map(tuple, scores.reshape(split, -1).tolist())),
        aggregate, value, calibration.threshold, calibration.score, calibration.p_value, matched.n, count, level, seed,
        notes=tuple(dict.fromkeys(notes)), provenance=Provenance.now(inputs, options, backend, seed),
    )  # fmt: skip


def _layers(models: Mapping[str, object], name: str) -> dict[str, object]:
    if not isinstance(models, Mapping):
        raise InputError(f"layers of the {name} model must map names to embeddings; got {type(models).__name__}")
    if not models:
        raise InputError(f"layers of the {name} model must be at least one; got none")
    return _checks.by_name(models, f"layers of the {name} model")
