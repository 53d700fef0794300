"""What is written by hand of each operation of csrc/include/pyalign_cuda_operations.h: none of it is missing."""

from __future__ import annotations

import ast
import ctypes
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CSRC, CHECKS = ROOT / "csrc", ROOT / "tests" / "cuda"
BACKENDS = ROOT / "pyalign" / "backends"
PROTOCOL = "_tensor_kernels.py", "Kernels"
KERNELS = {
    "_cuda_kernels.py": "CudaKernels",
    "_native_kernels.py": "NativeKernels",
    "_torch_kernels.py": "TorchKernels",
    "_triton_kernels.py": "TritonKernels",
}
ABOUT_KERNELS = {"home", "row_bytes", "why_not"}  # what a class of kernels has beside the operations
QUEUED_BY_OTHERS = {"prepare_rows"}  # `Queue` has `prepare`, which calls it for x and y


@cache
def operations():
    """Each operation, and its parameters but for the stream."""
    header = (CSRC / "include" / "pyalign_cuda_operations.h").read_text()
    rows = re.findall(r'OPERATION\((\w+), ("[^)]*")\)', header)
    assert len(rows) == header.count("  OPERATION(") > 0
    return {name: re.findall(r'"(\w+)"', names) for name, names in rows}


def header_parameters():
    """The same from the declarations of pyalign_cuda.h."""
    text = re.sub(r"/\*.*?\*/", "", (CSRC / "include" / "pyalign_cuda.h").read_text(), flags=re.DOTALL)
    rows = re.findall(r"int pa_cuda_(\w+)\(([^)]*\bvoid\* stream)\);", text)
    return {name: re.findall(r"(\w+)(?:,|$)", parameters)[:-1] for name, parameters in rows}


def members(file, name):
    """What a class defines, whether by `def` or by assignment, and has a public name."""
    (found,) = [one for one in ast.parse((BACKENDS / file).read_text()).body if getattr(one, "name", "") == name]
    names = set()
    for one in found.body:
        if isinstance(one, ast.FunctionDef):
            names.add(one.name)
        elif isinstance(one, ast.Assign):
            names |= {target.id for target in one.targets if isinstance(target, ast.Name)}
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            names.add(one.target.id)
    return {name for name in names if not name.startswith("_")}


def test_every_function_that_takes_a_stream_is_in_the_list_with_its_parameters():
    assert operations() == header_parameters()


@pytest.mark.parametrize(("file", "name"), [PROTOCOL, *KERNELS.items()])
def test_kernels_have_a_method_for_each_operation_and_no_other(file, name):
    assert members(file, name) == operations().keys() | ABOUT_KERNELS


@pytest.mark.parametrize("name", operations())
def test_the_methods_of_an_operation_take_what_the_protocol_says(name):
    def arguments(file, owner):
        (found,) = [one for one in ast.parse((BACKENDS / file).read_text()).body if getattr(one, "name", "") == owner]
        (method,) = [one for one in found.body if getattr(one, "name", "") == name] or [None]
        return method and [one.arg for one in method.args.args]

    expected = arguments(*PROTOCOL)
    for row in KERNELS.items():
        assert arguments(*row) in (expected, None), row


def test_one_call_on_a_device_can_queue_each_operation():
    queued = members("_tensors.py", "Queue") | members("_tensors.py", "Passing")
    assert operations().keys() - queued == QUEUED_BY_OTHERS


def defined_in(name):
    """The source that defines an operation, and the headers of the kernels that it includes."""
    (source,) = [one for one in (CSRC / "cuda").glob("*.cu") if f"int pa_cuda_{name}(" in one.read_text()]
    return {source.name, *re.findall(r'#include "(\w+\.cuh)"', source.read_text())} - {"common.cuh"}


@pytest.mark.parametrize("name", operations())
def test_an_operation_is_compiled_checked_and_broken_on_purpose(name):
    files = defined_in(name)
    assert any(f"csrc/cuda/{file}" in (ROOT / "CMakeLists.txt").read_text() for file in files)
    checks = [file for file in CHECKS.glob("check_*.cpp") if f"pa_cuda_{name}" in file.read_text()]
    assert checks, "compared with plain loops by check_cuda"
    broken = (CHECKS / "test_emulated.py").read_text()
    assert any(f'"{file}"' in broken for file in files), "a row of BROKEN"


@pytest.mark.parametrize("name", operations())
def test_the_calls_that_are_counted_queue_each_operation(name):
    assert re.search(rf"PA_ROW\({name}, ", (CHECKS / "check_counts.cpp").read_text())


def test_the_module_is_loaded_without_a_driver_and_one_line_says_so():
    module = pytest.importorskip("pyalign.backends._cuda", reason="the CUDA kernels are not compiled here")
    try:
        ctypes.CDLL("libcuda.so.1")
        pytest.skip("there is a driver here")
    except OSError:
        assert module.device_count() == (0, "no CUDA device (driver not found)")
    with pytest.raises(InputError) as refused:
        pyalign.similarity(np.eye(3), backend="cuda")
    assert str(refused.value) == "no backend can take this input: cuda: no CUDA device (driver not found)"
    if shutil.which("readelf"):
        said = subprocess.run(["readelf", "-d", module.__file__], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"NEEDED.*\[(.+)\]", said)
        assert needed and not [name for name in needed if "cuda" in name or "torch" in name]
