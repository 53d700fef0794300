"""The choice of a penalty's strength by triplets that a fit has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pyalign.analysis.score import score
from pyalign.errors import InputError
from pyalign.ops.triplets import run_triplets
from pyalign.probing.algebra import Algebra, algebra_for
from pyalign.probing.fit import ProbeFit, fit_path
from pyalign.probing.options import SHARES, ProbeOptions, as_strengths
from pyalign.probing.problem import Map, Problem
from pyalign.probing.splits import Fold, folds_of, require_sides

# Tried besides where the first or the last of `SHARES` is the best: answers that say little, and such as say very much.
STRONGER = (1.0, 0.5, 0.2)
WEAKER = tuple(float(share) for share in np.geomspace(0.0005, 0.00001, 5))
PATIENCE = 2  # a path ends when the cross-entropy of held-out triplets has been above its least that often in a row
INNER_FOLDS = 3
ROUNDS = 1  # of a fit on the path: within about 1e-5 of its optimum
# The best strength falls with the number of triplets t as t^-1/2 where it balances the noise of the gradient, as 1/t
# where it stands for a prior that does not change. Between the two, as on THINGS:
GROWTH = 0.75


@dataclass(frozen=True)
class Progress:
    """Where a long computation is, for whoever watches.

    Attributes:
        stage: such as "fold 2/3, inner 1/3" or "refit".
        l2: strength of the penalty.
        n_passes: of the present fit.
        objective: nats, at the last pass.
        accuracy: on held-out triplets, of the last fit that was scored; None before there is one.
    """

    stage: str
    l2: float
    n_passes: int
    objective: float
    accuracy: float | None


Reporter = Callable[[Progress], None]
Maker = Callable[[np.ndarray, np.ndarray, ProbeOptions, "np.ndarray | None"], Problem]


def silent(progress: Progress) -> None:
    """A reporter that does nothing."""


@dataclass(frozen=True)
class Choice:
    """How a strength was chosen.

    Attributes:
        l2: the strength for a fit to all triplets that took part.
        at_edge: whether the least cross-entropy was at the strongest or the weakest strength that was tried, so that
            others might be better.
        strengths: those that were tried, strongest first, in the geometric mean over the inner folds.
        cross_entropy, accuracy: nats and fraction, of held-out triplets at each; mean over the inner folds.
        n_passes: over all triplets of an inner fold, in sum.
        interrupted: Ctrl-C came; what is there may be incomplete.
        best: of the fits along the paths, the one with the least cross-entropy on its held-out triplets; where none has
            been scored yet, the last; None before there is one.
        best_stage: where that was, as in `Progress`.
    """

    l2: float
    at_edge: bool
    strengths: tuple[float, ...]
    cross_entropy: tuple[float, ...]
    accuracy: tuple[float, ...]
    n_passes: int
    interrupted: bool
    best: ProbeFit | None
    best_stage: str

    def to_dict(self) -> dict[str, Any]:
        """Strengths and curves as a dict that json can write."""
        names = ("l2", "at_edge", "strengths", "cross_entropy", "accuracy", "n_passes")
        return {name: getattr(self, name) for name in names}


def choose_strength(
    x: np.ndarray, triplets: np.ndarray, options: ProbeOptions, *, penalties: object = "auto", split: str = "objects",
    subjects: np.ndarray | None = None, answers: np.ndarray | None = None, seed: int = 0, stage: str = "inner",
    report: Reporter = silent, make: Maker = Problem,
) -> Choice:  # fmt: skip
    """The strength with the least cross-entropy on held-out triplets, over `INNER_FOLDS` inner folds.

    A parabola through the three best in the logarithm places the least between the strengths that were tried. An inner
    fold has fewer triplets than the fit to come, so the strength is scaled by (t_inner / t)^`GROWTH`.

    make: what makes a problem of rows, triplets, options and answers: with other terms of the loss, for one.
    penalties: numbers, or ``"auto"`` for `SHARES` of the strength from which on the best map is zero, and `STRONGER` or
        `WEAKER` ones where the best would else be the first or the last. A single number is not weighed against others,
        nor scaled.

    Raises:
        InputError: several strengths, and an inner split that would leave a fold empty.
    """
    strengths = as_strengths(penalties)
    if strengths is not None and len(strengths) == 1:
        return Choice(strengths[0], False, strengths, (), (), 0, False, None, stage)
    try:
        folds = list(folds_of(triplets, len(x), split=split, folds=INNER_FOLDS, seed=seed, subjects=subjects))
        require_sides(folds, answers)
    except InputError as error:
        raise InputError(
            f"the strength can't be chosen on an inner split over {split} ({error}); give one number (l2, --l2), or "
            "more data"
        ) from error

    def curve(shares: tuple[float, ...]) -> _Curve:
        paths: list[_Path] = []
        try:
            for number, fold in enumerate(folds):
                paths.append(_Path(f"{stage} {number + 1}/{INNER_FOLDS}"))
                _walk(paths[-1], x, triplets, answers, fold, options, strengths, shares, report, make)
                if paths[-1].interrupted:
                    break
        except KeyboardInterrupt:  # outside of a fit, which ends by itself
            if not paths:
                raise
            paths[-1].interrupted = True
        return _Curve.of(paths)

    found = curve(SHARES)
    if strengths is None and not found.interrupted and found.at_strongest:
        found = curve(STRONGER).joined(found)
    elif strengths is None and not found.interrupted and found.at_weakest:
        found = found.joined(curve(WEAKER))
    rest = found.n_passes, found.interrupted, found.best.best, found.best.stage
    if not found.strengths:
        return Choice(float("nan"), False, (), (), (), *rest)
    at_edge = not found.interrupted and (found.at_strongest or found.at_weakest)
    growth = (found.n_triplets / len(triplets)) ** GROWTH
    l2 = least_of(np.array(found.strengths), np.array(found.nats)) * growth
    return Choice(l2, at_edge, found.strengths, found.nats, found.right, *rest)


@dataclass(frozen=True)
class _Curve:
    """Figures of held-out triplets along a path, means over the inner folds."""

    strengths: tuple[float, ...]
    nats: tuple[float, ...]
    right: tuple[float, ...]
    n_triplets: float
    n_passes: int
    interrupted: bool
    whole: bool  # no fold gave up before the last strength
    best: _Path

    @classmethod
    def of(cls, paths: Sequence[_Path]) -> _Curve:
        shortest = min(len(path.scores) for path in paths)

        def mean(values: list[list[float]]) -> tuple[float, ...]:
            return tuple(map(float, np.mean([some[:shortest] for some in values], axis=0)))

        logs = mean([np.log(path.strengths).tolist() for path in paths])
        return cls(
            strengths=tuple(map(float, np.exp(logs))),
            nats=mean([[score.cross_entropy for score in path.scores] for path in paths]),
            right=mean([[score.accuracy for score in path.scores] for path in paths]),
            n_triplets=float(np.mean([path.n_triplets for path in paths])),
            n_passes=sum(path.n_passes for path in paths),
            interrupted=paths[-1].interrupted,
            whole=all(len(path.scores) == len(path.strengths) for path in paths),
            best=_best_of(paths),
        )

    @property
    def at_strongest(self) -> bool:
        return len(self.nats) > 0 and int(np.argmin(self.nats)) == 0

    @property
    def at_weakest(self) -> bool:
        return len(self.nats) > 0 and self.whole and int(np.argmin(self.nats)) == len(self.nats) - 1

    def joined(self, weaker: _Curve) -> _Curve:
        """This one and then one of weaker strengths."""
        return replace(
            self,
            strengths=self.strengths + weaker.strengths,
            nats=self.nats + weaker.nats,
            right=self.right + weaker.right,
            n_passes=self.n_passes + weaker.n_passes,
            interrupted=self.interrupted or weaker.interrupted,
            whole=weaker.whole,
            best=_best_of([self.best, weaker.best]),
        )


def least_of(strengths: np.ndarray, nats: np.ndarray) -> float:
    """The strength at which a parabola in its logarithm, through the least of `nats` and its neighbours, is least.

    Example:
        >>> round(least_of(np.array([1.0, 0.1, 0.01]), np.array([4.0, 1.0, 4.0])), 6)
        0.1
    """
    k = int(np.argmin(nats))
    if not 0 < k < len(nats) - 1:
        return float(strengths[k])
    logs = np.log(strengths[k - 1 : k + 2])
    curve = np.polynomial.Polynomial.fit(logs, nats[k - 1 : k + 2], 2).convert()
    return float(np.exp(np.clip(-curve.coef[1] / (2 * curve.coef[2]), logs.min(), logs.max())))


@dataclass
class _Path:
    """best: the fit with the least cross-entropy, `best_nats`; before one is scored, the last."""

    stage: str
    strengths: tuple[float, ...] = ()
    scores: list[HeldOut] = field(default_factory=list)
    n_triplets: int = 0
    n_passes: int = 0
    interrupted: bool = False
    best: ProbeFit | None = None
    best_nats: float = float("inf")


def _best_of(paths: Sequence[_Path]) -> _Path:
    """The path with the best fit; of those that have none scored, the last that has one."""
    return min(reversed(paths), key=lambda path: (path.best is None, path.best_nats))


def _walk(
    path: _Path, x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, fold: Fold, options: ProbeOptions,
    strengths: tuple[float, ...] | None, shares: tuple[float, ...], report: Reporter, make: Maker,
) -> None:  # fmt: skip
    """Held-out scores along the strengths, until they have been worse `PATIENCE` times in a row."""
    problem = problem_of(x, triplets, answers, fold, options, make)
    if strengths is None:
        strengths = problem.strengths(shares)
    path.strengths, path.n_triplets = strengths, problem.n_triplets
    worse = 0
    fits = fit_path(problem, strengths, rounds=ROUNDS, watch=watcher(path.stage, path, report))
    for fit in fits:
        path.n_passes += fit.n_passes
        path.best = fit if path.best is None else path.best
        if fit.interrupted:
            path.interrupted = True
            break
        path.scores.append(held_out_score(fit, x, triplets[fold.test], part_of(answers, fold.test), problem.on))
        if path.scores[-1].cross_entropy < path.best_nats:
            path.best, path.best_nats = fit, path.scores[-1].cross_entropy
        least = min(s.cross_entropy for s in path.scores)
        worse = worse + 1 if path.scores[-1].cross_entropy > least else 0
        if worse == PATIENCE:
            break


def watcher(stage: str, path: Any, report: Reporter) -> Callable[[int, float, Map], None]:
    """Passes of a fit, as `Progress`."""

    def watch(passes: int, value: float, at: Map) -> None:
        scores = getattr(path, "scores", [])
        tried = getattr(path, "strengths", ())
        l2 = tried[min(len(scores), len(tried) - 1)] if tried else float("nan")
        report(Progress(stage, l2, passes, value, scores[-1].accuracy if scores else None))

    return watch


def problem_of(
    x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, fold: Fold, options: ProbeOptions,
    make: Maker = Problem,
) -> Problem:  # fmt: skip
    """The training side of a fold: nothing of the held-out rows enters, not even their mean."""
    place = np.full(len(x), -1, np.int64)
    place[fold.train_items] = np.arange(len(fold.train_items))
    return make(x[fold.train_items], place[triplets[fold.train]], options, part_of(answers, fold.train))


def part_of(answers: np.ndarray | None, triplets: np.ndarray) -> np.ndarray | None:
    """The answers to those triplets."""
    return None if answers is None else answers[triplets]


@dataclass(frozen=True)
class HeldOut:
    """Figures of triplets that a fit has not seen: fraction, and nats; means over the answers."""

    accuracy: float
    cross_entropy: float


def held_out_score(
    fit: ProbeFit, x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, on: Algebra
) -> HeldOut:
    """Accuracy and cross-entropy of a fit on triplets that it has not seen, computed where it was fitted."""
    items, local = np.unique(triplets, return_inverse=True)
    options = fit.options
    rows = fit.transform.apply(x[items])
    return scored(rows, local.reshape(-1, 3), answers, options.measure, options.temperature, on)


def scored(
    rows: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, measure: str, temperature: float = 1.0,
    on: Algebra | None = None,
) -> HeldOut:  # fmt: skip
    """`pyalign.score`; with answers, their share that call the same item odd and their mean surprise, by its rules.

    Of m pairs that tie for the most similar each counts 1/m.
    """
    on = on or algebra_for()
    z, backend = on.for_scoring(rows), on.backend.name
    if answers is None:
        found = score(z, triplets, measure=measure, temperature=temperature, backend=backend)
        return HeldOut(found.accuracy, found.cross_entropy)
    results = run_triplets(z, triplets, measure=measure, temperature=temperature, backend=backend, similarities=True)
    s = on.fetched(results.similarities).astype(np.float64)[:, ::-1]  # of the pair that is left when a position is odd
    best = s.max(axis=1, keepdims=True)
    at_best = s == best
    scaled = (s - best) / temperature
    logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    agree = (answers * at_best).sum(axis=1) / at_best.sum(axis=1)
    weight = answers.sum()
    return HeldOut(float(agree.sum() / weight), float(-(answers * logs).sum() / weight))
