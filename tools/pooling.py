"""Partial pooling of concepts against raw accuracies: errors, ranks, intervals, and which concept is the worst.

    python tools/pooling.py [--draws 400] [--table]

Each draw gives the 49 concepts of THINGS other true accuracies, and other objects with effects as large as in real data
(tools/simulation/worlds.py), on the triplets that the concepts have in THINGS. A draw is a line of the CSV, which is
read again when the script goes on; `--table` prints the means as docs/concepts.md has them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import norm, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parent))

import csv_rows
from simulation.worlds import COMMON, CONCEPTS, OWN, THINGS, things

import pyalign

CSV = Path(__file__).resolve().with_name("pooling.csv")
SPREADS = 0.02, 0.06  # standard deviations of true accuracies between concepts
CENTER = 0.5
ROWS = (
    ("error", "root mean squared error"), ("rank", "rank correlation with the true accuracies"),
    ("held", "95 % intervals that hold, share"), ("width", "width of intervals"),
    ("named", "the worst concept is named, share"), ("claimed", "probability that is claimed for it"),
)


def draw(rng: np.random.Generator, spread: float) -> dict[str, float]:
    """The figures of one draw, for raw accuracies and for pooled ones."""
    triplets, dimensions, codes = things(THINGS)
    truths = np.clip(CENTER + spread * rng.standard_normal(CONCEPTS), 0.05, 0.95)
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
        held = [ci.low <= p <= ci.high for ci, p in zip(intervals, truths, strict=True)]
        figures[f"held {name}"] = float(np.mean(held))
        figures[f"width {name}"] = float(np.mean([ci.high - ci.low for ci in intervals]))
    lowest = [row.p_lowest for row in rows]
    figures["named raw"] = float(np.argmin(raw) == truths.argmin())
    figures["named pooled"] = float(np.argmax(lowest) == truths.argmin())
    figures["claimed pooled"] = max(lowest)
    return figures


def table(rows: list[dict[str, float]]) -> list[str]:
    """Means over draws as Markdown: a row for each figure, two columns for each spread of the true accuracies."""
    of = {spread: [row for row in rows if row["spread"] == spread] for spread in SPREADS}
    lines = ["| true accuracies |" + "".join(f" 50 ± {100 * spread:.0f} %: raw | pooled |" for spread in SPREADS),
             "| --- " * (1 + 2 * len(SPREADS)) + "|"]
    for key, what in ROWS:
        cells = [mean(of[spread], f"{key} {name}") for spread in SPREADS for name in ("raw", "pooled")]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    estimates = ([row["estimated spread"] for row in of[spread]] for spread in SPREADS)
    cells = [f" | {np.mean(one):.3f} ± {np.std(one):.3f} |" for one in estimates]
    return [*lines, "| estimated spread, mean ± sd |" + "".join(cells)]


def mean(rows: list[dict[str, float]], name: str) -> str:
    """The mean of a figure over draws, of squared errors its root; nothing where no draw has it."""
    values = [row[name] for row in rows if name in row]
    found = float(np.mean(values)) if values else None
    return "" if found is None else f"{found**0.5 if name.startswith('error') else found:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--table", action="store_true", help="print the table of the CSV, run nothing")
    args = parser.parse_args()
    if not args.table:
        for number, spread in enumerate(SPREADS):
            for k in range(sum(float(row["spread"]) == spread for row in csv_rows.read(CSV)), args.draws):
                csv_rows.append(CSV, [draw(np.random.default_rng([number, k]), spread)], 6)
    rows = [{name: float(value) for name, value in row.items()} for row in csv_rows.read(CSV)]
    print("\n".join(table(rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
