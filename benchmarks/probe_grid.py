"""A whole cross-validation beside the published grid: `python -m benchmarks.probe_grid FOLDER`, FOLDER as in tests.

The published grid is 6 strengths x 3 folds, each trained for at least 11 epochs (an end when ten have not helped). A
few of its batches are timed, forward and backward, and the rest extrapolated; Adam's steps and evaluations are left
out. Epochs by pyalign's own restatement, on the first fold, give the held-out loss that the recipe reaches.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.probe_peers import BATCH, one_hot_step
from pyalign import cross_validate_probe, load_embeddings, load_triplets
from pyalign.analysis.probing.recipe import RecipeSettings, fit_recipe
from pyalign.analysis.probing.splits import folds_of

STRENGTHS, FOLDS, FEWEST_EPOCHS = 6, 3, 11
TIMED_BATCHES = 8


def main() -> None:
    """Prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3, help="of the recipe, on the first fold (default: 3)")
    options = parser.parse_args()
    x = load_embeddings(options.folder / "things" / "clip_vit_b32.npy").astype(np.float32)
    triplets = load_triplets(options.folder / "things" / "human_triplets_375429.npy")
    fold = next(folds_of(triplets, len(x), folds=FOLDS, seed=0))

    result = cross_validate_probe(x, triplets)
    print(
        f"pyalign, 3 folds, 8 strengths, refit: {result.seconds:.1f} s, "
        f"{sum(f.n_passes for f in result.folds):,} passes; accuracy {result.accuracy:.4f}, "
        f"cross-entropy {result.cross_entropy:.4f}"
    )
    first = result.folds[0]
    print(f"  first fold: accuracy {first.accuracy:.4f}, cross-entropy {first.cross_entropy:.4f}", flush=True)

    standard = (x - x.mean()) / x.std()
    step = one_hot_step(standard, triplets[fold.train][: TIMED_BATCHES * BATCH])
    step()
    began = time.perf_counter()
    step()
    per_batch = (time.perf_counter() - began) / TIMED_BATCHES
    epoch = per_batch * len(fold.train) / BATCH
    grid = epoch * FEWEST_EPOCHS * FOLDS * STRENGTHS
    print(
        f"published grid, one-hot: {1e3 * per_batch:.0f} ms a batch, {epoch:.0f} s an epoch; {grid:.0f} s for "
        f"{STRENGTHS} x {FOLDS} x {FEWEST_EPOCHS} epochs, extrapolated: {grid / result.seconds:.0f} times as long",
        flush=True,
    )

    fit = fit_recipe(
        x, triplets[fold.train], held_out=triplets[fold.test], settings=RecipeSettings(epochs=options.epochs)
    )
    for number, at in enumerate(fit.curve):
        print(f"recipe here, epoch {number + 1}: accuracy {at.accuracy:.4f}, cross-entropy {at.cross_entropy:.4f}")
    print(f"  {fit.seconds / len(fit.curve):.1f} s an epoch, {epoch * len(fit.curve) / fit.seconds:.1f} times as fast")


if __name__ == "__main__":
    main()
