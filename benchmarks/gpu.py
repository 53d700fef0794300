"""Measure on a CUDA device: `python -m benchmarks.gpu`, or only predict: `python -m benchmarks.gpu --predict`.

Every call is timed by CUDA events with a cold L2 cache: a buffer larger than the cache is written before it. Contenders
take turns, a call of each a round. Then the same calls are captured as CUDA graphs, whose replays are timed likewise:
what a call takes when the host launches nothing. What the times are held against is the roofline of `gpu_cases`. The
file is written after each case; a contender that raises or disagrees has no row in it, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu_cases import CARDS, GPU_CASES, H100, Card, GpuCase, title
from benchmarks.results import commit, markdown, significant, version_of, write_csv
from benchmarks.timing import median_ratio, quantiles

FLUSH_BYTES = 256 << 20
QUEUED_CYCLES = 20_000_000  # about 11 ms of an H100, in which all launches of a call queue up
OF_TORCH = "pyalign torch"  # our contender that calls torch's kernels
UNSCALED = "product alone"  # the contender whose results have another scale
Call = Callable[[], Any]
Attempt = Callable[[str, Call], Any]
HEAD = ("Operation", "Case", "Rows", "Roofline", "Limited by", "Aim", "Measured", "Of the roofline")


@dataclass(frozen=True)
class GpuRow:
    """One contender; `roofline` is the shortest possible time by `gpu_cases`, `fraction` its share of the median.

    graph: median of the call's replays as a CUDA graph; NaN where it cannot be captured, such as one that waits.
    """

    op: str
    backend: str
    case: str
    dtype: str
    median: float
    p20: float
    p80: float
    graph: float
    unit: str
    ratio: float
    roofline: float
    fraction: float
    rounds: int
    machine: str
    version: str
    commit: str
    date: str


def measure(case: GpuCase, rounds: int, clock: Any, failures: list[str]) -> list[GpuRow]:
    """The rows of one case. A contender that raises, or disagrees with the first, has none, and adds to `failures`."""
    attempt = partial(_attempt, failures, title(case))
    calls = _agreeing(case, _made(case, attempt), attempt)
    times = _race(calls, rounds, clock, attempt)
    graphs = _race(_captured({name: calls[name] for name in times}, clock), rounds, clock, attempt)
    ours = next((seconds for name, seconds in times.items() if name.startswith("pyalign")), None)
    card = card_of(clock.name)
    bound = math.nan if card is None else case.seconds(card)
    today = datetime.now(timezone.utc).date().isoformat()
    return [
        GpuRow(
            case.op, name, case.case.name, case.dtype, *quantiles(seconds), quantiles(graphs.get(name, [math.nan]))[0],
            "s", math.nan if ours is None else median_ratio(seconds, ours), bound, bound / quantiles(seconds)[0],
            rounds, clock.name, version_of(name), commit(), today,
        )
        for name, seconds in times.items()
    ]


def _made(case: GpuCase, attempt: Attempt, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Call]:
    """The calls of all contenders, or of those that are wanted, that can be made here."""
    from benchmarks.gpu_peers import contenders

    calls: dict[str, Call] = {}
    for name, make in (attempt("contenders", partial(contenders, case)) or {}).items():
        calls |= (attempt(name, make) or {}) if wanted(name) else {}
    return calls


def _attempt(failures: list[str], case: str, name: str, call: Call) -> Any:
    """What the call returns; None where it raises, which ends neither the other contenders nor the run."""
    try:
        return call()
    except Exception as error:
        traceback.print_exc()
        failures.append(f"{case}, {name}: {_first_line(error)}")
        return None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


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


def _race(calls: dict[str, Call], rounds: int, clock: Any, attempt: Attempt) -> dict[str, list[float]]:
    """Seconds of each round by contender; one that raises in a round is left out."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(times)[:: -1 if number % 2 else 1]:
            seconds = attempt(name, partial(clock.seconds, calls[name]))
            if seconds is None:
                del times[name]
            else:
                times[name].append(seconds)
    return times


def _captured(calls: dict[str, Call], clock: Any) -> dict[str, Call]:
    """The replay of each call that can be captured as a graph; why another can't is printed, and is no failure."""
    replays = {}
    for name, call in calls.items():
        try:
            replays[name] = clock.captured(call)
        except Exception as error:
            print(f"  {name}: no graph: {_first_line(error)}", file=sys.stderr, flush=True)
    return replays


class Clock:
    """Times a call by CUDA events, with a cold L2 cache."""

    def __init__(self) -> None:
        import torch

        self.cuda = torch.cuda
        self.name = str(torch.cuda.get_device_name())
        self.flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def seconds(self, call: Call) -> float:
        """Of one call, from when the device comes to it until it is done."""
        start, end = (self.cuda.Event(enable_timing=True) for _ in range(2))
        self.flush.zero_()
        self.cuda._sleep(QUEUED_CYCLES)
        start.record()
        call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    def captured(self, call: Call) -> Call:
        """The replay of the call as a graph; called once before on another stream, as a capture needs it."""
        stream = self.cuda.Stream()
        stream.wait_stream(self.cuda.current_stream())
        with self.cuda.stream(stream):
            call()
        self.cuda.current_stream().wait_stream(stream)
        graph = self.cuda.CUDAGraph()
        with self.cuda.graph(graph):
            call()
        return graph.replay

    @contextmanager
    def profiled(self) -> Iterator[Callable[[], None]]:
        """Profilers that wait for cudaProfilerStart look in here; what is given launches a kernel that parts calls."""
        self.cuda.synchronize()
        self.cuda.profiler.start()
        yield lambda: self.cuda._sleep(1)
        self.cuda.synchronize()
        self.cuda.profiler.stop()


def profile(case: GpuCase, clock: Any, failures: list[str]) -> None:
    """Each call of pyalign's own kernels once, warm, for a profiler; their names are printed in order."""
    attempt = partial(_attempt, failures, title(case))
    calls = _agreeing(case, _made(case, attempt, has_kernels_of_ours), attempt)
    with clock.profiled() as part:
        for name, call in calls.items():
            part()
            call()
            print(f"profiled {name}", flush=True)


def has_kernels_of_ours(contender: str) -> bool:
    """Whether a profiler is to look at it."""
    return contender.startswith("pyalign") and not contender.startswith(OF_TORCH)


def chosen(part: str | None) -> list[GpuCase]:
    """The cases whose title has this text in it; None: all."""
    return [case for case in GPU_CASES if part is None or part in title(case)]


def card_of(name: str) -> Card | None:
    """The peaks of the device of that name, where they are known."""
    return next((card for card in CARDS if card.name in name), None)


def predictions(rows: Sequence[GpuRow] = (), card: Card = H100) -> str:
    """The table of docs/gpu.md: what the roofline predicts, and what was measured, empty where nothing was."""
    best: dict[tuple[str, str, str], GpuRow] = {}
    for row in rows:
        key = row.op, row.case, row.dtype
        if row.backend.startswith("pyalign") and (key not in best or row.median < best[key].median):
            best[key] = row
    lines = []
    for case in GPU_CASES:
        found = best.get((case.op, case.case.name, case.dtype))
        measured = (f"{significant(found.median * 1e6)} µs", f"{found.fraction:.0%}") if found else ("", "")
        bound = f"{significant(case.seconds(card) * 1e6)} µs"
        lines.append((f"`{case.op}`", case.case.label, case.dtype, bound, case.limit(card), case.aim, *measured))
    return markdown(HEAD, lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the CSV file, or print predictions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--predict", action="store_true", help="measure nothing: print the rooflines of an H100")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="calls of each contender (default 30)")
    parser.add_argument("--only", metavar="TEXT", help="the cases whose title has this text in it")
    parser.add_argument("--profile", action="store_true", help="time nothing: call pyalign's kernels for a profiler")
    parser.add_argument("--rehearse", action="store_true", help="small cases on the host, whose times mean nothing")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="default: benchmarks/results/DEVICE.csv")
    options = parser.parse_args(arguments)
    if options.predict:
        print(predictions())
        return
    cases = chosen(options.only)
    if not cases:
        sys.exit(f"--only must be part of the title of a case (--predict lists them); got {options.only!r}")
    import torch

    if options.rehearse:
        from benchmarks.gpu_rehearsal import rehearsed

        with rehearsed() as (clock, small):
            run(list(map(small, cases)), clock, options)
    elif torch.cuda.is_available():
        run(cases, Clock(), options)
    else:
        sys.exit("no CUDA device: --predict prints the rooflines without one")


def run(cases: Sequence[GpuCase], clock: Any, options: argparse.Namespace) -> None:
    """Measure or profile the cases, and exit with 1 where something failed."""
    rows: list[GpuRow] = []
    failures: list[str] = []
    name = re.sub(r"[^a-z0-9]+", "-", clock.name.lower()).strip("-")
    path = options.out or Path(__file__).with_name("results") / f"{name}.csv"
    for case in cases:
        print(title(case), file=sys.stderr, flush=True)
        if options.profile:
            profile(case, clock, failures)
            continue
        for row in measure(case, options.rounds, clock, failures):
            rows.append(row)
            line = f"  {row.backend:20s} {row.median * 1e6:10.4g} us ({row.p20 * 1e6:.4g} to {row.p80 * 1e6:.4g})"
            graph = f"as a graph {row.graph * 1e6:.4g}"
            share = f"x{row.ratio:.3g}, {row.fraction:.0%} of the roofline"
            print(f"{line}, {graph}, {share}", file=sys.stderr, flush=True)
        if rows:
            write_csv(path, rows)  # what is measured is kept, whatever becomes of the next case
    if rows:
        print(predictions(rows, card_of(clock.name) or H100))
    if failures:
        sys.exit("\n".join([f"{len(failures)} failed:", *failures]))


if __name__ == "__main__":
    main()
