"""pyalign measures how well a representation agrees with human similarity judgments.

>>> import numpy as np, pyalign
>>> embeddings = np.random.default_rng(0).normal(size=(5, 8))
>>> pyalign.odd_one_out(embeddings, [[0, 1, 2], [2, 3, 4]]).shape
(2,)
"""

from pyalign.analysis.score import Score, score
from pyalign.errors import InputError, MissingExtraError
from pyalign.io import load_embeddings, load_triplets
from pyalign.measures import MEASURES
from pyalign.ops.similarity import similarity
from pyalign.ops.triplets import choice_probabilities, odd_one_out, odd_one_out_from

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
]
