"""Fits of a probe: for one penalty, or for a path of penalties with warm starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT, Transform
from pyalign.fitting.algebra import one_blas_thread
from pyalign.probing.local import LocalFigures, LocalProblem
from pyalign.probing.options import ProbeOptions
from pyalign.probing.problem import Map, Problem
from pyalign.probing.search import ROUNDS, Search
from pyalign.probing.watch import CUT, Watch, Watcher


@dataclass(frozen=True)
class ProbeFit(OfTask, Result):
    """A fitted probe."""

    command: ClassVar[str] = "fit"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    # the map, for the original rows.
    transform: Transform = field(metadata={"hidden": True}, repr=False, compare=False)
    strength: float  # the penalty, by which the norm is multiplied.
    norm: float  # the value of the norm of the weights; `options.norm` says which norm.
    cross_entropy: float  # the mean over the triplets of the fit, in nats.
    # cross_entropy + strength * norm, in nats; with other embeddings (1 - local_weight) * cross_entropy + local_weight
    # * local.cross_entropy + strength * norm.
    objective: float
    # the duality gap in nats, a bound on how far the objective is above the optimum over maps of any rank. None if the
    # problem is not convex.
    gap: float | None
    # whether the gap is at most `tolerance`. Without a gap, or if `rank` limits the number of columns: whether the last
    # iteration brought almost no improvement, as at a local optimum.
    converged: bool
    # the norm of the gradient of the objective after the last L-BFGS run; None without such a run.
    gradient_norm: float | None
    rank: int  # the number of columns of the weights.
    n_triplets: int  # the number of triplets of the fit.
    n_iterations: int  # the number of iterations of L-BFGS.
    n_passes: int  # the number of passes; each computes the loss and its gradient over all triplets.
    seconds: float  # the time that the fit took.
    backend: str  # the backend of the fit.
    options: ProbeOptions  # the other options of the probe.
    # the accuracy on the triplets of the fit, a fraction. It is optimistic, so score other triplets. None if it was not
    # computed.
    accuracy: float | None = None
    local: LocalFigures | None = None  # how the map changes the other embeddings; None without them.
    # whether Ctrl-C stopped the fit. Only a journal contains such fits; no function returns them.
    interrupted: bool = False
    task: str = ODD_ONE_OUT  # the task of the triplets, which determines `chance`.


Maker = Callable[[np.ndarray, np.ndarray, ProbeOptions, "np.ndarray | None"], Problem]


def fit_path(
    problem: Problem, penalties: Sequence[float], *, start: Map | None = None, rounds: int = ROUNDS,
    watch: Watch | None = None, figures: bool = False,
) -> Iterator[ProbeFit]:
    """A fit for each penalty, each from the map of the one before. Starting with the largest penalty is fastest.

    Args:
        problem: the problem to solve.
        penalties: the penalties, in the order of the fits.
        start: the map to start from, or None.
        rounds: the most rounds of adding columns and running L-BFGS; a single one brings a convex problem within about
            1e-5 of its optimum.
        watch: gets the number of passes and the best map so far.
        figures: whether to compute how the map changes the other embeddings.
    """
    for strength in penalties:
        began = time.perf_counter()
        search = Search(problem, strength)
        search.watch = _watcher(watch or Watch(), search, began)
        with one_blas_thread():
            start = search.run(start, rounds)
            fit = _result(search, start, began, figures)
        yield fit


def _watcher(watch: Watch, search: Search, began: float) -> Watcher:
    """A function that offers the map with the lowest objective so far to the watch, and reports passes."""
    least: tuple[float, ...] = (float("inf"),)

    def seen(passes: int, value: float, at: Map) -> None:
        nonlocal least
        preliminary = search.norm_name != search.problem.options.norm  # a start by another norm is worth less
        merit = (float(CUT + preliminary), value)
        if merit < least:
            least, kept = merit, Map(at.weights.copy(), at.bias.copy())
            watch.offer(merit, lambda: _cut(search, passes, kept, began))
        watch.report(search.strength, passes, value)

    return seen


def _cut(search: Search, passes: int, at: Map, began: float) -> ProbeFit:
    """The fit at the best map so far, after Ctrl-C."""
    again = Search(search.problem, search.strength)
    again.iterations, again.passes = search.iterations, passes
    return _result(again, at, began, interrupted=True)


def _result(search: Search, at: Map, began: float, figures: bool = False, interrupted: bool = False) -> ProbeFit:
    curvature, problem = search.look(at), search.problem
    gap, bounded = search.gap(at, curvature), at.weights.shape[1] == problem.largest_rank < problem.directions
    certified = gap is not None and gap <= problem.options.tolerance
    return ProbeFit(
        transform=problem.transform(at),
        strength=search.strength,
        norm=search.norm(at),
        cross_entropy=curvature.loss,
        objective=search.objective(at, curvature),
        gap=gap,
        converged=not interrupted and (certified or ((gap is None or bounded) and search.converged)),
        gradient_norm=search.gradient_norm if np.isfinite(search.gradient_norm) else None,
        rank=at.weights.shape[1],
        n_triplets=problem.n_triplets,
        n_iterations=search.iterations,
        n_passes=search.passes,
        seconds=time.perf_counter() - began,
        backend=problem.on.backend.name,
        options=problem.options,
        local=problem.figures(at) if figures and isinstance(problem, LocalProblem) else None,
        interrupted=interrupted,
        task=problem.task,
    )
