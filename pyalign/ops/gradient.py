"""The cross-entropy of triplets and its gradient by the similarities: the inner loop of every fit to triplets."""

from __future__ import annotations

from typing import Any

from pyalign import _checks
from pyalign.backends import Backend, HostBackend
from pyalign.data import as_triplet_data, require_odd_one_out
from pyalign.data.align import align
from pyalign.data.similarities import with_similarities
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._prepare import run_finite
from pyalign.ops.plan import TripletPlan
from pyalign.typing import AnswersLike, BackendName, JudgmentsLike, TripletsLike


def triplet_gradient(
    similarities: JudgmentsLike, triplets: TripletsLike, *, answers: AnswersLike | None = None,
    temperature: float = 1.0, backend: BackendName = "auto",
) -> tuple[float, Any]:
    """Compute the mean cross-entropy of triplets under similarities, and its derivative by each similarity.

    A triplet (i, j, k) whose last item was called odd costs ``-log softmax(s / temperature)[0]`` of its three
    similarities ``s = (s_ij, s_ik, s_jk)``. With S = Z Z^T the gradient by Z is ``(G + G^T) Z``: no memory of (t, d) is
    ever needed.

    Args:
        similarities: (n, n), larger is more alike; read at [earlier position, later position] of each triplet.
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
        matched = align(with_similarities(similarities), triplets, "similarities", features=False)
        similarities, triplets = matched.x, matched.index
    dispatch = dispatch_of(backend, similarities)
    matrix = dispatch.similarities(similarities)
    n, dtype = len(matrix), _checks.result_dtype(matrix)
    temperature = _checks.as_temperature(temperature)
    if isinstance(triplets, TripletPlan):
        plan, triplets = triplets, triplets.triplets
        _check_plan(plan, n, answers)
        if dispatch.on_host:
            gradient, scale = dispatch.empty((n, n), dtype), 1.0 / plan.weight

            def planned(backend: HostBackend) -> float:
                return plan.run(backend, matrix, temperature, scale, gradient)

            return run_finite(dispatch, matrix, "similarities", planned) / plan.weight, gradient
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
            return backend.triplet_gradient(matrix, index, temperature, 1.0 / weight, gradient, weights)

        return run_finite(dispatch, matrix, "similarities", work) / weight, dispatch.give(gradient)


def _check_plan(plan: TripletPlan, n: int, answers: object) -> None:
    if plan.n != n:
        raise InputError(f"similarities must be of the {plan.n} items of the plan; got shape ({n}, {n})")
    if answers is not None:
        raise InputError("answers must be given to the TripletPlan; got a plan and answers as well")
