"""scikit-learn: probes in clone, Pipeline and GridSearchCV, and the checks of its own that apply to a TripletProbe."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import Embeddings, Triplets
from pyalign.datasets.simulate import simulate

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from pyalign import TripletProbe
from pyalign.integrations.sklearn import OnTriplets
from pyalign.stats.splits import TripletKFold

N = 40
X = reals(1, N, 8, dtype=np.float64)
TRIPLETS = simulate(X[:, :3], 4000, measure="dot", temperature=0.5, seed=2).triplets
NAMES = np.array([f"item {k:02}" for k in range(N)])
GRID = {"estimator__penalty": [1e-3, 0.1, 10.0]}
FOLDS = TripletKFold("objects", n_splits=2)


def by_hand(penalty, x=X):
    """Accuracies on held-out objects, of probes that see only the rows of the training objects."""
    scores = []
    for train, test in FOLDS.split(TRIPLETS):
        used, numbers = np.unique(TRIPLETS[train], return_inverse=True)
        probe = TripletProbe(penalty=penalty).fit(x[used], numbers.reshape(-1, 3))
        scores.append(pyalign.score(probe.transform(x), TRIPLETS[test], measure="dot", ci=None).accuracy)
    return scores


def test_a_search_over_penalties_holds_out_objects():
    search = GridSearchCV(OnTriplets(TripletProbe(), X), GRID, cv=FOLDS).fit(TRIPLETS)
    actual = search.cv_results_
    scores = [[actual[f"split{fold}_test_score"][k] for fold in range(2)] for k in range(3)]
    assert scores == [pytest.approx(by_hand(penalty)) for penalty in GRID["estimator__penalty"]]
    assert search.best_params_ == {
        "estimator__penalty": GRID["estimator__penalty"][int(np.mean(scores, axis=1).argmax())]
    }
    refitted = TripletProbe(penalty=search.best_params_["estimator__penalty"]).fit(X, TRIPLETS)
    np.testing.assert_allclose(
        search.best_estimator_.estimator_.transform_.weights, refitted.transform_.weights, atol=1e-8
    )
    np.testing.assert_allclose(search.transform(X[:5]), refitted.transform(X[:5]), atol=1e-8)


def test_a_pipeline_is_searched_and_sees_the_training_objects_only():
    pipeline = make_pipeline(PCA(5, svd_solver="full"), TripletProbe(penalty=0.1))
    grid = {"estimator__pca__n_components": [2, 5]}
    search = GridSearchCV(OnTriplets(pipeline, X), grid, cv=FOLDS).fit(TRIPLETS)
    train, test = next(FOLDS.split(TRIPLETS))
    used, numbers = np.unique(TRIPLETS[train], return_inverse=True)
    fitted = clone(pipeline).fit(X[used], numbers.reshape(-1, 3))
    expected = pyalign.score(fitted.transform(X), TRIPLETS[test], measure="dot", ci=None).accuracy
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(expected)


def test_names_and_answers_stay_with_the_triplets_of_a_fold():
    """Rows in another order are found by name, in every fold."""
    order = np.random.default_rng(3).permutation(N)
    named = Triplets(TRIPLETS, tuple(NAMES))
    estimator = OnTriplets(TripletProbe(penalty=0.1), Embeddings(X, NAMES)[order])
    assert cross_val_score(estimator, named, cv=FOLDS) == pytest.approx(by_hand(0.1), abs=1e-3)
    weights = np.where(np.arange(len(TRIPLETS)) % 2, 1.0, 3.0)
    weighted = GridSearchCV(OnTriplets(TripletProbe(), X), {"estimator__penalty": [0.1]}, cv=FOLDS, refit=False)
    plain = weighted.fit(Triplets(TRIPLETS)).cv_results_["mean_test_score"]
    actual = weighted.fit(Triplets(TRIPLETS).with_weights(weights)).cv_results_["mean_test_score"]
    assert actual != pytest.approx(plain, abs=1e-9)


def test_folds_over_participants_take_them_as_groups():
    subjects = np.arange(len(TRIPLETS)) % 4
    folds = TripletKFold("subjects", n_splits=2)
    actual = cross_val_score(OnTriplets(TripletProbe(penalty=0.1), X), TRIPLETS, groups=subjects, cv=folds)
    known = Triplets(TRIPLETS, subjects=subjects)
    assert actual == pytest.approx(cross_val_score(OnTriplets(TripletProbe(penalty=0.1), X), known, cv=folds))


@pytest.mark.parametrize("by", ["subjects", "objects"])
def test_participants_are_routed_to_the_splitter(by):
    subjects = np.arange(len(TRIPLETS)) % 4
    estimator, folds = OnTriplets(TripletProbe(penalty=0.1), X), TripletKFold(by, n_splits=2)
    expected = cross_val_score(estimator, TRIPLETS, groups=subjects, cv=folds)
    with config_context(enable_metadata_routing=True):
        if by == "objects":  # which asks for none
            with pytest.raises(TypeError, match="groups"):
                cross_val_score(estimator, TRIPLETS, params={"groups": subjects}, cv=folds)
            actual = cross_val_score(estimator, TRIPLETS, cv=folds)
        else:
            actual = cross_val_score(estimator, TRIPLETS, params={"groups": subjects}, cv=folds)
    assert actual == pytest.approx(expected)


def test_it_can_be_cloned_with_its_embeddings_and_is_not_fitted_before_fit():
    estimator = OnTriplets(TripletProbe(rank=3), Embeddings(X, NAMES))
    copy = clone(estimator)
    assert copy.get_params()["estimator__rank"] == 3 and copy.embeddings.names == tuple(NAMES)
    with pytest.raises(NotFittedError):
        copy.transform(X)
    with pytest.raises(NotFittedError):
        copy.score(TRIPLETS)


def test_rows_without_end_and_triplets_without_rows_are_refused(message_of):
    estimator = OnTriplets(TripletProbe(penalty=0.1), X)
    assert message_of(estimator.fit, TRIPLETS + 10).startswith("triplets must lie in [0, 40)")
    named = Triplets(TRIPLETS, tuple(NAMES))
    other = OnTriplets(TripletProbe(penalty=0.1), Embeddings(X, [f"other {k}" for k in range(N)]))
    assert "no row is named" in message_of(other.fit, named)
    message = message_of(OnTriplets(object(), X).fit, TRIPLETS)
    assert (
        message
        == "estimator must have fit, transform and score, as TripletProbe or a pipeline that ends in one; got object"
    )


def test_an_ellipsis_behind_some_triplets_keeps_what_is_known_of_them():
    """scikit-learn writes it when it takes the rows of a fold."""
    known = Triplets(TRIPLETS, tuple(NAMES), subjects=np.arange(len(TRIPLETS)))
    rows = np.array([3, 1])
    actual = known[rows, ...]
    assert isinstance(actual, Triplets) and actual.names == known.names
    np.testing.assert_array_equal(actual.values, TRIPLETS[rows])
    assert [actual.subjects.labels[code] for code in actual.subjects.codes] == ["3", "1"]
    assert isinstance(known[rows, 0], np.ndarray)


# The checks of scikit-learn


class WithTriplets(TripletProbe):
    """A probe that makes triplets of its own, since the checks bring a y with a value for each row."""

    def fit(self, x, y=None):
        return super().fit(x, self._drawn(x))

    def score(self, x, y=None):
        return super().score(x, self._drawn(x))

    def _drawn(self, x):
        n = x.shape[0] if hasattr(x, "shape") else len(np.asarray(x))
        rng = np.random.default_rng(0)
        return np.stack([rng.permutation(max(n, 3))[:3] for _ in range(60)])


WORDS = "it is refused with another message than that of scikit-learn"
NOT_APPLICABLE = {
    "check_fit2d_1sample": "a triplet needs three rows; the message is about triplets",
    "check_complex_data": WORDS,
    "check_dtype_object": "arrays of objects are refused, also where the objects are numbers",
    "check_estimators_empty_data_messages": WORDS,
    "check_n_features_in_after_fitting": WORDS,
    "check_fit2d_predict1d": WORDS,
    "check_estimator_sparse_tag": WORDS,
    "check_estimator_sparse_array": WORDS,
    "check_estimator_sparse_matrix": WORDS,
    "check_estimators_nan_inf": "rows with NaN are refused by fit; transform maps them to NaN, which nan_policy omits",
}


def test_the_checks_of_scikit_learn_that_apply_pass():
    pytest.importorskip("sklearn", minversion="1.6", reason="check_estimator takes no reasons")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(
            WithTriplets(penalty=0.1), expected_failed_checks=NOT_APPLICABLE, on_skip=None, on_fail=None
        )
    status = {}
    for result in results:
        status.setdefault(result["status"], set()).add(result["check_name"])
    assert status.get("failed", set()) == set()
    assert status["xfail"] == {*NOT_APPLICABLE} & {one["check_name"] for one in results}  # none of them passes by now
    applied = {
        "check_estimator_cloneable", "check_fit_idempotent", "check_dict_unchanged", "check_estimators_pickle",
        "check_pipeline_consistency", "check_transformer_general", "check_methods_subset_invariance",
        "check_methods_sample_order_invariance", "check_readonly_memmap_input", "check_n_features_in",
        "check_estimators_overwrite_params", "check_no_attributes_set_in_init",
    }
    assert applied <= status["passed"] and len(status["passed"]) >= 30


def test_what_the_checks_are_content_with_is_refused_in_words_of_ours(message_of):
    """The reasons above: each of these is an error."""
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    probe = TripletProbe(penalty=0.1)
    assert "real numbers; got dtype complex128" in message_of(probe.fit, X + 1j, TRIPLETS)
    assert "real numbers; got dtype object" in message_of(probe.fit, X.astype(object), TRIPLETS)
    assert "at least one row and one feature" in message_of(probe.fit, X[:, :0], TRIPLETS)
    assert "must be a dense array" in message_of(probe.fit, sparse.csr_matrix(X), TRIPLETS)
    assert "must be finite" in message_of(probe.fit, X * np.nan, TRIPLETS)
    probe.fit(X, TRIPLETS)
    assert "must have the 8 features" in message_of(probe.transform, X[:, :4])
