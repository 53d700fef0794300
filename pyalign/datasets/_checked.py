"""What is checked of every data set: counts, numbers, kinds."""

from __future__ import annotations

import numpy as np

from pyalign.data import Embeddings, Judgments, Triplets
from pyalign.datasets.places import Place

LEAST = -0.01  # SPoSE's penalty ends at -0.0013


def check_triplets(place: Place, triplets: Triplets, n: int) -> Triplets:
    """The triplets, whose numbers are below n and differ within each.

    Raises:
        InputError: the first that do not.
    """
    values = np.asarray(triplets.values)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high >= n:
        hint = "; does the file count from 1?" if low >= 1 and high == n else ""
        raise place.bad(f"triplets must number objects from 0 to {n - 1:,}; got {low} to {high}{hint}")
    a, b, c = values.T
    same = (a == b) | (a == c) | (b == c)
    if same.any():
        row = int(np.argmax(same))
        raise place.bad(f"the three items of a triplet must differ; row {row} (from 0) is {values[row].tolist()}")
    return triplets


def check_rows(place: Place, embeddings: Embeddings, shape: tuple[int, int]) -> Embeddings:
    """The embeddings, of that shape and from 0 up, as dimensions of concepts are, but for what an optimizer leaves."""
    if embeddings.shape != shape:
        raise place.bad(f"embeddings must have shape {shape}; got {tuple(embeddings.shape)}")
    least = float(np.asarray(embeddings.values).min())
    if not least >= LEAST:
        raise place.bad(f"dimensions of concepts must not be below {LEAST}; got {least:g}")
    return embeddings


def check_judgments(place: Place, judgments: Judgments, n: int) -> Judgments:
    """The judgments, of n objects."""
    if judgments.n != n:
        raise place.bad(f"judgments must be of {n} objects; got {judgments.n}")
    return judgments
