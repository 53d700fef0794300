"""Correlations of one matrix where a few objects have large effects: how often intervals hold, by several ways.

    python tools/coverage_strong.py [WORLD ...] [--draws 2000] [--out tools/coverage_strong.csv] [--table]

A world draws objects, what a person says of their pairs and what a model says. Each draw has a generator of its own,
and all ways see the same draws. A way says how the sums of influences over objects are made, and how many degrees of
freedom Student's t has. Rows of worlds that are named replace those of the CSV; `--table` prints it for
docs/statistics-coverage-rsa.md.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from zlib import crc32

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coverage_cases import model as known
from coverage_cases import objects
from coverage_rsa import FIXED, LITTLE, judged, weights

from pyalign.pairwise.closed_form import ClosedForm, Dyads
from pyalign.pairwise.correlations import correlate
from pyalign.pairwise.influence import Side, jackknifed, sums_of_objects
from pyalign.stats.degrees import of_difference
from pyalign.stats.student import quantile

JOURNAL = Path(__file__).resolve().with_name("coverage_strong.csv")
MANY, DRAWS = 300, 400  # objects of a draw whose correlation gives the truth, and how many draws
IDEAL = 1.959964  # standard deviations on either side, of an interval that knows them
Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]  # pairs of a person, and of a model


def squared_distances(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of objects in a plane, which the model sees through noise: those far out have large effects."""
    x = rng.normal(size=(n, 2))
    y = x + rng.normal(size=x.shape)
    i, j = np.triu_indices(n, 1)
    return ((x[i] - x[j]) ** 2).sum(axis=1), ((y[i] - y[j]) ** 2).sum(axis=1)


def added_effects(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normal effects of both objects, .45 of the variance each; person and model correlate at .8."""
    i, j = np.triu_indices(n, 1)
    parts = []
    for size in (n, len(i)):
        first = rng.normal(size=size)
        parts.append((first, 0.8 * first + 0.6 * rng.normal(size=size)))
    (u, v), (z, w) = parts
    return tuple(math.sqrt(0.45) * (o[i] + o[j]) + math.sqrt(0.1) * p for o, p in ((u, z), (v, w)))


def features(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The world of tools/coverage_rsa.py."""
    x = objects(n, rng)
    i, j = np.triu_indices(n, 1)
    return judged(x, weights(1, np.random.default_rng(FIXED)), LITTLE, rng)[0], 1.0 - np.corrcoef(known(x))[i, j]


WORLDS: dict[str, tuple[Draw, int, str]] = {
    "squared distances, n=30, pearson": (squared_distances, 30, "pearson"),
    "squared distances, n=50, pearson": (squared_distances, 50, "pearson"),
    "squared distances, n=92, pearson": (squared_distances, 92, "pearson"),
    "squared distances, n=50, spearman": (squared_distances, 50, "spearman"),
    "added effects, n=50, pearson": (added_effects, 50, "pearson"),
    "added effects, n=50, spearman": (added_effects, 50, "spearman"),
    "features, n=50, pearson": (features, 50, "pearson"),
    "features, n=50, spearman": (features, 50, "spearman"),
}


@dataclass(frozen=True)
class Row:
    """What came of a way in a world.

    Attributes:
        world, way: which.
        draws: how many.
        held, below, above: shares of draws: the truth is in the interval, is below it, is above it.
        error: root of the mean squared standard error, as a multiple of the standard deviation of the estimates.
        width: the mean width, as a multiple of that of an interval that knows the standard deviation.
        degrees: the mean degrees of freedom.
    """

    world: str
    way: str
    draws: int
    held: float
    below: float
    above: float
    error: float
    width: float
    degrees: float


def measured(person: np.ndarray, model: np.ndarray, n: int, correlation: str) -> tuple[float, list[tuple[float, ...]]]:
    """The correlation, and the variance and degrees of freedom of each way."""
    items = np.stack(np.triu_indices(n, 1), axis=1).astype(np.int32)
    a, b = (Side.of(correlation, one, items) for one in (person, model))
    dyads, table, m = Dyads(items, n), jackknifed(a, b, items, n), len(items)
    r = float(a.scores @ b.scores / m / math.sqrt(a.square * b.square))
    plain, deleted = sums_of_objects(table[None, :m], items, n)[0], dyads.sums(table[None])[0]
    single = float(table[:m] @ table[:m])
    rest, floor = single / dyads.independent, single / (m * (m - 1))
    ways = []
    for squares in (plain * plain, plain * deleted, deleted * deleted):
        variance = max(float(squares.sum()) / dyads.independent - rest, floor)
        sums = np.sign(squares) * np.sqrt(np.abs(squares))
        by_kurtosis = ClosedForm((), n - 1, sums[None]).degrees(0)
        ways += [(variance, n - 1.0), (variance, by_kurtosis)]
    variance = ways[0][0]
    terms = (variance, floor, variance + rest, rest, n - 1.0)
    return r, [*ways, (variance, float(of_difference(*(np.array([one]) for one in terms))[0]))]


WAYS = (
    "influences, n - 1", "influences, kurtosis", "HC2, n - 1", "HC2, kurtosis", "jackknife, n - 1",
    "jackknife, kurtosis (pyalign)", "influences, as of triplets",
)  # fmt: skip


def run(name: str, draws: int) -> list[Row]:
    """The rows of a world."""
    draw, n, correlation = WORLDS[name]
    number = crc32(name.encode())
    true = np.mean([correlate(*draw(MANY, np.random.default_rng([number, 1, k])), correlation) for k in range(DRAWS)])
    found = [measured(*draw(n, np.random.default_rng([number, 2, k])), n, correlation) for k in range(draws)]
    r = np.array([one for one, _ in found])
    rows = []
    for way, numbers in zip(WAYS, np.array([ways for _, ways in found]).swapaxes(0, 1), strict=True):
        errors, degrees = np.sqrt(numbers[:, 0]), numbers[:, 1]
        reach = np.array([quantile(0.95, float(one)) for one in degrees]) * errors / (1.0 - r * r)
        low, high = np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)
        below, above = float(np.mean(true < low)), float(np.mean(true > high))
        sd = float(r.std(ddof=1))
        rows.append(Row(name, way, draws, 1.0 - below - above, below, above, float(np.sqrt(np.mean(errors**2))) / sd,
                        float(np.mean(high - low)) / (2.0 * IDEAL * sd), float(degrees.mean())))  # fmt: skip
    return rows


def read(path: Path) -> list[Row]:
    """The rows of a CSV; none where there is none."""
    kinds = {"str": str, "int": int, "float": float}
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(*(kinds[str(one.type)](row[one.name]) for one in fields(Row))) for row in csv.DictReader(file)]


def write(rows: list[Row], path: Path) -> None:
    """Writes them in the order of the worlds."""
    order = {name: k for k, name in enumerate(WORLDS)}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([one.name for one in fields(Row)])
        for row in sorted(rows, key=lambda one: order[one.world]):
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in asdict(row).values()])


def table(rows: list[Row]) -> list[str]:
    """As Markdown."""
    lines = ["| world | way | draws | held, % | below, above, % | s.e. / sd | width / ideal | degrees of freedom |",
             "| --- " * 8 + "|"]  # fmt: skip
    for row in rows:
        noise = 100.0 * math.sqrt(row.held * (1.0 - row.held) / row.draws)
        lines.append(
            f"| {row.world} | {row.way} | {row.draws:,} | {100 * row.held:.1f} ± {noise:.1f} | {100 * row.below:.1f}, "
            f"{100 * row.above:.1f} | {row.error:.2f} | {row.width:.2f} | {row.degrees:.0f} |"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", help="beginnings of names of worlds (default: all)")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=JOURNAL)
    parser.add_argument("--table", action="store_true", help="print the CSV as a table, run nothing")
    args = parser.parse_args()
    before = read(args.out)
    for name in () if args.table else WORLDS:
        if not args.worlds or any(name.startswith(one) for one in args.worlds):
            new = run(name, args.draws)
            print("\n".join(table(new)[2:]), flush=True)
            before = [row for row in before if row.world != name] + new
            write(before, args.out)
    if args.table:
        print("\n".join(table(before)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
