"""Each route of `PYALIGN_GPU_ROUTES`, on the kernels of one backend: the same results, and that the route was taken.

`main` runs in a process of its own, on emulated CUDA kernels or in Triton's interpreter; tensors lie on the CPU.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from support import MEASURES, definition, draw_triplets, reals, whole

import pyalign
from pyalign.backends import _torch_kernels
from pyalign.backends._tensor_kernels import FIXED_BYTES, ready_rows, routes
from pyalign.backends._tensors import TensorGradient
from pyalign.measures import get_measure
from pyalign.nearest import _tensor_space
from pyalign.nearest.space import Search

DTYPES = {"cuda": ("float32", "float64", "float16", "bfloat16"), "triton": ("float32", "float16", "bfloat16")}


class Counted:
    """A function, and how often it was called."""

    def __init__(self, owner, name):
        self.function, self.calls = getattr(owner, name), 0
        setattr(owner, name, self)

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.function(*arguments, **options)


def similarities(kernels, x, y, measure, tf32=False):
    """(n, m) as the kernels write it into rows that lie apart."""
    chosen = get_measure(measure)
    shift = torch.zeros_like(x[0] if len(x) else y[0]) if chosen.transform == "shift" else None
    left, right = (
        None if rows is None else ready_rows(kernels, chosen, rows, shift, chosen.gamma(lambda: 1.0)) for rows in (x, y)
    )
    n, m = len(x), len(x if y is None else y)
    around = torch.full((n, m + 3), torch.nan, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)
    kernels.similarity(left, right, tf32, around[:, :m])
    assert around[:, m:].isnan().all()
    return around[:, :m]


def check_products(kernels, name, counted):
    """Whole numbers give the definition, rounded once, and so the bits of the first route; close reals their digits."""
    for dtype in DTYPES[name]:
        for n, m, d in ((1, 1, 1), (33, 70, 5)) if name == "triton" else ((1, 1, 1), (33, 70, 5), (66, 40, 17)):
            x, y = (torch.from_numpy(whole(n + d, size, d)).to(getattr(torch, dtype)) for size in (n, m))
            for measure in (*MEASURES, "rbf:3") if dtype == "float32" else ("cosine", "neg_euclidean"):
                for other in (None, y):
                    before = counted.calls
                    with routes("product=cublas"):
                        ours = similarities(kernels, x, other, measure)
                    assert counted.calls == before + 1
                    first = similarities(kernels, x, other, measure)
                    assert counted.calls == before + 1 and torch.equal(ours, first), (dtype, n, measure)
                    expected = definition(x.double().numpy(), (x if other is None else y).double().numpy(),
                                          measure.partition(":")[0], 3.0)
                    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    x = torch.from_numpy(1 + reals(1, 40, 20) / 1000)
    for measure in ("neg_sqeuclidean", "neg_euclidean", "rbf:3"):
        with routes("product=cublas"):
            ours, tf32 = (similarities(kernels, x, None, measure, tf32).double() for tf32 in (False, True))
        expected = torch.from_numpy(definition(x.numpy(), x.numpy(), measure.partition(":")[0], 3.0))
        for found in (ours, tf32):
            assert torch.equal(found, found.T) and (found.diagonal() == (measure == "rbf:3")).all()
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def check_nan_and_no_rows(kernels):
    x = torch.from_numpy(reals(2, 40, 8))
    for measure in MEASURES:
        with routes("product=cublas"):
            clean = similarities(kernels, x, None, measure)
            spoilt = x.clone()
            spoilt[7, 3] = torch.nan
            found = similarities(kernels, spoilt, None, measure)
            assert similarities(kernels, x[:0], x, measure).shape == (0, 40)
            assert similarities(kernels, x, x[:0], measure).shape == (40, 0)
        others = [i for i in range(40) if i != 7]
        if measure != "pearson":  # which is centered before
            assert torch.equal(found[others][:, others], clean[others][:, others])


def check_topk(kernels, name, counted):
    """Ties, zeros of both signs, every k, and columns that are left out: those of a stable sort."""
    for dtype in (torch.float32, torch.float64)[: 1 + (name == "cuda")]:
        for n, m in ((1, 1), (3, 5), (5, 70)):
            for values in (whole(n, n, m) * np.float32(-0.0 if m == 5 else 1.0), whole(m, n, m), reals(m, n, m)):
                for own in (-1, 0) if m > n else (-1,):
                    for k in {1, m // 2 or 1, m - 1 or 1, m if own < 0 else m - 1}:
                        s = torch.from_numpy(values).to(dtype)
                        indices, before = torch.empty(n, k, dtype=torch.int32), counted.calls
                        with routes("topk=torch"):
                            kernels.topk(s, k, own, indices)
                        assert counted.calls == before + 1
                        left = s.double().numpy().copy()
                        if own >= 0:
                            left[np.arange(n), np.arange(n)] = -np.inf
                        np.testing.assert_array_equal(indices, np.argsort(-left, axis=1, kind="stable")[:, :k])
    with routes("topk=torch"):
        kernels.topk(torch.empty(0, 4), 2, -1, torch.empty(0, 2, dtype=torch.int32))


def check_neighbors(name):
    """Candidates may come in any order: neighbors are the same. Rows of whole numbers tie; k near n."""
    plain = Counted(torch.Tensor, "topk")
    torch.Tensor.topk = lambda self, *arguments, **options: plain(self, *arguments, **options)
    for x in (whole(3, 60, 4), reals(4, 60, 5)):
        rows = torch.from_numpy(x)
        space = _tensor_space.device_space(rows, None, get_measure("neg_euclidean"))
        for k in (3, 59):
            before, found = plain.calls, {}
            for setting in ("", "topk=torch"):
                with routes(setting):
                    search = Search(space, _tensor_space.operations_scan(space, name))
                    found[setting] = search.nearest(space.values, k, np.arange(60))
            assert plain.calls > before
            for first, second in zip(*found.values(), strict=True):
                np.testing.assert_array_equal(first, second)
    torch.Tensor.topk = plain.function


def gradient(kernels, s, triplets, targets):
    out = TensorGradient.into(torch.full_like(s, torch.nan))
    kernels.triplet_gradient(s, triplets, 0.5, 2.0, out, targets)
    return out.matrix, out.cross_entropy.item(), out.invalid.item()


def check_gradient(kernels, module):
    """Sorts where it is asked for; what memory sums may take, by the workspace that is asked for."""
    s, triplets = torch.from_numpy(reals(5, 20, 20)), torch.from_numpy(draw_triplets(5, 20, 700))
    targets = torch.from_numpy(np.random.default_rng(5).dirichlet([0.3] * 3, 700).astype(np.float32))
    for bad in (False, True):
        triplets[321, 1] = 99 if bad else triplets[321, 1]
        for answers in (None, targets):
            found = {}
            for setting in ("", "gradient=size", "gradient=fixed", "gradient=sort"):
                module.counts()
                with routes(setting):
                    found[setting] = gradient(kernels, s, triplets, answers)
                assert (module.counts()["sorts"] > 0) == (setting == "gradient=sort"), setting
            for matrix, loss, invalid in found.values():
                torch.testing.assert_close(matrix, found[""][0], rtol=1e-6, atol=1e-6)
                assert loss == pytest.approx(found[""][1]) and invalid == bad
    queue = 0, module.current_stream()
    n, t = 8192, 10_000_000
    sizes = {name: module.gradient_workspace(0, n, t, most, queue) for name, most in FIXED_BYTES.items()}
    assert sizes["size"] == sizes["sort"] and 8 * n * n < sizes["fixed"] < 8 * n * n + t


def check_messages(kernels):
    for setting in ("topk", "topk=", "topk=fast", "top=torch", "topk=torch,topk=torch", "topk=torch,", "=torch"):
        with routes(setting), pytest.raises(pyalign.InputError) as error:
            kernels.topk(torch.eye(3), 1, -1, torch.empty(3, 1, dtype=torch.int32))
        assert str(error.value) == (
            "PYALIGN_GPU_ROUTES must be routes separated by commas, each at most once: topk=passes|torch, "
            f"product=tiles|cublas, gradient=size|fixed|sort; got {setting!r}"
        )
    with routes(" topk = torch , gradient=sort "):
        kernels.topk(torch.eye(3), 1, -1, torch.empty(3, 1, dtype=torch.int32))


def main(name):
    kernels = import_module(f"pyalign.backends._{name}_kernels").KERNELS
    where = {"cuda": "_cuda_kernels", "triton": "_triton_similarity"}[name]
    check_products(kernels, name, Counted(import_module(f"pyalign.backends.{where}"), "multiply"))
    check_nan_and_no_rows(kernels)
    check_topk(kernels, name, Counted(_torch_kernels.KERNELS, "topk"))
    check_neighbors(name)
    check_messages(kernels)
    if name == "cuda":
        check_gradient(kernels, import_module("pyalign.backends._cuda"))
    print("all of", name)
