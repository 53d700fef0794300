"""Millions of answers simulated by SPoSE-66: `python -m benchmarks.embed_recovery FOLDER`, FOLDER as in tests.

What comes back of the dimensions that gave the answers, what fits of that size cost in gradients and in epochs of the
published loops, and how many gradients resamples of the answers of THINGS take. CPU seconds on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.embed_grid import BATCHES, N, answers_of_things, cpu_seconds
from benchmarks.embed_peers import BATCH, VICE_BATCH, spose_step, vice_step
from benchmarks.probe_grid import run
from pyalign import score
from pyalign.datasets.simulate import simulate
from pyalign.embedding.choose import TOLERANCE, choose_penalty
from pyalign.embedding.fit import Fitter, Objective
from pyalign.embedding.inputs import read_answers, unit_of
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty
from pyalign.embedding.stability import matched, similarity_correlation
from pyalign.fitting.objective import TripletLoss

MANY, HELD, D = 4_500_000, 200_000, 100
SHRINKAGE, OF = 1.43e-5, 248_661  # that these answers of THINGS chose; it falls with the number of answers t as t^-0.75
RESAMPLES = 10  # that are fitted, of 100


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    truth = np.loadtxt(folder / "things" / "spose_embedding_66d_sorted.txt")
    answers = simulate(truth, MANY + HELD, measure="dot", temperature=1.0).triplets
    train, test = answers[:MANY], answers[MANY:]
    inputs, options = read_answers(train), EmbeddingOptions()
    penalty = EmbeddingPenalty(SHRINKAGE, N / 2 * SHRINKAGE).scaled((MANY / OF) ** -0.75)
    loss, count = inputs.loss(), Counted()
    with count.gradients():
        own = cpu_of_gradient(loss)
        yield "a gradient at d = 100, float32", 1e3 * own, "CPU ms"
        fits, costs = [], []
        for seed in (None, 0):
            count.seconds, began = 0.0, time.process_time()
            fits.append(Fitter(loss, replace(options, seed=seed)).at(penalty))
            costs.append((time.process_time() - began, count.seconds))
    yield from _recovered(truth, fits, test)
    whole, gradients = costs[0]
    yield "a fit: passes", fits[0].n_passes, ""
    yield "a fit", whole, "CPU s"
    yield "a fit: what is not a gradient", 100 * (1 - gradients / whole), "%"
    for name, step, batch in (("SPoSE's", spose, BATCH), ("VICE's", vice, VICE_BATCH)):
        epoch = cpu_seconds(step(train)) / (BATCHES // 4) * MANY / batch
        yield f"a fit, in epochs of {name} loop", whole / epoch, ""
    began = time.process_time()
    choice = choose_penalty(inputs, np.arange(MANY * 2 // 3), options, None, "triplets", 0)
    seconds = time.process_time() - began
    yield "penalties tried in a fold", len(choice.path), ""
    yield "the choice of penalties in three folds, extrapolated from one: passes", 3 * choice.n_passes, ""
    yield "the choice of penalties in three folds, extrapolated from one, in gradients", 3 * seconds / own, ""
    yield from _resamples(folder, options)


def _recovered(truth: np.ndarray, fits: list[Any], test: np.ndarray) -> Iterator[tuple[str, float, str]]:
    rows, other = (fit.rows for fit in fits)
    held = score({"fit": rows, "truth": truth}, test, measure="dot", ci=None)
    fit, best = held.results
    yield "accuracy on new answers", 100 * fit.accuracy, "%"
    yield "accuracy on new answers: less than that of the truth", 100 * (best.accuracy - fit.accuracy), "points"
    yield "cross-entropy on new answers: more than that of the truth", fit.cross_entropy - best.cross_entropy, "nats"
    yield "dimensions", rows.shape[1], ""
    yield "entries that are 0", 100 * float(np.mean(rows == 0)), "%"
    yield "dimensions of SPoSE-66 matched above .8", np.count_nonzero(matched(truth, rows).correlations > 0.8), ""
    yield "two starts: correlation of similarities", similarity_correlation(rows, other), ""
    yield "two starts: dimensions matched above .8", 100 * matched(rows, other).share_above(0.8, rows.shape[1]), "%"


def _resamples(folder: Path, options: EmbeddingOptions) -> Iterator[tuple[str, float, str]]:
    inputs = read_answers(answers_of_things(folder)[0])
    loss = inputs.loss()
    fit = Fitter(loss, options).at(EmbeddingPenalty(SHRINKAGE, N / 2 * SHRINKAGE))
    unit, rng = unit_of("triplets", inputs), np.random.default_rng(0)
    options = replace(options, tolerance=TOLERANCE)
    number, own, began, passes = int(unit.max()) + 1, cpu_of_gradient(loss), time.process_time(), 0
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(0, number, number), minlength=number).astype(float)[unit]
        passes += Fitter(inputs.loss(None, weights), options).at(fit.penalty, fit.rows).n_passes
    whole, what = time.process_time() - began, f"100 warm resamples of THINGS, extrapolated from {RESAMPLES}"
    yield f"{what}: passes", passes * 100 / RESAMPLES, ""
    yield f"{what}, in gradients at d = 100", whole * 100 / RESAMPLES / own, ""


class Counted:
    """Adds up the CPU seconds of gradients inside `gradients`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def gradients(self) -> Any:
        from unittest.mock import patch

        by_rows = TripletLoss.by_rows

        def timed(loss: TripletLoss, z: Any) -> Any:
            began = time.process_time()
            try:
                return by_rows(loss, z)
            finally:
                self.seconds += time.process_time() - began

        return patch.object(TripletLoss, "by_rows", timed)


def cpu_of_gradient(loss: TripletLoss) -> float:
    """CPU seconds of one at d = 100."""
    rows = np.abs(np.random.default_rng(0).normal(0.1, 0.3, (N, D))).astype(np.float32)
    single = Objective(TripletLoss(loss.n, loss.triplets, np.dtype(np.float32)), EmbeddingPenalty(1e-5))
    single(rows)
    return cpu_seconds(lambda: single(rows), 5)


def spose(triplets: np.ndarray) -> Callable[[], None]:
    """A quarter of `BATCHES` of SPoSE's loop with rows looked up."""
    import torch

    torch.set_num_threads(1)
    return warmed(spose_step(N, D, triplets[: BATCHES // 4 * BATCH], 0.008, one_hot=False)[0])


def vice(triplets: np.ndarray) -> Callable[[], None]:
    """As many of VICE's."""
    return warmed(vice_step(N, D, triplets[: BATCHES // 4 * VICE_BATCH])[0])


def warmed(call: Callable[[], None]) -> Callable[[], None]:
    """The same, called once."""
    call()
    return call


if __name__ == "__main__":
    run("embed-recovery", __doc__.splitlines()[0], measure)
