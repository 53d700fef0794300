"""Probes in the tools of scikit-learn that split data, such as `GridSearchCV` and `cross_val_score`.

These cut X and y at the same rows. A `TripletProbe` is fitted to rows, one for each object, and to triplets of them, so
that cuts have to be made in the triplets: `OnTriplets` is an estimator whose X is triplets.

>>> from sklearn.model_selection import GridSearchCV
>>> from pyalign import TripletProbe
>>> from pyalign.datasets.simulate import random_embeddings, simulate
>>> from pyalign.stats.splits import TripletKFold
>>> x = random_embeddings(40, 6)
>>> triplets = simulate(x[:, :2], 2000, measure="dot").triplets
>>> probe = OnTriplets(TripletProbe(), x)
>>> search = GridSearchCV(probe, {"estimator__penalty": [0.01, 1.0]}, cv=TripletKFold("objects", 2)).fit(triplets)
>>> search.best_params_, search.transform(x).shape[0]
({'estimator__penalty': 0.01}, 40)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyalign import _checks
from pyalign.backends import TripletCheck
from pyalign.data import Triplets, align
from pyalign.data.align import named_rows
from pyalign.errors import InputError, MissingExtraError
from pyalign.typing import EmbeddingsLike, TripletsLike

try:
    from sklearn.base import BaseEstimator, clone
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtraError("pyalign.integrations.sklearn", "scikit-learn", "probe") from error


class OnTriplets(BaseEstimator):  # type: ignore[misc]
    """An estimator of rows and triplets as one of triplets, whose rows are known.

    A fit sees the rows of the objects in its triplets, and no others: held-out objects do not enter a mean, a standard
    deviation or the components of a pipeline.

    Args:
        estimator: a `pyalign.TripletProbe`, or a pipeline that ends in one. It is cloned, never fitted itself; its
            parameters are ``estimator__penalty``, ``estimator__pca__n_components`` and so on.
        embeddings: (n, d) real numbers, the rows of all objects, with or without names.

    Attributes:
        estimator_: the fitted estimator.

    Example:
        >>> import numpy as np
        >>> from pyalign import TripletProbe
        >>> probe = OnTriplets(TripletProbe(penalty=0.1), np.eye(4)).fit([[0, 1, 2], [1, 0, 3]])
        >>> probe.transform(np.eye(4)).shape[0], probe.score([[0, 1, 3]])
        (4, 1.0)
    """

    estimator_: Any

    def __init__(self, estimator: Any, embeddings: EmbeddingsLike) -> None:
        self.estimator = estimator
        self.embeddings = embeddings

    def fit(self, triplets: TripletsLike, y: object = None) -> OnTriplets:
        """Fit a clone of the estimator to the rows of these objects and their triplets.

        Args:
            triplets: (t, 3) integers in [0, n), or names, the odd item last; `Triplets` may bring answers and weights.
            y: is not read.

        Returns:
            The fitted estimator.

        Raises:
            InputError: an estimator without fit, transform and score; items without a row; as the estimator.
        """
        if not all(hasattr(self.estimator, method) for method in ("fit", "transform", "score")):
            rule = "must have fit, transform and score, as TripletProbe or a pipeline that ends in one"
            raise InputError(f"estimator {rule}; got {type(self.estimator).__name__}")
        self.estimator_ = clone(self.estimator).fit(*self._rows_and_triplets(triplets))
        return self

    def score(self, triplets: TripletsLike, y: object = None) -> float:
        """The odd-one-out accuracy of the mapped rows on these triplets, a fraction. y is not read."""
        check_is_fitted(self)
        return float(self.estimator_.score(*self._rows_and_triplets(triplets)))

    def transform(self, x: object) -> Any:
        """The map of the fitted estimator, of rows (m, d), which need not be those of the objects."""
        check_is_fitted(self)
        return self.estimator_.transform(x)

    def _rows_and_triplets(self, triplets: TripletsLike) -> tuple[Any, Triplets]:
        """The rows of the objects in these triplets, and the triplets with numbers of these rows."""
        matched = align(self.embeddings, triplets)
        index, n = _checks.as_triplets(matched.index), len(matched.x)
        smallest, largest = int(index.min()), int(index.max())
        wrong = ((index < 0) | (index >= n)).any(axis=1)
        first = int(wrong.argmax()) if wrong.any() else -1
        _checks.require_valid(TripletCheck(first, -1, smallest, largest), index, n)
        used, numbers = named_rows(matched)
        return matched.x[used], replace(matched.triplets, values=numbers, names=None, numbered=False)
