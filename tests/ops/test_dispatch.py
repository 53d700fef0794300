"""Where inputs lie and results go: tensors on a "device" that is the CPU by another name, and arrays of the host."""

from __future__ import annotations

import ctypes
import sys
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from support import MEASURES, draw_triplets, reals, whole

import pyalign
from pyalign import InputError, backends
from pyalign.backends import Place, preferred
from pyalign.ops import _dispatch, _place

torch = pytest.importorskip("torch", reason="torch is not installed")

from pyalign.backends import _tensors  # noqa: E402
from pyalign.ops import _tensor_dispatch  # noqa: E402


class OnCuda:
    """Says by DLPack that it lies on a CUDA device."""

    dtype, shape = "float32", (4, 3)

    def __dlpack_device__(self):
        return 2, 1


class OldCuda:
    """Says by `__cuda_array_interface__` at which address it lies."""

    dtype, shape = "float32", (4, 3)

    def __init__(self, address, **more):
        self.__cuda_array_interface__ = {"version": 3, "data": (address, False), **more}


class FakeDriver:
    """Knows three addresses; the second is of memory that the driver places on no device."""

    devices: ClassVar = {0x1000: 0, 0x2000: -1, 1 << 40: 3}

    def cuPointerGetAttribute(self, number, attribute, address):
        assert attribute == 9 and isinstance(address, ctypes.c_uint64)
        if address.value not in self.devices:
            return 1
        number._obj.value = self.devices[address.value]
        return 0


@pytest.fixture
def fake_driver(monkeypatch):
    monkeypatch.setattr(_place, "driver", FakeDriver)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int16])
def test_results_of_device_rows_stay_on_the_device(device, measure, dtype):
    x, triplets = torch.from_numpy(whole(1, 40, 5)).to(dtype), torch.from_numpy(draw_triplets(1, 40, 3000))
    host = x.double().numpy() if dtype == torch.float64 else x.float().numpy()
    s = pyalign.similarity(x, measure=measure)
    assert isinstance(s, torch.Tensor) and s.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    np.testing.assert_allclose(s.numpy(), pyalign.similarity(host, measure=measure), rtol=1e-6, atol=1e-30)
    for some in (triplets, triplets[:20], triplets[:20].numpy()):
        ours = pyalign.odd_one_out(x, some, measure=measure)
        assert isinstance(ours, torch.Tensor) and ours.dtype == torch.int8
        np.testing.assert_array_equal(ours.numpy(), pyalign.odd_one_out(host, some, measure=measure))
        p = pyalign.choice_probabilities(x, some, measure=measure)
        np.testing.assert_allclose(p.numpy(), pyalign.choice_probabilities(host, some, measure=measure), atol=1e-6)


def test_scores_of_device_rows_equal_those_of_the_host(device):
    x, triplets = torch.from_numpy(reals(2, 60, 7)), torch.from_numpy(draw_triplets(2, 60, 5000))
    x[5, 2] = torch.nan
    ours, expected = (pyalign.score(rows, triplets, nan_policy="omit") for rows in (x, x.numpy()))
    assert ours.backend == "torch" and ours.n_dropped == expected.n_dropped > 0
    assert ours.accuracy == expected.accuracy
    assert ours.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-6)
    with pytest.raises(InputError, match="embeddings must be finite; 1 of 60 rows holds NaN or infinity, first row 5"):
        pyalign.score(x, triplets)


def test_similarity_fills_a_tensor_on_the_device(device, message_of):
    x, out = torch.from_numpy(reals(3, 9, 4)), torch.zeros(9, 12)
    given = out[:, 1:10]
    assert pyalign.similarity(x, out=given) is given
    np.testing.assert_array_equal(out[:, 1:10].numpy(), pyalign.similarity(x).numpy())
    assert bool((out[:, 0] == 0).all()) and bool((out[:, 10:] == 0).all())
    wanted = "out must be an array of shape (9, 9) and dtype float32 on cpu; got "
    assert message_of(pyalign.similarity, x, out=np.empty((9, 9), np.float32)) == wanted + "ndarray"
    assert message_of(pyalign.similarity, x, out=torch.empty(9, 8)) == wanted + "(9, 8) float32"
    assert message_of(pyalign.similarity, x, out=torch.empty(9, 9).T[:, :]) == "out must have contiguous rows"
    overlapping = "out must have rows that begin 9 elements apart or more; got 0"
    assert message_of(pyalign.similarity, x, out=torch.empty(9).expand(9, 9)) == overlapping


@pytest.mark.parametrize("shift", [0, 3])
def test_a_tensor_that_overlaps_its_inputs_is_filled_as_any_other(device, shift):
    for which in ("x", "y"):
        memory = torch.from_numpy(reals(5, 300 + shift, 300))
        view, other, out = memory[:300], torch.from_numpy(reals(6, 300, 300)), memory[shift:]
        inputs = (view, other) if which == "x" else (other, view)
        expected = pyalign.similarity(inputs[0].clone(), inputs[1].clone(), measure="neg_euclidean")
        assert pyalign.similarity(*inputs, measure="neg_euclidean", out=out) is out
        assert torch.equal(out, expected)


def test_a_host_array_is_filled_from_a_tensor_backend():
    x, out = reals(4, 9, 4), np.zeros((9, 9), np.float32)
    assert pyalign.similarity(x, out=out, backend="torch") is out
    np.testing.assert_allclose(out, pyalign.similarity(x), rtol=1e-6, atol=1e-6)


def test_rows_of_any_layout_give_the_same(device):
    x, triplets = torch.from_numpy(reals(5, 30, 6)), draw_triplets(5, 30, 2000)
    expected = pyalign.choice_probabilities(x, triplets).numpy()
    for rows in (x.T.contiguous().T, torch.cat([x, x], dim=1)[:, :6], x.clone().requires_grad_()):
        np.testing.assert_array_equal(pyalign.choice_probabilities(rows, triplets).numpy(), expected)
    for dtype in (np.int16, np.uint16, np.int32, np.uint8, ">i4"):
        np.testing.assert_array_equal(pyalign.choice_probabilities(x, triplets.astype(dtype)).numpy(), expected)
    for arranged in (triplets[::-1][::-1], np.asfortranarray(triplets)):
        np.testing.assert_array_equal(pyalign.choice_probabilities(x, arranged).numpy(), expected)
    extreme = x.double() * torch.tensor(1e-200, dtype=torch.float64)
    np.testing.assert_allclose(pyalign.choice_probabilities(extreme, triplets).numpy(), expected, atol=1e-6)


def test_the_answers_to_bad_input_are_those_of_the_host(device, message_of):
    x, triplets = torch.from_numpy(reals(6, 8, 3)), torch.from_numpy(draw_triplets(6, 8, 50))
    bad = triplets.clone()
    bad[7, 1] = 8
    twice = triplets.clone()
    twice[9, 1] = twice[9, 0]
    for call, args in (
        (pyalign.similarity, (x[0],)),
        (pyalign.similarity, (x[:0],)),
        (pyalign.similarity, (x, x[:, :2])),
        (pyalign.similarity, (x * torch.tensor(1e30),), ),
        (pyalign.odd_one_out, (x, triplets[:, :2])),
        (pyalign.odd_one_out, (x, triplets[:0])),
        (pyalign.odd_one_out, (x, bad)),
        (pyalign.odd_one_out, (x, twice)),
        (pyalign.triplet_gradient, (x[:, :0], triplets)),
    ):
        options = {"measure": "dot"} if call in (pyalign.similarity, pyalign.odd_one_out) else {}
        host = tuple(value.numpy() for value in args)
        assert message_of(call, *args, **options) == message_of(call, *host, **options)
    said = message_of(pyalign.odd_one_out, kind="similarity", matrix=x, triplets=triplets)
    assert said == message_of(pyalign.odd_one_out, kind="similarity", matrix=x.numpy(), triplets=triplets.numpy())
    assert message_of(pyalign.odd_one_out, x, triplets.double()) == "triplets must be integers; got dtype float64"
    assert (
        message_of(pyalign.similarity, x.to(torch.complex64))
        == "embeddings must hold real numbers; got dtype complex64"
    )


class Foreign:
    """An array of another library, which speaks DLPack and no word of numpy."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, array.dtype, array.shape

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.fixture
def foreign(device, monkeypatch):
    """Arrays of `Foreign` lie on the device as well."""
    before = _place.device_of

    def device_of(value):
        return device if isinstance(value, Foreign) else before(value)

    monkeypatch.setattr(_place, "device_of", device_of)


def test_arrays_of_other_libraries_are_taken_without_a_copy(foreign):
    x, triplets = reals(7, 20, 5), draw_triplets(7, 20, 900)
    dispatch = _dispatch.dispatch_of("auto", Foreign(x))
    assert dispatch.rows(Foreign(x)).data_ptr() == x.ctypes.data
    assert dispatch.triplets(Foreign(triplets)).data_ptr() == triplets.ctypes.data
    ours = pyalign.odd_one_out(Foreign(x), Foreign(triplets))
    np.testing.assert_array_equal(ours.numpy(), pyalign.odd_one_out(x, triplets))
    for rows in (x[:, :3].copy(), triplets[:20], x[:5]):  # nothing to look at, which might be triplets or pairs
        assert len(pyalign.similarity(Foreign(rows))) == len(rows)
    tensor = torch.from_numpy(x)
    assert _dispatch.dispatch_of("auto", tensor).rows(tensor).data_ptr() == x.ctypes.data


@pytest.mark.parametrize("library,maker", [("cupy", "cupy"), ("jax", "jax.numpy"), ("jaxlib.xla", "jax.numpy")])
def test_results_go_back_to_the_library_of_the_rows(foreign, monkeypatch, library, maker):
    """With a stand-in for the library, which only says that it was asked."""
    monkeypatch.setattr(Foreign, "__module__", library)
    for part in {"jax", maker} if maker.startswith("jax") else {maker}:
        monkeypatch.setitem(sys.modules, part, SimpleNamespace(from_dlpack=lambda tensor: (maker, tensor)))
    x = reals(8, 20, 5)
    made_by, result = pyalign.similarity(Foreign(x))
    assert made_by == maker
    np.testing.assert_allclose(result.numpy(), pyalign.similarity(x), rtol=1e-6, atol=1e-6)


def test_arrays_on_two_devices_are_refused(device, message_of):
    x = torch.zeros(4, 3)
    assert (
        message_of(pyalign.similarity, x, OnCuda())
        == "embeddings and others must be on one device; got cpu:0 and cuda:1"
    )
    assert (
        message_of(pyalign.similarity, x, np.eye(3)) == "embeddings and others must be on one device; got cpu:0 and cpu"
    )


def test_devices_are_found_by_every_protocol():
    assert _place.device_of(OnCuda()) == "cuda:1"
    assert [_place.device_of(value) for value in (np.eye(2), [[1.0]], torch.eye(2))] == ["cpu"] * 3
    assert _place.device_of(torch.empty(2, device="meta")) == "meta"
    assert _place.place_of((OnCuda(), None), 5) == Place("cuda:1", "float32", 5)


def test_the_device_of_an_address_is_told_by_the_driver(fake_driver):
    found = {address: _place.device_of(OldCuda(address)) for address in (0, 0x1000, 0x2000, 0x3000, 1 << 40)}
    assert found == {0: "cuda:0", 0x1000: "cuda:0", 0x2000: "cuda:0", 0x3000: "cuda:0", 1 << 40: "cuda:3"}
    assert _place.place_of((OldCuda(1 << 40), OldCuda(1 << 40)), 5) == Place("cuda:3", "float32", 5)


def test_arrays_of_both_protocols_lie_on_one_device(monkeypatch, message_of):
    monkeypatch.setattr(_place, "device_of_address", lambda address: address)
    assert _place.place_of((OldCuda(1), OnCuda())) == Place("cuda:1", "float32")
    assert message_of(_place.place_of, (OldCuda(2), OnCuda())) == (
        "embeddings and others must be on one device; got cuda:2 and cuda:1"
    )


@pytest.mark.parametrize("library", [OSError("libcuda.so.1: cannot open shared object file"), object()])
def test_without_a_driver_that_can_tell_an_address_is_of_the_first_device(monkeypatch, library):
    def load():
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(_place, "driver", load)
    assert _place.device_of(OldCuda(0x1000)) == "cuda:0"


@pytest.mark.parametrize(
    "stream,waited", [(None, []), (1, ["default of cuda:3"]), (2, ["default of cuda:3"]), (7777, ["7777 of cuda:3"])]
)
def test_work_waits_for_the_stream_that_an_array_interface_names(monkeypatch, fake_driver, stream, waited):
    """Of the device that holds the array, which need not be the current one, nor torch's default."""
    seen, on_device = [], SimpleNamespace(device="cuda:3")
    ours = SimpleNamespace(wait_stream=lambda theirs: seen.append(theirs))
    monkeypatch.setattr(torch, "as_tensor", lambda value, device=None: on_device if device == "cuda:3" else None)
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device="cuda:0": f"default of {device}")
    monkeypatch.setattr(torch.cuda, "ExternalStream", lambda address, device="cuda:0": f"{address} of {device}")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device="cuda:0": ours if device == "cuda:3" else None)
    assert _tensor_dispatch._as_tensor(OldCuda(1 << 40, stream=stream)) is on_device
    assert seen == waited


def test_rows_on_a_device_that_nothing_serves_are_refused_with_the_reasons(message_of):
    message = message_of(pyalign.similarity, torch.empty(3, 2, device="meta"))
    assert message.startswith("no backend can take this input: cuda: ") and "triton: " in message


@pytest.mark.parametrize("hopper", [True, False])
def test_auto_prefers_by_device_dtype_and_size(monkeypatch, hopper):
    monkeypatch.setattr(backends, "has_warp_groups", lambda device: hopper)
    assert preferred(Place()) == ("native", "numpy")
    assert preferred(Place("cuda:0", "float32", 10**9)) == ("cuda", "triton", "torch")
    assert preferred(Place("cuda:0", "bfloat16", 10)) == ("cuda", "triton", "torch")
    assert (preferred(Place("cuda:0", "bfloat16", 10**9))[0] == "triton") == hopper
    monkeypatch.setattr(_tensors, "tf32_allowed", lambda: True)
    assert (preferred(Place("cuda:0", "float32", 10**9))[0] == "triton") == hopper
    assert preferred(Place("cuda:0", "float32", 10)) == ("cuda", "triton", "torch")
    assert preferred(Place("cuda:0", "float64", 10**9)) == ("cuda", "triton", "torch")


@pytest.mark.parametrize("capability,has", [((8, 9), False), ((9, 0), True), ((10, 3), True), ((12, 0), False)])
def test_the_blackwell_of_graphics_cards_has_no_warp_groups(monkeypatch, capability, has):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    backends.has_warp_groups.cache_clear()
    try:
        assert backends.has_warp_groups("cuda:0") is has
        assert (preferred(Place("cuda:0", "float16", 10**9))[0] == "triton") is has
    finally:
        backends.has_warp_groups.cache_clear()


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_triton_leaves_devices_before_ampere_to_torch(monkeypatch):
    kernels = import_module("pyalign.backends._triton_kernels").KERNELS
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for capability, refused in (((7, 5), True), ((8, 0), False)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        reason = kernels.why_not(Place("cuda:0", "float32"))
        assert (reason is not None) is refused
        assert not refused or "8.0 (Ampere) and later; cuda:0 is older" in reason


def test_a_machine_without_a_device_has_no_warp_groups():
    assert backends.has_warp_groups("meta") is False
    if not torch.cuda.is_available():
        assert backends.has_warp_groups("cuda:0") is False


def test_nothing_is_refused_as_anything_else(message_of):
    assert message_of(pyalign.similarity, None).startswith("embeddings must ")
    assert message_of(pyalign.score, None, [[0, 1, 2]]) == "models, matrix or model_choices must be given; got none"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_shift_that_half_precision_cannot_take_from_y_is_taken_in_float32(device, dtype):
    x, y = torch.full((3, 8), 1000.0).to(dtype), torch.full((1, 8), 3.0).to(dtype)
    assert pyalign.similarity(x, y, measure="neg_sqeuclidean")[0, 0].item() == -8 * 997.0**2


def test_memory_that_runs_out_on_a_device_is_said_in_one_line(device, monkeypatch):
    def fail(*args):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB.\nmore")

    monkeypatch.setattr("pyalign.backends._torch_kernels.TorchKernels.similarity", fail)
    with pytest.raises(MemoryError) as caught:
        pyalign.similarity(torch.ones(3, 2))
    assert str(caught.value) == (
        "the memory of cpu is not enough for this input (CUDA out of memory. Tried to allocate 8.00 GiB.)"
    )
