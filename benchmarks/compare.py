"""Measure pyalign beside its peers: `python -m benchmarks.compare`, from the root of the repository."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import forget_inputs
from benchmarks.checks import require_native
from benchmarks.operations import COMPARISONS, SUBJECT, Comparison
from benchmarks.results import Row, machine, merged, read_csv, rows_of, write_csv
from benchmarks.table import markdown, missed
from benchmarks.timing import Contender, race, warm_up

QUICK_ROUNDS = 3


def make(comparison: Comparison) -> dict[str, Contender]:
    """The contenders whose packages are installed, warm, and in agreement with pyalign."""
    contenders = {}
    for backend, build in comparison.builders.items():
        try:
            contender = build(comparison.case)
        except ModuleNotFoundError as error:
            if backend == SUBJECT:
                raise
            say(f"  {backend}: left out ({error})")
            continue
        warm_up(contender)
        contenders[backend] = contender
    return contenders


def measure(comparison: Comparison, quick: bool) -> list[Row]:
    """The rows of one comparison."""
    say(f"{comparison.op}: {comparison.case.label}")
    rounds = min(comparison.rounds, QUICK_ROUNDS) if quick else comparison.rounds
    rows = rows_of(comparison, race(make(comparison), rounds))
    for row in rows:
        say(f"  {row.backend:20s} {row.median:10.4g} {row.unit:2s} ({row.p20:.4g} to {row.p80:.4g}), x{row.ratio:.3g}")
    forget_inputs()
    return rows


def say(line: str) -> None:
    """Progress, beside the table on standard output."""
    print(line, file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    operations = list(dict.fromkeys(comparison.op for comparison in COMPARISONS))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description="Measure pyalign beside its peers, in rounds, and print a Markdown table.",
        epilog="example: python -m benchmarks.compare --quick --only score --out benchmarks/results/trial.csv",
    )
    parser.add_argument("--quick", action="store_true", help=f"at most {QUICK_ROUNDS} rounds of each comparison")
    parser.add_argument(
        "--only", nargs="+", metavar="OP", choices=operations,
        help="of " + ", ".join(operations) + "; other rows of the file stay",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="default: benchmarks/results/MACHINE.csv")
    parser.add_argument("--table", type=Path, metavar="FILE.csv", help="measure nothing: print the table of that file")
    parser.add_argument("--targets", action="store_true", help="with --table: only the peers that a target names")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the CSV file and print its table; or only print."""
    options = parse(arguments)
    if options.table:
        rows = [row for row in read_csv(options.table) if options.only is None or row.op in options.only]
        print(markdown(rows, options.targets))
        return
    require_native()
    if os.getloadavg()[0] > 0.5:
        say(f"load average {os.getloadavg()[0]:.1f}: other work is running, which widens every figure")
    chosen = [c for c in COMPARISONS if options.only is None or c.op in options.only]
    rows = [row for comparison in chosen for row in measure(comparison, options.quick)]
    out = options.out or Path(__file__).with_name("results") / f"{machine()}.csv"
    write_csv(out, merged(rows, out) if options.only else rows)
    print(markdown(read_csv(out)))
    say("\n".join([f"wrote {out}", *(f"missed: {line}" for line in missed(rows) if "not measured" not in line)]))


if __name__ == "__main__":
    main()
