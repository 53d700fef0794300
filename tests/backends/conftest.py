"""The emulated CUDA module, built once in a run of the tests."""

from __future__ import annotations

import pytest
from emulated_builds import Build


@pytest.fixture(scope="session")
def emulated_module(tmp_path_factory):
    """The CUDA module, its kernels compiled for the CPU."""
    return Build(tmp_path_factory).module()


@pytest.fixture(scope="session")
def load_emulated(emulated_module):
    """Code that makes the emulated kernels those of `backend="cuda"`, before pyalign is imported."""
    return f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("_cuda_emulated", {str(emulated_module)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules["pyalign.backends._cuda"] = module
"""
