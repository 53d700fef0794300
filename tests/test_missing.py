"""missing="omit": what each function says of the objects with a row is what it says where there are no others."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign import Embeddings, RDMs, Triplets
from pyalign._result import Result
from pyalign.data import Subjects
from pyalign.data.names import OMIT

N, T = 24, 900
NAMES = tuple(f"item {k}" for k in range(N))
X = reals(1, N, 4, dtype=np.float64)
OTHER = X[:, :3] + 0.3 * reals(2, N, 3, dtype=np.float64)
ANSWERED = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the columns with each position last
DRAWN = draw_triplets(3, N, T, np.int32)
PEOPLE = np.random.default_rng(4).integers(0, 6, T)
TRIPLETS = Triplets(
    np.take_along_axis(DRAWN, ANSWERED[pyalign.odd_one_out(X + 0.3 * reals(5, N, 4), DRAWN)], axis=1), NAMES, True,
    subjects=Subjects(PEOPLE.astype(np.int32), tuple("abcdef")),
)
GROUPS = np.random.default_rng(6).choice(["one", "two"], T)
COUNTS = np.random.default_rng(7).integers(1, 9, (T, 3)) + np.array([0, 0, 6])
WEIGHTS = np.random.default_rng(8).uniform(0.5, 2.0, T)
CHOICES = np.random.default_rng(9).integers(0, 3, T)
HUMAN = np.abs(reals(10, N, 3, dtype=np.float64))
SQUARE = np.abs(reals(11, N, N, dtype=np.float64))
PLAN = pyalign.Resampling("objects")
PROBE = {"penalty": 0.05, "max_iterations": 30, "tolerance": 1e-2}


class Case:
    """Embeddings of some items, and what people said of all items, or of those alone."""

    def __init__(self, kept: np.ndarray, alone: bool) -> None:
        has = np.zeros(N, bool)
        has[kept] = True
        self.a = Embeddings(X, NAMES)[kept]
        self.b = Embeddings(OTHER, NAMES)[kept[::-1]] if alone else Embeddings(OTHER, NAMES)
        self.human = Embeddings(HUMAN, NAMES)
        self.dimensions = self.human[np.sort(kept)] if alone else self.human
        self.rows = has[TRIPLETS.values].all(axis=1) if alone else np.ones(T, bool)
        self.triplets = TRIPLETS[self.rows]
        self.single = replace(self.triplets, subjects=None)
        judged = RDMs(SQUARE + SQUARE.T, "dissimilarity", NAMES)
        self.judged = judged.take(np.sort(kept)) if alone else judged
        self.options = {} if alone else {"missing": "omit"}

    def of(self, values):
        return values[self.rows]

    @property
    def models(self):
        return {"a": self.a, "b": self.b}


def fitted(x, triplets, **options):
    from pyalign import TripletProbe

    probe = TripletProbe(penalty=0.05, max_iterations=30, tolerance=1e-2, **options).fit(x, triplets)
    return probe.score(x, triplets), probe.transform_.weights, probe.transform_.trained.names


FUNCTIONS = {
    "score": lambda c: pyalign.score(
        c.a, c.triplets, ci="auto", groups=c.of(GROUPS), ceiling=0.7, n_permutations=5, **c.options
    ),
    "score, labels given": lambda c: pyalign.score(
        c.a, c.single, ci="objects+subjects", subjects=c.of(PEOPLE), **c.options
    ),
    "score of several": lambda c: pyalign.score(c.models, c.triplets, measure=["dot", "cosine"], **c.options),
    "compare": lambda c: pyalign.compare(c.models, c.triplets, choose_best=True, **c.options),
    "compare, labels given": lambda c: pyalign.compare(c.models, c.single, subjects=c.of(PEOPLE), **c.options),
    "permutation_test": lambda c: pyalign.permutation_test(c.a, c.triplets, n_permutations=9, **c.options),
    "calibrate": lambda c: pyalign.calibrate(c.models, c.triplets, split="triplets", bins=3, **c.options),
    "calibrate, answers given": lambda c: pyalign.calibrate(
        c.a, c.single, answers=c.of(COUNTS), split=None, bins=3, **c.options
    ),
    "agreement": lambda c: pyalign.agreement(c.models, c.single, answers=c.of(COUNTS), **c.options),
    "failures": lambda c: pyalign.find_failures(c.models, c.triplets, families=["x", "y"], **c.options),
    "failures, answers given": lambda c: pyalign.find_failures(c.models, c.single, answers=c.of(COUNTS), **c.options),
    "consistency": lambda c: pyalign.error_consistency(
        c.models, c.triplets, model_choices={"c": c.of(CHOICES)}, dimensions=c.human, min_triplets=5, **c.options
    ),
    "concepts": lambda c: pyalign.score_concepts(c.models, c.triplets, c.human, min_triplets=5, **c.options),
    "recover": lambda c: pyalign.recover(
        c.models, c.triplets, temperature=0.5, n_simulations=3, n_triplets=[20, 40], **c.options
    ),
    "predict_dimensions": lambda c: pyalign.predict_dimensions(
        c.models, c.dimensions, triplets=c.triplets, folds=2, penalties=[1.0], **c.options
    ),
    "rsa": lambda c: pyalign.rsa(c.models, c.judged, n_permutations=9, **c.options),
    "rsa without intervals": lambda c: pyalign.rsa(c.a, c.judged, ci=None, **c.options),
    "fit_probe": lambda c: pyalign.fit_probe(
        c.a, c.single, answers=c.of(COUNTS), weights=c.of(WEIGHTS), **PROBE, **c.options
    ),
    "probe_path": lambda c: pyalign.probe_path(c.a, c.triplets, penalties=[0.1, 0.05], tolerance=1e-2, **c.options),
    "cross_validate_probe": lambda c: pyalign.cross_validate_probe(
        c.a, c.triplets, folds=2, repeats=1, penalties=0.05, tolerance=1e-2, **c.options
    ),
    "cross_validate_probe over people": lambda c: pyalign.cross_validate_probe(
        c.a, c.single, folds=2, repeats=1, split="subjects", subjects=c.of(PEOPLE), penalties=0.05, tolerance=1e-2,
        **c.options
    ),
    "gLocal": lambda c: pyalign.fit_probe(
        c.a, c.triplets, penalty=0.1, norm="identity", other_embeddings=reals(12, 40, 4, dtype=np.float64),
        tolerance=1e-2, **c.options
    ),
    "TripletProbe": lambda c: fitted(c.a, c.triplets, **c.options),
}
NEEDS = {"probe": "scipy", "gLocal": "scipy", "TripletProbe": "sklearn"}
# Of the call, of what is counted, or with places for all triplets or objects.
OWN = {"coverage", "notes", "provenance", "seconds", "rows", "missing", "predictions", "fold_of", "names"}
subsets = st.permutations(range(N)).map(lambda order: np.array(order[:16]))


def figures(found):
    """Everything that a result holds but for what tells how it was computed."""
    if is_dataclass(found):
        return {one.name: figures(getattr(found, one.name)) for one in fields(found) if one.name not in OWN}
    if isinstance(found, tuple | list):
        return [figures(one) for one in found]
    if isinstance(found, dict):
        return {name: figures(one) for name, one in found.items()}
    return found


def require_same(a, b, at=""):
    if isinstance(a, dict) and isinstance(b, dict):
        assert a.keys() == b.keys(), at
        for name in a:
            require_same(a[name], b[name], f"{at}.{name}")
    elif isinstance(a, list) and isinstance(b, list):
        assert len(a) == len(b), at
        for k, (one, other) in enumerate(zip(a, b, strict=True)):
            require_same(one, other, f"{at}[{k}]")
    elif np.asarray(a).dtype.kind == "f":
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=at)  # sums are in another order
    else:
        assert np.array_equal(a, b), at


def require_packages(name):
    for word, package in NEEDS.items():
        if word in name:
            pytest.importorskip(package, reason=f"{package} is not installed")


def coverage_of(found):
    """Of a result, or of the first of several."""
    return found.coverage if isinstance(found, Result) else found[0].coverage


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=3)
@given(kept=subsets)
def test_what_remains_is_as_if_there_were_nothing_else(name, kept):
    require_packages(name)
    part, alone = Case(kept, alone=False), Case(kept, alone=True)
    found, expected = FUNCTIONS[name](part), FUNCTIONS[name](alone)
    require_same(figures(found), figures(expected))
    if name == "TripletProbe":
        return
    coverage = coverage_of(found)
    assert coverage_of(expected) is None and coverage.of_objects == N
    if "rsa" in name:
        assert (coverage.n_pairs, coverage.of_pairs) == (16 * 15 // 2, N * (N - 1) // 2)
        return
    assert (coverage.n_triplets, coverage.of_triplets) == (alone.rows.sum(), T)
    if name == "predict_dimensions":
        assert coverage.n_objects == 16
        return
    assert coverage.n_objects == len(np.unique(alone.triplets.values))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_by_default_items_without_a_row_are_an_error_that_names_the_option(name, message_of):
    require_packages(name)
    part = Case(np.arange(4), alone=False)
    part.options = {}
    message = message_of(FUNCTIONS[name], part)
    assert message.endswith(f"(20 of 24 items have no row); {OMIT}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_object_with_a_row_is_an_error(name, message_of):
    require_packages(name)
    part = Case(np.arange(4), alone=False)
    part.a = Embeddings(X[:2], ["ape", "bat"])
    assert "; got none" in message_of(FUNCTIONS[name], part)


def test_arrays_keep_the_places_of_all_triplets():
    """As with nan_policy="omit": -2 and NaN stand where nothing was asked."""
    part, alone = Case(np.arange(16), alone=False), Case(np.arange(16), alone=True)
    found, expected = (
        pyalign.score(c.a, c.triplets, keep=["choices", "probabilities"], **c.options) for c in (part, alone)
    )
    assert len(found.choices) == len(found.probabilities) == T
    np.testing.assert_array_equal(found.choices[alone.rows], expected.choices)
    np.testing.assert_array_equal(found.probabilities[alone.rows], expected.probabilities)
    assert (found.choices[~alone.rows] == -2).all() and np.isnan(found.probabilities[~alone.rows]).all()


def test_predictions_keep_the_places_of_all_objects():
    part, alone = Case(np.arange(4, 20), alone=False), Case(np.arange(4, 20), alone=True)
    found, expected = (
        pyalign.predict_dimensions(c.a, c.dimensions, folds=2, nan_policy="omit", **c.options) for c in (part, alone)
    )
    assert np.isnan(found[0].predictions[:4]).all() and (found.fold_of[20:] == -1).all() and found.n_dropped == 0
    np.testing.assert_allclose(found[0].predictions[4:20], expected[0].predictions, rtol=1e-9)
    assert found.fold_of[4:20].tolist() == expected.fold_of.tolist()
    assert found.notes[0].startswith(
        "8 of 24 objects have no row ('item 0', 'item 1', 'item 2' and 5 more), and are left out"
    )
    assert "8 of 24 objects left out (no row)" in found.table()


def test_rows_of_failures_are_those_among_all_triplets():
    part, alone = Case(np.arange(16), alone=False), Case(np.arange(16), alone=True)
    found, expected = (pyalign.find_failures(c.models, c.triplets, **c.options).groups[0] for c in (part, alone))
    assert len(found.rows) and found.rows.tolist() == np.flatnonzero(alone.rows)[expected.rows].tolist()
    np.testing.assert_array_equal(np.sort(TRIPLETS.values[found.rows], axis=1), np.sort(found.items, axis=1))


def test_all_models_are_scored_on_the_triplets_that_all_have():
    models = {"a": Embeddings(X, NAMES)[4:], "b": Embeddings(OTHER, NAMES)[:20]}
    found = pyalign.score(models, TRIPLETS, missing="omit")
    kept = ((TRIPLETS.values >= 4) & (TRIPLETS.values < 20)).all(axis=1)
    assert [one.n_triplets for one in found] == [kept.sum()] * 2
    assert found.coverage == found[0].coverage == found[1].coverage
    which = "('item 0', 'item 1', 'item 2' and 5 more; 'a' lacks 4, 'b' lacks 4): "
    assert found.notes[0].startswith(f"8 of 24 objects have no row in some model {which}")
    assert pyalign.compare(models, TRIPLETS, missing="omit").n_triplets == kept.sum()


def test_numbers_padded_with_zeros_miss_nothing():
    order = np.random.default_rng(0).permutation(N)
    padded = Embeddings(X[order], tuple(f"{k:02d}" for k in order))
    found = pyalign.score({"a": padded, "b": Embeddings(OTHER, tuple(map(str, range(N))))}, DRAWN, missing="omit")
    assert found[0].accuracy == pyalign.score(X, DRAWN).accuracy and found.coverage.n_triplets == T


def test_a_ceiling_may_be_of_other_triplets():
    part = Case(np.arange(16), alone=False)
    told = (
        "the noise ceiling is taken as it was given: it may be of all triplets, while the score is of those that remain"
    )
    assert told in pyalign.score(part.a, part.triplets, ceiling=0.7, missing="omit").notes
    assert told not in pyalign.score(part.a, part.triplets, missing="omit").notes
    assert told not in pyalign.score(Embeddings(X, NAMES), part.triplets, ceiling=0.7, missing="omit").notes


def test_a_map_says_which_objects_it_was_fitted_with():
    pytest.importorskip("scipy", reason="scipy is not installed")
    part = Case(np.arange(16), alone=False)
    fit = pyalign.fit_probe(part.a, part.triplets, **PROBE, missing="omit")
    assert fit.transform.trained.names == NAMES[:16] and fit.transform.trained.n_triplets == fit.coverage.n_triplets


def test_numbers_out_of_range_stay_an_error(message_of):
    message = message_of(pyalign.score, X[:16], TRIPLETS.values, missing="omit")
    assert message.startswith("triplets must lie in [0, 16)")


def test_labels_of_another_length_are_refused(message_of):
    part = Case(np.arange(16), alone=False)
    for name in ("groups", "subjects"):
        message = message_of(pyalign.score, part.a, part.triplets, ci="auto", missing="omit", **{name: GROUPS[:9]})
        assert message.startswith(f"{name} must have one entry per triplet")


def test_the_counts_are_in_documents_and_tables(tmp_path):
    part = Case(np.arange(16), alone=False)
    found = pyalign.score({"a": part.a}, part.triplets, missing="omit")
    held = found.to_dict()["results"][0]["coverage"]
    assert held == found.to_dict()["coverage"] == {
        "n_objects": 16, "of_objects": N, "n_triplets": found[0].n_triplets, "of_triplets": T, "n_subjects": 6,
        "of_subjects": 6,
    }
    assert "coverage.n_triplets" in found.to_csv().splitlines()[0].split(",")
    left_out = f"{T - found[0].n_triplets:,} of {T:,} triplets left out (no row)"
    assert left_out in found.table() and left_out in str(found) and left_out in repr(found[0])
    (tmp_path / "score.json").write_text(found.to_json())
    assert pyalign.load_result(tmp_path / "score.json").coverage == found.coverage
    assert "coverage" not in pyalign.score(X, TRIPLETS.values).to_dict()


def test_the_record_says_what_was_asked():
    part = Case(np.arange(16), alone=False)
    found = pyalign.score(part.a, part.triplets, missing="omit").provenance
    assert found.options["missing"] == "omit" and found.inputs[1].shape[0] < T


def test_500_of_the_1854_objects_of_things(data):
    """Embeddings of a subset of the objects, in any order, on all human triplets."""
    names = tuple((data / "things" / "unique_id.txt").read_text().split())
    triplets = np.load(data / "things" / "human_triplets_127304.npy")
    x = np.load(data / "things" / "clip_vit_b32.npy")
    some = np.random.default_rng(0).permutation(len(names))[:500]
    people = Subjects(triplets[:, 3].astype(np.int32), tuple(map(str, range(264))))
    asked = Triplets(triplets[:, :3], names, numbered=True, subjects=people)
    found = pyalign.score(Embeddings(x, names)[some], asked, missing="omit", ci="auto")
    kept = np.isin(triplets[:, :3], some).all(axis=1)
    expected = pyalign.score(x, triplets[kept, :3], ci="auto", subjects=triplets[kept, 3])
    assert (found.accuracy, found.cross_entropy, found.ci) == (expected.accuracy, expected.cross_entropy, expected.ci)
    assert found.coverage.n_triplets == kept.sum() and found.coverage.of_triplets == 127304
    assert found.coverage.of_objects == 1854 and found.coverage.n_subjects == len(set(triplets[kept, 3]))
