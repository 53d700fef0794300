"""The search where the rows lie, on tensors of the CPU: the same code that runs on a device."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
from nearest_rows import HARD, compared, sorted_by
from support import MEASURES, reals, whole

from pyalign import Embeddings, build_index, neighbors
from pyalign.measures import get_measure
from pyalign.nearest import space as exact

torch = pytest.importorskip("torch")
device_scan = pytest.importorskip("pyalign.nearest._tensor_space")
device = pytest.importorskip("pyalign.nearest._tensor_space")

ALL = (*MEASURES, "rbf:2.0")


def one_by_one(x, measure, k):
    """The order by the values of the space, of all rows for each row by itself."""
    space = device.device_space(torch.from_numpy(x), None, get_measure(measure))
    found = []
    for row in range(len(x)):
        wide = space.wide(space.values[row : row + 1])
        found.append(space.values_of(wide, space.inverses(wide), np.arange(len(x))[None])[0])
    return sorted_by(np.array(found), k, np.arange(len(x)))


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_neighbors_are_those_of_the_host(measure, dtype):
    x = whole(1, 90, 7, dtype=np.float32).astype(dtype)
    expected = neighbors(x, k=9, measure=measure)
    for given in (x, torch.from_numpy(x)):
        found = neighbors(given, k=9, measure=measure, backend="torch")
        if compared(measure) != "cosine" and measure != "pearson":  # whose ties may differ in the last digit
            np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-13, atol=1e-14)
        assert (found.backend, found.exact, found.indices.dtype) == ("torch", True, np.int64)


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("case", HARD)
def test_hard_rows_give_what_all_pairs_give(measure, case):
    x = HARD[case]
    found = neighbors(x, k=10, measure=measure, backend="torch")
    np.testing.assert_array_equal(found.indices, one_by_one(x, measure, 10))
    expected = neighbors(x, k=10, measure=measure)
    scale = np.abs(expected.similarities).max()
    np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-9, atol=1e-13 * scale)


def test_names_other_vectors_and_rows_with_nan_are_as_on_the_host(message_of):
    x = reals(2, 40, 5)
    rows = Embeddings(torch.from_numpy(x), tuple(f"item {row}" for row in range(40)))
    for queries in ("item 7", ["item 3", "item 9"], x[:3] + 1, torch.from_numpy(x[:3] + 1)):
        found = neighbors(rows, queries, 4, backend="torch")
        host = neighbors(Embeddings(x, rows.names), queries, 4)
        np.testing.assert_array_equal(found.indices, host.indices)
    assert message_of(neighbors, rows, x[:, 1:], backend="torch").startswith(
        "queries must have the 5 features of the embeddings"
    )
    gone = x.copy()
    gone[4, 2] = np.nan
    assert "first row 4" in message_of(neighbors, torch.from_numpy(gone), backend="torch")
    found = neighbors(torch.from_numpy(gone), k=3, nan_policy="omit", backend="torch")
    np.testing.assert_array_equal(found.indices, neighbors(gone, k=3, nan_policy="omit").indices)
    assert message_of(neighbors, rows, k=3, index="hnsw", backend="torch") == (
        "backend 'torch' can only search the flat index; got index 'HNSW32'"
    )
    made = build_index(x, index="flat")
    assert message_of(neighbors, x, k=3, index=made, backend="torch") == (
        "backend 'torch' takes no index that was made; got one of 40 rows"
    )
    long = torch.from_numpy(x.astype(np.float64) * 1e200)
    assert "overflows float64" in message_of(neighbors, long, k=3, measure="dot", backend="torch")


def test_blocks_do_not_show(monkeypatch):
    x = reals(3, 200, 6)
    expected = neighbors(x, k=7, measure="neg_euclidean", backend="torch")
    monkeypatch.setattr(device_scan, "SCORES", 1000)
    monkeypatch.setattr(device, "BLOCK", 100)
    monkeypatch.setattr(device.DeviceSpace, "cached", 100)
    monkeypatch.setattr(exact, "QUERIES", 37)
    found = neighbors(x, k=7, measure="neg_euclidean", backend="torch")
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.similarities, expected.similarities)


def test_a_crowd_of_equal_rows_comes_in_the_order_of_their_numbers(monkeypatch):
    monkeypatch.setattr(exact, "CROWD", 4)
    x = np.repeat(reals(6, 3, 4), 40, axis=0)
    np.testing.assert_array_equal(neighbors(x, k=5, backend="torch").indices, one_by_one(x, "cosine", 5))
    same = torch.tensor([[0.0, 1], [2, 3], [-0.0, 1], [2, 3]])
    assert device.device_space(same, None, get_measure("dot")).equal_rows().tolist() == [0, 1, 0, 1]


def test_sums_of_equal_numbers_are_equal_wherever_they_stand():
    row = torch.from_numpy(reals(0, 1, 77, dtype=np.float64))
    many = device.in_one_order(row.repeat(1000, 1).reshape(10, 100, 77))
    assert (many == device.in_one_order(row.clone())).all()
    assert float(many[0, 0]) == pytest.approx(float(row.sum()), rel=1e-14)


def test_powers_beyond_a_float64_are_taken_in_two_steps():
    assert float(device.scaled(torch.tensor([[2.0**-1060]]).double(), 1070)[0, 0]) in (0.0, 2.0**10)
    tiny = torch.from_numpy(np.array([[2.0**-1060], [2.0**1000]]))
    assert device.scaled(tiny, np.array([1070, -1010])).tolist() == [[2.0**10], [2.0**-10]]


def test_the_search_takes_float32_whatever_the_user_allows():
    """And puts the setting back, also of searches at once."""
    from pyalign.backends._tensors import tf32_allowed

    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        with device.without_tf32():
            with device.without_tf32():
                assert not tf32_allowed()
            assert not tf32_allowed()
        assert tf32_allowed()
        x = reals(4, 100, 5)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda seed: neighbors(x, k=3, backend="torch"), range(8)))
        assert tf32_allowed()
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.fixture
def gpus(monkeypatch):
    """A faiss that has GPUs, whose search is that of torch, and what it was asked; `noise` is added to its scores."""
    asked = []
    faiss, contrib = ModuleType("faiss"), ModuleType("faiss.contrib")

    def knn_gpu(resources, queries, rows, k, metric, device):
        assert isinstance(queries, torch.Tensor) and queries.dtype == rows.dtype == torch.float32
        asked.append((len(queries), k, rows.data_ptr()))
        found = (queries @ rows.T + faiss.noise).topk(k, dim=1)
        return found.values, found.indices

    faiss.noise, faiss.METRIC_INNER_PRODUCT = 0.0, 0
    faiss.StandardGpuResources, faiss.get_num_gpus, faiss.knn_gpu = object, lambda: 1, knn_gpu
    faiss.asked = asked
    for name, module in (("", faiss), (".contrib", contrib), (".contrib.torch_utils", ModuleType("t"))):
        monkeypatch.setitem(sys.modules, f"faiss{name}", module)
    return faiss


def searched(x, k, measure="cosine"):
    rows = torch.from_numpy(x)
    space = device.device_space(rows, None, get_measure(measure))
    return exact.Search(space, device_scan.faiss_scan(space)).nearest(rows, k, np.arange(len(x)))[0]


@pytest.mark.parametrize("measure", ALL)
def test_faiss_with_gpus_searches_where_the_rows_lie(gpus, measure):
    x = reals(5, 120, 6)
    np.testing.assert_array_equal(searched(x, 5, measure), neighbors(x, k=5, measure=measure).indices)
    assert gpus.asked[0][:2] == (120, 5 + 1 + 12)
    assert len({address for _, _, address in gpus.asked}) == 1


def test_scores_of_faiss_that_are_off_by_more_than_rounding_are_not_taken(gpus, monkeypatch):
    x = reals(5, 120, 6)
    expected = neighbors(x, k=5).indices
    gpus.noise = torch.from_numpy(reals(6, 1, 120) * 0.3)
    np.testing.assert_array_equal(searched(x, 5), expected)
    monkeypatch.setattr(device_scan, "within_bound", lambda *_: True)
    assert (searched(x, 5) != expected).any()


def test_more_candidates_than_faiss_gives_are_found_by_our_operations(gpus, monkeypatch):
    monkeypatch.setattr(device_scan, "MOST", 17)
    x = reals(5, 120, 6)
    np.testing.assert_array_equal(searched(x, 5), neighbors(x, k=5).indices)
    assert not gpus.asked


def test_faiss_is_chosen_where_it_has_gpus_and_the_rows_lie_on_one(gpus, monkeypatch):
    there, here = torch.device("cuda", 0), torch.device("cpu")
    assert device_scan.engine_of(there, "auto") == device_scan.engine_of(there, "faiss") == "faiss"
    assert device_scan.engine_of(here, "auto") == "torch"
    gpus.get_num_gpus = lambda: 0
    assert device_scan.faiss_gpus() == 0
    gpus.get_num_gpus = lambda: 1
    del gpus.StandardGpuResources
    assert device_scan.faiss_gpus() == 0
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert device_scan.faiss_gpus() == 0


def test_rows_of_a_device_never_come_to_the_host_whole(monkeypatch):
    """Numbers of each row do, and what was found."""
    x, sizes, host = torch.from_numpy(reals(7, 900, 8)), [], device._host
    monkeypatch.setattr(device, "_host", lambda values: (sizes.append(values.numel()), host(values))[1])
    for measure in ALL[:-1]:
        space = device.device_space(x.double(), x[:5].double(), get_measure(measure))
        exact.Search(space, device_scan.operations_scan(space, "torch")).nearest(x[:5], 3)
    assert 0 < max(sizes) <= 900


@pytest.mark.parametrize("measure", ALL)
def test_the_rows_are_left_as_they_were(measure):
    x = torch.from_numpy(reals(8, 50, 6, dtype=np.float64)).requires_grad_()
    before = x.detach().clone()
    space = device.device_space(device.tensor_rows(x, "x"), None, get_measure(measure))
    assert space.values.data_ptr() == x.data_ptr()
    exact.Search(space, device_scan.operations_scan(space, "torch")).nearest(space.values, 5)
    space.wide_scores(space.wide(space.values), space.inverses(space.wide(space.values)))
    assert (x == before).all()


def test_neighbors_of_things_are_those_of_the_host(data):
    x = np.load(data / "things" / "clip_vit_b32.npy")
    for measure in ("cosine", "pearson", "neg_euclidean"):
        found, expected = (neighbors(x, x[::5], 20, measure=measure, backend=name) for name in ("torch", "auto"))
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-12)
