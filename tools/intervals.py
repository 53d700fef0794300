"""How often intervals hold the true value, and tests find what is there, by simulation.

    python tools/intervals.py [CASE ...] [--draws 1000] [--seed 0] [--out tools/coverage.csv] [--table]

Objects, people and answers are drawn anew, again and again, from a world whose true values are known; pyalign measures
what it measures, and its interval either holds the true value or does not. Each case is a row of the CSV; cases that
are named are run, and their rows replaced. `--table` prints the CSV as the tables of docs/statistics-coverage.md,
docs/statistics-coverage-rsa.md, docs/cka.md, docs/concepts.md and docs/consistency.md.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import NormalDist

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coverage_cases import CASES as OF_TRIPLETS
from coverage_cases import Case, Found
from coverage_cka import CASES as OF_SIMILARITIES
from coverage_concepts import CASES as OF_CONCEPTS
from coverage_metadata import CASES as OF_MODELS
from coverage_neighbors import CASES as OF_NEIGHBORS
from coverage_rsa import CASES as OF_PAIRS
from coverage_weighted import CASES as OF_WEIGHTED

CASES = [*OF_TRIPLETS, *OF_PAIRS, *OF_SIMILARITIES, *OF_NEIGHBORS, *OF_CONCEPTS, *OF_MODELS, *OF_WEIGHTED]
CSV = Path(__file__).resolve().with_name("coverage.csv")


@dataclass(frozen=True)
class Row:
    """A case and what came of it.

    Attributes:
        kind, name: of the case.
        over: what its interval is over, and how it was found.
        sizes: of its data.
        draws: how often they were drawn.
        truth: the true value, nan where a rate is all there is.
        bias: the mean of the estimates less the truth.
        sd: their standard deviation.
        error: the root of the mean of their squared standard errors.
        rate: how often intervals held the truth, or tests rejected.
        least, most: the range that is asked for; nan where a row only shows something.
    """

    kind: str
    name: str
    over: str
    sizes: str
    draws: int
    truth: float
    bias: float
    sd: float
    error: float
    rate: float
    least: float
    most: float

    @property
    def missed(self) -> bool:
        """Whether the rate is outside of what is asked for, by more than so few draws explain."""
        if math.isnan(self.least):
            return False
        noise = 2.0 * math.sqrt(max(self.rate * (1 - self.rate), 0.01) / self.draws)
        return not self.least - noise <= self.rate <= self.most + noise


def run(case: Case, draws: int, seed: int, tell: Callable[[str], None] = lambda text: None) -> list[Row]:
    """The rows of a case: one for each quantity that it measures."""
    truths = case.truth(np.random.default_rng([seed, 1]))
    found: dict[str, list[Found]] = {}
    count = max(2, round(draws * case.share))
    for k in range(count):
        tell(f"{case.name}: {k + 1} of {count}")
        for one in case.draw(np.random.default_rng([seed, 2, case.number, k])):
            found.setdefault(one.quantity, []).append(one)
    return [_row(case, quantity, several, truths) for quantity, several in found.items()]


def _row(case: Case, quantity: str, found: list[Found], truths: dict[str, float]) -> Row:
    estimates, errors = (np.array([getattr(one, name) for one in found]) for name in ("estimate", "error"))
    truth = truths.get(quantity, float(estimates.mean()) if case.centred else math.nan)
    held = [one.rejected if case.rejects else one.low <= truth <= one.high for one in found]
    least, most = case.asked.get(quantity, (math.nan, math.nan))
    if case.kind == "power" and case.asked:  # as often as a test that knows the standard deviation
        ideal = float(np.mean(np.abs(estimates) > NormalDist().inv_cdf(0.975) * estimates.std(ddof=1)))
        least, most = ideal - 0.02, ideal + 0.02
    error = float(np.sqrt(np.nanmean(errors**2))) if np.isfinite(errors).any() else math.nan
    return Row(
        case.kind, f"{case.name}: {quantity}", case.over, case.sizes, len(found), truth,
        float(estimates.mean() - truth), float(estimates.std(ddof=1)), error,
        float(np.mean(held)), least, most,
    )  # fmt: skip


def read(path: Path = CSV) -> list[Row]:
    """The rows of a CSV."""
    kinds = {one.name: {"str": str, "int": int, "float": float}[str(one.type)] for one in fields(Row)}
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]


def write(rows: Iterable[Row], path: Path = CSV) -> None:
    """Writes them, six digits each."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([one.name for one in fields(Row)])
        for row in rows:
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in asdict(row).values()])


def tables(rows: list[Row], kind: str) -> list[str]:
    """The rows of one kind as a table in Markdown; where no truth is known, there is no bias."""
    what = {"size": "rejected", "power": "rejected", "rsa null": "rejected", "cka null": "rejected"}.get(kind, "held")
    lines = [f"| case | over | sizes | bias | sd | s.e. | {what} | asked for |", "| --- " * 8 + "|"]
    for row in rows:
        if row.kind != kind:
            continue
        asked = "" if math.isnan(row.least) else f"{100 * max(0.0, row.least):.0f} to {100 * row.most:.0f} %"
        bias = f"{row.bias:+.4f}" if abs(row.bias) > 1e-12 else ""
        error = "" if math.isnan(row.error) else f"{row.error:.4f}"
        lines.append(
            f"| {row.name} | {row.over} | {row.sizes} | {bias} | {row.sd:.4f} | {error} "
            f"| {100 * row.rate:.1f} % | {asked}{' (missed)' if row.missed else ''} |"
        )
    return lines


def show(text: str) -> None:
    """On the line of the terminal."""
    print(f"\r{text}\033[K\r", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Runs the cases; 0 when all lie where they should, as far as so few draws can tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="names, or beginnings of names, of cases (default: all)")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=CSV)
    parser.add_argument("--table", action="store_true", help="print the tables of the CSV, run nothing")
    args = parser.parse_args()
    before = read(args.out) if args.out.exists() else []
    if args.table:
        for kind in dict.fromkeys(row.kind for row in before):
            print("\n".join(["", f"{kind}:", "", *tables(before, kind)]))
        return 0
    new: list[Row] = []
    chosen = [case for case in CASES if not args.cases or any(case.name.startswith(name) for name in args.cases)]
    for case in chosen:
        found = run(case, args.draws, args.seed, show if sys.stderr.isatty() else lambda text: None)
        print("\n".join(tables(found, case.kind)[2:]), flush=True)
        new += found
        names = {case.name for case in CASES}
        kept = [row for row in before if row.name.split(":")[0] in names]
        replaced = {row.name for row in new}
        order = {case.name: k for k, case in enumerate(CASES)}
        rows = [row for row in kept if row.name not in replaced] + new
        write(sorted(rows, key=lambda row: order[row.name.split(":")[0]]), args.out)
    return any(row.missed for row in new)


if __name__ == "__main__":
    raise SystemExit(main())
