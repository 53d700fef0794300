"""What answers of people say, beside its peers: errors, resamples, temperatures, concepts and dimensions."""

from __future__ import annotations

from functools import lru_cache, partial
from operator import attrgetter

import numpy as np
from numpy.testing import assert_allclose as close

import pyalign
from benchmarks import cases
from benchmarks.cases import SEED, Case, answers, embeddings, triplets, values
from benchmarks.peers import our_score
from benchmarks.timing import FEW, SOME, SUBJECT, Call, Comparison, Way, bound
from pyalign.concept.dimensions import assigned
from pyalign.concept.held_out import folds_of
from pyalign.concept.predict import PENALTIES
from pyalign.ops.resample import OBJECTS, multiplicities, object_sums
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.resampling import Clusters, Resampling

RESAMPLES = 1000
PLAN = Resampling("objects", "bootstrap", RESAMPLES)
LOOP_RESAMPLES = 4  # on which the loop over resamples is timed
FOLDS = 5
CONCEPTS = 66  # as many as SPoSE has
PUBLISHED_SLICE = 20_000  # triplets on which a call for each triplet is timed
HUNDRED = 100  # models of the largest comparison
FITS = 2  # of the loop over dimensions that are timed, of CONCEPTS for each fold


# ---------------------------------------------------------------- 1,000 resamples of the objects, and closed forms


def our_sums(n: int, t: np.ndarray, models: int = 1) -> Call:
    """The weighted means of credits and cross-entropies under each resample, for so many models at once."""
    given = values(len(t), models)
    return lambda: object_sums(t, n, given, n_resamples=RESAMPLES)


def numpy_sums(n: int, t: np.ndarray) -> Call:
    """A loop over a few resamples, vectorized over triplets. The draws are given, as columns of an index are."""
    a, b, c = (np.ascontiguousarray(column) for column in t.T)
    given = values(len(t), 1).astype(np.float64)
    drawn = multiplicities(n, 0, 64, seed=0, stream=OBJECTS).T[:LOOP_RESAMPLES].astype(np.float64)

    def sums() -> np.ndarray:
        rows = []
        for table in drawn:
            weights = table[a] * table[b] * table[c]
            rows.append(np.concatenate([[weights.sum()], given @ weights]))
        return np.stack(rows)

    return sums


def same_first_rows(theirs: np.ndarray, ours: np.ndarray) -> None:
    np.testing.assert_array_equal(theirs, ours[: len(theirs)])


def our_errors(t: np.ndarray, backend: str = "auto") -> Call:
    """Standard errors of means (v,) over objects, in closed form, grouping included."""
    table = with_weights(values(len(t), 1))
    return lambda: Dependence.of(Clusters.of(t, backend=backend), Resampling("objects")).errors(table).errors


def compare_many(x: np.ndarray, t: np.ndarray) -> Call:
    """A hundred models, each the same rows with noise of its own."""
    rng = np.random.default_rng(SEED)
    models = {f"model {k}": x + rng.normal(size=x.shape).astype(np.float32) for k in range(HUNDRED)}
    return lambda: pyalign.compare(models, t)


# ---------------------------------------------------------------- temperatures


def our_temperature(x: np.ndarray, t: np.ndarray) -> Call:
    """The fit, and the report on held-out objects."""
    return lambda: pyalign.calibrate(x, t).temperature


# ---------------------------------------------------------------- concepts


@lru_cache(maxsize=1)
def concepts(case: Case) -> np.ndarray:
    """(n, 66) numbers from 0 up, a few of them large and the first most often, as those of people are."""
    rng = np.random.default_rng([SEED, case.n])
    return np.asarray(rng.gamma(0.3, size=(case.n, CONCEPTS)) / np.sqrt(1.0 + np.arange(CONCEPTS)))


def our_assignment(human: np.ndarray, t: np.ndarray) -> Call:
    """The largest of the mean of the pair's two rows."""
    return lambda: assigned(t, human).codes[:, 0]


def published_assignment(human: np.ndarray, t: np.ndarray) -> Call:
    """A call for each triplet, as published."""
    return lambda: np.apply_along_axis(lambda row: np.argmax(np.mean(human[row[:2]], axis=0)), 1, t)


# ---------------------------------------------------------------- dimensions predicted by ridge


@lru_cache(maxsize=2)
def dimensions(case: Case) -> np.ndarray:
    """(n, 66) not negative, many zeros; some lie in the features, others next to not."""
    rng = np.random.default_rng([SEED, case.n, CONCEPTS])
    x = embeddings(case).astype(np.float64)
    weights = rng.standard_normal((case.d, CONCEPTS)) / np.sqrt((x**2).sum(axis=1).mean())
    noise = np.linspace(0.1, 3.0, CONCEPTS) * rng.standard_normal((case.n, CONCEPTS))
    return np.asarray(np.maximum(x @ weights + noise, 0.0))


def our_predictions(x: np.ndarray, human: np.ndarray, ci: str | None = None) -> Call:
    """All folds, with what is said of them; or with intervals too. The result are those of the first fold."""
    first = folds_of(len(x), FOLDS) == 0
    return lambda: pyalign.predict_dimensions(x, human, folds=FOLDS, ci=ci)[0].predictions[first]


def ridge_loop(x: np.ndarray, human: np.ndarray) -> Call:
    """A `RidgeCV` for each dimension in each fold, as published; timed on the first dimensions of the first fold."""
    from sklearn.linear_model import RidgeCV

    x, out = x.astype(np.float64), folds_of(len(x), FOLDS) == 0
    return lambda: np.stack([
        RidgeCV(alphas=PENALTIES).fit(x[~out], human[~out, k]).predict(x[out]) for k in range(FITS)], axis=1)


def same_predictions(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Of the dimensions that the peer has, whose deviations are about 1."""
    close(theirs, ours[:, : theirs.shape[1]], rtol=0, atol=1e-6)


# ---------------------------------------------------------------- the comparisons

OF_ROWS = (embeddings, triplets)
STATISTICS = (
    Comparison("object resamples", cases.THINGS, {
        SUBJECT: Way(our_sums), "numpy": Way(numpy_sums, share=LOOP_RESAMPLES / RESAMPLES, at_least=100),
    }, SOME, (attrgetter("n"), triplets), same_first_rows),
    Comparison("object resamples, 4 models", cases.THINGS, {
        SUBJECT: Way(partial(our_sums, models=4)), "pyalign 1 model": Way(our_sums, at_most=2),
    }, SOME, (attrgetter("n"), triplets)),
    Comparison("corrected errors", cases.THINGS, {
        SUBJECT: Way(our_errors), "half a second": bound(0.5), "numpy": Way(partial(our_errors, backend="numpy")),
        "pyalign 1,000 resamples": Way(lambda t: our_sums(int(t.max()) + 1, t), checked=False),
    }, SOME, (triplets,), partial(close, rtol=1e-9)),
    Comparison("score with intervals", cases.THINGS, {
        SUBJECT: Way(lambda x, t: lambda: pyalign.score(x, t, ci="objects")), "one second": bound(1.0),
        "pyalign score": Way(our_score),
    }, SOME, OF_ROWS),
    Comparison("compare, 100 models", cases.THINGS_NARROW, {
        SUBJECT: Way(compare_many), "one minute": bound(60.0),
    }, FEW, OF_ROWS),
    Comparison("calibrate", cases.THINGS, {
        SUBJECT: Way(our_temperature), "pyalign score": Way(our_score, checked=False, at_most=10),
    }, SOME, (embeddings, answers)),
)
ASSIGNMENTS = (
    Comparison("concepts assignment", cases.THINGS, {
        SUBJECT: Way(our_assignment), "published": Way(published_assignment, limit=PUBLISHED_SLICE, at_least=1000),
    }, SOME, (concepts, triplets), np.testing.assert_array_equal),
    Comparison("concepts, 1,000 resamples", cases.THINGS, {
        SUBJECT: Way(lambda x, human, t: lambda: pyalign.score_concepts(x, t, human, ci=PLAN)),
        "pyalign score, 1,000 resamples": Way(lambda x, human, t: lambda: pyalign.score(x, t, ci=PLAN), at_most=2),
    }, SOME, (embeddings, concepts, triplets)),
)
PREDICT = Comparison("predict_dimensions", cases.THINGS_WIDE, {
    SUBJECT: Way(our_predictions),
    "RidgeCV loop": Way(ridge_loop, share=FITS / (CONCEPTS * FOLDS), at_least=20),
    "pyalign with intervals": Way(partial(our_predictions, ci="objects")),
}, FEW, (embeddings, dimensions), same_predictions)
