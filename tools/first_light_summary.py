"""One page of what first light has found: of each case and kernel what was predicted, what was measured, the ratio.

It is written from the archives in a folder, whichever parts have left one there, so that those of several calls, of
several machines even, can be brought together. Predicted times, and bytes of memory and of L2, are those of
benchmarks/gpu_cases.py, warp instructions those of machine_code.csv. What a rehearsal counted is marked "not measured".
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import tarfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]
from csv_rows import markdown  # noqa: E402
from kernel_table import demangle, readable  # noqa: E402
from machine_code import (  # noqa: E402  # noqa: E402
    ENTRIES, TABLE, entry_of, read_entries, read_table, significant, time_text, warp_instructions,
)

from benchmarks.gpu_cases import CARDS, GPU_CASES, H100, Card, GpuCase, title  # noqa: E402

PAGE = "summary.md"
PARTS = ("check", "benchmarks", "tests", "ncu", "memcheck", "rest")
ENGINES = ("cuda", "triton", "torch")
TIME, MEMORY, L2, INSTRUCTIONS = COUNTS = (
    "gpu__time_duration.sum", "dram__bytes.sum", "lts__t_bytes.sum", "smsp__inst_executed.sum",
)
COMPUTE_LIGHT = "sm__throughput.avg.pct_of_peak_sustained_elapsed"
MEMORY_LIGHT = "gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed"
UNITS = {"ns": 1e-9, "nsecond": 1e-9, "us": 1e-6, "usecond": 1e-6, "ms": 1e-3, "msecond": 1e-3,
         "Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9}
BETWEEN_CALLS = "spin_kernel"  # of torch's, which stands before each call that is profiled
NOT_MEASURED = "not measured"


@dataclass
class Part:
    """The report of a part, and the texts in its archive by name."""

    report: dict[str, Any]
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def rehearsal(self) -> bool:
        return bool(self.report["rehearsal"])

    @property
    def card(self) -> Card:
        """The peaks of its device; those of an H100 where they are not known."""
        return next((card for card in CARDS if card.name in self.report["device"]), H100)


Kernel = tuple[str, dict[str, float]]  # a launch that Nsight Compute counted: mangled name; seconds and bytes by name


def ncu_name(number: int) -> str:
    """Of the step that profiles a case, and of its files."""
    return f"ncu-{number + 1:02d}"


def read_archives(folder: Path) -> dict[str, Part]:
    """By part; a part without an archive is not there."""
    parts = {}
    for name in PARTS:
        if not (path := folder / f"{name}.tar.gz").exists():
            continue
        with tarfile.open(path) as file:
            members = [member for member in file.getmembers() if member.isfile()]
            texts = {Path(one.name).name: file.extractfile(one).read().decode("utf-8", "replace") for one in members}
        parts[name] = Part(json.loads(texts.pop("report.json")), texts)
    return parts


def read_ncu(text: str) -> list[Kernel]:
    """The launches in `ncu --csv --page raw`: a line of names, one of units, and a line for each launch."""
    lines = [line for line in text.splitlines() if line.startswith('"')]  # others are what ncu says of its work
    units, *launches = list(csv.DictReader(lines)) or [{}]
    return [(one["Kernel Name"], {name: number(one[name], units[name]) for name in one if "__" in name})
            for one in launches]


def number(text: str, unit: str) -> float:
    """With thousands parted by commas; NaN where there is none."""
    try:
        return float(text.replace(",", "")) * UNITS.get(unit, 1.0)
    except ValueError:
        return math.nan


def calls_of(log: str, kernels: list[Kernel]) -> dict[str, list[Kernel]]:
    """The launches of each call that was profiled, by contender."""
    names = [line.removeprefix("profiled ") for line in log.splitlines() if line.startswith("profiled ")]
    calls: list[list[Kernel]] = []
    for kernel in kernels:
        if BETWEEN_CALLS in kernel[0]:
            calls.append([])
        elif calls:
            calls[-1].append(kernel)
    return dict(zip(names, calls, strict=False))


# ---------------------------------------------------------------- the page


def page(parts: dict[str, Part]) -> str:
    """All that the archives say."""
    rehearsed = [name for name, part in parts.items() if part.rehearsal]
    devices = ", ".join(dict.fromkeys(part.report["device"] for part in parts.values()))
    lines = [f"# First light: {devices or 'no part has been run'}", ""]
    if rehearsed:
        lines += [f"Rehearsed on the CPU: {', '.join(rehearsed)}. No figure of these parts is measured.", ""]
    lines += [*parts_table(parts), "", *engine_lines(parts)]
    if "benchmarks" in parts:
        lines += ["", "## Times: of a call, and of its replay as a graph", "", *times_table(parts["benchmarks"])]
    if "ncu" in parts:
        lines += ["", "## Counts: predicted, measured, ratio", "", *counts_table(parts["ncu"])]
    return "\n".join(lines) + "\n"


def parts_table(parts: dict[str, Part]) -> list[str]:
    """Each part, whether it has been run or not, with what failed in it."""
    rows = [("Part", "Passed", "Seconds", "When", "Sources", "What did not pass")]
    for name in PARTS:
        if name not in parts:
            rows.append((name, "not run", "", "", "", ""))
            continue
        report = parts[name].report
        wrong: dict[str, list[str]] = {}
        for step in report["steps"]:
            if step["outcome"] != "passed":
                wrong.setdefault(step["outcome"] + last_line(parts[name], step), []).append(step["name"])
        said = "; ".join(f"{', '.join(steps)}: {outcome}" for outcome, steps in wrong.items())
        passed = f"{len(report['steps']) - sum(map(len, wrong.values()))} of {len(report['steps'])}"
        sources = " ".join(filter(None, (report["commit"], report["sources"])))
        rows.append((name, passed, f"{report['seconds']:.0f}", report["date"], sources, said))
    return markdown(*rows)


def last_line(part: Part, step: dict[str, Any]) -> str:
    """What the log of a step that failed ends with, in brackets."""
    lines = part.texts.get(f"{step['name']}.log", "").strip().splitlines()
    return f" ({lines[-1][:100].replace('|', '/')})" if lines and step["outcome"].startswith("failed") else ""


def engine_lines(parts: dict[str, Part]) -> list[str]:
    """Whether each engine runs, and what came of its tests."""
    both = (("check", "engines"), ("tests", "tests"))
    logs = [parts[name].texts.get(f"{log}.log", "") for name, log in both if name in parts]
    return [f"- {line}" for log in logs for line in log.splitlines() if line.startswith("engine ")]


def times_table(part: Part) -> list[str]:
    """A row for each case: its roofline, each engine's times with their ratio to it, and the fastest peer."""
    found: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = {}
    for row in csv.DictReader(io.StringIO(part.texts.get("gpu.csv", ""))):
        times = float(row["median"]), float(row["graph"])
        found.setdefault((row["op"], row["case"], row["dtype"]), {})[row["backend"]] = times
    rows = [("Case", "Predicted", *ENGINES, "Other routes", "Fastest peer")]
    for case in GPU_CASES:
        ours, peers, shown = {}, {}, partial(timed, bound=case.seconds(part.card), rehearsal=part.rehearsal)
        for name, times in found.get((case.op, case.case.name, case.dtype), {}).items():
            # The loss chooses its engine itself: the first that can.
            engine = name.removeprefix("pyalign").strip() or ENGINES[0]
            (ours if name.startswith("pyalign") else peers)[engine] = times
        others = "; ".join(f"{name}: {shown(ours[name])}" for name in ours if name not in ENGINES)
        fastest = [f"{name}: {shown(peers[name])}" for name in sorted(peers, key=lambda name: peers[name][0])[:1]]
        engines = [shown(ours[name]) if name in ours else "" for name in ENGINES]
        rows.append((title(case), time_text(case.seconds(part.card)), *engines, others, *(fastest or [""])))
    return markdown(*rows)


def timed(times: tuple[float, float], bound: float, rehearsal: bool) -> str:
    """A call's time with its ratio to the bound, and its replay's."""
    if rehearsal:
        return NOT_MEASURED
    call, graph = (f"{time_text(seconds)}, {seconds / bound:.2f}" for seconds in times)
    return call if math.isnan(times[1]) else f"{call}; graph {graph}"


def counts_table(part: Part) -> list[str]:
    """A row for each call that was profiled: bytes of all of its kernels, and instructions of the one with a count."""
    rows = [("Case", "Contender", "Time", "Memory", "L2", "Warp instructions", "Of peak: compute, memory")]
    for place, case in enumerate(GPU_CASES):
        log, counted = (part.texts.get(f"{ncu_name(place)}.{kind}", "") for kind in ("log", "csv"))
        for contender, kernels in calls_of(log, read_ncu(counted)).items():
            rows.append((title(case), contender.removeprefix("pyalign ") or contender, *compared(case, kernels, part)))
    return markdown(*rows)


def compared(case: GpuCase, kernels: list[Kernel], part: Part) -> list[str]:
    """The cells of one call."""
    times, card = case.times(part.card), part.card
    cells = []
    for name, predicted, shown in ((TIME, max(times.values()), time_text),
                                   (MEMORY, times["memory"] * card.memory, byte_text), (L2, case.l2, byte_text)):
        measured = sum(counts.get(name, math.nan) for _, counts in kernels)
        cells.append(ratio(predicted, measured, shown, part.rehearsal))
    longest = max((counts for _, counts in kernels), key=lambda counts: counts.get(TIME, 0.0), default={})
    light = ", ".join(f"{longest.get(name, math.nan):.0f} %" for name in (COMPUTE_LIGHT, MEMORY_LIGHT))
    return [*cells, instructions(case, kernels, part), NOT_MEASURED if part.rehearsal else light]


def instructions(case: GpuCase, kernels: list[Kernel], part: Part) -> str:
    """Of the kernel of the case whose instructions machine_code.toml predicts; empty where there is none."""
    entries, rest = read_entries(ENTRIES)
    expected = {one["kernel"]: one for one in rest["case"] if one.get("benchmark") == title(case)}
    for name, (_, counts) in zip(demangle([name for name, _ in kernels]), kernels, strict=True):
        if one := expected.get(readable(name)):
            row = read_table(TABLE)[one["kernel"], rest["device"]["sm"]]
            issued = warp_instructions(one, row, entry_of(one["kernel"], entries))
            shown = ratio(issued, counts.get(INSTRUCTIONS, math.nan), significant, part.rehearsal)
            return f"`{one['kernel']}`: {shown}"
    return ""


def ratio(predicted: float, measured: float, shown: Any, rehearsal: bool) -> str:
    """Both, and measured / predicted."""
    if rehearsal:
        return f"{shown(predicted)}, {NOT_MEASURED}"
    return f"{shown(predicted)}, {shown(measured)}, {measured / predicted:.2f}"


def byte_text(count: float) -> str:
    return f"{significant(count)}B"


def write(folder: Path) -> str:
    """The page of the archives in the folder, where it is put too."""
    text = page(read_archives(folder))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(text, encoding="utf-8")
    return text
