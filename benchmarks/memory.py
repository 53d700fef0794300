"""Peak memory of one call beyond its inputs, in a process of its own: `python -m benchmarks.memory score large-20k`.

Linux only: the peak of the resident size is read from, and reset in, /proc/self.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyalign
from benchmarks.cases import CASES, MB, Case, embeddings, similarities, triplets


def resident(field: str) -> int:
    """Bytes now (`VmRSS`) or at most since the last reset (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def growth_of(call: Callable[[], object]) -> int:
    """Bytes by which the peak during the call exceeds what was resident before it."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5: peak = now
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def _score(case: Case) -> Callable[[], object]:
    x, t = embeddings(case), triplets(case)
    return lambda: pyalign.score(x, t)


def _odd_one_out_from(case: Case) -> Callable[[], object]:
    s, t = similarities(case), triplets(case)
    return lambda: pyalign.odd_one_out_from(s, t)


CALLS = {"score": _score, "odd_one_out_from": _odd_one_out_from}


def main() -> None:
    """Print megabytes."""
    operation, case = sys.argv[1:]
    print(growth_of(CALLS[operation](CASES[case])) / MB)


if __name__ == "__main__":
    main()
