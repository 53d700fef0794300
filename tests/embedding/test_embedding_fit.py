"""Fits of embeddings: what is planted comes back, and every fit is a stationary point."""

from __future__ import annotations

import numpy as np
import pytest
from planted_dimensions import planted, reference
from support import run_python

import pyalign
from pyalign.embedding.cross_validate import embedding_path, fit_embedding
from pyalign.errors import ConvergenceWarning, InputError

pytest.importorskip("scipy")
SHRINKAGE, SPARSITY = 4e-4, 0.02


@pytest.fixture(scope="module")
def world():
    """(60, 4) dimensions, and the answers of a fit."""
    rows, triplets = planted(60, 4, 12_000)
    return rows, triplets[:6_000]


@pytest.fixture(scope="module")
def fit(world):
    return fit_embedding(world[1], shrinkage=SHRINKAGE, sparsity=SPARSITY)


def correlations(a, b):
    """(d, k) Pearson correlations between the columns of two embeddings."""
    return np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :]


def test_planted_dimensions_come_back(world, fit):
    best = correlations(world[0], fit.embedding.values).max(axis=1)
    assert fit.n_dimensions == 4 and best.min() > 0.9


def test_is_a_stationary_point_by_plain_loops(world, fit):
    rows = fit.embedding.values
    value, slope = reference(rows, world[1], SHRINKAGE, SPARSITY)
    assert fit.converged and (rows >= 0).all()
    assert np.abs(slope[rows > 0]).max() * 60 <= 1e-3 * (1 + 1e-6)
    assert slope[rows == 0].min() * 60 >= -1e-3 * (1 + 1e-6)
    assert fit.objective == pytest.approx(value, rel=1e-10)
    assert fit.cross_entropy == pytest.approx(
        value - SHRINKAGE * (rows**2).sum() - SPARSITY / 60 * rows.sum(), rel=1e-10
    )


def test_is_as_good_as_the_truth_on_new_answers(world, fit):
    rows, triplets = planted(60, 4, 12_000)
    new = pyalign.score({"fit": fit.embedding.values, "truth": rows}, triplets[6_000:], measure="dot", ci=None)
    assert abs(new.results[0].accuracy - new.results[1].accuracy) < 0.01


def test_says_of_each_dimension_what_it_is(world, fit):
    rows = fit.embedding.values
    assert [one.dimension for one in fit.dimensions] == [1, 2, 3, 4]
    assert [one.mass for one in fit.dimensions] == sorted((float(c.sum()) for c in rows.T), reverse=True)
    assert fit.dimensions[0].n_objects == np.count_nonzero(rows[:, 0])
    assert fit.dimensions[0].top_objects[0] == str(rows[:, 0].argmax())
    i, j, _ = world[1].T
    chosen = (rows[i] * rows[j]).sum(axis=0)
    np.testing.assert_allclose([one.share for one in fit.dimensions], chosen / chosen.sum(), rtol=1e-9)


def test_is_the_same_again(world, fit):
    again = fit_embedding(world[1], shrinkage=SHRINKAGE, sparsity=SPARSITY)
    assert again.embedding.values.tobytes() == fit.embedding.values.tobytes()


def test_does_not_depend_on_the_number_of_threads():
    code = """
import hashlib
import numpy as np
import pyalign
from pyalign.datasets.simulate import simulate
rows = 2 * np.repeat(np.eye(3), 80, axis=0) + np.random.default_rng(0).random((240, 3))
triplets = simulate(rows, 4000, measure="dot").triplets
validation = pyalign.cross_validate_embedding(
    triplets, penalties=[(3e-4, None)], folds=2, n_seeds=1, halves=True, n_resamples=2, against={"truth": rows}
)
print(hashlib.sha256(validation.fit.embedding.values.tobytes()).hexdigest(), validation.to_json())
"""
    fixed = {"SOURCE_DATE_EPOCH": "1700000000"}
    runs = [run_python(code, PYALIGN_NUM_THREADS=n, OPENBLAS_NUM_THREADS=n, **fixed) for n in ("1", "3")]
    assert all(run.returncode == 0 for run in runs), runs[0].stderr
    assert runs[0].stdout == runs[1].stdout


def test_from_its_own_result_stays_there(world, fit):
    rows = fit.embedding.values
    again = fit_embedding(world[1], shrinkage=SHRINKAGE, sparsity=SPARSITY, start=rows)
    moved = again.embedding.values
    assert again.n_iterations == 0 and np.abs(moved @ moved.T - rows @ rows.T).max() < 1e-4


def test_random_starts_end_near_the_same_objective(world, fit):
    seeded = [fit_embedding(world[1], shrinkage=SHRINKAGE, sparsity=SPARSITY, seed=seed) for seed in (0, 1)]
    assert seeded[0].embedding.values.tobytes() != seeded[1].embedding.values.tobytes()
    for one in seeded:
        assert one.objective == pytest.approx(fit.objective, abs=0.002)


def test_answers_as_counts_are_answers_one_by_one(world):
    triplets = world[1][:3000]
    counts = np.tile([0, 0, 2], (len(triplets), 1))
    once = fit_embedding(triplets, shrinkage=1e-3)
    counted = fit_embedding(triplets, shrinkage=1e-3, answers=counts)
    np.testing.assert_allclose(counted.embedding.values, once.embedding.values, atol=1e-9)


def test_names_go_with_the_rows():
    names = [f"object {k}" for k in range(30)]
    _, triplets = planted(30, 2, 2000)
    data = pyalign.Triplets(triplets, tuple(names))
    fit = fit_embedding(data, shrinkage=1e-3)
    assert fit.embedding.names == tuple(names) and fit.dimensions[0].top_objects[0].startswith("object ")


def test_every_fit_of_a_path_is_a_stationary_point(world):
    triplets = world[1][:800]
    path = embedding_path(triplets, penalties=[(1e-3, 0.03), (1e-4, 0.003), (3e-4, 0.01)])
    assert [one.shrinkage for one in path] == [1e-4, 3e-4, 1e-3]
    for one in path:
        rows = one.embedding.values
        _, slope = reference(rows, triplets, one.shrinkage, one.sparsity)
        assert one.converged and np.abs(slope[rows > 0]).max() * 60 <= 1e-3 * (1 + 1e-6)
        assert slope[rows == 0].min() * 60 >= -1e-3 * (1 + 1e-6)
    assert path[0].n_dimensions >= path[2].n_dimensions


def test_strong_sparsity_does_not_end_at_zero_where_something_is_better():
    """The start of SPoSE, N(0.1, 0.01), does: sparsity outweighs what little similarity it has."""
    from pyalign.embedding.fit import EmbeddingPenalty, Objective
    from pyalign.embedding.solve import minimize
    from pyalign.fitting.objective import TripletLoss

    _, triplets = planted(60, 4, 1500)
    objective = Objective(TripletLoss(60, triplets, np.dtype(np.float64)), EmbeddingPenalty(0.0, 0.2))
    published = np.abs(np.random.default_rng(0).normal(0.1, 0.01, (60, 20)))
    assert not minimize(objective, published, tolerance=1e-3, iterations=500).rows.any()
    fit = fit_embedding(triplets, shrinkage=0.0, sparsity=0.2)
    assert fit.n_dimensions >= 2 and fit.objective < np.log(3) - 0.02


def test_at_most_so_many_dimensions(world):
    assert fit_embedding(world[1][:3000], shrinkage=3e-4, n_dimensions=2).n_dimensions == 2


def test_signed_optimum_has_a_small_gap_and_is_that_of_a_probe():
    _, triplets = planted(25, 3, 2500)
    fit = fit_embedding(triplets, shrinkage=2e-3, signed=True)
    probe = pyalign.fit_probe(np.eye(25), triplets, penalty=2e-3, standardize="none", tolerance=1e-6)
    assert fit.gap is not None and fit.gap <= 1e-4 and fit.converged and (fit.embedding.values < 0).any()
    assert fit.objective == pytest.approx(probe.objective, abs=1e-5)
    z = np.eye(25) @ probe.transform.weights
    np.testing.assert_allclose(fit.embedding.values @ fit.embedding.values.T, z @ z.T, atol=0.05)


def test_signed_optimum_does_not_depend_on_where_it_starts():
    _, triplets = planted(25, 3, 2500)
    rng = np.random.default_rng(0)
    starts = [None, rng.normal(size=(25, 3)), 3 * rng.normal(size=(25, 10))]
    objectives = [fit_embedding(triplets, shrinkage=2e-3, signed=True, start=start).objective for start in starts]
    assert max(objectives) - min(objectives) < 1e-4  # each is within its gap


def test_signed_optimum_is_below_every_non_negative_one():
    _, triplets = planted(25, 3, 2500)
    signed = fit_embedding(triplets, shrinkage=2e-3, signed=True)
    assert signed.objective <= fit_embedding(triplets, shrinkage=2e-3, sparsity=0.0).objective


@pytest.mark.slow
def test_no_random_start_is_much_better():
    """Against 200 starts of another solver, on 30 objects."""
    from scipy import optimize

    _, triplets = planted(30, 3, 1500)
    fit = fit_embedding(triplets, shrinkage=1e-3, sparsity=0.03)
    from pyalign.embedding.fit import EmbeddingPenalty, Objective
    from pyalign.fitting.objective import TripletLoss

    objective = Objective(TripletLoss(30, triplets, np.dtype(np.float64)), EmbeddingPenalty(1e-3, 0.03))
    rng, least = np.random.default_rng(0), np.inf

    def function(flat):
        value, slope = objective(flat.reshape(30, 6))
        return value, slope.ravel()

    for _ in range(200):
        start = rng.uniform(0, 1.5, 180)
        found = optimize.minimize(function, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * 180)
        least = min(least, found.fun)
    assert fit.objective <= least + 0.003


def test_warns_where_iterations_run_out(world):
    with pytest.warns(ConvergenceWarning, match="ended with a residual of"):
        fit_embedding(world[1][:2000], shrinkage=1e-4, max_iterations=2)


TRIPLETS = np.array([[0, 1, 2], [1, 2, 3], [0, 2, 3]] * 5)
PASSED = {"shrinkage": 0.1}
BAD = {
    "an anchor": (pyalign.Triplets(TRIPLETS, task="anchored"), PASSED, "triplets of task 'odd-one-out'"),
    "no answers": (pyalign.Triplets(TRIPLETS, answered=False), PASSED, "human choices"),
    "an object in no triplet": (pyalign.Triplets(TRIPLETS, tuple("abcde")), PASSED, "missing=\"zero\".*'e' is in none"),
    "objects of weight 0": ([[0, 1, 2], [1, 2, 3]], {"weights": [1, 0], "shrinkage": 0.1}, "3 is in none"),
    "two groups": (np.vstack([TRIPLETS, TRIPLETS + 4]), PASSED, "none joins 0 and 4, 5, 6 and 1 more"),
    "more dimensions than objects": (TRIPLETS, {**PASSED, "n_dimensions": 5}, r"n_dimensions must be .*\(4\); got 5"),
    "no dimension": (TRIPLETS, {**PASSED, "n_dimensions": 0}, "n_dimensions must be 'auto' or"),
    "signed and sparse": (TRIPLETS, {**PASSED, "sparsity": 0.1, "signed": True}, "left out of a signed"),
    "no penalty": (TRIPLETS, {}, "shrinkage or sparsity must be a positive number; got neither"),
    "penalties of 0": (TRIPLETS, {"shrinkage": 0, "sparsity": 0}, "must be a positive number; both are 0"),
    "a negative penalty": (TRIPLETS, {"shrinkage": -1}, "shrinkage must be a number of at least 0"),
    "NaN": (TRIPLETS, {"sparsity": float("nan")}, "sparsity must be a number of at least 0; got nan"),
    "penalties that leave nothing": (TRIPLETS, {"shrinkage": 5.0}, "leave nothing of the embedding: shrinkage 5, "),
    "an unknown option": (TRIPLETS, {**PASSED, "sparse": 3}, "an option must be one of .*; got 'sparse'"),
    "a start of other rows": (TRIPLETS, {**PASSED, "start": np.ones((3, 2))}, "a row for each of 4 objects; got 3"),
    "a negative start": (TRIPLETS, {**PASSED, "start": -np.ones((4, 2))}, "must not be negative"),
    "an unknown policy": (TRIPLETS, {**PASSED, "missing": "omit"}, "missing must be one of raise, zero; got 'omit'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_one_line(what):
    triplets, options, message = BAD[what]
    with pytest.raises(InputError, match=message) as error:
        fit_embedding(triplets, **options)
    assert "\n" not in str(error.value)


def test_a_path_needs_pairs_that_leave_something():
    with pytest.raises(InputError, match="penalties must be pairs"):
        embedding_path(TRIPLETS, penalties=[0.1])
    with pytest.raises(InputError, match="not even the smallest of them"):
        embedding_path(TRIPLETS, penalties=[(9.0, None)])


def test_missing_zero_leaves_the_row_of_an_absent_object_at_zero():
    _, triplets = planted(12, 2, 900)
    data = pyalign.Triplets(triplets, tuple("abcdefghijklm"))
    fit = fit_embedding(data, shrinkage=2e-3, missing="zero")
    assert not fit.embedding.values[12].any() and fit.embedding.values[:12].any()
    assert any("'m': in no triplet" in note for note in fit.notes)


def test_notes_that_there_are_more_entries_than_answers():
    _, triplets = planted(60, 4, 200)
    fit = fit_embedding(triplets, shrinkage=2e-3, missing="zero")
    assert fit.embedding.values.size > 200
    assert any("entries and the fit 200 triplets" in note for note in fit.notes)


def test_notes_answers_that_contradict_each_other_in_equal_counts():
    _, triplets = planted(20, 2, 700)
    _, first = np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)
    once = triplets[np.sort(first)]  # each set once
    assert not any("equal counts" in note for note in fit_embedding(once, shrinkage=2e-3).notes)
    both = np.vstack([once, once[:2, [0, 2, 1]], once[2:3], once[2:3, [2, 1, 0]]])  # two ties, and two against one
    (note,) = [note for note in fit_embedding(both, shrinkage=2e-3).notes if "equal counts" in note]
    assert note.startswith("2 sets of three objects have different answers")
    assert note.endswith(f"more than {(len(once) + 1) / len(both):.1%}")


@pytest.mark.slow
def test_is_computed_on_tensors_too():
    pytest.importorskip("torch")
    _, triplets = planted(25, 2, 900)
    own, on_torch = (fit_embedding(triplets, shrinkage=2e-3, backend=name) for name in ("native", "torch"))
    assert on_torch.backend == "torch" and on_torch.objective == pytest.approx(own.objective, abs=1e-6)
    moved = on_torch.embedding.values @ on_torch.embedding.values.T - own.embedding.values @ own.embedding.values.T
    assert np.abs(moved).max() < 0.05
