"""Do the features of a sparse autoencoder correspond to human dimensions?

    python sparse_autoencoder.py EMBEDDINGS DIMENSIONS --out features.npy

trains an autoencoder on embeddings (n, d): of k non-negative features, each object keeps the largest few. Then it
matches features with human dimensions one to one, and correlates pairs on objects that took no part in either.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import pyalign


def features_of(x: np.ndarray, train: np.ndarray, k: int, active: int, steps: int) -> np.ndarray:
    """(n, k) features of a top-k autoencoder (Gao et al. 2024), trained on the rows of `train`."""
    torch.manual_seed(0)
    rows = torch.from_numpy((x - x[train].mean(0)) / x[train].std()).float()
    encode, decode = torch.nn.Linear(x.shape[1], k), torch.nn.Linear(k, x.shape[1])
    optimizer = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=3e-3)

    def sparse(batch: torch.Tensor) -> torch.Tensor:
        largest = encode(batch).relu().topk(active)
        return torch.zeros(len(batch), k).scatter(1, largest.indices, largest.values)

    seen = rows[train]
    for _ in range(steps):
        batch = seen[torch.randint(len(seen), (256,))]
        loss = ((decode(sparse(batch)) - batch) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return sparse(rows).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embeddings")
    parser.add_argument("dimensions", help="a file of (n, d) numbers, or dataset:spose66")
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--active", type=int, default=12, help="how many features an object keeps")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--out", default="features.npy")
    options = parser.parse_args()
    x = pyalign.load_embeddings(options.embeddings).values.astype(np.float64)
    human = pyalign.load_embeddings(options.dimensions).values
    train = np.random.default_rng(0).random(len(x)) < 0.7
    features = features_of(x, train, options.features, options.active, options.steps)
    np.save(options.out, features)

    lives = np.flatnonzero(features[train].std(0) > 0)
    print(f"{len(lives)} of {options.features} features are used; the others are never among the largest")
    for name, rows in (("features", features[:, lives]), ("embeddings", x)):
        matched = pyalign.match_dimensions(rows[train], human[train])
        pairs = zip(matched.first, matched.second, strict=True)
        held_out = [np.corrcoef(rows[~train, a], human[~train, b])[0, 1] for a, b in pairs]
        print(f"{name:10}  {len(held_out)} pairs, mean correlation {np.nanmean(held_out):.2f} on held-out objects")


if __name__ == "__main__":
    main()
