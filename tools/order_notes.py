"""How often answers contradict the order of rows by chance, and how often a wrong order is found.

    python tools/order_notes.py [--runs 300]

Each run draws rows of the 1,854 objects of THINGS and answers, half of them about objects that the order "raw" moves,
half about those of "folders". In three worlds no order of rows is better than another: people who guess; people who
judge by a space that has nothing to do with the rows; rows that agree with people about all objects but those that an
order moves, whose rows are random. In a fourth the rows are in the order "raw"; in the right one 56 % are predicted.
A world and a number of answers is a line of the CSV, by which docs/datasets.md goes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import csv_rows
import numpy as np

import pyalign
from pyalign.analysis import notes as order
from pyalign.data import align

CSV = Path(__file__).resolve().with_name("order_notes.csv")
N, D = order.THINGS, 8
WORLDS = ("people who guess", "people of another space", "random rows of moved objects", "rows in the order raw")
NUMBERS = 500, 5_000  # of answers
NOISE = 1.0  # of rows that agree with people, in standard deviations of the space of these
MOVED = [np.flatnonzero(order._standing(name) != np.arange(N)) for name in order.MOVED]
COLUMNS = ("world", "answers", "runs", "notes", "smallest ratio", "largest ratio", "sd of ratios")


def asked(rng: np.random.Generator, t: int) -> np.ndarray:
    """(t, 3) different objects, of which the first is moved by the one or the other order."""
    first = np.concatenate([rng.choice(moved, t // len(MOVED)) for moved in MOVED])
    rest = np.stack([(first + rng.integers(1, N // 2, len(first)) * k) % N for k in (1, -1)], axis=1)
    return np.column_stack([first, rest]).astype(np.int32)


def answered(x: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """The same, the odd item by the rows x last."""
    odd = pyalign.odd_one_out(x, triplets)
    return np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1).astype(np.int32)


def draw(rng: np.random.Generator, world: str, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) and answers (t, 3)."""
    people, triplets = rng.normal(size=(N, D)), asked(rng, t)
    x = people + NOISE * rng.normal(size=people.shape)
    if world == WORLDS[0]:
        return x, rng.permuted(triplets, axis=1)
    if world == WORLDS[1]:
        x = rng.normal(size=people.shape)
    if world == WORLDS[2]:
        moved = np.unique(np.concatenate(MOVED))
        x[moved] = rng.normal(size=(len(moved), D))
    return (x[order._standing("raw")] if world == WORLDS[3] else x), answered(people, triplets)


def figures(world: str, t: int, runs: int) -> dict[str, object]:
    """What runs of a world say."""
    notes, ratios = 0, list[float]()
    for run in range(runs):
        x, answers = draw(np.random.default_rng([WORLDS.index(world), t, run]), world, t)
        notes += bool(order.notes_on_order(align(x, answers), "x"))
        ratios += [support.ratio for support in order.support_of_orders(x, answers)]
    values = (world, t, runs, notes, f"{min(ratios):.2f}", f"{max(ratios):.2f}", f"{np.std(ratios):.2f}")
    return dict(zip(COLUMNS, values, strict=True))


def main() -> int:
    """Runs, writes, prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=300, metavar="N")
    options = parser.parse_args()
    csv_rows.write(CSV, [figures(world, t, options.runs) for world in WORLDS for t in NUMBERS])
    print(CSV.read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
