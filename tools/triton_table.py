"""Compile every Triton kernel ahead of time, without a device, and print what it takes of a multiprocessor.

    python tools/triton_table.py [--arch 80 90 100 120]

Calls the functions of pyalign.backends._triton_kernels on tensors without memory (device "meta"), notes what they
launch on each architecture, in every size of tile, and compiles that as a launch would. Of kernels that multiply on
tensor cores it counts a pass of the main loop, for a warp: products, copies by the copy engine (TMA), instructions for
each product. Exits with 1 where a kernel spills registers to memory, takes more than 255 registers, or more shared
memory than a block of the architecture may.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

from pyalign.backends import Rows
from pyalign.backends import _triton_kernels as kernels
from pyalign.backends._tensor_kernels import routes
from pyalign.backends._tensors import TensorGradient, TensorWanted
from pyalign.backends._triton_launch import Launch, recorded
from pyalign.backends._triton_triplets import INDEX_TYPES

SHARED_LIMIT = {80: 163 << 10, 90: 227 << 10, 100: 227 << 10, 120: 99 << 10}  # bytes of a block, by NVIDIA's guide
REGISTER_LIMIT = 255
PROGRAMS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
ROW_TYPES = torch.float32, torch.float16, torch.bfloat16
SIZES = 512, 2048, 4096  # of x with itself, so that each tile of _triton_launch.py is the one to take
PRODUCT = re.compile(r"(HMMA|HGMMA|UTC\w*MMA)\b")  # of a warp, of four warps, of a block


@dataclass(frozen=True)
class Loop:
    """A pass of the main loop, for a warp: how many instructions, products and asynchronous copies of both kinds."""

    instructions: int
    products: int
    engine_copies: int
    thread_copies: int


@dataclass(frozen=True)
class Row:
    """One compiled kernel: what it is, what it takes, and whether its loads of rows are narrow."""

    kernel: str
    types: str
    configuration: str
    arch: int
    registers: int
    shared: int
    stack: int
    narrow: bool
    ptx: str
    loop: Loop | None

    def faults(self) -> list[str]:
        limits = ("registers", REGISTER_LIMIT), ("shared", SHARED_LIMIT[self.arch]), ("stack", 0)
        return [
            f"{self.kernel} ({self.types}; {self.configuration}) sm_{self.arch}: {name} {getattr(self, name)} > {limit}"
            for name, limit in limits
            if getattr(self, name) > limit
        ]


def _meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def _similarities() -> None:
    """Rows that 16-byte loads can read (d = 512) and rows that they can't."""
    for n, dtype, d, tf32 in itertools.product(SIZES, ROW_TYPES, (512, 511), (False, True)):
        if tf32 and dtype != torch.float32:
            continue
        values, terms, out = _meta(n, d, dtype=dtype), _meta(n, dtype=torch.float64), _meta(n, n)
        for pair in ("dot", "rbf"):
            x = Rows(values, terms, pair)
            kernels.similarity(x, None, tf32, out)
            kernels.similarity(x, x, tf32, out)
            with routes("product=cublas"):
                kernels.similarity(x, None, tf32, out)


def _triplets() -> None:
    """Contiguous triplets, and those of a column-major file; n * n below and above what 32 bits hold."""
    want = TensorWanted(invalid=_meta(1, dtype=torch.int32))
    for dtype, contiguous in itertools.product(INDEX_TYPES, (True, False)):
        triplets = _meta(4096, 3, dtype=dtype) if contiguous else _meta(3, 4097, dtype=dtype).T
        kernels.triplets_from_matrix(_meta(512, 512), triplets, want)
        for row_type, d in itertools.product(ROW_TYPES, (512, 511)):
            x = Rows(_meta(512, d, dtype=row_type), _meta(512, dtype=torch.float64), "rbf", 1.0)
            kernels.triplets_from_rows(x, triplets, want)
        for n in (512, 50000):
            out = TensorGradient(_meta(n, n), _meta(1, dtype=torch.float64), want.invalid)
            for targets in (None, _meta(4096, 3)):
                kernels.triplet_gradient(out.matrix, triplets, 1.0, 1.0, out, targets)


def _topk() -> None:
    """Rows that 16-byte loads can read and rows that they can't."""
    for m in (512, 511):
        kernels.topk(_meta(512, m), 10, 0, _meta(512, 10, dtype=torch.int32))


def _choices() -> None:
    """Rows that 16-byte loads can read, and rows that they can't."""
    for n in (512, 511):
        kernels.choice_similarity(_meta(n, n), 1.0, _meta(n, n))


GROUPS = {"similarity": _similarities, "triplets": _triplets, "topk": _topk, "choices": _choices}


def launches(group: str, arch: int) -> list[Launch]:
    """What the functions of that group launch there, in every combination of types and alignments."""
    with recorded((arch // 10, arch % 10)) as found:
        GROUPS[group]()
    return list(found)


def compile_for(launch: Launch, arch: int, seen: set[str] | None = None) -> list[Row]:
    """The launch's row, unless its binary is among those `seen`, which it joins."""
    before, device = triton.runtime.driver._active, SimpleNamespace(
        get_current_device=lambda: arch,  # Triton keeps one cache for each
        get_current_stream=lambda device: 0, get_current_target=lambda: GPUTarget("cuda", arch, 32))
    triton.runtime.driver.set_active(device)
    try:
        done = launch.kernel.warmup(*launch.arguments, grid=(1,), **launch.constants)
    finally:
        triton.runtime.driver.set_active(before)
    seen = set() if seen is None else seen
    if done.hash in seen:
        return []
    seen.add(done.hash)
    return [_row(arch, short(launch.constants), done)]


def _row(arch: int, configuration: str, compiled: Any) -> Row:
    usage = resource_usage(compiled.asm["cubin"])
    shared, stack = usage["SHARED"] + compiled.metadata.shared, max(usage["STACK"], usage["LOCAL"])
    name, types, odd = compiled.metadata.name, _types(compiled.src), _odd_sizes(compiled.src)
    types += f" (odd: {', '.join(odd)})" if odd else ""
    ptx = compiled.asm["ptx"]
    loop = main_loop(_told("nvdisasm", "-c", cubin=compiled.asm["cubin"])) if "mma" in ptx else None
    return Row(name, types, configuration, arch, usage["REG"], shared, stack, bool(odd), ptx, loop)


def _types(source: Any) -> str:
    """Types of the tensors, in order, and the flags that are set at compile time."""
    tensors = [kind[1:] for kind in source.signature.values() if kind.startswith("*")]
    flags = [source.fn.params[path[0]].name for path, value in source.constants.items() if value is True]
    return " ".join([*dict.fromkeys(tensors), *flags])


def _odd_sizes(source: Any) -> list[str]:
    """Sizes that are no multiples of 16, where Triton asks, so that loads are narrow."""
    aligned = {path[0] for path, attributes in source.attrs.items() if attributes}
    asked = [parameter for parameter in source.fn.params if not parameter.do_not_specialize]
    return [p.name for p in asked if source.signature[p.name] in ("i32", "i64") and p.num not in aligned]


def short(constants: dict[str, Any]) -> str:
    """Tile, depth, warps and stages of a launch, as 128x64x16 8w 3s."""
    if "TILE_M" not in constants:
        return "fixed"
    tile = "x".join(str(constants[name]) for name in ("TILE_M", "TILE_N", "DEPTH"))
    return f"{tile} {constants['num_warps']}w {constants['num_stages']}s"


def _told(program: str, *options: str, cubin: bytes) -> str:
    """What a program of Triton's wheel prints of a cubin."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(PROGRAMS / program), *options, file.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def resource_usage(cubin: bytes) -> dict[str, int]:
    """REG, STACK, SHARED and LOCAL of the kernel in a cubin."""
    told = _told("cuobjdump", "-res-usage", cubin=cubin)
    found = {name: int(value) for name, value in re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", told)}
    if found.keys() != {"REG", "STACK", "SHARED", "LOCAL"}:
        raise RuntimeError(f"cuobjdump gave no resource usage: {told}")
    return found


def main_loop(sass: str) -> Loop | None:
    """The straight piece of the listing with the most products, from one label or one jump back to the next."""
    pieces: list[list[str]] = [[]]
    for line in sass.splitlines():
        code = re.search(r"/\*[0-9a-f]{4,}\*/ +(?:@!?U?P\d+ +)?(\w+)", line)
        if re.match(r"\.L_x_\d+:", line):
            pieces.append([])
        elif code and code[1] != "NOP":
            pieces[-1].append(code[1])
    products = [sum(PRODUCT.match(code) is not None for code in codes) for codes in pieces]
    loops = [Loop(len(codes), count, codes.count("UTMALDG"), codes.count("LDGSTS"))
             for codes, count in zip(pieces, products, strict=True)]
    found = max(loops, key=lambda loop: loop.products)
    return found if found.products else None


def compile_group(arch: int, group: str) -> list[Row]:
    """Every kernel of the group in every configuration; a binary that several launches share appears once."""
    seen: set[str] = set()
    return [row for launch in launches(group, arch) for row in compile_for(launch, arch, seen)]


def table(arches: Iterable[int]) -> Iterator[Row]:
    """All rows, by as many processes as there are cores."""
    tasks = list(itertools.product(arches, GROUPS))
    with ProcessPoolExecutor(min(len(tasks), os.cpu_count() or 1), get_context("spawn")) as pool:
        for rows in pool.map(compile_group, *zip(*tasks, strict=True)):
            yield from rows


HEAD = "kernel              arch  registers  shared  stack  copies  products  each  configuration       types"


def line(row: Row) -> str:
    """A row of the table under HEAD."""
    numbers, loop = f"{row.registers:>9}  {row.shared:>6}  {row.stack:>5}", " " * 24
    if row.loop:
        copies = f"{row.loop.engine_copies} TMA" if row.loop.engine_copies else str(row.loop.thread_copies)
        loop = f"{copies:>6}  {row.loop.products:>8}  {row.loop.instructions / row.loop.products:>4.1f}  "
    return f"{row.kernel:<18}  {row.arch:>4}  {numbers}  {loop}{row.configuration:<18}  {row.types}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", nargs="+", type=int, default=list(SHARED_LIMIT), choices=list(SHARED_LIMIT))
    rows = []
    print(HEAD)
    for row in table(parser.parse_args().arch):
        print(line(row), flush=True)
        rows.append(row)
    faults = [fault for row in rows for fault in row.faults()]
    print(f"{len(rows)} kernels", *faults, sep="\n")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
