"""The triplets of a study with the similarities of each model, and further triplets of the same objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.answered import AnsweredSimilarities
from pyalign.analysis.temperature import minimise
from pyalign.backends import HostBackend, get_host_backend
from pyalign.data import alternatives_of
from pyalign.datasets.simulate import random_triplets
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.ops.triplets import run_triplets

FURTHER = 2  # marks what is drawn from a seed here, apart from answers and subsets


class Pool:
    """Triplets and how alike each model finds their pairs: looked up once.

    Args:
        models: name -> (n, d), rows of the same items in the same order.
        index: (t, 3) rows.
        measures: name -> similarity measure.
        task: of the triplets.
        backend: what computes.
        seed: of further triplets.

    Attributes:
        index: (k, 3) rows: those of the study, then further ones.
        n_given: t.
        similarities: for each model (k, 3) contiguous, of the pairs of positions 01, 02, 12.
        host: the backend that computes what comes after the similarities.
        alternatives: 3, or 2 of anchored triplets, whose pairs are 01 and 02.
    """

    def __init__(
        self, models: Mapping[str, Any], index: object, measures: Mapping[str, str | Measure], task: str,
        backend: str = "auto", seed: int = 0,
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
        """For each model the temperature at which people's answers to the triplets of the study are likeliest."""
        found = []
        for name, s in zip(self.models, self.similarities, strict=True):
            people = AnsweredSimilarities(self.host, s, None, "fractional", alternatives=self.alternatives)
            try:
                found.append(1.0 / minimise(people.sums).beta)
            except InputError as error:
                raise InputError(f"{name}: {error}; temperature must then be given") from error
        return tuple(found)

    def _look(self, index: np.ndarray) -> list[np.ndarray]:
        found = []
        for name, x in self.models.items():
            try:
                results = run_triplets(
                    x, index, measure=self.measures[name], backend=self._backend, similarities=True
                )  # fmt: skip
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
            found.append(np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)")))
        return found
