"""The choice of penalties by answers that a fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.embedding.fit import SHARES, FitSeen, Fitter
from pyalign.embedding.inputs import EmbeddingInputs, inner_part
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty
from pyalign.fitting.answers import PredictedAnswers, predicted_answers
from pyalign.journal import Journal, packed, unpacked

STRONGER = (0.55, 0.75)  # shares tried besides where the last is the best
WEAKER = ((0.025, 0.035), (0.012, 0.017), (0.006, 0.0085))  # likewise where the first is, one pair after the other
TOLERANCE, ITERATIONS = 5e-3, 150  # of fits that are only compared: weak penalties take many steps and bring little
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


@dataclass(frozen=True)
class PathStep:
    """A point in the journal, with its rows as text and the passes that the fit took."""

    point: PathPoint
    rows: str
    n_passes: int


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen."""

    penalty: EmbeddingPenalty  # for a fit to the triplets that the choice was made within.
    rows: np.ndarray | None  # of the fit that was the best, to begin the next one at; None where nothing was tried.
    path: tuple[PathPoint, ...]  # what was tried, weakest penalty first.
    at_edge: bool  # whether the weakest or the strongest penalty was the best.
    n_passes: int  # that it took.


def choose_penalty(
    inputs: EmbeddingInputs, triplets: np.ndarray, options: EmbeddingOptions,
    penalties: tuple[EmbeddingPenalty, ...] | None, split: str, seed: int, watch: FitSeen | None = None,
    journal: Journal | None = None, stage: str = "path",
) -> Choice:
    """The penalties with the least cross-entropy on a tenth of these triplets.

    penalties: weakest first; None: `SHARES` of the largest one, and `STRONGER` or `WEAKER` ones where the best would
        else be the last or the first. A single one is not weighed against others, nor scaled.
    journal: keeps each fit of the path, under the name of the stage and the number of the fit.
    """
    if penalties is not None and len(penalties) == 1:
        return Choice(penalties[0], None, (), False, 0)
    fitted, held = inner_part(split, inputs, triplets, seed)
    brief = replace(
        options, tolerance=max(TOLERANCE, options.tolerance), max_iterations=min(ITERATIONS, options.max_iterations)
    )
    fitter = inputs.fitter(options if options.signed else brief, watch, fitted)
    walk = _Walk(inputs, fitter, held, journal or Journal(), stage)
    if penalties is not None:
        walk.go(penalties)
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
    return Choice(penalty, walk.rows[walk.best], tuple(walk.points), at_edge, walk.n_passes)


class _Walk:
    """Fits along a path, with their figures on held-out answers."""

    def __init__(
        self, inputs: EmbeddingInputs, fitter: Fitter, held: np.ndarray, journal: Journal, stage: str, done: int = 0
    ) -> None:
        self.inputs, self.fitter, self.held, self.journal, self.stage = inputs, fitter, held, journal, stage
        self.points: list[PathPoint] = []
        self.rows: list[np.ndarray] = []
        self.n_passes, self.done = 0, done  # done: how many fits the names of steps in the journal have counted

    @property
    def best(self) -> int:
        return int(np.argmin([point.cross_entropy for point in self.points]))

    def go(self, penalties: Sequence[EmbeddingPenalty]) -> None:
        """From the last fit on, until the figures have been worse `PATIENCE` times in a row."""
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
            if len(self.points) - 1 - self.best >= PATIENCE or not step.point.n_dimensions:
                return

    def _step(self, penalty: EmbeddingPenalty) -> PathStep:
        fit = self.fitter.at(penalty, self.rows[-1] if self.rows else None)
        predicted = held_out(fit.rows, self.inputs, self.held)
        weight = float(predicted.weights.sum())
        point = PathPoint(
            penalty.shrinkage, penalty.sparsity, fit.rows.shape[1],
            float(predicted.right.sum()) / weight, float(predicted.nats.sum()) / weight,
        )
        return PathStep(point, packed(rows=fit.rows), fit.n_passes)

    def go_before(self, penalties: Sequence[EmbeddingPenalty]) -> None:
        """Weaker penalties, from a start of their own; they stand before the others."""
        weaker = _Walk(self.inputs, self.fitter, self.held, self.journal, self.stage, self.done)
        weaker.go(penalties)
        self.points, self.rows = weaker.points + self.points, weaker.rows + self.rows
        self.n_passes, self.done = self.n_passes + weaker.n_passes, weaker.done


def held_out(rows: np.ndarray, inputs: EmbeddingInputs, triplets: np.ndarray) -> PredictedAnswers:
    """What rows (n, d) say of the answers to these triplets."""
    answers = None if inputs.answers is None else inputs.answers[triplets]
    if not rows.shape[1]:
        rows = np.zeros((inputs.n, 1))
    return predicted_answers(
        inputs.on.for_scoring(rows), inputs.index[triplets], answers, "dot", 1.0, inputs.on, "odd-one-out"
    )
