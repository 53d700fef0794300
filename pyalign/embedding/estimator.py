"""`TripletEmbedding`: an embedding as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.analysis.score import score
from pyalign.embedding.cross_validate import fit_embedding
from pyalign.embedding.embedding_result import EmbeddingFit
from pyalign.embedding.fit import auto_or_count
from pyalign.errors import MissingExtraError
from pyalign.typing import BackendName, TripletsLike

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtraError("TripletEmbedding", "scikit-learn", "probe") from error


class TripletEmbedding(BaseEstimator):  # type: ignore[misc]
    """An embedding of objects that predicts human odd-one-out choices, as a scikit-learn estimator.

    Triplets take the place of X: folds of scikit-learn are folds over triplets.

    Args:
        n_components: the `n_dimensions` of `pyalign.EmbeddingOptions`.
        shrinkage, sparsity: the penalties, see `pyalign.fit_embedding`.
        signed, tolerance, max_iterations, seed: see `pyalign.EmbeddingOptions`.
        missing: what objects in no triplet get: ``"raise"`` or ``"zero"``.
        backend: see `pyalign.fit_embedding`.

    Attributes:
        embedding_: (n, d) float64.
        fit_: the `EmbeddingFit`.

    Example:
        >>> from pyalign.datasets.simulate import simulate
        >>> triplets = simulate(3 * np.repeat(np.eye(3), 8, axis=0), 4000, measure="dot").triplets
        >>> model = TripletEmbedding(n_components=3, shrinkage=0.002)
        >>> model.fit_transform(triplets).shape, model.score(triplets) > 0.5
        ((24, 3), True)
    """

    embedding_: np.ndarray
    fit_: EmbeddingFit

    def __init__(
        self, n_components: int | str = "auto", *, shrinkage: float | None = None, sparsity: float | None = None,
        signed: bool = False, tolerance: float = 1e-5, max_iterations: int = 2000, seed: int | None = None,
        missing: str = "raise", backend: BackendName = "auto",
    ) -> None:
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.sparsity = sparsity
        self.signed = signed
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.seed = seed
        self.missing = missing
        self.backend = backend

    def fit(self, triplets: TripletsLike, y: object = None, *, answers: Any = None) -> TripletEmbedding:
        """Fit the embedding.

        Args:
            triplets: (t, 3) integers, or names; the last column is the odd one out.
            y: is not read.
            answers: (t, 3) counts or proportions of the answers.

        Returns:
            The fitted estimator.
        """
        options = self.get_params()
        count = auto_or_count(options.pop("n_components"), "n_components")
        self.fit_ = fit_embedding(triplets, answers=answers, n_dimensions=count, **options)
        self.embedding_ = self.fit_.embedding.values
        return self

    def fit_transform(self, triplets: TripletsLike, y: object = None, *, answers: Any = None) -> np.ndarray:
        """`fit`, and the rows of the embedding (n, d)."""
        return self.fit(triplets, answers=answers).embedding_

    def score(self, triplets: TripletsLike, y: object = None) -> float:
        """The accuracy of the inner products of rows on triplets, a fraction."""
        check_is_fitted(self)
        result = score(self.fit_.embedding, triplets, measure="dot", ci=None)
        assert result.accuracy is not None
        return float(result.accuracy)
