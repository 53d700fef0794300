"""Linear layers by oneDNN: the same numbers, for every shape; memory that is kept goes back."""

from __future__ import annotations

import numpy as np
import pytest
from support import run_python

torch = pytest.importorskip("torch")

from pyalign.extraction import torch_encoder  # noqa: E402
from pyalign.extraction.job import kept  # noqa: E402


@pytest.mark.parametrize("shape", [(64, 5), (2, 33, 7), (3, 2, 40, 384), (100, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_rows_are_those_of_the_plain_layer(shape, bias):
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(shape[-1], 11, bias=bias), torch.randn(shape)
    calls = []
    real = torch_encoder._convolved
    with torch.inference_mode(), torch_encoder.LinearByOneDnn(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_encoder, "_convolved", lambda *given: (calls.append(1), real(*given))[1])
        found = layer(x)
    assert calls and found.shape == (*shape[:-1], 11)
    torch.testing.assert_close(found, layer(x), rtol=1e-5, atol=1e-5)


def test_rows_of_any_strides():
    layer, x = torch.nn.Linear(6, 3), torch.randn(6, 90).T[::2]
    with torch.inference_mode(), torch_encoder.LinearByOneDnn():
        torch.testing.assert_close(layer(x[:, ::1]), x @ layer.weight.T + layer.bias)


@pytest.mark.parametrize("x", [torch.randn(3, 4), torch.randn(80, 4).double(), torch.randn(80, 4).bfloat16()])
def test_few_rows_and_other_types_go_the_usual_way(x, monkeypatch):
    monkeypatch.setattr(torch_encoder, "_convolved", None)
    layer = torch.nn.Linear(4, 2).to(x.dtype)
    with torch.inference_mode(), torch_encoder.LinearByOneDnn():
        assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize(
    ("vendor", "worth"), [("vendor_id\t: AuthenticAMD\n", True), ("vendor_id\t: GenuineIntel\n", False), ("", False)]
)
def test_the_rule_is_of_the_processor_and_not_of_its_load(monkeypatch, vendor, worth):
    for library in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(library, "is_available", lambda: True)
    monkeypatch.setattr(torch_encoder.Path, "read_text", lambda *_, **__: f"processor\t: 0\n{vendor}")
    assert torch_encoder.is_worth_it.__wrapped__() is worth


def test_without_mkl_there_is_nothing_to_avoid(monkeypatch):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert torch_encoder.is_worth_it.__wrapped__() is False


CODE = """
import numpy as np
from pyalign.extraction.job import kept

def resident():
    return next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmRSS"))

def block():
    np.ones(100 << 17)  # 100 MB

with kept(), kept():
    block()
    held = resident()
block()
print(held, resident())
"""


def test_freed_memory_is_kept_inside_and_given_back_afterwards():
    done = run_python(CODE)
    assert done.returncode == 0, done.stderr
    inside, after = map(int, done.stdout.split())
    with kept():
        np.ones(10)
    assert after < 100
    import platform

    assert inside > 100 or platform.libc_ver()[0] != "glibc"
