"""A probe trained on tensors: what it finds is what the host finds, and what it moves does not grow with the data.

A tensor on the CPU goes through the very code that a tensor on a device goes through.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from support import BEST, draw_triplets, numeric, reals

import pyalign
from pyalign import backends, cross_validate_probe, fit_probe
from pyalign.backends import Place
from pyalign.data import Transform
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.fitting import objective as predicted
from pyalign.fitting.objective import TripletTerm
from pyalign.fitting.place import algebra_for
from pyalign.journal import Journal
from pyalign.probing import held_out
from pyalign.probing.fit import fit_path
from pyalign.probing.local import LocalTerm, other_batches
from pyalign.probing.parameters import ProbeOptions
from pyalign.probing.problem import Problem

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from pyalign.backends._tensors import TensorBackend  # noqa: E402
from pyalign.backends._torch_kernels import PIECE, TorchKernels  # noqa: E402
from pyalign.fitting._tensor_algebra import TensorAlgebra, by_first_pair  # noqa: E402
from pyalign.ops._tensor_dispatch import TensorDispatch  # noqa: E402

MEASURES = ("dot", "cosine")
T = 3000


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The tensors are small: threads would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def world(request):
    x = reals(1, 50, 10, dtype=request.param)
    return x, simulate(x[:, :3], T, measure="dot", temperature=2.0, seed=2).triplets


@pytest.fixture(scope="module")
def answers():
    """Shares of three positions, some of them 0, as of few people."""
    return np.random.default_rng(3).integers(0, 3, (T, 3)) + np.array([0, 0, 1])


# Loss and gradient


def test_triplets_sorted_by_their_first_pair_keep_their_answers_and_their_gradient():
    n, t = 9, 400
    triplets = draw_triplets(4, n, t, np.int16)
    triplets[::3, 0], triplets[::3, 1], triplets[::3, 2] = 5, 2, 7
    y = np.random.default_rng(5).random((t, 3))
    ordered, answers = by_first_pair(torch.from_numpy(triplets), torch.from_numpy(y), n)
    order = sorted(range(t), key=lambda q: (triplets[q, 0], triplets[q, 1]))  # Python's sort is stable
    np.testing.assert_array_equal(ordered.numpy(), triplets[order])
    np.testing.assert_array_equal(answers.numpy(), y[order])
    assert by_first_pair(torch.from_numpy(triplets), None, n)[1] is None

    s = reals(6, n, n, dtype=np.float64)
    loss, gradient = pyalign.triplet_gradient(s, triplets, answers=y)
    of_ordered, same = pyalign.triplet_gradient(s, ordered.numpy(), answers=answers.numpy())
    assert of_ordered == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(same, gradient, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "sort", "sorts"), [("cuda", None, True), ("cuda", False, False), ("torch", True, False)]
)
def test_a_plan_is_sorted_for_kernels_that_add_in_any_order(name, sort, sorts):
    place = Place("cpu", "float32", 0)
    algebra = TensorAlgebra(TensorDispatch(TensorBackend(name, TorchKernels(), half=False), place, np.zeros(1)))
    triplets = torch.from_numpy(draw_triplets(7, 9, 100))
    planned, _ = algebra.plan(triplets, 9, None, sort)
    assert (not torch.equal(planned, triplets)) == sorts


def terms(seed, measure, *, soft=False, dtype=np.float64, n=12, k=5, r=3, t=60):
    """The same term on the host and on tensors, weights and bias."""
    x, triplets = reals(seed, n, k, dtype=dtype), draw_triplets(seed, n, t, np.int32)
    y = np.random.default_rng(seed).integers(0, 3, (t, 3)) + np.array([0.0, 0, 1]) if soft else None
    options = {"measure": measure, "temperature": 0.7, "answers": y}
    both = [TripletTerm(x, triplets, on=algebra_for(name, x), **options) for name in ("auto", "torch")]
    return *both, reals(seed + 1, k, r, dtype=np.float64), reals(seed + 2, r, dtype=np.float64)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("soft", [False, True], ids=["odd", "soft"])
def test_the_gradient_on_tensors_agrees_with_finite_differences_and_with_the_host(measure, soft):
    host, term, weights, bias = terms(1, measure, soft=soft)
    slope, expected = term(weights, bias), host(weights, bias)
    assert type(slope.weights) is np.ndarray and slope.weights.dtype == slope.bias.dtype == np.float64
    np.testing.assert_allclose(slope.weights, numeric(lambda w: term(w, bias).value, weights), atol=1e-8)
    np.testing.assert_allclose(slope.bias, numeric(lambda b: term(weights, b).value, bias), atol=1e-8)
    assert slope.value == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(slope.weights, expected.weights, atol=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("soft", [False, True], ids=["odd", "soft"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_on_tensors_agrees_with_torch_autograd(measure, soft, dtype):
    _, term, weights, bias = terms(4, measure, soft=soft, dtype=dtype, n=40, k=20, r=8, t=2000)
    slope = term(0.3 * weights, 0.3 * bias)
    w, b = (torch.tensor(0.3 * a, requires_grad=True) for a in (weights, bias))
    z = term.rows.double() @ w + b
    z = torch.nn.functional.normalize(z) if measure == "cosine" else z
    i, j, k = term.triplets.long().unbind(1)
    s = torch.stack([(z[j] * z[k]).sum(1), (z[i] * z[k]).sum(1), (z[i] * z[j]).sum(1)], 1) / 0.7
    y = torch.tensor([[0.0, 0, 1]]).double().expand(len(s), 3) if term.answers is None else term.answers.double()
    loss = -(y * s.log_softmax(1)).sum() / y.sum()
    loss.backward()
    close = {np.float32: 1e-4, np.float64: 1e-10}[dtype]
    assert slope.value == pytest.approx(loss.item(), rel=close)
    np.testing.assert_allclose(slope.weights, w.grad.numpy(), atol=close * float(w.grad.abs().max()))
    np.testing.assert_allclose(slope.bias, b.grad.numpy(), atol=close * float(b.grad.abs().max()))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("soft", [False, True], ids=["odd", "soft"])
def test_what_the_certificate_takes_is_the_same_as_on_the_host(measure, soft):
    host, term, weights, bias = terms(6, measure, soft=soft, dtype=np.float32)
    stretch = 1.0 + np.arange(5.0)
    found = []
    for one in (host, term):
        loss, by_gram, p = one.by_gram(weights, bias)
        entropies = [one.mean_entropy(share, p) for share in (0.0, 0.6, 1.0)]
        found.append([loss, *one.between_directions(by_gram, stretch).flat, *entropies])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12)


def test_a_row_that_the_map_sends_to_zero_has_no_gradient_by_cosine():
    _, term, weights, _ = terms(5, "cosine")
    term.rows[2] = 0.0
    slope = term(weights, np.zeros(3))
    assert np.isfinite(slope.weights).all() and np.isfinite(slope.value)


def test_the_local_term_of_glocal_is_the_same_as_on_the_host():
    x, w, b = random_embeddings(40, 6, 3).astype(np.float64), reals(2, 6, 4, dtype=np.float64), reals(3, 4)
    batches = other_batches(40, 15, None, 0)
    host, term = (LocalTerm(x, x, batches, tau=0.2, on=algebra_for(name, x)) for name in ("auto", "torch"))
    slope, expected = term(w, b), host(w, b)
    np.testing.assert_allclose([slope.value, term.entropy()], [expected.value, host.entropy()], rtol=1e-12)
    np.testing.assert_allclose(slope.weights, expected.weights, atol=1e-12)
    np.testing.assert_allclose(slope.weights, numeric(lambda v: term(v, b).value, w), atol=1e-8)


# Fits


OPTIONS = {
    "squared": {},
    "low rank": {"rank": 2},
    "diagonal": {"rank": "diagonal"},
    "nuclear": {"norm": "nuclear"},
    "identity of cosines": {"measure": "cosine", "norm": "identity"},
    "bias": {"bias": True},
    "smoothing": {"smoothing": 0.3},
    "temperature, features": {"temperature": 2.0, "standardize": "features"},
    "counts": {"answers": True},
}


@pytest.mark.parametrize(
    ("world", "name"), [(np.float64 if k % 3 else np.float32, name) for k, name in enumerate(OPTIONS)],
    indirect=["world"],
)
def test_a_fit_on_tensors_ends_where_that_of_the_host_ends(world, answers, name):
    x, triplets = world
    options = {**OPTIONS[name]}
    if "answers" in options:
        options.update(answers=answers, weights=np.arange(T) % 4)
    host, fit = (fit_probe(x, triplets, penalty=0.02, backend=where, **options) for where in ("auto", "torch"))
    assert (host.backend, fit.backend) == (BEST, "torch")
    assert fit.objective == pytest.approx(host.objective, abs=1e-5)
    assert type(fit.transform.weights) is np.ndarray and fit.transform.weights.dtype == np.float64
    assert (fit.gap is None) == (host.gap is None)
    if fit.gap is not None and fit.options.rank == "full":
        assert fit.gap <= fit.options.tolerance


def test_a_fit_takes_tensors_where_they_lie(device, world, answers):
    """All of them, or only the rows; "auto" is then the first backend that can take them."""
    (x, triplets), given = world, [torch.from_numpy(a) for a in (*world, answers)]
    expected = fit_probe(x, triplets, penalty=0.02, answers=answers, backend="torch")
    for some, y in ((given[1], given[2]), (triplets, answers)):
        fit = fit_probe(given[0], some, penalty=0.02, answers=y)
        assert fit.backend == "torch" and fit.objective == expected.objective
        np.testing.assert_array_equal(fit.transform.weights, expected.transform.weights)
    half = fit_probe(given[0].bfloat16(), triplets, penalty=0.02)
    assert half.objective == pytest.approx(
        fit_probe(given[0].bfloat16().float().numpy(), triplets, penalty=0.02).objective
    )


def test_where_a_backend_takes_no_float64_plain_torch_certifies():
    class Single(TorchKernels):
        def why_not(self, place):
            return "it takes no float64 rows" if place.dtype == "float64" else None

        def triplet_gradient(self, similarities, *rest):
            assert similarities.dtype == torch.float32
            super().triplet_gradient(similarities, *rest)

    x, triplets = reals(1, 40, 6), draw_triplets(1, 40, 800)
    backend = TensorBackend("single", Single(), half=False)
    problem = Problem(x, triplets, ProbeOptions(), on=TensorAlgebra(TensorDispatch(backend, Place(), x)))
    fit = next(fit_path(problem, [0.01]))
    assert fit.backend == "single" and fit.gap <= 1e-4
    assert fit.objective == pytest.approx(fit_probe(x, triplets, penalty=0.01).objective, abs=1e-5)


def test_an_interruption_leaves_the_best_map_so_far(world):
    values, journal = [], Journal()

    def stop(stage, done, total):
        values.append(float(stage.rpartition(" ")[2]))
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_probe(*world, penalty=0.02, backend="torch", progress=stop, journal=journal)
    fit = journal.best.value
    assert fit.interrupted and fit.n_passes <= 5 and fit.objective == pytest.approx(min(values), abs=1e-3)


def test_a_glocal_fit_on_tensors_ends_where_that_of_the_host_ends(world):
    images = random_embeddings(60, 10, seed=3)
    options = {"penalty": 0.05, "batch_size": 25, "bias": True, "norm": "identity", "tolerance": 1e-2}
    host, fit = (fit_probe(*world, other_embeddings=images, backend=name, **options) for name in ("auto", "torch"))
    assert (host.backend, fit.backend) == (BEST, "torch")
    assert fit.local.teacher_entropy == pytest.approx(host.local.teacher_entropy, abs=1e-6)
    for name, close in (("objective", 1e-5), ("accuracy", 2 / T), ("norm", 1e-2)):
        assert getattr(fit, name) == pytest.approx(getattr(host, name), abs=close)


# Cross-validation, the estimator


@pytest.mark.parametrize(("world", "given"), [
    (np.float32, {}), (np.float64, {}), (np.float64, {"split": "subjects"}), (np.float32, {"answers": True}),
    (np.float64, {"other_embeddings": True}),
], ids=str, indirect=["world"])
def test_held_out_figures_agree_with_those_of_the_host(device, world, answers, given):
    """Where the rows are a tensor on a device, all is computed there; a triplet or two may be decided otherwise."""
    x, triplets = world
    options = {"penalties": [0.1, 0.03], "seed": 1, "repeats": 1, **given}
    if "split" in given:
        options["subjects"] = np.arange(T) % 7
    if "answers" in given:
        options["answers"] = answers
    if "other_embeddings" in given:
        options.update(other_embeddings=random_embeddings(30, 10, seed=4), norm="identity")
    host, ours = cross_validate_probe(x, triplets, **options), cross_validate_probe(
        torch.from_numpy(x), triplets, **options
    )
    from_host = cross_validate_probe(x, triplets, backend="torch", **options)
    assert (host.fit.backend, ours.fit.backend) == (BEST, "torch")
    n = min(fold.n_test for fold in host.folds)
    for found in (ours, from_host):
        assert found.accuracy == pytest.approx(host.accuracy, abs=2 / n)
        assert found.zero_shot_accuracy == pytest.approx(host.zero_shot_accuracy, abs=2 / n)
        assert found.cross_entropy == pytest.approx(host.cross_entropy, abs=1e-3)
        assert found.fit.objective == pytest.approx(host.fit.objective, abs=1e-3)  # the penalty differs a little
        np.testing.assert_allclose(found.accuracy_interval, host.accuracy_interval, atol=0.01)


def test_a_cross_validation_scores_where_it_fits(world, monkeypatch):
    used = set()
    for module, name in ((held_out, "score"), (predicted, "run_triplets")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, real=real, **o: used.add((real.__name__, o["backend"])) or real(*a, **o)
        )
    cross_validate_probe(*world, backend="torch", repeats=1, penalties=[0.1])
    cross_validate_probe(*world, backend="torch", repeats=1, penalties=[0.1], answers=np.ones((T, 3)))
    assert used == {("score", "torch"), ("run_triplets", "torch")}


def test_rows_are_scored_on_the_device_of_x_rather_than_on_that_of_the_backend(device):
    rows = reals(1, 4, 3)
    for x, kind in ((torch.from_numpy(rows), torch.Tensor), (rows, np.ndarray)):
        assert isinstance(algebra_for("torch", x).for_scoring(rows), kind)


def test_the_estimator_fits_on_tensors(device, world):
    pytest.importorskip("sklearn")
    x, triplets = world
    host, probe = (pyalign.TripletProbe(backend=name).fit(x, triplets) for name in ("auto", "torch"))
    on_device = pyalign.TripletProbe().fit(torch.from_numpy(x), torch.from_numpy(triplets))
    for one in (probe, on_device):
        assert one.fit_.backend == "torch" and one.fit_.gap <= one.tolerance
        assert one.penalty_ == pytest.approx(host.penalty_, rel=1e-2)
        assert one.score(x, triplets) == pytest.approx(host.score(x, triplets), abs=0.01)


def test_a_transform_maps_tensors_where_they_lie(monkeypatch, message_of):
    transform = Transform(reals(1, 5, 3), reals(2, 3), 0.5, 2.0)
    x = reals(3, 700, 5)
    expected = transform.apply(x)
    leaf = torch.from_numpy(x).requires_grad_()
    assert np.array_equal(transform.apply(leaf), expected)  # on the host: numpy arrays
    assert "torch: tensors on the meta device hold no numbers" in message_of(transform.apply, leaf.to("meta"))
    monkeypatch.setattr("pyalign.data.transform._where_it_lies", lambda tensor: tensor.detach())
    monkeypatch.setattr("pyalign.data.transform.CHUNK_ELEMENTS", 256 * 5)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        ours = transform.apply(leaf.to(dtype))
        assert isinstance(ours, torch.Tensor) and not ours.requires_grad
        assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        np.testing.assert_allclose(ours.numpy(), transform.apply(leaf.detach().to(dtype).double()).numpy(), rtol=1e-5)
    told = "embeddings must have the 5 features of the transform; got shape "
    assert message_of(transform.apply, leaf[:, :4]).startswith(told)


# What moves, and what is allocated


class Traffic(TorchFunctionMode):
    """Elements that go to the device or leave it."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        places = [a for a in (*args[1:], *(kwargs or {}).values()) if isinstance(a, torch.device | str)]
        if name in ("cpu", "numpy", "item", "tolist", "__array__", "__float__", "__int__", "__bool__") or (
            name == "to" and places
        ):
            self.sizes.append(args[0].numel())
        return function(*args, **(kwargs or {}))


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that an operation makes."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.size = max(self.size, tensor.numel())
        return made


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("soft", [False, True], ids=["odd", "soft"])
def test_a_pass_moves_the_weights_and_their_gradient_and_makes_nothing_of_t_by_d(measure, soft):
    n, d, r, t = 60, 16, 3, 5000
    _, term, weights, bias = terms(7, measure, soft=soft, dtype=np.float32, n=n, k=d, r=r, t=t)
    term(weights, bias)
    with Traffic() as traffic, Largest() as largest:
        term(weights, bias)
    assert d * r in traffic.sizes and (d + 1) * r in traffic.sizes  # it sees both ways
    assert max(traffic.sizes) == (d + 1) * r < n
    assert max(n * n, n * d) <= largest.size <= 3 * t + PIECE < t * d  # sums are padded to whole pieces


def test_a_pass_over_images_moves_the_weights_and_their_gradient():
    x, w, b = reals(1, 80, 6), reals(2, 6, 4, dtype=np.float64), reals(3, 4)
    term = LocalTerm(x, x, other_batches(80, 20, None, 0), tau=0.2, on=algebra_for("torch", x))
    term(w, b)
    with Traffic() as traffic:
        term(w, b)
    assert max(traffic.sizes) == 7 * 4 and len(traffic.sizes) < 10  # whatever the number of batches


def test_a_pass_inside_of_autocast_is_the_same():
    _, term, weights, bias = terms(8, "cosine", dtype=np.float32)
    expected = term(weights, bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(term(weights, bias).weights, expected.weights)


def test_memory_that_runs_out_is_said_in_one_line(world, monkeypatch):
    problem = Problem(*world, ProbeOptions(), on=algebra_for("torch", world[0]))

    def full(self, a, b):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory\nand more")

    monkeypatch.setattr(TensorAlgebra, "product", full)
    with pytest.raises(MemoryError, match="the memory of cpu is not enough for this input") as caught:
        next(fit_path(problem, [0.1]))
    assert len(str(caught.value).splitlines()) == 1


# The backend


@pytest.mark.compiled
def test_on_the_host_auto_is_the_compiled_kernels_bit_for_bit(world):
    fits = [fit_probe(*world, penalty=0.05, backend=name) for name in ("auto", "native")]
    np.testing.assert_array_equal(fits[0].transform.weights, fits[1].transform.weights)
    assert fit_probe(*world, penalty=0.05, backend="numpy").objective == pytest.approx(fits[0].objective, abs=1e-5)


@pytest.mark.parametrize("name", ["cuda", "triton"])
def test_a_backend_that_cannot_run_here_is_one_line(world, message_of, name):
    reason = backends.backend_reasons()[name]
    if reason is None:
        pytest.skip(f"{name} runs here")
    expected = f"no backend can take this input: {name}: {reason}"
    images = random_embeddings(30, 10)
    assert message_of(fit_probe, *world, penalty=1, backend=name) == expected
    assert message_of(cross_validate_probe, *world, backend=name) == expected
    assert message_of(fit_probe, *world, penalty=1, other_embeddings=images, norm="identity", backend=name) == expected
    assert message_of(pyalign.TripletProbe(backend=name).fit, *world) == expected


def test_refuses_a_backend_that_it_does_not_know(world, message_of):
    expected = "backend must be 'auto' or one of native, numpy, cuda, triton, torch; got 'gpu'"
    assert message_of(fit_probe, *world, penalty=1, backend="gpu") == expected


class OneDevice(TorchDispatchMode):
    """Refuses an operation on tensors of two devices, which the host's tensors would hide."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        leaves = torch.utils._pytree.tree_leaves((args, kwargs))
        devices = {str(leaf.device) for leaf in leaves if isinstance(leaf, torch.Tensor)}
        assert len(devices) < 2 or "copy" in str(function), (function, devices)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("soft", [False, True], ids=["odd", "soft"])
def test_every_operand_is_brought_to_the_device(monkeypatch, measure, soft):
    """Here the meta device, whose tensors have a place and a shape, and no numbers."""
    monkeypatch.setattr(TorchKernels, "why_not", lambda self, place: None)
    monkeypatch.setattr(TensorBackend, "triplet_gradient", lambda self, *given: 1.0)
    monkeypatch.setattr(TensorBackend, "triplets_from_matrix", lambda self, *given: None)
    monkeypatch.setattr(TensorDispatch, "host", lambda self, tensor: np.zeros(tuple(tensor.shape)))
    monkeypatch.setattr(torch.Tensor, "__float__", lambda self: 1.0)
    monkeypatch.setattr(torch, "autocast", lambda *given, **options: nullcontext())  # which knows no meta device
    x, triplets, y = reals(1, 12, 5), draw_triplets(1, 12, 60, np.int32), np.ones((60, 3)) if soft else None
    weights, bias, origin = reals(2, 5, 3), reals(3, 3), torch.empty(1, device="meta")
    backend = TensorBackend("torch", TorchKernels(), half=False)
    on = TensorAlgebra(TensorDispatch(backend, Place("meta", "float32"), origin))
    with OneDevice():
        term = TripletTerm(x, triplets, measure=measure, answers=y, on=on)
        assert term.rows.is_meta and term(weights, bias).weights.shape == (5, 3)
        _, by_gram, p = term.by_gram(weights, bias)
        assert term.between_directions(by_gram, np.ones(5)).shape == (5, 5)
        assert term.mean_entropy(0.5, p) == pytest.approx(-1.0 / term.weight)
        local = LocalTerm(x, x, [np.arange(6), np.arange(6, 12)], tau=0.1, on=on)
        assert local(weights, bias).weights.shape == (5, 3) and local.entropy() == -2.0 / 12
