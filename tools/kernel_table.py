"""What every CUDA kernel takes of a multiprocessor; and a gate against spills.

    python tools/kernel_table.py [FILE ...]

FILEs are compiled modules, libraries, objects or cubins; by default the installed _cuda. Prints a row for each kernel
and architecture, and exits 1 where a kernel keeps registers or arrays in local memory, or takes more than 255 registers
a thread, 48 KiB of static shared memory a block, or 99 KiB with the dynamic one, which no device since sm_80 refuses.
Machine code does not say what a launch asks for: dynamic memory is known by the kernel's template arguments. Needs
cuobjdump (from the CUDA toolkit, from `pip install nvidia-cuda-cuobjdump`, or inside triton); no device.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_REGISTERS = 255
MOST_SHARED, MOST_OPTED_IN = 48 * 1024, 99 * 1024
RESERVED = 1024  # of shared memory in each block: the system's, which cuobjdump counts from sm_90 on


@dataclass(frozen=True)
class Kernel:
    """One kernel for one architecture; registers a thread, bytes a thread (stack, local) or a block (static shared)."""

    name: str
    architecture: int
    registers: int
    shared: int
    stack: int
    local: int

    @property
    def dynamic(self) -> int:
        """Bytes of dynamic shared memory: tiles of 128 rows of x and of y, by slices of so many bytes and stages."""
        slices = re.search(r"\bSlices<(\d+), (\d+)>", self.name)
        return 2 * 128 * int(slices[1]) * int(slices[2]) if slices else 0

    def faults(self) -> list[str]:
        """What the gate objects to."""
        found = []
        if self.stack or self.local:
            found.append(f"{self.stack + self.local} bytes of stack: spilled, or an array with a moving index")
        if self.registers > MOST_REGISTERS:
            found.append(f"{self.registers} registers are more than {MOST_REGISTERS}")
        if self.shared > MOST_SHARED:
            found.append(f"{self.shared} bytes of shared memory are more than {MOST_SHARED}")
        elif self.shared + self.dynamic > MOST_OPTED_IN:
            found.append(f"{self.shared + self.dynamic} bytes of shared memory are more than {MOST_OPTED_IN}")
        return found


def find_program(name: str) -> str:
    """The path of cuobjdump or nvdisasm: from PATH, or from a package of this Python."""
    if path := shutil.which(name):
        return path
    for package, inside in (("nvidia", "cu13/bin"), ("triton", "backends/nvidia/bin")):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if path := shutil.which(name, path=str(Path(folder) / inside)):
                return path
    raise SystemExit(f"no {name}; pip install nvidia-cuda-{name} brings one")


def demangle(names: list[str]) -> list[str]:
    """By c++filt, where there is one."""
    if not (names and shutil.which("c++filt")):
        return names
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def readable(name: str) -> str:
    """Name and template arguments alone: no parameters, namespaces or tuning policies."""
    name = re.sub(r"\(anonymous namespace\)::|\([\w: ]+\)(?=\d)", "", name.removeprefix("void "))
    depth, end = 0, len(name)
    for position, letter in enumerate(name):  # the parameters start at the first parenthesis outside < >
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            end = position
            break
    head, _, arguments = name[:end].partition("<")
    kept = [part for part in split_arguments(arguments[:-1]) if not re.search("policy|NullType|decomposer", part)]
    short = ", ".join(part.split("::")[-1] for part in kept)
    return head.split("::")[-1] + (f"<{short}>" if short else "")


def split_arguments(arguments: str) -> list[str]:
    """At the commas that are not inside < >."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def read_kernels(path: Path) -> Iterator[Kernel]:
    """Every kernel in the file, in its order."""
    done = subprocess.run([find_program("cuobjdump"), "-res-usage", str(path)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cuobjdump can't read {path}: {done.stderr.strip() or done.stdout.strip()}")
    architecture, symbol, found = 0, "", []
    for line in done.stdout.splitlines():
        if match := re.match(r"arch = sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r"\s*Function (\S+):$", line):
            symbol = match[1]
        elif "REG:" in line:
            usage = {key: int(value) for key, value in re.findall(r"(\w+):(\d+)", line)}
            found.append((symbol, architecture, usage))
    names = demangle([symbol for symbol, _, _ in found])
    for name, (_, sm, usage) in zip(names, found, strict=True):
        shared = usage["SHARED"] - (RESERVED if sm >= 90 and usage["SHARED"] else 0)
        yield Kernel(readable(name), sm, usage["REG"], shared, usage["STACK"], usage["LOCAL"])


def print_table(kernels: list[Kernel]) -> None:
    """A row for each kernel."""
    numbers = [(k.architecture, k.registers, k.shared, k.dynamic, k.stack + k.local) for k in kernels]
    rows = [(k.name, *map(str, own)) for k, own in zip(kernels, numbers, strict=True)]
    print_columns([("kernel", "sm", "registers", "shared", "dynamic", "stack"), *rows])


def print_columns(rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def installed_module() -> Path:
    """The _cuda of this Python's pyalign."""
    spec = importlib.util.find_spec("pyalign")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(folder, "backends").glob("_cuda.*"):
            return path
    raise SystemExit("pyalign is installed without _cuda; name a file")


def main() -> int:
    """The table, then what the gate objects to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    files = parser.parse_args().files or [installed_module()]
    different = {kernel for path in files for kernel in read_kernels(path)}
    kernels = sorted(different, key=lambda kernel: (kernel.name, kernel.architecture, kernel.registers))
    if not kernels:
        raise SystemExit("no kernels in " + ", ".join(map(str, files)))
    print_table(kernels)
    faults = [(kernel, fault) for kernel in kernels for fault in kernel.faults()]
    for kernel, fault in faults:
        print(f"{kernel.name} for sm_{kernel.architecture}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
