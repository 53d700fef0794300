"""Which of two routes of a GPU backend goes: `python -m benchmarks.gpu_routes FILE.csv`, of `python -m benchmarks.gpu`.

A route goes, with its code, when it takes more than 1.1 times the other's time at every size of the benchmark. Where
neither does, both stay, and the cases say where each is faster.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 1.1
SIMILARITY = ("similarity cosine", "similarity cosine of x and y")
GRADIENT = ("triplet_gradient", "triplet_gradient soft")


@dataclass(frozen=True)
class Pair:
    """Two routes of a backend, as settings of `PYALIGN_GPU_ROUTES` ('': what is taken without), for some operations.

    goes: what is deleted with either.
    """

    operations: tuple[str, ...]
    backend: str
    settings: tuple[str, str]
    goes: tuple[str, str]


PAIRS = (
    Pair(
        ("topk",), "cuda", ("", "topk=torch"),
        ("csrc/cuda/topk.cu and pa_cuda_topk", "the branch on topk in _cuda_kernels.py"),
    ),
    Pair(("topk",), "triton", ("", "topk=torch"), ("_triton_kernels.py", "its branch on topk")),
    Pair(
        SIMILARITY, "cuda", ("", "product=cublas"),
        ("plain_tiles.cuh, tensor_tiles.cuh and tensor_core.cuh", "last_step.cuh, PA_READY and `multiply`"),
    ),
    Pair(
        SIMILARITY, "triton", ("", "product=cublas"),
        ("the products and tiles of _triton_similarity.py", "its last step and `multiply`"),
    ),
    Pair(
        GRADIENT, "cuda", ("gradient=fixed", "gradient=sort"),
        ("fixed.cuh and fixed_bytes", "the sort for float32: ShortEntry of gradient.cu"),
    ),
)


def settings_of(operation: str, backend: str) -> list[str]:
    """The settings under which a backend's call is measured besides the one without.

    Example:
        >>> settings_of("topk", "cuda"), settings_of("topk", "torch")
        (['topk=torch'], [])
    """
    pairs = [pair for pair in PAIRS if operation in pair.operations and backend == pair.backend]
    return [setting for pair in pairs for setting in pair.settings if setting]


def decisions(records: Sequence[dict[str, str]]) -> str:
    """A line for each case that was measured by both routes, and for each two what goes; `records`: rows of the CSV."""
    seconds = {
        (one["op"], one["case"], one["dtype"], one["backend"]): float(one["median"])
        for one in records
        if one["unit"] == "s"
    }
    lines = []
    for pair in PAIRS:
        names = [f"pyalign {pair.backend} {setting}".strip() for setting in pair.settings]
        ratios = []
        for *case, backend in seconds:
            both = [seconds.get((case[0], case[1], case[2], name)) for name in names]
            if case[0] in pair.operations and backend == names[0] and both[0] and both[1]:
                ratios.append(both[0] / both[1])
                lines.append(f"{case[0]}, {case[1]} {case[2]}: {names[0]} takes {ratios[-1]:.2f} times {names[1]}")
        lines.append(f"{names[0]} and {names[1]}: {_verdict(pair, names, ratios)}")
    return "\n".join(lines)


def _verdict(pair: Pair, names: list[str], ratios: list[float]) -> str:
    if not ratios:
        return "not measured"
    if min(ratios) > LIMIT:
        return f"{names[0]} goes: {pair.goes[0]}"
    if max(ratios) < 1 / LIMIT:
        return f"{names[1]} goes: {pair.goes[1]}"
    return "both stay"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the decisions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_routes", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="as python -m benchmarks.gpu writes it")
    path = parser.parse_args(arguments).file
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            print(decisions([*csv.DictReader(handle)]))
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")


if __name__ == "__main__":
    main()
