"""backend="cuda" on emulated kernels and backend="triton" in Triton's interpreter, through all of the Python code.

The sizes are small, since an emulated block takes milliseconds; tests/cuda and tests/triton hold the kernels themselves
against naive loops. The checks run in a process of their own: Triton decides to interpret when it is imported.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from reference import REFERENCE
from support import NATIVE, draw_triplets, reals, run_python

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

CHECKS = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np, pytest, torch, pyalign
import pyalign.integrations.torch
from support import MEASURES, definition, draw_triplets, reals, whole
from pyalign import InputError, backends
from pyalign.backends import get_backend
from pyalign.ops.resample import object_sums

name, half = {name!r}, ("float16", "bfloat16")
assert get_backend(name).name == name and backends.backend_reasons()[name] is None

def same(ours, expected, tolerance=0.0):
    assert type(ours) is np.ndarray and ours.dtype == expected.dtype and ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)

for dtype in {dtypes}:
    x, y = whole(1, 9, 5, dtype=dtype), whole(2, 35, 5, dtype=dtype)
    for measure in (*MEASURES, "rbf:3", "rbf"):
        exact = 1e-6 if measure.startswith("rbf") else 4e-7 if measure == "neg_euclidean" else 0.0
        for a, b in ((x, y), (x, None)):
            ours = pyalign.similarity(a, b, measure=measure, backend=name)
            same(ours, pyalign.similarity(a, b, measure=measure), exact)
        for t in (300, 3):  # through the matrix, and from the rows
            some = draw_triplets(3, 9, t)
            choices = pyalign.odd_one_out(x, some, measure=measure, backend=name)
            same(choices, pyalign.odd_one_out(x, some, measure=measure))
            p = pyalign.choice_probabilities(x, some, measure=measure, temperature=3.0, backend=name)
            same(p, pyalign.choice_probabilities(x, some, measure=measure, temperature=3.0), 1e-5)
            ours = pyalign.score(x, some, measure=measure, backend=name)
            expected = pyalign.score(x, some, measure=measure)
            assert (ours.backend, ours.accuracy, ours.n_ties) == (name, expected.accuracy, expected.n_ties)
            assert ours.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-5, abs=1e-5)
    some, values = draw_triplets(9, 9, 400), np.arange(-600, 600, dtype=np.int16).reshape(3, 400)
    sums = object_sums(some, 9, values, n_resamples=70, backend=name)
    same(sums, object_sums(some, 9, values, n_resamples=70))
    for temperature in (1.0, 0.01):
        ours = pyalign.choice_similarity(x, temperature=temperature, backend=name)
        assert (ours == ours.T).all()
        same(ours, pyalign.choice_similarity(x, temperature=temperature), 1e-5)
    out, s = np.empty((9, 9), dtype), reals(4, 9, 9, dtype=dtype)
    ours = pyalign.choice_similarity(kind="similarity", matrix=s + s.T, temperature=0.1, backend=name, out=out)
    assert ours is out
    same(out, pyalign.choice_similarity(kind="similarity", matrix=s + s.T, temperature=0.1), 1e-5)
    s, some = reals(4, 20, 20, dtype=dtype), draw_triplets(4, 20, 500)
    loss, gradient = pyalign.triplet_gradient(s, some, temperature=0.5, backend=name)
    expected_loss, expected = pyalign.triplet_gradient(s, some, temperature=0.5)
    assert abs(loss - expected_loss) < 1e-6, (loss, expected_loss)
    same(gradient, expected, 1e-6)
    counts = np.random.default_rng(5).integers(0, 4, (500, 4))
    shares = np.asfortranarray(np.random.default_rng(6).dirichlet([0.3] * 3, 500))
    for targets in (counts[:, :3], counts[:, 1:].astype(float), shares, shares.astype(np.float32).tolist()):
        loss, gradient = pyalign.triplet_gradient(s, some, answers=targets, temperature=0.5, backend=name)
        expected_loss, expected = pyalign.triplet_gradient(s, some, answers=targets, temperature=0.5)
        assert abs(loss - expected_loss) < 1e-6, (loss, expected_loss)
        same(gradient, expected, 1e-6)
    same(
        pyalign.odd_one_out(kind="similarity", matrix=s, triplets=some, backend=name),
        pyalign.odd_one_out(kind="similarity", matrix=s, triplets=some),
    )
    x, some = reals(4, 8, 3, dtype=dtype), draw_triplets(4, 8, 60)
    for l2, targets in ((0.1, None), (0.003, whole(5, 60, 3) ** 2)):
        ours = pyalign.fit_probe(x, some, penalty=l2, answers=targets, backend=name)
        expected = pyalign.fit_probe(x, some, penalty=l2, answers=targets)
        assert ours.backend == name and abs(ours.objective - expected.objective) < 1e-5, (ours, expected)
        assert ours.gap <= 1e-4 and ours.n_passes > 1

# Half precision, which the kernels take as it is: tensors of the host are numpy arrays to pyalign, so the rows go in
# through a dispatch that takes them for tensors on a device.
from pyalign.ops import _place
real = _place.device_of
_place.device_of = lambda v: "cpu:0" if isinstance(v, torch.Tensor) else real(v)
kernels = get_backend(name).kernels
type(kernels).why_not, before = (lambda self, place: None), type(kernels).why_not
x = torch.from_numpy(whole(5, 12, 6))
some = draw_triplets(5, 12, 400)
for dtype in half:
    for measure in MEASURES:
        ours = pyalign.odd_one_out(x.to(getattr(torch, dtype)), some, measure=measure, backend=name)
        np.testing.assert_array_equal(ours.numpy(), pyalign.odd_one_out(x.numpy(), some, measure=measure))
type(kernels).why_not = before
_place.device_of = real

# Bad input.
x = whole(6, 30, 4)
for bad in (30, -1, 2**40):
    broken = draw_triplets(6, 30, 400)
    broken[321, 1] = bad
    for call in (pyalign.odd_one_out, pyalign.score):
        with pytest.raises(InputError, match=rf"triplets must lie in \\[0, 30\\); row 321 is"):
            call(x, broken, backend=name)
for wrong in ([[1, 0, -1]], [[0, 0, 0]], [[0, np.nan, 1]]):
    with pytest.raises(InputError, match="answers must be finite, at least 0"):
        pyalign.triplet_gradient(x[:4, :4], [[0, 1, 2]], answers=wrong, backend=name)
with pytest.raises(InputError, match=r"triplets must lie in \\[0, 30\\); row 321 is"):
    pyalign.triplet_gradient(whole(6, 30, 30), broken, answers=np.ones((400, 3)), backend=name)
for index in (np.int16, np.uint16, np.int32):
    some = draw_triplets(7, 30, 100, index)
    for arranged in (some, np.asfortranarray(some), some[::-1]):
        same(pyalign.odd_one_out(x, arranged, backend=name), pyalign.odd_one_out(x, arranged))

# The torch ops, on these kernels.
from pyalign.integrations import _torch_kernels
_torch_kernels.kernels_for.cache_clear()
plain = _torch_kernels.kernels_for("cpu", "float32", 0)
for measure in ("dot", "cosine", "neg_sqeuclidean"):
    for t in (200, 3):
        results = []
        for chosen in (plain, (kernels, True)):
            _torch_kernels.kernels_for = lambda *_, chosen=chosen: chosen
            leaf = torch.from_numpy(reals(8, 9, 5)).requires_grad_()
            loss = torch.ops.pyalign.triplet_loss(leaf, torch.from_numpy(draw_triplets(8, 9, t)), measure, 0.5)
            loss.backward()
            results.append((loss.item(), leaf.grad))
        assert abs(results[0][0] - results[1][0]) < 1e-6 * max(1, results[0][0]), (measure, t, results)
        torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-6)
print("all of", name)
"""


def checks(name, dtypes):
    return CHECKS.format(tests=str(ROOT / "tests"), name=name, dtypes=dtypes)


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator needs GNU ld")
def test_cuda_backend_on_emulated_kernels(load_emulated):
    done = run_python(load_emulated + checks("cuda", "(np.float32, np.float64)"), timeout=600)
    assert done.stdout.strip() == "all of cuda", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator needs GNU ld")
def test_emulated_calls_are_counted_and_insist_on_the_stream_of_the_caller(load_emulated):
    code = """
import numpy as np, pyalign
triplets = np.array([[0, 1, 2], [3, 2, 1]])
pyalign.odd_one_out(np.eye(4, dtype=np.float32), triplets, backend="cuda")
counts = module.counts()
assert counts["launches"] >= 1 and counts["synchronizations"] == 0, counts
assert not any(module.counts().values())
try:
    module.gradient_workspace(0, 4, 2, 0, (0, 0))
except ValueError as error:
    print(error)
"""
    done = run_python(load_emulated + code, timeout=600)
    assert done.stdout.strip() == "a queue without the caller's stream", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator needs GNU ld")
def test_the_module_refuses_arguments_that_its_structs_cannot_hold(load_emulated):
    code = """
queue, matrix = (0, module.current_stream()), (0, 0, 4, 4, 0)
rows = (matrix, 0, "dot", 0.0)
module.topk(matrix, 1, -1, 0, queue)  # no rows
module.similarity(rows, None, False, 0, 4, queue)  # y alone can be None
for call in (
    lambda: module.topk(matrix[:4], 1, -1, 0, queue),
    lambda: module.topk((*matrix, 0), 1, -1, 0, queue),
    lambda: module.similarity((matrix, 0, "dott", 0.0), None, False, 0, 4, queue),
    lambda: module.topk(matrix, 1, -1, 0, queue[:1]),
    lambda: module.topk(None, 1, -1, 0, queue),
    lambda: module.similarity(None, rows, False, 0, 4, queue),
    lambda: module.topk(matrix, 1, -1, queue),
    lambda: module.topk(matrix, 1.5, -1, 0, queue),
):
    try:
        print("no error", call())
    except (TypeError, ValueError) as error:
        print(type(error).__name__, *(str(error),) * isinstance(error, ValueError))
"""
    done = run_python(load_emulated + code, timeout=600)
    assert done.stdout.splitlines() == [
        *["ValueError expected (data, n, d, stride, type)"] * 2,
        "ValueError unknown pair kernel",
        "ValueError a queue is (device, stream)",
        *["TypeError"] * 4,
    ], done.stderr


@pytest.mark.of_kernels
@pytest.mark.suite("kernels")
@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_triton_backend_in_the_interpreter():
    done = run_python(checks("triton", "(np.float32,)"), timeout=600, TRITON_INTERPRET="1")
    assert done.stdout.strip() == "all of triton", done.stderr


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_triton_refuses_float64_rows(message_of):
    code = """
import numpy as np, pyalign
try:
    pyalign.score(np.eye(4), [[0, 1, 2]], backend="triton")
except pyalign.InputError as error:
    print(error)
"""
    done = run_python(code, TRITON_INTERPRET="1")
    assert done.stdout.strip() == "no backend can take this input: triton: it takes no float64 rows", done.stderr


@pytest.mark.parametrize("name", [NATIVE, "torch"])
def test_kernels_of_the_cpu_take_targets_on_tensors(name):
    torch = pytest.importorskip("torch")
    kernels = import_module(f"pyalign.backends._{name}_kernels").KERNELS
    tensors = import_module("pyalign.backends._tensors")
    s, triplets = reals(0, 12, 12, dtype=np.float64), draw_triplets(0, 12, 200)
    targets = np.random.default_rng(0).dirichlet([0.3] * 3, 200)
    arrays = [torch.from_numpy(array) for array in (s, triplets, np.empty_like(s), targets)]
    out = tensors.TensorGradient.into(arrays[2])
    kernels.triplet_gradient(*arrays[:2], 0.5, 2.0, out, arrays[3])
    expected = np.empty_like(s)
    total = REFERENCE.triplet_gradient(s, triplets, 0.5, 2.0, expected, targets)
    assert out.cross_entropy.item() == pytest.approx(total)
    np.testing.assert_allclose(arrays[2].numpy(), expected, rtol=0, atol=1e-12)
    assert out.invalid.item() == 0
