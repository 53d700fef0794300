"""How often intervals and tests keep their promise where effects of objects are as large as in real data.

    python tools/inference.py [CELL ...] [--draws 300] [--ways NAME ...] [--out FILE] [--table] [--effects]

A cell is a world of known truth (tools/inference_worlds.py). Each draw makes new objects, people and answers, and asks
each way of making intervals (tools/inference_ways.py) for them: all ways see the same draws. What came of a hundred
draws is a line of the journal, which is read again when the script goes on: draws that are there are not repeated, and
the figures do not depend on where it was interrupted or on the number of threads. `--table` prints the journal as the
tables of docs/small-samples.md, `--effects` how large the effects are in THINGS.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from functools import reduce
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from inference_best import of_best
from inference_concepts import of_all_concepts
from inference_ways import PACKAGE, WAYS, Rows, Way
from inference_worlds import THINGS, Cell, World, cells

import pyalign
from pyalign.analysis.comparison.paired_intervals import ACCURACY, ClosedForm, Intervals
from pyalign.documents import Interval
from pyalign.stats.multiple import holm
from pyalign.stats.resampling import Resampling
from pyalign.stats.student import two_sided_p

JOURNAL = Path(__file__).resolve().with_name("inference.csv")
CHUNK = 100  # draws in a line of the journal
OF_DIFFERENCES = ("compare", "power", "baseline", "equivalence")  # kinds of cells
NORMAL = 1e9  # degrees of freedom
IDEAL = 1.959964  # standard deviations on either side, of an interval that knows them


@dataclass(frozen=True)
class Tally:
    """What came of some draws.

    Attributes:
        cell, part: the row, and the concept where there are several (else 0).
        quantity: what is estimated or tested.
        way: how.
        chunk: which hundred draws.
        draws: how many.
        missing: how often there was no interval.
        below, above: how often the truth was below the interval, or above.
        rejected: how often no difference was rejected.
        width, estimate, squares: sums of widths, of estimates less the truth, and of their squares.
    """

    cell: str
    part: int
    quantity: str
    way: str
    chunk: int
    draws: int = 0
    missing: int = 0
    below: int = 0
    above: int = 0
    rejected: int = 0
    width: float = 0.0
    estimate: float = 0.0
    squares: float = 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together, under the names of the first."""
        numbers = {one.name for one in fields(self)[5:]}
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in numbers})

    @property
    def sd(self) -> float:
        """The standard deviation of the estimates."""
        mean = self.estimate / self.draws
        return math.sqrt(max(0.0, self.squares / self.draws - mean**2))


def of_interval(interval: Interval | None, estimate: float, truth: float) -> dict[str, float]:
    """The counts of one draw, by name."""
    error = estimate - truth
    counts: dict[str, float] = {"draws": 1, "estimate": error, "squares": error**2}
    if interval is None:
        return {**counts, "missing": 1}
    rejected = interval.low > 0.0 or interval.high < 0.0
    return {
        **counts, "below": truth < interval.low, "above": truth > interval.high, "rejected": rejected,
        "width": interval.high - interval.low,
    }  # fmt: skip


def measured(
    found: Intervals, means: np.ndarray, truths: np.ndarray, margin: float | None = None
) -> Iterator[tuple[str, dict[str, float]]]:
    """The quantities of one draw: an accuracy, a difference, and of many models whether any test rejects.

    Where all models are compared with the first one, of these differences.
    """
    yield "accuracy", of_interval(found.own(0, ACCURACY), float(means[0]), float(truths[0]))
    if len(means) == 1:
        return
    true = truths[:, None] - truths[None, :]
    own = found.difference(0, 1, ACCURACY)
    yield "difference", of_interval(own, float(means[0] - means[1]), float(true[0, 1]))
    if margin is not None:
        yield "equivalence", {"draws": 1, "rejected": found.equivalence(0, 1, margin) < 0.05}
    if len(means) == 2:
        return
    against = None if getattr(found, "baseline", None) is None else "any against the first"
    last = len(means) if against is None else 1
    pairs = [(a, b) for a in range(last) for b in range(a + 1, len(means))]
    p_values = [found.p_value(a, b) for a, b in pairs]
    together = [found.simultaneous(a, b) for a, b in pairs]
    if p_values[0] is None:
        return
    equal = np.array([true[pair] == 0.0 for pair in pairs])
    for name, adjusted in (("Holm", holm(p_values)), ("max-t", [p for _, p in together])):
        rejects = np.array(adjusted) < 0.05
        yield f"{against or 'any equal pair'}, {name}", {"draws": 1, "rejected": bool(rejects[equal].any())}
        if not equal.all():
            yield f"the first and the second, {name}", {"draws": 1, "rejected": bool(rejects[0])}
    held = all(one.low <= true[pair] <= one.high for pair, (one, _) in zip(pairs, together, strict=True))
    widths = [one.high - one.low for one, _ in together]
    yield "all intervals together", {"draws": 1, "above": not held, "width": float(np.mean(widths))}


def run_chunk(cell: Cell, chunk: int, ways: dict[str, Way], draws: int = CHUNK) -> list[Tally]:
    """A line for each quantity and way; each draw has a generator of its own."""
    if cell.kind in ("all concepts", "best"):
        return _run_package(cell, chunk, draws) if PACKAGE in ways else []
    tallies: dict[tuple[int, str, str], Tally] = {}
    for part, world in enumerate(cell.worlds):
        rows: Rows | None = None
        for k in range(draws):
            rng = np.random.default_rng([cell.number, part, chunk, k])
            triplets, people = world.design(rng)
            if rows is None or cell.kind != "concepts":  # those have one design for all draws
                rows = Rows.of(triplets, people, Resampling(world.over))
            credits = world.credits(triplets, people, rng)
            for way, intervals in ways.items():
                found = intervals(rows, credits)
                if cell.kind == "baseline":
                    found = replace(found, baseline=0) if isinstance(found, ClosedForm) else None
                if found is None or (cell.margin is not None and not isinstance(found, ClosedForm)):
                    continue
                for quantity, counts in measured(found, credits.mean(axis=1), np.array(world.truths), cell.margin):
                    key = part, quantity, way
                    before = tallies.get(key) or Tally(cell.name, part, quantity, way, chunk)
                    tallies[key] = before.plus(Tally(cell.name, part, quantity, way, chunk, **counts))
    return list(tallies.values())


def _run_package(cell: Cell, chunk: int, draws: int) -> list[Tally]:
    """Those of cells that ask a function of pyalign for all of it: concepts at once, or the best of several models."""
    tallies: dict[str, Tally] = {}
    for k in range(draws):
        rng = np.random.default_rng([cell.number, 0, chunk, k])
        if cell.kind == "best":
            of_draw = [(name, of_interval(ci, value, truth)) for name, value, ci, truth in of_best(cell.worlds[0], rng)]
        else:
            of_draw = list(of_all_concepts(rng, cell.things))
        for quantity, counts in of_draw:
            before = tallies.get(quantity) or Tally(cell.name, 0, quantity, PACKAGE, chunk)
            tallies[quantity] = before.plus(Tally(cell.name, 0, quantity, PACKAGE, chunk, **counts))
    return list(tallies.values())


def read(path: Path) -> list[Tally]:
    """The lines of a journal; none where there is none."""
    if not path.exists():
        return []
    kinds = {"str": str, "int": int, "float": float}
    with path.open(newline="", encoding="utf-8") as file:
        return [Tally(*(kinds[str(one.type)](row[one.name]) for one in fields(Tally))) for row in csv.DictReader(file)]


def append(path: Path, lines: Iterable[Tally]) -> None:
    """Writes them below those that are there."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow([one.name for one in fields(Tally)])
        for one in lines:
            writer.writerow([f"{v:.9g}" if isinstance(v, float) else int(v) if isinstance(v, bool) else v
                             for v in astuple(one)])  # fmt: skip


def summed(lines: Iterable[Tally]) -> dict[tuple[str, int, str, str], Tally]:
    """Chunks added up, by cell, part, quantity and way."""
    groups: dict[tuple[str, int, str, str], list[Tally]] = {}
    for one in sorted(lines, key=lambda line: line.chunk):
        groups.setdefault((one.cell, one.part, one.quantity, one.way), []).append(one)
    return {key: reduce(Tally.plus, several) for key, several in groups.items()}


def share(count: float, draws: int) -> str:
    """A rate in percent with its Monte Carlo error."""
    rate = count / draws
    return f"{100 * rate:.1f} ± {100 * math.sqrt(max(rate * (1 - rate), 0.0) / draws):.1f}"


def table(lines: list[Tally], kind: str, of: Iterable[Cell]) -> list[str]:
    """The cells of a kind as Markdown.

    Of concepts the rate is the mean over them, and then that of the worst: no Monte Carlo error is made of concepts.
    """
    rows = [
        "| cell | quantity | way | draws | held, % | below, above, % | width / ideal | rejected, % | ideal, % |",
        "| --- " * 9 + "|",
    ]
    added = summed(lines)
    for cell in (one for one in of if one.kind == kind):
        keys = [key for key in added if key[0] == cell.name and key[1] == 0]
        if kind in OF_DIFFERENCES:  # what the journal has of single models stands among the scores
            keys = [key for key in keys if key[2] != "accuracy"]
        for _, _, quantity, way in sorted(keys, key=lambda key: (key[2], list(WAYS).index(key[3]))):
            parts = [added[cell.name, k, quantity, way] for k in range(max(1, len(cell.worlds)))]
            rows.append(_row(cell, quantity, way, parts))
    return rows


def _row(cell: Cell, quantity: str, way: str, parts: list[Tally]) -> str:
    whole = reduce(Tally.plus, parts)
    first = [in_tables(cell.name), quantity, way, f"{whole.draws:,}"]
    if quantity.startswith(("any", "the first", "equivalence")):
        return _line([*first, "", "", "", share(whole.rejected, whole.draws), ""])
    missed = whole.below + whole.above
    if quantity.startswith("all intervals"):
        return _line(
            [*first, share(whole.draws - missed, whole.draws), "", f"({whole.width / whole.draws:.4f})", "", ""]
        )
    known = [one for one in parts if one.draws > one.missing]
    there = whole.draws - whole.missing
    held = share(there - missed, there) if there else ""
    if len(parts) > 1:
        rates = [1.0 - (one.below + one.above) / (one.draws - one.missing) for one in known]
        held += f"; least {100 * min(rates):.0f}"
    if whole.missing:
        held += f" ({whole.missing:,} without)"
    sides = f"{100 * whole.below / there:.1f}, {100 * whole.above / there:.1f}" if there else ""
    widths = [one.width / (one.draws - one.missing) / (2.0 * IDEAL * one.sd) for one in known if one.sd > 0]
    wide = f"{np.mean(widths):.2f}" if widths else ""
    tests = quantity == "difference"
    ideal = ""
    if tests and cell.kind == "power":
        size = _difference(cell.worlds[0]) / whole.sd
        ideal = f"{100 * _power(size):.1f}"
    return _line([*first, held, sides, wide, share(whole.rejected, whole.draws) if tests else "", ideal])


def in_tables(name: str) -> str:
    """A cell's name as tables have it. Its draws are seeded by the name in the journal, which therefore stays.

    >>> in_tables("20 people, one person gives half of the answers")
    '20 participants, one participant gives half of the answers'
    """
    return name.replace("people", "participants").replace("person", "participant")


def _line(columns: list[str]) -> str:
    return "| " + " | ".join(columns) + " |"


def _difference(world: World) -> float:
    return world.truths[0] - world.truths[1]


def _power(size: float) -> float:
    """Of a two-sided test that knows the standard deviation, at a difference of so many of them."""
    upper, lower = two_sided_p(IDEAL - size, NORMAL) / 2.0, two_sided_p(IDEAL + size, NORMAL) / 2.0
    return (upper if size < IDEAL else 1.0 - upper) + lower


def effects(things: Path) -> list[str]:
    """Shares of variance in THINGS: of credits and of their differences, for a common object and a common person."""
    answers = np.load(things / "human_triplets_127304.npy").astype(np.int64)
    triplets, people = answers[:, :3], answers[:, 3]
    files = {
        "CLIP": "clip_vit_b32.npy",
        "EfficientNet": "efficientnet_lite0_penultimate.npy",
        "word2vec": "word2vec.npy",
    }
    credits = {
        name: (pyalign.odd_one_out(np.load(things / file), triplets) == 2).astype(float) for name, file in files.items()
    }
    names = list(credits)
    values = dict(credits)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        values[f"{names[a]} less {names[b]}"] = credits[names[a]] - credits[names[b]]
    lines = ["| credit | share of its variance by an object | by a participant |", "| --- | --- | --- |"]
    for name, one in values.items():
        by_object = shared(one, triplets)
        lines.append(f"| {name} | {by_object:.4f} | {shared(one, people[:, None]):.4f} |")
    return lines


def shared(values: np.ndarray, labels: np.ndarray) -> float:
    """The covariance of two values with a common label (t, k), as a share of their variance."""
    residuals = values - values.mean()
    sums = sum(np.bincount(column, residuals, labels.max() + 1) for column in labels.T)
    sizes = np.bincount(labels.ravel(), minlength=labels.max() + 1).astype(float)
    own, k = float((residuals**2).sum()), labels.shape[1]
    return float(((sums**2).sum() - k * own) / ((sizes**2).sum() - k * len(values)) / residuals.var())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", help="beginnings of names of cells, or kinds (default: all)")
    parser.add_argument("--draws", type=int, default=300, help="hundreds; the journal holds what is done")
    parser.add_argument("--ways", nargs="*", choices=tuple(WAYS), default=list(WAYS))
    parser.add_argument("--out", type=Path, default=JOURNAL)
    parser.add_argument("--things", type=Path, default=THINGS, help="folder of the answers of THINGS, for concepts")
    parser.add_argument("--table", action="store_true", help="print the tables of the journal, run nothing")
    parser.add_argument("--effects", action="store_true", help="print the effects of THINGS, run nothing")
    args = parser.parse_args()
    every = list(cells(args.things))
    if args.effects:
        print("\n".join(effects(args.things)))
        return 0
    if args.table:
        for kind in dict.fromkeys(cell.kind for cell in every):
            print("\n".join(["", f"{kind}:", "", *table(read(args.out), kind, every)]))
        return 0
    chosen = [c for c in every if not args.cells or any(one == c.kind or c.name.startswith(one) for one in args.cells)]
    for cell in chosen:
        for chunk in range(math.ceil(args.draws / CHUNK)):
            there = {(one.cell, one.chunk, one.way) for one in read(args.out)}
            ways = {name: WAYS[name] for name in args.ways if (cell.name, chunk, name) not in there}
            if ways:
                append(args.out, run_chunk(cell, chunk, ways))
        print("\n".join(table(read(args.out), cell.kind, [cell])[2:]), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
