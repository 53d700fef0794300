"""pyalign measures how well a representation agrees with human similarity judgments.

>>> import numpy as np, pyalign
>>> embeddings = np.random.default_rng(0).normal(size=(5, 8))
>>> pyalign.odd_one_out(embeddings, [[0, 1, 2], [2, 3, 4]]).shape
(2,)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyalign.analysis.score import Score, score
from pyalign.errors import InputError, MissingExtraError
from pyalign.measures import MEASURES
from pyalign.ops.gradient import triplet_gradient
from pyalign.ops.similarity import similarity
from pyalign.ops.triplets import choice_probabilities, odd_one_out, odd_one_out_from

if TYPE_CHECKING:
    from pyalign.io import load_embeddings, load_triplets

__version__ = "0.1.0"

__all__ = [
    "MEASURES",
    "InputError",
    "MissingExtraError",
    "Score",
    "choice_probabilities",
    "load_embeddings",
    "load_triplets",
    "odd_one_out",
    "odd_one_out_from",
    "score",
    "similarity",
    "triplet_gradient",
]


def __getattr__(name: str) -> Any:
    """Readers are imported when they are first asked for."""
    if name in ("load_embeddings", "load_triplets"):
        from pyalign import io

        return getattr(io, name)
    raise AttributeError(f"module 'pyalign' has no attribute {name!r}")
