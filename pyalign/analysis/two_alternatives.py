"""The pass over anchored triplets: what follows from the similarities of the anchor with its two options.

Any backend computes the three similarities of a triplet, of which the third, of the two options, is not looked at; the
choice between the pairs 01 and 02 is made on the host.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyalign import _checks
from pyalign.backends import HostBackend, Sums, get_host_backend
from pyalign.measures import Measure
from pyalign.ops._prepare import Aside
from pyalign.ops.triplets import Placed, TripletResults, run_placed


def run_anchored(
    ready: Placed, measure: Measure, *, temperature: float, choices: bool, probabilities: bool, similarities: bool,
    aside: Aside | None = None,
) -> TripletResults:
    """Does for triplets (anchor, chosen, other) what `run_placed` does with sums.

    choices are 1 or 2, the column of the option that the model takes, -1 for a tie; probabilities (t, 2) of the two.

    Example:
        >>> from pyalign.measures import get_measure
        >>> from pyalign.ops.triplets import placed
        >>> ready = placed(np.eye(3)[[0, 0, 1]], [[0, 1, 2], [0, 2, 1]])
        >>> found = run_anchored(ready, get_measure("cosine"), temperature=1.0, choices=True, probabilities=True,
        ...     similarities=False)
        >>> found.choices, found.sums.right, found.probabilities.round(3)
        (array([1, 2], dtype=int8), (1, 0, 0), array([[0.731, 0.269],
               [0.269, 0.731]]))
    """
    results = run_placed(ready, measure, temperature=temperature, similarities=True, aside=aside)
    s = np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)"))
    temperature = _checks.as_temperature(temperature)
    verdicts, sums = sums_of_two(get_host_backend(results.backend), s, temperature)
    return replace(
        results,
        sums=sums,
        choices=chosen_columns(verdicts) if choices else None,
        probabilities=option_probabilities(s, temperature) if probabilities else None,
        similarities=results.similarities if similarities else None,
    )


def sums_of_two(host: HostBackend, similarities: np.ndarray, temperature: float) -> tuple[np.ndarray, Sums]:
    """Verdicts (t,) as of `HostBackend.outcomes`, and the sums of all triplets."""
    t, dtype = len(similarities), similarities.dtype
    verdicts, nats, entropies = np.empty(t, np.int8), np.empty(t, dtype), np.empty(t, dtype)
    host.outcomes(similarities, temperature, verdicts, nats, entropies, alternatives=2)
    cross_entropy, entropy = (float(values.sum(dtype=np.float64)) for values in (nats, entropies))
    return verdicts, replace(counts_of_two(verdicts), cross_entropy=cross_entropy, entropy=entropy)


def counts_of_two(verdicts: np.ndarray) -> Sums:
    """How often the chosen option is the more similar, and ties, of which the chosen option is always part."""
    ties = int((verdicts == 2).sum())
    return Sums((int((verdicts == 1).sum()), ties, 0), (ties, 0), 0.0, 0.0)


def chosen_columns(verdicts: np.ndarray) -> np.ndarray:
    """int8 (t,): the column of the more similar option, -1 for a tie.

    Example:
        >>> chosen_columns(np.array([1, -1, 2], np.int8))
        array([ 1,  2, -1], dtype=int8)
    """
    columns: np.ndarray = np.where(verdicts == 1, 1, np.where(verdicts == 2, -1, 2)).astype(np.int8)
    return columns


def option_probabilities(similarities: np.ndarray, temperature: float) -> np.ndarray:
    """(t, 2) of the similarities' dtype: softmax of the first two columns / temperature.

    Example:
        >>> option_probabilities(np.array([[1.0, 1.0, 7.0]]), 1.0)
        array([[0.5, 0.5]])
    """
    two = similarities[:, :2].astype(np.float64)
    with np.errstate(over="ignore"):  # exp(-inf) is 0
        exponentials = np.exp((two - two.max(axis=1, keepdims=True)) / temperature)
    shares: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares.astype(similarities.dtype)
