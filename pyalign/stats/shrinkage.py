"""Variances of the differences of several means, each drawn toward what all of them say together.

A is the sum of squares of a difference over objects (or people), and F its variance if rows were independent: near-
copies differ on few rows, so what differences have in common is r = A / F. With d degrees of freedom of A,

    A' = F (d0 mean(r) + d r) / (d0 + d)      has d0 + d.

d is 3 (sum S^2)^2 / sum S^4 of the sums S of objects, at most that of the design: models may differ on a few objects
only. d0 follows from how much more ratios spread than chance explains. It is at most (K - 1) d, for differences share
means: K = tr(C)^2 / tr(C^2) of the covariance C of the means about their mean.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", 2004; K is that of Greenhouse and Geisser, "On methods in the analysis of profile data", 1959.
"""

from __future__ import annotations

import math

import numpy as np

LEAST = 2.0  # own degrees of freedom


def shrunken(
    squares: np.ndarray, floor: np.ndarray, sums: np.ndarray, covariance: np.ndarray, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of differences, drawn toward their mean, and their degrees of freedom.

    Args:
        squares, floor: (k, k): A and F of the differences of two means; where F is 0, A stays.
        sums: (g, k) of the residuals of each object, or participant.
        covariance: (k, k): C, whose differences are A.
        most: degrees of freedom of A by the design.

    Example:
        >>> a, few = np.array([[0.0, 4, 5], [4, 0, 3], [5, 3, 0]]), np.random.default_rng(0).normal(size=(40, 3))
        >>> drawn, degrees = shrunken(a, np.ones((3, 3)) - np.eye(3), few, np.eye(3), 39.0)
        >>> drawn[0].round(1).tolist(), bool(degrees[0, 1] > 39)
        ([0.0, 4.0, 4.5], True)
    """
    pairs = np.triu(floor > 0.0, 1)
    if pairs.sum() < 2:
        return squares, np.full(squares.shape, most)
    powers, cubes = sums**2, (sums**3).T @ sums
    second, fourth = powers.sum(axis=0), (powers**2).sum(axis=0)
    second = second[:, None] + second - 2.0 * (sums.T @ sums)
    fourth = fourth[:, None] + fourth - 4.0 * (cubes + cubes.T) + 6.0 * (powers.T @ powers)
    own = np.divide(3.0 * second**2, fourth, out=np.full_like(fourth, most), where=fourth > 0.0)
    own = np.clip(own, min(LEAST, most), most)
    ratios = np.divide(squares, floor, out=np.zeros_like(squares), where=floor > 0.0)
    r, d, k = ratios[pairs], own[pairs], len(squares)
    mean, usual = float(r.mean()), float(1.0 / (1.0 / d).mean())
    centred = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None] + covariance.mean()
    total = float(np.trace(centred)) ** 2
    product = (float((centred**2).sum()) - total / usual) * usual**2 / ((usual - 1.0) * (usual + 2.0))  # unbiased
    independent = min(max(total / product, 1.0), k - 1.0) if product > 0.0 else k - 1.0
    spread = float(r.var(ddof=1) - (2.0 * r * r / (d + 2.0)).mean() * (1.0 - 1.0 / independent))
    prior = min(2.0 * mean**2 / spread if spread > 0.0 else math.inf, (independent - 1.0) * usual)
    drawn = floor * (prior * mean + own * ratios) / (prior + own)
    return np.where(floor > 0.0, drawn, squares), np.maximum(prior + own, most)
