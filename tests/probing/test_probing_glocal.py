"""gLocal: the local loss against its definition, gradients, what alpha does, and the published file."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import PURE, reals, seeds

from pyalign import cross_validate_probe, fit_probe, load_transform, score, similarity
from pyalign.backends import native
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.journal import Journal
from pyalign.nearest.neighbors import neighbor_overlap
from pyalign.probing import local
from pyalign.probing.local import LocalProblem, LocalTerm, other_batches
from pyalign.probing.parameters import LocalOptions, ProbeOptions
from pyalign.probing.problem import Map
from pyalign.stats.splits import TripletKFold

N, D, M = 40, 6, 25
TOLERANCE = 1e-2  # an iteration that brings less than 1e-7 of the objective is the last


def fit_glocal(x, triplets, others, *, penalty=0.1, norm="identity", tolerance=TOLERANCE, **options):
    """A fit with other embeddings, by the defaults of `pyalign probe --split none`."""
    return fit_probe(x, triplets, penalty=penalty, other_embeddings=others, norm=norm, tolerance=tolerance, **options)


@pytest.fixture(scope="module")
def case():
    """People who see other features than x shows first, and other images."""
    x = random_embeddings(N, D, 1)
    people = x * np.array([0.2, 2.0, 0.2, 3.0, 0.2, 2.0], np.float32)
    return x, simulate(people, 1500, measure="dot", temperature=0.5, seed=2).triplets, random_embeddings(M, D, 3)


def local_loss(x, z, tau):
    """By the definition, an image at a time."""
    total = 0.0
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        logs = []
        for rows in (x, z):
            cosines = [rows[i] @ rows[j] / np.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j])) for j in others]
            s = np.array(cosines) / tau
            logs.append(s - s.max() - np.log(np.exp(s - s.max()).sum()))
        total -= float(np.exp(logs[0]) @ logs[1])
    return total


@given(seed=seeds, tau=st.sampled_from([0.05, 0.1, 1.0]), size=st.integers(3, 20))
def test_the_local_loss_is_the_definition(seed, tau, size):
    x = reals(seed, 14, 5, dtype=np.float64)
    weights, bias = reals(seed + 1, 5, 4, dtype=np.float64), reals(seed + 2, 4, dtype=np.float64)
    batches = other_batches(14, size, None, seed % 100)
    value = LocalTerm(x + 1.0, x, batches, tau=tau)(weights, bias).value
    z = (x + 1.0) @ weights + bias
    assert value == pytest.approx(sum(local_loss(x[b], z[b], tau) for b in batches) / 14, rel=1e-10)


def test_the_least_local_loss_is_the_teacher_s_entropy_where_the_map_turns_and_scales():
    x = reals(1, 20, 5, dtype=np.float64)
    turned = 3.0 * np.linalg.qr(reals(2, 5, 5, dtype=np.float64))[0]
    term = LocalTerm(x, x, [np.arange(20)], tau=0.1)
    slope = term(turned, np.zeros(5))
    assert slope.value == pytest.approx(term.entropy(), rel=1e-12)
    assert abs(slope.weights).max() < 1e-12
    assert term(reals(3, 5, 5, dtype=np.float64), np.zeros(5)).value > term.entropy() + 0.01


@pytest.mark.parametrize("alpha", [0.0, 0.4])
@pytest.mark.parametrize("rank", ["full", "diagonal"])
def test_the_gradient_of_both_losses_is_that_of_finite_differences(case, alpha, rank):
    x, triplets, others = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in case)
    options, local = ProbeOptions(norm="identity", rank=rank, bias=True), LocalOptions(alpha, 0.2, batch_size=10)
    problem = LocalProblem(x, triplets, options, others=(others, local))
    v, b = 0.3 * reals(5, D, D, dtype=np.float64), 0.1 * reals(6, D, dtype=np.float64)
    slope = problem.slope(Map(v, b))
    for k in range(0, D * D, 5):
        step = 1e-6 * np.eye(D * D)[k].reshape(D, D)
        difference = (problem.slope(Map(v + step, b)).value - problem.slope(Map(v - step, b)).value) / 2e-6
        assert slope.weights.flat[k] == pytest.approx(difference, rel=1e-5, abs=1e-8)
    for k in range(D):
        step = 1e-6 * np.eye(D)[k]
        difference = (problem.slope(Map(v, b + step)).value - problem.slope(Map(v, b - step)).value) / 2e-6
        assert slope.bias[k] == pytest.approx(difference, rel=1e-5, abs=1e-8)
    assert problem.total(problem.term(v, b).value, Map(v, b)) == pytest.approx(slope.value, rel=1e-12)


def test_the_local_gradient_is_that_of_torch():
    torch = pytest.importorskip("torch")
    x = reals(1, 15, 5, dtype=np.float64)
    w, b = (
        torch.tensor(reals(k, *shape, dtype=np.float64), requires_grad=True) for k, shape in ((2, (5, 4)), (3, (4,)))
    )
    rows = torch.tensor(x)
    away = ~torch.eye(15, dtype=torch.bool)

    def logs(z):
        z = torch.nn.functional.normalize(z, dim=1)
        return ((z @ z.T)[away].reshape(15, 14) / 0.1).log_softmax(1)

    loss = -(logs(rows).exp() * logs(rows @ w + b)).sum() / 15
    loss.backward()
    slope = LocalTerm(x, x, [np.arange(15)], tau=0.1)(w.detach().numpy(), b.detach().numpy())
    assert slope.value == pytest.approx(loss.item(), rel=1e-12)
    assert slope.weights == pytest.approx(w.grad.numpy(), rel=1e-9, abs=1e-12)
    assert slope.bias == pytest.approx(b.grad.numpy(), rel=1e-9, abs=1e-12)


def test_float32_rows_give_the_loss_and_gradient_of_float64():
    x = reals(1, 60, 8)
    weights, bias = reals(2, 8, 8, dtype=np.float64), np.zeros(8)
    term = LocalTerm(x, x, other_batches(60, 25, None, 0), tau=0.1)
    narrow, wide = term(weights, bias), term.widened()(weights, bias)
    assert narrow.value == pytest.approx(wide.value, rel=1e-6)
    assert abs(narrow.weights - wide.weights).max() < 1e-5 * abs(wide.weights).max()


@given(m=st.integers(3, 100), size=st.integers(3, 40), seed=st.integers(0, 9))
def test_batches_share_out_all_images_and_are_never_too_large(m, size, seed):
    batches = other_batches(m, size, None, seed)
    assert sorted(np.concatenate(batches)) == list(range(m))
    assert max(map(len, batches)) <= size
    assert max(map(len, batches)) - min(map(len, batches)) <= 1
    assert len(other_batches(m, size, 1, seed)) == 1


def test_without_the_local_loss_it_is_the_probe(case):
    x, triplets, images = case
    glocal = fit_glocal(x, triplets, images, local_weight=0.0, penalty=0.01, norm="squared", tolerance=1e-4)
    assert glocal.objective == pytest.approx(fit_probe(x, triplets, penalty=0.01).objective, abs=1e-5)


def test_a_larger_alpha_keeps_more_neighbors_and_predicts_answers_less_well(case):
    x, triplets, images = case
    fits = [fit_glocal(x, triplets, images, local_weight=alpha, penalty=1e-3) for alpha in (0.0, 0.25, 0.75)]
    local, nats = [f.local.cross_entropy for f in fits], [f.cross_entropy for f in fits]
    assert sorted(local, reverse=True) == local
    assert sorted(nats) == nats
    assert fits[2].local.neighbors_kept[10] > fits[0].local.neighbors_kept[10] + 0.05
    assert all(f.local.cross_entropy > f.local.teacher_entropy for f in fits)


def test_the_figures_are_those_of_the_transform(case):
    x, triplets, images = case
    fit = fit_glocal(x, triplets, images, local_weight=0.25, penalty=0.01, bias=True, batch_size=10)
    z = fit.transform.apply(images)
    assert fit.local.neighbors_kept == neighbor_overlap(images, z)
    scored = score(fit.transform.apply(x), triplets, measure="dot")
    assert fit.accuracy == scored.accuracy
    assert fit.cross_entropy == pytest.approx(scored.cross_entropy, abs=1e-5)
    weights, m = fit.transform.weights, np.diag(fit.transform.weights).mean()
    assert fit.norm == pytest.approx(((weights - m * np.eye(D)) ** 2).sum(), rel=1e-6)
    batches = other_batches(M, 10, None, 0)
    local = sum(local_loss(images[b].astype(float), z[b].astype(float), 0.1) for b in batches) / M
    assert fit.local.cross_entropy == pytest.approx(local, rel=1e-5)
    nats = 0.75 * fit.cross_entropy + 0.25 * fit.local.cross_entropy + 0.01 * fit.norm
    assert fit.objective == pytest.approx(nats, rel=1e-12)
    assert (fit.local.n_batches, fit.local.n, fit.n_triplets) == (3, M, 1500)


def test_a_strong_identity_penalty_leaves_a_multiple_of_the_identity(case):
    weights = fit_glocal(*case, local_weight=0.25, penalty=1e4).transform.weights
    m = np.diag(weights).mean()
    assert m > 0.05
    assert abs(weights - m * np.eye(D)).max() < 1e-3 * m


def test_threads_and_runs_make_no_difference(case, set_threads):
    fits = []
    for threads in (1, 2, 2):
        set_threads(threads)
        fits.append(fit_glocal(*case, batch_size=10).transform.weights)
    assert np.array_equal(fits[0], fits[1])
    assert np.array_equal(fits[1], fits[2])
    assert native.num_threads() == (1 if PURE else 2)


def test_the_order_of_the_images_and_objects_is_nothing_but_an_order(case):
    x, triplets, images = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in case)
    order = np.random.default_rng(0).permutation(N)
    place = np.argsort(order)
    one = fit_glocal(x, triplets, images, tolerance=1e-7)
    other = fit_glocal(x[order], place[triplets], images[::-1], tolerance=1e-7)
    assert other.objective == pytest.approx(one.objective, rel=1e-8)


def test_ctrl_c_leaves_the_best_map_so_far_in_the_journal(case):
    journal, seen = Journal(), []

    def stop(stage, done, total):
        seen.append(float(stage.rpartition(" ")[2]))
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_glocal(*case, progress=stop, journal=journal)
    fit = journal.best.value
    assert fit.interrupted and fit.n_passes <= 6
    assert fit.objective == pytest.approx(min(seen), abs=1e-5)


def test_ctrl_c_after_the_last_pass_loses_nothing(case, monkeypatch):
    """While neighbors are counted."""
    expected, journal = fit_glocal(*case), Journal()

    def cut(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "neighbor_overlap", cut)
    with pytest.raises(KeyboardInterrupt):
        fit_glocal(*case, journal=journal)
    assert journal.best.value.objective == pytest.approx(expected.objective, rel=1e-12)
    np.testing.assert_allclose(journal.best.value.transform.weights, expected.transform.weights, rtol=1e-12)


def test_the_published_transform_is_read_and_applied(data):
    """ResNet-18's gLocal map: near a multiple of the identity, so it keeps much of who is near whom."""
    path = data / "glocal/resnet18_avgpool_transform.npz"
    transform, arrays = load_transform(path), np.load(path)
    x = np.abs(reals(1, 300, 512))
    by_hand = ((x - arrays["mean"]) / arrays["std"]) @ arrays["weights"] + arrays["bias"]
    assert transform.apply(x) == pytest.approx(by_hand, rel=1e-4, abs=1e-4)
    kept = neighbor_overlap(x, transform.apply(x))
    assert 0.2 < kept[10] < 1.0


def test_on_things_a_few_passes_predict_more_and_keep_most_neighbors(data):
    """Another fit than that of docs/glocal.md, cut short; zero-shot 50% and chance 3% of neighbors."""
    x = np.load(data / "things/clip_vit_b32.npy").astype(np.float32)
    triplets = np.load(data / "things/human_triplets_375429.npy")
    fold = next(TripletKFold().folds(triplets))
    others = np.setdiff1d(np.arange(len(x)), triplets[fold.train])
    fit = fit_glocal(x, triplets[fold.train], x[others[::2]], max_iterations=8)
    z = fit.transform.apply(x)
    assert score(z, triplets[fold.test], measure="dot").accuracy > 0.54
    assert neighbor_overlap(x[others[1::2]], z[others[1::2]])[10] > 0.6


@pytest.mark.parametrize(
    "options, words",
    [
        ({"local_weight": 1.0}, "local_weight must be"),
        ({"local_weight": -0.1}, "local_weight must be"),
        ({"tau": 0}, "tau must be"),
        ({"penalty": -1}, "penalty must be"),
        ({"norm": "eye"}, "norm must be one of"),
        ({"norm": "nuclear"}, "norm must be identity, frobenius or squared with other embeddings; got 'nuclear'"),
        ({"norm": "squared", "rank": 2}, "rank must be 'full' or 'diagonal' with other embeddings; got 2"),
        ({"batch_size": 2}, "batch_size"),
        ({"n_batches": 0}, "n_batches"),
        ({"tolerance": 0}, "tolerance"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"seed": -1}, "seed"),
        ({"penalty": "0.1"}, "penalty must be a number of at least 0; got '0.1'"),
        ({"local_weight": "a"}, "local_weight must be a number from 0 to below 1"),
        ({"tolerance": "a"}, "tolerance must be a positive number; got 'a'"),
        ({"batch_sizes": 9}, "got 'batch_sizes'; did you mean 'batch_size'?"),
    ],
)
def test_wrong_options_are_refused(case, options, words, message_of):
    assert words in message_of(fit_glocal, *case, **options)


def test_cross_validation_takes_the_local_loss_into_every_fold(case):
    x, triplets, images = case
    options = {"norm": "identity", "penalties": [0.1, 0.01], "repeats": 1}
    plain = cross_validate_probe(x, triplets, **options)
    both = cross_validate_probe(x, triplets, other_embeddings=images, local_weight=0.9, **options)
    kept = [neighbor_overlap(images, result.fit.transform.apply(images))[10] for result in (plain, both)]
    assert kept[1] > kept[0]
    assert both.folds[0].accuracy != plain.folds[0].accuracy


def test_cross_validation_finds_the_optimum_of_the_same_objective(case):
    x, triplets, images = case
    options = {"other_embeddings": images, "local_weight": 0.5, "norm": "identity", "tolerance": 1e-6}
    searched = cross_validate_probe(x, triplets, penalties=[0.05], repeats=1, **options).fit
    fitted = fit_glocal(x, triplets, images, local_weight=0.5, penalty=searched.penalty, tolerance=1e-5)
    assert searched.objective == pytest.approx(fitted.objective, abs=1e-5)


def test_cross_validation_with_images_takes_the_identity_penalty_alone(case, message_of):
    x, triplets, images = case
    assert message_of(cross_validate_probe, x, triplets, other_embeddings=images).startswith(
        "norm must be 'identity' with"
    )


def test_options_may_be_numbers_of_numpy(case):
    given = {"local_weight": np.float32(0.25), "batch_size": np.int64(9), "n_batches": np.int32(2), "seed": np.uint8(1)}
    fit = fit_glocal(*case, max_iterations=np.int16(3), **given)
    assert json.loads(fit.to_json())["local"]["options"]["batch_size"] == 9 and fit.local.n_batches == 2


def test_wrong_images_are_refused(case, message_of):
    x, triplets, images = case
    assert "6 features of the embeddings" in message_of(fit_glocal, x, triplets, images[:, :5])
    assert "at least 3" in message_of(fit_glocal, x, triplets, images[:2])
    assert "other_embeddings must be finite" in message_of(fit_glocal, x, triplets, np.full((5, D), np.nan))


@pytest.mark.parametrize("penalty", ["identity", "frobenius", "squared"])
@pytest.mark.parametrize("rank", ["full", "diagonal"])
def test_no_start_ends_lower(case, penalty, rank):
    """There is no certificate: another start must come to the same objective."""
    fit = fit_glocal(*case, norm=penalty, rank=rank, penalty=0.02, tolerance=1e-5)
    assert fit.gap is None and fit.converged
    start = fit_glocal(*case, norm=penalty, rank=rank, penalty=0.5).transform
    again = fit_glocal(*case, norm=penalty, rank=rank, penalty=0.02, tolerance=1e-5, start=start)
    assert again.objective == pytest.approx(fit.objective, abs=1e-5)


def test_zero_images_have_cosine_0_and_no_gradient(case):
    x, triplets, images = case
    images = images.copy()
    images[3] = x[:, :].mean()  # zero once standardized
    assert np.isfinite(fit_glocal(x, triplets, images, max_iterations=5).objective)


def test_without_scipy_it_names_the_extra(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pip install '?scipy"):
        fit_glocal(*case)


def test_similarities_of_other_images_are_cosines(case):
    """The teacher of a batch is the softmax of `pyalign.similarity`, without the image itself."""
    images = case[2]
    p = LocalTerm(images, images, [np.arange(M)], tau=0.1).teacher(0)
    s = np.exp(similarity(images.astype(np.float64)) / 0.1)
    np.fill_diagonal(s, 0)
    assert p == pytest.approx(s / s.sum(axis=1, keepdims=True), rel=1e-4)
