"""Neighbors of rows on a real device: those of the host, by our operations and by faiss where it has GPUs."""

from __future__ import annotations

import numpy as np
import pytest
from nearest_rows import HARD
from support import MEASURES, reals

import pyalign

pytestmark = pytest.mark.gpu


def on_device(array):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(array).cuda()


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:20"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbors_at_the_size_of_things_are_those_of_the_host(engine, measure, dtype):
    x = reals(0, 1854, 512, dtype=dtype)
    found = pyalign.neighbors(on_device(x), k=20, measure=measure, backend=engine)
    expected = pyalign.neighbors(x, k=20, measure=measure)
    assert found.backend == engine
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("measure", MEASURES)
def test_hard_rows_give_on_a_device_what_torch_gives_on_the_host(engine, measure, case):
    x = HARD[case]
    found = pyalign.neighbors(on_device(x), k=10, measure=measure, backend=engine)
    expected = pyalign.neighbors(x, k=10, measure=measure, backend="torch")
    np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-9)


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_no_score_on_a_device_lies_farther_off_than_the_bound_says(engine, precision):
    torch = pytest.importorskip("torch")
    from pyalign.measures import get_measure
    from pyalign.nearest import _tensor_space

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        rows = on_device(np.abs(reals(1, 3000, 700)))
        for measure in ("cosine", "neg_euclidean"):
            space = _tensor_space.device_space(rows, None, get_measure(measure))
            wide = space.wide(rows)
            sought = space.sought(wide, space.inverses(wide))
            scores, near = _tensor_space.operations_scan(space, engine)(sought, 30)
            for scan_scores, column in zip(scores.T, near.T, strict=True):
                there = torch.from_numpy(scan_scores.copy()).cuda(), torch.from_numpy(column.copy()).cuda()
                assert _tensor_space.within_bound(space, sought, *there)
    finally:
        torch.set_float32_matmul_precision(before)


def test_faiss_on_a_device_finds_what_the_host_finds():
    from pyalign.nearest import _tensor_space

    if not _tensor_space.faiss_gpus():
        pytest.skip("faiss has no GPUs")
    x = reals(2, 20_000, 256)
    found = pyalign.neighbors(on_device(x), k=20)
    assert found.backend == "faiss"
    np.testing.assert_array_equal(found.indices, pyalign.neighbors(x, k=20).indices)


def test_the_rows_are_not_copied_to_the_host(engine, monkeypatch):
    torch = pytest.importorskip("torch")
    x, largest = on_device(reals(3, 5000, 64)), []
    for name in ("cpu", "numpy"):
        plain = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, plain=plain: (largest.append(self.numel()), plain(self))[1]
        )
    pyalign.neighbors(x, x[:50], k=5, backend=engine)
    assert 0 < max(largest) <= 5000
