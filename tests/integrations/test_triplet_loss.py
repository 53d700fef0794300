"""The loss of pyalign.integrations.torch with a learned temperature, soft answers, weights and reductions."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from support import draw_triplets, run_python

import pyalign
from pyalign import InputError
from pyalign.backends import get_backend

torch = pytest.importorskip("torch", reason="torch is not installed")

from pyalign.integrations import _loss_kernels as kernels  # noqa: E402
from pyalign.integrations._torch_kernels import Terms  # noqa: E402
from pyalign.integrations.torch import TripletLoss  # noqa: E402

MEASURES = ("dot", "cosine", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf:1.5")
REDUCTIONS = ("mean", "sum", "none")
ops = torch.ops.pyalign
nn = torch.nn

# 200 triplets of 7 rows go through the matrix, 2 of them through the rows.
ROUTES = pytest.mark.parametrize("t", [200, 2], ids=["matrix", "rows"])


def problem(t, n=7, d=5, dtype=torch.float64, seed=0):
    """x (n, d), triplets (t, 3), a temperature, answers (t, 3) with zeros among them, and weights (t,)."""
    g = torch.Generator().manual_seed(seed)
    x, temperature = torch.randn(n, d, dtype=dtype, generator=g), torch.tensor(0.7, dtype=dtype)
    answers = torch.randint(0, 4, (t, 3), generator=g).to(dtype)
    answers[0], weights = torch.tensor([0.0, 2.0, 1.0]), torch.rand(t, dtype=dtype, generator=g) + 0.1
    index = torch.from_numpy(draw_triplets(seed, n, t))
    return x.requires_grad_(), index, temperature.requires_grad_(), answers, weights


def composed(x, index, measure, temperature, answers=None, weights=None, reduction="mean"):
    """The loss in plain torch, by its definition."""
    x = x - x.mean(dim=1, keepdim=True) if measure == "pearson" else x
    x = nn.functional.normalize(x, dim=1) if measure in ("cosine", "pearson") else x
    columns = []
    for p, q in ((1, 2), (0, 2), (0, 1)):  # the pair that stays when position 0, 1, 2 is odd
        a, b = x[index[:, p].long()], x[index[:, q].long()]
        squares = (a - b).square().sum(dim=1)
        s = {"neg_sqeuclidean": -squares, "neg_euclidean": -squares.sqrt(), "rbf:1.5": torch.exp(-squares / 4.5)}
        columns.append(s.get(measure, (a * b).sum(dim=1)))
    logs = torch.log_softmax(torch.stack(columns, dim=1) / temperature, dim=1)
    y = torch.tensor([0.0, 0.0, 1.0], dtype=x.dtype).expand(len(index), 3) if answers is None else answers
    y = y if weights is None else y * weights[:, None]
    losses = -(y * logs).sum(dim=1)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / y.sum()}[reduction]


def double(values):
    return None if values is None else values.double()


def options(answers, weights):
    return (None, None), (answers, None), (None, weights), (answers, weights)


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_gradients_by_rows_and_temperature_agree_with_finite_differences(measure, t):
    x, index, temperature, answers, weights = problem(t)
    for reduction in REDUCTIONS:
        for given in ((None, None), (answers, weights)):
            loss = lambda a, b, rest=(*given, reduction): ops.triplet_loss(a, index, measure, b, *rest)  # noqa: E731
            assert torch.autograd.gradcheck(loss, (x, temperature), fast_mode=True), (reduction, given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_losses_and_gradients_equal_those_of_plain_torch(measure, dtype, t):
    """In float64; a float32 gradient is off by the rounding of its largest elements, as any sum that cancels is."""
    x, index, temperature, answers, weights = problem(20 * t, 30, 8, dtype)
    share, wide, number = 1e-5 if dtype == torch.float32 else 1e-12, x.detach().double().requires_grad_(), 0.7
    exact = temperature.detach().double().requires_grad_()
    for reduction in REDUCTIONS:
        for given in options(answers, weights):
            expected = composed(wide, index, measure, exact, *map(double, given), reduction)
            upstream = torch.linspace(1, 2, expected.numel(), dtype=torch.float64).reshape(expected.shape)
            expected = expected, *torch.autograd.grad(expected, (wide, exact), upstream)
            loss = ops.triplet_loss(x, index, measure, temperature, *given, reduction)
            results = loss, *torch.autograd.grad(loss, (x, temperature), upstream.to(dtype))
            loss = ops.triplet_loss(x, index, measure, number, *given, reduction)
            results = *results, loss, *torch.autograd.grad(loss, x, upstream.to(dtype))
            for ours, theirs in zip(results, (*expected, *expected[:2]), strict=True):
                assert ours.dtype == dtype
                torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=share * theirs.abs().max().item())


@ROUTES
def test_soft_answers_give_what_the_reference_backend_defines(t):
    x, index, _, answers, weights = problem(t)
    y, s = (answers * weights[:, None]).numpy(), (x @ x.T).detach().numpy()
    gradient = np.empty_like(s)
    total = get_backend("reference").triplet_gradient(s, index.numpy(), 0.5, 1 / y.sum(), gradient, y)
    loss = ops.triplet_loss(x, index, "dot", 0.5, answers, weights)
    assert loss.item() == pytest.approx(total / y.sum(), rel=1e-12)
    by_similarities = torch.from_numpy(gradient + gradient.T)
    torch.testing.assert_close(torch.autograd.grad(loss, x)[0], by_similarities @ x.detach(), rtol=1e-10, atol=1e-12)


@ROUTES
def test_one_answer_for_the_last_item_is_what_no_answers_mean(t):
    x, index, *_ = problem(t)
    one = torch.tensor([[0, 0, 1]]).expand(t, 3)
    for reduction in REDUCTIONS:
        ours, expected = (ops.triplet_loss(x, index, "cosine", 0.2, y, None, reduction) for y in (one, None))
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)


@ROUTES
def test_weights_count_as_repetitions_and_reductions_agree(t):
    x, index, _, answers, _ = problem(t)
    times = torch.arange(t) % 3
    times[0] = 1
    repeated, many = index.repeat_interleave(times, dim=0), answers.repeat_interleave(times, dim=0)
    close = {"rtol": 1e-12, "atol": 1e-14}
    ours = ops.triplet_loss(x, index, "dot", 1.0, answers, times)
    torch.testing.assert_close(ours, ops.triplet_loss(x, repeated, "dot", 1.0, many), **close)
    each = ops.triplet_loss(x, index, "dot", 1.0, answers, times, "none")
    assert each.shape == (t,)
    torch.testing.assert_close(each.sum(), ops.triplet_loss(x, index, "dot", 1.0, answers, times, "sum"), **close)
    torch.testing.assert_close(each.sum() / (answers * times[:, None]).sum(), ours, **close)


def test_a_temperature_is_learned_however_it_is_passed(recwarn):
    """Torch would take a tensor for a number where a schema asks for one, with a warning, and lose its gradient."""
    x, index, temperature, *_ = problem(200)
    for loss in (
        ops.triplet_loss(x, index, "dot", temperature),
        ops.triplet_loss(x, index, "dot", temperature=temperature),
        ops.triplet_loss(x, index, temperature=temperature),
    ):
        (ours,) = torch.autograd.grad(loss, temperature, retain_graph=True)
        (expected,) = torch.autograd.grad(composed(x, index, "dot", temperature), temperature)
        torch.testing.assert_close(ours, expected)
    assert ops.triplet_loss(x, index) == ops.triplet_loss(x, index, "dot", 1.0)
    assert not [warning for warning in recwarn if "scalar" in str(warning.message)]


@ROUTES
def test_the_temperature_alone_is_learned_where_rows_take_no_gradient(t):
    x, index, temperature, answers, weights = problem(t)
    for reduction in ("mean", "none"):
        loss = ops.triplet_loss(x.detach(), index, "cosine", temperature, answers, weights, reduction).sum()
        expected = composed(x.detach(), index, "cosine", temperature, answers, weights, reduction).sum()
        (ours,), (theirs,) = (torch.autograd.grad(value, temperature) for value in (loss, expected))
        torch.testing.assert_close(ours, theirs)


@pytest.mark.suite("kernels")
@ROUTES
def test_opcheck_passes_with_all_options(t):
    x, index, temperature, answers, weights = problem(t)
    for reduction in REDUCTIONS:
        torch.library.opcheck(ops.triplet_loss.learned, (x, index, "cosine", temperature, answers, weights, reduction))
        torch.library.opcheck(ops.triplet_loss.default, (x, index, "rbf:1.5", 0.7, None, weights, reduction))
    for training in (True, False):
        arguments = x, index, answers, temperature, "neg_euclidean", 1.0, True, training
        torch.library.opcheck(ops._triplet_loss_parts.default, arguments)
    torch.library.opcheck(ops._triplet_similarities.default, (x, index, "cosine"))
    torch.library.opcheck(ops._checked_temperature.default, (x, temperature))
    torch.library.opcheck(ops._weighed_answers.default, (x.detach(), index, answers, weights))


@pytest.mark.parametrize("compiler", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_compiles_as_one_graph_and_refuses_inside_it(compiler, reduction, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    x, index, temperature, answers, weights = problem(200, dtype=torch.float32)
    loss = TripletLoss("cosine", nn.Parameter(temperature.detach()), reduction)
    compiled = torch.compile(lambda a: loss(2 * a, index, answers, weights).sum(), fullgraph=True, backend=compiler)
    compiled(x).backward()
    ours, x.grad, loss.temperature.grad = (x.grad, loss.temperature.grad), None, None
    loss(2 * x, index, answers, weights).sum().backward()
    torch.testing.assert_close(ours, (x.grad, loss.temperature.grad))
    loss.temperature.data.fill_(-0.5)
    with pytest.raises(InputError, match=r"^temperature must be a positive number \(1e-30 to 1e30\); got -0.5$"):
        compiled(x)


def test_vmap_takes_every_option():
    x, index, _, answers, weights = problem(200)
    rows, temperatures = torch.stack([x.detach(), 2 * x.detach()]), torch.tensor([0.5, 2.0], dtype=torch.float64)
    for reduction in REDUCTIONS:
        call = lambda a, b, r=reduction: ops.triplet_loss(a, index, "dot", b, answers, weights, r)  # noqa: E731
        each = torch.stack([call(a, b) for a, b in zip(rows, temperatures, strict=True)])
        torch.testing.assert_close(torch.vmap(call)(rows, temperatures), each)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_learned_temperature_is_a_parameter_of_the_module(shape):
    given = nn.Parameter(torch.full(shape, 0.5))
    loss = TripletLoss("dot", given)
    assert [*loss.parameters()] == [given] and loss.temperature is given
    torch.testing.assert_close(loss.state_dict(), {"temperature": given.detach()}, check_stride=False)
    other = TripletLoss("dot", torch.full(shape, 2.0, requires_grad=True))
    other.load_state_dict(loss.state_dict())
    assert isinstance(other.temperature, nn.Parameter) and other.temperature.item() == 0.5
    assert copy.deepcopy(loss).to(torch.float64).temperature.dtype == torch.float64
    assert loss.to("meta").temperature.is_meta and repr(loss) == "TripletLoss(measure='dot', temperature=learned)"
    assert [*TripletLoss("dot", torch.tensor(0.5)).parameters()] == []
    assert repr(TripletLoss("dot", torch.tensor(0.5), "sum")).endswith("temperature=0.5, reduction='sum')")


@ROUTES
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_computed_temperature_passes_its_gradient_on(t, reduction):
    x, index, _, answers, weights = problem(t)
    log_t = torch.tensor(-0.4, dtype=torch.float64, requires_grad=True)
    plain = TripletLoss("cosine", reduction=reduction)

    def in_the_call(rows, log):
        return plain(rows, index, answers, weights, temperature=log.exp())

    def in_the_module(rows, log):
        return TripletLoss("cosine", log.exp(), reduction)(rows, index, answers, weights)

    for run in (in_the_call, in_the_module):
        assert torch.autograd.gradcheck(run, (x, log_t))
    ours = torch.autograd.grad(in_the_module(x, log_t).sum(), log_t)
    theirs = torch.autograd.grad(composed(x, index, "cosine", log_t.exp(), answers, weights, reduction).sum(), log_t)
    torch.testing.assert_close(ours, theirs)


def test_an_optimizer_learns_the_logarithm_of_a_temperature():
    x, truth = torch.randn(40, 4, generator=torch.Generator().manual_seed(1)), 2.5
    index = torch.from_numpy(draw_triplets(3, 40, 4000))
    answers = pyalign.choice_probabilities(x, index, measure="dot", temperature=truth)
    loss, log_t = TripletLoss("dot"), nn.Parameter(torch.tensor(0.0))
    optimizer = torch.optim.Adam([log_t], lr=0.05)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        value = loss(x, index, answers, temperature=log_t.exp())
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0] and log_t.exp().item() == pytest.approx(truth, rel=0.05)


def test_a_computed_temperature_of_a_module_is_good_for_one_backward_pass():
    """Also where torch would not mind a second: 2 * log_t keeps nothing that a backward pass frees."""
    x, index, temperature, *_ = problem(200)
    loss = TripletLoss("dot", 2 * temperature)
    assert [*loss.parameters()] == [] and repr(loss) == "TripletLoss(measure='dot', temperature=computed)"
    (loss(x, index) + loss(x, index[:50])).backward()
    assert temperature.grad is not None
    with pytest.raises(InputError, match=r"^temperature was computed before a backward pass .* temperature=\.\.\.\)$"):
        loss(x, index)
    loss(x, index, temperature=2 * temperature).backward()


def test_a_computed_temperature_compiles_as_one_graph(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    x, index, temperature, *_ = problem(200, dtype=torch.float32)
    loss, log_t = TripletLoss("cosine"), temperature.detach().log().requires_grad_()
    compiled = torch.compile(lambda a, b: loss(a, index, temperature=b.exp()), fullgraph=True, backend="aot_eager")
    for run in (compiled, lambda a, b: loss(a, index, temperature=b.exp())):
        torch.testing.assert_close(
            torch.autograd.grad(run(x, log_t), (x, log_t)),
            torch.autograd.grad(composed(x, index, "cosine", log_t.exp()), (x, log_t)),
            rtol=1e-4, atol=1e-6,
        )


def test_finds_the_temperature_under_which_answers_were_drawn():
    x, truth = torch.randn(40, 4, generator=torch.Generator().manual_seed(1)), 2.5
    index = torch.from_numpy(draw_triplets(3, 40, 4000))
    answers = pyalign.choice_probabilities(x, index, measure="dot", temperature=truth)
    loss = TripletLoss("dot", nn.Parameter(torch.tensor(1.0)))
    optimizer = torch.optim.LBFGS(loss.parameters(), lr=0.5, max_iter=60)

    def closure():
        optimizer.zero_grad()
        value = loss(x, index, answers)
        value.backward()
        return value

    optimizer.step(closure)
    assert loss.temperature.item() == pytest.approx(truth, rel=1e-3)


def test_takes_arrays_and_what_has_one():
    class Answered:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.values, dtype)

    x, index, _, answers, weights = problem(200)
    loss = TripletLoss("cosine", 0.3)
    expected = loss(x, index, answers, weights)
    read_only = index.numpy().astype(np.uint16)
    read_only.flags.writeable = False
    for made in (np.asarray, Answered, lambda a: a.tolist(), lambda a: a[::-1][::-1]):
        given = made(index.numpy()), made(answers.numpy()), made(weights.numpy())
        torch.testing.assert_close(loss(x, *given), expected, rtol=0, atol=0)
    torch.testing.assert_close(loss(x, read_only, answers.int().numpy(), weights), expected, rtol=0, atol=0)


def test_refuses_what_it_cannot_use():
    x, index, temperature, answers, weights = problem(9)
    rows, minus = x.detach(), torch.tensor(-1.0, dtype=torch.float64)
    loss = TripletLoss()
    negative, none, first = answers.clone(), torch.zeros(9), torch.arange(9) == 0
    negative[4, 1] = -2
    amounts = "must be finite, at least 0, and not all 0; got smallest"
    for call, message in (
        (
            lambda: loss(rows.numpy(), index),
            r"^x must be a tensor, since an array takes no gradient \(torch.as_tensor\(x",
        ),
        (
            lambda: loss(x, index.numpy() / 2),
            r"^triplets must be integers; got dtype float64: are embeddings and triplets",
        ),
        (lambda: loss(x, index, answers[:5]), r"^answers must have shape \(9, 3\), as triplets; got \(5, 3\)$"),
        (lambda: loss(x, index, None, answers), r"^weights must have shape \(9,\), as triplets; got \(9, 3\)$"),
        (lambda: loss(x, index, answers * 1j), "^answers must hold real numbers; got dtype torch.complex128$"),
        (lambda: loss(x, index, [["a"] * 3] * 9), "^answers must hold real numbers; got dtype <U1$"),
        (lambda: loss(x, index, negative), f"^answers {amounts} -2"),
        (lambda: loss(x, index, answers * torch.nan), f"^answers {amounts} nan, sum nan$"),
        (lambda: loss(x, index, None, none), f"^weights {amounts} 0, sum 0$"),
        (lambda: loss(x, index, answers * first[:, None], ~first), f"^answers times weights {amounts} 0, sum 0$"),
        (lambda: loss(x, index, answers.to("meta")), "^answers must be on cpu with x; got meta$"),
        (lambda: TripletLoss(reduction="avg"), "^reduction must be one of mean, sum, none; got 'avg'"),
        (lambda: TripletLoss(temperature=nn.Parameter(minus)), r"^temperature must be a positive .* got -1.0$"),
        (lambda: TripletLoss(temperature=weights), r"^temperature must be one number; got shape \(9,\)$"),
        (lambda: TripletLoss(temperature=-2 * temperature), r"^temperature must be a positive .* got -1.4$"),
        (lambda: loss(x, index, temperature=-2 * temperature), r"^temperature must be a positive .* got -1.4$"),
        (lambda: loss(x, index, temperature=0), "^temperature must be a positive"),
        (lambda: loss(x, index, temperature=weights), r"^temperature must be one number; got shape \(9,\)$"),
        (lambda: ops.triplet_loss(x, index, "dot", minus), r"^temperature must be a positive .* got -1.0$"),
        (lambda: ops.triplet_loss(x, index, "dot", minus, reduction="none"), "^temperature must be a positive"),
        (lambda: ops.triplet_loss(x, index, "dot", 0.0, reduction="none"), "^temperature must be a positive"),
        (
            lambda: ops.triplet_loss(x, index, "dot", torch.tensor(1)),
            "^temperature must be a floating-point number; got",
        ),
        (lambda: ops.triplet_loss(x, index, "dot", minus.to("meta")), "^temperature must be on cpu with x; got meta$"),
        (lambda: ops.triplet_loss(x, index + 1, reduction="none"), r"^triplets must lie in \[0, 7\); row"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@ROUTES
def test_rows_that_are_not_finite_make_the_losses_of_their_triplets_nan_and_no_others(measure, t, bad):
    x, index, *_ = problem(t)
    with torch.no_grad():
        x[index[0, 1], 2] = bad
        losses = ops.triplet_loss(x, index, measure, 1.0, reduction="none")
    torch.testing.assert_close(losses.isnan(), (index == index[0, 1]).any(dim=1))


@ROUTES
def test_temperature_and_count_as_tensors_give_what_they_give_as_numbers(t):
    """On a device they stay tensors, so that nothing waits."""
    x, index, _, answers, _ = problem(t)
    s = ops.similarity(x.detach(), None, "dot")
    pairs = ops._triplet_similarities(x.detach(), index, "dot")[0]
    tensors = Terms(answers, torch.tensor(0.7).double(), answers.sum())
    numbers = Terms(answers, tensors.temperature.item(), answers.sum().item())
    for function, *arguments in (
        (kernels.matrix_gradient, s, index),
        (kernels.pair_weights, pairs, index, 7),
        (lambda *given: (kernels._cross_entropy(*given),), pairs),
    ):
        for ours, expected in zip(*(function(*arguments, terms) for terms in (tensors, numbers)), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-14)


@ROUTES
def test_temperature_and_answers_that_a_device_has_made_nan_make_the_loss_nan(t, monkeypatch):
    """Kernels may drop a NaN, as these do: on a device, where nothing raises, no number must come out."""
    x, index, temperature, answers, _ = problem(t)
    nothing = torch.zeros(1, 1), torch.tensor(1.0), torch.zeros(1)
    monkeypatch.setattr(kernels, "matrix_gradient", lambda *_: (nothing[1], nothing[0], nothing[2]))
    monkeypatch.setattr(kernels, "_without_gradient", lambda *_: nothing)
    for mean in (True, False):
        for given in ((answers * torch.nan, temperature.detach()), (None, temperature.detach() * torch.nan)):
            assert ops._triplet_loss_parts(x, index, *given, "dot", 1.0, mean, True)[0].isnan()


def test_no_memory_of_t_times_d_is_needed():
    """An array of (t, d) alone would be 1.6 GB."""
    code = """
import resource, sys, torch
from pyalign.integrations.torch import TripletLoss
n, d, t = 1500, 2000, 200_000
x, index = torch.randn(n, d, requires_grad=True), torch.rand(2000, n).argsort(dim=1)[:, :3].repeat(100, 1)
answers, peak = torch.rand(t, 3), lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**20
TripletLoss()(x, index[:5]).backward()
for reduction in ("mean", "none"):
    before = peak()
    loss = TripletLoss("cosine", torch.nn.Parameter(torch.tensor(1.0)), reduction)
    loss(x, index, answers).sum().backward()
    print(peak() - before)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert max(map(float, done.stdout.split())) < 200, done.stdout


@pytest.mark.parametrize("temperature", ["a", "1", True, False, [1.0, 2.0], 0, -1.0, float("nan"), 10**400, object])
def test_a_temperature_of_a_call_that_is_no_positive_number_is_one_line(temperature, message_of):
    x, index, *_ = problem(5)
    told = message_of(TripletLoss(), x, index, temperature=temperature)
    expected = f"temperature must be a positive number (1e-30 to 1e30); got {temperature!r}"
    assert told == str(InputError(expected)) and told.startswith(expected[:60])  # what is long is cut
    assert told == message_of(TripletLoss, temperature=temperature)


def test_a_temperature_of_a_call_may_be_any_number(message_of):
    x, index, *_ = problem(5)
    expected = TripletLoss(temperature=2.0)(x, index)
    for temperature in (2, 2.0, np.float32(2), np.int64(2), np.array(2.0)):
        assert TripletLoss()(x, index, temperature=temperature) == expected


def test_a_number_as_the_temperature_of_a_call_is_compiled():
    x, index, *_ = problem(5)
    loss = TripletLoss()
    compiled = torch.compile(lambda t: loss(x, index, temperature=t), fullgraph=True, backend="eager")
    for temperature in (0.5, 2.0, 3.5):
        assert compiled(temperature) == loss(x, index, temperature=temperature)
