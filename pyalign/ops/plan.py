"""Triplets grouped by the objects that they share, once for any number of values that are summed over the groups.

Triplets made ready for many gradient passes.

The cross-entropy of triplets and its gradient by the similarities: the inner loop of every fit to triplets.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import Backend, HostBackend, get_host_backend
from pyalign.data import as_triplet_data, require_odd_one_out
from pyalign.data.align import align
from pyalign.data.similarities import with_similarities
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._host_dispatch import explained
from pyalign.ops._prepare import run_finite
from pyalign.typing import AnswersLike, BackendName, JudgmentsLike, TripletsLike

BLOCK = 1 << 16  # rows whose products are added up at a time


@dataclass(frozen=True)
class SharedTriplets:
    """Triplets by their objects, pairs of objects and sets of three. See `share_triplets`."""

    host: HostBackend  # the backend that made it.
    sharing: Any  # what it made.

    def products(self, values: np.ndarray) -> np.ndarray:
        """(3, k, k) float64: over groups, the products of the groups' sums of values, two by two.

        Args:
            values: (t, k) int8, int16 or float64. Whole numbers have exact products below 2^53.

        Returns:
            The sums over objects i of S_i^a S_i^b, over pairs of S_ij^a S_ij^b, over sets of three of S_ijk^a S_ijk^b:
            S_i^a is the sum of column a over the triplets with object i.

        Example:
            >>> shared = share_triplets([[0, 1, 2], [0, 1, 3]], 4)
            >>> shared.products(np.array([[1], [1]], np.int16)).ravel()
            array([10.,  8.,  2.])
        """
        return self.products_and_sums(values)[0]

    def products_and_sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The products, and (n, k) float64: the sums S_i of each object.

        Example:
            >>> shared = share_triplets([[0, 1, 2], [0, 1, 3]], 4)
            >>> shared.products_and_sums(np.array([[1], [1]], np.int16))[1].ravel()
            array([2., 2., 1., 1.])
        """
        return self.host.shared_products(self.sharing, np.ascontiguousarray(values))


def share_triplets(triplets: object, n: int, backend: str = "auto") -> SharedTriplets:
    """Triplets grouped by what they share.

    Args:
        triplets: (t, 3) integers in [0, n), three different items each, t < 2^31.
        n: how many items there are.
        backend: of the host; for that of a device the one that "auto" chooses on the host.
    """
    host, index = get_host_backend(backend), _checks.as_triplets(triplets)
    with explained(host, index, n):
        return SharedTriplets(host, host.share_triplets(index, n))


def row_moments(values: np.ndarray, backend: str = "auto") -> tuple[np.ndarray, np.ndarray]:
    """(k,) sums and (k, k) values.T @ values of (t, k) numbers, in float64, the same for any number of threads.

    Example:
        >>> row_moments(np.array([[1, 2], [0, 3]], np.int8))
        (array([1., 5.]), array([[ 1.,  2.],
               [ 2., 13.]]))
    """
    host, k = get_host_backend(backend), values.shape[1]
    sums, products = np.zeros(k), np.zeros((k, k))
    for start in range(0, len(values), BLOCK):
        columns = values[start : start + BLOCK].T  # one at a time is several times as fast
        if columns.dtype != np.float64 or columns.strides[1] != columns.itemsize:
            columns = np.ascontiguousarray(columns, np.float64)
        sums += columns.sum(axis=1)
        products += host.squared(columns.T)
    return sums, products


IN_CACHE = 2048  # items; with more of them a band of rows is beyond a usual L2
SHARE, LARGER_SHARE = 0.05, 0.2  # triplets by n^2 from which on a planned pass was the quicker, with few items and many


def pays(t: int, n: int) -> bool:
    """Whether passes over t triplets of n items are quicker sorted.

    >>> pays(120_000, 1236), pays(100_000, 3000)
    (True, False)
    """
    return t >= (SHARE if n <= IN_CACHE else LARGER_SHARE) * n * n


class TripletPlan:
    """Triplets sorted for repeated gradient passes: for fits whose triplets stay the same.

    `pyalign.triplet_gradient` takes it in place of triplets. Making it costs as much as a few passes; each is then
    1.5 times as fast for t = n^2 / 4 triplets and twice as fast for n^2, since look-ups and additions stay in cache
    (csrc/cpu/planned.cpp). With few triplets compared with n^2 nothing is gained, and they are used in their
    order; so they are on devices, by backends other than the compiled one, and for more than 65,536 items. A probe that
    is trained on a device sorts its triplets there.

    Args:
        triplets: (t, 3) integers in [0, n), three different items each; the last is the odd one. Not to be changed
            afterwards.
        n: number of items.
        answers: (t, 3) numbers of at least 0, see `pyalign.triplet_gradient`. Not to be changed afterwards. None: one
            answer each, the last item.
        sort: whether to sort; None: where it pays in many passes (`pays`).
        alternatives: 3, or 2: the loss is of the choice between the pairs of the first item; see
            `pyalign.backends.HostBackend`. Only backends on the host can do that.

    Attributes:
        triplets, n, answers: as they were given.
        weight: over which a loss is the mean: the sum of the answers, or t.

    Raises:
        InputError: as `pyalign.triplet_gradient`.

    Example:
        >>> from pyalign import triplet_gradient
        >>> plan = TripletPlan([[0, 1, 2], [2, 1, 0]], n=3)
        >>> loss, gradient = triplet_gradient(np.zeros((3, 3)), plan)
        >>> round(loss, 4), plan.weight
        (1.0986, 2.0)
    """

    def __init__(
        self, triplets: object, n: int, *, answers: object = None, sort: bool | None = None, alternatives: int = 3
    ) -> None:
        self.alternatives = _checks.whole_number(alternatives, "alternatives", 2, 3)
        self.n = _checks.whole_number(n, "n", 3)
        self.triplets = _checks.as_triplets(triplets)
        self.answers = None if answers is None else _checks.as_rows(answers, "answers")
        self.weight = float(len(self.triplets))
        if self.answers is not None:
            self.weight = _checks.total_weight(self.answers, len(self.triplets))
        backend = get_host_backend()
        self._sort = pays(len(self.triplets), self.n) if sort is None else _checks.flag(sort, "sort")
        with explained(backend, self.triplets, self.n):
            self._native: Any = backend.plan_triplets(self.triplets, self.n) if self._sort else None
        if self._native is None:
            _checks.require_valid(backend.check_triplets(self.triplets, self.n), self.triplets, self.n)
        self._ready: dict[np.dtype, np.ndarray] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        options: dict[str, Any] = {"sort": self._sort, "alternatives": self.alternatives}
        return partial(TripletPlan, answers=self.answers, **options), (self.triplets, self.n)

    def run(
        self, backend: HostBackend, similarities: np.ndarray, temperature: float, scale: float, gradient: np.ndarray
    ) -> float:
        """Computes what `pyalign.backends.Backend.triplet_gradient` does, on the host."""
        planned = backend.name == "native" and self._native is not None
        answers = self._answers(similarities.dtype, planned)
        more = answers, self.alternatives
        if planned:
            return backend.planned_gradient(similarities, self._native, temperature, scale, gradient, *more)
        return backend.triplet_gradient(similarities, self.triplets, temperature, scale, gradient, *more)

    def _answers(self, dtype: np.dtype, planned: bool) -> np.ndarray | None:
        """The answers in the order of the triplets that the pass goes over; kept, since passes are repeated."""
        if self.answers is None or (planned and dtype in self._ready):
            return None if self.answers is None else self._ready[dtype]
        answers = self.answers[self._native.order] if planned else self.answers
        with np.errstate(over="ignore", under="ignore"):
            answers = np.ascontiguousarray(answers, dtype)
        _checks.total_weight(answers, len(answers))  # float32 may hold less than what was given
        if planned:
            self._ready[dtype] = answers
        return answers


def triplet_gradient(
    matrix: JudgmentsLike, triplets: TripletsLike, *, answers: AnswersLike | None = None, temperature: float = 1.0,
    backend: BackendName = "auto",
) -> tuple[float, Any]:
    """Compute the mean cross-entropy of triplets under similarities, and its derivative by each similarity.

    A triplet (i, j, k) whose last item was called odd costs ``-log softmax(s / temperature)[0]`` of its three
    similarities ``s = (s_ij, s_ik, s_jk)``. With S = Z Z^T the gradient by Z is ``(G + G^T) Z``: no memory of (t, d) is
    ever needed.

    Args:
        matrix: (n, n) similarities, larger is more alike; read at [earlier position, later position] of each triplet.
        triplets: (t, 3) integers in [0, n), or names, three different items each; the last is the odd one. Where both
            have names, they are matched. Or a `TripletPlan` of integers, with which repeated passes are quicker.
        answers: (t, 3) numbers of at least 0: how often, or with which probability, each position was called odd; the
            mean is then over all answers. None: one answer each, the last item.
        temperature: in the units of the similarities; it divides.
        backend: see `pyalign.similarity`.

    Returns:
        The mean cross-entropy in nats, and its gradient (n, n) in the similarities' dtype: by the element that was read
        for each pair, 0 elsewhere. The sum is taken in the order of the triplets, or of the plan, whatever the number
        of threads.

    Raises:
        InputError: as `pyalign.odd_one_out`, and for a temperature that is not a positive number.

    Source: Muttenthaler et al., ICLR 2023, equation 2 (without the penalty).

    Example:
        >>> import numpy as np
        >>> loss, gradient = triplet_gradient(np.zeros((3, 3)), [[0, 1, 2]])
        >>> round(loss, 4), gradient.round(2).tolist()
        (1.0986, [[0.0, -0.67, 0.33], [0.0, 0.0, 0.33], [0.0, 0.0, 0.0]])
    """
    if not isinstance(triplets, TripletPlan):
        require_odd_one_out(as_triplet_data(triplets), "triplet_gradient")
        matched = align(with_similarities(matrix), triplets, "matrix", features=False)
        matrix, triplets = matched.x, matched.index
    dispatch = dispatch_of(backend, matrix)
    similarities = dispatch.similarities(matrix)
    n, dtype = len(similarities), _checks.result_dtype(similarities)
    temperature = _checks.as_temperature(temperature)
    if isinstance(triplets, TripletPlan):
        plan, triplets = triplets, triplets.triplets
        _check_plan(plan, n, answers)
        if dispatch.on_host:
            gradient, scale = dispatch.empty((n, n), dtype), 1.0 / plan.weight

            def planned(backend: HostBackend) -> float:
                return plan.run(backend, similarities, temperature, scale, gradient)

            return run_finite(dispatch, similarities, "matrix", planned) / plan.weight, gradient
        answers = plan.answers
        if plan.alternatives != 3:
            raise InputError(f"a plan of two alternatives needs a backend on the host; got {dispatch.backend.name!r}")
    index = dispatch.triplets(triplets)
    weight = float(len(index))
    weights = None
    if answers is not None:
        weights = dispatch.weights(answers, dtype, "answers")
        weight = _checks.total_weight(weights, len(index))
    with dispatch.running(index, n):
        gradient = dispatch.empty((n, n), dtype)

        def work(backend: Backend) -> float:
            return backend.triplet_gradient(similarities, index, temperature, 1.0 / weight, gradient, weights)

        return run_finite(dispatch, similarities, "matrix", work) / weight, dispatch.give(gradient)


def _check_plan(plan: TripletPlan, n: int, answers: object) -> None:
    if plan.n != n:
        raise InputError(f"matrix must be of the {plan.n} items of the plan; got shape ({n}, {n})")
    if answers is not None:
        raise InputError("answers must be given to the TripletPlan; got a plan and answers as well")
