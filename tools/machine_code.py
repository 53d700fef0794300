"""What the main loop of every CUDA kernel takes in machine code; and a gate against taking more.

    python tools/machine_code.py [FILE ...] [--part]
    python tools/machine_code.py --write

FILEs are compiled modules, libraries, objects or cubins; by default the installed _cuda. Prints a row for each kernel
and architecture, CUB's left out, and exits 1 where a kernel takes more instructions than machine_code.csv says, more of
float64, narrower loads or fewer asynchronous copies; where a kernel has no row there, or a row no kernel (unless FILEs
are a --part). --write makes that file anew, and the table of docs/gpu.md. What a main loop does is in
machine_code.toml; what counts as its way, in machine_code_read.py. Needs cuobjdump and nvdisasm
(`pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm`), no device.
"""
from __future__ import annotations

import argparse
import csv
import fnmatch
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from kernel_table import demangle, find_program, installed_module, print_columns, readable
from machine_code_read import TENSOR, Function, Instruction, Loop, Work, best_way, count, read_functions

HERE = Path(__file__).parent
ENTRIES, TABLE, PAGE = HERE / "machine_code.toml", HERE / "machine_code.csv", HERE.parent / "docs" / "gpu.md"
COLUMNS = ("kernel", "sm", "units", "instructions", "tensor", "copies", "float64", "integer", "predicated", "loads")
FLOAT64 = r"D(ADD|FMA|MUL|SETP|MNMX)\b|\S*\.F64|MUFU\.\w+64H"
INTEGER = r"U?(IMAD|V?IADD|LEA|P?LOP|SHF|BMSK|SGXT|ISETP|V?I\w*MNMX|IABS|PRMT|SEL|FLO|POPC|MOV|R2UR|CS2R)"
COPIES = r"LDGSTS|UTMALDG|UBLKCP"  # to shared memory, asynchronous
GLOBAL, LOADS = r"LDG\b|LDGSTS", r"LDG\b|LDGSTS|LDS|UTMALDG|UBLKCP"
CUDA_ELF = 190  # e_machine of a cubin
MOST_TIMES = 4  # that a loop inside the main loop may run
SYMBOLS = 2  # sh_type of a table of symbols
CUB = re.compile(r"_ZN\d*3cub\d")


WARP = 32  # threads


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


# --- the table, and the gate

Table = dict[tuple[str, int], Counts]


def read_table(path: Path) -> Table:
    """By kernel and architecture."""
    kinds = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Counts)}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [Counts(**{name: kinds[name](text) for name, text in row.items()}) for row in csv.DictReader(file)]
    return {(row.kernel, row.sm): row for row in rows}


def write_table(path: Path, rows: Iterable[Counts]) -> None:
    """In the order of the kernels' names."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Counts)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def beyond(counts: Counts, expected: Counts, entry: Entry, slack: dict[str, float]) -> list[str]:
    """What is worse in a kernel than its row allows."""
    if not counts.units:
        return [f"no loop has {entry.work}, by which its units are known (machine_code.toml)"]
    share = slack["same_nvcc" if counts.nvcc == expected.nvcc else "other_nvcc"]
    most, least = 1 + share, 1 - share
    unit, found = f"a {entry.unit}", []
    if counts.instructions > expected.instructions * most:
        found.append(f"{counts.instructions:g} instructions {unit}; the table says {expected.instructions:g}")
    if entry.most is not None and counts.instructions > entry.most:
        found.append(f"{counts.instructions:g} instructions {unit}; machine_code.toml allows {entry.most:g}")
    if counts.float64 > expected.float64 * most:
        found.append(f"{counts.float64:g} instructions of float64 {unit}; the table says {expected.float64:g}")
    if counts.tensor < expected.tensor * least:
        found.append(f"{counts.tensor:g} tensor-core instructions {unit}; the table says {expected.tensor:g}")
    if counts.copies < expected.copies * least:
        found.append(f"{counts.copies:g} asynchronous copies {unit}; the table says {expected.copies:g}")
    if counts.load_width < expected.load_width * least:
        found.append(f"loads of {counts.load_width:g} bytes; the table says {expected.load_width:g}")
    return found


def faults(found: list[Counts], table: Table, entries: list[Entry], slack: dict[str, float], part: bool) -> list[str]:
    """What the gate objects to."""
    said = []
    for counts in found:
        title, expected = f"{counts.kernel} for sm_{counts.sm}", table.get((counts.kernel, counts.sm))
        if expected is None:
            said.append(f"{title}: no row in the table; --write makes one")
        else:
            objections = beyond(counts, expected, entry_of(counts.kernel, entries), slack)
            said += [f"{title}: {objection}" for objection in objections]
    architectures, kernels = {counts.sm for counts in found}, {(counts.kernel, counts.sm) for counts in found}
    lost = [] if part else [(kernel, sm) for kernel, sm in table if sm in architectures and (kernel, sm) not in kernels]
    return said + [f"{kernel} for sm_{sm}: a row in the table, and no kernel" for kernel, sm in lost]


def print_counts(found: list[Counts], entries: list[Entry]) -> None:
    """A row for each kernel."""
    rows: list[tuple[str, ...]] = [(*COLUMNS, "unit")]
    for counts in found:
        entry, shown = entry_of(counts.kernel, entries), asdict(counts)
        cells = [f"{shown[c]:g}" if isinstance(shown[c], float) else str(shown[c]) for c in COLUMNS]
        rows.append((*cells, f"{entry.unit}, of a {entry.of}"))
    print_columns(rows)


# --- the page


def cases_table(table: Table, entries: list[Entry], rest: dict[str, Any]) -> str:
    """The least time to issue of each case, on the device of the entries."""
    device = rest["device"]
    columns = ["Case", "Kernel", "Units", "Instructions a unit", "Warp instructions", "To issue, at least"]
    rows = [columns, ["---"] * len(columns)]
    for case in rest.get("case", []):
        kernel = case["kernel"]
        if (kernel, device["sm"]) not in table:
            raise SystemExit(f"machine_code.toml: a case of {kernel} for sm_{device['sm']}, of which there is no row")
        one, entry = table[kernel, device["sm"]], entry_of(kernel, entries)
        units, issued = math.prod(case["factors"]), warp_instructions(case, one, entry)
        of = f"{significant(units)} ({case['are']})"
        cells = [
            case["text"], f"`{kernel}`", of, f"{one.instructions:.4g}", significant(issued),
            time_text(issued / issue_rate(device)),
        ]
        rows.append(cells)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def warp_instructions(case: dict[str, Any], counts: Counts, entry: Entry) -> float:
    """Those of all warps: 32 threads share an instruction."""
    return math.prod(case["factors"]) * counts.instructions / (WARP if entry.of == "thread" else 1)


def issue_rate(device: dict[str, Any]) -> float:
    """Warp instructions a second of the whole device."""
    return float(device["multiprocessors"] * device["issues"] * device["gigahertz"] * 1e9)


def page(text: str, table: Table, entries: list[Entry], rest: dict[str, Any]) -> str:
    """The page with its table and the release of nvcc as the table has them."""
    parts = {
        "cases": cases_table(table, entries, rest),
        "nvcc": "Counts are of the code of nvcc " + ", ".join(sorted({row.nvcc for row in table.values()})) + ".",
    }
    for name, part in parts.items():
        place = re.compile(rf"(<!-- machine code: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not place.search(text):
            raise SystemExit(f"{PAGE} has no place for the machine code's {name}")
        text = place.sub(lambda match, part=part: f"{match[1]}\n{part}\n\n{match[2]}", text)
    return text


def significant(number: float) -> str:
    """Three digits: 4.70 M."""
    for size, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def time_text(seconds: float) -> str:
    """In milliseconds or microseconds: 32.7 µs."""
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--part", action="store_true", help="FILEs need not hold every kernel of the table")
    parser.add_argument("--write", action="store_true", help="make the table and that of docs/gpu.md anew")
    parser.add_argument("--entries", type=Path, default=ENTRIES, metavar="TOML", help="another machine_code.toml")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="CSV", help="another machine_code.csv")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """The counts, then what the gate objects to."""
    given = parse(arguments)
    entries, rest = read_entries(given.entries)
    found = [counts for path in given.files or [installed_module()] for counts in count_file(path, entries)]
    if not found:
        raise SystemExit("no kernels in " + ", ".join(map(str, given.files)))
    print_counts(found, entries)
    if given.write:
        write_table(given.table, found)
        if given.table == TABLE:
            PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read_table(TABLE), entries, rest), encoding="utf-8")
    table: Table = read_table(given.table)
    said = faults(found, table, entries, rest["slack"], given.part)
    releases: Any = {row.nvcc for row in table.values()} ^ {row.nvcc for row in found}
    if releases:
        print(f"nvcc is not that of the table: {rest['slack']['other_nvcc']:.0%} more are allowed", file=sys.stderr)
    print(*said, sep="\n", end="\n" if said else "", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
