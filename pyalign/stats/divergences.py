"""Distances between distributions over a triplet's three choices: entropy, Kullback-Leibler, Jensen-Shannon; in nats.

A row is a distribution; float64 inside, whatever comes.
"""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.data.answers import SUM_TOLERANCE
from pyalign.errors import InputError


def as_distributions(p: object, name: str = "p") -> np.ndarray:
    """`p` as (t, k) float64 whose rows sum to 1: rows may miss that by 0.002 and are then brought to it."""
    a = _checks.as_array(p, name, "(t, 3)")
    if a.ndim != 2 or 0 in a.shape:
        raise InputError(f"{name} must have shape (t, 3), t > 0; got {a.shape}")
    if a.dtype.kind not in "biuf" and a.dtype.name != "bfloat16":
        raise InputError(f"{name} must hold real numbers; got dtype {a.dtype}")
    a = a.astype(np.float64)
    for wrong, rule in ((~np.isfinite(a), "be finite"), (a < 0, "not be negative")):
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise InputError(f"{name} must {rule}; row {row} is {a[row].tolist()}")
    totals = a.sum(axis=1)
    wrong = np.abs(totals - 1) > SUM_TOLERANCE
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"{name} must sum to 1 in each row; row {row} sums to {totals[row]:.6g}")
    distributions: np.ndarray = a / totals[:, None]
    return distributions


def log_choice_probabilities(similarities: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(t, 3) float64: log p that position p is odd, from similarities (t, 3) of the pairs 01, 02, 12.

    Of fewer pairs (t, k): log p of each, in reverse.

    They stay finite where a probability itself would be 0. In the order of `pyalign.choice_probabilities`.
    """
    z = similarities[:, ::-1].astype(np.float64)
    z = (z - z.max(axis=1, keepdims=True)) / temperature  # in this order equal differences give equal probabilities
    logs: np.ndarray = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return logs


def entropy(p: object) -> np.ndarray:
    """(t,) nats: the entropy of each row, ``-sum p log p``.

    Args:
        p: (t, k), each row a distribution.
    """
    a = as_distributions(p)
    return np.abs(_times_log(a, a).sum(axis=1))  # abs: -0.0 becomes 0.0


def kl(p: object, q: object) -> np.ndarray:
    """(t,) nats: the Kullback-Leibler divergence of each row, ``sum p log(p / q)``.

    Args:
        p: (t, k), each row a distribution: of people.
        q: (t, k), each row a distribution: of the model.

    Returns:
        Infinite where q is 0 and p is not.

    Source: Kullback and Leibler, "On information and sufficiency", 1951.
    """
    a, b = _pair(p, q)
    with np.errstate(divide="ignore"):
        return kl_of_logs(a, np.log(b))


def kl_of_logs(p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """`kl` of distributions p (t, k) from log q (t, k): finite also where q itself would be 0."""
    cross = np.multiply(p, log_q, out=np.zeros_like(p), where=p > 0).sum(axis=1)
    # Rounding may leave the difference of two equal sums below zero, which no divergence is.
    divergence: np.ndarray = np.maximum(_times_log(p, p).sum(axis=1) - cross, 0.0)
    return divergence


def js_distance(p: object, q: object) -> np.ndarray:
    """(t,): the Jensen-Shannon distance of each row: the root of the Jensen-Shannon divergence in nats.

    The divergence is the mean of kl(p || m) and kl(q || m), m = (p + q) / 2. The distance is a metric, symmetric, at
    most sqrt(log 2) = 0.8326.

    Args:
        p, q: (t, k), each row a distribution.

    Source: Endres and Schindelin, "A new metric for probability distributions", 2003.
    """
    a, b = _pair(p, q)
    middle = (a + b) / 2
    r = np.divide(a - b, a + b, out=np.zeros_like(a), where=middle > 0)
    near = np.abs(r) < 0.5
    r[~near] = 0
    # a log(a / m) + b log(b / m) with a = m (1 + r), b = m (1 - r), in a form that doesn't cancel for small r.
    small = middle * (2 * r * np.arctanh(r) + np.log1p(-r * r))
    terms = np.where(near, small, _times_log_ratio(a, middle) + _times_log_ratio(b, middle))
    distance: np.ndarray = np.sqrt(np.maximum(terms.sum(axis=1) / 2, 0.0))
    return distance


def _pair(p: object, q: object) -> tuple[np.ndarray, np.ndarray]:
    a, b = as_distributions(p, "p"), as_distributions(q, "q")
    if a.shape != b.shape:
        raise InputError(f"p and q must have one shape; got {a.shape} and {b.shape}")
    return a, b


def _times_log(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a log b, and 0 where a is 0."""
    return a * np.log(b, out=np.zeros_like(b), where=a > 0)


def _times_log_ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a log(a / b), and 0 where a is 0."""
    return _times_log(a, np.divide(a, b, out=np.ones_like(a), where=a > 0))
