"""Fits of a probe: the optimum and its certificate, whatever the start; forms, penalties, refusals."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from support import reals, seeds

import pyalign
from pyalign import cross_validate_probe
from pyalign.datasets.simulate import simulate
from pyalign.journal import Journal
from pyalign.probing import fit_probe
from pyalign.probing.fit import fit_path
from pyalign.probing.parameters import ProbeOptions
from pyalign.probing.problem import Problem
from pyalign.probing.search import Search


def world(seed=0, n=40, d=8, t=1500, dtype=np.float64):
    """Features and the answers of people who see a few of their directions."""
    x = reals(seed, n, d, dtype=dtype)
    seen = x @ (reals(seed + 1, d, 3, dtype=dtype))
    return x, simulate(seen, t, measure="dot", temperature=2.0, seed=seed).triplets


def scipy_optimum(x, triplets, l2):
    """The objective by plain gradient of the definition, from several starts: an independent solver."""
    from scipy.optimize import minimize

    z = (x - x.mean()) / x.std()
    a, b, c = triplets.T

    def function(flat):
        w = flat.reshape(z.shape[1], -1)
        y = z @ w
        s = np.stack([(y[a] * y[b]).sum(1), (y[a] * y[c]).sum(1), (y[b] * y[c]).sum(1)])
        e = np.exp(s - s.max(0))
        p = e / e.sum(0)
        r = (p - np.array([[1], [0], [0]])) / len(a)
        by = np.zeros_like(y)
        for (i, j), g in zip(((a, b), (a, c), (b, c)), r, strict=True):
            np.add.at(by, i, g[:, None] * y[j])
            np.add.at(by, j, g[:, None] * y[i])
        return -np.log(p[0]).mean() + l2 * (w**2).sum(), (z.T @ by + 2 * l2 * w).ravel()

    starts = [np.random.default_rng(seed).normal(size=z.shape[1] ** 2) * 0.3 for seed in range(2)]
    return min(minimize(function, s, jac=True, method="L-BFGS-B", options={"maxiter": 3000}).fun for s in starts)


@pytest.mark.parametrize("l2", [0.3, 0.03, 0.003])
def test_reaches_the_optimum_that_another_solver_finds(l2):
    x, triplets = world()
    fit = fit_probe(x, triplets, penalty=l2, tolerance=1e-6)
    assert fit.objective == pytest.approx(scipy_optimum(x, triplets, l2), abs=2e-6)


@pytest.mark.filterwarnings("ignore::pyalign.ConvergenceWarning")
@settings(max_examples=4)
@given(seeds)
def test_the_gap_bounds_the_distance_to_the_optimum_of_a_fit_that_stopped_early(seed):
    x, triplets = world(seed % 100, t=500)
    best = fit_probe(x, triplets, penalty=0.02, tolerance=1e-7).objective
    early = fit_probe(x, triplets, penalty=0.02, max_iterations=3)
    assert early.objective > best + 1e-5
    assert early.objective - early.gap <= best + 1e-9
    low = fit_probe(x, triplets, penalty=0.02, rank=1)
    assert low.objective - low.gap <= best + 1e-9 < low.objective


def test_the_optimum_does_not_depend_on_the_start():
    x, triplets = world(3, dtype=np.float32)
    fits = [fit_probe(x, triplets, penalty=0.01, tolerance=1e-5, seed=seed) for seed in (0, 1, 2)]
    starts = [fits[0].transform, fit_probe(x, triplets, penalty=1.0).transform]
    fits += [fit_probe(x, triplets, penalty=0.01, tolerance=1e-5, start=start) for start in starts]
    assert np.ptp([fit.objective for fit in fits]) < 1e-5
    assert all(fit.gap < 1e-5 for fit in fits)
    grams = [fit.transform.weights @ fit.transform.weights.T for fit in fits]
    assert max(abs(g - grams[0]).max() for g in grams) < 0.02 * abs(grams[0]).max()


@pytest.mark.filterwarnings("ignore::pyalign.ConvergenceWarning")
def test_permuting_the_objects_permutes_nothing_else():
    x, triplets = world(4)
    order = np.random.default_rng(0).permutation(len(x))
    places = np.argsort(order)
    one = fit_probe(x, triplets, penalty=0.02, tolerance=1e-7)
    other = fit_probe(x[order], places[triplets], penalty=0.02, tolerance=1e-7)
    assert one.objective == pytest.approx(other.objective, abs=1e-7)
    a, b = one.transform.apply(x), other.transform.apply(x[order])
    np.testing.assert_allclose((a @ a.T)[np.ix_(order, order)], b @ b.T, atol=5e-3)


def test_the_cross_entropy_is_that_of_score_on_transformed_rows():
    x, triplets = world(5, dtype=np.float32)
    for options in ({}, {"bias": True}, {"standardize": "features"},
                    {"measure": "cosine", "temperature": 0.2, "norm": "identity"},
                    {"rank": "diagonal"}, {"norm": "nuclear"}, {"norm": "identity"}):
        fit = fit_probe(x, triplets, penalty=0.01, **options)
        measure, temperature = options.get("measure", "dot"), options.get("temperature", 1.0)
        scored = pyalign.score(fit.transform.apply(x), triplets, measure=measure, temperature=temperature)
        assert fit.cross_entropy == pytest.approx(scored.cross_entropy, abs=1e-4), options
        assert scored.cross_entropy < np.log(3)


def test_a_penalty_that_outweighs_everything_gives_the_zero_map():
    x, triplets = world(6)
    problem = Problem(x, triplets, ProbeOptions())
    largest = problem.zero_penalty()
    above, below = (next(fit_path(problem, [largest * share])) for share in (1.001, 0.9))
    assert not above.transform.weights.any() and above.objective == pytest.approx(np.log(3)) and above.gap < 1e-9
    assert below.transform.weights.any() and below.objective < np.log(3)


def test_warm_starts_along_a_path_end_where_cold_ones_do():
    x, triplets = world(7)
    problem = Problem(x, triplets, ProbeOptions(tolerance=1e-6))
    penalties = [1.0, 0.1, 0.01, 0.001]
    warm = list(fit_path(problem, penalties))
    cold = [next(fit_path(problem, [penalty])) for penalty in penalties]
    np.testing.assert_allclose([f.objective for f in warm], [f.objective for f in cold], atol=2e-6)
    assert [f.rank for f in warm] == sorted(f.rank for f in warm)
    assert np.all(np.diff([f.cross_entropy for f in warm]) < 0)


@pytest.mark.parametrize("penalty", ["frobenius", "identity", "nuclear"])
def test_other_penalties_reach_one_objective_from_every_seed(penalty):
    x, triplets = world(8)
    fits = [fit_probe(x, triplets, penalty=0.02, norm=penalty, seed=seed) for seed in (0, 1, 2)]
    assert np.ptp([fit.objective for fit in fits]) < 1e-4
    assert {fit.gap for fit in fits} == {None}
    assert fits[0].cross_entropy < fits[0].objective


def test_the_unsquared_norm_has_the_optima_of_the_squared_one_at_another_penalty():
    x, triplets = world(9)
    squared = fit_probe(x, triplets, penalty=0.02, tolerance=1e-7)
    norm = np.linalg.norm(squared.transform.weights)
    other = fit_probe(x, triplets, penalty=2 * 0.02 * norm, norm="frobenius")
    assert np.linalg.norm(other.transform.weights) == pytest.approx(norm, rel=2e-2)
    assert other.cross_entropy == pytest.approx(squared.cross_entropy, abs=2e-3)


def test_a_strong_identity_penalty_leaves_a_multiple_of_the_identity():
    x, triplets = world(10)
    w = fit_probe(x, triplets, penalty=100.0, norm="identity").transform.weights
    np.testing.assert_allclose(w, np.eye(8) * w.diagonal().mean(), atol=1e-2 * abs(w).max())


def test_rank_bounds_the_columns_and_costs_a_little():
    x, triplets = world(11)
    fits = {rank: fit_probe(x, triplets, penalty=0.01, rank=rank) for rank in (1, 2, "full")}
    assert fits[1].transform.weights.shape == (8, 1) and fits[2].transform.weights.shape == (8, 2)
    assert fits[1].objective > fits[2].objective > fits["full"].objective
    diagonal = fit_probe(x, triplets, penalty=0.01, rank="diagonal")
    assert np.count_nonzero(diagonal.transform.weights - np.diag(diagonal.transform.weights.diagonal())) == 0
    assert diagonal.gap < 1e-3


def test_a_bias_helps_where_people_see_an_offset():
    x, _ = world(12)
    triplets = simulate(x[:, :3] + 1.5, 4000, measure="dot", seed=3).triplets
    plain = fit_probe(x, triplets, penalty=1e-3).objective
    assert fit_probe(x, triplets, penalty=1e-3, bias=True).objective < plain - 1e-3


def test_a_row_of_zeros_and_items_in_no_triplet_are_no_trouble():
    x, triplets = world(13)
    x[0] = 0
    fit = fit_probe(np.vstack([x, reals(1, 5, 8, dtype=np.float64)]), triplets, penalty=0.02)
    assert np.isfinite(fit.transform.weights).all() and fit.gap < 1e-4


def test_the_number_of_threads_changes_nothing(set_threads):
    x, triplets = world(14, n=120, d=70, dtype=np.float32)
    weights = set()
    for threads in (1, 2, 3):
        set_threads(threads)
        weights.add(fit_probe(x, triplets, penalty=0.05).transform.weights.tobytes())
    assert len(weights) == 1


def test_to_dict_can_be_written_as_json():
    import json

    x, triplets = world(15, t=100)
    fit = fit_probe(x, triplets, penalty=0.1)
    assert json.loads(json.dumps(fit.to_dict()))["options"]["norm"] == "squared"


def test_an_interruption_leaves_the_best_map_so_far_in_the_journal():
    x, triplets = world(16)
    seen, journal = [], Journal()

    def stop(stage, done, total):
        assert total is None
        seen.append(stage)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_probe(x, triplets, penalty=0.01, progress=stop, journal=journal)
    values = [float(text.rpartition(" ")[2]) for text in seen]
    fit = journal.best.value
    assert fit.interrupted and not fit.converged and fit.n_passes <= 5 == len(values)
    assert fit.objective == pytest.approx(min(values), abs=1e-5)
    assert seen[-1].startswith("fit: penalty 0.01, loss ")


@pytest.mark.parametrize("penalty", ["squared", "nuclear"])
@pytest.mark.parametrize("place", ["look", "_compressed"])
def test_an_interruption_between_runs_of_l_bfgs_leaves_the_best_map(monkeypatch, place, penalty):
    x, triplets = world(1)
    real, calls, journal = getattr(Search, place), [], Journal()

    def cut(self, *args):
        if self.passes and not calls:
            calls.append(1)
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(Search, place, cut)
    with pytest.raises(KeyboardInterrupt):
        fit_probe(x, triplets, penalty=0.01, norm=penalty, journal=journal)
    fit = journal.best.value
    assert calls and fit.interrupted and fit.n_passes > 3
    assert fit.cross_entropy < np.log(3) - 0.01


def test_a_map_of_the_norm_that_was_asked_for_is_better_than_any_of_the_start_of_the_search():
    """The nuclear norm's search starts by the squared one, whose objectives say nothing here."""
    x, triplets = world(1)
    journal, expected = Journal(), fit_probe(x, triplets, penalty=0.01, norm="nuclear")
    fit_probe(x, triplets, penalty=0.01, norm="nuclear", journal=journal)
    assert journal.best.value.objective == pytest.approx(expected.objective, abs=1e-5)


REFUSALS = [
    ({"norm": "l1"}, "norm must be one of squared, frobenius, identity, nuclear; got 'l1'"),
    ({"rank": 0}, "rank must be 'full', 'diagonal' or a positive whole number; got 0"),
    ({"rank": "half"}, "rank must be 'full', 'diagonal' or a positive whole number; got 'half'"),
    ({"rank": 2, "norm": "identity"}, "rank must be 'full' or 'diagonal' with norm 'identity'; got 2"),
    ({"measure": "cosine"}, "norm must be 'identity' with measure 'cosine', which does not see the length of W that "
     "the others would shrink; got 'squared'"),
    ({"measure": "rbf"}, "measure must be one of dot, cosine; got 'rbf'"),
    ({"temperature": 0}, "temperature must be a positive number (1e-30 to 1e30); got 0"),
    ({"tolerance": 0}, "tolerance must be a positive number; got 0"),
    ({"seed": -1}, "seed must be a whole number of at least 0; got -1"),
    ({"max_iterations": 0}, "max_iterations must be a positive whole number; got 0"),
    ({"smoothing": -1}, "smoothing must be a number of at least 0; got -1"),
    ({"penalty": -1}, "penalty must be a number of at least 0; got -1"),
    ({"penalty": "auto"}, "penalty must be a number of at least 0; got 'auto'"),
    ({"penalty": "0.1"}, "penalty must be a number of at least 0; got '0.1'"),
    ({"tolerance": "a"}, "tolerance must be a positive number; got 'a'"),
    ({"smoothing": None}, "smoothing must be a number of at least 0; got None"),
    ({"seed": True}, "seed must be a whole number of at least 0; got True"),
    ({"rank": 2.0}, "rank must be 'full', 'diagonal' or a positive whole number; got 2.0"),
    ({"tolerence": 1}, "an option must be one of norm, rank, bias, measure, temperature, standardize, tolerance, "
     "max_iterations, smoothing, seed, penalty, start, journal, answers, weights, other_embeddings, local_weight, tau, "
     "batch_size, n_batches, missing, backend, progress; got 'tolerence'; did you mean 'tolerance'?"),
    ({"weights": ["a"] * 10}, "weights must hold real numbers; got dtype <U1"),
    ({"weights": [1.0] * 9 + [np.inf]}, "weights must be finite and at least 0; row 9 is inf"),
    ({"weights": [1.0] * 9 + [-2]}, "weights must be finite and at least 0; row 9 is -2"),
]


@pytest.mark.parametrize(("options", "message"), REFUSALS, ids=lambda o: str(o)[:20])
def test_refuses_options_that_it_does_not_know(message_of, options, message):
    x, triplets = world(0, t=10)
    assert message_of(fit_probe, x, triplets, **{"penalty": 0.1, **options}) == message


STARTS = [
    ((5, 2), {}, "start must have weights for the 8 features of the embeddings; got shape (5, 2)"),
    ((8, 8), {"rank": 2}, "start must have at most rank = 2 columns; got 8"),
    ((8, 3), {"norm": "identity"}, "start must have 8 columns, one for each feature, with norm 'identity'; got 3"),
    ((8, 3), {"rank": "diagonal"}, "start must have 8 columns, one for each feature, with rank 'diagonal'; got 3"),
    ((8, 8), {"rank": "diagonal"}, "start must be diagonal with rank 'diagonal'; got weights off the diagonal"),
]


@pytest.mark.parametrize(("shape", "options", "message"), STARTS, ids=lambda o: str(o)[:20])
def test_refuses_a_start_that_does_not_fit(message_of, shape, options, message):
    x, triplets = world(0, t=500)
    start = pyalign.Transform(np.ones(shape), None, 0.0, 1.0)
    assert message_of(fit_probe, x, triplets, penalty=0.1, start=start, **options).startswith(message)


def test_takes_a_start_that_fits(message_of):
    x, triplets = world(0, t=500)
    for columns, options in ((2, {"rank": 2}), (1, {"rank": 2}), (8, {}), (8, {"rank": "diagonal"})):
        start = pyalign.Transform(0.1 * np.eye(8)[:, :columns], None, 0.0, 1.0)
        fit = fit_probe(x, triplets, penalty=0.05, start=start, **options)
        assert fit.rank <= {"diagonal": 8}.get(options.get("rank"), options.get("rank", 8))
    assert message_of(fit_probe, x, triplets, penalty=0.1, start=np.eye(8)) == (
        "start must be a pyalign.Transform; got ndarray"
    )
    start = pyalign.Transform(np.full((8, 8), np.nan), None, 0.0, 1.0)
    assert message_of(fit_probe, x, triplets, penalty=0.1, start=start).startswith("start must have finite weights")


def test_takes_whole_numbers_of_any_integer_type():
    x, triplets = world(0, t=500)
    plain = {"rank": 2, "seed": 3, "max_iterations": 20}
    expected = fit_probe(x, triplets, penalty=0.1, **plain)
    fit = fit_probe(x, triplets, penalty=np.float32(0.1), **{name: np.int64(value) for name, value in plain.items()})
    assert fit.options == expected.options and json.loads(json.dumps(fit.options.to_dict())) == fit.options.to_dict()
    assert fit.rank == expected.rank == 2
    result = cross_validate_probe(
        x, triplets, folds=np.int64(2), seed=np.uint8(1), split="triplets", repeats=1, penalties=[0.1]
    )
    assert len(result.folds) == 2 and type(result.seed) is int


def test_refuses_rows_and_triplets_that_score_would_refuse(message_of):
    x, triplets = world(0, t=10)
    assert "triplets must lie in [0, 40)" in message_of(fit_probe, x, triplets + 20, penalty=1)
    assert message_of(fit_probe, np.ones((5, 3)), [[0, 1, 2]], penalty=1).startswith(
        "embeddings must hold different numbers"
    )
    x[3, 2] = np.nan
    assert message_of(fit_probe, x, triplets, penalty=1).startswith("embeddings must be finite")


@pytest.fixture(scope="module")
def clip(data):
    things = data / "things"
    return np.load(things / "clip_vit_b32.npy"), np.load(things / "human_triplets_127304.npy")[:, :3]


@pytest.mark.slow
def test_clip_is_certified_and_the_same_from_three_seeds(clip):
    x, triplets = clip
    fits = [fit_probe(x, triplets, penalty=0.3, tolerance=1e-3, seed=seed) for seed in (0, 1, 2)]
    assert np.ptp([fit.objective for fit in fits]) < 1e-5
    assert max(fit.gap for fit in fits) <= 1e-3
    assert pyalign.score(fits[0].transform.apply(x), triplets, measure="dot").accuracy > 0.55


# The end of a fit


@pytest.mark.parametrize("l2", [0.15, 0.12, 0.02])
def test_under_the_nuclear_norm_more_columns_never_end_higher(l2):
    x = reals(0, 90, 12, dtype=np.float64)
    triplets = simulate(x[:, :3], 6000, measure="dot", temperature=0.5).triplets
    found = {rank: fit_probe(x, triplets, norm="nuclear", penalty=l2, rank=rank) for rank in (1, 2, 3, "full")}
    objectives = [fit.objective for fit in found.values()]
    assert objectives[0] > objectives[1] > objectives[2] - 1e-6 and objectives[2] > objectives[3] - 1e-6
    lengths = np.linalg.svd(found["full"].transform.weights, compute_uv=False)
    assert found["full"].objective == pytest.approx(found["full"].cross_entropy + l2 * lengths.sum(), abs=1e-6)


def test_a_nuclear_path_gains_columns_as_the_penalty_falls():
    x, triplets = world(8)
    path = pyalign.probe_path(x, triplets, penalties=[0.3, 0.03, 0.003], norm="nuclear")
    alone = [fit_probe(x, triplets, penalty=fit.penalty, norm="nuclear").objective for fit in path]
    np.testing.assert_allclose([fit.objective for fit in path], alone, atol=1e-3)
    assert path[0].rank < path[-1].rank


@pytest.mark.parametrize("options", [{"norm": "identity"}, {"norm": "frobenius"}, {"norm": "nuclear"}], ids=str)
def test_the_tolerance_says_when_a_fit_without_a_certificate_ends(options):
    x, triplets = world(12)
    loose, usual, tight = (fit_probe(x, triplets, penalty=0.02, tolerance=at, **options) for at in (100.0, 1e-4, 1e-8))
    assert loose.n_passes < min(usual.n_passes, tight.n_passes)
    assert loose.objective >= usual.objective - 1e-9 and usual.objective >= tight.objective - 1e-9
    assert loose.converged and usual.converged and tight.converged


def test_a_diagonal_map_is_polished_until_its_certificate_holds():
    x, triplets = world(13, n=60, d=30, dtype=np.float32)
    for tolerance in (1e-3, 1e-5):
        fit = fit_probe(x, triplets, penalty=1e-4, rank="diagonal", tolerance=tolerance)
        assert fit.gap <= tolerance and fit.converged


def test_a_fit_that_ends_before_its_optimum_warns_and_says_so():
    x, triplets = world(14)
    for options in ({}, {"norm": "identity"}, {"rank": "diagonal"}, {"rank": 2}):
        with pytest.warns(
            pyalign.ConvergenceWarning, match=r"penalty 0.001 ended before its optimum.*max_iterations \(3\)"
        ):
            fit = fit_probe(x, triplets, penalty=1e-3, max_iterations=3, **options)
        assert not fit.converged and not fit.to_dict()["converged"]
    with pytest.warns(pyalign.ConvergenceWarning, match="may be .* nats above it"):
        pyalign.TripletProbe(penalty=1e-3, max_iterations=3).fit(x, triplets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_probe(x, triplets, penalty=1e-2).converged
        assert fit_probe(
            x, triplets, penalty=1e-2, rank=2
        ).converged  # as near as two columns come: its gap says how far


def test_a_path_holds_what_single_fits_find_strongest_first():
    x, triplets = world(15)
    path = pyalign.probe_path(x, triplets, penalties=[0.01, 0.1], tolerance=1e-6)
    assert [fit.penalty for fit in path] == [0.1, 0.01]
    alone = [fit_probe(x, triplets, penalty=fit.penalty, tolerance=1e-6).objective for fit in path]
    np.testing.assert_allclose([fit.objective for fit in path], alone, atol=2e-6)
    counts = np.eye(3)[np.random.default_rng(0).integers(0, 3, len(triplets))]
    automatic = pyalign.probe_path(x, triplets, answers=counts)
    strongest = Problem(x, triplets, ProbeOptions(), counts).zero_penalty()
    np.testing.assert_allclose([fit.penalty for fit in automatic], np.geomspace(0.1, 0.001, 8) * strongest)


@pytest.mark.parametrize("seed", range(6))
def test_no_column_that_carries_nothing_counts_for_the_rank(seed):
    """How far L-BFGS lets such a column shrink differs by processor, so it must not be counted."""
    x = reals(seed, 80, 32, dtype=np.float32)
    triplets = simulate(x[:, :4], 400, measure="dot", temperature=8.0, seed=seed).triplets
    for l2 in (0.1, 0.02):
        fit = fit_probe(x, triplets, penalty=l2)
        lengths = np.linalg.svd(fit.transform.weights, compute_uv=False)
        assert fit.rank == len(lengths) and lengths[-1] > 1e-3 * lengths[0]


@pytest.mark.parametrize("l2", [1e-3, 1e-4, 1e-5])
def test_maps_of_every_column_are_certified_where_single_precision_ends(l2):
    x = reals(16, 60, 8)
    fit = fit_probe(x, simulate(x, 6000, measure="dot").triplets, penalty=l2)
    assert fit.rank == x.shape[1] and fit.gap <= 1e-4 and fit.converged


def test_a_diagonal_map_leaves_a_start_that_is_zero():
    """Where a stronger penalty on the path had put it: no parameter moves there by itself."""
    x, triplets = world(17)
    zero, found = pyalign.probe_path(x, triplets, rank="diagonal", penalties=[100.0, 0.01])
    assert abs(zero.transform.weights).max() < 1e-3
    assert found.objective == pytest.approx(fit_probe(x, triplets, penalty=0.01, rank="diagonal").objective, abs=1e-4)
