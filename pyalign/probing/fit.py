"""Fits of a probe: one penalty strength, or a path of them with warm starts."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.data import Transform
from pyalign.errors import ConvergenceWarning
from pyalign.probing.algebra import algebra_for, host_rows, host_triplets
from pyalign.probing.answers import answer_weights
from pyalign.probing.options import SHARES, ProbeOptions, as_strength, as_strengths, options_of
from pyalign.probing.problem import Map, Problem
from pyalign.probing.search import ROUNDS, Search, Watcher, ignore
from pyalign.probing.threads import one_blas_thread


@dataclass(frozen=True)
class ProbeFit:
    """A fitted probe.

    Attributes:
        transform: the map, for rows as they came.
        l2: the penalty's strength.
        cross_entropy: nats, mean over the triplets of the fit.
        objective: nats, cross_entropy + l2 * penalty.
        gap: nats; the objective is certified to lie at most this far above the optimum over maps of any rank. None
            where the problem isn't convex.
        converged: whether the gap is at most `tolerance`; without a gap, or where `rank` bounds the columns: whether
            the last iteration brought next to nothing, which is a local optimum.
        gradient_norm: of the objective by the parameters of the last L-BFGS run.
        rank: columns of the weights.
        n_triplets: how many triplets it was fitted to.
        n_iterations, n_passes: of L-BFGS; a pass is one loss with its gradient over all triplets.
        seconds: that the fit took.
        interrupted: whether Ctrl-C stopped it; the map is the best so far.
        backend: what computed it.
        options: the probe's other options.
    """

    transform: Transform
    l2: float
    cross_entropy: float
    objective: float
    gap: float | None
    converged: bool
    gradient_norm: float
    rank: int
    n_triplets: int
    n_iterations: int
    n_passes: int
    seconds: float
    interrupted: bool
    backend: str
    options: ProbeOptions

    def to_dict(self) -> dict[str, Any]:
        """The figures as a dict that json can write, without the map."""
        names = (
            "l2", "cross_entropy", "objective", "gap", "converged", "gradient_norm", "rank", "n_triplets",
            "n_iterations", "n_passes", "seconds", "interrupted", "backend",
        )  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "options": self.options.to_dict()}


def fit_probe(
    x: object, triplets: object, *, l2: float, targets: object = None, weights: object = None,
    start: Transform | None = None, backend: str = "auto", **options: Any,
) -> ProbeFit:  # fmt: skip
    """The map W that makes x predict the answers: mean cross-entropy plus l2 times a norm of W, at its least.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        l2: strength of the penalty.
        targets: (t, 3) soft targets: how often, or with which probability, each position was called odd; the loss is
            then the mean over all answers. None: one answer each, the last item.
        weights: (t,) further weights of the triplets.
        start: a map to start from, of no more columns than `rank` allows; with penalty ``"identity"`` or a diagonal map
            of d columns.
        backend: what computes loss and gradient. ``"auto"``: on the device of x, the first that can; for x on the host
            the compiled kernels. ``"cuda"``, ``"triton"``, ``"torch"``: that one, on the device of x; for x on the host
            on the current CUDA device, torch on the CPU. Rows, triplets and answers stay there for the whole fit.
        options: those of `ProbeOptions`.

    Returns:
        A `ProbeFit`.

    Raises:
        InputError: as `pyalign.score`, for an unknown option, and for a backend that can't run here.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fit ended before its optimum.

    Source: Muttenthaler et al., ICLR 2023, section 5 (there with |W|_F, by Adam).

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> fit = fit_probe(rng.normal(size=(8, 4)), [[0, 1, 2], [3, 4, 5], [6, 7, 0]], l2=0.01)
        >>> fit.cross_entropy < 1.0, fit.gap < 1e-4
        (True, True)
    """
    also = ("l2", "targets", "weights", "start", "backend")
    chosen, strength, on = options_of(ProbeOptions, options, also), as_strength(l2), algebra_for(backend, x)
    index = host_triplets(on, triplets)
    answers = answer_weights(len(index), targets, weights)
    problem = Problem(host_rows(on, x), index, chosen, answers, on)
    first = None if start is None else problem.map_of(start)
    return warned(next(fit_path(problem, [strength], start=first)))


def probe_path(
    x: object, triplets: object, *, penalties: object = "auto", targets: object = None, weights: object = None,
    backend: str = "auto", **options: Any,
) -> tuple[ProbeFit, ...]:  # fmt: skip
    """Fits along a path of penalty strengths, strongest first, each from where the one before ended.

    Args:
        x, triplets, targets, weights, backend, options: see `fit_probe`.
        penalties: strengths, in any order, or ``"auto"`` for eight from 0.1 to 0.001 of the one from which on the best
            map is zero.

    Returns:
        A `ProbeFit` for each strength, strongest first. Rows, coordinates and sorted triplets are shared.

    Raises:
        InputError: as `fit_probe`.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: a fit ended before its optimum.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> path = probe_path(rng.normal(size=(8, 4)), [[0, 1, 2], [3, 4, 5], [6, 7, 0]], penalties=[0.01, 0.1])
        >>> [fit.l2 for fit in path], path[0].cross_entropy > path[1].cross_entropy
        ([0.1, 0.01], True)
    """
    also = ("penalties", "targets", "weights", "backend")
    chosen, on = options_of(ProbeOptions, options, also), algebra_for(backend, x)
    strengths = as_strengths(penalties)
    index = host_triplets(on, triplets)
    problem = Problem(host_rows(on, x), index, chosen, answer_weights(len(index), targets, weights), on)
    fits = list(fit_path(problem, strengths or problem.strengths(SHARES)))
    return tuple(warned(fit) for fit in fits)


def warned(fit: ProbeFit) -> ProbeFit:
    """The fit, with a warning where it ended before its optimum. For functions that the user calls."""
    if not fit.converged and not fit.interrupted:
        distance = "" if fit.gap is None else f": the objective may lie {fit.gap:.2g} nats above it"
        options = fit.options
        more = f"tolerance ({options.tolerance:g}) or max_iterations ({options.max_iterations})"
        warnings.warn(
            f"the fit with l2 {fit.l2:.4g} ended before its optimum{distance}; raise l2, {more}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return fit


def fit_path(
    problem: Problem,
    strengths: Sequence[float],
    *,
    start: Map | None = None,
    rounds: int = ROUNDS,
    watch: Watcher = ignore,
) -> Iterator[ProbeFit]:
    """A fit for each strength, each from where the one before ended; strongest first is quickest.

    rounds: of columns added and L-BFGS, at most; one brings a convex problem within about 1e-5 of its optimum.
    watch: called with (pass, objective, map) after each pass.
    """
    for strength in strengths:
        began = time.perf_counter()
        seen = _Seen(watch)
        search = Search(problem, strength, seen)
        with one_blas_thread():
            try:
                start = search.run(start, rounds)
                fit = _result(search, start, time.perf_counter() - began)
            except KeyboardInterrupt:  # between runs of L-BFGS, which end by themselves
                if seen.best is None:
                    raise
                search.interrupted = True
                fit = _result(search, seen.best, time.perf_counter() - began)
        yield fit
        if search.interrupted:
            return


class _Seen:
    """Hands passes on to a watcher, and keeps the map of the lowest objective."""

    def __init__(self, watch: Watcher) -> None:
        self.watch, self.value = watch, float("inf")
        self.best: Map | None = None

    def __call__(self, passes: int, value: float, at: Map) -> None:
        if value < self.value:
            self.value, self.best = value, Map(at.weights.copy(), at.bias.copy())
        self.watch(passes, value, at)


def _result(search: Search, at: Map, seconds: float) -> ProbeFit:
    found = search.look(at)
    gap, bounded = search.gap(at, found), at.weights.shape[1] == search.problem.largest_rank < search.problem.directions
    certified = gap is not None and gap <= search.problem.options.tolerance
    return ProbeFit(
        transform=search.problem.transform(at),
        l2=search.strength,
        cross_entropy=found.loss,
        objective=search.objective(at, found),
        gap=gap,
        converged=certified or ((gap is None or bounded) and search.converged),
        gradient_norm=search.gradient_norm,
        rank=at.weights.shape[1],
        n_triplets=search.problem.n_triplets,
        n_iterations=search.iterations,
        n_passes=search.passes,
        seconds=seconds,
        interrupted=search.interrupted,
        backend=search.problem.on.backend.name,
        options=search.problem.options,
    )
