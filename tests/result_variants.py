"""Small results of the commands that score, compare and calibrate models, in all variants that they have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support import draw_triplets, reals

import pyalign
from pyalign.data import Categories, TrainedOn, Transform

N, T = 25, 300
X, TRIPLETS = reals(1, N, 4), draw_triplets(2, N, T, np.int32)
PEOPLE = np.random.default_rng(3).integers(0, 6, T)
LABELS = np.random.default_rng(4).choice(["animal", "tool"], T)
COUNTS = np.random.default_rng(5).integers(1, 9, (T, 3))
PLAN = pyalign.Resampling("objects", "bootstrap", 64, 0.9, seed=5)
CLOSED = pyalign.Resampling("objects", confidence_level=0.9, seed=5)
BOTH = replace(CLOSED, by="objects+subjects")


def transform():
    trained = TrainedOn.of(
        X, TRIPLETS[:100], measure="dot", temperature=2.0, held_out={"accuracy": 0.5, "over": "objects"}
    )
    return Transform(np.eye(4, 2), None, 0.0, 1.0, trained, "W.npz")


def answered():
    """The triplets with the item last that a noisy copy of X calls odd."""
    columns = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    return np.take_along_axis(TRIPLETS, columns[pyalign.odd_one_out(X + reals(6, N, 4), TRIPLETS)], axis=1)


def with_nan():
    x = X.copy()
    x[3] = np.nan
    return x


MAKERS = {
    "score": lambda: pyalign.score(X, TRIPLETS, ci=None),
    "score over objects": lambda: pyalign.score(X, TRIPLETS, ci=PLAN, groups=LABELS, ceiling=0.7, n_permutations=5),
    "score over triplets": lambda: pyalign.score(X, TRIPLETS, ci=replace(PLAN, by="triplets"), ties="wrong"),
    "score over subjects": lambda: pyalign.score(X, TRIPLETS, ci=replace(PLAN, by="subjects"), subjects=PEOPLE),
    "closed form": lambda: pyalign.score(X, TRIPLETS, ci=CLOSED, groups=LABELS),
    "score over both": lambda: pyalign.score(X, TRIPLETS, ci=BOTH, subjects=PEOPLE),
    "score without an interval": lambda: pyalign.score(X, TRIPLETS[:1], ci=CLOSED),
    "score of categories": lambda: pyalign.score(X, TRIPLETS, ci=None, groups=Categories.of(["a", "b"] * 12 + ["a"])),
    "score through a map": lambda: pyalign.score(X, TRIPLETS, ci=None, transform=transform()),
    "score without NaN": lambda: pyalign.score(with_nan(), TRIPLETS, nan_policy="omit", ci=PLAN),
    "score without answers": lambda: pyalign.score(X, pyalign.Triplets(TRIPLETS, answered=False), keep=["choices"]),
    "scores": lambda: pyalign.score({"a": X, "b": X[:, :2]}, TRIPLETS, measure=["cosine", "rbf:2.5"], ci=PLAN),
    "one score in scores": lambda: pyalign.score({"a": X}, TRIPLETS, ci=None, groups=LABELS),
    "comparison": lambda: pyalign.compare({"a": X, "b": X[:, :2], "c": -X}, TRIPLETS, ci=PLAN),
    "comparison in closed form": lambda: pyalign.compare(
        {"a": X, "b": X[:, :2], "c": -X}, TRIPLETS, ci=BOTH, subjects=PEOPLE, choose_best=True
    ),
    "comparison for the false discovery rate": lambda: pyalign.compare(
        {"a": X, "b": X[:, :2], "c": -X}, TRIPLETS, ci=CLOSED, correction="benjamini-hochberg"
    ),
    "comparison without intervals": lambda: pyalign.compare({"a": X, "b": -X}, TRIPLETS[:1], ci=CLOSED),
    "comparison over people": lambda: pyalign.compare(
        {"a": X, "b": X[:, :2]}, TRIPLETS, ci=replace(PLAN, by="subjects"), subjects=PEOPLE
    ),
    "comparison of the same": lambda: pyalign.compare({"a": np.ones((N, 2)), "b": np.ones((N, 2))}, TRIPLETS, ci=PLAN),
    "permutation": lambda: pyalign.permutation_test(X, TRIPLETS, n_permutations=9, confidence_level=0.8),
    "one permutation": lambda: pyalign.permutation_test(X, TRIPLETS, n_permutations=1),
    "calibration": lambda: pyalign.calibrate(X, answered(), split="triplets"),
    "calibrations": lambda: pyalign.calibrate({"a": X}, answered(), measure=["cosine", "dot"], split=None),
    "agreement": lambda: pyalign.agreement(X, TRIPLETS, answers=COUNTS),
    "agreements": lambda: pyalign.agreement({"a": X, "b": -X}, TRIPLETS, answers=COUNTS),
    "ceiling": lambda: pyalign.noise_ceiling(TRIPLETS, answers=COUNTS),
    "failures": lambda: pyalign.find_failures({"a": X, "b": X[:, :2]}, TRIPLETS, subjects=PEOPLE),
    "two failures": lambda: pyalign.find_failures({"a": X, "b": X[:, :2]}, TRIPLETS, subjects=PEOPLE, limit=2),
}
