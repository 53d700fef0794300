"""What the main loop of a kernel takes: from compiled files or nvdisasm's text, by the entries of machine_code.toml."""

from __future__ import annotations

import fnmatch
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from kernel_table import demangle, find_program, readable
from machine_code_paths import TENSOR, Work, best_way, count
from machine_code_read import Function, Instruction, Loop, read_functions

FLOAT64 = r"D(ADD|FMA|MUL|SETP|MNMX)\b|\S*\.F64|MUFU\.\w+64H"
INTEGER = r"U?(IMAD|V?IADD|LEA|P?LOP|SHF|BMSK|SGXT|ISETP|V?I\w*MNMX|IABS|PRMT|SEL|FLO|POPC|MOV|R2UR|CS2R)"
COPIES = r"LDGSTS|UTMALDG|UBLKCP"  # to shared memory, asynchronous
GLOBAL, LOADS = r"LDG\b|LDGSTS", r"LDG\b|LDGSTS|LDS|UTMALDG|UBLKCP"
CUDA_ELF = 190  # e_machine of a cubin
MOST_TIMES = 4  # that a loop inside the main loop may run
SYMBOLS = 2  # sh_type of a table of symbols
CUB = re.compile(r"_ZN\d*3cub\d")


@dataclass(frozen=True)
class Entry:
    """What a pass of a kernel's main loop does, as machine_code.toml says."""

    names: str = "*"
    unit: str = "pass"
    of: str = "warp"
    work: str | None = TENSOR
    marks: int | None = None
    units: int | None = 1
    copies: int = 0
    around: bool = False
    avoid: str | None = None
    outside: str | None = None
    most: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Counts:
    """Of one kernel for one architecture; numbers are those of a unit of work."""

    kernel: str
    sm: int
    nvcc: str  # its release, or empty
    units: float  # in a pass; 0 where what they are known by is not there
    instructions: float
    tensor: float
    copies: float
    float64: float
    integer: float
    predicated: float  # share of the instructions
    load_width: float  # bytes of an average load from memory
    loads: str  # of a pass

    @property
    def title(self) -> str:
        return f"{self.kernel} for sm_{self.sm}"


def read_entries(path: Path) -> tuple[list[Entry], dict[str, Any]]:
    """Of the file, and the rest of it."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = []
    for given in document.pop("kernel", []):
        defaults = {"work": None, "units": None}
        entries.append(Entry(**{**defaults, **given}))
    return entries, document


def entry_of(kernel: str, entries: list[Entry]) -> Entry:
    """The first that fits; for a kernel that is in none, a pass of its main loop is the unit."""
    return next((entry for entry in entries if fnmatch.fnmatchcase(kernel, entry.names)), Entry())


def count_file(path: Path, entries: list[Entry]) -> list[Counts]:
    """Of every kernel in a module, library, object or cubin, CUB's left out; other code under a name is a row more."""
    with tempfile.TemporaryDirectory(prefix="machine-code-") as folder:
        cubins = _extract(path, Path(folder))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            texts = list(pool.map(disassemble, cubins))
        found = [
            counts
            for cubin, text in zip(cubins, texts, strict=True)
            for counts in counts_of(text, entries, release_of(cubin))
        ]
    return sorted(set(found), key=lambda counts: (counts.kernel, counts.sm))


def _extract(path: Path, folder: Path) -> list[Path]:
    """Cubins with kernels."""
    head = path.read_bytes()[:20]
    if head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little") == CUDA_ELF:
        return [path]
    done = subprocess.run(
        [find_program("cuobjdump"), "-xelf", "all", str(path.resolve())], cwd=folder, capture_output=True, text=True
    )
    cubins = sorted(folder.iterdir())
    if done.returncode or not cubins:
        raise SystemExit(f"cuobjdump finds no kernels in {path}: {done.stderr.strip() or done.stdout.strip()}")
    return cubins


def disassemble(cubin: Path) -> str:
    """What nvdisasm prints of its kernels, CUB's left out: they would take a third of the time."""
    wanted = ",".join(str(index) for index, name in kernel_symbols(cubin.read_bytes()) if not CUB.match(name))
    if not wanted:
        return ""
    done = subprocess.run([find_program("nvdisasm"), "-c", "-fun", wanted, str(cubin)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"nvdisasm can't read {cubin}: {done.stderr.strip()}")
    return done.stdout


def kernel_symbols(elf: bytes) -> Iterator[tuple[int, str]]:
    """Number and name of each symbol of a 64-bit ELF file that has a section of code to itself."""
    start, size, number, names_at = struct.unpack_from("<Q10xHHH", elf, 0x28)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, start + k * size) for k in range(number)]

    def text(section: int, offset: int) -> str:
        begin = sections[section][4] + offset
        return elf[begin : elf.index(b"\0", begin)].decode()

    names = [text(names_at, section[0]) for section in sections]
    for section in sections:
        if section[1] != SYMBOLS:
            continue
        for index in range(section[5] // 24):
            name, _, _, place = struct.unpack_from("<IBBH", elf, section[4] + 24 * index)
            if place < number and (symbol := text(section[6], name)) and names[place] == f".text.{symbol}":
                yield index, symbol


def release_of(cubin: Path) -> str:
    """Of the nvcc that made it, which notes so: 13.0; empty where it does not."""
    found = re.search(rb"Cuda compilation tools, release (\d+\.\d+)", cubin.read_bytes())
    return found[1].decode() if found else ""


def counts_of(sass: str, entries: list[Entry] | None = None, nvcc: str = "") -> Iterator[Counts]:
    """Of every kernel in nvdisasm's text; without entries, of a pass of the loop with the tensor-core instructions."""
    functions = [f for f in read_functions(sass) if not CUB.match(f.symbol)]
    names = demangle([function.symbol for function in functions])
    for name, function in zip(names, functions, strict=True):
        kernel = readable(name)
        yield count_function(kernel, function, entry_of(kernel, entries or []), nvcc)


def main_loop(function: Function, work: Work) -> Loop | None:
    """The loop a pass of which does most of the work, what loops in it do left out."""
    return max(function.loops, default=None, key=lambda loop: best_way(function, loop, Work(work.opcodes))[0])


def count_function(kernel: str, function: Function, entry: Entry, nvcc: str = "") -> Counts:
    """A pass: of the main loop, of the loop around it, or of a kernel whose entry names no work."""
    work = Work(entry.work or TENSOR, entry.avoid)
    main = main_loop(function, work) if entry.work else None
    way: list[tuple[Fraction, Instruction]] = [
        (Fraction(1), instruction) for instruction in _with_copies(function, main, work, entry.copies)
    ]
    marks = count((i for _, i in way), work.opcodes)
    units = Fraction(entry.units or Fraction(marks, entry.marks or 1))
    if entry.around and main and entry.marks:
        times = Fraction(entry.marks, marks) if marks else Fraction(0)
        units = Fraction(entry.units or 1) if marks else Fraction(0)
        outer = best_way(function, function.around(main), Work(work.opcodes, entry.outside), through=main)[1]
        way = [(times, instruction) for _, instruction in way] + [(Fraction(1), i) for i in outer]
    return _summed(kernel, function.architecture, nvcc, units, way)


def _with_copies(function: Function, main: Loop | None, work: Work, copies: int) -> tuple[Instruction, ...]:
    """The way of a pass; loops in it, if any, run as often as so many asynchronous copies take."""
    ways = [best_way(function, main, work, times=times)[1] for times in range(MOST_TIMES + 1 if copies else 1)]
    return next((way for way in ways if count(way, COPIES) >= copies), ways[0])


def _summed(kernel: str, sm: int, nvcc: str, units: Fraction, way: list[tuple[Fraction, Instruction]]) -> Counts:
    def of(pattern: str) -> Fraction:
        return sum((weight for weight, i in way if re.match(pattern, i.opcode)), Fraction(0))

    def each(number: Fraction) -> float:
        return round(float(number / units), 3) if units else 0.0

    everything = sum((weight for weight, _ in way), Fraction(0))
    switched = sum((weight for weight, i in way if i.predicated), Fraction(0))
    loaded = sum((weight * i.width for weight, i in way if re.match(GLOBAL, i.opcode)), Fraction(0))
    return Counts(
        kernel, sm, nvcc, round(float(units), 3), each(everything), each(of(TENSOR)), each(of(COPIES)),
        each(of(FLOAT64)), each(of(INTEGER)), round(float(switched / everything), 3) if everything else 0.0,
        round(float(loaded / of(GLOBAL)), 2) if of(GLOBAL) else 0.0, _loads(way),
    )


def _loads(way: list[tuple[Fraction, Instruction]]) -> str:
    """How many of each kind and width: 4 LDG.128, 8 LDS.64."""
    kinds: Counter[str] = Counter()
    for weight, i in way:
        if re.match(LOADS, i.opcode) and (i.width or i.opcode.startswith("U")):
            kind = i.opcode.split(".")[0]
            kinds[f"{kind}.{8 * i.width}" if i.width else kind] += weight
    return ", ".join(f"{float(number):g} {kind}" for kind, number in sorted(kinds.items()))
