"""Embeddings with known dimensions, and answers to triplets by their softmax."""

from __future__ import annotations

import numpy as np


def planted(n, d, t, seed=0, scale=2.2, share=0.3):
    """(n, d) sparse non-negative rows, and (t, 3) answers drawn by softmax of inner products, the odd one last."""
    rng = np.random.default_rng(seed)
    rows = scale * rng.uniform(0.5, 1.0, (n, d)) * (rng.uniform(size=(n, d)) < share)
    rows[np.arange(n), rng.integers(0, d, n)] = scale  # each object has a dimension
    triplets = np.argsort(rng.uniform(size=(t, n)), axis=1)[:, :3] if n < 200 else distinct(rng, n, t)
    return rows, answered(rows, triplets, rng)


def distinct(rng, n, t):
    """(t, 3) different objects."""
    drawn = rng.integers(0, n, (2 * t + 100, 3))
    kept = (drawn[:, 0] != drawn[:, 1]) & (drawn[:, 0] != drawn[:, 2]) & (drawn[:, 1] != drawn[:, 2])
    return drawn[kept][:t]


def answered(rows, triplets, rng):
    """The triplets with the odd one last, drawn by softmax of the inner products."""
    s = similarities_of(rows, triplets)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    odd = (
        (rng.uniform(size=len(s))[:, None] > (p / p.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1).clip(max=2)
    )
    order = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
    return np.take_along_axis(triplets, order, axis=1).astype(np.int32)


def similarities_of(rows, triplets):
    """(t, 3) the inner products of the two others, where each position is odd."""
    a, b, c = (rows[triplets[:, k]] for k in range(3))
    return np.stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)], axis=1)


def reference(rows, triplets, shrinkage, sparsity, answers=None):
    """The objective and its derivative as plain loops, as the documentation states them."""
    answers = np.tile([0.0, 0.0, 1.0], (len(triplets), 1)) if answers is None else answers
    value, slope = 0.0, np.zeros_like(rows)
    for (i, j, k), y in zip(triplets, answers, strict=True):
        pairs = ((j, k), (i, k), (i, j))
        s = np.array([rows[a] @ rows[b] for a, b in pairs])
        p = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
        value -= float(y @ np.log(p))
        for (a, b), residual in zip(pairs, y.sum() * p - y, strict=True):
            slope[a] += residual * rows[b]
            slope[b] += residual * rows[a]
    value, slope = value / answers.sum(), slope / answers.sum()
    value += shrinkage * (rows**2).sum() + sparsity / len(rows) * rows.sum()
    return value, slope + 2 * shrinkage * rows + sparsity / len(rows)
