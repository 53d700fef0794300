"""Triplets made ready for many gradient passes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import HostBackend, get_host_backend
from pyalign.ops._door import explained


class TripletPlan:
    """Triplets sorted for repeated gradient passes: for fits whose triplets stay the same.

    `pyalign.triplet_gradient` takes it in the place of triplets. Making it costs as much as a few passes; each then
    takes about half as long, since look-ups and additions stay in cache (csrc/cpu/planned.cpp). It pays where triplets
    are many: with few of them against the n^2 similarities, a pass is no quicker. All that concerns the compiled
    kernels: others, and devices, take the triplets as they were given. So does a pass over more than 65,536 items.

    Args:
        triplets: (t, 3) integers in [0, n), three different items each; the last is the odd one. Not to be changed
            afterwards.
        n: number of items.
        targets: (t, 3) numbers of at least 0, see `pyalign.triplet_gradient`. Not to be changed afterwards. None: one
            answer each, the last item.
        sort: False where too few passes follow for an order to pay.

    Attributes:
        triplets, n, targets: as they were given.
        answers: over which a loss is the mean: the sum of the targets, or t.

    Raises:
        InputError: as `pyalign.triplet_gradient`.

    Example:
        >>> from pyalign import triplet_gradient
        >>> plan = TripletPlan([[0, 1, 2], [2, 1, 0]], n=3)
        >>> loss, gradient = triplet_gradient(np.zeros((3, 3)), plan)
        >>> round(loss, 4), plan.answers
        (1.0986, 2.0)
    """

    def __init__(self, triplets: object, n: int, *, targets: object = None, sort: bool = True) -> None:
        self.n = _checks.whole_number(n, "n", 3)
        self.triplets = _checks.as_triplets(triplets)
        self.targets = None if targets is None else _checks.as_rows(targets, "targets")
        self.answers = float(len(self.triplets))
        if self.targets is not None:
            self.answers = _checks.total_weight(self.targets, len(self.triplets))
        backend = get_host_backend()
        with explained(backend, self.triplets, self.n):
            self._native: Any = backend.plan_triplets(self.triplets, self.n) if sort else None
        if self._native is None:
            _checks.require_valid(backend.check_triplets(self.triplets, self.n), self.triplets, self.n)
        self._ready: dict[np.dtype, np.ndarray] = {}

    def run(
        self, backend: HostBackend, similarities: np.ndarray, temperature: float, scale: float, gradient: np.ndarray
    ) -> float:
        """As `pyalign.backends.Backend.triplet_gradient`, on the host."""
        planned = backend.name == "native" and self._native is not None
        targets = self._targets(similarities.dtype, planned)
        if planned:
            return backend.planned_gradient(similarities, self._native, temperature, scale, gradient, targets)
        return backend.triplet_gradient(similarities, self.triplets, temperature, scale, gradient, targets)

    def _targets(self, dtype: np.dtype, planned: bool) -> np.ndarray | None:
        """In the order of the triplets that the pass goes over; kept, since passes are repeated."""
        if self.targets is None or (planned and dtype in self._ready):
            return None if self.targets is None else self._ready[dtype]
        targets = self.targets[self._native.order] if planned else self.targets
        with np.errstate(over="ignore", under="ignore"):
            targets = np.ascontiguousarray(targets, dtype)
        _checks.total_weight(targets, len(targets))  # float32 may hold less than what was given
        if planned:
            self._ready[dtype] = targets
        return targets
