"""Rows that are hard to search, and the order of all scores."""

from __future__ import annotations

import numpy as np


def sorted_by(s, k, own=None):
    """The k largest of each row, of equal ones the lower column first."""
    s = s.copy()
    if own is not None:
        s[np.arange(len(s)), own] = -np.inf
    return np.argsort(-s, axis=1, kind="stable")[:, :k]


def compared(measure):
    """Distances are ordered by their squares."""
    return "neg_sqeuclidean" if measure.startswith(("neg", "rbf")) else measure


def hard_cases():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(600, 24))
    many = x.copy()
    many[50:550] = many[3]
    zeros = x.copy()
    zeros[::3] = 0
    return {
        "500 equal rows": many.astype(np.float32),
        "all rows equal": np.ones((200, 5), np.float32),
        "near ties": (x[rng.integers(0, 5, 600)] + 1e-7 * x).astype(np.float64),
        "nearer than float32 tells": x[rng.integers(0, 5, 600)] + 1e-12 * x,
        "mean 1,000": (x + 1000).astype(np.float32),
        "mean 1e9": x + 1e9,
        "scales in float32": (x * 10.0 ** rng.integers(-30, 31, (600, 1))).astype(np.float32),
        "scales in float64": x * 10.0 ** rng.integers(-150, 150, (600, 1)),
        "all tiny": (1e-30 * x).astype(np.float32),
        "all large": (1e30 * x).astype(np.float32),
        "zero rows": zeros.astype(np.float32),
        "one feature": rng.integers(-2, 3, (300, 1)).astype(np.float32),
    }


HARD = hard_cases()
