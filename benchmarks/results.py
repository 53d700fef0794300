"""Results as rows of a CSV file."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timezone
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.timing import SUBJECT, Comparison, median_ratio, quantiles

ROOT = Path(__file__).resolve().parent.parent
ZEN = {23: "zen2", 25: "zen3", 26: "zen5"}  # AMD's families, where the model's name does not say; of 25 also zen4


@dataclass(frozen=True)
class Row:
    """One contender of one comparison; ratio is the median over the rounds of its figure / pyalign's."""

    op: str
    backend: str
    case: str
    dtype: str
    median: float
    p20: float
    p80: float
    unit: str
    ratio: float
    rounds: int
    machine: str
    cores: int
    version: str
    commit: str
    date: str


def rows_of(comparison: Comparison, measured: dict[str, list[float]]) -> list[Row]:
    """The rows of one race."""
    case, ours = comparison.case, measured[SUBJECT]
    today = datetime.now(timezone.utc).date().isoformat()
    return [
        Row(
            comparison.op, backend, case.name, case.dtype, *quantiles(figures), comparison.unit,
            median_ratio(figures, ours), len(figures), machine(), cores(), version_of(backend), commit(), today,
        )
        for backend, figures in measured.items()
    ]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


@lru_cache
def machine() -> str:
    """The processor and the number of cores, such as `amd-epyc-zen5-2c`."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    about = dict(re.findall(r"^(vendor_id|cpu family|model name|flags)\s*: (.+)$", text, re.MULTILINE))
    generation = ZEN.get(int(about.get("cpu family", 0)), "") if about.get("vendor_id") == "AuthenticAMD" else ""
    if generation == "zen3" and "avx512f" in about.get("flags", ""):
        generation = "zen4"
    name = f"{about.get('model name', 'unknown')} {generation} {cores()}c".lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def version_of(backend: str) -> str:
    """Version of the package that a backend is named after; '' where there is none."""
    package = {"human_alignment": "torch"}.get(backend, backend.split()[0])
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@lru_cache
def commit() -> str:
    """The commit that is measured, with `+` when its sources have been changed since; '' outside a repository."""

    def git(*arguments: str) -> str:
        done = subprocess.run(("git", "-C", ROOT, *arguments), capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "csrc", "pyalign", "CMakeLists.txt")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def write_csv(path: Path, rows: Sequence[Any]) -> None:
    """Rows of one dataclass; the whole file or nothing: written beside it, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(field.name for field in fields(rows[0]))
            writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def read_csv(path: Path) -> list[Row]:
    """The rows that `write_csv` wrote."""
    types: dict[str, Callable[[str], object]] = {"float": float, "int": int, "str": str}
    with path.open(newline="", encoding="utf-8") as handle:
        return [
            Row(*(types[str(field.type)](record[field.name]) for field in fields(Row)))  # type: ignore[arg-type]
            for record in csv.DictReader(handle)
        ]


def significant(value: float) -> str:
    """Three significant digits, never in exponents: 12,300 or 0.0123."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - int(f"{rounded:e}".partition("e")[2]))
    return f"{rounded:,.{digits}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))
