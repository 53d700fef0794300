"""tools/kernel_table.py, the gate on what kernels take: it must catch kernels that are made to fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import find_nvcc, load_from_tools

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "kernel_table.py"

KERNELS = """
// Sixty-four values that are all needed again after all have been read: more than sixteen registers.
template <int Count>
__global__ void keeps_many(float* x) {
  float kept[Count];
#pragma unroll
  for (int k = 0; k < Count; ++k) kept[k] = x[k * 32 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int k = 0; k < Count; ++k) x[k * 32 + threadIdx.x] = kept[Count - 1 - k];
}
template __global__ void keeps_many<COUNT>(float*);

#ifdef MOVING_INDEX
// Registers have no addresses: an array with an index that only the data tells lies in local memory.
__global__ void moving_index(const int* places, float* x) {
  float kept[32] = {};
  for (int k = 0; k < 32; ++k) kept[places[k]] += x[k];
  for (int k = 0; k < 32; ++k) x[k] = kept[places[31 - k]];
}
#endif
"""


kernel_table = load_from_tools("kernel_table")


def find_cuobjdump():
    try:
        return kernel_table.find_program("cuobjdump")
    except SystemExit:
        return None


needs_cuobjdump = pytest.mark.skipif(not find_cuobjdump(), reason="No cuobjdump.")
needs_nvcc = pytest.mark.skipif(not (find_nvcc() and find_cuobjdump()), reason="No nvcc, or no cuobjdump.")


def gate(folder, *options, count=8):
    """Compiles the kernels for two architectures and runs the tool on the object."""
    source, target = folder / "kernels.cu", folder / "kernels.o"
    source.write_text(KERNELS)
    architectures = [f"-gencode=arch=compute_{sm},code=sm_{sm}" for sm in (80, 90)]
    command = [find_nvcc(), *architectures, f"-DCOUNT={count}", *options, "-c", source, "-o", target]
    subprocess.run(command, check=True, capture_output=True)
    return subprocess.run([sys.executable, TOOL, target], capture_output=True, text=True)


@needs_nvcc
def test_lets_a_modest_kernel_pass_and_prints_a_row_for_each_architecture(tmp_path):
    done = gate(tmp_path)
    assert done.returncode == 0, done.stderr
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header == ["kernel", "sm", "registers", "shared", "dynamic", "stack"]
    assert [row[:2] for row in rows] == [["keeps_many<8>", "80"], ["keeps_many<8>", "90"]]
    assert all(int(row[2]) > 8 and row[3:] == ["0", "0", "0"] for row in rows)
    assert done.stderr == ""


@needs_nvcc
def test_catches_registers_that_are_spilled(tmp_path):
    assert gate(tmp_path, count=64).returncode == 0, "without the limit nothing is spilled"
    done = gate(tmp_path, "-maxrregcount=24", count=64)
    assert done.returncode == 1
    assert "keeps_many<64> for sm_90:" in done.stderr
    assert "bytes of stack" in done.stderr


@needs_nvcc
def test_catches_an_array_with_a_moving_index(tmp_path):
    done = gate(tmp_path, "-DMOVING_INDEX")
    assert done.returncode == 1
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == ["moving_index", "moving_index"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"registers": 256}, "256 registers are more than 255"),
        ({"shared": 49153}, "49153 bytes of shared memory are more than 49152"),
        ({"stack": 8}, "8 bytes of stack: spilled, or an array with a moving index"),
        ({"local": 16}, "16 bytes of stack: spilled, or an array with a moving index"),
    ],
)
def test_knows_each_limit(change, fault):
    fits = {"registers": 255, "shared": 49152, "stack": 0, "local": 0}
    kernel = kernel_table.Kernel("k", 90, **{**fits, **change})
    assert kernel.faults() == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("name", "dynamic", "fault"),
    [
        ("tensor_tiles<Half, Slices<64, 3>, true>", 49152, None),
        ("tensor_tiles<Half, Slices<64, 4>, true>", 65536, None),
        ("tensor_tiles<Half, Slices<128, 4>, true>", 131072, "132096 bytes of shared memory are more than 101376"),
        ("from_matrix<float>", 0, None),
    ],
)
def test_adds_the_shared_memory_that_a_launch_asks_for(name, dynamic, fault):
    kernel = kernel_table.Kernel(name, 90, registers=200, shared=1024, stack=0, local=0)
    assert kernel.dynamic == dynamic
    assert kernel.faults() == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("void pa::(anonymous namespace)::tensor_tiles<pa::Half>(pa::Job<pa::Half>)", "tensor_tiles<Half>"),
        ("void pa::(anonymous namespace)::from_rows<(bool)1, double>(long, bool (*)(int))", "from_rows<1, double>"),
        ("void cub::detail::Sweep<cub::policy_hub<float>::Policy, (cub::Order)0, int>(int*)", "Sweep<0, int>"),
        ("plain(float*)", "plain"),
    ],
)
def test_shortens_names_to_what_tells_kernels_apart(name, short):
    assert kernel_table.readable(name) == short


@needs_cuobjdump
def test_a_file_without_kernels_is_no_success(tmp_path):
    path = tmp_path / "text.o"
    path.write_text("no kernels here")
    done = subprocess.run([sys.executable, TOOL, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert str(path) in done.stderr


@needs_cuobjdump
def test_installed_kernels_keep_within_the_limits():
    try:
        path = kernel_table.installed_module()
    except SystemExit:
        pytest.skip("pyalign is installed without _cuda.")
    done = subprocess.run([sys.executable, TOOL, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in (
        "plain_tiles<float>",
        "tensor_tiles<Half, Slices<64, 3>, true>",
        "from_matrix<float>",
        "from_rows<",
        "sum_tiles<",
    ):
        assert name in done.stdout
