"""Data that know their items: arrays with names, positions and sources. No file is opened here.

Public functions take these, or plain arrays, DataFrames and tensors; `align` brings embeddings and triplets together by
the names of their items wherever both have names, and says what it had to assume where they have not.
"""

from __future__ import annotations

from pyalign.data.align import Aligned, AlignedModels, align, align_models
from pyalign.data.answers import Answers, Subjects, Weights, as_answers, as_weights
from pyalign.data.embeddings import Embeddings, as_embeddings, plain
from pyalign.data.judgments import KINDS, RDMs, as_rdms
from pyalign.data.metadata import Categories
from pyalign.data.names import Match, match_names
from pyalign.data.provenance import Input, Provenance, fingerprint, hash_early, hashing
from pyalign.data.transform import KeptRows, Overlap, TrainedOn, Transform
from pyalign.data.trials import ANCHORED, ODD_ONE_OUT, TASKS, alternatives_of, chance_of
from pyalign.data.triplets import (
    Triplets, as_triplet_data, require_answers, require_odd_one_out, require_one_answer_each, require_unweighted,
)

__all__ = [
    "ANCHORED", "KINDS", "ODD_ONE_OUT", "TASKS", "Aligned", "AlignedModels", "Answers", "Categories", "Embeddings",
    "Input", "KeptRows", "Match", "Overlap", "Provenance", "RDMs", "Subjects", "TrainedOn", "Transform", "Triplets",
    "Weights", "align", "align_models", "alternatives_of", "as_answers", "as_embeddings", "as_rdms", "as_triplet_data",
    "as_weights", "chance_of", "fingerprint", "hash_early", "hashing", "match_names", "plain", "require_answers",
    "require_odd_one_out", "require_one_answer_each", "require_unweighted",
]
