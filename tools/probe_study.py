"""What helps a probe, by figures of held-out objects: prints the table of docs/probing.md.

    python tools/probe_study.py ../shared/data/things                 # all variants, minutes each
    python tools/probe_study.py ../shared/data/things --only squared nuclear

A row is a cross-validation over objects (3 folds, seed 0), the strength chosen inside each fold.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from pyalign import cross_validate_probe, fit_probe, load_embeddings, load_triplets, score
from pyalign.probing.choose import GROWTH
from pyalign.stats.splits import TripletKFold

VARIANTS: dict[str, dict[str, Any]] = {
    "squared": {},
    "standardized by feature": {"standardize": "features"},
    "bias": {"bias": True},
    "rank 32": {"rank": 32},
    "rank 8": {"rank": 8},
    "diagonal": {"rank": "diagonal"},
    "frobenius": {"penalty": "frobenius"},
    "nuclear": {"penalty": "nuclear"},
    "smoothing 0.1": {"smoothing": 0.1},
    "identity": {"penalty": "identity"},
}
FILES = {"CLIP ViT-B/32": "clip_vit_b32.npy"}
OTHERS = {
    "EfficientNet-Lite0, penultimate": "efficientnet_lite0_penultimate.npy",
    "EfficientNet-Lite0, logits": "efficientnet_lite0_logits.npy",
    "word2vec": "word2vec.npy",
}


def main() -> None:
    """Prints a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="things/ of the real data")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join([*VARIANTS, *OTHERS, 'ensemble'])}")
    options = parser.parse_args()
    triplets = np.asarray(load_triplets(options.folder / "human_triplets_375429.npy"))
    print("| Representation | Probe | Zero-shot | Accuracy | Cross-entropy | l2 | Rank | Passes |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for what, file in FILES.items():
        x = np.asarray(load_embeddings(options.folder / file))
        for name, variant in VARIANTS.items():
            if not options.only or name in options.only:
                row(what, name, x, triplets, variant)
        if not options.only or "ensemble" in options.only:
            ensemble_row(what, x, triplets)
    for what, file in OTHERS.items():
        if not options.only or what in options.only:
            row(what, "squared", load_embeddings(options.folder / file), triplets, {})


def row(what: str, name: str, x: np.ndarray, triplets: np.ndarray, variant: dict[str, Any]) -> None:
    """One cross-validation."""
    result = cross_validate_probe(x, triplets, repeats=1, **variant)
    strengths = [fold.strength for fold in result.folds]
    passes = sum(fold.n_passes for fold in result.folds)
    ranks = sorted(fold.rank for fold in result.folds)
    cells = (what, name, f"{100 * result.zero_shot_accuracy:.1f} %", f"{100 * result.accuracy:.2f} %")
    figures = (f"{result.cross_entropy:.4f}", f"{np.exp(np.mean(np.log(strengths))):.3g}", str(ranks[1]), f"{passes:,}")
    print("| " + " | ".join((*cells, *figures)) + " |", flush=True)


def ensemble_row(what: str, x: np.ndarray, triplets: np.ndarray) -> None:
    """Three maps a fold, each fitted without a third of the training objects; their similarities are averaged.

    Strengths are those that a plain cross-validation chose, for as many triplets as each map is fitted to.
    """
    chosen = [fold.strength for fold in cross_validate_probe(x, triplets, repeats=1).folds]
    scores, ranks, passes = [], [], 0
    for fold, l2 in zip(TripletKFold().folds(triplets), chosen, strict=True):
        maps = []
        for inner in TripletKFold(seed=1).folds(triplets[fold.train]):
            used = triplets[fold.train][inner.train]
            strength = l2 * (len(fold.train) / len(used)) ** GROWTH
            fit = fit_probe(x, used, penalty=strength)
            maps.append(fit.transform.apply(x))
            passes += fit.n_passes
        z = np.concatenate(maps, axis=1) / np.sqrt(len(maps))
        ranks.append(z.shape[1])
        scores.append(score(z, triplets[fold.test], measure="dot", ci=None))
    accuracy, nats = (np.mean([getattr(one, name) for one in scores]) for name in ("accuracy", "cross_entropy"))
    figures = (f"{nats:.4f}", f"{np.exp(np.mean(np.log(chosen))):.3g}", str(sorted(ranks)[1]), f"{passes:,}")
    print("| " + " | ".join((what, "mean of three", "", f"{100 * accuracy:.2f} %", *figures)) + " |", flush=True)


if __name__ == "__main__":
    main()
