"""What the main loop of every CUDA kernel takes in machine code; and a gate against taking more.

    python tools/machine_code.py [FILE ...] [--part]
    python tools/machine_code.py --write

FILEs are compiled modules, libraries, objects or cubins; by default the installed _cuda. Prints a row for each kernel
and architecture, CUB's left out, and exits 1 where a kernel takes more instructions than machine_code.csv says, more of
float64, narrower loads or fewer asynchronous copies; where a kernel has no row there, or a row no kernel (unless FILEs
are a --part). --write makes that file anew, and the table of docs/gpu.md. What a main loop does is in
machine_code.toml; what counts as its way, in machine_code_paths.py. Needs cuobjdump and nvdisasm
(`pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm`), no device.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import machine_code_docs
from kernel_table import installed_module
from machine_code_counts import Counts, Entry, count_file, entry_of, read_entries

HERE = Path(__file__).parent
ENTRIES, TABLE = HERE / "machine_code.toml", HERE / "machine_code.csv"
Table = dict[tuple[str, int], Counts]
COLUMNS = ("kernel", "sm", "units", "instructions", "tensor", "copies", "float64", "integer", "predicated", "loads")


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
    """Columns as wide as they must be."""
    header = (*COLUMNS, "unit")
    rows: list[tuple[str, ...]] = [header]
    for counts in found:
        entry, shown = entry_of(counts.kernel, entries), asdict(counts)
        cells = [f"{shown[c]:g}" if isinstance(shown[c], float) else str(shown[c]) for c in COLUMNS]
        rows.append((*cells, f"{entry.unit}, of a {entry.of}"))
    widths = [max(len(row[c]) for row in rows) for c in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
            machine_code_docs.write(read_table(TABLE), entries, rest)
    table: Table = read_table(given.table)
    said = faults(found, table, entries, rest["slack"], given.part)
    releases: Any = {row.nvcc for row in table.values()} ^ {row.nvcc for row in found}
    if releases:
        print(f"nvcc is not that of the table: {rest['slack']['other_nvcc']:.0%} more are allowed", file=sys.stderr)
    print(*said, sep="\n", end="\n" if said else "", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
