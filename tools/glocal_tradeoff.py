"""The table of docs/glocal.md: answers predicted and neighbors kept by gLocal on THINGS, for several alphas.

    python tools/glocal_tradeoff.py --data ../shared/data

CLIP ViT-B/32 stands on both sides. Of each fold over objects, the triplets of the training objects are fitted. There
are no other images at hand, so that half of the held-out objects, which are in no triplet of the fit, stand in for
them; their answers take no part. Neighbors are counted among that half ("fitted") and among the other half, to which
nothing was fitted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import csv_rows
import numpy as np

import pyalign
from pyalign.nearest.neighbors import neighbor_overlap
from pyalign.stats.splits import TripletKFold

SETTINGS = (  # penalty, l2, alpha
    *(("identity", 0.1, alpha) for alpha in (0.0, 0.25, 0.5)), ("identity", 0.3, 0.0), ("identity", 1.0, 0.0),
    ("identity", 1.0, 0.25), *(("squared", 0.03, alpha) for alpha in (0.0, 0.25, 0.5)),
)
TOLERANCE = 1e-2  # as `pyalign probe --split none` has it
HEADER = "penalty|l2|alpha|accuracy|cross-entropy|1 kept|10 kept|1 kept, fitted|10 kept, fitted".split("|")


def main() -> None:
    """Prints a line of the table as soon as its folds are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    x = np.load(args.data / "things/clip_vit_b32.npy").astype(np.float32)
    triplets = np.load(args.data / "things/human_triplets_375429.npy")
    folds = list(_folds(x, triplets))
    print(*csv_rows.markdown(HEADER), sep="\n")
    zero = [pyalign.score(x, test, measure="cosine", ci=None) for _, _, _, test, _ in folds]
    print(_line(("none", "", ""), [(s.accuracy, s.cross_entropy, 1.0, 1.0, 1.0, 1.0) for s in zero]), flush=True)
    for penalty, l2, alpha in SETTINGS:
        figures = [_fold(x, *fold, norm=penalty, penalty=l2, local_weight=alpha) for fold in folds]
        print(_line((penalty, f"{l2:g}", f"{alpha:g}"), figures), flush=True)


def _folds(x: np.ndarray, triplets: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Training objects, their triplets, objects that stand in for images, test triplets, objects of nothing."""
    rng = np.random.default_rng(0)
    for fold in TripletKFold(n_splits=3, seed=0).folds(triplets):
        items, numbers = np.unique(triplets[fold.train], return_inverse=True)
        others = rng.permutation(np.setdiff1d(np.arange(len(x)), items))
        half = len(others) // 2
        yield items, numbers.reshape(-1, 3), others[:half], triplets[fold.test], others[half:]


def _fold(
    x: np.ndarray, items: np.ndarray, triplets: np.ndarray, images: np.ndarray, test: np.ndarray, unseen: np.ndarray,
    **options: object,
) -> tuple[float, ...]:
    fit = pyalign.fit_probe(x[items], triplets, other_embeddings=x[images], tolerance=TOLERANCE, **options)
    z = fit.transform.apply(x)
    scored = pyalign.score(z, test, measure="dot", ci=None)
    kept = neighbor_overlap(x[unseen], z[unseen])
    return scored.accuracy, scored.cross_entropy, *kept.values(), *fit.local.neighbors_kept.values()


def _line(first: tuple[str, ...], figures: list[tuple[float, ...]]) -> str:
    """A line of the table: means over the folds."""
    accuracy, nats, *kept = np.mean(figures, axis=0)
    cells = (*first, f"{100 * accuracy:.2f} %", f"{nats:.4f}", *(f"{100 * share:.1f} %" for share in kept))
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
