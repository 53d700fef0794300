"""Peak memory of one call beyond its inputs, in a process of its own: `python -m benchmarks.memory score large-20k`.

Linux only: the peak of the resident size is read from, and reset in, /proc/self.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import pyalign
from benchmarks.cases import CASES, MB, Case, embeddings, similarities, triplets
from benchmarks.step_peers import our_loss


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
    return lambda: pyalign.score(x, t, ci=None)


def _odd_one_out_from(case: Case) -> Callable[[], object]:
    s, t = similarities(case), triplets(case)
    return lambda: pyalign.odd_one_out(similarities=s, triplets=t)


def _triplet_loss(case: Case) -> Callable[[], object]:
    x, t = embeddings(case), triplets(case)
    our_loss(x[:3], np.array([[0, 1, 2]]))()  # torch starts its threads
    return our_loss(x, t)


def _rsa(correlation: str, case: Case) -> Callable[[], object]:
    """The human matrix is an input, (n, n) float32, made of other rows in pieces."""
    x = embeddings(case)
    human = np.empty((case.n, case.n), np.float32)
    unit = np.random.default_rng(1).normal(size=(case.n, 32)).astype(np.float32)
    np.matmul(unit, unit.T, out=human)
    for first in range(0, case.n, 1000):
        part = slice(first, first + 1000)
        human[part, first:] = human[first:, part].T
    return lambda: pyalign.rsa(x, human, kind="similarity", correlation=correlation, ci=None)


def _neighbors(case: Case) -> Callable[[], object]:
    x = embeddings(case)
    return lambda: pyalign.neighbors(x, k=20, index="flat")


CALLS = {
    "neighbors": _neighbors,
    "rsa pearson": partial(_rsa, "pearson"),
    "rsa spearman": partial(_rsa, "spearman"),
    "score": _score,
    "odd_one_out_from": _odd_one_out_from,
    "triplet_loss": _triplet_loss,
}


def main() -> None:
    """Print megabytes."""
    operation, case = sys.argv[1:]
    print(growth_of(CALLS[operation](CASES[case])) / MB)


if __name__ == "__main__":
    main()
