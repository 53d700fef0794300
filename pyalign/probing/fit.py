"""Fits of a probe: one penalty strength, or a path of them with warm starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT, Transform
from pyalign.fitting.threads import one_blas_thread
from pyalign.probing.local import LocalFigures, LocalProblem
from pyalign.probing.options import ProbeOptions
from pyalign.probing.problem import Map, Problem
from pyalign.probing.search import ROUNDS, Search
from pyalign.probing.watch import CUT, Watch, Watcher


@dataclass(frozen=True)
class ProbeFit(OfTask, Result):
    """A fitted probe.

    Attributes:
        transform: the map, for rows as they came.
        strength: of the penalty.
        norm: what it multiplies; see `penalty` among the options.
        cross_entropy: nats, mean over the triplets of the fit.
        objective: nats, cross_entropy + strength * norm; with other embeddings (1 - alpha) * cross_entropy + alpha *
            local.cross_entropy + strength * norm.
        gap: nats; the objective is certified to lie at most this far above the optimum over maps of any rank. None
            where the problem isn't convex.
        converged: whether the gap is at most `tolerance`; without a gap, or where `rank` bounds the columns: whether
            the last iteration brought next to nothing, which is a local optimum.
        gradient_norm: of the objective by the parameters of the last L-BFGS run; None where there was none.
        rank: columns of the weights.
        n_triplets: how many triplets it was fitted to.
        n_iterations, n_passes: of L-BFGS; a pass is one loss with its gradient over all triplets.
        seconds: that the fit took.
        backend: what computed it.
        options: the probe's other options.
        accuracy: fraction of the triplets of the fit, which flatters: score others. None where nobody has looked.
        local: what the map does to other embeddings; None where there are none.
        interrupted: whether Ctrl-C cut it short; a journal may hold such a fit, no function returns one.
        task: the task of the triplets; `chance` follows from it.
    """

    command: ClassVar[str] = "fit"
    derived: ClassVar[tuple[str, ...]] = (
        "chance", "l2", "local_cross_entropy", "teacher_entropy", "neighbors_kept", "n_images", "n_batches",
    )  # fmt: skip

    transform: Transform = field(metadata={"hidden": True}, repr=False, compare=False)
    strength: float
    norm: float
    cross_entropy: float
    objective: float
    gap: float | None
    converged: bool
    gradient_norm: float | None
    rank: int
    n_triplets: int
    n_iterations: int
    n_passes: int
    seconds: float
    backend: str
    options: ProbeOptions
    accuracy: float | None = None
    local: LocalFigures | None = None
    interrupted: bool = False
    task: str = ODD_ONE_OUT

    @property
    def l2(self) -> float:
        """The strength, under the name that it has on the command line."""
        return self.strength

    @property
    def local_cross_entropy(self) -> float | None:
        """The `local_cross_entropy` of `local`, as are the next four properties."""
        return None if self.local is None else self.local.cross_entropy

    @property
    def teacher_entropy(self) -> float | None:
        return None if self.local is None else self.local.teacher_entropy

    @property
    def neighbors_kept(self) -> dict[int, float] | None:
        return None if self.local is None else self.local.neighbors_kept

    @property
    def n_images(self) -> int | None:
        return None if self.local is None else self.local.n

    @property
    def n_batches(self) -> int | None:
        return None if self.local is None else self.local.n_batches


Maker = Callable[[np.ndarray, np.ndarray, ProbeOptions, "np.ndarray | None"], Problem]


def fit_path(
    problem: Problem, penalties: Sequence[float], *, start: Map | None = None, rounds: int = ROUNDS,
    watch: Watch | None = None, figures: bool = False,
) -> Iterator[ProbeFit]:  # fmt: skip
    """A fit for each strength, each from where the one before ended; strongest first is quickest.

    rounds: of columns added and L-BFGS, at most; one brings a convex problem within about 1e-5 of its optimum.
    watch: who is told of passes, and gets the best map so far.
    figures: whether to look at what the map does to other embeddings.
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
    """Offers the map of the lowest objective so far, and tells of passes."""
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
    """A fit that Ctrl-C came into, at the best of its maps."""
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
