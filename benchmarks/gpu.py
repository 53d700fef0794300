"""Measure on a CUDA device: `python -m benchmarks.gpu`, or only predict: `python -m benchmarks.gpu --predict`.

Every call is timed by CUDA events with a cold L2 cache: a buffer larger than the cache is written before it. Contenders
take turns, a call of each a round. What the times are held against is the roofline of `gpu_cases`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.gpu_cases import CARDS, GPU_CASES, H100, Card, GpuCase
from benchmarks.results import commit, version_of, write_csv
from benchmarks.table import significant
from benchmarks.timing import median_ratio, quantiles

FLUSH_BYTES = 256 << 20
HEAD = ("Operation", "Case", "Rows", "Roofline", "Limited by", "Aim", "Measured", "Of the roofline")


@dataclass(frozen=True)
class GpuRow:
    """One contender; `roofline` is the shortest possible time by `gpu_cases`, `fraction` its share of the median."""

    op: str
    backend: str
    case: str
    dtype: str
    median: float
    p20: float
    p80: float
    unit: str
    ratio: float
    roofline: float
    fraction: float
    rounds: int
    machine: str
    version: str
    commit: str
    date: str


def measure(case: GpuCase, rounds: int, card: Card | None) -> list[GpuRow]:
    """The rows of one case; contenders that disagree with the first are an error."""
    import torch

    from benchmarks.gpu_peers import contenders

    calls = contenders(case)
    expected = next(iter(calls.values()))().clone()
    for name, call in calls.items():
        _agree(name, case, call().reshape(expected.shape).to(expected), expected)
    times = _race(calls, rounds)
    ours, bound = next(iter(times.values())), float("nan") if card is None else case.seconds(card)
    today = datetime.now(timezone.utc).date().isoformat()
    return [
        GpuRow(
            case.op, name, case.case.name, case.dtype, *quantiles(seconds), "s", median_ratio(seconds, ours), bound,
            bound / quantiles(seconds)[0], rounds, torch.cuda.get_device_name(), version_of(name), commit(), today,
        )
        for name, seconds in times.items()
    ]  # fmt: skip


def _agree(name: str, case: GpuCase, result: Any, expected: Any) -> None:
    """Decisions may differ where two similarities are within rounding; a bare product has another scale."""
    if name == "product alone":
        return
    if not expected.dtype.is_floating_point:
        share = float((result == expected).double().mean())
        assert share > 0.999, f"{case.op}, {name}: {share:.4%} of the decisions agree"
        return
    error, scale = float((result - expected).abs().max()), float(expected.abs().max())
    assert error <= 1e-2 * scale, f"{case.op}, {name}: off by {error:g} of {scale:g}"


def _race(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    import torch

    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(calls)[:: -1 if number % 2 else 1]:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            flush.zero_()
            torch.cuda._sleep(2_000_000)  # about 1 ms, in which the call's launches queue up behind it
            start.record()
            calls[name]()
            end.record()
            end.synchronize()
            times[name].append(start.elapsed_time(end) / 1e3)
    return times


def card_here() -> Card | None:
    """The peaks of this machine's device, where they are known."""
    import torch

    name = torch.cuda.get_device_name()
    return next((card for card in CARDS if card.name in name), None)


def predictions(rows: Sequence[GpuRow] = (), card: Card = H100) -> str:
    """The table of docs/gpu.md: what the roofline predicts, and what was measured, empty where nothing was."""
    best: dict[tuple[str, str, str], GpuRow] = {}
    for row in rows:
        key = row.op, row.case, row.dtype
        if row.backend.startswith("pyalign") and (key not in best or row.median < best[key].median):
            best[key] = row
    lines = [HEAD, ("---",) * len(HEAD)]
    for case in GPU_CASES:
        found = best.get((case.op, case.case.name, case.dtype))
        measured = (f"{significant(found.median * 1e6)} µs", f"{found.fraction:.0%}") if found else ("", "")
        bound = f"{significant(case.seconds(card) * 1e6)} µs"
        lines.append((f"`{case.op}`", case.case.label, case.dtype, bound, _limit(case, card), case.aim, *measured))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _limit(case: GpuCase, card: Card) -> str:
    parts = {
        "memory": case.memory / card.memory,
        "L2": case.l2 / card.l2,
        "operations": case.flops / card.flops[case.dtype],
    }
    longest = max(parts, key=lambda name: parts[name])
    return longest if parts[longest] >= case.seconds(card) else "launches"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the CSV file, or print predictions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--predict", action="store_true", help="measure nothing: print the rooflines of an H100")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="calls of each contender (default 30)")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="default: benchmarks/results/DEVICE.csv")
    options = parser.parse_args(arguments)
    if options.predict:
        print(predictions())
        return
    import torch

    if not torch.cuda.is_available():
        sys.exit("no CUDA device: --predict prints the rooflines without one")
    card, rows = card_here(), []
    for case in GPU_CASES:
        print(f"{case.op}: {case.case.label} {case.dtype}", file=sys.stderr, flush=True)
        for row in measure(case, options.rounds, card):
            rows.append(row)
            line = f"  {row.backend:20s} {row.median * 1e6:10.4g} us ({row.p20 * 1e6:.4g} to {row.p80 * 1e6:.4g})"
            print(f"{line}, x{row.ratio:.3g}, {row.fraction:.0%} of the roofline", file=sys.stderr, flush=True)
    name = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-")
    write_csv(options.out or Path(__file__).with_name("results") / f"{name}.csv", rows)
    print(predictions(rows, card or H100))


if __name__ == "__main__":
    main()
