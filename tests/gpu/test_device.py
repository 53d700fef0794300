"""On a real device: THINGS size, offsets past 2^31, streams, other libraries, memory that runs out, the torch ops."""

from __future__ import annotations

import numpy as np
import pytest
from support import MEASURES, draw_triplets, reals, whole

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.ops.resample import object_sums

pytestmark = pytest.mark.gpu
HALF = ("float16", "bfloat16")


def on_device(array, dtype=None):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(array).cuda().to(getattr(torch, dtype) if dtype else None)


def to_host(result):
    return result.cpu().numpy()


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:20"])
@pytest.mark.parametrize("dtype", ["float32", "float64", *HALF])
def test_decisions_equal_those_of_the_cpu_at_the_size_of_things(engine, measure, dtype):
    if engine == "triton" and dtype == "float64":
        pytest.skip("triton takes no float64")
    x, triplets = whole(0, 1854, 40), draw_triplets(0, 1854, 4_700_000, np.int32)
    given = x.astype(np.float64) if dtype == "float64" else x  # float64 tells cosines apart that float32 does not
    expected = pyalign.odd_one_out(given, triplets, measure=measure)
    ours = pyalign.odd_one_out(on_device(x, dtype), on_device(triplets), measure=measure, backend=engine)
    assert ours.is_cuda
    if not measure.startswith("rbf"):  # exp may collapse two values in one arithmetic and not in the other
        np.testing.assert_array_equal(to_host(ours), expected)
    assert (to_host(ours) == expected).mean() > 0.999


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("n,m,d", [(1, 1, 1), (33, 129, 31), (1854, 1854, 768), (1000, 3000, 65)])
def test_similarities_are_within_rounding_of_the_cpu(engine, measure, n, m, d):
    x, y = reals(1, n, d), reals(2, m, d)
    ours = to_host(pyalign.similarity(on_device(x), on_device(y), measure=measure, backend=engine))
    expected = pyalign.similarity(x.astype(np.float64), y.astype(np.float64), measure=measure)
    scale = {"cosine": 1.0, "pearson": 1.0}.get(measure, 4.0 * d)
    square = measure == "neg_euclidean"
    difference = abs(ours.astype(np.float64) ** 2 - expected**2) if square else abs(ours - expected)
    assert difference.max() <= 64 * np.finfo(np.float32).eps * scale


@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_similarity_of_rows_with_themselves_is_symmetric_bit_for_bit(engine, dtype):
    s = pyalign.similarity(on_device(reals(3, 1854, 768), dtype), measure="neg_euclidean", backend=engine)
    assert bool((s == s.T).all()) and bool((s.diagonal() == 0).all())


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_tf32_is_used_where_the_user_allows_it_alone(engine, precision):
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        x = reals(4, 1000, 512)
        error = abs(to_host(pyalign.similarity(on_device(x), measure="dot", backend=engine)) - x @ x.T).max()
    finally:
        torch.set_float32_matmul_precision(before)
    assert error < 2e-3 if precision == "highest" else 5e-3 < error < 1.0


def test_score_equals_that_of_the_cpu(engine):
    x, triplets = reals(5, 1854, 768), draw_triplets(5, 1854, 4_700_000, np.int32)
    for some in (4_700_000, 20_000):  # through the matrix, and from the rows
        ours = pyalign.score(on_device(x), on_device(triplets[:some]), temperature=0.1, backend=engine)
        expected = pyalign.score(x, triplets[:some], temperature=0.1)
        assert ours.backend == engine
        assert ours.accuracy == pytest.approx(expected.accuracy, abs=1e-4)  # two decisions of 20,000 within rounding
        assert ours.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-6)
        assert ours.mean_entropy == pytest.approx(expected.mean_entropy, rel=1e-6)


def test_resamples_are_those_of_the_cpu_bit_for_bit(engine):
    triplets = draw_triplets(6, 1854, 4_700_000, np.int32)
    values = np.random.default_rng(6).integers(-32768, 32768, (3, len(triplets)), dtype=np.int16)
    ours = object_sums(on_device(triplets), 1854, values, n_resamples=130, backend=engine)
    np.testing.assert_array_equal(ours, object_sums(triplets, 1854, values, n_resamples=130))


def test_intervals_are_those_of_the_cpu(engine):
    x, triplets = whole(7, 1854, 40), draw_triplets(7, 1854, 400_000, np.int32)
    ours = pyalign.score(on_device(x), on_device(triplets), measure="dot", ci="objects", backend=engine)
    expected = pyalign.score(x, triplets, measure="dot", ci="objects")
    assert (ours.ci, ours.standard_error) == (expected.ci, expected.standard_error)


def test_gradient_equals_that_of_the_cpu_and_is_the_same_every_time(engine):
    s, triplets = reals(6, 1854, 1854), draw_triplets(6, 1854, 1_000_000, np.int32)
    loss, gradient = pyalign.triplet_gradient(on_device(s), on_device(triplets), backend=engine)
    expected_loss, expected = pyalign.triplet_gradient(s, triplets)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    np.testing.assert_allclose(to_host(gradient), expected, rtol=0, atol=1e-5 * abs(expected).max())
    again = pyalign.triplet_gradient(on_device(s), on_device(triplets), backend=engine)[1]
    assert bool((again == gradient).all())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_soft_targets_equals_that_of_the_cpu_and_is_the_same_every_time(engine, dtype):
    if engine == "triton" and dtype == "float64":
        pytest.skip("triton takes no float64")
    t = 5_000_000  # more than a slab of 2^22
    s, triplets = reals(6, 1854, 1854), on_device(draw_triplets(6, 1854, t, np.int32))
    counts = np.random.default_rng(6).integers(0, 4, (t, 3))
    given = on_device(s, dtype)
    loss, gradient = pyalign.triplet_gradient(given, triplets, answers=on_device(counts), backend=engine)
    expected_loss, expected = pyalign.triplet_gradient(s.astype(dtype), to_host(triplets), answers=counts)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    np.testing.assert_allclose(to_host(gradient), expected, rtol=0, atol=1e-5 * abs(expected).max())
    again = pyalign.triplet_gradient(given, triplets, answers=counts.astype(np.float32), backend=engine)[1]
    assert bool((again == gradient).all())
    hard = pyalign.triplet_gradient(given, triplets, backend=engine)
    soft = pyalign.triplet_gradient(given, triplets, answers=np.tile([0, 0, 1], (t, 1)), backend=engine)
    assert soft[0] == pytest.approx(hard[0], rel=1e-6)  # a compiler may fuse the two arithmetics in different ways
    assert float((soft[1] - hard[1]).abs().max()) <= 1e-6 * float(hard[1].abs().max())


@pytest.mark.parametrize("counts", [False, True], ids=["odd", "counts"])
def test_a_probe_ends_where_that_of_the_cpu_ends(engine, counts):
    """At the size of THINGS; what it needs in float64 plain torch computes where the backend takes none."""
    x = reals(18, 1854, 64)
    triplets = simulate(x[:, :8], 200_000, measure="dot", temperature=4.0, seed=18).triplets
    y = np.random.default_rng(18).integers(0, 3, (len(triplets), 3)) + np.array([0, 0, 4]) if counts else None
    expected = pyalign.fit_probe(x, triplets, penalty=0.05, answers=y)
    given = None if y is None else on_device(y)
    ours = pyalign.fit_probe(on_device(x), on_device(triplets), penalty=0.05, answers=given, backend=engine)
    assert (ours.backend, expected.backend) == (engine, "native")
    assert ours.objective == pytest.approx(expected.objective, abs=1e-5)
    assert ours.gap <= ours.options.tolerance
    assert isinstance(ours.transform.weights, np.ndarray)
    z = ours.transform.apply(on_device(x))
    assert z.is_cuda
    np.testing.assert_allclose(to_host(z), ours.transform.apply(x), rtol=1e-5, atol=1e-6)
    from_host = pyalign.fit_probe(x, triplets, penalty=0.05, answers=y, backend=engine)
    assert from_host.backend == engine and from_host.objective == pytest.approx(expected.objective, abs=1e-5)


@pytest.mark.parametrize(
    "options", [{"measure": "cosine", "norm": "identity"}, {"bias": True}, {"rank": 4}, {"rank": "diagonal"}], ids=str
)
def test_probes_of_every_form_end_where_those_of_the_cpu_end(engine, options):
    x = reals(19, 300, 24)
    triplets = simulate(x[:, :4], 30_000, measure="dot", temperature=2.0, seed=19).triplets
    expected = pyalign.fit_probe(x, triplets, penalty=0.05, **options)
    ours = pyalign.fit_probe(on_device(x), triplets, penalty=0.05, backend=engine, **options)
    assert ours.objective == pytest.approx(expected.objective, abs=1e-4)  # rounding decides where the last iteration is


def test_a_probe_is_cross_validated_and_keeps_neighbors_on_the_device(engine):
    x, images = reals(20, 120, 16), reals(21, 200, 16)
    triplets = simulate(x[:, :4], 40_000, measure="dot", temperature=2.0, seed=20).triplets
    device, where = on_device(x), {"backend": engine}
    ours, expected = (
        pyalign.cross_validate_probe(rows, triplets, repeats=1, penalties=[0.1, 0.03], **options)
        for rows, options in ((device, where), (x, {}))
    )
    assert ours.fit.backend == engine
    assert ours.accuracy == pytest.approx(expected.accuracy, abs=0.01)
    assert ours.cross_entropy == pytest.approx(expected.cross_entropy, abs=1e-3)
    local = {"penalty": 0.1, "norm": "identity", "batch_size": 64, "tolerance": 1e-2}
    near, far = (
        pyalign.fit_probe(rows, triplets, other_embeddings=other, **local, **options)
        for rows, other, options in ((device, on_device(images), where), (x, images, {}))
    )
    assert near.backend == engine and near.objective == pytest.approx(far.objective, abs=1e-5)
    if engine == "triton":
        with pytest.raises(pyalign.InputError, match="triton: it takes no float64 rows"):
            pyalign.fit_probe(device.double(), triplets, penalty=0.1, backend=engine)


def test_invalid_triplets_are_named(engine, message_of):
    x, triplets = on_device(whole(7, 50, 4)), draw_triplets(7, 50, 10_000)
    for bad, rule in ((50, "must lie in [0, 50)"), (-1, "must lie in [0, 50)"), (2**40, "must lie in [0, 50)")):
        broken = triplets.copy()
        broken[7777, 1] = bad
        message = message_of(pyalign.odd_one_out, x, on_device(broken), backend=engine)
        assert rule in message and "row 7777" in message


def test_offsets_pass_two_to_the_31_in_the_matrix(engine):
    """46,400 rows: their matrix has 2.15e9 elements, 8.6 GB."""
    torch = pytest.importorskip("torch")
    torch.cuda.empty_cache()
    if torch.cuda.mem_get_info()[0] < 50 << 30:
        pytest.skip("needs 50 GB of free device memory")
    n = 46_400
    x = on_device(whole(8, n, 8))
    s = pyalign.similarity(x, measure="dot", backend=engine)
    last = x[-3:].double() @ x.double().T
    assert bool((s[-3:].double() == last).all()) and bool((s[:, -3:].T.double() == last).all())
    triplets = draw_triplets(8, n, 100_000)
    triplets[0] = n - 3, n - 2, n - 1
    ours = pyalign.odd_one_out(kind="similarity", matrix=s, triplets=on_device(triplets), backend=engine)
    np.testing.assert_array_equal(to_host(ours), pyalign.odd_one_out(to_host(x), triplets, measure="dot"))


def test_offsets_pass_two_to_the_31_in_the_triplets(engine):
    """720 million triplets: their indices are 2.16e9 numbers, 8.6 GB."""
    torch = pytest.importorskip("torch")
    torch.cuda.empty_cache()
    if torch.cuda.mem_get_info()[0] < 40 << 30:
        pytest.skip("needs 40 GB of free device memory")
    some = on_device(draw_triplets(9, 100, 1_000_000, np.int32))
    s = on_device(whole(9, 100, 100))
    ours = pyalign.odd_one_out(kind="similarity", matrix=s, triplets=some.repeat(720, 1), backend=engine)
    expected = pyalign.odd_one_out(kind="similarity", matrix=s, triplets=some, backend=engine)
    assert bool((ours.view(720, -1) == expected).all())


def test_work_is_queued_on_the_stream_of_the_caller(engine):
    """The rows are written on a side stream, behind work that takes long: read too early they would be zero."""
    torch = pytest.importorskip("torch")
    import pyalign.integrations.torch

    x, triplets = whole(10, 1000, 16), on_device(draw_triplets(10, 1000, 300_000))
    expected, source = pyalign.odd_one_out(x, to_host(triplets), measure="dot"), on_device(x)
    late, stream = torch.zeros_like(source), torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        late.copy_(source)
        checked = pyalign.odd_one_out(late, triplets, measure="dot", backend=engine)
        late.zero_()
        torch.cuda._sleep(50_000_000)
        late.copy_(source)
        unchecked = torch.ops.pyalign.odd_one_out(late, triplets, "dot")  # waits for nothing
    stream.synchronize()
    np.testing.assert_array_equal(to_host(checked), expected)
    np.testing.assert_array_equal(to_host(unchecked), expected)


def test_results_stay_on_another_device(engine):
    torch = pytest.importorskip("torch")
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two devices")
    x, triplets = on_device(whole(11, 60, 5)).to("cuda:1"), draw_triplets(11, 60, 5000)
    ours = pyalign.odd_one_out(x, triplets, backend=engine)
    assert str(ours.device) == "cuda:1" and torch.cuda.current_device() == 0
    np.testing.assert_array_equal(to_host(ours), pyalign.odd_one_out(to_host(x), triplets))


def test_memory_that_runs_out_is_said_in_one_line_and_leaves_a_working_process(engine):
    torch = pytest.importorskip("torch")
    n = int((torch.cuda.mem_get_info()[1] / 4) ** 0.5) + 1000  # their matrix is larger than all of the memory
    with pytest.raises(MemoryError, match="the memory of cuda:0 is not enough"):
        pyalign.similarity(torch.zeros(n, 1, device="cuda"), backend=engine, measure="dot")
    assert float(pyalign.similarity(torch.ones(2, 1, device="cuda"), measure="dot", backend=engine)[0, 1]) == 1.0


def test_arrays_of_cupy_stay_in_cupy(engine):
    cupy = pytest.importorskip("cupy")
    x, triplets = whole(12, 60, 5), draw_triplets(12, 60, 5000)
    ours = pyalign.odd_one_out(cupy.asarray(x), cupy.asarray(triplets), backend=engine)
    assert isinstance(ours, cupy.ndarray)
    np.testing.assert_array_equal(cupy.asnumpy(ours), pyalign.odd_one_out(x, triplets))


def test_inputs_from_the_host_come_back_to_the_host(engine):
    x, triplets = whole(13, 60, 5), draw_triplets(13, 60, 5000, np.uint16)
    ours = pyalign.odd_one_out(x, triplets, backend=engine)
    assert isinstance(ours, np.ndarray)
    np.testing.assert_array_equal(ours, pyalign.odd_one_out(x, triplets))


@pytest.mark.parametrize("measure", ["dot", "cosine", "neg_sqeuclidean", "rbf:1.5"])
def test_torch_ops_equal_those_of_the_cpu(measure):
    torch = pytest.importorskip("torch")
    import pyalign.integrations.torch  # noqa: F401

    ops = torch.ops.pyalign
    for t in (50_000, 40):  # through the matrix, and from the rows
        x, triplets = torch.from_numpy(reals(14, 300, 16)), torch.from_numpy(draw_triplets(14, 300, t))
        results = []
        for device in ("cpu", "cuda"):
            leaf = x.clone().to(device).requires_grad_()  # x itself stays without a gradient
            loss = ops.triplet_loss(leaf, triplets.to(device), measure, 0.5)
            loss.backward()
            results.append((loss.item(), leaf.grad.cpu()))
        assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
        torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-6)
    double = torch.from_numpy(reals(15, 6, 4, dtype=np.float64)).cuda().requires_grad_()
    some = torch.from_numpy(draw_triplets(15, 6, 50)).cuda()
    assert torch.autograd.gradcheck(lambda a: ops.triplet_loss(a, some, measure, 0.7), (double,))


@pytest.mark.parametrize("measure", ["dot", "cosine", "pearson", "neg_euclidean", "rbf:2"])
@pytest.mark.parametrize("t", [20_000, 40], ids=["matrix", "rows"])
def test_torch_ops_compile_on_the_device_and_do_not_wait_for_it(measure, t):
    torch = pytest.importorskip("torch")
    from pyalign.integrations.torch import TripletLoss

    network, loss = torch.nn.Linear(64, 32).cuda(), TripletLoss(measure, 0.1)
    x, triplets = on_device(reals(16, 500, 64)), on_device(draw_triplets(16, 500, t))
    step = torch.compile(lambda a: loss(network(a), triplets), fullgraph=True)
    step(x).backward()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(x).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bool(torch.isfinite(network.weight.grad).all())


@pytest.mark.parametrize("measure", ["dot", "cosine", "pearson", "neg_euclidean", "rbf:2"])
@pytest.mark.parametrize("t", [20_000, 40], ids=["matrix", "rows"])
def test_a_step_of_training_is_captured_in_a_graph_and_replayed_as_it_runs_without(measure, t):
    torch = pytest.importorskip("torch")
    from pyalign.integrations.torch import TripletLoss

    start, triplets, loss = (
        on_device(reals(20, 500, 33)), on_device(draw_triplets(20, 500, t)), TripletLoss(measure, 0.5))

    def training():
        x = start.clone().requires_grad_()
        optimizer = torch.optim.SGD([x], lr=0.1, momentum=0.9)

        def step():
            optimizer.zero_grad(set_to_none=False)
            value = loss(x, triplets)
            value.backward()
            optimizer.step()
            return value

        return x, step

    eager, step = training()
    expected = [step().item() for _ in range(6)]
    replayed, step = training()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # warm up: kernels are loaded, gradients and momenta have their memory
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = step()
    losses = []
    for _ in range(3):
        graph.replay()
        losses.append(value.item())
    assert losses == pytest.approx(expected[3:], rel=1e-5)
    torch.testing.assert_close(replayed, eager, rtol=1e-4, atol=1e-6)


def test_a_call_on_the_device_waits_once_where_rows_are_ordinary(engine):
    """set_sync_debug_mode counts what torch waits for; the one transfer at the end is a copy to memory of the host."""
    torch = pytest.importorskip("torch")
    import warnings

    x, triplets = on_device(reals(21, 300, 17)), on_device(draw_triplets(21, 300, 20_000))
    for call in (
        lambda: pyalign.similarity(x, backend=engine),
        lambda: pyalign.odd_one_out(x, triplets, measure="pearson", backend=engine),
        lambda: pyalign.choice_probabilities(x, triplets, backend=engine),
    ):
        call()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert sum("synchroniz" in str(one.message) for one in found) <= 1


def test_an_invalid_triplet_makes_the_loss_of_the_torch_op_nan():
    torch = pytest.importorskip("torch")
    import pyalign.integrations.torch  # noqa: F401

    for t, bad in ((5000, 50), (40, 2**40), (40, -1)):  # through the matrix, and from the rows
        x, triplets = on_device(reals(17, 50, 4)).requires_grad_(), on_device(draw_triplets(17, 50, t))
        triplets[12, 2] = bad
        loss = torch.ops.pyalign.triplet_loss(x, triplets, "cosine", 1.0)
        loss.backward()
        assert loss.isnan()
        assert int(torch.ops.pyalign.odd_one_out(x, triplets, "dot")[12]) == -1


def test_a_look_at_a_training_leaves_the_generators_of_the_device():
    torch = pytest.importorskip("torch")
    from pyalign.integrations.training import AlignmentEvery

    def trained(*callbacks):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 4)).cuda()
        for _ in range(5):
            network.zero_grad()
            network(images).square().mean().backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter -= 0.1 * parameter.grad
            for every in callbacks:
                every(network)
        return network

    images = on_device(reals(0, 40, 8))
    every = AlignmentEvery(
        1, draw_triplets(1, 40, 200), lambda network: network(images + 1e-3 * torch.rand_like(images))
    )
    for ours, theirs in zip(trained(every).parameters(), trained().parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert len(every.history) == 5
