"""The instructions of csrc/cuda/tensor_core.cuh, which the emulator replaces: their operands in PTX, for sm_80.

Each wrapper is compiled alone, in a kernel that loads its arguments and stores its results. Registers are followed from
there to the instruction and back, and what stands at each operand is compared with a table written from the PTX ISA
(sections "mma", "ldmatrix", "cvt", "cp.async", "cp.async.commit_group", "cp.async.wait_group"). Needs nvcc, no device.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import find_nvcc

ROOT = Path(__file__).resolve().parents[2]
CUDA = ROOT / "csrc" / "cuda"
pytestmark = pytest.mark.skipif(not find_nvcc(), reason="No nvcc.")

MULTIPLY = """
extern "C" __global__ void {name}(float* c, const uint32_t* a, const uint32_t* b) {{
  float sum[4] = {{c[0], c[1], c[2], c[3]}};
  const uint32_t left[4] = {{a[0], a[1], a[2], a[3]}}, right[2] = {{b[0], b[1]}};
  pa::{call};
  for (int v = 0; v < 4; ++v) c[v] = sum[v];
}}
"""
SOURCE = (
    '#include "tensor_core.cuh"\n'
    + MULTIPLY.format(name="halves", call="multiply_add(sum, left, right, pa::Half{})")
    + MULTIPLY.format(name="bfloats", call="multiply_add(sum, left, right, pa::Bfloat{})")
    + MULTIPLY.format(name="tf32", call="multiply_add_tf32(sum, left, right)")
    + """
extern "C" __global__ void matrices(uint32_t* out, const void* row) {
  uint32_t r[4];
  pa::load_matrices(r, row);
  for (int v = 0; v < 4; ++v) out[v] = r[v];
}
extern "C" __global__ void rounds(uint32_t* out, const float* value) { out[0] = pa::to_tf32(value[0]); }
extern "C" __global__ void copies(void* shared, const void* global, int bytes) {
  pa::copy_async_16(shared, global, bytes);
  pa::copy_commit();
  pa::copy_wait<2>();
}
"""
)


def words(parameter, count):
    """What `count` words from a pointer are called here."""
    return [f"{parameter}[{k}]" for k in range(count)]


def product(name):
    """d, a, b, c: c is the argument 0 of the kernel, and d goes back to where it came from."""
    return [(name, [words("d", 4), words("1", 4), words("2", 2), words("0", 4)])], {
        f"0[{k}]": f"d[{k}]" for k in range(4)
    }


# Kernel: instructions with their operands, and what is stored where.
TABLE = {
    "halves": product("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"),
    "bfloats": product("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"),
    "tf32": product("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"),
    "matrices": (
        [("ldmatrix.sync.aligned.m8n8.x4.shared.b16", [words("d", 4), ["at shared 1"]])],
        {f"0[{k}]": f"d[{k}]" for k in range(4)},
    ),
    "rounds": ([("cvt.rna.tf32.f32", [["d[0]"], ["1[0]"]])], {"0[0]": "d[0]"}),
    "copies": (
        [
            ("cp.async.cg.shared.global", [["at shared 0"], ["at global 1"], ["16"], ["2"]]),
            ("cp.async.commit_group", []),
            ("cp.async.wait_group", [["2"]]),
        ],
        {},
    ),
}

KNOWN = ("mma.", "ldmatrix.", "cvt.rna.", "cp.async.")


def compile_to_ptx(folder, header):
    (folder / "tensor_core.cuh").write_text(header)
    (folder / "wrappers.cu").write_text(SOURCE)
    includes = [f"-I{CUDA}", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc' / 'include'}"]
    command = [
        find_nvcc(),
        "-std=c++17",
        "-O3",
        "-arch=compute_80",
        "-ptx",
        *includes,
        "wrappers.cu",
        "-o",
        "wrappers.ptx",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "wrappers.ptx").read_text()


def kernels_of(ptx):
    """Name -> its statements."""
    found = re.findall(r"\.entry (\w+)\((.*?)\)[^{]*\{(.*?)\n\}", ptx, re.DOTALL)
    return {name: [s.strip() for s in re.sub(r"//[^\n]*", "", body).split(";")] for name, _, body in found}


def operands_of(text):
    """The vectors, addresses, registers and numbers of an instruction, in order: lists, an address as "[register]"."""
    groups = re.findall(r"\{([^}]*)\}|(\[[^\]]*\])|([^,{}\[\]\s]+)", text)
    return [[part.strip() for part in (vector or address or single).split(",")] for vector, address, single in groups]


class Tracer:
    """Follows registers through the statements of one kernel.

    An origin is "k" for its parameter k, "shared k" or "global k" where that is made an address of that memory, "k[i]"
    for word i of what it points to, "d[i]" for result i of the last instruction of `KNOWN`.
    """

    def __init__(self, statements):
        self.origin, self.seen, self.stored = {}, [], {}
        for statement in statements:
            name, _, rest = " ".join(statement.lstrip("{} \n\t").split()).partition(" ")
            self._step(name, rest)

    def _step(self, name, rest):
        first, _, second = (part.strip() for part in rest.partition(","))
        if name.startswith(KNOWN):
            self._keep(name, operands_of(rest))
        elif name.startswith("ld.param"):
            self.origin[first] = re.search(r"param_(\d+)", second)[1]
        elif name.startswith("ld."):
            self.origin[first] = self._word(second)
        elif name.startswith("st."):
            self.stored[self._word(first)] = self.origin.get(second, second)
        elif name.startswith("cvta.to."):
            self.origin[first] = f"{name.split('.')[2]} {self.origin[second]}"
        elif name.startswith(("mov.", "cvt.")):
            self.origin[first] = self.origin.get(second, second)

    def _word(self, place):
        register, _, offset = place.strip("[]").partition("+")
        return f"{self.origin[register].removeprefix('global ')}[{int(offset or 0) // 4}]"

    def _origin(self, operand):
        inner = operand.strip("[]")
        return ("at " if inner != operand else "") + self.origin.get(inner, inner)

    def _keep(self, name, operands):
        results = [] if name.startswith("cp.") else operands[0]
        taken = [[self._origin(operand) for operand in group] for group in operands[bool(results) :]]
        given = [f"d[{k}]" for k in range(len(results))]
        self.origin.update(zip(results, given, strict=True))
        self.seen.append((name, [given, *taken] if given else taken))


def differences(ptx):
    """The kernels whose instructions are not those of the table."""
    kernels = kernels_of(ptx)
    assert sorted(kernels) == sorted(TABLE)
    traced = {name: Tracer(statements) for name, statements in kernels.items()}
    return {name: (t.seen, t.stored) for name, t in traced.items() if (t.seen, t.stored) != TABLE[name]}


def test_operands_stand_where_the_ptx_isa_has_them(tmp_path):
    assert differences(compile_to_ptx(tmp_path, (CUDA / "tensor_core.cuh").read_text())) == {}


A, B = '"r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3])', '"r"(b[0]), "r"(b[1])'
BROKEN = {
    "rows of a change places": (A, '"r"(a[1]), "r"(a[0]), "r"(a[2]), "r"(a[3])', {"halves", "bfloats", "tf32"}),
    "halves of b change places": (B, '"r"(b[1]), "r"(b[0])', {"halves", "bfloats", "tf32"}),
    "b stands before a": (f"{A}, {B}", f"{B}, {A}", {"halves", "bfloats", "tf32"}),
    "sums change places": ('"+f"(c[1]), "+f"(c[2])', '"+f"(c[2]), "+f"(c[1])', {"halves", "bfloats", "tf32"}),
    "one type stands for the other": ("f32.bf16.bf16.f32", "f32.f16.f16.f32", {"bfloats"}),
    "matrices come in another order": ('"=r"(r[1]), "=r"(r[2])', '"=r"(r[2]), "=r"(r[1])', {"matrices"}),
    "all bytes are copied": ("[%0], [%1], 16, %2;", "[%0], [%1], 16, 16;", {"copies"}),
    "another count of groups is waited for": ("wait_group %0;", "wait_group 0;", {"copies"}),
}


@pytest.mark.of_kernels
@pytest.mark.plants
@pytest.mark.slow
@pytest.mark.parametrize("what", BROKEN)
def test_notices_that(what, tmp_path):
    before, after, kernels = BROKEN[what]
    header = (CUDA / "tensor_core.cuh").read_text()
    assert before in header, "choose another mutation"
    assert set(differences(compile_to_ptx(tmp_path, header.replace(before, after)))) == kernels


@pytest.mark.parametrize("function", ["multiply_add", "multiply_add_tf32", "load_matrices"])
def test_instructions_of_a_warp_are_volatile(function):
    header = (CUDA / "tensor_core.cuh").read_text()
    bodies = re.findall(rf"void {function}\(.*?\n\}}", header, re.DOTALL)
    assert bodies
    assert all(re.search(r"asm volatile\(", body) for body in bodies)
