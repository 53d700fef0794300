"""Types of arguments: what an editor completes, and what a type checker compares.

Functions check their arguments by these types too (`_checks.checked`): a wrong word, or a number out of its range, is
one clear line. A measure may be any text, since it may have a parameter, as in "rbf:0.5".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from numpy.typing import ArrayLike

from pyalign._checks import as_temperature, fraction, whole_number
from pyalign.data import Answers, Categories, Embeddings, RDMs, Subjects, Triplets, Weights
from pyalign.measures import Measure


class DataSetLike(Protocol):
    """What `pyalign.load_dataset` gives, in the place of one of its parts."""

    def open(self, part: str) -> Any:
        """A part by its name."""


# Arrays, tensors and DataFrames, or the classes that know the names of items in addition.
EmbeddingsLike: TypeAlias = ArrayLike | Embeddings | DataSetLike
TripletsLike: TypeAlias = ArrayLike | Triplets | DataSetLike
JudgmentsLike: TypeAlias = ArrayLike | RDMs | DataSetLike
AnswersLike: TypeAlias = ArrayLike | Answers
CategoriesLike: TypeAlias = ArrayLike | Categories
SubjectsLike: TypeAlias = ArrayLike | Subjects
WeightsLike: TypeAlias = ArrayLike | Weights
Models: TypeAlias = Mapping[str, EmbeddingsLike | RDMs] | Sequence[EmbeddingsLike | RDMs]
NamedChoices: TypeAlias = Mapping[str, ArrayLike]
Penalties: TypeAlias = Literal["auto"] | float | Sequence[float]

MeasureName: TypeAlias = Literal["cosine", "dot", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf"]
MeasureLike: TypeAlias = MeasureName | str | Measure
CorrelationName: TypeAlias = Literal["spearman", "pearson", "kendall", "tau-a", "rho-a", "cosine"]
MatrixKind: TypeAlias = Literal["dissimilarity", "similarity"]
Ties: TypeAlias = Literal["fractional", "wrong", "human_alignment"]
Weighting: TypeAlias = Literal["answers", "triplets"]
Policy: TypeAlias = Literal["raise", "omit"]
BackendName: TypeAlias = Literal["auto", "native", "numpy", "cuda", "triton", "torch"]
SearchName: TypeAlias = Literal["auto", "native", "faiss", "cuda", "triton", "torch"]  # of backends of `neighbors`
Correction: TypeAlias = Literal["holm", "benjamini-hochberg"]
Assign: TypeAlias = Literal["sum", "product"]
Kept: TypeAlias = Literal["choices", "probabilities"]
Split: TypeAlias = Literal["objects", "triplets", "subjects", "objects+subjects"]
Task: TypeAlias = Literal["odd-one-out", "anchored"]
NotNegative: TypeAlias = Annotated[int, partial(whole_number, least=0)]  # such as a seed
Positive: TypeAlias = Annotated[int, partial(whole_number, least=1)]
AtLeastTwo: TypeAlias = Annotated[int, partial(whole_number, least=2)]
Fraction: TypeAlias = Annotated[float, fraction]  # strictly between 0 and 1
Temperature: TypeAlias = Annotated[float, as_temperature]
