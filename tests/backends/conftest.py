"""The emulated CUDA module, built once for all tests of backends."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def emulated_module(tmp_path_factory):
    """The CUDA module, its kernels compiled for the CPU."""
    folder = tmp_path_factory.mktemp("emulated")
    scripts = Path(sysconfig.get_path("scripts"))
    configure = [
        scripts / "cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={scripts / 'ninja'}",
        "-DPYALIGN_CUDA=OFF", "-DPYALIGN_CUDA_EMULATION=ON", f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
    ]  # fmt: skip
    for command in (configure, [scripts / "cmake", "--build", folder, "--target", "_cuda_emulated"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return next(folder.glob("_cuda_emulated*" + sysconfig.get_config_var("EXT_SUFFIX")))


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
