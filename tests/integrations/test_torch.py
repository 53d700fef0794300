"""pyalign.integrations.torch on the CPU: ops that equal the Python API, differentiate, trace and train."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from support import draw_triplets, run_python, whole

import pyalign
from pyalign import InputError

torch = pytest.importorskip("torch", reason="torch is not installed")

import pyalign.integrations.torch as integration  # noqa: E402
from pyalign.integrations._loss_kernels import pair_weights, sorted_pairs, where_valid  # noqa: E402
from pyalign.integrations._torch_kernels import Terms  # noqa: E402

MEASURES = ("dot", "cosine", "pearson", "neg_sqeuclidean", "neg_euclidean", "rbf:1.5")
ops = torch.ops.pyalign


def rows(n=7, d=5, dtype=torch.float64, seed=0, grad=True):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, dtype=dtype, generator=generator).requires_grad_(grad)


def triplets(n=7, t=9, seed=0, dtype=torch.int64):
    return torch.from_numpy(draw_triplets(seed, n, t)).to(dtype)


def composed(x, index, measure, temperature):
    """The loss in plain torch, whose gradients come from autograd."""
    x = x - x.mean(dim=1, keepdim=True) if measure == "pearson" else x
    squares = (x[:, None, :] - x[None, :, :]).square().sum(dim=2)
    if measure in ("cosine", "pearson"):
        x = torch.nn.functional.normalize(x, dim=1)
    s = {
        "neg_sqeuclidean": lambda: -squares,
        "neg_euclidean": lambda: -torch.where(squares > 0, squares, 1.0).sqrt(),
        "rbf:1.5": lambda: torch.exp(-squares / (2 * 1.5**2)),
    }.get(measure, lambda: x @ x.T)()
    a, b, c = index.long().unbind(dim=1)
    logits = torch.stack([s[a, b], s[a, c], s[b, c]], dim=1) / temperature
    return torch.nn.functional.cross_entropy(logits, torch.zeros(len(index), dtype=torch.long))


# The route: 9 triplets of 7 rows go through the matrix, 2 triplets of 7 rows through the rows.
ROUTES = pytest.mark.parametrize("t", [200, 2], ids=["matrix", "rows"])


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_similarity_equals_the_python_api(measure, dtype):
    x, y = (torch.from_numpy(whole(seed, n, 6)).to(dtype) for seed, n in ((1, 9), (2, 5)))
    for others in (None, y):
        ours = ops.similarity(x, others, measure)
        expected = pyalign.similarity(x, others, measure=measure)
        assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_odd_one_out_equals_the_python_api(measure, t):
    x, index = torch.from_numpy(whole(3, 40, 3)), triplets(40, t * 100)
    ours = ops.odd_one_out(x, index, measure)
    assert ours.dtype == torch.int8
    np.testing.assert_array_equal(ours.numpy(), pyalign.odd_one_out(x, index, measure=measure))


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_triplet_loss_is_the_cross_entropy_of_score(measure, t):
    x, index = rows(7, 5, torch.float32, grad=False), triplets(7, t)
    expected = pyalign.score(x, index, measure=measure, temperature=0.5).cross_entropy
    assert float(ops.triplet_loss(x, index, measure, 0.5)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_of_similarity_agree_with_finite_differences(measure):
    x, y = rows(), rows(4, seed=1)
    assert torch.autograd.gradcheck(lambda a, b: ops.similarity(a, b, measure), (x, y))
    off_diagonal = 1 - torch.eye(7, dtype=torch.float64)  # -|x - y| has no derivative at distance zero
    assert torch.autograd.gradcheck(lambda a: ops.similarity(a, None, measure) * off_diagonal, (x,))


@pytest.mark.parametrize("measure", ["dot", "cosine", "pearson", "neg_sqeuclidean", "rbf:1.5"])
def test_second_gradients_of_similarity_agree_with_finite_differences(measure):
    assert torch.autograd.gradgradcheck(lambda a, b: ops.similarity(a, b, measure), (rows(3, 3), rows(2, 3, seed=1)))


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_gradients_of_triplet_loss_agree_with_finite_differences(measure, t):
    assert torch.autograd.gradcheck(lambda a: ops.triplet_loss(a, triplets(7, t), measure, 0.7), (rows(),))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@ROUTES
def test_gradients_of_triplet_loss_equal_those_of_plain_torch(measure, dtype, t):
    x, index = rows(30, 8, dtype), triplets(30, t * 20)
    (ours,) = torch.autograd.grad(ops.triplet_loss(x, index, measure, 0.7), x)
    (expected,) = torch.autograd.grad(composed(x, index, measure, 0.7), x)
    torch.testing.assert_close(ours, expected, rtol=1e-4 if dtype == torch.float32 else 1e-10, atol=1e-7)


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_the_gradient_is_the_same_whether_the_forward_pass_expected_it(measure, t):
    x, index = rows(30, 8), triplets(30, t * 20)
    grads = []
    for training in (True, False):
        loss = ops._triplet_loss_parts(x, index, None, None, measure, 0.7, True, training)[0]
        grads.append(torch.autograd.grad(loss, x, retain_graph=True)[0])
        torch.testing.assert_close(torch.autograd.grad(3 * loss, x)[0], 3 * grads[-1])  # a second time
    torch.testing.assert_close(*grads, rtol=0, atol=0)


def test_loss_without_gradients_equals_that_with_them():
    x, index = rows(30, 8), triplets(30, 4000)
    with torch.no_grad():
        without = ops.triplet_loss(x, index, "cosine", 0.2)
    assert not without.requires_grad
    torch.testing.assert_close(ops.triplet_loss(x, index, "cosine", 0.2).detach(), without, rtol=1e-12, atol=0)


def test_gradients_where_rows_are_zero_or_equal_are_finite():
    x = torch.zeros(4, 3, dtype=torch.float64)
    x[2] = x[3] = 1.0
    for measure in MEASURES:
        leaf = x.clone().requires_grad_()
        ops.triplet_loss(leaf, triplets(4, 50), measure, 1.0).backward()
        assert torch.isfinite(leaf.grad).all(), measure


@pytest.mark.suite("kernels")
@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
def test_opcheck_passes(measure):
    x, y = rows(), rows(4, seed=1)
    torch.library.opcheck(ops.similarity.default, (x, y, measure))
    torch.library.opcheck(ops.similarity.default, (x, None, measure))
    torch.library.opcheck(ops.odd_one_out.default, (x, triplets(), measure))
    for t in (200, 2):
        torch.library.opcheck(ops.triplet_loss.default, (x, triplets(7, t), measure, 0.7))
        for training in (True, False):
            arguments = x, triplets(7, t), None, None, measure, 0.7, True, training
            torch.library.opcheck(ops._triplet_loss_parts.default, arguments)


@pytest.mark.parametrize("measure", ["dot", "cosine", "rbf:1.5"])
@ROUTES
def test_compiles_as_one_graph(measure, t):
    """backend="aot_eager" traces forward and backward as any compiler would, without one."""
    index = triplets(7, t)

    def step(x):
        return ops.triplet_loss(x * 2, index, measure, 0.7) + ops.similarity(x, None, measure).sum()

    x, other = rows(), rows()
    step(other).backward()
    torch.compile(step, fullgraph=True, backend="aot_eager")(x).backward()
    torch.testing.assert_close(x.grad, other.grad)


def test_compiles_with_the_default_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # no graph of an earlier version
    loss = integration.TripletLoss("cosine", 0.1)
    network = torch.nn.Linear(4, 3)
    compiled = torch.compile(lambda x, index: loss(network(x), index), fullgraph=True)
    x, index = rows(9, 4, torch.float32), triplets(9, 50)
    compiled(x, index).backward()
    grad, network.weight.grad = network.weight.grad, None
    loss(network(x), index).backward()
    torch.testing.assert_close(grad, network.weight.grad)


def test_fake_tensors_have_the_shapes_and_dtypes_of_results():
    with torch._subclasses.fake_tensor.FakeTensorMode():
        x, y, index = torch.empty(6, 3, dtype=torch.float16), torch.empty(4, 3), torch.empty(5, 3, dtype=torch.int32)
        assert (ops.similarity(x, y, "dot").shape, ops.similarity(x, None, "dot").dtype) == ((6, 4), torch.float32)
        assert (ops.odd_one_out(x, index, "dot").shape, ops.odd_one_out(x, index).dtype) == ((5,), torch.int8)
        assert (ops.triplet_loss(x.double(), index).shape, ops.triplet_loss(x.double(), index).dtype) == (
            (), torch.float64)


def test_vmap_is_a_loop_over_the_first_dimension():
    x, index = torch.stack([rows(grad=False, seed=k) for k in range(3)]), triplets(7, 30)
    for k, s in enumerate(torch.vmap(lambda a: ops.similarity(a, None, "cosine"))(x)):
        torch.testing.assert_close(s, ops.similarity(x[k], None, "cosine"))
    for k, choices in enumerate(torch.vmap(lambda a: ops.odd_one_out(a, index, "cosine"))(x)):
        torch.testing.assert_close(choices, ops.odd_one_out(x[k], index, "cosine"))
    losses = torch.vmap(lambda a, i: ops.triplet_loss(a, i, "dot", 1.0), in_dims=(0, None))(x, index)
    torch.testing.assert_close(losses, torch.stack([ops.triplet_loss(a, index, "dot", 1.0) for a in x]))


@ROUTES
def test_module_trains_a_network(t):
    """A linear map that must undo a rotation of the features with the largest scale."""
    torch.manual_seed(0)
    x, truth = torch.randn(60, 8), torch.diag(torch.tensor([3.0, 3.0, 0, 0, 0, 0, 0, 0]))
    index = torch.from_numpy(draw_triplets(1, 60, 3000 if t == 200 else 100))
    z = x @ truth
    odd = ops.odd_one_out(z, index, "neg_sqeuclidean").long()
    order = torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
    index = index.gather(1, order)
    network, loss = torch.nn.Linear(8, 2, bias=False), integration.TripletLoss("neg_sqeuclidean", 1.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    first = loss(network(x), index).item()
    for _ in range(100):
        optimizer.zero_grad()
        value = loss(network(x), index)
        value.backward()
        optimizer.step()
    assert value.item() < 0.3 * first
    accuracy = pyalign.score(network(x), index, measure="neg_sqeuclidean").accuracy
    assert accuracy > 0.9


def test_module_takes_triplets_of_a_batch_and_of_a_full_table():
    """The same triplets, once as rows of the whole table and once as rows of the items that they name."""
    torch.manual_seed(0)
    table, loss = torch.nn.Embedding(500, 6), integration.TripletLoss("cosine", 0.2)
    index = torch.from_numpy(draw_triplets(2, 40, 300)) * 12
    whole_table = loss(table.weight, index)
    (expected,) = torch.autograd.grad(whole_table, table.weight)
    items, within = torch.unique(index, return_inverse=True)
    of_batch = loss(table(items), within)
    (ours,) = torch.autograd.grad(of_batch, table.weight)
    torch.testing.assert_close((of_batch, ours), (whole_table, expected))
    others = torch.ones(500, dtype=torch.bool)
    others[items] = False
    assert (expected[others] == 0).all() and (expected[items].abs().sum(dim=1) > 0).all()


def test_module_can_be_copied_pickled_and_shown():
    loss = integration.TripletLoss("rbf:2", 0.5)
    assert repr(loss) == "TripletLoss(measure='rbf:2.0', temperature=0.5)"
    assert repr(copy.deepcopy(loss)) == repr(loss)
    assert repr(integration.TripletLoss()) == "TripletLoss(measure='dot', temperature=1)"


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64, torch.uint8])
def test_takes_indices_of_any_type_and_layout(dtype):
    x = rows(grad=False)
    expected = ops.triplet_loss(x, triplets(7, 30), "dot", 1.0)
    for index in (triplets(7, 30, dtype=dtype), triplets(7, 30, dtype=dtype).T.contiguous().T):
        torch.testing.assert_close(ops.triplet_loss(x, index, "dot", 1.0), expected)
    torch.testing.assert_close(ops.triplet_loss(x.T.contiguous().T, triplets(7, 30), "dot", 1.0), expected)


def test_refuses_what_it_cannot_use():
    x, index = rows(grad=False), triplets()
    bad = index.clone()
    bad[3, 1] = 7
    for call, message in (
        (lambda: ops.similarity(x[0], None, "dot"), r"x must have shape \(n, d\); got \(5,\)"),
        (lambda: ops.similarity(x, x[:, :2], "dot"), r"y must have the 5 features of x; got shape \(7, 2\)"),
        (lambda: ops.similarity(x, None, "cosin"), "measure must be one of"),
        (lambda: ops.similarity(x.long(), None, "dot"), "x must hold floating-point numbers"),
        (lambda: ops.odd_one_out(x, index[:, :2], "dot"), r"triplets must have shape \(t, 3\)"),
        (lambda: ops.odd_one_out(x, index.double(), "dot"), "triplets must be integers"),
        (lambda: ops.triplet_loss(x, bad, "dot", 1.0), r"triplets must lie in \[0, 7\); row 3 is"),
        (lambda: ops.triplet_loss(x, index, "dot", 0.0), "temperature must be a positive number"),
        (lambda: integration.TripletLoss(temperature=-1), "temperature must be a positive number"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("measure", MEASURES)
@ROUTES
def test_rows_with_nan_give_nan_and_no_error(measure, t):
    x, index = rows(grad=False), triplets(7, t)
    index[0] = torch.tensor([0, 1, 2])
    x[2, 1] = torch.nan
    assert ops.triplet_loss(x, index, measure, 1.0).isnan()
    assert int(ops.odd_one_out(x, index, measure)[0]) == -1
    s = ops.similarity(x, None, measure)
    assert s[2, [0, 1, 3, 4, 5, 6]].isnan().all() and torch.isfinite(s[[0, 1, 3]][:, [0, 1, 3]]).all()
    assert ops.triplet_loss(torch.full((7, 5), torch.nan), index, measure, 1.0).isnan()


def test_compiles_once_for_many_numbers_of_triplets(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    loss = torch.compile(integration.TripletLoss("cosine", 0.1), fullgraph=True, backend="aot_eager")
    x = rows(30, 8, torch.float32)
    for t in range(500, 512):
        index = triplets(30, t)
        torch.testing.assert_close(loss(x, index), ops.triplet_loss(x, index, "cosine", 0.1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_a_constant_row_under_pearson_are_zero(dtype):
    x = rows(4, 7, dtype, grad=False)
    x[1] = 0.1
    x.requires_grad_()
    ops.similarity(x, None, "pearson").square().sum().backward()
    assert (x.grad[1] == 0).all() and x.grad.abs().max() < 100


@pytest.mark.parametrize("scale", [1e-25, 1e20])
@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_rows_of_extreme_length_keep_their_angles(measure, scale):
    x = rows(9, 8, torch.float32, grad=False)
    long = (x * scale).requires_grad_()
    torch.testing.assert_close(ops.similarity(long, None, measure), ops.similarity(x, None, measure))
    leaf = x.clone().requires_grad_()
    for rows_of, factor in ((long, scale), (leaf, 1.0)):
        ops.triplet_loss(rows_of, triplets(9, 300), measure, 0.5).backward()
        rows_of.grad *= factor
    torch.testing.assert_close(long.grad, leaf.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_distances_between_half_precision_rows_far_apart_are_exact(dtype):
    x, y = torch.full((3, 8), 1000.0).to(dtype), torch.full((1, 8), 3.0).to(dtype)
    expected = -((8 * 997.0**2) ** 0.5)
    assert ops.similarity(x, y, "neg_euclidean")[0, 0].item() == pytest.approx(expected, rel=1e-6)


def test_refuses_a_bandwidth_whose_square_is_none():
    with pytest.raises(InputError, match="sigma of rbf must be"):
        ops.similarity(rows(grad=False), None, "rbf:1e-200")


def test_importing_pyalign_does_not_load_torch_and_the_integration_does():
    done = run_python("import sys, pyalign; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False"
    done = run_python("import sys, pyalign.integrations.torch; print('torch' in sys.modules, 'triton' in sys.modules)")
    assert done.stdout.split()[0] == "True", done.stderr


@pytest.mark.parametrize("n", [1, 3, 4, 5, 9])
def test_adding_the_transpose_in_place_equals_adding_it(n):
    a = rows(n, n, grad=False)
    torch.testing.assert_close(integration.kernels.add_transpose(a.clone()), a + a.T, rtol=0, atol=0)


@pytest.mark.parametrize("bad", [7, -1, 2**40])
def test_invalid_triplets_that_nobody_refused_weigh_nothing(bad):
    """On a device they are not refused: the gradient must not read at their places."""
    valid, index = triplets(7, 9), triplets(7, 10)
    index[:9], index[9] = valid, torch.tensor([0, bad, 2])
    s = rows(10, 3, grad=False)
    s[9] = torch.nan

    def pairs_of(similarities, index):
        found = pair_weights(similarities, index, 7, Terms(None, 0.5, len(index)))
        return sorted_pairs(*(where_valid(values, index, 7) for values in found), index, 7)

    ours = pairs_of(s, index)
    without = pairs_of(s[:9], valid)
    x = rows(grad=False)
    for weights in ("weights", "similarities"):
        product, expected = (pairs.product(getattr(pairs, weights), x) for pairs in (ours, without))
        share = 0.9 if weights == "weights" else 1.0  # a mean over ten triplets
        torch.testing.assert_close(product, share * expected)


@ROUTES
def test_autocast_does_not_reach_inside(t):
    x, index = rows(dtype=torch.float32), triplets(7, t)
    expected = ops.triplet_loss(x, index, "cosine", 0.2)
    (grad,) = torch.autograd.grad(expected, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = ops.triplet_loss(x, index, "cosine", 0.2)
        (ours,) = torch.autograd.grad(loss, x)
        s = pyalign.similarity(x, backend="torch")
        leaf = x.detach().requires_grad_()
        (of_similarity,) = torch.autograd.grad(ops.similarity(leaf, None, "cosine").square().sum(), leaf)
    torch.testing.assert_close((loss, ours), (expected, grad))
    np.testing.assert_allclose(s, pyalign.similarity(x), rtol=1e-5, atol=1e-6)
    (plain,) = torch.autograd.grad(ops.similarity(leaf, None, "cosine").square().sum(), leaf)
    torch.testing.assert_close(of_similarity, plain)


def test_works_with_either_way_of_setting_the_precision_of_products():
    code = """
import torch, pyalign.integrations.torch
from pyalign.backends._tensor_kernels import tf32_allowed
x = torch.eye(3)
print(tf32_allowed())
torch.set_float32_matmul_precision("high")
print(tf32_allowed())
torch.set_float32_matmul_precision("highest")
if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
    for precision in ("tf32", "ieee"):
        torch.backends.cuda.matmul.fp32_precision = precision
        print(tf32_allowed(), torch.ops.pyalign.similarity(x, None, "dot").trace().item())
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() in (["False", "True"], ["False", "True", "True 3.0", "False 3.0"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("place", [(0, 0), (37, 61), (99, 76)])
def test_one_value_that_is_not_finite_is_found(dtype, place):
    x = rows(100, 77, dtype, grad=False)
    x[0, 1] = torch.finfo(dtype).max
    x[0, 2] = torch.finfo(dtype).min
    assert integration.kernels.all_finite(x)
    for bad in (torch.nan, torch.inf, -torch.inf):
        x[place] = bad
        assert not integration.kernels.all_finite(x)


@pytest.mark.compiled
def test_a_step_of_training_gives_torch_nothing_to_do_in_parallel():
    """After a parallel step its threads spin, on the cores that our kernels need next."""
    from torch.profiler import ProfilerActivity, profile

    x, index = rows(1600, 32, torch.float32), triplets(1600, 300_000)
    assert integration.kernels.uses_matrix(x, index)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        ops.triplet_loss(x, index, "dot", 1.0).backward()
    events = [event for event in seen.events() if any(np.prod(size) > 1 << 15 for size in event.input_shapes if size)]
    names = {event.name for event in events}
    assert any("triplet_loss" in name for name in names)
    passes = "copy_ add add_ mul mul_ abs eq ne all aminmax where".split()
    assert not names & {f"aten::{name}" for name in passes}
