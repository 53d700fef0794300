"""Partial pooling of concepts against raw accuracies: errors, ranks, intervals, and which concept is the worst.

    python tools/pooling.py [--draws 400] [--out tools/pooling.csv] [--table]

Each draw gives the 49 concepts of THINGS other true accuracies, and other objects with effects as large as in real data
(tools/simulation/worlds.py), on the triplets that the concepts have in THINGS. A draw is a line of the CSV, which is
read again when the script goes on; `--table` prints the means as docs/concepts.md has them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from scipy.stats import norm, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulation.worlds import COMMON, CONCEPTS, OWN, THINGS, things

import pyalign

CSV = Path(__file__).resolve().with_name("pooling.csv")
SPREADS = 0.02, 0.06  # standard deviations of true accuracies between concepts
CENTRE = 0.5
ROWS = (
    ("error", "root mean squared error"), ("rank", "rank correlation with the true accuracies"),
    ("held", "95 % intervals that hold, share"), ("width", "width of intervals"),
    ("named", "the worst concept is named, share"), ("claimed", "probability that is claimed for it"),
)


def draw(rng: np.random.Generator, spread: float, folder: Path) -> dict[str, float]:
    """The figures of one draw, for raw accuracies and for pooled ones."""
    triplets, dimensions, codes = things(folder)
    truths = np.clip(CENTRE + spread * rng.standard_normal(CONCEPTS), 0.05, 0.95)
    n = int(triplets.max()) + 1
    effects = np.sqrt(COMMON) * rng.standard_normal((n, 1)) + np.sqrt(OWN) * rng.standard_normal((n, CONCEPTS))
    rest = np.sqrt(1.0 - 3.0 * (COMMON + OWN)) * rng.standard_normal(len(triplets))
    right = effects[triplets, codes[:, None]].sum(axis=1) + rest > norm.ppf(1.0 - truths)[codes]
    choices = {"model": np.where(right, 2, 0)}
    scores = pyalign.score_concepts(None, triplets, dimensions, model_choices=choices, ci="objects").results[0]
    kept = [k for k, row in enumerate(scores.concepts) if row.pooled is not None]
    rows, truths = [scores.concepts[k] for k in kept], truths[kept]
    figures: dict[str, float] = {"spread": spread, "estimated spread": scores.spread}
    raw, pooled = ([row.accuracy for row in rows], [row.pooled for row in rows])
    for name, values, intervals in (
        ("raw", np.array(raw), [row.ci for row in rows]), ("pooled", np.array(pooled), [row.pooled_ci for row in rows]),
    ):
        figures[f"error {name}"] = float(np.mean((values - truths) ** 2))
        figures[f"rank {name}"] = float(spearmanr(values, truths).statistic)
        figures[f"held {name}"] = float(
            np.mean([ci.low <= p <= ci.high for ci, p in zip(intervals, truths, strict=True)])
        )
        figures[f"width {name}"] = float(np.mean([ci.high - ci.low for ci in intervals]))
    lowest = [row.p_lowest for row in rows]
    figures["named raw"] = float(np.argmin(raw) == truths.argmin())
    figures["named pooled"] = float(np.argmax(lowest) == truths.argmin())
    figures["claimed pooled"] = max(lowest)
    return figures


def table(rows: list[dict[str, float]]) -> list[str]:
    """Means over draws as Markdown."""
    lines = ["| true accuracies | figure | raw | pooled |", "| --- " * 4 + "|"]
    for spread in SPREADS:
        of_spread = [row for row in rows if row["spread"] == spread]
        where = f"50 ± {100 * spread:.0f} %, {len(of_spread):,} draws"
        for key, what in ROWS:
            cells = []
            for name in ("raw", "pooled"):
                values = [row[f"{key} {name}"] for row in of_spread if f"{key} {name}" in row]
                mean = float(np.mean(values)) if values else None
                mean = mean**0.5 if key == "error" and mean is not None else mean
                cells.append("" if mean is None else f"{mean:.3f}")
            lines.append(f"| {where} | {what} | {cells[0]} | {cells[1]} |")
        estimates = [row["estimated spread"] for row in of_spread]
        lines.append(
            f"| {where} | estimated spread, mean ± sd | | {np.mean(estimates):.3f} ± {np.std(estimates):.3f} |"
        )
    return lines


def read(path: Path) -> list[dict[str, float]]:
    """The lines of the CSV; none where there is none."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--out", type=Path, default=CSV)
    parser.add_argument("--things", type=Path, default=THINGS, help="folder of the answers of THINGS")
    parser.add_argument("--table", action="store_true", help="print the table of the CSV, run nothing")
    args = parser.parse_args()
    if not args.table:
        for number, spread in enumerate(SPREADS):
            for k in range(sum(row["spread"] == spread for row in read(args.out)), args.draws):
                figures = draw(np.random.default_rng([number, k]), spread, args.things)
                is_new = not args.out.exists()
                with args.out.open("a", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    if is_new:
                        writer.writerow(figures)
                    writer.writerow([f"{value:.6g}" for value in figures.values()])
    print("\n".join(table(read(args.out))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
