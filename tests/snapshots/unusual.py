"""Results that show what others do not: anchored triplets, many models, missing objects, maps, counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from every_document import LABELS, NAMES, inputs
from result_variants import CLOSED, COUNTS, TRIPLETS, N, X, answered, transform, with_nan
from support import reals

import pyalign
from pyalign.data import Transform

MANY = 11  # models
TABLE = [
    {"model": f"m{k}", "group": f"g{k // 2}" if k < 4 else f"m{k}", "seed": k % 2 if k < 4 else None,
     "imagenet": f"{50 + 3 * k}%", "parameters": f"{k + 1}M", "objective": "xy"[k % 2]}
    for k in range(MANY)
]


def weighted():
    """Answers to triplets that were not equally likely to be presented."""
    triplets = answered()
    weights = np.where(triplets.sum(axis=1) % 3 == 0, 2.0, 0.7)
    repeated, of_three = np.tile(triplets, (3, 1)), np.tile(weights, 3)
    return {
        "score": pyalign.score(X, triplets, weights=weights),
        "compare": pyalign.compare({"a": X, "b": X[:, :2]}, triplets, weights=weights),
        "calibrate": pyalign.calibrate(X, triplets, weights=weights, split=None),
        "ceiling": pyalign.noise_ceiling(repeated, weights=of_three),
    }


def unusual_results():
    """name -> result."""
    human, models, answers, _ = inputs()
    names = tuple(f"o{k}" for k in range(N))
    anchored = pyalign.Triplets(TRIPLETS, task="anchored", names=names)
    asked = pyalign.Triplets(TRIPLETS, names=names)
    two = {"a": pyalign.Embeddings(X, names), "b": pyalign.Embeddings(X[:, :2], names)}
    fewer = {"a": pyalign.Embeddings(X[:20], names[:20]), "b": pyalign.Embeddings(X[:22, :2], names[:22])}
    many = {f"m{k}": X + (0.2 + 0.3 * k) * reals(20 + k, N, 4) for k in range(MANY)}
    dimensions = np.abs(reals(9, N, 4))
    holed = {"a": with_nan(), "b": -X}
    clip = next(iter(models.values()))
    turn = Transform(np.diag([1.0, 2.0, 1.0, 1.0]), None, 0.0, 1.0, source="W.npz")
    few = {name: many[name] for name in [*many][:5]}
    compared = pyalign.compare(many, answered(), ci=CLOSED)
    found = {
        "anchored score": pyalign.score(two, anchored, ci=CLOSED),
        "anchored compare": pyalign.compare(two, anchored, ci=CLOSED),
        "anchored failures": replace(pyalign.find_failures(two, anchored, limit=3), triplets="anchored.npy"),
        "anchored calibrate": pyalign.calibrate(two, anchored),
        "layers compare": pyalign.compare({f"net::layer {k}": few[f"m{k}"] for k in range(3)}, answered(), ci=CLOSED,
                                          choose_best=True),
        "many compare": pyalign.compare(many, answered(), ci=None),
        "many consistency": pyalign.error_consistency(many, answered(), ci=None),
        "many concepts": pyalign.score_concepts(few, answered(), dimensions[:, :2], ci=CLOSED),
        "families concepts": pyalign.score_concepts({name: few[name] for name in ("m0", "m1", "m4")}, answered(),
                                                    dimensions[:, :2], ci=CLOSED, families=["near", "near", "far"]),
        "many predict": pyalign.predict_dimensions(few, dimensions[:, :2], folds=4),
        "many metadata": pyalign.regress_metadata(compared, TABLE),
        "scores metadata": pyalign.regress_metadata(compared, others=pyalign.score(many, answered(), measure="dot")),
        "missing score": pyalign.score(fewer, asked, missing="omit", ci=None),
        "missing compare": pyalign.compare(fewer, asked, missing="omit"),
        "NaN compare": pyalign.compare(holed, TRIPLETS, nan_policy="omit"),
        "NaN calibrate": pyalign.calibrate(holed, TRIPLETS, nan_policy="omit"),
        "NaN agreement": pyalign.agreement(holed, TRIPLETS, answers=COUNTS, nan_policy="omit"),
        "NaN concepts": pyalign.score_concepts(holed, TRIPLETS, dimensions[:, :3], nan_policy="omit"),
        "NaN consistency": pyalign.error_consistency(holed, TRIPLETS, nan_policy="omit", ci=None),
        "NaN failures": pyalign.find_failures(holed, TRIPLETS, nan_policy="omit", limit=3, ties="wrong"),
        "counts calibrate": pyalign.calibrate(X, TRIPLETS, answers=COUNTS[:, [0, 2, 1]]),
        **{f"weighted {name}": one for name, one in weighted().items()},
        "mapped concepts": pyalign.score_concepts(clip, answers, human, dimension_labels=LABELS, transform=turn),
        "many neighbors": pyalign.neighbors(clip, list(NAMES[:21]), 3),
        "mapped score": pyalign.score({"a": X, "b": -X}, TRIPLETS, transform=transform(), ci=None),
        "one matrix rsa": pyalign.rsa(two, np.square(X[:, None] - X).sum(axis=2), kind="dissimilarity", rdms=True),
        "matrix score": pyalign.score(matrix=np.square(X[:, None] - X).sum(axis=2), triplets=TRIPLETS,
                                      kind="dissimilarity", ci=None),
        "without triplets predict": pyalign.predict_dimensions({"a": X}, dimensions[:, :4], folds=4, ci=None),
    }
    return {f"unusual: {name}": one for name, one in found.items()}
