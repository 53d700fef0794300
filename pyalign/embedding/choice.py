"""The choice of penalties by answers that a fit has not seen, and of the number of dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.embedding.fit import (
    MOST, RELAXED, SETTLING, SHARES, EmbeddingOptions, EmbeddingPenalty, FitSeen, Fitter, settled,
)
from pyalign.embedding.folds import EmbeddingInputs, inner_part
from pyalign.fitting.objective import PredictedAnswers, predicted_answers
from pyalign.journal import Journal, packed, unpacked

STRONGER = (0.55, 0.75)  # shares tried besides where the last is the best
WEAKER = ((0.025, 0.035), (0.012, 0.017), (0.006, 0.0085))  # likewise where the first is, one pair after the other
TOLERANCE, ITERATIONS = 5e-3, 150  # of fits that are only compared: weak penalties take many steps and bring little
FEW = 30  # iterations of fits along which the number of dimensions settles: more change it hardly ever
BEFORE = 1 / 1.5  # of the penalty at which the number settles, where fits begin that are to have it
PATIENCE = 2  # a path ends when the cross-entropy has been above its least that often in a row
GROWTH = 0.75  # the best penalties fall with the number of answers t as t^-GROWTH


@dataclass(frozen=True)
class PathPoint:
    """One fit of a path, on answers that it has not seen."""

    # shrinkage, sparsity: the penalties.
    shrinkage: float
    sparsity: float
    n_dimensions: int  # that are left.
    accuracy: float  # fraction of the held-out answers.
    cross_entropy: float  # nats, of these.
    relaxed: bool = False  # whether it begins where the number of dimensions settles, which it keeps.


@dataclass(frozen=True)
class PathStep:
    """A point in the journal, with its rows as text and the passes that the fit took."""

    point: PathPoint
    rows: str
    n_passes: int


Stated = tuple[EmbeddingPenalty, ...] | Literal["auto"] | None  # penalties to choose from, see `choose_penalty`


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen."""

    penalty: EmbeddingPenalty  # for a fit to the triplets that the choice was made within.
    rows: np.ndarray | None  # of the fit that was the best, to begin the next one at; None where nothing was tried.
    path: tuple[PathPoint, ...]  # what was tried, weakest penalty first.
    at_edge: bool  # whether the weakest or the strongest penalty was the best.
    n_passes: int  # that it took.
    # those at which the number of dimensions settles, of the first fit and of the middle one; of one fit where it does
    # not settle; () where it was not asked.
    settling: tuple[EmbeddingPenalty, ...] = ()


def choose_penalty(
    inputs: EmbeddingInputs, triplets: np.ndarray, options: EmbeddingOptions,
    penalties: Stated, split: tuple[str, int], watch: FitSeen, kept: tuple[Journal, str],
) -> Choice:
    """The penalties with the least cross-entropy on a tenth of these triplets.

    penalties: weakest first; None: `SHARES` of the largest one, and `STRONGER` or `WEAKER` ones where the best would
        else be the last or the first. A single one is not weighed against others, nor scaled. "auto": the number of
        dimensions is that at which `SETTLING` settles, and only fits of `RELAXED` from there are weighed. Where these
        are worse than the best along the path, the number does not settle: then those from this best fit are weighed,
        and from the next stronger ones, until they get worse.
    split: what the tenth is drawn of, and the seed.
    kept: the journal that keeps each fit of the path, and the name under which it does, before the number of the fit.
    """
    settles = penalties == "auto"
    if isinstance(penalties, tuple) and len(penalties) == 1:
        return Choice(penalties[0], None, (), False, 0)
    fitted, held = inner_part(split[0], inputs, triplets, split[1])
    fitter = inputs.fitter(options if options.signed else compared(options, settles), watch, fitted)
    walk = _Walk(inputs, fitter, held, *kept)
    settling: tuple[EmbeddingPenalty, ...] = ()
    if isinstance(penalties, tuple):
        walk.go(penalties)
    elif settles:
        walk.go(fitter.penalties(SETTLING), len(SETTLING))
        settling = walk.settle(fitter.penalties(RELAXED))
    else:
        walk.go(fitter.penalties(SHARES))
        if walk.best == len(walk.points) - 1:
            walk.go(fitter.penalties(STRONGER))
        for shares in WEAKER:
            if walk.best == 0:
                walk.go_before(fitter.penalties(shares))
    point = walk.points[walk.best]
    scale = (len(fitted) / len(triplets)) ** GROWTH
    at_edge = walk.best in (0, len(walk.points) - 1)
    penalty = EmbeddingPenalty(point.shrinkage, point.sparsity).scaled(scale)
    return Choice(penalty, walk.rows[walk.best], tuple(walk.points), at_edge, walk.n_passes, settling)


def compared(options: EmbeddingOptions, settles: bool = True) -> EmbeddingOptions:
    """The options of fits that are only compared, or that others begin at."""
    most = min(FEW if settles else ITERATIONS, options.max_iterations)
    tolerance = max(TOLERANCE, options.tolerance)
    return replace(options, tolerance=tolerance, max_iterations=most)


class _Walk:
    """Fits along a path, with their figures on held-out answers."""

    def __init__(
        self, inputs: EmbeddingInputs, fitter: Fitter, held: np.ndarray, journal: Journal, stage: str, done: int = 0
    ) -> None:
        self.inputs, self.fitter, self.held, self.journal, self.stage = inputs, fitter, held, journal, stage
        self.points: list[PathPoint] = []
        self.rows: list[np.ndarray] = []
        self.start: np.ndarray | None = None  # rows whose number of dimensions is kept; None: those of `Fitter`
        self.n_passes, self.done = 0, done  # done: how many fits the names of steps in the journal have counted

    @property
    def best(self) -> int:
        """The place of the least cross-entropy; of relaxed points, where there are some."""
        relaxed = any(point.relaxed for point in self.points)
        return min((point.cross_entropy, k) for k, point in enumerate(self.points) if point.relaxed == relaxed)[1]

    @property
    def least(self) -> float:
        """The least cross-entropy."""
        return self.points[self.best].cross_entropy

    def go(self, penalties: Sequence[EmbeddingPenalty], patience: int = PATIENCE) -> None:
        """From the last fit on, until the figures have been worse so often in a row."""
        for penalty in penalties:
            self.done += 1
            name = f"{self.stage}, penalty {self.done}"
            step = self.journal.result(name, PathStep)
            if step is None:
                step = self._step(penalty)
                self.journal.finish(name, step)
            self.points.append(step.point)
            self.rows.append(unpacked(step.rows)["rows"])
            self.n_passes += step.n_passes
            if len(self.points) - 1 - self.best >= patience or not step.point.n_dimensions:
                return

    def _step(self, penalty: EmbeddingPenalty) -> PathStep:
        fit = self.fitter.at(penalty, self.rows[-1] if self.rows else self.start)
        predicted = held_out(fit.rows, self.inputs, self.held)
        weight = float(predicted.weights.sum())
        point = PathPoint(
            penalty.shrinkage, penalty.sparsity, fit.rows.shape[1],
            float(predicted.right.sum()) / weight, float(predicted.nats.sum()) / weight, self.start is not None,
        )
        return PathStep(point, packed(rows=fit.rows), fit.n_passes)

    def settle(self, penalties: Sequence[EmbeddingPenalty]) -> tuple[EmbeddingPenalty, ...]:
        """Weaker penalties, strongest first, from where the number of dimensions settles; where that is."""
        path, best, all_columns = list(self.points), self.best, min(MOST, self.inputs.n)
        numbers = [one.n_dimensions if one.n_dimensions < all_columns else 0 for one in path]
        places: tuple[int, ...] | None = settled(numbers)
        if places is None:
            return ()
        relaxed = self._weaker(penalties, self.rows[places[0]])
        if relaxed.least > path[best].cross_entropy:
            for place in range(best, len(path)):
                other = self._weaker(penalties, self.rows[place])
                if other.least > relaxed.least and place > best:
                    break
                relaxed, places = other, (place,)
        self.points, self.rows = relaxed.points[::-1] + self.points, relaxed.rows[::-1] + self.rows
        return tuple(EmbeddingPenalty(path[place].shrinkage, path[place].sparsity) for place in places)

    def go_before(self, penalties: Sequence[EmbeddingPenalty]) -> None:
        """Weaker penalties, from a start of their own; they stand before the others."""
        weaker = self._weaker(penalties)
        self.points, self.rows = weaker.points + self.points, weaker.rows + self.rows

    def _weaker(self, penalties: Sequence[EmbeddingPenalty], start: np.ndarray | None = None) -> _Walk:
        """Another walk, whose fits are counted on and whose passes are added."""
        weaker = _Walk(self.inputs, self.fitter, self.held, self.journal, self.stage, self.done)
        weaker.start = start
        weaker.go(penalties)
        self.n_passes, self.done = self.n_passes + weaker.n_passes, weaker.done
        return weaker


def held_out(rows: np.ndarray, inputs: EmbeddingInputs, triplets: np.ndarray) -> PredictedAnswers:
    """What rows (n, d) say of the answers to these triplets."""
    answers = None if inputs.answers is None else inputs.answers[triplets]
    if not rows.shape[1]:
        rows = np.zeros((inputs.n, 1))
    return predicted_answers(
        inputs.on.for_scoring(rows), inputs.index[triplets], answers, "dot", 1.0, inputs.on, "odd-one-out"
    )


def scaled(settling: tuple[EmbeddingPenalty, ...], scale: float) -> tuple[EmbeddingPenalty, ...]:
    """The penalties of `Choice.settling` for other answers: noise moves the first, and similarities the other one."""
    return (min([settling[0].scaled(scale), *settling[1:]]), *settling[1:]) if settling else ()


def settled_rows(
    inputs: EmbeddingInputs, options: EmbeddingOptions, settling: Sequence[EmbeddingPenalty],
    triplets: np.ndarray | None = None,
) -> np.ndarray | None:
    """Rows to begin at, with the number of dimensions that these penalties leave; None without penalties."""
    rows = None
    weaker = [penalty.scaled(BEFORE) for penalty in settling[:1]]
    for fit in inputs.fitter(compared(options), None, triplets).path([*weaker, *settling]):
        rows = fit.rows
    return rows
