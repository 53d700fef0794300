"""A whole cross-validation beside the published grid: `python -m benchmarks.probe_grid FOLDER`, FOLDER as in tests.

The published grid is 6 strengths x 3 folds, each trained for at least 11 epochs (an end when ten have not helped). A
few of its batches are timed, forward and backward, and the rest extrapolated; Adam's steps and evaluations are left
out. Epochs by `published_recipe`, on the first fold and at each strength, give the held-out loss that the grid
reaches: until three epochs have not lowered it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import run
from benchmarks.probe_peers import BATCH, one_hot_step
from benchmarks.published_recipe import epochs as epochs_of
from pyalign import cross_validate_probe, load_embeddings, load_triplets
from pyalign.stats.splits import TripletKFold

STRENGTHS, FOLDS, FEWEST_EPOCHS = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5), 3, 11
TIMED_BATCHES = 8


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    x = np.asarray(load_embeddings(folder / "things" / "clip_vit_b32.npy"), np.float32)
    triplets = np.asarray(load_triplets(folder / "things" / "human_triplets_375429.npy"))
    fold = next(TripletKFold(n_splits=FOLDS).folds(triplets))

    result = cross_validate_probe(x, triplets, repeats=1)
    yield "pyalign: 3 folds, 8 strengths, refit", result.seconds, "s"
    yield "pyalign: passes over the triplets", sum(f.n_passes for f in result.folds) + result.fit.n_passes, ""
    yield "pyalign: held-out accuracy, mean of the folds", 100 * result.accuracy, "%"
    yield "pyalign: held-out cross-entropy, mean of the folds", result.cross_entropy, "nats"
    yield "pyalign: held-out accuracy, first fold", 100 * result.folds[0].accuracy, "%"
    yield "pyalign: held-out cross-entropy, first fold", result.folds[0].cross_entropy, "nats"

    standard = (x - x.mean()) / x.std()
    step = one_hot_step(standard, triplets[fold.train][: TIMED_BATCHES * BATCH])
    step()
    began = time.perf_counter()
    step()
    per_batch = (time.perf_counter() - began) / TIMED_BATCHES
    epoch = per_batch * len(fold.train) / BATCH
    grid = epoch * FEWEST_EPOCHS * FOLDS * len(STRENGTHS)
    yield "published grid, one-hot: an epoch of a fold, extrapolated from its batches", epoch, "s"
    yield "published grid, one-hot: 6 strengths, 3 folds, 11 epochs, extrapolated", grid, "s"
    yield "published grid: times as long as pyalign's whole", grid / result.seconds, "x"

    best, seconds, epochs = [], 0.0, 0
    for l2 in STRENGTHS:
        began = time.perf_counter()
        curve = list(epochs_of(x, triplets[fold.train], triplets[fold.test], l2))
        seconds, epochs = seconds + time.perf_counter() - began, epochs + len(curve)
        least = int(np.argmin([nats for nats, _ in curve]))
        best.append((*curve[least], l2))
        yield f"recipe, l2 {l2:g}: least held-out cross-entropy, first fold", curve[least][0], "nats"
        yield f"recipe, l2 {l2:g}: after how many epochs", least + 1, ""
    nats, accuracy, l2 = min(best)
    yield f"recipe, the best of the grid (l2 {l2:g}): held-out cross-entropy, first fold", nats, "nats"
    yield f"recipe, the best of the grid (l2 {l2:g}): held-out accuracy, first fold", 100 * accuracy, "%"
    yield "recipe as pyalign trains it: an epoch of a fold", seconds / epochs, "s"
    yield "recipe as pyalign trains it: times as fast as one-hot", epoch * epochs / seconds, "x"


if __name__ == "__main__":
    run("probe", __doc__.splitlines()[0], measure)
