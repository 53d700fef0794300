"""How many dimensions are found in worlds that have K: `python -m benchmarks.dimensions --draws 10 --out FILE.csv`.

The truth of a world is sparse (30% of its entries are gamma variables, the others 0), and answers are drawn by the
softmax of its inner products. Finished draws are in the file, and the same call goes on after them; `--table FILE.csv`
prints the table of docs/embedding.md.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import pyalign
from benchmarks.results import markdown

CELLS = ((60, 3, 5_000), (60, 5, 5_000), (100, 5, 10_000), (100, 10, 10_000), (300, 10, 40_000), (300, 20, 40_000))
FRESH = 20_000  # answers that no fit has seen
DENSITY, SHAPE = 0.3, 1.5  # of the truth
PAIRS = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the order of a triplet's columns, by which one is odd
COLUMNS = ("objects", "K", "answers", "draw", "choice", "found", "matched", "nats", "seconds")
CHOICES = {"auto": "the default", "path": "least cross-entropy"}


def answers_of(truth: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3) triplets, of which the last is the odd one out by softmax of inner products."""
    sets = np.stack([rng.permutation(len(truth))[:3] for _ in range(count)])
    odd = (logits_of(truth, sets) + rng.gumbel(size=sets.shape)).argmax(axis=1)
    return np.take_along_axis(sets, PAIRS[odd], axis=1)


def logits_of(rows: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """The similarity of the two others, for each object of a set as the odd one."""
    similar, (a, b, c) = rows @ rows.T, sets.T
    return np.stack([similar[b, c], similar[a, c], similar[a, b]], axis=1)


def nats_of(rows: np.ndarray, triplets: np.ndarray) -> float:
    """The mean cross-entropy of the answers."""
    logits = logits_of(rows, triplets)
    return float((np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1) - logits[:, 2]).mean())


def drawn(objects: int, dimensions: int, answers: int, draw: int) -> Iterator[tuple[Any, ...]]:
    """What each choice finds in one world: a row without the cell and the draw."""
    rng = np.random.default_rng(draw)
    truth = rng.gamma(SHAPE, 1 / SHAPE, (objects, dimensions)) * (rng.random((objects, dimensions)) < DENSITY) / 0.6
    train, fresh = answers_of(truth, answers, rng), answers_of(truth, FRESH, rng)
    for choice in CHOICES:
        began = time.process_time()
        fit = pyalign.cross_validate_embedding(train, penalties=choice, halves=choice == "auto", ci=None).fit
        took, rows = time.process_time() - began, np.asarray(fit.embedding)
        matches = pyalign.match_dimensions(rows, truth).correlations
        found = (choice, fit.n_dimensions, int((matches > 0.8).sum()), f"{nats_of(rows, fresh):.4f}", f"{took:.2f}")
        yield objects, dimensions, answers, draw, *found


def table(rows: list[dict[str, str]]) -> str:
    """A line for each cell: means over its draws, and in how many of them K is met by one at most."""
    lines = []
    for cell in CELLS:
        of_cell = [row for row in rows if (row["objects"], row["K"], row["answers"]) == tuple(map(str, cell))]
        line = [f"{value:,}" for value in cell]
        for choice in CHOICES:
            own = [row for row in of_cell if row["choice"] == choice]
            found = np.array([int(row["found"]) for row in own])
            near = int((abs(found - cell[1]) <= 1).sum())
            mean = {name: np.mean([float(row[name]) for row in own]) for name in ("matched", "nats", "seconds")}
            line += [f"{found.mean():.1f}", f"{near} of {len(own)}", f"{mean['matched']:.1f}", f"{mean['nats']:.4f}",
                     f"{mean['seconds']:.1f}"]
        lines.append(line)
    columns = ("found", "K ± 1", "matched", "nats", "CPU s")
    of_choices = [f"{name}, {choice}" for choice in CHOICES.values() for name in columns]
    return markdown(("objects", "K", "answers", *of_choices), lines)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of finished draws."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def main() -> None:
    """Measures what is not in the file yet, or prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    chosen = parser.parse_args()
    if chosen.table is not None:
        print(table(read(chosen.table)))
        return
    done = {(row["objects"], row["K"], row["draw"]) for row in read(chosen.out)}
    with chosen.out.open("a", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle, lineterminator="\n")
        if not done:
            out.writerow(COLUMNS)
        for draw in range(chosen.draws):
            for cell in CELLS:
                if (str(cell[0]), str(cell[1]), str(draw)) not in done:
                    out.writerows(list(drawn(*cell, draw)))
                    handle.flush()


if __name__ == "__main__":
    main()
