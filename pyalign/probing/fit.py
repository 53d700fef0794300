"""The choice of a penalty by triplets that a fit has not seen.

Fits of a probe: for one penalty, or for a path of penalties with warm starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT, Transform
from pyalign.errors import InputError
from pyalign.fitting.algebra import one_blas_thread
from pyalign.fitting.objective import part_of
from pyalign.probing.held_out import HeldOut, held_out_score
from pyalign.probing.local import LocalFigures, LocalProblem
from pyalign.probing.parameters import SHARES, ProbeOptions, as_penalties
from pyalign.probing.problem import CUT, INNER, Map, Problem, Watch, Watcher
from pyalign.probing.search import ROUNDS, Search
from pyalign.stats.splits import Fold, TripletKFold

# Also tried where the first or the last of `SHARES` is the best: for answers that say little, or very much.
STRONGER = (1.0, 0.5, 0.2)
WEAKER = tuple(float(share) for share in np.geomspace(0.0005, 0.00001, 5))
PATIENCE = 2  # a path ends when the cross-entropy of held-out triplets has been above its least that often in a row
INNER_FOLDS = 3
ROUNDS_OF_CHOICE = 1  # of a fit on the path: within about 1e-5 of its optimum
# The best penalty falls with the number of triplets t as t^-1/2 where it balances the noise of the gradient, as 1/t
# where it stands for a prior that does not change. Between the two, as on THINGS:
GROWTH = 0.75


@dataclass(frozen=True)
class Choice(Result):
    """How a penalty was chosen."""

    penalty: float  # the chosen penalty, for a fit to all triplets.
    # whether the lowest cross-entropy was at the largest or smallest penalty that was tried, so that a penalty beyond
    # the grid might be better.
    at_edge: bool
    # the penalties that were tried, largest first, as geometric means over the inner folds.
    penalties: tuple[float, ...]
    # the cross-entropy on held-out triplets for each penalty, in nats, as means over the inner folds.
    cross_entropy: tuple[float, ...]
    accuracy: tuple[float, ...]  # the accuracy on held-out triplets for each penalty, as means over the inner folds.
    n_passes: int  # the total number of passes over the triplets of an inner fold.


class Asked(NamedTuple):
    """Triplets of rows, and what was answered."""

    x: np.ndarray
    triplets: np.ndarray
    answers: np.ndarray | None = None

    def part(self, rows: np.ndarray) -> Asked:
        """Some of the triplets."""
        return Asked(self.x, self.triplets[rows], part_of(self.answers, rows))


def choose_penalty(
    asked: Asked, options: ProbeOptions, *, penalties: object = "auto", splitter: TripletKFold | None = None,
    subjects: np.ndarray | None = None, watch: Watch | None = None, make: Maker = Problem,
) -> Choice:
    """The penalty with the least cross-entropy on held-out triplets, over inner folds.

    A parabola through the three best in the logarithm places the least between the penalties that were tried. An inner
    fold has fewer triplets than the fit to come, so the penalty is scaled by (t_inner / t)^`GROWTH`.

    penalties: numbers, or ``"auto"`` for `SHARES` of the penalty from which on the best map is zero, and `STRONGER` or
        `WEAKER` ones where the best would else be the first or the last. A single number is not weighed against others,
        nor scaled.
    splitter: of the inner folds; None: `INNER_FOLDS` over objects.
    watch: what reports progress; its journal gets the fit with the least cross-entropy on its held-out triplets.
    make: what makes a problem of rows, triplets, options and answers: with other terms of the loss, for one.
    """
    stated = as_penalties(penalties)
    if stated is not None and len(stated) == 1:
        return Choice(stated[0], False, stated, (), (), 0)
    watch = watch or Watch(stage="inner")
    splitter = splitter or TripletKFold("objects", INNER_FOLDS)
    try:
        folds = list(splitter.folds(asked.triplets, subjects))
        require_sides(folds, asked.answers)
    except InputError as error:
        raise InputError(
            f"the penalty can't be chosen on an inner split over {splitter.by} ({error}); "
            "give one penalty, or more data"
        ) from error

    def curve(shares: tuple[float, ...]) -> _Curve:
        paths = []
        for number, fold in enumerate(folds):
            inner = watch.at(f"{watch.stage} {number + 1}/{len(folds)}")
            problem = problem_of(asked, fold, options, make)
            paths.append(_walk(problem, asked.part(fold.test), stated, shares, inner))
        return _Curve.of(paths)

    tried = curve(SHARES)
    if stated is None and tried.at_strongest:
        tried = curve(STRONGER).joined(tried)
    elif stated is None and tried.at_weakest:
        tried = tried.joined(curve(WEAKER))
    growth = (tried.n_triplets / len(asked.triplets)) ** GROWTH
    penalty = least_of(np.array(tried.penalties), np.array(tried.nats)) * growth
    at_edge = tried.at_strongest or tried.at_weakest
    return Choice(penalty, at_edge, tried.penalties, tried.nats, tried.right, tried.n_passes)


def require_sides(folds: Sequence[Fold], answers: np.ndarray | None) -> None:
    """Raises for a fold on one side of which no answer weighs anything.

    answers: see `pyalign.fitting.objective.answer_weights`.
    """
    for number, fold in enumerate(folds):
        for side, rows in (("training", fold.train), ("test", fold.test)):
            if answers is not None and not answers[rows].any():
                raise InputError(
                    f"weights must leave answers on both sides of a split; those of fold {number + 1}'s {side} "
                    "triplets are all 0"
                )


@dataclass
class _Path:
    """One inner fold: scores of held-out triplets along the penalties."""

    penalties: tuple[float, ...]
    n_triplets: int
    scores: list[HeldOut] = field(default_factory=list)
    n_passes: int = 0


def geometric_mean(penalties: ArrayLike) -> np.ndarray:
    """Over the first axis; 0 where one of the penalties is."""
    with np.errstate(divide="ignore"):
        mean: np.ndarray = np.exp(np.log(penalties).mean(axis=0))
    return mean


@dataclass(frozen=True)
class _Curve:
    """Figures of held-out triplets along a path, means over the inner folds."""

    penalties: tuple[float, ...]
    nats: tuple[float, ...]
    right: tuple[float, ...]
    n_triplets: float
    n_passes: int
    whole: bool  # no fold gave up before the last penalty

    @classmethod
    def of(cls, paths: Sequence[_Path]) -> _Curve:
        shortest = min(len(path.scores) for path in paths)

        def mean(values: list[list[float]]) -> tuple[float, ...]:
            return tuple(map(float, np.mean([some[:shortest] for some in values], axis=0)))

        return cls(
            penalties=tuple(map(float, geometric_mean([path.penalties[:shortest] for path in paths]))),
            nats=mean([[score.cross_entropy for score in path.scores] for path in paths]),
            right=mean([[score.accuracy for score in path.scores] for path in paths]),
            n_triplets=float(np.mean([path.n_triplets for path in paths])),
            n_passes=sum(path.n_passes for path in paths),
            whole=all(len(path.scores) == len(path.penalties) for path in paths),
        )

    @property
    def at_strongest(self) -> bool:
        return int(np.argmin(self.nats)) == 0

    @property
    def at_weakest(self) -> bool:
        return self.whole and int(np.argmin(self.nats)) == len(self.nats) - 1

    def joined(self, weaker: _Curve) -> _Curve:
        """This one and then one of smaller penalties."""
        return replace(
            self,
            penalties=self.penalties + weaker.penalties,
            nats=self.nats + weaker.nats,
            right=self.right + weaker.right,
            n_passes=self.n_passes + weaker.n_passes,
            whole=weaker.whole,
        )


def least_of(penalties: np.ndarray, nats: np.ndarray) -> float:
    """The penalty at which a parabola in its logarithm, through the least of `nats` and its neighbors, is least."""
    k = int(np.argmin(nats))
    if not 0 < k < len(nats) - 1:
        return float(penalties[k])
    logs = np.log(penalties[k - 1 : k + 2])
    curve = np.polynomial.Polynomial.fit(logs, nats[k - 1 : k + 2], 2).convert()
    return float(np.exp(np.clip(-curve.coef[1] / (2 * curve.coef[2]), logs.min(), logs.max())))


def _walk(
    problem: Problem, test: Asked, penalties: tuple[float, ...] | None, shares: tuple[float, ...], watch: Watch
) -> _Path:
    """Held-out scores along the penalties, until they have been worse `PATIENCE` times in a row."""
    path = _Path(penalties or problem.penalties_of(shares), problem.n_triplets)
    worse = 0
    for fit in fit_path(problem, path.penalties, rounds=ROUNDS_OF_CHOICE, watch=watch):
        held_out = held_out_score(fit.transform, problem.options, *test, problem.on, problem.task)
        watch.accuracy = held_out.accuracy
        watch.offer((INNER, held_out.cross_entropy), lambda fit=fit: fit)  # type: ignore[misc]
        path.n_passes += fit.n_passes
        path.scores.append(held_out)
        least = min(score.cross_entropy for score in path.scores)
        worse = worse + 1 if held_out.cross_entropy > least else 0
        if worse == PATIENCE:
            break
    return path


def problem_of(asked: Asked, fold: Fold, options: ProbeOptions, make: Maker = Problem) -> Problem:
    """The training side of a fold: nothing of rows that only other triplets name enters, not even their mean."""
    train = asked.part(fold.train)
    return make(train.x, train.triplets, options, train.answers)


@dataclass(frozen=True)
class ProbeFit(OfTask, Result):
    """A fitted probe."""

    command: ClassVar[str] = "fit"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    # the map, for the original rows.
    transform: Transform = field(metadata={"hidden": True}, repr=False, compare=False)
    penalty: float  # the penalty, by which the norm is multiplied.
    norm: float  # the value of the norm of the weights; `options.norm` says which norm.
    cross_entropy: float  # the mean over the triplets of the fit, in nats.
    # cross_entropy + penalty * norm, in nats; with other embeddings (1 - local_weight) * cross_entropy + local_weight
    # * local.cross_entropy + penalty * norm.
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
    for penalty in penalties:
        began = time.perf_counter()
        search = Search(problem, penalty)
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
        watch.report(search.penalty, passes, value)

    return seen


def _cut(search: Search, passes: int, at: Map, began: float) -> ProbeFit:
    """The fit at the best map so far, after Ctrl-C."""
    again = Search(search.problem, search.penalty)
    again.iterations, again.passes = search.iterations, passes
    return _result(again, at, began, interrupted=True)


def _result(search: Search, at: Map, began: float, figures: bool = False, interrupted: bool = False) -> ProbeFit:
    curvature, problem = search.look(at), search.problem
    gap, bounded = search.gap(at, curvature), at.weights.shape[1] == problem.largest_rank < problem.directions
    proven = gap is not None and gap <= problem.options.tolerance
    return ProbeFit(
        transform=problem.transform(at),
        penalty=search.penalty,
        norm=search.norm(at),
        cross_entropy=curvature.loss,
        objective=search.objective(at, curvature),
        gap=gap,
        converged=not interrupted and (proven or ((gap is None or bounded) and search.converged)),
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
