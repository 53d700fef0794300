"""What choosing triplets on which two models differ saves, and whether weighted intervals keep their promise.

    python tools/chosen_triplets.py [--draws 400] [--table] [--write PAGE]

Cells of THINGS draw from its 127,304 answers: triplets are chosen among them by the rule of `pyalign.plan_triplets`,
for CLIP and EfficientNet-Lite0, and the answers of people to all of them are the truth. How many answers tell the
models apart in 80 % of draws follows from how often a test at .05 does so with some numbers of answers. Cells of worlds
(tools/simulation/worlds.py) make objects, people and answers anew in each draw, so that intervals over objects have to
hold. A line of the journal is a hundred draws, with generators of their own; `--table` prints the journal as tables,
`--write` puts them into a page.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from zlib import crc32

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from csv_rows import markdown
from simulation.harness import percent, words
from simulation.worlds import OF_THINGS, THINGS, Effects, World, answered_by, balanced
from tallies import CHUNK, Tallies, Tally, go_on, of_interval, read, summed

import pyalign
from pyalign.analysis.comparison.paired_outcomes import ACCURACY, ClosedForm
from pyalign.datasets.chosen import choose, probabilities_of
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.resampling import Clusters, Resampling

JOURNAL = Path(__file__).resolve().with_suffix(".csv")
BEGIN, END = "<!-- made by: python tools/chosen_triplets.py --table -->", "<!-- end -->"
MODELS = {"CLIP": "clip_vit_b32.npy", "EfficientNet": "efficientnet_lite0_penultimate.npy"}
LEVEL = "THINGS, objects level"  # random triplets in which all objects occur about equally often, as in designs
WEIGHTED, PLAIN = "weights", "no weights"
COVERED = 1_500  # triplets of THINGS for which intervals are judged
MORE = 4  # candidates of a world for each triplet that is chosen
AGREE_WRONG = 0.7  # share of triplets on which both models are wrong and have chosen the same item
POWER = NormalDist().inv_cdf(0.8)


@dataclass(frozen=True)
class Answers:
    """Answers that could be collected."""

    triplets: np.ndarray  # (t, 3)
    people: np.ndarray | None  # (t,)
    credits: np.ndarray  # float64 (2, t): whether each model is right
    differ: np.ndarray  # (t,): whether they choose different items
    truths: tuple[float, float]  # their accuracies


@dataclass(frozen=True)
class Cell:
    """A row."""

    name: str  # of the answers
    share: float  # of the design
    n: int  # how many triplets are chosen
    world: World | None = None  # what makes the answers; None: those of THINGS

    @property
    def key(self) -> str:
        """In the journal."""
        return f"{self.name}, share {self.share:g}, {self.n:,} triplets"

    def answers(self, rng: np.random.Generator) -> Answers:
        """Those of one draw."""
        if self.world is None:
            return things()
        triplets, people = self.world.design(rng)
        credits = self.world.credits(triplets, people, rng).astype(np.float64)
        apart = (credits.sum(axis=0) == 0.0) & (rng.random(len(triplets)) > AGREE_WRONG)
        return Answers(triplets, people, credits, (credits[0] != credits[1]) | apart, self.world.truths)


@cache
def things(folder: Path = THINGS) -> Answers:
    """All answers of THINGS."""
    triplets = np.load(folder / "human_triplets_127304.npy")[:, :3].astype(np.int32)
    odd = np.stack([pyalign.odd_one_out(np.load(folder / file), triplets) for file in MODELS.values()])
    credits = (odd == 2).astype(np.float64)
    return Answers(triplets, None, credits, odd[0] != odd[1], (float(credits[0].mean()), float(credits[1].mean())))


def cells() -> Iterator[Cell]:
    """All of them."""
    for of_share, sizes in ((0.0, (500, 800, COVERED)), (0.5, (400, 600, COVERED)), (1.0, (300, 500, COVERED))):
        yield from (Cell("THINGS", of_share, n) for n in sizes)
    yield from (Cell(LEVEL, 0.0, n) for n in (500, 800))
    truths, people = (0.5, 0.5), Effects(0.0044, 0.0069, 0.0069)
    for n, t, of_share in ((60, 2_000, 0.5), (200, 6_000, 0.5), (100, 3_000, 1.0)):
        yield Cell(f"{n} objects", of_share, t, World(balanced(n, MORE * t), OF_THINGS, truths))
    world = World(answered_by(100, MORE * 3_000, 30, False), people, truths, "objects+subjects")
    yield Cell("100 objects, 30 people", 0.5, 3_000, world)


def run_chunk(cell: Cell, chunk: int, draws: int = CHUNK) -> list[Tally]:
    """A line for each quantity, with weights and without."""
    tallies = Tallies(cell.key, chunk)
    pi: np.ndarray | None = None
    for k in range(draws):
        rng = np.random.default_rng([crc32(cell.key.encode()), chunk, k])
        every = cell.answers(rng)
        n = int(every.triplets.max()) + 1
        if pi is None or cell.world is not None:  # the candidates of THINGS are the same in all draws
            pi = probabilities_of(every.triplets, every.differ, n, cell.n, cell.share)
        if cell.share == 0.0 and cell.name != LEVEL:  # as they are drawn without a plan
            rows = rng.choice(len(pi), cell.n, replace=False)
        else:
            rows = choose(every.triplets, pi, cell.n, rng)
        people = None if every.people is None else every.people[rows]
        plan = Resampling("objects" if cell.world is None else cell.world.over)
        dependence = Dependence.of(Clusters.of(every.triplets[rows], people), plan)
        covered = float(every.differ.mean()) if cell.share == 1.0 else 1.0
        for way, weights in ((WEIGHTED, 1.0 / pi[rows]), (PLAIN, np.ones(len(rows)))):
            if way == PLAIN and cell.share == 0.0:
                continue
            for quantity, counts in _measured(every, rows, weights, dependence, plan, covered):
                tallies.add(quantity, way, counts)
    return list(tallies.values())


def _measured(
    every: Answers, rows: np.ndarray, weights: np.ndarray, dependence: Dependence, plan: Resampling, covered: float
) -> Iterator[tuple[str, dict[str, float]]]:
    """The accuracies and their difference, which `covered` makes that of random triplets."""
    credits = every.credits[:, rows]
    errors = dependence.errors(with_weights(credits, weights))
    intervals = ClosedForm(np.stack([errors.means, errors.means]), (errors, errors), plan)
    for k, name in enumerate(MODELS):
        yield name, of_interval(intervals.own(k, ACCURACY), float(errors.means[k]), every.truths[k])
    interval = intervals.difference(0, 1, ACCURACY)
    assert interval is not None
    interval = type(interval)(interval.low * covered, interval.high * covered)
    estimate = covered * float(errors.means[0] - errors.means[1])
    yield "difference", of_interval(interval, estimate, every.truths[0] - every.truths[1])


def needed(lines: list[Tally], of_share: float, name: str = "THINGS") -> float:
    """Answers with which a test at .05 tells the models apart in 80 % of draws, from how often it does with some."""
    slopes = []
    for cell in cells():
        one = summed(lines).get((cell.key, 0, "difference", WEIGHTED))
        if cell.name == name and cell.share == of_share and one is not None and 0.3 < one.rejected / one.draws < 0.97:
            slopes.append((NormalDist().inv_cdf(one.rejected / one.draws) + 1.96) / math.sqrt(cell.n))
    return ((POWER + 1.96) / float(np.mean(slopes))) ** 2


def table(lines: list[Tally]) -> list[str]:
    """The journal as Markdown."""
    tallies, random = summed(lines), needed(lines, 0.0)
    shown = [("design", "answers for 80 % power", "times fewer")]
    names = {0.0: "random triplets", 0.5: "half where the models differ", 1.0: "only where they differ"}
    figures = [(name, needed(lines, of_share)) for of_share, name in names.items()]
    figures.insert(1, ("random triplets, each object about equally often", needed(lines, 0.0, LEVEL)))
    shown += [(name, f"{n:,.0f}", f"{random / n:.2f}") for name, n in figures]
    covered = [("answers of", "share", "triplets", "weights", "accuracy held, %", "difference held, %")]
    for cell in cells():
        if cell.name in ("THINGS", LEVEL) and cell.n < COVERED:
            continue
        for way in (WEIGHTED, PLAIN):
            one, two = (tallies.get((cell.key, 0, quantity, way)) for quantity in ("CLIP", "difference"))
            if one is not None and two is not None and not (cell.share == 1.0 and way == PLAIN):
                weighted = "yes" if way == WEIGHTED else "no"
                own = "" if cell.share == 1.0 else held(one)
                covered.append((words(cell.name), f"{cell.share:g}", f"{cell.n:,}", weighted, own, held(two)))
    return [*markdown(*shown), "", *markdown(*covered)]


def held(one: Tally) -> str:
    """How often intervals held the truth."""
    there = one.draws - one.missing
    return percent((there - one.below - one.above) / there, there)


def write(page: Path, lines: list[str]) -> None:
    """Puts the tables between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text("\n".join([f"{before}{BEGIN}", "", *lines, f"{END}{rest.partition(END)[2]}"]), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400, help="hundreds; the journal holds what is done")
    parser.add_argument("--table", action="store_true", help="print the tables of the journal, run nothing")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put them into this page, run nothing")
    args = parser.parse_args()
    if args.table or args.write:
        lines = table(read(JOURNAL))
        print("\n".join(lines)) if args.write is None else write(args.write, lines)
        return 0
    go_on(JOURNAL, cells(), args.draws, lambda cell: cell.key, run_chunk)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
