"""Whether plans of experiments come true: standard errors, widths and power, predicted from pilots and seen in studies.

    python tools/plan_experiments.py [--draws 2000] [--pilots 400] [--table] [--things]

The worlds are those of tools/simulation/worlds.py, with effects of objects and people as large as in THINGS, and in one
of them of people that are four times as large. Pilots of 60 objects give variance components; what `pyalign` then
predicts for other designs, from the mean components of all pilots, is compared with what studies of these designs give.
The last column is what single pilots predict. Both journals are read again when the script goes on: what is there is
not repeated. `--table` prints them as the table of docs/plan.md, `--things` the components of the answers of THINGS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import csv_rows
from simulation.harness import Draw, Found, words
from simulation.worlds import THINGS, Design, Effects, World, answered_by, by_rank
from tallies import CHUNK, Tallies, Tally, go_on, of_interval, read, summed

import pyalign
from pyalign import Components
from pyalign.analysis.comparison.paired_outcomes import ACCURACY, ClosedForm
from pyalign.analysis.experiment import EFFECTS, usable
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.clustered import Dependence
from pyalign.stats.components import Design as Planned
from pyalign.stats.components import Outlook
from pyalign.stats.resampling import Clusters, Resampling, as_resampling, effective_number

read_pilots = csv_rows.read  # the lines of the journal of pilots; none where there is none
JOURNAL = Path(__file__).resolve().with_name("plan_experiments.csv")
PILOTS = Path(__file__).resolve().with_name("plan_pilots.csv")
TRUTHS = (0.57, 0.5)
OF_PEOPLE = {"like THINGS": Effects(0.0044, 0.0069, 0.0069), "people differ more": Effects(0.0044, 0.0069, 0.03)}
FILES_OF_THINGS = {"CLIP": "clip_vit_b32.npy", "EfficientNet": "efficientnet_lite0_penultimate.npy",
                   "word2vec": "word2vec.npy"}
EXTREME = "100 objects, 30 people, of whom one gives half of the answers"
FIGURES = ("difference", "accuracy")  # from 0, and from 0.5
BY = "objects+subjects"
DIFFERENCE = 0.07
DESIGNS = {"n_objects": [100, 200, 400], "n_subjects": [10], "answers_per_subject": [50, 200], "prices": (2, 3, 0.05)}


@dataclass(frozen=True)
class Study:
    """A design, and the world that it is in."""

    name: str  # of the row
    world: str  # whose people answer, one of `OF_PEOPLE`
    n: int
    people: int
    answers: int  # of each of them on average
    design: Design  # draws the triplets and who answers them
    balances: tuple[float, float] = (1.0, 1.0)  # effective numbers of objects and people as fractions of their numbers


def even(n: int, people: int, answers: int) -> Design:
    """Random triplets, as many by each of the people."""
    drawn = answered_by(n, people * answers, people, False)

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        triplets, who = drawn(rng)
        assert who is not None
        return triplets, rng.permutation(who)

    return draw


def ranked(n: int, people: int, answers: int) -> Design:
    """Objects with probabilities by 1 / rank."""
    drawn = by_rank(n, people * answers)
    return lambda rng: (drawn(rng)[0], rng.permutation(np.arange(people * answers) % people))


def unequal(n: int, answers: int, shares: np.ndarray) -> Design:
    """Random triplets; each of the people gives a share of the answers."""
    people = np.repeat(np.arange(len(shares)), np.rint(answers * shares / shares.sum()).astype(int))
    return lambda rng: (random_triplets(n, len(people), rng), rng.permutation(people))


def share_of(sizes: np.ndarray) -> float:
    """The effective number as a fraction of the number."""
    return effective_number(sizes) / len(sizes)


def studies() -> list[Study]:
    """Those of the table."""
    ranks = 1.0 / np.arange(1, 31)
    half = np.array([29.0, *np.ones(29)])
    by_ranks = ranked(100, 30, 100)
    counts = np.bincount(by_ranks(np.random.default_rng(0))[0].ravel(), minlength=100)
    of_people = "people differ more"
    return [
        Study("60 objects, 20 people, 100 answers each", "like THINGS", 60, 20, 100, even(60, 20, 100)),
        Study("30 objects, 10 people, 100 answers each", "like THINGS", 30, 10, 100, even(30, 10, 100)),
        Study("200 objects, 40 people, 50 answers each", of_people, 200, 40, 50, even(200, 40, 50)),
        Study("100 objects by 1/rank, 30 people, 100 answers each", "like THINGS", 100, 30, 100, by_ranks,
              (share_of(counts), 1.0)),
        Study("100 objects, 30 people with answers by 1/rank", of_people, 100, 30, 100, unequal(100, 3000, ranks),
              (1.0, share_of(ranks))),
        Study(EXTREME, of_people, 100, 30, 100, unequal(100, 3000, half), (1.0, share_of(half))),
    ]


def drawn(world: str, design: Design, rng: np.random.Generator) -> ClosedForm:
    """What is known of both models in one draw of a world."""
    of_models = World(design, OF_PEOPLE[world], TRUTHS, BY)
    triplets, people = design(rng)
    credits = of_models.credits(triplets, people, rng)
    plan = as_resampling(Resampling(BY))
    assert plan is not None
    table = np.concatenate([np.ones((1, len(triplets)), np.int8), credits]).T
    errors = Dependence.of(Clusters.of(triplets, people), plan).errors(table)
    return ClosedForm(np.stack([errors.means, errors.means]), (errors, errors), plan)


def run_chunk(study: Study, chunk: int, draws: int = CHUNK) -> list[Tally]:
    """What came of some studies: a line for each figure. A test of an accuracy is whether its interval holds 0.5."""
    tallies = Tallies(study.name, chunk)
    for k in range(draws):
        found = drawn(study.world, study.design, np.random.default_rng([crc32(study.name.encode()), chunk, k]))
        means = found.estimates[ACCURACY]
        for figure, interval, estimate, truth in (
            ("difference", found.difference(0, 1, ACCURACY), means[0] - means[1], TRUTHS[0] - TRUTHS[1]),
            ("accuracy", found.own(0, ACCURACY), means[0], TRUTHS[0]),
        ):
            counts = of_interval(interval, float(estimate), truth)
            if figure == "accuracy" and interval is not None:
                counts["rejected"] = not interval.low <= 0.5 <= interval.high
            tallies.add(figure, "pyalign", counts)
    return list(tallies.values())


def run_pilots(world: str, first: int, last: int) -> Iterator[dict[str, object]]:
    """A line for each pilot and figure: 60 objects, 12 people, 100 answers each."""
    design = even(60, 12, 100)
    for k in range(first, last):
        errors = drawn(world, design, np.random.default_rng([crc32(world.encode()), k])).errors[ACCURACY]
        for figure, components in zip(FIGURES, (errors.components(0, 1), errors.components(0)), strict=True):
            values = {name: getattr(components, name) for name in EFFECTS}
            yield {"world": world, "pilot": k, "figure": figure, **{
                name: "" if value is None else f"{value:.7g}" for name, value in values.items()
            }}


def components_of(rows: list[dict[str, str]]) -> Components:
    """The mean components of pilots."""
    means = {name: np.mean([float(row[name]) for row in rows if row[name]]) for name in EFFECTS
             if any(row[name] for row in rows)}
    return replace(Components(0.0), **{name: float(value) for name, value in means.items()})


@cache
def true_components(world: str, figure: str) -> Components:
    """The mean components of the pilots of plan_pilots.csv."""
    pilots = [row for row in read_pilots(PILOTS) if (row["world"], row["figure"]) == (world, figure)]
    return usable(components_of(pilots))[0]


def chosen(rng: np.random.Generator, world: str, by_assurance: bool = False) -> Draw:
    """The power of the cheapest design by assurance, or by power alone, that a pilot of 1,200 answers chooses."""
    errors = drawn(world, even(60, 12, 100), rng).errors[ACCURACY]
    for figure, pilot in zip(FIGURES, (errors.components(0, 1), errors.components(0)), strict=True):
        known = pilot if by_assurance else replace(pilot, objects_ci=None, subjects_ci=None)
        one = pyalign.plan_experiment(known, difference=DIFFERENCE, **DESIGNS).chosen
        if one is not None:
            n, p = one.n_objects, one.n_subjects
            design = Planned(n, p, one.answers_per_subject, float(n), float(p))
            power = Outlook(true_components(world, figure), design).power(DIFFERENCE, 0.95)
            yield Found(figure, power, rejected=power < 0.7)


def predicted(study: Study, components: Components) -> Outlook:
    """What pyalign expects of a study."""
    effective = study.balances[0] * study.n, study.balances[1] * study.people
    return Outlook(usable(components)[0], Planned(study.n, study.people, study.answers, *effective))


def rows_of(journal: Path, pilots: Path) -> Iterator[dict[str, object]]:
    """What was predicted and seen, for each study and figure."""
    seen, lines = summed(read(journal)), read_pilots(pilots)
    for study in studies():
        for figure in FIGURES:
            tally = seen.get((study.name, 0, figure, "pyalign"))
            of_pilots = [row for row in lines if (row["world"], row["figure"]) == (study.world, figure)]
            if tally is None or not of_pilots:
                continue
            outlook = predicted(study, components_of(of_pilots))
            single = [predicted(study, components_of([row])).error for row in of_pilots[:100]]
            there = tally.draws - tally.missing
            yield {
                "study": study, "figure": figure, "draws": tally.draws, "error": outlook.error,
                "seen error": tally.sd, "width": outlook.width(0.95), "seen width": tally.width / there,
                "power": outlook.power(TRUTHS[0] - TRUTHS[1], 0.95), "seen power": tally.rejected / there,
                "single": tuple(np.quantile(single, (0.05, 0.95)).tolist()),
            }


def table(journal: Path = JOURNAL, pilots: Path = PILOTS) -> list[str]:
    """The journals as Markdown; numbers are percentage points. Of accuracies only the exception stands there."""
    lines = [("study", "world", "figure", "s.e., predicted", "seen", "width, predicted", "seen", "power, predicted, %",
              "seen, %", "s.e. from single pilots")]
    for row in rows_of(journal, pilots):
        study, low, high = row["study"], *row["single"]  # type: ignore[misc]
        if row["figure"] != "difference" and study.name != EXTREME:
            continue
        numbers = [f"{100 * row[name]:.2f}" for name in ("error", "seen error", "width", "seen width")]  # type: ignore[operator]
        numbers += [f"{100 * row[name]:.1f}" for name in ("power", "seen power")]  # type: ignore[operator]
        single = f"{100 * low:.2f} to {100 * high:.2f}"
        lines.append((words(study.name), words(study.world), row["figure"], *numbers, single))
    return csv_rows.markdown(*lines)


def of_things(things: Path = THINGS) -> list[str]:
    """Variance components of the answers of THINGS: of the credits of three models, and of their differences."""
    answers = np.load(things / "human_triplets_127304.npy").astype(np.int64)
    models = {name: np.load(things / file) for name, file in FILES_OF_THINGS.items()}
    found = pyalign.compare(models, answers[:, :3], subjects=answers[:, 3])
    scores = pyalign.score(models, answers[:, :3], subjects=answers[:, 3])
    rows = {str(one.embeddings): one.components for one in scores}
    rows |= {f"{pair.a} less {pair.b}": pair.components for pair in found.pairs}
    lines = [("credit", "variance", *EFFECTS)]
    for name, one in rows.items():
        assert one is not None
        values = [one.variance, *(getattr(one, effect) for effect in EFFECTS)]
        lines.append((name, *("" if value is None else f"{value:.4f}" for value in values)))
    return csv_rows.markdown(*lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000, help="of each study, hundreds")
    parser.add_argument("--pilots", type=int, default=400, help="in each world")
    parser.add_argument("--table", action="store_true", help="print the table of the journals, run nothing")
    parser.add_argument("--things", action="store_true", help="print the components of THINGS, run nothing")
    args = parser.parse_args()
    if args.things:
        print("\n".join(of_things()))
        return 0
    if not args.table:
        for world in OF_PEOPLE:
            there = sum(row["world"] == world for row in read_pilots(PILOTS)) // len(FIGURES)
            csv_rows.append(PILOTS, run_pilots(world, there, args.pilots))
        go_on(JOURNAL, studies(), args.draws, lambda study: study.name, run_chunk)
    print("\n".join(table()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
