"""The second routes of `PYALIGN_GPU_ROUTES` on a real device: the results of the first ones."""

from __future__ import annotations

import numpy as np
import pytest
from support import MEASURES, draw_triplets, reals, whole

import pyalign
from pyalign.ops.topk import topk

pytestmark = pytest.mark.gpu
EXACT = [measure for measure in MEASURES if measure != "pearson"]  # centered rows have products beyond 2^24


def on_device(array, dtype=None):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(array).cuda().to(getattr(torch, dtype) if dtype else None)


@pytest.fixture
def by_both(engine, monkeypatch):
    """What a call gives by the first route and by another, on the host."""
    if engine == "torch":
        pytest.skip("torch has one route")

    def run(setting, call):
        first = call(engine)
        monkeypatch.setenv("PYALIGN_GPU_ROUTES", setting)
        second = call(engine)
        monkeypatch.delenv("PYALIGN_GPU_ROUTES")
        return first.cpu().numpy(), second.cpu().numpy()

    return run


@pytest.mark.parametrize("measure", [*EXACT, "rbf:20"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (1854, 1854, 768), (1000, 3000, 65)])
def test_products_of_whole_numbers_have_the_same_bits(by_both, measure, dtype, n, m, d):
    x, y = on_device(whole(1, n, d), dtype), on_device(whole(2, m, d), dtype)
    for other in (None, y):
        first, second = by_both(
            "product=cublas", lambda name, y=other: pyalign.similarity(x, y, measure=measure, backend=name)
        )
        np.testing.assert_array_equal(second, first)


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
@pytest.mark.parametrize("precision", ["highest", "high"])
def test_products_of_reals_are_within_rounding_and_symmetric(by_both, precision, measure):
    torch = pytest.importorskip("torch")
    x, before = on_device(reals(3, 1854, 512)), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        first, second = by_both("product=cublas", lambda name: pyalign.similarity(x, measure=measure, backend=name))
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_allclose(second, first, atol=1e-6 if precision == "highest" else 2e-3)
    assert (second == second.T).all()


@pytest.mark.parametrize("values", [whole, reals])
@pytest.mark.parametrize("k", [1, 33, 2999])
def test_the_k_largest_are_the_same(by_both, values, k):
    s = on_device(values(4, 50, 3000) * np.float32(-1))  # zeros of both signs are equal
    first, second = by_both("topk=torch", lambda name: topk(s, k, own=0, backend=name))
    np.testing.assert_array_equal(second, first)


@pytest.mark.parametrize("setting", ["gradient=fixed", "gradient=sort"])
def test_gradients_are_the_same_within_rounding(by_both, setting):
    s, triplets = on_device(reals(5, 1854, 1854)), on_device(draw_triplets(5, 1854, 1_000_000))
    first, second = by_both(setting, lambda name: pyalign.triplet_gradient(s, triplets, backend=name)[1])
    np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-12)
