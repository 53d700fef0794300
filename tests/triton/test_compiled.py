"""The Triton kernels compiled ahead of time, for devices that this machine need not have."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
tl = pytest.importorskip("triton.language", reason="triton is not installed")
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import torch  # noqa: E402
import triton  # noqa: E402
import triton_table  # noqa: E402

from pyalign.backends import Rows, _triton_kernels, _triton_launch, _triton_similarity, _triton_triplets  # noqa: E402
from pyalign.backends._triton_launch import Launch, recorded  # noqa: E402
from pyalign.backends._triton_similarity import DESCRIBED_KINDS  # noqa: E402

MODULES = _triton_kernels, _triton_similarity, _triton_triplets
ARCHES = 80, 90, 100
pytestmark = pytest.mark.of_kernels
TENSOR_CORES = r"\b(mma\.sync|wgmma\.mma_async|tcgen05\.mma)\b"


@triton.jit
def greedy_kernel(x, y, out, d, SIZE: tl.constexpr, DEPTH: tl.constexpr):
    """One tile of a matrix product, of whatever size."""
    rows, features = tl.arange(0, SIZE), tl.arange(0, DEPTH)
    g = tl.zeros((SIZE, SIZE), tl.float32)
    for start in range(0, d, DEPTH):
        a = tl.load(x + rows[:, None] * d + (start + features)[None, :])
        b = tl.load(y + rows[:, None] * d + (start + features)[None, :])
        g = tl.dot(a, tl.trans(b), g)
    tl.store(out + rows[:, None] * SIZE + rows[None, :], g)


def greedy(arch, **constants):
    x, out = (torch.empty(256, 256, dtype=dtype, device="meta") for dtype in (torch.bfloat16, torch.float32))
    return triton_table.compile_for(
        Launch(greedy_kernel, (x, x, out, 256), {**constants, "enable_fp_fusion": True}), arch
    )[0]


@pytest.fixture(scope="module")
def table():
    return list(triton_table.table(ARCHES))


def kernels_of(module):
    return {name for name in vars(module) if name.endswith("_kernel")}


def test_no_kernel_spills_or_takes_too_much(table, capsys):
    with capsys.disabled():  # for whoever reads the log of a run
        print("", triton_table.HEAD, *map(triton_table.line, table), sep="\n")
    assert [fault for row in table for fault in row.faults()] == []


@pytest.mark.parametrize("arch", ARCHES)
def test_every_kernel_in_every_configuration_is_in_the_table(table, arch):
    rows = [row for row in table if row.arch == arch]
    assert {row.kernel for row in rows} == set().union(*map(kernels_of, MODULES))
    tables = (_triton_launch.PLAIN, _triton_launch.DESCRIBED) if arch == 90 else (_triton_launch.PLAIN,)
    tiles = {short(tile) for table_of in tables for some in table_of.values() for tile in some}
    if arch == 90:  # wide rows are described there
        tiles -= {short(tile) for tile in _triton_launch.PLAIN["half"]}
    assert {row.configuration for row in rows if row.kernel == "similarity_kernel"} == tiles
    for first in ("fp32", "fp16", "bf16"):
        for narrow in (False, True):
            for kernel in ("similarity_kernel", "from_rows_kernel"):
                found = [r for r in rows if r.kernel == kernel and r.types.split()[0] == first and r.narrow == narrow]
                assert found or (kernel == "similarity_kernel" and arch == 90 and first != "fp32" and not narrow)


def short(tile):
    return triton_table.short({**tile.constants, **tile.options})


@pytest.mark.parametrize("arch", ARCHES)
def test_the_gradient_is_compiled_with_and_without_targets(table, arch):
    rows = [row for row in table if row.arch == arch and row.kernel == "residual_kernel"]
    for keys in ("i32", "i64"):
        found = {"SOFT" in row.types.split() for row in rows if keys in row.types.split()}
        assert found == {False, True}, keys


@pytest.mark.parametrize(("arch", "instruction"), [(80, "mma.sync"), (90, "wgmma.mma_async"), (100, "tcgen05.mma")])
def test_products_are_those_of_tensor_cores_where_they_may_be(table, arch, instruction):
    for row in table:
        if row.kernel == "similarity_kernel" and row.arch == arch:
            found = set(re.findall(TENSOR_CORES, row.ptx))
            exact = row.types.startswith("fp32") and "TF32" not in row.types
            assert found == (set() if exact else {instruction}), row.types


def test_on_hopper_the_copy_engine_brings_the_slices_and_few_instructions_are_left(table):
    """Of every kind of rows that it takes, in every size of tile: two copies and four products a slice."""
    found = [row for row in table if row.arch == 90 and "DESCRIBED" in row.types]
    kinds = {"half": 2, "tf32": 1}  # types of rows
    assert len(found) == sum(len(_triton_launch.DESCRIBED[kind]) * kinds[kind] for kind in DESCRIBED_KINDS)
    for row in found:
        assert "cp.async.bulk.tensor" in row.ptx
        assert (row.loop.products, row.loop.engine_copies, row.loop.thread_copies) == (4, 2, 0), row
        assert row.loop.instructions <= 18 * row.loop.products, row
    assert not any(row.loop and row.loop.engine_copies for row in table if row.arch != 90)


def test_graphics_cards_with_less_shared_memory_take_the_largest_tiles():
    """Compute capability 12: products of warps, 99 KB a block."""
    with recorded((12, 0)) as launches:
        x = triton_table._meta(4096, 512, dtype=torch.bfloat16)
        _triton_kernels.similarity(Rows(x, None, "dot"), None, False, triton_table._meta(4096, 4096))
    (row,) = triton_table.compile_for(launches[0], 120)
    assert row.faults() == [] and row.configuration.startswith("128x128") and "mma.sync" in row.ptx


def test_nothing_is_timed_unless_it_is_asked_for(monkeypatch):
    x, out = triton_table._meta(4096, 512, dtype=torch.bfloat16), triton_table._meta(4096, 4096)
    for tuning in (False, True):
        monkeypatch.setattr(_triton_similarity, "TUNING", tuning)
        with recorded() as launches:
            _triton_kernels.similarity(Rows(x, None, "dot"), None, False, out)
        assert [hasattr(one.kernel, "configs") for one in launches] == [tuning]
    tiles = [config.all_kwargs()["TILE_N"] for config in launches[0].kernel.configs]
    assert tiles == [tile.width for tile in _triton_launch.DESCRIBED["half"]]
    arguments = {"x": launches[0].arguments[0], "y": launches[0].arguments[1], "TILE_M": 64, "TILE_N": 32, "DEPTH": 16}
    launches[0].kernel.configs[0].pre_hook(arguments)
    assert (arguments["x"].block_shape, arguments["y"].block_shape) == ([64, 16], [32, 16])


def test_tf32_rows_are_copied_by_threads_where_descriptors_cannot_round(monkeypatch):
    """As with Triton 3.6; halves are described all the same."""
    monkeypatch.setattr(_triton_similarity, "DESCRIBED_KINDS", ("half",))
    for dtype, described in ((torch.float32, False), (torch.float16, True)):
        x, out = triton_table._meta(4096, 512, dtype=dtype), triton_table._meta(4096, 4096)
        with recorded() as launches:
            _triton_kernels.similarity(Rows(x, None, "dot"), None, True, out)
        constants = launches[0].constants
        assert (constants["DESCRIBED"], constants["TF32"]) == (described, not described)
        tiles = _triton_launch.DESCRIBED["half"] if described else _triton_launch.PLAIN["tf32"]
        assert constants["TILE_N"] == tiles[0].width


def test_a_count_of_the_main_loop_knows_its_instructions():
    sass = """
        /*0000*/                   MOV R1, R2 ;
.L_x_1:
        /*0010*/              @!P0 LDGSTS.E.128 [R1], [R2.64] ;
        /*0020*/                   HMMA.16816.F32 R4, R8, R12, R4 ;
        /*0030*/                   HMMA.16816.F32 R4, R8, R12, R4 ;
        /*0040*/              @P1  BRA `(.L_x_1) ;
.L_x_2:
        /*0050*/                   HMMA.16816.F32 R4, R8, R12, R4 ;
        /*0060*/                   NOP ;
"""
    assert triton_table.main_loop(sass) == triton_table.Loop(4, 2, 0, 1)
    assert triton_table.main_loop("/*0000*/  EXIT ;") is None


@pytest.mark.parametrize("arch", ARCHES)
def test_a_kernel_that_spills_is_caught(arch):
    row = greedy(arch, SIZE=256, DEPTH=32, num_warps=4, num_stages=1)
    assert row.stack > 0
    assert any("stack" in fault for fault in row.faults())


def test_a_kernel_with_too_much_shared_memory_is_caught():
    row = greedy(80, SIZE=128, DEPTH=128, num_warps=8, num_stages=4)
    assert row.shared > 163 * 1024
    assert any("shared" in fault for fault in row.faults())


def test_a_kernel_within_the_limits_has_no_faults():
    row = greedy(80, SIZE=64, DEPTH=32, num_warps=4, num_stages=2)
    assert row.faults() == [] and row.registers > 0 and row.shared > 0
    assert dataclasses.replace(row, registers=256).faults()


def test_the_tool_says_so_by_its_exit_code(monkeypatch, capsys):
    row = greedy(80, SIZE=64, DEPTH=32, num_warps=4, num_stages=2)
    monkeypatch.setattr(sys, "argv", ["triton_table.py", "--arch", "80"])
    for stack, code in ((0, 0), (8, 1)):
        monkeypatch.setattr(triton_table, "table", lambda arches, stack=stack: [dataclasses.replace(row, stack=stack)])
        assert triton_table.main() == code
        assert ("stack 8 > 0" in capsys.readouterr().out) == (code == 1)
    monkeypatch.setattr(triton_table, "table", lambda arches: [])
    assert triton_table.main() == 1
