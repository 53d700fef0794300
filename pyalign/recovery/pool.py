"""The triplets of a study with the similarities of each model, and further triplets of the same objects.

A simulated choice is the pair of a triplet that is selected with the choice probabilities of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, minimise
from pyalign.backends import HostBackend, get_host_backend
from pyalign.data import ANCHORED, alternatives_of
from pyalign.datasets.simulate import put_odd_last, random_triplets
from pyalign.errors import InputError
from pyalign.ops.triplets import run_triplets
from pyalign.stats.divergences import log_choice_probabilities
from pyalign.typing import BackendName, MeasureLike

FURTHER = 2  # marks what is drawn from a seed here, apart from answers and subsets
CHUNK = 1 << 18
SUBSET, ANSWER = 0, 1  # mark what is drawn from a seed


class Pool:
    """Triplets with the similarities of their pairs for each model, which are computed once.

    Args:
        models: a mapping of names to (n, d) embeddings of the same items in the same order.
        index: (t, 3) rows.
        measures: a mapping of names to similarity measures.
        task: the task of the triplets.
        backend: the backend that computes similarities.
        seed: the seed of further triplets.

    Attributes:
        index: (k, 3) rows: those of the study, then further ones.
        n_given: the number of triplets in the study, t.
        similarities: (k, 3) contiguous similarities of the pairs 01, 02, 12, for each model.
        host: the backend of all computations that follow the similarities.
        alternatives: 3, or 2 for anchored triplets, whose pairs are 01 and 02.
    """

    def __init__(
        self, models: Mapping[str, Any], index: object, measures: Mapping[str, MeasureLike], task: str,
        backend: BackendName = "auto", seed: int = 0,
    ) -> None:  # fmt: skip
        self.index = _checks.as_triplets(index)
        self.n_given = len(self.index)
        self.models, self.measures = dict(models), dict(measures)
        self.task, self.alternatives = task, alternatives_of(task)
        self.host: HostBackend = get_host_backend(backend)
        self._backend, self._rng = backend, np.random.Generator(np.random.Philox([seed, FURTHER]))
        self.similarities = self._look(self.index)
        self.objects = np.unique(self.index)

    def grow(self, k: int) -> None:
        """Draws further triplets of the same objects, every ordered one equally likely, until there are k."""
        more = k - len(self.index)
        if more <= 0:
            return
        drawn = self.objects[random_triplets(len(self.objects), more, self._rng)].astype(self.index.dtype)
        self.index = np.concatenate([self.index, drawn])
        self.similarities = [np.concatenate(two) for two in zip(self.similarities, self._look(drawn), strict=True)]

    def fitted_temperatures(self) -> tuple[float, ...]:
        """The temperature of each model with the highest likelihood of the recorded choices."""
        temperatures = []
        for name, s in zip(self.models, self.similarities, strict=True):
            people = AnsweredSimilarities(self.host, s, None, "fractional", alternatives=self.alternatives)
            try:
                temperatures.append(1.0 / minimise(people.sums).beta)
            except InputError as error:
                raise InputError(f"{name}: {error}; temperature must then be given") from error
        return tuple(temperatures)

    def _look(self, index: np.ndarray) -> list[np.ndarray]:
        similarities = []
        for name, x in self.models.items():
            try:
                results = run_triplets(
                    x, index, measure=self.measures[name], backend=self._backend, similarities=True
                )  # fmt: skip
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
            similarities.append(np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)")))
        return similarities


def cuts_of(similarities: np.ndarray, temperature: float, alternatives: int) -> np.ndarray:
    """(t, k - 1) float32: where the unit interval is cut so that its k parts are the probabilities of the pairs.

    Args:
        similarities: (t, 3) of the pairs 01, 02, 12.
        temperature: p = softmax(s / temperature) over the first k pairs.
        alternatives: k, 3 or 2.

    Example:
        >>> cuts_of(np.zeros((1, 3)), 1.0, 3).round(3)
        array([[0.333, 0.667]], dtype=float32)
    """
    cuts = np.empty((len(similarities), alternatives - 1), np.float32)
    for start in range(0, len(cuts), CHUNK):
        part = slice(start, start + CHUNK)
        p = np.exp(log_choice_probabilities(similarities[part, :alternatives], temperature))[:, ::-1]
        cuts[part] = np.cumsum(p, axis=1)[:, :-1]
    return cuts


def drawn_pairs(cuts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int8 (t,): the pair of each triplet, 0, 1 or 2 for 01, 02, 12, drawn with the probabilities of `cuts_of`.

    Example:
        >>> drawn_pairs(np.array([[0.0, 1.0], [1.0, 1.0]], np.float32), np.random.default_rng(0))
        array([1, 0], dtype=int8)
    """
    u = rng.random(len(cuts), np.float32)
    pairs = (u >= cuts[:, 0]).astype(np.int8)
    for cut in cuts.T[1:]:
        pairs += u >= cut
    return pairs


def answered(triplets: np.ndarray, pairs: np.ndarray, task: str) -> np.ndarray:
    """Triplets (t, 3) with the chosen pair first, from pairs that number the positions of these triplets.

    Example:
        >>> answered(np.array([[4, 5, 6], [4, 5, 6]]), np.array([0, 1]), "odd-one-out").tolist()
        [[4, 5, 6], [4, 6, 5]]
    """
    if task == ANCHORED:
        swapped: np.ndarray = np.where(pairs[:, None] == 1, triplets[:, [0, 2, 1]], triplets)
        return swapped
    return put_odd_last(triplets, 2 - pairs)


def generator(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of their own for each key: the same whatever else is drawn, and by however many threads."""
    return np.random.Generator(np.random.Philox([seed, *key]))
