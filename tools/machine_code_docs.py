"""The table of machine code in docs/gpu.md: the least time to issue that follows from the counts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from machine_code_counts import Counts, Entry, entry_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gpu.md"
WARP = 32  # threads
Table = dict[tuple[str, int], Counts]


def cases_table(table: Table, entries: list[Entry], rest: dict[str, Any]) -> str:
    """The least time to issue of each case, on the device of the entries."""
    device = rest["device"]
    columns = ["Case", "Kernel", "Units", "Instructions a unit", "Warp instructions", "To issue, at least"]
    lines = [_row(columns), _row(["---"] * len(columns))]
    for case in rest.get("case", []):
        kernel = case["kernel"]
        if (kernel, device["sm"]) not in table:
            raise SystemExit(f"machine_code.toml: a case of {kernel} for sm_{device['sm']}, of which there is no row")
        one, entry = table[kernel, device["sm"]], entry_of(kernel, entries)
        units, issued = math.prod(case["factors"]), warp_instructions(case, one, entry)
        of = f"{significant(units)} ({case['are']})"
        cells = [
            case["text"],
            f"`{kernel}`",
            of,
            f"{one.instructions:.4g}",
            significant(issued),
            time_text(issued / issue_rate(device)),
        ]
        lines.append(_row(cells))
    return "\n".join(lines)


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


def write(table: Table, entries: list[Entry], rest: dict[str, Any]) -> None:
    """Puts them into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), table, entries, rest), encoding="utf-8")


def significant(number: float) -> str:
    """Three digits: 4.70 M."""
    for size, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def time_text(seconds: float) -> str:
    """In milliseconds or microseconds: 32.7 µs."""
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
