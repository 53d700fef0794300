"""Human dimensions predicted by ridge, beside scikit-learn: dimension by dimension, and all at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings
from benchmarks.timing import Contender
from pyalign.concept.held_out import folds_of
from pyalign.concept.predict import FOLDS, PENALTIES

K = 66  # dimensions, as many as SPoSE has
FITS = 2  # of the loop that are timed, of K for each fold
TOLERANCE = 1e-6  # of predictions of dimensions with deviations of about 1


@lru_cache(maxsize=2)
def dimensions(case: Case) -> np.ndarray:
    """(n, K) not negative, many zeros; some lie in the features, others next to not."""
    rng = np.random.default_rng([SEED, case.n, K])
    x = embeddings(case).astype(np.float64)
    weights = rng.standard_normal((case.d, K)) / np.sqrt((x**2).sum(axis=1).mean())
    return np.maximum(x @ weights + np.linspace(0.1, 3.0, K) * rng.standard_normal((case.n, K)), 0.0)


def our_predictions(ci: str | None = None) -> Callable[[Case], Contender]:
    """All folds, with what is said of them; or with intervals too."""

    def build(case: Case) -> Contender:
        x, human = embeddings(case), dimensions(case)
        return Contender(lambda: pyalign.predict_dimensions(x, human, ci=ci))

    return build


def ridge_loop(case: Case) -> Contender:
    """A `RidgeCV` for each dimension in each fold, as published; timed on the first dimensions of the first fold."""
    return _scikit_learn(case, FITS, False, FITS / (K * FOLDS))


def ridge_of_all(case: Case) -> Contender:
    """A `RidgeCV` for all dimensions, each with a penalty of its own; timed on the first fold."""
    return _scikit_learn(case, K, True, 1 / FOLDS)


def _scikit_learn(case: Case, count: int, together: bool, share: float) -> Contender:
    from sklearn.linear_model import RidgeCV

    x, human = embeddings(case).astype(np.float64), dimensions(case)
    out = folds_of(case.n, FOLDS) == 0

    def fits() -> np.ndarray:
        if together:
            fit = RidgeCV(alphas=PENALTIES, alpha_per_target=True).fit(x[~out], human[~out])
            return np.asarray(fit.predict(x[out]))
        each = [RidgeCV(alphas=PENALTIES).fit(x[~out], human[~out, k]).predict(x[out]) for k in range(count)]
        return np.stack(each, axis=1)

    def check(theirs: np.ndarray) -> None:
        ours = pyalign.predict_dimensions(x, human, ci=None)[0].predictions
        assert ours is not None
        np.testing.assert_allclose(theirs, ours[out, :count], rtol=0, atol=TOLERANCE)

    return Contender(fits, share=share, check=check)
