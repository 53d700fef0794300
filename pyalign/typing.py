"""Types of arguments: what an editor completes and a type checker compares.

Functions check what comes, so that a wrong word is one clear line without a type checker too. A parameter of a measure
of similarity, as in "rbf:0.5", is for `pyalign.measures.get_measure`, whose `Measure` goes wherever a name does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from numpy.typing import ArrayLike

from pyalign.data import Answers, Categories, Embeddings, Judgments, Subjects, Triplets
from pyalign.measures import Measure

# Arrays, with what pyalign's own classes know besides of items, people and answers. A DataFrame is an array here.
EmbeddingsLike: TypeAlias = ArrayLike | Embeddings
TripletsLike: TypeAlias = ArrayLike | Triplets
JudgmentsLike: TypeAlias = ArrayLike | Judgments
CategoriesLike: TypeAlias = ArrayLike | Categories
SubjectsLike: TypeAlias = ArrayLike | Subjects
AnswersLike: TypeAlias = ArrayLike | Answers
Models: TypeAlias = Mapping[str, EmbeddingsLike | Judgments] | Sequence[EmbeddingsLike | Judgments]
OneOrSeveral: TypeAlias = EmbeddingsLike | Judgments | Models
ModelChoices: TypeAlias = Mapping[str, ArrayLike]

MeasureName: TypeAlias = Literal["cosine", "dot", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf"]
# `precomputed` says that the rows of embeddings are a matrix of similarities already.
MeasureLike: TypeAlias = MeasureName | Literal["precomputed", "precomputed_dissimilarity"] | Measure
Correlation: TypeAlias = Literal["spearman", "pearson", "kendall", "tau-a", "rho-a", "cosine"]
MatrixKind: TypeAlias = Literal["similarity", "dissimilarity"]
Ties: TypeAlias = Literal["fractional", "wrong", "human_alignment"]
Policy: TypeAlias = Literal["raise", "omit"]
Backend: TypeAlias = Literal["auto", "native", "numpy", "cuda", "triton", "torch"]
NearestBackend: TypeAlias = Literal["auto", "native", "faiss", "cuda", "triton", "torch"]
Correction: TypeAlias = Literal["holm", "benjamini-hochberg"]
Assign: TypeAlias = Literal["sum", "product"]
Split: TypeAlias = Literal["objects", "triplets", "subjects"]
Task: TypeAlias = Literal["odd-one-out", "anchored"]
Refit: TypeAlias = Literal["temperature", "probe"]
Penalties: TypeAlias = float | Sequence[float] | Literal["auto"] | Any
