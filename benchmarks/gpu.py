"""Measure on a CUDA device: `python -m benchmarks.gpu`, or only predict: `python -m benchmarks.gpu --predict`.

Every call is timed by CUDA events with a cold L2 cache: a buffer larger than the cache is written before it. Contenders
take turns, a call of each a round. What the times are held against is the roofline of `gpu_cases`. The file is written
after each case; a contender that raises or disagrees has no row in it, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu_cases import CARDS, GPU_CASES, H100, Card, GpuCase
from benchmarks.results import commit, version_of, write_csv
from benchmarks.table import significant
from benchmarks.timing import median_ratio, quantiles

FLUSH_BYTES = 256 << 20
UNSCALED = "product alone"  # the contender whose results have another scale
Call = Callable[[], Any]
Attempt = Callable[[str, Call], Any]
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


def measure(case: GpuCase, rounds: int, card: Card | None, failures: list[str]) -> list[GpuRow]:
    """The rows of one case. A contender that raises, or disagrees with the first, has none, and adds to `failures`."""
    from benchmarks.gpu_peers import contenders

    attempt = partial(_attempt, failures, title(case))
    calls: dict[str, Call] = {}
    for name, make in (attempt("contenders", partial(contenders, case)) or {}).items():
        calls |= attempt(name, make) or {}
    times = _race(_agreeing(case, calls, attempt), rounds, attempt)
    ours = next((seconds for name, seconds in times.items() if name.startswith("pyalign")), None)
    bound = math.nan if card is None else case.seconds(card)
    today = datetime.now(timezone.utc).date().isoformat()
    return [
        GpuRow(
            case.op, name, case.case.name, case.dtype, *quantiles(seconds), "s",
            math.nan if ours is None else median_ratio(seconds, ours), bound, bound / quantiles(seconds)[0], rounds,
            device_name(), version_of(name), commit(), today,
        )
        for name, seconds in times.items()
    ]  # fmt: skip


def _attempt(failures: list[str], case: str, name: str, call: Call) -> Any:
    """What the call returns; None where it raises, which ends neither the other contenders nor the run."""
    try:
        return call()
    except Exception as error:
        traceback.print_exc()
        said = str(error).strip().splitlines() or [""]
        failures.append(f"{case}, {name}: {type(error).__name__}: {said[0]}")
        return None


def _agreeing(case: GpuCase, calls: dict[str, Call], attempt: Attempt) -> dict[str, Call]:
    """The contenders whose result is that of the first that has one."""
    agreeing, expected = {}, None
    for name, call in calls.items():
        result = attempt(name, partial(_checked, name, case, call, expected))
        if result is not None:
            agreeing[name] = call
            expected = result if expected is None and name != UNSCALED else expected
    return agreeing


def _checked(name: str, case: GpuCase, call: Call, expected: Any) -> Any:
    """Decisions may differ where two similarities are within rounding; a bare product has another scale."""
    if expected is None:
        return call().clone()
    result = call().reshape(expected.shape).to(expected)
    if name == UNSCALED:
        return result
    if not expected.dtype.is_floating_point:
        share = float((result == expected).double().mean())
        assert share > 0.999, f"{share:.4%} of the decisions agree"
        return result
    error, scale = float((result - expected).abs().max()), float(expected.abs().max())
    assert error <= 1e-2 * scale, f"off by {error:g} of {scale:g}"
    return result


def _race(calls: dict[str, Call], rounds: int, attempt: Attempt) -> dict[str, list[float]]:
    """Seconds of each round by contender; one that raises in a round is left out."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    clock = attempt("clock", Clock)
    for number in range(rounds if clock else 0):
        for name in list(times)[:: -1 if number % 2 else 1]:
            seconds = attempt(name, partial(clock.seconds, calls[name]))
            if seconds is None:
                del times[name]
            else:
                times[name].append(seconds)
    return times if clock else {}


class Clock:
    """Times a call by CUDA events, with a cold L2 cache."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def seconds(self, call: Call) -> float:
        cuda = self.torch.cuda
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        self.flush.zero_()
        cuda._sleep(2_000_000)  # about 1 ms, in which the call's launches queue up behind it
        start.record()
        call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3


def title(case: GpuCase) -> str:
    """The case in a line."""
    return f"{case.op}: {case.case.label} {case.dtype}"


def device_name() -> str:
    """The device, as torch calls it."""
    import torch

    return str(torch.cuda.get_device_name())


def card_here() -> Card | None:
    """The peaks of this machine's device, where they are known."""
    name = device_name()
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
        lines.append((f"`{case.op}`", case.case.label, case.dtype, bound, case.limit(card), case.aim, *measured))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


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
    card, rows, failures = card_here(), [], []
    name = re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")
    path = options.out or Path(__file__).with_name("results") / f"{name}.csv"
    for case in GPU_CASES:
        print(title(case), file=sys.stderr, flush=True)
        for row in measure(case, options.rounds, card, failures):
            rows.append(row)
            line = f"  {row.backend:20s} {row.median * 1e6:10.4g} us ({row.p20 * 1e6:.4g} to {row.p80 * 1e6:.4g})"
            print(f"{line}, x{row.ratio:.3g}, {row.fraction:.0%} of the roofline", file=sys.stderr, flush=True)
        if rows:
            write_csv(path, rows)  # what is measured is kept, whatever becomes of the next case
    print(predictions(rows, card or H100))
    if failures:
        sys.exit("\n".join([f"{len(failures)} failed:", *failures]))


if __name__ == "__main__":
    main()
