"""Tests that need a CUDA device are collected everywhere and run where there is one."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pyalign.backends import TENSOR_BACKENDS, Place, get_backend
from pyalign.errors import InputError


def no_device():
    """Why there is no device to test on, or None."""
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return None if torch.cuda.is_available() else "torch finds no CUDA device"


def pytest_collection_modifyitems(items):
    reason = no_device()
    for item in items:
        if item.get_closest_marker("gpu") and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(params=TENSOR_BACKENDS)
def engine(request):
    """The name of each backend that runs on the device."""
    try:
        return get_backend(request.param, Place("cuda:0", "float32")).name
    except InputError as error:
        pytest.skip(str(error))
